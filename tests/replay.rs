//! Recordings played again: every scenario of the built-in suite comes back from its own transcript.

use std::collections::{BTreeMap, BTreeSet};
use std::io::BufReader;
use std::path::Path;

use callspec::profile::Profile;
use callspec::replay::{Announced, Made, Pace, Tape, Wish, make};
use callspec::rules::{Blame, Outcome, Verdict};
use callspec::run::{Finished, Options, Place, suite};
use callspec::scenario::{Case, builtin};
use callspec::stanza::Stanza;
use callspec::transcript::{Dir, Reader};
use tokio::sync::watch;

fn play(cases: Vec<Case>, class: &str, transcripts: &Path) -> Vec<Finished> {
    let options = Options {
        place: Place::Embedded(Profile::named(class).expect("a profile")),
        jobs: 2,
        transcripts: Some(transcripts.to_owned()),
        ..Options::default()
    };
    let (stop, _) = watch::channel(false);
    suite(cases, &options, &stop, &mut |_| {})
}

fn tape(path: &Path) -> Tape {
    let file = std::fs::File::open(path).expect("a transcript");
    let (header, events) = Reader::new(BufReader::new(file)).expect("a header");
    let mut tape = Tape::of_run(&header);
    for event in events {
        let event = event.expect("an event");
        tape.event(&event, event.n + 1).expect("not too much");
    }
    tape
}

fn wish(name: &str) -> Wish {
    Wish {
        name: format!("recorded/{name}"),
        source: "a transcript".to_owned(),
        pace: Pace::Rounded,
        lenient: false,
        accounts: BTreeMap::new(),
    }
}

/// The rules that somebody other than the server broke, however it was told.
fn broken(verdict: &Verdict) -> BTreeSet<&'static str> {
    let party = |blame| matches!(blame, Blame::Announced | Blame::Ourselves | Blame::Client);
    let found = verdict.findings.iter().filter(|found| party(found.blame));
    found.map(|found| found.rule.id).collect()
}

/// For each call (in the order in which they began) and each actor: what it sent and what it got, in its order.
type Sequences = BTreeMap<(usize, String, bool), Vec<String>>;

fn sequences(path: &Path) -> Sequences {
    let file = std::fs::File::open(path).expect("a transcript");
    let (_, events) = Reader::new(BufReader::new(file)).expect("a header");
    let mut calls: Vec<String> = Vec::new();
    let mut found = Sequences::new();
    for event in events.map(|event| event.expect("an event")) {
        let sent = match event.dir {
            Dir::Sent => true,
            Dir::Received => false,
            _ => continue,
        };
        let Some(stanza) = event.xml.and_then(|xml| Stanza::parse(xml).ok()) else {
            continue;
        };
        let (Some(text), true) = (stanza.call_text(), stanza.is_iq()) else {
            continue;
        };
        if matches!(stanza.attr("type"), Some("error" | "result")) {
            continue;
        }
        let facts = callspec::protocol::decode(&text).facts;
        let call = facts.call.unwrap_or_default().to_lowercase();
        let number = calls.iter().position(|known| *known == call).unwrap_or_else(|| {
            calls.push(call);
            calls.len() - 1
        });
        let kind = facts.kind.map_or("?", |kind| kind.name());
        let reason = facts.reason.map_or("", |reason| reason.wire());
        let muted = facts.muted.map(|muted| muted.to_string()).unwrap_or_default();
        let sequence = found.entry((number, event.who, sent)).or_default();
        sequence.push(format!("{kind} {reason}{muted}"));
    }
    found
}

/// Plays these on and on until everything is announced that their bots break.
fn settle(made: &mut [(Tape, Made)], class: &str, folder: &Path) -> Vec<Finished> {
    let cases = made.iter().map(|(_, made)| made.case().expect("a case").clone());
    let mut played = play(cases.collect(), class, folder);
    for ((tape, made), played) in made.iter_mut().zip(&mut played) {
        let mut known = made.breaks.clone();
        for round in 0..8 {
            let found = played.verdict.as_ref().map(|verdict| verdict.findings.clone());
            if !made.learn(&found.unwrap_or_default(), &played.events, &mut known) {
                break;
            }
            let name = made.scenario.name.trim_start_matches("recorded/").to_owned();
            *made = make(tape, &wish(&name), &known).expect("a scenario");
            let case = made.case().expect("a case").clone();
            let again = play(vec![case], class, &folder.join(format!("{round}")));
            *played = again.into_iter().next().expect("it was played");
        }
    }
    played
}

/// The same rules broken, the same signals in each party's order: or a sentence that says why not.
#[test]
fn the_built_in_suite_comes_back_from_its_transcripts() {
    let folder = tempfile::TempDir::new().expect("a folder");
    let scenarios = builtin().expect("the suite");
    let cases: Vec<Case> = scenarios.iter().flat_map(|one| one.cases().to_vec()).collect();
    let mut refused: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    let (mut wrong, mut sound) = (Vec::new(), 0);
    for class in ["relay", "enforcing"] {
        let (mut first, mut made) = (Vec::new(), Vec::new());
        for finished in play(cases.clone(), class, &folder.path().join(class)) {
            let Some(path) = &finished.transcript else {
                continue;
            };
            let tape = tape(path);
            match make(
                &tape,
                &wish(&format!("{}.{}", finished.case.name, made.len())),
                &Announced::new(),
            ) {
                Ok(again) => {
                    made.push((tape, again));
                    first.push(finished);
                }
                Err(why) => {
                    let why = why
                        .split_once(": ")
                        .map_or(why.as_str(), |(_, why)| why)
                        .to_owned();
                    refused.entry(why).or_default().insert(finished.case.name.clone());
                }
            }
        }
        let played = settle(&mut made, class, &folder.path().join(format!("{class}-again")));
        for ((first, played), (_, made)) in first.iter().zip(&played).zip(&made) {
            let title = format!("{class} {} {:?}", first.case.name, first.case.matrix);
            let (then, now) = (
                first.verdict.as_ref().expect("a verdict"),
                played.verdict.as_ref(),
            );
            let now = now.expect("a verdict");
            let paths = [&first.transcript, &played.transcript].map(|path| path.as_ref().expect("a path"));
            let same = broken(then) == broken(now) && sequences(paths[0]) == sequences(paths[1]);
            if played.outcome == Outcome::Passed && same {
                sound += 1;
            } else {
                wrong.push(format!(
                    "{title}: {:?}\n{:#?}\n{}",
                    played.outcome, now.findings, made.yaml
                ));
            }
        }
    }
    assert!(
        wrong.is_empty(),
        "{} of {}:\n{}",
        wrong.len(),
        sound + wrong.len(),
        wrong.join("\n")
    );
    assert!(sound > 600, "only {sound} came back");
    // What cannot come back: raw lines, and what crosses with a word of the server's own.
    let raw = |name: &String| {
        let scenario = scenarios.iter().find(|scenario| scenario.name == *name);
        let cast = scenario.and_then(|scenario| scenario.cases().first().map(|case| case.cast.clone()));
        cast.is_some_and(|cast| cast.iter().any(|actor| actor.raw))
    };
    for (why, names) in refused {
        let known = match why.as_str() {
            why if why.contains("raw lines") => names.iter().all(raw),
            why if why.contains("the server's own crossed") => {
                names.iter().all(|name| name == "enforcing/two-devices-accept")
            }
            _ => false,
        };
        assert!(known, "{why}: {names:?}");
    }
}
