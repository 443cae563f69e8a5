//! Every ordering of up to so many steps. What is alike is one: who would be called the caller before anybody has
//! called, which of two mute states, and which of two crossing signals is named first. What is shorter is the beginning
//! of something longer and is played with it, so that only the longest are counted out.

use std::collections::HashMap;

use proptest::prelude::{Just, Strategy};
use proptest::strategy::BoxedStrategy;

use super::board::Board;
use super::source::Source;
use super::table::Table;
use super::walk::{Call, Move, Ordering, Reply, Signal, canary, signals};
use crate::profile::Class;
use crate::protocol::{Kind, Role, State};

/// So many orderings are played one after the other on the same streams.
const SHEAF: u64 = 48;
/// Nobody has the time for more steps, and the numbers would no longer fit.
pub const MOST_STEPS: usize = 12;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step {
    Say(Role, Signal),
    Cross(Signal, Signal),
}

impl Step {
    fn moved(self, call: Call) -> Move {
        match self {
            Step::Say(role, signal) => Move::Say {
                call,
                role,
                signal,
                reply: Reply::Result,
            },
            Step::Cross(caller, callee) => Move::Cross {
                call,
                caller: (caller, 0),
                callee: (callee, 0),
            },
        }
    }

    fn length(self) -> usize {
        match self {
            Step::Say(..) => 1,
            Step::Cross(..) => 2,
        }
    }
}

#[derive(Debug)]
struct Edge {
    step: Step,
    to: usize,
    /// How many of its signals are wrong.
    wrong: usize,
}

/// How many orderings there are of one length from one state: legal, with one wrong step, with more.
type Count = [u128; 3];

/// All orderings of up to so many steps, as the states that they lead through.
#[derive(Debug)]
pub struct Exhaustive {
    class: Class,
    steps: usize,
    /// By state, the first being the beginning.
    edges: Vec<Vec<Edge>>,
    /// By steps left, then by state.
    counts: Vec<Vec<Count>>,
    torn: usize,
}

/// What the model says of all orderings.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Census {
    /// Those of any length up to the longest.
    pub orderings: u128,
    /// Of those: legal throughout, with one wrong step, with more.
    pub legal: u128,
    pub one_wrong: u128,
    pub many_wrong: u128,
    /// Those that are the beginning of no other: what is played.
    pub longest: u128,
    /// The states of the two views that they lead through, and the steps between those.
    pub states: usize,
    pub transitions: usize,
    /// Ends that only one side saw as such (ST-16): none, unless the model is wrong.
    pub torn: usize,
}

impl Exhaustive {
    /// `steps`: no more than [`MOST_STEPS`] are taken.
    pub fn new(class: Class, steps: usize) -> Exhaustive {
        let steps = steps.clamp(1, MOST_STEPS);
        let (edges, torn) = graph(class, steps);
        let mut counts: Vec<Vec<Count>> = vec![vec![[1, 0, 0]; edges.len()]];
        for left in 1..=steps {
            let row = edges.iter().map(|edges| {
                let mut count = [0; 3];
                for edge in edges.iter().filter(|edge| edge.step.length() <= left) {
                    let rest = counts
                        .get(left - edge.step.length())
                        .and_then(|row| row.get(edge.to));
                    for (wrong, number) in rest.into_iter().flatten().enumerate() {
                        if let Some(slot) = count.get_mut((wrong + edge.wrong).min(2)) {
                            *slot += number;
                        }
                    }
                }
                count
            });
            counts.push(row.collect());
        }
        Exhaustive {
            class,
            steps,
            edges,
            counts,
            torn,
        }
    }

    fn count_from(&self, left: usize, state: usize) -> u128 {
        let count = self.counts.get(left).and_then(|row| row.get(state));
        count.map_or(0, |count| count.iter().sum())
    }

    pub const fn steps(&self) -> usize {
        self.steps
    }

