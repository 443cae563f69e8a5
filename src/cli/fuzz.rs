//! `callspec fuzz`: orderings and payloads that nobody wrote, and the shortest of those that break the target.

mod told;

use std::io::{IsTerminal, Write};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::interrupt::Interrupt;
use super::probe::look_if_unsaid;
use super::run::{part, reports, time};
use super::target::TargetArgs;
use super::{Exit, complain, say};
use crate::endpoint::{Carrier, Chosen};
use crate::fuzz::{Campaign, Exhaustive, MOST_STEPS, Mode, News, Plan, campaign, roster};
use crate::profile::Profile;
use crate::report::shell;
use crate::run::{Options, Place, Rig, check, give_back, provide};

/// Where failures go that nobody gave a place.
const FOLDER: &str = ".callspec/fuzz";

/// How many cases there are where nobody says it.
const CASES: u64 = 500;

/// Play orderings and payloads that nobody wrote, and cut down those that fail to scenario files
///
/// Each case is a walk on the call machine, steered to one cell of role × state × signal × reason and to one step after
/// it, with chat, crossings, other calls, returns, strangers and late answers around it, and ends with a sound call, the
/// canary. The same seed makes the same cases. --exhaustive plays every ordering of so many steps instead, --payloads
/// plays signals that are odd in themselves. What breaks a rule for certain is made as short as it can be on the target itself, played again five times, and written as a
/// scenario with its transcript beside it.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    #[command(flatten)]
    target: TargetArgs,

    /// A fault of the embedded endpoint, as callspec serve --faults lists them (repeatable)
    #[arg(long, value_name = "NAME", conflicts_with = "target", help_heading = "Target")]
    fault: Vec<Chosen>,

    /// How many cases; 0 plays the corpus only [default: 500; with --exhaustive all there are]
    #[arg(long, value_name = "N", help_heading = "Running")]
    cases: Option<u64>,
    /// Every ordering of up to N steps in place of walks from the seed
    ///
    /// Orderings that are alike are one, and what is the beginning of a longer one is played with it. Says how many
    /// there are, and how far it came.
    #[arg(
        long,
        value_name = "N",
        value_parser = clap::value_parser!(u8).range(1..=MOST_STEPS as i64),
        conflicts_with = "seed",
        help_heading = "Running"
    )]
    exhaustive: Option<u8>,
    /// Payloads in place of orderings: sound ones at their edges, ones with one fault, and raw ones
    ///
    /// 28 sorts in turn, each in its place in a call: texts, lengths, numbers, members that are absent, null, unknown or in
    /// another order, descriptions and candidates by grammar and as browsers have them; each keyword of the schemas broken
    /// in every way; broken JSON, repeated members, depth, odd elements, CDATA, entities and XML that is none.
    #[arg(long, conflicts_with = "exhaustive", help_heading = "Running")]
    payloads: bool,
    /// Stop after this time, such as 90s or 10m; what it cuts off is counted apart
    #[arg(long, value_name = "TIME", value_parser = time, help_heading = "Running")]
    time: Option<f64>,
    /// How long one failure may be cut down [default: 1m]
    #[arg(
        long,
        value_name = "TIME",
        value_parser = time,
        default_value = "1m",
        hide_default_value = true,
        help_heading = "Running"
    )]
    shrink_time: f64,
    /// Only the K-th of N parts of the cases, to spread one seed over machines
    #[arg(long, value_name = "K/N", value_parser = shard, help_heading = "Running")]
    shard: Option<(u64, u64)>,
    /// The seed of all cases [default: 0]
    #[arg(
        long,
        value_name = "N",
        default_value_t = 0,
        hide_default_value = true,
        help_heading = "Running"
    )]
    seed: u64,
    /// Stop at the first failure
    #[arg(long, help_heading = "Running")]
    until_failure: bool,
    /// How many cases side by side (default: 8 on a target, one a core on the embedded endpoint)
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024), help_heading = "Running")]
    jobs: Option<u16>,

    /// Keep failures in this folder, and play what is in it first (default: kept in .callspec/fuzz, not played)
    #[arg(long, value_name = "DIR", help_heading = "Output")]
    corpus: Option<PathBuf>,
    /// Write a report, of kind json; PATH - is stdout
    #[arg(long, value_name = "json=PATH", value_parser = reports::json, help_heading = "Output")]
    report: Option<PathBuf>,
    /// Only the failures and the summary
    #[arg(short, long, help_heading = "Output")]
    quiet: bool,
}

