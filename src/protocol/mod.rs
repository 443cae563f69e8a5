//! The protocol `urn:xmpp:call:0` itself: signals, states, one party's view. No I/O, no clock, no XMPP.

mod call;
pub mod candidate;
mod decode;
mod json;
mod kind;
mod payload;
mod ruling;
pub mod sample;
mod schema;
pub mod sdp;
mod table;
mod timestamp;

pub use call::{Act, Breach, RINGING, ROUNDING, Ruling, TOLERANCE, View};
pub use decode::{Decoded, Facts, Fault, decode, is_same_call};
pub use kind::{Kind, Reason, Role, State};
pub use schema::{SchemaError, asyncapi, bundled_schema, schema, schema_names, validate};
pub use table::{CALLEE, CALLEE_REASONS, CALLER, CALLER_REASONS, Cell, Row, reason_cell, signal_cell};
pub use timestamp::unix_seconds;

/// The namespace of the `<call/>` element (seed, "Namespace").
pub const NAMESPACE: &str = "urn:xmpp:call:0";
