//! What a server that judges calls itself does wrong: rule by rule, in each of the ways that there are.

use super::super::deed::{Lie, Sentence};
use super::{ALWAYS, Deed, Fault, NOWHERE, OWN, Point, Rewrite, SIGNAL, Set, When, only, row};
use crate::protocol::{Kind, Reason, Role};
use Sentence::{Acknowledge, LetThrough, Refuse, RefuseAndDeliver, Swallow};

const OFF_SCHEMA: &[Set] = &[Set::OffSchema];
const FORGED: &[Set] = &[Set::ForgedSender];
const STRANGER: &[Set] = &[Set::Stranger];
const ORDER: &[Set] = &[Set::OutOfOrder];
const UNKNOWN: &[Set] = &[Set::UnknownCall];
const LEGAL: &[Set] = &[Set::Legal];
const JUDGED: &[Point] = &[Point::Judged];

const EN01: &[&str] = &["EN-01"];
const EN02: &[&str] = &["EN-02"];
const EN03: &[&str] = &["EN-03"];
const EN04: &[&str] = &["EN-04"];
const EN05: &[&str] = &["EN-05"];
const EN06: &[&str] = &["EN-06"];
const EN07: &[&str] = &["EN-07"];

const fn judge(
    name: &'static str,
    rules: &'static [&'static str],
    text: &'static str,
    sets: &'static [Set],
    sentence: Sentence,
    when: When,
) -> Fault {
    row(name, rules, text, NOWHERE, Deed::Judge(sets, sentence), when)
}

const fn told(reason: Reason) -> When {
    When {
        reason: Some(reason),
        ..ALWAYS
    }
}

const fn told_to(reason: Reason, to: Role) -> When {
    When {
        to: Some(to),
        ..told(reason)
    }
}

const fn reason(json: &'static str) -> Deed {
    Deed::Rewrite(Rewrite::Member("/payload/reason", Some(json)))
}

