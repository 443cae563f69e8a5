//! The enforcing server as inputs and outputs: whom a signal reaches, and what is refused.

use serde_json::{Value, json};
use time::OffsetDateTime;
use time::macros::datetime;

use super::{Flaws, Input, Machine, Output};
use crate::protocol::sample;
use crate::stanza::{bare, resource};
use crate::target::derived_id;

const A: &str = "alice@x/1";
const B: &str = "bob@x/1";
const B2: &str = "bob@x/2";
const M: &str = "mallory@x/1";
const EPOCH: OffsetDateTime = datetime!(2026-01-01 00:00 UTC);

/// A machine among clients that answer what they get, unless they are told to be silent.
struct Room {
    machine: Machine,
    there: Vec<&'static str>,
    silent: bool,
    at: f64,
    n: u32,
    /// What each client got: `to: kind`, or `to: server reason`.
    got: Vec<String>,
}

impl Room {
    fn new() -> Room {
        Room {
            machine: Machine::new(Box::new(|bare| derived_id(bare).to_string()), Flaws::default()),
            there: vec![A, B, B2, M],
            silent: false,
            at: 0.0,
            n: 0,
            got: Vec::new(),
        }
    }

    fn now(&self) -> (f64, OffsetDateTime) {
        (self.at, EPOCH + time::Duration::seconds_f64(self.at))
    }

    /// Sends `kind` or `hangup/reason`. The answer that the server itself gives is the return value; `-`: the
    /// addressee's own comes back.
    fn send(&mut self, from: &str, to: &str, word: &str) -> String {
        self.send_with(from, to, word, "", |_| {})
    }

    fn send_with(
        &mut self,
        from: &str,
        to: &str,
        word: &str,
        call: &str,
        change: impl Fn(&mut Value),
    ) -> String {
        let (kind, reason) = word.split_once('/').unwrap_or((word, "completed"));
        let payload = match kind {
            "initiate" => json!({"callerName": "Alice"}),
            "offer" => json!({"sdp": sample::offer(), "type": "offer"}),
            "answer" => json!({"sdp": sample::answer(), "type": "answer"}),
            "ice-candidate" => sample::candidate(1),
            "hangup" => json!({"reason": reason}),
            "mute-change" => json!({"muted": true}),
            _ => json!({}),
        };
        let mut value = json!({
            "type": format!("call:{kind}"),
            "callId": derived_id(&format!("call{call}")),
            "senderId": derived_id(bare(from)),
            "recipientId": derived_id(bare(to)),
            "timestamp": "2026-01-01T00:00:00Z",
            "payload": payload,
        });
        change(&mut value);
        self.text(from, to, &value.to_string(), kind)
    }

    fn text(&mut self, from: &str, to: &str, text: &str, kind: &str) -> String {
        self.n += 1;
        let id = format!("i{}", self.n);
        let there = self.there.iter().filter(|jid| match resource(to) {
            Some(_) => **jid == to,
            None => bare(jid) == to,
        });
        let rung = there.map(|jid| (*jid).to_owned()).collect();
        let input = Input::Signal {
            from,
            to,
            id: &id,
            text,
            rung,
        };
        let outputs = self.machine.handle(self.now(), input);
        self.perform(outputs, (from, &id), kind)
    }

    fn perform(&mut self, outputs: Vec<Output>, (from, id): (&str, &str), kind: &str) -> String {
        let mut answer = "-".to_owned();
        for output in outputs {
            let (device, asker, id) = match output {
                Output::Refuse(refusal) => {
                    answer = refusal.condition().to_owned();
                    continue;
                }
                Output::Acknowledge => {
                    answer = "result".to_owned();
                    continue;
                }
                Output::Forward { to, .. } => {
                    self.got.push(format!("{to}: {kind}"));
                    (to, from.to_owned(), id.to_owned())
                }
                Output::Send { to, from, id, text } => {
                    let value: Value = serde_json::from_str(&text).expect("JSON");
                    assert!(crate::protocol::validate(&value).is_ok(), "{text}");
                    assert_eq!(value["senderId"], json!(derived_id(&from)));
                    assert_eq!(value["recipientId"], json!(derived_id(bare(&to))));
                    let reason = value["payload"]["reason"].as_str().expect("a reason");
                    self.got.push(format!("{to}: server {reason}"));
                    (to, from, id)
                }
            };
            if !self.silent {
                let input = Input::Answered {
                    device: &device,
                    asker: &asker,
                    id: &id,
                    refused: false,
                };
                assert_eq!(self.machine.handle(self.now(), input), []);
            }
        }
        answer
    }

