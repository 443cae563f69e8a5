//! Scripted parties: steps in, stanzas and deadlines out (sans-IO), and the driver that gives them connections.
//! They have no opinion: what happened goes into the transcript, and the judge reads that.

mod compose;
mod cursor;
mod driver;
mod fault;
mod fence;
mod matching;
mod names;
mod pace;
mod script;

pub use compose::{Ids, bystander, call_iq, ping, signal};
pub use driver::{Dialer, Recorder, drive};
pub use fault::{ClientFault, client_fault, client_faults};
pub use script::{Account, Input, NoSession, Output, Script, Setup};
