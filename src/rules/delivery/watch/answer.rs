//! What comes back for a request: the addressee's answer, the server's own, or the end of the stream.

use super::super::book::Sent;
use super::super::flight::{Flight, Freight, Goal, answer};
use super::{Delivery, LARGE, Session};
use crate::profile::{Addressing, Class};
use crate::rules::Record;
use crate::stanza::{IqType, NOBODY, Stanza, fold, resource};
use crate::transcript::Event;

impl Delivery {
    /// An answer for somebody who asked nothing: if it is one that a party gave to somebody else, it was misdirected.
    fn not_asked(&self, event: &Event, stanza: &Stanza, session: &Session, record: &mut Record) {
        let from = fold(stanza.from().unwrap_or_default());
        let others = self.flights.find(stanza.id().unwrap_or_default(), |f| {
            f.given.is_some() && fold(&f.to) == from && f.jid != session.jid
        });
        let Some(flight) = others.and_then(|key| self.flights.get(key)) else {
            return;
        };
        let Some((n, gave)) = &flight.given else { return };
        record.broken(flight.finding(
            "RT-06",
            format!(
                "{} received the answer to {}'s iq `{}`, which it never sent.",
                event.who, flight.who, flight.id
            ),
            &format!("delivery to {} only", flight.jid),
            format!("{gave}, delivered to {}", session.jid),
            &[*n, event.n],
        ));
    }

    /// A stream that the server ended on a stanza that it has to carry (RFC 6120 §13.12 lets it limit larger ones).
    pub(super) fn thrown_out(&self, event: &Event, record: &mut Record) {
        let Some(session) = self.sessions.get(&event.who) else {
            return;
        };
        let last = self.flights.values().rev().find(|f| f.conn == session.conn);
        let limit = self.profile.stanza_limit.unwrap_or(10_000);
        let large = |f: &&Flight| {
            let fits = (LARGE..=limit).contains(&(f.size as u64));
            fits && !f.odd && f.delivered.is_none() && f.got.is_none()
        };
        let policy = self
            .refused
            .get(&event.who)
            .is_some_and(|c| c == "policy-violation");
        let Some(flight) = last.filter(large).filter(|_| policy) else {
            return;
        };
        record.broken(flight.finding(
            "RT-11",
            format!(
                "The server ended the stream of {} on its iq `{}` of {} bytes.",
                event.who, flight.id, flight.size
            ),
            &format!("delivery of whatever has no more than {limit} bytes"),
            "a stream error policy-violation".to_owned(),
            &[event.n],
        ));
    }

