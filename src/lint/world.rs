//! The world of a lint: a server that does everything right, and signals under way between the bots.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use crate::bot::{Input, Output};
use crate::profile::Class;
use crate::scenario::{Action, Answered, AnsweredBy, Expect, Pattern, Step};
use crate::stanza::{CLIENT, IqType, STANZA_ERRORS, Stanza, bare, escape, fold, resource, written};

/// What is under way to somebody.
#[derive(Debug)]
struct Flight {
    from: String,
    to: String,
    input: Cargo,
}

#[derive(Debug)]
enum Cargo {
    Element(Stanza),
    Connected(String),
    Ended,
}

/// Which of the signals that are under way is delivered next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Order {
    /// As they were sent: what a fast server does.
    Sent,
    /// This actor gets its own last of all.
    LastTo(String),
    /// This actor's are delivered last of all.
    LastFrom(String),
}

#[derive(Debug)]
pub(super) struct World {
    class: Class,
    order: Order,
    /// Whether a relay rings every device of a bare JID: some do, as their profile says.
    rings: bool,
    /// Full JIDs of those who are connected, by actor.
    seats: BTreeMap<String, String>,
    /// Bare JIDs by the user's name.
    users: BTreeMap<String, String>,
    under_way: VecDeque<Flight>,
    /// The ids of what the server has answered in the place of its receivers.
    rung: BTreeSet<String>,
    /// Call labels by callId, as far as a signal has shown them.
    pub calls: BTreeMap<String, String>,
    made: u64,
}

impl World {
    pub fn new(class: Class, order: Order, rings: bool, users: BTreeMap<String, String>) -> World {
        World {
            class,
            order,
            rings,
            seats: BTreeMap::new(),
            users,
            under_way: VecDeque::new(),
            rung: BTreeSet::new(),
            calls: BTreeMap::new(),
            made: 0,
        }
    }

    /// Does what the script says. `step`: what it is just sending, if it is.
    pub fn take(&mut self, output: Output, step: Option<&Step>) {
        match output {
            Output::Connect {
                who,
                account,
                resource,
            } => {
                let bare = self.users.get(&account).cloned().unwrap_or_default();
                let jid = format!("{bare}/{resource}");
                self.leave(&who);
                self.seats.insert(who.clone(), jid.clone());
                self.send("", &who, Cargo::Connected(jid));
            }
            Output::Disconnect { who } => {
                self.seats.remove(&who);
                self.send("", &who, Cargo::Ended);
            }
            Output::Cut { who } => self.leave(&who),
            Output::Send { who, raw } => {
                // What is no XML at all is the server's to deal with.
                if let Ok(stanza) = Stanza::parse(raw) {
                    self.route(&who, &stanza, step);
                }
            }
            _ => {}
        }
    }

    fn leave(&mut self, who: &str) {
        self.seats.remove(who);
        self.under_way.retain(|flight| flight.to != who);
    }

    /// What arrives next, if anything is under way.
    pub fn next(&mut self) -> Option<Input> {
        let late = |flight: &Flight| match &self.order {
            Order::Sent => false,
            Order::LastTo(who) => flight.to == *who,
            Order::LastFrom(who) => flight.from == *who,
        };
        let at = self
            .under_way
            .iter()
            .position(|flight| !late(flight))
            .unwrap_or(0);
        let Flight { to: who, input, .. } = self.under_way.remove(at)?;
        Some(match input {
            Cargo::Element(stanza) => Input::Element {
                who,
                stanza,
                arrived: std::time::Duration::ZERO,
            },
            Cargo::Connected(jid) => Input::Connected { who, jid },
            Cargo::Ended => Input::Ended {
                who,
                how: "the stream was closed".into(),
            },
        })
    }

    fn send(&mut self, from: &str, to: &str, input: Cargo) {
        self.under_way.push_back(Flight {
            from: from.to_owned(),
            to: to.to_owned(),
            input,
        });
    }

    fn deliver(&mut self, from: &str, to: &str, text: String) {
        if let Ok(stanza) = Stanza::parse(text) {
            self.send(from, to, Cargo::Element(stanza));
        }
    }

    fn route(&mut self, who: &str, stanza: &Stanza, step: Option<&Step>) {
        let Some(own) = self.seats.get(who).cloned() else {
            return;
        };
        let to = fold(stanza.to().unwrap_or(bare(&own)));
        let Some(text) = stamped(stanza, &own) else { return };
        let answered = step.and_then(|step| match &step.action {
            Action::Send(send) => send.answered.clone(),
            _ => None,
        });
        match stanza.iq_type() {
            Some(IqType::Set | IqType::Get) => {
                let breaks = matches!(step.map(|step| &step.action), Some(Action::Send(send)) if !send.breaks.is_empty());
                self.ask(who, stanza, &to, text, answered, breaks);
            }
            Some(IqType::Result | IqType::Error) if self.rung.contains(stanza.id().unwrap_or_default()) => {}
            Some(_) => {
                if let Some(other) = self.seat(&to) {
                    self.deliver(who, &other, text);
                }
            }
            None if stanza.is_message() => {
                for other in self.readers(&to) {
                    self.deliver(who, &other, text.clone());
                }
            }
            None => {}
        }
    }

