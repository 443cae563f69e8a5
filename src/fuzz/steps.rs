//! An ordering as the scenario that is played: the breaches are announced as each sender's own view has them.

use std::collections::BTreeSet;
use std::time::Duration;

use serde_json::{Map, Value, json};

use super::board::{Board, Deed, Said};
use super::coverage::{Covered, Trait};
use super::file::yaml;
use super::payload::Payload;
use super::source::{FILE, Rendered, Title, read};
use super::walk::{Call, Ordering, Parting, Reply, Signal};
use crate::profile::Class;
use crate::protocol::{Kind, Reason, Role};
use crate::scenario::{
    Action, Actor, Answer, Answered, AnsweredBy, Case, Connection, Expect, Pattern, Place, Send, Step, Verb,
    What,
};
use crate::stanza::NOBODY;

/// How long a step waits for what may come and need not.
const PERHAPS: Duration = Duration::from_secs(1);

pub(super) struct Writer {
    class: Class,
    pub steps: Vec<Step>,
    pub chats: usize,
    pub actors: BTreeSet<&'static str>,
    rules: Vec<&'static str>,
    pub covered: Covered,
    breaches: usize,
    doubts: usize,
    unclear: bool,
    canary: Option<usize>,
    /// Lines of payloads, and how many steps stand before them.
    pub carried: Vec<(usize, Vec<String>)>,
    /// Why what is in it may leave a call open.
    pub leaves_open: Option<&'static str>,
}

/// The place of the step of this number, as long as there is no file.
pub(super) fn place(number: usize) -> Place {
    Place {
        file: FILE.into(),
        line: number + 1,
        column: 1,
    }
}

pub(super) fn expect(who: &str, pattern: Pattern) -> Expect {
    Expect {
        who: who.to_owned(),
        pattern,
        within: None,
        equals: Vec::new(),
        matches: Vec::new(),
        absent: Vec::new(),
        from: None,
        captures: Vec::new(),
        next: false,
        optional: false,
        rule: None,
        answer: None,
    }
}

pub(super) fn payload(kind: Kind, reason: Option<Reason>, muted: Option<bool>) -> Map<String, Value> {
    let mut with = Map::new();
    if let Some(reason) = reason {
        with.insert("reason".into(), json!(reason.wire()));
    }
    if let Some(muted) = muted.filter(|_| kind == Kind::MuteChange) {
        with.insert("muted".into(), json!(muted));
    }
    with
}

pub(super) fn signal(kind: Kind, call: &str, to: Option<String>, with: Map<String, Value>) -> What {
    What::Signal {
        kind,
        call: call.to_owned(),
        to,
        with,
        without: Vec::new(),
        envelope: Map::new(),
        id: None,
    }
}

/// What is sent at once, in the usual way.
pub(super) fn send(who: &str, what: What) -> Send {
    Send {
        who: who.to_owned(),
        what,
        after: Duration::ZERO,
        answered: None,
        breaks: Vec::new(),
    }
}

impl Writer {
    pub fn step(&mut self, action: Action) -> Step {
        let place = place(self.steps.len());
        Step { place, action }
    }

    pub fn push(&mut self, action: Action) {
        let step = self.step(action);
        self.steps.push(step);
    }

    fn acts(&mut self, who: &'static str, verb: Verb) {
        self.actors.insert(who);
        self.push(Action::Connection(Connection {
            who: who.to_owned(),
            verb,
            after: Duration::ZERO,
        }));
    }

