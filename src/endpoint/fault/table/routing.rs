//! What a relay does wrong with signals on their way: lost, doubled, late, out of order, to the wrong client, under
//! the wrong name.

use super::super::deed::{Carrier, Lie, Whom, Wrap};
use super::super::rewrite as change;
use super::{
    ALWAYS, BARE, BOUNCE, Deed, Fault, GONE, NOWHERE, Point, Rewrite, SIGNAL, Stamp, When, after, every,
    only, row, xml,
};
use crate::protocol::{Kind, Role};
use Deed::{Delay, Divert, Double, Drop, Leak};

#[rustfmt::skip]
pub(super) const FAULTS: &[Fault] = &[
    // -- lost
    row("drop", &["RT-03"], "Every signal is lost without a word.", SIGNAL, Drop, ALWAYS),
    row("drop-one-in-fifty", &["RT-03"], "One signal in fifty is lost.", SIGNAL, Drop, every(50)),
    row("drop-after-ten-calls", &["RT-03"], "From the eleventh call on signals are lost.", SIGNAL, Drop, after(10)),
    row("drop-initiate", &["RT-03"], "The initiate never rings.", SIGNAL, Drop, only(Kind::Initiate)),
    row("drop-accept", &["RT-03"], "The accept never reaches the caller.", SIGNAL, Drop, only(Kind::Accept)),
    row("drop-reject", &["RT-03"], "The reject never reaches the caller.", SIGNAL, Drop, only(Kind::Reject)),
    row("drop-busy", &["RT-03"], "The busy never reaches the caller.", SIGNAL, Drop, only(Kind::Busy)),
    row("drop-offer", &["RT-03"], "The offer never reaches the callee.", SIGNAL, Drop, only(Kind::Offer)),
    row("drop-answer", &["RT-03"], "The answer never reaches the caller.", SIGNAL, Drop, only(Kind::Answer)),
    row("drop-ice", &["RT-03"], "Candidates are lost.", SIGNAL, Drop, only(Kind::IceCandidate)),
    row("drop-hangup", &["RT-03"], "The hangup never arrives: the other side rings or talks on.", SIGNAL, Drop, only(Kind::Hangup)),
    row("drop-mute", &["RT-03"], "The other side never learns of the mute.", SIGNAL, Drop, only(Kind::MuteChange)),
    row("drop-from-callee", &["RT-03"], "What the callee signals is lost.", SIGNAL, Drop, When { from: Some(Role::Callee), ..ALWAYS }),
    row("drop-requests", &["RT-03"], "What asks and is no signal is lost.", &[Point::Request], Drop, ALWAYS),
    row("drop-over-ws", &["RT-03"], "Signals to clients on a WebSocket are lost.", SIGNAL, Drop, When { over: Some(Carrier::WebSocket), ..ALWAYS }),
    row("drop-over-tcp", &["RT-03"], "Signals to clients on TCP are lost.", SIGNAL, Drop, When { over: Some(Carrier::Tcp), ..ALWAYS }),
    row("drop-under-load", &["RT-03"], "While five calls are alive every third signal is lost.", SIGNAL, Drop, When { load: true, every: Some(3), ..ALWAYS }),
    row("drop-with-chat", &["RT-03"], "Signals are lost once there was chat in the call.", SIGNAL, Drop, When { chat: true, ..ALWAYS }),
    row("drop-second-call", &["RT-03"], "Two users who have had a call cannot have another: its initiate is lost.", SIGNAL, Drop, When { again: true, only: Some(Kind::Initiate), ..ALWAYS }),
    row("stuck-after-error", &["RT-03", "RT-08"], "A client that was sent one error gets nothing any more.", &[Point::Bounce, Point::Gone, Point::Bare, Point::Malformed], Deed::Deafen, ALWAYS),
    // -- twice, or never sent
    row("duplicate", &["RT-03"], "Every signal arrives twice.", SIGNAL, Double(0), ALWAYS),
    row("duplicate-late", &["RT-03"], "A second copy of each signal comes three seconds later.", SIGNAL, Double(3_000), ALWAYS),
    row("duplicate-one-in-fifty", &["RT-03"], "One signal in fifty arrives twice.", SIGNAL, Double(15), every(50)),
    row("duplicate-initiate", &["RT-03"], "One call rings twice.", SIGNAL, Double(20), only(Kind::Initiate)),
    row("duplicate-hangup", &["RT-03"], "The hangup arrives twice, the second time half a minute late.", SIGNAL, Double(30_000), only(Kind::Hangup)),
    row("duplicate-under-load", &["RT-03"], "While five calls are alive signals arrive twice.", SIGNAL, Double(1), When { load: true, ..ALWAYS }),
    row("ghost-call", &["RT-03"], "An initiate comes again ten seconds later, under an id of its own.", SIGNAL, Deed::Remember(10_000), only(Kind::Initiate)),
    row("ghost-hangup", &["RT-03"], "The hangup of a call that is over comes again into the next one.", SIGNAL, Deed::Remember(200), only(Kind::Hangup)),
    // -- order
    row("reorder", &["RT-04"], "Every second signal is overtaken by what follows it.", SIGNAL, Delay(30), every(2)),
    row("reorder-one-in-fifty", &["RT-04"], "One signal in fifty is overtaken.", SIGNAL, Delay(30), every(50)),
    row("reorder-after-ten-calls", &["RT-04"], "From the eleventh call on every second signal is overtaken.", SIGNAL, Delay(30), When { after: Some(10), every: Some(2), ..ALWAYS }),
    row("reorder-offer", &["RT-04"], "The candidates overtake the offer.", SIGNAL, Delay(30), only(Kind::Offer)),
    row("reorder-chat-first", &["RT-04"], "Chat overtakes signals.", SIGNAL, Delay(30), When { chat: true, ..ALWAYS }),
    row("reorder-answers-first", &["RT-04"], "The callee's accept overtakes its acknowledgement of the initiate.", super::ANSWER, Delay(30), only(Kind::Initiate)),
    // -- late
    row("delay", &["RT-13"], "Every signal takes two seconds.", SIGNAL, Delay(2_000), ALWAYS),
    row("delay-one-in-fifty", &["RT-13"], "One signal in fifty takes two seconds.", SIGNAL, Delay(2_000), every(50)),
    row("delay-just-too-long", &["RT-13"], "Every signal takes 1.2 seconds.", SIGNAL, Delay(1_200), ALWAYS),
    row("delay-hangup", &["RT-13"], "The hangup takes two seconds.", SIGNAL, Delay(2_000), only(Kind::Hangup)),
    row("delay-under-load", &["RT-13"], "While five calls are alive signals take two seconds.", SIGNAL, Delay(2_000), When { load: true, ..ALWAYS }),
    // -- whose it is
    row("from-missing", &["RT-01"], "Signals arrive without a `from`.", SIGNAL, Deed::Rewrite(Rewrite::From(Stamp::Missing)), ALWAYS),
    row("from-bare", &["RT-01"], "Signals arrive with the sender's bare JID.", SIGNAL, Deed::Rewrite(Rewrite::From(Stamp::Bare)), ALWAYS),
    row("from-bare-one-in-fifty", &["RT-01"], "One signal in fifty bears the bare JID only.", SIGNAL, Deed::Rewrite(Rewrite::From(Stamp::Bare)), every(50)),
    row("from-wrong-resource", &["RT-01"], "Signals bear a resource that their sender does not have.", SIGNAL, Deed::Rewrite(Rewrite::From(Stamp::Resource)), ALWAYS),
    row("from-server", &["RT-01"], "Signals bear the server's own name.", SIGNAL, Deed::Rewrite(Rewrite::From(Stamp::Server)), ALWAYS),
    row("from-receiver", &["RT-01"], "Signals seem to come from whoever gets them.", SIGNAL, Deed::Rewrite(Rewrite::From(Stamp::Receiver)), ALWAYS),
    row("from-stranger", &["RT-01"], "Signals seem to come from somebody else.", SIGNAL, Deed::Rewrite(Rewrite::From(Stamp::Stranger)), ALWAYS),
    row("from-bare-in-accept", &["RT-01"], "The accept bears the callee's bare JID only, so that the caller has no address for its offer.", SIGNAL, Deed::Rewrite(Rewrite::From(Stamp::Bare)), only(Kind::Accept)),
    row("forged-from", &["RT-02"], "A `from` that the sender has made up is delivered as it stands.", SIGNAL, Deed::Rewrite(Rewrite::From(Stamp::Claimed)), ALWAYS),
    row("forged-from-initiate", &["RT-02"], "An initiate with somebody else's `from` is delivered as it stands.", SIGNAL, Deed::Rewrite(Rewrite::From(Stamp::Claimed)), only(Kind::Initiate)),
    row("to-changed", &["RT-05"], "Signals arrive with another `to` than they were sent to.", SIGNAL, Deed::Rewrite(Rewrite::To(Stamp::Resource)), ALWAYS),
    row("to-bare", &["RT-05"], "Signals arrive with the bare JID that they were not sent to.", SIGNAL, xml(change::to_bare), ALWAYS),
    row("type-changed", &["RT-05"], "What was sent as a set arrives as a get.", SIGNAL, xml(change::as_get), ALWAYS),
    row("child-added", &["RT-05"], "Requests arrive with a second child that nobody sent.", SIGNAL, xml(change::child_added), ALWAYS),
    // -- to whom
    row("leak-to-device", &["RT-06"], "A user's other device gets each signal too.", SIGNAL, Leak(Whom::Device, Wrap::Plain), ALWAYS),
    row("leak-one-in-fifty", &["RT-06"], "One signal in fifty reaches a stranger too.", SIGNAL, Leak(Whom::Stranger, Wrap::Plain), every(50)),
    row("leak-to-stranger", &["RT-06", "RT-12"], "Somebody who has nothing to do with it gets each signal too.", SIGNAL, Leak(Whom::Stranger, Wrap::Plain), ALWAYS),
    row("leak-initiate", &["RT-06"], "The initiate rings the callee's other device too.", SIGNAL, Leak(Whom::Device, Wrap::Plain), only(Kind::Initiate)),
    row("leak-to-own-device", &["RT-06"], "The sender's other device gets each signal too.", SIGNAL, Leak(Whom::OwnDevice, Wrap::Plain), ALWAYS),
    row("echo", &["RT-06"], "Whoever sends a signal gets it back as well.", SIGNAL, Leak(Whom::Sender, Wrap::Plain), ALWAYS),
    row("divert-to-device", &["RT-06"], "The wrong device of the right user gets the signals.", SIGNAL, Divert(Whom::Device), ALWAYS),
    row("divert-to-stranger", &["RT-06", "RT-12"], "Somebody else gets the signals.", SIGNAL, Divert(Whom::Stranger), ALWAYS),
    row("mix-calls", &["RT-12"], "With two calls at once signals of the one go to a party of the other.", SIGNAL, Divert(Whom::OtherCall), ALWAYS),
    row("mix-calls-copies", &["RT-12"], "With two calls at once a party of the one hears the other too.", SIGNAL, Leak(Whom::OtherCall, Wrap::Plain), ALWAYS),
    row("mix-calls-candidates", &["RT-12"], "With two calls at once candidates of the one go to a party of the other.", SIGNAL, Divert(Whom::OtherCall), only(Kind::Offer)),
    // -- nobody there
    row("bounce-swallowed", &["RT-07"], "A signal for a device that never was there is lost without a word.", BOUNCE, Drop, ALWAYS),
    row("bounce-late", &["RT-07"], "The error for a device that is not there takes ten seconds.", BOUNCE, Delay(10_000), ALWAYS),
    row("bounce-as-result", &["RT-07"], "A signal for nobody is answered with a result.", BOUNCE, Deed::Rewrite(Rewrite::ToResult), ALWAYS),
    row("bounce-wrong-condition", &["RT-07"], "A signal for nobody is answered `internal-server-error`.", BOUNCE, Deed::Rewrite(Rewrite::Condition("internal-server-error")), ALWAYS),
    row("bounce-bad-request", &["RT-07"], "A signal for nobody is answered `bad-request`, as if its sender were at fault.", BOUNCE, Deed::Rewrite(Rewrite::Condition("bad-request")), ALWAYS),
    row("bounce-hangup-swallowed", &["RT-07"], "A hangup for nobody is lost without a word.", BOUNCE, Drop, only(Kind::Hangup)),
    row("gone-swallowed", &["RT-09"], "A signal for a client that has left is lost without a word.", GONE, Drop, ALWAYS),
    row("gone-as-result", &["RT-09"], "A signal for a client that has left is answered with a result.", GONE, Deed::Rewrite(Rewrite::ToResult), ALWAYS),
    row("gone-wrong-condition", &["RT-09"], "A signal for a client that has left is answered `undefined-condition`.", GONE, Deed::Rewrite(Rewrite::Condition("undefined-condition")), ALWAYS),
    row("gone-late", &["RT-09"], "The error for a client that has left takes ten seconds.", GONE, Delay(10_000), ALWAYS),
    row("resource-kept", &["RT-09"], "The resource of a client that has left stays, and swallows what goes there.", NOWHERE, Deed::Lie(Lie::SeatKept), ALWAYS),
    row("resource-kept-after-cut", &["RT-09"], "The resource of a client whose connection broke stays, and swallows what goes there.", NOWHERE, Deed::Lie(Lie::SeatKeptAfterCut), ALWAYS),
    row("resource-kept-after-return", &["RT-03"], "A client that has come back gets nothing: its old connection still does.", NOWHERE, Deed::Lie(Lie::OldSeatServed), ALWAYS),
    row("bare-swallowed", &["RT-10"], "A signal for a bare JID is lost without a word.", BARE, Drop, ALWAYS),
    row("bare-as-result", &["RT-10"], "A signal for a bare JID is answered with a result, and rings nobody.", BARE, Deed::Rewrite(Rewrite::ToResult), ALWAYS),
    row("bare-wrong-condition", &["RT-10"], "A signal for a bare JID is answered `internal-server-error`.", BARE, Deed::Rewrite(Rewrite::Condition("internal-server-error")), ALWAYS),
    // -- kept for later
    row("stored-offline", &["CH-03", "RT-09"], "A signal for a client that is away is stored, and handed to it with a stamp on its return.", GONE, Deed::Keep { stamped: true }, ALWAYS),
    row("replayed-on-return", &["CH-03", "RT-09"], "A signal for a client that is away rings when it comes back.", GONE, Deed::Keep { stamped: false }, ALWAYS),
    row("carbon-copied", &["CH-03"], "A user's other device gets a carbon of each signal.", SIGNAL, Leak(Whom::Device, Wrap::Carbon), ALWAYS),
    row("carbon-copied-to-own", &["CH-03"], "The sender's other device gets a carbon of each signal.", SIGNAL, Leak(Whom::OwnDevice, Wrap::Carbon), ALWAYS),
    row("archived", &["CH-03"], "A signal comes out of the message archive to the user's other device.", SIGNAL, Leak(Whom::Device, Wrap::Archive), ALWAYS),
    row("carbon-of-hangup", &["CH-03"], "A user's other device gets a carbon of each hangup.", SIGNAL, Leak(Whom::Device, Wrap::Carbon), only(Kind::Hangup)),
    // -- malformed requests
    row("malformed-routed", &["IQ-05"], "An IQ set without an id, or without exactly one child, is routed like any other.", NOWHERE, Deed::Lie(Lie::MalformedRouted), ALWAYS),
    row("malformed-swallowed", &["IQ-05"], "An IQ set that is malformed is dropped without a word.", &[Point::Malformed], Drop, ALWAYS),
    row("malformed-wrong-condition", &["IQ-05"], "An IQ set that is malformed is answered `internal-server-error`.", &[Point::Malformed], Deed::Rewrite(Rewrite::Condition("internal-server-error")), ALWAYS),
    row("malformed-as-result", &["IQ-05"], "An IQ set that is malformed is answered with a result.", &[Point::Malformed], Deed::Rewrite(Rewrite::ToResult), ALWAYS),
];
