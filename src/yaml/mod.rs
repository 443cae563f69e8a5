//! YAML files read with every value's place: what scenarios and target files are made of.

mod check;
mod error;
mod tree;

pub use check::{Checker, Members, get};
pub use error::{Error, Place, did_you_mean};
pub use tree::{Kind, Node, SIZE_LIMIT, Source};
