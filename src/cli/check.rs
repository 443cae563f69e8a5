//! `callspec check`: the verdict on what was recorded.

use std::io::IsTerminal;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};

use super::calls::{Calls, Finished, Told};
use super::interrupt::Interrupt;
use super::target::profile;
use super::{Exit, complain, say};
use crate::profile::Profile;
use crate::report::{self, Summary};
use crate::rules::{Judge, Level, Outcome, Verdict};
use crate::transcript::recording::{Merged, Offset, Opened, Patience, Sorted, Source, group, open};
use crate::transcript::{FORMAT, Header, ReadError, Reader, ScenarioInfo, Witness};

/// Passed calls that are listed one by one.
const LISTED: usize = 100;
/// How many events go by between two looks at the progress bar.
const TICK: u64 = 512;

#[derive(Debug, clap::Args)]
pub struct Args {
    /// Recordings: transcripts (.jsonl), a browser's .har, raw XMPP logs, JSON Lines of signals, each as it is or
    /// packed with gzip or zstd; - is stdin
    ///
    /// What a file is shows itself by what is in it. Both ends of a call given together are put together by the ids
    /// of their stanzas, whatever their clocks say.
    #[arg(required = true)]
    files: Vec<PathBuf>,
    /// A broken SHOULD fails too
    #[arg(long)]
    strict: bool,
    /// What the server is: relay, enforcing or a profile file
    #[arg(long, value_name = "NAME|FILE")]
    profile: Option<String>,
    /// How far a signal's timestamp may lie from the recorder's clock, in seconds
    #[arg(long, value_name = "SECONDS")]
    clock_skew: Option<f64>,
    /// Go on as the file grows, and tell each finding as it happens; Ctrl-C ends it
    #[arg(long)]
    follow: bool,
    /// KIND=PATH with kind junit or json; - is stdout (repeatable)
    #[arg(long, value_name = "KIND=PATH")]
    report: Vec<String>,
}

/// What has been judged so far.
#[derive(Default)]
struct Outcomes {
    judged: Vec<(Header, Verdict, String)>,
    passed: u64,
    wrong: bool,
    nothing: bool,
}

impl Outcomes {
    fn any(&self, outcome: Outcome) -> bool {
        self.judged
            .iter()
            .any(|(_, verdict, _)| verdict.outcome == outcome)
    }
}

pub fn run(args: &Args) -> Exit {
    match try_run(args) {
        Ok(exit) => exit,
        Err(message) => {
            complain(&format!("error: {message}"));
            Exit::Usage
        }
    }
}

fn try_run(args: &Args) -> Result<Exit, String> {
    let profile = args.profile.as_deref().map(profile).transpose()?;
    if args
        .clock_skew
        .is_some_and(|skew| !skew.is_finite() || skew < 0.0)
    {
        return Err("--clock-skew is a number of seconds, 0 or more".into());
    }
    if args.follow && args.files.len() != 1 {
        return Err("--follow takes one file".into());
    }
    let reports = args
        .report
        .iter()
        .map(|text| match text.split_once('=') {
            Some((kind @ ("junit" | "json"), path)) => Ok((kind, path)),
            _ => Err(format!("--report is junit=PATH or json=PATH, not `{text}`")),
        })
        .collect::<Result<Vec<_>, _>>()?;
    let patience = args.follow.then(until_interrupted);
    let mut sources = Vec::new();
    for path in &args.files {
        let mut source = Source::new(path, patience.clone());
        source
            .prepare(args.files.len() > 1)
            .map_err(|error| format!("{}: {error}", source.name()))?;
        sources.push(source);
    }
    let mut outcomes = Outcomes::default();
    judge_all(args, &profile, &sources, &mut outcomes);
    let mut summary = Summary::of_transcripts(&outcomes.judged);
    if let Some(profile) = &profile {
        summary.profile = serde_json::to_value(profile).unwrap_or_default();
    }
    for (kind, path) in reports {
        let text = match kind {
            "junit" => report::junit_of(&summary),
            _ => summary.json(),
        };
        if path == "-" {
            say(&text);
        } else {
            std::fs::write(path, text).map_err(|error| format!("{path}: {error}"))?;
        }
    }
    let broken = outcomes.any(Outcome::Failed) || (args.strict && outcomes.any(Outcome::Warned));
    Ok(if outcomes.wrong {
        Exit::Usage
    } else if broken {
        Exit::Broken
    } else if outcomes.nothing || outcomes.any(Outcome::Error) {
        Exit::Untested
    } else {
        Exit::Held
    })
}

