//! The protocol `urn:xmpp:call:0` itself: signals, states, one party's view. No I/O, no clock, no XMPP.

mod call;
mod decode;
mod kind;
pub mod sample;
mod strict;
mod table;

pub use call::{Act, Breach, RING_SECONDS, RING_TOLERANCE, Ruling, View};
pub use decode::{Decoded, Facts, Fault, decode};
pub use kind::{Kind, Reason, Role, State};
pub use table::{Cell, may_give, may_send};

/// The namespace of the `<call/>` element (seed, "Namespace").
pub const NAMESPACE: &str = "urn:xmpp:call:0";
