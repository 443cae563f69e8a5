//! Orderings from a seed. Each is steered to one cell of role × state × signal × reason, so that as many of them as
//! there are cells reach every one; on the way there, and after it, chance decides.

use rand::rngs::ChaCha8Rng;
use rand::{Rng, RngExt, SeedableRng};

use super::coverage::{Cell, signals};
use super::text::Board;
use super::walk::{Call, Move, Reply, Signal};
use crate::profile::Class;
use crate::protocol::{Kind, Reason, Role, State};

/// Milliseconds between two signals that cross.
const GAPS: [u64; 4] = [0, 5, 20, 50];

struct Maker<'a> {
    random: ChaCha8Rng,
    class: Class,
    /// Whether waiting costs nothing.
    waits: bool,
    /// How many users there are.
    users: usize,
    board: Board,
    moves: &'a mut Vec<Move>,
}

/// The moves of this number. `attempt`: another throw of the dice for the same cell.
pub(super) fn moves(
    seed: u64,
    number: u64,
    attempt: u64,
    class: Class,
    waits: bool,
    users: usize,
) -> Vec<Move> {
    let mut moves = Vec::new();
    let cells: Vec<Cell> = Cell::all().collect();
    let mut bytes = [0_u8; 32];
    for (slot, word) in bytes.chunks_exact_mut(8).zip([seed, number, attempt, 0]) {
        slot.copy_from_slice(&word.to_le_bytes());
    }
    let mut maker = Maker {
        random: ChaCha8Rng::from_seed(bytes),
        class,
        waits,
        users,
        board: Board::new(class),
        moves: &mut moves,
    };
    // A step that has no factor in common with the number of cells meets each once, in an order that mixes them.
    let at = (number.wrapping_mul(65) % cells.len() as u64) as usize;
    if let Some(cell) = cells.get(at) {
        maker.walk(*cell);
    }
    moves
}

