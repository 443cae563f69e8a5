//! Faults to choose from: each breaks one rule of the catalogue in a way of its own, so that the judge can be shown
//! every breach there is.
//!
//! A fault is data ([`Fault`]): *what* it lays hands on ([`Point`]), *what it does* to it ([`Deed`]), and *when*
//! ([`When`]). For each stanza that is about to leave the server the [`Injector`] decides: pass it on, deliver it
//! later, drop it, duplicate it, rewrite it, disconnect. Several faults work one after the other. The same stanzas
//! meet the same fate each time; what happened goes to a log of its own, never to the clients.

mod deed;
mod injector;
mod log;
pub mod misframe;
mod respell;
mod rewrite;
mod scene;
pub mod slip;
mod spec;
mod table;

#[cfg(test)]
mod tests;

pub use deed::{Beyond, Carrier, Fault, Lie, Point, Sentence, Set, Slip};
pub use injector::{Around, Injector, Parcel, Passage};
pub use log::FaultLog;
pub use spec::Chosen;
pub use table::{fault, faults};
