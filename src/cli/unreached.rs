//! `callspec rules --unreached`: what a run has not put to the test, and why.

use std::path::Path;

use super::diff::load;
use super::{Exit, complain, runs, say};
use crate::report::{applies, hang, name};
use crate::rules::{Outcome, Rule, Subjects, catalogue};

/// Of a JSON report; `None`: that of the newest run.
pub fn run(given: Option<&Path>) -> Exit {
    let path = given.map_or_else(runs::newest, |given| Ok(given.to_owned()));
    let read = path.and_then(|path| load(&path).map(|summary| (path, summary)));
    let (path, summary) = match read {
        Ok(read) => read,
        Err(why) => {
            complain(&format!("error: --unreached: {why}"));
            return Exit::Usage;
        }
    };
    let enforcing = summary.profile.get("class").and_then(|class| class.as_str()) == Some("enforcing");
    let missing = catalogue()
        .iter()
        .filter(|rule| !summary.rules.contains_key(rule.id));
    let (wanted, others): (Vec<&Rule>, Vec<&Rule>) = missing.partition(|rule| applies(rule, enforcing));
    say(&format!(
        "{}: {} ({} cases)\n",
        path.display(),
        summary.target.url,
        summary.scenarios.len()
    ));
    if wanted.is_empty() {
        say("every rule that applies to this server was put to the test");
    }
    for rule in &wanted {
        let level = rule.level.name();
        say(&hang(
            &format!("{:<6} ", rule.id),
            &format!("{level}: {} ({})", rule.text, rule.source),
        ));
        let mut named: Vec<String> = Vec::new();
        for entry in summary
            .scenarios
            .iter()
            .filter(|entry| entry.rules.iter().any(|id| id == rule.id))
        {
            let why = entry.reason.as_ref().map(|reason| format!(": {reason}"));
            let why = why.or_else(|| {
                let fine = matches!(entry.result, Outcome::Passed | Outcome::Known);
                fine.then(|| ", and what the rule is about did not come up".to_owned())
            });
            let line = format!(
                "{} ({}{})",
                entry.name,
                name(entry.result),
                why.unwrap_or_default()
            );
            if !named.contains(&line) {
                named.push(line);
            }
        }
        match named.as_slice() {
            [] => say("       no scenario of this run names it"),
            few => few.iter().for_each(|line| say(&hang("       named by ", line))),
        }
    }
    let clients = others
        .iter()
        .filter(|rule| rule.subject == Subjects::Client)
        .count();
    if clients > 0 {
        say(&format!(
            "\n{}",
            hang(
                "",
                &format!(
                    "{clients} more are for clients: in `run` only callspec's own bots are clients, and they are not on trial"
                )
            )
        ));
    }
    let class = others.len() - clients;
    if class > 0 {
        say(&format!("{class} more are for servers of class enforcing"));
    }
    Exit::Held
}
