//! A recording of one end that stops: what ought to be in it and is not.

use foldhash::HashSet;

use super::super::book::Sent;
use super::back::twice;
use super::{Early, Flight, MARGIN, Relayed, SILENT, Session, What};
use crate::profile::Class;
use crate::rules::{Finding, Record};

impl Relayed {
    /// The recording of this end stops, if there is one.
    pub(super) fn leaves(&mut self, who: &str, record: &mut Record) {
        let Some(session) = self.sessions.get(who).cloned() else {
            return;
        };
        // All is known that it sent until it last heard something.
        let until = session.heard - self.apart;
        let known = |early: &Early| match &early.what {
            What::Signal(from, _) => **from == *session.jid && early.t <= until,
            What::Answer(..) => false,
        };
        // It is still there for what it sent.
        for early in self.take_early(known) {
            self.under_another_id(&early, record);
        }
        self.settle_for(&session, record);
        self.sessions.remove(who);
        self.ends(&session, record);
        self.chats_end(&session, record);
    }

    /// The recording of this connection ends: what ought to be in it and is not was lost.
    fn ends(&mut self, gone: &Session, record: &mut Record) {
        let served = self.profile.class == Class::Enforcing;
        let unread = |conn: u64, n: u64| {
            let read = !self.between || self.read.get(&conn).is_some_and(|read| n <= *read);
            (!read).then(|| "the server had not read it yet when the recording stopped".to_owned())
        };
        // What comes too late it answers itself, perhaps where nothing is recorded any more.
        let dropped = |flight: &Flight| {
            (served && flight.call.is_some()).then(|| "for the server the call was over".to_owned())
        };
        for (key, flight) in self.flights.iter() {
            let margin = MARGIN + self.apart;
            let waited = |since: f64| gone.heard - since >= margin;
            let heard = |conn: u64| match conn == gone.conn {
                true => Some(gone.heard),
                false => self.sessions.values().find(|s| s.conn == conn).map(|s| s.heard),
            };
            let concerned = flight.conn == gone.conn || flight.goal == Some(gone.conn);
            if let Some(goal) = flight.goal
                && concerned
                && flight.delivered.is_none()
                && flight.got.is_none()
            {
                // Both ends heard on for a while, of it and of an error, or what came after it overtook it.
                let long = |conn| heard(conn).is_some_and(|at| at - flight.t >= margin);
                let passed = self.newest.is_past((flight.conn, goal), key);
                if passed || (long(flight.conn) && long(goal)) {
                    record.broken(Finding {
                        excuse: unread(flight.conn, flight.n)
                            .filter(|_| !passed)
                            .or_else(|| dropped(flight))
                            .or_else(|| self.garbled(goal, flight.n)),
                        ..flight.finding(
                            "RT-03",
                            format!(
                                "{} never reached {}, and no error came back.",
                                flight.what(),
                                flight.to
                            ),
                            "delivery, or an error",
                            "nothing until the recordings stop".to_owned(),
                            &[],
                        )
                    });
                }
            }
            if let Some(left) = flight.absent
                && flight.conn == gone.conn
                && flight.delivered.is_none()
                && flight.got.is_none()
                && gone.answers
                && waited(flight.t)
            {
                record.broken(Finding {
                    excuse: unread(flight.conn, flight.n).or_else(|| dropped(flight)),
                    ..flight.finding(
                        "RT-09",
                        format!(
                            "{} to {}, which had disconnected, was swallowed.",
                            flight.what(),
                            flight.to
                        ),
                        "an error service-unavailable",
                        "nothing until the recordings stop".to_owned(),
                        &[left],
                    )
                });
            }
            if concerned && self.apart > 0.0 {
                self.of_its_own_after_all(flight, key, &heard, record);
                twice(flight, record);
            }
            // What its giver sent later has come, or the asker heard on for a while.
            let overtaken = flight.passed || self.is_passed(flight);
            let (way, _) = flight.given_place.unwrap_or_default();
            if let Some((n, since, _)) = &flight.given
                && flight.conn == gone.conn
                && flight.got.is_none()
                && gone.answers
                && (overtaken || (waited(*since) && !flight.adrift))
            {
                // Its giver's connection may have been dead by then, and no line says so.
                let silent = !self.complete && heard(way).is_some_and(|at| at <= *since);
                let excuse = unread(way, *n).or_else(|| silent.then(|| SILENT.to_owned()));
                record.broken(Finding {
                    excuse: excuse
                        .filter(|_| !overtaken)
                        .or_else(|| self.garbled(gone.conn, *n)),
                    ..flight.finding(
                        "RT-08",
                        format!(
                            "{} answered {}, but the answer never came back.",
                            flight.to,
                            flight.what()
                        ),
                        "the addressee's answer",
                        "nothing until the recordings stop".to_owned(),
                        &[*n],
                    )
                });
            }
        }
        self.forgets(gone);
    }

    /// What nothing more can come of is forgotten, and of the rest it is known that this connection is over.
    fn forgets(&mut self, gone: &Session) {
        // An answer that was surely not lost with its giver's connection is still to come.
        let sure = |f: &Flight| {
            let given = f.given.as_ref().filter(|_| f.got.is_none());
            f.passed || given.is_some_and(|(_, since, _)| gone.heard - since >= MARGIN + self.apart)
        };
        // It is not known yet whether what seems to have come too early was sent once more.
        let again = self.early.iter().filter(|early| *early.at == *gone.jid);
        let again: HashSet<u64> = again.filter_map(|early| early.what.print()).collect();
        let doubtful = |f: &Flight| !again.is_empty() && again.contains(&f.print);
        let over =
            |f: &Flight| f.conn == gone.conn || (f.goal == Some(gone.conn) && !sure(f) && !doubtful(f));
        let unsure = |f: &Flight| {
            let way = f.given_place.map(|(conn, _)| conn).or(f.goal);
            way == Some(gone.conn) && !sure(f)
        };
        let passed = |f: &Flight| {
            let given = f.given_place.filter(|_| f.got.is_none());
            given.is_some_and(|(conn, _)| conn == gone.conn) && self.is_passed(f)
        };
        for key in self.keys_of(passed) {
            if let Some(flight) = self.flights.get_mut(key) {
                flight.passed = true;
            }
        }
        for key in self.keys_of(unsure) {
            if let Some(flight) = self.flights.get_mut(key) {
                flight.adrift = true;
            }
        }
        for key in self.keys_of(over) {
            self.flights.forget(key);
        }
        self.newest.forget(gone.conn);
        self.answers.forget(gone.conn);
        self.read.remove(&gone.conn);
    }

    fn keys_of(&self, which: impl Fn(&Flight) -> bool) -> Vec<u64> {
        let these = self.flights.iter().filter(|(_, flight)| which(flight));
        these.map(|(key, _)| key).collect()
    }
}
