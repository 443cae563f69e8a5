//! The judge against a brute-force oracle: on every small history both say the same of every signal.

mod history;
mod oracle;
mod regressions;

use std::collections::{BTreeMap, BTreeSet};

use callspec::rules::{Blame, Level, judge};
use history::{ALICE, BOB, Deed, Record, Signal, Watch, What, play, transcript};
use proptest::prelude::*;

/// The rules of order, reason and time that both know.
const COMMON: [&str; 15] = [
    "ST-01", "ST-02", "ST-03", "ST-04", "ST-05", "ST-06", "ST-07", "ST-08", "ST-09", "ST-10", "ST-12",
    "ST-13", "ST-14", "TM-01", "TM-07",
];
const DURATION: [&str; 2] = ["TM-03", "TM-04"];

/// Every way in which two parties can be watched.
const WATCHES: [[Watch; 2]; 8] = [
    [Watch::Bot, Watch::Bot],
    [Watch::Bot, Watch::Wire],
    [Watch::Wire, Watch::Bot],
    [Watch::Wire, Watch::Wire],
    [Watch::Bot, Watch::Far],
    [Watch::Far, Watch::Bot],
    [Watch::Wire, Watch::Far],
    [Watch::Far, Watch::Wire],
];

/// What the judge found on one signal.
#[derive(Debug, Clone, Default)]
struct Found {
    certain: BTreeSet<&'static str>,
    doubtful: BTreeSet<&'static str>,
    shoulds: BTreeSet<&'static str>,
    doubtful_shoulds: BTreeSet<&'static str>,
    remarks: BTreeSet<&'static str>,
}

fn found(record: &Record, watch: [Watch; 2]) -> Vec<Found> {
    let (header, events) = transcript(record, watch);
    let verdict = judge(&header, events.into_iter());
    let mut all = vec![Found::default(); record.signals.len()];
    for finding in &verdict.findings {
        let id = finding.rule.id;
        if !COMMON.contains(&id) && !DURATION.contains(&id) {
            continue;
        }
        let event = *finding.events.iter().max().expect("an event") as usize;
        let (What::Sent(number) | What::Got(number)) = record.seen[event - 3].what else {
            panic!("{finding:?} is on no signal");
        };
        let found = &mut all[number];
        let kind = match (finding.blame, finding.level, finding.excuse.is_some()) {
            (Blame::Nobody, ..) => &mut found.remarks,
            (_, Level::Must, false) => &mut found.certain,
            (_, Level::Must, true) => &mut found.doubtful,
            (_, Level::Should, false) => &mut found.shoulds,
            (_, Level::Should, true) => &mut found.doubtful_shoulds,
            (_, Level::Info, _) => &mut found.remarks,
        };
        kind.insert(id);
    }
    all
}

/// What the two do not agree on, if anything.
fn difference(record: &Record, watch: [Watch; 2]) -> Option<String> {
    let (found, opinions) = (found(record, watch), oracle::judge(record, watch));
    // What follows from a breach in one order only may be told in more ways than one.
    let mut clean = true;
    // What was said later may have been recorded earlier than it left.
    let mut order: Vec<usize> = (0..record.signals.len()).collect();
    order.sort_by_key(|number| {
        let said = |seen: &history::Seen| matches!(seen.what, What::Sent(n) | What::Got(n) if n == *number);
        record.seen.iter().position(said)
    });
    for number in order {
        let (found, opinion) = (&found[number], &opinions[number]);
        let Some(opinion) = opinion else { continue };
        let wrong = if opinion.always && found.certain.is_empty() {
            "the judge misses what every order makes a violation"
        } else if opinion.certain && found.certain.is_empty() {
            "the judge misses what no order excuses"
        } else if !opinion.certain && !found.certain.is_empty() {
            "the judge accuses where an order excuses"
        } else if opinion.certain && found.certain.is_disjoint(&opinion.rules) {
            "the judge names another rule"
        } else if !found.certain.is_subset(&opinion.any) {
            "the judge names a rule that no order breaks"
        } else if !found.doubtful.is_empty() && !opinion.ever {
            "the judge doubts what every order allows"
        } else if !opinion.shoulds.is_subset(&found.shoulds) && !opinion.ever {
            "the judge misses a should"
        } else if !found.shoulds.is_subset(&opinion.warns) && !opinion.certain {
            "the judge warns where an order excuses"
        } else if !found.remarks.is_empty() && !opinion.silent && !opinion.ever {
            "the judge remarks on nothing"
        } else if opinion.natural
            && !opinion.certain
            && clean
            && found.doubtful.is_empty()
            && found.remarks.is_empty()
            && found.shoulds.is_empty()
        {
            "the judge does not say that an order accuses"
        } else {
            ""
        };
        clean &= !opinion.ever;
        if !wrong.is_empty() {
            let deeds: Vec<String> = record
                .seen
                .iter()
                .map(|seen| format!("  {:.3} {} {:?}", seen.t, ["alice", "bob"][seen.who], seen.what))
                .collect();
            return Some(format!(
                "{wrong}: signal {number} of {:?}, {watch:?}\n{}\nsignals {:?}\njudge {found:?}\noracle {opinion:?}",
                record.signals[number],
                deeds.join("\n"),
                record.signals,
            ));
        }
    }
    None
}

