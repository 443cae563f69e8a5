//! What is wrong, case by case: each finding with its rule, what was seen, what would have been right, a small ladder,
//! and the command that shows it again.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::ladder::{self, Ladder, Look, Mark};
use super::tally::{Report, bears, plain, title};
use super::terminal::{coloured, word};
use super::wrap::{WIDTH, hang, width};
use crate::rules::{Blame, Finding, Known, Outcome};
use crate::run::Finished;

/// Findings of one rule that are shown in full; with more, a broken server hides what else is broken.
const FULL: usize = 3;

/// How much to tell.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Detail {
    /// What bears on the result.
    #[default]
    Normal,
    /// Remarks too: what is announced, what can be read in two ways, what is merely odd; and each finding in full.
    More,
    /// Every event of each case that is shown.
    All,
}

/// Everything about the cases that are not simply passed.
pub fn details(report: &Report<'_>, detail: Detail) -> String {
    let mut out = String::new();
    let mut shown: BTreeMap<&'static str, usize> = BTreeMap::new();
    for finished in report.results {
        let remarks = detail >= Detail::More && remarks(finished).next().is_some();
        let wrong = !matches!(finished.outcome, Outcome::Passed | Outcome::Skipped);
        if finished.verdict.is_some() && (wrong || remarks) {
            out.push_str(&case(report, finished, detail, &mut shown));
        }
    }
    out.push_str(&untested(report));
    out
}

/// One case in full, without escape codes: what a report in a file says of it.
pub fn whole(report: &Report<'_>, finished: &Finished) -> String {
    let text = case(report, finished, Detail::More, &mut BTreeMap::new());
    anstream::adapter::strip_str(&text).to_string().trim().to_owned()
}

/// Cases without a verdict, a reason a paragraph: a target that went away says the same of each of them.
fn untested(report: &Report<'_>) -> String {
    let mut reasons: Vec<(&str, Vec<&Finished>)> = Vec::new();
    for finished in report.results {
        if finished.outcome == Outcome::Error && finished.verdict.is_none() {
            let reason = finished.reason.as_deref().unwrap_or_default();
            match reasons.iter_mut().find(|(known, _)| *known == reason) {
                Some((_, cases)) => cases.push(finished),
                None => reasons.push((reason, vec![finished])),
            }
        }
    }
    let mut out = String::new();
    for (reason, cases) in reasons {
        let first = cases.first().map(|finished| title(finished)).unwrap_or_default();
        let more = match cases.len() {
            1 => String::new(),
            n => format!(" and {} more", n - 1),
        };
        let _ = write!(
            out,
            "\n{}  {first}{more}\n{}\n",
            coloured(Outcome::Error, 0),
            hang("  ", &plain(reason))
        );
    }
    out
}

fn case(
    report: &Report<'_>,
    finished: &Finished,
    detail: Detail,
    shown: &mut BTreeMap<&'static str, usize>,
) -> String {
    let mut out = format!("\n{}\n", heading(finished));
    if let Some(reason) = &finished.reason {
        let _ = writeln!(out, "{}", hang("  ", &plain(reason)));
    }
    let (ladder, marked) = ladder_of(finished);
    let mut left_out: BTreeMap<&'static str, usize> = BTreeMap::new();
    let mut here: BTreeMap<&'static str, usize> = BTreeMap::new();
    let mut last_drawn: &[u64] = &[];
    for (index, finding) in findings(finished).filter(|(_, finding)| bears(finding)) {
        let count = shown.entry(finding.rule.id).or_default();
        let so_far = here.entry(finding.rule.id).or_default();
        // The first of each rule in each case has its sentence, whatever else is left out.
        if detail == Detail::Normal && *so_far > 0 && *count >= FULL {
            *left_out.entry(finding.rule.id).or_default() += 1;
            continue;
        }
        let full = detail >= Detail::More || *count < FULL;
        *count += 1;
        *so_far += 1;
        let known = finished
            .verdict
            .as_ref()
            .and_then(|verdict| verdict.known.get(&index));
        if here.values().sum::<usize>() > 1 {
            out.push('\n');
        }
        out.push_str(&head(finding));
        if full {
            // Twice the same picture shows nothing more.
            if detail < Detail::All
                && last_drawn != finding.events
                && let Some(mark) = marked.iter().position(|marked| *marked == index)
            {
                last_drawn = &finding.events;
                let rungs = ladder::around(&ladder, mark, Look::default());
                if !finished.events.is_empty() {
                    let _ = write!(out, "\n{}\n\n", rungs.trim_end_matches('\n'));
                }
            }
            out.push_str(&body(finding));
        }
        if let Some(known) = known {
            let _ = writeln!(out, "{}", hang("  known       ", &known_words(known)));
        }
    }
    for (rule, n) in left_out {
        let _ = writeln!(
            out,
            "  {rule}  {n} more of these in this case (-v shows them all)"
        );
    }
    if detail >= Detail::More {
        for (_, finding) in remarks(finished) {
            out.push_str(&remark(finding));
        }
    }
    if detail == Detail::All {
        let look = Look {
            answers: true,
            ..Look::default()
        };
        let _ = write!(
            out,
            "\n{}\n\n",
            ladder::whole(&ladder, look).trim_end_matches('\n')
        );
    }
    let again = report.facts.again.command(&finished.case);
    if !again.is_empty() {
        let _ = writeln!(out, "  again       {again}");
    }
    if let Some(path) = &finished.transcript {
        let _ = writeln!(out, "  transcript  {}", path.display());
    }
    out
}

