//! Follows each stanza from the party that sent it to the party that took it in, and its answer back.

mod answer;
mod arrival;

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet, VecDeque};

use super::book::{Book, Newest};
use super::close::PARTING;
use super::flight::{Flight, Freight, Goal, answer, call_id, form, text};
use super::pace::Pace;
use crate::profile::{Class, Profile};
use crate::rules::stream::is_ill_formed;
use crate::rules::{Family, Finding, Record, Seen};
use crate::stanza::{IqType, STREAM, Stanza, bare, fold, print, resource};
use crate::transcript::{Dir, Event, Header, Party, Stalls, Wire};

/// How many chat messages under way make a flood.
const CROWD: usize = 20;
/// How many arrivals are remembered for each connection.
const HEARD: usize = 4_096;
/// From how many bytes on a stanza may be what a stream was ended for.
const LARGE: u64 = 4_000;
/// A server that is asked by everyone has this many seconds: what has not come by then is not under way any more.
const TIME_ENOUGH: f64 = 30.0;
/// How many late signals are kept for the end.
const KEPT: usize = 4_096;
/// Settled stanzas that are remembered, to know a late second copy.
const REMEMBERED: usize = 65_536;
/// Stanzas that are remembered at all. What was never answered is forgotten only when far more is under way than any
/// server would let be.
const UNDER_WAY: usize = 131_072;

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
    /// Between whom the first signal was sent, and whether others have sent any since.
    pair: Option<[String; 2]>,
    pairs: bool,
    returned: bool,
    /// A signal came out of an archive, a copy or an offline store.
    stored: bool,
    conns: u64,
    pub(super) flights: Book<Flight>,
    settled: VecDeque<u64>,
    newest: Newest,
    chats: usize,
    /// The longest that a signal took while no chat was under way, in seconds.
    unhindered: f64,
    /// What each connection got last: when each stanza was sent, and when it arrived.
    pub(super) heard: BTreeMap<u64, VecDeque<(f64, f64)>>,
    /// When anything came to each party last.
    alive: BTreeMap<String, f64>,
    pub(super) whole: bool,
    pub(super) stalls: Stalls,
    pub(super) late: Vec<Late>,
    /// Answers that the server gave for a party that was there, unless it was just ending that connection: the
    /// connection, and the time.
    pub(super) hasty: Vec<(u64, f64, Finding)>,
    pub(super) pace: Pace,
    odd_next: BTreeSet<String>,
    /// The stream errors that parties were sent, by condition.
    refused: BTreeMap<String, String>,
}

