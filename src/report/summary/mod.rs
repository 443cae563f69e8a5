//! The one summary that every report reads: what a run came to, counted once. It is the JSON report, and is read
//! back from it.

mod as_run;
mod compare;
mod merge;
mod of_run;
mod of_transcripts;
mod read;

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

pub use compare::{Change, Comparison, compare};
pub use merge::merge;
pub use of_transcripts::Recorded;
pub use read::{LARGEST, read};

use super::Count;
use crate::rules::{Level, Outcome};
use crate::run::Use;

/// What a run came to.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Summary {
    /// The version of the program that wrote it.
    pub callspec: String,
    #[serde(default)]
    pub target: TargetName,
    /// The target's profile, as it was written: a report of another version may know more of it.
    #[serde(default)]
    pub profile: serde_json::Value,
    /// The suite in a few words.
    #[serde(default)]
    pub suite: String,
    #[serde(default)]
    pub seed: u64,
    /// A broken SHOULD failed.
    #[serde(default)]
    pub strict: bool,
    /// Wall time of the beginning, RFC 3339.
    #[serde(default)]
    pub started: String,
    /// Wall time of the whole run.
    #[serde(default)]
    pub seconds: f64,
    /// Stopped by whoever watched it: not every scenario is here.
    #[serde(default)]
    pub interrupted: bool,
    #[serde(rename = "summary", default)]
    pub counts: Counts,
    /// How often each rule was seen kept and broken.
    #[serde(default)]
    pub rules: BTreeMap<String, Count>,
    /// Each waiver and known breach, and what came of it.
    #[serde(default)]
    pub waivers: Vec<Waived>,
    pub scenarios: Vec<Entry>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TargetName {
    /// A URL without secrets, or `embedded`.
    #[serde(default)]
    pub url: String,
    /// How accounts logged in, where the target was asked.
    #[serde(default)]
    pub mechanism: Option<String>,
}

/// A waiver, or a breach that the profile knows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Waived {
    pub rule: String,
    /// The pattern for scenarios.
    pub scenario: String,
    pub reason: String,
    /// Where it stands, such as `waivers.yaml:3`.
    pub place: String,
    /// Its last day.
    #[serde(default)]
    pub expires: Option<String>,
    #[serde(flatten)]
    pub used: Use,
}

/// How many scenarios came to what.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Counts {
    pub passed: usize,
    pub failed: usize,
    pub warned: usize,
    pub known: usize,
    pub flaky: usize,
    pub inconclusive: usize,
    pub skipped: usize,
    pub error: usize,
}

/// One scenario, with one choice of its matrix.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Entry {
    pub name: String,
    #[serde(default)]
    pub matrix: Vec<String>,
    #[serde(default)]
    pub about: String,
    #[serde(default)]
    pub file: String,
    /// Where it begins in the file, from 1; 0: not known.
    #[serde(default)]
    pub line: u64,
    #[serde(default)]
    pub tags: Vec<String>,
    /// The rules that the scenario says it is about.
    #[serde(default)]
    pub rules: Vec<String>,
    pub result: Outcome,
    /// Why it was skipped, or why the target could not be tested.
    #[serde(default)]
    pub reason: Option<String>,
    #[serde(default)]
    pub seconds: f64,
    #[serde(default)]
    pub transcript: Option<String>,
    /// The command line that shows it again.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub again: String,
    #[serde(default)]
    pub findings: Vec<Found>,
}

/// One finding, with its rule's own words, so that a report can be read without this version's catalogue.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Found {
    pub rule: String,
    pub level: Level,
    /// Who the rule binds: `server`, `client`, or `server and client`.
    #[serde(default)]
    pub subject: String,
    /// Whose it is: `server`, `client`, `ourselves`, `announced` or `nobody`.
    #[serde(default = "server")]
    pub blame: String,
    #[serde(default)]
    pub party: String,
    #[serde(default)]
    pub message: String,
    #[serde(default)]
    pub wanted: String,
    #[serde(default)]
    pub seen: String,
    #[serde(default)]
    pub events: Vec<u64>,
    /// The scenario's step that it is about, as `calls/busy.yaml:12`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub step: Option<String>,
    /// Where the rule stands.
    #[serde(default)]
    pub source: String,
    /// The rule in one sentence.
    #[serde(default)]
    pub text: String,
    /// The order of events that would excuse it; `None`: it is certain.
    #[serde(default)]
    pub excuse: Option<String>,
    /// Why it is no news, where a waiver or the profile says so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub known: Option<Excused>,
}

/// What says that a breach is known.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Excused {
    pub reason: String,
    /// Where it stands, such as `waivers.yaml:3`.
    #[serde(default)]
    pub place: String,
}

fn server() -> String {
    "server".to_owned()
}

impl Summary {
    /// Counts the scenarios anew.
    fn count(&mut self) {
        let mut counts = Counts::default();
        for entry in &self.scenarios {
            *counts.of_mut(entry.result) += 1;
        }
        self.counts = counts;
    }

    /// The JSON report.
    pub fn json(&self) -> String {
        // Numbers, strings and lists only: nothing here can fail to be written.
        serde_json::to_string_pretty(self).unwrap_or_default()
    }
}

impl Counts {
    pub fn of(&self, outcome: Outcome) -> usize {
        match outcome {
            Outcome::Passed => self.passed,
            Outcome::Failed => self.failed,
            Outcome::Warned => self.warned,
            Outcome::Known => self.known,
            Outcome::Flaky => self.flaky,
            Outcome::Inconclusive => self.inconclusive,
            Outcome::Skipped => self.skipped,
            Outcome::Error => self.error,
        }
    }

    fn of_mut(&mut self, outcome: Outcome) -> &mut usize {
        match outcome {
            Outcome::Passed => &mut self.passed,
            Outcome::Failed => &mut self.failed,
            Outcome::Warned => &mut self.warned,
            Outcome::Known => &mut self.known,
            Outcome::Flaky => &mut self.flaky,
            Outcome::Inconclusive => &mut self.inconclusive,
            Outcome::Skipped => &mut self.skipped,
            Outcome::Error => &mut self.error,
        }
    }

    pub fn all(&self) -> usize {
        Summary::ORDER.iter().map(|outcome| self.of(*outcome)).sum()
    }
}

impl Summary {
    /// Outcomes in the order in which a report names them.
    pub const ORDER: [Outcome; 8] = [
        Outcome::Failed,
        Outcome::Error,
        Outcome::Flaky,
        Outcome::Warned,
        Outcome::Inconclusive,
        Outcome::Known,
        Outcome::Skipped,
        Outcome::Passed,
    ];
}

impl Entry {
    /// The name with the matrix values: what tells one entry from another.
    pub fn title(&self) -> String {
        let mut title = self.name.clone();
        for value in &self.matrix {
            title.push_str("  ");
            title.push_str(value);
        }
        title
    }
}

impl Found {
    /// Whether it is a breach that counts: certain, the target's, and news.
    pub fn is_breach(&self, strict: bool) -> bool {
        let theirs = self.blame == "server" || self.blame == "client";
        let counts = self.level == Level::Must || (strict && self.level == Level::Should);
        theirs && counts && self.excuse.is_none() && self.known.is_none()
    }
}
