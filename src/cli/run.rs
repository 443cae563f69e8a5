//! `callspec run`: scenarios against the embedded endpoint or a target.

use std::path::PathBuf;

use time::OffsetDateTime;
use time::macros::format_description;
use tokio::sync::watch;

use super::lint::load_all;
use super::target::TargetArgs;
use super::{Exit, complain, say};
use crate::report;
use crate::rules::Outcome;
use crate::run::{Filter, Options, Place, Progress, check, give_back, provide, shard, suite};
use crate::scenario::builtin;

#[derive(clap::Args)]
pub struct Args {
    /// Scenario files or folders (none: the built-in suite)
    paths: Vec<PathBuf>,
    #[command(flatten)]
    place: TargetArgs,
    /// KIND=PATH with kind junit or json; - is stdout (repeatable)
    #[arg(long, value_name = "KIND=PATH")]
    report: Vec<String>,
    /// Where transcripts go [default: a new folder below .callspec]
    #[arg(long, value_name = "DIR")]
    transcripts: Option<PathBuf>,
    /// How many scenarios side by side
    #[arg(long, value_name = "N")]
    jobs: Option<usize>,
    /// The K-th of N parts of the suite
    #[arg(long, value_name = "K/N")]
    shard: Option<String>,
    /// Only scenarios whose name contains this
    #[arg(long, value_name = "TEXT")]
    filter: Option<String>,
    /// A broken SHOULD fails too
    #[arg(long)]
    strict: bool,
    /// Stop at the first failure
    #[arg(long)]
    fail_fast: bool,
    /// A skipped scenario fails the run
    #[arg(long)]
    fail_on_skip: bool,
    /// Run a failed scenario again up to N times; a pass then is `flaky`
    #[arg(long, value_name = "N", default_value_t = 0)]
    retries: u32,
    /// The seed of all ids
    #[arg(long, value_name = "N", default_value_t = 0)]
    seed: u64,
    /// Multiply every deadline by this
    #[arg(long, value_name = "X", default_value_t = 1.0)]
    timeout_scale: f64,
    /// Stay, and run again what a change on the disk concerns
    #[arg(long)]
    watch: bool,
    /// Only what is not passed, and the summary
    #[arg(short, long)]
    quiet: bool,
}

// By hand, since accounts hold passwords.
impl std::fmt::Debug for Args {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Args")
            .field("paths", &self.paths)
            .finish_non_exhaustive()
    }
}

pub fn run(args: Args) -> Exit {
    let (stop, _) = watch::channel(false);
    interrupt(stop.clone());
    if !args.watch {
        return run_once(&args, &args.paths, &stop);
    }
    if args.paths.is_empty() {
        complain("error: --watch wants the files or folders to watch: the built-in suite does not change");
        return Exit::Usage;
    }
    super::watch::watch(&args.paths, &stop, &mut |files| run_once(&args, files, &stop))
}

fn run_once(args: &Args, paths: &[PathBuf], stop: &watch::Sender<bool>) -> Exit {
    match try_run(args, paths, stop) {
        Ok(exit) => exit,
        Err(message) => {
            if !message.is_empty() {
                complain(&format!("error: {message}"));
            }
            Exit::Usage
        }
    }
}

