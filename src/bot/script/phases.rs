//! From the first connection through the steps and the quiet after them to the end.

use super::super::cursor::Cursor;
use super::{CLOSE_WITHIN, DEFAULT_WITHIN, LINK_WITHIN, Link, NoSession, Output, Phase, Script};
use crate::profile::Class;
use crate::transcript::{Dir, Event};

impl Script {
    pub(super) fn advance(&mut self) {
        loop {
            let mut moved = self.take_in();
            match self.phase {
                Phase::Connecting => {
                    if self.bots.values().all(|bot| bot.link != Link::Rising) {
                        self.phase = Phase::Steps;
                        moved = true;
                    } else if self.now >= LINK_WITHIN {
                        self.trouble("", "the connections were not made in time".to_owned());
                    }
                }
                Phase::Steps => {
                    let mut root = std::mem::replace(&mut self.root, Cursor::new(Vec::new()));
                    moved |= self.play(&mut root);
                    let done = root.done();
                    self.root = root;
                    if self.phase == Phase::Steps && (done || self.failed) {
                        self.steps_done();
                        moved = true;
                    }
                }
                Phase::Answers(until) => {
                    let owed = self.bots.values().any(|bot| !bot.unanswered.is_empty());
                    if !owed && self.later.is_empty() && !self.is_asking() {
                        self.wind_up();
                        moved = true;
                    } else if self.now >= until {
                        self.phase = Phase::Lost(self.now);
                        moved = true;
                    }
                }
                Phase::Lost(since) => {
                    let owed = self.bots.values().any(|bot| !bot.unanswered.is_empty());
                    if (!owed && !self.is_asking()) || self.is_lost(since) {
                        self.wind_up();
                        moved = true;
                    }
                }
                Phase::Quiet(until) => {
                    if self.now >= until {
                        self.begin_closing();
                        moved = true;
                    }
                }
                Phase::Closing(until) => {
                    if self.bots.values().all(|bot| bot.link == Link::Down) || self.now >= until {
                        self.end();
                    }
                }
                Phase::Over => return,
            }
            if !moved {
                return;
            }
        }
    }

    /// Whether somebody has asked the server: it hears the answer before it goes, whether or not the step that wanted to
    /// know still does.
    fn is_asking(&self) -> bool {
        self.fence.as_ref().is_some_and(|fence| fence.is_asking(self.now))
    }

    fn steps_done(&mut self) {
        let event = self.event(Dir::Steps, "");
        self.record(event);
        // A server that answers signals itself may take its time for that, and answer what is asked later before.
        let own = self.setup.profile.class == Class::Enforcing;
        if self.failed && !own {
            self.phase = Phase::Lost(self.now);
        } else {
            self.phase = Phase::Answers(self.now + self.scaled(DEFAULT_WITHIN));
        }
    }

    /// Nothing is owed any more, or never comes.
    fn wind_up(&mut self) {
        if self.failed {
            self.begin_closing();
        } else {
            self.be_quiet();
        }
    }

    fn be_quiet(&mut self) {
        let quiet = self.setup.case.quiet.unwrap_or(self.setup.quiet);
        self.phase = Phase::Quiet(self.now + quiet);
    }

    fn begin_closing(&mut self) {
        self.phase = Phase::Closing(self.now + CLOSE_WITHIN);
        let all: Vec<String> = self.bots.keys().cloned().collect();
        for who in all {
            self.disconnect(&who);
        }
    }

    pub(super) fn end(&mut self) {
        let strays: Vec<(String, u64, String)> = self
            .bots
            .iter()
            .flat_map(|(who, bot)| {
                let strays = bot
                    .pool
                    .iter()
                    .filter(|arrival| !arrival.taken && arrival.counts());
                strays.map(|arrival| (who.clone(), arrival.n, arrival.brief()))
            })
            .collect();
        for (who, n, brief) in strays {
            let event = self.event(Dir::Note, &who);
            let note = Some(format!(
                "{brief} matched no step: the scenario does not wait for it"
            ));
            self.record(Event {
                note,
                events: vec![n],
                ..event
            });
        }
        for who in self.bots.keys().cloned().collect::<Vec<_>>() {
            if self.bots.get(&who).is_some_and(|bot| bot.link != Link::Down) {
                self.out.push_back(Output::Cut { who: who.clone() });
            }
        }
        let event = self.event(Dir::End, "");
        self.record(event);
        self.phase = Phase::Over;
    }

    /// The target's trouble or ours: the run ends without a verdict.
    pub(super) fn trouble(&mut self, who: &str, why: impl Into<NoSession>) {
        if matches!(self.phase, Phase::Closing(_) | Phase::Over) {
            return;
        }
        let none: NoSession = why.into();
        let event = self.event(Dir::Trouble, who);
        self.record(Event {
            note: Some(none.told()),
            rules: none.rule.into_iter().map(str::to_owned).collect(),
            ..event
        });
        if let Some(bot) = self.bots.get_mut(who) {
            bot.link = Link::Down;
        }
        for bot in self.bots.values_mut().filter(|bot| bot.link == Link::Rising) {
            bot.link = Link::Down;
        }
        self.begin_closing();
    }
}
