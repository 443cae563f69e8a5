//! What a play has shown, as errors that stand where the scenario's author looks.

use std::collections::{BTreeMap, BTreeSet};

use super::play::Play;
use super::steps::step_number;
use super::world::Order;
use crate::profile::Class;
use crate::protocol::Kind;
use crate::rules::{Blame, Finding};
use crate::scenario::{Action, Error, Expect, Pattern, Place, Step, What};
use crate::transcript::Event;

/// An announced breach: the step and the rule.
type Announced = (Place, String);

/// What has come of the plays of a scenario so far.
#[derive(Default)]
pub(super) struct Report {
    pub errors: Vec<Error>,
    /// What is announced, and where it is told if it never happens.
    announced: BTreeMap<Announced, Error>,
    broken: BTreeSet<Announced>,
    /// What is announced and can be read in two ways, so that it is no breach.
    doubtful: BTreeSet<Announced>,
    /// Breaches of the case at hand that nobody announced, by step and rule: in how many orders, the sentence, and
    /// what would be right.
    pub breaches: BTreeMap<(usize, &'static str), (usize, String, String)>,
}

impl Report {
    fn tell(&mut self, error: Error) {
        if !self.errors.contains(&error) {
            self.errors.push(error);
        }
    }

    /// Tells what is announced and was never broken, where nothing else is wrong.
    pub fn tell_unbroken(&mut self) {
        if !self.errors.is_empty() {
            return;
        }
        for (which, mut error) in std::mem::take(&mut self.announced) {
            if self.broken.contains(&which) {
                continue;
            }
            let rule = &which.1;
            error.message = match self.doubtful.contains(&which) {
                true => format!("{rule} is announced, and it can be read either way here: it is no breach"),
                false => format!("{rule} is announced, and nothing breaks it here"),
            };
            self.errors.push(error);
        }
    }

    /// Tells what a case that was played in so many orders broke without saying so.
    pub fn tell_breaches(&mut self, play: &Play<'_>, orders: usize) {
        for ((step, rule), (count, message, wanted)) in std::mem::take(&mut self.breaches) {
            let Some(told) = play.steps.get(step).copied() else {
                continue;
            };
            let (when, hint) = match count == orders {
                true => ("", format!("; a breach on purpose says breaks: [{rule}]")),
                false => (
                    " in one order of events",
                    "; let it receive first what it depends on".to_owned(),
                ),
            };
            let message = format!("{rule}{when}: {message}");
            self.tell(play.error(step, told, message, Some(format!("right: {wanted}{hint}"))));
        }
    }
}

impl Play<'_> {
    pub(super) fn finding(&self, finding: &Finding, report: &mut Report) {
        let sent = finding.events.iter().rev().find_map(|n| self.sent.get(n));
        let Some((number, step)) = sent.and_then(|number| Some((*number, *self.steps.get(*number)?))) else {
            return;
        };
        let which = (self.place(number, step), finding.rule.id.to_owned());
        match finding.blame {
            Blame::Announced => {
                report.broken.insert(which);
            }
            Blame::Nobody => {
                report.doubtful.insert(which);
            }
            Blame::Ourselves => {
                let name = format!("{}: ", finding.party);
                let message = finding.message.trim_end_matches('.');
                let message = message.strip_prefix(&name).unwrap_or(message).to_owned();
                let first = || (0, message, finding.wanted.clone());
                let breach = report
                    .breaches
                    .entry((number, finding.rule.id))
                    .or_insert_with(first);
                breach.0 += 1;
            }
            Blame::Server | Blame::Client => {}
        }
    }

    pub(super) fn announce(&self, report: &mut Report) {
        if self.order != Order::Sent {
            return;
        }
        for (number, step) in self.steps.iter().enumerate() {
            let Action::Send(send) = &step.action else {
                continue;
            };
            if self.raw.contains(&send.who) {
                continue;
            }
            for rule in &send.breaks {
                let which = (self.place(number, step), rule.clone());
                report.announced.entry(which).or_insert_with(|| {
                    self.error(
                        number,
                        step,
                        String::new(),
                        Some("take it out of `breaks`".into()),
                    )
                });
            }
        }
    }

