//! Ladders of small histories, as a person sees them.

use std::collections::BTreeMap;

use serde_json::json;

use super::*;
use crate::stanza::escape;
use crate::transcript::{Event, Member};

const CALL: &str = "11111111-1111-4111-8111-111111111111";

/// A history told event by event.
#[derive(Default)]
pub struct Tape {
    pub cast: BTreeMap<String, Member>,
    pub events: Vec<Event>,
    wire: BTreeMap<String, String>,
}

impl Tape {
    pub fn of(parties: &[(&str, &str)]) -> Tape {
        let mut tape = Tape::default();
        for (who, jid) in parties {
            let member = Member {
                jid: (*jid).to_owned(),
                ..Member::default()
            };
            tape.cast.insert((*who).to_owned(), member);
            tape.happens(0.0, who, "connected");
        }
        tape
    }

    pub fn pair() -> Tape {
        Tape::of(&[("caller", "alice@h/a"), ("callee", "bob@h/b")])
    }

    pub fn event(&mut self, t: f64, who: &str, dir: &str, more: serde_json::Value) -> u64 {
        let n = self.events.len() as u64 + 1;
        let jid = self.cast.get(who).map(|member| member.jid.clone());
        let mut event = json!({ "n": n, "t": t, "who": who, "jid": jid, "dir": dir });
        for (name, value) in more.as_object().expect("members") {
            event[name] = value.clone();
        }
        self.events.push(serde_json::from_value(event).expect("an event"));
        n
    }

    pub fn happens(&mut self, t: f64, who: &str, dir: &str) -> u64 {
        self.event(t, who, dir, json!({}))
    }

    /// A signal of the call, written to the wire.
    pub fn sends(
        &mut self,
        t: f64,
        who: &str,
        to: &str,
        id: &str,
        kind: &str,
        payload: serde_json::Value,
    ) -> u64 {
        self.sends_in(CALL, t, who, to, id, kind, payload)
    }

    #[allow(clippy::too_many_arguments, reason = "one word for each part of a signal")]
    pub fn sends_in(
        &mut self,
        call: &str,
        t: f64,
        who: &str,
        to: &str,
        id: &str,
        kind: &str,
        payload: serde_json::Value,
    ) -> u64 {
        let signal = json!({
            "type": format!("call:{kind}"), "callId": call,
            "senderId": "a1b2c3d4-e5f6-7890-abcd-ef1234567890", "recipientId": "b2c3d4e5-f6a7-8901-bcde-f12345678901",
            "timestamp": "2026-01-01T00:00:00Z", "payload": payload,
        });
        let text = escape(&signal.to_string());
        self.writes(
            t,
            who,
            to,
            id,
            "iq",
            "set",
            &format!("<call xmlns=\"urn:xmpp:call:0\">{text}</call>"),
        )
    }

    pub fn says(&mut self, t: f64, who: &str, to: &str, id: &str, text: &str) -> u64 {
        self.writes(
            t,
            who,
            to,
            id,
            "message",
            "chat",
            &format!("<body>{}</body>", escape(text)),
        )
    }

    #[allow(clippy::too_many_arguments, reason = "one word for each part of a stanza")]
    pub fn writes(
        &mut self,
        t: f64,
        who: &str,
        to: &str,
        id: &str,
        name: &str,
        kind: &str,
        inner: &str,
    ) -> u64 {
        let to = self.cast.get(to).map_or(to, |member| &member.jid).to_owned();
        let from = self.cast.get(who).map_or(who, |member| &member.jid).to_owned();
        let (to, from) = (escape(&to), escape(&from));
        let rest =
            format!("to=\"{to}\" type=\"{kind}\" id=\"{id}\" xmlns=\"jabber:client\">{inner}</{name}>");
        self.wire.insert(
            format!("{name} {kind} {id}"),
            format!("<{name} from=\"{from}\" {rest}"),
        );
        self.event(t, who, "sent", json!({ "xml": format!("<{name} {rest}") }))
    }

