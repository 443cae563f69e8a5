//! Orderings that nobody wrote: made from a seed, played like any scenario, and cut down to a file where they fail.

mod campaign;
mod coverage;
mod generate;
mod shrink;
mod text;
mod walk;

pub use campaign::{Campaign, Failure, News, Plan, campaign, case, roster};
pub use coverage::{Cell, Coverage};
pub use shrink::Kept;
