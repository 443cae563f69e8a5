//! Candidates that no description of their sender has made right.

use super::super::media::Pending;
use super::super::track::Track;
use super::Parties;
use crate::protocol::State;
use crate::rules::{Finding, Record};

impl Parties {
    /// Those of this call whose sender is done with it and gives no description any more.
    pub(super) fn settle(&mut self, call: &str, record: &mut Record) {
        let keys = self.media.waiting(call).filter(|key| self.is_done(key, call));
        for key in keys.map(str::to_owned).collect::<Vec<_>>() {
            for pending in self.media.settle(call, &key) {
                let unseen = self.turned_since(&key, call, pending.n);
                record.broken(told(pending, unseen));
            }
        }
    }

    /// The others, at the end. A transcript of our own run ends where all that was on its way has come; beyond a
    /// recording's end the description may stand.
    pub(super) fn left_by_media(&mut self, record: &mut Record) {
        if self.witness.is_bots() && !self.whole {
            return;
        }
        for (key, pending) in self.media.finish() {
            for pending in pending {
                let call = pending.finding.call.as_deref().unwrap_or_default();
                let done = || self.is_done(&key, call) && !self.turned_since(&key, call, pending.n);
                let unseen = !self.whole && !done();
                record.broken(told(pending, unseen));
            }
        }
    }

    /// Whether the call is over for this party, whatever of what is under way it has taken in.
    fn is_done(&self, key: &str, call: &str) -> bool {
        let tracks = self.tracks.get(&(key.into(), call.into()));
        // Whoever is rung on several devices, or rings several, is done with all of them.
        let over = |tracks: &Vec<_>| {
            tracks
                .iter()
                .all(|track: &Track| !track.half && track.always(|state| state == State::Ended))
        };
        self.calls.get(call).is_some() && tracks.is_some_and(over)
    }

    /// Whether something that this party said in this call after this event may not have been recorded: its own
    /// connection, or where it was only seen from the other side that one's, ended or began.
    fn turned_since(&self, key: &str, call: &str, n: u64) -> bool {
        let turned = |who: &str| self.roll.of(who).turned.is_some_and(|at| at > n);
        let others = self.followed.get(call).into_iter().flatten();
        turned(key) || (key.contains('@') && others.into_iter().any(|other| turned(other)))
    }
}

/// `unseen`: its sender may have given a description where nothing was recorded.
fn told(pending: Pending, unseen: bool) -> Finding {
    let mut finding = pending.finding;
    let excuse = if unseen {
        "the description that it belongs to stands where nothing was recorded"
    } else if pending.crossed.is_some() {
        "the answer that put another description in force had not come in yet"
    } else {
        return finding;
    };
    finding.excuse.get_or_insert_with(|| excuse.to_owned());
    finding
}
