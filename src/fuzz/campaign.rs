//! A campaign: the corpus first, then case after case, and each new failure cut down and written.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, mpsc};
use std::time::{Duration, Instant};

use proptest::strategy::{Strategy, ValueTree};
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
use tokio::sync::watch;

use super::coverage::Coverage;
use super::exhaustive::Exhaustive;
use super::keep::{Found, Kept, keep, shape};
use super::payload::Payloads;
use super::replay::replay;
use super::shrink::{Shrinker, broken, play_one};
use super::source::{Rendered, Source, Title};
use super::steps::render;
use super::strategy::{Ground, Walks};
use super::walk::{Call, Move, Ordering, Reply, Signal};
use crate::protocol::{Kind, Reason, Role};
use crate::rules::{Blame, Outcome};
use crate::run::{Finished, Options, Place, Progress, suite};
use crate::scenario::Case;

/// Cases made and played at a time, at first and at most: what is quickly found is quickly told.
const BATCH: (u64, u64) = (8, 64);
/// So many shapes of one rule's failure are looked for; whatever is another is counted only.
const SHAPES: usize = 4;
/// So many failures of one rule are cut down for that.
const TRIED: usize = 12;
/// So many where it was seen beside another rule's only.
const TRIED_BESIDE: usize = 3;
/// Throws of the dice for one case until what has to come of it is certain.
const ATTEMPTS: u64 = 20;

/// What is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// Walks on the call machine, from the seed.
    Walks,
    /// Every ordering of up to so many steps.
    Every(usize),
    /// What signals hold, from the seed.
    Payloads,
}

impl Mode {
    fn source(self, place: &Place) -> Box<dyn Source> {
        let ground = Ground::of(place);
        match self {
            Mode::Walks => Box::new(Walks(ground)),
            Mode::Every(steps) => Box::new(Exhaustive::new(ground.class, steps)),
            Mode::Payloads => Box::new(Payloads(ground)),
        }
    }
}

/// What is to be done.
#[derive(Debug, Clone)]
pub struct Plan {
    pub options: Options,
    pub seed: u64,
    /// The numbers of the cases end here.
    pub cases: u64,
    pub mode: Mode,
    /// The K-th of N parts of the numbers, K from 1.
    pub shard: (u64, u64),
    pub until: Option<Instant>,
    pub until_failure: bool,
    /// How long one failure may be cut down.
    pub shrink_time: Duration,
    /// Where failures go.
    pub folder: PathBuf,
    /// Whether what is in the folder is played first.
    pub replay: bool,
}

impl Plan {
    /// The words of a command line that comes upon the same cases.
    fn command(&self) -> String {
        match self.mode {
            Mode::Walks => format!("callspec fuzz --seed {}", self.seed),
            Mode::Every(steps) => format!("callspec fuzz --exhaustive {steps}"),
            Mode::Payloads => format!("callspec fuzz --payloads --seed {}", self.seed),
        }
    }
}

/// Failures of one rule.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Failure {
    /// How many cases showed it; one may show several rules broken.
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
    /// In these: one a case, unless several are played on the same streams.
    pub orderings: u64,
    /// Stopped before their end: nothing is known of them.
    pub cut: u64,
    pub skipped: u64,
    /// Cases in which the target could not be tested.
    pub untested: u64,
    /// The first of the reasons.
    pub trouble: Option<String>,
    /// Orderings for which no sound scenario was found.
    pub unsound: u64,
    /// Cases that failed, or orderings in them.
    failing: u64,
    /// By rule.
    pub failures: BTreeMap<&'static str, Failure>,
    pub coverage: Coverage,
}

impl Campaign {
    pub fn failed(&self) -> u64 {
        let replayed = self.failures.values().map(|failure| failure.replayed.len());
        self.failing + replayed.sum::<usize>() as u64
    }

