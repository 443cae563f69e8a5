//! The calls of a recording as they go by: who is in them, what was found about each, where it stands in the file.

mod glance;
mod names;
mod places;
mod usher;

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use foldhash::HashMap;

use places::Places;
use usher::Signal;
pub use usher::{Shown, Usher};

use crate::report::html::Played;
use crate::rules::{
    Blame, Ear, Finding, Heard, Judge, Level, Outcome, Scout, Tally, Verdict, Waiver, outcome,
};
use crate::stanza::Stanza;
use crate::transcript::recording::Recorded;
use crate::transcript::{Dir, Event, Header, Member};

/// Calls that are followed at once.
const FOLLOWED: usize = 2_048;
/// Calls with something to tell of which everything is kept until the end; of more, how many came to what.
const KEPT: usize = 1_000;
/// Findings of one kind that are kept of one call.
const FINDINGS: u64 = 20;
/// Findings that are kept in all.
const ALL_FINDINGS: usize = 8_000;
/// Bytes of the events that are kept for ladders, in all calls together.
const EVENTS: usize = 16 * 1024 * 1024;

/// What is kept for whoever asks in the end.
#[derive(Debug, Clone, Copy)]
pub struct Keep {
    /// Calls that passed, of which there is nothing more to tell.
    pub passed: usize,
    /// The events of calls, for their ladders.
    pub events: bool,
}

/// What became of one call, or of what was found outside of calls.
#[derive(Debug, Clone)]
pub struct Told {
    /// `None`: outside of calls.
    pub call: Option<String>,
    /// Who called whom, how much was seen of it, and what is missing.
    pub about: String,
    /// How long it went on, in seconds, as far as that is known.
    pub seconds: f64,
    pub verdict: Verdict,
    /// Where each finding stands in the files.
    pub places: Vec<String>,
    /// Its events, if they were asked for.
    pub played: Option<Played>,
    first: u64,
}

impl Told {
    /// What it is called.
    pub fn title(&self) -> String {
        match &self.call {
            Some(call) => format!("call {call}"),
            None => "session".to_owned(),
        }
    }
}

