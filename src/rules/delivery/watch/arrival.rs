//! A stanza that reaches a party: whose it is, and whether it came as it was sent.

use std::borrow::Cow;

use super::super::book::Sent;
use super::super::flight::{
    DELAY, Flight, Freight, Goal, call_id, form, has_special, never_sent, only_special, text,
};
use super::{CROWD, Delivery, HEARD, KEPT, LARGE, Late, Session};
use crate::profile::Class;
use crate::protocol::NAMESPACE;
use crate::rules::{Finding, Record};
use crate::stanza::{Stanza, bare, fold, print, resource, with_line_feeds};
use crate::transcript::Event;

/// What copies and archives are wrapped in.
const COPIES: [&str; 2] = ["urn:xmpp:carbons:2", "urn:xmpp:mam:2"];

impl Delivery {
    pub(super) fn delivered(
        &mut self,
        event: &Event,
        stanza: &Stanza,
        session: &Session,
        freight: Freight,
        record: &mut Record,
    ) {
        let id = stanza.id().unwrap_or_default();
        let from = fold(stanza.from().unwrap_or_default());
        let mine = |f: &Flight| {
            f.freight == freight && (fold(&f.to) == session.jid || fold(&f.to) == bare(&session.jid))
        };
        let body = text(stanza);
        let body_print = print(&body);
        // What the server itself asks may have an id that a party uses too.
        let asked = freight == Freight::Chat || stanza.has_call() || from.contains('@');
        let key = self
            .flights
            .find(id, |f| {
                mine(f) && f.delivered.is_none() && f.jid == from && f.print == body_print
            })
            .or_else(|| {
                self.flights
                    .find(id, |f| mine(f) && f.delivered.is_none() && asked)
            })
            .or_else(|| self.flights.find(id, |f| mine(f) && f.jid == from))
            .or_else(|| {
                self.flights.find(id, |f| {
                    f.freight == freight && f.jid == from && f.print == body_print
                })
            });
        let Some(key) = key else {
            self.stray(event, stanza, session, record);
            return;
        };
        // A message to a resource that is gone may go to another one (RFC 6121 §8.5.3.2.1).
        let gone = |flight: &Flight| match &flight.goal {
            Goal::Party { who, conn } => self.sessions.get(who).is_none_or(|s| s.conn != *conn),
            _ => true,
        };
        let passed_on = |flight: &Flight| {
            freight == Freight::Chat && bare(&fold(&flight.to)) == bare(&session.jid) && gone(flight)
        };
        let misdirected = self.flights.get(key).is_some_and(|flight| {
            fold(&flight.to) != session.jid && resource(&flight.to).is_some() && !passed_on(flight)
        });
        // Whoever gets it is in a call with somebody else: that call and this one were mixed. What belongs to no call,
        // such as chat, mixes none.
        let mixed = self
            .flights
            .get(key)
            .filter(|flight| misdirected && flight.call.is_some());
        let elsewhere = mixed.is_some_and(|flight| {
            let pair = flight.pair();
            self.flights.values().rev().take(1_000).any(|f| {
                let there = f.who == event.who || fold(&f.to) == session.jid;
                there && f.call.is_some() && f.call != flight.call && f.pair() != pair
            })
        });
        let Some(flight) = self.flights.get_mut(key) else {
            return;
        };
        let chat = freight == Freight::Chat;
        let what = format!("{}'s {} `{id}`", flight.who, if chat { "message" } else { "iq" });
        let at = [event.n];
        if misdirected && rings(self.profile.class, flight, session, stanza) {
            return;
        }
        if misdirected {
            let id = if elsewhere { "RT-12" } else { "RT-06" };
            record.broken(flight.astray(id, &what, (&event.who, &session.jid), event.n));
            return;
        }
        if resource(&flight.to).is_some() {
            record.held("RT-06");
        }
        if let Some(first) = flight.delivered {
            if resource(&flight.to).is_some() {
                let id = if chat { "CH-01" } else { "RT-03" };
                record.broken(flight.doubled(id, &what, &event.who, (first, event.n)));
            }
            return;
        }
        flight.delivered = Some(event.n);
        record.held(if chat { "CH-01" } else { "RT-03" });
        let flight = &flight.clone();
        if flight.forged.as_deref() == Some(&*from) {
            record.broken(flight.finding(
                "RT-02",
                format!("{} received {what} with the forged sender {from}.", event.who),
                "a refusal, or the true sender in `from`",
                format!("from='{from}'"),
                &at,
            ));
        } else if from != flight.jid {
            record.broken(flight.misnamed(&what, &event.who, &from, event.n));
        } else {
            record.held(if flight.forged.is_some() { "RT-02" } else { "RT-01" });
        }
        let to = fold(stanza.to().unwrap_or_default());
        // A server that spreads a bare JID writes each device's own.
        let own = [fold(&flight.to), Cow::Borrowed(session.jid.as_str())];
        if !to.is_empty() && !own.contains(&to) {
            record.broken(flight.readdressed(&what, &event.who, Some(&to), event.n));
        }
        let form = form(stanza);
        if form != flight.form && body_print == flight.print {
            record.broken(flight.finding(
                "RT-05",
                format!("{what} reached {} as another request than was sent.", event.who),
                &flight.form,
                form,
                &at,
            ));
        }
        if body_print != flight.print {
            let id = match only_special(&flight.text, &body) {
                _ if body == with_line_feeds(&flight.text) => "RT-15",
                true => "RT-14",
                false if chat => "CH-01",
                // A long text that is there up to a point met a limit.
                false if flight.size as u64 >= LARGE && flight.text.starts_with(&body) => "RT-11",
                false => "RT-05",
            };
            record.broken(flight.changed(id, &what, &event.who, &body, event.n));
        } else {
            if !chat {
                record.held("RT-05");
            }
            if has_special(&flight.text) {
                record.held("RT-14");
            }
            if flight.text.contains('\r') {
                record.held("RT-15");
            }
            if flight.size >= 10_000 {
                record.held("RT-11");
            }
            if flight.signal && self.pairs {
                record.held("RT-12");
            }
        }
        let order = if chat { "CH-01" } else { "RT-04" };
        if let Some(over) = self
            .newest
            .overtaken((flight.conn, session.conn), (key, flight.n))
        {
            record.broken(flight.overtaken(order, &what, &event.who, (over, event.n)));
        } else if !chat {
            record.held("RT-04");
        }
        let arrived = event.arrived.unwrap_or(event.t);
        if flight.signal {
            let delay = arrived - flight.t;
            // A second for each 10 000 bytes begun, the least that every server has to take (RFC 6120 §13.12).
            let allowed = self.profile.relay_within * flight.size.div_ceil(10_000) as f64
                + self.pace.allowed(flight.held);
            // What a signal takes here without any chat is not the flood's doing.
            let crowd = flight.crowd.max(self.chats);
            let flooded = crowd >= CROWD && delay - self.unhindered > allowed;
            if crowd == 0 {
                self.unhindered = self.unhindered.max(delay);
            }
            if delay > allowed && self.flowed(session.conn, (flight.t, arrived), allowed) {
                // It stood in line with others that went on arriving: the order asks for no less (RFC 6120 §10.1).
            } else if delay > allowed {
                let id = if flooded { "CH-02" } else { "RT-13" };
                let finding = flight.finding(
                    id,
                    format!("{what} took {delay:.3} s to reach {}.", event.who),
                    &format!("at most {allowed} s"),
                    format!("{delay:.3} s"),
                    &at,
                );
                if self.late.len() < KEPT {
                    self.late.push(Late {
                        from: flight.t,
                        to: arrived,
                        allowed,
                        held: flight.held,
                        finding,
                    });
                }
            } else {
                record.held("RT-13");
                if flight.crowd >= CROWD {
                    record.held("CH-02");
                }
            }
        }
        let heard = self.heard.entry(session.conn).or_default();
        heard.push_back((flight.t, arrived));
        if heard.len() > HEARD {
            heard.pop_front();
        }
        if chat {
            self.chats = self.chats.saturating_sub(1);
            self.settle(key);
        }
    }

