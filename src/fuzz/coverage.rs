//! What was played, and how often: cells of role × state × signal × reason, pairs of transitions, and kinds of walk.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;

use serde::Serialize;

use super::payload::sorts;
use super::table::{Table, Weighed};
use super::walk::{Call, Signal, signals};
use crate::protocol::{Kind, RINGING, Reason, Role, State};

/// Somebody in this state of its view sends this.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Cell {
    pub role: Role,
    pub state: State,
    pub signal: Kind,
    pub reason: Option<Reason>,
}

impl Cell {
    /// Every cell that there is, legal or not. Before an initiate nobody is a caller: who sends what only a callee may
    /// send is taken for one.
    pub fn all() -> impl Iterator<Item = Cell> {
        let cells = Role::ALL.into_iter().flat_map(|role| {
            State::ALL.into_iter().flat_map(move |state| {
                signals().map(move |signal| Cell {
                    role,
                    state,
                    signal: signal.kind,
                    reason: signal.reason,
                })
            })
        });
        cells.filter(|cell| {
            let callees = matches!(
                cell.signal,
                Kind::Accept | Kind::Reject | Kind::Busy | Kind::Answer
            );
            !(cell.role == Role::Caller && cell.state == State::Idle && callees)
        })
    }

    pub(super) fn told(&self) -> Signal {
        Signal {
            kind: self.signal,
            reason: self.reason,
        }
    }
}

/// Two legal steps of one call, the second the next after the first.
pub type Pair = (Cell, Cell);

/// Every pair that the machine allows: each state that legal steps lead to, each step from there, and each after it.
static PAIRS: LazyLock<BTreeSet<Pair>> = LazyLock::new(|| {
    let mut known = vec![(Table::default(), 0.0)];
    let mut pairs = BTreeSet::new();
    let mut next = 0;
    while let Some((table, at)) = known.get(next).cloned() {
        next += 1;
        for (first, after, at) in steps(&table, at) {
            pairs.extend(steps(&after, at).into_iter().map(|(second, ..)| (first, second)));
            let next = (after, at);
            if !known.contains(&next) {
                known.push(next);
            }
        }
    }
    pairs
});

/// The legal steps from here: at once, or when it has rung for long enough.
fn steps(table: &Table, at: f64) -> Vec<(Cell, Table, f64)> {
    let late = 2.0 * RINGING;
    let times = [Some(at), (at < late).then_some(late)].into_iter().flatten();
    let mut all = Vec::new();
    for at in times {
        for role in Role::ALL {
            for signal in signals().filter(|signal| table.is_legal(role, *signal, at)) {
                let weighed = table.weigh(role, signal, at);
                let mut after = table.clone();
                // What the parties' clocks say makes no difference to the order of steps.
                let since = if at < late { 0.0 } else { late };
                after.sent(role, &weighed, since);
                after.received(role.other(), &weighed, since, false);
                all.push((weighed.cell, after, since));
            }
        }
    }
    all
}

/// What is in a walk, besides legal steps one after the other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Trait {
    /// No step is wrong.
    Legal,
    OneWrong,
    ManyWrong,
    /// Two signals pass each other.
    Crossing,
    /// Several calls on the same streams.
    Interleaved,
    Chat,
    /// Somebody leaves and comes back.
    Returns,
    /// Answers that are late, withheld or errors.
    Answers,
    ThirdParty,
    /// Two devices of one user.
    Devices,
}

impl Trait {
    pub const ALL: [Trait; 10] = [
        Trait::Legal,
        Trait::OneWrong,
        Trait::ManyWrong,
        Trait::Crossing,
        Trait::Interleaved,
        Trait::Chat,
        Trait::Returns,
        Trait::Answers,
        Trait::ThirdParty,
        Trait::Devices,
    ];

