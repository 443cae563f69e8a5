//! Who did what when, line by line, and what all rules together hold against anybody for it.

use serde_json::{Value, json};

use crate::protocol::sample;
use crate::rules::{Blame, Verdict, judge};
use crate::transcript::{Event, Header};

const CALL: &str = "0f0e0d0c-0b0a-4908-8706-050403020100";
/// Of a signal whose name ends in `~`.
const OTHER_CALL: &str = "1f0e0d0c-0b0a-4908-8706-050403020100";
const IDS: [&str; 2] = [
    "a1b2c3d4-e5f6-4890-abcd-ef1234567890",
    "b2c3d4e5-f6a7-4901-bcde-f12345678901",
];

/// Where a history was recorded, and what the server is.
#[derive(Clone, Copy)]
pub(in crate::rules::party) struct Seen {
    pub(in crate::rules::party) witness: &'static str,
    pub(in crate::rules::party) class: &'static str,
    pub(in crate::rules::party) apart: f64,
    /// It breaks off.
    pub(in crate::rules::party) cut_off: bool,
    /// By a recorder that leaves nothing out.
    pub(in crate::rules::party) steady: bool,
    /// Those of whom more is known than what they say: `alice:bot`, or `bob:client`.
    pub(in crate::rules::party) cast: &'static str,
}

pub(in crate::rules::party) const RELAY: Seen = Seen {
    witness: "ends",
    class: "relay",
    apart: 0.0,
    cut_off: false,
    steady: false,
    cast: "",
};
pub(in crate::rules::party) const ENFORCING: Seen = Seen {
    class: "enforcing",
    ..RELAY
};
pub(in crate::rules::party) const STEADY: Seen = Seen {
    steady: true,
    ..RELAY
};
pub(in crate::rules::party) const APART: Seen = Seen { apart: 1.3, ..RELAY };
pub(in crate::rules::party) const BETWEEN: Seen = Seen {
    witness: "between",
    ..RELAY
};
pub(in crate::rules::party) const SIGNALS: Seen = Seen {
    witness: "signals",
    ..RELAY
};
pub(in crate::rules::party) const BOTS: Seen = Seen {
    witness: "bots",
    ..RELAY
};

fn payload(kind: &str, reason: &str) -> Value {
    match kind {
        "initiate" => json!({"callerName": "Alice"}),
        "offer" | "answer" if reason == "more" => json!({"sdp": with_video(kind), "type": kind}),
        "offer" => json!({"sdp": sample::offer(), "type": "offer"}),
        "answer" => json!({"sdp": sample::answer(), "type": "answer"}),
        "hangup" => match reason.split_once('+') {
            Some((reason, seconds)) => json!({"reason": reason, "duration": seconds.parse::<u32>().ok()}),
            None => json!({"reason": reason}),
        },
        "ice-candidate" => sample::candidate(1),
        "mute-change" => json!({"muted": true}),
        _ => json!({}),
    }
}

/// A later description of the same party, with a second section.
fn with_video(kind: &str) -> String {
    // Who answered before offers now, and the other way round.
    let (own, setup) = match kind {
        "offer" => (sample::answer(), "actpass"),
        _ => (sample::offer(), "passive"),
    };
    let old = own
        .lines()
        .find_map(|line| line.strip_prefix("a=setup:"))
        .unwrap_or_default();
    let own = own.replace(&format!("a=setup:{old}"), &format!("a=setup:{setup}"));
    let (head, section) = own.split_once("m=audio").expect("a section of audio");
    let bundle = head
        .lines()
        .find(|line| line.starts_with("a=group:"))
        .unwrap_or("a=group:BUNDLE 0");
    let version = |line: &str| match line.strip_prefix("o=") {
        Some(origin) => {
            let mut words: Vec<&str> = origin.split(' ').collect();
            words[2] = "77";
            format!("o={}", words.join(" "))
        }
        None => line.to_owned(),
    };
    let head: Vec<String> = head
        .replace(bundle, &format!("{bundle} v"))
        .lines()
        .map(version)
        .collect();
    let video = section
        .lines()
        .filter(|line| {
            ["a=ice", "a=fingerprint", "a=setup", "c="]
                .iter()
                .any(|start| line.starts_with(start))
        })
        .collect::<Vec<_>>();
    format!(
        "{}\r\nm=audio{section}m=video 9 UDP/TLS/RTP/SAVPF 96\r\n{}\r\na=mid:v\r\na=sendrecv\r\na=rtcp-mux\r\na=rtpmap:96 VP8/90000\r\n",
        head.join("\r\n"),
        video.join("\r\n"),
    )
}

