//! One party's view of one call: what it has itself sent and received so far.

use super::ruling::{ambiguous, breach, state_rule};
use super::table::{Cell, reason_cell, signal_cell};
use super::{Kind, Reason, Role, State};

/// How long a call may ring, in seconds (seed, "timeout").
pub const RINGING: f64 = 30.0;
/// How much early a timeout, or late an accept, is forgiven for clock granularity, in seconds.
pub const TOLERANCE: f64 = 0.25;
/// How much longer than the time since accept a `duration` may be, in seconds: rounding up.
pub const ROUNDING: f64 = 1.0;

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
/// `at` is seconds on one clock, the same for all calls of these methods (transcript time); NaN: not known, and no
/// rule of timing is then broken.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct View {
    role: Role,
    state: State,
    /// The furthest state before `ended`.
    furthest: State,
    initiated_at: Option<f64>,
    accepted_at: Option<f64>,
    ended_at: Option<f64>,
    /// Reasons that a closing hangup may give now, a bit for each.
    echo: u8,
    /// Reasons that a closing hangup may give in one reading only, a bit for each.
    echo_doubtful: u8,
    /// Hangups that this party has sent; saturates.
    hangups: u8,
    /// Renegotiation offers received and not yet answered; saturates.
    unanswered: u8,
    muted: Option<bool>,
}

/// A time that is not known is given as NaN; no view may hold one, since it would be equal to no other.
fn known(at: f64) -> Option<f64> {
    (!at.is_nan()).then_some(at)
}

const fn bit(reason: Reason) -> u8 {
    1 << reason as u8
}

/// The reason that the closing hangup after a reject or busy gives.
const fn closing(kind: Kind) -> Option<Reason> {
    match kind {
        Kind::Reject => Some(Reason::Rejected),
        Kind::Busy => Some(Reason::Busy),
        _ => None,
    }
}

impl View {
    pub fn new(role: Role) -> View {
        View {
            role,
            state: State::Idle,
            furthest: State::Idle,
            initiated_at: None,
            accepted_at: None,
            ended_at: None,
            echo: 0,
            echo_doubtful: 0,
            hangups: 0,
            unanswered: 0,
            muted: None,
        }
    }

    /// When things happened is not known any more.
    pub fn forget_times(&mut self) {
        (self.initiated_at, self.accepted_at, self.ended_at) = (None, None, None);
    }

    pub fn role(&self) -> Role {
        self.role
    }

    pub fn state(&self) -> State {
        self.state
    }

    /// When this party sent or received the `initiate`, in seconds.
    pub fn initiated_at(&self) -> Option<f64> {
        self.initiated_at
    }

    /// When this party sent or received the `accept`, in seconds.
    pub fn accepted_at(&self) -> Option<f64> {
        self.accepted_at
    }

    /// When this party saw the call end, in seconds.
    pub fn ended_at(&self) -> Option<f64> {
        self.ended_at
    }

    /// Whether this view has been in a state at least as far as this one; `Ended` only counts when it has ended.
    pub fn reached(&self, state: State) -> bool {
        self.state == state || (state != State::Ended && self.furthest >= state)
    }

    /// Every rule of order, reason and timing that sending `act` now would break (ST, TM): none if it is legal.
    /// Looks only; call [`View::sent`] to move. At most one ruling is about order; [`Ruling::Legal`] is never
    /// among them.
    pub fn may_send(&self, act: &Act, at: f64) -> Vec<Ruling> {
        let mut rulings = Vec::new();
        let order = self.order(act);
        let out_of_order = matches!(order, Ruling::Breach(_));
        if order != Ruling::Legal {
            rulings.push(order);
        }
        if act.kind == Kind::Hangup {
            rulings.extend(self.duration(act, at));
        }
        if !out_of_order {
            rulings.extend(self.timing(act, at));
            rulings.extend(self.mute_repeat(act));
        }
        rulings
    }

    /// Moves the view by a signal that its party sent. To be called only for what is no breach (ST-17).
    pub fn sent(&mut self, act: &Act, at: f64) {
        match act.kind {
            Kind::Answer => self.unanswered = self.unanswered.saturating_sub(1),
            Kind::Hangup if self.state != State::Idle => {
                self.hangups = self.hangups.saturating_add(1);
                self.echo = 0;
                self.echo_doubtful = 0;
            }
            // One that does not say what it changes leaves that unknown.
            Kind::MuteChange if self.is_live() => self.muted = act.muted,
            _ => {}
        }
        if let Cell::Yes(next) = signal_cell(self.role, act.kind, self.state) {
            self.go(act.kind, next, at);
            if let Some(reason) = closing(act.kind) {
                self.echo = bit(reason);
            }
        }
    }

    /// Moves the view by a signal that its party received. What does not fit the state (it crossed with
    /// something of ours, or is a breach of the other side) moves nothing; only a hangup ends any live call.
    pub fn received(&mut self, act: &Act, at: f64) {
        let ending = match act.kind {
            Kind::Hangup => act.reason,
            kind if self.role == Role::Caller => closing(kind),
            _ => None,
        };
        if self.state == State::Ended {
            // It crossed with our own end. Whether it may still be echoed, the seed does not say.
            if let Some(reason) = ending {
                match self.hangups {
                    0 => self.echo |= bit(reason),
                    1 => self.echo_doubtful |= bit(reason),
                    _ => {}
                }
            }
            return;
        }
        if act.kind == Kind::Offer && self.state == State::Answered {
            self.unanswered = self.unanswered.saturating_add(1);
        }
        if let Cell::Yes(next) = signal_cell(self.role.other(), act.kind, self.state) {
            self.go(act.kind, next, at);
            if self.state == State::Ended {
                self.echo = ending.map_or(0, bit);
            }
        }
    }

