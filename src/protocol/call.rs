//! One party's view of one call: what it has itself sent and received so far.

use super::table::{Cell, may_give, may_send};
use super::{Kind, Reason, Role, State};

/// `timeout` may be given this many seconds after the initiate (seed: "30 seconds").
pub const RING_SECONDS: f64 = 30.0;
/// How much earlier a `timeout` may come before it is called too early.
pub const RING_TOLERANCE: f64 = 0.25;
/// How much a `duration` may exceed the time since the accept: it is rounded to whole seconds.
const DURATION_TOLERANCE: f64 = 1.0;

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

impl Act {
    /// A signal without anything that the state machine looks at.
    pub fn plain(kind: Kind) -> Act {
        Act {
            kind,
            reason: None,
            duration: None,
            muted: None,
        }
    }

    pub fn hangup(reason: Reason) -> Act {
        Act {
            reason: Some(reason),
            ..Act::plain(Kind::Hangup)
        }
    }
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
    /// The seed is silent or can be read in two ways; the text gives both readings.
    Ambiguous(Breach),
    Breach(Breach),
}

impl Ruling {
    fn breach(rule: &'static str, why: impl Into<String>, wanted: impl Into<String>) -> Ruling {
        Ruling::Breach(Breach {
            rule,
            why: why.into(),
            wanted: wanted.into(),
        })
    }

    fn ambiguous(rule: &'static str, why: impl Into<String>, wanted: impl Into<String>) -> Ruling {
        Ruling::Ambiguous(Breach {
            rule,
            why: why.into(),
            wanted: wanted.into(),
        })
    }
}

/// One party's view of one call.
///
/// `at` is seconds on one clock, the same for all calls of these methods (transcript time).
#[derive(Debug, Clone, PartialEq)]
pub struct View {
    role: Role,
    state: State,
    initiated: Option<f64>,
    accepted: Option<f64>,
    ended: Option<f64>,
    connected: bool,
    /// The reason that one closing hangup of ours may still echo, and whether it is spent.
    echo: Option<Option<Reason>>,
    /// Renegotiation offers of the other side that we have not answered.
    offers_in: u8,
    /// Renegotiation offers of ours that the other side has not answered.
    offers_out: u8,
    muted: Option<bool>,
}

impl View {
    pub fn new(role: Role) -> View {
        View {
            role,
            state: State::Idle,
            initiated: None,
            accepted: None,
            ended: None,
            connected: false,
            echo: None,
            offers_in: 0,
            offers_out: 0,
            muted: None,
        }
    }

    pub fn role(&self) -> Role {
        self.role
    }

    pub fn state(&self) -> State {
        self.state
    }

    /// When the initiate was sent or received.
    pub fn initiated_at(&self) -> Option<f64> {
        self.initiated
    }

    /// When the accept was sent or received.
    pub fn accepted_at(&self) -> Option<f64> {
        self.accepted
    }

    pub fn ended_at(&self) -> Option<f64> {
        self.ended
    }

    /// Every rule of order, reason and timing that sending `act` now would break (ST, TM): none if it is legal.
    /// Looks only; call [`View::sent`] to move.
    pub fn may_send(&self, act: &Act, at: f64) -> Vec<Ruling> {
        let mut rulings: Vec<Ruling> = self.order(act).into_iter().collect();
        let in_order = !rulings.iter().any(|ruling| matches!(ruling, Ruling::Breach(_)));
        if in_order {
            rulings.extend(self.timing(act, at));
        }
        rulings
    }

