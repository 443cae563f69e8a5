//! Where the rule families put what they find: each thing once, a flood of one kind counted, and how often each rule was
//! kept and broken.

use std::collections::{BTreeMap, BTreeSet};

use foldhash::HashMap;

use super::clocks::Clocks;
use super::{Blame, Finding, Level, Seen, Tally};
use crate::transcript::Header;

/// How many findings of one kind are kept, and how many missed expectations; of the rest only the count.
pub(super) const KEPT: u64 = 200;

/// Rule, party, message and events: what makes two findings one.
type Same = (&'static str, String, String, Vec<u64>);

/// A rule's id as a number: two letters and two digits, and two of them do not meet.
fn number(id: &str) -> u32 {
    match id.as_bytes() {
        &[a, b, _, c, d] => u32::from_be_bytes([a, b, c, d]),
        _ => 0,
    }
}

/// Where a family puts what it finds, until that is entered in the docket.
#[derive(Debug, Default)]
pub struct Record {
    pub findings: Vec<Finding>,
    /// How often each was kept, which is noted some dozens of times for every signal.
    held: HashMap<u32, (&'static str, u64)>,
    /// How often all of a list were, of which there are few.
    lists: Vec<(&'static [&'static str], u64)>,
    /// Signals that a server refused although it might have let them through, with the events of both.
    pub(super) refused: Vec<(u64, u64)>,
}

impl Record {
    pub fn held(&mut self, rule: &'static str) {
        self.held.entry(number(rule)).or_insert((rule, 0)).1 += 1;
    }

    /// All of the list were kept.
    pub fn held_all(&mut self, list: &'static [&'static str]) {
        match self
            .lists
            .iter_mut()
            .find(|(known, _)| std::ptr::eq(*known, list))
        {
            Some((_, held)) => *held += 1,
            None => self.lists.push((list, 1)),
        }
    }

    /// How often each rule was kept.
    fn kept(&self) -> impl Iterator<Item = (&'static str, u64)> {
        let lists = self.lists.iter();
        let of_lists = lists.flat_map(|(list, held)| list.iter().map(|rule| (*rule, *held)));
        self.held.values().copied().chain(of_lists)
    }

    pub fn broken(&mut self, finding: Finding) {
        self.findings.push(finding);
    }

    /// Adds what another one holds.
    pub(super) fn add(&mut self, other: Record) {
        for (rule, held) in other.kept() {
            self.held.entry(number(rule)).or_insert((rule, 0)).1 += held;
        }
        self.findings.extend(other.findings);
        self.refused.extend(other.refused);
    }
}

/// What was found, each thing once, a flood of one kind counted.
#[derive(Debug, Default)]
pub(super) struct Docket {
    pub findings: Vec<Finding>,
    /// How often each rule was broken.
    pub rules: BTreeMap<&'static str, Tally>,
    /// How many are kept of each kind that makes a difference for the outcome: a recording of any length, however
    /// wrong, is judged in bounded memory.
    kinds: BTreeMap<(&'static str, Level, Blame, bool), u64>,
    /// What is kept already: two families may see one thing.
    seen: BTreeSet<Same>,
    /// Findings that were counted and not kept.
    pub left_out: u64,
    /// What rests on a recorder's clock waits here for another clock.
    clocks: Option<Clocks>,
}

impl Docket {
    pub fn of(header: &Header) -> Docket {
        Docket {
            clocks: Clocks::of(header),
            ..Docket::default()
        }
    }

    /// Takes the next event, which may say something of the clocks.
    pub fn event(&mut self, seen: Seen<'_>) {
        if let Some(clocks) = &mut self.clocks {
            clocks.event(seen);
        }
    }

    /// How often each rule was seen kept, by the record, and broken so far.
    pub fn tallies(&self, record: &Record) -> BTreeMap<&'static str, Tally> {
        let mut rules = self.rules.clone();
        for (rule, held) in record.kept() {
            rules.entry(rule).or_default().held += held;
        }
        rules
    }

