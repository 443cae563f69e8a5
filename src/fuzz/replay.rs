//! What was kept earlier is played first.

use tokio::sync::watch;

use super::campaign::{Campaign, News, Plan};
use super::shrink::{broken, play_one};
use crate::lint::lint;
use crate::rules::Outcome;
use crate::run::Options;
use crate::scenario::load;
use crate::yaml::in_one;

/// Plays every scenario of the folder.
///
/// # Errors
/// One cannot be read, or is not sound.
pub(super) fn replay(
    plan: &Plan,
    stop: &watch::Sender<bool>,
    run: &mut Campaign,
    observe: &mut dyn FnMut(News<'_>),
) -> Result<(), String> {
    let wrong = |error: std::io::Error| format!("cannot read {}: {error}", plan.folder.display());
    if !plan.folder.exists() {
        return Ok(());
    }
    let mut files = Vec::new();
    for entry in std::fs::read_dir(&plan.folder).map_err(wrong)? {
        let path = entry.map_err(wrong)?.path();
        if path.extension().is_some_and(|extension| extension == "yaml") {
            files.push(path);
        }
    }
    files.sort();
    // So that what `run` plays is what was found, its own seed is used.
    let options = Options {
        seed: 0,
        ..plan.options.clone()
    };
    for file in files {
        let scenario = load(&file).map_err(|errors| in_one(&errors))?;
        if let Some(error) = lint(&scenario).get(..1) {
            return Err(in_one(error));
        }
        for case in scenario.cases() {
            let Some(finished) = play_one(case.clone(), &options, stop) else {
                run.cut += 1;
                continue;
            };
            match finished.outcome {
                Outcome::Skipped => run.skipped += 1,
                Outcome::Error => run.is_untested(&finished),
                _ => {
                    run.played += 1;
                    run.orderings += 1;
                }
            }
            // The rule that it was kept for comes first in it.
            let rules = broken(&finished);
            let own = rules
                .iter()
                .find(|rule| case.rules.first().is_some_and(|own| own == *rule));
            if let Some(rule) = own.or(rules.first()).copied() {
                let failure = run.failures.entry(rule).or_default();
                failure.replayed.push(file.clone());
                observe(News::Replayed { file: &file, rule });
            }
        }
    }
    Ok(())
}
