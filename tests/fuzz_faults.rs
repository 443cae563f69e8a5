//! Each fault of the embedded endpoint that an ordering or a payload can show is found within ten seconds, cut down as
//! far as any ordering goes, and written to a file that shows it again.
//!
//! `tests/data/shown-by-fuzzing.txt` lists them: the fault, the mode that shows it, the rule, and how many moves are
//! left; or why nothing that is fuzzed should show it. All of them, and those that are not in the list, are tried by
//! `cargo test --release --test fuzz_faults -- --ignored --nocapture`; with `CALLSPEC_BLESS=1` it writes the list anew, and
//! with `FAULT=drop,delay` it tries only the faults whose names hold one of these.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use callspec::endpoint::{Fault, faults};
use callspec::fuzz::{Kept, Mode, News, Plan, campaign};
use callspec::lint::lint;
use callspec::rules::{Level, rule};
use callspec::run::{Options, Place, Suspect, suite};
use callspec::scenario::load;
use tokio::sync::watch;

const LIST: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/shown-by-fuzzing.txt");
/// How long a fault may hide.
const SOON: Duration = Duration::from_secs(10);
/// So many steps are played out in full, to see that nothing shorter shows it.
const PLAYED_OUT: usize = 3;

/// A line of the list.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Shown {
    mode: Mode,
    rule: String,
    moves: usize,
}

fn word(mode: Mode) -> &'static str {
    match mode {
        Mode::Payloads => "payload",
        _ => "ordering",
    }
}

/// Between a fault that is not shown and the reason.
const NOT: &str = " not: ";

fn lines() -> impl Iterator<Item = String> {
    let text = std::fs::read_to_string(LIST).expect("the list");
    let lines: Vec<String> = text.lines().map(str::to_owned).collect();
    lines.into_iter().filter(|line| !line.starts_with('#'))
}

/// Those that nothing shows, and why.
fn excused() -> BTreeMap<String, String> {
    let excuse = |line: String| {
        let (name, why) = line.split_once(NOT)?;
        Some((name.to_owned(), why.to_owned()))
    };
    lines().filter_map(excuse).collect()
}

fn listed() -> BTreeMap<String, Shown> {
    let line = |line: String| {
        let words: Vec<&str> = line.split_whitespace().collect();
        let [name, mode, rule, moves] = words.as_slice() else {
            panic!("{line}")
        };
        let shown = Shown {
            mode: match *mode {
                "payload" => Mode::Payloads,
                "ordering" => Mode::Walks,
                _ => panic!("{line}"),
            },
            rule: (*rule).to_owned(),
            moves: moves.parse().expect("a number"),
        };
        ((*name).to_owned(), shown)
    };
    lines().filter(|line| !line.contains(NOT)).map(line).collect()
}

/// Those that break something that a server must do: of all else fuzzing says nothing. How somebody comes in and what
/// a stream is made of (AU, TR) is no matter of orderings.
fn musts() -> impl Iterator<Item = &'static Fault> {
    let must = |id: &str| {
        let is_must = rule(id).is_some_and(|rule| rule.level == Level::Must);
        is_must && !id.starts_with("AU") && !id.starts_with("TR")
    };
    faults().filter(move |fault| fault.rules.iter().any(|id| must(id)))
}

fn plan(fault: &'static Fault, mode: Mode, folder: &Path) -> Plan {
    Plan {
        options: Options {
            place: Place::Rigged(Arc::new(Suspect::Server(fault).rig())),
            jobs: 2,
            ..Options::default()
        },
        mode,
        seed: 0,
        cases: u64::MAX,
        shard: (1, 1),
        until: None,
        until_failure: false,
        shrink_time: Duration::from_secs(600),
        folder: folder.to_owned(),
        replay: false,
    }
}

