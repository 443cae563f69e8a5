//! YAML files read with every value's place: what scenarios and target files are made of.

mod check;
mod error;
mod put;
mod tree;

pub use check::{Checker, Members, get};
pub use error::{Error, Place, did_you_mean, in_one, quoted};
pub use put::{Values, names_in};
pub use tree::{Kind, Node, SIZE_LIMIT, Source};

#[cfg(test)]
mod tests;
