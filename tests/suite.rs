//! The built-in suite as a whole: what is in it, what it names, and that it passes where nothing is wrong.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use callspec::profile::{Addressing, Profile};
use callspec::rules::{Blame, Outcome, catalogue, judge, rule};
use callspec::run::{Finished, Options, Place, suite};
use callspec::scenario::{Action, Case, Need, Scenario, Step, builtin, parse};
use callspec::transcript::Reader;
use tokio::sync::watch;

/// Every rule of these groups is put to the test by a scenario.
const GROUPS: [&str; 10] = ["IQ", "RT", "SG", "SD", "ST", "TM", "CH", "TR", "AU", "RB"];

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios")
}

fn scenarios() -> &'static [Scenario] {
    static SUITE: OnceLock<Vec<Scenario>> = OnceLock::new();
    SUITE.get_or_init(|| builtin().expect("the built-in suite reads"))
}

fn cases() -> impl Iterator<Item = &'static Case> {
    scenarios().iter().flat_map(Scenario::cases)
}

/// Every case played once on the embedded endpoint of each class that it makes sense for, with its transcript.
fn played() -> &'static [Finished] {
    static PLAYED: OnceLock<(tempfile::TempDir, Vec<Finished>)> = OnceLock::new();
    let (_, finished) = PLAYED.get_or_init(|| {
        let transcripts = tempfile::TempDir::new().expect("a folder");
        let mut finished = Vec::new();
        for class in ["relay", "enforcing"] {
            let options = Options {
                place: Place::Embedded(Profile::named(class).expect("a profile")),
                jobs: 2,
                retries: 0,
                fail_fast: false,
                strict: true,
                seed: 0,
                time_scale: 1.0,
                transcripts: Some(transcripts.path().join(class)),
                ..Options::default()
            };
            let (stop, _) = watch::channel(false);
            finished.extend(suite(cases().cloned(), &options, &stop, &mut |_| {}));
        }
        finished.retain(|finished| finished.outcome != Outcome::Skipped);
        (transcripts, finished)
    });
    finished
}

fn files(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            files(&path, found);
        } else {
            found.push(path);
        }
    }
}

/// The scenario files of the folder by the names that their paths give them.
fn on_disk() -> BTreeMap<String, PathBuf> {
    let (root, mut found) = (folder(), Vec::new());
    files(&root, &mut found);
    let named = found.into_iter().filter_map(|path| {
        let within = path.strip_prefix(&root).ok()?;
        let name = within.to_str()?.strip_suffix(".yaml")?.to_owned();
        (!name.starts_with("fragments/")).then_some((name, path))
    });
    named.collect()
}

/// Every step, those in `together` and the like too.
fn visit<'s>(steps: &'s [Step], look: &mut dyn FnMut(&'s Step)) {
    for step in steps {
        look(step);
        match &step.action {
            Action::Together(branches) => branches.iter().for_each(|steps| visit(steps, look)),
            Action::AnyOrder(steps) | Action::When { steps, .. } => visit(steps, look),
            _ => {}
        }
    }
}

fn label(case: &Case) -> String {
    format!("{} {}", case.name, case.matrix.join(" "))
}

#[test]
fn every_file_of_the_folder_is_in_the_suite_under_the_name_of_its_path() {
    let files: Vec<String> = on_disk().into_keys().collect();
    let mut names: Vec<&str> = scenarios()
        .iter()
        .map(|scenario| scenario.name.as_str())
        .collect();
    names.sort_unstable();
    assert_eq!(names, files);
    assert!(files.len() >= 100, "{} files", files.len());
}

#[test]
fn every_text_in_the_folder_is_used() {
    let yaml: String = on_disk()
        .values()
        .map(|path| std::fs::read_to_string(path).expect("a text"))
        .collect();
    let (root, mut found) = (folder(), Vec::new());
    files(&root, &mut found);
    for path in found {
        let within = path.strip_prefix(&root).expect("inside").display().to_string();
        let name = path.file_stem().and_then(|stem| stem.to_str()).expect("a name");
        if within.ends_with(".sdp") {
            assert!(yaml.contains(&format!("sdp/{name}.sdp")), "nobody uses {within}");
        } else if within.starts_with("fragments/") {
            let used = [format!("use: {name}\n"), format!("fragment: {name},")];
            let used = used.iter().any(|words| yaml.contains(words));
            assert!(used, "nobody uses {within}");
        } else {
            assert!(within.ends_with(".yaml"), "what is {within}?");
        }
    }
}

