//! What happens beside the steps of a walk's call: chat and waits, second calls on the same streams, returns, strangers, and a
//! user's other devices.

use super::coverage::Trait;
use super::strategy::{GAPS, Maker, RUNG, Throw, pick};
use super::walk::{Call, Move, Parting, Reply, Rung, Signal, Then, signals};
use crate::profile::Class;
use crate::protocol::{Kind, Role, State};

/// Chat messages one right after the other; now and then more than fifty, of which one may be lost.
const COUNTS: [u64; 32] = [
    1, 2, 1, 1, 1, 2, 1, 1, 1, 2, 1, 1, 1, 2, 1, 60, 1, 2, 1, 1, 1, 2, 1, 1, 1, 2, 1, 1, 1, 2, 1, 1,
];

/// Something that belongs to no step of the call.
#[derive(Debug, Clone, Copy)]
enum Beside {
    Chat,
    StrangersChat,
    Wait,
    Rejoin,
    Miss,
    Astray,
    Stray,
    Forge,
    Second(Call),
    Ring,
}

impl Maker {
    pub fn beside(&mut self, throw: Throw) {
        let often = match self.about {
            Trait::Legal | Trait::ManyWrong | Trait::Crossing => 75,
            _ => 45,
        };
        if throw.0 < often {
            return;
        }
        let relay = self.ground.class == Class::Relay;
        let names = self.ground.names;
        let users = self.ground.users;
        let mut all = vec![Beside::Wait, Beside::Chat];
        let mut own = Vec::new();
        if users > 2 {
            all.push(Beside::StrangersChat);
            own.extend((self.about == Trait::ThirdParty).then_some(Beside::Stray));
        }
        if relay {
            all.push(Beside::Second(Call::Back));
            if users > 3 {
                all.push(Beside::Second(Call::Third));
                own.extend((self.about == Trait::ThirdParty).then_some(Beside::Second(Call::Third)));
            }
            if users > 2 && names && self.about == Trait::ThirdParty {
                own.push(Beside::Forge);
            }
            if self.about == Trait::Interleaved {
                own.extend([Beside::Second(Call::Back), Beside::Second(Call::Back)]);
            }
            if self.about == Trait::Returns {
                own.push(Beside::Astray);
            }
            if names {
                all.push(Beside::Rejoin);
                match self.about {
                    Trait::Returns => own.extend([Beside::Rejoin, Beside::Miss]),
                    Trait::Devices | Trait::Interleaved => own.push(Beside::Second(Call::Device)),
                    _ => {}
                }
            }
        } else if names && self.about == Trait::Devices {
            own.push(Beside::Ring);
        }
        let from = if own.is_empty() || throw.1.is_multiple_of(3) {
            all
        } else {
            own
        };
        if let Some(beside) = pick(&from, throw.1 / 3) {
            self.do_beside(beside, throw.2);
        }
    }

    fn do_beside(&mut self, beside: Beside, which: u16) {
        let role = if which.is_multiple_of(2) {
            Role::Caller
        } else {
            Role::Callee
        };
        let (from, to) = (Call::Main.actor(role), Call::Main.actor(role.other()));
        let parting = match which & 0x200 {
            0 => Parting::Closes,
            _ => Parting::Breaks,
        };
        let count = pick(&COUNTS, which / 2).unwrap_or(1);
        match beside {
            Beside::Chat => self.push(Move::Chat { from, to, count }),
            Beside::StrangersChat => self.push(Move::Chat {
                from: "mallory",
                to,
                count,
            }),
            Beside::Wait => self.wait(which),
            Beside::Rejoin => self.push(Move::Rejoin { who: from, parting }),
            Beside::Miss => {
                let signal = pick(&[Kind::MuteChange, Kind::IceCandidate], which / 2);
                let signal = signal.unwrap_or(Kind::MuteChange).into();
                self.push(Move::Miss {
                    role,
                    signal,
                    parting,
                });
            }
            Beside::Astray => self.push(Move::Astray {
                bare: self.ground.full && which.is_multiple_of(4),
                ends: which & 2 == 0,
            }),
            Beside::Stray => {
                let all: Vec<Signal> = signals().filter(|signal| signal.kind != Kind::Initiate).collect();
                if let Some(signal) = pick(&all, which / 2) {
                    self.push(Move::Stray { to: role, signal });
                }
            }
            Beside::Forge => {
                self.push(Move::Forge);
                // It may ring, and nobody ends it.
                self.ground.waits = false;
            }
            Beside::Ring => self.ring(which),
            Beside::Second(call) => self.second(call, which),
        }
    }

