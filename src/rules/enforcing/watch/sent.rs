//! A signal that a party sends, and what the server owes it.

use std::sync::Arc;

use super::super::call::{Call, Side};
use super::super::demand::{Demand, Signal, by_content, by_order, is_doubtful};
use super::{Enforcing, Flight, SEEN_WITHIN};
use crate::profile::Addressing;
use crate::protocol::{Kind, Role, State, View};
use crate::rules::Spoken;
use crate::stanza::{IqType, Stanza, bare, fold, print, resource};
use crate::transcript::Event;

impl Enforcing {
    pub(super) fn sent(&mut self, event: &Event, stanza: &Stanza, spoken: Option<&Arc<Spoken>>) {
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
        let mixed = !stanza.is_bare() && stanza.calls().any(|call| call.children().next().is_some());
        let mut signal = Signal::read(spoken);
        signal.mixed = mixed;
        let demand = self.demand(event, (&jid, conn), &to, &signal);
        self.by_id.entry(id.clone()).or_default().push(self.flights.len());
        self.by_text.insert(print(&spoken.text), self.flights.len());
        self.flights.push(Flight {
            n: event.n,
            who: event.who.clone(),
            conn,
            jid,
            to: to.into_owned(),
            id,
            text: spoken.text.clone(),
            kind: signal.kind(),
            call: signal.call,
            demand,
            reached: Vec::new(),
            got: None,
            got_at: 0.0,
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
        if signal.decoded().unread {
            // It may have begun a call, and nobody here knows which.
            self.unread = true;
            return Demand::Either;
        }
        let user = bare(jid);
        let void = signal.call.as_ref().is_some_and(|id| self.void.contains(id));
        let own = |call: &Call| user == call.users.0 || user == call.users.1;
        if signal.kind() == Some(Kind::Initiate)
            && let Some(call) = signal.call.as_ref().and_then(|id| self.calls.get_mut(id))
        {
            // Two calls with one id, on two streams: the server may have read either of them first.
            call.void |= !call.read && !own(call);
        }
        let known = signal.call.as_ref().and_then(|id| self.calls.get(id));
        let perhaps = known.is_none() && self.unread && signal.kind() != Some(Kind::Initiate);
        // Who is a stranger to a call in doubt is not known either.
        let certain = known.filter(|call| !call.void);
        let doubt = void || perhaps || known.is_some_and(|call| call.void);
        let demands = by_content(signal, self.ids.get(user), user, certain, doubt);
        if !demands.is_empty() {
            return Demand::Refuse(demands);
        }
        if perhaps {
            return Demand::Either;
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
            if act.kind == Kind::Initiate && states.iter().all(|state| *state == State::Ended) {
                // A server may have forgotten a call that is over, and its id is a new one then.
                call.void = true;
                return Demand::Either;
            }
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
        // Whoever has just gone may still be there for the server, and then the call fails.
        call.void = !reachable
            && self
                .left
                .get(bare(to))
                .is_some_and(|at| event.t - at < SEEN_WITHIN);
        self.calls.insert(id, call);
        if reachable && (!wide || self.profile.addressing == Addressing::Bare) {
            Demand::Pass
        } else {
            Demand::Either
        }
    }
}
