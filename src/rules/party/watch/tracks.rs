//! The sides of a call that are followed, and how far each has taken in what came.

use std::sync::Arc;

use super::super::cost::is_broken;
use super::super::track::{Sight, Start, Track};
use super::{Actor, Parties, Side};
use crate::protocol::{Act, Kind, Role};
use crate::stanza::{bare, print, resource};
use crate::transcript::Witness;

impl Parties {
    /// The side on which this user stands in a call that has begun.
    pub(super) fn role_in(&self, id: &str, user: &str) -> Option<Role> {
        let users = &self.calls.get(id)?.users;
        if user == users.0 {
            Some(Role::Caller)
        } else {
            (user == users.1).then_some(Role::Callee)
        }
    }

    /// Stanzas of one sender are taken in in their order, whatever call they are for: all that came from this peer up
    /// to and with this event has been taken in.
    pub(super) fn reach(&mut self, party: &Arc<str>, peer: &str, n: u64, at: f64) {
        self.answers.taken_in(party, n, at);
        let Some(line) = self.lines.get_mut(&print((party, peer))) else {
            return;
        };
        let turned = self.roll.of(party).turned;
        let turned = turned.filter(|_| self.witness == Witness::Between);
        while let Some((next, call)) = line.pop_front_if(|(next, _)| *next <= n) {
            let tracks = self.tracks.get_mut(&(Arc::clone(party), call));
            for track in tracks.into_iter().flatten().filter(|track| track.is_with(peer)) {
                // What came over a connection that has ended since shows nothing of what was on its way then.
                if let Some(turned) = turned.filter(|turned| next < *turned) {
                    track.may_have_lost(turned);
                }
                track.reach(n, at);
            }
        }
    }

    /// What is known of the beginning of a call of this party whose first signal is this.
    pub(super) fn start(&self, actor: &Actor, kind: Kind) -> Start {
        match actor.start {
            _ if kind == Kind::Initiate => Start::Seen,
            _ if self.tracks.forgot() => Start::Unseen,
            start => start,
        }
    }

    /// The tracks of this party in this call. A device that is seen for the first time was rung with all the others, or is
    /// one of them that has come back under another resource: nobody saw that its session was another. One that is
    /// called itself (`called`) has a side of its own, and so has each device in a call whose beginning was not seen.
    pub(super) fn tracks_of(&mut self, actor: &Actor, key: Side, called: bool) -> Option<&mut Vec<Track>> {
        if self.tracks.get(&key).is_none() {
            let wide: Side = (bare(&actor.jid).into(), key.1.clone());
            let mut rung = self.tracks.get(&wide).cloned();
            if rung.is_none() && actor.sight == Sight::Far {
                let mut others = self.followed.get(&key.1).into_iter().flatten();
                let kin = others.find(|other| bare(other) == &*wide.0);
                rung = kin.and_then(|other| self.tracks.get(&(other.clone(), key.1.clone())).cloned());
            }
            let own = called || actor.start == Start::Unseen;
            let rung = rung.filter(|rung| !own && rung.iter().all(|track| !track.half));
            self.followed
                .entry(key.1.clone())
                .or_default()
                .push(key.0.clone());
            if let Some((party, call)) = self
                .tracks
                .insert_over(key.clone(), rung.unwrap_or_else(|| Vec::with_capacity(1)))
                && let Some(parties) = self.followed.get_mut(&call)
            {
                parties.retain(|other| *other != party);
                if parties.is_empty() {
                    self.followed.remove(&call);
                }
            }
        }
        let tracks = self.tracks.get_mut(&key)?;
        tracks
            .iter_mut()
            .for_each(|track| track.clock_set(self.clock_set));
        Some(tracks)
    }
}

/// The track that a stanza to or from this address belongs to. A bare address that was called stands for every
/// device that answers from there; a device that was not called is one of them that has come back under another
/// resource, unless it is called now, or perhaps was before the recording began.
pub(super) fn place_of(tracks: &mut Vec<Track>, jid: &str, kind: Kind, start: Start) -> Option<usize> {
    if let Some(exact) = tracks.iter().position(|track| track.peer == jid) {
        return Some(exact);
    }
    let back = kind != Kind::Initiate && start != Start::Unseen;
    let kin = |track: &Track| back && !track.half && bare(&track.peer) == bare(jid);
    let near = tracks.iter().position(|track| track.is_with(jid));
    let near = near.or_else(|| tracks.iter().position(kin))?;
    if resource(jid).is_none() {
        return Some(near);
    }
    let mut device = tracks.get(near)?.clone();
    device.peer = jid.to_owned();
    tracks.push(device);
    Some(tracks.len() - 1)
}

/// A signal, when it was sent, and whether it is broken in itself.
type Sent<'a> = (&'a Act, f64, bool);

/// Whether this signal would be in its place there.
fn fits(track: &Track, (act, at, doubtful): Sent<'_>) -> bool {
    let out = track.clone().send(act, at, doubtful);
    out.excuse.is_some() || !is_broken(&out.rulings)
}

/// The track that a signal is meant for. A bare address that was called stands for each of its devices: which one the
/// sender has in mind nobody knows, so it is one where the signal is in its place, if there is one.
pub(super) fn addressed(tracks: &[Track], index: usize, to: &str, sent: Sent<'_>) -> usize {
    let right = |track: &Track| track.is_with(to) && fits(track, sent);
    if tracks.len() < 2 || resource(to).is_some() || tracks.get(index).is_some_and(right) {
        return index;
    }
    tracks.iter().position(right).unwrap_or(index)
}

/// What was hung up towards a bare address is over with each of its devices.
pub(super) fn end_others(tracks: &mut [Track], index: usize, to: &str, sent: Sent<'_>) {
    for (other, track) in tracks.iter_mut().enumerate() {
        if other != index && track.is_with(to) && fits(track, sent) {
            track.send(sent.0, sent.1, sent.2);
        }
    }
}
