//! `callspec rules --matrix`: rules × faults, each cell played.

use super::super::{Exit, complain, say};
use crate::rules::catalogue;
use crate::run::{Suspect, matrix, table};
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
    let (lines, held) = table(&trials, wanted);
    for line in lines {
        say(&line);
    }
    if held { Exit::Held } else { Exit::Broken }
}