    /// A moment; or, where the call is answered and nothing else rings, so long that no timer may still run.
    fn wait(&mut self, which: u16) {
        let answered = |role| {
            let state = self.board.state(Call::Main, role);
            !matches!(state, State::Idle | State::Ringing | State::Ended)
        };
        let long = self.ground.waits && Role::ALL.into_iter().all(answered) && !self.board.rings();
        let time = match pick(&[10, 100, 400, RUNG], which).unwrap_or(10) {
            RUNG if !long => 10,
            time => time,
        };
        self.push(Move::Wait(time));
    }

    fn ring(&mut self, which: u16) {
        let then = match (which / 2) % 8 {
            0..=1 => Then::Accepts,
            2..=3 => Then::Declines,
            4..=5 => Then::Races(pick(&GAPS, which / 16).unwrap_or(0)),
            // Where time passes as it does, ringing out is for a few.
            _ if self.ground.waits || which.is_multiple_of(64) => Then::RingsOut,
            _ => Then::Accepts,
        };
        let second = which.is_multiple_of(2);
        self.push(Move::Ring(Rung { second, then }));
    }

    /// The next step of a second call on the same streams, while the first is alive or after it.
    fn second(&mut self, call: Call, which: u16) {
        if self.board.state(Call::Main, Role::Caller) == State::Idle {
            return;
        }
        let fits = self.legal(call);
        let fits: Vec<_> = fits
            .into_iter()
            .filter(|(role, signal)| !(signal.kind == Kind::Accept && self.engaged(call, *role)))
            .collect();
        if let Some((role, signal)) = pick(&fits, which) {
            self.say(call, role, signal, Reply::Result);
        }
    }

    fn legal(&self, call: Call) -> Vec<(Role, Signal)> {
        let table = self.board.table(call);
        let roles = Role::ALL.into_iter();
        let all = roles.flat_map(|role| signals().map(move |signal| (role, signal)));
        all.filter(|(role, signal)| table.is_legal(*role, *signal, self.board.at))
            .collect()
    }

    /// Whether whoever is on this side of it is taken up by another call.
    fn engaged(&self, call: Call, role: Role) -> bool {
        let who = call.actor(role);
        self.board.calls().filter(|other| *other != call).any(|other| {
            Role::ALL.into_iter().any(|role| {
                let state = self.board.state(other, role);
                other.actor(role) == who
                    && matches!(state, State::Accepted | State::Offered | State::Answered)
            })
        })
    }

    /// Somebody who has no part in it has heard nothing.
    pub fn listen(&mut self, throw: Throw) {
        if throw.0 < 60 {
            return;
        }
        let strays = |step: &Move| matches!(step, Move::Chat { from: "mallory", .. } | Move::Stray { .. });
        let who = match throw.1.is_multiple_of(2) || self.moves.iter().any(strays) {
            true if self.ground.users > 2 => "mallory",
            _ if self.ground.names && self.ground.class == Class::Relay => "callee-2",
            _ => return,
        };
        let calls_device = |step: &Move| {
            matches!(
                step,
                Move::Say {
                    call: Call::Device,
                    ..
                }
            )
        };
        if who == "callee-2" && self.moves.iter().any(calls_device) {
            return;
        }
        self.push(Move::Quiet(who));
    }
}