    /// The rules that the server has certainly broken by now.
    pub fn decided(&self) -> BTreeSet<&'static str> {
        let server = |(_, level, blame, excused): &(_, Level, Blame, bool)| {
            *level == Level::Must && *blame == Blame::Server && !excused
        };
        let kinds = self.kinds.keys().filter(|kind| server(kind));
        kinds.map(|(id, ..)| *id).collect()
    }

    /// Of the rules, only what is held against the system under test counts as broken: a bot of ours that breaks one on
    /// purpose, a remark, and what another order of events would excuse do not.
    pub fn enter(&mut self, finding: Finding) {
        let looked = match &mut self.clocks {
            Some(clocks) => clocks.look(finding),
            None => Some(finding),
        };
        if let Some(finding) = looked {
            self.keep(finding);
        }
    }

    fn keep(&mut self, finding: Finding) {
        let kind = (
            finding.rule.id,
            finding.level,
            finding.blame,
            finding.excuse.is_some(),
        );
        let kept = self.kinds.entry(kind).or_default();
        let room = *kept < KEPT;
        if room {
            let whole = (
                finding.rule.id,
                finding.party.clone(),
                finding.message.clone(),
                finding.events.clone(),
            );
            if !self.seen.insert(whole) {
                return;
            }
        }
        if finding.is_held_against_the_target() {
            self.rules.entry(finding.rule.id).or_default().broken += 1;
        }
        if room {
            *kept += 1;
            self.findings.push(finding);
        } else {
            self.left_out += 1;
        }
    }

    /// Keeps what has waited for a clock.
    pub fn settle(&mut self, settled: fn(&mut Clocks) -> Vec<Finding>) {
        let settled = self.clocks.as_mut().map(settled);
        settled
            .into_iter()
            .flatten()
            .for_each(|finding| self.keep(finding));
    }

    /// Gives away what is kept, which makes room for as much again.
    pub fn take(&mut self) -> Vec<Finding> {
        self.seen.clear();
        self.kinds.values_mut().for_each(|kept| *kept = 0);
        std::mem::take(&mut self.findings)
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::rules::{Outcome, catalogue, outcome};

    /// Any finding.
    pub(in crate::rules) fn finding(n: u64, blame: Blame, excuse: Option<&str>) -> Finding {
        Finding {
            blame,
            excuse: excuse.map(str::to_owned),
            ..Finding::of_server("ST-03", String::new(), "", String::new(), vec![n])
        }
    }

    #[test]
    fn each_rule_has_a_number_of_its_own() {
        let numbers: BTreeSet<u32> = catalogue().iter().map(|rule| number(rule.id)).collect();
        assert!(numbers.len() == catalogue().len() && !numbers.contains(&0));
    }

    #[test]
    fn a_flood_of_one_kind_of_finding_is_counted_and_hides_no_other() {
        let mut docket = Docket::default();
        for n in 0..3 * KEPT {
            docket.enter(finding(n, Blame::Announced, None));
            docket.enter(finding(n + 3 * KEPT, Blame::Client, Some("another order")));
        }
        assert_eq!(outcome(&docket.findings, false), Outcome::Inconclusive);
        docket.enter(finding(10 * KEPT, Blame::Client, None));
        assert_eq!(outcome(&docket.findings, false), Outcome::Failed);
        assert_eq!(
            (docket.findings.len() as u64, docket.left_out),
            (2 * KEPT + 1, 4 * KEPT)
        );
        // Neither the announced nor what may be excused counts.
        assert_eq!(docket.rules["ST-03"].broken, 1);
        // Of what was left out nothing is remembered.
        assert_eq!(docket.seen.len() as u64, 2 * KEPT + 1);
    }

    /// What is certain, a must, and the server's.
    #[test]
    fn little_is_decided_before_the_end() {
        let should = Finding {
            level: Level::Should,
            ..finding(1, Blame::Server, None)
        };
        for (found, decided) in [
            (finding(1, Blame::Server, None), 1),
            (finding(1, Blame::Client, None), 0),
            (finding(1, Blame::Server, Some("another order")), 0),
            (should, 0),
        ] {
            let mut docket = Docket::default();
            docket.enter(found);
            assert_eq!(docket.decided().len(), decided);
        }
    }

    #[test]
    fn what_two_families_see_alike_is_one_finding() {
        let mut docket = Docket::default();
        docket.enter(finding(1, Blame::Client, None));
        docket.enter(finding(1, Blame::Client, None));
        assert_eq!((docket.findings.len(), docket.rules["ST-03"].broken), (1, 1));
    }
}
