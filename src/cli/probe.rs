//! `callspec probe`: what a target does, as a table and as a profile.

use std::path::{Path, PathBuf};

use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::interrupt::Interrupt;
use super::run::reports;
use super::target::TargetArgs;
use super::{Exit, complain, say};
use crate::probe::{Depth, Found, Trouble, USERS, probe, profile_file};
use crate::report;
use crate::run::{Place, clear_out, furnish};

/// Find out what a target does, and write its profile
///
/// Looks with the target's own accounts (two at least; a third shows more), in less than a minute and under a small
/// load, and says of each thing what was seen and what showed it. What could not be seen is `unknown`, with the reason.
/// Without a target it looks at the embedded endpoint, in virtual time.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    #[command(flatten)]
    target: TargetArgs,

    /// Write the profile, commented: for --profile FILE, or for `profile: ./FILE` in a target file
    #[arg(long, value_name = "FILE", help_heading = "Output")]
    out: Option<PathBuf>,
    /// Write a report, of kind json; PATH - is stdout
    #[arg(long, value_name = "json=PATH", value_parser = reports::json, help_heading = "Output")]
    report: Option<PathBuf>,
}

const EXAMPLES: &str = "\
Examples:
  callspec probe --target target.yaml
  callspec probe --target wss://chat.example.com/xmpp-websocket \\
    --account 'alice@chat.example.com:${ALICE_PW}' --account 'bob@chat.example.com:${BOB_PW}' \\
    --out chat.profile.yaml
  callspec run --target target.yaml --profile chat.profile.yaml";

pub fn run(args: &Args) -> Exit {
    let interrupt = Interrupt::listen();
    let mut place = match args.target.place(1.0) {
        Ok(place) => place,
        Err(why) => {
            complain(&format!("error: {why}"));
            return Exit::Usage;
        }
    };
    let untested = |why: String| {
        complain(&format!("error: {why}\n  nothing was tested (exit 3)"));
        Exit::Untested
    };
    let made = match furnish(&mut place, USERS) {
        Ok(made) => made,
        Err(why) => return untested(why),
    };
    let found = probe(&place, Depth::Whole, interrupt.ended.subscribe());
    clear_out(&place, &made);
    match found {
        Ok(found) => tell(args, &found),
        Err(Trouble::Untestable(why)) => untested(why),
        Err(Trouble::Interrupted) => Exit::Interrupted,
    }
}

fn tell(args: &Args, found: &Found) -> Exit {
    let to_stdout = args.report.as_deref() == Some(Path::new("-"));
    let table = report::probed(found);
    // Where stdout belongs to the report, people read on stderr.
    let tell = |text: &str| if to_stdout { complain(text) } else { say(text) };
    tell(&table);
    let mut files = Vec::new();
    if let Some(path) = &args.report {
        match to_stdout {
            true => say(&report::probed_json(found)),
            false => files.push((path, report::probed_json(found) + "\n")),
        }
    }
    if let Some(path) = &args.out {
        let at = OffsetDateTime::now_utc();
        let at = at
            .replace_nanosecond(0)
            .unwrap_or(at)
            .format(&Rfc3339)
            .unwrap_or_default();
        files.push((path, profile_file(found, &at)));
    }
    for (path, text) in files {
        if let Err(error) = std::fs::write(path, text) {
            complain(&format!("error: cannot write {}: {error}", path.display()));
            return Exit::Usage;
        }
    }
    match &args.out {
        Some(path) => tell(&format!("written to {}", path.display())),
        None => tell("callspec probe … --out FILE writes it, for callspec run --profile FILE"),
    }
    Exit::Held
}

/// What nobody has said of a target is looked at, as far as it decides which rules apply: in `place`, and as a line for
/// people. Nothing is said of a place whose profile is known.
pub fn look_if_unsaid(place: &mut Place, interrupt: &Interrupt) -> Option<String> {
    let Place::Target(target) = &*place else {
        return None;
    };
    if target.profile_said {
        return None;
    }
    let mut target = (**target).clone();
    let line = match probe(place, Depth::Brief, interrupt.ended.subscribe()) {
        Ok(found) => {
            target.profile = found.profile();
            format!(
                "probed in {:.1} s: {}, {} (callspec probe tells more)",
                found.seconds,
                found.class(),
                found.addressing()
            )
        }
        Err(Trouble::Untestable(why)) => format!("a probe failed, so it is taken for a relay: {why}"),
        Err(Trouble::Interrupted) => return None,
    };
    *place = Place::Target(std::sync::Arc::new(target));
    Some(line)
}
