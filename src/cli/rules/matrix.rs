//! `callspec rules --matrix`: rules × faults, each cell played.

use std::collections::BTreeMap;

use super::super::{Exit, complain, say};
use crate::rules::catalogue;
use crate::run::{Suspect, Trial, matrix};
use crate::scenario::{Case, Scenario, builtin};

pub fn run(ids: &[String]) -> Exit {
    let ids: Vec<String> = ids.iter().map(|id| id.to_ascii_uppercase()).collect();
    if let Some(id) = ids
        .iter()
        .find(|id| !catalogue().iter().any(|rule| rule.id == id.as_str()))
    {
        complain(&format!(
            "error: there is no rule `{id}`; `callspec rules` lists them"
        ));
        return Exit::Usage;
    }
    let cases: Vec<Case> = match builtin() {
        Ok(suite) => suite.iter().flat_map(Scenario::cases).cloned().collect(),
        Err(errors) => {
            for error in errors {
                complain(&error.to_string());
            }
            return Exit::Usage;
        }
    };
    let wanted = |id: &str| ids.is_empty() || ids.iter().any(|given| given == id);
    let suspects = Suspect::all().filter(|suspect| suspect.rules().iter().any(|id| wanted(id)));
    let jobs = std::thread::available_parallelism().map_or(2, std::num::NonZero::get);
    let trials = matrix(&cases, suspects, jobs, &|_| {});
    let mut rows: BTreeMap<&str, Vec<&Trial>> = BTreeMap::new();
    for trial in &trials {
        // A fault that breaks two rules stands in the row of the one that caught it.
        let caught = trial.caught.as_ref().map(|(finding, _)| finding.rule.id);
        if let Some(id) = caught.or(trial.suspect.rules().first().copied()) {
            rows.entry(id).or_default().push(trial);
        }
    }
    let mut empty = Vec::new();
    // What a scenario of the user's own expects is broken by any fault.
    for rule in catalogue()
        .iter()
        .filter(|rule| rule.id != "SC-01" && wanted(rule.id))
    {
        let Some(row) = rows.get(rule.id) else {
            let named = trials
                .iter()
                .any(|trial| trial.is_good() && trial.suspect.rules().contains(&rule.id));
            if !named {
                empty.push(rule.id);
            }
            continue;
        };
        say(&format!("{}  {}", rule.id, rule.text));
        for trial in row {
            say(&format!("  {}", line(trial)));
        }
    }
    let missed = trials.iter().filter(|trial| !trial.is_good()).count();
    say(&format!(
        "{} faults, {} caught by a rule of their own, {missed} not; {} rules without a fault{}",
        trials.len(),
        trials.len() - missed,
        empty.len(),
        if empty.is_empty() {
            String::new()
        } else {
            format!(": {}", empty.join(" "))
        }
    ));
    if missed == 0 && empty.is_empty() {
        Exit::Held
    } else {
        Exit::Broken
    }
}

fn line(trial: &Trial) -> String {
    let name = trial.suspect.name();
    match &trial.caught {
        Some((_, case)) => format!("caught  {name:<34} {case}"),
        None if trial.strays.is_empty() => format!("MISSED  {name:<34} nothing was found"),
        None => {
            let strays: Vec<&str> = trial.strays.iter().copied().collect();
            format!("MISSED  {name:<34} only {}", strays.join(" "))
        }
    }
}
