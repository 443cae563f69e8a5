//! Calls that a client left as they must not be left.

use super::super::track::Track;
use super::gaps::GAP;
use super::{Parties, Side};
use crate::protocol::{Role, State};
use crate::rules::{Finding, Record};
use crate::transcript::{Party, Witness};

/// How long a call may ring that nobody answers, in seconds: 30, and 5 to end it.
pub(super) const UNANSWERED: f64 = 35.0;
pub(super) const LATEST: &str = "hangup `timeout` within 35 s";

impl Parties {
    /// A client that went lawfully, out of a call that nobody hung up (ST-15).
    fn abandoned(&self, who: &str, id: &str, n: u64, tracks: &[Track], record: &mut Record) {
        let over = |track: &Track| track.waiting() || track.views().any(|view| view.state() == State::Ended);
        let others = self.tracks.iter();
        let ended = others
            .filter(|((_, call), _)| **call == *id)
            .any(|(_, tracks)| tracks.iter().any(over));
        let live = |s: State| matches!(s, State::Accepted | State::Offered | State::Answered);
        let Some(track) = tracks
            .iter()
            .find(|track| !track.half && track.views().all(|view| live(view.state())))
        else {
            return;
        };
        let gap = self.is_gap_in(&(who.into(), id.into()));
        if !ended {
            record.broken(Finding {
                call: Some(id.to_owned()),
                excuse: gap.then(|| GAP.to_owned()),
                ..Finding::of_client(
                    "ST-15",
                    who,
                    format!("{who} left in the middle of a call without a hangup, and did not come back."),
                    "hangup, before the stream is closed",
                    "no hangup from either party".to_owned(),
                    vec![track.first, n],
                )
            });
        }
    }

    /// Why a call that this side did not end in time perhaps did not ring on.
    pub(super) fn unended(&self, side: &Side) -> Option<String> {
        let why = match self.witness {
            _ if self.strayed.get(side).is_some() => {
                "somebody whom the server had called in another's place answered it"
            }
            Witness::Signals => "its connection had broken, which signals alone do not tell",
            _ if self.is_gap_in(side) => GAP,
            _ => return None,
        };
        Some(why.to_owned())
    }

    /// Calls that a client left as they must not be left (ST-15, TM-02).
    /// `stopped`: only those of the party of this name and address, whose recording stops, or with it.
    pub(super) fn unfinished(&mut self, end: f64, stopped: Option<(&str, &str)>, record: &mut Record) {
        for ((who, id), tracks) in self.tracks.iter() {
            if let Some((name, jid)) = stopped
                && **who != *name
                && (!who.contains('@') || !tracks.iter().any(|track| track.is_with(jid)))
            {
                continue;
            }
            let bot = self.cast.get(&**who).is_some_and(|m| m.party == Party::Bot);
            // Whoever went away is not asked for more.
            let here = self.sessions.contains_key(who) || !self.cast.contains_key(&**who);
            if let Some(n) = self.roll.of(who).left.filter(|_| !bot) {
                self.abandoned(who, id, n, tracks, record);
            }
            // A device that has come back under another resource answers for the one that was called.
            let silent = |state| matches!(state, State::Idle | State::Ringing);
            let mut views = tracks.iter().flat_map(Track::views);
            let answered = views.any(|view| !silent(view.state()));
            for track in tracks.iter().filter(|track| !bot && here && !track.half) {
                let all = |wanted: fn(State) -> bool| track.views().all(|view| wanted(view.state()));
                let rang = track.views().filter_map(|view| view.initiated_at()).next();
                // What came back rings nowhere.
                let rings = self.bounced.get(&(who.clone(), id.clone())).is_none();
                // Whoever came anew since then knows of no call.
                let same = self.roll.of(who).came.is_none_or(|n| n < track.first);
                if track.role == Role::Caller
                    && rings
                    && same
                    && !answered
                    && !track.waiting()
                    && all(|state| state == State::Ringing)
                    && rang.is_some_and(|since| end - since > UNANSWERED)
                {
                    record.broken(Finding {
                        call: Some(id.to_string()),
                        excuse: match who.contains('@') {
                            true => Some("its hangup was lost on the way".to_owned()),
                            false => self.unended(&(who.clone(), id.clone())),
                        },
                        ..Finding::of_client(
                            "TM-02",
                            who,
                            format!("{who} lets a call ring that nobody answers."),
                            LATEST,
                            format!("no hangup in {:.1} s", end - rang.unwrap_or(end)),
                            vec![track.first],
                        )
                    });
                }
            }
        }
    }
}
