//! The command line: a file a command.

mod check;
mod diff;
mod lint;
mod report;
mod rules;
mod run;
mod serve;
mod show;
mod target;
mod watch;

use std::process::ExitCode;

use clap::{CommandFactory, Parser, Subcommand};

/// What `callspec` exits with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// Every applicable rule held.
    Held = 0,
    /// A rule was broken.
    Broken = 1,
    /// The command line, a scenario or a target is wrong.
    Usage = 2,
    /// The target could not be tested, or nothing ran.
    Untested = 3,
    Interrupted = 130,
}

/// Decides whether a system speaks urn:xmpp:call:0 correctly.
#[derive(Debug, Parser)]
#[command(name = "callspec", version, arg_required_else_help = true)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run scenarios (files or folders; none: the built-in suite)
    Run(Box<run::Args>),
    /// Check scenario files without running them
    Lint(lint::Args),
    /// Judge recorded transcripts (.jsonl; - is stdin)
    Check(check::Args),
    /// Show a call as a ladder: a transcript, or a scenario played on the embedded endpoint
    Show(show::Args),
    /// Compare two JSON reports: what is newly broken, mended, still broken
    Diff(diff::Args),
    /// Make one report of several
    Report(report::Args),
    /// Serve the embedded endpoint on a port, over WebSocket and TCP
    Serve(serve::Args),
    /// The rule catalogue; with ids, each rule's text and source
    Rules(rules::Args),
    /// Print shell completions
    Completions { shell: clap_complete::Shell },
}

/// Runs the program.
pub fn main() -> ExitCode {
    let exit = match Cli::parse().command {
        Command::Run(args) => run::run(*args),
        Command::Lint(args) => lint::run(&args),
        Command::Check(args) => check::run(&args),
        Command::Show(args) => show::run(&args),
        Command::Diff(args) => diff::run(&args),
        Command::Report(args) => report::run(&args),
        Command::Serve(args) => serve::run(&args),
        Command::Rules(args) => rules::run(&args),
        Command::Completions { shell } => {
            clap_complete::generate(shell, &mut Cli::command(), "callspec", &mut std::io::stdout());
            Exit::Held
        }
    };
    ExitCode::from(exit as u8)
}

/// Says something on stdout; a reader that has gone away is no trouble of ours.
fn say(text: &str) {
    use std::io::Write;
    let _ = writeln!(anstream::stdout(), "{text}");
}

fn complain(text: &str) {
    use std::io::Write;
    let _ = writeln!(anstream::stderr(), "{text}");
}
