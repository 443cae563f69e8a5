//! `callspec lint`: scenario files checked without running them.

use std::path::{Path, PathBuf};

use super::{Exit, complain, say};
use crate::lint::lint;
use crate::scenario::{Scenario, load};

#[derive(Debug, clap::Args)]
pub struct Args {
    /// Scenario files or folders
    #[arg(required = true)]
    paths: Vec<PathBuf>,
}

pub fn run(args: &Args) -> Exit {
    match load_all(&args.paths) {
        Ok(scenarios) => {
            let cases: usize = scenarios.iter().map(|scenario| scenario.cases().len()).sum();
            say(&format!(
                "{} scenarios, {cases} cases: nothing wrong",
                scenarios.len()
            ));
            Exit::Held
        }
        Err(exit) => exit,
    }
}

/// Reads all scenarios; what is wrong is told on stderr.
pub fn load_all(paths: &[PathBuf]) -> Result<Vec<Scenario>, Exit> {
    let mut files = Vec::new();
    for path in paths {
        if let Err(error) = collect(path, &mut files, 0) {
            complain(&format!("error: {}: {error}", path.display()));
            return Err(Exit::Usage);
        }
    }
    if files.is_empty() {
        complain("error: no scenario file (.yaml) there");
        return Err(Exit::Usage);
    }
    let (mut scenarios, mut wrong) = (Vec::new(), false);
    for file in files {
        let (scenario, errors) = match load(&file) {
            Ok(scenario) => {
                let errors = lint(&scenario);
                (Some(scenario), errors)
            }
            Err(errors) => (None, errors),
        };
        wrong |= !errors.is_empty();
        errors.iter().for_each(|error| complain(&error.to_string()));
        scenarios.extend(scenario);
    }
    if wrong { Err(Exit::Usage) } else { Ok(scenarios) }
}

fn collect(path: &Path, files: &mut Vec<PathBuf>, depth: usize) -> std::io::Result<()> {
    if !path.is_dir() {
        std::fs::metadata(path)?;
        files.push(path.to_owned());
        return Ok(());
    }
    // Deeper is a loop of links.
    if depth > 32 || path.file_name().is_some_and(|name| name == "fragments") {
        return Ok(());
    }
    let mut entries = std::fs::read_dir(path)?.collect::<Result<Vec<_>, _>>()?;
    entries.sort_by_key(std::fs::DirEntry::file_name);
    for entry in entries {
        let path = entry.path();
        let yaml = path
            .extension()
            .is_some_and(|ending| ending == "yaml" || ending == "yml");
        if path.is_dir() || yaml {
            collect(&path, files, depth + 1)?;
        }
    }
    Ok(())
}
