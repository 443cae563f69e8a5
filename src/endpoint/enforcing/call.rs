//! One call as the server has seen it so far, and whom a signal concerns.

use super::sight::Sight;
use crate::protocol::{Act, Cell, Kind, Reason, Role, State, signal_cell};

/// One side of a call: a user, and what the server calls it in its own signals.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct User {
    /// The bare JID.
    pub bare: String,
    /// In lower case.
    pub id: String,
}

#[derive(Debug)]
pub struct Device {
    /// The full JID.
    pub jid: String,
    pub sight: Sight,
    /// It is out of the call: busy, gone, or another one was faster.
    pub left: bool,
}

/// A call, live or ended.
#[derive(Debug)]
pub struct Call {
    /// As the initiate spelt it.
    pub id: String,
    pub caller: User,
    pub callee: User,
    /// The device that called.
    pub origin: Device,
    /// The devices that were rung.
    pub rung: Vec<Device>,
    /// The one that speaks for the callee: the only one there is, or the first to decide.
    pub chosen: Option<usize>,
    pub stage: State,
    /// The server itself has told both sides of the end.
    pub settled: bool,
    /// When it has rung for long enough, in seconds.
    pub due: f64,
}

/// Who in a call sends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Seat {
    Caller,
    /// A device that was rung.
    Callee(usize),
}

impl Seat {
    pub fn role(self) -> Role {
        match self {
            Seat::Caller => Role::Caller,
            Seat::Callee(_) => Role::Callee,
        }
    }
}

/// What becomes of a legal signal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Course {
    /// It goes to these devices of the other side.
    On(Vec<Seat>),
    /// It comes too late to matter, or concerns only its sender: it is acknowledged and goes no further.
    Nowhere,
}

/// A signal's course, and the devices that the server itself has to tell that it is over for them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Effect {
    pub course: Course,
    pub dismissed: Vec<usize>,
}

impl Call {
    pub fn new(id: String, caller: User, callee: User, origin: &str, rung: &[String], due: f64) -> Call {
        let device = |jid: &str, role| Device {
            jid: jid.to_owned(),
            sight: Sight::new(role),
            left: false,
        };
        Call {
            id,
            caller,
            callee,
            origin: device(origin, Role::Caller),
            rung: rung.iter().map(|jid| device(jid, Role::Callee)).collect(),
            chosen: (rung.len() == 1).then_some(0),
            stage: State::Ringing,
            settled: false,
            due,
        }
    }

    pub fn is_live(&self) -> bool {
        self.stage != State::Ended
    }

    /// Where this device sits; `None`: it has no part in the call, even if its user has.
    pub fn seat_of(&self, jid: &str) -> Option<Seat> {
        if self.origin.jid == jid {
            return Some(Seat::Caller);
        }
        let rung = self.rung.iter().position(|device| device.jid == jid);
        rung.map(Seat::Callee)
    }

    pub fn is_of(&self, bare: &str) -> bool {
        self.caller.bare == bare || self.callee.bare == bare
    }

    pub fn device(&mut self, seat: Seat) -> Option<&mut Device> {
        match seat {
            Seat::Caller => Some(&mut self.origin),
            Seat::Callee(index) => self.rung.get_mut(index),
        }
    }

    /// The user on this side.
    pub fn user(&self, role: Role) -> &User {
        match role {
            Role::Caller => &self.caller,
            Role::Callee => &self.callee,
        }
    }

    /// The callee's devices that are still in the call.
    pub fn present(&self) -> Vec<usize> {
        match self.chosen {
            Some(chosen) => vec![chosen],
            None => (0..self.rung.len())
                .filter(|index| self.rung.get(*index).is_some_and(|device| !device.left))
                .collect(),
        }
    }

    /// Moves the call by a signal that was legal for its sender, in the server's own order of events.
    pub fn advance(&mut self, seat: Seat, act: &Act) -> Effect {
        let nowhere = Effect {
            course: Course::Nowhere,
            dismissed: Vec::new(),
        };
        if let Seat::Callee(index) = seat
            && (self.chosen.is_some_and(|chosen| chosen != index)
                || self.rung.get(index).is_none_or(|device| device.left))
        {
            return nowhere;
        }
        let others = match seat {
            Seat::Caller => self.present().into_iter().map(Seat::Callee).collect(),
            Seat::Callee(_) => vec![Seat::Caller],
        };
        let on = Effect {
            course: Course::On(others),
            dismissed: Vec::new(),
        };
        if !self.is_live() {
            return if act.kind == Kind::Hangup && !self.settled && self.chosen.is_some() {
                on
            } else {
                nowhere
            };
        }
        if let (Seat::Callee(index), State::Ringing) = (seat, self.stage) {
            let leaves = match act.kind {
                Kind::Busy => true,
                Kind::Hangup => act.reason != Some(Reason::Rejected),
                _ => false,
            };
            if leaves && self.present().len() > 1 {
                if let Some(device) = self.rung.get_mut(index) {
                    device.left = true;
                }
                return nowhere;
            }
        }
        let Cell::Yes(next) = signal_cell(seat.role(), act.kind, self.stage) else {
            return on;
        };
        self.stage = next;
        match seat {
            Seat::Caller => on,
            Seat::Callee(index) => {
                let present = self.present();
                self.chosen = Some(index);
                Effect {
                    dismissed: present.into_iter().filter(|other| *other != index).collect(),
                    ..on
                }
            }
        }
    }

    /// The server ends it for everyone.
    pub fn settle(&mut self) {
        self.stage = State::Ended;
        self.settled = true;
    }
}
