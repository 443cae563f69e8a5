//! From the ordering that failed to the shortest one that still breaks the same rule, tried on the target itself.

use std::sync::Arc;
use std::time::{Duration, Instant};

use proptest::strategy::ValueTree;
use tokio::sync::watch;

use super::exhaustive::openings;
use super::payload::shrink;
use super::source::{Rendered, Title, sound};
use super::steps::render;
use super::walk::{Move, Ordering};
use crate::protocol::Reason;
use crate::rules::{Finding, Outcome};
use crate::run::{Finished, Options, suite};
use crate::scenario::Case;

/// So many tries, and what is there by then is written down.
const TRIES: usize = 600;
/// Those of them that go to proptest's own shrinking, which takes out throws of the dice, at most.
const THROWS: usize = 40;
/// How often what fails now and then is tried before it is taken for sound.
const PATIENCE: usize = 3;
/// Where so few moves are left, what stands in the place of what goes is tried too.
const SHORT: usize = 5;
/// A case's own seed follows from its name, and some faults from that seed: so many names are tried.
const NAMES: usize = 16;

/// The rules that a case is held to have shown broken: by certain breaches of the target's. What a scenario waited for
/// in vain (SC) follows from them, and counts where there is nothing else.
pub(super) fn broken(finished: &Finished) -> Vec<&'static str> {
    let mut rules: Vec<&'static str> = Vec::new();
    for finding in breaches(finished) {
        if !rules.contains(&finding.rule.id) {
            rules.push(finding.rule.id);
        }
    }
    let (of_scenario, others): (Vec<_>, Vec<_>) = rules.into_iter().partition(|rule| rule.starts_with("SC"));
    match others.is_empty() {
        true => of_scenario.into_iter().take(1).collect(),
        false => others,
    }
}

/// The breach of this rule that a case has shown.
pub(super) fn breach<'a>(finished: &'a Finished, rule: &str) -> Option<&'a Finding> {
    breaches(finished).find(|finding| finding.rule.id == rule)
}

fn breaches(finished: &Finished) -> impl Iterator<Item = &Finding> {
    let failed = finished.outcome == Outcome::Failed;
    let verdict = finished.verdict.as_ref().filter(|_| failed);
    verdict.into_iter().flat_map(|verdict| {
        let findings = verdict.findings.iter().enumerate();
        let news = findings.filter(|(at, finding)| {
            finding.is_certain_breach_of_the_server() && !verdict.known.contains_key(at)
        });
        news.map(|(_, finding)| finding)
    })
}

pub(super) fn play_one(
    case: impl Into<Arc<Case>>,
    options: &Options,
    stop: &watch::Sender<bool>,
) -> Option<Finished> {
    suite([case], options, stop, &mut |_| {}).pop()
}

/// What it may be called, so that one of its seeds shows what it has to; this name first.
pub(super) fn names(name: &str) -> impl Iterator<Item = String> {
    let others = (2..=NAMES).map(move |number| format!("{name}-{number}"));
    std::iter::once(name.to_owned()).chain(others)
}

/// The reasons for which a call may end that rings, and one that was accepted.
const REASONS: [Reason; 2] = [Reason::Cancelled, Reason::Failed];

pub(super) struct Shrinker<'a> {
    options: &'a Options,
    pub rule: &'static str,
    pub stop: &'a watch::Sender<bool>,
    until: Instant,
    tries: usize,
    /// How often each is tried.
    patience: usize,
    /// What each is called.
    name: String,
    /// How many moves of what failed last there are up to the one that showed it.
    through: Option<usize>,
}

