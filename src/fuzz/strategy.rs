//! Walks on the call machine as a proptest strategy. Each is steered to one cell of role × state × signal × reason, and
//! then to one of the steps that may follow it, so that few walks reach every cell and every pair of steps; what
//! surrounds them is thrown. A throw of nothing is the plainest walk, which is where proptest's shrinking goes.

use std::sync::LazyLock;

use proptest::collection::vec;
use proptest::prelude::{Strategy, any};
use proptest::strategy::BoxedStrategy;

use super::board::Board;
use super::coverage::{Cell, Trait};
use super::source::Source;
use super::walk::{Call, Many, Move, Ordering, Parting, Reply, Signal, canary, signals};
use crate::profile::{Addressing, Class};
use crate::protocol::{Kind, Reason, Role, State};
use crate::run::Place;

/// Milliseconds between two signals that cross.
pub(super) const GAPS: [u64; 4] = [0, 5, 20, 50];
/// What a walk is mostly about, besides its cell; in turn.
const ABOUT: [Trait; 8] = [
    Trait::Legal,
    Trait::Crossing,
    Trait::ManyWrong,
    Trait::Interleaved,
    Trait::Answers,
    Trait::Returns,
    Trait::ThirdParty,
    Trait::Devices,
];
/// A step that has no factor in common with the number of cells meets each once, in an order that mixes them.
const STRIDE: u64 = 65;
/// One in so many walks comes after many calls.
const CROWDED: u64 = 128;
/// How many: beyond what few servers hold.
const CROWDS: [u64; 2] = [66, 12];
/// Chat messages that are a flood.
const FLOOD: u64 = 25;
/// Milliseconds: whoever was rung for so long may give up.
pub(super) const RUNG: u64 = 30_500;

static CELLS: LazyLock<Vec<Cell>> = LazyLock::new(|| Cell::all().collect());

/// What decides how cases look, besides the seed.
#[derive(Debug, Clone, Copy)]
pub(super) struct Ground {
    pub class: Class,
    /// Whether waiting costs nothing.
    pub waits: bool,
    pub users: usize,
    /// Whether one of them can come back, or have two devices.
    pub names: bool,
    /// Whether a call needs a full JID.
    pub full: bool,
}

impl Ground {
    pub fn of(place: &Place) -> Ground {
        let (waits, users, names) = match place {
            Place::Embedded(_) | Place::Rigged(_) => (true, 4, true),
            Place::Target(target) if target.is_anonymous() => (false, 4, false),
            Place::Target(target) => (false, target.accounts.len(), true),
        };
        Ground {
            class: place.profile().class,
            waits,
            users,
            names,
            full: place.profile().addressing == Addressing::Full,
        }
    }
}

/// Walks for this ground.
#[derive(Debug, Clone, Copy)]
pub(super) struct Walks(pub Ground);

impl Source for Walks {
    fn strategy(&self, number: u64) -> Option<BoxedStrategy<Ordering>> {
        let ground = self.0;
        let all = CELLS.len() as u64;
        let cell = *CELLS.get((number.wrapping_mul(STRIDE) % all) as usize)?;
        let round = number / all;
        let about = *ABOUT.get(((number + round) % ABOUT.len() as u64) as usize)?;
        let strategy = (
            vec(throw(), 4..=5),
            throw(),
            vec((throw(), throw()), 0..5),
            throw(),
        );
        let walk = move |(way, aim, turns, end): (Vec<Throw>, Throw, Vec<(Throw, Throw)>, Throw)| {
            let mut maker = Maker {
                ground,
                about,
                board: Board::new(ground.class),
                moves: Vec::new(),
            };
            if number % CROWDED == CROWDED / 2 {
                maker.crowd(number / CROWDED, end);
            }
            maker.walk(cell, round, &way, aim, &turns, end)
        };
        Some(strategy.prop_map(walk).boxed())
    }
}

/// Whether something is done, of a hundred; what; and which of it.
pub(super) type Throw = (u8, u8, u16);

