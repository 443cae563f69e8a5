//! Whether a signal came as it was sent, and to whom it was.

use std::borrow::Cow;

use super::super::book::Sent;
use super::super::flight::{never_sent, only_special};
use super::{Early, Flight, REMEMBERED, Relayed, Session, What};
use crate::profile::{Class, Profile};
use crate::protocol::{NAMESPACE, decode};
use crate::rules::{Finding, Record};
use crate::stanza::{Stanza, bare, fold, print, resource, with_line_feeds};
use crate::transcript::Event;

/// Signals among which one that came under another id is sought, the latest first.
const SEARCHED: usize = 512;

impl Relayed {
    /// A signal that nobody sent under this id: one that was sent under another, as its text shows, which says when.
    pub(super) fn under_another_id(&mut self, came: &Early, record: &mut Record) {
        let What::Signal(from, text) = &came.what else {
            return;
        };
        if self.conn_of(from).is_none() {
            return;
        }
        let heard = print(text);
        let of_this = |f: &Flight| *f.jid == **from && f.to == came.at && f.print == heard;
        let key = self.flights.find_any(SEARCHED, of_this);
        let Some(flight) = key.and_then(|key| self.flights.get_mut(key)) else {
            self.made_up(came, from, text, record);
            return;
        };
        if let Some(first) = flight.delivered {
            record.broken(flight.doubled("RT-03", &flight.what(), &came.at, (first, came.n)));
            return;
        }
        flight.delivered = Some(came.n);
        record.broken(flight.finding(
            "RT-05",
            format!("{} reached {} under another id.", flight.what(), came.at),
            "the id that was sent, unchanged",
            format!("id='{}'", came.id),
            &[came.n],
        ));
    }

    /// A signal of somebody of whom everything was recorded, and this not: a relay says nothing in another's name. A
    /// recording of somebody else's may lack a line.
    fn made_up(&self, came: &Early, from: &str, text: &str, record: &mut Record) {
        let mut sessions = self.sessions.values();
        let known = sessions.any(|session| *session.jid == *from && session.bound);
        let all = self.complete && self.apart == 0.0 && self.texts.len() < REMEMBERED;
        let sent = self.texts.contains(&print((from, print(text))));
        if !known || !all || sent || self.profile.class != Class::Relay {
            return;
        }
        let finding = never_sent((&came.at, came.n), &came.id, from);
        record.broken(finding.in_call(decode(text).facts.call.as_deref().map(str::to_owned)));
    }

    /// A signal that was sent and comes as a question: a server changes no type (RFC 6120 §8.2.3).
    pub(super) fn retyped(&mut self, event: &Event, stanza: &Stanza, session: &Session, record: &mut Record) {
        let text = stanza.call_said().unwrap_or_default();
        self.another_request(
            event,
            stanza,
            session,
            record,
            (&text, "type='set'", "type='get'".to_owned()),
        );
    }

    /// A signal whose text comes in another element: a server changes no child either.
    pub(super) fn renamed(&mut self, event: &Event, stanza: &Stanza, session: &Session, record: &mut Record) {
        // Few requests are under way, and a tree is built for no other.
        let id = stanza.id().unwrap_or_default();
        let near = |f: &Flight| *f.to == *session.jid && f.delivered.is_none();
        if self.flights.find(id, near).is_none() {
            return;
        }
        let Some(child) = stanza.element().children().next() else {
            return;
        };
        let seen = format!("<{} xmlns='{}'>", child.name(), child.ns());
        let wanted = format!("<call xmlns='{NAMESPACE}'>");
        self.another_request(event, stanza, session, record, (&child.text(), &wanted, seen));
    }

    /// It has this text, and something else about it is another than was sent.
    fn another_request(
        &mut self,
        event: &Event,
        stanza: &Stanza,
        session: &Session,
        record: &mut Record,
        (text, wanted, seen): (&str, &str, String),
    ) {
        let id = stanza.id().unwrap_or_default();
        let from = fold(stanza.from().unwrap_or_default());
        let of_this =
            |f: &Flight| *f.to == *session.jid && *f.jid == *from && f.delivered.is_none() && f.text == text;
        let key = self.flights.find(id, of_this);
        let Some(flight) = key.and_then(|key| self.flights.get_mut(key)) else {
            return;
        };
        flight.delivered = Some(event.n);
        flight.text = String::new();
        record.broken(flight.finding(
            "RT-05",
            format!(
                "{} reached {} as another request than was sent.",
                flight.what(),
                event.who
            ),
            wanted,
            seen,
            &[event.n],
        ));
    }

    /// A signal of somebody who was not recorded, which is addressed to another than it came to.
    pub(super) fn misdirected(
        &self,
        event: &Event,
        stanza: &Stanza,
        session: &Session,
        from: &str,
        record: &mut Record,
    ) {
        let Some(to) = addressed_to_another(stanza, session, &self.profile) else {
            return;
        };
        if session.bound && self.conn_of(from).is_none() {
            let id = stanza.id().unwrap_or_default();
            // A server may write an address in another form than its user does.
            let plain = to.is_ascii() && session.jid.is_ascii();
            record.broken(Finding {
                excuse: (!plain).then(|| "the two are one address, spelled in two ways".to_owned()),
                ..Finding::of_server(
                    "RT-06",
                    format!(
                        "{} received the iq `{id}` of {from}, which is addressed to {to}.",
                        event.who
                    ),
                    "delivery to the addressed resource only",
                    format!("delivery to {}", session.jid),
                    vec![event.n],
                )
            });
        }
    }
}

/// Whether these are two signals and not one that was changed: of another call, and said at another time. Streams have
/// ids in common, and not all of them were recorded.
pub(super) fn is_another(sent: &str, came: &str) -> bool {
    let told = |text: &str| {
        let facts = decode(text).facts;
        facts.call.map(|call| call.to_lowercase()).zip(facts.timestamp)
    };
    told(sent)
        .zip(told(came))
        .is_some_and(|((call, at), (other, then))| call != other && at != then)
}

/// Whether a signal came from its sender, with the text that was sent.
pub(super) fn as_it_was(flight: &Flight, who: &str, (from, text, n): (&str, &str, u64), record: &mut Record) {
    if from == &*flight.jid {
        record.held("RT-01");
    } else {
        record.broken(flight.misnamed(&flight.what(), who, from, n));
    }
    if text == flight.text {
        record.held("RT-05");
        return;
    }
    let id = match only_special(&flight.text, text) {
        _ if text == with_line_feeds(&flight.text) => "RT-15",
        true => "RT-14",
        false => "RT-05",
    };
    record.broken(flight.changed(id, &flight.what(), who, text, n));
}

/// The address of a signal that is not for whom it came to.
pub(super) fn addressed_to_another<'a>(
    stanza: &'a Stanza,
    session: &Session,
    profile: &Profile,
) -> Option<Cow<'a, str>> {
    otherwise_addressed(stanza, session, profile).filter(|to| resource(to).is_some())
}

/// The address of a signal, if it is not that of the session to which it came. A server that judges calls may ring every
/// device of a user.
pub(super) fn otherwise_addressed<'a>(
    stanza: &'a Stanza,
    session: &Session,
    profile: &Profile,
) -> Option<Cow<'a, str>> {
    let to = fold(stanza.to()?);
    let rings = bare(&to) == bare(&session.jid) && profile.class == Class::Enforcing;
    (*to != *session.jid && !rings).then_some(to)
}
