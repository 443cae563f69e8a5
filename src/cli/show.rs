//! `callspec show`: a call as a ladder, in the terminal, as SVG or as HTML.

use std::io::{BufRead, Write as _};
use std::path::{Path, PathBuf};

use tokio::sync::watch;

use super::calls::{Calls, Keep};
use super::{Exit, complain, say};
use crate::profile::Profile;
use crate::report::html::{Played, html, marks};
use crate::report::ladder::{Ladder, Look, ladder, whole};
use crate::report::{Facts, Recorded, Report, Summary, svg};
use crate::rules::Judge;
use crate::run::{Options, Place, suite};
use crate::transcript::recording::{Merged, Opened, Source, group, open};
use crate::transcript::{FORMAT, Header, ReadError, Reader, ScenarioInfo, Witness};

/// Calls of one recording that are shown.
const SHOWN: usize = 1_000;

#[derive(Debug, clap::Args)]
pub struct Args {
    /// What was recorded (a transcript, a browser's .har, a raw XMPP log, signals; - is stdin), or a scenario (.yaml) to
    /// play on the embedded endpoint
    file: PathBuf,
    /// Of a recording with several calls, only those whose callId begins so
    #[arg(long, value_name = "ID")]
    call: Option<String>,
    /// Write the ladder as SVG, for a ticket (- is stdout)
    #[arg(long, value_name = "PATH")]
    svg: Option<PathBuf>,
    /// Write a page with the ladder and every stanza (- is stdout)
    #[arg(long, value_name = "PATH")]
    html: Option<PathBuf>,
    /// Columns to draw in, from 60 on
    #[arg(long, value_name = "N", default_value_t = 80)]
    width: usize,
    /// Show IQ results too
    #[arg(long)]
    answers: bool,
    /// What the embedded endpoint is: relay or enforcing
    #[arg(long, value_name = "NAME")]
    profile: Option<String>,
}

pub fn run(args: &Args) -> Exit {
    match try_run(args) {
        Ok(()) => Exit::Held,
        Err(message) => {
            complain(&format!("error: {message}"));
            Exit::Usage
        }
    }
}

/// Scenarios with what happened in each.
type Shown = (Summary, Vec<Played>);

fn try_run(args: &Args) -> Result<(), String> {
    let is_scenario = args
        .file
        .extension()
        .is_some_and(|kind| kind == "yaml" || kind == "yml");
    let (summary, played) = if is_scenario { play(args)? } else { read(args)? };
    if let Some(path) = &args.html {
        let mut page = Vec::new();
        html(&summary, &mut |at| Ok(played.get(at).cloned()), &mut page)
            .map_err(|error| error.to_string())?;
        write(path, &page)?;
    }
    if let Some(path) = &args.svg {
        let [entry] = summary.scenarios.as_slice() else {
            let count = summary.scenarios.len();
            return Err(format!(
                "{} has {count} cases or calls; an SVG shows one: name its transcript, or its call with --call",
                args.file.display()
            ));
        };
        let drawn = played
            .first()
            .map(|played| drawn(entry, played))
            .unwrap_or_default();
        write(
            path,
            svg::standalone(&drawn, &entry.title(), args.answers).as_bytes(),
        )?;
    }
    if args.svg.is_some() || args.html.is_some() {
        return Ok(());
    }
    let look = Look {
        width: args.width.clamp(60, 200),
        answers: args.answers,
        color: true,
    };
    if !is_scenario && !summary.suite.ends_with("1 recording") {
        say(&format!("{}: {}\n", args.file.display(), summary.suite));
    }
    for (at, (entry, played)) in summary.scenarios.iter().zip(&played).enumerate() {
        if at > 0 {
            say("");
        }
        say(&format!(
            "{}  {}\n",
            crate::report::word(entry.result),
            entry.title()
        ));
        say(whole(&drawn(entry, played), look).trim_end());
        if played.torn {
            say("  the recording breaks off here: its last line is torn");
        }
    }
    Ok(())
}

fn drawn(entry: &crate::report::summary::Entry, played: &Played) -> Ladder {
    ladder(&played.cast, &played.events, marks(&entry.findings))
}

/// What was recorded, call by call, and what it is.
fn read(args: &Args) -> Result<Shown, String> {
    let mut source = Source::new(&args.file, None);
    let name = source.name();
    let at = |error: ReadError| match (error.line, error.column) {
        (0, _) => format!("{name}: {}", error.message),
        (line, 0) => format!("{name}:{line}: {}", error.message),
        _ => format!("{name}:{error}"),
    };
    source.prepare(true).map_err(|error| format!("{name}: {error}"))?;
    match open(&source).map_err(at)? {
        Opened::Transcript(header, events) => transcript(*header, events, &name).map_err(at),
        Opened::Recording(recording) => {
            let mut merged = Merged::alone(recording, 0);
            if merged.recordings().any(|(_, recording)| recording.in_columns) {
                let sources = std::slice::from_ref(&source);
                let sorted = group(sources);
                let sorted = sorted
                    .first()
                    .ok_or_else(|| format!("{name}: no call signal is in it"))?;
                merged = Merged::open(sorted, sources).map_err(|(_, error)| at(error))?;
            }
            recorded(args, merged, &name).map_err(at)
        }
    }
}