const SIGNALS: [Signal; 16] = [
    Signal::Initiate,
    Signal::Accept,
    Signal::Reject,
    Signal::Busy,
    Signal::Offer,
    Signal::Answer,
    Signal::Ice,
    Signal::Mute(true),
    Signal::Hangup("cancelled", None),
    Signal::Hangup("timeout", None),
    Signal::Hangup("completed", None),
    Signal::Hangup("rejected", None),
    Signal::Hangup("busy", None),
    Signal::Hangup("failed", None),
    Signal::Hangup("completed", Some(1)),
    Signal::Hangup("failed", Some(600)),
];

/// A signal that arrives and is answered at once.
fn told(who: usize, signal: Signal) -> Vec<Deed> {
    vec![
        Deed::Send(who, 0, signal),
        Deed::Arrive(1 - who),
        Deed::Answer(1 - who, false),
        Deed::Arrive(who),
    ]
}

/// A signal that arrives and is not answered yet.
fn heard(who: usize, signal: Signal) -> Vec<Deed> {
    vec![Deed::Send(who, 0, signal), Deed::Arrive(1 - who)]
}

/// Ways to begin: each state of a call, with its last signal answered, arrived, or under way.
fn beginnings() -> Vec<Vec<Deed>> {
    let flow = [
        (ALICE, Signal::Initiate),
        (BOB, Signal::Accept),
        (ALICE, Signal::Offer),
        (BOB, Signal::Answer),
    ];
    let mut all = vec![Vec::new()];
    for length in 1..=flow.len() {
        let before: Vec<Deed> = flow[..length - 1]
            .iter()
            .flat_map(|(who, s)| told(*who, *s))
            .collect();
        let (who, last) = flow[length - 1];
        all.push([before.clone(), told(who, last)].concat());
        all.push([before.clone(), heard(who, last)].concat());
        all.push([before, vec![Deed::Send(who, 0, last)]].concat());
    }
    let until = |n: usize| -> Vec<Deed> { flow[..n].iter().flat_map(|(who, s)| told(*who, *s)).collect() };
    for (n, who, end) in [
        (1, ALICE, Signal::Hangup("cancelled", None)),
        (1, BOB, Signal::Reject),
        (1, BOB, Signal::Busy),
        (4, BOB, Signal::Hangup("completed", None)),
        (4, ALICE, Signal::Offer),
        (4, BOB, Signal::Offer),
        (4, ALICE, Signal::Mute(true)),
    ] {
        all.push([until(n), heard(who, end)].concat());
        all.push([until(n), told(who, end)].concat());
    }
    // Nothing is answered.
    all.push(flow.iter().flat_map(|(who, s)| heard(*who, *s)).collect());
    all
}

fn sends() -> Vec<Deed> {
    SIGNALS
        .into_iter()
        .flat_map(|signal| [Deed::Send(ALICE, 0, signal), Deed::Send(BOB, 0, signal)])
        .collect()
}

const OTHERS: [Deed; 6] = [
    Deed::Arrive(ALICE),
    Deed::Arrive(BOB),
    Deed::Answer(ALICE, false),
    Deed::Answer(BOB, false),
    Deed::Answer(BOB, true),
    Deed::Pass(31.0),
];

