//! One party's side of one call with one peer.

use super::beam::{Beam, Inbound, Sending};
use crate::protocol::{Act, RINGING, Role, Ruling, View};
use crate::stanza::{bare, resource};

/// How long a signal may be under way to a party whose taking-in is not seen, before it is doubtful that it was not
/// taken in, in seconds (IQ-08 asks for its answer by then).
pub(super) const PATIENCE: f64 = 5.0;

/// How exactly a party's events are known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sight {
    /// A bot of ours: what it took in stands where it took it in.
    Exact,
    /// Its wire was recorded: when a stanza passed there is known, not when it was taken in.
    Wire,
    /// Only the other end was recorded.
    Far,
}

#[derive(Debug, Clone)]
pub(super) struct Track {
    /// The other side, as it is addressed.
    pub peer: String,
    pub role: Role,
    /// The recording may have begun after the call did: order is not judged.
    pub half: bool,
    /// The event of the initiate, or the first event.
    pub first: u64,
    sight: Sight,
    beam: Beam,
    /// Everything that waits too long counts as taken in: what is a breach only here is not certain.
    forced: Option<Beam>,
}

/// What came of a signal that was sent.
#[derive(Debug, Default)]
pub(super) struct Outcome {
    pub rulings: Vec<Ruling>,
    pub after: Option<u64>,
    /// Why the rulings are not certain.
    pub excuse: Option<String>,
}

impl Track {
    pub fn new(peer: &str, role: Role, sight: Sight, first: u64, half: bool) -> Track {
        let view = View::new(role);
        let exact = sight == Sight::Exact;
        Track {
            peer: peer.to_owned(),
            role,
            half,
            first,
            sight,
            beam: Beam::new(view, exact, None),
            forced: (!exact).then(|| Beam::new(view, false, Some(PATIENCE))),
        }
    }

    /// Whether a stanza to or from this address belongs here.
    pub fn is_with(&self, jid: &str) -> bool {
        self.peer == jid
            || (bare(&self.peer) == bare(jid) && (resource(&self.peer).is_none() || resource(jid).is_none()))
    }

    fn beams(&mut self) -> impl Iterator<Item = &mut Beam> {
        std::iter::once(&mut self.beam).chain(self.forced.as_mut())
    }

    pub fn views(&self) -> impl Iterator<Item = &View> {
        self.beam.views()
    }

    /// The inbound signal with this iq id, if nothing else came before it that was perhaps not taken in.
    pub fn next_is(&self, id: &str) -> Option<&Inbound> {
        self.beam.next_is(id)
    }

    /// Whether something is under way that the party may not have taken in.
    pub fn waiting(&self) -> bool {
        self.beam.waiting()
    }

    pub fn receive(&mut self, inbound: &Inbound) {
        self.beams().for_each(|beam| beam.receive(inbound.clone()));
    }

    pub fn acknowledge(&mut self, id: &str) {
        self.beams().for_each(|beam| beam.acknowledge(id));
    }

    pub fn refuse(&mut self, id: &str) {
        self.beams().for_each(|beam| beam.refuse(id));
    }

    pub fn send(&mut self, act: &Act, at: f64, doubtful: bool) -> Outcome {
        let Sending { rulings, after } = self.beam.send(act, at, doubtful);
        let forced = self.forced.as_mut().map(|beam| beam.send(act, at, doubtful));
        if self.half {
            return Outcome::default();
        }
        let certain = !rulings.is_empty();
        let rulings = match forced {
            Some(forced) if rulings.is_empty() => forced.rulings,
            _ => rulings,
        };
        let excuse = if rulings.is_empty() {
            None
        } else if self.beam.cut {
            Some("too many signals were under way at once to follow every order of them".to_owned())
        } else if !certain {
            Some(
                "a signal that had been under way for more than 5 s, unanswered, had not been taken in yet"
                    .to_owned(),
            )
        } else {
            self.far(&rulings, act, at)
        };
        Outcome {
            rulings,
            after,
            excuse,
        }
    }

    /// Seen from elsewhere, a length of time is only known up to the time that stanzas are under way.
    fn far(&self, rulings: &[Ruling], act: &Act, at: f64) -> Option<String> {
        let off = |rule: &str| {
            let broken = |ruling: &Ruling| matches!(ruling, Ruling::Breach(breach) if breach.rule == rule);
            rulings.iter().any(broken)
        };
        let rang = self
            .views()
            .filter_map(View::initiated_at)
            .map(|since| at - since);
        let talked = self.views().filter_map(View::accepted_at).map(|since| at - since);
        let (rang, talked) = (rang.fold(f64::NAN, f64::max), talked.fold(f64::NAN, f64::max));
        let far = self.sight == Sight::Far;
        let duration = act.duration.unwrap_or_default() as f64;
        // What would be right with a signal under way for so long is not certain.
        let near = (far && off("TM-01") && rang + PATIENCE >= RINGING)
            || (far && off("TM-04") && duration <= talked + PATIENCE)
            || (self.sight != Sight::Exact && off("TM-07") && rang - PATIENCE <= RINGING);
        near.then(|| {
            "signals were under way for some seconds, so that the time was right where it was measured"
                .to_owned()
        })
    }
}
