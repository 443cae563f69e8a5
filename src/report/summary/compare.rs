//! Two reports side by side: what is newly broken, and what is mended.

use std::collections::{BTreeMap, BTreeSet};

use super::{Entry, Summary};
use crate::rules::Outcome;

/// What became of a scenario.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Change {
    /// It breaks a rule that it did not break before.
    NewlyBroken,
    /// It was tried before, and could not be now.
    Untested,
    StillBroken,
    Mended,
    /// It is no longer there.
    Gone,
    /// It was not there before, and breaks nothing.
    New,
}

/// The scenarios that differ, or are still broken, each with the rules that it is about.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Comparison {
    pub changes: Vec<(Change, String, Vec<String>)>,
    /// Scenarios in both reports, broken in neither.
    pub sound: usize,
}

impl Comparison {
    pub fn of(&self, change: Change) -> impl Iterator<Item = &(Change, String, Vec<String>)> {
        self.changes.iter().filter(move |(of, _, _)| *of == change)
    }
}

/// Compares rule by rule: a scenario that was broken may be newly broken by another rule. With `strict` a broken
/// SHOULD counts too.
pub fn compare(old: &Summary, new: &Summary, strict: bool) -> Comparison {
    let before: BTreeMap<String, &Entry> = old.scenarios.iter().map(|entry| (entry.title(), entry)).collect();
    let now: BTreeMap<String, &Entry> = new.scenarios.iter().map(|entry| (entry.title(), entry)).collect();
    let mut comparison = Comparison::default();
    for (title, entry) in &now {
        let broken_now = broken(entry, strict);
        let old = before.get(title).copied();
        let broken_before = old.map(|entry| broken(entry, strict)).unwrap_or_default();
        let tried = |entry: &Entry| !matches!(entry.result, Outcome::Skipped | Outcome::Error);
        let mut tell = |change, rules: Vec<String>| comparison.changes.push((change, title.clone(), rules));
        if !tried(entry) {
            match old {
                Some(old) if tried(old) => tell(Change::Untested, Vec::new()),
                Some(_) => comparison.sound += 1,
                None => tell(Change::New, Vec::new()),
            }
            continue;
        }
        let fresh: Vec<String> = broken_now.difference(&broken_before).cloned().collect();
        let still: Vec<String> = broken_now.intersection(&broken_before).cloned().collect();
        let mended: Vec<String> = broken_before.difference(&broken_now).cloned().collect();
        let quiet = fresh.is_empty() && still.is_empty() && mended.is_empty();
        for (change, rules) in [
            (Change::NewlyBroken, fresh),
            (Change::StillBroken, still),
            (Change::Mended, mended),
        ] {
            if !rules.is_empty() {
                tell(change, rules);
            }
        }
        match old {
            None if quiet => tell(Change::New, Vec::new()),
            Some(_) if quiet => comparison.sound += 1,
            _ => {}
        }
    }
    for (title, entry) in &before {
        if !now.contains_key(title) {
            let rules = broken(entry, strict).into_iter().collect();
            comparison.changes.push((Change::Gone, title.clone(), rules));
        }
    }
    comparison.changes.sort();
    comparison
}

/// The rules that a scenario breaks for certain.
fn broken(entry: &Entry, strict: bool) -> BTreeSet<String> {
    // A pass on a retry is no breach, whatever was found at first.
    if entry.result == Outcome::Flaky {
        return BTreeSet::new();
    }
    let breaches = entry.findings.iter().filter(|found| found.is_breach(strict));
    let mut rules: BTreeSet<String> = breaches.map(|found| found.rule.clone()).collect();
    if rules.is_empty() && entry.result == Outcome::Failed {
        // Never passed over, even where a report names no rule.
        rules.insert("failed".to_owned());
    }
    rules
}
