//! Which scenarios put a rule to the test.

use std::collections::BTreeMap;

use super::{Action, Scenario, Step};

/// The scenarios of one rule, each once, in the order of the suite.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Shown {
    /// A bot of these breaks the rule on purpose.
    pub broken: Vec<String>,
    /// These name the rule, and keep it.
    pub kept: Vec<String>,
}

impl Shown {
    /// All of them, those that break it first.
    pub fn all(&self) -> impl Iterator<Item = &str> {
        self.broken.iter().chain(&self.kept).map(String::as_str)
    }
}

/// For each rule's id the scenarios that name or break it.
#[must_use]
pub fn by_rule(scenarios: &[Scenario]) -> BTreeMap<String, Shown> {
    let mut rules: BTreeMap<String, Shown> = BTreeMap::new();
    for scenario in scenarios {
        let mut broken = Vec::new();
        for case in scenario.cases() {
            breaches(&case.steps, &mut broken);
        }
        let named = scenario.cases().iter().flat_map(|case| &case.rules);
        for id in named.chain(&broken) {
            let shown = rules.entry(id.clone()).or_default();
            let list = if broken.contains(id) {
                &mut shown.broken
            } else {
                &mut shown.kept
            };
            if list.last() != Some(&scenario.name) {
                list.push(scenario.name.clone());
            }
        }
    }
    rules
}

fn breaches(steps: &[Step], found: &mut Vec<String>) {
    for step in steps {
        match &step.action {
            Action::Send(send) => found.extend(send.breaks.iter().cloned()),
            Action::Together(branches) => branches.iter().for_each(|steps| breaches(steps, found)),
            Action::AnyOrder(steps) | Action::When { steps, .. } => breaches(steps, found),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::builtin;
    use super::*;

    #[test]
    fn a_rule_finds_those_that_break_and_those_that_keep_it() {
        let rules = by_rule(&builtin().expect("the built-in suite reads"));
        let shown = rules.get("SD-42").expect("a rule");
        assert_eq!(shown.broken, ["ice/sent-twice"]);
        let shown = rules.get("ST-18").expect("a rule");
        assert!(shown.broken.is_empty() && shown.kept.iter().any(|name| name == "ice/before-the-answer"));
        let all: Vec<&str> = shown.all().collect();
        let once: std::collections::BTreeSet<_> = all.iter().collect();
        assert_eq!(once.len(), all.len());
    }
}