    fn gone(&mut self, device: &'static str) {
        self.there.retain(|jid| *jid != device);
        let outputs = self.machine.handle(self.now(), Input::Gone { device });
        self.perform(outputs, ("", ""), "");
    }

    fn wait(&mut self, until: f64) {
        self.at = until;
        let outputs = self.machine.handle(self.now(), Input::Time);
        self.perform(outputs, ("", ""), "");
    }

    /// What was got since the last time.
    fn take(&mut self) -> Vec<String> {
        std::mem::take(&mut self.got)
    }

    fn connected() -> Room {
        let mut room = Room::new();
        for (from, to, word) in [
            (A, B, "initiate"),
            (B, A, "accept"),
            (A, B, "offer"),
            (B, A, "answer"),
        ] {
            assert_eq!(room.send(from, to, word), "-", "{word}");
            assert_eq!(room.take(), [format!("{to}: {word}")]);
        }
        room
    }

    /// A call to bob's two devices.
    fn ringing() -> Room {
        let mut room = Room::new();
        assert_eq!(room.send(A, "bob@x", "initiate"), "result");
        assert_eq!(room.take(), [format!("{B}: initiate"), format!("{B2}: initiate")]);
        room
    }
}

#[test]
fn a_whole_call_passes_and_nothing_after_it() {
    let mut room = Room::connected();
    for (from, to, word) in [
        (A, B, "ice-candidate"),
        (B, A, "ice-candidate"),
        (A, B, "mute-change"),
        (B, A, "hangup"),
    ] {
        assert_eq!(room.send(from, to, word), "-", "{word}");
    }
    assert_eq!(room.send(A, B, "hangup"), "-", "the echo");
    room.take();
    for word in ["hangup", "mute-change", "initiate", "offer"] {
        assert_eq!(room.send(A, B, word), "unexpected-request", "{word}");
    }
    room.wait(100.0);
    assert!(room.take().is_empty(), "no timer outlives its call");
}

#[test]
fn what_is_off_its_schema_is_refused() {
    let mut room = Room::new();
    for text in ["", "not json", "[]", "{}", "{\"type\":\"call:initiate\"}"] {
        assert_eq!(room.text(A, B, text, ""), "bad-request", "{text}");
    }
    for (pointer, value) in [
        ("/payload", json!({})),
        ("/payload/callerName", json!(" ")),
        ("/type", json!("call:ring")),
        ("/callId", json!("1")),
        ("/timestamp", json!("yesterday")),
        ("/recipientId", json!(derived_id("alice@x"))),
        ("/recipientId", json!(derived_id("mallory@x"))),
    ] {
        let answer = room.send_with(A, B, "initiate", "", |signal| {
            *signal.pointer_mut(pointer).expect("a member") = value.clone();
        });
        assert_eq!(answer, "bad-request", "{pointer}");
    }
    assert!(room.take().is_empty());
    assert_eq!(room.send(A, B, "initiate"), "-", "none of it has begun the call");
}

#[test]
fn nobody_speaks_under_another_name_or_on_another_call() {
    let mut room = Room::connected();
    let forged = |signal: &mut Value| signal["senderId"] = json!(derived_id("mallory@x"));
    assert_eq!(room.send_with(A, B, "mute-change", "", forged), "forbidden");
    for word in ["hangup", "initiate", "mute-change"] {
        assert_eq!(room.send(M, B, word), "forbidden", "{word}");
    }
    assert_eq!(
        room.send(B2, A, "hangup"),
        "forbidden",
        "a device that never rang"
    );
    assert_eq!(room.send(A, M, "hangup"), "item-not-found", "not with her");
    assert_eq!(
        room.send(A, B2, "hangup"),
        "item-not-found",
        "not with that device"
    );
    assert!(room.take().is_empty());
    assert_eq!(room.send(A, B, "hangup"), "-");
}

