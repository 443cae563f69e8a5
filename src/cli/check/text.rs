//! What `check` tells people: which files these are, how they were put together, what became of each call.

use std::collections::{BTreeMap, BTreeSet};
use std::io::IsTerminal;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use indicatif::{ProgressBar, ProgressStyle};

use super::super::calls::{Finished, Told};
use super::Asked;
use super::outcomes::LISTED;
use crate::report;
use crate::rules::{Blame, Outcome, Verdict};
use crate::transcript::recording::{Merged, Offset, Sorted};
use crate::transcript::{Header, Witness};

/// Findings of one rule about one call that are told in full.
const FULL: usize = 3;

/// The names of the files, with a plus between them.
pub(super) fn title(merged: &Merged, names: &[String]) -> String {
    let files = merged.recordings().filter_map(|(number, _)| names.get(number));
    let files: BTreeSet<&str> = files.map(String::as_str).collect();
    files.into_iter().collect::<Vec<_>>().join(" + ")
}

/// How many bytes of each file have been read so far.
pub(super) fn passed(merged: &Merged) -> Vec<Arc<AtomicU64>> {
    let recordings = merged.recordings();
    recordings
        .map(|(_, recording)| recording.passed.clone())
        .collect()
}

/// On a terminal only: a log of CI has no use for it.
pub(super) fn progress(merged: &Merged) -> ProgressBar {
    let total: Option<u64> = merged.recordings().map(|(_, recording)| recording.total).sum();
    let Some(total) = total.filter(|_| std::io::stderr().is_terminal()) else {
        return ProgressBar::hidden();
    };
    let bar = ProgressBar::new(total);
    if let Ok(style) = ProgressStyle::with_template("  {bar:30} {bytes} of {total_bytes}, about {eta} left") {
        bar.set_style(style);
    }
    bar
}

/// What came of a transcript of a run.
pub(super) fn transcript(asked: &Asked, header: &Header, verdict: &Verdict, name: &str, torn: bool) {
    asked.tell(&format!("{name}: a callspec transcript"));
    if torn {
        asked.tell("  the last line is torn: the recording was cut off there, and is judged up to it");
    }
    let mut title = header.scenario.name.clone();
    for value in &header.scenario.case {
        title.push_str("  ");
        title.push_str(value);
    }
    asked.tell(&format!("{:<13} {title}", report::word(verdict.outcome)));
    findings(asked, verdict, &[]);
}

