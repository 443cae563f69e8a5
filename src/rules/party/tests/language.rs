//! The language of these histories: a line for each event of one call.

use serde_json::{Value, json};

use crate::protocol::sample;
use crate::rules::{Blame, Verdict, judge};
use crate::transcript::{Event, Header};

const ALICE: &str = "alice@x/1";
const BOB: &str = "bob@x/2";
const IDS: [&str; 2] = [
    "a1b2c3d4-e5f6-4890-abcd-ef1234567890",
    "b2c3d4e5-f6a7-4901-bcde-f12345678901",
];
pub(in crate::rules::party) const CALL: &str = "0f0e0d0c-0b0a-4908-8706-050403020100";

/// A history written as a line for each event: `time who verb signal`, where the verbs are
/// `>` sends, `<` takes in, `ok` answers with a result, `no` with an error, and `got` takes such an answer in.
pub(in crate::rules::party) struct History {
    bots: &'static str,
    pub(in crate::rules::party) witness: &'static str,
    pub(in crate::rules::party) events: Vec<Event>,
    pub(in crate::rules::party) change: Box<dyn Fn(&mut Value)>,
}

impl History {
    /// `bots`: who of alice and bob is a bot of ours; the other is a client. Only those in `wires` connect.
    pub(in crate::rules::party) fn new(bots: &'static str, wires: &str) -> History {
        let mut history = History {
            bots,
            witness: "bots",
            events: Vec::new(),
            change: Box::new(|_| {}),
        };
        for who in ["alice", "bob"] {
            if wires.contains(who) {
                let jid = if who == "alice" { ALICE } else { BOB };
                history.push(0.0, who, json!({"dir": "connected", "jid": jid}));
            }
        }
        history
    }

    fn push(&mut self, t: f64, who: &str, event: Value) {
        let Value::Object(mut event) = event else { return };
        event.insert("n".into(), (self.events.len() + 1).into());
        event.insert("t".into(), t.into());
        event.insert("who".into(), who.into());
        let whole = (t * 1000.0) as u64;
        let (seconds, millis) = (whole / 1000, whole % 1000);
        let time = format!(
            "2026-01-01T00:{:02}:{:02}.{millis:03}Z",
            seconds / 60,
            seconds % 60
        );
        event.insert("time".into(), time.into());
        self.events
            .push(serde_json::from_value(Value::Object(event)).expect("an event"));
    }

    fn signal(&self, t: f64, sender: &str, word: &str) -> String {
        let (kind, reason) = word.split_once('/').unwrap_or((word, "completed"));
        let payload = match kind {
            "initiate" => json!({"callerName": "Alice"}),
            "offer" => json!({"sdp": sample::offer(), "type": "offer"}),
            "answer" => json!({"sdp": sample::answer(), "type": "answer"}),
            "ice-candidate" => sample::candidate(1),
            "hangup" => match reason.split_once('+') {
                Some((reason, duration)) => {
                    json!({"reason": reason, "duration": duration.parse::<u64>().expect("seconds")})
                }
                None => json!({"reason": reason}),
            },
            "mute-change" => json!({"muted": reason == "on"}),
            _ => json!({}),
        };
        let (from, to) = if sender == "alice" { (0, 1) } else { (1, 0) };
        let whole = (t * 1000.0) as u64;
        let mut value = json!({
            "type": format!("call:{kind}"), "callId": CALL, "senderId": IDS[from], "recipientId": IDS[to],
            "timestamp": format!("2026-01-01T00:{:02}:{:02}.{:03}Z", whole / 60_000, whole / 1000 % 60, whole % 1000),
            "payload": payload,
        });
        (self.change)(&mut value);
        value.to_string()
    }