#[test]
fn what_has_no_place_is_refused_and_moves_nothing() {
    let mut room = Room::new();
    for word in ["accept", "offer", "ice-candidate", "hangup", "mute-change"] {
        assert_eq!(room.send(A, B, word), "item-not-found", "{word}");
    }
    assert_eq!(room.send(A, "zoe@x/1", "initiate"), "service-unavailable");
    room.send(A, B, "initiate");
    for (from, to, word) in [
        (A, B, "offer"),
        (A, B, "accept"),
        (B, A, "answer"),
        (B, A, "offer"),
        (B, A, "initiate"),
        (A, B, "initiate"),
        (A, B, "ice-candidate"),
    ] {
        assert_eq!(room.send(from, to, word), "unexpected-request", "{word}");
    }
    assert_eq!(room.take(), [format!("{B}: initiate")]);
    assert_eq!(room.send(B, A, "accept"), "-");
    assert_eq!(room.send(B, A, "reject"), "unexpected-request");
}

#[test]
fn a_hangup_is_never_held_up_for_its_reason() {
    let mut room = Room::connected();
    assert_eq!(room.send(A, B, "hangup/busy"), "-");
    assert_eq!(room.take(), [format!("{B}: hangup")]);
}

#[test]
fn whatever_may_have_crossed_is_taken_calmly() {
    // While it rings: the caller's cancel, what the callee sends before it has it, and whether that goes on.
    for (second, reaches) in [
        ("accept", false),
        ("reject", false),
        ("busy", false),
        ("hangup/rejected", true),
    ] {
        let mut room = Room::new();
        room.send(A, B, "initiate");
        room.silent = true;
        room.take();
        assert_eq!(room.send(A, B, "hangup/cancelled"), "-");
        let answer = room.send(B, A, second);
        assert_eq!(answer, if reaches { "-" } else { "result" }, "{second}");
        assert_eq!(room.take().len(), 1 + usize::from(reaches), "{second}");
    }
    // In the call.
    for (first, second, reaches) in [
        ("hangup", "mute-change", false),
        ("hangup", "ice-candidate", false),
        ("hangup", "hangup", true),
        ("mute-change", "hangup", true),
    ] {
        let mut room = Room::connected();
        room.silent = true;
        assert_eq!(room.send(A, B, first), "-");
        let answer = room.send(B, A, second);
        assert_eq!(answer, if reaches { "-" } else { "result" }, "{second}");
        assert_eq!(room.take().len(), 1 + usize::from(reaches), "{second}");
    }
    // The accept was first in the server's order, so both pass.
    let mut room = Room::new();
    room.send(A, B, "initiate");
    room.silent = true;
    assert_eq!(room.send(B, A, "accept"), "-");
    assert_eq!(room.send(A, B, "hangup/cancelled"), "-");
}

#[test]
fn the_first_accept_wins_and_the_others_hear_of_it() {
    let mut room = Room::ringing();
    room.silent = true;
    assert_eq!(room.send(B2, A, "accept"), "-");
    assert_eq!(
        room.take(),
        [format!("{A}: accept"), format!("{B}: server cancelled")]
    );
    assert_eq!(room.send(B, A, "accept"), "result", "it crossed the news");
    assert_eq!(room.send(B, A, "hangup/failed"), "result");
    assert!(room.take().is_empty());
    assert_eq!(room.send(A, "bob@x", "offer"), "result");
    assert_eq!(room.take(), [format!("{B2}: offer")]);
    assert_eq!(room.send(B2, "alice@x", "answer"), "result");
    assert_eq!(room.take(), [format!("{A}: answer")]);
    room.wait(40.0);
    assert!(room.take().is_empty());
}

