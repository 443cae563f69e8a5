//! The frame that the rule families share: each gets every event once, in order, and is asked at the end.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use super::clocks::Clocks;
use super::delivery::{Delivery, Relayed};
use super::enforcing::Enforcing;
use super::moved::Addresses;
use super::party::Parties;
use super::record::{Docket, KEPT, Record};
use super::spoken::{Ear, Heard, Spoken};
use super::stream::Streams;
use super::{Blame, Finding, Outcome, Tally, Verdict, Waiver, rule};
use crate::stanza::Stanza;
use crate::transcript::{Dir, Event, Header, Witness};

/// The rules on how a signal arrives, if it does.
const HOW_IT_ARRIVES: [&str; 4] = ["RT-01", "RT-05", "RT-13", "RT-14"];
/// The rules on what others feel of what one stream does.
const WHO_IS_SERVED: [&str; 6] = ["RB-01", "RB-02", "RB-03", "RB-04", "RB-05", "RB-07"];

/// An event with its stanza read once for all families; `stanza` is `None` where `xml` is absent or no XML.
#[derive(Debug, Clone, Copy)]
pub struct Seen<'a> {
    pub event: &'a Event,
    pub stanza: Option<&'a Stanza>,
    /// What stands in its `<call/>`, if it has one.
    pub spoken: Option<&'a Arc<Spoken>>,
}

impl<'a> Seen<'a> {
    fn of(event: &'a Event, heard: &'a Heard) -> Seen<'a> {
        Seen {
            event,
            stanza: heard.stanza.as_ref(),
            spoken: heard.spoken.as_ref(),
        }
    }

    /// Something passed that is no stanza that can be read.
    pub fn is_unreadable(&self) -> bool {
        let text = self.event.xml.as_deref();
        self.event.dir.passes() && self.stanza.is_none() && text.is_some_and(|text| !text.trim().is_empty())
    }
}

/// One family of rules.
pub trait Family: Send {
    fn event(&mut self, seen: Seen<'_>, record: &mut Record);

    /// Called once after the last event, with its time.
    fn finish(&mut self, at: f64, record: &mut Record);
}

/// The first family of a judge, which may judge ahead of the others.
pub struct Scout {
    family: Option<Box<dyn Family>>,
    record: Record,
}

impl Scout {
    /// What it finds because of the next event.
    pub fn event(&mut self, event: &Event, heard: &Heard) -> Vec<Finding> {
        if let Some(family) = &mut self.family {
            family.event(Seen::of(event, heard), &mut self.record);
        }
        std::mem::take(&mut self.record.findings)
    }
}

/// The judge of one transcript, fed an event at a time.
pub struct Judge {
    families: VecDeque<Box<dyn Family>>,
    record: Record,
    docket: Docket,
    ear: Ear,
    missed: Vec<Event>,
    /// The first that came to each party and nobody could read.
    unread: BTreeMap<String, u64>,
    /// Of bots; whoever is recorded has a new one for each session, and no steps that count on it.
    addresses: Option<Addresses>,
    trouble: Option<String>,
    shown: Option<&'static str>,
    decided: BTreeSet<&'static str>,
    at: f64,
    /// Nothing that bots do rests on a server's breach.
    trusts: bool,
    /// What the profile says of its server, and the scenario that it is asked about.
    waivers: Vec<Waiver>,
    scenario: (String, Vec<String>),
}

impl Judge {
    pub fn new(header: &Header) -> Judge {
        // Every family of rules is plugged in here.
        let mut families: Vec<Box<dyn Family>> = vec![Box::new(Parties::new(header))];
        match header.witness {
            Witness::Bots => {
                families.insert(0, Box::new(Delivery::new(header)));
                families.push(Box::new(Enforcing::new(header)));
                families.push(Box::new(Streams::new(header)));
            }
            Witness::Ends | Witness::Between => families.insert(0, Box::new(Relayed::new(header))),
            // Without stanzas nothing is known of what carried them.
            Witness::Signals => {}
        }
        let judge = Judge::with(families);
        Judge {
            waivers: Waiver::of_profile(&header.profile),
            scenario: (header.scenario.name.clone(), header.scenario.case.clone()),
            docket: Docket::of(header),
            addresses: judge.addresses.filter(|_| header.witness.is_bots()),
            ..judge
        }
    }

    pub(super) fn with(families: Vec<Box<dyn Family>>) -> Judge {
        Judge {
            families: families.into(),
            record: Record::default(),
            docket: Docket::default(),
            ear: Ear::default(),
            missed: Vec::new(),
            unread: BTreeMap::new(),
            addresses: Some(Addresses::default()),
            trouble: None,
            shown: None,
            decided: BTreeSet::new(),
            at: 0.0,
            trusts: false,
            waivers: Vec::new(),
            scenario: Default::default(),
        }
    }