    fn breaks(&mut self, rules: &[&'static str]) -> Vec<String> {
        for rule in rules {
            if !self.rules.contains(rule) {
                self.rules.push(rule);
            }
        }
        self.breaches += usize::from(!rules.is_empty());
        rules.iter().map(|rule| (*rule).to_owned()).collect()
    }

    fn said(&mut self, said: &Said) -> Action {
        let (call, weighed) = (said.call, &said.weighed);
        let (who, other) = (call.actor(said.role), call.actor(said.role.other()));
        self.actors.extend([who, other]);
        self.covered.signal(call, weighed);
        self.doubts += usize::from(weighed.doubtful);
        self.unclear |= weighed.unclear;
        if call == Call::Canary {
            self.canary.get_or_insert(self.steps.len());
        }
        let breaks = self.breaks(&weighed.breaks);
        let answered = if said.bounces {
            Some(Answered {
                by: AnsweredBy::Error(NOBODY.map(str::to_owned).to_vec()),
                within: None,
                rule: Some("RT-09".into()),
            })
        } else {
            (self.class == Class::Enforcing && !breaks.is_empty()).then_some(Answered {
                by: AnsweredBy::Any,
                within: None,
                rule: None,
            })
        };
        let act = &weighed.act;
        let to = call.is_addressed().then(|| other.to_owned());
        Action::Send(Send {
            who: who.to_owned(),
            what: signal(
                act.kind,
                &call.label(),
                to,
                payload(act.kind, act.reason, act.muted),
            ),
            after: Duration::from_millis(said.gap),
            answered,
            breaks,
        })
    }

    fn hear(&mut self, call: Call, role: Role, kind: Kind, reply: Reply, perhaps: bool) {
        let pattern = Pattern::Signal {
            kind,
            call: call.label().into_owned(),
        };
        let answer = match reply {
            Reply::Result => None,
            Reply::Error => Some(Answer::Error("unexpected-request".into())),
            Reply::Withheld => Some(Answer::Withhold),
            Reply::Late(time) => Some(Answer::After(Duration::from_millis(time))),
        };
        if answer.is_some() {
            self.covered.is(Trait::Answers);
        }
        let expect = expect(call.actor(role), pattern);
        self.push(Action::Expect(Expect {
            answer,
            optional: perhaps,
            within: perhaps.then_some(PERHAPS),
            ..expect
        }));
    }

    /// A hangup of the server's own.
    fn told(&mut self, call: &str, who: &str, reason: Option<Reason>, rule: &str) {
        let pattern = Pattern::Signal {
            kind: Kind::Hangup,
            call: call.to_owned(),
        };
        let reason = reason.map(|reason| ("/payload/reason".to_owned(), json!(reason.wire())));
        self.push(Action::Expect(Expect {
            equals: reason.into_iter().collect(),
            rule: Some(rule.to_owned()),
            ..expect(who, pattern)
        }));
    }

    fn stray(&mut self, to: &'static str, told: Signal, heard: bool) {
        let breaks = self.breaks(&["ST-11"]);
        let with = payload(told.kind, told.reason, Some(true));
        self.push(Action::Send(Send {
            who: "mallory".into(),
            what: signal(told.kind, &Call::Main.label(), Some(to.to_owned()), with),
            after: Duration::ZERO,
            answered: (!heard).then(|| Answered {
                by: AnsweredBy::Error(vec!["forbidden".into()]),
                within: None,
                rule: Some("EN-06".into()),
            }),
            breaks,
        }));
        if heard {
            let pattern = Pattern::Signal {
                kind: told.kind,
                call: Call::Main.label().into_owned(),
            };
            self.push(Action::Expect(Expect {
                from: Some("mallory".into()),
                ..expect(to, pattern)
            }));
        }
        self.actors.extend(["mallory", to]);
        self.covered.is(Trait::ThirdParty);
    }

    /// A payload says in a file's own words what it is: there are more of them than a walk's steps need.
    fn carry(&mut self, payload: &Payload) {
        let label = match self.carried.len() {
            0 => Call::Main.label().into_owned(),
            before => format!("payload-{}", before + 1),
        };
        self.breaks(&payload.breaks);
        self.actors.extend(payload.actors());
        self.covered.sorts.push(payload.sort);
        if payload.leaves_open() {
            self.leaves_open = Some("what it sends may leave its call open");
        }
        self.carried
            .push((self.steps.len(), payload.steps(self.class, &label).0));
    }

    fn write(&mut self, deed: Deed) {
        match deed {
            Deed::Say(said) => {
                let action = self.said(&said);
                self.push(action);
            }
            Deed::Cross(both) => {
                let branches = both.iter().map(|said| {
                    let action = self.said(said);
                    vec![self.step(action)]
                });
                let branches = branches.collect();
                self.push(Action::Together(branches));
                self.covered.is(Trait::Crossing);
            }
            Deed::Breath { chats, said, heard } => {
                let Some(Said { call, role, .. }) = said.first() else {
                    return;
                };
                let to = call.actor(role.other());
                let bodies = self.says_chat(call.actor(*role), to, chats);
                for said in &said {
                    let action = self.said(said);
                    self.push(action);
                }
                self.hears_chat(to, bodies);
                heard.into_iter().for_each(|deed| self.write(deed));
            }
            Deed::Hear {
                call,
                role,
                kind,
                reply,
                perhaps,
            } => self.hear(call, role, kind, reply, perhaps),
            Deed::Told {
                call,
                role,
                reason,
                rule,
            } => self.told(&call.label(), call.actor(role), Some(reason), rule),
            Deed::Chat { from, to, count } => self.chat(from, to, count),
            Deed::Wait(time) => self.push(Action::Wait(Duration::from_millis(time))),
            Deed::Quiet(who) => {
                self.actors.insert(who);
                self.push(Action::Silence {
                    who: vec![who.to_owned()],
                    length: Duration::from_millis(200),
                });
                self.covered.is(if who == "callee-2" {
                    Trait::Devices
                } else {
                    Trait::ThirdParty
                });
            }
            Deed::Leave(who, parting) => {
                self.covered.is(Trait::Returns);
                self.acts(
                    who,
                    match parting {
                        Parting::Closes => Verb::Disconnect,
                        Parting::Breaks => Verb::Cut,
                    },
                );
            }
            Deed::Come(who) => self.acts(who, Verb::Connect),
            Deed::Stray { to, signal, heard } => self.stray(to, signal, heard),
            Deed::Ring(rung) => self.ring(rung),
            Deed::Crowd { calls, how } => self.crowd(calls, how),
            Deed::Astray { bare, ends } => self.astray(bare, ends),
            Deed::Forge => self.forge(),
            Deed::Carry(payload) => self.carry(&payload),
        }
    }
}

/// The scenario of these moves.
pub(super) fn render(ordering: &Ordering, title: &Title<'_>) -> Rendered {
    let class = ordering.class;
    let mut board = Board::new(class);
    let mut out = Writer {
        class,
        steps: Vec::new(),
        chats: 0,
        actors: BTreeSet::new(),
        rules: Vec::new(),
        covered: Covered::default(),
        breaches: 0,
        doubts: 0,
        unclear: false,
        canary: None,
        carried: Vec::new(),
        leaves_open: None,
    };
    let mut begins = Vec::with_capacity(ordering.moves.len());
    for step in &ordering.moves {
        begins.push(out.steps.len());
        for deed in board.take(step) {
            out.write(deed);
        }
    }
    out.covered.breaches(out.breaches);
    let mut rules: Vec<String> = title.rule.map(str::to_owned).into_iter().collect();
    for rule in &out.rules {
        if !rules.iter().any(|other| other == rule) {
            rules.push((*rule).to_owned());
        }
    }
    if rules.is_empty() {
        rules.push("RT-03".into());
    }
    let cast = [
        ("caller", "alice"),
        ("callee", "bob"),
        ("callee-2", "bob"),
        ("other", "carol"),
        ("mallory", "mallory"),
        ("forger", "mallory"),
        ("line", "mallory"),
    ];
    let cast = cast.into_iter().filter(|(name, _)| out.actors.contains(name));
    let cast = cast.map(|(name, user)| Actor {
        name: name.to_owned(),
        user: user.to_owned(),
        connected: true,
        presence: false,
        raw: name == "line",
    });
    let open = board.is_open() || board.abandoned;
    let why = out
        .leaves_open
        .or(open.then_some("the ordering ends in the middle of a call"));
    let case = Case {
        name: title.name.to_owned(),
        about: title.about.to_owned(),
        place: place(0),
        rules,
        tags: vec!["fuzz".into()],
        matrix: Vec::new(),
        classes: vec![class],
        needs: Vec::new(),
        cast: cast.collect(),
        steps: out.steps,
        quiet: None,
        leaves_open: why.map(str::to_owned),
    };
    let rendered = Rendered {
        case: case.into(),
        text: None,
        covered: out.covered,
        breaches: out.breaches,
        certain: !ordering.moves.is_empty() && !out.unclear && (class == Class::Relay || out.doubts == 0),
        canary: out.canary,
        begins,
    };
    if out.carried.is_empty() {
        return rendered;
    }
    with_payloads(rendered, &out.carried)
}

/// What a file says that has these lines besides.
fn with_payloads(rendered: Rendered, carried: &[(usize, Vec<String>)]) -> Rendered {
    let text = yaml(&rendered.case, rendered.canary, carried);
    let Some(case) = read(&text).and_then(|scenario| scenario.cases().first().cloned()) else {
        return Rendered {
            certain: false,
            ..rendered
        };
    };
    // What stands after all payloads is the canary, which is no fragment.
    let after = rendered.canary.map(|at| rendered.case.steps.len() - at);
    Rendered {
        canary: after.and_then(|after| case.steps.len().checked_sub(after)),
        case: case.into(),
        text: Some(text),
        begins: Vec::new(),
        ..rendered
    }
}
