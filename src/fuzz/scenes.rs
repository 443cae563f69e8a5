//! Moves that are little scenes of their own, with calls that no other move is about: chat, a user whose devices all ring,
//! many calls, and a call that reaches nobody.

use std::time::Duration;

use serde_json::{Map, Value, json};

use super::board::NEARLY;
use super::coverage::Trait;
use super::steps::{Writer, expect, payload, send, signal};
use super::walk::{Many, Rung, Then};
use crate::protocol::{Kind, Reason};
use crate::scenario::{Action, Answered, AnsweredBy, Expect, Pattern, Send, What};
use crate::stanza::NOBODY;

/// So many calls any server holds; where one beyond them is lost, it has too many.
const FEW: u64 = 20;
/// An initiate that is sound but for its `from`.
const FORGED: &str = r#"<iq xmlns='jabber:client' type='set' id='forged' from='{caller.jid}' to='{callee.jid}'><call xmlns='urn:xmpp:call:0'>{{"type":"call:initiate","callId":"{call.forged}","senderId":"{forger.id}","recipientId":"{callee.id}","timestamp":"{now}","payload":{{"callerName":"Mallory"}}}}</call></iq>"#;

fn says(who: &str, kind: Kind, call: &str, with: Map<String, Value>) -> Send {
    send(who, signal(kind, call, None, with))
}

fn ends(who: &str, call: &str, reason: Reason) -> Action {
    let with = payload(Kind::Hangup, Some(reason), None);
    Action::Send(says(who, Kind::Hangup, call, with))
}

/// A call's beginning, for this address.
fn calls(call: &str, address: &str, answered: Answered) -> Action {
    let initiate = signal(Kind::Initiate, call, Some(address.to_owned()), Map::new());
    asks(initiate, answered)
}

/// What the caller says, and how the server has to answer it.
fn asks(what: What, answered: Answered) -> Action {
    Action::Send(Send {
        answered: Some(answered),
        ..send("caller", what)
    })
}

fn answered(by: AnsweredBy, rule: Option<&str>) -> Answered {
    Answered {
        by,
        within: None,
        rule: rule.map(str::to_owned),
    }
}

fn hears(who: &str, kind: Kind, call: &str, rule: Option<&str>) -> Expect {
    let call = call.to_owned();
    Expect {
        rule: rule.map(str::to_owned),
        ..expect(who, Pattern::Signal { kind, call })
    }
}

impl Writer {
    pub fn chat(&mut self, from: &'static str, to: &'static str, count: u64) {
        let bodies = self.says_chat(from, to, count);
        self.hears_chat(to, bodies);
    }

    /// All of it before any is heard; what was said.
    pub fn says_chat(&mut self, from: &'static str, to: &'static str, count: u64) -> Vec<String> {
        let bodies: Vec<String> = (0..count)
            .map(|_| {
                self.chats += 1;
                format!("words {}", self.chats)
            })
            .collect();
        for body in &bodies {
            let what = What::Chat {
                to: Some(to.to_owned()),
                body: body.clone(),
            };
            self.push(Action::Send(send(from, what)));
        }
        if count > 0 {
            self.actors.extend([from, to]);
            self.covered.is(Trait::Chat);
        }
        bodies
    }

    pub fn hears_chat(&mut self, to: &str, bodies: Vec<String>) {
        for body in bodies {
            self.push(Action::Expect(expect(to, Pattern::Chat { body: Some(body) })));
        }
    }

    /// Both devices ring, and one is faster, or says no for both, or neither says anything.
    pub fn ring(&mut self, rung: Rung) {
        let call = "ring";
        let (one, other) = match rung.second {
            true => ("callee-2", "callee"),
            false => ("callee", "callee-2"),
        };
        let result = answered(AnsweredBy::Result, None);
        self.push(calls(call, "{callee.bare}", result));
        for who in ["callee", "callee-2"] {
            self.push(Action::Expect(hears(who, Kind::Initiate, call, Some("EN-04"))));
        }
        let picks_up = |who| says(who, Kind::Accept, call, Map::new());
        let told = Action::Expect(hears(other, Kind::Hangup, call, Some("EN-04")));
        match rung.then {
            Then::Accepts => {
                self.push(Action::Send(picks_up(one)));
                self.push(Action::Expect(Expect {
                    from: Some(one.to_owned()),
                    ..hears("caller", Kind::Accept, call, None)
                }));
                self.push(told);
                self.push(ends("caller", call, Reason::Failed));
                self.push(Action::Expect(hears(one, Kind::Hangup, call, None)));
            }
            Then::Races(gap) => {
                let late = Send {
                    after: Duration::from_millis(gap),
                    ..picks_up(other)
                };
                let both = [picks_up(one), late].map(|send| vec![self.step(Action::Send(send))]);
                self.push(Action::Together(both.into()));
                self.push(Action::Expect(hears("caller", Kind::Accept, call, Some("EN-04"))));
                self.push(Action::Silence {
                    who: vec!["caller".to_owned()],
                    length: Duration::from_millis(200),
                });
                self.push(ends("caller", call, Reason::Failed));
                self.push(Action::Expect(hears(one, Kind::Hangup, call, None)));
                self.push(told);
            }
            Then::Declines => {
                self.push(Action::Send(says(one, Kind::Reject, call, Map::new())));
                self.push(Action::Expect(hears("caller", Kind::Reject, call, None)));
                self.push(told);
            }
            Then::RingsOut => {
                self.push(Action::Wait(Duration::from_secs_f64(NEARLY)));
                for who in ["caller", "callee", "callee-2"] {
                    let reason = ("/payload/reason".to_owned(), json!(Reason::Timeout.wire()));
                    self.push(Action::Expect(Expect {
                        equals: vec![reason],
                        ..hears(who, Kind::Hangup, call, Some("EN-05"))
                    }));
                }
            }
        }
        self.actors.extend(["caller", "callee", "callee-2"]);
        self.covered.is(Trait::Devices);
    }

