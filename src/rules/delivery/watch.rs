//! Follows each stanza from the party that sent it to the party that took it in, and its answer back.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use super::super::{Blame, Family, Finding, Record, Seen, rule};
use super::close::PARTING;
use super::flight::{Flight, Freight, Goal, answer, call_id, has_special, only_special, print, text};
use super::pace::Pace;
use crate::profile::{Addressing, Class, Profile};
use crate::protocol::NAMESPACE;
use crate::stanza::{IqType, NOBODY, STREAM, Stanza, bare, fold, resource, with_line_feeds};
use crate::transcript::{Dir, Event, Header, Party};

/// How many chat messages under way make a flood.
const CROWD: usize = 20;
/// How many arrivals are remembered for each connection.
const HEARD: usize = 4_096;
/// From how many bytes on a stanza may be what a stream was ended for.
const LARGE: u64 = 4_000;
/// How many late signals, and how many stalls, are kept for the end.
const KEPT: usize = 4_096;
/// Settled stanzas that are remembered, to know a late second copy.
const REMEMBERED: usize = 65_536;

#[derive(Debug, Clone)]
pub(super) struct Session {
    pub jid: String,
    pub conn: u64,
}

/// A signal that took too long, unless something else was slow meanwhile: that is known only later.
#[derive(Debug)]
pub(super) struct Late {
    pub from: f64,
    pub to: f64,
    /// How long it might have taken, in seconds.
    pub allowed: f64,
    /// What a server that holds back needs beyond that, in seconds.
    pub held: f64,
    pub finding: Finding,
}

/// The judge of everything between two observed parties.
pub(in super::super) struct Delivery {
    pub(super) profile: Profile,
    clients: BTreeSet<String>,
    client_users: BTreeSet<String>,
    pub(super) sessions: BTreeMap<String, Session>,
    /// Connections whose party has begun to leave: a server may already answer for it.
    leaving: BTreeSet<u64>,
    /// Every address that a party has had, and when it was last left.
    past: BTreeMap<String, f64>,
    /// Between whom signals were sent.
    pairs: BTreeSet<(String, String)>,
    returned: bool,
    conns: u64,
    next: u64,
    pub(super) flights: BTreeMap<u64, Flight>,
    by_id: BTreeMap<String, Vec<u64>>,
    settled: VecDeque<u64>,
    /// From one connection to another: the place in the sender's order, and the event, of what arrived last.
    newest: BTreeMap<(u64, u64), (u64, u64)>,
    chats: usize,
    /// What each connection got last: when each stanza was sent, and when it arrived.
    heard: BTreeMap<u64, VecDeque<(f64, f64)>>,
    pub(super) whole: bool,
    pub(super) stalls: Vec<(f64, f64)>,
    pub(super) late: Vec<Late>,
    /// Answers that the server gave for a party that was there, unless it was just ending that connection: the
    /// connection, and the time.
    pub(super) hasty: Vec<(u64, f64, Finding)>,
    pub(super) pace: Pace,
    odd_next: BTreeSet<String>,
    /// The stream errors that parties were sent, by condition.
    refused: BTreeMap<String, String>,
}

pub(super) fn finding(
    id: &str,
    flight: &Flight,
    message: String,
    wanted: &str,
    seen: String,
    more: &[u64],
) -> Option<Finding> {
    let rule = rule(id)?;
    let mut events = vec![flight.n];
    events.extend_from_slice(more);
    events.sort_unstable();
    events.dedup();
    Some(Finding {
        rule,
        level: rule.level,
        blame: Blame::Server,
        party: String::new(),
        message,
        wanted: wanted.to_owned(),
        seen,
        events,
        excuse: None,
        call: flight.call.clone(),
    })
}

