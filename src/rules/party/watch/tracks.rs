//! The sides of a call that are followed, and how far each has taken in what came.

use std::sync::Arc;

use super::super::track::{Sight, Start, Track};
use super::{Actor, Parties, Side};
use crate::protocol::{Kind, Role};
use crate::stanza::{bare, print, resource};

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
        while let Some((_, call)) = line.pop_front_if(|(next, _)| *next <= n) {
            let tracks = self.tracks.get_mut(&(Arc::clone(party), call));
            for track in tracks.into_iter().flatten().filter(|track| track.is_with(peer)) {
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
    /// one of them that has come back under another resource: nobody saw that its session was another.
    pub(super) fn tracks_of(&mut self, actor: &Actor, key: Side) -> Option<&mut Vec<Track>> {
        if self.tracks.get(&key).is_none() {
            let wide: Side = (bare(&actor.key).into(), key.1.clone());
            let mut rung = self.tracks.get(&wide).cloned();
            if rung.is_none() && actor.sight == Sight::Far {
                let mut others = self.followed.get(&key.1).into_iter().flatten();
                let kin = others.find(|other| bare(other) == &*wide.0);
                rung = kin.and_then(|other| self.tracks.get(&(other.clone(), key.1.clone())).cloned());
            }
            self.followed
                .entry(key.1.clone())
                .or_default()
                .push(key.0.clone());
            if let Some((party, call)) = self.tracks.insert_over(key.clone(), rung.unwrap_or_default())
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
/// resource, unless it is called now.
pub(super) fn place_of(tracks: &mut Vec<Track>, jid: &str, kind: Kind) -> Option<usize> {
    if let Some(exact) = tracks.iter().position(|track| track.peer == jid) {
        return Some(exact);
    }
    let kin = |track: &Track| kind != Kind::Initiate && bare(&track.peer) == bare(jid);
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
