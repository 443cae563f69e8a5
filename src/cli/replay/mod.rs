//! `callspec replay`: a recorded call again, on a target or as a scenario file.

mod again;
mod heard;
mod scenario;

use std::path::{Path, PathBuf};

use super::interrupt::Interrupt;
use super::target::TargetArgs;
use super::{Exit, complain, run};

/// Play a recorded call again on a target, and show what came of it then and now
///
/// Its signals, gaps and chat are sent again by bots, with fresh ids and the target's accounts. What the server and the
/// other side answered is compared with what they answered then; what differs is shown side by side.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// The recording, in any format that `callspec check` reads; both ends of a call may be given together; - is stdin
    #[arg(required_unless_present = "to_scenario")]
    files: Vec<PathBuf>,
    /// Only this call, by its callId or the beginning of it
    #[arg(long, value_name = "ID")]
    call: Option<String>,
    /// Write a scenario file in place of playing (none or -: to stdout)
    ///
    /// The parties become cast names, callIds and user ids are fresh ones, gaps are rounded, and what a party broke is
    /// announced with `breaks`. `callspec lint` accepts it, and `callspec run` plays it.
    #[arg(long, value_name = "FILE", num_args = 0..=1, default_missing_value = "-")]
    to_scenario: Option<PathBuf>,

    #[command(flatten)]
    target: TargetArgs,
    /// Who plays whom: a party of the recording (caller, callee, or a JID) and an account of the target (repeatable)
    #[arg(long = "as", value_name = "PARTY=ACCOUNT", help_heading = "Target")]
    parties: Vec<String>,
    /// How many times as fast as then; max leaves no gaps [default: 1]
    ///
    /// What the protocol itself times stays lawful: a timeout is still sent after 30 s, and the duration that a hangup
    /// tells becomes as short as the call.
    #[arg(long, value_name = "N|max", value_parser = speed, help_heading = "Running")]
    speed: Option<f64>,
    /// The seed of all ids on the embedded endpoint; on a target they are always fresh [default: 0]
    #[arg(
        long,
        value_name = "N",
        default_value_t = 0,
        hide_default_value = true,
        help_heading = "Running"
    )]
    seed: u64,
    /// Multiply every deadline by this [default: 1]
    #[arg(
        long,
        value_name = "X",
        default_value_t = 1.0,
        hide_default_value = true,
        help_heading = "Running"
    )]
    timeout_scale: f64,
    /// A broken SHOULD fails too
    #[arg(long, help_heading = "Result")]
    strict: bool,
    /// Write a report: KIND is one of KINDS; PATH - is stdout (repeatable)
    #[arg(long, value_name = "KIND=PATH", help_heading = "Output", help = run::reports::help())]
    report: Vec<String>,
    /// Where transcripts go (default: a new folder below .callspec)
    #[arg(long, value_name = "DIR", help_heading = "Output")]
    transcripts: Option<PathBuf>,
    /// Only what is not passed, and the summary
    #[arg(short, long, conflicts_with = "verbose", help_heading = "Output")]
    quiet: bool,
    /// Remarks too, and every finding in full; twice: every event of what is not passed
    #[arg(short, long, action = clap::ArgAction::Count, help_heading = "Output")]
    verbose: u8,
}

const EXAMPLES: &str = "\
Examples:
  callspec replay call.har                          on the embedded endpoint
  callspec replay caller.har callee.har --target target.yaml --speed 10
  callspec replay prosody.log --call 550e8400 --to-scenario call.yaml";

/// A number of times as fast.
fn speed(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        _ if text == "max" => Ok(f64::INFINITY),
        Ok(speed) if speed.is_finite() && speed > 0.0 => Ok(speed),
        _ => Err("a speed is a number above 0, or max".into()),
    }
}

impl Args {
    /// The recordings. The only file that is named is one, wherever it stands: nobody wants a scenario of nothing.
    fn recordings(&self) -> &[PathBuf] {
        match &self.to_scenario {
            Some(file) if self.files.is_empty() => std::slice::from_ref(file),
            _ => &self.files,
        }
    }
}

pub fn run(args: &Args) -> Exit {
    let done = match &args.to_scenario {
        Some(_) if args.files.is_empty() => scenario::write(args, Path::new("-")),
        Some(path) => scenario::write(args, path),
        None => again::play(args, &Interrupt::listen()),
    };
    done.unwrap_or_else(|message| {
        if !message.is_empty() {
            complain(&format!("error: {message}"));
        }
        Exit::Usage
    })
}
