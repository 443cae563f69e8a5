use std::sync::Arc;

use proptest::strategy::{Strategy, ValueTree};
use proptest::test_runner::TestRunner;

use super::source::{Source, Title, sound};
use super::steps::render;
use super::strategy::{Ground, Walks};
use super::walk::Ordering;
use super::{Cell, Exhaustive, Mode, Trait, survey};
use crate::lint::lint;
use crate::profile::{Class, Profile};
use crate::protocol::{self, Role, State, reason_cell, signal_cell};
use crate::run::Place;
use crate::scenario::{Case, Step, parse};

const CLASSES: [Class; 2] = [Class::Relay, Class::Enforcing];

fn embedded(class: Class) -> Place {
    Place::Embedded(Profile::named(class.name()).expect("a profile"))
}

fn some(source: &dyn Source, number: u64) -> Ordering {
    let strategy = source.strategy(number).expect("a strategy");
    let tree = strategy.new_tree(&mut TestRunner::deterministic());
    tree.expect("a walk").current()
}

/// The same, but for where each step stands in a file.
fn without_places(mut case: Case) -> Case {
    fn flat(step: &mut Step) {
        step.place = super::steps::place(0);
        if let crate::scenario::Action::Together(branches) = &mut step.action {
            branches.iter_mut().flatten().for_each(flat);
        }
    }
    case.place = super::steps::place(0);
    case.steps.iter_mut().for_each(flat);
    case
}

#[test]
fn two_thousand_cases_cover_every_cell_and_every_pair() {
    for seed in [0, 1, 7_777] {
        covers_every_cell_and_every_pair(seed);
    }
}

fn covers_every_cell_and_every_pair(seed: u64) {
    let relay = survey(&embedded(Class::Relay), Mode::Walks, seed, 0..2_000);
    let missing: Vec<_> = Cell::all().filter(|cell| relay.count(cell) == 0).collect();
    assert!(missing.is_empty(), "{missing:?}");
    let missing: Vec<_> = relay.each_pair().filter(|(_, count)| *count == 0).collect();
    assert!(
        missing.is_empty(),
        "{} of {:?}: {missing:?}",
        missing.len(),
        relay.pairs()
    );
    for what in Trait::ALL {
        assert!(relay.cases(what) >= 50, "{what:?}: {}", relay.cases(what));
    }
    // A server that judges is not asked what can be read in two ways, or what it may carry although it is wrong.
    let judged = survey(&embedded(Class::Enforcing), Mode::Walks, seed, 0..2_000);
    let table = |cell: &Cell| signal_cell(cell.role, cell.signal, cell.state);
    let reason = |cell: &Cell| {
        cell.reason
            .map(|reason| reason_cell(cell.role, reason, cell.state))
    };
    let certain = |cell: &Cell| match (table(cell), reason(cell)) {
        (protocol::Cell::Yes(_), None | Some(protocol::Cell::Yes(_))) => true,
        // Before the call begins, whoever calls is the caller.
        (protocol::Cell::No, _) => {
            cell.state != State::Ended && (cell.role, cell.state) != (Role::Callee, State::Idle)
        }
        _ => false,
    };
    let missing: Vec<_> = Cell::all()
        .filter(|cell| certain(cell) && judged.count(cell) == 0)
        .collect();
    assert!(missing.is_empty(), "{missing:?}");
}

#[test]
fn the_census_counts_what_is_played() {
    for class in CLASSES {
        for steps in 1..=3 {
            let every = Exhaustive::new(class, steps);
            let census = every.census();
            assert_eq!(census.torn, 0, "{class:?}, {steps} steps");
            let played: u64 = (0..every.count().expect("a count"))
                .map(|number| some(&every, number).weight())
                .sum();
            assert_eq!(u128::from(played), census.longest, "{class:?}, {steps} steps");
        }
    }
    // One step: each of the nine signals, the hangup with six reasons, by whoever would say it.
    assert_eq!(Exhaustive::new(Class::Relay, 1).census().orderings, 14);
}

#[test]
fn no_two_orderings_are_the_same() {
    let every = Exhaustive::new(Class::Relay, 3);
    let mut seen = std::collections::BTreeSet::new();
    for number in (0..every.count().expect("a count")).step_by(7) {
        for one in some(&every, number).apart() {
            assert!(seen.insert(format!("{one:?}")), "{one:?}");
        }
    }
    assert!(seen.len() > 500, "{}", seen.len());
}

#[test]
fn what_is_played_is_what_its_file_says_and_lint_has_nothing_against_it() {
    let title = Title {
        name: "fuzz/some",
        about: "An ordering.",
        rule: None,
    };
    let mut wrong = Vec::new();
    for class in CLASSES {
        let walks = Walks(Ground::of(&embedded(class)));
        let every = Exhaustive::new(class, 2);
        let all = (0..72).map(|number| some(&walks, number * 23));
        for ordering in all.chain((0..2).map(|number| some(&every, number * 4))) {
            let rendered = render(&ordering, &title);
            let yaml = rendered.yaml();
            let scenario = parse("fuzz.yaml", &yaml, &|_| None).unwrap_or_else(|e| panic!("{e:?}\n{yaml}"));
            let read = scenario.cases().first().cloned().expect("a case");
            assert_eq!(
                without_places(read),
                without_places(Arc::unwrap_or_clone(rendered.case)),
                "{yaml}"
            );
            let errors = lint(&scenario);
            if rendered.certain {
                wrong.extend(errors.first().map(|error| format!("{error}\n{yaml}")));
            }
            assert_eq!(sound(&yaml).is_some(), errors.is_empty());
        }
    }
    assert!(wrong.is_empty(), "{}: {}", wrong.len(), wrong.join("\n"));
}
