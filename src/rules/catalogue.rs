//! The rule catalogue as data. Ids are stable once released; nothing is retired silently.

use serde::Serialize;

/// What a breach of a rule means for the result.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    /// A breach fails the scenario.
    Must,
    /// A breach warns; it fails under `--strict`.
    Should,
    /// Never more than a remark.
    Info,
}

/// Who can break a rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Subjects {
    Server,
    Client,
    Both,
}

/// One rule.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Rule {
    pub id: &'static str,
    pub level: Level,
    pub subject: Subjects,
    /// The rule in one sentence.
    pub text: &'static str,
    /// Where it stands: RFC and section, or `seed`.
    pub source: &'static str,
    /// What a breach looks like on the wire.
    pub breach: &'static str,
    /// How whoever breaks it mends it.
    pub mend: &'static str,
}

/// Every rule, in the order of the catalogue.
pub fn catalogue() -> &'static [Rule] {
    &[]
}

pub fn rule(id: &str) -> Option<&'static Rule> {
    catalogue().iter().find(|rule| rule.id == id)
}
