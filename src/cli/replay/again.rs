//! A recorded call played again, and what came of it then and now.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::BufReader;
use std::path::Path;
use std::sync::Arc;

use super::Args;
use super::heard::{Heard, read};
use super::scenario::{plain_name, tried};
use crate::cli::interrupt::Interrupt;
use crate::cli::run::{self, Selection, play_made};
use crate::cli::{Exit, complain, say};
use crate::replay::{Made, Pace, Take, Tape, Wish, columns, compare};
use crate::rules::Outcome;
use crate::run::{Finished, Place};
use crate::stanza::{bare, fold};
use crate::target::Target;
use crate::transcript::Reader;

/// Plays every take again.
///
/// # Errors
/// What is wrong with the command line or a file, for people; empty if it was told already.
pub fn play(args: &Args, interrupt: &Interrupt) -> Result<Exit, String> {
    let mut plain = run::Args::plain().ok_or("the command line cannot be made")?;
    plain.target = args.target.clone();
    plain.seed = args.seed;
    plain.timeout_scale = args.timeout_scale;
    plain.strict = args.strict;
    plain.report.clone_from(&args.report);
    plain.transcripts.clone_from(&args.transcripts);
    plain.quiet = args.quiet;
    plain.verbose = args.verbose;
    // One call at a time: then too they went one after the other.
    plain.jobs = Some(1);
    if !(args.timeout_scale.is_finite() && args.timeout_scale > 0.0) {
        return Err("--timeout-scale has to be more than 0".into());
    }
    let mut place = args.target.place(args.timeout_scale)?;
    let heard = read(args)?;
    let parties = parties(args, &place)?;
    let mut made = Vec::new();
    for (number, take) in heard.takes.iter().enumerate() {
        made.push(one(args, &heard, take, number, &parties, &place)?);
    }
    first_accounts(&mut place, &parties);
    let cases: Vec<_> = made.iter().filter_map(|made| made.case().cloned()).collect();
    let files: Vec<String> = heard.names.clone();
    let again = cases
        .iter()
        .zip(&heard.takes)
        .map(|(case, take)| {
            let key = (case.name.clone(), case.matrix.clone());
            (key, command(args, take))
        })
        .collect();
    let calls: usize = heard.takes.iter().map(|take| take.calls.len()).sum();
    let selection = Selection {
        name: format!(
            "{}, {calls} recorded call{}",
            files.join(" + "),
            if calls == 1 { "" } else { "s" }
        ),
        builtin: false,
        suite: cases.clone(),
        cases,
        nothing: "no call is in it".to_owned(),
    };
    let (exit, results) = play_made(&plain, place, selection, again, interrupt)?;
    let differs = told(args, &heard, &made, &results);
    Ok(match exit {
        Exit::Held if differs => Exit::Broken,
        exit => exit,
    })
}

/// A party of the recording, and the account that plays it.
type Parties = Vec<(String, String)>;

/// What `--as` says. An account is one of the target's, by its JID or its name alone.
fn parties(args: &Args, place: &Place) -> Result<Parties, String> {
    let mut out = Vec::new();
    for text in &args.parties {
        let Some((party, account)) = text.split_once('=').filter(|(_, account)| !account.is_empty()) else {
            return Err(format!("--as is PARTY=ACCOUNT, not `{text}`"));
        };
        let local = |jid: &str| bare(jid).split('@').next().unwrap_or_default().to_owned();
        if let Place::Target(target) = place {
            let fits = |jid: &str| fold(jid) == fold(account) || local(jid) == account;
            if !target.register && !target.accounts.iter().any(|known| fits(&known.jid)) {
                let known: Vec<&str> = target
                    .accounts
                    .iter()
                    .map(|account| account.jid.as_str())
                    .collect();
                return Err(format!(
                    "--as: the target has no account {account}; it has {}",
                    known.join(", ")
                ));
            }
        }
        out.push((party.to_owned(), local(account)));
    }
    Ok(out)
}