    /// What was written last with this name, type and id, taken in.
    pub fn takes(&mut self, t: f64, who: &str, what: &str) -> u64 {
        let xml = self.wire.get(what).expect("written before").clone();
        self.event(t, who, "received", json!({ "xml": xml }))
    }

    pub fn gets(&mut self, t: f64, who: &str, xml: &str) -> u64 {
        self.event(t, who, "received", json!({ "xml": xml }))
    }

    /// A signal sent and taken in, and its answer.
    pub fn passes(&mut self, t: f64, from: &str, to: &str, id: &str, kind: &str, payload: serde_json::Value) {
        self.sends(t, from, to, id, kind, payload);
        self.takes(t + 0.002, to, &format!("iq set {id}"));
        self.writes(t + 0.002, to, from, id, "iq", "result", "");
        self.takes(t + 0.004, from, &format!("iq result {id}"));
    }

    pub fn ladder(&self, marks: Vec<Mark>) -> Ladder {
        ladder(&self.cast, &self.events, marks)
    }

    pub fn drawn(&self) -> String {
        checked(whole(&self.ladder(Vec::new()), Look::default()), 80)
    }
}

/// What is drawn stays within its columns.
fn checked(text: String, width: usize) -> String {
    for line in text.lines() {
        assert!(label::columns(line) <= width, "{line}");
    }
    text
}

fn mark(rule: &str, text: &str, events: &[u64]) -> Mark {
    Mark {
        rule: rule.to_owned(),
        text: text.to_owned(),
        events: events.to_vec(),
        grave: true,
    }
}

fn rung() -> Tape {
    let mut tape = Tape::pair();
    tape.passes(
        0.0,
        "caller",
        "callee",
        "c1",
        "initiate",
        json!({ "callerName": "Alice" }),
    );
    tape
}

fn connected() -> Tape {
    let mut tape = rung();
    tape.passes(2.5, "callee", "caller", "d1", "accept", json!({}));
    tape.passes(
        2.6,
        "caller",
        "callee",
        "c2",
        "offer",
        json!({ "type": "offer", "sdp": "v=0" }),
    );
    tape.passes(
        2.7,
        "callee",
        "caller",
        "d2",
        "answer",
        json!({ "type": "answer", "sdp": "v=0" }),
    );
    let candidate = "candidate:1 1 udp 2122259967 192.0.2.2 50001 typ host";
    let candidate = json!({ "candidate": candidate, "sdpMid": "0", "sdpMLineIndex": 0 });
    tape.passes(2.8, "caller", "callee", "c3", "ice-candidate", candidate);
    tape
}

#[test]
fn a_plain_call() {
    let mut tape = connected();
    tape.says(3.0, "caller", "callee", "m1", "can you hear me?");
    tape.takes(3.001, "callee", "message chat m1");
    tape.passes(
        9.0,
        "callee",
        "caller",
        "d3",
        "mute-change",
        json!({ "muted": true }),
    );
    tape.passes(
        42.0,
        "caller",
        "callee",
        "c4",
        "hangup",
        json!({ "reason": "completed", "duration": 39 }),
    );
    tape.happens(43.0, "caller", "disconnected");
    insta::assert_snapshot!(tape.drawn());
    let answers = Look {
        answers: true,
        ..Look::default()
    };
    insta::assert_snapshot!(checked(whole(&tape.ladder(Vec::new()), answers), 80));
}

#[test]
fn signals_that_cross() {
    let mut tape = rung();
    tape.sends(
        0.104,
        "caller",
        "callee",
        "c7",
        "hangup",
        json!({ "reason": "cancelled" }),
    );
    tape.sends(0.105, "callee", "caller", "d1", "accept", json!({}));
    tape.takes(0.107, "caller", "iq set d1");
    tape.takes(0.109, "callee", "iq set c7");
    insta::assert_snapshot!(tape.drawn());
}

