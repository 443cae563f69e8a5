//! Histories on which judge and oracle once said different things.

use super::agree;
use super::history::{ALICE, BOB, Deed, Signal};
use super::told;

fn answered() -> Vec<Deed> {
    let flow = [
        (ALICE, Signal::Initiate),
        (BOB, Signal::Accept),
        (ALICE, Signal::Offer),
        (BOB, Signal::Answer),
    ];
    flow.into_iter()
        .flat_map(|(who, signal)| told(who, signal))
        .collect()
}

fn check(deeds: &[Deed]) {
    agree(deeds).unwrap_or_else(|error| panic!("{error}"));
}

#[test]
fn a_second_answer_to_one_renegotiation() {
    let more = [
        Deed::Send(BOB, 0, Signal::Offer),
        Deed::Arrive(ALICE),
        Deed::Send(ALICE, 0, Signal::Answer),
        Deed::Send(ALICE, 0, Signal::Answer),
    ];
    check(&[answered(), more.to_vec()].concat());
}

#[test]
fn a_mute_and_a_cancel_that_pass_the_answer() {
    let mut deeds = answered();
    // The answer has arrived and is not acknowledged yet.
    deeds.truncate(deeds.len() - 2);
    deeds.extend([
        Deed::Send(ALICE, 0, Signal::Mute(true)),
        Deed::Send(ALICE, 0, Signal::Hangup("cancelled", None)),
        Deed::Arrive(BOB),
        Deed::Arrive(BOB),
    ]);
    check(&deeds);
}

#[test]
fn an_end_that_was_perhaps_an_echo() {
    check(
        &[
            told(ALICE, Signal::Initiate),
            vec![
                Deed::Send(BOB, 0, Signal::Reject),
                Deed::Arrive(ALICE),
                Deed::Send(BOB, 0, Signal::Hangup("failed", None)),
                Deed::Send(ALICE, 0, Signal::Hangup("failed", None)),
                Deed::Arrive(ALICE),
            ],
        ]
        .concat(),
    );
}

#[test]
fn two_accepts_that_were_perhaps_late() {
    check(
        &[
            told(ALICE, Signal::Initiate),
            vec![
                Deed::Pass(31.0),
                Deed::Send(BOB, 0, Signal::Accept),
                Deed::Arrive(ALICE),
                Deed::Send(BOB, 0, Signal::Accept),
                Deed::Arrive(ALICE),
            ],
        ]
        .concat(),
    );
}
