use super::super::State::*;
use super::*;

fn act(kind: Kind) -> Act {
    Act {
        kind,
        reason: None,
        duration: None,
        muted: None,
    }
}

fn hangup(reason: Reason, duration: Option<u64>) -> Act {
    Act {
        reason: Some(reason),
        duration,
        ..act(Kind::Hangup)
    }
}

/// A view that has come to this state: initiate at 0 s, accept at 5 s, offer at 6 s, answer at 7 s.
fn view(role: Role, state: State) -> View {
    let mut view = View::new(role);
    let flow = [
        (Kind::Initiate, Role::Caller, 0.0),
        (Kind::Accept, Role::Callee, 5.0),
        (Kind::Offer, Role::Caller, 6.0),
        (Kind::Answer, Role::Callee, 7.0),
    ];
    let steps = match state {
        Ended => 4,
        live => live as usize,
    };
    for (kind, from, at) in flow.into_iter().take(steps) {
        if from == role {
            view.sent(&act(kind), at)
        } else {
            view.received(&act(kind), at)
        }
    }
    if state == Ended {
        let end = hangup(Reason::Completed, None);
        view.sent(&end, 8.0);
    }
    assert_eq!(view.state(), state);
    view
}

fn broken(view: &View, act: Act, at: f64) -> Vec<&'static str> {
    view.may_send(&act, at)
        .into_iter()
        .map(|ruling| match ruling {
            Ruling::Breach(breach) => breach.rule,
            Ruling::Ambiguous(_) => "~",
            Ruling::Legal => "legal",
        })
        .collect()
}

#[test]
fn every_cell_rules_as_its_table_says() {
    for role in Role::ALL {
        for state in State::ALL {
            for kind in Kind::ALL {
                let rulings = broken(&view(role, state), act(kind), 10.0);
                match signal_cell(role, kind, state) {
                    Cell::Yes(_) => assert!(rulings.is_empty(), "{role:?} {kind:?} {state:?} {rulings:?}"),
                    Cell::Ambiguous => assert_eq!(rulings, ["~"], "{role:?} {kind:?} {state:?}"),
                    Cell::No => assert!(
                        rulings.len() == 1 && rulings[0] != "~",
                        "{role:?} {kind:?} {state:?}"
                    ),
                }
            }
            for reason in Reason::ALL {
                if matches!(state, Idle | Ended) {
                    continue;
                }
                let rulings = broken(&view(role, state), hangup(reason, None), 31.0);
                match reason_cell(role, reason, state) {
                    Cell::Yes(_) => assert!(rulings.is_empty(), "{role:?} {reason:?} {state:?} {rulings:?}"),
                    Cell::Ambiguous => assert_eq!(rulings, ["~"], "{role:?} {reason:?} {state:?}"),
                    Cell::No => assert_eq!(rulings, ["ST-12"], "{role:?} {reason:?} {state:?}"),
                }
            }
        }
    }
}

#[test]
fn each_breach_has_its_most_specific_rule() {
    use Kind::*;
    let cases = [
        (Role::Caller, Ringing, Accept, "ST-02"),
        (Role::Callee, Idle, Initiate, "ST-02"),
        (Role::Caller, Idle, Offer, "ST-01"),
        (Role::Callee, Idle, Accept, "ST-01"),
        (Role::Callee, Accepted, Accept, "ST-03"),
        (Role::Caller, Ringing, Offer, "ST-04"),
        (Role::Caller, Offered, Offer, "ST-04"),
        (Role::Callee, Accepted, Answer, "ST-05"),
        (Role::Callee, Answered, Answer, "ST-05"),
        (Role::Caller, Accepted, IceCandidate, "ST-06"),
        (Role::Caller, Ringing, MuteChange, "ST-07"),
        (Role::Caller, Idle, Hangup, "ST-08"),
        (Role::Callee, Ended, Answer, "ST-09"),
        (Role::Caller, Ended, IceCandidate, "ST-09"),
        (Role::Caller, Ended, Hangup, "ST-09"),
        (Role::Caller, Ended, Initiate, "ST-10"),
        (Role::Callee, Ended, Initiate, "ST-10"),
        (Role::Caller, Ringing, Initiate, "ST-10"),
    ];
    for (role, state, kind, rule) in cases {
        assert_eq!(
            broken(&view(role, state), act(kind), 10.0),
            [rule],
            "{role:?} {state:?} {kind:?}"
        );
    }
}

#[test]
fn times_and_durations_are_held_to_the_senders_view() {
    let ringing = view(Role::Caller, Ringing);
    assert_eq!(broken(&ringing, hangup(Reason::Timeout, None), 29.7), ["TM-01"]);
    assert!(broken(&ringing, hangup(Reason::Timeout, None), 29.8).is_empty());
    let last = RINGING - TOLERANCE;
    assert!(broken(&ringing, hangup(Reason::Timeout, None), last).is_empty());
    assert_eq!(
        broken(&ringing, hangup(Reason::Cancelled, Some(0)), 3.0),
        ["TM-03"]
    );
    // Counted from when it began to ring, unless that is not known any more.
    let mut later = View::new(Role::Callee);
    later.received(&act(Kind::Initiate), 100.0);
    assert_eq!(later.initiated_at(), Some(100.0));
    for (at, rule) in [(130.0 + TOLERANCE, &[][..]), (131.0, &["TM-07"])] {
        assert_eq!(broken(&later, act(Kind::Accept), at), rule, "{at}");
    }
    later.forget_times();
    assert!(broken(&later, act(Kind::Accept), 131.0).is_empty());
    assert_eq!(
        broken(&view(Role::Callee, Ringing), act(Kind::Accept), 31.0),
        ["TM-07"]
    );
    let answered = view(Role::Caller, Answered);
    assert!(broken(&answered, hangup(Reason::Completed, Some(6)), 10.0).is_empty());
    assert_eq!(
        broken(&answered, hangup(Reason::Completed, Some(7)), 10.0),
        ["TM-04"]
    );
    assert_eq!(
        broken(&answered, hangup(Reason::Completed, Some(u64::MAX)), 10.0),
        ["TM-04"]
    );
}

