//! One party's view of one call: what it has itself sent and received so far.

use super::{Kind, Reason, Role, State};

/// What a signal does to a call, reduced to what the state machine looks at.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Act {
    pub kind: Kind,
    /// The hangup's reason; `None` for other signals and for a reason that is not one of the six.
    pub reason: Option<Reason>,
    /// The hangup's `duration`, in whole seconds.
    pub duration: Option<u64>,
    /// The mute-change's `muted`.
    pub muted: Option<bool>,
}

/// A rule that a signal breaks, with the sentence that says how.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Breach {
    /// The catalogue id, such as `ST-04`.
    pub rule: &'static str,
    /// What is wrong, in the words of someone who sees only this view.
    pub why: String,
    /// What would have been right.
    pub wanted: String,
}

/// May a party send this in this view?
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ruling {
    Legal,
    /// The seed is silent or can be read in two ways; the text gives both readings.
    Ambiguous(Breach),
    Breach(Breach),
}

/// One party's view of one call.
///
/// `at` is seconds on one clock, the same for all calls of these methods (transcript time).
#[derive(Debug, Clone, PartialEq)]
pub struct View {
    role: Role,
    state: State,
}

impl View {
    pub fn new(role: Role) -> View {
        View {
            role,
            state: State::Idle,
        }
    }

    pub fn role(&self) -> Role {
        self.role
    }

    pub fn state(&self) -> State {
        self.state
    }

    /// Every rule of order, reason and timing that sending `act` now would break (ST, TM): none if it is legal.
    /// Looks only; call [`View::sent`] to move.
    pub fn may_send(&self, _act: &Act, _at: f64) -> Vec<Ruling> {
        todo!()
    }

    /// Moves the view by a signal that its party sent. To be called only for what is no breach (ST-17).
    pub fn sent(&mut self, _act: &Act, _at: f64) {
        todo!()
    }

    /// Moves the view by a signal that its party received. What does not fit the state (it crossed with
    /// something of ours, or is a breach of the other side) moves nothing.
    pub fn received(&mut self, _act: &Act, _at: f64) {
        todo!()
    }
}
