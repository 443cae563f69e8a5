//! Which cells of role × state × signal × reason were played, and how often.

use std::collections::BTreeMap;

use serde::Serialize;

use super::walk::Signal;
use crate::protocol::{Kind, Reason, Role, State};

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
}

/// The nine signals, the hangup once for each reason.
pub(super) fn signals() -> impl Iterator<Item = Signal> {
    let others = Kind::ALL.into_iter().filter(|kind| *kind != Kind::Hangup);
    let hangups = Reason::ALL.into_iter().map(|reason| Signal {
        kind: Kind::Hangup,
        reason: Some(reason),
    });
    others.map(Signal::from).chain(hangups)
}

/// How often each cell was played.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Coverage(BTreeMap<Cell, u64>);

impl Coverage {
    pub(super) fn add(&mut self, cells: &[Cell]) {
        for cell in cells {
            *self.0.entry(*cell).or_default() += 1;
        }
    }

    pub fn count(&self, cell: &Cell) -> u64 {
        self.0.get(cell).copied().unwrap_or(0)
    }

    /// Cells played, of how many.
    pub fn share(&self) -> (usize, usize) {
        (self.0.len(), Cell::all().count())
    }

    pub fn iter(&self) -> impl Iterator<Item = (&Cell, u64)> {
        self.0.iter().map(|(cell, count)| (cell, *count))
    }
}
