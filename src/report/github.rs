//! GitHub Actions: workflow commands that become annotations, and a step summary in Markdown.

use std::fmt::Write as _;

use super::details::place;
use super::junit::message;
use super::tally::{OUTCOMES, Report, bearing, name, title};
use super::terminal::{duration, waiver_words, word};
use crate::rules::Outcome;
use crate::run::Finished;

/// GitHub shows no more than 1 MiB of a step's summary.
const ROWS: usize = 500;

/// A line for each annotation: `error` what fails, `warning` what should be looked at, `notice` what is known.
pub fn annotations(report: &Report<'_>) -> String {
    let mut out = String::new();
    for finished in report.results {
        let outcome = finished.outcome;
        let command = match outcome {
            outcome if report.fails(outcome) => "error",
            Outcome::Error => "error",
            Outcome::Warned | Outcome::Flaky | Outcome::Inconclusive => "warning",
            Outcome::Known => "notice",
            Outcome::Passed | Outcome::Failed | Outcome::Skipped => continue,
        };
        let heading = format!("{} {}", word(outcome), title(finished));
        let place = place(finished);
        let mut properties = Vec::new();
        // The built-in suite's files are in nobody's repository.
        if !report.facts.again.builtin
            && let Some((file, line)) = place.rsplit_once(':')
        {
            properties.push(format!("file={}", property(file)));
            properties.push(format!("line={line}"));
        }
        properties.push(format!("title={}", property(&heading)));
        let text = texts(finished);
        let _ = writeln!(out, "::{command} {}::{}", properties.join(","), data(&text));
    }
    for reviewed in report.red_waivers() {
        let (file, line) = match reviewed.waiver.place.rsplit_once(':') {
            Some((file, line)) if line.parse::<usize>().is_ok() => (file, line),
            _ => (reviewed.waiver.place.as_str(), "1"),
        };
        let _ = writeln!(
            out,
            "::error file={},line={line},title=Waiver of {}::{}",
            property(file),
            property(&reviewed.waiver.rule),
            data(&waiver_words(reviewed))
        );
    }
    out
}

/// What was found, a finding a line; or why there is none.
fn texts(finished: &Finished) -> String {
    let mut lines: Vec<String> = finished.reason.iter().cloned().collect();
    if let Some(verdict) = &finished.verdict {
        for (index, finding) in bearing(verdict).take(10) {
            let known = verdict.known.get(&index);
            let known = known.map(|known| format!(" (known: {})", known.reason));
            lines.push(format!(
                "{}: {} wanted: {}; seen: {}{}",
                finding.rule.id,
                finding.message,
                finding.wanted,
                finding.seen,
                known.unwrap_or_default()
            ));
        }
    }
    lines.join("\n")
}

/// The step's summary.
pub fn step_summary(report: &Report<'_>) -> String {
    let facts = &report.facts;
    let mut out = format!(
        "## callspec: {}\n\n{} on `{}` in {}\n\n| result | scenarios |\n| --- | ---: |\n",
        headline(report),
        cell(&facts.suite),
        facts.target.replace('`', ""),
        duration(report.seconds)
    );
    for outcome in OUTCOMES.into_iter().filter(|outcome| report.count(*outcome) > 0) {
        let _ = writeln!(out, "| {} | {} |", name(outcome), report.count(outcome));
    }
    let shown = |finished: &&Finished| !matches!(finished.outcome, Outcome::Passed | Outcome::Skipped);
    let mut rows = report.results.iter().filter(shown).peekable();
    if rows.peek().is_some() {
        out.push_str("\n| result | scenario | what happened |\n| --- | --- | --- |\n");
    }
    for finished in rows.by_ref().take(ROWS) {
        let _ = writeln!(
            out,
            "| {} | {} | {} |",
            name(finished.outcome),
            cell(&title(finished)),
            cell(&message(finished))
        );
    }
    match rows.count() {
        0 => {}
        more => {
            let _ = writeln!(out, "\n{more} more are in the other reports.");
        }
    }
    let mut reasons: Vec<(String, usize)> = Vec::new();
    for finished in report.results.iter().filter(|f| f.outcome == Outcome::Skipped) {
        let reason = message(finished);
        match reasons.iter_mut().find(|(known, _)| *known == reason) {
            Some((_, n)) => *n += 1,
            None => reasons.push((reason, 1)),
        }
    }
    if !reasons.is_empty() {
        out.push_str("\nSkipped:\n\n");
    }
    for (reason, n) in reasons {
        let _ = writeln!(out, "- {n}: {}", cell(&reason));
    }
    if !report.waivers.is_empty() {
        out.push_str("\nWaivers:\n\n");
    }
    for reviewed in &report.waivers {
        let red = if reviewed.used.is_red() { "**" } else { "" };
        let words = cell(&waiver_words(reviewed));
        let _ = writeln!(out, "- {red}{}{red}: {words}", cell(&reviewed.waiver.place));
    }
    out.push('\n');
    out
}

fn headline(report: &Report<'_>) -> &'static str {
    let bad = OUTCOMES
        .into_iter()
        .any(|outcome| report.fails(outcome) && report.count(outcome) > 0);
    if bad || report.red_waivers().next().is_some() {
        "failed"
    } else if report.interrupted {
        "stopped before the end"
    } else if report.count(Outcome::Error) > 0 || !report.ran() {
        "the target could not be tested"
    } else {
        "every rule that applies held"
    }
}

/// The text of a workflow command.
fn data(text: &str) -> String {
    text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")
}

/// The value of a property of a workflow command.
fn property(text: &str) -> String {
    data(text).replace(':', "%3A").replace(',', "%2C")
}

/// Text in Markdown, also in a table: nothing in it is markup, nothing ends the cell.
fn cell(text: &str) -> String {
    let mut out = String::new();
    for c in super::tally::plain(text).chars() {
        match c {
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '&' => out.push_str("&amp;"),
            '\\' | '`' | '*' | '_' | '{' | '}' | '[' | ']' | '(' | ')' | '#' | '|' | '!' | '~' => {
                out.push('\\');
                out.push(c);
            }
            c => out.push(c),
        }
    }
    out
}
