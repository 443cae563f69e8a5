//! What came of a run, for people and for machines. Computes no verdict.

mod json;
mod junit;
pub mod ladder;
mod terminal;

pub use json::json;
pub use junit::junit;
pub use terminal::{details, finding, footer, line, word};