    /// Whether a bot had another address by this event than before.
    fn moved_before(&self, n: u64) -> bool {
        self.addresses
            .as_ref()
            .is_some_and(|addresses| addresses.moved_before(n))
    }

    /// For a world whose server cannot be wrong, whatever its hurry looks like: what bots break is their own.
    #[must_use]
    pub fn trusting(self) -> Judge {
        Judge { trusts: true, ..self }
    }

    /// Takes the next event.
    pub fn event(&mut self, event: &Event) {
        let heard = self.ear.listen(event);
        self.scouted(event, &heard, Vec::new());
    }

    /// Lets the first family go ahead, so that somebody else can feed it meanwhile. Each event goes to the scout first,
    /// and with what that has found to [`Judge::scouted`]; before the end it comes back, see [`Judge::rejoin`].
    pub fn scout(&mut self) -> Scout {
        Scout {
            family: self.families.pop_front(),
            record: Record::default(),
        }
    }

    /// The scout has seen every event.
    pub fn rejoin(&mut self, scout: Scout) {
        if let Some(family) = scout.family {
            self.families.push_front(family);
        }
        self.record.add(scout.record);
    }

    /// Takes the next event, whose `xml` an [`Ear`] has heard, and of which a scout, if there is one, has found this.
    pub fn scouted(&mut self, event: &Event, heard: &Heard, found: Vec<Finding>) {
        self.at = self.at.max(event.t);
        let seen = Seen::of(event, heard);
        self.docket.event(seen);
        found.into_iter().for_each(|finding| self.docket.enter(finding));
        for family in &mut self.families {
            family.event(seen, &mut self.record);
        }
        self.enter();
        self.docket.settle(Clocks::settled);
        let unreadable = seen.is_unreadable();
        match event.dir {
            Dir::Trouble if self.trouble.is_none() => {
                let text = event.note.as_deref().unwrap_or("the run could not go on");
                self.trouble = Some(text.to_owned());
                self.decided = self.docket.decided();
                self.shown = event.rules.first().and_then(|id| rule(id)).map(|rule| rule.id);
                self.suspect(event, text.to_owned());
            }
            Dir::Connected => {
                if let Some(addresses) = &mut self.addresses {
                    addresses.connected(event);
                }
            }
            // A step that names its rule and is met has put it to the test.
            Dir::Met => {
                let named = event.rules.iter().filter_map(|id| rule(id));
                named.for_each(|rule| self.record.held(rule.id));
            }
            Dir::Received if unreadable && self.unread.len() < KEPT as usize => {
                self.unread.entry(event.who.clone()).or_insert(event.n);
            }
            Dir::Missed if self.missed.len() < KEPT as usize => self.missed.push(event.clone()),
            _ => {}
        }
    }

    /// Gives away what was found so far, in the order in which it was found. [`Judge::finish`] tells the rest.
    pub fn take_findings(&mut self) -> Vec<Finding> {
        if self.docket.findings.is_empty() {
            return Vec::new();
        }
        self.docket.take()
    }

    /// How often each rule was seen kept and broken so far.
    pub fn tallies(&self) -> BTreeMap<&'static str, Tally> {
        self.docket.tallies(&self.record)
    }

    /// Enters what the families have said since it was last done.
    fn enter(&mut self) {
        let found = self.record.findings.drain(..);
        found.for_each(|finding| self.docket.enter(finding));
    }

    /// Says what came of it.
    pub fn finish(mut self) -> Verdict {
        for family in &mut self.families {
            family.finish(self.at, &mut self.record);
        }
        self.enter();
        self.docket.settle(Clocks::finish);
        let mut undecided = false;
        for event in std::mem::take(&mut self.missed) {
            if event.rules.is_empty() && self.moved_before(event.n) {
                undecided = true;
            } else {
                self.miss(&event);
            }
        }
        let rules = self.docket.tallies(&self.record);
        let mut findings = std::mem::take(&mut self.docket.findings);
        findings.sort_by_key(|finding| finding.events.iter().min().copied().unwrap_or(u64::MAX));
        if !self.trusts {
            forgive(&mut findings);
        }
        let found = findings.len();
        findings.retain(|f| f.blame != Blame::Ourselves || !self.moved_before(last(f)));
        undecided |= findings.len() < found;
        let mut verdict = Verdict {
            outcome: Outcome::Passed,
            findings,
            known: BTreeMap::new(),
            rules,
            trouble: self.trouble,
            shown: self.shown,
            decided: self.decided,
            left_out: self.docket.left_out,
        };
        verdict.outcome = verdict.outcome_of(&verdict.findings);
        let (name, matrix) = &self.scenario;
        verdict.waive(name, matrix, &self.waivers);
        if undecided && verdict.outcome == Outcome::Passed {
            verdict.outcome = Outcome::Skipped;
            verdict.trouble = self.addresses.as_ref().and_then(Addresses::why);
        }
        verdict
    }