fn judge_all(args: &Args, profile: &Option<Profile>, sources: &[Source], outcomes: &mut Outcomes) {
    let mut others = Vec::new();
    for (number, source) in sources.iter().enumerate() {
        match open(source) {
            Err(error) => outcomes.wrong |= wrong(&source.name(), &error),
            Ok(Opened::Transcript(header, events)) => {
                transcript(args, profile, *header, events, &source.name(), outcomes);
            }
            Ok(Opened::Recording(recording)) => others.push((number, recording)),
        }
    }
    let names: Vec<String> = sources.iter().map(Source::name).collect();
    if let [(number, recording)] = others.as_slice()
        && (!recording.in_columns || args.follow)
    {
        let number = *number;
        if let Some((_, recording)) = others.pop() {
            let merged = Merged::alone(recording, number);
            judge_merged(args, profile, merged, None, &names, outcomes);
        }
        return;
    }
    let numbers: Vec<usize> = others.iter().map(|(number, _)| *number).collect();
    drop(others);
    for sorted in group(sources)
        .iter()
        .filter(|sorted| sorted.sources.iter().any(|number| numbers.contains(number)))
    {
        match Merged::open(sorted, sources) {
            Ok(merged) => judge_merged(args, profile, merged, Some(sorted), &names, outcomes),
            Err((number, error)) => {
                let name = names.get(number).map_or("", String::as_str);
                outcomes.wrong |= wrong(name, &error);
            }
        }
    }
}

/// Says what is wrong with a file, and is true.
fn wrong(name: &str, error: &ReadError) -> bool {
    let place = match (error.line, error.column) {
        (0, _) => name.to_owned(),
        (line, 0) => format!("{name}:{line}"),
        (line, column) => format!("{name}:{line}:{column}"),
    };
    complain(&format!("error: {place}: {}", error.message));
    true
}

/// A transcript of a run: the verdict is the one that the run gave.
fn transcript<R: std::io::BufRead>(
    args: &Args,
    profile: &Option<Profile>,
    mut header: Header,
    mut events: Reader<R>,
    name: &str,
    outcomes: &mut Outcomes,
) {
    if let Some(profile) = profile {
        header.profile = profile.clone();
    }
    if let Some(skew) = args.clock_skew {
        header.clock_skew = skew;
    }
    let mut judge = Judge::new(&header);
    for event in events.by_ref() {
        match event {
            Ok(event) => judge.event(&event),
            Err(error) => {
                outcomes.wrong |= wrong(name, &error);
                return;
            }
        }
    }
    let verdict = judge.finish();
    say(&format!(
        "{:<13} {}  {name}",
        report::word(verdict.outcome),
        header.scenario.name
    ));
    for finding in &verdict.findings {
        say(&report::finding(finding));
    }
    if events.torn() {
        say("  the last line is torn: the recording was cut off there, and is judged up to it");
    }
    outcomes.judged.push((header, verdict, name.to_owned()));
}

/// What a recording's header says, which none of them has.
fn header_of(args: &Args, profile: &Option<Profile>, witness: Witness, name: &str) -> Header {
    Header {
        callspec: FORMAT,
        version: env!("CARGO_PKG_VERSION").into(),
        scenario: ScenarioInfo {
            name: name.to_owned(),
            ..ScenarioInfo::default()
        },
        target: "recorded".into(),
        profile: profile.clone().unwrap_or_default(),
        witness,
        clock_skew: args.clock_skew.unwrap_or(60.0),
        ..Header::default()
    }
}

