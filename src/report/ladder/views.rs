//! Where each party sees each call, for the words beside a ladder. Judges nothing.

use std::collections::HashMap;

use super::Moved;
use crate::protocol::{Act, Kind, Role, Ruling, State, View};
use crate::stanza::{bare, resource};

/// The view that a lane has of a call with one peer: a caller that rings two devices has two.
#[derive(Debug)]
struct Leg {
    peer: String,
    view: View,
}

/// Every view by lane and call.
#[derive(Debug, Default)]
pub(super) struct Views(HashMap<(usize, usize), Vec<Leg>>);

impl Views {
    /// A lane sends: what moved, and whether it was out of order, so that it moves nobody (ST-17).
    pub fn sent(&mut self, lane: usize, call: usize, peer: &str, act: &Act, t: f64) -> (Option<Moved>, bool) {
        let before = self.state(lane, call);
        let Some(view) = self.view(lane, call, peer, own_role(act.kind)) else {
            return (None, false);
        };
        // A breach of timing ends a call all the same.
        let breaks =
            |ruling: &Ruling| matches!(ruling, Ruling::Breach(breach) if breach.rule.starts_with("ST"));
        if view.may_send(act, t).iter().any(breaks) {
            return (None, true);
        }
        view.sent(act, t);
        (self.moved(lane, call, before), false)
    }

    pub fn received(&mut self, lane: usize, call: usize, peer: &str, act: &Act, t: f64) -> Option<Moved> {
        let before = self.state(lane, call);
        let view = self.view(lane, call, peer, own_role(act.kind).map(Role::other))?;
        view.received(act, t);
        self.moved(lane, call, before)
    }

    /// The view, made if this kind of signal tells the role of the one who begins it.
    fn view(&mut self, lane: usize, call: usize, peer: &str, role: Option<Role>) -> Option<&mut View> {
        let legs = self.0.entry((lane, call)).or_default();
        let known = legs.iter().position(|leg| is_with(&leg.peer, peer));
        // A device that has come back goes on with its call under another JID.
        let same_user = |leg: &Leg| bare(&leg.peer) == bare(peer);
        let known = known.or_else(|| legs.iter().rposition(same_user).filter(|_| role.is_none()));
        let at = match (known, role) {
            (Some(at), _) => at,
            (None, Some(role)) => {
                legs.push(Leg {
                    peer: peer.to_owned(),
                    view: View::new(role),
                });
                legs.len() - 1
            }
            (None, None) => return None,
        };
        legs.get_mut(at).map(|leg| &mut leg.view)
    }

    /// How far the call is for this lane: as far as the leg that lives and is furthest.
    fn state(&self, lane: usize, call: usize) -> State {
        let legs = self.0.get(&(lane, call)).map(Vec::as_slice).unwrap_or_default();
        let states = || {
            legs.iter()
                .map(|leg| leg.view.state())
                .filter(|state| *state != State::Idle)
        };
        let live = states().filter(|state| *state != State::Ended).max();
        live.or(states().next()).unwrap_or(State::Idle)
    }

    fn moved(&self, lane: usize, call: usize, before: State) -> Option<Moved> {
        let state = self.state(lane, call);
        (before != state).then_some(Moved { lane, call, state })
    }
}

fn is_with(peer: &str, jid: &str) -> bool {
    peer == jid || (bare(peer) == bare(jid) && (resource(peer).is_none() || resource(jid).is_none()))
}

/// The role of one who sends this; `None` where both may.
fn own_role(kind: Kind) -> Option<Role> {
    match kind {
        Kind::Initiate | Kind::Offer => Some(Role::Caller),
        Kind::Accept | Kind::Reject | Kind::Busy | Kind::Answer => Some(Role::Callee),
        Kind::IceCandidate | Kind::Hangup | Kind::MuteChange => None,
    }
}
