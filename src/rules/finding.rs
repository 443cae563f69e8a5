//! What the judge says.

use std::collections::{BTreeMap, BTreeSet};

use super::{Known, Level, Rule, catalogue, rule};

/// Whose a finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Blame {
    Server,
    /// The client under test.
    Client,
    /// A bot of ours broke a rule that the scenario does not announce: an error of ours, no verdict on the target.
    Ourselves,
    /// A bot of ours broke it on purpose, as the scenario says: no finding on anyone.
    Announced,
    /// The source can be read in two ways.
    Nobody,
}

/// One thing that the judge found.
#[derive(Debug, Clone)]
pub struct Finding {
    pub rule: &'static Rule,
    /// The rule's level, or `Info` where this case is ambiguous.
    pub level: Level,
    pub blame: Blame,
    /// The party's name or JID that the finding is about; empty for the server.
    pub party: String,
    /// One sentence: what happened.
    pub message: String,
    pub wanted: String,
    pub seen: String,
    /// The events that show it, in order.
    pub events: Vec<u64>,
    /// `None`: certain. Otherwise the order of events that would excuse it, and the finding is inconclusive.
    pub excuse: Option<String>,
    /// The call it is about, where there is one.
    pub call: Option<String>,
}

impl Finding {
    /// Against the server. The rule is of the catalogue: a test reads every id that the judge names.
    pub(super) fn of_server(
        id: &str,
        message: String,
        wanted: &str,
        seen: String,
        events: Vec<u64>,
    ) -> Finding {
        let rule = rule(id).unwrap_or(&catalogue()[0]);
        let mut finding = Finding {
            rule,
            level: rule.level,
            blame: Blame::Server,
            party: String::new(),
            message,
            wanted: wanted.to_owned(),
            seen,
            events,
            excuse: None,
            call: None,
        };
        finding.events.sort_unstable();
        finding.events.dedup();
        finding
    }

    /// Against a client; what only informs is nobody's.
    pub(super) fn of_client(
        id: &str,
        party: &str,
        message: String,
        wanted: &str,
        seen: String,
        events: Vec<u64>,
    ) -> Finding {
        let finding = Finding::of_server(id, message, wanted, seen, events);
        Finding {
            blame: match finding.level {
                Level::Info => Blame::Nobody,
                Level::Must | Level::Should => Blame::Client,
            },
            party: party.to_owned(),
            ..finding
        }
    }

    pub(super) fn in_call(self, call: Option<String>) -> Finding {
        Finding { call, ..self }
    }

    /// Whether the system under test has to answer for it, whatever the order of events was.
    pub fn is_held_against_the_target(&self) -> bool {
        matches!(self.blame, Blame::Server | Blame::Client)
            && self.level != Level::Info
            && self.excuse.is_none()
    }

    pub fn is_certain_breach_of_the_server(&self) -> bool {
        self.blame == Blame::Server && self.level == Level::Must && self.excuse.is_none()
    }
}

/// The result of one scenario (`flaky` comes from the run, not from the judge).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Outcome {
    Passed,
    Failed,
    Warned,
    /// Broken as a waiver or the profile says; nothing else is wrong.
    Known,
    Flaky,
    Inconclusive,
    Skipped,
    Error,
}

/// How often a rule was seen kept and broken.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Tally {
    pub held: u64,
    pub broken: u64,
}

/// What the judge says of a whole transcript: a pure function of it.
#[derive(Debug, Clone)]
pub struct Verdict {
    pub outcome: Outcome,
    /// In the order of their first events.
    pub findings: Vec<Finding>,
    /// Those of them (by index) that a waiver or the profile excuses.
    pub known: BTreeMap<usize, Known>,
    /// Only rules that this transcript put to the test.
    pub rules: BTreeMap<&'static str, Tally>,
    /// Why the target could not be tested, if so.
    pub trouble: Option<String>,
    /// The rule that the target breaks if the trouble is of its own making.
    pub shown: Option<&'static str>,
    /// The rules that the server had certainly broken before that.
    pub decided: BTreeSet<&'static str>,
    /// Findings of kinds of which there were so many that they were only counted.
    pub left_out: u64,
}

impl Verdict {
    /// What is left of the findings comes to this. Trouble takes back nothing that was certain before it: a server that
    /// ends a stream after a breach has broken the rule all the same. What was found only because the run ended there
    /// is another matter: what is missing might have come.
    pub(super) fn outcome_of<'f>(
        &self,
        left: impl IntoIterator<Item = &'f Finding, IntoIter: Clone>,
    ) -> Outcome {
        let left = left.into_iter();
        let decided = left
            .clone()
            .any(|f| f.is_certain_breach_of_the_server() && self.decided.contains(f.rule.id));
        outcome(left, self.trouble.is_some() && !decided)
    }
}

/// What these findings come to.
pub fn outcome<'f, F>(findings: F, trouble: bool) -> Outcome
where
    F: IntoIterator<Item = &'f Finding, IntoIter: Clone>,
{
    let findings = findings.into_iter();
    let ours = findings.clone().any(|f| f.blame == Blame::Ourselves);
    let mut theirs = findings.filter(|f| matches!(f.blame, Blame::Server | Blame::Client));
    let must = |f: &&Finding| f.level == Level::Must;
    if trouble || ours {
        Outcome::Error
    } else if theirs.clone().filter(must).any(|f| f.excuse.is_none()) {
        Outcome::Failed
    } else if theirs.clone().any(|f| must(&f)) {
        Outcome::Inconclusive
    } else if theirs.any(|f| f.level == Level::Should && f.excuse.is_none()) {
        Outcome::Warned
    } else {
        Outcome::Passed
    }
}
