//! `callspec report`: reports made of reports.

use std::path::PathBuf;

use super::diff::load;
use super::{Exit, complain, say};
use crate::report::html::{Played, html};
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
    #[arg(required = true)]
    files: Vec<PathBuf>,
    /// KIND=PATH with kind json or html; - is stdout (repeatable)
    #[arg(long, value_name = "KIND=PATH", required = true)]
    report: Vec<String>,
}

pub fn run(args: &Args) -> Exit {
    let What::Merge(args) = &args.what;
    match try_merge(args) {
        Ok(line) => {
            say(&line);
            Exit::Held
        }
        Err(message) => {
            complain(&format!("error: {message}"));
            Exit::Usage
        }
    }
}

fn try_merge(args: &MergeArgs) -> Result<String, String> {
    let reports = args
        .files
        .iter()
        .map(|path| Ok((path.display().to_string(), load(path)?)));
    let summary = merge(reports.collect::<Result<Vec<_>, String>>()?)?;
    for text in &args.report {
        let (kind, path) = text.split_once('=').ok_or("--report is KIND=PATH")?;
        let mut out = Vec::new();
        match kind {
            "json" => out.extend_from_slice(summary.json().as_bytes()),
            "html" => {
                let mut played = |at: usize| {
                    let entry = summary.scenarios.get(at);
                    let path = entry.and_then(|entry| entry.transcript.as_deref());
                    path.map(|path| Played::from_file(path.as_ref())).transpose()
                };
                html(&summary, &mut played, &mut out).map_err(|error| error.to_string())?;
            }
            _ => return Err(format!("--report is json=PATH or html=PATH, not `{text}`")),
        }
        std::fs::write(path, out).map_err(|error| format!("{path}: {error}"))?;
    }
    Ok(format!(
        "{} scenarios of {} reports",
        summary.scenarios.len(),
        args.files.len()
    ))
}