fn throw() -> impl Strategy<Value = Throw> {
    (0..100_u8, any::<u8>(), any::<u16>())
}

pub(super) fn pick<T: Copy>(of: &[T], which: impl Into<usize>) -> Option<T> {
    of.get(which.into().checked_rem(of.len())?).copied()
}

/// Whether only whoever is on this side of a call says this, so that it makes its sender that side of a call that has
/// not begun.
fn is_of(role: Role, signal: Signal) -> bool {
    match role {
        Role::Caller => matches!(signal.kind, Kind::Initiate | Kind::Offer),
        Role::Callee => matches!(
            signal.kind,
            Kind::Accept | Kind::Reject | Kind::Busy | Kind::Answer
        ),
    }
}

pub(super) struct Maker {
    pub ground: Ground,
    pub about: Trait,
    pub board: Board,
    pub moves: Vec<Move>,
}

impl Maker {
    pub fn push(&mut self, step: Move) {
        // What does not fit here comes to nothing.
        if !self.board.take(&step).is_empty() {
            self.moves.push(step);
        }
    }

    pub fn say(&mut self, call: Call, role: Role, signal: impl Into<Signal>, reply: Reply) {
        let signal = signal.into();
        self.push(Move::Say {
            call,
            role,
            signal,
            reply,
        });
    }

    fn walk(
        mut self,
        cell: Cell,
        round: u64,
        way: &[Throw],
        aim: Throw,
        turns: &[(Throw, Throw)],
        end: Throw,
    ) -> Ordering {
        self.toward(cell, round, way);
        let signal = cell.told();
        let early = cell.reason == Some(Reason::Timeout) && cell.state == State::Ringing;
        if early && self.ground.waits && round.is_multiple_of(2) {
            self.push(Move::Wait(RUNG));
        }
        let doubtful = self.is_doubtful(cell.role, signal);
        let flips = cell.role == Role::Callee && is_of(Role::Caller, signal) && self.is_idle();
        if !((doubtful || flips) && self.ground.class == Class::Enforcing) {
            let legal = self.board.is_legal(Call::Main, cell.role, signal);
            self.aim(cell.role, signal, aim, legal && round % 3 != 2);
            if legal {
                self.follow(round);
            }
        }
        for (beside, step) in turns {
            self.beside(*beside);
            self.onward(*step);
        }
        if self.ground.class == Class::Enforcing {
            match pick(&[0, 1, 2, 3], end.1) {
                // Where time passes as it does, ringing out is for a few.
                Some(1) if self.ground.waits || end.2.is_multiple_of(8) => self.push(Move::Expire),
                Some(what @ (2 | 3)) => self.push(Move::Vanish {
                    role: if what == 2 { Role::Caller } else { Role::Callee },
                    parting: if end.2 & 2 == 0 {
                        Parting::Closes
                    } else {
                        Parting::Breaks
                    },
                }),
                _ => {}
            }
        }
        for call in self.board.calls().collect::<Vec<_>>() {
            self.end(call, end.2);
        }
        self.listen(end);
        canary().for_each(|step| self.push(step));
        Ordering {
            class: self.ground.class,
            moves: self.moves,
        }
    }

    /// Many calls before this one.
    fn crowd(&mut self, turn: u64, throw: Throw) {
        let how = match throw.0 % 4 {
            0 => Many::Ended,
            1 => Many::Left,
            _ => Many::AtOnce,
        };
        let calls = pick(&CROWDS, turn as usize).unwrap_or(1);
        self.push(Move::Crowd { calls, how });
        // Whoever leaves a call ringing for longer than it may does wrong itself.
        self.ground.waits &= how == Many::Ended;
    }