    pub(super) fn answered(
        &mut self,
        event: &Event,
        stanza: &Stanza,
        session: &Session,
        record: &mut Record,
    ) {
        let from = fold(stanza.from().unwrap_or_default());
        let id = stanza.id().unwrap_or_default();
        let asked = |f: &Flight| f.freight == Freight::Iq && f.conn == session.conn;
        // Whoever asks two under one id is answered by both.
        let of_this = self.flights.find(id, |f| asked(f) && fold(&f.to) == from);
        let Some(key) = of_this.or_else(|| self.flights.find(id, asked)) else {
            self.not_asked(event, stanza, session, record);
            return;
        };
        let Some(flight) = self.flights.get_mut(key) else {
            return;
        };
        let said = answer(stanza);
        let what = format!("{}'s iq `{}`", flight.who, flight.id);
        if let Some(first) = flight.got {
            // Two answers are the server's doing only where the addressee gave one.
            if flight.twice {
                return;
            }
            if !matches!(flight.goal, Goal::Unknown) {
                record.broken(flight.finding(
                    "IQ-01",
                    format!("{what} was answered more than once."),
                    "exactly one result or error",
                    format!("answers at events {first} and {}", event.n),
                    &[first, event.n],
                ));
            }
            return;
        }
        flight.got = Some(event.n);
        let flight = &*flight;
        let own_error = said.starts_with("error") && flight.given.is_none();
        if own_error && stanza.error_fault().is_none() {
            record.held("IQ-09");
        }
        if let Some(fault) = stanza.error_fault().filter(|_| own_error)
            && !matches!(flight.goal, Goal::Unknown)
        {
            record.broken(flight.finding(
                "IQ-09",
                format!("The error that answers {what} is malformed: {fault}."),
                "one `<error/>` with its type and one defined condition",
                said.clone(),
                &[event.n],
            ));
        }
        let relay = self.profile.class == Class::Relay;
        let error = stanza
            .error_condition()
            .filter(|_| stanza.iq_type() == Some(IqType::Error));
        let absent = |extra: bool| {
            error.is_some_and(|error| NOBODY.contains(&error)) || (extra && error == Some("item-not-found"))
        };
        let mut broken = None;
        let at = [event.n];
        if resource(&flight.to).is_some() && from != fold(&flight.to) {
            broken = Some(flight.finding(
                "IQ-01",
                format!("The answer to {what} comes from another address than the one that was asked."),
                &format!("from='{}'", flight.to),
                format!("from='{from}'"),
                &at,
            ));
        } else if !flight.odd {
            match (&flight.goal, &flight.given) {
                // Who judges signals may answer them for the addressee.
                (Goal::Party { .. }, Some(_)) if !relay => {}
                (Goal::Party { who, conn }, Some((n, gave))) if *gave != said => {
                    let found = flight.finding(
                        "RT-08",
                        format!("The answer to {what} changed on its way back."),
                        gave,
                        said.clone(),
                        &[*n, event.n],
                    );
                    if !absent(false) {
                        broken = Some(found);
                    } else if self.sessions.get(who).is_some_and(|s| s.conn == *conn) {
                        // The server may have ended the session before it read the answer.
                        let conn = *conn;
                        self.wait_for_its_end(conn, event, found);
                        self.settle(key);
                        return;
                    }
                }
                (Goal::Party { conn, .. }, Some((n, _))) => {
                    record.held("RT-08");
                    let way = (*conn, session.conn);
                    let arrived = (flight.answer_place, *n);
                    let n = *n;
                    if let Some(over) = self.newest.overtaken(way, arrived)
                        && let Some(flight) = self.flights.get(key)
                    {
                        broken = Some(flight.finding(
                            "RT-04",
                            format!("The answer to {what} arrived after a stanza that was sent later."),
                            "the order in which they were sent",
                            format!("event {over} was sent after event {n} and arrived before it"),
                            &[n, over, event.n],
                        ));
                    } else {
                        record.held("RT-04");
                    }
                }
                (Goal::Party { who, conn }, None)
                    if relay
                        && !self.leaving.contains(conn)
                        && self.sessions.get(who).is_some_and(|s| s.conn == *conn) =>
                {
                    let id = match (flight.delivered, error) {
                        (None, Some("policy-violation")) => "RT-11",
                        (None, Some(_)) => "RT-03",
                        _ => "RT-08",
                    };
                    let over = self.profile.stanza_limit.unwrap_or(10_000) < flight.size as u64;
                    if !(id == "RT-11" && over) {
                        let found = flight.finding(
                            id,
                            format!("The server answered {what} itself, although {who} was connected."),
                            "delivery, and the answer of the addressee",
                            said.clone(),
                            &at,
                        );
                        let conn = *conn;
                        self.wait_for_its_end(conn, event, found);
                        self.settle(key);
                        return;
                    }
                }
                (Goal::Bare, _) if self.profile.addressing == Addressing::Bare => {}
                (goal @ (Goal::Gone { .. } | Goal::Nobody | Goal::Bare), _) if relay => {
                    let id = match goal {
                        Goal::Gone { .. } => "RT-09",
                        Goal::Bare => "RT-10",
                        _ => "RT-07",
                    };
                    if absent(true) {
                        record.held(id);
                    } else if flight.signal {
                        broken = Some(flight.finding(
                            id,
                            format!(
                                "{what} to {} was not answered as for an address where nobody is.",
                                flight.to
                            ),
                            "error service-unavailable or recipient-unavailable",
                            said.clone(),
                            &at,
                        ));
                    }
                }
                _ => {}
            }
        } else if flight.given.as_ref().is_some_and(|(_, gave)| *gave == said) {
            record.held("RT-08");
        }
        match broken {
            Some(found) => record.broken(found),
            None => record.held("IQ-01"),
        }
        self.settle(key);
    }
}