impl Delivery {
    pub(in super::super) fn new(header: &Header) -> Delivery {
        let clients = header.cast.iter().filter(|(_, m)| m.party == Party::Client);
        Delivery {
            profile: header.profile.clone(),
            client_users: clients
                .clone()
                .map(|(_, m)| fold(bare(&m.jid)).into_owned())
                .collect(),
            clients: clients.map(|(name, _)| name.clone()).collect(),
            sessions: BTreeMap::new(),
            leaving: BTreeSet::new(),
            past: BTreeMap::new(),
            pair: None,
            pairs: false,
            returned: false,
            stored: false,
            conns: 0,
            flights: Book::new(),
            settled: VecDeque::new(),
            newest: Newest::default(),
            chats: 0,
            unhindered: 0.0,
            heard: BTreeMap::new(),
            alive: BTreeMap::new(),
            whole: false,
            stalls: Stalls::default(),
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
        } else if let Some(left) = self.past.get(&*to) {
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
                let found = self.flights.find(&id, |f| {
                    f.freight == Freight::Iq && fold(&f.to) == session.jid && f.jid == fold(&to)
                });
                let place = self.flights.number();
                if let Some(flight) = found.and_then(|key| self.flights.get_mut(key)) {
                    if flight.given.is_some() {
                        flight.twice = true;
                    } else {
                        flight.given = Some((event.n, answer(stanza)));
                        flight.odd |= !stanza.is_sound_answer();
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
            .filter(|from| *from != session.jid && from != bare(&session.jid))
            .map(Cow::into_owned);
        let text = text(stanza);
        let flight = Flight {
            n: event.n,
            t: event.t,
            conn: session.conn,
            who: event.who.clone(),
            goal: self.goal(&to, &session.jid),
            jid: session.jid,
            to,
            odd: odd || forged.is_some() || (stanza.is_iq() && (id.is_empty() || stanza.children() != 1)),
            id,
            freight,
            signal: stanza.has_call(),
            print: print(&text),
            form: form(stanza),
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
            let pair = flight.pair();
            self.pairs |= *self.pair.get_or_insert_with(|| pair.clone()) != pair;
        }
        self.flights.put(flight, UNDER_WAY);
    }

    pub(super) fn settle(&mut self, key: u64) {
        if let Some(flight) = self.flights.get_mut(key) {
            flight.text = String::new();
        }
        self.settled.push_back(key);
        if self.settled.len() > REMEMBERED
            && let Some(old) = self.settled.pop_front()
        {
            self.flights.forget(old);
        }
    }

    fn received(&mut self, event: &Event, stanza: &Stanza, record: &mut Record) {
        let Some(session) = self.sessions.get(&event.who).cloned() else {
            return;
        };
        self.stored |= Self::stored(event, stanza, record);
        match stanza.iq_type() {
            Some(IqType::Result | IqType::Error) => self.answered(event, stanza, &session, record),
            Some(_) => self.delivered(event, stanza, &session, Freight::Iq, record),
            None if stanza.is("error", STREAM) => {
                // Nothing can be had of this session any more (RFC 6120 §4.9.1.1), whoever closes it then.
                self.was_ending(event);
                let condition = stanza.error_condition().unwrap_or_default();
                self.refused.insert(event.who.clone(), condition.to_owned());
            }
            None if stanza.body().is_some() && stanza.attr("type") != Some("error") => {
                self.delivered(event, stanza, &session, Freight::Chat, record);
            }
            None => {}
        }
    }

    /// What nobody can read has arrived all the same: how it stands on its stream is another rule's, and it is not lost.
    fn came_unreadable(&mut self, event: &Event) {
        let (Some(session), Some(text)) = (self.sessions.get(&event.who), event.xml.as_deref()) else {
            return;
        };
        // Of a binary frame nothing is kept but its length: it may have held any of them.
        let unseen = text
            .strip_suffix(" bytes")
            .is_some_and(|n| n.bytes().all(|byte| byte.is_ascii_digit()));
        // As near as a changed id is looked for.
        for flight in self.flights.values_mut().rev().take(1_000) {
            let is_on_its_way = flight.delivered.is_none() && fold(&flight.to) == session.jid;
            // By its addressee, or by the server for whom nobody else can be.
            let has_answer = flight.given.is_some() || !matches!(flight.goal, Goal::Party { .. });
            let is_answered = has_answer && flight.got.is_none() && flight.jid == session.jid;
            let is_open = is_on_its_way || is_answered;
            let id = &flight.id;
            let names_it = || text.contains(&format!("'{id}'")) || text.contains(&format!("\"{id}\""));
            flight.odd |= is_open && (unseen || (!id.is_empty() && names_it()));
        }
    }

    /// What is told once it is known that this session was not being ended just then.
    fn wait_for_its_end(&mut self, conn: u64, event: &Event, found: Finding) {
        if self.hasty.len() < KEPT {
            self.hasty.push((conn, event.t, found));
        }
    }

    /// The server has ended this session: what it said shortly before in the place of who is there was right then.
    fn was_ending(&mut self, event: &Event) {
        if let Some(session) = self.sessions.get(&event.who) {
            let hasty = |(conn, at, _): &(u64, f64, Finding)| *conn != session.conn || event.t - at > PARTING;
            self.hasty.retain(hasty);
        }
    }
}

impl Family for Delivery {
    fn event(&mut self, seen: Seen<'_>, record: &mut Record) {
        let event = seen.event;
        match event.dir {
            Dir::Connected if !self.clients.contains(&event.who) => {
                if let Some(jid) = &event.jid {
                    self.conns += 1;
                    let jid = fold(jid).into_owned();
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
            // After the last step everyone goes; what was lost before is still lost. If it is the target that goes, it may
            // have been on its way.
            Dir::Disconnected | Dir::Cut if self.whole => {}
            Dir::Disconnected | Dir::Cut | Dir::Closed => {
                if event.dir == Dir::Closed {
                    self.thrown_out(event, record);
                    self.was_ending(event);
                }
                if let Some(gone) = self.sessions.remove(&event.who) {
                    self.leaving.remove(&gone.conn);
                    self.heard.remove(&gone.conn);
                    self.pace.gone(gone.conn);
                    self.past.insert(gone.jid.clone(), event.t);
                    self.newest.forget(gone.conn);
                }
            }
            Dir::Breaks => {
                // What is wrong with a signal as a signal is nothing to a relay: it has to carry that too.
                // Nor is a `get` in the place of a `set`: it is an IQ like any other.
                let carried = |id: &String| {
                    ["IQ-03", "IQ-04"].contains(&id.as_str())
                        || ["SG-", "SD-", "ST-", "TM-"]
                            .iter()
                            .any(|group| id.starts_with(group))
                };
                if self.profile.class != Class::Relay || !event.rules.iter().all(carried) {
                    self.odd_next.insert(event.who.clone());
                }
            }
            Dir::Stalled => self.stalls.note(event),
            Dir::Steps | Dir::End => self.whole = true,
            // Nothing is known any more of what the trouble is with, nor whether other sessions were being ended just then.
            // Everyone goes at once, and what was said shortly before is waited for by nobody.
            Dir::Trouble => {
                self.hasty.retain(|(_, at, _)| event.t - at > PARTING);
                self.sessions.remove(&event.who);
                // What has brought one connection to silence may have done so to others.
                let silent = |who: &str, since: f64| self.alive.get(who).is_none_or(|last| *last <= since);
                for flight in self.flights.values_mut() {
                    let goal = match &flight.goal {
                        Goal::Party { who, .. } => silent(who, flight.t),
                        _ => false,
                    };
                    flight.odd |= event.t - flight.t < TIME_ENOUGH || silent(&flight.who, flight.t) || goal;
                }
            }
            // Whatever came after it cannot be read any more.
            Dir::WireReceived if matches!(event.wire, Some(Wire::Broken { .. })) => {
                self.sessions.remove(&event.who);
            }
            Dir::Sent => {
                if let Some(stanza) = seen.stanza {
                    self.sent(event, stanza);
                }
            }
            Dir::Received => {
                match self.alive.get_mut(&event.who) {
                    Some(last) => *last = event.t,
                    None => _ = self.alive.insert(event.who.clone(), event.t),
                }
                if let Some(stanza) = seen.stanza {
                    self.received(event, stanza, record);
                }
                // What stands behind the first element of a message nobody reads either.
                if seen
                    .stanza
                    .is_none_or(|stanza| !stanza.is_plain() && is_ill_formed(stanza.raw()))
                {
                    self.came_unreadable(event);
                }
            }
            _ => {}
        }
    }

    fn finish(&mut self, _at: f64, record: &mut Record) {
        if self.returned && self.whole && !self.stored {
            record.held("CH-03");
        }
        self.close(record);
    }
}
