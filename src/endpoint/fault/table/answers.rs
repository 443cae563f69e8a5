//! What a server does to the answers of IQs: its clients' and its own.

use super::super::deed::{Change, Reply, Whom, Wrap};
use super::super::rewrite as change;
use super::{
    ALWAYS, ANSWER, BOUNCE, Deed, Fault, Point, Rewrite, SIGNAL, Stamp, When, after, every, only, row, xml,
};
use crate::protocol::Kind;

const IQ01: &[&str] = &["IQ-01"];
const RT08: &[&str] = &["RT-08"];
const SERVED: &[Point] = &[Point::Served];

#[rustfmt::skip]
pub(super) const FAULTS: &[Fault] = &[
    row("answer-swallowed", RT08, "The addressee's answer never comes back.", ANSWER, Deed::Drop, ALWAYS),
    row("answer-swallowed-one-in-fifty", RT08, "One answer in fifty never comes back.", ANSWER, Deed::Drop, every(50)),
    row("answer-swallowed-after-ten-calls", RT08, "From the eleventh call on no answer comes back.", ANSWER, Deed::Drop, after(10)),
    row("answer-swallowed-to-initiate", RT08, "The acknowledgement of an initiate never comes back.", ANSWER, Deed::Drop, only(Kind::Initiate)),
    row("answer-swallowed-under-load", RT08, "While five calls are alive no answer comes back.", ANSWER, Deed::Drop, When { load: true, ..ALWAYS }),
    row("result-as-error", RT08, "The addressee's result comes back as an error.", ANSWER, Deed::Rewrite(Rewrite::ToError("service-unavailable")), ALWAYS),
    row("result-as-error-one-in-fifty", RT08, "One result in fifty comes back as an error.", ANSWER, Deed::Rewrite(Rewrite::ToError("internal-server-error")), every(50)),
    row("error-as-result", RT08, "The addressee's error comes back as a result.", ANSWER, Deed::Rewrite(Rewrite::ToResult), ALWAYS),
    row("error-condition-changed", RT08, "The addressee's error comes back with another condition.", ANSWER, Deed::Rewrite(Rewrite::Condition("undefined-condition")), ALWAYS),
    row("answered-by-server", RT08, "The server acknowledges each signal itself, and carries it nowhere.", SIGNAL, Deed::AnswerFor(Reply::Result), ALWAYS),
    row("refused-by-server", &["RT-03"], "The server refuses each signal itself, although the addressee is there.", SIGNAL, Deed::AnswerFor(Reply::Error("service-unavailable")), ALWAYS),
    row("refused-hangup", &["RT-03"], "The server refuses each hangup, although the addressee is there.", SIGNAL, Deed::AnswerFor(Reply::Error("item-not-found")), only(Kind::Hangup)),
    row("answer-doubled", IQ01, "Each answer comes back twice.", ANSWER, Deed::Double(0), ALWAYS),
    row("answer-doubled-late", IQ01, "Each answer comes back again four seconds later.", ANSWER, Deed::Double(4_000), ALWAYS),
    row("answer-doubled-one-in-fifty", IQ01, "One answer in fifty comes back twice.", ANSWER, Deed::Double(5), every(50)),
    row("result-filled", &["RT-08"], "The addressee's result comes back with a child that it did not send.", ANSWER, xml(change::result_filled), ALWAYS),
    row("error-type-changed", &["RT-08"], "The addressee's error comes back as one after which to wait and try again.", ANSWER, xml(change::error_type_changed), ALWAYS),
    row("answer-from-bare", IQ01, "Answers come from the bare JID.", ANSWER, Deed::Rewrite(Rewrite::From(Stamp::Bare)), ALWAYS),
    row("answer-from-server", IQ01, "Answers come from the server.", ANSWER, Deed::Rewrite(Rewrite::From(Stamp::Server)), ALWAYS),
    row("answer-from-device", IQ01, "Answers come from a resource that was not asked.", ANSWER, Deed::Rewrite(Rewrite::From(Stamp::Resource)), ALWAYS),
    row("answer-from-nobody", IQ01, "Answers come without a `from`.", ANSWER, Deed::Rewrite(Rewrite::From(Stamp::Missing)), ALWAYS),
    row("answer-id-changed", &["IQ-01", "RT-08"], "Answers come back under another id.", ANSWER, Deed::Rewrite(Rewrite::Id(Change(change::id_prefixed))), ALWAYS),
    row("answer-to-device", &["RT-08", "RT-06"], "Answers come to the wrong device of the right user.", ANSWER, Deed::Divert(Whom::Device), ALWAYS),
    row("answer-to-stranger", &["RT-06"], "Somebody else gets a copy of the answers.", ANSWER, Deed::Leak(Whom::Stranger, Wrap::Plain), ALWAYS),
    row("bounce-doubled", IQ01, "The error for a device that is not there comes twice.", BOUNCE, Deed::Double(10), ALWAYS),
    row("bounce-from-server", IQ01, "The error for a device that is not there comes from the server's own address.", BOUNCE, Deed::Rewrite(Rewrite::From(Stamp::Server)), ALWAYS),
    row("served-swallowed", IQ01, "A request for the server itself is never answered.", SERVED, Deed::Drop, ALWAYS),
    row("served-doubled", IQ01, "A request for the server itself is answered twice.", SERVED, Deed::Double(5), ALWAYS),
];
