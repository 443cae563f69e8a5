//! The closed sets of words that the protocol knows: signals, reasons, roles, states.

use serde::{Deserialize, Serialize};

/// The nine signals (seed, table of signals).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    Initiate,
    Accept,
    Reject,
    Busy,
    Offer,
    Answer,
    IceCandidate,
    Hangup,
    MuteChange,
}

impl Kind {
    pub const ALL: [Kind; 9] = [
        Kind::Initiate,
        Kind::Accept,
        Kind::Reject,
        Kind::Busy,
        Kind::Offer,
        Kind::Answer,
        Kind::IceCandidate,
        Kind::Hangup,
        Kind::MuteChange,
    ];

    /// The name used in scenario files: the wire type without its `call:`.
    pub const fn name(self) -> &'static str {
        match self {
            Kind::Initiate => "initiate",
            Kind::Accept => "accept",
            Kind::Reject => "reject",
            Kind::Busy => "busy",
            Kind::Offer => "offer",
            Kind::Answer => "answer",
            Kind::IceCandidate => "ice-candidate",
            Kind::Hangup => "hangup",
            Kind::MuteChange => "mute-change",
        }
    }

    /// The value of the envelope's `type` member.
    pub const fn wire(self) -> &'static str {
        match self {
            Kind::Initiate => "call:initiate",
            Kind::Accept => "call:accept",
            Kind::Reject => "call:reject",
            Kind::Busy => "call:busy",
            Kind::Offer => "call:offer",
            Kind::Answer => "call:answer",
            Kind::IceCandidate => "call:ice-candidate",
            Kind::Hangup => "call:hangup",
            Kind::MuteChange => "call:mute-change",
        }
    }

    pub fn from_wire(text: &str) -> Option<Kind> {
        Kind::ALL.into_iter().find(|kind| kind.wire() == text)
    }

    pub fn from_name(text: &str) -> Option<Kind> {
        Kind::ALL.into_iter().find(|kind| kind.name() == text)
    }
}

/// The six reasons of a hangup (seed, list of reasons).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Reason {
    Completed,
    Rejected,
    Timeout,
    Busy,
    Failed,
    Cancelled,
}

impl Reason {
    pub const ALL: [Reason; 6] = [
        Reason::Completed,
        Reason::Rejected,
        Reason::Timeout,
        Reason::Busy,
        Reason::Failed,
        Reason::Cancelled,
    ];

    /// The word on the wire, and in scenario files.
    pub const fn wire(self) -> &'static str {
        match self {
            Reason::Completed => "completed",
            Reason::Rejected => "rejected",
            Reason::Timeout => "timeout",
            Reason::Busy => "busy",
            Reason::Failed => "failed",
            Reason::Cancelled => "cancelled",
        }
    }

    pub fn from_wire(text: &str) -> Option<Reason> {
        Reason::ALL.into_iter().find(|reason| reason.wire() == text)
    }
}

/// Which side of the call a party is on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    Caller,
    Callee,
}

impl Role {
    pub const ALL: [Role; 2] = [Role::Caller, Role::Callee];

    #[must_use]
    pub const fn other(self) -> Role {
        match self {
            Role::Caller => Role::Callee,
            Role::Callee => Role::Caller,
        }
    }
}

/// Where a call stands in one party's view (docs/protocol.md, "The call, as each party sees it").
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    Idle,
    Ringing,
    Accepted,
    Offered,
    Answered,
    Ended,
}

impl State {
    pub const ALL: [State; 6] = [
        State::Idle,
        State::Ringing,
        State::Accepted,
        State::Offered,
        State::Answered,
        State::Ended,
    ];
}