    fn order(&self, act: &Act) -> Option<Ruling> {
        let (role, state, kind) = (self.role, self.state, act.kind);
        if kind == Kind::Answer && role_may(role, kind) && state == State::Answered && self.offers_in > 0 {
            return None;
        }
        // Both sides may renegotiate, so both may answer: the table's rows speak of the first exchange.
        if kind == Kind::Answer && role == Role::Caller && state == State::Answered && self.offers_in > 0 {
            return None;
        }
        if kind == Kind::Hangup && state == State::Ended {
            return self.late_hangup(act);
        }
        match may_send(role, kind, state) {
            Cell::Yes(_) => match kind {
                Kind::Hangup => self.reason(act.reason?),
                Kind::MuteChange if self.muted.is_some() && self.muted == act.muted => Some(Ruling::breach(
                    "ST-14",
                    "it repeats the mute state that it has already told",
                    "a mute-change only when the state changes",
                )),
                _ => None,
            },
            Cell::Ambiguous => Some(self.unclear(kind)),
            Cell::No => Some(self.out_of_order(kind)),
        }
    }

    fn out_of_order(&self, kind: Kind) -> Ruling {
        let (role, state) = (role_word(self.role), state_word(self.state));
        let name = kind.name();
        if self.state == State::Ended {
            if kind == Kind::Initiate {
                return Ruling::breach(
                    "ST-10",
                    "the call with this callId has ended, and its id is used for a new one",
                    "a fresh callId for every call",
                );
            }
            let wanted = "nothing on an ended call, but one echo of the hangup";
            return Ruling::breach(
                "ST-09",
                format!("{name} after the call has ended in its own view"),
                wanted,
            );
        }
        if !role_may(self.role, kind) {
            let owner = role_word(self.role.other());
            return Ruling::breach(
                "ST-02",
                format!("the {role} sends {name}, which only the {owner} may send"),
                format!("{name} from the {owner} alone"),
            );
        }
        match (kind, self.state) {
            (Kind::Initiate, _) => Ruling::breach(
                "ST-10",
                format!("a second initiate with this callId while the call is {state}"),
                "a fresh callId for every call",
            ),
            (Kind::Hangup, State::Idle) => Ruling::breach(
                "ST-08",
                "a hangup for a call that does not exist in its own view",
                "a hangup only for a call that was begun",
            ),
            (_, State::Idle) => Ruling::breach(
                "ST-01",
                format!("{name} on a call that no initiate has begun"),
                "initiate first",
            ),
            (Kind::Accept | Kind::Reject | Kind::Busy, _) => Ruling::breach(
                "ST-03",
                format!("{name} when the call is {state} and no longer ringing"),
                "one accept, reject or busy, once, while the call rings",
            ),
            (Kind::Offer, _) => Ruling::breach(
                "ST-04",
                format!("an offer when the call is {state} in its view"),
                "an offer once the accept was received, one at a time",
            ),
            (Kind::Answer, _) => Ruling::breach(
                "ST-05",
                format!("an answer when the call is {state} in its view"),
                "one answer for each offer that was received",
            ),
            (Kind::IceCandidate, _) => Ruling::breach(
                "ST-06",
                format!("a candidate when the call is {state}: the {role} has no local description yet"),
                "candidates only once the own offer or answer was made",
            ),
            _ => Ruling::breach(
                "ST-07",
                format!("a mute-change when the call is {state}"),
                "a mute-change only in a call that was accepted",
            ),
        }
    }

    fn unclear(&self, kind: Kind) -> Ruling {
        let state = state_word(self.state);
        match kind {
            Kind::Offer => Ruling::ambiguous(
                "ST-04",
                "an offer in a call that is connected",
                "either a renegotiation (JSEP allows it) or one offer a call (the seed's flow shows no other)",
            ),
            Kind::IceCandidate => Ruling::ambiguous(
                "ST-06",
                "a candidate before the callee's answer",
                "either after its answer (the seed's flow), or once its stack has a local description",
            ),
            _ => Ruling::ambiguous(
                "ST-07",
                format!("a mute-change when the call is {state} and not yet connected"),
                "either any time in a call, or only once it is connected",
            ),
        }
    }

