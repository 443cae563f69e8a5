//! Calls that still live when a scenario's steps are done: they ring on into whatever is played next.

use std::collections::BTreeMap;

use crate::protocol::Kind;
use crate::transcript::{Dir, Event};

/// Who has a call that nothing has ended yet.
#[derive(Default)]
pub(super) struct Open {
    /// The event that began it, by party and call; `None`: it is over.
    calls: BTreeMap<(String, String), Option<u64>>,
}

impl Open {
    pub fn event(&mut self, event: &Event) {
        // Elsewhere than in an IQ no call begins and none ends.
        if !event.xml.as_deref().is_some_and(|xml| xml.starts_with("<iq")) {
            return;
        }
        let text = |member| event.signal.as_ref()?.get(member)?.as_str();
        let (Dir::Sent | Dir::Received, Some(kind), Some(call)) =
            (event.dir, text("type").and_then(Kind::from_wire), text("callId"))
        else {
            return;
        };
        let key = (event.who.clone(), call.to_owned());
        match kind {
            Kind::Initiate => {
                self.calls.entry(key).or_insert(Some(event.n));
            }
            Kind::Reject | Kind::Busy | Kind::Hangup => {
                self.calls.insert(key, None);
            }
            Kind::Accept | Kind::Offer | Kind::Answer | Kind::IceCandidate | Kind::MuteChange => {}
        }
    }

    /// The events that began what nothing has ended.
    pub fn left(&self) -> impl Iterator<Item = u64> {
        self.calls.values().filter_map(|began| *began)
    }
}
