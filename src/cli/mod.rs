//! The command line: a file a command.

mod calls;
mod check;
mod diff;
mod exit;
mod fuzz;
mod init;
mod interrupt;
mod lint;
mod probe;
mod record;
mod replay;
mod report;
mod rules;
mod run;
mod runs;
mod schema;
mod serve;
mod show;
mod target;
mod unreached;
mod watch;

use std::process::ExitCode;
use std::sync::OnceLock;

use clap::{CommandFactory, FromArgMatches, Parser, Subcommand};

pub use exit::{Exit, STATUSES};

/// Decides whether a system speaks urn:xmpp:call:0 correctly.
#[derive(Debug, Parser)]
#[command(name = "callspec", version, arg_required_else_help = true, after_help = STATUSES)]
struct Cli {
    #[command(subcommand)]
    command: Command,
    /// When to use colour: auto, always or never
    #[arg(long, value_enum, value_name = "WHEN", default_value_t = Color::Auto, hide_default_value = true, hide_possible_values = true, global = true, display_order = 1000)]
    color: Color,
}

#[derive(Debug, Subcommand)]
enum Command {
    Run(Box<run::Args>),
    /// Check scenario files without running them
    Lint(lint::Args),
    /// Judge what was recorded: transcripts, browsers' .har, raw XMPP logs, signals; - is stdin
    Check(check::Args),
    Replay(Box<replay::Args>),
    /// Show a call as a ladder: a transcript, or a scenario played on the embedded endpoint
    Show(show::Args),
    /// Compare two JSON reports: what is newly broken, mended, still broken
    Diff(diff::Args),
    /// Make one report of several
    Report(report::Args),
    Fuzz(Box<fuzz::Args>),
    /// Sit between clients and their server, and write transcripts of their calls
    Record(Box<record::Args>),
    Probe(Box<probe::Args>),
    /// Serve the embedded endpoint on a port, over WebSocket and TCP
    Serve(serve::Args),
    /// The rule catalogue; with ids, each rule's text and source
    Rules(rules::Args),
    Schema(schema::Args),
    Init(init::Args),
    /// Print shell completions, such as callspec completions bash
    Completions {
        /// Which shell
        shell: clap_complete::Shell,
    },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Color {
    Auto,
    Always,
    Never,
}

/// The whole command line as data: help, manual and completions are made from it.
pub fn command() -> clap::Command {
    Cli::command().mut_subcommands(|command| {
        // The exit statuses are the same for all.
        command.after_long_help(STATUSES)
    })
}

/// Runs the program.
pub fn main() -> ExitCode {
    let matches = command().get_matches();
    let cli = Cli::from_arg_matches(&matches).unwrap_or_else(|error| error.exit());
    match cli.color {
        Color::Auto => {}
        Color::Always => anstream::ColorChoice::Always.write_global(),
        Color::Never => anstream::ColorChoice::Never.write_global(),
    }
    let exit = match cli.command {
        Command::Run(args) => run::run(*args),
        Command::Lint(args) => lint::run(&args),
        Command::Check(args) => check::run(&args),
        Command::Replay(args) => replay::run(&args),
        Command::Show(args) => show::run(&args),
        Command::Diff(args) => diff::run(&args),
        Command::Report(args) => report::run(&args),
        Command::Fuzz(args) => fuzz::run(&args),
        Command::Record(args) => record::run(&args),
        Command::Probe(args) => probe::run(&args),
        Command::Serve(args) => serve::run(&args),
        Command::Rules(args) => rules::run(&args),
        Command::Schema(args) => schema::run(&args),
        Command::Init(args) => init::run(&args),
        Command::Completions { shell } => {
            let mut script = Vec::new();
            clap_complete::generate(shell, &mut command(), "callspec", &mut script);
            say(String::from_utf8_lossy(&script).trim_end());
            Exit::Held
        }
    };
    ExitCode::from(heard(exit) as u8)
}

/// Why something that was said has not arrived, the first time.
static UNSAID: OnceLock<std::io::Error> = OnceLock::new();

/// Says something on stdout; a reader that has gone away is no trouble of ours, a full disk is.
fn say(text: &str) {
    use std::io::Write;
    if let Err(error) = writeln!(anstream::stdout(), "{text}")
        && error.kind() != std::io::ErrorKind::BrokenPipe
    {
        let _ = UNSAID.set(error);
    }
}

/// Whoever reads only half of it is not told that all is well.
fn heard(exit: Exit) -> Exit {
    let Some(error) = UNSAID.get() else {
        return exit;
    };
    complain(&format!("error: cannot write to stdout: {error}"));
    match exit {
        Exit::Held => Exit::Usage,
        _ => exit,
    }
}

fn complain(text: &str) {
    use std::io::Write;
    let _ = writeln!(anstream::stderr(), "{text}");
}