    fn is_live(&self) -> bool {
        !matches!(self.state, State::Idle | State::Ended)
    }

    fn go(&mut self, kind: Kind, next: State, at: f64) {
        match kind {
            Kind::Initiate => self.initiated_at = known(at),
            Kind::Accept => self.accepted_at = known(at),
            _ => {}
        }
        if next == State::Ended {
            self.ended_at = known(at);
        } else {
            self.furthest = next;
        }
        self.state = next;
    }

    /// The one ruling about order and reason.
    fn order(&self, act: &Act) -> Ruling {
        if act.kind == Kind::Answer && self.state == State::Answered && self.unanswered > 0 {
            return Ruling::Legal;
        }
        if act.kind == Kind::Hangup && self.state == State::Ended {
            return self.closing_hangup(act);
        }
        match signal_cell(self.role, act.kind, self.state) {
            Cell::No => Ruling::Breach(state_rule(self.role, act.kind, self.state)),
            Cell::Ambiguous => Ruling::Ambiguous(ambiguous(self.role, act.kind)),
            Cell::Yes(_) => match (act.kind, act.reason) {
                (Kind::Hangup, Some(reason)) => self.reason(reason),
                _ => Ruling::Legal,
            },
        }
    }

    fn closing_hangup(&self, act: &Act) -> Ruling {
        let asked = act.reason.map_or(u8::MAX, bit);
        if self.echo & asked != 0 {
            return Ruling::Legal;
        }
        let mut finding = state_rule(self.role, Kind::Hangup, State::Ended);
        if self.echo_doubtful & asked != 0 {
            finding.why =
                "both sides hung up at once, and this is a second hangup: an echo of the other side's \
                           hangup in one reading, a repeat after the end in the other"
                    .to_owned();
            return Ruling::Ambiguous(finding);
        }
        if self.echo != 0 {
            finding.why = "the call has ended for another reason than this closing hangup gives".to_owned();
        }
        Ruling::Breach(finding)
    }

    fn reason(&self, reason: Reason) -> Ruling {
        let word = reason.wire();
        let (role, state) = (self.role, self.state);
        let finding = |why| Breach {
            rule: "ST-12",
            why,
            wanted: super::ruling::reasons_for(role, state),
        };
        match reason_cell(role, reason, state) {
            Cell::Yes(_) => Ruling::Legal,
            Cell::Ambiguous => Ruling::Ambiguous(finding(format!(
                "the {role} gives `{word}` while the call is {state}: the seed can be read for it and against it",
                role = super::ruling::role_word(role),
                state = super::ruling::state_word(state),
            ))),
            Cell::No => Ruling::Breach(finding(format!(
                "the {role} gives `{word}` while the call is {state}",
                role = super::ruling::role_word(role),
                state = super::ruling::state_word(state),
            ))),
        }
    }

    fn duration(&self, act: &Act, at: f64) -> Option<Ruling> {
        let duration = act.duration?;
        if self.state == State::Ended {
            return Some(breach(
                "TM-03",
                "a hangup after the end of the call gives a `duration`".to_owned(),
                "only the hangup that ends a connected call gives a `duration`",
            ));
        }
        if !self.reached(State::Answered) {
            return Some(breach(
                "TM-03",
                format!("`duration` is {duration}, and the call was never connected"),
                "no `duration` unless offer and answer have been exchanged",
            ));
        }
        let since = at - self.accepted_at?;
        // A whole number of seconds beyond 2^53 loses digits here, and is far beyond any call anyway.
        (duration as f64 > since + ROUNDING).then(|| {
            breach(
                "TM-04",
                format!("`duration` is {duration} s, {since:.3} s after the accept"),
                "at most the time since the accept, and one second for rounding",
            )
        })
    }

    fn timing(&self, act: &Act, at: f64) -> Option<Ruling> {
        let since = at - self.initiated_at?;
        match act.kind {
            Kind::Hangup
                // Once it was answered, whether a `timeout` fits is for the table to say: nothing rings any more.
                if act.reason == Some(Reason::Timeout)
                    && self.state == State::Ringing
                    && since < RINGING - TOLERANCE =>
            {
                Some(breach(
                    "TM-01",
                    format!("`timeout` {since:.3} s after the initiate"),
                    "no `timeout` before 30 s without an answer",
                ))
            }
            Kind::Accept if since > RINGING + TOLERANCE => Some(breach(
                "TM-07",
                format!("accept {since:.3} s after the initiate"),
                "no accept once the call has rung for 30 s",
            )),
            _ => None,
        }
    }

    fn mute_repeat(&self, act: &Act) -> Option<Ruling> {
        let muted = act.muted.filter(|_| act.kind == Kind::MuteChange)?;
        (self.muted == Some(muted)).then(|| {
            breach(
                "ST-14",
                format!("mute-change repeats `muted`: {muted}"),
                "a mute-change only when the mute state has changed",
            )
        })
    }
}

#[cfg(test)]
#[path = "call_tests.rs"]
mod tests;
