//! Each recording to its judge, by itself or together with those that it belongs to.

use std::sync::atomic::Ordering;

use super::super::calls::{Calls, Keep, Shown};
use super::super::{Exit, complain};
use super::ahead::Ahead;
use super::outcomes::{LISTED, Outcomes, REPORTED};
use super::{Asked, text};
use crate::profile::Profile;
use crate::report;
use crate::rules::{Ear, Finding, Heard, Judge, Level};
use crate::transcript::recording::{Merged, Opened, Recorded, Sorted, Source, group, is_of_one, open};
use crate::transcript::{Event, FORMAT, Header, ReadError, Reader, ScenarioInfo, Witness};

/// How many events go by between two looks at the progress bar.
const TICK: u64 = 512;

pub(super) fn judge_all(asked: &Asked, sources: &[Source], outcomes: &mut Outcomes) {
    let mut others = Vec::new();
    for (number, source) in sources.iter().enumerate() {
        match open(source) {
            Err(error) => outcomes.wrong |= wrong(&source.name(), &error),
            Ok(Opened::Transcript(header, events)) => {
                transcript(asked, *header, events, &source.name(), outcomes);
            }
            Ok(Opened::Recording(recording)) => others.push((number, recording)),
        }
    }
    let names: Vec<String> = sources.iter().map(Source::name).collect();
    if let [(number, recording)] = others.as_slice()
        && let number = *number
        && (!recording.in_columns || asked.follow || sources.get(number).is_some_and(is_of_one))
    {
        if let Some((_, recording)) = others.pop() {
            let merged = Merged::alone(recording, number);
            judge_merged(asked, merged, None, &names, outcomes);
        }
        return;
    }
    let numbers: Vec<usize> = others.iter().map(|(number, _)| *number).collect();
    drop(others);
    for sorted in group(sources)
        .iter()
        .filter(|sorted| sorted.sources.iter().any(|number| numbers.contains(number)))
    {
        match Merged::open(sorted, sources) {
            Ok(merged) => judge_merged(asked, merged, Some(sorted), &names, outcomes),
            Err((number, error)) => {
                let name = names.get(number).map_or("", String::as_str);
                outcomes.wrong |= wrong(name, &error);
            }
        }
    }
}

/// Says what is wrong with a file, and is true.
fn wrong(name: &str, error: &ReadError) -> bool {
    let place = match (error.line, error.column) {
        (0, _) => name.to_owned(),
        (line, 0) => format!("{name}:{line}"),
        (line, column) => format!("{name}:{line}:{column}"),
    };
    complain(&format!("error: {place}: {}", error.message));
    true
}

/// A transcript of a run: the verdict is the one that the run gave.
fn transcript<R: std::io::BufRead + Send>(
    asked: &Asked,
    mut header: Header,
    events: Reader<R>,
    name: &str,
    outcomes: &mut Outcomes,
) {
    if let Some(profile) = &asked.profile {
        header.profile = profile.clone();
    }
    if let Some(skew) = asked.clock_skew {
        header.clock_skew = skew;
    }
    let mut judge = Judge::new(&header);
    let mut scout = judge.scout();
    let mut error = None;
    let mut ear = Ear::default();
    let ahead = Ahead {
        listen: |event: Result<Event, ReadError>| {
            let heard = event.as_ref().map(|event| ear.listen(event));
            (heard.unwrap_or_default(), event, Vec::new())
        },
        scout: |(heard, event, found): &mut (Heard, Result<Event, ReadError>, Vec<Finding>)| {
            if let Ok(event) = event {
                *found = scout.event(event, heard);
            }
        },
        drop: |(_, event, _)| event,
    };
    let events = ahead.run(events, &mut |(heard, event, found)| match event {
        Ok(event) => {
            judge.scouted(event, heard, std::mem::take(found));
            true
        }
        Err(why) => {
            error = Some(why.clone());
            false
        }
    });
    judge.rejoin(scout);
    if let Some(error) = error {
        outcomes.wrong |= wrong(name, &error);
        return;
    }
    let mut verdict = judge.finish();
    verdict.waive(&header.scenario.name, &header.scenario.case, &asked.waivers);
    verdict.waive(name, &[], &asked.waivers);
    text::transcript(asked, &header, &verdict, name, events.torn());
    outcomes.transcript(&header, &verdict, name);
}

/// What a recording's header says, which none of them has.
fn header_of(asked: &Asked, known: Option<&Profile>, witness: Witness, name: &str) -> Header {
    Header {
        callspec: FORMAT,
        version: env!("CARGO_PKG_VERSION").into(),
        scenario: ScenarioInfo {
            name: name.to_owned(),
            ..ScenarioInfo::default()
        },
        target: "recorded".into(),
        // What a proxy was told of its server it has written down, and whoever asks may know better.
        profile: asked.profile.as_ref().or(known).cloned().unwrap_or_default(),
        witness,
        clock_skew: asked.clock_skew.unwrap_or(60.0),
        ..Header::default()
    }
}