    pub(in crate::rules::party) fn plays(mut self, lines: &str) -> History {
        for line in lines.lines().map(str::trim).filter(|line| !line.is_empty()) {
            let words: Vec<&str> = line.split_whitespace().collect();
            let [time, who, verb, rest @ ..] = words.as_slice() else {
                panic!("not a line: {line}")
            };
            let t: f64 = time.parse().expect("a time");
            let (own, other) = if *who == "alice" {
                (ALICE, BOB)
            } else {
                (BOB, ALICE)
            };
            let sender = match *verb {
                ">" => *who,
                _ if *who == "alice" => "bob",
                _ => "alice",
            };
            let word = rest.first().copied().unwrap_or_default();
            // `word#id` names the iq; the time at which it was sent stands after `@` where it was earlier.
            let (word, sent) = word.split_once('@').unwrap_or((word, time));
            let (word, id) = word.split_once('#').unwrap_or((word, word));
            let sent: f64 = sent.parse().expect("a time");
            match *verb {
                "gone" => self.push(t, who, json!({"dir": "stops"})),
                "back" => self.push(t, who, json!({"dir": "begins", "jid": own})),
                // The clock was set, by so many seconds or nobody knows by how many.
                "stalls" => {
                    let seconds = rest.first().map(|word| word.parse::<f64>().expect("seconds"));
                    self.push(t, who, json!({"dir": "stalled", "seconds": seconds}));
                }
                "breaks" => self.push(t, who, json!({"dir": "breaks", "rules": rest})),
                ">" | "<" => {
                    let text = crate::stanza::escape(&self.signal(sent, sender, word));
                    let (from, to) = if *verb == ">" { (own, other) } else { (other, own) };
                    let xml = format!(
                        "<iq type='set' id='{id}' from='{from}' to='{to}'><call xmlns='urn:xmpp:call:0'>{text}</call></iq>"
                    );
                    let dir = if *verb == ">" { "sent" } else { "received" };
                    self.push(t, who, json!({"dir": dir, "xml": xml}));
                }
                "ok" | "no" => {
                    let xml = answer(verb, own, other, id);
                    self.push(t, who, json!({"dir": "sent", "xml": xml}));
                }
                "got" => {
                    let xml = answer(rest.get(1).copied().unwrap_or("ok"), other, own, id);
                    self.push(t, who, json!({"dir": "received", "xml": xml}));
                }
                _ => panic!("not a verb: {verb}"),
            }
        }
        self
    }

    pub(in crate::rules::party) fn verdict(mut self) -> Verdict {
        let t = self.events.last().map_or(0.0, |event| event.t);
        self.push(t, "", json!({"dir": "end"}));
        let party = |who: &str| if self.bots.contains(who) { "bot" } else { "client" };
        let header: Header = serde_json::from_value(json!({
            "callspec": 1, "scenario": {}, "witness": self.witness,
            "cast": {
                "alice": {"jid": ALICE, "id": IDS[0], "party": party("alice")},
                "bob": {"jid": BOB, "id": IDS[1], "party": party("bob")},
            },
        }))
        .expect("a header");
        judge(&header, self.events.into_iter())
    }
}

fn answer(verb: &str, from: &str, to: &str, id: &str) -> String {
    if verb == "no" {
        format!(
            "<iq type='error' id='{id}' from='{from}' to='{to}'><error type='wait'>\
             <unexpected-request xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></iq>"
        )
    } else {
        format!("<iq type='result' id='{id}' from='{from}' to='{to}'/>")
    }
}

/// Rule and blame of what parties broke; what is not certain has a `?`.
pub(in crate::rules::party) fn parties(verdict: &Verdict) -> Vec<String> {
    let of_parties = |id: &str| ["ST", "TM", "SG", "IQ", "SD"].contains(&&id[..2]) && id != "IQ-01";
    verdict
        .findings
        .iter()
        .filter(|f| of_parties(f.rule.id) && f.blame != Blame::Nobody)
        .map(|f| {
            assert!(
                f.call.is_some() || !matches!(&f.rule.id[..2], "ST" | "TM"),
                "{f:?}"
            );
            let doubt = if f.excuse.is_some() { "?" } else { "" };
            format!("{} {:?}{doubt}", f.rule.id, f.blame)
        })
        .collect()
}

/// Two clients whose wires were both recorded.
pub(in crate::rules::party) fn wires(lines: &str) -> Vec<String> {
    parties(&History::new("", "alice bob").plays(lines).verdict())
}

/// A bot calls a client of which only the bot's end is known.
pub(in crate::rules::party) fn far(lines: &str) -> Vec<String> {
    parties(&History::new("alice", "alice").plays(lines).verdict())
}

pub(in crate::rules::party) const CONNECT: &str = "0 alice > initiate
    0.1 alice got initiate
    1 alice < accept
    1 alice ok accept
    1.1 alice > offer
    1.2 alice got offer
    1.3 alice < answer
    1.3 alice ok answer";
