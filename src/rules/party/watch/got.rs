//! A signal that comes to a party: what it owes for it, and what it does to its view.

use std::borrow::Cow;
use std::collections::VecDeque;
use std::sync::Arc;

use super::super::answers::Due;
use super::super::beam::Inbound;
use super::super::form;
use super::super::track::{Sight, Track};
use super::order::side_of;
use super::sent::fingerprint;
use super::tracks::place_of;
use super::{Actor, Call, LINE, Parties, Spoilt, request};
use crate::protocol::{Cell, Decoded, Kind, Role, State, signal_cell};
use crate::rules::Spoken;
use crate::stanza::{IqType, Stanza, bare, fold, print, resource};
use crate::transcript::{Event, Witness};

/// Stands for a signal to this address.
pub(super) fn letter(to: &str, stanza: &Stanza, spoken: &Spoken) -> u64 {
    print((to, stanza.id().unwrap_or_default(), spoken.print))
}

impl Parties {
    pub(super) fn got(
        &mut self,
        actor: &Actor,
        (from, misnamed): (&str, Option<Arc<str>>),
        event: &Event,
        stanza: &Stanza,
        spoken: Option<&Arc<Spoken>>,
    ) {
        let at = event.t;
        let mut from = fold(from);
        let asks = matches!(stanza.iq_type(), Some(IqType::Set | IqType::Get));
        let Some(form) = form::read(stanza, spoken) else {
            return;
        };
        // The answer goes to whoever is named.
        let named = from.clone();
        if let Some(sender) = &misnamed {
            from = Cow::Borrowed(sender);
        }
        let spoilt = match self.spoilt.is_empty() {
            true => None,
            false => self.spoilt.get(&fingerprint(&from, stanza, &form)).copied(),
        };
        let facts = &form.decoded().facts;
        let out = match spoilt {
            Some(Spoilt::Outside) => true,
            Some(Spoilt::OutOfOrder) => !self.has_place_for(actor, form.decoded()),
            Some(Spoilt::Doubtful) | None => false,
        };
        // What goes to a bare address a server that knows calls answers itself.
        let served = self.enforces && resource(&actor.jid).is_none();
        if actor.sight != Sight::Exact && asks && !served && self.witness != Witness::Signals {
            let due = if stanza.iq_type() == Some(IqType::Get) {
                Due::Error
            } else if form.decoded().act().is_none() {
                Due::Refusal("bad-request")
            } else if out {
                let known = facts.call.as_ref().and_then(|call| {
                    let tracks = self.tracks.get(&(actor.key.clone(), call.clone()))?;
                    Some(tracks.iter().any(|track| track.is_with(&from)))
                });
                match known {
                    Some(true) => Due::Refusal("unexpected-request"),
                    None => Due::Refusal("item-not-found"),
                    // Of a call with somebody else it may say that it has none with this one.
                    Some(false) => Due::Stranger,
                }
            } else {
                Due::Any
            };
            let call = facts.call.clone();
            self.answers
                .asked(&actor.key, &named, stanza, (event.n, at), due, call);
        }
        if asks && actor.first_hand && !self.enforces && !self.witness.is_bots() {
            self.comes_as(actor, &named, stanza, spoken);
        }
        let (Some(act), Some(id)) = (form.decoded().act(), facts.call.clone()) else {
            return;
        };
        if spoilt.is_some_and(Spoilt::is_out) {
            self.misled.insert((actor.key.clone(), id.clone()), ());
        }
        if stanza.iq_type() != Some(IqType::Set) || out {
            return;
        }
        let renamed = self.renamed(&id, &from, stanza);
        let inbound = Inbound {
            act,
            at,
            n: event.n,
            id: stanza.id().unwrap_or_default().into(),
            doubtful: spoilt.is_some()
                || misnamed.is_some()
                || renamed.is_some()
                || !form.decoded().is_sound(),
            unsure: !actor.first_hand && matches!(self.witness, Witness::Ends | Witness::Between),
        };
        from = renamed.map_or(from, Cow::Owned);
        if let Some(call) = self.calls.get(&id) {
            let user = bare(&from);
            if from.contains('@') && user != call.users.0 && user != call.users.1 {
                self.strayed.insert((actor.key.clone(), id), ());
                return;
            }
        }
        let key = (actor.key.clone(), id.clone());
        let known = self.role_in(&id, bare(&actor.jid));
        self.under_way
            .insert(request(actor, stanza), (id.clone(), event.n, act));
        if actor.sight != Sight::Exact {
            let line = self.lines.entry(print((&actor.key, &from)), VecDeque::new);
            if line.len() < LINE {
                line.push_back((event.n, id.clone()));
            }
        }
        self.passed_on(actor, &from, &inbound, &id);
        let start = self.start(actor, act.kind);
        if act.kind == Kind::Accept {
            self.take_up(&actor.key, &id);
        }
        let clock_set = self.clock_set;
        let Some(tracks) = self.tracks_of(actor, key, act.kind == Kind::Initiate) else {
            return;
        };
        // The server speaks for the other side, whichever device that was.
        let wide = |track: &Track| !from.contains('@') || (resource(&from).is_none() && track.is_with(&from));
        if !from.contains('@') || (act.kind != Kind::Initiate && tracks.iter().any(wide)) {
            let meant = tracks.iter_mut().filter(|track| wide(track));
            meant.for_each(|track| track.receive(&inbound));
            return;
        }
        let index = place_of(tracks, &from, act.kind, actor.start).unwrap_or_else(|| {
            let role = known.unwrap_or(match act.kind {
                Kind::Accept | Kind::Reject | Kind::Busy | Kind::Answer => Role::Caller,
                _ => Role::Callee,
            });
            tracks.push(Track::new(&from, role, actor.sight, event.n, start, clock_set));
            tracks.len() - 1
        });
        if let Some(track) = tracks.get_mut(index) {
            // What came before its initiate was of no call that is known: it changed nothing (ST-17).
            if act.kind == Kind::Initiate && track.unbegun() {
                *track = Track::new(&from, Role::Callee, actor.sight, event.n, start, clock_set);
            }
            if let Some(role) = known.or((act.kind == Kind::Initiate).then_some(Role::Callee)) {
                track.cast(role);
            }
            track.receive(&inbound);
        }
        if act.kind == Kind::Initiate && !actor.jid.is_empty() && self.calls.get(&id).is_none() {
            let ids = facts.sender.as_ref().zip(facts.recipient.as_ref());
            let ids = ids.map(|(a, b)| (a.to_lowercase(), b.to_lowercase()));
            let users = (bare(&from).to_owned(), bare(&actor.jid).to_owned());
            self.calls.insert(id, Call { users, ids });
        }
    }