    fn ask(
        &mut self,
        who: &str,
        stanza: &Stanza,
        to: &str,
        text: String,
        answered: Option<Answered>,
        breaks: bool,
    ) {
        let wanted = answered.map(|answered| answered.by);
        // The server's answers are what the scenario says: which it gives is what a run finds out.
        let error = |default: &str| {
            match &wanted {
                Some(AnsweredBy::Error(conditions)) => conditions.first().cloned(),
                _ => None,
            }
            .unwrap_or_else(|| default.to_owned())
        };
        let is_signal = stanza.calls().next().is_some();
        let judged = self.class == Class::Enforcing && is_signal;
        if judged && breaks && !matches!(wanted, Some(AnsweredBy::Result)) {
            self.refuse(who, stanza, &error("unexpected-request"));
            return;
        }
        let rings =
            self.class == Class::Enforcing || (self.rings && !matches!(wanted, Some(AnsweredBy::Error(_))));
        // It rings every device, and answers for them.
        if is_signal && rings && resource(to).is_none() && !self.readers(to).is_empty() {
            for other in self.readers(to) {
                self.deliver(who, &other, text.clone());
            }
            self.rung.insert(stanza.id().unwrap_or_default().to_owned());
            self.reply(who, stanza, None);
            return;
        }
        if stanza.id().unwrap_or_default().is_empty() {
            self.refuse(who, stanza, "bad-request");
            return;
        }
        match self.seat(to) {
            // A server may refuse what is larger than it takes.
            Some(_) if text.len() > LARGE && matches!(wanted, Some(AnsweredBy::Error(_))) => {
                self.refuse(who, stanza, &error("policy-violation"));
            }
            Some(other) => self.deliver(who, &other, text),
            None if resource(to).is_none() && !is_signal && !matches!(wanted, Some(AnsweredBy::Error(_))) => {
                self.reply(who, stanza, None);
            }
            None => self.refuse(who, stanza, &error("service-unavailable")),
        }
    }

    fn refuse(&mut self, who: &str, stanza: &Stanza, condition: &str) {
        self.reply(who, stanza, Some(condition));
    }

    /// The server's own answer.
    fn reply(&mut self, who: &str, stanza: &Stanza, condition: Option<&str>) {
        let attribute = |name: &str, value: Option<&str>| {
            value
                .map(|value| format!(r#" {name}="{}""#, escape(value)))
                .unwrap_or_default()
        };
        let (id, from) = (attribute("id", stanza.id()), attribute("from", stanza.to()));
        let text = match condition {
            None => format!(r#"<iq xmlns="{CLIENT}" type="result"{id}{from}/>"#),
            Some(condition) => format!(
                r#"<iq xmlns="{CLIENT}" type="error"{id}{from}><error type="cancel"><{condition} xmlns="{STANZA_ERRORS}"/></error></iq>"#
            ),
        };
        self.deliver("", who, text);
    }

    fn seat(&self, jid: &str) -> Option<String> {
        let seat = self.seats.iter().find(|(_, seat)| fold(seat) == jid)?;
        Some(seat.0.clone())
    }

    /// Whoever has this full JID, or all devices of a bare one.
    fn readers(&self, jid: &str) -> Vec<String> {
        if let Some(one) = self.seat(jid) {
            return vec![one];
        }
        let devices = self.seats.iter().filter(|(_, seat)| bare(&fold(seat)) == jid);
        devices.map(|(who, _)| who.clone()).collect()
    }

    /// An enforcing server ends calls by itself: the hangup that this step waits for, if it is one.
    pub fn end_a_call(&mut self, expect: &Expect) -> bool {
        let Pattern::Signal { kind, call } = &expect.pattern else {
            return false;
        };
        let known = self.calls.iter().find(|(_, label)| *label == call);
        let (Class::Enforcing, crate::protocol::Kind::Hangup, Some((id, _))) = (self.class, *kind, known)
        else {
            return false;
        };
        let mut signal = serde_json::json!({
            "type": "call:hangup",
            "callId": id,
            "senderId": "00000000-0000-4000-8000-000000000000",
            "recipientId": "00000000-0000-4000-8000-000000000001",
            "timestamp": "2026-01-01T00:00:00Z",
            "payload": { "reason": "failed" },
        });
        for (pointer, value) in &expect.equals {
            if let Some(place) = signal.pointer_mut(pointer) {
                *place = value.clone();
            }
        }
        self.made += 1;
        let domain = self.users.values().next().and_then(|jid| jid.split_once('@'));
        let from = match &expect.from {
            Some(from) => self.seats.get(from).cloned().unwrap_or_else(|| from.clone()),
            None => domain.map_or_else(String::new, |(_, domain)| domain.to_owned()),
        };
        let text = format!(
            r#"<iq xmlns="{CLIENT}" type="set" from="{}" id="made-{}"><call xmlns="{}">{}</call></iq>"#,
            escape(&from),
            self.made,
            crate::protocol::NAMESPACE,
            escape(&signal.to_string())
        );
        let who = expect.who.clone();
        self.deliver("", &who, text);
        true
    }
}

/// A signal that a server may find too large (RFC 6120 §13.12).
const LARGE: usize = 10_000;

/// The stanza with its true sender.
fn stamped(stanza: &Stanza, from: &str) -> Option<String> {
    let mut element = stanza.element().clone();
    element.set_attr(rxml::Namespace::NONE, rxml::xml_ncname!("from").to_owned(), from);
    written(element)
}
