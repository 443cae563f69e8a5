//! `callspec check`: the verdict on what was recorded.

mod ahead;
mod judging;
mod outcomes;
mod text;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use time::OffsetDateTime;

use super::interrupt::Interrupt;
use super::run::reports::{self, Reports};
use super::target::profile;
use super::{Exit, complain, say};
use crate::profile::Profile;
use crate::rules::Waiver;
use crate::run::in_force;
use crate::target::{Entry, load_waivers};
use crate::transcript::recording::{Patience, Source};
use crate::yaml::in_one;
use outcomes::Outcomes;

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
    /// Breaches that are known: a YAML list of rule, scenario (a pattern), reason and, if wanted, expires
    ///
    /// The pattern is for the name of the recording's file, or for the name of the scenario that a transcript is of.
    /// What an entry excuses is `known`. One that has expired fails; one that excuses nothing does not: no recording
    /// shows that a breach is gone.
    #[arg(long, value_name = "FILE")]
    waivers: Option<PathBuf>,
    /// Write a report: KIND is one of KINDS; PATH - is stdout (repeatable)
    #[arg(long, value_name = "KIND=PATH", help = reports::help())]
    report: Vec<String>,
}

/// What was typed, as ready objects.
struct Asked {
    strict: bool,
    follow: bool,
    profile: Option<Profile>,
    clock_skew: Option<f64>,
    reports: Reports,
    entries: Vec<Entry>,
    /// Those of them that still hold.
    waivers: Vec<Waiver>,
    started: OffsetDateTime,
}

impl Asked {
    /// What people read: on stderr where stdout belongs to a report.
    fn tell(&self, text: &str) {
        if self.reports.take_stdout() {
            complain(text);
        } else {
            say(text);
        }
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
    let asked = asked(args)?;
    let began = Instant::now();
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
    judging::judge_all(&asked, &sources, &mut outcomes);
    outcomes.close(&asked, began.elapsed().as_secs_f64())
}

fn asked(args: &Args) -> Result<Asked, String> {
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
    let reports = Reports::parse(&args.report)?;
    let entries = match &args.waivers {
        Some(path) => load_waivers(path).map_err(|errors| in_one(&errors))?,
        None => Vec::new(),
    };
    let started = OffsetDateTime::now_utc();
    Ok(Asked {
        strict: args.strict,
        follow: args.follow,
        profile,
        clock_skew: args.clock_skew,
        reports,
        waivers: in_force(&entries, started.date()),
        entries,
        started,
    })
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
