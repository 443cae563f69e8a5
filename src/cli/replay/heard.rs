//! What the given files hold: the calls, and what was wrong with them when they were recorded.

use std::collections::{BTreeMap, BTreeSet};

use crate::cli::calls::{Calls, Keep};
use crate::cli::complain;
use crate::cli::target::profile;
use crate::profile::Profile;
use crate::replay::{Take, Tape, takes};
use crate::rules::{Blame, Finding, Judge, Level};
use crate::transcript::recording::{Merged, Opened, Recording, Source, group, open};
use crate::transcript::{FORMAT, Header, ReadError, Reader, Witness};

use super::Args;

/// The calls of the files.
pub struct Heard {
    /// The files' names.
    pub names: Vec<String>,
    /// What they are, in words.
    pub format: String,
    pub takes: Vec<Take>,
    /// The rules that a party certainly broke, by callId; of a run under no name.
    broken: BTreeMap<String, BTreeSet<&'static str>>,
}

impl Heard {
    /// The rules that somebody broke in these calls when they were recorded.
    pub fn broken(&self, take: &Take) -> BTreeSet<&'static str> {
        let of = |call: &String| self.broken.get(call).into_iter().flatten().copied();
        let run = self.broken.get("").into_iter().flatten().copied();
        take.calls.iter().flat_map(of).chain(run).collect()
    }

    /// A place of the recording.
    pub fn place(&self, at: crate::replay::At) -> String {
        match (self.names.as_slice(), self.names.get(at.source)) {
            ([_], _) | (_, None) => format!("line {}", at.line),
            (_, Some(name)) => format!("{name}:{}", at.line),
        }
    }
}

/// Whether a party answers for this, beyond doubt.
fn counts(finding: &Finding) -> bool {
    let party = matches!(finding.blame, Blame::Client | Blame::Announced | Blame::Ourselves);
    party && finding.level != Level::Info && finding.excuse.is_none()
}

/// Reads the files.
///
/// # Errors
/// What is wrong with them, for people; empty if it was told already.
pub fn read(args: &Args) -> Result<Heard, String> {
    let given = args.target.profile.as_deref().map(profile).transpose()?;
    let mut sources = Vec::new();
    for path in args.recordings() {
        let mut source = Source::new(path, None);
        source
            .prepare(args.recordings().len() > 1)
            .map_err(|error| format!("{}: {error}", source.name()))?;
        sources.push(source);
    }
    let names: Vec<String> = sources.iter().map(Source::name).collect();
    if let [source] = sources.as_slice() {
        let name = source.name();
        return match open(source).map_err(|error| wrong(&name, &error))? {
            Opened::Transcript(header, events) => transcript(args, names, given, *header, events),
            Opened::Recording(recording) if !recording.in_columns => {
                let merged = Merged::alone(recording, 0);
                others(args, names, given, merged, None)
            }
            Opened::Recording(_) => together(args, names, given, &sources),
        };
    }
    for source in &sources {
        let name = source.name();
        if let Opened::Transcript(..) = open(source).map_err(|error| wrong(&name, &error))? {
            return Err(format!(
                "{name}: the transcript of a run holds every end already; it is replayed alone"
            ));
        }
    }
    together(args, names, given, &sources)
}

fn wrong(name: &str, error: &ReadError) -> String {
    match (error.line, error.column) {
        (0, _) => format!("{name}: {}", error.message),
        (line, 0) => format!("{name}:{line}: {}", error.message),
        (line, column) => format!("{name}:{line}:{column}: {}", error.message),
    }
}

fn together(
    args: &Args,
    names: Vec<String>,
    given: Option<Profile>,
    sources: &[Source],
) -> Result<Heard, String> {
    let groups = group(sources);
    let sorted = match groups.as_slice() {
        [sorted] => sorted,
        _ => return Err("these files are not of the same calls: replay them one by one".into()),
    };
    let merged = Merged::open(sorted, sources).map_err(|(number, error)| {
        let name = names.get(number).map_or("", String::as_str);
        wrong(name, &error)
    })?;
    others(args, names, given, merged, Some(sorted.witness))
}

