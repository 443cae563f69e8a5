//! Orderings from a seed: nothing is found where nothing is wrong, and what is wrong ends in a file that shows it.

use std::cell::Cell;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use callspec::endpoint::Chosen;
use callspec::fuzz::{Campaign, Cell as Played, Mode, News, Plan, campaign, case};
use callspec::lint::lint;
use callspec::profile::Profile;
use callspec::run::{Options, Place, Rig, suite};
use callspec::scenario::load;
use tokio::sync::watch;

fn embedded(class: &str) -> Place {
    Place::Embedded(Profile::named(class).expect("a profile"))
}

fn rigged(fault: &str) -> Place {
    let chosen: Chosen = fault.parse().expect("a fault");
    Place::Rigged(Arc::new(Rig {
        profile: Profile::named(chosen.fault.class().name()).expect("a profile"),
        faults: vec![chosen],
        ..Rig::default()
    }))
}

fn plan(place: Place, cases: u64, folder: &Path) -> Plan {
    Plan {
        options: Options {
            place,
            jobs: 2,
            ..Options::default()
        },
        seed: 7,
        cases,
        mode: Mode::Walks,
        shard: (1, 1),
        until: None,
        until_failure: false,
        shrink_time: Duration::from_secs(600),
        folder: folder.to_owned(),
        replay: false,
    }
}

fn run(plan: &Plan) -> Campaign {
    campaign(plan, &|| watch::channel(false).0, &mut |_| {}).expect("a campaign")
}

#[test]
fn nothing_is_found_where_nothing_is_wrong() {
    let folder = tempfile::TempDir::new().expect("a folder");
    for class in ["relay", "enforcing"] {
        let run = run(&plan(embedded(class), 200, folder.path()));
        assert!(run.failures.is_empty(), "{class}: {:?}", run.failures);
        assert_eq!(
            (run.untested, run.skipped, run.cut),
            (0, 0, 0),
            "{class}: {:?}",
            run.trouble
        );
        // A server that judges is not asked what it may refuse or carry.
        let (least, cases) = if class == "relay" { (164, 185) } else { (90, 100) };
        assert!(
            run.played >= cases,
            "{class}: {} played, {} unsound",
            run.played,
            run.unsound
        );
        assert!(run.coverage.share().0 >= least, "{class}: {:?}", missing(&run));
    }
    assert_eq!(std::fs::read_dir(folder.path()).expect("a folder").count(), 0);
}

fn missing(run: &Campaign) -> Vec<Played> {
    Played::all()
        .filter(|cell| run.coverage.count(cell) == 0)
        .collect()
}

/// Finds, and sees that the file that comes of it shows the rule; the answer is how many moves are left.
fn finds(fault: &str) -> usize {
    let folder = tempfile::TempDir::new().expect("a folder");
    let rules = fault.parse::<Chosen>().expect("a fault").fault.rules;
    found(fault, rules, plan(rigged(fault), 192, folder.path())).0
}

/// Finds what this plan finds; the answer is how many moves are left, and the file's text.
fn found(fault: &str, rules: &[&str], mut plan: Plan) -> (usize, String) {
    let done = Cell::new(false);
    let fresh = || watch::channel(done.get()).0;
    let found = campaign(&plan, &fresh, &mut |news| {
        if let News::Kept(kept) = news {
            done.set(done.get() || rules.contains(&kept.rule));
        }
    });
    let found = found.expect("a campaign");
    let failures = &found.failures;
    let (rule, failure) = failures
        .iter()
        .find(|(rule, _)| rules.contains(rule))
        .unwrap_or_else(|| panic!("{fault}: {failures:?}"));
    let kept = failure
        .kept
        .first()
        .unwrap_or_else(|| panic!("{fault}: {failure:?}"));
    assert_eq!(kept.stable, (5, 5), "{fault}");
    assert!(
        kept.transcript.as_ref().is_some_and(|path| path.exists()),
        "{fault}"
    );

    let scenario = load(&kept.file).expect("a scenario");
    assert!(lint(&scenario).is_empty(), "{fault}");
    let (stop, _) = watch::channel(false);
    let options = Options {
        jobs: 1,
        ..plan.options.clone()
    };
    let played = suite(scenario.cases().to_vec(), &options, &stop, &mut |_| {});
    let verdict = played
        .first()
        .and_then(|finished| finished.verdict.as_ref())
        .expect("a verdict");
    assert!(
        verdict.findings.iter().any(|finding| finding.rule.id == *rule),
        "{fault}: {rule}"
    );

    // It is played first the next time, and a target that is mended passes it.
    plan.cases = 0;
    plan.replay = true;
    let mut again = Vec::new();
    let replayed = campaign(&plan, &|| watch::channel(false).0, &mut |news| {
        if let News::Replayed { rule, .. } = news {
            again.push(rule);
        }
    });
    assert!(again.contains(rule), "{fault}: {again:?}");
    assert_eq!(replayed.expect("a campaign").failed(), again.len() as u64);
    let class = plan.options.place.profile().class.name();
    plan.options.place = embedded(class);
    assert_eq!(run(&plan).failed(), 0, "{fault}: mended");
    let text = std::fs::read_to_string(&kept.file).expect("a text");
    assert!(kept.moves.0 <= 6, "{fault}: {text}");
    (kept.moves.0, text)
}

