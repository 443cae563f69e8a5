//! The steps, one after the other and side by side.

use std::time::Duration;

use super::super::cursor::{At, Cursor};
use super::super::matching::{Arrival, Wanted, brief};
use super::{Link, NoSession, Phase, Script, line};
use crate::scenario::{Action, AnsweredBy, Connection, Expect, Send, Step, Verb};
use crate::stanza::{self, IqType, Stanza};

/// What came of looking at a step again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Come {
    Done,
    /// Something happened, and the step goes on.
    Moved,
    NotYet,
}

impl Script {
    pub(super) fn play(&mut self, cursor: &mut Cursor) -> bool {
        let mut moved = false;
        while !self.failed && self.phase == Phase::Steps && cursor.next < cursor.steps.len() {
            let step = cursor.steps[cursor.next].clone();
            if !self.play_step(cursor, &step) {
                return moved;
            }
            moved = true;
        }
        moved
    }

    /// `true` if the cursor moved.
    fn play_step(&mut self, cursor: &mut Cursor, step: &Step) -> bool {
        let now = self.now;
        let come = match (&mut cursor.state, &step.action) {
            (At::Fresh, _) => {
                self.begin(cursor, step);
                Come::Moved
            }
            (At::Until(at), _) if now < *at => Come::NotYet,
            (At::Until(_), Action::Send(send)) => {
                self.send(cursor, step, send);
                Come::Moved
            }
            (At::Until(_), Action::Connection(connection)) => {
                self.link(cursor, connection);
                Come::Moved
            }
            (At::Until(_), Action::Line(line)) => {
                self.line_deed(cursor, line);
                Come::Moved
            }
            (At::Until(_), _) => Come::Done,
            (At::Expecting { wanted, deadline }, Action::Expect(expect)) => {
                self.expecting(step, expect, wanted, *deadline)
            }
            (
                At::Answer {
                    id,
                    by,
                    rule,
                    deadline,
                },
                Action::Send(send),
            ) => self.awaiting(step, send, (id, by, rule.as_deref()), *deadline),
            (At::Silence { until, since }, Action::Silence { who, .. }) => {
                self.listening(step, who, *until, *since)
            }
            (At::Children(children), _) => {
                let mut moved = false;
                for child in children.iter_mut() {
                    moved |= self.play(child);
                }
                match children.iter().all(Cursor::done) {
                    true => Come::Done,
                    false if moved => Come::Moved,
                    false => Come::NotYet,
                }
            }
            (At::Linking { deadline }, Action::Connection(connection)) => self.linking(connection, *deadline),
            // No other step is ever in these states.
            _ => Come::NotYet,
        };
        if come == Come::Done {
            cursor.finish_step();
        }
        come != Come::NotYet
    }

    fn expecting(&mut self, step: &Step, expect: &Expect, wanted: &Wanted, deadline: Duration) -> Come {
        let (met, late) = (self.try_expect(expect, wanted), self.now >= deadline);
        match met {
            Some(n) => {
                self.met(step, wanted.words(&expect.who), n, expect.rule.as_deref());
                Come::Done
            }
            None if expect.optional && (late || self.hopeless(expect, wanted)) => Come::Done,
            None if late
                && self.gives_way(expect.within, expect.rule.as_deref(), deadline)
                && !self.is_lost(deadline) =>
            {
                Come::NotYet
            }
            None if self.breaks_off(expect, &wanted.pattern) => {
                let words = wanted.words(&expect.who);
                let why = format!("the connection broke off before this: {words}");
                self.trouble(&expect.who, why);
                Come::NotYet
            }
            None if late || self.hopeless(expect, wanted) => {
                let seen = self.instead(expect, wanted);
                if let Some((what, rule)) = self.in_vain(expect, &wanted.pattern) {
                    let why = NoSession::from(format!("{what}: {seen}"));
                    self.trouble(&expect.who, NoSession { rule, ..why });
                    return Come::NotYet;
                }
                // What a busy server was given on top is known to the nanosecond, and nobody wants to read that.
                let hundredths = (self.within(expect.within).as_secs_f64() * 100.0).round();
                let words = format!("{} within {} s", wanted.words(&expect.who), hundredths / 100.0);
                let about = (expect.rule.as_deref(), Vec::new());
                self.missed(step, &expect.who, words, seen, about);
                Come::Moved
            }
            None => Come::NotYet,
        }
    }

    fn awaiting(
        &mut self,
        step: &Step,
        send: &Send,
        (id, by, rule): (&str, &AnsweredBy, Option<&str>),
        deadline: Duration,
    ) -> Come {
        let late = self.now >= deadline;
        let bot = self.bots.get(&send.who);
        let answer = bot.and_then(|bot| bot.answers.get(id)).cloned();
        let ended = bot.is_none_or(|bot| bot.link == Link::Down);
        let within = send.answered.as_ref().and_then(|answered| answered.within);
        let seen = match answer {
            None if *by == AnsweredBy::Nothing && late => return Come::Done,
            None if late
                && !ended
                && send.answered.is_some()
                && self.gives_way(within, rule, deadline)
                && !self.is_lost(deadline) =>
            {
                return Come::NotYet;
            }
            None if late || ended => "no answer came".to_owned(),
            None => return Come::NotYet,
            Some(answer) if fits(by, &answer) => {
                let n = self.pool_number(&send.who, id);
                self.met(step, answered_words(&send.who, by), n, rule);
                return Come::Done;
            }
            Some(answer) => brief(&answer, None),
        };
        let asked = self.asked(&send.who, id);
        self.missed(
            step,
            &send.who,
            answered_words(&send.who, by),
            seen,
            (rule, asked),
        );
        Come::Moved
    }