    /// Whether a client may take a signal for one in its place that was out of order in its sender's view: of that it
    /// knows nothing, and in its own the other side may send this. What a bot of ours does is in its script.
    fn has_place_for(&self, actor: &Actor, decoded: &Decoded) -> bool {
        let (Some(act), Some(call)) = (decoded.act(), &decoded.facts.call) else {
            return false;
        };
        let side = (Arc::clone(&actor.key), Arc::clone(call));
        let mut tracks = self.tracks.get(&side).into_iter().flatten();
        let none = |track: &Track, state| {
            // An end that comes after its own may have crossed with it, and be echoed.
            let crossed = state == State::Ended
                && matches!(act.kind, Kind::Hangup | Kind::Reject | Kind::Busy)
                && side_of(act.kind) != Some(track.role);
            signal_cell(track.role.other(), act.kind, state) == Cell::No && !crossed
        };
        actor.sight != Sight::Exact && tracks.any(|track| !track.always(|state| none(track, state)))
    }

    /// Who sent this signal to this one, where the server hands it on in the name of another: once, as it was sent.
    pub(super) fn misnamed(
        &mut self,
        actor: &Actor,
        from: &str,
        stanza: &Stanza,
        spoken: Option<&Arc<Spoken>>,
    ) -> Option<Arc<str>> {
        let letter = letter(&actor.jid, stanza, spoken?);
        let Some(sender) = self.posted.get_mut(&letter) else {
            if self.apart > 0.0 {
                self.unposted.insert(letter, fold(from).into());
            }
            return None;
        };
        sender.take().filter(|sender| **sender != *fold(from))
    }

