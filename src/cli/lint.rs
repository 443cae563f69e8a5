//! `callspec lint`: scenario files checked without running them.

use std::path::{Path, PathBuf};

use super::interrupt::Interrupt;
use super::watch::watch;
use super::{Exit, complain, say};
use crate::lint::{left_open, lint};
use crate::scenario::{Scenario, load};
use crate::yaml::Source;

#[derive(Debug, clap::Args)]
pub struct Args {
    /// Scenario files or folders
    #[arg(required = true)]
    paths: Vec<PathBuf>,
    /// Stay, and check again what a change on the disk concerns
    #[arg(long)]
    watch: bool,
}

pub fn run(args: &Args) -> Exit {
    if args.watch {
        let interrupt = Interrupt::listen();
        return watch(&args.paths, &interrupt.ended, &mut |files| {
            told(load_files(files))
        });
    }
    told(load_all(&args.paths))
}

fn told(loaded: Result<Vec<Scenario>, Exit>) -> Exit {
    match loaded {
        Ok(scenarios) => {
            let cases: usize = scenarios.iter().map(|scenario| scenario.cases().len()).sum();
            for warning in scenarios.iter().filter_map(left_open) {
                complain(&warning.as_warning());
            }
            let some = |n: usize, what: &str| format!("{n} {what}{}", if n == 1 { "" } else { "s" });
            say(&format!(
                "{}, {}: nothing wrong",
                some(scenarios.len(), "scenario"),
                some(cases, "case")
            ));
            Exit::Held
        }
        Err(exit) => exit,
    }
}

/// Reads all scenarios below these paths; what is wrong is told on stderr.
pub fn load_all(paths: &[PathBuf]) -> Result<Vec<Scenario>, Exit> {
    load_files(&collect_all(paths)?)
}

/// Reads these files, each of them; what is wrong is told on stderr.
pub fn load_files(files: &[PathBuf]) -> Result<Vec<Scenario>, Exit> {
    let (mut scenarios, mut wrong) = (Vec::new(), false);
    for file in files {
        let (scenario, errors) = match load(file) {
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

/// Every scenario file below these paths, once.
pub fn collect_all(paths: &[PathBuf]) -> Result<Vec<PathBuf>, Exit> {
    let mut files = Vec::new();
    for path in paths {
        if let Err(error) = collect(path, &mut files, 0) {
            complain(&format!("error: {}: {error}", path.display()));
            return Err(Exit::Usage);
        }
    }
    if files.is_empty() {
        let places: Vec<String> = paths.iter().map(|path| path.display().to_string()).collect();
        complain(&format!(
            "error: no scenario file (.yaml) in {}",
            places.join(", ")
        ));
        return Err(Exit::Usage);
    }
    let mut seen = std::collections::BTreeSet::new();
    files.retain(|file| seen.insert(file.clone()));
    Ok(files)
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
        if path.is_dir() || (yaml && !is_of_a_target(&path)) {
            collect(&path, files, depth + 1)?;
        }
    }
    Ok(())
}

/// Whether this is a target file or a profile, which may lie beside scenarios: it says where a server is, or what, and has no
/// steps.
fn is_of_a_target(path: &Path) -> bool {
    let Ok(source) = Source::read(path) else {
        return false;
    };
    let says = |key: &str| source.text.lines().any(|line| line.starts_with(key));
    (says("url:") || says("class:")) && !says("name:") && !says("steps:")
}