    /// As a person reads it.
    pub const fn words(self) -> &'static str {
        match self {
            Trait::Legal => "legal",
            Trait::OneWrong => "one step wrong",
            Trait::ManyWrong => "many steps wrong",
            Trait::Crossing => "signals that cross",
            Trait::Interleaved => "several calls at once",
            Trait::Chat => "chat between",
            Trait::Returns => "disconnects and returns",
            Trait::Answers => "answers late, withheld or errors",
            Trait::ThirdParty => "three parties",
            Trait::Devices => "two devices",
        }
    }
}

/// What one ordering covers.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Covered {
    pub cells: Vec<Cell>,
    pub pairs: Vec<Pair>,
    pub traits: BTreeSet<Trait>,
    /// The sorts of its payloads.
    pub sorts: Vec<&'static str>,
    /// The last step of each call, if it was a legal one.
    last: BTreeMap<Call, Cell>,
}

impl Covered {
    pub fn is(&mut self, what: Trait) {
        self.traits.insert(what);
    }

    pub fn signal(&mut self, call: Call, weighed: &Weighed) {
        self.cells.push(weighed.cell);
        let legal = weighed.counts() && !weighed.doubtful;
        let before = match legal {
            true => self.last.insert(call, weighed.cell),
            false => self.last.remove(&call),
        };
        if let Some(before) = before.filter(|_| legal) {
            self.pairs.push((before, weighed.cell));
        }
        match call {
            Call::Back | Call::Third => self.is(Trait::Interleaved),
            Call::Device => {
                self.is(Trait::Interleaved);
                self.is(Trait::Devices);
            }
            Call::Main | Call::Next(_) | Call::Canary => {}
        }
        if call == Call::Third {
            self.is(Trait::ThirdParty);
        }
    }

    pub fn breaches(&mut self, count: usize) {
        self.is(match count {
            0 => Trait::Legal,
            1 => Trait::OneWrong,
            _ => Trait::ManyWrong,
        });
    }
}

/// How often each cell, each pair and each kind was played.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Coverage {
    cells: BTreeMap<Cell, u64>,
    pairs: BTreeMap<Pair, u64>,
    traits: BTreeMap<Trait, u64>,
    sorts: BTreeMap<&'static str, u64>,
}

impl Coverage {
    pub(super) fn add(&mut self, covered: &Covered) {
        for cell in &covered.cells {
            *self.cells.entry(*cell).or_default() += 1;
        }
        for pair in covered.pairs.iter().filter(|pair| PAIRS.contains(pair)) {
            *self.pairs.entry(*pair).or_default() += 1;
        }
        for what in &covered.traits {
            *self.traits.entry(*what).or_default() += 1;
        }
        for sort in &covered.sorts {
            *self.sorts.entry(sort).or_default() += 1;
        }
    }

    pub fn count(&self, cell: &Cell) -> u64 {
        self.cells.get(cell).copied().unwrap_or(0)
    }

    /// How many cases were of this kind; one may be of several.
    pub fn cases(&self, what: Trait) -> u64 {
        self.traits.get(&what).copied().unwrap_or(0)
    }

    /// Every sort of payload that there is, and how many of it were played.
    pub fn each_sort(&self) -> impl Iterator<Item = (&'static str, u64)> {
        let count = |sort| (sort, self.sorts.get(sort).copied().unwrap_or(0));
        sorts().map(count)
    }

    /// Cells played, of how many.
    pub fn share(&self) -> (usize, usize) {
        (self.cells.len(), Cell::all().count())
    }

    /// Pairs of successive legal steps played, of how many.
    pub fn pairs(&self) -> (usize, usize) {
        (self.pairs.len(), PAIRS.len())
    }

    /// Every pair that there is, and how often it was played.
    pub fn each_pair(&self) -> impl Iterator<Item = (&'static Pair, u64)> {
        let count = |pair: &'static Pair| (pair, self.pairs.get(pair).copied().unwrap_or(0));
        PAIRS.iter().map(count)
    }

    pub fn iter(&self) -> impl Iterator<Item = (&Cell, u64)> {
        self.cells.iter().map(|(cell, count)| (cell, *count))
    }
}
