//! One call as all its parties together have seen it.

use std::collections::BTreeMap;

use super::super::party::Beam;
use crate::protocol::{Kind, RINGING, Reason, Role, View};

/// One device in one call.
#[derive(Debug)]
pub(super) struct Side {
    pub role: Role,
    /// Its connection when it first took part.
    pub conn: u64,
    /// Every view that it may have, given what it has sent and answered.
    pub beam: Beam,
    /// When it knew that the call is over: it said so, or was told.
    pub ended: Option<f64>,
    /// The server's own hangup.
    pub told: Option<Told>,
}

/// The first word of the server's own that a party gets on the end of a call.
#[derive(Debug, Clone, Copy)]
pub(super) struct Told {
    pub n: u64,
    pub at: f64,
    pub reason: Option<Reason>,
    /// The server could see this reason.
    pub lawful: bool,
}

impl Side {
    pub fn new(role: Role, conn: u64) -> Side {
        Side {
            role,
            conn,
            beam: Beam::new(View::new(role), false, None),
            ended: None,
            told: None,
        }
    }
}

/// A party that went away in the middle of a call, and what the others have to be told.
#[derive(Debug)]
pub(super) struct Vanished {
    pub n: u64,
    pub at: f64,
    pub who: String,
    pub conn: u64,
    pub role: Role,
}

#[derive(Debug)]
pub(super) struct Call {
    pub id: String,
    /// The bare JIDs of caller and callee.
    pub users: (String, String),
    /// The initiate: event, and when it was sent.
    pub begun: (u64, f64),
    /// The server has surely read the initiate: it reached somebody, or was answered.
    pub read: bool,
    /// When the initiate reached the first device: the server had read it by then, and counts from no later.
    pub rang: Option<f64>,
    /// The devices that the initiate has to reach, with their connections, if it went to a bare JID.
    pub to_ring: Vec<(String, u64)>,
    pub sides: BTreeMap<String, Side>,
    /// The accept that reached the caller first: event, time, who sent it. Which one the server took first, only
    /// this tells.
    pub accepted: Option<(u64, f64, String)>,
    /// The first signal of any party that answers or ends the call: event, time.
    pub decided: Option<(u64, f64)>,
    /// Signals that answer or end it: event, who, and whether it was an accept.
    pub endings: Vec<(u64, String, bool)>,
    pub vanished: Vec<Vanished>,
    /// The initiate was turned away, or may have been: what the server knows of the call is not certain.
    pub void: bool,
}

impl Call {
    pub fn new(id: String, users: (String, String), begun: (u64, f64)) -> Call {
        Call {
            id,
            users,
            begun,
            read: false,
            rang: None,
            to_ring: Vec::new(),
            sides: BTreeMap::new(),
            accepted: None,
            decided: None,
            endings: Vec::new(),
            vanished: Vec::new(),
            void: false,
        }
    }

    /// Takes note of a legal signal that `who` sent.
    pub fn note(&mut self, who: &str, kind: Kind, n: u64, t: f64) {
        match kind {
            Kind::Accept => {}
            Kind::Reject | Kind::Busy | Kind::Hangup => {
                if let Some(side) = self.sides.get_mut(who) {
                    side.ended.get_or_insert(t);
                }
            }
            _ => return,
        }
        self.decided.get_or_insert((n, t));
        self.endings.push((n, who.to_owned(), kind == Kind::Accept));
    }

    /// The callee's devices that were rung.
    pub fn rung(&self) -> impl Iterator<Item = (&String, &Side)> {
        self.sides.iter().filter(|(_, side)| side.role == Role::Callee)
    }

    /// Whether the server may tell `who` by itself that the call is over, with this reason, at this time. The seed
    /// names no reason for "answered elsewhere", so once the call is over, or another device has it, any will do.
    pub fn may_be_ended_by_server(&self, who: &str, reason: Option<Reason>, at: f64) -> bool {
        let elsewhere = self.sides.get(who).is_some_and(|side| {
            side.role == Role::Callee && self.endings.iter().any(|(_, by, accept)| *accept && by != who)
        });
        // An accept that crosses the timeout comes too late for it, however long before it was sent: when the server
        // has read it only its arrival tells.
        let rang = at - self.begun.1 >= RINGING - 0.25
            && self
                .accepted
                .as_ref()
                .is_none_or(|(_, known, _)| known - self.begun.1 >= RINGING - 1.0);
        let over = self.endings.iter().any(|(_, _, accept)| !accept);
        self.void
            || over
            || elsewhere
            || match reason {
                Some(Reason::Timeout) => rang,
                Some(Reason::Failed) => !self.vanished.is_empty(),
                _ => false,
            }
    }
}
