//! TAP version 14: `# SKIP` with its reason, `# TODO` what is known to be broken, a YAML block with what was found.

use std::fmt::Write as _;

use super::junit::message;
use super::tally::{Report, bearing, name, title};
use super::terminal::waiver_words;
use crate::rules::Outcome;
use crate::run::Finished;

pub fn tap(report: &Report<'_>) -> String {
    let mut out = String::from("TAP version 14\n");
    let total = report.results.len() + report.waivers.len();
    match total {
        0 => out.push_str("1..0 # SKIP nothing ran\n"),
        n => {
            let _ = writeln!(out, "1..{n}");
        }
    }
    let mut number = 0;
    for finished in report.results {
        number += 1;
        point(&mut out, number, report, finished);
    }
    for reviewed in &report.waivers {
        number += 1;
        let ok = if reviewed.used.is_red() { "not ok" } else { "ok" };
        let words = format!("{}: {}", reviewed.waiver.place, waiver_words(reviewed));
        let _ = writeln!(out, "{ok} {number} - waiver {}", escape(&words));
    }
    if report.interrupted {
        out.push_str("Bail out! stopped before the end\n");
    }
    out
}

fn point(out: &mut String, number: usize, report: &Report<'_>, finished: &Finished) {
    let outcome = finished.outcome;
    let bad = report.fails(outcome) || matches!(outcome, Outcome::Error | Outcome::Known);
    let directive = match outcome {
        Outcome::Skipped => format!(" # SKIP {}", escape(&message(finished))),
        Outcome::Inconclusive => format!(" # SKIP {}", escape(&message(finished))),
        Outcome::Known => format!(" # TODO {}", escape(&message(finished))),
        _ => String::new(),
    };
    let ok = if bad { "not ok" } else { "ok" };
    let _ = writeln!(out, "{ok} {number} - {}{directive}", escape(&title(finished)));
    if matches!(outcome, Outcome::Passed | Outcome::Skipped) {
        return;
    }
    out.push_str("  ---\n");
    let _ = writeln!(out, "  result: {}", name(outcome));
    if let Some(reason) = &finished.reason {
        let _ = writeln!(out, "  reason: {}", quoted(reason));
    }
    let _ = writeln!(out, "  at: {}", quoted(&finished.case.place.to_string()));
    if let Some(verdict) = &finished.verdict {
        let mut findings = bearing(verdict).peekable();
        if findings.peek().is_some() {
            out.push_str("  findings:\n");
        }
        for (index, finding) in findings {
            let _ = writeln!(out, "    - rule: {}", finding.rule.id);
            let _ = writeln!(out, "      message: {}", quoted(&finding.message));
            let _ = writeln!(out, "      wanted: {}", quoted(&finding.wanted));
            let _ = writeln!(out, "      seen: {}", quoted(&finding.seen));
            let _ = writeln!(out, "      source: {}", quoted(finding.rule.source));
            if let Some(known) = verdict.known.get(&index) {
                let _ = writeln!(out, "      known: {}", quoted(&known.reason));
            }
        }
    }
    if let Some(path) = &finished.transcript {
        let _ = writeln!(out, "  transcript: {}", quoted(&path.display().to_string()));
    }
    let _ = writeln!(
        out,
        "  again: {}",
        quoted(&report.facts.again.command(&finished.case))
    );
    out.push_str("  ...\n");
}

/// A JSON string, which is YAML 1.2 as it stands once what YAML calls not printable is escaped.
fn quoted(text: &str) -> String {
    let mut out = String::new();
    for c in serde_json::to_string(text).unwrap_or_default().chars() {
        match c {
            '\u{7f}'..='\u{9f}' | '\u{feff}' | '\u{fffe}' | '\u{ffff}' => {
                let _ = write!(out, "\\u{:04x}", u32::from(c));
            }
            c => out.push(c),
        }
    }
    out
}

/// A description in which nothing is a directive.
fn escape(text: &str) -> String {
    let mut out = String::new();
    for c in super::tally::plain(text).chars() {
        if matches!(c, '#' | '\\') {
            out.push('\\');
        }
        out.push(c);
    }
    out
}
