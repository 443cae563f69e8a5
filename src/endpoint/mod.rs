//! The embedded endpoint: a small XMPP server over real bytes, on a pipe or on a port.
//!
//! One connection is one task: [`framing`] tells WebSocket from TCP and makes both into elements, `login` is SASL,
//! `session` the stream's course, `outbox` what waits for a slow reader, and `registry` what all sessions share: who
//! is there, and where a stanza goes. The `enforcing` server judges call signals itself; the relay does not look.
//! `carriage` hands each stanza over, and asks the chosen [`fault`]s, if there are any, what becomes of it.

mod accounts;
mod carriage;
mod enforcing;
mod fault;
mod framing;
mod gate;
mod login;
mod outbox;
mod registry;
mod routing;
mod serve;
mod session;

pub use accounts::{Accounts, Config};
pub use fault::{Carrier, Chosen, Fault, FaultLog, fault, faults};
pub use gate::Gate;
pub use registry::Endpoint;