    /// Plays them all on the model. What leads to the same state goes on alike, so each step from each state is played
    /// once, whatever led to it.
    pub fn census(&self) -> Census {
        let mut census = Census {
            longest: self.count_from(self.steps, 0),
            states: self.edges.len(),
            transitions: self.edges.iter().map(Vec::len).sum(),
            torn: self.torn,
            ..Census::default()
        };
        for row in self.counts.iter().skip(1) {
            let [legal, one, many] = row.first().copied().unwrap_or_default();
            census.legal += legal;
            census.one_wrong += one;
            census.many_wrong += many;
        }
        census.orderings = census.legal + census.one_wrong + census.many_wrong;
        census
    }

    /// The steps of the longest ordering of this number.
    fn ordering(&self, mut number: u128) -> Vec<Step> {
        let mut steps = Vec::new();
        let (mut state, mut left) = (0, self.steps);
        'on: while left > 0 {
            for edge in self.edges.get(state).into_iter().flatten() {
                if edge.step.length() > left {
                    continue;
                }
                let rest = self.count_from(left - edge.step.length(), edge.to);
                if number < rest {
                    steps.push(edge.step);
                    left -= edge.step.length();
                    state = edge.to;
                    continue 'on;
                }
                number -= rest;
            }
            break;
        }
        steps
    }

    /// Judges the longest orderings of these numbers on the model alone, each from its beginning: how many signals
    /// break a rule.
    pub fn judge(&self, numbers: std::ops::Range<u128>) -> u64 {
        let mut wrong = 0;
        for number in numbers {
            let mut table = Table::default();
            for step in self.ordering(number) {
                wrong += apply(&mut table, step).0 as u64;
            }
        }
        wrong
    }

    /// How many of the longest are played with the cases up to this number.
    pub fn reached(&self, cases: u64) -> u128 {
        (u128::from(cases) * u128::from(SHEAF)).min(self.count_from(self.steps, 0))
    }
}

impl Source for Exhaustive {
    fn count(&self) -> Option<u64> {
        let all = self.count_from(self.steps, 0).div_ceil(u128::from(SHEAF));
        Some(u64::try_from(all).unwrap_or(u64::MAX))
    }

    fn strategy(&self, number: u64) -> Option<BoxedStrategy<Ordering>> {
        let first = u128::from(number) * u128::from(SHEAF);
        let last = self.reached(number.saturating_add(1));
        let mut board = Board::new(self.class);
        let mut moves = Vec::new();
        for (at, number) in (first..last).enumerate() {
            let call = Call::Next(at as u16);
            let mut push = |step: Move| {
                board.take(&step);
                moves.push(step);
            };
            self.ordering(number)
                .into_iter()
                .for_each(|step| push(step.moved(call)));
            // Whoever is still in the call leaves it as is right, so that it is in nobody's way.
            for role in Role::ALL {
                let mut hangups =
                    signals().filter(|signal| signal.reason.is_some() && board.is_legal(call, role, *signal));
                let open = !matches!(board.state(call, role), State::Idle | State::Ended);
                if let Some(signal) = hangups.next().filter(|_| open) {
                    let step = Step::Say(role, signal).moved(call);
                    board.take(&step);
                    moves.push(step);
                }
            }
        }
        moves.extend(canary());
        (first < last).then(|| {
            let class = self.class;
            Just(Ordering { class, moves }).boxed()
        })
    }
}

/// Moves the call by this step: how many of its signals are wrong, how many can be read in two ways, and whether
/// nobody can say what is wrong.
fn apply(table: &mut Table, step: Step) -> (usize, usize, bool) {
    let both = match step {
        Step::Say(role, signal) => [Some((role, signal)), None],
        Step::Cross(caller, callee) => [Some((Role::Caller, caller)), Some((Role::Callee, callee))],
    };
    let said = both.map(|said| {
        said.map(|(role, signal)| {
            let weighed = table.weigh(role, signal, 0.0);
            table.sent(role, &weighed, 0.0);
            (role, weighed)
        })
    });
    let (mut wrong, mut doubtful, mut unclear) = (0, 0, false);
    for (role, weighed) in said.iter().flatten() {
        wrong += usize::from(!weighed.counts());
        doubtful += usize::from(weighed.doubtful);
        unclear |= weighed.unclear;
        table.received(role.other(), weighed, 0.0, false);
    }
    (wrong, doubtful, unclear)
}