/// The outcome and the title, and at the right where it stands.
fn heading(finished: &Finished) -> String {
    let title = title(finished);
    let place = place(finished);
    let used = width(word(finished.outcome)) + 2 + width(&title);
    let gap = WIDTH.saturating_sub(used + width(&place));
    let word = coloured(finished.outcome, 0);
    match gap >= 2 {
        true => format!("{word}  {title}{}{place}", " ".repeat(gap)),
        false => format!("{word}  {title}\n  {place}"),
    }
}

/// The step that the first finding is about; if it stands in a fragment or nowhere, the scenario's beginning.
pub(super) fn place(finished: &Finished) -> String {
    let first = findings(finished).find(|(_, finding)| bears(finding));
    first
        .and_then(|(_, finding)| step(finished, finding))
        .map_or_else(|| finished.case.place.to_string(), str::to_owned)
}

/// The step of the scenario's own file that a finding is about.
pub(super) fn step<'a>(finished: &'a Finished, finding: &Finding) -> Option<&'a str> {
    let shown = finished
        .events
        .iter()
        .filter(|event| finding.events.contains(&event.n));
    let mut steps = shown.filter_map(|event| event.step.as_deref());
    steps.rfind(|step| {
        step.strip_prefix(finished.case.place.file.as_str())
            .is_some_and(|rest| rest.starts_with(':'))
    })
}

fn findings(finished: &Finished) -> impl Iterator<Item = (usize, &Finding)> {
    finished
        .verdict
        .iter()
        .flat_map(|verdict| verdict.findings.iter().enumerate())
}

fn remarks(finished: &Finished) -> impl Iterator<Item = (usize, &Finding)> {
    findings(finished).filter(|(_, finding)| !bears(finding))
}

/// The ladder of a case with its findings marked; and which mark is which finding.
fn ladder_of(finished: &Finished) -> (Ladder, Vec<usize>) {
    let bearing: Vec<(usize, &Finding)> = findings(finished).filter(|(_, finding)| bears(finding)).collect();
    let marks = bearing.iter().map(|(_, finding)| Mark {
        rule: finding.rule.id.to_owned(),
        text: finding.message.clone(),
        events: finding.events.clone(),
        grave: true,
    });
    let ladder = ladder::ladder(&finished.cast, &finished.events, marks.collect());
    (ladder, bearing.into_iter().map(|(index, _)| index).collect())
}

/// A finding without the run around it: its rule, what was seen, what would have been right.
pub fn finding(finding: &Finding) -> String {
    head(finding) + &body(finding)
}

/// The rule, and what happened.
fn head(finding: &Finding) -> String {
    let subject = finding.rule.subject.name();
    let rule = format!(
        "{}, {subject}: {} ({})",
        finding.level.name(),
        finding.rule.text,
        finding.rule.source
    );
    format!(
        "{}\n{}\n",
        hang(&format!("  {}  ", finding.rule.id), &rule),
        hang("  ", &plain(&finding.message))
    )
}

fn body(finding: &Finding) -> String {
    let mut out = String::new();
    let mut field = |name: &str, text: &str| {
        if !text.is_empty() {
            let _ = writeln!(out, "{}", hang(&format!("  {name:<12}"), text));
        }
    };
    field("wanted", &plain(&finding.wanted));
    field("seen", &plain(&finding.seen));
    field("blame", &blame(finding));
    if let Some(excuse) = &finding.excuse {
        field("excused if", &plain(excuse));
    }
    out
}

fn remark(finding: &Finding) -> String {
    let why = match finding.blame {
        Blame::Announced => "announced by the scenario",
        Blame::Nobody => "the source can be read in two ways",
        _ => "a remark",
    };
    let text = format!("{} [{why}]", plain(&finding.message));
    format!(
        "{}\n",
        hang(
            &format!("  {}  {}: ", finding.rule.id, finding.level.name()),
            &text
        )
    )
}

/// Whose it is, and the events that show it.
fn blame(finding: &Finding) -> String {
    let party = plain(&finding.party);
    let whose = match finding.blame {
        Blame::Server => "the server".to_owned(),
        Blame::Client if party.is_empty() => "the client under test".to_owned(),
        Blame::Client => format!("the client under test ({party})"),
        Blame::Ourselves => format!("callspec's own bot {party}: no verdict on the target"),
        Blame::Announced => "nobody: the scenario announces it".to_owned(),
        Blame::Nobody => "nobody: the source can be read in two ways".to_owned(),
    };
    let mut numbers: Vec<String> = finding.events.iter().take(8).map(u64::to_string).collect();
    if finding.events.len() > 8 {
        numbers.push(format!("… {} in all", finding.events.len()));
    }
    match numbers.len() {
        0 => whose,
        1 => format!("{whose} (event {})", numbers.concat()),
        _ => format!("{whose} (events {})", numbers.join(", ")),
    }
}

fn known_words(known: &Known) -> String {
    format!("{} ({})", plain(&known.reason), plain(&known.place))
}