const EXAMPLES: &str = "\
Examples:
  callspec fuzz                                     the embedded endpoint, nothing needed
  callspec fuzz --target target.yaml --time 10m --cases 100000 --corpus found
  callspec fuzz --exhaustive 3                      every ordering of up to three steps
  callspec fuzz --payloads --target target.yaml     signals that are odd in themselves
  callspec fuzz --seed 7 --shard 2/4                the second of four machines
  callspec fuzz --fault drop:only=hangup --until-failure";

fn shard(text: &str) -> Result<(u64, u64), String> {
    part(text).ok_or_else(|| "this is no K/N, from 1/N to N/N".into())
}

pub fn run(args: &Args) -> Exit {
    let interrupt = Interrupt::listen();
    match go(args, &interrupt) {
        Ok(exit) => exit,
        Err((exit, why)) => {
            complain(&format!("error: {why}"));
            exit
        }
    }
}

fn go(args: &Args, interrupt: &Interrupt) -> Result<Exit, (Exit, String)> {
    let usage = |why| (Exit::Usage, why);
    let place = place(args).map_err(usage)?;
    let cores = std::thread::available_parallelism().map_or(2, usize::from);
    let most = match place {
        Place::Target(_) => 8,
        _ => cores,
    };
    let mut options = Options {
        jobs: args.jobs.map_or(most, usize::from),
        place,
        ..Options::default()
    };
    let untested = |why| (Exit::Untested, format!("{why}\n  nothing was tested (exit 3)"));
    let everybody: Vec<_> = roster(&options.place, true).into_iter().collect();
    let made = provide(&mut options, &everybody).map_err(untested)?;
    let those: Vec<_> = roster(&options.place, false).into_iter().collect();
    let result = match check(&options, &those, interrupt.ended.subscribe()) {
        Err(why) => Err(untested(why)),
        Ok(_) => {
            let probed = look_if_unsaid(&mut options.place, interrupt);
            play(args, &options, interrupt, probed)
        }
    };
    give_back(&options, &made);
    result
}

fn place(args: &Args) -> Result<Place, String> {
    let place = args.target.place(1.0)?;
    let Some(first) = args.fault.first() else {
        return Ok(place);
    };
    let profile = match &args.target.profile {
        Some(_) => place.profile().clone(),
        None => Profile::named(first.fault.class().name()).unwrap_or_default(),
    };
    let tcp = args
        .fault
        .iter()
        .any(|chosen| chosen.when.over == Some(Carrier::Tcp));
    Ok(Place::Rigged(Arc::new(Rig {
        profile,
        faults: args.fault.clone(),
        tcp,
        ..Rig::default()
    })))
}

