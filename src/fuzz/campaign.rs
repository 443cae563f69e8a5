//! A campaign: the corpus first, then case after case, and each new failure cut down and written.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::mpsc;
use std::time::Instant;

use tokio::sync::watch;

use super::coverage::{Cell, Coverage};
use super::generate::moves;
use super::shrink::{AGAIN, Kept, Shrinker, breach, play_one, sound};
use super::text::{Rendered, render};
use super::walk::{Call, Move, Reply, Signal};
use crate::lint::lint;
use crate::profile::Class;
use crate::protocol::{Kind, Reason, Role};
use crate::rules::Outcome;
use crate::run::{Finished, Options, Place, Progress, suite};
use crate::scenario::{Case, load};

/// Cases made and played at a time, at first and at most: what is quickly found is quickly told.
const BATCH: (u64, u64) = (8, 64);
/// So many failures of one rule are cut down; the others are counted.
const SHAPES: usize = 3;
/// Throws of the dice for one case until it is sound.
const ATTEMPTS: u64 = 20;

/// What is to be done.
#[derive(Debug, Clone)]
pub struct Plan {
    pub options: Options,
    pub seed: u64,
    pub cases: u64,
    pub until: Option<Instant>,
    pub until_failure: bool,
    /// Where failures go.
    pub folder: PathBuf,
    /// Whether what is in the folder is played first.
    pub replay: bool,
}

/// Failures of one rule.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Failure {
    /// How many cases showed it.
    pub cases: u64,
    /// The different shapes that they came down to.
    pub kept: Vec<Kept>,
    /// Files of the corpus that still show it.
    pub replayed: Vec<PathBuf>,
    /// The numbers of cases that failed once and not again.
    pub once: Vec<u64>,
    tried: usize,
}

/// What came of it.
#[derive(Debug, Clone, Default)]
pub struct Campaign {
    pub played: u64,
    /// Stopped before their end: nothing is known of them.
    pub cut: u64,
    pub skipped: u64,
    /// Cases in which the target could not be tested.
    pub untested: u64,
    /// The first of the reasons.
    pub trouble: Option<String>,
    /// Orderings for which no sound scenario was found.
    pub unsound: u64,
    /// By rule.
    pub failures: BTreeMap<&'static str, Failure>,
    pub coverage: Coverage,
}

impl Campaign {
    pub fn failed(&self) -> u64 {
        let failures = self.failures.values();
        failures
            .map(|failure| failure.cases + failure.replayed.len() as u64)
            .sum()
    }
}

