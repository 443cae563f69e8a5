//! What a script is given, and what it gives.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use time::OffsetDateTime;

use super::LineOrder;
use crate::profile::Profile;
use crate::scenario::Case;
use crate::stanza::Stanza;
use crate::transcript::{Event, Wire};

/// A user as the bots need it.
#[derive(Debug, Clone)]
pub struct Account {
    /// The bare JID.
    pub jid: String,
    /// The user's id, as it stands in `senderId`.
    pub id: String,
}

/// What a case needs to be played.
#[derive(Debug)]
pub struct Setup {
    pub case: Arc<Case>,
    /// By the user's name in the scenario.
    pub accounts: BTreeMap<String, Account>,
    pub profile: Profile,
    pub seed: u64,
    /// Deadlines are multiplied by this; waits are not, since the protocol's own times do not scale.
    pub time_scale: f64,
    /// The wall time of `now` = 0.
    pub started: OffsetDateTime,
    /// How long nothing may arrive after the last step, unless the case says it.
    pub quiet: Duration,
}

/// Why there is no session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NoSession {
    /// One sentence for people, without secrets.
    pub why: String,
    /// The rule that the target breaks, if the trouble is its own.
    pub rule: Option<&'static str>,
    /// What a run may do about it; empty: nothing is known.
    pub hint: &'static str,
    /// The user was let in, and the resource was refused.
    pub unbound: bool,
}

impl NoSession {
    /// Why, and what to do about it.
    pub fn told(&self) -> String {
        format!("{}{}", self.why, self.hint)
    }
}

impl From<String> for NoSession {
    fn from(why: String) -> NoSession {
        NoSession {
            why,
            rule: None,
            hint: "",
            unbound: false,
        }
    }
}

#[derive(Debug)]
pub enum Input {
    Connected {
        who: String,
        jid: String,
    },
    /// The target could not be tested.
    NotConnected {
        who: String,
        why: NoSession,
    },
    /// `arrived`: when it was read from the socket.
    Element {
        who: String,
        stanza: Stanza,
        arrived: Duration,
    },
    /// Text that is no XML.
    Broken {
        who: String,
        raw: String,
        why: String,
        arrived: Duration,
    },
    /// Something was sent or came on a raw line.
    Wire {
        who: String,
        sent: bool,
        wire: Wire,
        text: Option<String>,
    },
    /// An answer to a WebSocket ping.
    Pong {
        who: String,
    },
    /// The stream or the connection is over.
    Ended {
        who: String,
        how: String,
    },
    /// This process did not run for so long.
    Stalled(Duration),
    /// The target kept a session that has no part in this waiting for so long.
    Busy(Duration),
    /// The run is to stop now.
    Interrupted,
}

#[derive(Debug)]
pub enum Output {
    Connect {
        who: String,
        account: String,
        resource: String,
    },
    Send {
        who: String,
        raw: String,
    },
    /// A WebSocket ping; over TCP there is none.
    Ping {
        who: String,
    },
    Line {
        who: String,
        order: LineOrder,
    },
    Disconnect {
        who: String,
    },
    Cut {
        who: String,
    },
    Event(Box<Event>),
}