impl Delivery {
    pub(in super::super) fn new(header: &Header) -> Delivery {
        let clients = header.cast.iter().filter(|(_, m)| m.party == Party::Client);
        Delivery {
            profile: header.profile.clone(),
            client_users: clients.clone().map(|(_, m)| fold(bare(&m.jid))).collect(),
            clients: clients.map(|(name, _)| name.clone()).collect(),
            sessions: BTreeMap::new(),
            leaving: BTreeSet::new(),
            past: BTreeMap::new(),
            pairs: BTreeSet::new(),
            returned: false,
            conns: 0,
            next: 0,
            flights: BTreeMap::new(),
            by_id: BTreeMap::new(),
            settled: VecDeque::new(),
            newest: BTreeMap::new(),
            chats: 0,
            heard: BTreeMap::new(),
            whole: false,
            stalls: Vec::new(),
            late: Vec::new(),
            hasty: Vec::new(),
            pace: Pace::new(&header.profile),
            odd_next: BTreeSet::new(),
            refused: BTreeMap::new(),
        }
    }

    fn goal(&self, to: &str, own: &str) -> Goal {
        let to = fold(to);
        let domain = |jid: &str| bare(jid).rsplit('@').next().unwrap_or_default().to_owned();
        if to.is_empty() || !to.contains('@') {
            return if to.is_empty() || domain(&to) == domain(own) {
                Goal::Server
            } else {
                Goal::Unknown
            };
        }
        if let Some((who, session)) = self.sessions.iter().find(|(_, s)| s.jid == to) {
            return Goal::Party {
                who: who.clone(),
                conn: session.conn,
            };
        }
        if self.client_users.contains(bare(&to)) || domain(&to) != domain(own) {
            Goal::Unknown
        } else if resource(&to).is_none() {
            Goal::Bare
        } else if let Some(left) = self.past.get(&to) {
            Goal::Gone { left: *left }
        } else {
            Goal::Nobody
        }
    }

    fn sent(&mut self, event: &Event, stanza: &Stanza) {
        let odd = self.odd_next.remove(&event.who);
        let Some(session) = self.sessions.get(&event.who).cloned() else {
            return;
        };
        let held = self.pace.said(session.conn, event.t, stanza.raw().len());
        let to = stanza.to().unwrap_or_default().to_owned();
        let id = stanza.id().unwrap_or_default().to_owned();
        match stanza.iq_type() {
            Some(IqType::Result | IqType::Error) => {
                let found = self.find(&id, |f| {
                    f.freight == Freight::Iq && fold(&f.to) == session.jid && f.jid == fold(&to)
                });
                self.next += 1;
                let place = self.next;
                if let Some(flight) = found.and_then(|key| self.flights.get_mut(&key)) {
                    if flight.given.is_some() {
                        flight.twice = true;
                    } else {
                        flight.given = Some((event.n, answer(stanza)));
                        flight.answer_place = place;
                    }
                }
                return;
            }
            Some(_) => {}
            None if stanza.body().is_some() && stanza.attr("type") != Some("error") => {}
            None => return,
        }
        let freight = if stanza.is_iq() {
            Freight::Iq
        } else {
            Freight::Chat
        };
        let forged = stanza
            .from()
            .map(fold)
            .filter(|from| *from != session.jid && from != bare(&session.jid));
        let text = text(stanza);
        let flight = Flight {
            n: event.n,
            t: event.t,
            conn: session.conn,
            who: event.who.clone(),
            goal: self.goal(&to, &session.jid),
            jid: session.jid,
            to,
            odd: odd
                || forged.is_some()
                || (stanza.is_iq() && (id.is_empty() || stanza.element().children().count() != 1)),
            id: id.clone(),
            freight,
            signal: stanza.calls().next().is_some(),
            print: print(&text),
            text,
            call: call_id(stanza),
            size: stanza.raw().len(),
            held,
            forged,
            crowd: self.chats,
            delivered: None,
            given: None,
            answer_place: 0,
            twice: false,
            got: None,
        };
        if freight == Freight::Chat {
            self.chats += 1;
        }
        if flight.signal {
            let (a, b) = (bare(&flight.jid).to_owned(), fold(bare(&flight.to)));
            self.pairs.insert(if a < b { (a, b) } else { (b, a) });
        }
        self.next += 1;
        self.by_id.entry(id).or_default().push(self.next);
        self.flights.insert(self.next, flight);
        // What was never answered is forgotten only when far more is under way than any server would let be.
        if self.flights.len() > 2 * REMEMBERED
            && let Some(oldest) = self.flights.first_key_value().map(|(key, _)| *key)
        {
            self.forget(oldest);
        }
    }

