//! Where orderings come from, and what they are played as.

use std::sync::Arc;

use proptest::strategy::BoxedStrategy;

use super::coverage::Covered;
use super::file::yaml;
use super::walk::Ordering;
use crate::lint::lint;
use crate::scenario::{Case, Scenario, builtin_fragment, parse};

/// Makes what is played, by number.
pub(super) trait Source: Sync {
    /// How many there are; `None`: as many as are asked for.
    fn count(&self) -> Option<u64> {
        None
    }

    /// All that may come of this number; the seed decides what does. `None`: nothing does.
    fn strategy(&self, number: u64) -> Option<BoxedStrategy<Ordering>>;
}

/// What stands above the steps of a scenario.
#[derive(Debug, Clone, Copy)]
pub(super) struct Title<'a> {
    pub name: &'a str,
    pub about: &'a str,
    /// What it shows, besides what it breaks on purpose.
    pub rule: Option<&'a str>,
}

/// A scenario that nobody wrote. It is sound by the way in which it is made; what is written to a file is linted all
/// the same.
#[derive(Debug, Clone)]
pub(super) struct Rendered {
    pub case: Arc<Case>,
    /// The text that the case was read from, where it is about payloads.
    pub text: Option<String>,
    pub covered: Covered,
    /// How many signals break a rule on purpose.
    pub breaches: usize,
    /// Whether what has to come of it is certain: a server that judges may take or refuse what can be read in two ways.
    pub certain: bool,
    /// The step with which the call begins that shows that the target is still of use.
    pub canary: Option<usize>,
    /// How many steps stand before each move; empty where a file's text says more than the moves do.
    pub begins: Vec<usize>,
}

impl Rendered {
    /// How many moves there are up to the one that this step belongs to.
    pub fn moves_through(&self, step: &str) -> Option<usize> {
        let (_, line) = step.rsplit_once(':')?;
        let line: usize = line.parse().ok()?;
        let through = self.begins.partition_point(|before| *before < line);
        (through > 0).then_some(through)
    }

    /// As a file says it.
    pub fn yaml(&self) -> String {
        match &self.text {
            Some(text) => text.clone(),
            None => yaml(&self.case, self.canary, &[]),
        }
    }
}

/// The name of what stands in no file yet.
pub(super) const FILE: &str = "fuzz.yaml";

/// What a file's text says.
pub(super) fn read(yaml: &str) -> Option<Scenario> {
    parse(FILE, yaml, &|name| builtin_fragment(name).map(Ok)).ok()
}

/// The case of a file's text, if it is sound.
pub(super) fn sound(yaml: &str) -> Option<Case> {
    let scenario = read(yaml)?;
    if !lint(&scenario).is_empty() {
        return None;
    }
    scenario.cases().first().cloned()
}
