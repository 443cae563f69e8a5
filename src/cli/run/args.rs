//! What can be said to `callspec run`.

use std::path::PathBuf;
use std::str::FromStr;

use crate::cli::target::TargetArgs;

/// Run scenarios (files or folders; none: the built-in suite)
///
/// Without a target the scenarios are played against the embedded endpoint, in virtual time. With one they are played
/// in real time, as many side by side as --jobs says. Each leaves a transcript, which `callspec check` judges again.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// Scenario files, or folders of them (none: the built-in suite)
    pub paths: Vec<PathBuf>,

    #[command(flatten)]
    pub target: TargetArgs,

    /// Only what this expression takes, such as 'tag:race and not load'
    ///
    /// A word is part of a scenario's name, or a matrix value (gap=5ms); with * or ? it is a pattern for all of it.
    /// name:PATTERN is the whole name, tag:PATTERN a tag, rule:ID a rule that the scenario is about. Join them with
    /// not, and, or and parentheses.
    #[arg(long, value_name = "EXPR", help_heading = "Selection")]
    pub filter: Option<String>,
    /// Only the K-th of N parts, to spread a suite over machines
    #[arg(long, value_name = "K/N", help_heading = "Selection")]
    pub shard: Option<String>,
    /// Only what failed or could not be tested in the last run
    ///
    /// The last run is the newest below .callspec, or the given JSON report: --last-failed=report.json.
    #[arg(
        long,
        value_name = "REPORT",
        num_args = 0..=1,
        require_equals = true,
        help_heading = "Selection"
    )]
    pub last_failed: Option<Option<PathBuf>>,
    /// Only name what would run
    #[arg(long, help_heading = "Selection")]
    pub list: bool,

    /// How many scenarios side by side (default: 32 on a target, one a core on the embedded endpoint)
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024), help_heading = "Running")]
    pub jobs: Option<u16>,
    /// Stay, and run again what a change on the disk concerns
    #[arg(long, help_heading = "Running", conflicts_with = "list")]
    pub watch: bool,
    /// Stop at the first failure
    #[arg(long, help_heading = "Running")]
    pub fail_fast: bool,
    /// Run what failed again, up to N times; a pass then is `flaky`
    #[arg(long, value_name = "N", default_value_t = 0, value_parser = clap::value_parser!(u32).range(..=100), hide_default_value = true, help_heading = "Running")]
    pub retries: u32,
    /// The seed of all ids on the embedded endpoint; on a target they are always fresh [default: 0]
    #[arg(
        long,
        value_name = "N",
        default_value_t = 0,
        hide_default_value = true,
        help_heading = "Running"
    )]
    pub seed: u64,
    /// Multiply every deadline by this [default: 1]
    #[arg(
        long,
        value_name = "X",
        default_value_t = 1.0,
        hide_default_value = true,
        help_heading = "Running"
    )]
    pub timeout_scale: f64,
    /// How far a timestamp may lie from this machine's clock, such as 90s or 5m [default: 60s]
    #[arg(long, value_name = "TIME", value_parser = time, help_heading = "Running")]
    pub clock_skew: Option<f64>,

    /// Play scenarios tagged `heavy` on a target too: floods and the like
    #[arg(long, help_heading = "Selection")]
    pub heavy: bool,
    /// A broken SHOULD fails too
    #[arg(long, help_heading = "Result")]
    pub strict: bool,
    /// A skipped scenario fails the run
    #[arg(long, help_heading = "Result")]
    pub fail_on_skip: bool,
    /// What a `flaky` scenario does to the run
    #[arg(long, value_enum, default_value_t = FlakyResult::Pass, help_heading = "Result")]
    pub flaky_result: FlakyResult,
    /// Breaches that are known: a YAML list of rule, scenario (a pattern), reason and, if wanted, expires
    ///
    /// What an entry excuses is `known` in every report. An entry that excuses nothing any more, or that has expired,
    /// fails the run.
    #[arg(long, value_name = "FILE", help_heading = "Result")]
    pub waivers: Option<PathBuf>,

    /// Write a report: KIND is one of KINDS; PATH - is stdout (repeatable)
    #[arg(long, value_name = "KIND=PATH", help_heading = "Output", help = super::reports::help())]
    pub report: Vec<String>,
    /// Where transcripts go (default: a new folder below .callspec)
    #[arg(long, value_name = "DIR", help_heading = "Output")]
    pub transcripts: Option<PathBuf>,
    /// Only what is not passed, and the summary
    #[arg(short, long, conflicts_with = "verbose", help_heading = "Output")]
    pub quiet: bool,
    /// Remarks too, and every finding in full; twice: every event of what is not passed
    #[arg(short, long, action = clap::ArgAction::Count, help_heading = "Output")]
    pub verbose: u8,
}

impl Args {
    /// As if nothing had been typed.
    pub fn plain() -> Option<Args> {
        let command = <Args as clap::Args>::augment_args(clap::Command::new("run"));
        let matches = command.try_get_matches_from(["run"]).ok()?;
        <Args as clap::FromArgMatches>::from_arg_matches(&matches).ok()
    }
}

/// What a pass on a retry is worth.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum FlakyResult {
    Pass,
    Fail,
}

const EXAMPLES: &str = "\
Examples:
  callspec run                                      the built-in suite, nothing needed
  callspec run --target target.yaml --report junit=results.xml
  callspec run my.yaml --filter 'gap=5ms' -v
  callspec run --target target.yaml --last-failed";

/// The K-th of N parts, as `K/N`.
pub fn part<N: FromStr + PartialOrd + From<u8>>(text: &str) -> Option<(N, N)> {
    let (k, n) = text.split_once('/')?;
    let (k, n) = (k.trim().parse().ok()?, n.trim().parse().ok()?);
    (k >= N::from(1) && k <= n).then_some((k, n))
}

/// A time with its unit, in seconds.
pub fn time(text: &str) -> Result<f64, String> {
    let at = text.find(|c: char| c.is_ascii_alphabetic()).unwrap_or(text.len());
    let (number, unit) = text.split_at(at);
    let factor = match unit {
        "ms" => 0.001,
        "s" => 1.0,
        "m" => 60.0,
        "h" => 3600.0,
        _ => return Err("a time has its unit: ms, s, m or h".into()),
    };
    match number.parse::<f64>() {
        Ok(number) if number.is_finite() && number >= 0.0 => Ok(number * factor),
        _ => Err("this is no time, such as 90s".into()),
    }
}