    fn find(&self, id: &str, fits: impl Fn(&Flight) -> bool) -> Option<u64> {
        let keys = self.by_id.get(id)?;
        keys.iter()
            .rev()
            .copied()
            .find(|key| self.flights.get(key).is_some_and(&fits))
    }

    fn settle(&mut self, key: u64) {
        if let Some(flight) = self.flights.get_mut(&key) {
            flight.text = String::new();
        }
        self.settled.push_back(key);
        if self.settled.len() > REMEMBERED
            && let Some(old) = self.settled.pop_front()
        {
            self.forget(old);
        }
    }

    fn forget(&mut self, old: u64) {
        if let Some(flight) = self.flights.remove(&old)
            && let Some(keys) = self.by_id.get_mut(&flight.id)
        {
            keys.retain(|key| *key != old);
            if keys.is_empty() {
                self.by_id.remove(&flight.id);
            }
        }
    }

    fn received(&mut self, event: &Event, stanza: &Stanza, record: &mut Record) {
        let Some(session) = self.sessions.get(&event.who).cloned() else {
            return;
        };
        Self::stored(event, stanza, record);
        match stanza.iq_type() {
            Some(IqType::Result | IqType::Error) => self.answered(event, stanza, &session, record),
            Some(_) => self.delivered(event, stanza, &session, Freight::Iq, record),
            None if stanza.is("error", STREAM) => {
                let condition = stanza.error_condition().unwrap_or_default();
                self.refused.insert(event.who.clone(), condition.to_owned());
            }
            None if stanza.body().is_some() && stanza.attr("type") != Some("error") => {
                self.delivered(event, stanza, &session, Freight::Chat, record);
            }
            None => {}
        }
    }

