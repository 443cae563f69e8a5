//! What all recordings together came to: the summary for reports, and the exit status.

use std::collections::BTreeMap;

use time::format_description::well_known::Rfc3339;

use super::super::calls::Finished;
use super::super::{Exit, complain};
use super::Asked;
use crate::report::html::Played;
use crate::report::{Recorded, Summary};
use crate::rules::{Outcome, Verdict, Waiver};
use crate::run::{Reviewed, Use};
use crate::transcript::Header;

/// Passed calls of one recording that are listed one by one.
pub(super) const LISTED: usize = 100;
/// Passed calls of one recording that stand in reports.
pub(super) const REPORTED: usize = 10_000;

/// What has been judged so far.
#[derive(Default)]
pub(super) struct Outcomes {
    summary: Summary,
    /// What happened in each of its entries, as far as it was kept.
    played: Vec<Option<Played>>,
    recordings: usize,
    /// Calls that were judged and stand in no report.
    unlisted: u64,
    outcomes: BTreeMap<Outcome, u64>,
    /// How many findings each waiver excused, by its place.
    excused: BTreeMap<String, usize>,
    /// A file is wrong.
    pub wrong: bool,
    /// A file holds nothing to judge.
    pub nothing: bool,
}

impl Outcomes {
    fn note(&mut self, verdict: &Verdict) {
        *self.outcomes.entry(verdict.outcome).or_default() += 1;
        for known in verdict.known.values() {
            *self.excused.entry(known.place.clone()).or_default() += 1;
        }
    }

    fn head(&mut self, header: &Header) {
        if self.recordings == 0 {
            self.summary.begin(header);
        }
        self.recordings += 1;
    }

    pub fn transcript(&mut self, header: &Header, verdict: &Verdict, file: &str) {
        self.note(verdict);
        self.head(header);
        self.summary.add_transcript(header, verdict, file);
        self.played.push(None);
    }

    pub fn recording(&mut self, header: &Header, finished: Finished, file: &str) {
        self.head(header);
        self.summary.add_rules(&finished.rules);
        for (outcome, calls) in finished.unlisted {
            *self.outcomes.entry(outcome).or_default() += calls;
            self.unlisted += calls;
        }
        for told in finished.told {
            self.note(&told.verdict);
            self.summary.add_call(&Recorded {
                title: told.title(),
                about: told.about,
                seconds: told.seconds,
                verdict: told.verdict,
                file: file.to_owned(),
            });
            self.played.push(told.played);
        }
    }

    /// Writes the reports, and says how it all ends.
    ///
    /// # Errors
    /// A report that could not be written.
    pub fn close(mut self, asked: &Asked, seconds: f64) -> Result<Exit, String> {
        if let Some(profile) = &asked.profile {
            self.summary.profile = serde_json::to_value(profile).unwrap_or_default();
        }
        self.summary.callspec = env!("CARGO_PKG_VERSION").to_owned();
        self.summary.strict = asked.strict;
        self.summary.seconds = seconds;
        self.summary.started = asked.started.format(&Rfc3339).unwrap_or_default();
        let s = if self.recordings == 1 { "" } else { "s" };
        self.summary.suite = format!("{} recording{s}", self.recordings);
        if self.unlisted > 0 && !asked.reports.is_empty() {
            let text = format!(
                "{} calls more are counted here and stand in no report",
                self.unlisted
            );
            self.summary.suite.push_str(&format!(", {text}"));
            asked.tell(&format!("  {text}"));
        }
        self.summary.seal();
        let reviewed = self.review(asked);
        for red in reviewed.iter().filter(|reviewed| reviewed.used.is_red()) {
            let waiver = &red.waiver;
            complain(&format!(
                "error: {}: the waiver of {} has expired",
                waiver.place, waiver.rule
            ));
        }
        let expired = reviewed.iter().any(|reviewed| reviewed.used.is_red());
        if !asked.reports.is_empty() {
            let mut results = self.summary.results()?;
            for (result, played) in results.iter_mut().zip(self.played) {
                if let Some(played) = played {
                    (result.events, result.cast) = (played.events, played.cast);
                }
            }
            let mut report = self.summary.report(&results);
            report.waivers = reviewed;
            asked.reports.write(&report)?;
        }
        let any = |outcome| self.outcomes.contains_key(&outcome);
        let broken = any(Outcome::Failed) || (asked.strict && any(Outcome::Warned)) || expired;
        Ok(if self.wrong {
            Exit::Usage
        } else if broken {
            Exit::Broken
        } else if self.nothing || any(Outcome::Error) {
            Exit::Untested
        } else {
            Exit::Held
        })
    }

    fn review(&self, asked: &Asked) -> Vec<Reviewed> {
        let count = |waiver: &Waiver| self.excused.get(&waiver.place).copied().unwrap_or_default();
        let reviewed = asked.entries.iter().map(|entry| Reviewed {
            waiver: entry.waiver.clone(),
            expires: entry.expires,
            used: match count(&entry.waiver) {
                _ if !asked.waivers.contains(&entry.waiver) => Use::Expired,
                0 => Use::Unknown,
                n => Use::Excused(n),
            },
        });
        reviewed.collect()
    }
}
