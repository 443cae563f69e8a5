//! The language of these tests: an enforcing server's history, written as lines.

use serde_json::{Value, json};

use super::super::Enforcing;
use crate::protocol::sample;
use crate::rules::{Judge, Outcome, Verdict};
use crate::stanza::{bare, escape};
use crate::target::derived_id;
use crate::transcript::{Event, Header};

const CALL: &str = "0f0e0d0c-0b0a-4908-8706-050403020100";

/// A history: `time who verb word`. Verbs: `>` sends and `<` takes in a signal (`initiate`, `hangup/timeout`; more
/// words: `to=bob`, `from=alice`, `as=mallory` for the senderId, `for=mallory` for the recipientId, `id=x`, `beside=<x/>` for what stands beside the text); `ok` and `no/condition` answer the signal of
/// this id and its sender takes that in; `srv` answers for the server; `cut` vanishes and `connected` is back; `steps`
/// ends the steps, and whoever is `leaving` then means it; at an `off` the transcript breaks off; `misses` is an
/// expectation that was not met.
pub(in crate::rules::enforcing) fn play(lines: &str) -> Vec<&'static str> {
    let mut rules: Vec<_> = judged(lines)
        .findings
        .iter()
        .map(|finding| finding.rule.id)
        .collect();
    rules.dedup();
    rules
}

pub(in crate::rules::enforcing) fn judged(lines: &str) -> Verdict {
    judged_at("bare", lines)
}

/// The same of a server that takes these addresses for those of a call.
pub(in crate::rules::enforcing) fn judged_at(addressing: &str, lines: &str) -> Verdict {
    judge(&header(addressing), events(lines))
}

pub(super) fn events(lines: &str) -> Vec<Event> {
    let mut events: Vec<Event> = Vec::new();
    let mut push = |t: f64, who: &str, event: Value| {
        let Value::Object(mut event) = event else { return };
        event.insert("n".into(), (events.len() + 1).into());
        event.insert("t".into(), t.into());
        event.insert("who".into(), who.into());
        events.push(serde_json::from_value(Value::Object(event)).expect("an event"));
    };
    for who in ["alice", "bob", "bob2", "mallory"] {
        push(0.0, who, json!({"dir": "connected", "jid": jid(who)}));
    }
    for line in lines.lines().map(str::trim).filter(|line| !line.is_empty()) {
        let words: Vec<&str> = line.split_whitespace().collect();
        let [time, who, verb, rest @ ..] = words.as_slice() else {
            panic!("not a line: {line}")
        };
        let t: f64 = time.parse().expect("a time");
        let word = rest.first().copied().unwrap_or_default();
        let given = |name: &str| {
            rest.iter()
                .find_map(|word| word.strip_prefix(&format!("{name}=")))
        };
        let other = if *who == "alice" { "bob" } else { "alice" };
        match *verb {
            ">" | "<" => {
                let sends = *verb == ">";
                let (from, to) = if sends {
                    (given("from").unwrap_or(who), given("to").unwrap_or(other))
                } else {
                    (given("from").unwrap_or(other), *who)
                };
                let (from_jid, to_jid) = (address(from), address(to));
                let signal = signal(
                    word,
                    given("as").unwrap_or(from),
                    given("for").unwrap_or(&to_jid),
                    given("call"),
                );
                let id = given("id").unwrap_or(word);
                let xml = format!(
                    "<iq type='set' id='{id}' from='{from_jid}' to='{to_jid}'><call xmlns='urn:xmpp:call:0'>{}{}</call></iq>",
                    escape(&signal),
                    given("beside").unwrap_or_default()
                );
                push(
                    t,
                    who,
                    json!({"dir": if sends { "sent" } else { "received" }, "xml": xml}),
                );
            }
            "ok" | "srv" => {
                let id = given("id").unwrap_or(word);
                let asker = given("from").unwrap_or(other);
                let (asker, answerer) = if *verb == "srv" {
                    (*who, other)
                } else {
                    (asker, *who)
                };
                let body = match given("error") {
                    Some(condition) => format!(
                        "type='error'><error type='cancel'><{condition} xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></iq>"
                    ),
                    None => "type='result'/>".to_owned(),
                };
                let xml = format!(
                    "<iq id='{id}' from='{}' to='{}' {body}",
                    address(answerer),
                    address(asker)
                );
                if *verb == "ok" {
                    push(t, who, json!({"dir": "sent", "xml": xml}));
                }
                if !asker.contains('@') {
                    push(t, asker, json!({"dir": "received", "xml": xml}));
                }
            }
            "cut" | "leaving" => push(t, who, json!({"dir": verb})),
            "connected" => push(t, who, json!({"dir": "connected", "jid": jid(who)})),
            "steps" => push(t, "", json!({"dir": "steps"})),
            // The ten seconds before.
            "stalled" => push(t, "", json!({"dir": "stalled", "seconds": 10.0})),
            "off" => push(t, "", json!({"dir": "note"})),
            "misses" => push(
                t,
                who,
                json!({"dir": "missed", "wanted": word, "seen": "nothing came"}),
            ),
            _ => panic!("not a verb: {verb}"),
        }
    }
    if !lines.ends_with("x off") {
        push(events_end(lines), "", json!({"dir": "end"}));
    }
    events
}

