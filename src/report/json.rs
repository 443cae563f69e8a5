//! The JSON report.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::profile::Profile;
use crate::rules::{Finding, Outcome, Subjects, Tally};
use crate::run::Finished;

pub fn json(results: &[Finished], target: &str, profile: &Profile) -> String {
    use Outcome::{Error, Failed, Flaky, Inconclusive, Known, Passed, Skipped, Warned};
    let count = |outcome: Outcome| {
        results
            .iter()
            .filter(|finished| finished.outcome == outcome)
            .count()
    };
    let mut rules: BTreeMap<&str, Tally> = BTreeMap::new();
    for (rule, tally) in results
        .iter()
        .filter_map(|finished| finished.verdict.as_ref())
        .flat_map(|v| &v.rules)
    {
        let sum = rules.entry(rule).or_default();
        sum.held += tally.held;
        sum.broken += tally.broken;
    }
    let scenarios: Vec<Value> = results
        .iter()
        .map(|finished| {
            let findings = finished.verdict.iter().flat_map(|verdict| &verdict.findings);
            json!({
                "name": finished.case.name,
                "matrix": finished.case.matrix,
                "file": finished.case.place.file,
                "result": finished.outcome,
                "reason": finished.reason,
                "seconds": finished.seconds,
                "transcript": finished.transcript,
                "findings": findings.map(finding).collect::<Vec<_>>(),
            })
        })
        .collect();
    let report = json!({
        "callspec": env!("CARGO_PKG_VERSION"),
        "target": { "url": target },
        "profile": profile,
        "summary": {
            "passed": count(Passed), "failed": count(Failed), "warned": count(Warned), "flaky": count(Flaky), "known": count(Known),
            "inconclusive": count(Inconclusive), "skipped": count(Skipped), "error": count(Error),
        },
        "rules": rules,
        "scenarios": scenarios,
    });
    format!("{report:#}")
}

fn finding(finding: &Finding) -> Value {
    let subject = if finding.rule.subject == Subjects::Client {
        "client"
    } else {
        "server"
    };
    json!({
        "rule": finding.rule.id,
        "level": finding.level,
        "subject": subject,
        "message": finding.message,
        "wanted": finding.wanted,
        "seen": finding.seen,
        "events": finding.events,
        "source": finding.rule.source,
        "excuse": finding.excuse,
    })
}
