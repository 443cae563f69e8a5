//! The two transition tables as data: who may send what when, and which reason may end which call.

use super::{Kind, Reason, Role, State};

/// One cell of a table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cell {
    /// Allowed, and the call then stands here.
    Yes(State),
    /// The seed is silent or can be read in two ways; the call stays where it is.
    Ambiguous,
    /// A violation.
    No,
}

/// Six cells, one for each of [`State::ALL`] in its order.
pub type Row = [Cell; 6];

const X: Cell = Cell::No;
const A: Cell = Cell::Ambiguous;
const NEVER: Row = [X; 6];
const ENDS: Row = {
    let end = Cell::Yes(State::Ended);
    [X, end, end, end, end, X]
};
const MUTE: Row = [X, X, A, A, Cell::Yes(State::Answered), X];

/// What a caller may send: a row for each of [`Kind::ALL`] in its order (seed, call flow).
pub const CALLER: [Row; 9] = [
    [Cell::Yes(State::Ringing), X, X, X, X, X],
    NEVER,
    NEVER,
    NEVER,
    [X, X, Cell::Yes(State::Offered), X, A, X],
    NEVER,
    [X, X, X, Cell::Yes(State::Offered), Cell::Yes(State::Answered), X],
    ENDS,
    MUTE,
];

/// What a callee may send: a row for each of [`Kind::ALL`] in its order (seed, call flow).
pub const CALLEE: [Row; 9] = [
    NEVER,
    [X, Cell::Yes(State::Accepted), X, X, X, X],
    [X, Cell::Yes(State::Ended), X, X, X, X],
    [X, Cell::Yes(State::Ended), X, X, X, X],
    [X, X, X, X, A, X],
    [X, X, X, Cell::Yes(State::Answered), X, X],
    [X, X, X, A, Cell::Yes(State::Answered), X],
    ENDS,
    MUTE,
];

const END: Cell = Cell::Yes(State::Ended);

/// Which reason a caller's hangup may give: a row for each of [`Reason::ALL`] in its order (seed, reasons).
pub const CALLER_REASONS: [Row; 6] = [
    [X, X, A, A, END, X],
    NEVER,
    [X, END, A, A, X, X],
    NEVER,
    [X, A, END, END, END, X],
    [X, END, A, A, X, X],
];

/// Which reason a callee's hangup may give: a row for each of [`Reason::ALL`] in its order (seed, reasons).
pub const CALLEE_REASONS: [Row; 6] = [
    [X, X, A, A, END, X],
    [X, END, X, X, X, X],
    [X, END, A, A, X, X],
    [X, END, X, X, X, X],
    [X, A, END, END, END, X],
    NEVER,
];

/// May this party send this signal in this state of its view? The echo of an ended call and the answer to a
/// renegotiation offer depend on more than the state, so [`super::View`] decides them.
#[must_use]
pub const fn signal_cell(role: Role, kind: Kind, state: State) -> Cell {
    match role {
        Role::Caller => CALLER[kind as usize][state as usize],
        Role::Callee => CALLEE[kind as usize][state as usize],
    }
}

/// May this party's hangup give this reason in this state of its view?
#[must_use]
pub const fn reason_cell(role: Role, reason: Reason, state: State) -> Cell {
    match role {
        Role::Caller => CALLER_REASONS[reason as usize][state as usize],
        Role::Callee => CALLEE_REASONS[reason as usize][state as usize],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DOCUMENT: &str = include_str!("../../docs/protocol.md");

    fn state(name: &str) -> State {
        State::ALL
            .into_iter()
            .find(|state| format!("{state:?}").to_lowercase() == name)
            .unwrap_or_else(|| panic!("no state {name}"))
    }

    fn cell(text: &str) -> Cell {
        match text.chars().next() {
            Some('✓') => Cell::Yes(state(
                text.split('→').nth(1).expect("✓ names the state after").trim(),
            )),
            Some('~') => Cell::Ambiguous,
            Some('✗') => Cell::No,
            _ => panic!("not a cell: {text:?}"),
        }
    }

    /// The rows of the table whose heading's first cell is `title`, each with its name and six cells.
    fn rows(title: &str) -> Vec<(String, Vec<Cell>)> {
        DOCUMENT
            .lines()
            .skip_while(|line| !line.starts_with(&format!("| {title} |")))
            .skip(2)
            .take_while(|line| line.starts_with('|'))
            .map(|line| {
                let mut parts = line.trim_matches('|').split('|').map(str::trim);
                let name = parts.next().expect("a name").trim_matches('`').to_owned();
                (name, parts.map(cell).collect())
            })
            .collect()
    }

    #[test]
    fn the_document_and_the_signal_tables_agree_in_every_cell() {
        for (title, role) in [("caller sends", Role::Caller), ("callee sends", Role::Callee)] {
            let rows = rows(title);
            assert_eq!(rows.len(), 9, "{title}");
            for (name, cells) in rows {
                let kind = Kind::from_name(&name).expect("a signal");
                assert_eq!(cells.len(), 6);
                for (state, cell) in State::ALL.into_iter().zip(cells) {
                    assert_eq!(signal_cell(role, kind, state), cell, "{title} {name} {state:?}");
                }
            }
        }
    }

    #[test]
    fn the_document_and_the_reason_tables_agree_in_every_cell() {
        for (title, role) in [
            ("caller's reason", Role::Caller),
            ("callee's reason", Role::Callee),
        ] {
            let rows = rows(title);
            assert_eq!(rows.len(), 6, "{title}");
            for (name, cells) in rows {
                let reason = Reason::from_wire(&name).expect("a reason");
                assert_eq!(cells.len(), 6);
                for (state, cell) in State::ALL.into_iter().zip(cells) {
                    assert_eq!(reason_cell(role, reason, state), cell, "{title} {name} {state:?}");
                }
            }
        }
    }
}
