//! A run put together again from its summary, for the reports that are made of runs.

use std::collections::BTreeMap;

use time::Date;
use time::macros::format_description;

use super::{Entry, Found, Summary, Waived};
use crate::profile::Profile;
use crate::report::html::Played;
use crate::report::{Again, Facts, Report};
use crate::rules::{Blame, Finding, Glob, Known, Outcome, Verdict, Waiver, rule};
use crate::run::{Finished, Reviewed};
use crate::scenario::Case;
use crate::yaml::Place;

impl Summary {
    /// What came of each scenario. Transcripts that are where the summary says are read again for their ladders.
    ///
    /// # Errors
    /// A rule that this version's catalogue does not have: a later version wrote the report.
    pub fn results(&self) -> Result<Vec<Finished>, String> {
        self.scenarios.iter().map(finished).collect()
    }

    /// The run that these results, which are [`Summary::results`], are of.
    pub fn report<'r>(&self, results: &'r [Finished]) -> Report<'r> {
        let facts = Facts {
            suite: self.suite.clone(),
            target: self.target.url.clone(),
            profile: serde_json::from_value::<Profile>(self.profile.clone()).unwrap_or_default(),
            seed: self.seed,
            strict: self.strict,
            started: self.started.clone(),
            again: Again {
                builtin: self.suite.starts_with("built-in"),
                known: self.scenarios.iter().map(again).collect(),
                ..Again::default()
            },
            ..Facts::default()
        };
        let mut report = Report::new(facts, results, self.waivers.iter().map(reviewed).collect());
        report.seconds = self.seconds;
        report.interrupted = self.interrupted;
        // Only the sums are in the file.
        report.rules = self
            .rules
            .iter()
            .filter_map(|(id, count)| Some((rule(id)?.id, *count)))
            .collect();
        report
    }
}

fn again(entry: &Entry) -> ((String, Vec<String>), String) {
    ((entry.name.clone(), entry.matrix.clone()), entry.again.clone())
}

fn finished(entry: &Entry) -> Result<Finished, String> {
    let mut known = BTreeMap::new();
    let mut findings = Vec::new();
    for found in &entry.findings {
        if let Some(excused) = &found.known {
            let known_by = Known {
                reason: excused.reason.clone(),
                place: excused.place.clone(),
            };
            known.insert(findings.len(), known_by);
        }
        findings.push(finding(found).ok_or_else(|| {
            format!(
                "{}: this version of callspec has no rule {}",
                entry.title(),
                found.rule
            )
        })?);
    }
    let judged = !findings.is_empty() || !matches!(entry.result, Outcome::Skipped | Outcome::Error);
    let wrong = !matches!(entry.result, Outcome::Passed | Outcome::Skipped);
    let transcript = entry.transcript.as_ref().filter(|_| wrong);
    let played = transcript
        .and_then(|path| Played::from_file(path.as_ref()).ok())
        .unwrap_or_default();
    Ok(Finished {
        case: case(entry).into(),
        outcome: entry.result,
        seconds: entry.seconds.clamp(0.0, 1e9),
        reason: entry.reason.clone(),
        transcript: entry.transcript.as_ref().map(Into::into),
        verdict: judged.then(|| Verdict {
            outcome: entry.result,
            findings,
            known,
            rules: BTreeMap::new(),
            trouble: entry.reason.clone().filter(|_| entry.result == Outcome::Error),
            shown: None,
            decided: Default::default(),
            left_out: 0,
        }),
        events: played.events,
        cast: played.cast,
    })
}

fn case(entry: &Entry) -> Case {
    Case {
        name: entry.name.clone(),
        about: entry.about.clone(),
        place: Place {
            file: entry.file.clone(),
            line: usize::try_from(entry.line).unwrap_or_default().max(1),
            column: 1,
        },
        rules: entry.rules.clone(),
        tags: entry.tags.clone(),
        matrix: entry.matrix.clone(),
        classes: Vec::new(),
        needs: Vec::new(),
        cast: Vec::new(),
        steps: Vec::new(),
        quiet: None,
        leaves_open: None,
    }
}

fn finding(found: &Found) -> Option<Finding> {
    Some(Finding {
        rule: rule(&found.rule)?,
        level: found.level,
        blame: match found.blame.as_str() {
            "client" => Blame::Client,
            "ourselves" => Blame::Ourselves,
            "announced" => Blame::Announced,
            "nobody" => Blame::Nobody,
            _ => Blame::Server,
        },
        party: found.party.clone(),
        message: found.message.clone(),
        wanted: found.wanted.clone(),
        seen: found.seen.clone(),
        events: found.events.clone(),
        excuse: found.excuse.clone(),
        call: None,
    })
}

fn reviewed(waived: &Waived) -> Reviewed {
    let day = format_description!("[year]-[month]-[day]");
    Reviewed {
        waiver: Waiver {
            rule: waived.rule.clone(),
            scenario: Glob::new(&waived.scenario),
            reason: waived.reason.clone(),
            place: waived.place.clone(),
        },
        expires: waived
            .expires
            .as_deref()
            .and_then(|text| Date::parse(text, &day).ok()),
        used: waived.used,
    }
}
