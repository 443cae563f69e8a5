//! The summary of recordings that have been judged.

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
            },
            profile: first
                .and_then(|header| serde_json::to_value(&header.profile).ok())
                .unwrap_or_default(),
            seconds: 0.0,
            counts: Default::default(),
            rules: Default::default(),
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
                findings: Found::all(verdict),
            });
            for (rule, tally) in &verdict.rules {
                let sum = summary.rules.entry((*rule).to_owned()).or_default();
                sum.held += tally.held;
                sum.broken += tally.broken;
            }
        }
        summary.count();
        summary
    }
}
