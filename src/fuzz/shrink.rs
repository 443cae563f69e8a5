//! From the ordering that failed to the shortest one that still breaks the same rule, tried on the target itself.

use std::path::{Path, PathBuf};

use tokio::sync::watch;
use uuid::Uuid;

use super::text::{Rendered, render};
use super::walk::{Move, Reply};
use crate::lint::lint;
use crate::profile::Class;
use crate::protocol::Role;
use crate::rules::{Finding, Outcome};
use crate::run::{Finished, Options, suite};
use crate::scenario::{Case, parse};

/// So many tries, and what is there by then is written down.
const TRIES: usize = 300;
/// How often the result is played again to see whether it is stable.
pub(super) const AGAIN: u32 = 3;

/// A failure that was written down.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kept {
    pub rule: &'static str,
    /// What the judge says of it.
    pub message: String,
    pub file: PathBuf,
    pub transcript: Option<PathBuf>,
    /// The number of the case that it was found by.
    pub number: u64,
    /// Moves left, and moves that there were.
    pub moves: (usize, usize),
    /// How often it failed when it was played again, of how often.
    pub stable: (u32, u32),
}

/// The breach that a case is held to have shown: a certain one of the target's, a rule's before one of the scenario's.
pub(super) fn breach(finished: &Finished) -> Option<&Finding> {
    breaches(finished).min_by_key(|finding| finding.rule.id.starts_with("SC"))
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

/// The case of this text, if it is sound.
pub(super) fn sound(yaml: &str) -> Option<Case> {
    let scenario = parse("fuzz.yaml", yaml, &|_| None).ok()?;
    if !lint(&scenario).is_empty() {
        return None;
    }
    scenario.cases().first().cloned()
}

pub(super) fn play_one(case: Case, options: &Options, stop: &watch::Sender<bool>) -> Option<Finished> {
    suite(vec![case], options, stop, &mut |_| {}).pop()
}

pub(super) struct Shrinker<'a> {
    pub options: &'a Options,
    pub class: Class,
    pub rule: &'static str,
    pub stop: &'a watch::Sender<bool>,
    tries: usize,
}