    fn reason(&self, reason: Reason) -> Option<Ruling> {
        let (role, state) = (role_word(self.role), state_word(self.state));
        let word = reason.wire();
        match may_give(self.role, reason, self.state) {
            Cell::Yes(_) => None,
            Cell::Ambiguous => Some(Ruling::ambiguous(
                "ST-12",
                format!("the {role} gives `{word}` when the call is {state}"),
                "the seed does not say which reason ends such a call",
            )),
            Cell::No => Some(Ruling::breach(
                "ST-12",
                format!("the {role} gives the reason `{word}` when the call is {state} in its view"),
                format!("one of: {}", self.fitting().join(", ")),
            )),
        }
    }

    fn fitting(&self) -> Vec<&'static str> {
        let fits = |reason: &Reason| may_give(self.role, *reason, self.state) != Cell::No;
        Reason::ALL.into_iter().filter(fits).map(Reason::wire).collect()
    }

    fn late_hangup(&self, act: &Act) -> Option<Ruling> {
        let wanted = "at most one hangup that repeats the reason of the end, without a duration";
        match self.echo {
            Some(Some(reason)) if act.reason == Some(reason) && act.duration.is_none() => None,
            Some(Some(reason)) if act.reason == Some(reason) => Some(Ruling::breach(
                "TM-03",
                "the echo of a hangup carries a duration",
                wanted,
            )),
            Some(Some(reason)) => {
                let why = format!(
                    "a hangup on an ended call with another reason than its end (`{}`)",
                    reason.wire()
                );
                Some(Ruling::breach("ST-09", why, wanted))
            }
            _ => Some(Ruling::breach(
                "ST-09",
                "one more hangup after the call has ended in its own view",
                wanted,
            )),
        }
    }

    fn timing(&self, act: &Act, at: f64) -> Vec<Ruling> {
        let mut rulings = Vec::new();
        let since = |moment: Option<f64>| moment.map(|moment| at - moment);
        if act.kind == Kind::Accept
            && let Some(rung) = since(self.initiated)
            && rung > RING_SECONDS + RING_TOLERANCE
        {
            rulings.push(Ruling::breach(
                "TM-07",
                format!("an accept {rung:.2} s after the initiate came"),
                "no accept once the 30 s of ringing are over",
            ));
        }
        if act.kind != Kind::Hangup || self.state == State::Ended {
            return rulings;
        }
        if act.reason == Some(Reason::Timeout)
            && self.state == State::Ringing
            && let Some(rung) = since(self.initiated)
            && rung < RING_SECONDS - RING_TOLERANCE
        {
            rulings.push(Ruling::breach(
                "TM-01",
                format!("`timeout` after {rung:.2} s of ringing"),
                "`timeout` no earlier than 30 s after the initiate",
            ));
        }
        if let Some(duration) = act.duration {
            match since(self.accepted) {
                Some(length) if self.connected => {
                    if duration as f64 > length + DURATION_TOLERANCE {
                        rulings.push(Ruling::breach(
                            "TM-04",
                            format!("a duration of {duration} s, {length:.2} s after the accept"),
                            "a duration no longer than the time since the accept",
                        ));
                    }
                }
                _ => rulings.push(Ruling::breach(
                    "TM-03",
                    "a duration for a call that was never connected",
                    "a duration only where the call was connected",
                )),
            }
        }
        rulings
    }

    /// Moves the view by a signal that its party sent. To be called only for what is no breach (ST-17).
    pub fn sent(&mut self, act: &Act, at: f64) {
        if self.state == State::Ended {
            self.echo = Some(None);
            return;
        }
        if act.kind == Kind::MuteChange {
            self.muted = act.muted.or(self.muted);
        }
        if self.state == State::Answered {
            match act.kind {
                Kind::Offer => self.offers_out = self.offers_out.saturating_add(1),
                Kind::Answer => self.offers_in = self.offers_in.saturating_sub(1),
                _ => {}
            }
        }
        if self.state == State::Offered && act.kind == Kind::Answer {
            self.offers_in = 0;
        }
        if let Cell::Yes(next) = may_send(self.role, act.kind, self.state) {
            self.go(next, act, at);
            // Whoever hangs up has no echo left; reject and busy may be followed by one closing hangup.
            if act.kind == Kind::Hangup {
                self.echo = Some(None);
            }
        }
    }

    /// Moves the view by a signal that its party received. What does not fit the state (it crossed with
    /// something of ours, or is a breach of the other side) moves nothing.
    pub fn received(&mut self, act: &Act, at: f64) {
        if self.state == State::Answered {
            match act.kind {
                Kind::Offer => self.offers_in = self.offers_in.saturating_add(1),
                Kind::Answer => self.offers_out = self.offers_out.saturating_sub(1),
                _ => {}
            }
        }
        if let Cell::Yes(next) = may_send(self.role.other(), act.kind, self.state) {
            self.go(next, act, at);
        }
    }

    fn go(&mut self, next: State, act: &Act, at: f64) {
        match next {
            State::Ringing => self.initiated = Some(at),
            State::Accepted => self.accepted = Some(at),
            State::Answered => self.connected = true,
            State::Ended => {
                self.ended = Some(at);
                self.echo = Some(match act.kind {
                    Kind::Reject => Some(Reason::Rejected),
                    Kind::Busy => Some(Reason::Busy),
                    _ => act.reason,
                });
            }
            State::Idle | State::Offered => {}
        }
        self.state = next;
    }
}

