//! Histories of calls between two users, and the transcripts that different observers keep of them.

use callspec::protocol::sdp::Side;
use callspec::protocol::{Role, sample};
use callspec::transcript::{Event, Header};
use serde_json::{Value, json};

/// Alice, who begins calls in most histories, and Bob.
pub const ALICE: usize = 0;
pub const BOB: usize = 1;

const NAMES: [&str; 2] = ["alice", "bob"];
const JIDS: [&str; 2] = ["alice@x/1", "bob@x/2"];
const IDS: [&str; 2] = [
    "a1b2c3d4-e5f6-4890-abcd-ef1234567890",
    "b2c3d4e5-f6a7-4901-bcde-f12345678901",
];
const CALLS: [&str; 2] = [
    "0f0e0d0c-0b0a-4908-8706-050403020100",
    "1f1e1d1c-1b1a-4918-9716-151413121110",
];

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Signal {
    Initiate,
    Accept,
    Reject,
    Busy,
    Offer,
    Answer,
    Ice,
    Mute(bool),
    Hangup(&'static str, Option<u64>),
}

/// What really happens, in the order in which it does.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Deed {
    /// A party sends a signal in one of two calls.
    Send(usize, usize, Signal),
    /// The next thing on its way to this party gets there.
    Arrive(usize),
    /// The party answers the oldest signal that it has not answered: with a result, or with an error.
    Answer(usize, bool),
    /// Nothing, for so many seconds.
    Pass(f64),
}

/// Who watches a party.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Watch {
    /// It is a bot of ours.
    Bot,
    /// A client; its own wire was recorded.
    Wire,
    /// A client; only the other end was recorded.
    Far,
}