    /// Trouble that looks like the target's own: enough for a profile that knows of it, too little for an accusation.
    /// What answers pings may stand before what speaks XMPP, and late is not never.
    fn suspect(&mut self, event: &Event, text: String) {
        let Some(rule) = self.shown.and_then(rule) else {
            return;
        };
        self.docket.enter(Finding {
            rule,
            level: rule.level,
            blame: Blame::Server,
            party: event.who.clone(),
            message: text,
            wanted: "an answer".into(),
            seen: "none".into(),
            events: vec![event.n],
            excuse: Some(
                "What stands before the server may have lost it, and the answer may have come later.".into(),
            ),
            call: None,
        });
    }

    fn miss(&mut self, event: &Event) {
        let named = event.rules.first().and_then(|id| rule(id));
        // What the server certainly did says more than what did not come of it; of a step that names its rule that
        // is so only where both are about the same stanza. What was lost or went astray did not arrive in any way, right
        // or wrong; and what arrived changed does not show that nobody else is served. What nobody could read may be what
        // was waited for.
        let is =
            |wanted: &[&str]| event.events.is_empty() && named.is_some_and(|rule| wanted.contains(&rule.id));
        let (waits, serves) = (is(&HOW_IT_ARRIVES), is(&WHO_IS_SERVED));
        let unread = self.unread.get(&event.who).is_some_and(|first| *first < event.n);
        let explained = self.docket.findings.iter().any(|finding| {
            finding.is_certain_breach_of_the_server()
                && (named.is_none()
                    || (waits && matches!(finding.rule.id, "RT-03" | "RT-06"))
                    || (serves && finding.rule.id == "RT-05")
                    || (unread && finding.rule.id == "TR-03")
                    || event.events.iter().any(|n| finding.events.contains(n)))
        });
        if explained {
            return;
        }
        let Some(rule) = named.or_else(|| rule("SC-01")) else {
            return;
        };
        if self
            .docket
            .findings
            .iter()
            .any(|finding| finding.rule.id == rule.id && rule.id != "SC-01")
        {
            return;
        }
        let mut events = event.events.clone();
        events.push(event.n);
        self.docket.enter(Finding {
            rule,
            level: rule.level,
            blame: if rule.subject == super::Subjects::Client {
                Blame::Client
            } else {
                Blame::Server
            },
            party: String::new(),
            message: match (&event.wanted, &event.seen, &event.step) {
                (Some(wanted), Some(seen), _) => format!("Not so: {}; {}.", brief(wanted), brief(seen)),
                (_, _, Some(step)) => format!("What {} expects of {} did not happen.", step, event.who),
                _ => format!("What the scenario expects of {} did not happen.", event.who),
            },
            wanted: event.wanted.clone().unwrap_or_default(),
            seen: event.seen.clone().unwrap_or_default(),
            events,
            excuse: self.refused_before(event.n),
            call: None,
        });
    }

    /// An enforcing server may read what can be read in two ways as out of order, and refuse it: what a scenario rests on
    /// that does not happen then.
    fn refused_before(&self, n: u64) -> Option<String> {
        let open = |sent: u64| {
            let mut findings = self.docket.findings.iter();
            findings
                .any(|f| f.blame == Blame::Nobody && f.rule.id.starts_with("ST-") && f.events.contains(&sent))
        };
        let mut refused = self.record.refused.iter();
        let (sent, refusal) = refused.find(|(sent, refusal)| *refusal < n && open(*sent))?;
        Some(format!(
            "The signal of event {sent} can be read in two ways. In one of them it is out of order, the server refused it \
             for that (event {refusal}), and what rests on it could not happen."
        ))
    }
}

fn last(finding: &Finding) -> u64 {
    finding.events.iter().max().copied().unwrap_or(u64::MAX)
}

/// A bot of ours plays its steps on although the server has lost, doubled or changed what they rest on. What it breaks
/// then follows from the server's breach, and says nothing more. So does what the signal that the server lost would
/// have turned out to be, had the steps gone on.
fn forgive(findings: &mut Vec<Finding>) {
    let servers = findings.iter().filter(|f| f.is_certain_breach_of_the_server());
    if let Some(first) = servers.filter_map(|f| f.events.iter().min().copied()).min() {
        findings.retain(|f| f.blame != Blame::Ourselves || last(f) < first);
    }
}

/// The beginning of a text, for a sentence.
fn brief(text: &str) -> String {
    const ENOUGH: usize = 160;
    match text.char_indices().nth(ENOUGH) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
        None => text.to_owned(),
    }
}

/// Judges a whole transcript.
pub fn judge(header: &Header, events: impl Iterator<Item = Event>) -> Verdict {
    let mut judge = Judge::new(header);
    for event in events {
        judge.event(&event);
    }
    judge.finish()
}

#[cfg(test)]
#[path = "judge_tests.rs"]
mod tests;