#[test]
fn faults_of_a_relay_are_found_and_cut_down() {
    for (fault, most) in [
        ("drop:only=hangup", 3),
        ("duplicate", 1),
        ("from-bare", 1),
        ("answer-swallowed", 1),
        ("reorder", 4),
        ("chat-lost", 1),
        ("answer-from-bare", 1),
        ("half-open-calls-exhaust", 1),
        ("bounce-swallowed", 1),
    ] {
        let moves = finds(fault);
        assert!(moves <= most, "{fault}: {moves} moves");
    }
}

#[test]
fn faults_of_a_server_that_judges_are_found() {
    // The second needs a call that ends for another reason than the longer one in which it was seen.
    for (fault, most) in [
        ("order-unchecked", 4),
        ("harmed-by-a-refusal", 3),
        ("both-devices-win", 1),
        ("decline-keeps-ringing", 1),
        ("rings-one-device", 1),
        ("timeout-wrong-reason", 2),
        ("legal-acknowledged-and-lost", 1),
    ] {
        let moves = finds(fault);
        assert!(moves <= most, "{fault}: {moves} moves");
    }
}

#[test]
fn the_same_seed_makes_the_same_cases() {
    let place = embedded("relay");
    for mode in [Mode::Walks, Mode::Payloads] {
        let one = |seed, number| case(&place, mode, seed, number);
        let all = |seed| -> Vec<_> { (0..12).map(|number| one(seed, number)).collect() };
        assert_eq!(all(1), all(1));
        assert_ne!(all(1), all(2));
    }
}

#[test]
fn payloads_find_nothing_where_nothing_is_wrong() {
    let folder = tempfile::TempDir::new().expect("a folder");
    for class in ["relay", "enforcing"] {
        let mut plan = plan(embedded(class), 54, folder.path());
        plan.mode = Mode::Payloads;
        let run = run(&plan);
        assert!(run.failures.is_empty(), "{class}: {:?}", run.failures);
        assert_eq!((run.untested, run.skipped, run.cut), (0, 0, 0), "{class}");
        for (sort, played) in run.coverage.each_sort() {
            assert!(played > 0, "{class}: {sort} was never played");
        }
    }
}

#[test]
fn faults_that_payloads_can_show_are_found_and_cut_down() {
    for (fault, rule, shows) in [
        ("emoji-lost", "RT-14", "\\U"),
        ("long-text-lost", "RT-11", "{padding-5"),
        ("sender-unchecked", "EN-02", "SG-13"),
        ("chat-mangled", "RT-14", "sends: chat"),
        ("rewrite-json-nulls", "RT-05", "null"),
        ("truncate", "RT-05", "sends: initiate }"),
        ("schema-unchecked", "EN-01", "breaks: ["),
        ("malformed-ignored", "RB-02", "line: { sends: stanza"),
    ] {
        let folder = tempfile::TempDir::new().expect("a folder");
        let mut plan = plan(rigged(fault), 270, folder.path());
        plan.mode = Mode::Payloads;
        let (_, text) = found(fault, &[rule], plan);
        assert!(text.contains(shows), "{fault}: {text}");
        let longest = text.lines().map(str::len).max().unwrap_or(0);
        assert!(longest < 260, "{fault}: {text}");
    }
}
