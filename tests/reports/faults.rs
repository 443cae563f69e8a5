//! What a broken server did is seen in the ladder: the mark stands where it happened, and the picture shows how.

use std::sync::Arc;

use callspec::endpoint::{Chosen, fault};
use callspec::report::html::{Played, marks};
use callspec::report::ladder::{Look, ladder, whole};
use callspec::report::summary::Found;
use callspec::rules::Outcome;
use callspec::run::{Options, Place, Rig, suite};
use callspec::scenario::builtin;
use tokio::sync::watch;

/// A fault, a scenario that meets it, and words that its ladder has to have.
const SEEN: [(&str, &str, &[&str]); 9] = [
    ("drop-accept", "call/full", &["╳◀", "not seen to arrive"]),
    ("duplicate", "call/full", &["the second copy"]),
    ("duplicate-late", "call/full", &["the second copy", "+3.0 s"]),
    ("reorder", "ice/trickled-both-ways", &["RT-04"]),
    ("delay", "call/full", &["+2.0 s"]),
    ("leak-to-device", "devices/only-the-addressed-rings", &["RT-06"]),
    ("from-wrong-resource", "call/full", &["RT-01"]),
    ("echo", "call/full", &["RT-06"]),
    ("ghost-hangup", "cancel/and-call-again", &["RT-03"]),
];

#[test]
fn the_ladder_shows_what_a_fault_did() {
    let scenarios = builtin().unwrap_or_else(|errors| panic!("{errors:?}"));
    let mut drawn = String::new();
    for (name, scenario, words) in SEEN {
        let cases = scenarios.iter().flat_map(|scenario| scenario.cases());
        let case = cases
            .clone()
            .find(|case| case.name == scenario)
            .expect(scenario)
            .clone();
        let rig = Rig {
            faults: vec![Chosen::from(fault(name).expect(name))],
            ..Rig::default()
        };
        let options = Options {
            place: Place::Rigged(Arc::new(rig)),
            ..Options::default()
        };
        let (stop, _) = watch::channel(false);
        let results = suite(vec![case], &options, &stop, &mut |_| {});
        let finished = results.first().expect("a result");
        assert!(
            matches!(finished.outcome, Outcome::Failed | Outcome::Warned),
            "{name}: {:?}",
            finished.outcome
        );
        let played = Played::of(finished).expect("events").expect("events");
        let found = Found::all(finished.verdict.as_ref().expect("a verdict"));
        let text = whole(
            &ladder(&played.cast, &played.events, marks(&found)),
            Look::default(),
        );
        for word in words {
            assert!(text.contains(word), "{name}: no {word} in\n{text}");
        }
        assert!(
            text.lines().any(|line| line.starts_with('!')),
            "{name}: nothing is marked in\n{text}"
        );
        drawn.push_str(&format!("{name} in {scenario}\n\n{text}\n"));
    }
    insta::with_settings!({filters => vec![(r"[0-9a-f]{8}-[0-9a-f-]{27}", "[uuid]"), (r"-[0-9a-f]{8}\b", "-[hex]")]}, {
        insta::assert_snapshot!(drawn);
    });
}