/// The findings of one verdict, a blank line between two of them.
fn findings(asked: &Asked, verdict: &Verdict, places: &[String]) {
    let mut told: BTreeMap<(&'static str, bool), usize> = BTreeMap::new();
    let mut more: BTreeMap<&'static str, u64> = BTreeMap::new();
    let mut first = true;
    for (index, finding) in verdict.findings.iter().enumerate() {
        let known = verdict.known.get(&index);
        let count = told
            .entry((finding.rule.id, finding.excuse.is_none()))
            .or_default();
        *count += 1;
        if *count > FULL {
            *more.entry(finding.rule.id).or_default() += 1;
            continue;
        }
        let mut text = report::finding(finding);
        if let Some(known) = known {
            text.push_str(&report::hang(
                "  known       ",
                &format!("{} ({})", known.reason, known.place),
            ));
            text.push('\n');
        }
        text.push_str(places.get(index).map_or("", String::as_str));
        let gap = if first { "" } else { "\n" };
        asked.tell(&format!("{gap}{}", text.trim_end_matches('\n')));
        first = false;
    }
    for (rule, n) in more {
        asked.tell(&format!("  {rule}  {n} more of these"));
    }
    if verdict.left_out > 0 {
        asked.tell(&format!(
            "  {} findings more, each of a kind that stands above",
            verdict.left_out
        ));
    }
}

/// Which files these are, and how they were put together.
pub(super) fn introduce(asked: &Asked, merged: &Merged, sorted: Option<&Sorted>, names: &[String]) {
    let mut told = Vec::new();
    for (number, recording) in merged.recordings() {
        if told.contains(&number) {
            continue;
        }
        told.push(number);
        let name = names.get(number).map_or("", String::as_str);
        asked.tell(&format!("{name}: {}", recording.format()));
        if recording.torn() {
            asked.tell("  its end is torn: it was cut off there, and is judged up to it");
        }
        if recording.dropped() > 0 {
            asked.tell(&format!(
                "  {} stanzas of connections that do not show whose they are were not kept",
                recording.dropped()
            ));
        }
    }
    for (a, b, offset) in sorted.iter().flat_map(|sorted| &sorted.offsets) {
        let (Some(a), Some(b)) = (names.get(*a), names.get(*b)) else {
            continue;
        };
        let text = match offset {
            Offset::Untimed => {
                format!("  put together with {b} by what was sent and received: there are no times in common")
            }
            Offset::By(by, room) => {
                let room = if room.is_finite() {
                    format!(", give or take {room:.3} s")
                } else {
                    String::new()
                };
                let word = if *by < 0.0 { "behind" } else { "ahead of" };
                format!(
                    "  put together with {b}, whose clock is {:.3} s {word} it{room}",
                    by.abs()
                )
            }
            Offset::Contradiction => format!(
                "  not put together with {b}: whatever their clocks, some stanza of {a} would be received before it was sent"
            ),
            Offset::SameEnd => format!("  not put together with {b}: both are of the same end"),
            Offset::Unrelated => continue,
        };
        asked.tell(&text);
    }
}

/// What became of the calls of a recording.
pub(super) fn recording(asked: &Asked, finished: &Finished, merged: &Merged) {
    if finished.untimed {
        asked.tell("  it gives no times: what depends on time is not judged");
    }
    let mut recordings = merged.recordings();
    if merged.recordings().any(|(_, recording)| recording.is_anonymous()) {
        asked.tell("  it does not tell whose end it is");
    }
    if recordings.any(|(_, recording)| recording.witness() == Witness::Signals) {
        asked.tell("  it holds signals alone: their stanzas and how they were answered are not judged");
    }
    let nothing = |told: &Told| told.verdict.outcome == Outcome::Passed && told.verdict.findings.is_empty();
    let mut unlisted = finished.unlisted.clone();
    let mut listed = 0;
    for told in &finished.told {
        if nothing(told) {
            listed += 1;
            if listed > LISTED {
                *unlisted.entry(Outcome::Passed).or_default() += 1;
                continue;
            }
        }
        let outcome = report::word(told.verdict.outcome);
        asked.tell(&format!("{outcome:<13} {}  {}", told.title(), told.about));
        if !asked.follow && !told.verdict.findings.is_empty() {
            findings(asked, &told.verdict, &told.places);
            asked.tell("");
        }
    }
    for (outcome, calls) in unlisted {
        let s = if calls == 1 { "" } else { "s" };
        asked.tell(&format!("{:<13} and {calls} call{s} more", report::word(outcome)));
    }
    if !finished.unlisted_rules.is_empty() {
        let rules = finished.unlisted_rules.iter();
        let rules: Vec<String> = rules.map(|(rule, n)| format!("{rule} {n} ×")).collect();
        asked.tell(&format!(
            "  in the calls that are only counted: {}",
            rules.join(", ")
        ));
    }
    let unrecorded = unrecorded(finished);
    let others = unrecorded.len().saturating_sub(FULL);
    for party in unrecorded.iter().take(FULL) {
        asked.tell(&format!(
            "  of {party} only what the server handed on was recorded: what that lost or changed is held against it here"
        ));
    }
    if others > 0 {
        asked.tell(&format!("  and of {others} more"));
    }
    let s = if finished.calls == 1 { "" } else { "s" };
    asked.tell(&format!("{} call{s}", finished.calls));
}

/// Those against whom something stands that nobody recorded at their own end: they go by their JIDs.
fn unrecorded(finished: &Finished) -> BTreeSet<&str> {
    let all = finished.told.iter().flat_map(|told| &told.verdict.findings);
    let accused =
        all.filter(|finding| finding.blame == Blame::Client && finding.is_held_against_the_target());
    let parties = accused.map(|finding| finding.party.as_str());
    parties.filter(|party| party.contains('@')).collect()
}