    /// The legal way to the cell's state, with this and that in between.
    fn toward(&mut self, cell: Cell, round: u64, throws: &[Throw]) {
        let way = [
            (Role::Caller, Kind::Initiate),
            (Role::Callee, Kind::Accept),
            (Role::Caller, Kind::Offer),
            (Role::Callee, Kind::Answer),
        ];
        let last = throws.first().map_or(0, |throw| throw.2);
        let far = match cell.state {
            State::Ended => 1 + usize::from(last) % way.len(),
            state => state as usize,
        };
        for (at, (role, kind)) in way.into_iter().take(far).enumerate() {
            self.say(Call::Main, role, kind, Reply::Result);
            if let Some(throw) = throws.get(at) {
                self.beside(*throw);
            }
        }
        if cell.state == State::Ended && !(round.is_multiple_of(2) && self.end_for(cell)) {
            self.end(Call::Main, last);
        }
    }

    /// The other side ends the call, so that what the cell says is legal: the echo of it.
    fn end_for(&mut self, cell: Cell) -> bool {
        let other = cell.role.other();
        let ends = signals().find(|signal| {
            let mut board = self.board.clone();
            board.is_legal(Call::Main, other, *signal) && {
                board.take(&Move::Say {
                    call: Call::Main,
                    role: other,
                    signal: *signal,
                    reply: Reply::Result,
                });
                board.state(Call::Main, cell.role) == State::Ended
                    && board.is_legal(Call::Main, cell.role, cell.told())
            }
        });
        if let Some(signal) = ends {
            self.say(Call::Main, other, signal, Reply::Result);
        }
        ends.is_some()
    }

    /// What the cell is about, alone or across something of the other side's.
    fn aim(&mut self, role: Role, aim: Signal, throw: Throw, alone: bool) {
        let other: Vec<Signal> = signals()
            .filter(|signal| self.board.is_legal(Call::Main, role.other(), *signal))
            .collect();
        let often = if self.about == Trait::Crossing { 20 } else { 80 };
        let crosses = self.ground.class == Class::Relay && !alone && throw.0 >= often;
        if self.ground.class == Class::Relay
            && role == Role::Callee
            && is_of(Role::Caller, aim)
            && self.is_idle()
        {
            // Nobody is the callee before the other side has called; across that it does not know it yet.
            let across = Move::Cross {
                call: Call::Main,
                caller: (Kind::Initiate.into(), 0),
                callee: (aim, 0),
            };
            self.push(across);
            return;
        }
        match pick(&other, throw.1) {
            Some(signal) if crosses => self.cross(role, aim, signal, throw.2),
            _ => {
                let reply = self.reply(throw);
                self.say(Call::Main, role, aim, reply);
            }
        }
    }

    /// Whether nobody can say what is right: two readings, or a server that judges may take it or not.
    fn is_doubtful(&self, role: Role, signal: Signal) -> bool {
        self.is_doubtful_on(&self.board, role, signal)
    }

    fn is_doubtful_on(&self, board: &Board, role: Role, signal: Signal) -> bool {
        match self.ground.class {
            Class::Relay => board.is_doubtful(Call::Main, role, signal),
            Class::Enforcing => board.is_left_open(Call::Main, role, signal),
        }
    }

    fn is_idle(&self) -> bool {
        let mut roles = Role::ALL.into_iter();
        roles.all(|role| self.board.state(Call::Main, role) == State::Idle)
    }

    fn cross(&mut self, role: Role, own: Signal, others: Signal, gaps: u16) {
        let gap = |which| pick(&GAPS, which).unwrap_or(0);
        let (mine, theirs) = ((own, gap(gaps % 4)), (others, gap(gaps / 4 % 4)));
        let (mut caller, callee) = match role {
            Role::Caller => (mine, theirs),
            Role::Callee => (theirs, mine),
        };
        // Whoever speaks before the call has begun would be its caller.
        if caller.0.kind == Kind::Initiate {
            caller.1 = 0;
        }
        self.push(Move::Cross {
            call: Call::Main,
            caller,
            callee,
        });
    }