fn try_run(args: &Args, paths: &[PathBuf], stop: &watch::Sender<bool>) -> Result<Exit, String> {
    let place = args.place.place(args.timeout_scale)?;
    if !(args.timeout_scale.is_finite() && args.timeout_scale > 0.0) {
        return Err("--timeout-scale has to be more than 0".into());
    }
    let reports = args
        .report
        .iter()
        .map(|text| parse_report(text))
        .collect::<Result<Vec<_>, _>>()?;
    let scenarios = if paths.is_empty() {
        builtin().map_err(|errors| {
            let errors: Vec<_> = errors.iter().map(ToString::to_string).collect();
            errors.join("\n").trim_start_matches("error: ").to_owned()
        })?
    } else {
        match load_all(paths) {
            Ok(scenarios) => scenarios,
            Err(_) => return Err(String::new()),
        }
    };
    let mut cases: Vec<_> = scenarios
        .iter()
        .flat_map(|scenario| scenario.cases().to_vec())
        .collect();
    if let Some(filter) = &args.filter {
        let filter = Filter::parse(filter).map_err(|error| error.to_string())?;
        cases.retain(|case| filter.takes(case));
    }
    if let Some(text) = &args.shard {
        let parts = text
            .split_once('/')
            .and_then(|(k, n)| Some((k.parse().ok()?, n.parse().ok()?)));
        let (k, n): (usize, usize) = parts
            .filter(|(k, n)| *k >= 1 && k <= n)
            .ok_or("--shard is K/N, from 1/N to N/N")?;
        cases = shard(cases, k, n);
    }
    let started = OffsetDateTime::now_utc();
    let real = matches!(place, Place::Target(_));
    let cores = std::thread::available_parallelism().map_or(2, usize::from);
    let mut options = Options {
        jobs: args.jobs.unwrap_or(if real { 32 } else { cores }).max(1),
        retries: args.retries,
        fail_fast: args.fail_fast,
        strict: args.strict,
        seed: args.seed,
        time_scale: args.timeout_scale,
        transcripts: Some(args.transcripts.clone().unwrap_or_else(|| fresh_folder(started))),
        place,
        ..Options::default()
    };
    let untested = |why: String| {
        complain(&format!("error: {why}\n  nothing was tested (exit 3)"));
        Ok(Exit::Untested)
    };
    let made = match provide(&mut options, &cases) {
        Ok(made) => made,
        Err(why) => return untested(why),
    };
    if let Err(why) = check(&options, &cases) {
        give_back(&options, &made);
        return untested(why);
    }
    say(&format!(
        "callspec {} · {} cases · {} ({}) · {} jobs\n",
        env!("CARGO_PKG_VERSION"),
        cases.len(),
        options.place.name(),
        options.place.profile().class.name(),
        options.jobs
    ));
    let began = std::time::Instant::now();
    let results = suite(cases, &options, stop, &mut |progress| {
        if let Progress::Finished(finished) = progress
            && !(args.quiet && finished.outcome == Outcome::Passed)
        {
            say(&report::line(finished));
        }
    });
    let seconds = began.elapsed().as_secs_f64();
    give_back(&options, &made);
    for finished in &results {
        if let Some(details) = report::details(finished) {
            say(&details);
        }
    }
    say(&report::footer(&results, seconds));
    for (kind, path) in reports {
        let text = match kind {
            Kind::Junit => report::junit(&results, seconds)?,
            Kind::Json => report::json(&results, &options.place.name(), options.place.profile(), seconds),
        };
        if path.as_os_str() == "-" {
            say(&text);
        } else {
            std::fs::write(&path, text).map_err(|error| format!("{}: {error}", path.display()))?;
        }
    }
    let any = |outcome: Outcome| results.iter().any(|finished| finished.outcome == outcome);
    let ran = results
        .iter()
        .any(|finished| finished.outcome != Outcome::Skipped);
    Ok(if any(Outcome::Failed) || (args.strict && any(Outcome::Warned)) {
        Exit::Broken
    } else if *stop.borrow() {
        Exit::Interrupted
    } else if any(Outcome::Error) || !ran {
        Exit::Untested
    } else if args.fail_on_skip && any(Outcome::Skipped) {
        Exit::Broken
    } else {
        Exit::Held
    })
}

#[derive(Clone, Copy)]
enum Kind {
    Junit,
    Json,
}

fn parse_report(text: &str) -> Result<(Kind, PathBuf), String> {
    match text.split_once('=') {
        Some(("junit", path)) => Ok((Kind::Junit, path.into())),
        Some(("json", path)) => Ok((Kind::Json, path.into())),
        _ => Err(format!("--report is junit=PATH or json=PATH, not `{text}`")),
    }
}

/// Below `.callspec`, named for the moment; one that exists already is never written into.
fn fresh_folder(started: OffsetDateTime) -> PathBuf {
    let format = format_description!("[year]-[month]-[day]T[hour]-[minute]-[second]");
    let name = started
        .format(&format)
        .unwrap_or_else(|_| started.unix_timestamp().to_string());
    let base = PathBuf::from(".callspec");
    let taken = |n: &u32| base.join(format!("{name}.{n}")).exists();
    match base.join(&name).exists() {
        false => base.join(name),
        true => base.join(format!(
            "{name}.{}",
            (2..).find(|n| !taken(n)).unwrap_or(u32::MAX)
        )),
    }
}

/// The first Ctrl-C ends the run in order, the second at once.
pub(super) fn interrupt(stop: watch::Sender<bool>) {
    std::thread::spawn(move || {
        let Ok(runtime) = tokio::runtime::Builder::new_current_thread().enable_all().build() else {
            return;
        };
        runtime.block_on(async {
            if tokio::signal::ctrl_c().await.is_ok() {
                stop.send_replace(true);
            }
            if tokio::signal::ctrl_c().await.is_ok() {
                std::process::exit(Exit::Interrupted as i32);
            }
        });
    });
}
