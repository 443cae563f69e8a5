//! Many cases side by side.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, mpsc};
use std::time::Duration;

use tokio::sync::watch;

use super::accounts::{blocking, lets_in};
use super::canary::Canary;
use super::case::play;
use super::fit::{sessions_of, skip_reason};
use super::lease::{Leases, Turn, most_sessions, rings_all};
use super::options::{Finished, Options, Place};
use super::reach::Reach;
use crate::profile::Addressing;
use crate::rules::Outcome;
use crate::scenario::{Action, Case, Step};
use crate::target::{Account, Target};

/// What an observer hears while a suite runs.
#[derive(Debug)]
pub enum Progress<'a> {
    /// `length` is how long it waits on purpose.
    Started {
        case: &'a Case,
        length: Duration,
    },
    Finished(&'a Finished),
    /// It was stopped before its end, and is left out of the results.
    Cut(&'a Case),
}

enum Word {
    Started(usize),
    Finished(usize, Box<Finished>),
    /// Stopped in the middle: nothing is known of it.
    Cut(usize),
}

/// Plays all cases and returns what became of them, in the order given. `stop` turning true ends the running ones
/// early; those and the ones not begun are left out.
pub fn suite(
    cases: impl IntoIterator<Item = impl Into<Arc<Case>>>,
    options: &Options,
    stop: &watch::Sender<bool>,
    observe: &mut dyn FnMut(Progress<'_>),
) -> Vec<Finished> {
    let cases: Vec<Arc<Case>> = cases.into_iter().map(Into::into).collect();
    let mut order: Vec<usize> = (0..cases.len()).collect();
    // The longest first, so that none of them runs on alone at the end.
    order.sort_by_key(|index| {
        std::cmp::Reverse(cases.get(*index).map(|case| length(case)).unwrap_or_default())
    });
    let queue = Mutex::new(VecDeque::from(order));
    let (words, heard) = mpsc::channel();
    let mut results: Vec<Option<Finished>> = cases.iter().map(|_| None).collect();
    let cases = &cases;
    let queue = &queue;
    let reach = &Reach::default();
    let canary = Canary::default();
    let needs = cases.iter().flat_map(|case| sessions_of(case));
    let most = needs.map(|(_, sessions)| sessions).max().unwrap_or_default();
    let perch = perch(options, most);
    let leases = &Leases::of(&options.place, perch.is_some(), most);
    let (last_song, over) = watch::channel(false);
    std::thread::scope(|scope| {
        if let Some((target, account)) = perch {
            canary.perch();
            let answers = options.place.profile().addressing == Addressing::Full;
            let song = canary.clone().sing(target, account, answers, over);
            scope.spawn(move || blocking(song));
        }
        let canary = &canary;
        for _ in 0..options.jobs.clamp(1, cases.len().max(1)) {
            let words = words.clone();
            scope.spawn(move || {
                while !*stop.borrow() {
                    let next = queue
                        .lock()
                        .map(|mut queue| queue.pop_front())
                        .unwrap_or_default();
                    let Some(index) = next else { return };
                    let Some(case) = cases.get(index) else { return };
                    let skipped = skip_reason(case, options);
                    let users = match skipped {
                        Some(_) => Vec::new(),
                        None => sessions_of(case),
                    };
                    let Some(lease) = leases.claim(&users, stop) else {
                        return;
                    };
                    canary.admit();
                    if words.send(Word::Started(index)).is_err() {
                        return;
                    }
                    let finished = match (skipped, reach.begin()) {
                        (Some(reason), _) => Finished::without_run(case.clone(), Outcome::Skipped, reason),
                        (None, Err(why)) => Finished::without_run(case.clone(), Outcome::Error, why),
                        (None, Ok(began)) => {
                            let turn = Turn {
                                canary: canary.clone(),
                                accounts: lease.accounts.clone(),
                            };
                            let finished = with_retries(case, options, &turn, stop);
                            note_reach(reach, began, &finished, (options, &lease.accounts), stop);
                            finished
                        }
                    };
                    drop(lease);
                    if finished.outcome == Outcome::Error && *stop.borrow() {
                        let _ = words.send(Word::Cut(index));
                        return;
                    }
                    if words.send(Word::Finished(index, Box::new(finished))).is_err() {
                        return;
                    }
                }
            });
        }
        drop(words);
        for word in heard {
            match word {
                Word::Started(index) => {
                    if let Some(case) = cases.get(index) {
                        observe(Progress::Started {
                            case,
                            length: length(case).mul_f64(options.time_scale),
                        });
                    }
                }
                Word::Cut(index) => {
                    if let Some(case) = cases.get(index) {
                        observe(Progress::Cut(case));
                    }
                }
                Word::Finished(index, finished) => {
                    observe(Progress::Finished(&finished));
                    if options.fail_fast && fails(finished.outcome, options.strict) {
                        stop.send_replace(true);
                    }
                    if let Some(slot) = results.get_mut(index) {
                        *slot = Some(*finished);
                    }
                }
            }
        }
        // Nobody is left to listen to it.
        last_song.send_replace(true);
    });
    results.into_iter().flatten().collect()
}

/// Where the canary sits: on a real relay, whose other sessions no call rings. A server that rings every device of a
/// user would ring this one too, and one that takes only so many is to have room for it beside a case and the next.
fn perch(options: &Options, most: usize) -> Option<(Arc<Target>, Account)> {
    let Place::Target(target) = &options.place else {
        return None;
    };
    let has_room = most_sessions(&target.profile).is_none_or(|limit| limit >= most + 2);
    let account = target.accounts.first();
    let account = account.filter(|_| !rings_all(&target.profile) && has_room)?;
    Some((Arc::clone(target), account.clone()))
}

/// One case's trouble may be its own; that of a target that lets nobody in is everyone's. The case's own accounts are
/// asked: nobody else may have a session of theirs to spare.
fn note_reach(
    reach: &Reach,
    began: u32,
    finished: &Finished,
    (options, accounts): (&Options, &BTreeMap<String, usize>),
    stop: &watch::Sender<bool>,
) {
    let Place::Target(target) = &options.place else {
        return reach.came_in();
    };
    if finished.outcome != Outcome::Error {
        return reach.came_in();
    }
    match lets_in(target, &accounts.values().copied().collect(), stop.subscribe()) {
        Ok(_) => reach.came_in(),
        Err(why) => reach.refused(began, &why),
    }
}

fn fails(outcome: Outcome, strict: bool) -> bool {
    outcome == Outcome::Failed || (strict && outcome == Outcome::Warned)
}

fn with_retries(case: &Arc<Case>, options: &Options, turn: &Turn, stop: &watch::Sender<bool>) -> Finished {
    let mut finished = play(case, options, 0, turn, stop.subscribe());
    for attempt in 1..=options.retries {
        if !fails(finished.outcome, options.strict) || *stop.borrow() {
            break;
        }
        let again = play(case, options, attempt, turn, stop.subscribe());
        let good = matches!(again.outcome, Outcome::Passed | Outcome::Warned | Outcome::Known);
        if good && !fails(again.outcome, options.strict) {
            let reason = format!("failed at first, passed on retry {attempt}");
            return Finished {
                outcome: Outcome::Flaky,
                reason: Some(reason),
                ..finished
            };
        }
        finished = again;
    }
    finished
}

/// The K-th of N parts (K from 1): every N-th case, so that themes spread.
pub fn shard(cases: Vec<Case>, k: usize, n: usize) -> Vec<Case> {
    cases
        .into_iter()
        .enumerate()
        .filter(|(index, _)| index % n.max(1) == k.saturating_sub(1))
        .map(|(_, c)| c)
        .collect()
}

/// What is said of these cases where the target lets nobody in: each is an error, save those that make no sense on it.
pub fn untested(cases: &[Case], options: &Options, why: &str) -> Vec<Finished> {
    let without = |case: &Case| {
        let (outcome, reason) = match skip_reason(case, options) {
            Some(reason) => (Outcome::Skipped, reason),
            None => (Outcome::Error, why.to_owned()),
        };
        Finished::without_run(Arc::new(case.clone()), outcome, reason)
    };
    cases.iter().map(without).collect()
}

/// How long a case waits on purpose.
pub fn length(case: &Case) -> Duration {
    steps_length(&case.steps) + case.quiet.unwrap_or_default()
}

fn steps_length(steps: &[Step]) -> Duration {
    steps
        .iter()
        .map(|step| match &step.action {
            Action::Wait(length) | Action::Silence { length, .. } => *length,
            Action::Send(send) => send.after,
            Action::Connection(connection) => connection.after,
            Action::Together(branches) => branches
                .iter()
                .map(|steps| steps_length(steps))
                .max()
                .unwrap_or_default(),
            Action::AnyOrder(steps) | Action::When { steps, .. } => steps_length(steps),
            Action::Line(line) => line.after,
            Action::KeepAlive => Duration::from_secs(60),
            Action::Expect(_) | Action::Answers { .. } => Duration::ZERO,
        })
        .sum()
}
