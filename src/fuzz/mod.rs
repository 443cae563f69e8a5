//! Orderings and payloads that nobody wrote: made from a seed or counted out, played like any scenario, and cut down to a file where
//! they fail.

mod beside;
mod board;
mod campaign;
mod coverage;
mod exhaustive;
mod file;
mod keep;
mod payload;
mod replay;
mod scenes;
mod shrink;
mod simpler;
mod source;
mod steps;
mod strategy;
mod table;
#[cfg(test)]
mod tests;
mod walk;

pub use campaign::{Campaign, Failure, Mode, News, Plan, campaign, case, roster, survey};
pub use coverage::{Cell, Coverage, Pair, Trait};
pub use exhaustive::{Census, Exhaustive, MOST_STEPS};
pub use keep::Kept;
