//! Which rule a signal out of order breaks, and the sentences that say so.

use super::table::{Cell, reason_cell};
use super::{Breach, Kind, Reason, Role, Ruling, State};

pub(super) const fn role_word(role: Role) -> &'static str {
    match role {
        Role::Caller => "caller",
        Role::Callee => "callee",
    }
}

pub(super) const fn state_word(state: State) -> &'static str {
    match state {
        State::Idle => "not begun",
        State::Ringing => "ringing",
        State::Accepted => "accepted",
        State::Offered => "offered",
        State::Answered => "answered",
        State::Ended => "ended",
    }
}

/// The side that may send this kind, where only one may.
const fn owner(kind: Kind) -> Option<Role> {
    match kind {
        Kind::Initiate | Kind::Offer => Some(Role::Caller),
        Kind::Accept | Kind::Reject | Kind::Busy | Kind::Answer => Some(Role::Callee),
        Kind::IceCandidate | Kind::Hangup | Kind::MuteChange => None,
    }
}

pub(super) fn breach(rule: &'static str, why: String, wanted: &str) -> Ruling {
    Ruling::Breach(Breach {
        rule,
        why,
        wanted: wanted.to_owned(),
    })
}

/// The most specific rule that a signal breaks which its table refuses.
pub(super) fn state_rule(role: Role, kind: Kind, state: State) -> Breach {
    let (rule, wanted) = match (kind, state) {
        // A call of its own, under the callId of the one that is over.
        (Kind::Initiate, State::Ended) => ("ST-10", "a new callId for each call".to_owned()),
        _ if owner(kind) == Some(role.other()) => ("ST-02", only_by(role.other(), kind)),
        (Kind::Initiate, _) => ("ST-10", "a new callId for each call".to_owned()),
        (Kind::Hangup, State::Idle) => (
            "ST-08",
            "a hangup only for a call that its sender has seen begin".to_owned(),
        ),
        (_, State::Idle) => ("ST-01", "an initiate first".to_owned()),
        (_, State::Ended) => (
            "ST-09",
            "nothing after the end but one closing hangup: with the reason of the reject or busy, or of the \
             hangup received"
                .to_owned(),
        ),
        (Kind::Accept | Kind::Reject | Kind::Busy, _) => (
            "ST-03",
            "one accept, reject or busy, once, while the call rings".to_owned(),
        ),
        (Kind::Offer, _) => ("ST-04", "one offer, after the accept was received".to_owned()),
        (Kind::Answer, _) => ("ST-05", "one answer for each offer received".to_owned()),
        (Kind::IceCandidate, _) => (
            "ST-06",
            "candidates only after the sender's own offer or answer".to_owned(),
        ),
        (Kind::MuteChange, _) => ("ST-07", "a mute-change only in a call".to_owned()),
        (Kind::Hangup, _) => ("ST-08", "a hangup only for a call that is live".to_owned()),
    };
    Breach {
        rule,
        why: format!(
            "the {} sends {} while the call is {} in its view",
            role_word(role),
            kind.name(),
            state_word(state)
        ),
        wanted,
    }
}

fn only_by(role: Role, kind: Kind) -> String {
    format!("{} only from the {}", kind.name(), role_word(role))
}

/// The finding for a cell that can be read in two ways.
pub(super) fn ambiguous(role: Role, kind: Kind) -> Breach {
    let (rule, why, wanted) = match (kind, role) {
        (Kind::Offer, Role::Caller) => (
            "ST-04",
            "a second offer in a connected call: a renegotiation in one reading, in the other there is one \
             offer in a call",
            "one offer in a call, or a renegotiation that both sides know",
        ),
        (Kind::Offer, Role::Callee) => (
            "ST-02",
            "the callee offers in a connected call: a renegotiation in one reading, in the other only the \
             caller offers",
            "offers from the caller, or a renegotiation that both sides know",
        ),
        (Kind::IceCandidate, _) => (
            "ST-06",
            "a candidate before the callee's answer: its local description may already be set, or not",
            "candidates after the answer",
        ),
        _ => (
            "ST-07",
            "a mute-change before the call is connected: in the call already in one reading, too early in the \
             other",
            "a mute-change once offer and answer have been exchanged",
        ),
    };
    Breach {
        rule,
        why: why.to_owned(),
        wanted: wanted.to_owned(),
    }
}

/// The reasons that a hangup may give here, as a sentence.
pub(super) fn reasons_for(role: Role, state: State) -> String {
    let words: Vec<_> = Reason::ALL
        .into_iter()
        .filter(|reason| matches!(reason_cell(role, *reason, state), Cell::Yes(_)))
        .map(|reason| format!("`{}`", reason.wire()))
        .collect();
    format!("one of {}", words.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_breach_is_told_in_the_words_of_the_protocol() {
        let told = state_rule(Role::Caller, Kind::Answer, State::Ringing);
        assert_eq!(
            told.why,
            "the caller sends answer while the call is ringing in its view"
        );
        assert_eq!(told.wanted, "answer only from the callee");
        let told = state_rule(Role::Callee, Kind::Initiate, State::Idle);
        assert_eq!(
            told.why,
            "the callee sends initiate while the call is not begun in its view"
        );
        assert_eq!(told.wanted, "initiate only from the caller");
        assert_eq!(
            reasons_for(Role::Caller, State::Answered),
            "one of `completed`, `failed`"
        );
    }

    #[test]
    fn what_can_be_read_in_two_ways_names_both_and_its_rule() {
        for (role, kind, rule, part) in [
            (Role::Caller, Kind::Offer, "ST-04", "one offer in a call"),
            (Role::Callee, Kind::Offer, "ST-02", "only the caller offers"),
            (Role::Caller, Kind::IceCandidate, "ST-06", "local description"),
            (Role::Callee, Kind::MuteChange, "ST-07", "in the call already"),
        ] {
            let told = ambiguous(role, kind);
            assert_eq!(told.rule, rule);
            assert!(told.why.contains(part), "{}", told.why);
        }
    }
}