fn role_may(role: Role, kind: Kind) -> bool {
    match kind {
        Kind::Initiate => role == Role::Caller,
        // A callee's offer can only be a renegotiation; before the call is connected it is the caller's.
        Kind::Offer => role == Role::Caller,
        Kind::Accept | Kind::Reject | Kind::Busy | Kind::Answer => role == Role::Callee,
        Kind::IceCandidate | Kind::Hangup | Kind::MuteChange => true,
    }
}

fn role_word(role: Role) -> &'static str {
    match role {
        Role::Caller => "caller",
        Role::Callee => "callee",
    }
}

fn state_word(state: State) -> &'static str {
    match state {
        State::Idle => "idle",
        State::Ringing => "ringing",
        State::Accepted => "accepted",
        State::Offered => "offered",
        State::Answered => "answered",
        State::Ended => "ended",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ringing(role: Role) -> View {
        let mut view = View::new(role);
        let initiate = Act::plain(Kind::Initiate);
        match role {
            Role::Caller => view.sent(&initiate, 0.0),
            Role::Callee => view.received(&initiate, 0.0),
        }
        view
    }

    fn connected(role: Role) -> View {
        let mut view = ringing(role);
        for (kind, from) in [
            (Kind::Accept, Role::Callee),
            (Kind::Offer, Role::Caller),
            (Kind::Answer, Role::Callee),
        ] {
            if from == role {
                assert_eq!(view.may_send(&Act::plain(kind), 1.0), []);
                view.sent(&Act::plain(kind), 1.0);
            } else {
                view.received(&Act::plain(kind), 1.0);
            }
        }
        assert_eq!(view.state(), State::Answered);
        view
    }

    fn rules(view: &View, act: &Act, at: f64) -> Vec<&'static str> {
        let breach = |ruling: Ruling| match ruling {
            Ruling::Breach(breach) => Some(breach.rule),
            Ruling::Ambiguous(_) => None,
        };
        view.may_send(act, at).into_iter().filter_map(breach).collect()
    }

    #[test]
    fn each_rule_of_order_is_named_for_its_breach() {
        let (caller, callee) = (ringing(Role::Caller), ringing(Role::Callee));
        let idle = View::new(Role::Callee);
        assert_eq!(rules(&idle, &Act::plain(Kind::Accept), 0.0), ["ST-01"]);
        assert_eq!(rules(&idle, &Act::hangup(Reason::Busy), 0.0), ["ST-08"]);
        assert_eq!(rules(&caller, &Act::plain(Kind::Accept), 0.0), ["ST-02"]);
        assert_eq!(rules(&callee, &Act::plain(Kind::Offer), 0.0), ["ST-02"]);
        assert_eq!(
            rules(&connected(Role::Callee), &Act::plain(Kind::Accept), 2.0),
            ["ST-03"]
        );
        assert_eq!(rules(&caller, &Act::plain(Kind::Offer), 0.0), ["ST-04"]);
        assert_eq!(
            rules(&connected(Role::Callee), &Act::plain(Kind::Answer), 2.0),
            ["ST-05"]
        );
        assert_eq!(rules(&caller, &Act::plain(Kind::IceCandidate), 0.0), ["ST-06"]);
        assert_eq!(rules(&caller, &Act::plain(Kind::MuteChange), 0.0), ["ST-07"]);
        assert_eq!(rules(&caller, &Act::plain(Kind::Initiate), 0.0), ["ST-10"]);
        assert_eq!(rules(&callee, &Act::hangup(Reason::Cancelled), 0.0), ["ST-12"]);
    }

    #[test]
    fn time_is_judged_by_the_senders_clock() {
        let caller = ringing(Role::Caller);
        assert_eq!(rules(&caller, &Act::hangup(Reason::Timeout), 29.7), ["TM-01"]);
        assert_eq!(rules(&caller, &Act::hangup(Reason::Timeout), 29.8), [""; 0]);
        assert_eq!(
            rules(&ringing(Role::Callee), &Act::plain(Kind::Accept), 30.5),
            ["TM-07"]
        );
        let long = |duration| Act {
            duration: Some(duration),
            ..Act::hangup(Reason::Completed)
        };
        assert_eq!(rules(&connected(Role::Caller), &long(10), 10.0), [""; 0]);
        assert_eq!(rules(&connected(Role::Caller), &long(12), 10.0), ["TM-04"]);
        let early = Act {
            duration: Some(0),
            ..Act::hangup(Reason::Cancelled)
        };
        assert_eq!(rules(&caller, &early, 1.0), ["TM-03"]);
    }

    #[test]
    fn an_ended_call_allows_one_echo_and_nothing_else() {
        let mut callee = ringing(Role::Callee);
        callee.received(&Act::hangup(Reason::Cancelled), 1.0);
        assert_eq!(rules(&callee, &Act::plain(Kind::Accept), 1.0), ["ST-09"]);
        assert_eq!(rules(&callee, &Act::hangup(Reason::Failed), 1.0), ["ST-09"]);
        let echo = Act::hangup(Reason::Cancelled);
        assert_eq!(rules(&callee, &echo, 1.0), [""; 0]);
        callee.sent(&echo, 1.0);
        assert_eq!(rules(&callee, &echo, 1.0), ["ST-09"]);

        let mut rejected = ringing(Role::Caller);
        rejected.received(&Act::plain(Kind::Reject), 1.0);
        assert_eq!(rules(&rejected, &Act::hangup(Reason::Rejected), 1.0), [""; 0]);
        assert_eq!(rules(&rejected, &Act::plain(Kind::Initiate), 1.0), ["ST-10"]);
    }

    #[test]
    fn what_crosses_on_the_wire_moves_nothing() {
        let mut caller = ringing(Role::Caller);
        caller.sent(&Act::hangup(Reason::Cancelled), 1.0);
        caller.received(&Act::plain(Kind::Accept), 1.0);
        assert_eq!(caller.state(), State::Ended);
    }

    #[test]
    fn a_renegotiation_may_be_answered_once() {
        let mut callee = connected(Role::Callee);
        callee.received(&Act::plain(Kind::Offer), 5.0);
        assert_eq!(rules(&callee, &Act::plain(Kind::Answer), 5.0), [""; 0]);
        callee.sent(&Act::plain(Kind::Answer), 5.0);
        assert_eq!(rules(&callee, &Act::plain(Kind::Answer), 5.0), ["ST-05"]);
    }
}
