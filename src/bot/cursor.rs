//! Where a scenario stands: a tree of positions, one for each list of steps that is being played.

use std::time::Duration;

use super::matching::Wanted;
use crate::scenario::{Action, Answer, AnsweredBy, Expect, Pattern, Step};

/// A list of steps and the place reached in it.
#[derive(Debug)]
pub struct Cursor {
    pub steps: Vec<Step>,
    pub next: usize,
    pub state: At,
}

/// What the step at `next` is waiting for.
#[derive(Debug)]
pub enum At {
    /// Not begun.
    Fresh,
    /// Time, before the step is done (`wait`) or before it acts (`after`).
    Until(Duration),
    Expecting {
        wanted: Box<Wanted>,
        deadline: Duration,
    },
    /// The answer to an IQ that this step sent.
    Answer {
        id: String,
        by: AnsweredBy,
        rule: Option<String>,
        deadline: Duration,
    },
    /// Nothing may come to these actors after event `since`.
    Silence {
        until: Duration,
        since: u64,
    },
    Children(Vec<Cursor>),
    /// A connection that is being made or closed.
    Linking {
        deadline: Duration,
    },
}

impl Cursor {
    pub fn new(steps: Vec<Step>) -> Cursor {
        Cursor {
            steps,
            next: 0,
            state: At::Fresh,
        }
    }

    pub fn done(&self) -> bool {
        self.next >= self.steps.len()
    }

    pub fn finish_step(&mut self) {
        self.next += 1;
        self.state = At::Fresh;
    }

    /// Every moment at which time alone moves this cursor, or a part of it.
    pub fn deadlines(&self) -> Vec<Duration> {
        match &self.state {
            At::Fresh => Vec::new(),
            At::Until(at) | At::Expecting { deadline: at, .. } | At::Answer { deadline: at, .. } => vec![*at],
            At::Silence { until, .. } => vec![*until],
            At::Linking { deadline } => vec![*deadline],
            At::Children(children) => children.iter().flat_map(Cursor::deadlines).collect(),
        }
    }

    /// Whether `who` takes nothing in now: beside others, it has something to send before it next listens.
    pub fn is_blind(&self, who: &str) -> bool {
        let At::Children(children) = &self.state else {
            return false;
        };
        children
            .iter()
            .any(|child| child.sends_first(who) || child.is_blind(who))
    }

    fn sends_first(&self, who: &str) -> bool {
        for step in self.steps.iter().skip(self.next) {
            match &step.action {
                Action::Send(send) if send.who == who => {
                    // Once it is sent, what remains is waiting for its answer: that is listening.
                    return !matches!(self.state, At::Answer { .. }) || self.steps[self.next] != *step;
                }
                Action::Expect(expect) if expect.who == who => return false,
                Action::Connection(connection) if connection.who == who => return false,
                Action::Line(line) if line.who == who => return false,
                Action::Silence { who: listeners, .. } if listeners.iter().any(|w| w == who) => return false,
                Action::Together(_) | Action::AnyOrder(_) => return false,
                _ => {}
            }
        }
        false
    }

    /// Every expectation that is waited for now.
    pub fn open(&self, visit: &mut dyn FnMut(&Expect)) {
        match (&self.state, self.steps.get(self.next).map(|step| &step.action)) {
            (At::Children(children), _) => children.iter().for_each(|child| child.open(visit)),
            (At::Expecting { .. }, Some(Action::Expect(expect))) => visit(expect),
            _ => {}
        }
    }

    /// Every step that is not done yet, the running ones first.
    pub fn remaining<'a>(&'a self, visit: &mut dyn FnMut(&'a Action)) {
        if let At::Children(children) = &self.state {
            for child in children {
                child.remaining(visit);
            }
        }
        let begun = usize::from(matches!(self.state, At::Children(_)));
        for step in self.steps.iter().skip(self.next + begun) {
            remaining_in(&step.action, visit);
        }
    }

    /// The answer that a step still to come asks for in reply to a stanza that `fits`.
    pub fn answer_for(&self, who: &str, fits: &dyn Fn(&Pattern) -> bool) -> Option<Answer> {
        let mut found: Option<Option<Answer>> = None;
        self.remaining(&mut |action| {
            if let Action::Expect(expect) = action
                && expect.who == who
                && found.is_none()
                && fits(&expect.pattern)
            {
                found = Some(expect.answer.clone());
            }
        });
        found.flatten()
    }

    /// Whether a step still to come waits for the end of the stream of `who`.
    pub fn expects_end_of(&self, who: &str) -> bool {
        let mut found = false;
        self.remaining(&mut |action| {
            if let Action::Expect(expect) = action {
                found |= expect.who == who
                    && matches!(expect.pattern, Pattern::Close | Pattern::StreamError { .. });
            }
        });
        found
    }
}

fn remaining_in<'a>(action: &'a Action, visit: &mut dyn FnMut(&'a Action)) {
    match action {
        Action::Together(branches) => {
            branches
                .iter()
                .flatten()
                .for_each(|step| remaining_in(&step.action, visit));
        }
        Action::AnyOrder(steps) | Action::When { steps, .. } => {
            steps.iter().for_each(|step| remaining_in(&step.action, visit));
        }
        other => visit(other),
    }
}
