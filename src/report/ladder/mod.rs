//! The ladder of a transcript: parties as columns, time as rows, signals as arrows that may cross.

mod build;
mod grid;
mod label;
mod model;
mod text;
mod views;

pub use build::ladder;
pub use label::plain;
pub use model::{Arrow, Fate, Ladder, Lane, Mark, Moved, Row, Tone, What, word};
pub use text::{Look, around, whole};

#[cfg(test)]
pub(super) mod tests;