impl Maker<'_> {
    fn chance(&mut self, of: u32) -> bool {
        self.random.next_u32().is_multiple_of(of.max(1))
    }

    fn pick<T: Copy>(&mut self, of: &[T]) -> Option<T> {
        if of.is_empty() {
            return None;
        }
        of.get(self.random.random_range(0..of.len())).copied()
    }

    fn push(&mut self, step: Move) {
        self.board.apply(&step);
        self.moves.push(step);
    }

    fn say(&mut self, call: Call, role: Role, signal: impl Into<Signal>, reply: Reply) {
        let signal = signal.into();
        self.push(Move::Say {
            call,
            role,
            signal,
            reply,
        });
    }

    fn walk(&mut self, cell: Cell) {
        let bystander = self.chance(3);
        self.toward(cell);
        let aim = Signal {
            kind: cell.signal,
            reason: cell.reason,
        };
        let early = cell.reason == Some(Reason::Timeout) && cell.state == State::Ringing;
        if early && self.waits && self.chance(2) {
            self.push(Move::Wait(30_500));
        }
        let doubtful = self.board.is_doubtful(Call::Main, cell.role, aim);
        if !(doubtful && self.class == Class::Enforcing) {
            self.aim(cell.role, aim);
        }
        for _ in 0..self.random.random_range(0..5_u32) {
            self.beside();
            self.onward();
        }
        self.end(Call::Main);
        if bystander {
            let who = match (self.class, self.users > 2 && self.chance(2)) {
                (_, true) => Some("mallory"),
                (Class::Relay, false) => Some("callee-2"),
                (Class::Enforcing, false) => None,
            };
            if let Some(who) = who {
                self.push(Move::Quiet(who));
            }
        }
        self.canary();
    }

    /// What the cell is about, alone or across something of the other side's.
    fn aim(&mut self, role: Role, aim: Signal) {
        let other: Vec<Signal> = signals()
            .filter(|signal| self.board.is_legal(Call::Main, role.other(), *signal))
            .collect();
        let crosses = self.class == Class::Relay && self.chance(3);
        match self.pick(&other) {
            Some(signal) if crosses => {
                let (mine, theirs) = (self.gap(), self.gap());
                let (caller, callee) = match role {
                    Role::Caller => ((aim, mine), (signal, theirs)),
                    Role::Callee => ((signal, theirs), (aim, mine)),
                };
                self.push(Move::Cross {
                    call: Call::Main,
                    caller,
                    callee,
                });
            }
            _ => {
                let reply = self.reply();
                self.say(Call::Main, role, aim, reply);
            }
        }
    }

    fn gap(&mut self) -> u64 {
        self.pick(&GAPS).unwrap_or(0)
    }

    fn reply(&mut self) -> Reply {
        if self.class != Class::Relay || !self.chance(4) {
            return Reply::Result;
        }
        self.pick(&[
            Reply::Error,
            Reply::Withheld,
            Reply::Late(300),
            Reply::Late(1_500),
        ])
        .unwrap_or(Reply::Result)
    }

    /// The legal way to the cell's state, with this and that in between.
    fn toward(&mut self, cell: Cell) {
        let way = [
            (Role::Caller, Kind::Initiate),
            (Role::Callee, Kind::Accept),
            (Role::Caller, Kind::Offer),
            (Role::Callee, Kind::Answer),
        ];
        let far = match cell.state {
            State::Ended => self.random.random_range(1..=way.len()),
            state => state as usize,
        };
        for (role, kind) in way.into_iter().take(far) {
            self.say(Call::Main, role, kind, Reply::Result);
            self.beside();
        }
        if cell.state == State::Ended {
            self.end(Call::Main);
        }
    }

    /// Something that belongs to no step of the call.
    fn beside(&mut self) {
        if !self.chance(3) {
            return;
        }
        match self.random.random_range(0..6_u32) {
            0 => self.push(Move::Chat {
                from: "caller",
                to: "callee",
            }),
            1 => self.push(Move::Chat {
                from: "callee",
                to: "caller",
            }),
            2 if self.users > 2 => self.push(Move::Chat {
                from: "mallory",
                to: "callee",
            }),
            3 if self.class == Class::Relay && self.waits && !self.owes() => {
                let who = self.pick(&["caller", "callee"]).unwrap_or("callee");
                self.push(Move::Rejoin(who));
            }
            4 if self.class == Class::Relay => {
                let third = self.users > 3 && self.chance(2);
                self.busy(if third { Call::Third } else { Call::Back });
            }
            _ => {
                let time = self.pick(&[10, 100, 400]).unwrap_or(10);
                self.push(Move::Wait(time));
            }
        }
    }

    /// Whether an answer is still owed: who leaves before it gives it has it given by the server, and no second time.
    fn owes(&self) -> bool {
        let held = |step: &Move| matches!(step, Move::Say { reply, .. } if matches!(reply, Reply::Withheld | Reply::Late(_)));
        self.moves.iter().any(held)
    }

    /// A second call that is turned away, or given up, while the first is alive.
    fn busy(&mut self, call: Call) {
        let first_is_live = Role::ALL.into_iter().all(|role| {
            let state = self.board.view(Call::Main, role).state();
            !matches!(state, State::Idle | State::Ended)
        });
        let fresh = self.board.view(call, Role::Caller).state() == State::Idle;
        if !first_is_live || !fresh {
            return;
        }
        self.say(call, Role::Caller, Kind::Initiate, Reply::Result);
        if self.chance(2) {
            self.push(Move::Chat {
                from: "callee",
                to: "caller",
            });
        }
        self.say(call, Role::Callee, Kind::Busy, Reply::Result);
    }

    /// One more step, mostly a legal one.
    fn onward(&mut self) {
        let role = self.pick(&Role::ALL).unwrap_or(Role::Caller);
        let wrong = self.chance(6);
        let fits: Vec<Signal> = signals()
            .filter(|signal| {
                let doubtful = self.board.is_doubtful(Call::Main, role, *signal);
                !doubtful && self.board.is_legal(Call::Main, role, *signal) != wrong
            })
            .filter(|signal| wrong || signal.kind != Kind::Hangup)
            .collect();
        if let Some(signal) = self.pick(&fits) {
            let reply = self.reply();
            self.say(Call::Main, role, signal, reply);
        }
    }

    /// Whoever is still in the call leaves it as is right.
    fn end(&mut self, call: Call) {
        for role in Role::ALL {
            let state = self.board.view(call, role).state();
            if matches!(state, State::Idle | State::Ended) {
                continue;
            }
            let fits: Vec<Signal> = signals()
                .filter(|signal| signal.kind == Kind::Hangup && self.board.is_legal(call, role, *signal))
                .collect();
            if let Some(signal) = self.pick(&fits) {
                self.say(call, role, signal, Reply::Result);
            }
        }
    }

    fn canary(&mut self) {
        let completed = Signal {
            kind: Kind::Hangup,
            reason: Some(Reason::Completed),
        };
        let call: [(Role, Signal); 9] = [
            (Role::Caller, Kind::Initiate.into()),
            (Role::Callee, Kind::Accept.into()),
            (Role::Caller, Kind::Offer.into()),
            (Role::Callee, Kind::Answer.into()),
            (Role::Caller, Kind::IceCandidate.into()),
            (Role::Callee, Kind::IceCandidate.into()),
            (Role::Caller, Kind::MuteChange.into()),
            (Role::Caller, Kind::MuteChange.into()),
            (Role::Caller, completed),
        ];
        for (role, signal) in call {
            self.say(Call::Canary, role, signal, Reply::Result);
        }
    }
}