    /// One of the legal steps that may come next, another one each time.
    fn follow(&mut self, round: u64) {
        let legal = |board: &Board| -> Vec<(Role, Signal)> {
            let roles = Role::ALL.into_iter();
            let all = roles.flat_map(|role| signals().map(move |signal| (role, signal)));
            all.filter(|(role, signal)| board.is_legal(Call::Main, *role, *signal))
                .collect()
        };
        let now = legal(&self.board);
        let mut later = Vec::new();
        if self.ground.waits {
            let mut board = self.board.clone();
            board.take(&Move::Wait(RUNG));
            later = legal(&board);
            later.retain(|step| !now.contains(step));
        }
        let Some(which) = (round as usize).checked_rem(now.len() + later.len()) else {
            return;
        };
        let step = match now.get(which) {
            Some(step) => Some(*step),
            None => {
                self.push(Move::Wait(RUNG));
                later.get(which - now.len()).copied()
            }
        };
        if let Some((role, signal)) = step {
            self.say(Call::Main, role, signal, Reply::Result);
        }
    }

    fn reply(&mut self, throw: Throw) -> Reply {
        let often = if self.about == Trait::Answers { 30 } else { 85 };
        if self.ground.class != Class::Relay || throw.0 < often {
            return Reply::Result;
        }
        let all = [
            Reply::Late(300),
            Reply::Late(1_500),
            Reply::Withheld,
            Reply::Error,
        ];
        pick(&all, throw.1).unwrap_or(Reply::Result)
    }

    /// One more step, mostly a legal one.
    fn onward(&mut self, throw: Throw) {
        let (done, what, which) = throw;
        let role = if what.is_multiple_of(2) {
            Role::Caller
        } else {
            Role::Callee
        };
        let wrong = match self.about {
            Trait::Legal => false,
            Trait::ManyWrong => done >= 40,
            _ => done >= 88,
        };
        let fits: Vec<Signal> = signals()
            .filter(|signal| {
                let doubtful = self.is_doubtful(role, *signal);
                let flips = self.is_idle() && is_of(role.other(), *signal);
                !doubtful && !flips && self.board.is_legal(Call::Main, role, *signal) != wrong
            })
            .filter(|signal| wrong || !matches!(signal.kind, Kind::Hangup | Kind::Reject | Kind::Busy))
            .collect();
        let Some(signal) = pick(&fits, which) else { return };
        let others: Vec<Signal> = signals()
            .filter(|signal| self.board.is_legal(Call::Main, role.other(), *signal))
            .collect();
        let crosses = self.about == Trait::Crossing && !what.is_multiple_of(3);
        match pick(&others, which / 16) {
            Some(other) if crosses && self.ground.class == Class::Relay => {
                self.cross(role, signal, other, which);
            }
            _ if self.about == Trait::Crossing && !wrong => self.breath(role, signal, which),
            _ => {
                let reply = self.reply(throw);
                self.say(Call::Main, role, signal, reply);
            }
        }
    }

    /// This and what the same side may say next, in one breath; now and then behind a flood of chat.
    fn breath(&mut self, role: Role, first: Signal, which: u16) {
        let mut board = self.board.clone();
        let mut all = vec![first];
        for more in 0..1 + which % 3 {
            let last = [all.last().copied().unwrap_or(first)];
            board.take(&Move::Breath {
                call: Call::Main,
                role,
                chats: 0,
                signals: last.to_vec(),
            });
            let fits: Vec<Signal> = signals()
                .filter(|signal| {
                    board.is_legal(Call::Main, role, *signal) && !self.is_doubtful_on(&board, role, *signal)
                })
                .collect();
            all.extend(pick(&fits, which >> (2 * more + 2)));
        }
        self.push(Move::Breath {
            call: Call::Main,
            role,
            chats: if which.is_multiple_of(3) { FLOOD } else { 0 },
            signals: all,
        });
    }

    /// Whoever is still in the call leaves it as is right.
    fn end(&mut self, call: Call, which: u16) {
        for role in Role::ALL {
            let state = self.board.state(call, role);
            if matches!(state, State::Idle | State::Ended) {
                continue;
            }
            let fits: Vec<Signal> = signals()
                .filter(|signal| signal.kind == Kind::Hangup && self.board.is_legal(call, role, *signal))
                .collect();
            if let Some(signal) = pick(&fits, which) {
                self.say(call, role, signal, Reply::Result);
            }
        }
    }
}