fn transcript<R: BufRead>(header: Header, mut events: Reader<R>, name: &str) -> Result<Shown, ReadError> {
    let mut judge = Judge::new(&header);
    let mut played = Played::new(header.cast.clone());
    for event in events.by_ref() {
        let event = event?;
        judge.event(&event);
        played.push(event);
    }
    played.torn = events.torn();
    let summary = Summary::of_transcripts(&[(header, judge.finish(), name.to_owned())]);
    Ok((summary, vec![played]))
}

/// Someone else's recording: each of its calls by itself.
fn recorded(args: &Args, mut merged: Merged, name: &str) -> Result<Shown, ReadError> {
    let mut first = merged.next();
    let witness = merged
        .recordings()
        .map(|(_, recording)| recording.witness())
        .next();
    let header = Header {
        callspec: FORMAT,
        scenario: ScenarioInfo {
            name: name.to_owned(),
            ..ScenarioInfo::default()
        },
        target: "recorded".into(),
        witness: witness.unwrap_or(Witness::Ends),
        clock_skew: 60.0,
        ..Header::default()
    };
    let keep = Keep {
        passed: SHOWN,
        events: true,
    };
    let mut calls = Calls::new(&header, &[name.to_owned()], &[], keep);
    while let Some((source, event)) = first.take().or_else(|| merged.next()) {
        calls.take(source, event?);
    }
    let finished = calls.finish();
    let mut summary = Summary::default();
    summary.begin(&header);
    summary.add_rules(&finished.rules);
    let formats: Vec<String> = merged
        .recordings()
        .map(|(_, recording)| recording.format())
        .collect();
    summary.suite = formats.first().cloned().unwrap_or_default();
    let torn = merged.recordings().any(|(_, recording)| recording.torn());
    let wanted = args.call.as_deref().unwrap_or_default().to_lowercase();
    let mut played = Vec::new();
    for told in finished.told {
        if !told.call.as_ref().is_some_and(|call| call.starts_with(&wanted)) {
            continue;
        }
        summary.add_call(&Recorded {
            title: told.title(),
            about: told.about,
            seconds: told.seconds,
            verdict: told.verdict,
            file: name.to_owned(),
        });
        played.push(Played {
            torn,
            ..told.played.unwrap_or_default()
        });
    }
    summary.seal();
    if played.is_empty() {
        let mut recordings = merged.recordings();
        let unknown = recordings.find_map(|(_, recording)| recording.unknown());
        let mut recordings = merged.recordings();
        let instead = recordings.find_map(|(_, recording)| recording.instead());
        return Err(ReadError {
            line: u64::from(unknown.is_some()),
            column: 0,
            message: match &args.call {
                Some(call) if finished.calls > 0 => {
                    format!("none of its {} calls begins with {call}", finished.calls)
                }
                _ => unknown
                    .or(instead)
                    .unwrap_or_else(|| "no call signal is in it".to_owned()),
            },
        });
    }
    let calls = finished.calls.saturating_sub(played.len() as u64);
    if calls > 0 && args.call.is_none() {
        complain(&format!(
            "{calls} calls more are in it: --call ID shows one of them"
        ));
    }
    Ok((summary, played))
}

fn play(args: &Args) -> Result<Shown, String> {
    let Ok(scenarios) = super::lint::load_all(std::slice::from_ref(&args.file)) else {
        return Err(format!(
            "{} is no scenario that can be played",
            args.file.display()
        ));
    };
    let cases: Vec<_> = scenarios
        .iter()
        .flat_map(|scenario| scenario.cases().to_vec())
        .collect();
    let class = cases
        .first()
        .and_then(|case| case.classes.first())
        .map(|class| class.name());
    let name = args.profile.as_deref().or(class).unwrap_or("relay");
    let profile =
        Profile::named(name).ok_or_else(|| format!("--profile is relay or enforcing, not `{name}`"))?;
    // Only for this command's own eyes: gone with it.
    let folder = std::env::temp_dir().join(format!("callspec-show-{}", std::process::id()));
    let options = Options {
        place: Place::Embedded(profile.clone()),
        transcripts: Some(folder.clone()),
        ..Options::default()
    };
    let (stop, _) = watch::channel(false);
    let results = suite(cases, &options, &stop, &mut |_| {});
    let played: Result<Vec<_>, _> = results.iter().map(Played::of).collect();
    let _ = std::fs::remove_dir_all(folder);
    let facts = Facts {
        target: "embedded".to_owned(),
        profile,
        ..Facts::default()
    };
    let mut summary = Summary::of(&Report::new(facts, &results, Vec::new()));
    for entry in &mut summary.scenarios {
        entry.transcript = None;
    }
    Ok((
        summary,
        played?.into_iter().map(Option::unwrap_or_default).collect(),
    ))
}

fn write(path: &Path, bytes: &[u8]) -> Result<(), String> {
    if path.as_os_str() == "-" {
        return std::io::stdout()
            .write_all(bytes)
            .map_err(|error| error.to_string());
    }
    std::fs::write(path, bytes).map_err(|error| format!("{}: {error}", path.display()))
}