#[test]
fn one_device_declines_for_all_and_is_busy_for_itself() {
    let mut room = Room::ringing();
    assert_eq!(room.send(B, A, "busy"), "result");
    assert!(room.take().is_empty());
    assert_eq!(room.send(B, A, "accept"), "unexpected-request");
    assert_eq!(room.send(B2, A, "busy"), "-", "the last one's word counts");
    assert_eq!(room.take(), [format!("{A}: busy")]);
    let mut room = Room::ringing();
    assert_eq!(room.send(B, A, "reject"), "-");
    assert_eq!(
        room.take(),
        [format!("{A}: reject"), format!("{B2}: server cancelled")]
    );
}

#[test]
fn a_caller_that_gives_up_ends_it_on_every_device() {
    let mut room = Room::ringing();
    assert_eq!(room.send(A, B, "hangup/cancelled"), "-");
    assert_eq!(
        room.take(),
        [format!("{B}: hangup"), format!("{B2}: server cancelled")]
    );
    let mut room = Room::ringing();
    assert_eq!(room.send(A, "bob@x", "hangup/cancelled"), "result");
    assert_eq!(room.take(), [format!("{B}: hangup"), format!("{B2}: hangup")]);
}

#[test]
fn thirty_seconds_without_an_answer_are_the_end() {
    let mut room = Room::new();
    assert_eq!(room.machine.deadline(), None);
    room.at = 1.0;
    room.send(A, "bob@x", "initiate");
    assert_eq!(room.machine.deadline(), Some(31.0));
    room.wait(30.9);
    assert_eq!(room.take().len(), 2, "only the two initiates");
    room.wait(31.0);
    let told = [A, B, B2].map(|to| format!("{to}: server timeout"));
    assert_eq!(room.take(), told);
    assert_eq!(room.machine.deadline(), None);
    assert_eq!(room.send(B, A, "accept"), "unexpected-request");
    assert!(room.take().is_empty());
    // One that crosses the timeout connects nothing, and is no fault; one that comes much later is.
    for (at, answer) in [(30.1, "result"), (33.0, "unexpected-request")] {
        let mut room = Room::new();
        room.send(A, B, "initiate");
        room.silent = true;
        room.wait(30.0);
        room.take();
        room.at = at;
        assert_eq!(room.send(B, A, "accept"), answer, "{at}");
        assert!(room.take().is_empty());
    }
}

#[test]
fn whoever_vanishes_has_left_the_call() {
    let mut room = Room::connected();
    room.gone(M);
    assert!(room.take().is_empty());
    room.gone(B);
    assert_eq!(room.take(), [format!("{A}: server failed")]);
    assert_eq!(room.send(A, B, "hangup/failed"), "service-unavailable");
    let mut room = Room::connected();
    room.gone(A);
    assert_eq!(room.take(), [format!("{B}: server failed")]);
    let mut room = Room::ringing();
    room.gone(B);
    assert!(room.take().is_empty(), "another device rings on");
    room.gone(B2);
    assert_eq!(room.take(), [format!("{A}: server failed")]);
    let mut room = Room::ringing();
    room.gone(A);
    let told = [B, B2].map(|to| format!("{to}: server failed"));
    assert_eq!(room.take(), told);
}

#[test]
fn ended_calls_are_forgotten_at_last() {
    let mut room = Room::new();
    for n in 0..4_200 {
        let call = n.to_string();
        room.send_with(A, B, "initiate", &call, |_| {});
        room.send_with(B, A, "reject", &call, |_| {});
        room.take();
    }
    let (calls, deadlines, asked) = room.machine.remembered();
    assert_eq!((calls, deadlines, asked), (4_096, 0, 0));
    assert_eq!(room.send_with(A, B, "offer", "0", |_| {}), "item-not-found");
    assert_eq!(
        room.send_with(A, B, "initiate", "4199", |_| {}),
        "unexpected-request"
    );
}
