//! One signal of a sound recording dropped, doubled, moved or changed: what `check` says of it is what a brute-force
//! search through every order of events says (tests/fuzz_oracle), from one end and from both.

use std::collections::BTreeSet;
use std::path::Path;

use callspec::rules::{Blame, Judge, Level};
use callspec::stanza::{IqType, Stanza};
use callspec::transcript::recording::{Merged, Recorded, Source, group};
use callspec::transcript::{Dir, FORMAT, Header, Witness};
use serde_json::Value;

use crate::hars::{ALL, Folder, LOGIN, har, message, messages, text, time};
use crate::history::{ALICE, BOB, Record, Seen, Signal, Watch, What};
use crate::oracle;

/// What the oracle knows of.
const ORDER: [&str; 17] = [
    "ST-01", "ST-02", "ST-03", "ST-04", "ST-05", "ST-06", "ST-07", "ST-08", "ST-09", "ST-10", "ST-12",
    "ST-13", "ST-14", "TM-01", "TM-03", "TM-04", "TM-07",
];
/// What may be said besides of a signal that is out of its place: how it was answered, what it says of the media, and
/// what the server did with it.
const BESIDES: [&str; 5] = ["IQ-02", "IQ-06", "TM-06", "RT-03", "RT-04"];

/// The events of recordings as they are judged, numbered.
fn events(files: &[&Path]) -> Vec<Recorded> {
    let sources: Vec<Source> = files.iter().map(|path| Source::new(path, None)).collect();
    let sorted = group(&sources);
    assert_eq!(sorted.len(), 1, "they are put together");
    let merged = Merged::open(&sorted[0], &sources).expect("they are read");
    let mut events: Vec<Recorded> = merged.map(|(_, recorded)| recorded.expect("an event")).collect();
    for (n, recorded) in (1..).zip(&mut events) {
        recorded.event.n = n;
        let jid = recorded.event.jid.as_deref().unwrap_or_default();
        recorded.event.who = jid.split('@').next().unwrap_or_default().to_owned();
    }
    events
}

fn signal(stanza: &Stanza) -> Option<Signal> {
    let value: Value = serde_json::from_str(&stanza.call_text()?).ok()?;
    let payload = &value["payload"];
    let reasons = ["completed", "rejected", "timeout", "busy", "failed", "cancelled"];
    Some(match value["type"].as_str()? {
        "call:initiate" => Signal::Initiate,
        "call:accept" => Signal::Accept,
        "call:reject" => Signal::Reject,
        "call:busy" => Signal::Busy,
        "call:offer" => Signal::Offer,
        "call:answer" => Signal::Answer,
        "call:ice-candidate" => Signal::Ice,
        "call:mute-change" => Signal::Mute(payload["muted"].as_bool()?),
        _ => {
            let reason = reasons.into_iter().find(|reason| payload["reason"] == *reason)?;
            Signal::Hangup(reason, payload["duration"].as_u64())
        }
    })
}

/// The recording as the oracle takes it; each entry of `seen` beside the number of its event.
fn record(events: &[Recorded]) -> (Record, Vec<u64>) {
    let (mut record, mut ids, mut numbers) = (Record::default(), Vec::new(), Vec::new());
    for event in events.iter().map(|recorded| &recorded.event) {
        let who = if event.who == "alice" { ALICE } else { BOB };
        let out = match event.dir {
            Dir::Sent => true,
            Dir::Received => false,
            _ => continue,
        };
        let Some(stanza) = event.xml.as_deref().and_then(|xml| Stanza::parse(xml).ok()) else {
            continue;
        };
        let id = stanza.id().unwrap_or_default().to_owned();
        // The same signal at its other end has its id; one more from the same end is another.
        let place = ids.iter().rposition(|known| *known == id);
        let what = match stanza.iq_type() {
            Some(IqType::Set) => {
                let sender = if out { who } else { 1 - who };
                let same = place.filter(|_| !out || record.signals.is_empty());
                let number = match same.filter(|_| !out) {
                    Some(number) if !got(&record, who, number) => number,
                    _ => {
                        let Some(signal) = signal(&stanza) else { continue };
                        record.signals.push((sender, 0, signal));
                        ids.push(id);
                        ids.len() - 1
                    }
                };
                if out {
                    What::Sent(number)
                } else {
                    What::Got(number)
                }
            }
            Some(kind @ (IqType::Result | IqType::Error)) => {
                let Some(number) = place else { continue };
                let error = kind == IqType::Error;
                if out {
                    What::Answered(number, error)
                } else {
                    What::GotAnswer(number, error)
                }
            }
            _ => continue,
        };
        record.seen.push(Seen {
            t: event.t,
            who,
            what,
        });
        numbers.push(event.n);
    }
    (record, numbers)
}