    /// Whether stanzas kept arriving on this connection between these two times, without a gap longer than is allowed.
    /// One that was sent so much later than the signal that it should have come after it does not count.
    fn flowed(&self, conn: u64, (from, to): (f64, f64), allowed: f64) -> bool {
        let mut last = from;
        for (sent, arrived) in self.heard.get(&conn).into_iter().flatten() {
            if *sent <= from + allowed && *arrived >= last && *arrived <= to {
                if arrived - last > allowed {
                    return false;
                }
                last = *arrived;
            }
        }
        to - last <= allowed
    }

    /// Whether it is addressed to another client. A message may go to another one of its user, and a server that judges
    /// calls may ring each of them.
    fn is_anothers(&self, stanza: &Stanza, session: &Session) -> bool {
        let to = fold(stanza.attr("to").unwrap_or_default());
        let own = bare(&to) == bare(&session.jid);
        if stanza.has_call() {
            let rings = own && self.profile.class == Class::Enforcing;
            resource(&to).is_some() && to != session.jid && !rings
        } else {
            stanza.is_message() && !to.is_empty() && !own
        }
    }

    /// What fits no flight: its id was changed on the way, the server made it up, or it is somebody else's, unseen here.
    fn stray(&mut self, event: &Event, stanza: &Stanza, session: &Session, record: &mut Record) {
        let from = fold(stanza.from().unwrap_or_default());
        let sender = self.sessions.values().any(|other| other.jid == from);
        if self.is_anothers(stanza, session) {
            record.broken(leaked(event, stanza, session, &from));
            return;
        }
        if !stanza.has_call() || !sender {
            return;
        }
        let body_print = print(text(stanza));
        let same = |f: &Flight| f.signal && f.jid == from && f.print == body_print;
        // A changed id shows itself soon after the sending: an older one is not looked for.
        let mut near = self.flights.values_mut().rev().take(1_000);
        let twin = near.find(|f| f.delivered.is_none() && fold(&f.to) == session.jid && same(f));
        let got = stanza.id().unwrap_or_default();
        if let Some(flight) = twin {
            flight.delivered = Some(event.n);
            let message = format!(
                "{}'s iq `{}` reached {} under another id.",
                flight.who, flight.id, event.who
            );
            let seen = format!("id='{got}'");
            record.broken(flight.finding("RT-05", message, "the id that was sent", seen, &[event.n]));
            return;
        }
        drop(near);
        let mut near = self.flights.values().rev().take(1_000);
        let twin = near.find(|f| resource(&f.to).is_some() && same(f));
        if let Some(flight) = twin {
            let what = format!("{}'s iq `{}`", flight.who, flight.id);
            let own = fold(&flight.to) == session.jid;
            if let Some(first) = flight.delivered.filter(|_| own) {
                record.broken(flight.doubled("RT-03", &what, &event.who, (first, event.n)));
            } else if !own && !rings(self.profile.class, flight, session, stanza) {
                record.broken(flight.astray("RT-06", &what, (&event.who, &session.jid), event.n));
            }
        } else if self.profile.class == Class::Relay {
            let finding = never_sent((&event.who, event.n), got, &from);
            record.broken(finding.in_call(call_id(stanza)));
        }
    }

