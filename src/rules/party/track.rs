//! One party's side of one call with one peer.

use super::beam::{Beam, Inbound, Sending};
use super::cost::{breaks, is_broken, weight};
use super::handed::{Before, otherwise};
use super::room::{PATIENCE, Room};
use crate::protocol::{Act, Kind, Role, Ruling, State, View};
use crate::stanza::{bare, resource};

/// How exactly a party's events are known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sight {
    /// A bot of ours: what it took in stands where it took it in.
    Exact,
    /// Its wire was recorded: when a stanza passed there is known, not when it was taken in.
    Wire,
    /// Only the other end was recorded, or the way between.
    Far,
}

/// Whether the recording shows how a call began.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Start {
    Seen,
    /// The session was seen to begin; whether the call is older than that is not known.
    Doubtful,
    /// The recording may have begun after the call did.
    Unseen,
}

#[derive(Debug, Clone)]
pub(super) struct Track {
    /// The other side, as it is addressed.
    pub peer: String,
    pub role: Role,
    /// The recording may have begun after the call did: it is judged from wherever it may have stood.
    pub half: bool,
    /// The event of the initiate, or the first event.
    pub first: u64,
    /// An initiate has come in.
    pub called: bool,
    /// An offer has come in that it has not answered.
    pub offered: bool,
    /// The event of its last mute-change.
    pub muted: u64,
    /// Something has passed that belongs to a call that has begun.
    begun: bool,
    sight: Sight,
    beam: Beam,
    /// Everything that waits too long counts as taken in: what is a breach only here is not certain.
    forced: Option<Beam>,
    /// Everything counts as taken in when it came: what is a breach only here was sent by someone who had perhaps not
    /// seen it. Kept until the first of these, since what follows from it means nothing.
    prompt: Option<Beam>,
    /// Where the call stands if an accept that was perhaps late was in time: what is a breach only here is not certain.
    in_time: Option<Beam>,
    /// When the answer to the initiate was seen.
    rang_by: Option<f64>,
    /// Where the call would stand had it begun before the recording.
    older: Option<Beam>,
    /// How often the clock had been set when this was last looked at.
    clock_set: u32,
    /// Where only what the server handed on was recorded: the signal before.
    last: Option<Before>,
    /// The time that its accept gave, where that may have been sent long after it was made, and that the signal gives
    /// which it sends now.
    accepted: Option<f64>,
    stamp: Option<f64>,
    /// The time that its initiate gave, where only the other end was recorded.
    initiated: Option<f64>,
}

/// What came of a signal that was sent.
#[derive(Debug, Default)]
pub(super) struct Outcome {
    pub rulings: Vec<Ruling>,
    pub after: Option<u64>,
    /// Why the rulings are not certain.
    pub excuse: Option<String>,
    /// The rulings are worth a remark only: two signals crossed.
    pub crossed: bool,
    /// Whether it leaves the call where it was in some order of events, and whether it moves it in some order.
    pub effect: (bool, bool),
}

impl Track {
    pub fn new(peer: &str, role: Role, sight: Sight, first: u64, start: Start, clock_set: u32) -> Track {
        let exact = sight == Sight::Exact;
        let half = start == Start::Unseen;
        let beam = |exact, patience| match half {
            true => Beam::midway(exact, patience),
            false => Beam::new(View::new(role), exact, patience),
        };
        Track {
            peer: peer.to_owned(),
            role,
            half,
            first,
            called: false,
            offered: false,
            muted: 0,
            begun: false,
            sight,
            beam: beam(exact, None),
            forced: (!exact).then(|| beam(false, Some(PATIENCE))),
            prompt: (!exact).then(|| beam(true, None)),
            in_time: None,
            rang_by: None,
            clock_set,
            last: None,
            accepted: None,
            stamp: None,
            initiated: None,
            older: (start == Start::Doubtful).then(|| Beam::midway(exact, None)),
        }
    }