fn got(record: &Record, who: usize, number: usize) -> bool {
    record
        .seen
        .iter()
        .any(|seen| seen.who == who && seen.what == What::Got(number))
}

/// Holds what the judge says of recordings against what the oracle says.
fn agree(what: &str, files: &[&Path], watch: [Watch; 2]) -> usize {
    let events = events(files);
    let (record, numbers) = record(&events);
    let header = Header {
        callspec: FORMAT,
        witness: Witness::Ends,
        clock_skew: 60.0,
        ..Header::default()
    };
    let mut judge = Judge::new(&header);
    events.iter().for_each(|recorded| judge.event(&recorded.event));
    let verdict = judge.finish();
    let opinions = oracle::judge(&record, watch);
    let mut certain = 0;
    let mut excused = false;
    for (number, opinion) in opinions.iter().enumerate() {
        let Some(opinion) = opinion else { continue };
        let is_this = |n: &u64| {
            let at = numbers
                .iter()
                .position(|known| known == n)
                .map(|at| record.seen[at].what);
            at == Some(What::Sent(number)) || at == Some(What::Got(number))
        };
        let found: Vec<_> = verdict
            .findings
            .iter()
            .filter(|finding| ORDER.contains(&finding.rule.id) && finding.level == Level::Must)
            .filter(|finding| finding.events.iter().max().is_some_and(is_this))
            .collect();
        let told = || {
            format!(
                "{what}: signal {number} {:?}: {found:#?}\n{opinion:?}",
                record.signals[number]
            )
        };
        let accused: BTreeSet<&str> = found
            .iter()
            .filter(|finding| finding.excuse.is_none())
            .map(|finding| finding.rule.id)
            .collect();
        // That a call may be older than its recording the oracle does not know; and what follows from a breach that
        // is one in some order only may be told in more ways than one.
        if excused {
            continue;
        }
        excused = found.iter().any(|finding| finding.excuse.is_some());
        if accused.is_empty() {
            assert!(!opinion.certain || excused, "missed, {}", told());
        } else {
            certain += 1;
            assert!(opinion.certain, "accused where an order excuses, {}", told());
            assert!(accused.is_subset(&opinion.any), "another rule, {}", told());
        }
    }
    for finding in &verdict.findings {
        let id = finding.rule.id;
        let known = ORDER.contains(&id) || BESIDES.contains(&id) || id.starts_with("SD-");
        let remark = finding.level == Level::Info || matches!(finding.blame, Blame::Nobody);
        assert!(known || remark, "{what}: {finding:#?}");
    }
    certain
}

/// Where the signals of a recording stand, with what was answered to each.
fn signals(messages: &[Value]) -> Vec<(usize, Option<usize>)> {
    let id = |message: &Value| Stanza::parse(text(message)).ok()?.id().map(str::to_owned);
    let places = (LOGIN..messages.len()).filter(|at| text(&messages[*at]).contains("urn:xmpp:call:0"));
    places
        .map(|at| {
            let own = id(&messages[at]);
            let answer = (at + 1..messages.len()).find(|later| {
                id(&messages[*later]) == own && !text(&messages[*later]).contains("urn:xmpp:call:0")
            });
            (at, answer)
        })
        .collect()
}

