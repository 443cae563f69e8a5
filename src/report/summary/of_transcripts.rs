//! The summary of recordings that have been judged.

use std::collections::BTreeMap;

use super::super::again::shell;
use super::super::tally::count;
use super::{Entry, Found, Summary, TargetName};
use crate::rules::{Tally, Verdict};
use crate::transcript::Header;

/// One call of a recording.
#[derive(Debug)]
pub struct Recorded {
    pub title: String,
    /// Who called whom, and how much of it was seen.
    pub about: String,
    pub seconds: f64,
    pub verdict: Verdict,
    /// The recording.
    pub file: String,
}

impl Summary {
    /// Each recording's header beside its verdict and the name of its file.
    pub fn of_transcripts(judged: &[(Header, Verdict, String)]) -> Summary {
        let mut summary = Summary::default();
        if let Some((first, ..)) = judged.first() {
            summary.begin(first);
        }
        summary.suite = match judged.len() {
            1 => "1 recording".to_owned(),
            n => format!("{n} recordings"),
        };
        for (header, verdict, file) in judged {
            summary.add_transcript(header, verdict, file);
        }
        summary.seal();
        summary
    }

    /// What a recording's header says of all: the first one's counts.
    pub fn begin(&mut self, header: &Header) {
        self.callspec = env!("CARGO_PKG_VERSION").to_owned();
        self.target = TargetName {
            url: header.target.clone(),
            mechanism: None,
        };
        self.profile = serde_json::to_value(&header.profile).unwrap_or_default();
        self.seed = header.seed;
        self.started.clone_from(&header.started);
    }

    /// A transcript of one scenario.
    pub fn add_transcript(&mut self, header: &Header, verdict: &Verdict, file: &str) {
        let scenario = &header.scenario;
        self.scenarios.push(Entry {
            name: if scenario.name.is_empty() {
                file.to_owned()
            } else {
                scenario.name.clone()
            },
            matrix: scenario.case.clone(),
            about: String::new(),
            file: scenario.file.clone().unwrap_or_default(),
            line: 0,
            tags: scenario.tags.clone(),
            rules: scenario.rules.clone(),
            result: verdict.outcome,
            reason: verdict.trouble.clone(),
            seconds: 0.0,
            transcript: Some(file.to_owned()),
            again: format!("callspec check {}", shell(file)),
            findings: Found::all(verdict),
        });
        for (rule, count) in count(std::iter::once(verdict)) {
            let sum = self.rules.entry(rule.to_owned()).or_default();
            sum.held += count.held;
            sum.broken += count.broken;
            sum.known += count.known;
        }
    }

    /// A call of a recording. How often it kept each rule is told by [`Summary::add_rules`] for the whole of it.
    pub fn add_call(&mut self, call: &Recorded) {
        for (index, finding) in call.verdict.findings.iter().enumerate() {
            if call.verdict.known.contains_key(&index) && finding.is_held_against_the_target() {
                let sum = self.rules.entry(finding.rule.id.to_owned()).or_default();
                sum.known += 1;
                sum.broken = sum.broken.saturating_sub(1);
            }
        }
        self.scenarios.push(Entry {
            name: call.title.clone(),
            matrix: Vec::new(),
            about: call.about.clone(),
            file: call.file.clone(),
            line: 0,
            tags: Vec::new(),
            rules: Vec::new(),
            result: call.verdict.outcome,
            reason: None,
            seconds: call.seconds,
            transcript: None,
            again: format!("callspec check {}", shell(&call.file)),
            findings: Found::all(&call.verdict),
        });
    }

    /// How often each rule was seen kept and broken in a whole recording.
    pub fn add_rules(&mut self, rules: &BTreeMap<&'static str, Tally>) {
        for (rule, tally) in rules {
            let sum = self.rules.entry((*rule).to_owned()).or_default();
            sum.held += tally.held;
            sum.broken += tally.broken;
        }
    }

    /// Nothing more is added: counts what there is.
    pub fn seal(&mut self) {
        self.tell_apart(|entry, _| {
            let file = entry.transcript.as_ref().unwrap_or(&entry.file);
            format!("{} in {file}", entry.name)
        });
        self.tell_apart(|entry, number| format!("{} ({number})", entry.name));
        self.count();
    }

    /// Reports know an entry by its name and its matrix values: those that share them get other names.
    fn tell_apart(&mut self, name: impl Fn(&Entry, usize) -> String) {
        let mut counts = BTreeMap::<_, usize>::new();
        for entry in &self.scenarios {
            *counts
                .entry((entry.name.clone(), entry.matrix.clone()))
                .or_default() += 1;
        }
        counts.retain(|_, count| *count > 1);
        let mut numbers = BTreeMap::<_, usize>::new();
        for entry in &mut self.scenarios {
            let known = (entry.name.clone(), entry.matrix.clone());
            if counts.contains_key(&known) {
                let number = numbers.entry(known).or_default();
                *number += 1;
                entry.name = name(entry, *number);
            }
        }
    }
}
