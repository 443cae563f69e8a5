//! The terminal's words: good without colour, in 80 columns, in a CI log.

use anstyle::{AnsiColor, Style};

use super::tally::{Facts, OUTCOMES, Report, bearing, kind, name, plain, title};
use super::wrap::{WIDTH, hang, pad, width};
use crate::rules::{Level, Outcome, Verdict};
use crate::run::{Finished, Reviewed, Use};

/// Columns of the outcome's word and of the title after it.
const WORD: usize = 5;
const TITLE: usize = 48;

/// The word that begins a line.
pub fn word(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Passed => "pass",
        Outcome::Failed => "FAIL",
        Outcome::Warned => "warn",
        Outcome::Known => "known",
        Outcome::Flaky => "flaky",
        Outcome::Inconclusive => "maybe",
        Outcome::Skipped => "skip",
        Outcome::Error => "ERROR",
    }
}

/// The word in its colour.
pub(super) fn coloured(outcome: Outcome, columns: usize) -> String {
    let style = match outcome {
        Outcome::Passed => AnsiColor::Green.on_default(),
        Outcome::Failed | Outcome::Error => AnsiColor::Red.on_default().bold(),
        Outcome::Warned | Outcome::Flaky | Outcome::Inconclusive => AnsiColor::Yellow.on_default(),
        Outcome::Known => AnsiColor::Cyan.on_default(),
        Outcome::Skipped => Style::new().dimmed(),
    };
    format!("{style}{}{style:#}", pad(word(outcome), columns))
}

/// What is about to run, and where.
pub fn headline(facts: &Facts) -> String {
    let where_to = match facts.target.as_str() {
        "embedded" => "embedded endpoint",
        url => url,
    };
    let jobs = match facts.jobs {
        1 => "1 job".to_owned(),
        n => format!("{n} jobs"),
    };
    let parts = [
        format!("callspec {}", env!("CARGO_PKG_VERSION")),
        facts.suite.clone(),
        format!("{} ({})", plain(where_to), kind(facts)),
        jobs,
    ];
    let mut lines = vec![String::new()];
    for part in parts {
        match lines.last_mut() {
            Some(line) if line.is_empty() => line.push_str(&part),
            Some(line) if width(line) + 3 + width(&part) <= WIDTH => {
                line.push_str(" · ");
                line.push_str(&part);
            }
            _ => lines.push(format!("  {part}")),
        }
    }
    lines.join("\n")
}

/// One line for one case; a long reason goes on the next.
pub fn line(finished: &Finished) -> String {
    let title = title(finished);
    let word = coloured(finished.outcome, WORD);
    if finished.outcome == Outcome::Skipped || finished.verdict.is_none() {
        let reason = plain(finished.reason.as_deref().unwrap_or_default());
        let room = WIDTH.saturating_sub(2 + WORD + 1 + width(&title));
        return match room.checked_sub(width(&reason)) {
            Some(gap) if gap >= 2 => format!("  {word} {title}{}{reason}", " ".repeat(gap)),
            _ => format!("  {word} {title}\n{}", hang("        ", &reason)),
        };
    }
    let tail = finished.verdict.as_ref().map(rules).unwrap_or_default();
    let line = format!(
        "  {word} {} {:>6.2} s  {tail}",
        pad(&title, TITLE),
        finished.seconds
    );
    line.trim_end().to_owned()
}

/// The rules that decided it.
fn rules(verdict: &Verdict) -> String {
    let mut rules: Vec<&str> = Vec::new();
    for (_, finding) in bearing(verdict) {
        if !rules.contains(&finding.rule.id) {
            rules.push(finding.rule.id);
        }
    }
    rules.join(" ")
}

