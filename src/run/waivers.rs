//! What came of each waiver: what it excused, and which have outlived their breach.

use time::Date;

use super::Finished;
use crate::rules::{Outcome, Waiver};
use crate::scenario::Case;
use crate::target::Entry;

/// What a run says of a waiver.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case", tag = "state", content = "findings")]
pub enum Use {
    /// It excused so many findings.
    Excused(usize),
    /// Every case that it names ran, and it had nothing to excuse: its breach is gone, or its pattern is wrong.
    Stale,
    /// Its last day is over; it excused nothing.
    Expired,
    /// Not every case that it names ran: nothing can be said.
    Unknown,
}

impl Use {
    /// Whether somebody has to look after the entry.
    pub fn is_red(self) -> bool {
        matches!(self, Use::Stale | Use::Expired)
    }
}

/// A waiver and what came of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reviewed {
    pub waiver: Waiver,
    pub expires: Option<Date>,
    pub used: Use,
}

/// The entries that still hold on this day.
pub fn in_force(entries: &[Entry], today: Date) -> Vec<Waiver> {
    let entries = entries.iter().filter(|entry| !is_over(entry, today));
    entries.map(|entry| entry.waiver.clone()).collect()
}

/// What came of each entry. `suite` are all cases that there are, of which perhaps only some ran: a part of a suite
/// shows nobody that an entry has outlived its breach.
pub fn review(entries: &[Entry], today: Date, suite: &[Case], results: &[Finished]) -> Vec<Reviewed> {
    let reviewed = entries.iter().map(|entry| {
        let used = if is_over(entry, today) {
            Use::Expired
        } else {
            used(&entry.waiver, suite, results)
        };
        Reviewed {
            waiver: entry.waiver.clone(),
            expires: entry.expires,
            used,
        }
    });
    reviewed.collect()
}

/// What a profile's known breaches excused. They belong to a server, not to a suite: none of them is ever stale.
pub fn review_profile(waivers: &[Waiver], results: &[Finished]) -> Vec<Reviewed> {
    let reviewed = waivers.iter().map(|waiver| Reviewed {
        waiver: waiver.clone(),
        expires: None,
        used: match excused(waiver, results) {
            0 => Use::Unknown,
            n => Use::Excused(n),
        },
    });
    reviewed.collect()
}

fn is_over(entry: &Entry, today: Date) -> bool {
    entry.expires.is_some_and(|last| last < today)
}

fn used(waiver: &Waiver, suite: &[Case], results: &[Finished]) -> Use {
    match excused(waiver, results) {
        0 => {}
        n => return Use::Excused(n),
    }
    let names = |case: &Case| waiver.names(&case.name, &case.matrix);
    // What could not be tested may hide the breach.
    let done = results.iter().filter(|finished| {
        names(&finished.case) && !matches!(finished.outcome, Outcome::Error | Outcome::Inconclusive)
    });
    let (mut ran, mut over) = (0, 0);
    for finished in done {
        over += 1;
        ran += usize::from(finished.outcome != Outcome::Skipped);
    }
    let meant = suite.iter().filter(|case| names(case)).count();
    // One whose cases were all skipped may be for another target.
    if meant == over && (ran > 0 || meant == 0) {
        Use::Stale
    } else {
        Use::Unknown
    }
}

fn excused(waiver: &Waiver, results: &[Finished]) -> usize {
    let named = results
        .iter()
        .filter(|finished| waiver.names(&finished.case.name, &finished.case.matrix));
    let verdicts = named.filter_map(|finished| finished.verdict.as_ref());
    verdicts
        .flat_map(|verdict| &verdict.findings)
        .filter(|finding| waiver.excuses(finding))
        .count()
}
