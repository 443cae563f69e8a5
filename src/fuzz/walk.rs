//! An ordering as data: moves that can be left out one by one, and what is left is an ordering again.

use std::borrow::Cow;
use std::ops::Range;

use super::payload::Payload;
use crate::profile::Class;
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

impl From<Reason> for Signal {
    fn from(reason: Reason) -> Signal {
        Signal {
            kind: Kind::Hangup,
            reason: Some(reason),
        }
    }
}

/// The nine signals, the hangup once for each reason.
pub(super) fn signals() -> impl Iterator<Item = Signal> + Clone {
    let others = Kind::ALL.into_iter().filter(|kind| *kind != Kind::Hangup);
    others
        .map(Signal::from)
        .chain(Reason::ALL.into_iter().map(Signal::from))
}

/// A call by who rings whom; its label is its callId's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Call {
    Main,
    /// The callee calls back while the first call goes on.
    Back,
    /// Somebody else rings the callee.
    Third,
    /// The caller rings another device of the callee's.
    Device,
    /// One of many orderings that are played one after the other on the same streams.
    Next(u16),
    /// A sound call at the end: the target is still of use.
    Canary,
}

impl Call {
    pub fn label(self) -> Cow<'static, str> {
        match self {
            Call::Main => "main".into(),
            Call::Back => "back".into(),
            Call::Third => "third".into(),
            Call::Device => "device".into(),
            Call::Next(number) => format!("next-{number}").into(),
            Call::Canary => "canary".into(),
        }
    }

    /// The actor on this side of it.
    pub const fn actor(self, role: Role) -> &'static str {
        match (self, role) {
            (Call::Third, Role::Caller) => "other",
            (Call::Device, Role::Callee) => "callee-2",
            (Call::Back, Role::Callee) => "caller",
            (Call::Back, Role::Caller) | (_, Role::Callee) => "callee",
            (_, Role::Caller) => "caller",
        }
    }

    /// Whether its two sides have to say whom they mean.
    pub const fn is_addressed(self) -> bool {
        matches!(self, Call::Back | Call::Third | Call::Device)
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

/// How somebody leaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Parting {
    /// The stream is closed.
    Closes,
    /// The connection breaks.
    Breaks,
}

/// What becomes of a call that rings both devices of the callee's; `second`: by which of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Rung {
    pub second: bool,
    pub then: Then,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Then {
    Accepts,
    Declines,
    /// The other one accepts too, so many milliseconds later.
    Races(u64),
    /// Nobody answers.
    RingsOut,
}

/// How many calls ring.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Many {
    /// One after the other, each ended before the next.
    Ended,
    /// One after the other, and nobody ends them.
    Left,
    /// In one breath: none is waited for before all have begun, and nobody ends them.
    AtOnce,
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
    /// One side says all of these before anything of it is heard, behind so many chat messages.
    Breath {
        call: Call,
        role: Role,
        chats: u64,
        signals: Vec<Signal>,
    },
    /// So many messages, one right after the other.
    Chat {
        from: &'static str,
        to: &'static str,
        count: u64,
    },
    /// Milliseconds.
    Wait(u64),
    /// This one, who takes part in nothing, has heard nothing.
    Quiet(&'static str),
    /// It leaves and comes back.
    Rejoin { who: &'static str, parting: Parting },
    /// This side says something of the first call while the other is away for a moment: it comes back as an error.
    Miss {
        role: Role,
        signal: Signal,
        parting: Parting,
    },
    /// Somebody who has no part in the first call sends this on it, to this side.
    Stray { to: Role, signal: Signal },
    /// Nobody answers the first call: a server that judges ends it for both.
    Expire,
    /// This side of the first call is gone, and comes back when a server that judges has told the other.
    Vanish { role: Role, parting: Parting },
    /// A server that judges rings both devices of the callee's.
    Ring(Rung),
    /// So many calls ring on the same streams.
    Crowd { calls: u64, how: Many },
    /// Somebody is called who is not there. `bare`: whom the bare JID names, which is no device. `ends`: the caller hangs
    /// up on it, too.
    Astray { bare: bool, ends: bool },
    /// Somebody else rings the callee in the caller's name: with the caller's address as `from`.
    Forge,
    /// A payload in a call of its own.
    Carry(Box<Payload>),
}

impl Move {
    pub fn call(&mut self) -> Option<&mut Call> {
        match self {
            Move::Say { call, .. } | Move::Cross { call, .. } | Move::Breath { call, .. } => Some(call),
            _ => None,
        }
    }
}

/// Moves, and the class of server that they are meant for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Ordering {
    pub class: Class,
    pub moves: Vec<Move>,
}

