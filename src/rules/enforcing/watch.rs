//! Follows each signal to those it reached, and to the answer that its sender got.

mod got;
mod sent;

use std::collections::{BTreeMap, BTreeSet};

use super::super::{Family, Finding, Record, Seen};
use super::call::{Call, Vanished};
use super::demand::Demand;
use crate::profile::{Class, Profile};
use crate::protocol::{Kind, Role};
use crate::stanza::{bare, fold};
use crate::transcript::{Dir, Event, Header, Party, Stalls};

/// A signal that was sent.
#[derive(Debug)]
pub(super) struct Flight {
    pub n: u64,
    pub who: String,
    pub conn: u64,
    pub jid: String,
    pub to: String,
    pub id: String,
    pub text: String,
    pub kind: Option<Kind>,
    /// In lower case.
    pub call: Option<String>,
    pub demand: Demand,
    pub reached: Vec<(u64, String)>,
    /// The answer that the sender got: event, and an error's condition.
    pub got: Option<(u64, Option<String>)>,
    /// When it got that, if it did.
    pub got_at: f64,
}

/// The judge of an enforcing server.
pub(in super::super) struct Enforcing {
    active: bool,
    profile: Profile,
    /// User ids by bare JID, in lower case.
    ids: BTreeMap<String, String>,
    /// Folded full JID and number of connection, by name.
    pub(super) sessions: BTreeMap<String, (String, u64)>,
    conns: u64,
    /// When a device of this user last went.
    left: BTreeMap<String, f64>,
    /// By callId in lower case.
    pub(super) calls: BTreeMap<String, Call>,
    pub(super) flights: Vec<Flight>,
    /// The flights with one iq id.
    by_id: BTreeMap<String, Vec<usize>>,
    /// The last flight with a text of this print: who rings many devices asks each of them under an id of its own.
    by_text: BTreeMap<u64, usize>,
    /// The call that an inbound signal was for, by who got it and the iq's id.
    inbox: BTreeMap<(String, String), String>,
    /// CallIds of which the server may or may not know: their initiate was turned away.
    void: BTreeSet<String>,
    /// Something was sent of which it is not known what a server makes of it.
    unread: bool,
    /// The steps are done: whoever disconnects now leaves no call in the lurch.
    pub(super) whole: bool,
    /// Somebody has begun to leave after the last step.
    parting: bool,
    /// When this process stood still, or the whole target: from and to, in seconds.
    pub(super) stalls: Stalls,
    /// Ends that nothing explains yet: the call, when, and what to say of it. The server knows that somebody has gone
    /// before the end of that connection is seen here.
    unexplained: Vec<(String, f64, Finding)>,
}

/// How long it may take until the end of a connection is seen here, in seconds.
pub(super) const SEEN_WITHIN: f64 = 5.0;

/// What the server did in a call that it knows.
pub(super) fn found(
    id: &str,
    message: String,
    wanted: &str,
    seen: String,
    events: Vec<u64>,
    call: Option<&Call>,
) -> Finding {
    Finding::of_server(id, message, wanted, seen, events).in_call(call.map(|call| call.id.clone()))
}

impl Enforcing {
    pub(in super::super) fn new(header: &Header) -> Enforcing {
        let bots = header.cast.values().all(|member| member.party == Party::Bot);
        let known = header.cast.values();
        let ids =
            known.filter_map(|m| Some((fold(bare(&m.jid)).into_owned(), m.id.as_ref()?.to_lowercase())));
        Enforcing {
            active: header.profile.class == Class::Enforcing && bots && !header.cast.is_empty(),
            profile: header.profile.clone(),
            ids: ids.collect(),
            sessions: BTreeMap::new(),
            conns: 0,
            left: BTreeMap::new(),
            calls: BTreeMap::new(),
            flights: Vec::new(),
            by_id: BTreeMap::new(),
            by_text: BTreeMap::new(),
            inbox: BTreeMap::new(),
            void: BTreeSet::new(),
            unread: false,
            whole: false,
            parting: false,
            stalls: Stalls::default(),
            unexplained: Vec::new(),
        }
    }

    /// Whether this connection is still there.
    pub(super) fn here(&self, who: &str, conn: u64) -> bool {
        self.sessions.get(who).is_some_and(|session| session.1 == conn)
    }

    fn gone(&mut self, event: &Event) {
        let calls = &self.calls;
        self.unexplained.retain(|(call, at, _)| {
            let party = calls
                .get(call)
                .is_some_and(|call| call.sides.contains_key(&event.who));
            !party || event.t - at > SEEN_WITHIN
        });
        if self.whole {
            return;
        }
        let Some((jid, conn)) = self.sessions.remove(&event.who) else {
            return;
        };
        self.left.insert(bare(&jid).to_owned(), event.t);
        for call in self.calls.values_mut() {
            let Some(side) = call.sides.get(&event.who) else {
                continue;
            };
            if side.conn != conn || side.ended.is_some() || call.void {
                continue;
            }
            let role = side.role;
            let speaks = match (&call.accepted, role) {
                (_, Role::Caller) => call.rung().next().is_some(),
                (Some((_, _, winner)), Role::Callee) => *winner == event.who,
                (None, Role::Callee) => call
                    .rung()
                    .all(|(who, side)| *who == event.who || side.ended.is_some()),
            };
            if speaks {
                call.vanished.push(Vanished {
                    n: event.n,
                    at: event.t,
                    who: event.who.clone(),
                    conn,
                    role,
                });
            } else if let Some(side) = call.sides.get_mut(&event.who) {
                // One of several devices: it rings no more.
                side.ended = Some(event.t);
            }
        }
    }
}

pub(super) fn words(flight: &Flight) -> String {
    let kind = flight.kind.map_or("signal", Kind::name);
    format!("{}'s {kind} `{}` to {}", flight.who, flight.id, flight.to)
}

impl Family for Enforcing {
    fn event(&mut self, seen: Seen<'_>, record: &mut Record) {
        if !self.active {
            return;
        }
        let event = seen.event;
        match (event.dir, seen.stanza) {
            (Dir::Connected, _) => {
                if let Some(jid) = &event.jid {
                    self.conns += 1;
                    self.sessions
                        .insert(event.who.clone(), (fold(jid).into_owned(), self.conns));
                }
            }
            (Dir::Disconnected | Dir::Cut | Dir::Closed, _) => self.gone(event),
            (Dir::Steps | Dir::End, _) => self.whole = true,
            (Dir::Stalled, _) => self.stalls.note(event),
            (Dir::Leaving, _) => self.parting |= self.whole,
            (Dir::Sent, Some(stanza)) => self.sent(event, stanza, seen.spoken),
            (Dir::Received, Some(stanza)) => self.received(event, stanza, seen.spoken, record),
            _ => {}
        }
    }

    fn finish(&mut self, at: f64, record: &mut Record) {
        for (_, _, finding) in self.unexplained.drain(..) {
            record.broken(finding);
        }
        if self.active && self.whole {
            self.close(at, record);
        }
    }
}