    /// Whether a stanza to or from this address belongs here.
    pub fn is_with(&self, jid: &str) -> bool {
        self.peer == jid
            || (bare(&self.peer) == bare(jid) && (resource(&self.peer).is_none() || resource(jid).is_none()))
    }

    pub fn sight(&self) -> Sight {
        self.sight
    }

    fn beams(&mut self) -> impl Iterator<Item = &mut Beam> {
        let others = self.forced.iter_mut().chain(self.prompt.as_mut());
        let others = others.chain(self.in_time.as_mut()).chain(self.older.as_mut());
        std::iter::once(&mut self.beam).chain(others)
    }

    /// The call begins: until now it was a guess on which side of it this party stands.
    pub fn cast(&mut self, role: Role) {
        if self.beam.views().all(|view| view.state() == State::Idle) {
            self.role = role;
        }
        self.beams().for_each(|beam| beam.cast(role));
    }

    /// Whether the call is in such a state whatever of what is under way has been taken in.
    pub fn always(&self, wanted: impl Fn(State) -> bool) -> bool {
        !self.beam.cut && self.beam.always(wanted)
    }

    /// The last inbound signal that has surely been taken in.
    pub fn reached(&self) -> Option<u64> {
        self.beam.reached()
    }

    /// The clock was set, for the `times`-th time: what happened before happened nobody knows how long ago.
    pub fn clock_set(&mut self, times: u32) {
        if self.clock_set != times {
            self.clock_set = times;
            self.rang_by = None;
            self.beams().for_each(Beam::forget_times);
        }
    }

    /// All that came up to and with this event has been taken in by now.
    pub fn reach(&mut self, n: u64, at: f64) {
        self.beams().for_each(|beam| beam.reach(n));
        self.rang(at);
    }

    /// Its connection ended with this event: what came before and was not acknowledged may have got lost with it.
    pub fn may_have_lost(&mut self, n: u64) {
        self.beams().for_each(|beam| beam.may_have_lost(n));
    }

    fn rang(&mut self, at: f64) {
        if self.rang_by.is_none() && self.always(|state| state != State::Idle) {
            self.rang_by = Some(at);
        }
    }

    pub fn views(&self) -> impl Iterator<Item = &View> {
        self.beam.views()
    }

    /// The inbound signal with this iq id, if nothing else came before it that was perhaps not taken in, nor the same
    /// once more.
    pub fn next_is(&self, id: &str) -> Option<&Inbound> {
        self.beam.next_is(id)
    }

    /// Whether something is under way that the party may not have taken in.
    pub fn waiting(&self) -> bool {
        self.beam.waiting()
    }

    /// Nothing has passed but a hangup that came in, before any initiate.
    pub fn unbegun(&self) -> bool {
        !self.begun
    }

    pub fn receive(&mut self, inbound: &Inbound) {
        self.called |= inbound.act.kind == Kind::Initiate;
        self.offered |= inbound.act.kind == Kind::Offer;
        self.begun |= inbound.act.kind != Kind::Hangup;
        self.beams().for_each(|beam| beam.receive(inbound.clone()));
    }

    pub fn acknowledge(&mut self, id: &str, at: f64) {
        self.beams().for_each(|beam| beam.acknowledge(id));
        self.rang(at);
    }

    pub fn refuse(&mut self, id: &str, at: f64) {
        self.beams().for_each(|beam| beam.refuse(id));
        self.rang(at);
    }

    /// The time that the signal gives which the party sends now. `back`: the connection of its sender came back since the
    /// call began, and what waited for that was sent then, long after it was made.
    pub fn dated(&mut self, act: &Act, stamp: Option<f64>, back: bool) {
        if act.kind == Kind::Accept {
            self.accepted = stamp.filter(|_| back || self.sight == Sight::Far);
        }
        if act.kind == Kind::Initiate && self.sight == Sight::Far && self.initiated.is_none() {
            self.initiated = stamp;
        }
        self.stamp = stamp;
    }

