//! The lines of a transcript.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::{Wire, liberal};
use crate::profile::Profile;

/// The first line: all that the verdict depends on beside the events.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Header {
    /// The format's version, see [`super::FORMAT`].
    pub callspec: u32,
    /// The program's version.
    #[serde(default)]
    pub version: String,
    #[serde(default, deserialize_with = "liberal::scenario")]
    pub scenario: ScenarioInfo,
    /// Where it ran: a URL without secrets, or `embedded`.
    #[serde(default, deserialize_with = "liberal::target")]
    pub target: String,
    #[serde(default, deserialize_with = "liberal::profile")]
    pub profile: Profile,
    /// Who saw it.
    #[serde(default, skip_serializing_if = "Witness::is_bots")]
    pub witness: Witness,
    /// Times are by a clock that nobody sets while it runs.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub steady: bool,
    /// How far off the times of one of several recordings may be by the clock of another, in seconds.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub apart: f64,
    /// Every party by its name in the scenario.
    #[serde(default, deserialize_with = "liberal::cast")]
    pub cast: BTreeMap<String, Member>,
    #[serde(default)]
    pub seed: u64,
    /// Deadlines and waits were multiplied by this.
    #[serde(default = "one")]
    pub time_scale: f64,
    /// How far a `timestamp` may lie from the observer's clock, in seconds.
    #[serde(default = "default_skew")]
    pub clock_skew: f64,
    /// Wall time of `t` = 0, RFC 3339.
    #[serde(default)]
    pub started: String,
}

impl Header {
    /// Somebody else wrote it down, who may have left something out.
    pub fn is_foreign(&self) -> bool {
        !self.witness.is_bots() && !self.steady
    }
}

fn is_zero(seconds: &f64) -> bool {
    *seconds == 0.0
}

fn one() -> f64 {
    1.0
}

fn untold() -> f64 {
    f64::NAN
}

fn default_skew() -> f64 {
    60.0
}

/// The scenario as it was resolved: enough to judge, and to find it again.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", default)]
pub struct ScenarioInfo {
    pub name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub file: Option<String>,
    pub rules: Vec<String>,
    pub tags: Vec<String>,
    /// The matrix values of this case, in the file's order, such as `gap=5ms`.
    pub case: Vec<String>,
    /// The steps after expansion, for readers of the transcript.
    #[serde(skip_serializing_if = "serde_json::Value::is_null")]
    pub steps: serde_json::Value,
}

/// Who saw the events, which decides what can be known from them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Witness {
    /// Bots of ours, who are all that there is: an address that none of them has is nobody's.
    #[default]
    Bots,
    /// The ends of connections, each where its stanzas were written and came in. Others may be there unseen.
    Ends,
    /// Somewhere between the ends and the server, or by a clock of whole seconds: how long something took at its
    /// end is known only up to the time that stanzas are under way.
    Between,
    /// Someone who wrote down the signals alone, not the stanzas that carried them nor how they were answered.
    Signals,
}

impl Witness {
    pub fn is_bots(&self) -> bool {
        *self == Witness::Bots
    }
}

/// What is known of a party.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Party {
    /// A scripted bot of ours: its `received` events stand where it took the stanza in, so its view is exact.
    Bot,
    /// A client under test: only what it sent and acknowledged is known.
    #[default]
    Client,
}

/// One member of the cast.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Member {
    /// The full JID it was first bound to; reconnects show in `connected` events.
    #[serde(default)]
    pub jid: String,
    /// The user's UUID as it stands in `senderId`; `None`: not known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    #[serde(default)]
    pub party: Party,
}

