//! Scenarios: the YAML as written, what it resolves to, and whether it makes sense. Opens no connection.

mod file;
mod head;
mod index;
mod line;
mod model;
mod names;
mod read;
mod suite;
mod words;

pub use crate::yaml::{Error, Place};
pub use file::{EdgeCase, Found, Near, Scenario, load, parse};
pub use index::{Shown, by_rule};
pub use line::{Credential, Deed, FrameKind, Line, Need, Shield};
pub use model::{
    Action, Actor, Answer, Answered, AnsweredBy, Case, Connection, Expect, Pattern, Send, Step, Verb, What,
};
pub use suite::{builtin, builtin_fragment, keys, schema};
