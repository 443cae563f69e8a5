//! Payloads that nobody wrote: sound ones at their edges, ones with one fault, and raw ones, each in its place in a call.

mod data;
mod description;
mod invalid;
mod raw;
mod shape;
mod shrink;
mod texts;
mod valid;

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::strategy::{BoxedStrategy, Union};

use super::source::Source;
use super::strategy::Ground;
use super::walk::{Move, Ordering, canary};
use invalid::Keyword;
use shape::Form;

pub(super) use shape::Payload;
pub(super) use shrink::shrink;

type Maker = fn() -> BoxedStrategy<Form>;

/// Sorts of payloads, and how one of each is made; besides these there is one for each keyword of the schemas.
const SORTS: [(&str, Maker); 21] = [
    ("texts", || valid::texts().boxed()),
    ("lengths", || valid::lengths().boxed()),
    ("absent and null", || valid::absences().boxed()),
    ("numbers", || valid::numbers().boxed()),
    ("order and white space", || valid::orders().boxed()),
    ("unknown members", || valid::unknown().boxed()),
    ("JSON escapes", || valid::escapes().boxed()),
    ("XML writings", || valid::writings().boxed()),
    ("descriptions by grammar", || valid::offers().boxed()),
    ("descriptions of browsers", || valid::browsers().boxed()),
    ("candidates", || valid::candidates().boxed()),
    ("chat", || valid::chat().boxed()),
    ("broken JSON", || raw::broken().boxed()),
    ("no signal at all", || raw::values().boxed()),
    ("a member twice", || raw::repeated().boxed()),
    ("depth and size", || raw::extremes().boxed()),
    ("odd elements", || raw::elements().boxed()),
    ("in another's name", || valid::forged().boxed()),
    ("several calls in one", || raw::several().boxed()),
    ("restricted XML", || raw::restricted().boxed()),
    ("malformed XML", || raw::malformed().boxed()),
];

/// The names of all sorts.
pub(super) fn sorts() -> impl Iterator<Item = &'static str> {
    let others = SORTS.iter().map(|(sort, _)| *sort);
    others.chain(Keyword::ALL.map(Keyword::sort))
}

/// Payloads of this sort, with its name.
fn of(sort: &'static str) -> Option<BoxedStrategy<(&'static str, Form)>> {
    let other = SORTS
        .iter()
        .find(|(name, _)| *name == sort)
        .map(|(_, make)| make());
    let keyword = || {
        let keyword = Keyword::ALL.into_iter().find(|keyword| keyword.sort() == sort);
        keyword.map(|keyword| invalid::off(keyword).boxed())
    };
    let forms = other.or_else(keyword)?;
    Some(forms.prop_map(move |form| (sort, form)).boxed())
}

/// Payloads for this ground: one of the sort whose turn it is, others beside it, and a sound call at the end.
#[derive(Debug, Clone, Copy)]
pub(super) struct Payloads(pub Ground);

impl Source for Payloads {
    fn strategy(&self, number: u64) -> Option<BoxedStrategy<Ordering>> {
        let (class, line) = (self.0.class, self.0.users > 2);
        // A raw line is somebody else's.
        let fit = |sort: &&'static str| line || !raw::LINES.contains(sort);
        let all: Vec<_> = sorts().filter(fit).collect();
        let turn = number % all.len() as u64;
        let first = of(all.get(turn as usize)?)?;
        let others = all.iter().filter_map(|sort| of(sort));
        let strategy = (first, vec(Union::new(others), 0..3), any::<bool>());
        let moves = move |(first, others, wait): ((&'static str, Form), Vec<_>, bool)| {
            let mut moves = Vec::new();
            for (at, (sort, form)) in [first].into_iter().chain(others).enumerate() {
                match Payload::settle(sort, form, class) {
                    // It is one connection, which a case can use once.
                    Some(payload) if payload.is_line() && at > 0 => {}
                    Some(payload) => moves.push(Move::Carry(Box::new(payload))),
                    None if at == 0 => break,
                    None => {}
                }
            }
            if wait && !moves.is_empty() {
                moves.insert(1, Move::Wait(20));
            }
            if !moves.is_empty() {
                moves.extend(canary());
            }
            Ordering { class, moves }
        };
        Some(strategy.prop_map(moves).boxed())
    }
}

#[cfg(test)]
mod tests {
    use proptest::strategy::ValueTree;
    use proptest::test_runner::TestRunner;

    use super::*;
    use crate::fuzz::source::{Title, sound};
    use crate::fuzz::steps::render;
    use crate::profile::Class;

    #[test]
    fn every_sort_can_be_played_and_lint_has_nothing_against_it() {
        let mut runner = TestRunner::deterministic();
        let title = Title {
            name: "fuzz/some",
            about: "A payload.",
            rule: None,
        };
        let mut wrong = Vec::new();
        for class in [Class::Relay, Class::Enforcing] {
            let ground = Ground {
                class,
                waits: true,
                users: 4,
                names: true,
                full: true,
            };
            for (number, sort) in sorts().enumerate() {
                let strategy = Payloads(ground).strategy(number as u64).expect("a strategy");
                // Of what a server may refuse or carry nothing is played on one that judges.
                let made = (0..20).find_map(|_| {
                    let ordering = strategy.new_tree(&mut runner).expect("a tree").current();
                    let rendered = render(&ordering, &title);
                    rendered.certain.then_some(rendered)
                });
                let made = made.unwrap_or_else(|| panic!("{class:?}: {sort}"));
                assert_eq!(made.covered.sorts.first(), Some(&sort));
                if sound(&made.yaml()).is_none() {
                    wrong.push(format!("{class:?}, {sort}:\n{}", made.yaml()));
                }
                let canary = made
                    .canary
                    .and_then(|at| made.case.steps.get(at))
                    .expect("a canary");
                let line = made.yaml().lines().nth(canary.place.line - 1).map(str::to_owned);
                assert!(line.is_some_and(|line| line.contains("call: canary")), "{sort}");
            }
        }
        assert!(wrong.is_empty(), "{}: {}", wrong.len(), wrong.join("\n"));
    }
}