/// The last lines: how many scenarios came to what, and what became of the rules.
pub fn footer(report: &Report<'_>) -> String {
    let mut parts = Vec::new();
    for outcome in OUTCOMES {
        match report.count(outcome) {
            0 => {}
            n => parts.push(format!("{n} {}", name(outcome))),
        }
    }
    if parts.is_empty() {
        parts.push("nothing ran".to_owned());
    }
    let total = report.results.len();
    let cases = if total == 1 { "case" } else { "cases" };
    let stopped = if report.interrupted { "stopped after " } else { "" };
    let first = format!(
        "{stopped}{total} {cases}: {}, in {}",
        parts.join(", "),
        duration(report.seconds)
    );
    let mut lines = vec![hang("", &first)];
    if report.ran() {
        // A command that is copied stays on one line.
        lines.push(hang("", &rules_line(report)).replace('\u{1}', " "));
    }
    for reviewed in report.red_waivers() {
        lines.push(waiver_line(reviewed));
    }
    lines.join("\n")
}

fn rules_line(report: &Report<'_>) -> String {
    let mut held = 0;
    let [mut broken, mut warned, mut known, mut open] = [const { Vec::new() }; 4];
    for (id, count) in &report.rules {
        let must = crate::rules::rule(id).is_some_and(|rule| rule.level == Level::Must);
        if count.broken > 0 {
            if must { &mut broken } else { &mut warned }.push(*id);
        } else if count.known > 0 {
            known.push(*id);
        } else if count.held > 0 {
            held += 1;
        }
    }
    let verdicts = report
        .results
        .iter()
        .filter_map(|finished| finished.verdict.as_ref());
    for (_, finding) in verdicts.flat_map(bearing) {
        if finding.excuse.is_some() && !open.contains(&finding.rule.id) {
            open.push(finding.rule.id);
        }
    }
    let mut parts = vec![format!(
        "{held} {} held",
        if held == 1 { "rule" } else { "rules" }
    )];
    for (ids, what) in [
        (broken, "broken"),
        (warned, "warned"),
        (known, "known"),
        (open, "inconclusive"),
    ] {
        if !ids.is_empty() {
            let named: Vec<&str> = ids.iter().copied().take(12).collect();
            let more = if ids.len() > 12 { ", …" } else { "" };
            parts.push(format!("{} {what} ({}{more})", ids.len(), named.join(", ")));
        }
    }
    let unreached = report.unreached().count();
    if unreached > 0 {
        parts.push(format!(
            "{unreached} not reached: callspec\u{1}rules\u{1}--unreached"
        ));
    }
    parts.join(", ")
}

/// A waiver that somebody has to look after, as one sentence.
pub fn waiver_words(reviewed: &Reviewed) -> String {
    let (waiver, scenario) = (&reviewed.waiver, &reviewed.waiver.scenario);
    let rule = &waiver.rule;
    let reason = plain(&waiver.reason);
    match reviewed.used {
        Use::Stale => {
            format!("the waiver of {rule} in {scenario} excuses nothing any more: take it out ({reason})")
        }
        Use::Expired => {
            let last = reviewed.expires.map(|day| day.to_string()).unwrap_or_default();
            format!(
                "the waiver of {rule} in {scenario} expired on {last}: mend the breach or renew it ({reason})"
            )
        }
        Use::Excused(n) => format!("{rule} in {scenario}: {n} known ({reason})"),
        Use::Unknown => format!("{rule} in {scenario}: not all that it names was played ({reason})"),
    }
}

fn waiver_line(reviewed: &Reviewed) -> String {
    let red = AnsiColor::Red.on_default().bold();
    let text = format!("{}: {}", plain(&reviewed.waiver.place), waiver_words(reviewed));
    let wrapped = hang("WAIVER  ", &text);
    wrapped.replacen("WAIVER", &format!("{red}WAIVER{red:#}"), 1)
}

/// `0.31 s`, `31.9 s`, `4 min 02 s`.
pub fn duration(seconds: f64) -> String {
    if seconds < 9.995 {
        format!("{seconds:.2} s")
    } else if seconds < 119.95 {
        format!("{seconds:.1} s")
    } else {
        let whole = seconds.round() as u64;
        format!("{} min {:02} s", whole / 60, whole % 60)
    }
}
