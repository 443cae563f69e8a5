//! `callspec diff`: two JSON reports side by side.

use std::fs::File;
use std::io::BufReader;
use std::path::{Path, PathBuf};

use super::{Exit, complain, say};
use crate::report::Summary;
use crate::report::summary::{Change, Comparison, compare, read};

#[derive(Debug, clap::Args)]
pub struct Args {
    /// The JSON report of before
    old: PathBuf,
    /// The JSON report of now
    new: PathBuf,
    /// A broken SHOULD counts too
    #[arg(long)]
    strict: bool,
}

pub fn run(args: &Args) -> Exit {
    let read = load(&args.old).and_then(|old| Ok((old, load(&args.new)?)));
    let (old, new) = match read {
        Ok(read) => read,
        Err(message) => {
            complain(&format!("error: {message}"));
            return Exit::Usage;
        }
    };
    let comparison = compare(&old, &new, args.strict);
    say(&told(&comparison));
    if comparison.of(Change::NewlyBroken).next().is_some() {
        Exit::Broken
    } else {
        Exit::Held
    }
}

/// Reads a JSON report; the error names the file and the place.
pub(super) fn load(path: &Path) -> Result<Summary, String> {
    let place = path.display();
    let file = File::open(path).map_err(|error| format!("{place}: {error}"))?;
    read(BufReader::new(file)).map_err(|error| match error.line {
        0 => format!("{place}: {error}"),
        _ => format!("{place}:{error}"),
    })
}

fn told(comparison: &Comparison) -> String {
    let mut out = String::new();
    let mut counts = Vec::new();
    for (change, heading, word) in [
        (Change::NewlyBroken, "newly broken", "newly broken"),
        (Change::Untested, "not tested now", "not tested now"),
        (Change::StillBroken, "still broken", "still broken"),
        (Change::Mended, "mended", "mended"),
        (Change::Gone, "gone", "gone"),
        (Change::New, "new", "new"),
    ] {
        let changes: Vec<_> = comparison.of(change).collect();
        if changes.is_empty() {
            continue;
        }
        counts.push(format!("{} {word}", changes.len()));
        out.push_str(&format!("{heading}\n"));
        for (_, title, rules) in changes {
            out.push_str(format!("  {title:<52} {}", rules.join(" ")).trim_end());
            out.push('\n');
        }
        out.push('\n');
    }
    if comparison.sound > 0 || counts.is_empty() {
        counts.push(format!("{} sound in both", comparison.sound));
    }
    out.push_str(&counts.join(", "));
    out
}
