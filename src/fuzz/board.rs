//! Where the calls of an ordering stand, each as its two parties see it, and what a move does to them.

use super::coverage::Cell;
use super::payload::Payload;
use super::walk::{Call, Many, Move, Parting, Reply, Rung, Signal, Then};
use crate::profile::Class;
use crate::protocol::{Act, Kind, RINGING, Reason, Role, Ruling, State, View};
use crate::rules::{effect, weight};

/// What signals have cost in a view so far: musts, shoulds and remarks.
type Cost = [u32; 3];

/// The views that one party may have of a call. There is one, until somebody sends what a reader may take or leave: a
/// hangup that gives a wrong reason or comes too early.
#[derive(Debug, Clone, PartialEq)]
struct Side(Vec<(View, Cost)>);

impl Side {
    fn new(role: Role) -> Side {
        Side(vec![(View::new(role), [0; 3])])
    }

    fn least(&self) -> Cost {
        self.0.iter().map(|(_, cost)| *cost).min().unwrap_or_default()
    }

    /// One of those that have cost the least.
    fn view(&self) -> Option<View> {
        let best = self.0.iter().min_by_key(|(_, cost)| *cost);
        best.map(|(view, _)| *view)
    }

    /// Each view with what this would cost then, and with what is wrong with it.
    fn ways(&self, act: &Act, at: f64) -> impl Iterator<Item = (View, Cost, Vec<Ruling>)> {
        self.0.iter().map(move |(view, cost)| {
            let rulings = view.may_send(act, at);
            let mut cost = *cost;
            for slot in rulings.iter().filter_map(weight) {
                if let Some(slot) = cost.get_mut(slot) {
                    *slot += 1;
                }
            }
            (*view, cost, rulings)
        })
    }

    /// Only differences in cost matter, and views that are alike are one.
    fn fold(&mut self) {
        self.0.sort_by_key(|(_, cost)| *cost);
        let least = self.least();
        let mut kept: Vec<(View, Cost)> = Vec::new();
        for (view, cost) in self.0.drain(..) {
            if !kept.iter().any(|(other, _)| *other == view) {
                let slots = cost.iter().zip(least);
                let mut more = slots.map(|(cost, least)| cost.saturating_sub(least).min(9));
                kept.push((view, std::array::from_fn(|_| more.next().unwrap_or(0))));
            }
        }
        self.0 = kept;
    }

    fn sent(&mut self, act: &Act, at: f64) {
        let mut after = Vec::new();
        for (view, cost, rulings) in self.ways(act, at) {
            let (stays, moves) = effect(&rulings, false);
            if stays {
                after.push((view, cost));
            }
            if moves {
                let mut moved = view;
                moved.sent(act, at);
                after.push((moved, cost));
            }
        }
        self.0 = after;
        self.fold();
    }

    /// `perhaps`: it may be left out of account.
    fn received(&mut self, act: &Act, at: f64, perhaps: bool) {
        let before = self.0.clone();
        for (view, _) in &mut self.0 {
            view.received(act, at);
        }
        if perhaps {
            self.0.extend(before);
        }
        self.fold();
    }
}

/// One call: what its caller and its callee may see of it.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Table {
    sides: [Side; 2],
    muted: [bool; 2],
}

/// What sending something would mean.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Weighed {
    pub act: Act,
    /// The rules that it breaks for certain.
    pub breaks: Vec<&'static str>,
    pub cell: Cell,
    /// Whether it can be read in two ways, or a server that judges may carry it although it is wrong.
    pub doubtful: bool,
    /// Whether nobody can say which rule it breaks: that depends on what was made of something before it.
    pub unclear: bool,
    /// Whether it leaves views where they are, and whether it moves them.
    effect: (bool, bool),
}

impl Weighed {
    /// Whether it is what it says.
    pub fn counts(&self) -> bool {
        self.breaks.is_empty()
    }
}

impl Default for Table {
    fn default() -> Table {
        Table {
            sides: [Side::new(Role::Caller), Side::new(Role::Callee)],
            muted: [false; 2],
        }
    }
}

impl Table {
    fn side(&self, role: Role) -> &Side {
        &self.sides[role as usize]
    }