/// The scenario of one take, with the users that play it.
fn one(
    args: &Args,
    heard: &Heard,
    take: &Take,
    number: usize,
    parties: &Parties,
    place: &Place,
) -> Result<Made, String> {
    let mut name = plain_name(
        &heard
            .names
            .first()
            .map(|name| {
                Path::new(name)
                    .file_stem()
                    .unwrap_or_default()
                    .to_string_lossy()
                    .into_owned()
            })
            .unwrap_or_default(),
    );
    if number > 0 {
        name = format!("{name}-{}", number + 1);
    }
    let mut wish = Wish {
        name,
        source: heard.format.clone(),
        pace: Pace::Times(args.speed.unwrap_or(1.0)),
        lenient: true,
        accounts: BTreeMap::new(),
    };
    let (first, _) = tried(take, &wish)?;
    let accounts = match place {
        Place::Target(target) => target.accounts.as_slice(),
        _ => &[],
    };
    let local = |jid: &str| bare(jid).split('@').next().unwrap_or_default().to_owned();
    for (end, actor) in first.story.ends.iter().zip(&first.cast.actors) {
        let jid = fold(end.bare()).into_owned();
        let is = |party: &str| party == actor || fold(bare(party)) == jid || local(&jid) == party;
        let given = parties
            .iter()
            .find(|(party, _)| is(party))
            .map(|(_, account)| account.clone());
        let same = || {
            let own = accounts.iter().map(|account| local(&account.jid));
            own.into_iter().find(|name| *name == local(&jid))
        };
        if let Some(account) = given.or_else(same) {
            wish.accounts.insert(jid, account);
        }
    }
    for (party, _) in parties {
        let known = first
            .story
            .ends
            .iter()
            .zip(&first.cast.actors)
            .any(|(end, actor)| {
                let jid = fold(end.bare());
                party == actor || fold(bare(party)) == jid || local(&jid) == *party
            });
        if !known {
            return Err(format!(
                "--as: nobody is called {party}; there are {}",
                first.cast.actors.join(", ")
            ));
        }
    }
    if wish.accounts.is_empty() {
        return Ok(first);
    }
    Ok(tried(take, &wish)?.0)
}

/// Accounts that were chosen come first: of two of the same name they are meant.
fn first_accounts(place: &mut Place, parties: &Parties) {
    if let Place::Target(target) = place {
        let mut target: Target = (**target).clone();
        let local = |jid: &str| jid.split('@').next().unwrap_or_default().to_owned();
        target
            .accounts
            .sort_by_key(|account| !parties.iter().any(|(_, name)| *name == local(&account.jid)));
        *place = Place::Target(Arc::new(target));
    }
}

/// The command line that plays this take again.
fn command(args: &Args, take: &Take) -> String {
    let mut words = vec!["callspec".to_owned(), "replay".to_owned()];
    words.extend(args.recordings().iter().map(|file| file.display().to_string()));
    if let [call] = take.calls.as_slice() {
        words.extend(["--call".to_owned(), call.clone()]);
    }
    words.extend(args.target.again());
    for party in &args.parties {
        words.extend(["--as".to_owned(), party.clone()]);
    }
    if let Some(speed) = args.speed {
        let speed = if speed.is_infinite() {
            "max".to_owned()
        } else {
            speed.to_string()
        };
        words.extend(["--speed".to_owned(), speed]);
    }
    let shown: Vec<String> = words.iter().map(|word| crate::report::shell(word)).collect();
    shown.join(" ")
}

/// Tells what differs; whether something does.
fn told(args: &Args, heard: &Heard, made: &[Made], results: &[Finished]) -> bool {
    let stdout = args.report.iter().any(|report| report.ends_with("=-"));
    let tell = |text: &str| if stdout { complain(text) } else { say(text) };
    let mut differs = false;
    for (made, take) in made.iter().zip(&heard.takes) {
        let Some(case) = made.case() else { continue };
        let Some(finished) = results.iter().find(|finished| finished.case.name == case.name) else {
            continue;
        };
        // What broke off for the target's or our own trouble tells nothing of the call.
        if finished.outcome == Outcome::Error {
            continue;
        }
        let Some(now) = finished.transcript.as_deref().and_then(story_of) else {
            continue;
        };
        let found = compare(&made.story, &made.cast, take.tape.answers, &now);
        if found.is_empty() {
            if !args.quiet {
                tell(&format!("{}: everything went as it did then", case.name));
            }
            continue;
        }
        differs = true;
        let count = found.len();
        let what = if count == 1 {
            "1 thing goes"
        } else {
            &format!("{count} things go")
        };
        tell(&format!("{}: {what} otherwise than then\n", case.name));
        tell(columns(&found, &|at| heard.place(at)).trim_end());
    }
    differs
}

/// What a run's transcript tells.
fn story_of(path: &Path) -> Option<crate::replay::Story> {
    let (header, events) = Reader::new(BufReader::new(File::open(path).ok()?)).ok()?;
    let mut tape = Tape::of_run(&header);
    for event in events {
        let event = event.ok()?;
        tape.event(&event, event.n + 1).ok()?;
    }
    Some(crate::replay::read(&tape))
}
