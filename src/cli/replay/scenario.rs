//! `replay --to-scenario`: a recording as a scenario file, tried on the embedded endpoint before anybody gets it.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use tokio::sync::watch;

use super::Args;
use super::heard::{Heard, read};
use crate::cli::{Exit, complain, say};
use crate::profile::{Class, Profile};
use crate::replay::{Announced, Made, Pace, Take, Wish, make};
use crate::rules::Outcome;
use crate::run::{Finished, Options, Place, suite};

/// How often what a run shows to be broken is announced and played again.
const TRIES: usize = 8;

/// Writes a scenario file for each take.
///
/// # Errors
/// What is wrong, for people.
pub fn write(args: &Args, path: &Path) -> Result<Exit, String> {
    if args.target.target.is_some() || !args.report.is_empty() || args.speed.is_some() {
        return Err(
            "--to-scenario plays nothing on a target: leave out --target, --report and --speed".into(),
        );
    }
    let is_scenario = path
        .extension()
        .is_some_and(|ending| ending == "yaml" || ending == "yml");
    let stdout = path.as_os_str() == "-";
    if path.exists() && !is_scenario && !stdout {
        return Err(format!(
            "{}: there is a file that is no scenario's, which is not written over: name recordings before --to-scenario",
            path.display()
        ));
    }
    let heard = read(args)?;
    if stdout && heard.takes.len() > 1 {
        let calls: Vec<String> = heard
            .takes
            .iter()
            .filter_map(|take| take.calls.first())
            .take(20)
            .map(|call| format!("  {call}"))
            .collect();
        return Err(format!(
            "{} calls are in it that have nothing to do with each other: choose one with --call, or give a FILE to write one beside the other\n{}",
            heard.takes.len(),
            calls.join("\n")
        ));
    }
    for (number, take) in heard.takes.iter().enumerate() {
        let file = numbered(path, number);
        let name = name_of(args, &file, stdout);
        let made = scenario(take, &wish(&heard, name))?;
        let missing = missing(&heard, take, &made);
        if !missing.is_empty() {
            complain(&format!(
                "note: the recording breaks {} too, which no step of the scenario does",
                missing.join(", ")
            ));
        }
        if stdout {
            say(made.yaml.trim_end());
        } else {
            std::fs::write(&file, &made.yaml).map_err(|error| format!("{}: {error}", file.display()))?;
            say(&format!("wrote {}", file.display()));
        }
    }
    Ok(Exit::Held)
}

fn numbered(path: &Path, number: usize) -> PathBuf {
    if number == 0 {
        return path.to_owned();
    }
    let stem = path.file_stem().unwrap_or_default().to_string_lossy();
    let ending = path
        .extension()
        .map_or_else(String::new, |ending| format!(".{}", ending.to_string_lossy()));
    path.with_file_name(format!("{stem}-{}{ending}", number + 1))
}

/// The scenario's name: its file's, or else its recording's.
fn name_of(args: &Args, file: &Path, stdout: bool) -> String {
    let file = if stdout {
        args.recordings().first().map_or(file, PathBuf::as_path)
    } else {
        file
    };
    let stem = file.file_stem().unwrap_or_default().to_string_lossy();
    plain_name(&stem)
}

/// A text of which a scenario's name can be made.
pub fn plain_name(text: &str) -> String {
    let plain = |c: char| {
        if c.is_ascii_alphanumeric() || "-_.".contains(c) {
            c
        } else {
            '-'
        }
    };
    let name: String = text.chars().take(80).map(plain).collect();
    let name = name.trim_matches('-');
    if name.is_empty() {
        "recorded".to_owned()
    } else {
        name.to_owned()
    }
}

fn wish(heard: &Heard, name: String) -> Wish {
    Wish {
        name,
        source: heard.format.clone(),
        pace: Pace::Rounded,
        lenient: false,
        accounts: Default::default(),
    }
}

/// What was broken then and is not announced now.
fn missing(heard: &Heard, take: &Take, made: &Made) -> Vec<&'static str> {
    let announced: BTreeSet<&str> = made.breaks.values().flatten().map(String::as_str).collect();
    let broken = heard.broken(take);
    broken
        .into_iter()
        .filter(|rule| !announced.contains(rule))
        .collect()
}

/// The scenario of these calls. What the embedded endpoint shows of it is what was recorded, or there is none.
fn scenario(take: &Take, wish: &Wish) -> Result<Made, String> {
    let (made, played) = tried(take, wish)?;
    let verdict = played.verdict.as_ref();
    if !matches!(played.outcome, Outcome::Passed | Outcome::Known) {
        let first = verdict.and_then(|verdict| verdict.findings.first());
        let why = first.map(|finding| format!("{} ({})", finding.message, finding.rule.id));
        return Err(format!(
            "no scenario says what was recorded: played on the embedded endpoint it comes to something else: {}",
            why.or(played.reason).unwrap_or_default()
        ));
    }
    Ok(made)
}

/// Makes it and plays it on the embedded endpoint, until everything that its bots break is announced.
///
/// # Errors
/// One sentence: why there is none.
pub fn tried(take: &Take, wish: &Wish) -> Result<(Made, Finished), String> {
    let mut known = Announced::new();
    for _ in 0..TRIES {
        let made = make(&take.tape, wish, &known)?;
        known.clone_from(&made.breaks);
        let played = embedded(&made, take.tape.class)?;
        let findings = played.verdict.as_ref().map(|verdict| verdict.findings.as_slice());
        if !made.learn(findings.unwrap_or_default(), &played.events, &mut known) {
            return Ok((made, played));
        }
    }
    Err("no scenario says what was recorded: each breach that it announces shows another".into())
}

fn embedded(made: &Made, class: Class) -> Result<Finished, String> {
    let case = made.case().cloned().ok_or("it has no case")?;
    let options = Options {
        place: Place::Embedded(Profile::named(class.name()).unwrap_or_default()),
        ..Options::default()
    };
    let (stop, _) = watch::channel(false);
    suite(vec![case], &options, &stop, &mut |_| {})
        .pop()
        .ok_or_else(|| "it could not be played".to_owned())
}
