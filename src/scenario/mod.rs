//! Scenarios: the YAML as written, what it resolves to, and whether it makes sense. Opens no connection.

mod model;

pub use model::{
    Action, Actor, Answer, Answered, AnsweredBy, Case, Connection, Expect, Pattern, Place, Send, Step, Verb,
    What,
};
