//! SC: what a scenario asks for beyond the rules.

use super::{Level, Rule, Subjects};

pub(super) const RULES: &[Rule] = &[Rule {
    id: "SC-01",
    level: Level::Must,
    subject: Subjects::Server,
    text: "what the scenario expects of the target happens",
    source: "the scenario file",
    breach: "A step of the scenario waits for something that does not come, or something else comes.",
    mend: "Read the step that the report names and the events before it; if the target is right, the scenario is wrong.",
}];