#[rustfmt::skip]
pub(super) const FAULTS: &[Fault] = &[
    // -- payloads
    judge("schema-unchecked", EN01, "A payload off its schema is passed on.", OFF_SCHEMA, LetThrough, ALWAYS),
    judge("schema-unchecked-in-hangups", EN01, "A hangup off its schema is passed on.", OFF_SCHEMA, LetThrough, only(Kind::Hangup)),
    judge("schema-refused-and-delivered", EN01, "A payload off its schema is refused, and passed on all the same.", OFF_SCHEMA, RefuseAndDeliver, ALWAYS),
    judge("schema-wrong-condition", EN01, "A payload off its schema draws `not-acceptable`.", OFF_SCHEMA, Refuse("not-acceptable"), ALWAYS),
    judge("schema-acknowledged", EN01, "A payload off its schema is acknowledged, and lost.", OFF_SCHEMA, Acknowledge, ALWAYS),
    judge("schema-swallowed", EN01, "A payload off its schema is lost without a word.", OFF_SCHEMA, Swallow, ALWAYS),
    // -- who sends
    judge("sender-unchecked", EN02, "A signal under another user's id is passed on.", FORGED, LetThrough, ALWAYS),
    judge("sender-unchecked-in-hangups", EN02, "A hangup under another user's id is passed on.", FORGED, LetThrough, only(Kind::Hangup)),
    judge("sender-refused-and-delivered", EN02, "A signal under another user's id is refused, and passed on all the same.", FORGED, RefuseAndDeliver, ALWAYS),
    judge("sender-wrong-condition", EN02, "A signal under another user's id draws `bad-request`.", FORGED, Refuse("bad-request"), ALWAYS),
    judge("sender-acknowledged", EN02, "A signal under another user's id is acknowledged, and lost.", FORGED, Acknowledge, ALWAYS),
    judge("sender-swallowed", EN02, "A signal under another user's id is lost without a word.", FORGED, Swallow, ALWAYS),
    // -- order
    judge("order-unchecked", EN03, "A signal out of order is passed on.", ORDER, LetThrough, ALWAYS),
    judge("order-unchecked-for-offers", EN03, "An offer before the accept is passed on.", ORDER, LetThrough, only(Kind::Offer)),
    judge("order-unchecked-for-candidates", EN03, "A candidate before any description is passed on.", ORDER, LetThrough, only(Kind::IceCandidate)),
    judge("order-unchecked-for-accepts", EN03, "A second accept is passed on.", ORDER, LetThrough, only(Kind::Accept)),
    judge("order-refused-and-delivered", EN03, "A signal out of order is refused, and passed on all the same.", ORDER, RefuseAndDeliver, ALWAYS),
    judge("order-wrong-condition", EN03, "A signal out of order draws `bad-request`.", ORDER, Refuse("bad-request"), ALWAYS),
    judge("order-acknowledged", EN03, "A signal out of order is acknowledged, and lost.", ORDER, Acknowledge, ALWAYS),
    judge("order-swallowed", EN03, "A signal out of order is lost without a word.", ORDER, Swallow, ALWAYS),
    judge("unknown-call-delivered", EN03, "A signal of a call that never began is passed on.", UNKNOWN, LetThrough, ALWAYS),
    judge("unknown-call-wrong-condition", EN03, "A signal of a call that never began draws `bad-request`.", UNKNOWN, Refuse("bad-request"), ALWAYS),
    judge("unknown-call-acknowledged", EN03, "A signal of a call that never began is acknowledged, and lost.", UNKNOWN, Acknowledge, ALWAYS),
    judge("unknown-call-swallowed", EN03, "A signal of a call that never began is lost without a word.", UNKNOWN, Swallow, ALWAYS),
    // -- what is right is refused
    judge("legal-refused", &["RT-03"], "A signal that is right draws `unexpected-request`.", LEGAL, Refuse("unexpected-request"), ALWAYS),
    judge("legal-mute-refused", &["RT-03"], "A mute-change that is right draws `forbidden`.", LEGAL, Refuse("forbidden"), only(Kind::MuteChange)),
    judge("legal-candidate-refused", &["RT-03"], "A candidate that is right draws `unexpected-request`.", LEGAL, Refuse("unexpected-request"), only(Kind::IceCandidate)),
    judge("legal-acknowledged-and-lost", &["RT-03"], "A signal that is right is acknowledged, and lost.", LEGAL, Acknowledge, ALWAYS),
    row("harmed-by-a-refusal", &["RT-03"], "A signal out of order is refused, and ends the call in the server's eyes.", NOWHERE, Deed::Lie(Lie::HarmedByRefusal), ALWAYS),
    row("ended-call-kept", &["RT-03"], "A call that is over still counts: its users cannot be called again.", NOWHERE, Deed::Lie(Lie::EndedCallKept), ALWAYS),
    // -- devices
    row("rings-one-device", EN04, "Only one of a user's devices rings.", SIGNAL, Deed::Drop, When { second_device: true, only: Some(Kind::Initiate), to: Some(Role::Callee), ..ALWAYS }),
    row("losers-not-told", EN04, "Devices that another one was faster than ring on.", OWN, Deed::Drop, told(Reason::Cancelled)),
    row("losers-told-late", EN04, "Devices that another one was faster than ring on for ten seconds.", OWN, Deed::Delay(10_000), told(Reason::Cancelled)),
    judge("both-devices-win", EN04, "The accept of a second device is passed on too.", &[Set::TooLate], LetThrough, only(Kind::Accept)),
    row("decline-keeps-ringing", EN04, "A user who declines on one device goes on being rung on the others.", NOWHERE, Deed::Lie(Lie::DeclineKeepsRinging), ALWAYS),
    // -- time
    row("timeout-early", EN05, "An unanswered call is ended after 25 seconds.", NOWHERE, Deed::Lie(Lie::RingsFor(25_000)), ALWAYS),
    row("timeout-late", EN05, "An unanswered call is ended after 45 seconds.", NOWHERE, Deed::Lie(Lie::RingsFor(45_000)), ALWAYS),
    row("timeout-never", EN05, "An unanswered call is never ended.", OWN, Deed::Drop, told(Reason::Timeout)),
    row("timeout-not-for-caller", EN05, "The caller is never told that nobody answered.", OWN, Deed::Drop, told_to(Reason::Timeout, Role::Caller)),
    row("timeout-not-for-callee", EN05, "The callee rings on after the time is over.", OWN, Deed::Drop, told_to(Reason::Timeout, Role::Callee)),
    row("timeout-for-one-device", EN05, "Only one of a user's devices stops ringing after the time is over.", OWN, Deed::Drop, When { second_device: true, ..told(Reason::Timeout) }),
    row("timeout-wrong-reason", EN05, "An unanswered call is ended as `completed`.", OWN, reason("\"completed\""), told(Reason::Timeout)),
    row("timeout-after-accept", EN05, "The timer of an unanswered call ends one that was answered.", NOWHERE, Deed::Lie(Lie::TimerStays), ALWAYS),
    // -- strangers
    judge("stranger-delivered", EN06, "A third party's signal is passed on.", STRANGER, LetThrough, ALWAYS),
    judge("stranger-hangup-delivered", EN06, "A third party's hangup is passed on.", STRANGER, LetThrough, only(Kind::Hangup)),
    judge("stranger-refused-and-delivered", EN06, "A third party's signal is refused, and passed on all the same.", STRANGER, RefuseAndDeliver, ALWAYS),
    judge("stranger-wrong-condition", EN06, "A third party's signal draws `item-not-found`.", STRANGER, Refuse("item-not-found"), ALWAYS),
    judge("stranger-acknowledged", EN06, "A third party's signal is acknowledged, and lost.", STRANGER, Acknowledge, ALWAYS),
    judge("stranger-swallowed", EN06, "A third party's signal is lost without a word.", STRANGER, Swallow, ALWAYS),
    // -- who is left
    row("vanish-not-told", EN07, "Nobody is told that the other party vanished.", OWN, Deed::Drop, told(Reason::Failed)),
    row("vanish-not-told-to-caller", EN07, "The caller is not told that the callee vanished.", OWN, Deed::Drop, told_to(Reason::Failed, Role::Caller)),
    row("vanish-not-told-to-callee", EN07, "The callee is not told that the caller vanished.", OWN, Deed::Drop, told_to(Reason::Failed, Role::Callee)),
    row("vanish-told-late", EN07, "It takes twenty seconds until the other party is told.", OWN, Deed::Delay(20_000), told(Reason::Failed)),
    row("vanish-wrong-reason", EN07, "Whoever is left is told `completed`.", OWN, reason("\"completed\""), told(Reason::Failed)),
    row("vanish-wrong-call", EN07, "Whoever is left is told of another call.", OWN, Deed::Rewrite(Rewrite::Member("/callId", Some("\"00000000-0000-4000-8000-000000000000\""))), told(Reason::Failed)),
    row("refusal-doubled", &["IQ-01"], "A refusal comes twice.", JUDGED, Deed::Double(10), ALWAYS),
];