#[test]
fn every_scenario_says_what_it_is_about() {
    for scenario in scenarios() {
        let case = scenario.cases().first().expect("a case");
        let about = &case.about;
        assert!(about.ends_with('.') && about.len() > 40, "{}: {about}", case.name);
        assert_eq!(
            about.matches(". ").count(),
            0,
            "{}: one sentence: {about}",
            case.name
        );
        assert!(!case.tags.is_empty(), "{} has no tags", case.name);
        assert!(!case.rules.is_empty(), "{} names no rule", case.name);
        for tag in &case.tags {
            let plain = tag.chars().all(|c| c.is_ascii_lowercase() || c == '-');
            assert!(plain, "{}: tag {tag}", case.name);
        }
    }
}

#[test]
fn the_cases_of_a_matrix_differ() {
    let mut seen = BTreeSet::new();
    for case in cases() {
        assert!(seen.insert(label(case)), "{} stands twice", label(case));
    }
}

#[test]
fn every_rule_that_a_relay_can_show_is_named() {
    let mut named = BTreeSet::new();
    for case in cases() {
        for id in &case.rules {
            assert!(rule(id).is_some(), "{} names {id}", case.name);
            named.insert(id.as_str());
        }
        visit(&case.steps, &mut |step| {
            if let Action::Send(send) = &step.action {
                for id in &send.breaks {
                    assert!(rule(id).is_some(), "{} breaks {id}", case.name);
                }
            }
        });
    }
    for rule in catalogue() {
        if GROUPS.contains(&&rule.id[..2]) {
            assert!(named.contains(rule.id), "no scenario names {}", rule.id);
        }
    }
}

#[test]
fn every_case_passes_on_the_embedded_endpoint_and_its_transcript_says_the_same() {
    let names: BTreeSet<String> = played().iter().map(|finished| label(&finished.case)).collect();
    // What is in memory has no TLS; nothing else is left out.
    let has_tls = |case: &&Case| {
        case.needs
            .iter()
            .any(|need| matches!(need, Need::Tls | Need::TlsDemanded))
    };
    let wanted: BTreeSet<String> = cases().filter(|case| !has_tls(case)).map(label).collect();
    assert_eq!(names, wanted);
    for finished in played() {
        let name = label(&finished.case);
        assert_eq!(
            finished.outcome,
            Outcome::Passed,
            "{name}: {:?}",
            finished.verdict
        );
        let path = finished.transcript.as_ref().expect("a transcript");
        let file = std::fs::File::open(path).expect("the transcript");
        let (header, events) = Reader::new(std::io::BufReader::new(file)).expect("a header");
        let again = judge(&header, events.map(|event| event.expect("an event")));
        let verdict = finished.verdict.as_ref().expect("a verdict");
        assert_eq!(again.outcome, finished.outcome, "{name}");
        assert_eq!(
            format!("{:?}", again.findings),
            format!("{:?}", verdict.findings),
            "{name}"
        );
        assert_eq!(again.rules, verdict.rules, "{name}");
    }
}

/// Thirty seconds from these moments fall between two that a clock of nanoseconds can tell.
#[test]
fn a_call_rings_out_at_whatever_time_it_began() {
    let text = "name: some/rings-out\nabout: It rings out.\nrules: [EN-05]\ntags: [enforcing]\nprofiles: [enforcing]\n\
        matrix: { when: [1048ms, 1112ms, 1173ms, 2096ms] }\nsteps:\n  - wait: \"{when}\"\n  - caller: { sends: initiate }\n  \
        - callee: { receives: initiate }\n  - all: { hear: nothing, for: 29500ms }\n  \
        - caller: { receives: hangup, rule: EN-05 }\n  - callee: { receives: hangup, rule: EN-05 }\n";
    let scenario = parse("some.yaml", text, &|_| None).expect("a scenario");
    let options = Options {
        place: Place::Embedded(Profile::named("enforcing").expect("a profile")),
        jobs: 1,
        ..Options::default()
    };
    let played = suite(
        scenario.cases().to_vec(),
        &options,
        &watch::channel(false).0,
        &mut |_| {},
    );
    assert_eq!(played.len(), 4);
    assert!(played.iter().all(|finished| finished.outcome == Outcome::Passed));
}