/// What makes a difference between findings for the outcome.
type Sort = (&'static str, Level, Blame, bool);

/// What was found about one call.
#[derive(Debug, Default)]
struct Findings {
    kept: Vec<Finding>,
    places: Vec<String>,
    sorts: BTreeMap<Sort, u64>,
    left_out: u64,
}

impl Findings {
    /// The first of each sort is always kept: without it the outcome would be another.
    fn keep(&mut self, finding: Finding, places: &Places, all: &mut usize) {
        let sort = (
            finding.rule.id,
            finding.level,
            finding.blame,
            finding.excuse.is_some(),
        );
        let count = self.sorts.entry(sort).or_default();
        *count += 1;
        if *count > 1 && (*count > FINDINGS || *all >= ALL_FINDINGS) {
            self.left_out += 1;
            return;
        }
        *all += 1;
        self.places.push(places.of(&finding));
        self.kept.push(finding);
    }
}

#[derive(Debug, Default)]
struct Call {
    first: u64,
    began: f64,
    last: f64,
    touched: u64,
    from: String,
    to: String,
    signals: u64,
    initiated: bool,
    ended: Option<String>,
    found: Findings,
    played: Option<Played>,
}

/// Feeds a judge from recordings, and keeps each call's findings together.
pub struct Calls {
    judge: Judge,
    ear: Ear,
    usher: Usher,
    waivers: Vec<Waiver>,
    /// What waivers know the recording by.
    title: String,
    keep: Keep,
    calls: HashMap<Arc<str>, Call>,
    /// The calls in the order in which they were last heard of, with the event; some have been heard of again since.
    heard: VecDeque<(u64, Arc<str>)>,
    outside: Findings,
    places: Places,
    findings: usize,
    events: usize,
    done: Vec<Told>,
    passed: usize,
    broken: usize,
    unlisted: BTreeMap<Outcome, u64>,
    unlisted_rules: BTreeMap<&'static str, u64>,
    seen: u64,
    untimed: bool,
    /// All is over: how often each rule was kept and broken, and how many findings were left out.
    ended: Option<(BTreeMap<&'static str, Tally>, u64)>,
}

impl Calls {
    /// `files`: the names of the sources. `waivers`: besides those of the profile.
    pub fn new(header: &Header, files: &[String], waivers: &[Waiver], keep: Keep) -> Calls {
        let mut all = Waiver::of_profile(&header.profile);
        all.extend_from_slice(waivers);
        Calls {
            judge: Judge::new(header),
            ear: Ear::default(),
            usher: Usher::default(),
            waivers: all,
            title: header.scenario.name.clone(),
            keep,
            calls: HashMap::default(),
            heard: VecDeque::new(),
            outside: Findings::default(),
            places: Places::new(files),
            findings: 0,
            events: 0,
            done: Vec::new(),
            passed: 0,
            broken: 0,
            unlisted: BTreeMap::new(),
            unlisted_rules: BTreeMap::new(),
            seen: 0,
            untimed: false,
            ended: None,
        }
    }

    /// What this source is called, where that shows only as it is recorded.
    pub fn name_file(&mut self, source: usize, name: &str) {
        self.places.name(source, name);
    }

    /// Takes the next event of this source, and tells what was found because of it.
    pub fn take(&mut self, source: usize, recorded: Recorded) -> Vec<Finding> {
        let heard = self.ear.listen(&recorded.event);
        self.take_heard(source, recorded, &heard)
    }

    /// The same where its stanza has been read already.
    pub fn take_read(&mut self, source: usize, recorded: Recorded, stanza: Stanza) -> Vec<Finding> {
        let heard = self.ear.know(Some(stanza));
        self.take_heard(source, recorded, &heard)
    }

    fn take_heard(&mut self, source: usize, mut recorded: Recorded, heard: &Heard) -> Vec<Finding> {
        let shown = self.usher.show(source, &mut recorded, heard);
        self.take_shown((source, &recorded), heard, &shown, Vec::new())
    }

    /// Lets others show events in, and judge them by half, while it takes those before: each has to go by both, and to
    /// [`Calls::take_shown`] then. What has judged comes back before the end, see [`Calls::rejoin`].
    pub fn send_ahead(&mut self) -> (Usher, Scout) {
        (std::mem::take(&mut self.usher), self.judge.scout())
    }

    /// The scout has seen every event.
    pub fn rejoin(&mut self, scout: Scout) {
        self.judge.rejoin(scout);
    }

    /// Takes the next event of this source, of which so much is known and was found, and tells what was found because of
    /// it in all.
    pub fn take_shown(
        &mut self,
        (source, recorded): (usize, &Recorded),
        heard: &Heard,
        shown: &Shown,
        found: Vec<Finding>,
    ) -> Vec<Finding> {
        let event = &recorded.event;
        self.untimed |= event.t.is_nan();
        self.judge.scouted(event, heard, found);
        if let Some(what) = &shown.what {
            let who = Arc::clone(&shown.who);
            self.places
                .note(event, who, (source, recorded.line), what.clone());
        }
        if let Some(signal) = &shown.signal {
            self.note(event, signal);
        }
        let found = self.judge.take_findings();
        found.iter().for_each(|finding| self.found(finding.clone()));
        found
    }

    fn note(&mut self, event: &Event, signal: &Signal) {
        let incoming = event.dir == Dir::Received;
        let (kind, id) = (&*signal.kind, Arc::clone(&signal.call));
        let call = self.calls.entry(id.clone()).or_insert_with(|| Call {
            first: event.n,
            began: event.t,
            ..Call::default()
        });
        call.last = event.t;
        call.touched = event.n;
        call.signals += u64::from(!signal.counted);
        if kind == "initiate" || call.from.is_empty() {
            let turned = matches!(kind, "accept" | "reject" | "busy" | "answer");
            let (mut from, mut to) = (event.who.clone(), signal.peer.clone().into());
            if incoming != turned {
                (from, to) = (to, from);
            }
            (call.from, call.to) = (from, to);
        }
        call.initiated |= kind == "initiate";
        if kind.starts_with("hangup") || matches!(kind, "reject" | "busy") {
            call.ended.get_or_insert_with(|| kind.to_owned());
        }
        if self.keep.events {
            let played = call.played.get_or_insert_with(Played::default);
            let size = event.xml.as_deref().map_or(0, str::len) + 256;
            if self.events + size > EVENTS {
                played.left_out += 1;
            } else {
                self.events += size;
                let member = || Member {
                    jid: event.jid.clone().unwrap_or_default(),
                    ..Member::default()
                };
                played.cast.entry(event.who.clone()).or_insert_with(member);
                played.push(event.clone());
            }
        }
        self.heard.push_back((event.n, id));
        // Of what has been heard of since, the place further back counts.
        if self.heard.len() > 8 * FOLLOWED {
            let calls = &self.calls;
            self.heard
                .retain(|(n, id)| calls.get(id).is_some_and(|call| call.touched == *n));
        }
        while self.calls.len() > FOLLOWED
            && let Some((n, id)) = self.heard.pop_front()
        {
            if self.calls.get(&id).is_some_and(|call| call.touched == n) {
                self.close(&id);
            }
        }
    }

    fn found(&mut self, finding: Finding) {
        let id = finding.call.as_ref().map(|call| call.to_lowercase());
        let found = match id.and_then(|id| self.calls.get_mut(id.as_str())) {
            Some(call) => &mut call.found,
            None => &mut self.outside,
        };
        found.keep(finding, &self.places, &mut self.findings);
    }

    fn close(&mut self, id: &str) {
        let Some(call) = self.calls.remove(id) else { return };
        let length = call.last - call.began;
        let mut about = format!(
            "{} → {}  {} signal{}",
            call.from,
            call.to,
            call.signals,
            if call.signals == 1 { "" } else { "s" }
        );
        if !length.is_nan() {
            about.push_str(&format!(" in {length:.3} s"));
        }
        if !call.initiated {
            about.push_str(", begun before the recording: judged from where it may have stood");
        }
        match &call.ended {
            Some(end) => about.push_str(&format!(", ended by {end}")),
            None => about.push_str(", its end not recorded: judged as far as it goes"),
        }
        self.seen += 1;
        self.tell(Told {
            call: Some(id.to_owned()),
            about,
            seconds: if length.is_nan() { 0.0 } else { length },
            verdict: verdict(call.found.kept, call.found.left_out),
            places: call.found.places,
            played: call.played,
            first: call.first,
        });
    }

    fn tell(&mut self, mut told: Told) {
        let matrix: Vec<String> = told.call.iter().cloned().collect();
        told.verdict.waive(&self.title, &matrix, &self.waivers);
        let nothing = told.verdict.outcome == Outcome::Passed && told.verdict.findings.is_empty();
        let (count, most) = if nothing {
            (&mut self.passed, self.keep.passed)
        } else {
            (&mut self.broken, KEPT)
        };
        if *count < most {
            *count += 1;
            self.done.push(told);
            return;
        }
        *self.unlisted.entry(told.verdict.outcome).or_default() += 1;
        for finding in told
            .verdict
            .findings
            .iter()
            .filter(|f| f.is_held_against_the_target())
        {
            *self.unlisted_rules.entry(finding.rule.id).or_default() += 1;
        }
        self.findings = self.findings.saturating_sub(told.verdict.findings.len());
        let events = told.played.iter().flat_map(|played| &played.events);
        let size: usize = events
            .map(|event| event.xml.as_deref().map_or(0, str::len) + 256)
            .sum();
        self.events = self.events.saturating_sub(size);
    }

    /// Nothing more happens: what is found because of that, as [`Calls::take`] tells the rest.
    pub fn end(&mut self) -> Vec<Finding> {
        let judge = std::mem::replace(&mut self.judge, Judge::new(&Header::default()));
        let rest = judge.finish();
        rest.findings
            .iter()
            .for_each(|finding| self.found(finding.clone()));
        self.ended = Some((rest.rules, rest.left_out));
        rest.findings
    }

    /// All that is left to tell, in the order in which calls began, and how often each rule was kept and broken.
    pub fn finish(mut self) -> Finished {
        if self.ended.is_none() {
            self.end();
        }
        let (rules, left_out) = self.ended.take().unwrap_or_default();
        let mut ids: Vec<(u64, Arc<str>)> = self
            .calls
            .iter()
            .map(|(id, call)| (call.first, id.clone()))
            .collect();
        ids.sort_unstable();
        ids.iter().for_each(|(_, id)| self.close(id));
        let outside = std::mem::take(&mut self.outside);
        if !outside.kept.is_empty() {
            self.tell(Told {
                call: None,
                about: "outside of the calls above".to_owned(),
                seconds: 0.0,
                verdict: verdict(outside.kept, outside.left_out + left_out),
                places: outside.places,
                played: None,
                first: u64::MAX,
            });
        }
        self.done.sort_by_key(|told| told.first);
        Finished {
            told: self.done,
            unlisted: self.unlisted,
            unlisted_rules: self.unlisted_rules,
            calls: self.seen,
            rules,
            untimed: self.untimed,
        }
    }

    /// The lines of the file that a finding speaks of.
    pub fn places(&self, finding: &Finding) -> String {
        self.places.of(finding)
    }
}

/// What a whole recording came to.
pub struct Finished {
    pub told: Vec<Told>,
    /// Calls that are only counted, by what they came to, and how many of them broke which rule.
    pub unlisted: BTreeMap<Outcome, u64>,
    pub unlisted_rules: BTreeMap<&'static str, u64>,
    pub calls: u64,
    pub rules: BTreeMap<&'static str, Tally>,
    /// Some events had no time.
    pub untimed: bool,
}

fn verdict(findings: Vec<Finding>, left_out: u64) -> Verdict {
    Verdict {
        outcome: outcome(&findings, false),
        findings,
        known: BTreeMap::new(),
        rules: BTreeMap::new(),
        trouble: None,
        shown: None,
        decided: Default::default(),
        left_out,
    }
}

#[cfg(test)]
mod tests;