    pub(super) fn missed(&self, event: &Event, report: &mut Report) {
        let note = event.note.as_deref().unwrap_or_default();
        let from_note = || step_number(note.rsplit_once('(')?.1.trim_end_matches(')'));
        let number = event.step.as_deref().and_then(step_number).or_else(from_note);
        let Some((number, step)) = number.and_then(|number| Some((number, *self.steps.get(number)?))) else {
            return;
        };
        let seen = without_numbers(event.seen.as_deref().unwrap_or(note));
        let wanted = event.wanted.as_deref().unwrap_or_default();
        let never = format!("this can never be met: {wanted}");
        // What a raw line says may reach others in ways that are not played here.
        if !self.raw.is_empty() {
            return;
        }
        let nobody = match &step.action {
            Action::Expect(expect) => self.nobody(expect),
            _ => None,
        };
        let (message, hint) = match &step.action {
            // What an enforcing server lets through, what it refuses and what it says itself is its own affair.
            _ if self.class == Class::Enforcing && nobody.is_none() => return,
            Action::Silence { .. } => (format!("it is never silent here: {seen}"), None),
            Action::Expect(expect) => (never, nobody.or_else(|| as_meant(expect)).or(Some(seen))),
            Action::Send(_) => (never, Some(seen)),
            _ => (format!("this cannot be played: {seen}"), None),
        };
        report.tell(self.error(number, step, message, hint));
    }

    /// If nobody ever sends what is waited for.
    fn nobody(&self, expect: &Expect) -> Option<String> {
        let Pattern::Signal { kind, call } = &expect.pattern else {
            return None;
        };
        let labels: BTreeSet<&str> = self.steps.iter().filter_map(|step| label(step)).collect();
        if !labels.is_empty() && !labels.contains(call.as_str()) {
            let near = crate::yaml::did_you_mean(call, labels.into_iter()).unwrap_or_default();
            return Some(
                format!("nobody sends anything on the call `{call}` {near}")
                    .trim_end()
                    .to_owned(),
            );
        }
        let may_send = |step: &&Step| match &step.action {
            Action::Send(send) if send.who != expect.who => match &send.what {
                What::Signal { kind: sent, .. } => sent == kind,
                What::Stanza { .. } => true,
                What::Chat { .. } | What::Opening { .. } | What::Closing | What::Frame { .. } => false,
            },
            _ => false,
        };
        let anybody = self.steps.iter().any(may_send);
        let server = self.class == Class::Enforcing && *kind == Kind::Hangup;
        (!anybody && !server).then(|| format!("nobody else sends {}", kind.name()))
    }

    /// Where it is told: in the scenario's own file.
    fn place(&self, number: usize, step: &Step) -> Place {
        self.scenario
            .site(self.number, number)
            .unwrap_or(&step.place)
            .clone()
    }

    pub(super) fn error(
        &self,
        number: usize,
        step: &Step,
        mut message: String,
        hint: Option<String>,
    ) -> Error {
        if self.scenario.site(self.number, number).is_some() {
            let Place { file, line, .. } = &step.place;
            message = format!("{message} (in the fragment {file}:{line})");
        }
        if !self.case.matrix.is_empty() && !message.is_empty() {
            message = format!("{message} [{}]", self.case.matrix.join(", "));
        }
        self.scenario.error(&self.place(number, step), message, hint)
    }
}

fn label(step: &Step) -> Option<&str> {
    match &step.action {
        Action::Send(send) => match &send.what {
            What::Signal { call, .. } => Some(call),
            What::Stanza { .. } => Some("main"),
            What::Chat { .. } | What::Opening { .. } | What::Closing | What::Frame { .. } => None,
        },
        _ => None,
    }
}

/// What is written reads as something else than was meant.
fn as_meant(expect: &Expect) -> Option<String> {
    let word = |(_, value): &&(String, serde_json::Value)| {
        matches!(value.as_str(), Some("no" | "yes" | "on" | "off"))
    };
    let (_, value) = expect.equals.iter().find(word)?;
    Some(format!("{value} is a text: a truth value is true or false"))
}

/// Event numbers mean something in a transcript only.
fn without_numbers(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once(" (event ") {
        out.push_str(before);
        rest = after.split_once(')').map_or("", |(_, rest)| rest);
    }
    out + rest
}