fn judge_merged(
    args: &Args,
    profile: &Option<Profile>,
    mut merged: Merged,
    sorted: Option<&Sorted>,
    names: &[String],
    outcomes: &mut Outcomes,
) {
    // What a log is, and how exact its times are, shows itself with its first lines.
    let mut first = merged.next();
    let witness = sorted.map(|sorted| sorted.witness);
    let seen = merged
        .recordings()
        .map(|(_, recording)| recording.witness())
        .next();
    let witness = witness.or(seen).unwrap_or(Witness::Ends);
    let files: Vec<usize> = merged.recordings().map(|(number, _)| number).collect();
    let title = files
        .iter()
        .filter_map(|number| names.get(*number).cloned())
        .collect::<std::collections::BTreeSet<_>>()
        .into_iter()
        .collect::<Vec<_>>()
        .join(" + ");
    let mut header = header_of(args, profile, witness, &title);
    let mut calls = Calls::new(&header);
    let bar = progress(&merged);
    let mut count = 0_u64;
    while let Some((source, next)) = first.take().or_else(|| merged.next()) {
        match next {
            Ok(recorded) => {
                let found = calls.take(source, recorded);
                if args.follow {
                    for finding in found.iter().filter(|finding| finding.level != Level::Info) {
                        say(&(report::finding(finding) + &calls.places(finding, names)));
                    }
                }
            }
            Err(error) => {
                bar.finish_and_clear();
                outcomes.wrong |= wrong(names.get(source).map_or("", String::as_str), &error);
                return;
            }
        }
        count += 1;
        if count.is_multiple_of(TICK) {
            bar.set_position(passed(&merged));
        }
    }
    bar.finish_and_clear();
    let finished = calls.finish();
    if finished.calls == 0 && finished.told.is_empty() {
        if let Some(unknown) = merged.recordings().find_map(|(_, recording)| recording.unknown()) {
            complain(&format!("error: {title}:1: {unknown}"));
            outcomes.wrong = true;
            return;
        }
        let instead = merged.recordings().find_map(|(_, recording)| recording.instead());
        let why = instead.unwrap_or_else(|| "no call signal is in it".to_owned());
        complain(&format!(
            "error: {title}: {why}\n  nothing to judge (exit {})",
            Exit::Untested as u8
        ));
        outcomes.nothing = true;
        return;
    }
    introduce(&merged, sorted, names);
    tell(args, &finished, names, &merged);
    outcomes.passed += finished.unlisted;
    for told in finished.told {
        header.scenario.name = match &told.call {
            Some(call) => format!("call {call}"),
            None => "session".to_owned(),
        };
        header.scenario.file = Some(title.clone());
        let mut verdict = told.verdict;
        if !outcomes
            .judged
            .iter()
            .any(|(_, verdict, _)| !verdict.rules.is_empty())
        {
            verdict.rules.clone_from(&finished.rules);
        }
        outcomes.judged.push((header.clone(), verdict, title.clone()));
    }
}

fn passed(merged: &Merged) -> u64 {
    merged
        .recordings()
        .map(|(_, recording)| recording.passed.load(Ordering::Relaxed))
        .sum()
}

/// On a terminal only: a log of CI has no use for it.
fn progress(merged: &Merged) -> ProgressBar {
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

/// Which files these are, and how they were put together.
fn introduce(merged: &Merged, sorted: Option<&Sorted>, names: &[String]) {
    let mut told = Vec::new();
    for (number, recording) in merged.recordings() {
        if told.contains(&number) {
            continue;
        }
        told.push(number);
        let name = names.get(number).map_or("", String::as_str);
        say(&format!("{name}: {}", recording.format()));
        if recording.torn() {
            say("  its end is torn: it was cut off there, and is judged up to it");
        }
    }
    for (a, b, offset) in sorted.iter().flat_map(|sorted| &sorted.offsets) {
        let (Some(a), Some(b)) = (names.get(*a), names.get(*b)) else {
            continue;
        };
        let text = match offset {
            Offset::By(by, room) => {
                let room = if room.is_finite() {
                    format!(", give or take {:.3} s", room)
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
        say(&text);
    }
}

fn tell(args: &Args, finished: &Finished, names: &[String], merged: &Merged) {
    if finished.untimed {
        say("  it gives no times: what depends on time is not judged");
    }
    if merged
        .recordings()
        .any(|(_, recording)| recording.witness() == Witness::Signals)
    {
        say("  it holds signals alone: their stanzas and how they were answered are not judged");
    }
    let good = |told: &&Told| told.verdict.outcome == Outcome::Passed && told.verdict.findings.is_empty();
    let many = finished.told.iter().filter(good).count();
    let mut listed = 0;
    for told in &finished.told {
        if good(&told) {
            listed += 1;
            if listed > LISTED {
                continue;
            }
        }
        let what = match &told.call {
            Some(call) => format!("call {call}"),
            None => "session".to_owned(),
        };
        say(&format!(
            "{:<13} {what}  {}",
            report::word(told.verdict.outcome),
            told.about
        ));
        if args.follow {
            continue;
        }
        for finding in &told.verdict.findings {
            say(&finished.finding(finding, names));
        }
    }
    let unlisted = many.saturating_sub(LISTED) as u64 + finished.unlisted;
    if unlisted > 0 {
        say(&format!(
            "{:<13} and {unlisted} calls more",
            report::word(Outcome::Passed)
        ));
    }
    say(&format!(
        "{} call{}",
        finished.calls,
        if finished.calls == 1 { "" } else { "s" }
    ));
}

/// How often a growing file is looked at.
const LOOK: Duration = Duration::from_millis(50);

/// Follows until Ctrl-C; a second Ctrl-C ends it at once.
fn until_interrupted() -> Patience {
    let interrupt = Interrupt::listen();
    Patience(Arc::new(move || {
        std::thread::sleep(LOOK);
        !*interrupt.ended.borrow()
    }))
}