fn play(
    args: &Args,
    options: &Options,
    interrupt: &Interrupt,
    probed: Option<String>,
) -> Result<Exit, (Exit, String)> {
    let began = Instant::now();
    let to_stdout = args.report.as_ref().is_some_and(|path| path.as_os_str() == "-");
    let tell = |text: &str| match to_stdout {
        true => complain(text),
        false => say(text),
    };
    let until = args
        .time
        .and_then(|time| Duration::try_from_secs_f64(time).ok())
        .and_then(|time| began.checked_add(time));
    let all = if args.exhaustive.is_some() {
        u64::MAX
    } else {
        CASES
    };
    let plan = Plan {
        options: options.clone(),
        seed: args.seed,
        cases: args.cases.unwrap_or(all),
        mode: match args.exhaustive {
            Some(steps) => Mode::Every(steps.into()),
            None if args.payloads => Mode::Payloads,
            None => Mode::Walks,
        },
        shard: args.shard.unwrap_or((1, 1)),
        until,
        until_failure: args.until_failure,
        shrink_time: Duration::try_from_secs_f64(args.shrink_time).unwrap_or(Duration::MAX),
        folder: args.corpus.clone().unwrap_or_else(|| FOLDER.into()),
        replay: args.corpus.is_some(),
    };
    let every = match plan.mode {
        Mode::Every(steps) => Some(Exhaustive::new(options.place.profile().class, steps)),
        Mode::Walks | Mode::Payloads => None,
    };
    tell(&told::heading(&plan, every.as_ref()));
    if let Some(probed) = probed {
        tell(&format!("  {probed}"));
    }
    let mut progress = Progress::new(args.quiet, began);
    let run = campaign(&plan, &|| interrupt.next_run(), &mut |news| match news {
        News::Played(run) => progress.tell(run, plan.mode),
        News::Kept(kept) => {
            progress.clear();
            tell(&told::kept(kept, &again(args, &kept.file)));
        }
        News::Replayed { file, rule } => {
            progress.clear();
            tell(&format!("\n{rule}: {} still shows it", file.display()));
        }
    });
    progress.clear();
    let run = run.map_err(|why| (Exit::Usage, why))?;
    if plan.mode == Mode::Payloads {
        tell(&format!("\n{}", told::sorts(&run.coverage)));
    } else {
        tell(&format!("\n{}", told::table(&run.coverage)));
        tell(&told::kinds(&run.coverage));
    }
    tell(&told::summary(&run, &plan, every.as_ref(), began.elapsed()));
    if let Some(path) = &args.report {
        let again = |file: &std::path::Path| again(args, file);
        let whole = format!("{:#}\n", told::as_json(&plan, every.as_ref(), &run, &again));
        let written = match to_stdout {
            true => {
                say(whole.trim_end());
                Ok(())
            }
            false => reports::whole(path, &whole),
        };
        written.map_err(|error| (Exit::Usage, format!("cannot write {}: {error}", path.display())))?;
    }
    Ok(if interrupt.is_ended() {
        Exit::Interrupted
    } else if run.failed() > 0 {
        Exit::Broken
    } else if run.untested > 0 || run.played == 0 {
        Exit::Untested
    } else {
        Exit::Held
    })
}

/// How far it is: one line that moves on a terminal, a line now and then elsewhere.
struct Progress {
    quiet: bool,
    moves: bool,
    began: Instant,
    last: Option<Instant>,
    shown: bool,
}

/// Between two lines where nothing can move.
const SELDOM: Duration = Duration::from_secs(10);
/// Between two pictures of the line that moves.
const OFTEN: Duration = Duration::from_millis(100);

impl Progress {
    fn new(quiet: bool, began: Instant) -> Progress {
        Progress {
            quiet,
            moves: std::io::stderr().is_terminal(),
            began,
            last: None,
            shown: false,
        }
    }

    fn tell(&mut self, run: &Campaign, mode: Mode) {
        let pause = if self.moves { OFTEN } else { SELDOM };
        if self.quiet || self.last.is_some_and(|last| last.elapsed() < pause) {
            return;
        }
        self.last = Some(Instant::now());
        let line = told::progress(run, mode, self.began.elapsed());
        if self.moves {
            self.shown = true;
            let mut err = std::io::stderr().lock();
            // A terminal that cannot be written to has nobody before it.
            let _ = write!(err, "\r\x1b[K{line}").and_then(|()| err.flush());
        } else {
            complain(&line);
        }
    }

    fn clear(&mut self) {
        if std::mem::take(&mut self.shown) {
            let mut err = std::io::stderr().lock();
            let _ = write!(err, "\r\x1b[K").and_then(|()| err.flush());
        }
    }
}

/// One command line that shows it again.
fn again(args: &Args, file: &std::path::Path) -> String {
    let mut words = vec!["callspec".to_owned()];
    match args.fault.is_empty() {
        true => words.extend(["run".to_owned(), file.display().to_string()]),
        false => {
            let folder = file.parent().unwrap_or(file).display().to_string();
            words.extend(["fuzz", "--cases", "0", "--corpus"].map(str::to_owned));
            words.push(folder);
            for chosen in &args.fault {
                words.extend(["--fault".to_owned(), chosen.text.clone()]);
            }
        }
    }
    words.extend(args.target.again());
    let quoted: Vec<_> = words.iter().map(|word| shell(word)).collect();
    quoted.join(" ")
}