/// The first failure of one of these rules.
fn first(plan: &Plan, rules: &[&str]) -> Option<Kept> {
    let found: Cell<Option<Kept>> = Cell::default();
    let done = Cell::new(false);
    let run = campaign(plan, &|| watch::channel(done.get()).0, &mut |news| {
        if let News::Kept(kept) = news
            && rules.contains(&kept.rule)
            && !done.replace(true)
        {
            found.set(Some(kept.clone()));
        }
    });
    run.expect("a campaign");
    found.into_inner()
}

/// Found within the time, by the cases of the seed; how long it took with its shrinking is told too.
fn find(fault: &'static Fault, mode: Mode, folder: &Path) -> Option<(Kept, Duration)> {
    let began = Instant::now();
    let mut plan = plan(fault, mode, folder);
    plan.until = began.checked_add(SOON);
    let kept = first(&plan, fault.rules)?;
    Some((kept, began.elapsed()))
}

/// Its file is sound, and shows the same rule when it is run.
fn reproduces(fault: &'static Fault, kept: &Kept) -> Result<(), String> {
    let scenario = load(&kept.file).map_err(|errors| format!("{errors:?}"))?;
    if let Some(error) = lint(&scenario).first() {
        return Err(error.to_string());
    }
    let options = Options {
        place: Place::Rigged(Arc::new(Suspect::Server(fault).rig())),
        jobs: 1,
        ..Options::default()
    };
    let played = suite(
        scenario.cases().to_vec(),
        &options,
        &watch::channel(false).0,
        &mut |_| {},
    );
    let mut findings = played
        .iter()
        .filter_map(|finished| finished.verdict.as_ref())
        .flat_map(|verdict| &verdict.findings);
    match findings.any(|finding| finding.rule.id == kept.rule) {
        true => Ok(()),
        false => Err(format!("run does not see {}", kept.rule)),
    }
}

fn breaches(kept: &Kept) -> usize {
    let text = std::fs::read_to_string(&kept.file).expect("a file");
    text.matches("breaks:").count()
}

/// The fewest moves with which every ordering of so many steps, played out, shows the rule without breaking more
/// itself.
fn played_out(fault: &'static Fault, steps: usize, than: &Kept) -> Option<usize> {
    let folder = tempfile::TempDir::new().expect("a folder");
    let plan = plan(fault, Mode::Every(steps), folder.path());
    let run = campaign(&plan, &|| watch::channel(false).0, &mut |_| {}).expect("a campaign");
    let failure = run.failures.get(than.rule)?;
    let kept = failure
        .kept
        .iter()
        .filter(|kept| breaches(kept) <= breaches(than));
    kept.map(|kept| kept.moves.0).min()
}

/// What is wrong with what was found, if anything is.
fn wrong(fault: &'static Fault, mode: Mode, kept: &Kept, most: usize) -> Option<String> {
    let (left, name) = (kept.moves.0, fault.name);
    if let Err(why) = reproduces(fault, kept) {
        return Some(format!("{name}: {why}"));
    }
    if mode == Mode::Payloads {
        return None;
    }
    let shorter = (1..left.min(most + 1)).find_map(|steps| {
        let fewest = played_out(fault, steps, kept)?;
        (fewest < left).then_some(fewest)
    });
    shorter.map(|fewest| {
        let text = std::fs::read_to_string(&kept.file).unwrap_or_default();
        format!(
            "{name}: {fewest} moves show {} as well as {left}:\n{text}",
            kept.rule
        )
    })
}

#[test]
fn each_of_them_is_shown_or_there_is_a_reason() {
    let (shown, excused) = (listed(), excused());
    let mut all: Vec<&str> = shown.keys().chain(excused.keys()).map(String::as_str).collect();
    let mut musts: Vec<&str> = musts().map(|fault| fault.name).collect();
    all.sort_unstable();
    musts.sort_unstable();
    assert_eq!(all, musts);
    let page = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/fuzzing.md"));
    let page = page.expect("the page");
    for (name, why) in &excused {
        assert!(!why.trim().is_empty(), "{name}");
        assert!(
            page.contains(&format!("`{name}`")),
            "docs/fuzzing.md does not name {name}"
        );
    }
}