    pub(super) fn is_untested(&mut self, finished: &Finished) {
        let verdict = finished.verdict.as_ref();
        let why = verdict.and_then(|verdict| verdict.trouble.clone());
        let ours = verdict.is_some_and(|verdict| {
            let findings = &verdict.findings;
            verdict.trouble.is_none() && findings.iter().any(|finding| finding.blame == Blame::Ourselves)
        });
        if ours {
            self.unsound += 1;
            return;
        }
        self.untested += 1;
        if let Some(why) = finished.reason.clone().or(why) {
            self.trouble.get_or_insert(why);
        }
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
    ordering: Ordering,
    rendered: Rendered,
}

/// The case of this number, as text: the same for the same seed on the same kind of target.
pub fn case(place: &Place, mode: Mode, seed: u64, number: u64) -> Option<String> {
    let made = made(mode.source(place).as_ref(), seed, number)?;
    Some(made.rendered.yaml())
}

/// What the cases of these numbers cover; none is played.
pub fn survey(place: &Place, mode: Mode, seed: u64, numbers: std::ops::Range<u64>) -> Coverage {
    let source = mode.source(place);
    let mut coverage = Coverage::default();
    for made in numbers.filter_map(|number| made(source.as_ref(), seed, number)) {
        coverage.add(&made.rendered.covered);
    }
    coverage
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
    let mut moves = vec![say(Kind::Initiate.into()), say(Reason::Cancelled.into())];
    let others = ["mallory", "other"].into_iter();
    moves.extend(others.take(users.saturating_sub(2)).map(Move::Quiet));
    let class = ground.class;
    let title = Title {
        name: "fuzz/roster",
        about: "Everybody comes in.",
        rule: None,
    };
    Some(Arc::unwrap_or_clone(
        render(&Ordering { class, moves }, &title).case,
    ))
}

pub(super) fn tree(
    source: &dyn Source,
    seed: u64,
    number: u64,
    attempt: u64,
) -> Option<Box<dyn ValueTree<Value = Ordering>>> {
    let mut bytes = [0_u8; 32];
    for (slot, word) in bytes.chunks_exact_mut(8).zip([seed, number, attempt, 0]) {
        slot.copy_from_slice(&word.to_le_bytes());
    }
    let config = Config {
        failure_persistence: None,
        ..Config::default()
    };
    let mut runner = TestRunner::new_with_rng(config, TestRng::from_seed(RngAlgorithm::ChaCha, &bytes));
    source.strategy(number)?.new_tree(&mut runner).ok()
}

/// The first throw of the dice of which it is certain what has to come of it.
fn attempts(
    source: &dyn Source,
    seed: u64,
    number: u64,
) -> impl Iterator<Item = Box<dyn ValueTree<Value = Ordering>>> {
    (0..ATTEMPTS).map_while(move |attempt| tree(source, seed, number, attempt))
}

fn made(source: &dyn Source, seed: u64, number: u64) -> Option<Made> {
    attempts(source, seed, number).find_map(|tree| {
        let ordering = tree.current();
        let title = Title {
            name: &format!("fuzz/{seed}-{number}"),
            about: &match ordering.carries() {
                true => format!("The payloads of seed {seed} and number {number}."),
                false => format!("The ordering of seed {seed} and number {number}."),
            },
            rule: None,
        };
        let rendered = render(&ordering, &title);
        rendered.certain.then_some(Made {
            number,
            ordering,
            rendered,
        })
    })
}

/// Makes the cases of these numbers, `jobs` at a time.
fn batch(source: &dyn Source, seed: u64, numbers: &[u64], jobs: usize) -> Vec<Made> {
    let share = numbers.len().div_ceil(jobs.clamp(1, 16)).max(1);
    std::thread::scope(|scope| {
        let makers: Vec<_> = numbers
            .chunks(share)
            .map(|numbers| {
                scope.spawn(move || {
                    let made = numbers.iter().filter_map(|number| made(source, seed, *number));
                    made.collect::<Vec<_>>()
                })
            })
            .collect();
        let made = makers.into_iter().filter_map(|maker| maker.join().ok());
        made.flatten().collect()
    })
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
    if plan.replay {
        replay(plan, &fresh(), &mut run, observe)?;
    }
    let source = plan.mode.source(&plan.options.place);
    let end = source.count().map_or(plan.cases, |count| count.min(plan.cases));
    let (part, parts) = (plan.shard.0.max(1), plan.shard.1.max(1));
    let mut numbers = (part - 1..end).step_by(usize::try_from(parts).unwrap_or(usize::MAX));
    let mut size = BATCH.0;
    loop {
        let stop = fresh();
        let late = plan.until.is_some_and(|until| Instant::now() >= until);
        let next: Vec<u64> = numbers.by_ref().take(size as usize).collect();
        if next.is_empty() || *stop.borrow() || late || (plan.until_failure && !run.failures.is_empty()) {
            break;
        }
        size = (size * 2).min(BATCH.1);
        let made = batch(source.as_ref(), plan.seed, &next, plan.options.jobs);
        run.unsound += (next.len() - made.len()) as u64;
        let finished = play_batch(plan, &made, &stop, &mut run);
        for (made, finished) in made.iter().zip(&finished) {
            let Some(finished) = finished else { continue };
            run.coverage.add(&made.rendered.covered);
            judge(plan, source.as_ref(), made, finished, fresh, &mut run, observe)?;
            if plan.until_failure && !run.failures.is_empty() {
                break;
            }
        }
        observe(News::Played(&run));
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
    let cases = made.iter().map(|made| Arc::clone(&made.rendered.case));
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
            Outcome::Error => run.is_untested(&finished),
            _ => {
                run.played += 1;
                by_name.insert(finished.case.name.clone(), finished);
            }
        }
    }
    let finished = made.iter().map(|made| {
        let finished = by_name.remove(&made.rendered.case.name);
        run.orderings += finished.as_ref().map_or(0, |_| made.ordering.weight());
        finished
    });
    finished.collect()
}