/// What an event is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Dir {
    /// `who` wrote `xml`.
    Sent,
    /// `who` took `xml` in; `arrived` tells when it had come, if that was earlier.
    Received,
    /// `who` is bound as `jid` (a session begins).
    Connected,
    /// The recording of `who`, bound as `jid`, begins here, in the middle of a session: what was before is not known.
    Begins,
    /// The recording of `who` stops here: whether its session went on is not known.
    Stops,
    /// `who` begins to close its stream: from here on the other side may find it gone.
    Leaving,
    /// `who` closed its stream lawfully.
    Disconnected,
    /// `who` cut its connection without a word.
    Cut,
    /// The other side ended the stream of `who`; `note` says how.
    Closed,
    /// An expectation was met; `events` are the events that met it.
    Met,
    /// An expectation was missed: `wanted`, `seen`, and `rule` if the step names one.
    Missed,
    /// A bot breaks `rules` on purpose with the event that follows.
    Breaks,
    /// From here on `who` withholds its IQ answers (`note`: how), until the next of these.
    Answers,
    /// For `seconds` up to now this process was itself stalled or, as `note` says, the whole target was busy: delays
    /// seen around it say nothing of how a signal was treated. Without `seconds`: the recorder's clock was set back,
    /// and how much time went by is not known.
    Stalled,
    /// The run could not go on: the target's trouble or ours. It names the rule that the target breaks if the trouble is
    /// of its own making.
    Trouble,
    /// The steps are done; what follows is the quiet at the end.
    Steps,
    /// The last event of a whole transcript.
    End,
    /// For readers only.
    Note,
    /// `who` sent something below a session: `wire` says what, `xml` is its text.
    WireSent,
    /// Something came to `who` below a session.
    WireReceived,
}

impl Dir {
    /// A stanza passed.
    pub fn passes(self) -> bool {
        matches!(self, Dir::Sent | Dir::Received)
    }
}

/// One line after the header. `S`: what its signal is read into.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Event<S = serde_json::Value> {
    /// Counts up from 1.
    #[serde(default)]
    pub n: u64,
    /// Seconds since the start, on a clock that never goes back.
    #[serde(default = "untold")]
    pub t: f64,
    /// The same moment as wall time, RFC 3339 in UTC.
    #[serde(default)]
    pub time: String,
    /// The party's name in the cast.
    #[serde(default)]
    pub who: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub jid: Option<String>,
    pub dir: Dir,
    /// What was on the wire, to the byte.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub xml: Option<Arc<str>>,
    /// The signal in `xml`, for readers; the judge reads `xml`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signal: Option<S>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
    /// When a received stanza had arrived, in seconds since the start, if it waited before it was taken in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub arrived: Option<f64>,
    /// The step of the scenario, such as `cancel.yaml:14`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub step: Option<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub rules: Vec<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub events: Vec<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub wanted: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seen: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seconds: Option<f64>,
    /// What happened below a session.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub wire: Option<Wire>,
    /// What was cut out of this event before it was written: `token`, `password`. A secret that the other side sent
    /// back shows itself here.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub secrets: Vec<String>,
}

impl Event {
    /// One that tells nothing else.
    pub fn at(t: f64, dir: Dir) -> Event {
        Event {
            n: 0,
            t,
            time: String::new(),
            who: String::new(),
            jid: None,
            dir,
            xml: None,
            signal: None,
            note: None,
            arrived: None,
            step: None,
            rules: Vec::new(),
            events: Vec::new(),
            wanted: None,
            seen: None,
            seconds: None,
            wire: None,
            secrets: Vec::new(),
        }
    }
}

impl<S> Event<S> {
    /// The same for those who read `xml`.
    pub(super) fn without_signal(self) -> Event {
        let Event {
            n,
            t,
            time,
            who,
            jid,
            dir,
            xml,
            signal: _,
            note,
            arrived,
            step,
            rules,
            events,
            wanted,
            seen,
            seconds,
            wire,
            secrets,
        } = self;
        Event {
            n,
            t,
            time,
            who,
            jid,
            dir,
            xml,
            signal: None,
            note,
            arrived,
            step,
            rules,
            events,
            wanted,
            seen,
            seconds,
            wire,
            secrets,
        }
    }
}
