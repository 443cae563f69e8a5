//! `callspec fuzz`: orderings that nobody wrote, and the shortest of those that break the target.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::json;

use super::interrupt::Interrupt;
use super::run::{reports, time};
use super::target::TargetArgs;
use super::{Exit, complain, say};
use crate::endpoint::{Carrier, Chosen};
use crate::fuzz::{Campaign, Cell, Coverage, News, Plan, campaign, roster};
use crate::profile::Profile;
use crate::protocol::{Kind, Reason, Role, State};
use crate::run::{Options, Place, Rig, check, give_back, provide};

/// Where failures go that nobody gave a place.
const FOLDER: &str = ".callspec/fuzz";

/// Play orderings made from a seed, and cut down those that fail to scenario files
///
/// Each case is steered to one cell of role × state × signal × reason, with chat, crossings, second calls, returns and
/// late answers around it, and ends with a sound call. What breaks a rule for certain is made as short as it can be on
/// the target itself, played again three times, and written as a scenario with its transcript beside it. The same
/// seed makes the same cases.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    #[command(flatten)]
    target: TargetArgs,

    /// A fault of the embedded endpoint, as callspec serve --faults lists them (repeatable)
    #[arg(long, value_name = "NAME", conflicts_with = "target", help_heading = "Target")]
    fault: Vec<Chosen>,

    /// How many cases; 0 plays the corpus only [default: 500]
    #[arg(
        long,
        value_name = "N",
        default_value_t = 500,
        hide_default_value = true,
        help_heading = "Running"
    )]
    cases: u64,
    /// Stop after this time, such as 90s or 10m; what it cuts off is counted apart
    #[arg(long, value_name = "TIME", value_parser = time, help_heading = "Running")]
    time: Option<f64>,
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
    #[arg(long, value_name = "json=PATH", value_parser = report, help_heading = "Output")]
    report: Option<PathBuf>,
    /// Only the failures and the summary
    #[arg(short, long, help_heading = "Output")]
    quiet: bool,
}

const EXAMPLES: &str = "\
Examples:
  callspec fuzz                                     the embedded endpoint, nothing needed
  callspec fuzz --target target.yaml --time 10m --corpus found
  callspec fuzz --fault drop:only=hangup --until-failure";