#[test]
fn the_closing_hangup_comes_once_with_the_matching_reason() {
    for (kind, reason) in [(Kind::Reject, Reason::Rejected), (Kind::Busy, Reason::Busy)] {
        let (mut caller, mut callee) = (view(Role::Caller, Ringing), view(Role::Callee, Ringing));
        callee.sent(&act(kind), 1.0);
        caller.received(&act(kind), 1.0);
        for mut party in [caller, callee] {
            assert!(broken(&party, hangup(reason, None), 2.0).is_empty());
            assert_eq!(broken(&party, hangup(Reason::Completed, None), 2.0), ["ST-09"]);
            assert_eq!(broken(&party, hangup(reason, Some(1)), 2.0), ["TM-03"]);
            let other = party.may_send(&hangup(Reason::Completed, None), 2.0);
            assert!(matches!(&other[..], [Ruling::Breach(breach)] if breach.why.contains("another reason")));
            // A cancel that crossed it may be closed as well.
            let mut crossed = party;
            crossed.received(&hangup(Reason::Cancelled, None), 2.0);
            assert!(broken(&crossed, hangup(Reason::Cancelled, None), 2.5).is_empty());
            assert!(broken(&crossed, hangup(reason, None), 2.5).is_empty());
            party.sent(&hangup(reason, None), 2.0);
            assert_eq!(broken(&party, hangup(reason, None), 3.0), ["ST-09"]);
            let again = party.may_send(&hangup(reason, None), 3.0);
            assert!(matches!(&again[..], [Ruling::Breach(breach)] if breach.why.contains("is ended")));
        }
    }
    // Only a callee rejects: from a caller it says nothing.
    let mut party = view(Role::Callee, Ended);
    party.received(&act(Kind::Reject), 9.0);
    assert_eq!(broken(&party, hangup(Reason::Rejected, None), 9.5), ["ST-09"]);
    let mut party = view(Role::Callee, Answered);
    party.received(&hangup(Reason::Failed, None), 9.0);
    assert_eq!((party.state(), party.ended_at()), (Ended, Some(9.0)));
    assert!(broken(&party, hangup(Reason::Failed, None), 9.5).is_empty());
    let mut crossed = view(Role::Caller, Ended);
    crossed.received(&hangup(Reason::Completed, None), 9.0);
    assert_eq!(broken(&crossed, hangup(Reason::Completed, None), 9.5), ["~"]);
}

/// One that comes twice asks for no less than one that comes once.
#[test]
fn a_second_copy_of_an_end_takes_nothing_back() {
    let failed = hangup(Reason::Failed, None);
    let mut told = view(Role::Callee, Answered);
    told.received(&failed, 9.0);
    told.received(&failed, 9.1);
    assert!(broken(&told, failed, 9.5).is_empty());
    let mut crossed = view(Role::Caller, Answered);
    crossed.sent(&failed, 9.0);
    crossed.received(&failed, 9.1);
    let once = broken(&crossed, failed, 9.5);
    crossed.received(&failed, 9.2);
    assert_eq!(once, ["~"]);
    assert_eq!(broken(&crossed, failed, 9.5), once);
}

#[test]
fn each_renegotiation_offer_may_be_answered_once_by_whoever_received_it() {
    for role in Role::ALL {
        let mut party = view(role, Answered);
        party.received(&act(Kind::Offer), 9.0);
        assert!(broken(&party, act(Kind::Answer), 9.5).is_empty());
        party.sent(&act(Kind::Answer), 9.5);
        assert_eq!(party.state(), Answered);
        assert_eq!(broken(&party, act(Kind::Answer), 9.6).len(), 1);
    }
}

#[test]
fn what_does_not_fit_moves_nothing_and_mute_repeats_are_seen() {
    let mut caller = view(Role::Caller, Ringing);
    let before = caller;
    for kind in [
        Kind::Initiate,
        Kind::Answer,
        Kind::Offer,
        Kind::IceCandidate,
        Kind::MuteChange,
    ] {
        caller.received(&act(kind), 2.0);
        assert_eq!(caller, before, "{kind:?}");
    }
    let mut talking = view(Role::Caller, Answered);
    let mute = Act {
        muted: Some(true),
        ..act(Kind::MuteChange)
    };
    for state in [Idle, Ended] {
        let mut party = view(Role::Caller, state);
        let before = party;
        party.sent(&mute, 9.0);
        assert_eq!(party, before, "{state:?}");
    }
    let mut party = View::new(Role::Callee);
    party.sent(&hangup(Reason::Failed, None), 0.0);
    assert_eq!(party, View::new(Role::Callee));
    talking.sent(&mute, 9.0);
    assert_eq!(broken(&talking, mute, 9.1), ["ST-14"]);
    // After one that does not say which, none is known to repeat it.
    talking.sent(&act(Kind::MuteChange), 9.2);
    assert_eq!(broken(&talking, mute, 9.5), [""; 0]);
    assert!(talking.reached(Accepted) && !talking.reached(Ended));
    assert_eq!(
        (talking.initiated_at(), talking.accepted_at()),
        (Some(0.0), Some(5.0))
    );
}