    /// The party sent `act`, of which only what the server handed on was recorded.
    pub fn sends_unseen(&mut self, act: &Act, at: f64, doubtful: bool) -> Outcome {
        let before = self.beam.clone();
        let mut out = self.send(act, at, doubtful);
        if out.excuse.is_none()
            && out
                .rulings
                .iter()
                .any(|ruling| weight(ruling).is_some_and(|slot| slot < 2))
            && let Some((beam, why)) = otherwise(&before, self.last.as_ref(), act, (at, doubtful))
        {
            // From here on it is as if that had happened: one word about it is enough.
            (self.beam, self.forced, self.prompt) = (beam, None, None);
            out.excuse = Some(why.to_owned());
            out.effect = (true, true);
        }
        let act = *act;
        self.last = Some(Before { beam: before, act });
        out
    }

    pub fn send(&mut self, act: &Act, at: f64, doubtful: bool) -> Outcome {
        self.begun = true;
        self.offered &= act.kind != Kind::Answer;
        let before = (act.kind == Kind::Accept).then(|| self.beam.clone());
        let room = Room {
            sight: self.sight,
            role: self.role,
            rang_by: self.rang_by,
            talked: self.accepted.zip(self.stamp).map(|(since, now)| now - since),
            called: self.initiated.zip(self.stamp).map(|(since, now)| now - since),
        };
        let send = |beam: &mut Beam| beam.send_from(act, at, doubtful, &room);
        let Sending {
            rulings,
            after,
            ever,
            effect,
            doubt,
        } = send(&mut self.beam);
        let forced = self.forced.as_mut().map(send);
        let prompt = self.prompt.as_mut().map(send);
        let in_time = self.in_time.as_mut().map(send);
        let older = self.older.as_mut().map(send);
        let mut out = Outcome {
            rulings,
            after,
            effect: if self.beam.cut { (true, true) } else { effect },
            ..Outcome::default()
        };
        let (forced, prompt) = (forced.unwrap_or_default(), prompt.unwrap_or_default());
        if !out.rulings.is_empty() {
            out.excuse = if self.beam.cut {
                Some("too many signals were under way at once to follow every order of them".to_owned())
            } else {
                doubt.map(str::to_owned)
            };
        }
        if let Some(mut beam) = before
            && out.excuse.is_some()
            && breaks(&out.rulings, "TM-07")
        {
            beam.forget_times();
            beam.send(act, at, doubtful);
            self.in_time.get_or_insert(beam);
        }
        // A should that is itself in doubt gives way to a must that is.
        let open = out.rulings.is_empty() || (out.excuse.is_some() && !is_broken(&out.rulings));
        if open && ever && is_broken(&forced.rulings) {
            out.rulings = forced.rulings;
            out.excuse = Some(
                "a signal that had been under way for more than 5 s, unanswered, had not been taken in yet"
                    .to_owned(),
            );
        } else if open && ever && is_broken(&prompt.rulings) {
            // On its own wire it had come in by then; at the other end the two passed each other under way.
            out.crossed = self.sight == Sight::Far;
            out.rulings = prompt.rulings;
            out.after = prompt.after;
            out.excuse =
                Some("what had just come in had not been taken in yet when this was sent".to_owned());
        } else if open
            && ever
            && let Some(in_time) = in_time.filter(|in_time| is_broken(&in_time.rulings))
        {
            out.rulings = in_time.rulings;
            out.after = in_time.after;
            out.excuse = Some("the accept before it may have come too late to connect anything".to_owned());
        }
        if !out.rulings.is_empty()
            && let Some(older) = older.filter(|older| older.rulings.is_empty())
            && let Some(beam) = self.older.take()
        {
            // One word about it is enough: from here on it is an older call.
            (self.beam, self.forced, self.half) = (beam, None, true);
            out.effect = older.effect;
            out.excuse = Some("the call had begun in a session before the recording".to_owned());
        }
        if out.excuse.is_some() {
            self.prompt = None;
        }
        out
    }
}