    /// Remembers as what a signal came, unless its sender was not recorded and nothing about it is odd.
    fn comes_as(&mut self, actor: &Actor, from: &str, stanza: &Stanza, spoken: Option<&Arc<Spoken>>) {
        let to = stanza.to().map(fold);
        let meant = !actor.jid.contains('@') || to.is_some_and(|to| *to == *actor.jid);
        let sound = meant && resource(from).is_some();
        if !sound || self.roll.is_recorded(from) {
            let sent = spoken.filter(|_| sound);
            let letter = sent.map(|spoken| letter(&actor.jid, stanza, spoken));
            self.came.insert(request(actor, stanza), letter);
        }
    }

    /// Whether the signal that this one refuses came otherwise than it was sent.
    pub(super) fn came_changed(&self, actor: &Actor, refusal: &Stanza) -> bool {
        let came = self.came.get(&request(actor, refusal));
        came.is_some_and(|letter| letter.is_none_or(|letter| self.posted.get(&letter).is_none()))
    }

    /// This one sends a signal. If that has come already, by another clock, in the name of somebody who seemed to begin a
    /// call by it, then it is this one's call.
    pub(super) fn takes_back(&mut self, actor: &Actor, to: &str, letter: u64, id: &Arc<str>) {
        let Some(named) = self.unposted.get(&letter).filter(|named| ***named != *actor.jid) else {
            return;
        };
        if let Some(call) = self.calls.get_mut(id)
            && call.users.0 == bare(named)
        {
            bare(&actor.jid).clone_into(&mut call.users.0);
            let key = self.roll.name(to).cloned().unwrap_or_else(|| to.into());
            let tracks = self.tracks.get_mut(&(key, Arc::clone(id)));
            for track in tracks.into_iter().flatten().filter(|track| track.peer == **named) {
                actor.jid.as_ref().clone_into(&mut track.peer);
            }
        }
    }

    /// Who sent this signal, where the server hands it on in the name of somebody who is not in this call: its receiver
    /// may go by the name, or by what it says.
    fn renamed(&self, id: &Arc<str>, from: &str, stanza: &Stanza) -> Option<String> {
        let users = &self.calls.get(id)?.users;
        if !from.contains('@') || [&*users.0, &*users.1].contains(&bare(from)) {
            return None;
        }
        let mut parties = self.followed.get(id).into_iter().flatten();
        parties.find_map(|party| {
            let (call, _) = self.said.get(&print((party, stanza.id().unwrap_or_default())))?;
            let (jid, _) = self.sessions.get(party).filter(|_| call == id)?;
            Some(jid.to_string())
        })
    }

    /// What goes to a bare address goes on to the devices of that user that are in the call.
    fn passed_on(&mut self, actor: &Actor, from: &str, inbound: &Inbound, call: &Arc<str>) {
        if actor.first_hand || resource(&actor.jid).is_some() {
            return;
        }
        for other in self.followed.get(call).into_iter().flatten() {
            if **other != *actor.jid && bare(other) == &*actor.jid {
                let tracks = self.tracks.get_mut(&(Arc::clone(other), Arc::clone(call)));
                let meant = tracks.into_iter().flatten().filter(|track| track.is_with(from));
                meant.for_each(|track| track.receive(inbound));
            }
        }
    }
}
