//! Scenarios: the YAML as written, what it resolves to, and whether it makes sense. Opens no connection.

mod error;
mod file;
mod model;
mod read;
mod suite;
mod tree;

pub use error::Error;
pub use file::{Scenario, load, parse};
pub use model::{
    Action, Actor, Answer, Answered, AnsweredBy, Case, Connection, Expect, Pattern, Place, Send, Step, Verb,
    What,
};
pub use suite::builtin;