/// One change of one recording.
fn change(messages: &mut Vec<Value>, kind: &str, number: usize) -> bool {
    let all = signals(messages);
    let (at, answer) = all[number];
    match kind {
        "dropped" => {
            if let Some(answer) = answer {
                messages.remove(answer);
            }
            messages.remove(at);
        }
        "doubled" => {
            let id = format!("{number}-twice");
            let old = Stanza::parse(text(&messages[at]))
                .expect("a stanza")
                .id()
                .expect("an id")
                .to_owned();
            let again = [Some(at), answer].into_iter().flatten().map(|at| {
                let data = text(&messages[at]);
                let data = data.replacen(&format!("id='{old}'"), &format!("id='{id}'"), 1);
                let data = data.replacen(&format!("id=\"{old}\""), &format!("id=\"{id}\""), 1);
                (messages[at]["type"] == "send", data)
            });
            let again: Vec<_> = again.collect();
            let place = answer.unwrap_or(at) + 1;
            let t = time(&messages[place - 1]);
            messages.splice(
                place..place,
                again.iter().map(|(out, data)| message(*out, t, data)),
            );
        }
        "moved up" => {
            let Some((before, _)) = number.checked_sub(1).map(|before| all[before]) else {
                return false;
            };
            let mut moved: Vec<Value> = [answer, Some(at)]
                .into_iter()
                .flatten()
                .map(|at| messages.remove(at))
                .collect();
            moved.reverse();
            let t = messages[before]["time"].clone();
            moved.iter_mut().for_each(|message| message["time"] = t.clone());
            messages.splice(before..before, moved);
        }
        "given another reason" => {
            let data = text(&messages[at]).to_owned();
            let new = data.replace("completed", "timeout").replace("cancelled", "busy");
            messages[at]["data"] = new.clone().into();
            return new != data;
        }
        "made another signal" => {
            let data = text(&messages[at]).to_owned();
            let new = data
                .replace("call:accept", "call:busy")
                .replace("call:mute-change", "call:reject");
            messages[at]["data"] = new.clone().into();
            return new != data;
        }
        other => panic!("{other}"),
    }
    true
}

const CHANGES: [&str; 5] = [
    "dropped",
    "doubled",
    "moved up",
    "given another reason",
    "made another signal",
];

#[test]
fn one_signal_changed_in_one_end_is_judged_as_every_order_allows() {
    let folder = Folder::new();
    let (mut accused, mut changed) = (BTreeSet::new(), 0);
    for (name, watch) in [
        (ALL[0], [Watch::Wire, Watch::Far]),
        (ALL[1], [Watch::Far, Watch::Wire]),
        (ALL[2], [Watch::Wire, Watch::Far]),
    ] {
        let whole = messages(&mut har(name)).clone();
        for number in 0..signals(&whole).len() {
            for kind in CHANGES {
                let mut har = har(name);
                if !change(messages(&mut har), kind, number) {
                    continue;
                }
                changed += 1;
                let path = folder.write("changed.har", &har);
                if agree(&format!("{name}: signal {number} {kind}"), &[&path], watch) > 0 {
                    accused.insert(kind);
                }
            }
        }
    }
    assert!(changed > 80, "{changed}");
    assert_eq!(accused.len(), CHANGES.len(), "{accused:?}");
}

#[test]
fn one_signal_changed_in_both_ends_is_judged_as_every_order_allows() {
    let folder = Folder::new();
    let mut accused = BTreeSet::new();
    let [caller, callee] = [ALL[0], ALL[1]].map(|name| messages(&mut har(name)).clone());
    let id = |message: &Value| {
        Stanza::parse(text(message))
            .expect("a stanza")
            .id()
            .map(str::to_owned)
    };
    for number in 0..signals(&caller).len() {
        let here = id(&caller[signals(&caller)[number].0]);
        let there = signals(&callee)
            .iter()
            .position(|(at, _)| id(&callee[*at]) == here);
        let there = there.expect("both have it");
        // What is moved in one end only came in in another order than it was sent in.
        for kind in CHANGES
            .into_iter()
            .filter(|kind| !matches!(*kind, "moved up" | "doubled"))
        {
            let [mut one, mut other] = [har(ALL[0]), har(ALL[1])];
            if !change(messages(&mut one), kind, number) || !change(messages(&mut other), kind, there) {
                continue;
            }
            let files = [
                folder.write("caller.har", &one),
                folder.write("callee.har", &other),
            ];
            let what = format!("both ends: signal {number} {kind}");
            if agree(&what, &[&files[0], &files[1]], [Watch::Wire, Watch::Wire]) > 0 {
                accused.insert(kind);
            }
        }
    }
    assert_eq!(accused.len(), CHANGES.len() - 2, "{accused:?}");
}