    /// In a file's own words, which have one for what is done again and again.
    pub fn crowd(&mut self, calls: u64, how: Many) {
        let says = |kind: &str, name: &str, with: &str| {
            format!("caller: {{ sends: {kind}, call: \"{name}-{{n}}\"{with} }}")
        };
        let hears = |kind: &str, name: &str, rule: &str| {
            format!("callee: {{ receives: {kind}, call: \"{name}-{{n}}\"{rule} }}")
        };
        let mut lines = Vec::new();
        let mut repeat = |times: u64, steps: &[String]| {
            let head = [
                "- repeat:".to_owned(),
                format!("    times: {times}"),
                "    as: n".to_owned(),
                "    steps:".to_owned(),
            ];
            let steps = steps.iter().map(|step| format!("      - {step}"));
            lines.extend(head.into_iter().chain(steps));
        };
        let parts = [
            ("one", calls.min(FEW), ""),
            ("more", calls.saturating_sub(FEW), ", rule: RB-07"),
        ];
        let parts = parts.into_iter().filter(|(_, times, _)| *times > 0);
        if how == Many::AtOnce {
            for (name, times, _) in parts.clone() {
                repeat(times, &[says("initiate", name, "")]);
            }
        }
        for (name, times, rule) in parts {
            let heard = hears("initiate", name, rule);
            match how {
                Many::AtOnce => repeat(times, &[heard]),
                Many::Left => repeat(times, &[says("initiate", name, ""), heard]),
                Many::Ended => {
                    let hangup = says("hangup", name, ", with: { reason: cancelled }");
                    let over = hears("hangup", name, "");
                    repeat(times, &[says("initiate", name, ""), heard, hangup, over]);
                }
            }
        }
        self.carried.push((self.steps.len(), lines));
        self.actors.extend(["caller", "callee"]);
        self.covered.is(Trait::Interleaved);
        if how != Many::Ended {
            self.leaves_open = Some("many calls are left where they are");
        }
    }

    pub fn astray(&mut self, bare: bool, ends: bool) {
        let call = "astray";
        let (address, errors, rule) = match bare {
            true => ("{callee.bare}", &NOBODY[..1], "RT-10"),
            false => ("{callee.bare}/nobody-here", &NOBODY[..], "RT-07"),
        };
        let errors = errors.iter().map(|error| (*error).to_owned()).collect();
        let error = answered(AnsweredBy::Error(errors), Some(rule));
        self.push(calls(call, address, error.clone()));
        if ends {
            let with = payload(Kind::Hangup, Some(Reason::Cancelled), None);
            let hangup = signal(Kind::Hangup, call, Some(address.to_owned()), with);
            self.push(asks(hangup, error));
        }
        self.actors.extend(["caller", "callee"]);
        self.leaves_open.get_or_insert("nobody was reached");
    }

    /// Somebody calls in the caller's name. A server may overwrite the `from`, so that it rings under the true one; refuse
    /// it; or end the stream, which is why it is nobody's who is needed later on.
    pub fn forge(&mut self) {
        let xml = Value::from(FORGED);
        let lines = [
            format!("- forger: {{ sends: stanza, xml: {xml} }}"),
            "- callee: { receives: initiate, call: forged, from: forger, optional: true, within: 500ms }"
                .into(),
            "- forger: { receives: stream-error, condition: [invalid-from], optional: true, within: 500ms }"
                .into(),
            "- forger: { receives: close, optional: true, within: 500ms }".into(),
        ];
        self.carried.push((self.steps.len(), lines.into()));
        self.actors.extend(["caller", "callee", "forger"]);
        self.covered.is(Trait::ThirdParty);
        self.leaves_open
            .get_or_insert("whether a forged call rings is up to the server");
    }
}