#[test]
fn a_signal_that_is_lost_and_one_that_comes_twice() {
    let mut tape = rung();
    let lost = tape.sends(0.1, "callee", "caller", "d1", "accept", json!({}));
    tape.sends(
        0.2,
        "caller",
        "callee",
        "c7",
        "hangup",
        json!({ "reason": "cancelled" }),
    );
    let first = tape.takes(0.202, "callee", "iq set c7");
    let second = tape.takes(0.215, "callee", "iq set c7");
    let marks = vec![
        mark(
            "RT-03",
            "The server did not deliver callee's accept (iq d1).",
            &[lost],
        ),
        mark(
            "RT-03",
            "callee received caller's hangup (iq c7) twice.",
            &[first, second],
        ),
    ];
    let ladder = tape.ladder(marks);
    insta::assert_snapshot!(checked(whole(&ladder, Look::default()), 80));
    insta::assert_snapshot!(checked(around(&ladder, 1, Look::default()), 80));
}

#[test]
fn around_a_finding_the_rest_is_left_out() {
    let mut tape = connected();
    for n in 0..20 {
        tape.passes(
            3.0 + f64::from(n),
            "caller",
            "callee",
            &format!("m{n}"),
            "mute-change",
            json!({ "muted": n % 2 == 0 }),
        );
    }
    let sent = tape.sends(
        30.0,
        "caller",
        "callee",
        "c9",
        "hangup",
        json!({ "reason": "completed" }),
    );
    let taken = tape.takes(31.3, "callee", "iq set c9");
    let ladder = tape.ladder(vec![mark(
        "RT-13",
        "The signal was under way for 1.3 s.",
        &[sent, taken],
    )]);
    insta::assert_snapshot!(checked(around(&ladder, 0, Look::default()), 80));
}

#[test]
fn a_second_device_rings_and_loses() {
    let mut tape = Tape::of(&[
        ("caller", "alice@h/a"),
        ("callee", "bob@h/b"),
        ("callee-2", "bob@h/c"),
    ]);
    tape.sends(
        0.0,
        "caller",
        "bob@h",
        "c1",
        "initiate",
        json!({ "callerName": "Alice" }),
    );
    tape.takes(0.002, "callee", "iq set c1");
    tape.takes(0.003, "callee-2", "iq set c1");
    tape.passes(1.0, "callee-2", "caller", "e1", "accept", json!({}));
    tape.sends(
        1.1,
        "caller",
        "callee",
        "c2",
        "hangup",
        json!({ "reason": "cancelled" }),
    );
    tape.takes(1.102, "callee", "iq set c2");
    insta::assert_snapshot!(tape.drawn());
}

#[test]
fn three_parties_and_two_calls() {
    let mut tape = Tape::of(&[
        ("caller", "alice@h/a"),
        ("callee", "bob@h/b"),
        ("mallory", "mallory@h/m"),
    ]);
    tape.passes(
        0.0,
        "caller",
        "callee",
        "c1",
        "initiate",
        json!({ "callerName": "Alice" }),
    );
    let other = "22222222-2222-4222-8222-222222222222";
    tape.sends_in(
        other,
        0.5,
        "mallory",
        "callee",
        "m1",
        "initiate",
        json!({ "callerName": "Mallory" }),
    );
    tape.takes(0.502, "callee", "iq set m1");
    tape.sends_in(other, 0.6, "callee", "mallory", "d1", "busy", json!({}));
    tape.takes(0.602, "mallory", "iq set d1");
    tape.says(0.7, "mallory", "caller", "x1", "hello");
    tape.takes(0.701, "caller", "message chat x1");
    insta::assert_snapshot!(tape.drawn());
}

#[test]
fn a_party_that_is_cut_off_and_comes_back() {
    let mut tape = connected();
    tape.happens(5.0, "callee", "cut");
    tape.sends(
        5.1,
        "caller",
        "callee",
        "c4",
        "mute-change",
        json!({ "muted": true }),
    );
    tape.gets(
        5.101,
        "caller",
        "<iq from='bob@h/b' to='alice@h/a' id='c4' type='error'><error type='cancel'><service-unavailable xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></iq>",
    );
    tape.cast.get_mut("callee").expect("there").jid = "bob@h/b2".to_owned();
    tape.happens(6.0, "callee", "connected");
    tape.passes(
        6.1,
        "caller",
        "callee",
        "c5",
        "hangup",
        json!({ "reason": "failed" }),
    );
    tape.event(
        7.0,
        "callee",
        "missed",
        json!({ "wanted": "callee receives mute-change" }),
    );
    tape.happens(7.0, "callee", "disconnected");
    insta::assert_snapshot!(tape.drawn());
}