    pub fn view(&self, role: Role) -> View {
        self.side(role).view().unwrap_or_else(|| View::new(role))
    }

    pub fn state(&self, role: Role) -> State {
        self.view(role).state()
    }

    /// Whether somebody may still have it open.
    pub fn is_open(&self) -> bool {
        let over = |(view, _): &(View, Cost)| matches!(view.state(), State::Idle | State::Ended);
        !self.sides.iter().all(|side| side.0.iter().all(over))
    }

    fn act(&self, role: Role, signal: Signal) -> Act {
        Act {
            kind: signal.kind,
            reason: signal.reason,
            duration: None,
            muted: (signal.kind == Kind::MuteChange).then_some(!self.muted[role as usize]),
        }
    }

    /// Whether no rule of order, reason or time speaks against it, in any reading.
    pub fn is_legal(&self, role: Role, signal: Signal, at: f64) -> bool {
        let act = self.act(role, signal);
        self.side(role)
            .ways(&act, at)
            .all(|(_, _, rulings)| rulings.is_empty())
    }

    /// Whether it can be read in two ways.
    pub fn is_doubtful(&self, role: Role, signal: Signal, at: f64) -> bool {
        let act = self.act(role, signal);
        let ambiguous = |ruling: &Ruling| matches!(ruling, Ruling::Ambiguous(_));
        let mut ways = self.side(role).ways(&act, at);
        ways.any(|(_, _, rulings)| rulings.iter().any(ambiguous)) || self.weigh(role, signal, at).unclear
    }

    pub fn weigh(&self, role: Role, signal: Signal, at: f64) -> Weighed {
        let side = self.side(role);
        let act = self.act(role, signal);
        let ways: Vec<_> = side.ways(&act, at).collect();
        let now = ways.iter().map(|(_, cost, _)| *cost).min().unwrap_or_default();
        let rules = |rulings: &[Ruling]| -> Vec<&'static str> {
            let broken = rulings.iter().filter_map(|ruling| match ruling {
                Ruling::Breach(breach) if weight(ruling) != Some(2) => Some(breach.rule),
                _ => None,
            });
            broken.collect()
        };
        let mut best = ways.iter().filter(|(_, cost, _)| *cost == now);
        let breaks = match now > side.least() {
            true => best
                .next()
                .map(|(_, _, rulings)| rules(rulings))
                .unwrap_or_default(),
            false => Vec::new(),
        };
        let ambiguous = |ruling: &Ruling| matches!(ruling, Ruling::Ambiguous(_));
        let two_ways = ways.iter().any(|(_, _, rulings)| rulings.iter().any(ambiguous));
        let unclear = ways.len() > 1 && ways.iter().any(|(_, _, rulings)| rules(rulings) != breaks);
        let effects = ways.iter().map(|(_, _, rulings)| effect(rulings, false));
        let effect = effects.fold((false, false), |all, one| (all.0 || one.0, all.1 || one.1));
        // A server that judges refuses what is out of order; a wrong reason or time it may carry.
        let order = |id: &&str| id.starts_with("ST-0") || *id == "ST-10";
        Weighed {
            act,
            doubtful: two_ways || unclear || !breaks.iter().all(order),
            unclear,
            breaks,
            cell: Cell {
                role,
                state: self.state(role),
                signal: signal.kind,
                reason: signal.reason,
            },
            effect,
        }
    }

    pub fn sent(&mut self, role: Role, weighed: &Weighed, at: f64) {
        if let Some(muted) = weighed.act.muted {
            self.muted[role as usize] = muted;
        }
        self.sides[role as usize].sent(&weighed.act, at);
    }

    /// `refused`: it is answered with an error, so that it may be taken for not said.
    pub fn received(&mut self, role: Role, weighed: &Weighed, at: f64, refused: bool) {
        let (stays, moves) = weighed.effect;
        if moves {
            self.sides[role as usize].received(&weighed.act, at, stays || refused);
        }
    }

    pub fn told(&mut self, role: Role, act: &Act, at: f64) {
        self.sides[role as usize].received(act, at, false);
    }
}

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
