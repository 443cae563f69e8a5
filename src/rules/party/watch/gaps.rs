//! What has passed and is not in the recording, or not so that it can be read: a line was cut, a frame left out. Of a
//! call that it may have moved little is certain.

use super::{Actor, Parties, Side};
use crate::stanza::{Stanza, bare, fold, print};
use crate::transcript::Dir;

/// Why what follows on something that is not in the recording is perhaps right.
pub(super) const GAP: &str =
    "something has passed before it that the recording does not hold, or not so that it can be read";

/// Which ends of a request have written it down.
pub(super) type Ends = u8;

/// The end at which this happened.
pub(super) fn end(dir: Dir) -> Ends {
    if dir == Dir::Sent { 1 } else { 2 }
}

impl Parties {
    /// An answer that `near` gave to `other` or got from it: if it has not written down what that answers, it has not
    /// written down everything.
    pub(super) fn answers_unrecorded(
        &mut self,
        near: &Actor,
        other: &str,
        dir: Dir,
        stanza: &Stanza,
        n: u64,
    ) {
        let (own, other) = (bare(&near.jid), fold(bare(other)));
        if !self.foreign || !other.contains('@') || own == other {
            return;
        }
        let id = stanza.id().unwrap_or_default();
        // Who has given an answer has got its request, and the other way round.
        let (key, wanted) = match dir {
            Dir::Sent => (print((own, &*other, id)), end(Dir::Received)),
            _ => (print((&*other, own, id)), end(Dir::Sent)),
        };
        let known = match self.requests.get(&key) {
            Some(ends) => ends & wanted != 0,
            None => self.requests.forgot(),
        };
        if !known {
            self.misses(between(own, &other), n);
        }
    }

    /// Whose a signal is that names no sender, and whom one was for that names another, nobody knows: in its call it may
    /// have counted for what it says.
    pub(super) fn addressed_oddly(&mut self, near: &Actor, from: &str, stanza: &Stanza, n: u64) {
        if !self.foreign || !stanza.has_call() {
            return;
        }
        let (own, from) = (bare(&near.jid), fold(bare(from)));
        let elsewhere = stanza.to().is_some_and(|to| bare(&fold(to)) != own);
        if !from.contains('@') && !self.enforces {
            self.misses(print(own), n);
        } else if elsewhere && !own.is_empty() {
            self.misses(between(own, &from), n);
        }
    }

    /// Something passed at the end of `near` that nobody can read.
    pub(super) fn unreadable(&mut self, near: &Actor, n: u64) {
        if self.foreign {
            self.misses(print(bare(&near.jid)), n);
        }
    }

    fn misses(&mut self, whose: u64, n: u64) {
        *self.gaps.entry(whose, || n) = n;
    }

    /// The latest event with which it is known that something between these two is missing.
    pub(super) fn gap(&self, one: &str, other: &str) -> Option<u64> {
        if self.gaps.is_empty() {
            return None;
        }
        let (one, other) = (bare(one), bare(other));
        let keys = [print(one), print(other), between(one, other)];
        keys.iter().filter_map(|key| self.gaps.get(key)).max().copied()
    }

    /// Whether something is missing that may have moved this side of a call.
    pub(super) fn is_gap_in(&self, side: &Side) -> bool {
        let users = self.calls.get(&side.1).map(|call| &call.users);
        let gap = users.and_then(|(caller, callee)| self.gap(caller, callee));
        let mut tracks = self.tracks.get(side).into_iter().flatten();
        gap.is_some_and(|n| tracks.any(|track| n > track.first))
    }
}

fn between(one: &str, other: &str) -> u64 {
    print((one.min(other), one.max(other)))
}
