//! Steps for somebody who is not connected.

use std::collections::BTreeMap;

use crate::scenario::{Action, Case, Error, Pattern, Place, Scenario, Step, Verb};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Link {
    Up,
    Down,
    /// It depends on the target, or on what is done side by side.
    Unknown,
}

struct Walk<'a> {
    scenario: &'a Scenario,
    links: BTreeMap<String, Link>,
    errors: &'a mut Vec<Error>,
}

pub(super) fn check(scenario: &Scenario, case: usize, errors: &mut Vec<Error>) {
    let Some(case) = scenario.cases().get(case) else {
        return;
    };
    let mut walk = Walk {
        scenario,
        links: first(case),
        errors,
    };
    walk.steps(&case.steps);
}

fn first(case: &Case) -> BTreeMap<String, Link> {
    let link = |connected| if connected { Link::Up } else { Link::Down };
    let cast = case.cast.iter();
    let first = |actor: &crate::scenario::Actor| match actor.raw {
        // What becomes of a raw line is what its scenario is about.
        true => Link::Unknown,
        false => link(actor.connected),
    };
    cast.map(|actor| (actor.name.clone(), first(actor))).collect()
}

impl Walk<'_> {
    fn steps(&mut self, steps: &[Step]) {
        for step in steps {
            self.step(step);
        }
    }

    fn step(&mut self, step: &Step) {
        match &step.action {
            Action::Send(send) => self.has_to_be(&send.who, Link::Up, &step.place, "send anything"),
            Action::Answers { .. } | Action::Wait(_) | Action::KeepAlive => {}
            Action::Silence { who, .. } => {
                if let [one] = who.as_slice() {
                    self.has_to_be(one, Link::Up, &step.place, "hear anything");
                }
            }
            Action::Expect(expect) => {
                if matches!(expect.pattern, Pattern::Close | Pattern::StreamError { .. }) {
                    let link = match (&expect.pattern, expect.optional) {
                        (Pattern::Close, false) => Link::Down,
                        _ => Link::Unknown,
                    };
                    self.links.insert(expect.who.clone(), link);
                }
            }
            Action::Connection(connection) => {
                let (before, after) = match connection.verb {
                    Verb::Connect => (Some(Link::Down), Link::Up),
                    Verb::Disconnect | Verb::Cut => (Some(Link::Up), Link::Down),
                    Verb::Reconnect => (None, Link::Up),
                };
                if let Some(before) = before {
                    let what = if before == Link::Up { "leave" } else { "connect" };
                    self.has_to_be(&connection.who, before, &step.place, what);
                }
                self.links.insert(connection.who.clone(), after);
            }
            Action::Line(line) => {
                self.links.insert(line.who.clone(), Link::Unknown);
            }
            Action::Together(branches) => self.together(branches),
            Action::AnyOrder(steps) => self.steps(steps),
            Action::When { steps, .. } => self.either(&[steps.as_slice(), &[]]),
        }
    }

    /// What a branch does to the connection of somebody else's step, nobody can say.
    fn together(&mut self, branches: &[Vec<Step>]) {
        let before = self.links.clone();
        for (at, branch) in branches.iter().enumerate() {
            self.links = before.clone();
            for (other, steps) in branches.iter().enumerate() {
                if other != at {
                    changed(steps, &mut |who| {
                        self.links.insert(who.to_owned(), Link::Unknown);
                    });
                }
            }
            self.steps(branch);
        }
        self.links = before;
        for steps in branches {
            let mut after = Walk {
                scenario: self.scenario,
                links: self.links.clone(),
                errors: &mut Vec::new(),
            };
            after.steps(steps);
            self.links = after.links;
        }
    }

    /// One of these lists is played; what differs after them is unknown.
    fn either(&mut self, lists: &[&[Step]]) {
        let before = self.links.clone();
        let mut joined: Option<BTreeMap<String, Link>> = None;
        for steps in lists {
            self.links = before.clone();
            self.steps(steps);
            joined = Some(match joined {
                None => self.links.clone(),
                Some(mut joined) => {
                    for (who, link) in &mut joined {
                        if self.links.get(who) != Some(link) {
                            *link = Link::Unknown;
                        }
                    }
                    joined
                }
            });
        }
        self.links = joined.unwrap_or(before);
    }

    fn has_to_be(&mut self, who: &str, link: Link, place: &Place, what: &str) {
        let now = self.links.get(who).copied().unwrap_or(Link::Unknown);
        if now == link || now == Link::Unknown {
            return;
        }
        let (message, hint) = match now {
            Link::Up => (
                format!("{who} is connected already"),
                "leave it out, or say `reconnect`".to_owned(),
            ),
            _ => (
                format!("{who} is not connected here, so it cannot {what}"),
                format!("put `{who}: {{ does: connect }}` before it"),
            ),
        };
        let error = self.scenario.error(place, message, Some(hint));
        if !self.errors.contains(&error) {
            self.errors.push(error);
        }
    }
}

/// Everybody whose connection these steps may change.
fn changed(steps: &[Step], tell: &mut dyn FnMut(&str)) {
    for step in steps {
        match &step.action {
            Action::Connection(connection) => tell(&connection.who),
            Action::Expect(expect)
                if matches!(expect.pattern, Pattern::Close | Pattern::StreamError { .. }) =>
            {
                tell(&expect.who);
            }
            Action::Together(branches) => branches.iter().for_each(|steps| changed(steps, tell)),
            Action::AnyOrder(steps) | Action::When { steps, .. } => changed(steps, tell),
            _ => {}
        }
    }
}
