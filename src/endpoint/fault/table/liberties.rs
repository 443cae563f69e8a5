//! Controls: what a server may do, although not every server does. Nothing may be found.

use super::super::deed::{Beyond, Change, Lie, Slip, Stamp};
use super::super::respell as change;
use super::{ALWAYS, BOUNCE, Deed, Fault, GONE, NOWHERE, OWN, Point, Rewrite, SIGNAL, row, xml};

const NONE: &[&str] = &[];

const fn at_most(sessions: u32, beyond: Beyond) -> Deed {
    Deed::Lie(Lie::SessionsAtMost(sessions, beyond))
}

#[rustfmt::skip]
pub(super) const FAULTS: &[Fault] = &[
    row("harmless-language", NONE, "Each stanza is given an `xml:lang`.", &[Point::Signal, Point::Answer, Point::Chat, Point::Bounce], xml(change::language_added), ALWAYS),
    row("harmless-character-references", NONE, "Quotes, and what is not ASCII, are written as character references.", &[Point::Signal, Point::Chat], xml(change::character_references), ALWAYS),
    row("harmless-cdata", NONE, "The text of a signal is written as a CDATA section.", SIGNAL, xml(change::as_cdata), ALWAYS),
    row("harmless-white-space", NONE, "There is white space around `<call/>`.", SIGNAL, xml(change::white_space_between), ALWAYS),
    row("harmless-prefix", NONE, "`<call/>` has a prefix, which the stanza itself uses for another namespace.", SIGNAL, xml(change::prefix_bound_twice), ALWAYS),
    row("harmless-capitals-in-from", NONE, "Signals and their answers bear their sender's user name and domain in capitals.", &[Point::Signal, Point::Answer], Deed::Rewrite(Rewrite::From(Stamp::Capitals)), ALWAYS),
    row("harmless-stranger", NONE, "Before each signal comes chat of somebody on another server.", SIGNAL, Deed::Precede(Change(change::a_strangers_chat)), ALWAYS),
    row("harmless-capitals", NONE, "In a hangup of the server's own the callId is in capitals.", OWN, Deed::Rewrite(Rewrite::Text(Change(change::call_in_capitals))), ALWAYS),
    row("harmless-long-lengths", NONE, "The length of every text frame is written in eight bytes.", NOWHERE, Deed::Slip(Slip::LengthInEightBytes), ALWAYS),
    row("harmless-delay", NONE, "Signals, other requests, their answers and chat take 0.3 seconds.", &[Point::Signal, Point::Request, Point::Answer, Point::Chat], Deed::Delay(300), ALWAYS),
    row("harmless-slow-bounces", NONE, "The error for a device that is not there takes a second.", &[Point::Bounce, Point::Gone], Deed::Delay(1_000), ALWAYS),
    row("harmless-recipient-unavailable", NONE, "A signal for nobody draws `recipient-unavailable`.", BOUNCE, Deed::Rewrite(Rewrite::Condition("recipient-unavailable")), ALWAYS),
    row("harmless-recipient-unavailable-later", NONE, "A signal for a client that has left draws `recipient-unavailable`.", GONE, Deed::Rewrite(Rewrite::Condition("recipient-unavailable")), ALWAYS),
    row("harmless-session-limit", NONE, "Of one user's sessions (nine, or `max`) another one is not bound.", NOWHERE, at_most(9, Beyond::Refused), ALWAYS),
    row("harmless-session-limit-by-stream-error", NONE, "The stream of one session more than a user may have (nine, or `max`) is ended.", NOWHERE, at_most(9, Beyond::Ended), ALWAYS),
    row("harmless-session-limit-by-conflict", NONE, "One session more than a user may have (nine, or `max`) ends the user's oldest.", NOWHERE, at_most(9, Beyond::Replaces), ALWAYS),
];
