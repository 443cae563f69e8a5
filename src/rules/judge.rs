//! The frame that the rule families share: each gets every event once, in order, and is asked at the end.

use std::collections::BTreeMap;

use super::{Finding, Tally};
use crate::stanza::Stanza;
use crate::transcript::Event;

/// An event with its stanza read once for all families; `stanza` is `None` where `xml` is absent or no XML.
#[derive(Debug, Clone, Copy)]
pub struct Seen<'a> {
    pub event: &'a Event,
    pub stanza: Option<&'a Stanza>,
}

/// Where the families put what they find.
#[derive(Debug, Default)]
pub struct Record {
    pub findings: Vec<Finding>,
    pub rules: BTreeMap<&'static str, Tally>,
}

impl Record {
    pub fn held(&mut self, rule: &'static str) {
        self.rules.entry(rule).or_default().held += 1;
    }

    pub fn broken(&mut self, finding: Finding) {
        self.rules.entry(finding.rule.id).or_default().broken += 1;
        self.findings.push(finding);
    }
}

/// One family of rules.
pub trait Family {
    fn event(&mut self, seen: Seen<'_>, record: &mut Record);

    /// Called once after the last event, with its time.
    fn finish(&mut self, at: f64, record: &mut Record);
}
