//! What came of a run, for people and for machines. Computes no verdict.

mod again;
mod codequality;
mod details;
mod github;
pub mod html;
mod json;
mod junit;
pub mod ladder;
mod probed;
mod progress;
pub mod summary;
pub mod svg;
mod tally;
mod tap;
mod terminal;
mod wrap;

#[cfg(test)]
mod tests;

pub use again::{Again, shell};
pub use codequality::codequality;
pub use details::{Detail, details, finding};
pub use github::{annotations, step_summary};
pub use json::json;
pub use junit::{gitlab, junit};
pub use probed::{probed, probed_json};
pub use progress::{Running, Standing};
pub use summary::{Recorded, Summary};
pub use tally::{Count, Facts, Report, applies, name, title};
pub use tap::tap;
pub use terminal::{duration, footer, headline, line, word};
pub use wrap::hang;
