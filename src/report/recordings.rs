//! JUnit XML of recordings: a test case for each call.

use std::fmt::Write;

use super::summary::{Found, Summary};
use crate::rules::Outcome;

/// What XML 1.0 allows (§2.2), made safe for text and attributes.
fn escape(text: &str) -> String {
    let fits = |c: &char| !c.is_control() || matches!(c, '\n' | '\t');
    crate::stanza::escape(&text.chars().filter(fits).collect::<String>())
}

pub fn junit_of(summary: &Summary) -> String {
    let count = |outcomes: &[Outcome]| outcomes.iter().map(|one| summary.counts.of(*one)).sum::<usize>();
    let failures = count(&[Outcome::Failed]);
    let errors = count(&[Outcome::Error]);
    let skipped = count(&[Outcome::Skipped, Outcome::Inconclusive, Outcome::Known]);
    let tests = summary.scenarios.len();
    let mut out = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
    let _ = writeln!(
        out,
        "<testsuites name=\"callspec\" tests=\"{tests}\" failures=\"{failures}\" errors=\"{errors}\" time=\"0.000\">\n  \
         <testsuite name=\"callspec.recordings\" tests=\"{tests}\" failures=\"{failures}\" errors=\"{errors}\" \
         skipped=\"{skipped}\" time=\"0.000\">"
    );
    for entry in &summary.scenarios {
        let first = entry.findings.first();
        let message = first.map(|found| format!("{}: {}", found.rule, found.message));
        let reason = entry.reason.clone();
        let message = if entry.result == Outcome::Failed {
            message.or(reason)
        } else {
            reason.or(message)
        };
        let message = escape(&message.unwrap_or_default());
        let texts: Vec<String> = entry.findings.iter().map(text).collect();
        let texts = escape(&texts.join("\n"));
        let _ = write!(
            out,
            "    <testcase name=\"{}\" classname=\"callspec.{}\" time=\"0.000\">",
            escape(&entry.title()),
            escape(&entry.file)
        );
        let _ = match entry.result {
            Outcome::Failed => write!(out, "<failure message=\"{message}\">{texts}</failure>"),
            Outcome::Error => write!(out, "<error message=\"{message}\">{texts}</error>"),
            Outcome::Skipped | Outcome::Inconclusive | Outcome::Known => {
                write!(out, "<skipped message=\"{message}\"/>")
            }
            Outcome::Passed | Outcome::Warned | Outcome::Flaky => Ok(()),
        };
        out.push_str("</testcase>\n");
    }
    out.push_str("  </testsuite>\n</testsuites>\n");
    out
}

fn text(found: &Found) -> String {
    let excuse = found.excuse.as_ref();
    let excuse = excuse.map(|excuse| format!("\n  excused if  {excuse}"));
    format!(
        "{} ({}): {}\n  wanted  {}\n  seen    {}{}",
        found.rule,
        found.source,
        found.message,
        found.wanted,
        found.seen,
        excuse.unwrap_or_default()
    )
}
