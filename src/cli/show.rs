//! `callspec show`: a call as a ladder, in the terminal, as SVG or as HTML.

use std::fs::File;
use std::io::{BufReader, Write as _};
use std::path::{Path, PathBuf};

use tokio::sync::watch;

use super::{Exit, complain, say};
use crate::profile::Profile;
use crate::report::html::{Played, html, marks};
use crate::report::ladder::{Ladder, Look, ladder, whole};
use crate::report::{Facts, Report, Summary, svg};
use crate::rules::Judge;
use crate::run::{Options, Place, suite};
use crate::transcript::Reader;

#[derive(Debug, clap::Args)]
pub struct Args {
    /// A transcript (.jsonl; - is stdin), or a scenario (.yaml) to play on the embedded endpoint
    file: PathBuf,
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
    let (summary, played) = if is_scenario {
        play(args)?
    } else {
        read(&args.file)?
    };
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
                "{} has {count} cases; an SVG shows one: name its transcript",
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

fn read(path: &Path) -> Result<Shown, String> {
    let at = |error: crate::transcript::ReadError| format!("{}:{error}", path.display());
    let input: Box<dyn std::io::BufRead> = if path.as_os_str() == "-" {
        Box::new(BufReader::new(std::io::stdin()))
    } else {
        let file = File::open(path).map_err(|error| format!("{}: {error}", path.display()))?;
        Box::new(BufReader::new(file))
    };
    let (header, mut events) = Reader::new(input).map_err(at)?;
    let mut judge = Judge::new(&header);
    let mut played = Played::new(header.cast.clone());
    for event in events.by_ref() {
        let event = event.map_err(at)?;
        judge.event(&event);
        played.push(event);
    }
    played.torn = events.torn();
    let summary = Summary::of_transcripts(&[(header, judge.finish(), path.display().to_string())]);
    Ok((summary, vec![played]))
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
