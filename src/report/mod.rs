//! What came of a run, for people and for machines. Computes no verdict.

pub mod html;
mod json;
mod junit;
pub mod ladder;
pub mod summary;
pub mod svg;
mod terminal;

pub use json::json;
pub use junit::junit;
pub use summary::Summary;
pub use terminal::{details, finding, footer, line, word};
