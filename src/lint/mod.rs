//! Whether a scenario makes sense as a call: it is played with the bots' own script in a world in which everything goes
//! right, the judge looks on, and what would be our own mistake, or can never happen, is told with its place.

mod connections;
mod open;
mod play;
mod steps;
mod told;
mod world;

use crate::scenario::{Error, Scenario};

/// All that is wrong with a scenario whose file reads well.
pub fn lint(scenario: &Scenario) -> Vec<Error> {
    let mut errors = Vec::new();
    for case in 0..scenario.cases().len() {
        connections::check(scenario, case, &mut errors);
        // The cases of a matrix mostly make the same mistake.
        if errors.len() >= 10 {
            break;
        }
    }
    if errors.is_empty() {
        errors = play::check(scenario);
    }
    errors
}

/// What its bots break without saying so: where they send it, and the rule.
pub fn unannounced(scenario: &Scenario) -> Vec<(crate::scenario::Place, &'static str)> {
    play::unannounced(scenario)
}

/// A call that lives on when the steps are done, and nothing says why.
pub fn left_open(scenario: &Scenario) -> Option<Error> {
    play::left_open(scenario)
}

#[cfg(test)]
mod tests;