/// Every history of a beginning and `more` deeds; each is followed by the arrival of all that is under way.
fn every(more: usize, check: &mut dyn FnMut(&[Deed])) {
    fn go(deeds: &mut Vec<Deed>, more: usize, check: &mut dyn FnMut(&[Deed])) {
        if more == 0 {
            let length = deeds.len();
            deeds.extend([
                Deed::Arrive(ALICE),
                Deed::Arrive(BOB),
                Deed::Arrive(ALICE),
                Deed::Arrive(BOB),
            ]);
            check(deeds);
            deeds.truncate(length);
            return;
        }
        // Nothing is said of what comes last unless it is a signal.
        let others: &[Deed] = if more == 1 { &[] } else { &OTHERS };
        for deed in sends().into_iter().chain(others.iter().copied()) {
            deeds.push(deed);
            go(deeds, more - 1, check);
            deeds.pop();
        }
    }
    for mut deeds in beginnings() {
        go(&mut deeds, more, check);
    }
}

fn agree_on_every(more: usize) {
    let mut differences: BTreeMap<String, (usize, String)> = BTreeMap::new();
    let mut histories = 0_usize;
    // Deeds that come to nothing, and what a watcher does not see, make many of them the same.
    let mut known = std::collections::HashSet::new();
    every(more, &mut |deeds| {
        for watch in WATCHES {
            let record = play(deeds, watch);
            if !known.insert(format!("{record:?} {watch:?}")) {
                continue;
            }
            histories += 1;
            if let Some(text) = difference(&record, watch) {
                let kind = text.split(':').next().unwrap_or_default().to_owned();
                let entry = differences.entry(kind).or_insert((0, text));
                entry.0 += 1;
            }
        }
    });
    let texts: Vec<String> = differences
        .values()
        .map(|(count, text)| format!("{count} times, first: {text}"))
        .collect();
    assert!(
        texts.is_empty(),
        "of {histories} histories:\n{}",
        texts.join("\n\n")
    );
    assert!(histories > 1000);
}

#[test]
fn judge_and_oracle_agree_on_every_history_of_a_beginning_and_one_signal() {
    agree_on_every(1);
}

#[test]
#[cfg_attr(debug_assertions, ignore = "half an hour; some minutes in release")]
fn judge_and_oracle_agree_on_every_history_of_a_beginning_and_two_deeds() {
    agree_on_every(2);
}

fn deed(calls: usize) -> impl Strategy<Value = Deed> {
    let party = 0..2_usize;
    prop_oneof![
        4 => (party.clone(), 0..calls, proptest::sample::select(SIGNALS.to_vec()))
            .prop_map(|(who, call, signal)| Deed::Send(who, call, signal)),
        4 => party.clone().prop_map(Deed::Arrive),
        2 => (party, proptest::bool::weighted(0.1)).prop_map(|(who, error)| Deed::Answer(who, error)),
        1 => proptest::sample::select(vec![1.0, 6.0, 24.0, 30.0]).prop_map(Deed::Pass),
    ]
}

/// A walk that follows the call for most of its way, so that it gets somewhere.
fn history(calls: usize) -> impl Strategy<Value = Vec<Deed>> {
    let beginnings = beginnings();
    (
        proptest::sample::select(beginnings),
        proptest::collection::vec(deed(calls), 1..10),
    )
        .prop_map(|(beginning, more)| [beginning, more].concat())
}

fn agree(deeds: &[Deed]) -> Result<(), TestCaseError> {
    for watch in WATCHES {
        if let Some(text) = difference(&play(deeds, watch), watch) {
            return Err(TestCaseError::fail(text));
        }
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: cases(),
        rng_seed: proptest::test_runner::RngSeed::Fixed(5),
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn judge_and_oracle_agree_on_histories_of_one_call(deeds in history(1)) {
        agree(&deeds)?;
    }

    #[test]
    fn judge_and_oracle_agree_on_histories_of_two_calls(deeds in history(2)) {
        agree(&deeds)?;
    }
}

fn cases() -> u32 {
    std::env::var("PROPTEST_CASES")
        .ok()
        .and_then(|n| n.parse().ok())
        .unwrap_or(128)
}