/// One recorded event.
#[derive(Debug, Clone, PartialEq)]
pub struct Seen {
    pub t: f64,
    /// Whose wire it passed.
    pub who: usize,
    pub what: What,
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub enum What {
    /// The signal with this number left, or came in.
    Sent(usize),
    Got(usize),
    /// The answer to the signal with this number left, or came in; true: an error.
    Answered(usize, bool),
    GotAnswer(usize, bool),
}

/// All signals of a history, by number, and what was recorded of it.
#[derive(Debug, Clone, Default)]
pub struct Record {
    /// Sender, call and signal.
    pub signals: Vec<(usize, usize, Signal)>,
    pub seen: Vec<Seen>,
}

enum Thing {
    Signal(usize),
    Answer(usize, bool),
}

/// How long each deed takes, in seconds.
const STEP: f64 = 0.125;

/// Plays the deeds. What cannot happen (nothing is on its way, nothing is unanswered) is left out.
pub fn play(deeds: &[Deed], watch: [Watch; 2]) -> Record {
    let mut record = Record::default();
    let mut ways: [std::collections::VecDeque<Thing>; 2] = Default::default();
    let mut unanswered: [std::collections::VecDeque<usize>; 2] = Default::default();
    let mut t = 0.0;
    for deed in deeds {
        let (who, what) = match *deed {
            Deed::Pass(seconds) => {
                t += seconds;
                continue;
            }
            Deed::Send(who, call, signal) => {
                let number = record.signals.len();
                record.signals.push((who, call, signal));
                ways[1 - who].push_back(Thing::Signal(number));
                (who, What::Sent(number))
            }
            Deed::Arrive(who) => match ways[who].pop_front() {
                None => continue,
                Some(Thing::Signal(number)) => {
                    unanswered[who].push_back(number);
                    (who, What::Got(number))
                }
                Some(Thing::Answer(number, error)) => (who, What::GotAnswer(number, error)),
            },
            Deed::Answer(who, error) => match unanswered[who].pop_front() {
                None => continue,
                Some(number) => {
                    ways[1 - who].push_back(Thing::Answer(number, error));
                    (who, What::Answered(number, error))
                }
            },
        };
        t += STEP;
        if watch[who] != Watch::Far {
            record.seen.push(Seen { t, who, what });
        }
    }
    record
}

/// On which side of this call the party stands: whoever began it is its caller.
fn role(record: &Record, who: usize, call: usize) -> Role {
    let begins = |said: &&(usize, usize, Signal)| said.1 == call && said.2 == Signal::Initiate;
    let caller = record.signals.iter().find(begins).map_or(ALICE, |said| said.0);
    if who == caller { Role::Caller } else { Role::Callee }
}

fn payload(signal: Signal, role: Role) -> (&'static str, Value) {
    match signal {
        Signal::Initiate => ("call:initiate", json!({"callerName": "Alice"})),
        Signal::Accept => ("call:accept", json!({})),
        Signal::Reject => ("call:reject", json!({})),
        Signal::Busy => ("call:busy", json!({})),
        Signal::Offer => (
            "call:offer",
            json!({"sdp": sample::description(role, Side::Offer), "type": "offer"}),
        ),
        Signal::Answer => (
            "call:answer",
            json!({"sdp": sample::description(role, Side::Answer), "type": "answer"}),
        ),
        Signal::Ice => (
            "call:ice-candidate",
            json!({
                "candidate": "candidate:1 1 udp 2122260223 192.0.2.1 50000 typ host",
                "sdpMid": "0", "sdpMLineIndex": 0,
            }),
        ),
        Signal::Mute(muted) => ("call:mute-change", json!({"muted": muted})),
        Signal::Hangup(reason, None) => ("call:hangup", json!({"reason": reason})),
        Signal::Hangup(reason, Some(duration)) => {
            ("call:hangup", json!({"reason": reason, "duration": duration}))
        }
    }
}

fn stamp(t: f64) -> String {
    let millis = (t * 1000.0) as u64;
    format!(
        "2026-01-01T00:{:02}:{:02}.{:03}Z",
        millis / 60_000,
        millis / 1000 % 60,
        millis % 1000
    )
}

/// The recording as a transcript. The event of the i-th entry of `seen` has the number i + 3.
pub fn transcript(record: &Record, watch: [Watch; 2]) -> (Header, Vec<Event>) {
    let party = |who: usize| if watch[who] == Watch::Bot { "bot" } else { "client" };
    let header = serde_json::from_value(json!({
        "callspec": 1, "scenario": {},
        "cast": {
            "alice": {"jid": JIDS[ALICE], "id": IDS[ALICE], "party": party(ALICE)},
            "bob": {"jid": JIDS[BOB], "id": IDS[BOB], "party": party(BOB)},
        },
    }))
    .expect("a header");
    let mut events = Vec::new();
    let mut push = |t: f64, who: usize, dir: &str, xml: Option<String>| {
        let event = json!({
            "n": events.len() + 1, "t": t, "time": stamp(t), "who": NAMES[who], "dir": dir,
            "jid": JIDS[who], "xml": xml,
        });
        events.push(serde_json::from_value(event).expect("an event"));
    };
    for (who, watch) in watch.into_iter().enumerate() {
        let dir = if watch == Watch::Far { "note" } else { "connected" };
        push(0.0, who, dir, None);
    }
    let mut sent_at = vec![None; record.signals.len()];
    for seen in &record.seen {
        let (number, error) = match seen.what {
            What::Sent(number) | What::Got(number) => (number, None),
            What::Answered(number, error) | What::GotAnswer(number, error) => (number, Some(error)),
        };
        let (sender, call, signal) = record.signals[number];
        let receiver = 1 - sender;
        let xml = match error {
            None => {
                let t = *sent_at[number].get_or_insert(seen.t);
                let (kind, payload) = payload(signal, role(record, sender, call));
                let text = json!({
                    "type": kind, "callId": CALLS[call], "senderId": IDS[sender], "recipientId": IDS[receiver],
                    "timestamp": stamp(t), "payload": payload,
                })
                .to_string()
                .replace('&', "&amp;")
                .replace('<', "&lt;");
                format!(
                    "<iq type='set' id='s{number}' from='{}' to='{}'><call xmlns='urn:xmpp:call:0'>{text}</call></iq>",
                    JIDS[sender], JIDS[receiver]
                )
            }
            Some(false) => format!(
                "<iq type='result' id='s{number}' from='{}' to='{}'/>",
                JIDS[receiver], JIDS[sender]
            ),
            Some(true) => format!(
                "<iq type='error' id='s{number}' from='{}' to='{}'><error type='wait'>\
                 <unexpected-request xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></iq>",
                JIDS[receiver], JIDS[sender]
            ),
        };
        let dir = match seen.what {
            What::Sent(_) | What::Answered(..) => "sent",
            What::Got(_) | What::GotAnswer(..) => "received",
        };
        push(seen.t, seen.who, dir, Some(xml));
    }
    (header, events)
}
