//! Whoever a stanza comes from or goes to: recorded itself, or seen from the other end.

use std::sync::Arc;

use super::super::track::{Sight, Start};
use super::Parties;
use crate::stanza::{bare, fold, resource};
use crate::transcript::{Event, Member, Party, Witness};

/// Whoever a stanza comes from or goes to.
#[derive(Debug, Clone)]
pub(super) struct Actor {
    /// The name in the cast for what was recorded, the folded JID for everyone else.
    pub key: Arc<str>,
    /// What a report calls it.
    pub name: Arc<str>,
    pub jid: Arc<str>,
    pub sight: Sight,
    /// What it sends was recorded as it came from it, not as the server handed it on.
    pub first_hand: bool,
    /// What is known of the beginning of a call that does not begin with an initiate.
    pub start: Start,
}

impl Parties {
    /// The number of the session in which it speaks; 0: none was recorded.
    pub(super) fn stream_of(&self, actor: &Actor) -> u64 {
        self.sessions.get(&actor.key).map_or(0, |(_, stream)| *stream)
    }

    pub(super) fn recorded_actor(&self, event: &Event) -> Actor {
        let member = self.cast.get(&event.who);
        let session = self.sessions.get_key_value(event.who.as_str());
        let given = event.jid.as_deref().or(member.map(|m| m.jid.as_str()));
        let bot = member.is_some_and(|m| m.party == Party::Bot);
        let start = if session.is_none() || self.roll.of(&event.who).late {
            Start::Unseen
        } else if self.witness.is_bots() {
            Start::Seen
        } else {
            Start::Doubtful
        };
        let (key, jid) = match session {
            Some((who, (jid, _))) => (Arc::clone(who), Arc::clone(jid)),
            None => (event.who.as_str().into(), fold(given.unwrap_or_default()).into()),
        };
        Actor {
            name: Arc::clone(&key),
            key,
            start,
            jid,
            first_hand: true,
            sight: match self.witness {
                _ if bot => Sight::Exact,
                Witness::Between | Witness::Signals => Sight::Far,
                Witness::Bots | Witness::Ends => Sight::Wire,
            },
        }
    }

    /// Someone whose own wire was not recorded; `None` for a server, and for whoever was. Where all are bots of ours
    /// nobody else is under test: a stranger's name in `from` is the server's doing. `near` is the end that saw it.
    pub(super) fn far_actor(&self, jid: &str, near: &Actor) -> Option<Actor> {
        if self.bots_only {
            return None;
        }
        let jid = fold(jid);
        // Behind the bare address of a server that knows calls others may be besides those who were recorded.
        let wide = resource(&jid).is_none() && !self.enforces;
        let same = |s: &(Arc<str>, u64)| *s.0 == *jid || (wide && bare(&s.0) == jid);
        if !jid.contains('@') || self.roll.is_recorded(&jid) || self.sessions.values().any(same) {
            return None;
        }
        // A device of a bot's user that never came in is nobody.
        let member = |m: &Member| m.party == Party::Bot && fold(bare(&m.jid)) == bare(&jid);
        if self.cast.values().any(member) {
            return None;
        }
        let named = |m: &&String| {
            self.cast
                .get(*m)
                .is_some_and(|m| fold(bare(&m.jid)) == bare(&jid))
        };
        let name = self.cast.keys().find(named).map(|name| name.as_str().into());
        let jid: Arc<str> = jid.into();
        Some(Actor {
            key: Arc::clone(&jid),
            name: name.unwrap_or_else(|| Arc::clone(&jid)),
            jid,
            sight: Sight::Far,
            first_hand: false,
            start: near.start,
        })
    }
}
