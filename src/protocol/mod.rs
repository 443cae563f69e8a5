//! The protocol `urn:xmpp:call:0` itself: signals, states, one party's view. No I/O, no clock, no XMPP.

mod call;
mod kind;

pub use call::{Act, Breach, Ruling, View};
pub use kind::{Kind, Reason, Role, State};

/// The namespace of the `<call/>` element (seed, "Namespace").
pub const NAMESPACE: &str = "urn:xmpp:call:0";
