//! Scenarios: the YAML as written, what it resolves to, and whether it makes sense. Opens no connection.

mod file;
mod model;
mod read;
mod suite;

pub use crate::yaml::{Error, Place};
pub use file::{Scenario, load, parse};
pub use model::{
    Action, Actor, Answer, Answered, AnsweredBy, Case, Connection, Expect, Pattern, Send, Step, Verb, What,
};
pub use suite::builtin;