    fn listening(&mut self, step: &Step, who: &[String], until: Duration, since: u64) -> Come {
        let heard = who.iter().find_map(|who| {
            let bot = self.bots.get(who)?;
            if bot.raw {
                let sight = bot.sights.iter().find(|s| s.n > since && !s.taken)?;
                return Some((who, sight.n, line::words(sight)));
            }
            let pool = &bot.pool;
            let arrival = pool
                .iter()
                .find(|a| a.n > since && !a.taken && a.counts() && !self.is_anothers(a))?;
            Some((who, arrival.n, arrival.brief()))
        });
        if let Some((who, n, brief)) = heard {
            let seen = format!("{who} heard {brief} (event {n})");
            self.missed(step, who, format!("{who} hears nothing"), seen, (None, vec![n]));
            Come::Moved
        } else if self.now >= until {
            Come::Done
        } else {
            Come::NotYet
        }
    }

    /// A chat message from a session of one of these users that is not in this cast, such as another scenario's that
    /// plays beside this one: what comes too late for the device it was for goes to whichever device is there
    /// (RFC 6121 §8.5.3.2.1).
    fn is_anothers(&self, arrival: &Arrival) -> bool {
        let from = arrival.stanza.from().map(stanza::fold).unwrap_or_default();
        let mut cast = self.bots.values().map(|bot| stanza::fold(&bot.jid));
        arrival.stanza.is_message()
            && !arrival.stanza.has_call()
            && stanza::resource(&from).is_some()
            && cast.clone().any(|jid| stanza::bare(&jid) == stanza::bare(&from))
            && cast.all(|jid| jid != from)
    }

    fn linking(&mut self, connection: &Connection, deadline: Duration) -> Come {
        let rising = matches!(connection.verb, Verb::Connect | Verb::Reconnect);
        let link = self.bots.get(&connection.who).map(|bot| bot.link);
        if link == Some(if rising { Link::Up } else { Link::Down }) {
            return Come::Done;
        }
        if self.now < deadline {
            return Come::NotYet;
        }
        if rising {
            self.trouble(&connection.who, "the connection was not made in time".to_owned());
        } else {
            self.cut(&connection.who);
        }
        Come::Moved
    }

    fn begin(&mut self, cursor: &mut Cursor, step: &Step) {
        match &step.action {
            Action::Send(send) => cursor.state = At::Until(self.now + send.after),
            Action::Connection(connection) => cursor.state = At::Until(self.now + connection.after),
            Action::Line(line) => cursor.state = At::Until(self.now + line.after),
            Action::Wait(length) => cursor.state = At::Until(self.now + *length),
            Action::Silence { length, .. } => {
                cursor.state = At::Silence {
                    until: self.now + *length,
                    since: self.n,
                };
            }
            Action::Expect(expect) => {
                let wanted = Box::new(self.wanted(expect));
                cursor.state = At::Expecting {
                    wanted,
                    deadline: self.now + self.within(expect.within),
                };
            }
            Action::Together(branches) => {
                cursor.state = At::Children(branches.iter().cloned().map(Cursor::new).collect());
            }
            Action::AnyOrder(steps) => {
                let one = |step: &Step| Cursor::new(vec![step.clone()]);
                cursor.state = At::Children(steps.iter().map(one).collect());
            }
            Action::Answers { who, policy } => {
                if let Some(bot) = self.bots.get_mut(who) {
                    bot.policy = policy.clone();
                }
                self.announce_answers(who, policy);
                cursor.finish_step();
            }
            // Resolved when the script was made.
            Action::When { .. } | Action::KeepAlive => cursor.finish_step(),
        }
    }
}

/// Whether this is an answer that the step asks for.
fn fits(by: &AnsweredBy, answer: &Stanza) -> bool {
    let is_error = answer.iq_type() == Some(IqType::Error);
    let condition = answer.error_condition().unwrap_or_default();
    match by {
        AnsweredBy::Any => true,
        AnsweredBy::Result => !is_error,
        AnsweredBy::Error(wanted) => is_error && (wanted.is_empty() || wanted.iter().any(|w| w == condition)),
        AnsweredBy::Nothing => false,
    }
}

fn answered_words(who: &str, by: &AnsweredBy) -> String {
    match by {
        AnsweredBy::Result => format!("{who} is answered with a result"),
        AnsweredBy::Error(conditions) if conditions.is_empty() => format!("{who} is answered with an error"),
        AnsweredBy::Error(conditions) => {
            format!("{who} is answered with an error {}", conditions.join(" or "))
        }
        AnsweredBy::Any => format!("{who} is answered with a result or an error"),
        AnsweredBy::Nothing => format!("{who} is answered not at all"),
    }
}