fn report(text: &str) -> Result<PathBuf, String> {
    match text.split_once('=') {
        Some(("json", path)) if !path.is_empty() => Ok(path.into()),
        _ => Err("a report is json=PATH".into()),
    }
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
    let result = match check(&options, &those) {
        Err(why) => Err(untested(why)),
        Ok(_) => play(args, &options, interrupt),
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

fn play(args: &Args, options: &Options, interrupt: &Interrupt) -> Result<Exit, (Exit, String)> {
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
    let plan = Plan {
        options: options.clone(),
        seed: args.seed,
        cases: args.cases,
        until,
        until_failure: args.until_failure,
        folder: args.corpus.clone().unwrap_or_else(|| FOLDER.into()),
        replay: args.corpus.is_some(),
    };
    tell(&format!(
        "callspec fuzz: {}, {}, seed {}, up to {} cases",
        options.place.name(),
        options.place.profile().class.name(),
        args.seed,
        args.cases
    ));
    let run = campaign(&plan, &|| interrupt.next_run(), &mut |news| match news {
        News::Played(run) if !args.quiet => {
            let (cells, all) = run.coverage.share();
            let pace = run.played as f64 / began.elapsed().as_secs_f64().max(0.001);
            complain(&format!(
                "  {} cases, {pace:.0} a second, {cells} of {all} cells before these, {} failed",
                run.played,
                run.failed()
            ));
        }
        News::Played(_) => {}
        News::Kept(kept) => tell(&format!(
            "\n{}: {}\n  case {}, cut down from {} moves to {}, failed {} of {} times when played again\n  \
             scenario    {}\n  transcript  {}\n  see it again: {}",
            kept.rule,
            kept.message,
            kept.number,
            kept.moves.1,
            kept.moves.0,
            kept.stable.0,
            kept.stable.1,
            kept.file.display(),
            kept.transcript
                .as_ref()
                .map(|path| path.display().to_string())
                .unwrap_or_default(),
            again(args, &kept.file)
        )),
        News::Replayed { file, rule } => tell(&format!("\n{rule}: {} still shows it", file.display())),
    });
    let run = run.map_err(|why| (Exit::Usage, why))?;
    tell(&format!("\n{}", table(&run.coverage)));
    tell(&summary(&run, began.elapsed().as_secs_f64()));
    if let Some(path) = &args.report {
        let whole = format!("{:#}\n", as_json(args, options, &run));
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
    let quoted: Vec<_> = words.iter().map(|word| quote(word)).collect();
    quoted.join(" ")
}

fn quote(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./:=@,+".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', r"'\''"))
    }
}

/// How often each cell was played: rows of role and signal, columns of states.
fn table(coverage: &Coverage) -> String {
    let (cells, all) = coverage.share();
    let mut out = format!(
        "{:<26}{}",
        format!("played ({cells} of {all} cells)"),
        State::ALL.map(|state| format!("{:>10}", word(state))).concat()
    );
    for role in Role::ALL {
        for (signal, reason) in rows() {
            let name = reason.map_or(signal.name().to_owned(), |reason| {
                format!("hangup {}", reason.wire())
            });
            let counts = State::ALL.map(|state| {
                let cell = Cell {
                    role,
                    state,
                    signal,
                    reason,
                };
                match coverage.count(&cell) {
                    0 => format!("{:>10}", "-"),
                    count => format!("{count:>10}"),
                }
            });
            out.push_str(&format!(
                "\n{:<26}{}",
                format!("{} {name}", word(role)),
                counts.concat()
            ));
        }
    }
    out.push('\n');
    out
}

fn rows() -> impl Iterator<Item = (Kind, Option<Reason>)> {
    let others = Kind::ALL.into_iter().filter(|kind| *kind != Kind::Hangup);
    let hangups = Reason::ALL.into_iter().map(|reason| (Kind::Hangup, Some(reason)));
    others.map(|kind| (kind, None)).chain(hangups)
}

fn word(value: impl std::fmt::Debug) -> String {
    format!("{value:?}").to_lowercase()
}

fn summary(run: &Campaign, seconds: f64) -> String {
    let mut out = format!("{} played in {seconds:.1} s, {} failed", run.played, run.failed());
    for (count, what) in [
        (run.cut, "cut off: nothing is known of them"),
        (run.skipped, "skipped"),
        (run.untested, "in which the target could not be tested"),
        (run.unsound, "orderings that no sound scenario was found for"),
    ] {
        if count > 0 {
            out.push_str(&format!("\n  {count} {what}"));
        }
    }
    if let Some(why) = &run.trouble {
        out.push_str(&format!("\n  {why}"));
    }
    for (rule, failure) in &run.failures {
        out.push_str(&format!(
            "\n  {rule}: {} of the cases, {} shapes",
            failure.cases,
            failure.kept.len()
        ));
        if !failure.replayed.is_empty() {
            out.push_str(&format!(", {} of the corpus", failure.replayed.len()));
        }
        for number in &failure.once {
            out.push_str(&format!(
                "\n    case {number} failed once and not when it was played again"
            ));
        }
        for kept in &failure.kept {
            out.push_str(&format!("\n    {}", kept.file.display()));
        }
    }
    out
}

fn as_json(args: &Args, options: &Options, run: &Campaign) -> serde_json::Value {
    let failures = run.failures.iter().map(|(rule, failure)| {
        let kept = failure.kept.iter().map(|kept| {
            json!({
                "file": kept.file,
                "transcript": kept.transcript,
                "case": kept.number,
                "message": kept.message,
                "moves": kept.moves.0,
                "moves-before": kept.moves.1,
                "failed-again": kept.stable.0,
                "played-again": kept.stable.1,
                "again": again(args, &kept.file),
            })
        });
        json!({
            "rule": rule,
            "cases": failure.cases,
            "kept": kept.collect::<Vec<_>>(),
            "replayed": failure.replayed,
            "failed-once": failure.once,
        })
    });
    let coverage = Cell::all().map(|cell| {
        json!({
            "role": cell.role,
            "state": cell.state,
            "signal": cell.signal,
            "reason": cell.reason,
            "played": run.coverage.count(&cell),
        })
    });
    json!({
        "fuzz": 1,
        "target": options.place.name(),
        "profile": options.place.profile().class.name(),
        "seed": args.seed,
        "played": run.played,
        "failed": run.failed(),
        "cut": run.cut,
        "skipped": run.skipped,
        "untested": run.untested,
        "unsound": run.unsound,
        "failures": failures.collect::<Vec<_>>(),
        "coverage": coverage.collect::<Vec<_>>(),
    })
}