    /// Call signals belong in no archive, copy or offline store. Whether it came out of one.
    pub(super) fn stored(event: &Event, stanza: &Stanza, record: &mut Record) -> bool {
        // What has no more than one child is no signal with a stamp on it, and a tree is built for no other.
        let delayed = || stanza.element().has_child("delay", DELAY) && stanza.has_call();
        if !stanza.is_plain() && delayed() {
            record.broken(out_of_a_store(event, "a delay stamp"));
            return true;
        }
        Delivery::copied(event, stanza, record)
    }

    /// The same of a signal in a carbon or in what comes out of an archive. What a client sent in a message is its own doing.
    pub(in super::super) fn copied(event: &Event, stanza: &Stanza, record: &mut Record) -> bool {
        // What is plain wraps nothing.
        if stanza.is_plain() {
            return false;
        }
        let copied = stanza.element().children().any(|child| {
            COPIES.contains(&child.ns().as_str()) && holds_a_call(child) && !holds_message(child)
        });
        if copied {
            record.broken(out_of_a_store(event, "a carbon or an archive result"));
        }
        copied
    }
}

fn out_of_a_store(event: &Event, seen: &str) -> Finding {
    Finding::of_server(
        "CH-03",
        format!(
            "{} received a call signal out of an archive, a copy or an offline store.",
            event.who
        ),
        "signals delivered once, live",
        seen.to_owned(),
        vec![event.n],
    )
}

/// What is another client's reached this one.
fn leaked(event: &Event, stanza: &Stanza, session: &Session, from: &str) -> Finding {
    let (who, got) = (&event.who, stanza.id().unwrap_or_default());
    let what = if stanza.has_call() { "signal" } else { "message" };
    let to = fold(stanza.attr("to").unwrap_or_default());
    let finding = Finding::of_server(
        "RT-06",
        format!("{who} received a {what} `{got}` of {from}, which was addressed to {to}."),
        "delivery to that address only",
        format!("delivery to {}", session.jid),
        vec![event.n],
    );
    finding.in_call(call_id(stanza))
}

/// Whether a server that judges signals may have meant this device too: a call rings all devices of a user, and ends on
/// all of them, whichever of them it was addressed to.
fn rings(class: Class, flight: &Flight, session: &Session, stanza: &Stanza) -> bool {
    let kind = stanza.call_text().and_then(|text| {
        let signal: serde_json::Value = serde_json::from_str(&text).ok()?;
        Some(signal.get("type")?.as_str()?.to_owned())
    });
    class == Class::Enforcing
        && bare(&fold(&flight.to)) == bare(&session.jid)
        && matches!(kind.as_deref(), Some("call:initiate" | "call:hangup"))
}

fn holds_a_call(copy: &minidom::Element) -> bool {
    let mut open = vec![copy];
    while let Some(element) = open.pop() {
        if element.has_ns(NAMESPACE) {
            return true;
        }
        open.extend(element.children());
    }
    false
}

/// Whether a copy is one of a message: what a message carries is no signal, whatever stands in it, and servers copy
/// messages (XEP-0280, XEP-0313).
fn holds_message(copy: &minidom::Element) -> bool {
    let forwarded = copy
        .children()
        .filter(|child| child.is("forwarded", "urn:xmpp:forward:0"));
    forwarded
        .flat_map(minidom::Element::children)
        .any(|stanza| stanza.name() == "message")
}
