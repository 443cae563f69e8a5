//! What is like an ordering and simpler, or says something else in its place: what shrinking tries.

use super::walk::{Call, Many, Move, Ordering, Parting, Reply, Rung, Signal, Then, signals};
use crate::protocol::{Reason, Role};

impl Move {
    /// The time that it takes on purpose, in milliseconds.
    fn times(&mut self) -> Vec<&mut u64> {
        match self {
            Move::Wait(time)
            | Move::Say {
                reply: Reply::Late(time),
                ..
            } => vec![time],
            Move::Cross { caller, callee, .. } => vec![&mut caller.1, &mut callee.1],
            Move::Ring(Rung {
                then: Then::Races(time),
                ..
            }) => vec![time],
            _ => Vec::new(),
        }
    }

    /// How many there are of it.
    fn count(&mut self) -> Option<&mut u64> {
        match self {
            Move::Chat { count, .. }
            | Move::Crowd { calls: count, .. }
            | Move::Breath { chats: count, .. } => Some(count),
            _ => None,
        }
    }

    fn parting(&mut self) -> Option<&mut Parting> {
        match self {
            Move::Rejoin { parting, .. } | Move::Miss { parting, .. } | Move::Vanish { parting, .. } => {
                Some(parting)
            }
            _ => None,
        }
    }

    /// The same without what is rarer than need be, one thing at a time.
    fn plainer(&self) -> Vec<Move> {
        let mut all = Vec::new();
        let mut change = |change: &dyn Fn(&mut Move)| {
            let mut plain = self.clone();
            change(&mut plain);
            if plain != *self {
                all.push(plain);
            }
        };
        change(&|step| {
            if let Move::Say { reply, .. } = step {
                *reply = Reply::Result;
            }
        });
        change(&|step| {
            if let Move::Chat { from, to, .. } = step
                && *from == "mallory"
            {
                (*from, *to) = ("caller", "callee");
            }
        });
        change(&|step| {
            if let Some(parting) = step.parting() {
                *parting = Parting::Closes;
            }
        });
        change(&|step| {
            if let Move::Breath { chats, .. } = step {
                *chats = 0;
            }
        });
        change(&|step| {
            if let Move::Ring(rung) = step {
                rung.then = Then::Accepts;
            }
        });
        change(&|step| {
            if let Move::Ring(rung) = step {
                rung.second = false;
            }
        });
        change(&|step| {
            if let Move::Crowd { how, .. } = step
                && *how == Many::AtOnce
            {
                *how = Many::Left;
            }
        });
        change(&|step| {
            if let Move::Astray { ends, .. } = step {
                *ends = false;
            }
        });
        let count = self.clone().count().map_or(0, |count| *count);
        for fewer in [1, count / 2, count - count / 8, count.saturating_sub(1)] {
            if fewer > 0 && fewer < count {
                change(&|step| {
                    if let Some(count) = step.count() {
                        *count = fewer;
                    }
                });
            }
        }
        all
    }
}

impl Ordering {
    /// The same with this reason in all its hangups but those that cross something.
    pub fn ended_for(&self, other: Reason) -> Ordering {
        let mut moves = self.moves.clone();
        for step in &mut moves {
            if let Move::Say { signal, .. } = step
                && signal.reason.is_some()
            {
                *signal = other.into();
            }
        }
        Ordering {
            class: self.class,
            moves,
        }
    }

    /// The same with something else said in this move, by the same side.
    pub fn said_otherwise(&self, part: usize) -> Vec<Ordering> {
        let Some(Move::Say {
            call, role, signal, ..
        }) = self.moves.get(part)
        else {
            return Vec::new();
        };
        let others = signals().filter(|other| other != signal);
        let say = |signal| Move::Say {
            call: *call,
            role: *role,
            signal,
            reply: Reply::Result,
        };
        others.map(|signal| self.with(part, vec![say(signal)])).collect()
    }

    /// What was said in one breath one after the other, or with one thing less.
    fn breathing(
        &self,
        part: usize,
        (call, role): (Call, Role),
        chats: u64,
        signals: &[Signal],
    ) -> Vec<Ordering> {
        let chat = (chats > 0).then(|| Move::Chat {
            from: call.actor(role),
            to: call.actor(role.other()),
            count: chats,
        });
        let says = signals.iter().map(|signal| Move::Say {
            call,
            role,
            signal: *signal,
            reply: Reply::Result,
        });
        let mut all = vec![self.with(part, chat.into_iter().chain(says).collect())];
        for left_out in 0..signals.len() {
            let mut signals = signals.to_vec();
            signals.remove(left_out);
            let breath = Move::Breath {
                call,
                role,
                chats,
                signals,
            };
            all.push(self.with(part, vec![breath]));
        }
        all
    }

    /// What differs from it in this move only, and is simpler; the simplest first.
    pub fn simpler(&self, part: usize) -> Vec<Ordering> {
        let Some(step) = self.moves.get(part) else {
            return Vec::new();
        };
        let mut all = Vec::new();
        if let Move::Cross { call, caller, callee } = step {
            // One signal after the other in place of a crossing.
            let say = |role, signal| Move::Say {
                call: *call,
                role,
                signal,
                reply: Reply::Result,
            };
            let caller = say(Role::Caller, caller.0);
            let callee = say(Role::Callee, callee.0);
            all.push(self.with(part, vec![caller.clone()]));
            all.push(self.with(part, vec![callee.clone()]));
            all.push(self.with(part, vec![caller.clone(), callee.clone()]));
            all.push(self.with(part, vec![callee, caller]));
        }
        if let Move::Breath {
            call,
            role,
            chats,
            signals,
        } = step
        {
            all.extend(self.breathing(part, (*call, *role), *chats, signals));
        }
        all.extend(
            step.plainer()
                .into_iter()
                .map(|plain| self.with(part, vec![plain])),
        );
        // The shortest wait that will do, by halves.
        for which in 0..step.clone().times().len() {
            let mut next = step.clone();
            let Some(time) = next.times().into_iter().nth(which).map(|time| *time) else {
                continue;
            };
            for shorter in [0, time / 2, time - time / 8] {
                if shorter < time
                    && let Some(slot) = next.times().into_iter().nth(which)
                {
                    *slot = shorter;
                    all.push(self.with(part, vec![next.clone()]));
                }
            }
        }
        // Where one call is left, it is the first.
        let mut moves = self.moves.clone();
        let calls: Vec<Call> = moves.iter_mut().filter_map(|step| step.call().copied()).collect();
        if let Some(first) = calls.first()
            && matches!(first, Call::Next(_) | Call::Canary)
            && !calls.contains(&Call::Main)
        {
            for call in moves.iter_mut().filter_map(Move::call) {
                if call == first {
                    *call = Call::Main;
                }
            }
            all.push(Ordering {
                class: self.class,
                moves,
            });
        }
        all
    }
}
