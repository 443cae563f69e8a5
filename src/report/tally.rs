//! A run that has just ended, and all that reports count of it.

use std::collections::BTreeMap;

use crate::profile::{Class, Profile};
use crate::rules::{Blame, Finding, Level, Outcome, Rule, Subjects, Verdict, catalogue};
use crate::run::{Finished, Reviewed};

use super::Again;

/// Every outcome, in the order in which reports tell them.
pub const OUTCOMES: [Outcome; 8] = [
    Outcome::Passed,
    Outcome::Known,
    Outcome::Flaky,
    Outcome::Warned,
    Outcome::Inconclusive,
    Outcome::Failed,
    Outcome::Error,
    Outcome::Skipped,
];

/// The outcome's name in every format.
pub fn name(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Passed => "passed",
        Outcome::Failed => "failed",
        Outcome::Warned => "warned",
        Outcome::Known => "known",
        Outcome::Flaky => "flaky",
        Outcome::Inconclusive => "inconclusive",
        Outcome::Skipped => "skipped",
        Outcome::Error => "error",
    }
}

/// What was run, and how.
#[derive(Debug, Clone, Default)]
pub struct Facts {
    /// The suite in a few words, such as `built-in suite, 200 scenarios`.
    pub suite: String,
    /// The target's URL, or `embedded`.
    pub target: String,
    /// How accounts logged in, where the target was asked.
    pub mechanism: Option<&'static str>,
    pub profile: Profile,
    pub jobs: usize,
    pub seed: u64,
    /// A broken SHOULD fails.
    pub strict: bool,
    /// A scenario that passed only on a retry fails.
    pub flaky_fails: bool,
    /// A scenario that was skipped fails.
    pub skip_fails: bool,
    /// Wall time of the beginning, RFC 3339.
    pub started: String,
    pub again: Again,
}

/// How often a rule was seen kept and broken by those who were tested. What a bot of ours breaks on purpose, what nobody
/// can be blamed for and what is not certain counts as neither.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(default)]
pub struct Count {
    pub held: u64,
    pub broken: u64,
    /// Broken, as a waiver or the profile says; not among `broken`.
    pub known: u64,
}

/// A run and all that can be counted of it.
#[derive(Debug)]
pub struct Report<'r> {
    pub facts: Facts,
    pub results: &'r [Finished],
    /// Wall time of it all.
    pub seconds: f64,
    /// Stopped by whoever watched it.
    pub interrupted: bool,
    /// Each waiver, and what came of it.
    pub waivers: Vec<Reviewed>,
    /// By rule id; only what was put to the test.
    pub rules: BTreeMap<&'static str, Count>,
}

impl<'r> Report<'r> {
    pub fn new(facts: Facts, results: &'r [Finished], waivers: Vec<Reviewed>) -> Report<'r> {
        let rules = count(results.iter().filter_map(|finished| finished.verdict.as_ref()));
        Report {
            facts,
            results,
            seconds: 0.0,
            interrupted: false,
            waivers,
            rules,
        }
    }

    pub fn count(&self, outcome: Outcome) -> usize {
        let fits = |finished: &&Finished| finished.outcome == outcome;
        self.results.iter().filter(fits).count()
    }

    /// Whether this outcome makes the run fail.
    pub fn fails(&self, outcome: Outcome) -> bool {
        match outcome {
            Outcome::Failed => true,
            Outcome::Warned => self.facts.strict,
            Outcome::Flaky => self.facts.flaky_fails,
            Outcome::Skipped => self.facts.skip_fails,
            Outcome::Passed | Outcome::Known | Outcome::Inconclusive | Outcome::Error => false,
        }
    }

    /// Waivers that somebody has to look after.
    pub fn red_waivers(&self) -> impl Iterator<Item = &Reviewed> {
        self.waivers.iter().filter(|reviewed| reviewed.used.is_red())
    }

    /// Whether anything was played to a verdict or to an error.
    pub fn ran(&self) -> bool {
        self.results
            .iter()
            .any(|finished| finished.outcome != Outcome::Skipped)
    }

    /// Rules that apply to this server, and that nothing put to the test.
    pub fn unreached(&self) -> impl Iterator<Item = &'static str> {
        let enforcing = self.facts.profile.class == Class::Enforcing;
        let rules = catalogue().iter().filter(move |rule| applies(rule, enforcing));
        rules
            .map(|rule| rule.id)
            .filter(|id| !self.rules.contains_key(id))
    }
}

/// How often each rule was kept and broken in these verdicts.
pub fn count<'v>(verdicts: impl Iterator<Item = &'v Verdict>) -> BTreeMap<&'static str, Count> {
    let mut rules: BTreeMap<&'static str, Count> = BTreeMap::new();
    for verdict in verdicts {
        for (id, tally) in verdict.rules.iter().filter(|(_, tally)| tally.held > 0) {
            rules.entry(id).or_default().held += tally.held;
        }
        for (index, finding) in verdict.findings.iter().enumerate().filter(|(_, f)| is_breach(f)) {
            let count = rules.entry(finding.rule.id).or_default();
            match verdict.known.contains_key(&index) {
                true => count.known += 1,
                false => count.broken += 1,
            }
        }
    }
    rules
}

/// Whether a run between callspec's own bots can put a server of this class to the test with this rule.
pub fn applies(rule: &Rule, enforcing: bool) -> bool {
    // What a scenario asks for beyond the rules is no rule that a run could leave out.
    let owed = rule.subject != Subjects::Client && !rule.id.starts_with("SC-");
    owed && (enforcing || !rule.id.starts_with("EN-"))
}

/// Certain, the target's, and more than a remark.
pub fn is_breach(finding: &Finding) -> bool {
    bears(finding) && finding.blame != Blame::Ourselves && finding.excuse.is_none()
}

/// Whether a finding bears on the result at all: it is no remark, nothing that a scenario announces, and nothing that
/// can be read in two ways.
pub fn bears(finding: &Finding) -> bool {
    match finding.blame {
        Blame::Server | Blame::Client => finding.level != Level::Info,
        Blame::Ourselves => true,
        Blame::Announced | Blame::Nobody => false,
    }
}

/// The findings that bear on the result, each with its index in the verdict.
pub fn bearing(verdict: &Verdict) -> impl Iterator<Item = (usize, &Finding)> {
    verdict
        .findings
        .iter()
        .enumerate()
        .filter(|(_, finding)| bears(finding))
}

/// The name of a case with its matrix values.
pub fn title(finished: &Finished) -> String {
    let mut title = finished.case.name.clone();
    for value in &finished.case.matrix {
        title.push_str("  ");
        title.push_str(&plain(value));
    }
    title
}

/// One line of text whatever stands in it: no control character reaches a terminal.
pub fn plain(text: &str) -> String {
    text.chars()
        .map(|c| match c {
            '\n' | '\r' | '\t' => ' ',
            // Marks that turn the direction of what follows do to a line what escape codes do.
            '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{fffe}' | '\u{ffff}' => '\u{fffd}',
            c if c.is_control() => '\u{fffd}',
            c => c,
        })
        .collect()
}

/// The target in a few words, such as `relay, full JID, SCRAM-SHA-256`.
pub fn kind(facts: &Facts) -> String {
    let mut words = vec![facts.profile.class.name(), facts.profile.addressing.goal()];
    words.extend(facts.mechanism);
    words.join(", ")
}