fn transcript<R: std::io::BufRead>(
    args: &Args,
    names: Vec<String>,
    given: Option<Profile>,
    mut header: Header,
    mut events: Reader<R>,
) -> Result<Heard, String> {
    let name = names.first().cloned().unwrap_or_default();
    if let Some(profile) = given {
        header.profile = profile;
    }
    let mut judge = Judge::new(&header);
    let mut tape = Tape::of_run(&header);
    for event in events.by_ref() {
        let event = event.map_err(|error| wrong(&name, &error))?;
        judge.event(&event);
        tape.event(&event, event.n + 1)
            .map_err(|why| format!("{name}:{}: {why}", event.n + 1))?;
    }
    let found = judge.finish().findings;
    let found = found.iter().filter(|finding| counts(finding));
    let broken = BTreeMap::from([(String::new(), found.map(|finding| finding.rule.id).collect())]);
    Ok(Heard {
        takes: takes(tape, args.call.as_deref()).map_err(|why| format!("{name}: {why}"))?,
        names,
        format: format!("the transcript of a run of {}", header.scenario.name),
        broken,
    })
}

fn others(
    args: &Args,
    names: Vec<String>,
    given: Option<Profile>,
    merged: Merged,
    witness: Option<Witness>,
) -> Result<Heard, String> {
    let title = names.join(" + ");
    let mut merged = merged.with_chat();
    // What a log is shows itself with its first lines.
    let mut first = merged.next();
    let seen = merged
        .recordings()
        .map(|(_, recording)| recording.witness())
        .next();
    let witness = witness.or(seen).unwrap_or(Witness::Ends);
    let profile = given.or_else(|| merged.profile().cloned()).unwrap_or_default();
    let header = Header {
        callspec: FORMAT,
        target: "recorded".into(),
        profile: profile.clone(),
        witness,
        clock_skew: 60.0,
        ..Header::default()
    };
    let keep = Keep {
        passed: 0,
        events: false,
    };
    let mut calls = Calls::new(&header, &names, &[], keep);
    let mut tape = Tape::of_others(profile.class, witness, args.call.as_deref());
    while let Some((source, next)) = first.take().or_else(|| merged.next()) {
        let name = names.get(source).map_or("", String::as_str);
        let recorded = next.map_err(|error| wrong(name, &error))?;
        tape.recorded(source, &recorded)
            .map_err(|why| format!("{name}:{}: {why}", recorded.line))?;
        calls.take(source, recorded);
    }
    if tape.marks.is_empty() {
        let mut recordings = merged.recordings().map(|(_, recording)| recording);
        if let Some(unknown) = recordings.find_map(Recording::unknown) {
            return Err(format!("{title}:1: {unknown}"));
        }
        let why = match &args.call {
            Some(call) => format!("there is no call {call}"),
            None => "no call signal is in it".to_owned(),
        };
        return Err(format!("{title}: {why}"));
    }
    if merged.recordings().any(|(_, recording)| recording.torn()) {
        complain("note: the end of the recording is torn: what was there is played");
    }
    let mut broken: BTreeMap<String, BTreeSet<&'static str>> = BTreeMap::new();
    for told in calls.finish().told {
        let found = told.verdict.findings.iter().filter(|finding| counts(finding));
        let rules = found.map(|finding| finding.rule.id);
        broken
            .entry(told.call.unwrap_or_default())
            .or_default()
            .extend(rules);
    }
    let mut formats: Vec<String> = merged
        .recordings()
        .map(|(_, recording)| recording.format())
        .collect();
    formats.dedup();
    Ok(Heard {
        takes: takes(tape, args.call.as_deref()).map_err(|why| format!("{title}: {why}"))?,
        names,
        format: formats.join(" and "),
        broken,
    })
}
