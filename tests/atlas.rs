//! The edge-case atlas: written from the scenarios themselves, so that it cannot say anything else than they do.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;

use callspec::profile::{Class, Profile};
use callspec::report::ladder::{Look, ladder, whole};
use callspec::rules::Outcome;
use callspec::run::{Options, Place, suite};
use callspec::scenario::{Case, EdgeCase, builtin};
use callspec::transcript::{Dir, Event, Reader};
use tokio::sync::watch;

const CHAPTERS: [(&str, &str, &str); 6] = [
    (
        "crossing",
        "Signals that cross",
        "Two signals under way at once pass each other. Each was right in the view of its sender, so neither is a fault, \
         and both sides have to end in the same place.",
    ),
    (
        "timer",
        "Timers",
        "A call rings for 30 s. Whoever keeps a timer has to stop it, and has to look at the state again when it fires.",
    ),
    (
        "busy",
        "Busy",
        "A user in a call is called again. The call in progress must not feel it.",
    ),
    ("glare", "Glare", "Both sides begin the same thing at once."),
    (
        "devices",
        "Several devices",
        "One user, several devices: each is an address of its own, with its own view of the call.",
    ),
    (
        "vanish",
        "Parties that vanish",
        "Somebody leaves, lawfully or not, and perhaps comes back. Signals are never stored: what cannot be delivered \
         comes back as an error, and that error is the news.",
    ),
];

/// The folders of which every scenario has its page.
const WHOLE: [&str; 5] = ["busy/", "glare/", "devices/", "timeout/", "vanish/"];

fn pages() -> Vec<(EdgeCase, Case)> {
    let mut pages = Vec::new();
    for scenario in builtin().expect("the suite") {
        let case = scenario.cases().first().expect("a case").clone();
        let wanted = WHOLE.iter().any(|folder| scenario.name.starts_with(folder))
            || scenario.name.contains("/crosses-");
        assert!(
            !wanted || scenario.edge_case.is_some(),
            "{} has no `edge-case`",
            scenario.name
        );
        pages.extend(scenario.edge_case.map(|page| (page, case)));
    }
    pages
}

/// The ladder of each case, as it is played on the embedded endpoint.
fn ladders(pages: &[(EdgeCase, Case)]) -> BTreeMap<String, String> {
    let mut drawn = BTreeMap::new();
    for class in [Class::Relay, Class::Enforcing] {
        let fits = |case: &&Case| match class {
            Class::Relay => case.classes.is_empty() || case.classes.contains(&class),
            Class::Enforcing => case.classes == [class],
        };
        let cases: Vec<Case> = pages.iter().map(|(_, case)| case).filter(fits).cloned().collect();
        let folder = tempfile::TempDir::new().expect("a folder");
        let options = Options {
            place: Place::Embedded(Profile::named(class.name()).expect("a profile")),
            jobs: 2,
            strict: true,
            transcripts: Some(folder.path().to_owned()),
            ..Options::default()
        };
        let (stop, _) = watch::channel(false);
        for finished in suite(cases, &options, &stop, &mut |_| {}) {
            assert_eq!(finished.outcome, Outcome::Passed, "{}", finished.case.name);
            let path = finished.transcript.expect("a transcript");
            let file = std::fs::File::open(path).expect("the transcript");
            let (header, events) = Reader::new(std::io::BufReader::new(file)).expect("a header");
            let events: Vec<Event> = events.map(|event| event.expect("an event")).collect();
            // From the first signal to the last step: coming and going at both ends shows nothing.
            let end = events
                .iter()
                .position(|event| event.dir == Dir::Steps)
                .unwrap_or(events.len());
            let begun =
                |event: &&Event| event.n > 0 && !matches!(event.dir, Dir::Met | Dir::Answers | Dir::Note);
            let first = events
                .iter()
                .position(|event| event.dir == Dir::Sent)
                .unwrap_or(0);
            let shown = events[first..end].iter().filter(begun);
            let look = Look {
                width: 88,
                // Where the acknowledgements are what it is about.
                answers: finished.case.name.starts_with("answers/"),
                ..Look::default()
            };
            drawn.insert(
                finished.case.name.clone(),
                whole(&ladder(&header.cast, shown, Vec::new()), look),
            );
        }
    }
    drawn
}

fn written() -> String {
    let pages = pages();
    let ladders = ladders(&pages);
    let mut out = String::from(
        "# Edge cases of a call\n\n\
         For whoever implements a client or a server of `urn:xmpp:call:0`: what has to happen where two signals cross, \
         a timer fires,\nsomebody is busy, two call each other, several devices ring, or a party vanishes. Each page \
         shows the case as it goes when all is\nwell, what each side has to do, and what goes wrong in the wild; its \
         scenario puts a target to the test:\n`callspec run --filter NAME`.\n\n\
         This page is made from the scenarios (`CALLSPEC_BLESS=1 cargo test --test atlas`). Time runs downwards, in \
         seconds.\n",
    );
    for (kind, title, _) in CHAPTERS {
        let of = |page: &&(EdgeCase, Case)| page.0.kind == kind;
        let _ = write!(out, "\n**{title}**\n\n");
        for (page, case) in pages.iter().filter(of) {
            let _ = writeln!(out, "- [{}](#{})", page.title, anchor(&case.name));
        }
    }
    for (kind, title, about) in CHAPTERS {
        let _ = write!(out, "\n## {title}\n\n{about}\n");
        let of = |page: &&(EdgeCase, Case)| page.0.kind == kind;
        for (page, case) in pages.iter().filter(of) {
            let _ = write!(
                out,
                "\n<a id=\"{}\"></a>\n\n### {}\n\n{}\n\n```text\n{}```\n\n",
                anchor(&case.name),
                page.title,
                case.about,
                ladders.get(&case.name).map_or("", String::as_str)
            );
            for (who, text) in [
                ("Caller", &page.caller),
                ("Callee", &page.callee),
                ("Server", &page.server),
            ] {
                if let Some(text) = text {
                    let _ = write!(out, "**{who}.** {text}\n\n");
                }
            }
            let _ = write!(out, "**In the wild.** {}\n\n", page.wild);
            let rules: Vec<String> = case
                .rules
                .iter()
                .map(|id| format!("[{id}](rules.md#{})", id.to_lowercase()))
                .collect();
            let _ = writeln!(out, "Scenario `{}`. Rules: {}.", case.name, rules.join(", "));
        }
    }
    out
}

fn anchor(name: &str) -> String {
    name.replace('/', "-")
}

#[test]
fn the_atlas_says_what_the_scenarios_say() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/edge-cases.md");
    let written = written();
    if std::env::var_os("CALLSPEC_BLESS").is_some() {
        std::fs::write(&path, &written).expect("written");
    }
    let there = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        there == written,
        "docs/edge-cases.md is stale: CALLSPEC_BLESS=1 cargo test --test atlas"
    );
}
