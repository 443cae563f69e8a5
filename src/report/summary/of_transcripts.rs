//! The summary of recordings that have been judged.

use super::super::again::shell;
use super::super::tally::count;
use super::{Entry, Found, Summary, TargetName};
use crate::rules::Verdict;
use crate::transcript::Header;

impl Summary {
    /// Each recording's header beside its verdict and the name of its file.
    pub fn of_transcripts(judged: &[(Header, Verdict, String)]) -> Summary {
        let first = judged.first().map(|(header, _, _)| header);
        let mut summary = Summary {
            callspec: env!("CARGO_PKG_VERSION").to_owned(),
            target: TargetName {
                url: first.map(|header| header.target.clone()).unwrap_or_default(),
                mechanism: None,
            },
            profile: first
                .and_then(|header| serde_json::to_value(&header.profile).ok())
                .unwrap_or_default(),
            suite: match judged.len() {
                1 => "1 recording".to_owned(),
                n => format!("{n} recordings"),
            },
            seed: first.map(|header| header.seed).unwrap_or_default(),
            strict: false,
            started: first.map(|header| header.started.clone()).unwrap_or_default(),
            seconds: 0.0,
            interrupted: false,
            counts: Default::default(),
            rules: Default::default(),
            waivers: Vec::new(),
            scenarios: Vec::new(),
        };
        for (header, verdict, file) in judged {
            let scenario = &header.scenario;
            summary.scenarios.push(Entry {
                name: if scenario.name.is_empty() {
                    file.clone()
                } else {
                    scenario.name.clone()
                },
                matrix: scenario.case.clone(),
                about: String::new(),
                file: scenario.file.clone().unwrap_or_default(),
                line: 0,
                tags: scenario.tags.clone(),
                rules: scenario.rules.clone(),
                result: verdict.outcome,
                reason: verdict.trouble.clone(),
                seconds: 0.0,
                transcript: Some(file.clone()),
                again: format!("callspec check {}", shell(file)),
                findings: Found::all(verdict),
            });
            for (rule, count) in count(std::iter::once(verdict)) {
                let sum = summary.rules.entry(rule.to_owned()).or_default();
                sum.held += count.held;
                sum.broken += count.broken;
                sum.known += count.known;
            }
        }
        summary.count();
        summary
    }
}
