//! Answers on their way back to who asked.

use super::super::book::{Newest, Sent};
use super::super::flight::answer;
use super::{Flight, Relayed, SETTLED, Session};
use crate::profile::Class;
use crate::rules::{Finding, Record};
use crate::stanza::{Stanza, fold};
use crate::transcript::Event;

/// So many answers to one signal are told of; who is answered more often has been told already.
const TOLD: usize = 2;
/// A stream may use an id that one before it under the same address has used (RFC 6120 §8.1.3).
const BEFORE: &str = "it answers what had been asked under this id in an earlier session of the same address";

impl Relayed {
    pub(super) fn answered(
        &mut self,
        event: &Event,
        stanza: &Stanza,
        session: &Session,
        record: &mut Record,
    ) {
        let id = stanza.id().unwrap_or_default();
        let from = fold(stanza.from().unwrap_or_default());
        let Some(key) = self.flights.find(id, |f| {
            f.conn == session.conn && (f.to == from || (from.is_empty() && f.got.is_none()))
        }) else {
            self.misnamed(event, stanza, session, record);
            return;
        };
        let there = self.flights.get(key).and_then(|flight| self.conn_of(&flight.to));
        let Some(flight) = self.flights.get_mut(key) else {
            return;
        };
        if flight.gots.len() <= TOLD {
            flight.gots.push(event.n);
        }
        if flight.got.is_some() {
            if self.apart == 0.0 {
                twice(flight, record);
            }
            return;
        }
        flight.got = Some((event.n, event.t, answer(stanza)));
        flight.unasked = flight.given.is_none() && flight.goal.is_some() && flight.goal == there;
        unchanged(flight, self.apart, record);
        // Of all that our own proxy has seen the order is known.
        let newest = match self.complete {
            true => &mut self.newest,
            false => &mut self.answers,
        };
        in_order(flight, newest, record);
        // By one clock it is known by now that the addressee has given none.
        if self.apart == 0.0
            && let Some(flight) = self.flights.get(key).filter(|flight| flight.unasked)
        {
            self.of_its_own(flight, record);
        }
    }

    /// An answer under the id of a signal that its addressee has answered, in another's name.
    fn misnamed(&mut self, event: &Event, stanza: &Stanza, session: &Session, record: &mut Record) {
        let id = stanza.id().unwrap_or_default();
        let of_this = |f: &Flight| f.conn == session.conn && f.got.is_none() && f.given.is_some();
        let key = self.flights.find(id, of_this);
        let Some(flight) = key.and_then(|key| self.flights.get_mut(key)) else {
            return;
        };
        let said = answer(stanza);
        let (n, _, gave) = flight.given.clone().unwrap_or_default();
        if gave != said {
            return;
        }
        flight.got = Some((event.n, event.t, said));
        let message = format!(
            "The answer to {}'s iq `{id}` came back in another's name.",
            flight.who
        );
        let seen = format!("from='{}'", stanza.from().unwrap_or_default());
        let wanted = format!("from='{}'", flight.to);
        record.broken(Finding {
            excuse: session.again.then(|| BEFORE.to_owned()),
            ..flight.finding("RT-08", message, &wanted, seen, &[n, event.n])
        });
    }

    /// The server answered a signal that its addressee has not answered.
    fn of_its_own(&self, flight: &Flight, record: &mut Record) {
        let Some((n, _, said)) = flight.got.clone().filter(|_| self.profile.class == Class::Relay) else {
            return;
        };
        // A refusal may be what the addressee has asked its server for.
        let blocked = ["error service-unavailable", "error policy-violation"]
            .iter()
            .any(|refusal| said.starts_with(refusal));
        let rule = if flight.delivered.is_some() {
            "RT-08"
        } else {
            "RT-03"
        };
        let mut found = flight.finding(
            rule,
            format!(
                "The server answered {}'s iq `{}` itself, although {} was connected.",
                flight.who, flight.id, flight.to
            ),
            "delivery, and the answer of the addressee",
            said,
            &[n],
        );
        found.excuse = if flight.resent {
            Some(BEFORE.to_owned())
        } else {
            let unread = flight.goal.and_then(|goal| self.garbled(goal, flight.n));
            let blocked = blocked.then(|| {
                format!(
                    "{} had blocked its sender, or the signal was over a limit of the server",
                    flight.to
                )
            });
            blocked.or(unread)
        };
        record.broken(found);
    }

    /// Where two clocks were set against each other, an answer counts as the server's own only if the addressee's
    /// recording went on for long enough that it would hold one.
    pub(super) fn of_its_own_after_all(
        &self,
        flight: &Flight,
        key: u64,
        heard: &impl Fn(u64) -> Option<f64>,
        record: &mut Record,
    ) {
        let (Some(goal), Some((_, at, _))) = (flight.goal, &flight.got) else {
            return;
        };
        // What came in later and was answered says nothing of an answer that is still to be given.
        let passed = flight.delivered.is_none() && self.newest.is_past((flight.conn, goal), key);
        let long = heard(goal).is_some_and(|last| last - at >= SETTLED + self.apart);
        if flight.unasked && flight.given.is_none() && (passed || long) {
            self.of_its_own(flight, record);
        }
    }
}

/// Whether the sender of a signal got the answer that was given, once both are known.
pub(super) fn unchanged(flight: &Flight, apart: f64, record: &mut Record) {
    let (Some((n, _, gave)), Some((at, _, said))) = (&flight.given, &flight.got) else {
        return;
    };
    if gave == said {
        record.held("RT-08");
        return;
    }
    let message = format!(
        "The answer to {}'s iq `{}` changed on its way back.",
        flight.who, flight.id
    );
    // By two clocks it is not known which of two sessions was answered.
    let before = flight.again && apart > 0.0;
    record.broken(Finding {
        excuse: before.then(|| BEFORE.to_owned()),
        ..flight.finding("RT-08", message, gave, said.clone(), &[*n, *at])
    });
}

/// Whether the answer that was given has come after what its giver sent before it, and before what he sent after.
fn in_order(flight: &Flight, newest: &mut Newest, record: &mut Record) {
    let (Some((n, _, gave)), Some((at, _, said))) = (&flight.given, &flight.got) else {
        return;
    };
    let Some((conn, place)) = flight.given_place.filter(|_| gave == said && flight.gave == 1) else {
        return;
    };
    let Some(over) = newest.overtaken((conn, flight.conn), (place, *at)) else {
        return;
    };
    let message = format!(
        "The answer to {}'s iq `{}` came back after a stanza that was sent later.",
        flight.who, flight.id
    );
    let seen = format!("event {over} was sent after event {n} and arrived before it");
    // By two clocks it is not known which of two sessions was answered.
    record.broken(Finding {
        excuse: flight.again.then(|| BEFORE.to_owned()),
        ..flight.finding(
            "RT-04",
            message,
            "the order in which they were sent",
            seen,
            &[*n, over, *at],
        )
    });
}

/// Whether the sender of a signal got the one answer that was given more than once.
pub(super) fn twice(flight: &Flight, record: &mut Record) {
    if let ([first, second], 1) = (flight.gots.as_slice(), flight.gave) {
        record.broken(flight.finding(
            "IQ-01",
            format!(
                "{} received the answer to its iq `{}` more than once.",
                flight.who, flight.id
            ),
            "exactly one result or error",
            format!("answers at events {first} and {second}"),
            &[*first, *second],
        ));
    }
}
