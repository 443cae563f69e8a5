//! The summary of a run that has just ended.

use super::super::details::step;
use super::super::{Again, Report};
use super::{Entry, Excused, Found, Summary, TargetName, Waived};
use crate::rules::{Blame, Finding, Known, Subjects, Verdict};
use crate::run::{Finished, Reviewed};

impl Summary {
    pub fn of(report: &Report<'_>) -> Summary {
        let facts = &report.facts;
        let rules = report.rules.iter().map(|(id, count)| ((*id).to_owned(), *count));
        let mut summary = Summary {
            callspec: env!("CARGO_PKG_VERSION").to_owned(),
            target: TargetName {
                url: facts.target.clone(),
                mechanism: facts.mechanism.map(str::to_owned),
            },
            profile: serde_json::to_value(&facts.profile).unwrap_or_default(),
            suite: facts.suite.clone(),
            seed: facts.seed,
            strict: facts.strict,
            started: facts.started.clone(),
            seconds: report.seconds,
            interrupted: report.interrupted,
            counts: Default::default(),
            rules: rules.collect(),
            waivers: report.waivers.iter().map(Waived::of).collect(),
            scenarios: report
                .results
                .iter()
                .map(|finished| Entry::of(finished, &facts.again))
                .collect(),
        };
        summary.count();
        summary
    }
}

impl Waived {
    fn of(reviewed: &Reviewed) -> Waived {
        let waiver = &reviewed.waiver;
        Waived {
            rule: waiver.rule.clone(),
            scenario: waiver.scenario.to_string(),
            reason: waiver.reason.clone(),
            place: waiver.place.clone(),
            expires: reviewed.expires.map(|day| day.to_string()),
            used: reviewed.used,
        }
    }
}

impl Entry {
    fn of(finished: &Finished, again: &Again) -> Entry {
        let case = &finished.case;
        let mut findings = finished.verdict.as_ref().map(Found::all).unwrap_or_default();
        let verdict = finished.verdict.iter().flat_map(|verdict| &verdict.findings);
        for (found, finding) in findings.iter_mut().zip(verdict) {
            found.step = step(finished, finding).map(str::to_owned);
        }
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
            again: again.command(case),
            findings,
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
            subject: match (finding.rule.subject, finding.blame) {
                (Subjects::Client, _) | (Subjects::Both, Blame::Client | Blame::Announced) => "client",
                (Subjects::Server | Subjects::Both, _) => "server",
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
            step: None,
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
