//! The enforcing server: judges each call signal before it is passed on, sans-IO.
//!
//! A signal is judged in the view of its sender, of which the server knows two things: all that it has sent, and that
//! it has taken in what it has answered. What it has been sent and not answered yet it may have taken in or not, so
//! every view in between is tried ([`sight`]), and whatever is legal in one of them is no fault of the sender. Such a
//! signal may still come too late in the server's own order of events:
//!
//! - The call has ended: a hangup is passed on, since the other side, too, may have hung up without knowing of this
//!   one; anything else goes no further and is answered with a result. Its sender has the hangup on its way.
//! - Another device has picked up, or the server itself has ended the call: the same, hangups included.
//! - Everything else is passed on.
//!
//! A hangup is never refused for its reason, its time or its `duration`: whoever wants to end a call can.
//!
//! What the server says itself is always a hangup: it comes from the other party's bare JID, with that party's
//! `senderId`. The reason is `timeout` after 30 s without an answer, `failed` where the other party has vanished, and
//! `cancelled` for the devices of a user that has answered, or declined, on another one.
//!
//! Where several devices ring, an accept takes the call away from the others, and so does a reject, or a hangup
//! `rejected`: someone has decided. A device that is busy or fails leaves the others ringing; the last one's word is
//! passed on.

mod call;
mod machine;
mod sight;

#[cfg(test)]
mod tests;

pub use machine::{Flaws, Input, Machine, Output, Refusal};
