//! Where each party sees each call, for the words beside a ladder. Judges nothing.

use std::collections::HashMap;

use super::Moved;
use crate::protocol::{Act, Kind, Role, Ruling, State, View};

/// Every view by lane and call.
#[derive(Debug, Default)]
pub(super) struct Views(HashMap<(usize, usize), View>);

impl Views {
    /// A lane sends: what moved, and whether it was out of order, so that it moves nobody (ST-17).
    pub fn sent(&mut self, lane: usize, call: usize, act: &Act, t: f64) -> (Option<Moved>, bool) {
        let Some(view) = self.view(lane, call, own_role(act.kind)) else {
            return (None, false);
        };
        let broken = view.may_send(act, t).iter().any(|ruling| {
            // A breach of timing ends a call all the same.
            matches!(ruling, Ruling::Breach(breach) if breach.rule.starts_with("ST"))
        });
        if broken {
            return (None, true);
        }
        let before = view.state();
        view.sent(act, t);
        (moved(lane, call, before, view.state()), false)
    }

    pub fn received(&mut self, lane: usize, call: usize, act: &Act, t: f64) -> Option<Moved> {
        let view = self.view(lane, call, own_role(act.kind).map(Role::other))?;
        let before = view.state();
        view.received(act, t);
        moved(lane, call, before, view.state())
    }

    /// The view, made if this kind of signal tells the role of the one who begins it.
    fn view(&mut self, lane: usize, call: usize, role: Option<Role>) -> Option<&mut View> {
        let key = (lane, call);
        if let (false, Some(role)) = (self.0.contains_key(&key), role) {
            self.0.insert(key, View::new(role));
        }
        self.0.get_mut(&key)
    }
}

fn moved(lane: usize, call: usize, before: State, state: State) -> Option<Moved> {
    (before != state).then_some(Moved { lane, call, state })
}

/// The role of one who sends this; `None` where both may.
fn own_role(kind: Kind) -> Option<Role> {
    match kind {
        Kind::Initiate | Kind::Offer => Some(Role::Caller),
        Kind::Accept | Kind::Reject | Kind::Busy | Kind::Answer => Some(Role::Callee),
        Kind::IceCandidate | Kind::Hangup | Kind::MuteChange => None,
    }
}
