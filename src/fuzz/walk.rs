//! An ordering as data: moves that can be left out one by one, and what is left is an ordering again.

use crate::protocol::{Kind, Reason, Role};

/// One signal, as far as an ordering cares.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Signal {
    pub kind: Kind,
    /// Only a hangup has one.
    pub reason: Option<Reason>,
}

impl From<Kind> for Signal {
    fn from(kind: Kind) -> Signal {
        Signal { kind, reason: None }
    }
}

/// A call by who rings whom; its label is its callId's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Call {
    Main,
    /// The callee calls back while the first call goes on.
    Back,
    /// Somebody else rings the callee.
    Third,
    /// A sound call at the end: the target is still of use.
    Canary,
}

impl Call {
    pub const fn label(self) -> &'static str {
        match self {
            Call::Main => "main",
            Call::Back => "back",
            Call::Third => "third",
            Call::Canary => "canary",
        }
    }

    /// The actor on this side of it.
    pub const fn actor(self, role: Role) -> &'static str {
        match (self, role) {
            (Call::Third, Role::Caller) => "other",
            (Call::Back, Role::Callee) => "caller",
            (Call::Back, Role::Caller) | (_, Role::Callee) => "callee",
            (_, Role::Caller) => "caller",
        }
    }
}

/// How the receiver answers a signal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reply {
    Result,
    Error,
    Withheld,
    /// So many milliseconds late.
    Late(u64),
}

/// Something that happens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Move {
    Say {
        call: Call,
        role: Role,
        signal: Signal,
        reply: Reply,
    },
    /// Two signals pass each other: the caller's and the callee's, each with the milliseconds that it waits first.
    Cross {
        call: Call,
        caller: (Signal, u64),
        callee: (Signal, u64),
    },
    Chat {
        from: &'static str,
        to: &'static str,
    },
    /// Milliseconds.
    Wait(u64),
    /// This one, who takes part in nothing, has heard nothing.
    Quiet(&'static str),
    Rejoin(&'static str),
}

impl Move {
    /// The time that it takes on purpose, in milliseconds.
    pub fn times(&mut self) -> Vec<&mut u64> {
        match self {
            Move::Wait(time)
            | Move::Say {
                reply: Reply::Late(time),
                ..
            } => vec![time],
            Move::Cross { caller, callee, .. } => vec![&mut caller.1, &mut callee.1],
            _ => Vec::new(),
        }
    }
}