/// What may be said here, alone or across something. Before anybody has called, whoever says what is a caller's is the
/// caller.
fn steps_from(table: &Table, crosses: bool) -> Vec<Step> {
    let begun = Role::ALL.into_iter().any(|role| table.state(role) != State::Idle);
    let says = |role: Role| {
        let callees = move |signal: &Signal| {
            matches!(
                signal.kind,
                Kind::Accept | Kind::Reject | Kind::Busy | Kind::Answer
            )
        };
        signals().filter(move |signal| begun || callees(signal) == (role == Role::Callee))
    };
    let mut all: Vec<Step> = Role::ALL
        .into_iter()
        .flat_map(|role| says(role).map(move |signal| Step::Say(role, signal)))
        .collect();
    if crosses {
        for caller in says(Role::Caller) {
            // Across the initiate the callee may say anything: it does not know yet that it is one.
            let any = begun || caller.kind == Kind::Initiate;
            let callee = signals().filter(|callee| any || says(Role::Callee).any(|other| other == *callee));
            all.extend(callee.map(|callee| Step::Cross(caller, callee)));
        }
    }
    all
}

/// Everything that a call can begin with: in one move, and in two said one after the other. No more than `wrong` signals
/// of it are wrong.
pub(super) fn openings(class: Class, wrong: usize) -> (Vec<Move>, Vec<[Move; 2]>) {
    let (mut ones, mut twos) = (Vec::new(), Vec::new());
    for first in steps_from(&Table::default(), class == Class::Relay) {
        let mut table = Table::default();
        let before = apply(&mut table, first).0;
        if before > wrong {
            continue;
        }
        ones.push(first.moved(Call::Main));
        if matches!(first, Step::Cross(..)) {
            continue;
        }
        for second in steps_from(&table, false) {
            let both = before + apply(&mut table.clone(), second).0;
            if both <= wrong.min(1) {
                twos.push([first, second].map(|step| step.moved(Call::Main)));
            }
        }
    }
    (ones, twos)
}

/// The states that so many steps can lead to, with the steps between them; and how many ends only one side saw.
fn graph(class: Class, steps: usize) -> (Vec<Vec<Edge>>, usize) {
    let mut tables = vec![Table::default()];
    let mut known = HashMap::from([(format!("{:?}", Table::default()), 0)]);
    let mut edges: Vec<Option<Vec<Edge>>> = vec![None];
    let mut depth = vec![0];
    let mut torn = 0;
    // The nearest first: how far it is from the beginning decides what can still follow.
    let nearest = |edges: &[Option<Vec<Edge>>], depth: &[usize]| {
        let open = edges.iter().zip(depth).enumerate();
        let open = open.filter(|(_, (edges, _))| edges.is_none());
        open.min_by_key(|(_, (_, depth))| **depth)
            .map(|(at, (_, depth))| (at, *depth))
    };
    while let Some((at, so_far)) = nearest(&edges, &depth) {
        let table = tables.get(at).cloned().unwrap_or_default();
        let mut own = Vec::new();
        if so_far < steps {
            let all = steps_from(&table, class == Class::Relay && so_far + 2 <= steps);
            for step in all {
                let mut next = table.clone();
                let (wrong, doubtful, unclear) = apply(&mut next, step);
                // A server that judges may take or refuse what can be read in two ways; and what cannot be announced,
                // since nobody can say what is wrong with it, cannot be played.
                if unclear || (class == Class::Enforcing && doubtful > 0) {
                    continue;
                }
                let ended = Role::ALL.map(|role| next.state(role) == State::Ended);
                torn += usize::from(wrong == 0 && doubtful == 0 && ended[0] != ended[1]);
                let to = *known.entry(format!("{next:?}")).or_insert_with(|| {
                    tables.push(next);
                    depth.push(so_far + step.length());
                    edges.push(None);
                    tables.len() - 1
                });
                if let Some(known) = depth.get_mut(to) {
                    *known = (*known).min(so_far + step.length());
                }
                own.push(Edge { step, to, wrong });
            }
        }
        if let Some(slot) = edges.get_mut(at) {
            *slot = Some(own);
        }
    }
    (edges.into_iter().map(Option::unwrap_or_default).collect(), torn)
}
