//! Where the calls of an ordering stand, and what a move comes to in them.

use super::payload::Payload;
use super::table::{Table, Weighed};
use super::walk::{Call, Many, Move, Parting, Reply, Rung, Signal, Then};
use crate::profile::Class;
use crate::protocol::{Act, Kind, RINGING, Reason, Role, State};

/// A signal on its way.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Said {
    pub call: Call,
    pub role: Role,
    pub weighed: Weighed,
    /// Milliseconds that it waits first.
    pub gap: u64,
    /// The other side is away, so that it comes back as an error.
    pub bounces: bool,
}

/// What a move comes to, in order.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Deed {
    Say(Said),
    Cross(Box<[Said; 2]>),
    /// So many chat messages and then signals, all before any of it is heard; and what is heard of the signals.
    Breath {
        chats: u64,
        said: Vec<Said>,
        heard: Vec<Deed>,
    },
    Hear {
        call: Call,
        role: Role,
        kind: Kind,
        reply: Reply,
        /// A server that judges need not pass on what says once more that a call is over.
        perhaps: bool,
    },
    /// A hangup of the server's own: of this reason, as this rule wants it.
    Told {
        call: Call,
        role: Role,
        reason: Reason,
        rule: &'static str,
    },
    Chat {
        from: &'static str,
        to: &'static str,
        count: u64,
    },
    /// Milliseconds.
    Wait(u64),
    Quiet(&'static str),
    Leave(&'static str, Parting),
    Come(&'static str),
    Stray {
        to: &'static str,
        signal: Signal,
        heard: bool,
    },
    Ring(Rung),
    Crowd {
        calls: u64,
        how: Many,
    },
    Astray {
        bare: bool,
        ends: bool,
    },
    Forge,
    Carry(Box<Payload>),
}

/// What has happened already: both devices rang, many calls rang, somebody was called who is not there, or in another's
/// name.
#[derive(Debug, Clone, Default)]
struct Once {
    ring: bool,
    crowd: bool,
    astray: bool,
    forge: bool,
}

/// All calls of an ordering.
#[derive(Debug, Clone)]
pub(super) struct Board {
    class: Class,
    tables: Vec<(Call, Table)>,
    /// Whether somebody left in the middle of a call.
    pub abandoned: bool,
    /// What happens once only, since its calls have one name each.
    once: Once,
    /// Seconds.
    pub at: f64,
}

/// How long whoever leaves stays away, in milliseconds: a server takes a moment to end a session.
const AWAY: u64 = 1_000;
/// How long it takes at most to see what became of a forged address, in seconds.
const FORGED: f64 = 1.5;
/// A little less than a server rings, in seconds: the rest is for the step that waits for the end.
pub(super) const NEARLY: f64 = RINGING - 0.5;

impl Board {
    pub fn new(class: Class) -> Board {
        Board {
            class,
            tables: Vec::new(),
            abandoned: false,
            once: Once::default(),
            at: 0.0,
        }
    }

    pub fn table(&self, call: Call) -> Table {
        let known = self.tables.iter().find(|(other, _)| *other == call);
        known.map(|(_, table)| table.clone()).unwrap_or_default()
    }

    pub fn state(&self, call: Call, role: Role) -> State {
        self.table(call).state(role)
    }

    pub fn is_legal(&self, call: Call, role: Role, signal: Signal) -> bool {
        self.table(call).is_legal(role, signal, self.at)
    }

    pub fn is_doubtful(&self, call: Call, role: Role, signal: Signal) -> bool {
        self.table(call).is_doubtful(role, signal, self.at)
    }

    /// Whether it can be read in two ways, or a server that judges may take it or refuse it.
    pub fn is_left_open(&self, call: Call, role: Role, signal: Signal) -> bool {
        self.table(call).weigh(role, signal, self.at).doubtful
    }

    /// Whether a call is left open.
    pub fn is_open(&self) -> bool {
        self.tables.iter().any(|(_, table)| table.is_open())
    }

    /// The calls in which something was said.
    pub fn calls(&self) -> impl Iterator<Item = Call> {
        self.tables.iter().map(|(call, _)| *call)
    }

    fn put(&mut self, call: Call, table: Table) {
        match self.tables.iter_mut().find(|(other, _)| *other == call) {
            Some(slot) => slot.1 = table,
            None => self.tables.push((call, table)),
        }
    }

    fn arrives(&self, weighed: &Weighed) -> bool {
        self.class == Class::Relay || weighed.counts()
    }

    /// Moves everything as this move does, and tells what it comes to: nothing, where it does not fit.
    pub fn take(&mut self, step: &Move) -> Vec<Deed> {
        match step {
            Move::Say {
                call,
                role,
                signal,
                reply,
            } => self.say(*call, *role, *signal, *reply),
            Move::Cross { call, caller, callee } => self.cross(*call, *caller, *callee),
            Move::Breath {
                call,
                role,
                chats,
                signals,
            } => self.breath(*call, *role, *chats, signals),
            Move::Chat { from, to, count } => vec![Deed::Chat {
                from,
                to,
                count: *count,
            }],
            Move::Wait(time) => {
                self.at += *time as f64 / 1000.0;
                vec![Deed::Wait(*time)]
            }
            Move::Quiet(who) => {
                self.at += 0.2;
                vec![Deed::Quiet(who)]
            }
            Move::Rejoin { who, parting } => {
                self.at += AWAY as f64 / 1000.0;
                vec![Deed::Leave(who, *parting), Deed::Wait(AWAY), Deed::Come(who)]
            }
            Move::Miss {
                role,
                signal,
                parting,
            } => self.miss(*role, *signal, *parting),
            Move::Stray { to, signal } => {
                let begun = self.state(Call::Main, to.other()) != State::Idle;
                let stray = Deed::Stray {
                    to: Call::Main.actor(*to),
                    signal: *signal,
                    heard: self.class == Class::Relay,
                };
                if begun { vec![stray] } else { Vec::new() }
            }
            Move::Expire => self.expire(),
            Move::Vanish { role, parting } => self.vanish(*role, *parting),
            Move::Ring(rung) => self.ring(*rung),
            Move::Crowd { calls, how } => {
                let crowd = Deed::Crowd {
                    calls: *calls,
                    how: *how,
                };
                let first = !std::mem::replace(&mut self.once.crowd, true);
                first.then_some(crowd).into_iter().collect()
            }
            Move::Astray { bare, ends } if self.class == Class::Relay => {
                let first = !std::mem::replace(&mut self.once.astray, true);
                let astray = Deed::Astray {
                    bare: *bare,
                    ends: *ends,
                };
                first.then_some(astray).into_iter().collect()
            }
            // What a server that judges calls says to it is no matter of its `from` alone.
            Move::Forge if self.class == Class::Relay && !self.once.forge => {
                self.once.forge = true;
                self.at += FORGED;
                vec![Deed::Forge]
            }
            Move::Astray { .. } | Move::Forge => Vec::new(),
            Move::Carry(payload) => vec![Deed::Carry(payload.clone())],
        }
    }

    fn say(&mut self, call: Call, role: Role, signal: Signal, reply: Reply) -> Vec<Deed> {
        let mut table = self.table(call);
        let over = table.state(role.other()) == State::Ended;
        let weighed = table.weigh(role, signal, self.at);
        let arrives = self.arrives(&weighed);
        table.sent(role, &weighed, self.at);
        let refused = reply == Reply::Error;
        table.received(role.other(), &weighed, self.at, refused);
        self.put(call, table);
        let mut deeds = vec![Deed::Say(Said {
            call,
            role,
            weighed,
            gap: 0,
            bounces: false,
        })];
        if arrives {
            deeds.push(Deed::Hear {
                call,
                role: role.other(),
                kind: signal.kind,
                reply,
                perhaps: over && self.class == Class::Enforcing,
            });
        }
        deeds
    }

    fn cross(&mut self, call: Call, caller: (Signal, u64), callee: (Signal, u64)) -> Vec<Deed> {
        let mut table = self.table(call);
        let both = [(Role::Caller, caller), (Role::Callee, callee)].map(|(role, (signal, gap))| {
            let at = self.at + gap as f64 / 1000.0;
            let weighed = table.weigh(role, signal, at);
            table.sent(role, &weighed, at);
            Said {
                call,
                role,
                weighed,
                gap,
                bounces: false,
            }
        });
        self.at += caller.1.max(callee.1) as f64 / 1000.0;
        let mut heard = Vec::new();
        for said in &both {
            table.received(said.role.other(), &said.weighed, self.at, false);
            if self.arrives(&said.weighed) {
                heard.push(Deed::Hear {
                    call,
                    role: said.role.other(),
                    kind: said.weighed.act.kind,
                    reply: Reply::Result,
                    perhaps: false,
                });
            }
        }
        self.put(call, table);
        let mut deeds = vec![Deed::Cross(Box::new(both))];
        deeds.append(&mut heard);
        deeds
    }

    fn breath(&mut self, call: Call, role: Role, chats: u64, signals: &[Signal]) -> Vec<Deed> {
        let mut table = self.table(call);
        let said = signals.iter().map(|signal| {
            let weighed = table.weigh(role, *signal, self.at);
            table.sent(role, &weighed, self.at);
            Said {
                call,
                role,
                weighed,
                gap: 0,
                bounces: false,
            }
        });
        let said: Vec<Said> = said.collect();
        if said.is_empty() {
            return Vec::new();
        }
        let mut heard = Vec::new();
        for Said { weighed, .. } in &said {
            let over = table.state(role.other()) == State::Ended;
            table.received(role.other(), weighed, self.at, false);
            if self.arrives(weighed) {
                heard.push(Deed::Hear {
                    call,
                    role: role.other(),
                    kind: weighed.act.kind,
                    reply: Reply::Result,
                    perhaps: over && self.class == Class::Enforcing,
                });
            }
        }
        self.put(call, table);
        vec![Deed::Breath { chats, said, heard }]
    }

    /// Whether some call rings, so that time that passes may end it.
    pub fn rings(&self) -> bool {
        let mut tables = self.tables.iter();
        tables.any(|(_, table)| {
            Role::ALL
                .into_iter()
                .any(|role| table.state(role) == State::Ringing)
        })
    }

    fn ring(&mut self, rung: Rung) -> Vec<Deed> {
        let out = rung.then == Then::RingsOut;
        if self.class != Class::Enforcing || self.once.ring || (out && self.rings()) {
            return Vec::new();
        }
        self.once.ring = true;
        if out {
            self.at += RINGING;
        }
        vec![Deed::Ring(rung)]
    }

    fn miss(&mut self, role: Role, signal: Signal, parting: Parting) -> Vec<Deed> {
        let call = Call::Main;
        let mut table = self.table(call);
        let still = matches!(signal.kind, Kind::IceCandidate | Kind::MuteChange);
        let weighed = table.weigh(role, signal, self.at);
        // Whether what came back has moved its sender, nobody can say.
        if self.class != Class::Relay || !still || !weighed.counts() || weighed.doubtful {
            return Vec::new();
        }
        self.at += AWAY as f64 / 1000.0;
        table.sent(role, &weighed, self.at);
        self.put(call, table);
        let away = call.actor(role.other());
        vec![
            Deed::Leave(away, parting),
            Deed::Wait(AWAY),
            Deed::Say(Said {
                call,
                role,
                weighed,
                gap: 0,
                bounces: true,
            }),
            Deed::Come(away),
        ]
    }

    fn expire(&mut self) -> Vec<Deed> {
        let call = Call::Main;
        let mut table = self.table(call);
        let rings = Role::ALL
            .into_iter()
            .all(|role| table.state(role) == State::Ringing);
        let since = table.view(Role::Caller).initiated_at();
        let (true, Class::Enforcing, Some(since)) = (rings, self.class, since) else {
            return Vec::new();
        };
        let left = since + NEARLY - self.at;
        if left <= 0.0 {
            return Vec::new();
        }
        self.at = since + RINGING;
        let mut deeds = vec![Deed::Wait((left * 1000.0).round() as u64)];
        for role in Role::ALL {
            table.told(role, &of_the_server(Reason::Timeout), self.at);
            deeds.push(Deed::Told {
                call,
                role,
                reason: Reason::Timeout,
                rule: "EN-05",
            });
        }
        self.put(call, table);
        deeds
    }

    fn vanish(&mut self, role: Role, parting: Parting) -> Vec<Deed> {
        let call = Call::Main;
        let mut table = self.table(call);
        let live = |role| !matches!(table.state(role), State::Idle | State::Ended);
        if self.class != Class::Enforcing || !live(Role::Caller) || !live(Role::Callee) {
            return Vec::new();
        }
        // Whoever was gone says no more of it, and has not heard of the end.
        for role in Role::ALL {
            table.told(role, &of_the_server(Reason::Failed), self.at);
        }
        self.put(call, table);
        self.abandoned = true;
        vec![
            Deed::Leave(call.actor(role), parting),
            Deed::Told {
                call,
                role: role.other(),
                reason: Reason::Failed,
                rule: "EN-07",
            },
            Deed::Come(call.actor(role)),
        ]
    }
}

/// A hangup that comes from nobody's client.
fn of_the_server(reason: Reason) -> Act {
    Act {
        kind: Kind::Hangup,
        reason: Some(reason),
        duration: None,
        muted: None,
    }
}
