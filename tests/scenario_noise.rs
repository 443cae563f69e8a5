//! Scenario files with noise in them: each is read or refused, in bounded time, and nothing falls over.

use callspec::lint::lint;
use callspec::scenario::{builtin_fragment, parse};
use proptest::prelude::*;
use proptest::test_runner::{Config, RngSeed, TestRunner};

/// Files with every kind of step in them.
const SEEDS: [&str; 4] = [
    include_str!("../scenarios/cancel/crosses-accept.yaml"),
    include_str!("../scenarios/devices/two-answer.yaml"),
    include_str!("../scenarios/breach/clock-backwards.yaml"),
    include_str!("../scenarios/load/twenty-calls-at-once.yaml"),
];

/// Pieces that mean something somewhere.
const PIECES: [&str; 24] = [
    "{",
    "}",
    "[",
    "]",
    ":",
    "- ",
    "\n",
    "  ",
    "\t",
    "\"",
    "'",
    "&a ",
    "*a",
    "!!str ",
    "# ",
    "|",
    ">-\n",
    "~",
    "{gap}",
    "{{",
    "\u{feff}",
    "use: ring",
    "1e999",
    "-1",
];

/// One change: where (in thousandths of the text), how many bytes go, and what comes in their place.
fn changes() -> impl Strategy<Value = (usize, Vec<(usize, usize, usize)>)> {
    let change = (0..1000_usize, 0..12_usize, 0..PIECES.len());
    (0..SEEDS.len(), prop::collection::vec(change, 1..5))
}

fn changed(seed: usize, changes: &[(usize, usize, usize)]) -> String {
    let mut text: Vec<char> = SEEDS[seed].chars().collect();
    for (at, gone, piece) in changes {
        let at = at * text.len() / 1000;
        let end = (at + gone).min(text.len());
        text.splice(at..end, PIECES[*piece].chars());
    }
    text.into_iter().collect()
}

#[test]
fn noise_is_read_or_refused() {
    let config = Config {
        cases: 250,
        failure_persistence: None,
        rng_seed: RngSeed::Fixed(7),
        ..Config::default()
    };
    let refused = std::cell::Cell::new(0_u32);
    let mut runner = TestRunner::new(config);
    let done = runner.run(&changes(), |(seed, changes)| {
        let text = changed(seed, &changes);
        let near = |name: &str| builtin_fragment(name).map(Ok);
        let told: Vec<String> = match parse("noise.yaml", &text, &near) {
            Ok(scenario) => lint(&scenario).iter().map(ToString::to_string).collect(),
            Err(errors) => {
                prop_assert!(!errors.is_empty(), "refused without a word:\n{text}");
                errors.iter().map(ToString::to_string).collect()
            }
        };
        refused.set(refused.get() + u32::from(!told.is_empty()));
        for error in told {
            let place = error
                .strip_prefix("error: ")
                .and_then(|rest| rest.split_once(".yaml:"));
            prop_assert!(place.is_some(), "an error without a place: {error}");
            prop_assert!(error.chars().count() < 2000, "{error}");
        }
        Ok(())
    });
    done.unwrap_or_else(|error| panic!("{error}"));
    assert!(refused.get() > 100, "{}", refused.get());
}