/// Nothing on a target where a bare JID rings asks it to answer for one itself.
#[test]
fn where_a_bare_jid_rings_it_is_not_asked_for_a_bounce() {
    for (addressing, outcome) in [
        (Addressing::Full, Outcome::Passed),
        (Addressing::Bare, Outcome::Skipped),
    ] {
        let options = Options {
            place: Place::Embedded(Profile {
                addressing,
                ..Profile::default()
            }),
            ..Options::default()
        };
        let case = cases().filter(|case| case.name == "routing/bare-jid-is-answered");
        let (stop, _) = watch::channel(false);
        let played = suite(case.cloned(), &options, &stop, &mut |_| {});
        let outcomes: Vec<_> = played.iter().map(|finished| finished.outcome).collect();
        assert_eq!(outcomes, [outcome], "{addressing:?}");
    }
}

/// A breach that is announced and not found would show nothing.
#[test]
fn every_breach_that_is_announced_is_one() {
    for finished in played() {
        let mut announced: Vec<&str> = Vec::new();
        visit(&finished.case.steps, &mut |step| {
            if let Action::Send(send) = &step.action {
                announced.extend(send.breaks.iter().map(String::as_str));
            }
        });
        let verdict = finished.verdict.as_ref().expect("a verdict");
        let broken = verdict
            .findings
            .iter()
            .filter(|found| found.blame == Blame::Announced);
        let mut broken: Vec<&str> = broken.map(|found| found.rule.id).collect();
        announced.sort_unstable();
        broken.sort_unstable();
        // One signal may break one rule in two places.
        let once: BTreeSet<&str> = broken.iter().copied().collect();
        assert!(
            broken.len() >= announced.len(),
            "{}: {broken:?}",
            label(&finished.case)
        );
        assert_eq!(once, announced.into_iter().collect(), "{}", label(&finished.case));
    }
}

/// What a relay is judged by is seen to hold in the suite, not only named.
#[test]
fn every_rule_of_delivery_is_seen_to_hold() {
    let held: BTreeSet<&str> = played()
        .iter()
        .filter_map(|finished| finished.verdict.as_ref())
        .flat_map(|verdict| verdict.rules.iter().filter(|(_, tally)| tally.held > 0))
        .map(|(id, _)| *id)
        .collect();
    for id in [
        "IQ-01", "RT-01", "RT-03", "RT-04", "RT-05", "RT-06", "RT-07", "RT-08", "RT-09", "RT-10", "RT-13",
        "CH-01",
    ] {
        assert!(held.contains(id), "{id}");
    }
}

/// The sizes that the texts of `payload/` promise are those of the stanzas on the wire.
#[test]
fn stanzas_have_the_size_that_their_scenario_promises() {
    let largest = |name: &str| {
        let finished = played().iter().find(|finished| finished.case.name == name);
        let path = finished
            .and_then(|finished| finished.transcript.as_ref())
            .expect(name);
        let file = std::fs::File::open(path).expect("the transcript");
        let (_, events) = Reader::new(std::io::BufReader::new(file)).expect("a header");
        events
            .filter_map(|event| event.expect("an event").xml)
            .filter(|xml| xml.contains("urn:xmpp:call:0"))
            .map(|xml| xml.len())
            .max()
            .expect("a signal")
    };
    assert!((8_000..10_000).contains(&largest("payload/video-offer")));
    assert!((9_500..10_000).contains(&largest("payload/near-the-least-limit")));
    assert!(largest("payload/past-the-least-limit") > 40_000);
}

/// The table of bugs names scenarios that exist, that name the rule, and that say where the bug was seen.
#[test]
fn the_table_of_bugs_is_true() {
    let table = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/bugs-seen.md"));
    let (table, files) = (table.expect("the table"), on_disk());
    let rows: Vec<(&str, &str)> = table
        .lines()
        .filter_map(|line| line.split_once("| `")?.1.split_once("` | "))
        .map(|(name, rest)| (name, rest.trim_end_matches(" |")))
        .collect();
    assert!(rows.len() >= 40, "{} rows", rows.len());
    for (name, id) in rows {
        let case = cases().find(|case| case.name == name).expect(name);
        assert!(
            case.rules.iter().any(|rule| rule == id),
            "{name} does not name {id}"
        );
        let text = std::fs::read_to_string(files.get(name).expect(name)).expect("a text");
        assert!(
            text.starts_with("# seen "),
            "{name} does not say where it was seen"
        );
    }
}
