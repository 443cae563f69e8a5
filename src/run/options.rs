//! Where and how to play, and what became of it.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use crate::bot::ClientFault;
use crate::endpoint;
use crate::profile::Profile;
use crate::rules::{Outcome, Verdict, Waiver};
use crate::scenario::Case;
use crate::target::Target;
use crate::transcript::{Event, Member};

/// Where to play.
#[derive(Debug, Clone)]
pub enum Place {
    /// The embedded endpoint of this profile, in virtual time.
    Embedded(Profile),
    /// The same, rigged: with faults, or over another transport.
    Rigged(Arc<Rig>),
    Target(Arc<Target>),
}

/// What is unusual about an embedded endpoint.
#[derive(Debug, Clone, Default)]
pub struct Rig {
    pub profile: Profile,
    pub faults: Vec<endpoint::Chosen>,
    /// Which of many a fault that strikes now and then strikes.
    pub fault_seed: u64,
    /// TCP framing (RFC 6120) in place of WebSocket.
    pub tcp: bool,
    /// A party that breaks a rule; it counts as a client under test.
    pub client: Option<&'static ClientFault>,
    /// Every party counts as a client under test.
    pub clients: bool,
}

impl Place {
    pub fn profile(&self) -> &Profile {
        match self {
            Place::Embedded(profile) => profile,
            Place::Rigged(rig) => &rig.profile,
            Place::Target(target) => &target.profile,
        }
    }

    pub fn name(&self) -> String {
        match self {
            Place::Rigged(rig) if rig.tcp => "embedded over TCP".into(),
            Place::Embedded(_) | Place::Rigged(_) => "embedded".into(),
            Place::Target(target) => target.dial.address(),
        }
    }
}

/// How to play; [`Options::default`] is the embedded relay, one case after the other, without transcripts.
#[derive(Debug, Clone)]
pub struct Options {
    pub place: Place,
    pub jobs: usize,
    /// How often a case that fails is tried again.
    pub retries: u32,
    pub fail_fast: bool,
    /// Whether a broken SHOULD fails.
    pub strict: bool,
    pub seed: u64,
    pub time_scale: f64,
    /// How far a `timestamp` may lie from the observer's clock, in seconds.
    pub clock_skew: f64,
    /// Whether scenarios tagged `heavy` are played on a target too; the embedded endpoint always plays them.
    pub heavy: bool,
    /// Breaches that are no news.
    pub waivers: Arc<[Waiver]>,
    /// Where transcripts go; `None`: nowhere.
    pub transcripts: Option<PathBuf>,
}

impl Default for Options {
    fn default() -> Options {
        Options {
            place: Place::Embedded(Profile::default()),
            jobs: 1,
            retries: 0,
            fail_fast: false,
            strict: false,
            seed: 0,
            time_scale: 1.0,
            clock_skew: 60.0,
            heavy: false,
            waivers: Arc::default(),
            transcripts: None,
        }
    }
}

/// What became of a case.
#[derive(Debug, Clone)]
pub struct Finished {
    pub case: Arc<Case>,
    pub outcome: Outcome,
    /// Wall time.
    pub seconds: f64,
    /// Why it was skipped, or why the target could not be tested.
    pub reason: Option<String>,
    pub transcript: Option<PathBuf>,
    pub verdict: Option<Verdict>,
    /// Kept where there is something to show.
    pub events: Vec<Event>,
    pub cast: BTreeMap<String, Member>,
}

impl Finished {
    pub(super) fn without_run(case: Arc<Case>, outcome: Outcome, reason: String) -> Finished {
        Finished {
            case,
            outcome,
            seconds: 0.0,
            reason: Some(reason),
            transcript: None,
            verdict: None,
            events: Vec::new(),
            cast: BTreeMap::new(),
        }
    }
}