#[test]
fn names_that_are_long_or_wide_or_hostile() {
    let mut tape = Tape::of(&[
        (
            "the-caller-with-the-very-long-name",
            "a-user-whose-name-does-not-end@h/a",
        ),
        ("被叫方\u{1b}[2J", "鲍勃\u{202e}@h/b"),
    ]);
    let (who, callee) = ("the-caller-with-the-very-long-name", "被叫方\u{1b}[2J");
    tape.passes(
        0.0,
        who,
        callee,
        "c1",
        "initiate",
        json!({ "callerName": "Alice" }),
    );
    tape.passes(
        0.1,
        who,
        callee,
        "c2",
        "hangup",
        json!({ "reason": "取消了\u{1b}]0;x\u{7}" }),
    );
    tape.says(0.2, callee, who, "m1", "你好，世界，你好，世界，你好\u{202e}");
    tape.takes(0.201, who, "message chat m1");
    let drawn = tape.drawn();
    assert!(!drawn.contains(['\u{1b}', '\u{202e}', '\u{7}']));
    insta::assert_snapshot!(drawn);
}

#[test]
fn more_parties_than_there_is_room_for_are_told_in_words() {
    let names: Vec<(String, String)> = (0..12).map(|n| (format!("p{n}"), format!("u{n}@h/r"))).collect();
    let parties: Vec<(&str, &str)> = names
        .iter()
        .map(|(who, jid)| (who.as_str(), jid.as_str()))
        .collect();
    let mut tape = Tape::of(&parties);
    for n in 0..6 {
        let (from, to) = (format!("p{}", 2 * n), format!("p{}", 2 * n + 1));
        let call = format!("{n}1111111-1111-4111-8111-111111111111");
        let id = format!("c{n}");
        tape.sends_in(
            &call,
            0.1 * f64::from(n),
            &from,
            &to,
            &id,
            "initiate",
            json!({ "callerName": "A" }),
        );
    }
    for n in 0..5 {
        tape.takes(1.0, &format!("p{}", 2 * n + 1), &format!("iq set c{n}"));
    }
    insta::assert_snapshot!(tape.drawn());
}

#[test]
fn a_breach_moves_no_view() {
    let mut tape = rung();
    tape.passes(
        0.1,
        "caller",
        "callee",
        "c2",
        "offer",
        json!({ "type": "offer", "sdp": "v=0" }),
    );
    let ladder = tape.ladder(Vec::new());
    let moved: Vec<_> = ladder.rows.iter().flat_map(|row| &row.moved).collect();
    assert_eq!(moved.len(), 2, "{moved:?}");
}

#[test]
fn a_stanza_is_found_again_by_what_it_says_when_its_id_was_lost() {
    let mut tape = Tape::pair();
    tape.sends(
        0.0,
        "caller",
        "callee",
        "c1",
        "initiate",
        json!({ "callerName": "Alice" }),
    );
    let xml = tape
        .wire
        .get("iq set c1")
        .expect("sent")
        .replace("id=\"c1\"", "id=\"zz\"");
    tape.gets(0.1, "callee", &xml);
    let ladder = tape.ladder(Vec::new());
    assert_eq!(ladder.arrows.len(), 1);
    assert_eq!(ladder.arrows[0].fate, Fate::Arrived);
}

#[test]
fn colours_are_only_added() {
    let tape = connected();
    let look = Look {
        color: true,
        ..Look::default()
    };
    let colored = whole(&tape.ladder(Vec::new()), look);
    assert!(colored.contains('\u{1b}'));
    assert_eq!(anstream::adapter::strip_str(&colored).to_string(), tape.drawn());
}
