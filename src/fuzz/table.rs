//! One call as each of its two parties may see it, what saying something in it would mean, and where it stands after it.

use super::coverage::Cell;
use super::walk::Signal;
use crate::protocol::{Act, Kind, Role, Ruling, State, View};
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
