//! Follows each signal to those it reached, and to the answer that its sender got.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::super::party::Inbound;
use super::super::{Family, Finding, Record, Seen, Spoken};
use super::call::{Call, Side, Vanished};
use super::demand::{Demand, Signal, by_content, by_order, is_doubtful};
use crate::profile::{Addressing, Class, Profile};
use crate::protocol::{Kind, Reason, Role, View};
use crate::stanza::{IqType, Stanza, bare, fold, resource};
use crate::transcript::{Dir, Event, Header, Party};

/// The conditions by which a server refuses a signal for what it says or when it says it.
const JUDGED: [&str; 4] = ["bad-request", "forbidden", "unexpected-request", "item-not-found"];

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
    /// By callId in lower case.
    pub(super) calls: BTreeMap<String, Call>,
    pub(super) flights: Vec<Flight>,
    /// The flights with one iq id.
    by_id: BTreeMap<String, Vec<usize>>,
    /// The call that an inbound signal was for, by who got it and the iq's id.
    inbox: BTreeMap<(String, String), String>,
    /// CallIds of which the server may or may not know: their initiate was turned away.
    void: BTreeSet<String>,
    /// The steps are done: whoever disconnects now leaves no call in the lurch.
    pub(super) whole: bool,
    /// Somebody has begun to leave after the last step.
    parting: bool,
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
        let ids = known.filter_map(|m| Some((fold(bare(&m.jid)), m.id.as_ref()?.to_lowercase())));
        Enforcing {
            active: header.profile.class == Class::Enforcing && bots && !header.cast.is_empty(),
            profile: header.profile.clone(),
            ids: ids.collect(),
            sessions: BTreeMap::new(),
            conns: 0,
            calls: BTreeMap::new(),
            flights: Vec::new(),
            by_id: BTreeMap::new(),
            inbox: BTreeMap::new(),
            void: BTreeSet::new(),
            whole: false,
            parting: false,
            unexplained: Vec::new(),
        }
    }

    /// Whether this connection is still there.
    pub(super) fn here(&self, who: &str, conn: u64) -> bool {
        self.sessions.get(who).is_some_and(|session| session.1 == conn)
    }

    // -- what a party sends --------------------------------------------------------------------------------

    fn sent(&mut self, event: &Event, stanza: &Stanza, spoken: Option<&Arc<Spoken>>) {
        let Some((jid, conn)) = self.sessions.get(&event.who).cloned() else {
            return;
        };
        let id = stanza.id().unwrap_or_default().to_owned();
        match stanza.iq_type() {
            Some(kind @ (IqType::Result | IqType::Error)) => {
                self.acknowledged(&event.who, &id, kind == IqType::Error);
                return;
            }
            Some(IqType::Set) if stanza.has_call() && stanza.children() == 1 => {}
            _ => return,
        }
        let forged = stanza.from().map(fold);
        if id.is_empty() || forged.is_some_and(|from| from != jid && from != bare(&jid)) {
            return;
        }
        let Some(spoken) = spoken else { return };
        let to = fold(stanza.to().unwrap_or_default());
        let mixed = stanza.calls().any(|call| call.children().next().is_some());
        let mut signal = Signal::read(spoken);
        signal.mixed = mixed;
        let demand = self.demand(event, (&jid, conn), &to, &signal);
        self.by_id.entry(id.clone()).or_default().push(self.flights.len());
        self.flights.push(Flight {
            n: event.n,
            who: event.who.clone(),
            conn,
            jid,
            to,
            id,
            text: spoken.text.clone(),
            kind: signal.kind(),
            call: signal.call,
            demand,
            reached: Vec::new(),
            got: None,
        });
    }

    fn acknowledged(&mut self, who: &str, id: &str, refused: bool) {
        let Some(call) = self.inbox.remove(&(who.to_owned(), id.to_owned())) else {
            return;
        };
        let side = self.calls.get_mut(&call).and_then(|call| call.sides.get_mut(who));
        if let Some(side) = side {
            if refused {
                side.beam.refuse(id);
            } else {
                side.beam.acknowledge(id);
            }
        }
    }

    fn demand(&mut self, event: &Event, (jid, conn): (&str, u64), to: &str, signal: &Signal) -> Demand {
        let user = bare(jid);
        let void = signal.call.as_ref().is_some_and(|id| self.void.contains(id));
        let known = signal.call.as_ref().and_then(|id| self.calls.get(id));
        let demands = by_content(signal, self.ids.get(user), user, known, void);
        if !demands.is_empty() {
            return Demand::Refuse(demands);
        }
        let (Some(act), Some(id)) = (signal.act, signal.call.clone()) else {
            return Demand::Either;
        };
        let recipient = signal
            .decoded()
            .facts
            .recipient
            .as_ref()
            .map(|id| id.to_lowercase());
        let stray = self
            .ids
            .get(bare(to))
            .is_some_and(|id| Some(id) != recipient.as_ref());
        if void || stray || is_doubtful(signal) || bare(to) == user {
            // Whoever carries it knows the call from then on, and whoever refuses it does not.
            if !self.calls.contains_key(&id) {
                self.void.insert(id);
            }
            return Demand::Either;
        }
        if let Some(call) = self.calls.get_mut(&id) {
            let peer = bare(to) == call.users.0 || bare(to) == call.users.1;
            let Some(side) = call
                .sides
                .get_mut(&event.who)
                .filter(|side| peer && side.conn == conn)
            else {
                return Demand::Either;
            };
            let states: Vec<_> = side.beam.views().map(View::state).collect();
            let sending = side.beam.send(&act, event.t, false);
            let demand = by_order(&sending, states.into_iter());
            if matches!(demand, Demand::Refuse(_)) {
                return if call.void { Demand::Either } else { demand };
            }
            call.note(&event.who, act.kind, event.n, event.t);
            return demand;
        }
        let mut call = Call::new(
            id.clone(),
            (user.to_owned(), bare(to).to_owned()),
            (event.n, event.t),
        );
        let mut side = Side::new(Role::Caller, conn);
        side.beam.send(&act, event.t, false);
        call.sides.insert(event.who.clone(), side);
        let there = self.sessions.iter().filter(|(_, (jid, _))| match resource(to) {
            Some(_) => jid == to,
            None => bare(jid) == to,
        });
        let there: Vec<(String, u64)> = there.map(|(who, (_, conn))| (who.clone(), *conn)).collect();
        let reachable = !there.is_empty();
        let wide = resource(to).is_none();
        if wide && self.profile.addressing == Addressing::Bare {
            call.to_ring = there;
        }
        self.calls.insert(id, call);
        if reachable && (!wide || self.profile.addressing == Addressing::Bare) {
            Demand::Pass
        } else {
            Demand::Either
        }
    }

    // -- what a party gets ---------------------------------------------------------------------------------

    fn received(
        &mut self,
        event: &Event,
        stanza: &Stanza,
        spoken: Option<&Arc<Spoken>>,
        record: &mut Record,
    ) {
        let Some((_, conn)) = self.sessions.get(&event.who).cloned() else {
            return;
        };
        match stanza.iq_type() {
            Some(IqType::Result | IqType::Error) => self.answered(event, stanza, conn, record),
            Some(IqType::Set) => {
                if let Some(spoken) = spoken {
                    self.reached(event, stanza, spoken, conn, record);
                }
            }
            _ => {}
        }
    }

    fn answered(&mut self, event: &Event, stanza: &Stanza, conn: u64, record: &mut Record) {
        let id = stanza.id().unwrap_or_default();
        let open = |index: &&usize| {
            self.flights
                .get(**index)
                .is_some_and(|f| f.who == event.who && f.conn == conn && f.got.is_none())
        };
        let Some(index) = self.by_id.get(id).and_then(|all| all.iter().find(open)).copied() else {
            return;
        };
        let Some(flight) = self.flights.get_mut(index) else {
            return;
        };
        let error = stanza.iq_type() == Some(IqType::Error);
        let condition = error.then(|| stanza.error_condition().unwrap_or_default().to_owned());
        flight.got = Some((event.n, condition.clone()));
        let what = words(flight);
        let said = condition
            .as_ref()
            .map_or_else(|| "a result".to_owned(), |c| format!("an error {c}"));
        let call = flight.call.as_ref().and_then(|id| self.calls.get_mut(id));
        match &flight.demand {
            Demand::Refuse(demands) => {
                let kept = demands.iter().find(|(_, conditions)| {
                    condition
                        .as_deref()
                        .is_some_and(|given| conditions.contains(&given))
                });
                match (kept, demands.first()) {
                    (Some((rule, _)), _) if flight.reached.is_empty() => record.held(rule),
                    (None, Some((rule, conditions))) => {
                        let message = format!("{what} had to be refused, and was answered with {said}.");
                        let wanted = format!("an error {}", conditions.join(" or "));
                        let events = vec![flight.n, event.n];
                        record.broken(found(rule, message, &wanted, said, events, call.as_deref()));
                    }
                    _ => {}
                }
            }
            Demand::Pass => {
                let judged = condition.as_deref().is_some_and(|given| JUDGED.contains(&given));
                if judged && flight.reached.is_empty() {
                    let message = format!("{what} is right, and the server refused it.");
                    let events = vec![flight.n, event.n];
                    let wanted = "delivery, or a result where it came too late to matter";
                    record.broken(found("RT-03", message, wanted, said, events, call.as_deref()));
                }
                if error && flight.kind == Some(Kind::Initiate) {
                    self.forget(index);
                }
            }
            Demand::Either => {
                if error && flight.kind == Some(Kind::Initiate) {
                    self.forget(index);
                } else if let (true, Some(call)) = (error, call) {
                    call.void = true;
                }
            }
        }
    }

    /// An initiate was answered with an error: by the server, and it knows of no call, or by the callee.
    fn forget(&mut self, index: usize) {
        let Some(flight) = self.flights.get(index) else {
            return;
        };
        let Some(id) = flight.call.clone() else { return };
        let own = self.calls.get(&id).is_some_and(|call| call.begun.0 == flight.n);
        if own && flight.reached.is_empty() {
            self.calls.remove(&id);
            self.void.insert(id);
        }
    }

    fn reached(
        &mut self,
        event: &Event,
        stanza: &Stanza,
        spoken: &Arc<Spoken>,
        conn: u64,
        record: &mut Record,
    ) {
        let id = stanza.id().unwrap_or_default();
        let from = fold(stanza.from().unwrap_or_default());
        let same = |index: &&usize| {
            self.flights
                .get(**index)
                .is_some_and(|flight| flight.jid == from && flight.text == spoken.text)
        };
        let index = self
            .by_id
            .get(id)
            .and_then(|all| all.iter().rev().find(same))
            .copied();
        let signal = Signal::read(spoken);
        let at = event.arrived.unwrap_or(event.t);
        let call = signal.call.as_ref().and_then(|id| self.calls.get_mut(id));
        if let Some(flight) = index.and_then(|index| self.flights.get_mut(index)) {
            flight.reached.push((event.n, event.who.clone()));
            if let Demand::Refuse(demands) = &flight.demand {
                let Some((rule, conditions)) = demands.first() else {
                    return;
                };
                let message = format!("{} reached {}.", words(flight), event.who);
                let wanted = format!("an error {}, and no delivery", conditions.join(" or "));
                let seen = "its delivery".to_owned();
                let events = vec![flight.n, event.n];
                record.broken(found(rule, message, &wanted, seen, events, call.as_deref()));
                // What is out of place moves nobody's view (ST-17).
                return;
            }
            if let (Some(Kind::Accept), Some(call)) = (signal.kind(), call) {
                let sender = flight.who.clone();
                let (first, _, winner) = call.accepted.get_or_insert((event.n, at, sender));
                if *winner != flight.who {
                    let message = format!(
                        "{} reached {} after that of {winner}: two devices picked up.",
                        words(flight),
                        event.who
                    );
                    let events = vec![*first, flight.n, event.n];
                    let seen = "a second accept".to_owned();
                    record.broken(found(
                        "EN-04",
                        message,
                        "the first accept only",
                        seen,
                        events,
                        Some(call),
                    ));
                }
            }
        } else if !self.own_words(event, &signal, at, record) {
            return;
        }
        let (Some(act), Some(key)) = (signal.act, signal.call) else {
            return;
        };
        let Some(call) = self.calls.get_mut(&key) else {
            return;
        };
        let user = self.sessions.get(&event.who).map(|(jid, _)| bare(jid).to_owned());
        let role = if user.as_deref() == Some(call.users.0.as_str()) {
            Role::Caller
        } else {
            Role::Callee
        };
        let side = call
            .sides
            .entry(event.who.clone())
            .or_insert_with(|| Side::new(role, conn));
        side.beam.receive(Inbound {
            act,
            at,
            n: event.n,
            id: id.to_owned(),
            doubtful: false,
        });
        if matches!(act.kind, Kind::Hangup | Kind::Reject | Kind::Busy) {
            side.ended.get_or_insert(at);
        }
        self.inbox.insert((event.who.clone(), id.to_owned()), key);
    }

    /// A signal that no party sent. An enforcing server may end a call by itself, for a reason that it can see.
    fn own_words(&mut self, event: &Event, signal: &Signal, at: f64, record: &mut Record) -> bool {
        let call = signal.call.as_ref().and_then(|id| self.calls.get_mut(id));
        let reason = signal.decoded().facts.reason;
        let kind = signal.kind().map_or("a signal", Kind::name);
        let said = reason.map_or_else(|| kind.to_owned(), |reason| format!("{kind} {}", reason.wire()));
        let Some(call) = call.filter(|_| signal.kind() == Some(Kind::Hangup)) else {
            let message = format!("{} received {said} that no party sent.", event.who);
            let wanted = "only signals of the parties, and hangups of the server's own";
            record.broken(found("RT-03", message, wanted, said, vec![event.n], None));
            return false;
        };
        // Of those who leave after the last step the others may be told.
        let lawful = self.parting || call.may_be_ended_by_server(&event.who, reason, at);
        if let Some(side) = call.sides.get_mut(&event.who) {
            side.told.get_or_insert((event.n, at, reason));
        }
        if !lawful {
            let rule = if reason == Some(Reason::Timeout) {
                "EN-05"
            } else {
                "RT-03"
            };
            let message = format!(
                "The server told {} {said} {:.3} s after the initiate, {}.",
                event.who,
                at - call.begun.1,
                match call.decided {
                    Some(_) => "although the call was answered and went on",
                    None => "and nothing had ended the call",
                }
            );
            let wanted = "`timeout` after 30 s, `failed` where a party vanished, and otherwise none";
            let events = vec![call.begun.0, event.n];
            let finding = found(rule, message, wanted, said, events, Some(call));
            match reason {
                Some(Reason::Failed) => self.unexplained.push((call.id.to_lowercase(), at, finding)),
                _ => record.broken(finding),
            }
        }
        true
    }

    // -- connections ---------------------------------------------------------------------------------------

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
        let Some((_, conn)) = self.sessions.remove(&event.who) else {
            return;
        };
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
                    self.sessions.insert(event.who.clone(), (fold(jid), self.conns));
                }
            }
            (Dir::Disconnected | Dir::Cut | Dir::Closed, _) => self.gone(event),
            (Dir::Steps | Dir::End, _) => self.whole = true,
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
