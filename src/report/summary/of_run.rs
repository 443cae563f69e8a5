//! The summary of a run that has just ended.

use super::{Entry, Excused, Found, Summary, TargetName};
use crate::profile::Profile;
use crate::rules::{Blame, Finding, Known, Subjects, Verdict};
use crate::run::Finished;

impl Summary {
    /// `target` is where it ran: a URL without secrets, or `embedded`.
    pub fn of(results: &[Finished], target: &str, profile: &Profile, seconds: f64) -> Summary {
        let mut summary = Summary {
            callspec: env!("CARGO_PKG_VERSION").to_owned(),
            target: TargetName {
                url: target.to_owned(),
            },
            profile: serde_json::to_value(profile).unwrap_or_default(),
            seconds,
            counts: Default::default(),
            rules: Default::default(),
            scenarios: results.iter().map(Entry::of).collect(),
        };
        let verdicts = results.iter().filter_map(|finished| finished.verdict.as_ref());
        for (rule, tally) in verdicts.flat_map(|verdict| &verdict.rules) {
            let sum = summary.rules.entry((*rule).to_owned()).or_default();
            sum.held += tally.held;
            sum.broken += tally.broken;
        }
        summary.count();
        summary
    }
}

impl Entry {
    pub fn of(finished: &Finished) -> Entry {
        let case = &finished.case;
        Entry {
            name: case.name.clone(),
            matrix: case.matrix.clone(),
            about: case.about.clone(),
            file: case.place.file.clone(),
            line: case.place.line as u64,
            tags: case.tags.clone(),
            rules: case.rules.clone(),
            result: finished.outcome,
            reason: finished.reason.clone(),
            seconds: finished.seconds,
            transcript: finished
                .transcript
                .as_ref()
                .map(|path| path.display().to_string()),
            findings: finished.verdict.as_ref().map(Found::all).unwrap_or_default(),
        }
    }
}

impl Found {
    pub fn all(verdict: &Verdict) -> Vec<Found> {
        let findings = verdict.findings.iter().enumerate();
        findings
            .map(|(at, finding)| Found::of(finding, verdict.known.get(&at)))
            .collect()
    }

    fn of(finding: &Finding, known: Option<&Known>) -> Found {
        Found {
            rule: finding.rule.id.to_owned(),
            level: finding.level,
            subject: match finding.rule.subject {
                Subjects::Server => "server",
                Subjects::Client => "client",
                Subjects::Both => "server and client",
            }
            .to_owned(),
            blame: match finding.blame {
                Blame::Server => "server",
                Blame::Client => "client",
                Blame::Ourselves => "ourselves",
                Blame::Announced => "announced",
                Blame::Nobody => "nobody",
            }
            .to_owned(),
            party: finding.party.clone(),
            message: finding.message.clone(),
            wanted: finding.wanted.clone(),
            seen: finding.seen.clone(),
            events: finding.events.clone(),
            source: finding.rule.source.to_owned(),
            text: finding.rule.text.to_owned(),
            excuse: finding.excuse.clone(),
            known: known.map(|known| Excused {
                reason: known.reason.clone(),
                place: known.place.clone(),
            }),
        }
    }
}