impl<'a> Shrinker<'a> {
    pub fn new(
        options: &'a Options,
        rule: &'static str,
        name: &str,
        stop: &'a watch::Sender<bool>,
        time: Duration,
    ) -> Shrinker<'a> {
        let now = Instant::now();
        Shrinker {
            options,
            rule,
            stop,
            until: now.checked_add(time).unwrap_or(now),
            tries: 0,
            patience: 1,
            name: name.to_owned(),
            through: None,
        }
    }

    pub fn render(&self, ordering: &Ordering, name: &str, about: &str) -> Rendered {
        let rule = Some(self.rule);
        render(ordering, &Title { name, about, rule })
    }

    pub fn plays(&self, case: Arc<Case>) -> Option<Finished> {
        play_one(case, self.options, self.stop)
    }

    /// Whether the time is up, or what can be tried in it.
    fn is_spent(&self) -> bool {
        self.tries >= TRIES || *self.stop.borrow() || Instant::now() >= self.until
    }

    /// Whether it breaks the rule when it is played.
    pub fn fails(&mut self, ordering: &Ordering) -> bool {
        let rendered = self.render(ordering, &self.name, "");
        for _ in 0..self.patience {
            if self.is_spent() || !rendered.certain {
                return false;
            }
            self.tries += 1;
            let finished = self.plays(rendered.case.clone());
            if let Some(finished) = finished.filter(|finished| self.shows(finished)) {
                self.through = self.shown_by(&finished, &rendered);
                return sound(&rendered.yaml()).is_some();
            }
        }
        false
    }

    pub fn shows(&self, finished: &Finished) -> bool {
        breach(finished, self.rule).is_some()
    }

    fn shown_by(&self, finished: &Finished, rendered: &Rendered) -> Option<usize> {
        let finding = breach(finished, self.rule)?;
        let shown = finished.events.iter();
        let shown = shown.filter(|event| finding.events.contains(&event.n));
        let steps = shown.filter_map(|event| event.step.as_deref());
        steps.filter_map(|step| rendered.moves_through(step)).max()
    }

    /// Takes a name under which it fails: its own, unless that was chance. What fails now and then needs more than one try each time.
    fn settle(&mut self, found: &Ordering) {
        let first = self.name.clone();
        for name in names(&first) {
            self.name = name;
            if self.fails(found) {
                if !self.fails(found) {
                    self.patience = PATIENCE;
                }
                return;
            }
        }
        self.name = first;
        self.patience = PATIENCE;
    }

    /// Takes `smaller` for `best` if it fails too. It may break no more rules on purpose than what it was made of: a
    /// short ordering that is legal says more than a shorter one that is not.
    fn accept(&mut self, best: &mut Ordering, smaller: Ordering) -> bool {
        let breaches = |ordering: &Ordering| self.render(ordering, &self.name, "").breaches;
        let fits = smaller != *best && !smaller.moves.is_empty() && breaches(&smaller) <= breaches(best);
        let fails = fits && self.fails(&smaller);
        if fails {
            *best = smaller;
        }
        fails
    }

    /// `tree` made the ordering that failed.
    pub fn shrink(
        &mut self,
        tree: Option<Box<dyn ValueTree<Value = Ordering>>>,
        found: Ordering,
    ) -> Ordering {
        let mut best = found;
        self.settle(&best);
        self.cut_to_size(&mut best);
        if let Some(mut tree) = tree.filter(|_| best.moves.len() > 1) {
            self.throw_less(tree.as_mut(), &mut best);
        }
        loop {
            let before = best.clone();
            self.drop_moves(&mut best);
            self.simplify(&mut best);
            if best == before || self.is_spent() {
                break;
            }
        }
        self.begin_anew(&mut best);
        best
    }

    /// Little at a time may be more than there is time for, where each try has to wait for what does not come. So what
    /// is surely not needed goes first: what comes after the breach, and payloads beside the one that showed it.
    fn cut_to_size(&mut self, best: &mut Ordering) {
        let class = best.class;
        let payloads = best.moves.iter().filter(|step| matches!(step, Move::Carry(_)));
        let alone = payloads.map(|one| vec![one.clone()]);
        // Those that show nothing are soon done.
        let mut less: Vec<_> = alone.map(|moves| Ordering { class, moves }).rev().collect();
        if let Some(through) = self.through {
            let up_to_it = best.without(through..best.moves.len());
            less.push(up_to_it.without_canary());
            less.push(up_to_it);
        }
        less.push(best.without_canary());
        less.into_iter().any(|one| self.accept(best, one));
    }

    /// What is left may be the shortest of its sort only: whatever else one move or two can say is tried in its place.
    fn begin_anew(&mut self, best: &mut Ordering) {
        if best.carries() {
            return;
        }
        let class = best.class;
        let wrong = self.render(best, &self.name, "").breaches;
        let (ones, twos) = openings(class, wrong);
        let all = ones.into_iter().map(|one| vec![one]);
        for moves in all.chain(twos.into_iter().map(Vec::from)) {
            if moves.len() >= best.moves.len() {
                return;
            }
            if self.accept(best, Ordering { class, moves }) {
                return;
            }
        }
    }

    /// Proptest's own shrinking: fewer and plainer throws of the dice.
    fn throw_less(&mut self, tree: &mut dyn ValueTree<Value = Ordering>, best: &mut Ordering) {
        let mut on = tree.simplify();
        let mut left = THROWS;
        // What was made has its sound call at the end, and what is left of it may do without.
        let whole = best.without_canary() != *best;
        // Its steps are small ones: most of the time is for those that follow.
        let until = Instant::now() + self.until.saturating_duration_since(Instant::now()) / 4;
        while on && left > 0 && !self.is_spent() && Instant::now() < until {
            left -= 1;
            let now = match whole {
                true => tree.current(),
                false => tree.current().without_canary(),
            };
            let holds = now == *best || self.accept(best, now);
            on = if holds { tree.simplify() } else { tree.complicate() };
        }
    }

    /// Chunks of moves, then single ones, the last first: what comes after the breach is surely not needed.
    fn drop_moves(&mut self, best: &mut Ordering) {
        let mut chunk = best.moves.len().div_ceil(2).max(1);
        loop {
            let mut end = best.moves.len();
            while end > 0 {
                let start = end.saturating_sub(chunk);
                let shorter = best.without(start..end.min(best.moves.len()));
                if !self.accept(best, shorter.clone()) && chunk == 1 {
                    self.drop_and_mend(best, &shorter, start);
                }
                end = start;
            }
            if chunk == 1 {
                break;
            }
            chunk /= 2;
        }
        // Two that only make sense together, such as a call's beginning and its end.
        let mut at = best.moves.len();
        while at > 1 {
            at -= 1;
            for before in 0..at {
                let shorter = best.without(at..at + 1).without(before..before + 1);
                if self.accept(best, shorter) {
                    at = at.saturating_sub(1);
                    break;
                }
            }
        }
    }

    /// A call that gets less far ends for another reason, and what comes next in it is said otherwise.
    fn drop_and_mend(&mut self, best: &mut Ordering, shorter: &Ordering, next: usize) {
        let ended = |shorter: &Ordering| REASONS.map(|reason| shorter.ended_for(reason));
        let mut all = Vec::from(ended(shorter));
        if best.moves.len() <= SHORT {
            for other in shorter.said_otherwise(next) {
                all.extend(ended(&other));
                all.push(other);
            }
        }
        all.into_iter().any(|shorter| self.accept(best, shorter));
    }

    fn payload(&mut self, best: &mut Ordering, at: usize) {
        let Some(Move::Carry(payload)) = best.moves.get(at).cloned() else {
            return;
        };
        let class = best.class;
        shrink(&payload, class, &mut |smaller| {
            let smaller = best.with(at, vec![Move::Carry(Box::new(smaller))]);
            self.accept(best, smaller)
        });
    }

    fn simplify(&mut self, best: &mut Ordering) {
        let mut at = 0;
        while at < best.moves.len() {
            self.payload(best, at);
            let simpler = best.simpler(at).into_iter();
            // What became simpler may become so once more.
            if !simpler.into_iter().any(|simpler| self.accept(best, simpler)) {
                at += 1;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::campaign::tree;
    use super::super::payload::Payloads;
    use super::super::strategy::Ground;
    use super::super::walk::{Call, Reply, Signal, canary};
    use super::*;
    use crate::endpoint::Chosen;
    use crate::profile::{Class, Profile};
    use crate::protocol::{Kind, Role};
    use crate::run::{Place, Rig};

    fn with(fault: &str) -> Options {
        let fault: Chosen = fault.parse().expect("a fault");
        let place = Place::Rigged(Arc::new(Rig {
            profile: Profile::named("relay").expect("a profile"),
            faults: vec![fault],
            ..Rig::default()
        }));
        Options {
            place,
            jobs: 1,
            ..Options::default()
        }
    }

    /// What so many tries make of it.
    fn cut_down(options: &Options, rule: &'static str, found: &Ordering, tries: usize) -> Ordering {
        let (stop, _) = watch::channel(false);
        let time = Duration::from_secs(600);
        let mut shrinker = Shrinker::new(options, rule, "fuzz/found", &stop, time);
        shrinker.tries = TRIES - tries;
        shrinker.shrink(None, found.clone())
    }

    /// Two tries show that it fails each time, and the third may be the last that there is time for.
    #[test]
    fn what_comes_after_the_breach_goes_with_the_first_try() {
        let say = |role, kind: Kind| Move::Say {
            call: Call::Main,
            role,
            signal: Signal::from(kind),
            reply: Reply::Result,
        };
        let mut moves = vec![
            say(Role::Caller, Kind::Initiate),
            say(Role::Callee, Kind::Accept),
            say(Role::Caller, Kind::Offer),
            Move::Wait(100),
            say(Role::Caller, Kind::MuteChange),
            say(Role::Callee, Kind::MuteChange),
        ];
        moves.extend(canary());
        let class = Class::Relay;
        let found = Ordering { class, moves };
        let least = cut_down(&with("drop-offer"), "RT-03", &found, 3);
        assert_eq!(least, found.without(3..found.moves.len()));
    }

    #[test]
    fn a_payload_is_tried_alone_before_anything_else() {
        let options = with("comments-taken");
        let source = Payloads(Ground::of(&options.place));
        let mut all = (0..).filter_map(|number| Some(tree(&source, 0, number, 0)?.current()));
        let found = all.find(|found| {
            let title = Title {
                name: "fuzz/found",
                about: "",
                rule: None,
            };
            render(found, &title).yaml().contains("<!--")
        });
        let found = found.expect("a payload with a comment");
        let payloads = found.moves.iter().filter(|step| matches!(step, Move::Carry(_)));
        let tries = 2 + payloads.count();
        assert!(found.moves.len() > tries, "{found:?}");
        assert_eq!(
            cut_down(&options, "RB-01", &found, tries).moves.len(),
            1,
            "{found:?}"
        );
    }
}
