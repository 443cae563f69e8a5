//! Decides whether a system speaks `urn:xmpp:call:0` correctly.
//!
//! Data flows one way: scenario → plan → run → transcript → verdict → report. `ARCHITECTURE.md` tells
//! the rooms, what each holds and what each may not do.

pub mod bot;
pub mod cli;
pub mod endpoint;
pub mod fuzz;
pub mod lint;
pub mod probe;
pub mod profile;
pub mod protocol;
pub mod record;
pub mod replay;
pub mod report;
pub mod rules;
pub mod run;
pub mod scenario;
pub mod stanza;
pub mod target;
pub mod transcript;
pub mod xmpp;
pub mod yaml;