/// A line of a history as an event: `time who verb`, and for `>` (sends) and `<` (takes in; `<bob/1` what is for this one)
/// the other side's address, the signal (`initiate/other`: under another `senderId`) and its id, for `ok` and `no` (answers), `got` and `bounced` (is answered) the address, the id and the
/// condition. `jid` comes, `late` was recorded from here, `leaves` closes its stream, `cut` goes. `bob/2` is `bob@x/2`, `server` is `x`, and `unknown` a session whose
/// address is not.
fn event(line: &str) -> Value {
    let full = |name: &str| match name.split_once('/') {
        _ if name == "server" => "x".to_owned(),
        Some((user, device)) => format!("{user}@x/{device}"),
        None => format!("{name}@x"),
    };
    let words: Vec<&str> = line.split_whitespace().collect();
    let [time, who, verb, rest @ ..] = words.as_slice() else {
        panic!("not a line: {line}")
    };
    let t: f64 = time.parse().expect("a time");
    let own = match *who {
        "unknown" => String::new(),
        who => full(who),
    };
    let word = |n: usize| rest.get(n).copied().unwrap_or_default();
    let peer = full(word(0));
    let (dir, xml) = match *verb {
        verb if verb.starts_with(['>', '<']) => {
            let meant = verb.get(1..).filter(|meant| !meant.is_empty()).map(full);
            let verb = verb.get(..1).unwrap_or_default();
            let (said, call) = match word(1).strip_suffix('~') {
                Some(said) => (said, OTHER_CALL),
                None => (word(1), CALL),
            };
            let (kind, reason) = said.split_once('/').unwrap_or((said, ""));
            let (from, to) = if verb == ">" {
                (own.clone(), peer)
            } else {
                (peer, meant.unwrap_or_else(|| own.clone()))
            };
            let at = |jid: &str| usize::from(!jid.is_empty() && !jid.starts_with("alice"));
            let sender = match (kind, reason) {
                ("initiate", "other") => "c3d4e5f6-a7b8-4012-8def-123456789012",
                _ => IDS[at(&from)],
            };
            // The same where it is sent and where it is taken in.
            let stamp = format!("2026-01-01T00:{:02}:{:02}Z", (t / 60.0) as u32, (t % 60.0) as u32);
            let signal = json!({
                "type": format!("call:{kind}"), "callId": call, "timestamp": stamp, "payload": payload(kind, reason),
                "senderId": sender, "recipientId": IDS[at(&to)],
            });
            let id = if word(2).is_empty() { kind } else { word(2) };
            let text = crate::stanza::escape(&signal.to_string());
            let call = format!("<call xmlns='urn:xmpp:call:0'>{text}</call>");
            let from = match from.as_str() {
                "" => String::new(),
                from => format!("from='{from}' "),
            };
            let xml = format!("<iq type='set' id='{id}' {from}to='{to}'>{call}</iq>");
            (if verb == ">" { "sent" } else { "received" }, Some(xml))
        }
        "ok" | "no" | "got" | "bounced" => {
            let ours = matches!(*verb, "ok" | "no");
            let (from, to) = if ours {
                (own.clone(), peer)
            } else {
                (peer, own.clone())
            };
            let (kind, error) = match word(2) {
                "" => ("result", String::new()),
                why => (
                    "error",
                    format!(
                        "<error type='cancel'><{why} xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error>"
                    ),
                ),
            };
            let xml = format!(
                "<iq type='{kind}' id='{}' from='{from}' to='{to}'>{error}</iq>",
                word(1)
            );
            (if ours { "sent" } else { "received" }, Some(xml))
        }
        "noise" => ("received", Some("<iq".to_owned())),
        "comes" => ("connected", None),
        "late" => ("begins", None),
        "stops" => ("stops", None),
        "cut" => ("cut", None),
        "leaves" => ("disconnected", None),
        _ => panic!("not a verb: {verb}"),
    };
    let time = format!("2026-01-01T00:{:02}:{:06.3}Z", (t / 60.0) as u32, t % 60.0);
    // As recordings name them: the first device of a user by the user.
    let who = who.strip_suffix("/1").unwrap_or(who);
    json!({"t": t, "time": time, "who": who, "jid": Some(own).filter(|own| !own.is_empty()), "dir": dir, "xml": xml})
}

fn cast(known: &str) -> Value {
    let members = known.split_whitespace().map(|member| {
        let (name, party) = member.split_once(':').unwrap_or((member, "client"));
        let id = IDS[usize::from(name != "alice")];
        (
            name.to_owned(),
            json!({"jid": format!("{name}@x/1"), "id": id, "party": party}),
        )
    });
    members.collect()
}

pub(super) fn verdict(seen: Seen, lines: &str) -> Verdict {
    let lines = lines.lines().map(str::trim).filter(|line| !line.is_empty());
    let mut events: Vec<Value> = lines.map(event).collect();
    let t = events
        .last()
        .map_or(0.0, |event| event["t"].as_f64().unwrap_or_default());
    if !seen.cut_off {
        events.push(json!({"who": "", "dir": "end", "t": t + 1.0}));
    }
    let header: Header = serde_json::from_value(json!({
        "callspec": 1, "scenario": {}, "witness": seen.witness, "apart": seen.apart, "cast": cast(seen.cast),
        "steady": seen.steady,
        "profile": {"name": seen.class, "class": seen.class, "addressing": "full"},
    }))
    .expect("a header");
    let events = events.into_iter().zip(1..).map(|(mut event, n)| {
        event["n"] = n.into();
        serde_json::from_value::<Event>(event).expect("an event")
    });
    judge(&header, events)
}

/// What is held against anybody; what is not certain has a `?`.
pub(in crate::rules::party) fn told(seen: Seen, lines: &str) -> Vec<String> {
    let verdict = verdict(seen, lines);
    let accused = verdict
        .findings
        .iter()
        .filter(|found| found.blame != Blame::Nobody);
    accused
        .map(|found| {
            let doubt = if found.excuse.is_some() { "?" } else { "" };
            format!("{}{doubt}", found.rule.id)
        })
        .collect()
}