#[test]
fn some_of_them_are_found_and_nothing_shorter_shows_them() {
    let all: Vec<_> = listed().into_iter().collect();
    let mut wrong_ones = Vec::new();
    for (name, shown) in all.iter().step_by((all.len() / 5).max(1)) {
        let fault = faults().find(|fault| fault.name == name).expect(name);
        let folder = tempfile::TempDir::new().expect("a folder");
        // By number: how far ten seconds reach depends on who else is at work here.
        let mut plan = plan(fault, shown.mode, folder.path());
        plan.cases = 400;
        match first(&plan, fault.rules) {
            None => wrong_ones.push(format!("{name}: not found")),
            Some(kept) => {
                if kept.moves.0 > shown.moves {
                    wrong_ones.push(format!("{name}: {} moves, not {}", kept.moves.0, shown.moves));
                }
                wrong_ones.extend(wrong(fault, shown.mode, &kept, 1));
            }
        }
    }
    assert!(wrong_ones.is_empty(), "{}", wrong_ones.join("\n"));
}

#[test]
#[ignore = "every fault for ten seconds in each mode, and all orderings of three steps against it: an hour in a release build"]
fn all_of_them_are_found_within_ten_seconds_and_nothing_shorter_shows_them() {
    let only = std::env::var("FAULT").unwrap_or_default();
    let known = if std::env::var_os("CALLSPEC_BLESS").is_some() && only.is_empty() {
        None
    } else {
        Some(listed())
    };
    let excused = excused();
    let (mut lines, mut wrong_ones, mut hidden) = (Vec::new(), Vec::new(), Vec::new());
    let chosen = |fault: &&Fault| only.split(',').any(|part| fault.name.contains(part));
    for fault in musts().filter(|fault| chosen(fault)) {
        let folder = tempfile::TempDir::new().expect("a folder");
        let modes = [Mode::Walks, Mode::Payloads].into_iter();
        let found = modes
            .filter_map(|mode| find(fault, mode, folder.path()).map(|found| (mode, found)))
            .next();
        let Some((mode, (kept, took))) = found else {
            eprintln!("{}: not shown", fault.name);
            hidden.push(fault.name);
            if let Some(why) = excused.get(fault.name) {
                lines.push(format!("{}{NOT}{why}", fault.name));
            } else {
                wrong_ones.push(format!("{}: not found, and no reason is given", fault.name));
            }
            continue;
        };
        let (left, before) = kept.moves;
        eprintln!(
            "{}: {} {} by case {}, {before} moves cut down to {left}, {:.1} s in all",
            fault.name,
            word(mode),
            kept.rule,
            kept.number,
            took.as_secs_f64()
        );
        if excused.contains_key(fault.name) && known.is_some() {
            wrong_ones.push(format!(
                "{}: shown, although there is a reason against it",
                fault.name
            ));
        }
        lines.push(format!("{} {} {} {left}", fault.name, word(mode), kept.rule));
        wrong_ones.extend(wrong(fault, mode, &kept, PLAYED_OUT));
    }
    eprintln!(
        "{} shown, {} not: {}",
        lines.len() - hidden.iter().filter(|name| excused.contains_key(**name)).count(),
        hidden.len(),
        hidden.join(" ")
    );
    match known {
        None => {
            let head = "# fault, what shows it, rule, moves left; or why nothing should show it; written by tests/fuzz_faults.rs\n";
            std::fs::write(LIST, format!("{head}{}\n", lines.join("\n"))).expect("the list");
        }
        Some(known) => {
            let lost = known.keys().filter(|name| hidden.contains(&name.as_str()));
            wrong_ones.extend(lost.map(|name| format!("{name}: not found any more")));
        }
    }
    assert!(wrong_ones.is_empty(), "{}", wrong_ones.join("\n"));
}
