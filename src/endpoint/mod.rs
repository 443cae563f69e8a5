//! The embedded endpoint: a small XMPP server over real bytes, on a pipe or on a port.

mod registry;
mod serve;
mod session;

pub use registry::{Accounts, Config, Endpoint};
