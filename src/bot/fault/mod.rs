//! Faults of a client: each a named way in which one party of a scenario breaks one rule, while its script goes on.
//!
//! A fault is data ([`ClientFault`]): who has it, in which scenario it shows itself, and what it does ([`Deed`]) to
//! what its bot is about to send. The party then counts as a client under test, so that the judge blames it.

mod apply;
mod deed;
mod table;

pub use apply::Faulty;
pub use deed::ClientFault;
pub use table::{client_fault, client_faults};