/// What a case came to that failed.
struct Hit<'a> {
    number: u64,
    ordering: &'a Ordering,
    rule: &'static str,
    /// It broke another rule before this one.
    beside: bool,
    /// What it was called and played with: a case's own seed follows from both.
    name: String,
    seed: u64,
}

fn judge(
    plan: &Plan,
    source: &dyn Source,
    made: &Made,
    finished: &Finished,
    fresh: &dyn Fn() -> watch::Sender<bool>,
    run: &mut Campaign,
    observe: &mut dyn FnMut(News<'_>),
) -> Result<(), String> {
    let rules = broken(finished);
    if rules.is_empty() {
        return Ok(());
    }
    let stop = fresh();
    // So that `run` plays what was found, its own seed is used.
    let options = Options {
        seed: 0,
        jobs: 1,
        ..plan.options.clone()
    };
    let hits = |ordering, rules: Vec<&'static str>, name: &str, seed| -> Vec<Hit<'_>> {
        let rules = rules.into_iter().enumerate();
        let hit = |(at, rule)| Hit {
            number: made.number,
            ordering,
            rule,
            beside: at > 0,
            name: name.to_owned(),
            seed,
        };
        rules.map(hit).collect()
    };
    let mut alone = false;
    let apart = made.ordering.apart();
    for ordering in &apart {
        let title = Title {
            name: "fuzz/apart",
            about: "",
            rule: None,
        };
        let played = play_one(render(ordering, &title).case, &options, &stop);
        let rules = played.as_ref().map(broken).unwrap_or_default();
        run.failing += u64::from(!rules.is_empty());
        alone |= !rules.is_empty();
        for hit in hits(ordering, rules, title.name, options.seed) {
            note(plan, &options, &|| None, &hit, &stop, run, observe)?;
        }
    }
    if alone {
        return Ok(());
    }
    run.failing += 1;
    let tree = || attempts(source, plan.seed, made.number).find(|tree| tree.current() == made.ordering);
    let name = &made.rendered.case.name;
    for hit in hits(&made.ordering, rules, name, plan.options.seed) {
        note(plan, &options, &tree, &hit, &stop, run, observe)?;
    }
    Ok(())
}

/// Takes note of a failure; one of a new shape is cut down and kept. `tree`: what made the ordering.
fn note(
    plan: &Plan,
    options: &Options,
    tree: &dyn Fn() -> Option<Box<dyn ValueTree<Value = Ordering>>>,
    hit: &Hit<'_>,
    stop: &watch::Sender<bool>,
    run: &mut Campaign,
    observe: &mut dyn FnMut(News<'_>),
) -> Result<(), String> {
    let failure = run.failures.entry(hit.rule).or_default();
    failure.cases += 1;
    if let Some(kept) = failure
        .kept
        .iter_mut()
        .find(|kept| hit.ordering.holds(&kept.least))
    {
        kept.cases += 1;
        return Ok(());
    }
    // What comes of something else is shown once.
    let (tried, shapes) = if hit.beside {
        (TRIED_BESIDE, 1)
    } else {
        (TRIED, SHAPES)
    };
    if failure.tried >= tried || failure.kept.len() >= shapes || *stop.borrow() {
        return Ok(());
    }
    failure.tried += 1;
    let own = Options {
        seed: hit.seed,
        ..options.clone()
    };
    let mut shrinker = Shrinker::new(&own, hit.rule, &hit.name, stop, plan.shrink_time);
    let least = shrinker.shrink(tree(), hit.ordering.clone());
    let shape = shape(&shrinker, &least);
    if let Some(known) = failure.kept.iter_mut().find(|known| known.shape == shape) {
        known.cases += 1;
        return Ok(());
    }
    let found = Found {
        folder: &plan.folder,
        number: hit.number,
        moves: hit.ordering.moves.len(),
        command: &plan.command(),
        shape,
    };
    let Some(kept) = keep(&shrinker, options, least, &found)? else {
        failure.once.push(hit.number);
        return Ok(());
    };
    observe(News::Kept(&kept));
    failure.kept.push(kept);
    Ok(())
}
