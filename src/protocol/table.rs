//! The two tables of docs/protocol.md as data: who may send what in which state, and with which reason.

use super::{Kind, Reason, Role, State};
use State::{Accepted, Answered, Ended, Offered, Ringing};

/// One cell of a table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cell {
    /// May be sent, and leads there.
    Yes(State),
    /// The seed is silent or ambiguous: never a failure. The state stays.
    Ambiguous,
    /// A violation.
    No,
}

use Cell::{Ambiguous as A, No as X, Yes};

/// A row: the cells for idle, ringing, accepted, offered, answered, ended.
type Row = [Cell; 6];

const NEVER: Row = [X; 6];
const MUTE: Row = [X, X, A, A, Yes(Answered), X];
const HANGUP: Row = [X, Yes(Ended), Yes(Ended), Yes(Ended), Yes(Ended), X];

/// What the caller may send, in the order of [`Kind::ALL`].
const CALLER: [Row; 9] = [
    [Yes(Ringing), X, X, X, X, X],
    NEVER,
    NEVER,
    NEVER,
    [X, X, Yes(Offered), X, A, X],
    NEVER,
    [X, X, X, Yes(Offered), Yes(Answered), X],
    HANGUP,
    MUTE,
];

/// What the callee may send, in the order of [`Kind::ALL`].
const CALLEE: [Row; 9] = [
    NEVER,
    [X, Yes(Accepted), X, X, X, X],
    [X, Yes(Ended), X, X, X, X],
    [X, Yes(Ended), X, X, X, X],
    [X, X, X, X, A, X],
    [X, X, X, Yes(Answered), X, X],
    [X, X, X, A, Yes(Answered), X],
    HANGUP,
    MUTE,
];

/// May `role` send `kind` in `state`? Echoes and answers to a renegotiation are the view's to add.
pub fn may_send(role: Role, kind: Kind, state: State) -> Cell {
    let rows = match role {
        Role::Caller => &CALLER,
        Role::Callee => &CALLEE,
    };
    rows[kind as usize][state as usize]
}

/// May a hangup of `role` give `reason` in `state`? Only for the four states in which a hangup may stand.
pub fn may_give(role: Role, reason: Reason, state: State) -> Cell {
    const Y: Cell = Yes(Ended);
    let row: [Cell; 4] = match (reason, role) {
        (Reason::Cancelled, Role::Caller) => [Y, A, A, X],
        (Reason::Timeout, _) => [Y, A, A, X],
        (Reason::Rejected | Reason::Busy, Role::Callee) => [Y, X, X, X],
        (Reason::Cancelled, Role::Callee) | (Reason::Rejected | Reason::Busy, Role::Caller) => [X; 4],
        (Reason::Failed, _) => [A, Y, Y, Y],
        (Reason::Completed, _) => [X, A, A, Y],
    };
    match state {
        Ringing => row[0],
        Accepted => row[1],
        Offered => row[2],
        Answered => row[3],
        State::Idle | Ended => X,
    }
}