/// An event on its way to the judge.
struct Item {
    source: usize,
    next: Result<(Box<Recorded>, Shown), ReadError>,
    heard: Heard,
    /// What the scout has found because of it.
    found: Vec<Finding>,
}

fn judge_merged(
    asked: &Asked,
    mut merged: Merged,
    sorted: Option<&Sorted>,
    names: &[String],
    outcomes: &mut Outcomes,
) {
    merged = merged.with_chat();
    // What a log is, and how exact its times are, shows itself with its first lines.
    let first = merged.next();
    let witness = sorted.map(|sorted| sorted.witness);
    let seen = merged
        .recordings()
        .map(|(_, recording)| recording.witness())
        .next();
    let witness = witness.or(seen).unwrap_or(Witness::Ends);
    let title = text::title(&merged, names);
    let header = Header {
        steady: merged.recordings().all(|(_, recording)| recording.is_steady()),
        apart: sorted.map_or(0.0, Sorted::apart),
        ..header_of(asked, merged.profile(), witness, &title)
    };
    let keep = Keep {
        passed: if asked.reports.is_empty() {
            LISTED
        } else {
            REPORTED
        },
        events: !asked.reports.is_empty(),
    };
    let mut calls = Calls::new(&header, names, &asked.waivers, keep);
    let (mut usher, mut scout) = calls.send_ahead();
    let mut ear = Ear::default();
    let mut listen = |(source, next): (usize, Result<Box<Recorded>, ReadError>)| {
        let heard = next.as_ref().map(|recorded| ear.listen(&recorded.event));
        let heard = heard.unwrap_or_default();
        let next = next.map(|mut recorded| {
            let shown = usher.show(source, &mut recorded, &heard);
            (recorded, shown)
        });
        let found = Vec::new();
        Item {
            source,
            next,
            heard,
            found,
        }
    };
    let mut judge_half = |item: &mut Item| {
        if let Ok((recorded, _)) = &item.next {
            item.found = scout.event(&recorded.event, &item.heard);
        }
    };
    let (bar, passed) = (text::progress(&merged), text::passed(&merged));
    let mut count = 0_u64;
    let mut error = None;
    let mut take = |item: &mut Item| {
        let (recorded, shown) = match &item.next {
            Ok(next) => next,
            Err(why) => {
                error = Some((item.source, why.clone()));
                return false;
            }
        };
        let found = std::mem::take(&mut item.found);
        let found = calls.take_shown((item.source, recorded), &item.heard, shown, found);
        if asked.follow {
            for finding in found.iter().filter(|finding| finding.level != Level::Info) {
                asked.tell(&(report::finding(finding) + &calls.places(finding)));
            }
        }
        count += 1;
        if count.is_multiple_of(TICK) {
            bar.set_position(passed.iter().map(|bytes| bytes.load(Ordering::Relaxed)).sum());
        }
        true
    };
    // What changes hands so often is not copied each time.
    let boxed = |(source, next): (usize, Result<Recorded, ReadError>)| (source, next.map(Box::new));
    let mut at_once = |item| {
        let mut item = listen(boxed(item));
        judge_half(&mut item);
        take(&mut item)
    };
    let more = first.is_none_or(&mut at_once);
    if more && asked.follow {
        // Nothing waits until there is more of it.
        merged.by_ref().all(at_once);
    } else if more {
        let ahead = Ahead {
            listen,
            scout: judge_half,
            drop: |item: Item| (item.source, item.next.map(|(recorded, _)| recorded)),
        };
        let _ = ahead.run(merged.by_ref().map(boxed), &mut take);
    }
    calls.rejoin(scout);
    if let Some((source, error)) = error {
        bar.finish_and_clear();
        outcomes.wrong |= wrong(names.get(source).map_or("", String::as_str), &error);
        return;
    }
    bar.finish_and_clear();
    let finished = calls.finish();
    if finished.calls == 0 && finished.told.is_empty() {
        if let Some(unknown) = merged.recordings().find_map(|(_, recording)| recording.unknown()) {
            complain(&format!("error: {title}:1: {unknown}"));
            outcomes.wrong = true;
            return;
        }
        text::introduce(asked, &merged, sorted, names);
        let instead = merged.recordings().find_map(|(_, recording)| recording.instead());
        let why = instead.unwrap_or_else(|| "no call signal is in it".to_owned());
        complain(&format!(
            "error: {title}: {why}\n  nothing to judge (exit {})",
            Exit::Untested as u8
        ));
        outcomes.nothing = true;
        return;
    }
    text::introduce(asked, &merged, sorted, names);
    text::recording(asked, &finished, &merged);
    outcomes.recording(&header, finished, &title);
}
