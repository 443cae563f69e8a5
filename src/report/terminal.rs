//! The terminal's words: good without colour, in 80 columns, in a CI log.

use std::collections::BTreeMap;

use crate::rules::{Blame, Finding, Level, Outcome, Subjects};
use crate::run::Finished;
use crate::transcript::Dir;

pub fn word(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Passed => "pass",
        Outcome::Failed => "FAIL",
        Outcome::Warned => "warn",
        Outcome::Known => "known",
        Outcome::Flaky => "flaky",
        Outcome::Inconclusive => "inconclusive",
        Outcome::Skipped => "skip",
        Outcome::Error => "ERROR",
    }
}

/// One line for one case.
pub fn line(finished: &Finished) -> String {
    let mut rules: Vec<&str> = Vec::new();
    for finding in finished.verdict.iter().flat_map(|verdict| &verdict.findings) {
        if finding.level != Level::Info && !rules.contains(&finding.rule.id) {
            rules.push(finding.rule.id);
        }
    }
    let title = title(finished);
    let tail = finished.reason.clone().unwrap_or_else(|| rules.join(" "));
    format!(
        "  {:<5} {title:<44} {:>6.2} s  {tail}",
        word(finished.outcome),
        finished.seconds
    )
    .trim_end()
    .to_owned()
}

fn title(finished: &Finished) -> String {
    let mut title = finished.case.name.clone();
    for value in &finished.case.matrix {
        title.push_str("  ");
        title.push_str(value);
    }
    title
}

/// Everything about a case that is not simply passed.
pub fn details(finished: &Finished) -> Option<String> {
    if matches!(finished.outcome, Outcome::Passed | Outcome::Skipped) {
        return None;
    }
    let mut out = format!(
        "\n{}  {}  {}\n",
        word(finished.outcome),
        title(finished),
        finished.case.place
    );
    if let Some(reason) = &finished.reason {
        out.push_str(&format!("  {reason}\n"));
    }
    for finding in finished.verdict.iter().flat_map(|verdict| &verdict.findings) {
        out.push_str(&self::finding(finding));
        out.push_str(&around(finished, finding));
    }
    if let Some(path) = &finished.transcript {
        out.push_str(&format!("  transcript  {}\n", path.display()));
    }
    Some(out)
}

/// A finding: its rule, what was seen, what would have been right.
pub fn finding(finding: &Finding) -> String {
    let level = match finding.level {
        Level::Must => "must",
        Level::Should => "should",
        Level::Info => "info",
    };
    let subject = match finding.rule.subject {
        Subjects::Server => "server",
        Subjects::Client => "client",
        Subjects::Both => "server and client",
    };
    let blame = match finding.blame {
        Blame::Server => "the server",
        Blame::Client => "the client under test",
        Blame::Ourselves => "callspec's own bot: no verdict on the target",
        Blame::Announced => "nobody: the scenario breaks it on purpose",
        Blame::Nobody => "nobody: the source can be read in two ways",
    };
    let events: Vec<String> = finding.events.iter().map(u64::to_string).collect();
    let mut out = format!(
        "  {}  {level}, {subject}: {}  ({})\n  {}\n  wanted      {}\n  seen        {}\n  blame       {blame}\n  events      {}\n",
        finding.rule.id,
        finding.rule.text,
        finding.rule.source,
        finding.message,
        finding.wanted,
        finding.seen,
        events.join(", ")
    );
    if let Some(excuse) = &finding.excuse {
        out.push_str(&format!("  excused if  {excuse}\n"));
    }
    out
}

/// The events around a finding, a line each.
fn around(finished: &Finished, finding: &Finding) -> String {
    let (Some(first), Some(last)) = (finding.events.iter().min(), finding.events.iter().max()) else {
        return String::new();
    };
    let mut out = String::new();
    let near = |n: u64| n + 4 >= *first && n <= last + 2;
    for event in finished.events.iter().filter(|event| near(event.n)).take(14) {
        let arrow = match event.dir {
            Dir::Sent => "──▶",
            Dir::Received => "◀──",
            _ => "·",
        };
        let text = event
            .signal
            .as_ref()
            .and_then(|signal| signal.get("type"))
            .and_then(|t| t.as_str());
        let text = text.map(|t| t.trim_start_matches("call:").to_owned());
        let stanza = || {
            event
                .xml
                .as_ref()
                .map(|xml| xml.chars().take(40).collect::<String>())
        };
        let note = || event.note.clone().or_else(|| event.wanted.clone());
        let text = text
            .or_else(stanza)
            .or_else(note)
            .unwrap_or_else(|| format!("{:?}", event.dir).to_lowercase());
        let mark = if finding.events.contains(&event.n) {
            '*'
        } else {
            ' '
        };
        out.push_str(&format!(
            "   {mark}{:>4} {:>8.3}  {:<10} {arrow:<3} {text}\n",
            event.n, event.t, event.who
        ));
    }
    out
}

/// The last lines.
pub fn footer(results: &[Finished], seconds: f64) -> String {
    let mut counts: BTreeMap<Outcome, usize> = BTreeMap::new();
    for finished in results {
        *counts.entry(finished.outcome).or_default() += 1;
    }
    let name = |outcome: Outcome| format!("{outcome:?}").to_lowercase();
    let counts: Vec<String> = counts
        .iter()
        .map(|(outcome, n)| format!("{n} {}", name(*outcome)))
        .collect();
    let counts = if counts.is_empty() {
        "nothing ran".to_owned()
    } else {
        counts.join(", ")
    };
    format!("\n{} cases: {counts}, in {seconds:.1} s", results.len())
}
