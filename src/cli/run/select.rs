//! Which cases run: the suite, and what of it was asked for.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use super::args::{Args, part};
use crate::cli::diff::load;
use crate::cli::lint::load_all;
use crate::cli::runs;
use crate::rules::Outcome;
use crate::run::{Filter, shard};
use crate::scenario::{Case, Scenario, builtin};
use crate::yaml::in_one;

/// The suite, and the part of it that runs.
#[derive(Debug)]
pub struct Selection {
    /// The suite in a few words.
    pub name: String,
    pub builtin: bool,
    /// Every case that there is.
    pub suite: Vec<Case>,
    /// Those that run.
    pub cases: Vec<Case>,
    /// Why there are none, if so.
    pub nothing: String,
}

/// # Errors
/// What is wrong with the command line or a file, for people; empty if it was told already.
pub fn select(args: &Args, paths: &[PathBuf]) -> Result<Selection, String> {
    let builtin = paths.is_empty();
    let scenarios = if builtin {
        crate_suite()?
    } else {
        load_all(paths).map_err(|_| String::new())?
    };
    let suite: Vec<Case> = scenarios
        .iter()
        .flat_map(|scenario| scenario.cases().to_vec())
        .collect();
    let mut cases = suite.clone();
    let mut nothing = "there is no scenario".to_owned();
    if let Some(text) = &args.filter {
        let filter = Filter::parse(text).map_err(|error| error.to_string())?;
        cases.retain(|case| filter.takes(case));
        nothing = format!("--filter takes none of the {} cases", suite.len());
    }
    if let Some(given) = &args.last_failed {
        let failed = last_failed(given.as_deref(), args.strict)?;
        if !cases.is_empty() {
            nothing = match failed.cases.is_empty() {
                true => format!("nothing failed in the last run ({})", failed.report),
                false => format!(
                    "--last-failed: none of the {} that failed in {} is here",
                    failed.cases.len(),
                    failed.report
                ),
            };
        }
        cases.retain(|case| failed.cases.contains(&(case.name.clone(), case.matrix.clone())));
    }
    if let Some(text) = &args.shard {
        let (k, n) = part(text).ok_or_else(|| format!("--shard is K/N, from 1/N to N/N, not `{text}`"))?;
        if !cases.is_empty() {
            nothing = format!("--shard {text}: there are only {} cases", cases.len());
        }
        cases = shard(cases, k, n);
    }
    Ok(Selection {
        name: suite_name(paths, &scenarios, &suite, &cases),
        builtin,
        suite,
        cases,
        nothing,
    })
}

fn crate_suite() -> Result<Vec<Scenario>, String> {
    builtin().map_err(|errors| in_one(&errors))
}

/// `built-in suite, 200 scenarios in 400 cases`, or how much of it runs.
fn suite_name(paths: &[PathBuf], scenarios: &[Scenario], suite: &[Case], cases: &[Case]) -> String {
    let whole = match paths {
        [] => "built-in suite".to_owned(),
        [one] => one.display().to_string(),
        many => format!("{} paths", many.len()),
    };
    let plural = |n: usize, word: &str| format!("{n} {word}{}", if n == 1 { "" } else { "s" });
    if cases.len() < suite.len() {
        return format!("{whole}, {} of {}", cases.len(), plural(suite.len(), "case"));
    }
    let names = plural(scenarios.len(), "scenario");
    match suite.len() == scenarios.len() {
        true => format!("{whole}, {names}"),
        false => format!("{whole}, {names} in {}", plural(suite.len(), "case")),
    }
}

struct Failed {
    /// Where it stands.
    report: String,
    cases: BTreeSet<(String, Vec<String>)>,
}

fn last_failed(given: Option<&Path>, strict: bool) -> Result<Failed, String> {
    let path = match given {
        None => runs::newest().map_err(|why| format!("--last-failed: {why}"))?,
        Some(given) => given.to_owned(),
    };
    let earlier = load(&path).map_err(|why| format!("--last-failed: {why}"))?;
    let counts = |result: Outcome| match result {
        Outcome::Failed | Outcome::Error | Outcome::Inconclusive | Outcome::Flaky => true,
        Outcome::Warned => strict,
        Outcome::Passed | Outcome::Known | Outcome::Skipped => false,
    };
    Ok(Failed {
        report: path.display().to_string(),
        cases: earlier
            .scenarios
            .into_iter()
            .filter(|case| counts(case.result))
            .map(|case| (case.name, case.matrix))
            .collect(),
    })
}
