//! `callspec check`: the verdict on what was recorded.

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::PathBuf;

use super::{Exit, complain, say};
use crate::report;
use crate::rules::{Judge, Outcome};
use crate::transcript::Reader;

#[derive(Debug, clap::Args)]
pub struct Args {
    /// Transcripts (.jsonl); - is stdin
    #[arg(required = true)]
    files: Vec<PathBuf>,
    /// A broken SHOULD fails too
    #[arg(long)]
    strict: bool,
}

pub fn run(args: &Args) -> Exit {
    let mut exit = Exit::Held;
    for path in &args.files {
        let input: Box<dyn BufRead> = if path.as_os_str() == "-" {
            Box::new(BufReader::new(std::io::stdin()))
        } else {
            match File::open(path) {
                Ok(file) => Box::new(BufReader::new(file)),
                Err(error) => {
                    complain(&format!("error: {}: {error}", path.display()));
                    return Exit::Usage;
                }
            }
        };
        let (header, mut events) = match Reader::new(input) {
            Ok(read) => read,
            Err(error) => {
                complain(&format!(
                    "error: {}:{}:{}: {}",
                    path.display(),
                    error.line,
                    error.column,
                    error.message
                ));
                return Exit::Usage;
            }
        };
        let mut judge = Judge::new(&header);
        for event in events.by_ref() {
            match event {
                Ok(event) => judge.event(&event),
                Err(error) => {
                    complain(&format!(
                        "error: {}:{}:{}: {}",
                        path.display(),
                        error.line,
                        error.column,
                        error.message
                    ));
                    return Exit::Usage;
                }
            }
        }
        let verdict = judge.finish();
        say(&format!(
            "{:<13} {}  {}",
            report::word(verdict.outcome),
            header.scenario.name,
            path.display()
        ));
        for finding in &verdict.findings {
            say(&report::finding(finding));
        }
        if events.torn() {
            say("  the last line is torn: the recording was cut off there, and is judged up to it");
        }
        exit = match verdict.outcome {
            Outcome::Failed => Exit::Broken,
            Outcome::Warned if args.strict => Exit::Broken,
            Outcome::Error if exit == Exit::Held => Exit::Untested,
            _ => exit,
        };
    }
    exit
}
