//! `callspec report`: reports made of reports.

use std::path::PathBuf;

use super::diff::load;
use super::run::reports::{self, Reports};
use super::{Exit, complain, say};
use crate::report::summary::merge;

#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, clap::Subcommand)]
enum What {
    /// Join the JSON reports of shards into one
    Merge(MergeArgs),
}

#[derive(Debug, clap::Args)]
struct MergeArgs {
    /// JSON reports, as `run --report json=PATH` writes them
    #[arg(required = true, value_name = "REPORT")]
    files: Vec<PathBuf>,
    /// Write a report: KIND is one of KINDS; PATH - is stdout (repeatable)
    #[arg(long, value_name = "KIND=PATH", required = true, help = reports::help())]
    report: Vec<String>,
}

pub fn run(args: &Args) -> Exit {
    let What::Merge(args) = &args.what;
    match try_merge(args) {
        Ok(()) => Exit::Held,
        Err(message) => {
            complain(&format!("error: {message}"));
            Exit::Usage
        }
    }
}

fn try_merge(args: &MergeArgs) -> Result<(), String> {
    let reports = Reports::parse(&args.report)?;
    let read = args
        .files
        .iter()
        .map(|path| Ok((path.display().to_string(), load(path)?)));
    let summary = merge(read.collect::<Result<Vec<_>, String>>()?)?;
    let results = summary.results()?;
    let report = summary.report(&results);
    reports.write(&report)?;
    if !reports.take_stdout() {
        let (count, files) = (summary.scenarios.len(), args.files.len());
        say(&format!("{count} scenarios of {files} reports"));
    }
    Ok(())
}