/// What an observer hears.
#[derive(Debug)]
pub enum News<'a> {
    /// A batch is done.
    Played(&'a Campaign),
    Kept(&'a Kept),
    Replayed {
        file: &'a Path,
        rule: &'static str,
    },
}

struct Made {
    number: u64,
    case: Case,
    moves: Vec<Move>,
    cells: Vec<Cell>,
}

/// What decides how cases look, besides the seed.
#[derive(Debug, Clone, Copy)]
struct Ground {
    class: Class,
    /// Whether waiting costs nothing.
    waits: bool,
    users: usize,
}

impl Ground {
    fn of(place: &Place) -> Ground {
        let (waits, users) = match place {
            Place::Embedded(_) | Place::Rigged(_) => (true, 4),
            Place::Target(target) if target.is_anonymous() => (false, 4),
            Place::Target(target) => (false, target.accounts.len()),
        };
        Ground {
            class: place.profile().class,
            waits,
            users,
        }
    }
}

/// The case of this number, as text: the same for the same seed on the same kind of target.
pub fn case(place: &Place, seed: u64, number: u64) -> Option<String> {
    let (_, rendered, _) = made(Ground::of(place), seed, number)?;
    Some(rendered.yaml)
}

/// A case that needs as many users as this campaign's do. `most`: four, whatever the target has so far.
pub fn roster(place: &Place, most: bool) -> Option<Case> {
    let ground = Ground::of(place);
    let users = if most { 4 } else { ground.users };
    let say = |signal: Signal| Move::Say {
        call: Call::Main,
        role: Role::Caller,
        signal,
        reply: Reply::Result,
    };
    let mut moves = vec![say(Kind::Initiate.into())];
    moves.push(say(Signal {
        kind: Kind::Hangup,
        reason: Some(Reason::Cancelled),
    }));
    let others = ["mallory", "other"].into_iter();
    moves.extend(others.take(users.saturating_sub(2)).map(Move::Quiet));
    sound(&render(&moves, ground.class, "fuzz/roster", "Everybody comes in.", None).yaml)
}

fn made(ground: Ground, seed: u64, number: u64) -> Option<(Vec<Move>, Rendered, Case)> {
    (0..ATTEMPTS).find_map(|attempt| {
        let moves = moves(seed, number, attempt, ground.class, ground.waits, ground.users);
        let name = format!("fuzz/{seed}-{number}");
        let about = format!("The ordering of seed {seed} and number {number}.");
        let rendered = render(&moves, ground.class, &name, &about, None);
        let case = rendered.certain.then(|| sound(&rendered.yaml)).flatten()?;
        Some((moves, rendered, case))
    })
}

/// Makes the cases of these numbers, `jobs` at a time.
fn batch(ground: Ground, seed: u64, numbers: std::ops::Range<u64>, jobs: usize) -> (Vec<Made>, u64) {
    let wanted = numbers.end - numbers.start;
    let jobs = jobs.clamp(1, 16) as u64;
    let mut all: Vec<Made> = std::thread::scope(|scope| {
        let makers: Vec<_> = (0..jobs)
            .map(|job| {
                let numbers = numbers.clone().filter(move |number| number % jobs == job);
                scope.spawn(move || {
                    let made = numbers.filter_map(|number| {
                        let (moves, rendered, case) = made(ground, seed, number)?;
                        let cells = rendered.cells;
                        Some(Made {
                            number,
                            case,
                            moves,
                            cells,
                        })
                    });
                    made.collect::<Vec<_>>()
                })
            })
            .collect();
        let made = makers.into_iter().filter_map(|maker| maker.join().ok());
        made.flatten().collect()
    });
    all.sort_by_key(|made| made.number);
    let unsound = wanted - all.len() as u64;
    (all, unsound)
}

/// Runs it to its end. `fresh` gives what stops the next part of it; `observe` hears how it goes.
///
/// # Errors
/// The folder cannot be read or written.
pub fn campaign(
    plan: &Plan,
    fresh: &dyn Fn() -> watch::Sender<bool>,
    observe: &mut dyn FnMut(News<'_>),
) -> Result<Campaign, String> {
    let mut run = Campaign::default();
    let ground = Ground::of(&plan.options.place);
    if plan.replay {
        replay(plan, &fresh(), &mut run, observe)?;
    }
    let mut next = 0;
    while next < plan.cases {
        let stop = fresh();
        let late = plan.until.is_some_and(|until| Instant::now() >= until);
        if *stop.borrow() || late || (plan.until_failure && !run.failures.is_empty()) {
            break;
        }
        let end = plan.cases.min(next + next.clamp(BATCH.0, BATCH.1));
        let (made, unsound) = batch(ground, plan.seed, next..end, plan.options.jobs);
        run.unsound += unsound;
        next = end;
        let finished = play_batch(plan, &made, &stop, &mut run);
        observe(News::Played(&run));
        for (made, finished) in made.iter().zip(&finished) {
            let Some(finished) = finished else { continue };
            run.coverage.add(&made.cells);
            judge(plan, ground, made, finished, &fresh(), &mut run, observe)?;
            if plan.until_failure && !run.failures.is_empty() {
                break;
            }
        }
        if run.played == 0 && run.untested > 0 {
            break;
        }
    }
    Ok(run)
}

/// What became of each; `None`: nothing that says anything of the target.
fn play_batch(
    plan: &Plan,
    made: &[Made],
    stop: &watch::Sender<bool>,
    run: &mut Campaign,
) -> Vec<Option<Finished>> {
    let cases = made.iter().map(|made| made.case.clone()).collect();
    let mut cut = 0;
    let results = std::thread::scope(|scope| {
        let (over, until) = mpsc::channel::<()>();
        if let Some(deadline) = plan.until {
            scope.spawn(move || {
                let left = deadline.saturating_duration_since(Instant::now());
                if until.recv_timeout(left) == Err(mpsc::RecvTimeoutError::Timeout) {
                    stop.send_replace(true);
                }
            });
        }
        let results = suite(cases, &plan.options, stop, &mut |progress| {
            if matches!(progress, Progress::Cut(_)) {
                cut += 1;
            }
        });
        drop(over);
        results
    });
    run.cut += cut;
    let mut by_name: BTreeMap<String, Finished> = BTreeMap::new();
    for finished in results {
        match finished.outcome {
            Outcome::Skipped => run.skipped += 1,
            Outcome::Error => {
                run.untested += 1;
                let verdict = finished.verdict.as_ref();
                let why = verdict.and_then(|verdict| verdict.trouble.clone());
                if let Some(why) = finished.reason.or(why) {
                    run.trouble.get_or_insert(why);
                }
            }
            _ => {
                run.played += 1;
                by_name.insert(finished.case.name.clone(), finished);
            }
        }
    }
    made.iter().map(|made| by_name.remove(&made.case.name)).collect()
}

fn judge(
    plan: &Plan,
    ground: Ground,
    made: &Made,
    finished: &Finished,
    stop: &watch::Sender<bool>,
    run: &mut Campaign,
    observe: &mut dyn FnMut(News<'_>),
) -> Result<(), String> {
    let Some(finding) = breach(finished) else {
        return Ok(());
    };
    let rule = finding.rule.id;
    let failure = run.failures.entry(rule).or_default();
    failure.cases += 1;
    if failure.tried >= SHAPES || *stop.borrow() {
        return Ok(());
    }
    failure.tried += 1;
    // So that `run` plays what was found, its own seed is used.
    let options = Options {
        seed: 0,
        jobs: 1,
        ..plan.options.clone()
    };
    let mut shrinker = Shrinker::new(&options, ground.class, rule, stop);
    let least = shrinker.shrink(made.moves.clone());
    let head = format!(
        "found by callspec fuzz --seed {}, case {}",
        plan.seed, made.number
    );
    let Some(draft) = shrinker.keep(&least, &plan.folder, &head)? else {
        failure.once.push(made.number);
        return Ok(());
    };
    if failure.kept.iter().any(|kept| kept.file == draft.file) {
        return Ok(());
    }
    let kept = Kept {
        rule,
        message: draft.message,
        file: draft.file,
        transcript: draft.transcript,
        number: made.number,
        moves: (least.len(), made.moves.len()),
        stable: (draft.failed, AGAIN),
    };
    observe(News::Kept(&kept));
    failure.kept.push(kept);
    Ok(())
}

/// Plays what was kept earlier.
fn replay(
    plan: &Plan,
    stop: &watch::Sender<bool>,
    run: &mut Campaign,
    observe: &mut dyn FnMut(News<'_>),
) -> Result<(), String> {
    let wrong = |error: std::io::Error| format!("cannot read {}: {error}", plan.folder.display());
    if !plan.folder.exists() {
        return Ok(());
    }
    let mut files = Vec::new();
    for entry in std::fs::read_dir(&plan.folder).map_err(wrong)? {
        let path = entry.map_err(wrong)?.path();
        if path.extension().is_some_and(|extension| extension == "yaml") {
            files.push(path);
        }
    }
    files.sort();
    let options = Options {
        seed: 0,
        ..plan.options.clone()
    };
    for file in files {
        let scenario = load(&file).map_err(|errors| {
            let errors: Vec<String> = errors.iter().map(ToString::to_string).collect();
            errors.join("\n").trim_start_matches("error: ").to_owned()
        })?;
        if let Some(error) = lint(&scenario).first() {
            return Err(error.to_string().trim_start_matches("error: ").to_owned());
        }
        for case in scenario.cases() {
            let Some(finished) = play_one(case.clone(), &options, stop) else {
                run.cut += 1;
                continue;
            };
            match finished.outcome {
                Outcome::Skipped => run.skipped += 1,
                Outcome::Error => {
                    run.untested += 1;
                    if let Some(why) = &finished.reason {
                        run.trouble.get_or_insert(why.clone());
                    }
                }
                _ => run.played += 1,
            }
            if let Some(finding) = breach(&finished) {
                let rule = finding.rule.id;
                let failure = run.failures.entry(rule).or_default();
                failure.replayed.push(file.clone());
                observe(News::Replayed { file: &file, rule });
            }
        }
    }
    Ok(())
}
