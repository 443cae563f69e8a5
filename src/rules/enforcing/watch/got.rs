//! What reaches a party: a signal of another's, a word of the server's own, an answer.

use std::sync::Arc;

use super::super::call::{Call, Side, Told};
use super::super::close::as_it_stood;
use super::super::demand::{Demand, Signal};
use super::{Enforcing, found, words};
use crate::protocol::{Kind, Reason, Role};
use crate::rules::party::Inbound;
use crate::rules::{Record, Spoken};
use crate::stanza::{IqType, Stanza, bare, fold, print};
use crate::transcript::Event;

impl Enforcing {
    pub(super) fn received(
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
                .is_some_and(|f| f.conn == conn && f.got.is_none())
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
        flight.got_at = event.arrived.unwrap_or(event.t);
        let flight = &*flight;
        let what = words(flight);
        let said = condition
            .as_ref()
            .map_or_else(|| "a result".to_owned(), |c| format!("an error {c}"));
        let mut call = flight.call.as_ref().and_then(|id| self.calls.get_mut(id));
        if let Some(call) = &mut call {
            call.read |= call.begun.0 == flight.n;
        }
        match &flight.demand {
            Demand::Refuse(demands) => {
                let given = condition.as_deref().unwrap_or_default();
                let stood = call
                    .as_deref()
                    .is_some_and(|call| as_it_stood(call, flight, given, event.n));
                let kept = demands.iter().find(|(rule, conditions)| {
                    conditions.contains(&given) || (stood && matches!(*rule, "EN-03" | "EN-06"))
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
                if error {
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

    /// A signal was answered with an error. If it is the initiate of a call, that was by the server, and it knows of no
    /// call, or by the callee, and it may take that for the end of one.
    fn forget(&mut self, index: usize) {
        let Some(flight) = self.flights.get(index) else {
            return;
        };
        let Some(id) = flight.call.clone() else { return };
        // Of a call in doubt nobody knows whose it is: it stays in doubt.
        let own = |call: &&mut Call| call.begun.0 == flight.n && !call.void;
        let Some(call) = self.calls.get_mut(&id).filter(own) else {
            return;
        };
        if flight.reached.is_empty() {
            self.calls.remove(&id);
            self.void.insert(id);
        } else {
            call.void = true;
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
        let signal = Signal::read(spoken);
        // What came under another id, or with another text, is still that signal: what changed is told elsewhere (RT-05).
        let same = |index: &&usize| {
            self.flights.get(**index).is_some_and(|flight| {
                let named = flight.call.is_some() && flight.call == signal.call;
                flight.jid == from && (flight.text == spoken.text || named && flight.kind == signal.kind())
            })
        };
        let by_id = self.by_id.get(id).and_then(|all| all.iter().rev().find(same));
        let by_text = self.by_text.get(&print(&spoken.text));
        let index = by_id.or_else(|| by_text.filter(|index| same(index))).copied();
        let at = event.arrived.unwrap_or(event.t);
        let mut call = signal.call.as_ref().and_then(|id| self.calls.get_mut(id));
        if let Some(flight) = index.and_then(|index| self.flights.get_mut(index)) {
            flight.reached.push((event.n, event.who.clone()));
            if let Some(call) = &mut call
                && call.begun.0 == flight.n
            {
                call.read = true;
                call.rang.get_or_insert(at);
            }
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
        // What went astray (RT-06) makes no party of whom it reached: only an initiate does.
        if act.kind != Kind::Initiate && !call.sides.contains_key(&event.who) {
            return;
        }
        let side = call
            .sides
            .entry(event.who.clone())
            .or_insert_with(|| Side::new(role, conn));
        side.beam.receive(Inbound {
            act,
            at,
            n: event.n,
            id: id.into(),
            doubtful: false,
            unsure: false,
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
        let hangup = signal.kind() == Some(Kind::Hangup);
        // A call that the server may have taken up, or not, it may end.
        let perhaps = |id: &String| self.void.contains(id) || self.unread;
        if hangup && call.is_none() && signal.call.as_ref().is_some_and(perhaps) {
            return false;
        }
        let Some(call) = call.filter(|_| hangup) else {
            let message = format!("{} received {said} that no party sent.", event.who);
            let wanted = "only signals of the parties, and hangups of the server's own";
            record.broken(found("RT-03", message, wanted, said, vec![event.n], None));
            return false;
        };
        // Of those who leave after the last step the others may be told.
        let lawful = self.parting || call.may_be_ended_by_server(&event.who, reason, at);
        if let Some(side) = call.sides.get_mut(&event.who).filter(|_| !self.parting) {
            side.told.get_or_insert(Told {
                n: event.n,
                at,
                reason,
                lawful,
            });
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
}