impl Ordering {
    pub fn with(&self, part: usize, instead: Vec<Move>) -> Ordering {
        let mut moves = self.moves.clone();
        if part < moves.len() {
            moves.splice(part..=part, instead);
        }
        Ordering {
            class: self.class,
            moves,
        }
    }

    /// The numbers of the orderings that it consists of, where there are several.
    fn numbers(&self) -> Vec<u16> {
        let mut numbers: Vec<u16> = Vec::new();
        for step in &self.moves {
            if let Move::Say {
                call: Call::Next(number),
                ..
            }
            | Move::Cross {
                call: Call::Next(number),
                ..
            } = step
                && numbers.last() != Some(number)
            {
                numbers.push(*number);
            }
        }
        numbers
    }
}

/// The sound call at the end.
pub(super) fn canary() -> impl Iterator<Item = Move> {
    let call: [(Role, Signal); 9] = [
        (Role::Caller, Kind::Initiate.into()),
        (Role::Callee, Kind::Accept.into()),
        (Role::Caller, Kind::Offer.into()),
        (Role::Callee, Kind::Answer.into()),
        (Role::Caller, Kind::IceCandidate.into()),
        (Role::Callee, Kind::IceCandidate.into()),
        (Role::Caller, Kind::MuteChange.into()),
        (Role::Caller, Kind::MuteChange.into()),
        (Role::Caller, Reason::Completed.into()),
    ];
    call.into_iter().map(|(role, signal)| Move::Say {
        call: Call::Canary,
        role,
        signal,
        reply: Reply::Result,
    })
}

impl Ordering {
    pub fn without(&self, parts: Range<usize>) -> Ordering {
        let kept = self.moves.iter().enumerate();
        let kept = kept.filter(|(at, _)| !parts.contains(at));
        Ordering {
            class: self.class,
            moves: kept.map(|(_, step)| step.clone()).collect(),
        }
    }

    /// What comes before the sound call at the end; itself where there is nothing else.
    pub fn without_canary(&self) -> Ordering {
        let mut less = self.clone();
        less.moves
            .retain_mut(|step| step.call().is_none_or(|call| *call != Call::Canary));
        if less.moves.is_empty() { self.clone() } else { less }
    }

    /// Whether it is about what signals hold, and not about their order.
    pub fn carries(&self) -> bool {
        self.moves.iter().any(|step| matches!(step, Move::Carry(_)))
    }

    /// How many orderings it plays one after the other.
    pub fn weight(&self) -> u64 {
        self.numbers().len().max(1) as u64
    }

    /// Taken apart into those; empty where it is one.
    pub fn apart(&self) -> Vec<Ordering> {
        let numbers = self.numbers();
        if numbers.len() < 2 {
            return Vec::new();
        }
        let one = |number: u16| {
            let mut moves = self.moves.clone();
            moves.retain_mut(|step| match step.call() {
                Some(call) if *call == Call::Next(number) => {
                    *call = Call::Main;
                    true
                }
                Some(Call::Next(_)) => false,
                _ => true,
            });
            Ordering {
                class: self.class,
                moves,
            }
        };
        numbers.into_iter().map(one).collect()
    }

    /// Whether everything in the smaller one stands in this one too, in the same order: the same failure then has the
    /// same cause.
    pub fn holds(&self, smaller: &Ordering) -> bool {
        let mut own = self.moves.iter();
        let mut wanted = smaller.moves.iter();
        wanted.all(|step| own.any(|own| own == step))
    }
}