/// The time of the last line.
fn events_end(lines: &str) -> f64 {
    let last = lines.lines().map(str::trim).rfind(|line| !line.is_empty());
    let time = last.and_then(|line| line.split_whitespace().next());
    time.and_then(|time| time.parse().ok()).expect("a time")
}

fn judge(header: &Header, events: Vec<Event>) -> Verdict {
    let mut judge = Judge::with(vec![Box::new(Enforcing::new(header))]);
    events.iter().for_each(|event| judge.event(event));
    let verdict = judge.finish();
    assert_eq!(verdict.outcome == Outcome::Passed, verdict.findings.is_empty());
    verdict
}

pub(super) fn header(addressing: &str) -> Header {
    let cast = ["alice", "bob", "bob2", "mallory"].map(|who| {
        let member = json!({"jid": jid(who), "id": derived_id(bare(&jid(who))), "party": "bot"});
        (who.to_owned(), member)
    });
    let header = json!({
        "callspec": 1,
        "scenario": {},
        "cast": serde_json::Map::from_iter(cast),
        "profile": {"class": "enforcing", "addressing": addressing},
    });
    serde_json::from_value(header).expect("a header")
}

fn jid(who: &str) -> String {
    match who {
        "bob2" => "bob@x/2".to_owned(),
        who => format!("{who}@x/1"),
    }
}

/// The full JID of an actor; what holds an `@` stands for itself.
fn address(who: &str) -> String {
    if who.contains('@') {
        who.to_owned()
    } else {
        jid(who)
    }
}

fn signal(word: &str, sender: &str, to: &str, call: Option<&str>) -> String {
    let (kind, reason) = word.split_once('/').unwrap_or((word, "completed"));
    let payload = match kind {
        "initiate" if reason == "broken" => json!({}),
        "initiate" if reason == "more" => json!({"callerName": "Alice", "x-more": 1}),
        "initiate" if reason == "deep" => {
            let nest = (0..100).fold(json!(0), |nest, _| json!([nest]));
            json!({"callerName": "Alice", "x-more": nest})
        }
        "initiate" => json!({"callerName": "Alice"}),
        "offer" => json!({"sdp": sample::offer(), "type": "offer"}),
        "answer" => json!({"sdp": sample::answer(), "type": "answer"}),
        "hangup" => json!({"reason": reason}),
        "mute-change" => json!({"muted": true}),
        "accept" if reason == "more" => json!({"x-more": 1}),
        _ => json!({}),
    };
    json!({
        "type": format!("call:{kind}"),
        "callId": call.map_or_else(|| CALL.to_owned(), |name| derived_id(name).to_string()),
        "senderId": derived_id(bare(&address(sender))),
        "recipientId": derived_id(bare(&address(to))),
        "timestamp": "2026-01-01T00:00:00Z",
        "payload": payload,
    })
    .to_string()
}

pub(in crate::rules::enforcing) const NONE: [&str; 0] = [];

/// A call that is accepted, offered and answered.
pub(in crate::rules::enforcing) const CONNECTED: &str = "
    0.1 alice > initiate
    0.1 bob < initiate
    0.1 bob ok initiate
    0.2 bob > accept
    0.2 alice < accept
    0.2 alice ok accept
    0.3 alice > offer
    0.3 bob < offer
    0.3 bob ok offer
    0.4 bob > answer
    0.4 alice < answer
    0.4 alice ok answer
";

pub(in crate::rules::enforcing) const RINGING: &str = "
    0.1 alice > initiate to=bob@x
    0.1 alice srv initiate
    0.1 bob < initiate to=bob@x
    0.1 bob ok initiate from=alice@x/1
    0.1 bob2 < initiate
    0.1 bob2 ok initiate from=alice@x/1
";

pub(in crate::rules::enforcing) fn after(history: &str, lines: &str) -> Vec<&'static str> {
    play(&format!("{history}\n{lines}"))
}