impl<'a> Shrinker<'a> {
    pub fn new(
        options: &'a Options,
        class: Class,
        rule: &'static str,
        stop: &'a watch::Sender<bool>,
    ) -> Shrinker<'a> {
        Shrinker {
            options,
            class,
            rule,
            stop,
            tries: 0,
        }
    }

    fn render(&self, moves: &[Move], name: &str) -> Rendered {
        let about = format!(
            "An ordering after which the target was seen to break {}.",
            self.rule
        );
        render(moves, self.class, name, &about, Some(self.rule))
    }

    /// Whether it still breaks the rule. It may break no more rules on purpose than what it was made of: a short
    /// ordering that is legal says more than a shorter one that is not.
    fn fails(&mut self, moves: &[Move], breaches: usize) -> bool {
        if self.tries >= TRIES || *self.stop.borrow() {
            return false;
        }
        let rendered = self.render(moves, "fuzz/shorter");
        if rendered.breaches > breaches || !rendered.certain {
            return false;
        }
        let Some(case) = sound(&rendered.yaml) else {
            return false;
        };
        self.tries += 1;
        let finished = play_one(case, self.options, self.stop);
        finished.is_some_and(|finished| self.shows(&finished))
    }

    fn shows(&self, finished: &Finished) -> bool {
        breach(finished).is_some_and(|finding| finding.rule.id == self.rule)
    }

    pub fn shrink(&mut self, mut moves: Vec<Move>) -> Vec<Move> {
        loop {
            let before = moves.clone();
            self.drop_moves(&mut moves);
            self.simplify(&mut moves);
            if moves == before || self.tries >= TRIES || *self.stop.borrow() {
                return moves;
            }
        }
    }

    fn accept(&mut self, moves: &mut Vec<Move>, shorter: Vec<Move>) -> bool {
        let breaches = self.render(moves, "fuzz/shorter").breaches;
        let fails = shorter != *moves && self.fails(&shorter, breaches);
        if fails {
            *moves = shorter;
        }
        fails
    }

    /// Chunks of moves, then single ones, the last first: what comes after the breach is surely not needed.
    fn drop_moves(&mut self, moves: &mut Vec<Move>) {
        let mut chunk = moves.len().div_ceil(2).max(1);
        loop {
            let mut end = moves.len();
            while end > 0 {
                let start = end.saturating_sub(chunk);
                let mut shorter = moves.clone();
                shorter.drain(start..end.min(moves.len()));
                if !shorter.is_empty() {
                    self.accept(moves, shorter);
                }
                end = start;
            }
            if chunk == 1 {
                return;
            }
            chunk /= 2;
        }
    }

    fn simplify(&mut self, moves: &mut Vec<Move>) {
        for at in 0..moves.len() {
            self.apart(moves, at);
            let mut plain = moves.clone();
            if let Some(Move::Say { reply, .. }) = plain.get_mut(at) {
                *reply = Reply::Result;
                self.accept(moves, plain);
            }
            let count = moves.get_mut(at).map_or(0, |step| step.times().len());
            for which in 0..count {
                self.shorten(moves, at, which);
            }
        }
    }

    /// One signal after the other in place of a crossing.
    fn apart(&mut self, moves: &mut Vec<Move>, at: usize) {
        let Some(Move::Cross { call, caller, callee }) = moves.get(at).cloned() else {
            return;
        };
        let say = |role, signal| Move::Say {
            call,
            role,
            signal,
            reply: Reply::Result,
        };
        let caller = say(Role::Caller, caller.0);
        let callee = say(Role::Callee, callee.0);
        for instead in [
            vec![caller.clone()],
            vec![callee.clone()],
            vec![caller.clone(), callee.clone()],
            vec![callee, caller],
        ] {
            let mut plain = moves.clone();
            plain.splice(at..=at, instead);
            if self.accept(moves, plain) {
                return;
            }
        }
    }

    /// The shortest wait that will do, by halves.
    fn shorten(&mut self, moves: &mut Vec<Move>, at: usize, which: usize) {
        let time = |moves: &mut Vec<Move>| {
            let times = moves.get_mut(at).map(Move::times)?;
            times.into_iter().nth(which).copied()
        };
        let with = |moves: &[Move], new: u64| {
            let mut shorter = moves.to_vec();
            if let Some(slot) = shorter
                .get_mut(at)
                .and_then(|step| step.times().into_iter().nth(which))
            {
                *slot = new;
            }
            shorter
        };
        let (mut low, Some(mut high)) = (0, time(moves)) else {
            return;
        };
        if high == 0 || self.accept(moves, with(moves, 0)) {
            return;
        }
        while high - low > 1 + high / 8 {
            let middle = low + (high - low) / 2;
            match self.accept(moves, with(moves, middle)) {
                true => high = middle,
                false => low = middle,
            }
        }
    }

    /// Writes the scenario and its transcript into the folder, after it was played again. `None`: it never failed
    /// again, or was stopped before that could be seen.
    ///
    /// # Errors
    /// The folder cannot be written.
    pub fn keep(&self, moves: &[Move], folder: &Path, head: &str) -> Result<Option<Draft>, String> {
        let steps = self.render(moves, "fuzz/shorter").steps;
        let shape = Uuid::new_v5(&Uuid::NAMESPACE_OID, format!("{}\n{steps}", self.rule).as_bytes());
        let hash: String = shape.simple().to_string().chars().take(8).collect();
        let stem = format!("{}-{hash}", self.rule);
        let yaml = self.render(moves, &format!("fuzz/{stem}")).yaml;
        let Some(case) = sound(&yaml) else { return Ok(None) };
        let wrong = |error: std::io::Error| format!("cannot write to {}: {error}", folder.display());
        std::fs::create_dir_all(folder).map_err(wrong)?;
        let mut draft = Draft {
            file: folder.join(format!("{stem}.yaml")),
            transcript: None,
            message: String::new(),
            failed: 0,
        };
        for _ in 0..AGAIN {
            let mut options = self.options.clone();
            if draft.failed == 0 {
                options.transcripts = Some(folder.to_owned());
            }
            let Some(finished) = play_one(case.clone(), &options, self.stop) else {
                break;
            };
            match breach(&finished).filter(|finding| finding.rule.id == self.rule) {
                None => {
                    if let Some(path) = &finished.transcript {
                        std::fs::remove_file(path).map_err(wrong)?;
                    }
                }
                Some(finding) => {
                    draft.failed += 1;
                    if let Some(path) = finished.transcript.as_ref() {
                        let beside = folder.join(format!("{stem}.jsonl"));
                        std::fs::rename(path, &beside).map_err(wrong)?;
                        draft.transcript = Some(beside);
                        draft.message.clone_from(&finding.message);
                    }
                }
            }
        }
        if draft.failed == 0 {
            return Ok(None);
        }
        let head = format!(
            "# {head}; failed {} of {AGAIN} times when played again\n",
            draft.failed
        );
        std::fs::write(&draft.file, head + &yaml).map_err(wrong)?;
        Ok(Some(draft))
    }
}

/// What was written.
pub(super) struct Draft {
    pub file: PathBuf,
    pub transcript: Option<PathBuf>,
    pub message: String,
    pub failed: u32,
}
