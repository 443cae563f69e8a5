//! Decides whether a system speaks `urn:xmpp:call:0` correctly.
//!
//! Data flows one way: scenario → plan → run → transcript → verdict → report. `ARCHITECTURE.md` tells
//! the rooms, what each holds and what each may not do.

//X pub mod bot;
//X pub mod cli;
//X pub mod endpoint;
pub mod profile;
pub mod protocol;
//X pub mod report;
pub mod rules;
//X pub mod run;
pub mod scenario;
pub mod stanza;
//X pub mod target;
pub mod transcript;
//X pub mod xmpp;
