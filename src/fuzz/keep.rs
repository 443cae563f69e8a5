//! What a failure comes down to, written into a folder as a scenario with its transcript beside it.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use uuid::Uuid;

use super::shrink::{Shrinker, breach, names, play_one};
use super::source::sound;
use super::walk::Ordering;
use crate::rules::Finding;
use crate::run::{Finished, Options};
use crate::scenario::Case;
use crate::transcript::{Dir, Event};

/// How often the result is played again to see whether it is stable.
const AGAIN: u32 = 5;

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
    /// How many cases came down to it, or hold all of it.
    pub cases: u64,
    /// Moves left, and moves that there were.
    pub moves: (usize, usize),
    /// How often it failed when it was played again, of how often.
    pub stable: (u32, u32),
    /// Whether what failed is the sound call at the end: the target is harmed by what came before.
    pub canary: bool,
    pub(super) least: Ordering,
    /// What is one failure has one shape.
    pub(super) shape: String,
}

/// Where it goes, and how it came about.
pub(super) struct Found<'a> {
    pub folder: &'a Path,
    pub number: u64,
    /// Moves that there were.
    pub moves: usize,
    /// The words of the command line that find it again.
    pub command: &'a str,
    pub shape: String,
}

/// The same for what breaks this rule in the same way, whatever of the sound call at the end is left in it.
pub(super) fn shape(shrinker: &Shrinker<'_>, least: &Ordering) -> String {
    let rule = shrinker.rule;
    let text = shrinker.render(&least.without_canary(), "fuzz/shape", "").yaml();
    let shape = Uuid::new_v5(&Uuid::NAMESPACE_OID, format!("{rule}\n{text}").as_bytes());
    shape.simple().to_string().chars().take(8).collect()
}

/// Plays what is left again, and writes it down. `None`: it never failed again, or was stopped before that could be
/// seen.
///
/// # Errors
/// The folder cannot be written.
pub(super) fn keep(
    shrinker: &Shrinker<'_>,
    options: &Options,
    least: Ordering,
    found: &Found<'_>,
) -> Result<Option<Kept>, String> {
    let (folder, rule) = (found.folder, shrinker.rule);
    let shape = &found.shape;
    let wrong = |error: std::io::Error| format!("cannot write to {}: {error}", folder.display());
    std::fs::create_dir_all(folder).map_err(wrong)?;
    for (number, stem) in names(&format!("{rule}-{shape}")).enumerate() {
        let plays = if number == 0 { AGAIN } else { 1 };
        if let Some(kept) = again(shrinker, options, &least, found, &stem, plays).map_err(wrong)? {
            return Ok(Some(kept));
        }
    }
    Ok(None)
}

/// Plays it under this name, so many times until it has failed once, and writes it down if it has.
fn again(
    shrinker: &Shrinker<'_>,
    options: &Options,
    least: &Ordering,
    found: &Found<'_>,
    stem: &str,
    plays: u32,
) -> std::io::Result<Option<Kept>> {
    let (folder, rule) = (found.folder, shrinker.rule);
    let name = format!("fuzz/{stem}");
    let rendered = shrinker.render(least, &name, &about(least, rule, false));
    let Some(case) = sound(&rendered.yaml()) else {
        return Ok(None);
    };
    let mut kept = Kept {
        rule,
        message: String::new(),
        file: folder.join(format!("{stem}.yaml")),
        transcript: None,
        number: found.number,
        cases: 1,
        moves: (least.moves.len(), found.moves),
        stable: (0, 0),
        canary: false,
        least: least.clone(),
        shape: found.shape.clone(),
    };
    while kept.stable.1 < if kept.stable.0 > 0 { AGAIN } else { plays } {
        let mut options = options.clone();
        if kept.stable.0 == 0 {
            options.transcripts = Some(folder.to_owned());
        }
        let Some(finished) = play_one(case.clone(), &options, shrinker.stop) else {
            break;
        };
        kept.stable.1 += 1;
        match breach(&finished, rule) {
            None => {
                if let Some(path) = &finished.transcript {
                    std::fs::remove_file(path)?;
                }
            }
            Some(finding) => {
                kept.stable.0 += 1;
                if let Some(path) = finished.transcript.as_ref() {
                    let beside = folder.join(format!("{stem}.jsonl"));
                    std::fs::rename(path, &beside)?;
                    kept.transcript = Some(beside);
                    kept.message.clone_from(&finding.message);
                    kept.canary = hits_canary(&finished, finding, &case, rendered.canary);
                }
            }
        }
    }
    let (failed, played) = kept.stable;
    if failed == 0 {
        return Ok(None);
    }
    let head = format!(
        "# found by {}, case {}; failed {failed} of {played} times when played again\n",
        found.command, found.number
    );
    let rendered = shrinker.render(least, &name, &about(least, rule, kept.canary));
    std::fs::write(&kept.file, head + &rendered.yaml())?;
    Ok(Some(kept))
}

fn about(least: &Ordering, rule: &str, canary: bool) -> String {
    let (what, which) = match least.carries() {
        true => ("A payload", "with"),
        false => ("An ordering", "after"),
    };
    match canary {
        false => format!("{what} {which} which the target was seen to break {rule}."),
        true => format!("{what} after which a sound call, the canary, was seen to break {rule}."),
    }
}

/// Whether the finding is about the call that shows whether the target is still of use.
fn hits_canary(finished: &Finished, finding: &Finding, case: &Case, canary: Option<usize>) -> bool {
    let Some(first) = canary
        .and_then(|at| case.steps.get(at))
        .map(|step| step.place.line)
    else {
        return false;
    };
    let line = |event: &Event| {
        let (_, line) = event.step.as_deref()?.rsplit_once(':')?;
        line.parse::<usize>().ok()
    };
    let of_canary = |event: &&Event| line(event).is_some_and(|line| line >= first);
    let id = |event: &Event| Some(event.signal.as_ref()?.get("callId")?.as_str()?.to_owned());
    let sent = finished.events.iter().filter(|event| event.dir == Dir::Sent);
    let calls: BTreeSet<String> = sent.filter(of_canary).filter_map(id).collect();
    if let Some(call) = &finding.call {
        return calls.contains(call);
    }
    let shown = finished
        .events
        .iter()
        .filter(|event| finding.events.contains(&event.n));
    let mut shown = shown.peekable();
    shown.peek().is_some()
        && shown.all(|event| of_canary(&event) || id(event).is_none_or(|id| calls.contains(&id)))
}