    fn delivered(
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
        let asked = freight == Freight::Chat || stanza.calls().next().is_some() || from.contains('@');
        let key = self
            .find(id, |f| {
                mine(f) && f.delivered.is_none() && f.jid == from && f.print == body_print
            })
            .or_else(|| self.find(id, |f| mine(f) && f.delivered.is_none() && asked))
            .or_else(|| self.find(id, |f| mine(f) && f.jid == from))
            .or_else(|| {
                self.find(id, |f| {
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
        let misdirected = self.flights.get(&key).is_some_and(|flight| {
            fold(&flight.to) != session.jid && resource(&flight.to).is_some() && !passed_on(flight)
        });
        // Whoever gets it is in another call: that call and this one were mixed.
        let elsewhere = self.flights.get(&key).is_some_and(|flight| {
            misdirected
                && self.flights.values().rev().take(1_000).any(|f| {
                    let other = f.call.is_some() && flight.call != f.call;
                    other && (f.who == event.who || fold(&f.to) == session.jid)
                })
        });
        let Some(flight) = self.flights.get_mut(&key) else {
            return;
        };
        let chat = freight == Freight::Chat;
        let what = format!("{}'s {} `{id}`", flight.who, if chat { "message" } else { "iq" });
        let at = [event.n];
        let tell = |record: &mut Record, found: Option<Finding>| {
            if let Some(found) = found {
                record.broken(found);
            }
        };
        if misdirected {
            let found = finding(
                if elsewhere { "RT-12" } else { "RT-06" },
                flight,
                format!(
                    "{} received {what}, which was addressed to {}.",
                    event.who, flight.to
                ),
                "delivery to the addressed resource only",
                format!("delivery to {}", session.jid),
                &at,
            );
            tell(record, found);
            return;
        }
        if resource(&flight.to).is_some() {
            record.held("RT-06");
        }
        if let Some(first) = flight.delivered {
            if resource(&flight.to).is_some() {
                let found = finding(
                    if chat { "CH-01" } else { "RT-03" },
                    flight,
                    format!("{} received {what} more than once.", event.who),
                    "one delivery",
                    format!("deliveries at events {first} and {}", event.n),
                    &[first, event.n],
                );
                tell(record, found);
            }
            return;
        }
        flight.delivered = Some(event.n);
        record.held(if chat { "CH-01" } else { "RT-03" });
        let flight = &flight.clone();
        if flight.forged.as_deref() == Some(from.as_str()) {
            let found = finding(
                "RT-02",
                flight,
                format!("{} received {what} with the forged sender {from}.", event.who),
                "a refusal, or the true sender in `from`",
                format!("from='{from}'"),
                &at,
            );
            tell(record, found);
        } else if from != flight.jid {
            let found = finding(
                "RT-01",
                flight,
                format!(
                    "{what} reached {} with a `from` that is not the sender's full JID.",
                    event.who
                ),
                &format!("from='{}'", flight.jid),
                format!("from='{from}'"),
                &at,
            );
            tell(record, found);
        } else {
            record.held(if flight.forged.is_some() { "RT-02" } else { "RT-01" });
        }
        let to = fold(stanza.to().unwrap_or_default());
        // A server that spreads a bare JID writes each device's own.
        let own = [
            fold(&flight.to),
            session.jid.clone(),
            bare(&session.jid).to_owned(),
        ];
        if !to.is_empty() && !own.contains(&to) {
            let found = finding(
                "RT-05",
                flight,
                format!(
                    "{what} reached {} with another `to` than it was sent to.",
                    event.who
                ),
                &format!("to='{}'", flight.to),
                format!("to='{to}'"),
                &at,
            );
            tell(record, found);
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
            let found = finding(
                id,
                flight,
                format!("The text of {what} changed on its way to {}.", event.who),
                "the text that was sent, unchanged",
                format!(
                    "{} bytes were sent and {} other bytes arrived",
                    flight.text.len(),
                    body.len()
                ),
                &at,
            );
            tell(record, found);
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
            if flight.signal && self.pairs.len() > 1 {
                record.held("RT-12");
            }
        }
        let order = if chat { "CH-01" } else { "RT-04" };
        if let Some(over) = self.overtaken((flight.conn, session.conn), (key, flight.n)) {
            let found = finding(
                order,
                flight,
                format!("{what} reached {} after a stanza that was sent later.", event.who),
                "the order in which they were sent",
                format!(
                    "event {over} was sent after event {} and arrived before it",
                    flight.n
                ),
                &[over, event.n],
            );
            tell(record, found);
        } else if !chat {
            record.held("RT-04");
        }
        let arrived = event.arrived.unwrap_or(event.t);
        if flight.signal {
            let delay = arrived - flight.t;
            // A second for each 10 000 bytes begun, the least that every server has to take (RFC 6120 §13.12).
            let allowed = self.profile.relay_within * flight.size.div_ceil(10_000) as f64
                + self.pace.allowed(flight.held);
            let crowded = flight.crowd.max(self.chats) >= CROWD;
            if delay > allowed && self.flowed(session.conn, (flight.t, arrived), allowed) {
                // It stood in line with others that went on arriving: the order asks for no less (RFC 6120 §10.1).
            } else if delay > allowed {
                let id = if crowded { "CH-02" } else { "RT-13" };
                let found = finding(
                    id,
                    flight,
                    format!("{what} took {delay:.3} s to reach {}.", event.who),
                    &format!("at most {allowed} s"),
                    format!("{delay:.3} s"),
                    &at,
                );
                if let Some(finding) = found.filter(|_| self.late.len() < KEPT) {
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

    /// Notes that a stanza arrived: its place in its sender's order, and its event. The answer is the event of one
    /// that was sent later and had arrived before, if there is one (RFC 6120 §10.1).
    fn overtaken(&mut self, way: (u64, u64), arrived: (u64, u64)) -> Option<u64> {
        let newest = self.newest.entry(way).or_insert(arrived);
        let over = (newest.0 > arrived.0).then_some(newest.1);
        *newest = (*newest).max(arrived);
        over
    }

    /// A request that fits no flight: its id was changed on the way, or the server made it up.
    fn stray(&mut self, event: &Event, stanza: &Stanza, session: &Session, record: &mut Record) {
        let from = fold(stanza.from().unwrap_or_default());
        let sender = self.sessions.values().any(|other| other.jid == from);
        if stanza.calls().next().is_none() || !sender {
            return;
        }
        let body_print = print(&text(stanza));
        // A changed id shows itself soon after the sending: an older one is not looked for.
        let near = self.flights.iter_mut().rev().take(1_000);
        let twin = near.map(|(_, f)| f).find(|f| {
            f.delivered.is_none()
                && f.signal
                && f.jid == from
                && fold(&f.to) == session.jid
                && f.print == body_print
        });
        let got = stanza.id().unwrap_or_default();
        let found = if let Some(flight) = twin {
            flight.delivered = Some(event.n);
            let message = format!(
                "{}'s iq `{}` reached {} under another id.",
                flight.who, flight.id, event.who
            );
            finding(
                "RT-05",
                flight,
                message,
                "the id that was sent",
                format!("id='{got}'"),
                &[event.n],
            )
        } else if self.profile.class == Class::Relay {
            rule("RT-03").map(|rule| Finding {
                rule,
                level: rule.level,
                blame: Blame::Server,
                party: String::new(),
                message: format!(
                    "{} received a signal `{got}` from {from} that was never sent to it.",
                    event.who
                ),
                wanted: "only signals that a party sent".to_owned(),
                seen: format!("iq `{got}`"),
                events: vec![event.n],
                excuse: None,
                call: call_id(stanza),
            })
        } else {
            None
        };
        if let Some(found) = found {
            record.broken(found);
        }
    }

    /// Call signals belong in no archive, copy or offline store.
    fn stored(event: &Event, stanza: &Stanza, record: &mut Record) {
        let delayed =
            stanza.element().has_child("delay", "urn:xmpp:delay") && stanza.calls().next().is_some();
        let copied = stanza.element().children().any(|child| {
            matches!(child.ns().as_str(), "urn:xmpp:carbons:2" | "urn:xmpp:mam:2")
                && String::from(child).contains(NAMESPACE)
                && !holds_message(child)
        });
        if !(delayed || copied) {
            return;
        }
        if let Some(rule) = rule("CH-03") {
            record.broken(Finding {
                rule,
                level: rule.level,
                blame: Blame::Server,
                party: String::new(),
                message: format!(
                    "{} received a call signal out of an archive, a copy or an offline store.",
                    event.who
                ),
                wanted: "signals delivered once, live".to_owned(),
                seen: if delayed {
                    "a delay stamp"
                } else {
                    "a carbon or an archive result"
                }
                .to_owned(),
                events: vec![event.n],
                excuse: None,
                call: None,
            });
        }
    }

    /// An answer for somebody who asked nothing: if it is one that a party gave to somebody else, it was misdirected.
    fn not_asked(&self, event: &Event, stanza: &Stanza, session: &Session, record: &mut Record) {
        let from = fold(stanza.from().unwrap_or_default());
        let others = self.find(stanza.id().unwrap_or_default(), |f| {
            f.freight == Freight::Iq && f.given.is_some() && fold(&f.to) == from && f.jid != session.jid
        });
        let Some(flight) = others.and_then(|key| self.flights.get(&key)) else {
            return;
        };
        let Some((n, gave)) = &flight.given else { return };
        let found = finding(
            "RT-06",
            flight,
            format!(
                "{} received the answer to {}'s iq `{}`, which it never sent.",
                event.who, flight.who, flight.id
            ),
            &format!("delivery to {} only", flight.jid),
            format!("{gave}, delivered to {}", session.jid),
            &[*n, event.n],
        );
        if let Some(found) = found {
            record.broken(found);
        }
    }

    /// A stream that the server ended on a stanza that it has to carry (RFC 6120 §13.12 lets it limit larger ones).
    fn thrown_out(&self, event: &Event, record: &mut Record) {
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
        let found = finding(
            "RT-11",
            flight,
            format!(
                "The server ended the stream of {} on its iq `{}` of {} bytes.",
                event.who, flight.id, flight.size
            ),
            &format!("delivery of whatever has no more than {limit} bytes"),
            "a stream error policy-violation".to_owned(),
            &[event.n],
        );
        if let Some(found) = found {
            record.broken(found);
        }
    }

    fn answered(&mut self, event: &Event, stanza: &Stanza, session: &Session, record: &mut Record) {
        let from = fold(stanza.from().unwrap_or_default());
        let Some(key) = self.find(stanza.id().unwrap_or_default(), |f| {
            f.freight == Freight::Iq && f.who == event.who && f.conn == session.conn
        }) else {
            self.not_asked(event, stanza, session, record);
            return;
        };
        let Some(flight) = self.flights.get_mut(&key) else {
            return;
        };
        let said = answer(stanza);
        let what = format!("{}'s iq `{}`", flight.who, flight.id);
        if let Some(first) = flight.got {
            // Two answers are the server's doing only where the addressee gave one.
            if flight.twice {
                return;
            }
            let found = finding(
                "IQ-01",
                flight,
                format!("{what} was answered more than once."),
                "exactly one result or error",
                format!("answers at events {first} and {}", event.n),
                &[first, event.n],
            );
            if let Some(found) = found.filter(|_| !matches!(flight.goal, Goal::Unknown)) {
                record.broken(found);
            }
            return;
        }
        flight.got = Some(event.n);
        let flight = &*flight;
        let own_error = said.starts_with("error") && flight.given.is_none();
        if own_error && stanza.error_fault().is_none() {
            record.held("IQ-09");
        }
        if let Some(fault) = stanza.error_fault().filter(|_| own_error) {
            let found = finding(
                "IQ-09",
                flight,
                format!("The error that answers {what} is malformed: {fault}."),
                "one `<error/>` with its type and one defined condition",
                said.clone(),
                &[event.n],
            );
            if let Some(found) = found.filter(|_| !matches!(flight.goal, Goal::Unknown)) {
                record.broken(found);
            }
        }
        let relay = self.profile.class == Class::Relay;
        let error = said.strip_prefix("error ");
        let absent = |extra: bool| {
            error.is_some_and(|error| NOBODY.contains(&error)) || (extra && error == Some("item-not-found"))
        };
        let mut broken = None;
        let at = [event.n];
        if resource(&flight.to).is_some() && from != fold(&flight.to) {
            broken = finding(
                "IQ-01",
                flight,
                format!("The answer to {what} comes from another address than the one that was asked."),
                &format!("from='{}'", flight.to),
                format!("from='{from}'"),
                &at,
            );
        } else if !flight.odd {
            match (&flight.goal, &flight.given) {
                (Goal::Party { .. }, Some((n, gave))) if *gave != said => {
                    broken = finding(
                        "RT-08",
                        flight,
                        format!("The answer to {what} changed on its way back."),
                        gave,
                        said.clone(),
                        &[*n, event.n],
                    );
                }
                (Goal::Party { conn, .. }, Some((n, _))) => {
                    record.held("RT-08");
                    let way = (*conn, session.conn);
                    let arrived = (flight.answer_place, *n);
                    let n = *n;
                    if let Some(over) = self.overtaken(way, arrived)
                        && let Some(flight) = self.flights.get(&key)
                    {
                        broken = finding(
                            "RT-04",
                            flight,
                            format!("The answer to {what} arrived after a stanza that was sent later."),
                            "the order in which they were sent",
                            format!("event {over} was sent after event {n} and arrived before it"),
                            &[n, over, event.n],
                        );
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
                        let found = finding(
                            id,
                            flight,
                            format!("The server answered {what} itself, although {who} was connected."),
                            "delivery, and the answer of the addressee",
                            said.clone(),
                            &at,
                        );
                        // Told once it is known that the session was not being ended just then.
                        if let Some(found) = found.filter(|_| self.hasty.len() < KEPT) {
                            self.hasty.push((*conn, event.t, found));
                        }
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
                        broken = finding(
                            id,
                            flight,
                            format!(
                                "{what} to {} was not answered as for an address where nobody is.",
                                flight.to
                            ),
                            "error service-unavailable or recipient-unavailable",
                            said.clone(),
                            &at,
                        );
                    }
                }
                _ => {}
            }
        }
        match broken {
            Some(found) => record.broken(found),
            None => record.held("IQ-01"),
        }
        self.settle(key);
    }
}

impl Family for Delivery {
    fn event(&mut self, seen: Seen<'_>, record: &mut Record) {
        let event = seen.event;
        match event.dir {
            Dir::Connected if !self.clients.contains(&event.who) => {
                if let Some(jid) = &event.jid {
                    self.conns += 1;
                    let jid = fold(jid);
                    self.returned |= self.past.insert(jid.clone(), event.t).is_some();
                    self.sessions.insert(
                        event.who.clone(),
                        Session {
                            jid,
                            conn: self.conns,
                        },
                    );
                }
            }
            Dir::Leaving => self
                .leaving
                .extend(self.sessions.get(&event.who).map(|session| session.conn)),
            // After the last step everyone goes; what was lost before is still lost.
            Dir::Disconnected | Dir::Cut | Dir::Closed if self.whole => {}
            Dir::Disconnected | Dir::Cut | Dir::Closed => {
                if event.dir == Dir::Closed {
                    self.thrown_out(event, record);
                }
                if let Some(gone) = self.sessions.remove(&event.who) {
                    if event.dir == Dir::Closed {
                        self.hasty
                            .retain(|(conn, at, _)| *conn != gone.conn || event.t - at > PARTING);
                    }
                    self.leaving.remove(&gone.conn);
                    self.heard.remove(&gone.conn);
                    self.pace.gone(gone.conn);
                    self.past.insert(gone.jid.clone(), event.t);
                    self.newest
                        .retain(|(from, to), _| *from != gone.conn && *to != gone.conn);
                }
            }
            Dir::Breaks => {
                // What is wrong with a signal as a signal is nothing to a relay: it has to carry that too.
                let carried = |id: &String| {
                    id == "IQ-04"
                        || ["SG-", "SD-", "ST-", "TM-"]
                            .iter()
                            .any(|group| id.starts_with(group))
                };
                if self.profile.class != Class::Relay || !event.rules.iter().all(carried) {
                    self.odd_next.insert(event.who.clone());
                }
            }
            Dir::Stalled if self.stalls.len() < KEPT => self
                .stalls
                .push((event.t - event.seconds.unwrap_or(0.0), event.t)),
            Dir::Steps | Dir::End => self.whole = true,
            Dir::Sent => {
                if let Some(stanza) = seen.stanza {
                    self.sent(event, stanza);
                }
            }
            Dir::Received => {
                if let Some(stanza) = seen.stanza {
                    self.received(event, stanza, record);
                }
            }
            _ => {}
        }
    }

    fn finish(&mut self, _at: f64, record: &mut Record) {
        if self.returned && self.whole && !record.findings.iter().any(|found| found.rule.id == "CH-03") {
            record.held("CH-03");
        }
        self.close(record);
    }
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
