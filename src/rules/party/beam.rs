//! All views that a party may have of a call, given what is known of when it took things in.
//!
//! A bot's view is known exactly. Of anyone else only two things are known: stanzas are taken in in the order in which
//! they were sent, and what was acknowledged had been taken in by then. A beam holds every view that fits, each with
//! the breaches that it has cost so far: what costs something in all of them no order of events excuses.

use std::collections::VecDeque;
use std::sync::Arc;

use super::cost::{Cost, DOUBT, Weighed, effect_of, is_must};
use super::room::Room;
use crate::protocol::{Act, Kind, Reason, Role, Ruling, State, View};

/// Views that are followed at once.
const WIDTH: usize = 64;
/// Signals on their way to a party that are remembered.
const QUEUE: usize = 256;

/// A signal on its way to the party.
#[derive(Debug, Clone)]
pub(in crate::rules) struct Inbound {
    pub act: Act,
    /// The earliest time at which it can have been taken in.
    pub at: f64,
    pub n: u64,
    pub id: Arc<str>,
    /// Whether a reader may leave it out of account: it was broken, though not in its place in the call.
    pub doubtful: bool,
    /// It may have been lost on its way, unless it is answered.
    pub unsure: bool,
}

#[derive(Debug, Clone, Copy, PartialEq)]
struct Candidate {
    /// How many inbound signals it has taken in.
    seen: u64,
    view: View,
    cost: Cost,
}

/// A view in which a signal was sent, or to which it leads, and what it breaks there.
type Way = (Candidate, Vec<Weighed>);

/// What came of a signal that was sent.
#[derive(Debug, Default)]
pub(in crate::rules) struct Sending {
    /// What is wrong with it in the view that forgives the most; empty if some view allows it.
    pub rulings: Vec<Ruling>,
    /// The last inbound signal that this view had taken in.
    pub after: Option<u64>,
    /// Some order of events makes it a breach of a must.
    pub ever: bool,
    /// Whether it leaves the call where it was in some order, and whether it moves it in some order.
    pub effect: (bool, bool),
    /// Why the rulings are perhaps none: the time was right where it was measured.
    pub doubt: Option<&'static str>,
}

#[derive(Debug, Clone)]
pub(in crate::rules) struct Beam {
    /// The number of the queue's first signal.
    base: u64,
    queue: VecDeque<Inbound>,
    candidates: Vec<Candidate>,
    /// Each signal is taken in where it stands in the transcript.
    exact: bool,
    /// What has been under way for longer than this, in seconds, counts as taken in.
    patience: Option<f64>,
    /// Candidates before the last inbound signal, for taking it back.
    before: Option<(Arc<str>, Vec<Candidate>)>,
    /// Views had to be left out: nothing is certain any more.
    pub cut: bool,
    last: Option<u64>,
}

impl Beam {
    pub fn new(view: View, exact: bool, patience: Option<f64>) -> Beam {
        Beam {
            base: 0,
            queue: VecDeque::new(),
            candidates: vec![Candidate {
                seen: 0,
                view,
                cost: [0; 4],
            }],
            exact,
            patience,
            before: None,
            cut: false,
            last: None,
        }
    }

    /// Of a call whose beginning was not seen: it may be anywhere, and either side may be the caller.
    pub fn midway(exact: bool, patience: Option<f64>) -> Beam {
        let candidates = [Role::Caller, Role::Callee].into_iter().flat_map(midway);
        let candidates = candidates.map(|view| Candidate {
            seen: 0,
            view,
            cost: [0; 4],
        });
        Beam {
            candidates: candidates.collect(),
            ..Beam::new(View::new(Role::Caller), exact, patience)
        }
    }

    /// When things happened is not known any more.
    pub fn forget_times(&mut self) {
        let before = self.before.iter_mut().flat_map(|(_, candidates)| candidates);
        for candidate in self.candidates.iter_mut().chain(before) {
            candidate.view.forget_times();
        }
        self.queue.iter_mut().for_each(|inbound| inbound.at = f64::NAN);
    }

    /// Every view that is still possible without a needless breach.
    pub fn views(&self) -> impl Iterator<Item = &View> {
        let least = self.least();
        self.candidates
            .iter()
            .filter(move |candidate| candidate.cost == least)
            .map(|candidate| &candidate.view)
    }

    /// The inbound signal with this iq id, if nothing else came before it that was perhaps not taken in, nor the same
    /// once more: which of two is answered nobody knows.
    pub fn next_is(&self, id: &str) -> Option<&Inbound> {
        let same = |inbound: &&Inbound| *inbound.id == *id;
        let first = self.queue.front().filter(same)?;
        self.queue.iter().filter(same).nth(1).is_none().then_some(first)
    }

    /// The call has not begun in any view so far: this is the party's side of it.
    pub fn cast(&mut self, role: Role) {
        let idle = |c: &&mut Candidate| c.view.state() == State::Idle;
        for candidate in self.candidates.iter_mut().filter(idle) {
            candidate.view = View::new(role);
        }
    }

    /// Whether the call is in such a state in every view without a needless breach, whatever of what is under way
    /// has been taken in.
    pub fn always(&self, wanted: impl Fn(State) -> bool) -> bool {
        let least = self.least();
        let mut cheapest = self.candidates.iter().filter(|c| c.cost == least);
        cheapest.all(|candidate| {
            let mut frontier = vec![*candidate];
            let fits = |frontier: &[Candidate]| frontier.iter().all(|c| wanted(c.view.state()));
            let mut all = fits(&frontier);
            for inbound in self.unseen(candidate) {
                frontier = frontier.iter().flat_map(|c| taken(c, inbound)).collect();
                all &= fits(&frontier);
            }
            all
        })
    }

    /// The last inbound signal that has surely been taken in. What would only be remarked upon otherwise is no proof.
    pub fn reached(&self) -> Option<u64> {
        let [musts, shoulds, ..] = self.least();
        let cheapest = self
            .candidates
            .iter()
            .filter(|c| c.cost[0] == musts && c.cost[1] == shoulds);
        let seen = cheapest.map(|c| c.seen).min().unwrap_or_default();
        match seen.checked_sub(self.base + 1) {
            Some(index) => self.queue.get(index as usize).map(|inbound| inbound.n),
            None => self.last,
        }
    }

    /// All that came up to and with this event has been taken in.
    pub fn reach(&mut self, n: u64) {
        if let Some(index) = self.queue.iter().rposition(|inbound| inbound.n <= n) {
            self.take_in(self.base + index as u64);
        }
    }

    /// What came before this event and was not acknowledged may have been lost on its way.
    pub fn may_have_lost(&mut self, n: u64) {
        let before = self.queue.iter_mut().filter(|inbound| inbound.n < n);
        before.for_each(|inbound| inbound.unsure = true);
    }

    /// Every view may also be one of these others, whatever of what is under way has been taken in before.
    pub fn widen(&mut self, others: impl Fn(&View) -> Vec<View>) {
        let before = self
            .candidates
            .iter()
            .flat_map(|candidate| self.prefixes(*candidate));
        let more = before.flat_map(|candidate| {
            let views = others(&candidate.view).into_iter();
            views.map(move |view| Candidate { view, ..candidate })
        });
        let more: Vec<Candidate> = more.collect();
        self.candidates.extend(more);
        self.prune();
    }

    /// What came in since, as another beam of the same party has it.
    pub fn receive_also(&mut self, other: &Beam) {
        let known = self.queue.back().map(|inbound| inbound.n).or(self.last);
        let new = |inbound: &&Inbound| known.is_none_or(|known| inbound.n > known);
        for inbound in other.queue.iter().filter(new) {
            self.receive(inbound.clone());
        }
    }

    /// Inbound signals that some view has not taken in yet.
    pub fn waiting(&self) -> bool {
        let end = self.end();
        self.candidates.iter().any(|candidate| candidate.seen < end)
    }

    pub fn receive(&mut self, inbound: Inbound) {
        if self.queue.len() == QUEUE {
            self.cut = true;
            self.take_in(self.base);
        }
        self.queue.push_back(inbound);
        if self.exact {
            self.before = self
                .queue
                .back()
                .map(|inbound| (Arc::clone(&inbound.id), self.candidates.clone()));
            self.take_in(self.end());
        }
    }

    /// The party has answered this inbound signal: it and all before it are taken in. Of two under one id, which one server
    /// or another makes of one, the first is answered first.
    pub fn acknowledge(&mut self, id: &str) {
        if let Some(index) = self.queue.iter().position(|inbound| *inbound.id == *id) {
            if let Some(inbound) = self.queue.get_mut(index) {
                inbound.unsure = false;
            }
            self.take_in(self.base + index as u64);
        }
    }

    /// The party has refused this inbound signal, or it never got there: it may or may not have moved its view.
    pub fn refuse(&mut self, id: &str) {
        if let Some(inbound) = self.queue.iter_mut().find(|inbound| *inbound.id == *id) {
            inbound.doubtful = true;
        } else if let Some((_, before)) = self.before.take_if(|(last, _)| **last == *id) {
            self.candidates.extend(before.into_iter().map(|mut candidate| {
                candidate.seen = self.base;
                candidate
            }));
            self.prune();
        }
        self.acknowledge(id);
    }

    /// The party sent `act`. `doubtful`: it is broken in itself, and may or may not have moved its sender's view.
    pub fn send(&mut self, act: &Act, at: f64, doubtful: bool) -> Sending {
        self.send_from(act, at, doubtful, &Room::EXACT)
    }

    /// The same of a party whose lengths of time are known as far as this.
    pub fn send_from(&mut self, act: &Act, at: f64, doubtful: bool, room: &Room) -> Sending {
        self.before = None;
        if let Some(patience) = self.patience {
            let old = self.queue.iter().rposition(|inbound| inbound.at + patience < at);
            if let Some(index) = old {
                self.take_in(self.base + index as u64);
            }
        }
        let least = self.least();
        let mut reached: Vec<Way> = Vec::new();
        let mut sending = Sending::default();
        for candidate in std::mem::take(&mut self.candidates) {
            for (mut moved, weighed) in self.ways(candidate, act, at, room) {
                for slot in weighed.iter().filter_map(|weighed| weighed.slot) {
                    moved.cost[slot] += 1;
                }
                let rulings = || weighed.iter().map(|weighed| &weighed.ruling);
                let (stays, moves) = effect_of(rulings(), doubtful);
                sending.effect.0 |= stays;
                sending.effect.1 |= moves;
                sending.ever |= rulings().any(is_must);
                let still = moved;
                if moves {
                    moved.view.sent(act, at);
                }
                match (stays, moves) {
                    (true, true) => reached.extend([(still, weighed.clone()), (moved, weighed)]),
                    _ => reached.push((moved, weighed)),
                }
            }
        }
        self.tell(&reached, &least, &mut sending);
        self.candidates = reached.into_iter().map(|(candidate, _)| candidate).collect();
        self.prune();
        sending
    }

    /// What becomes of this candidate as it takes in what is under way, one after the other.
    fn prefixes(&self, candidate: Candidate) -> Vec<Candidate> {
        let mut prefixes = vec![candidate];
        let mut frontier = 0;
        for inbound in self.unseen(&candidate) {
            let last = prefixes.iter().skip(frontier);
            let mut next: Vec<Candidate> = last.flat_map(|c| taken(c, inbound)).collect();
            dedupe(&mut next);
            frontier = prefixes.len();
            prefixes.extend(next);
        }
        prefixes
    }

    /// Every view in which this candidate may send that, and what it breaks there.
    fn ways(&self, candidate: Candidate, act: &Act, at: f64, room: &Room) -> Vec<Way> {
        let ways = self.prefixes(candidate).into_iter().map(|prefix| {
            let rulings = prefix.view.may_send(act, at).into_iter();
            let weighed = rulings.map(|ruling| Weighed::new(ruling, &prefix.view, act, at, room));
            let weighed = weighed.collect();
            (prefix, weighed)
        });
        let mut ways: Vec<Way> = ways.collect();
        // A signal that is right once something has come in counts as proof that it has.
        let broken = |weighed: &[Weighed]| weighed.iter().any(|weighed| is_must(&weighed.ruling));
        let right = ways.iter().filter(|(_, weighed)| !broken(weighed));
        let proven = right.map(|(prefix, _)| prefix.seen).max().unwrap_or_default();
        ways.retain(|(prefix, weighed)| prefix.seen >= proven || !broken(weighed));
        ways
    }

    /// What is wrong with a signal in the view that forgives the most, of those that it has led to.
    fn tell(&self, reached: &[Way], least: &Cost, sending: &mut Sending) {
        let now = reached.iter().map(|(c, _)| c.cost).min().unwrap_or(*least);
        // What this signal adds to the least cost, it costs in some view; in others one before it has cost as much.
        let level = now.iter().zip(least).position(|(now, least)| now > least);
        let adds = |weighed: &[Weighed]| {
            level.is_none_or(|level| weighed.iter().any(|weighed| weighed.slot == Some(level)))
        };
        let fitting = reached.iter().filter(|(_, weighed)| adds(weighed));
        let best = fitting.min_by_key(|(c, weighed)| (c.cost, usize::MAX - weighed.len(), u64::MAX - c.seen));
        let Some((candidate, weighed)) = best else { return };
        // What it costs beyond that it does only there; and what is doubtful goes without saying where something is not.
        if let Some(level) = level {
            let counts = |w: &&Weighed| {
                w.slot
                    .is_some_and(|slot| slot >= level && (slot != DOUBT || level == DOUBT))
            };
            let told = || weighed.iter().filter(counts);
            sending.rulings = told().map(|weighed| weighed.ruling.clone()).collect();
            sending.doubt = told().find_map(|weighed| weighed.doubt);
        }
        let index = candidate.seen.checked_sub(self.base + 1);
        sending.after = index
            .and_then(|index| self.queue.get(index as usize))
            .map(|inbound| inbound.n)
            .or(self.last);
    }

    fn least(&self) -> Cost {
        self.candidates.iter().map(|c| c.cost).min().unwrap_or([0; 4])
    }

    fn end(&self) -> u64 {
        self.base + self.queue.len() as u64
    }

    fn unseen(&self, candidate: &Candidate) -> impl Iterator<Item = &Inbound> {
        let seen = candidate.seen.saturating_sub(self.base);
        self.queue.iter().skip(seen as usize)
    }

    /// Every candidate takes in all up to and with this number.
    fn take_in(&mut self, until: u64) {
        for (number, inbound) in (self.base..)
            .zip(self.queue.iter())
            .take_while(|(n, _)| *n <= until)
        {
            self.last = Some(inbound.n);
            let mut next = Vec::with_capacity(self.candidates.len() + 1);
            for candidate in &self.candidates {
                if candidate.seen == number {
                    next.extend(taken(candidate, inbound));
                } else {
                    next.push(*candidate);
                }
            }
            self.candidates = next;
        }
        self.prune();
    }

    fn prune(&mut self) {
        dedupe(&mut self.candidates);
        self.candidates.sort_by_key(|candidate| candidate.cost);
        if self.candidates.len() > WIDTH {
            self.cut = true;
            self.candidates.truncate(WIDTH);
        }
        let oldest = self.candidates.iter().map(|c| c.seen).min().unwrap_or(self.base);
        while self.base < oldest && !self.queue.is_empty() {
            self.last = self.queue.pop_front().map(|inbound| inbound.n);
            self.base += 1;
        }
        // Thousands of calls are remembered in which nothing is under way.
        if self.queue.is_empty() {
            self.queue = VecDeque::new();
        }
    }
}

/// Every view that a party may have of a call that has begun, its times unknown. The ended one allows every echo.
fn midway(role: Role) -> Vec<View> {
    let act = |kind, reason| Act {
        kind,
        reason,
        duration: None,
        muted: None,
    };
    let mut view = View::new(role);
    let mut views = Vec::new();
    let steps = [
        (Role::Caller, Kind::Initiate),
        (Role::Callee, Kind::Accept),
        (Role::Caller, Kind::Offer),
        (Role::Callee, Kind::Answer),
        // An offer of the other side that still waits for its answer.
        (role.other(), Kind::Offer),
    ];
    for (sender, kind) in steps {
        if sender == role {
            view.sent(&act(kind, None), f64::NAN);
        } else {
            view.received(&act(kind, None), f64::NAN);
        }
        views.push(view);
    }
    for reason in Reason::ALL {
        view.received(&act(Kind::Hangup, Some(reason)), f64::NAN);
    }
    views.push(view);
    views
}

fn taken(candidate: &Candidate, inbound: &Inbound) -> impl Iterator<Item = Candidate> {
    let mut still = *candidate;
    still.seen += 1;
    let mut moved = still;
    moved.view.received(&inbound.act, inbound.at);
    let perhaps = (inbound.doubtful || inbound.unsure) && moved != still;
    [Some(moved), perhaps.then_some(still)].into_iter().flatten()
}

/// Equal views that have seen the same are one: the one that has cost the least.
fn dedupe(candidates: &mut Vec<Candidate>) {
    if candidates.len() < 2 {
        return;
    }
    candidates.sort_by_key(|candidate| candidate.cost);
    let mut kept: Vec<Candidate> = Vec::with_capacity(candidates.len());
    for candidate in candidates.drain(..) {
        if !kept
            .iter()
            .any(|k| k.seen == candidate.seen && k.view == candidate.view)
        {
            kept.push(candidate);
        }
    }
    *candidates = kept;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_views_are_one_and_of_the_others_so_many_are_followed() {
        let mut beam = Beam::new(View::new(Role::Caller), false, None);
        let one = beam.candidates.swap_remove(0);
        let of = |seen: u64, cost: Cost| Candidate { seen, cost, ..one };
        beam.candidates = vec![of(1, [0, 1, 0, 0]), of(1, [0; 4])];
        beam.prune();
        assert_eq!(
            beam.candidates.iter().map(|c| c.cost).collect::<Vec<_>>(),
            [[0; 4]]
        );
        for (many, followed, cut) in [(WIDTH, WIDTH, false), (2 * WIDTH, WIDTH, true)] {
            beam.candidates = (0..many as u64).map(|seen| of(seen, [0; 4])).collect();
            beam.prune();
            assert_eq!((beam.candidates.len(), beam.cut), (followed, cut));
        }
    }

    fn inbound(n: u64) -> Inbound {
        let act = Act {
            kind: Kind::Initiate,
            reason: None,
            duration: None,
            muted: None,
        };
        Inbound {
            act,
            at: 0.0,
            n,
            id: n.to_string().into(),
            doubtful: false,
            unsure: false,
        }
    }

    #[test]
    fn what_came_in_since_comes_in_once() {
        let mut beam = Beam::new(View::new(Role::Callee), false, None);
        beam.receive(inbound(1));
        let mut later = beam.clone();
        later.receive(inbound(2));
        later.receive(inbound(3));
        beam.receive_also(&later);
        assert_eq!(
            beam.queue.iter().map(|inbound| inbound.n).collect::<Vec<_>>(),
            [1, 2, 3]
        );
    }

    #[test]
    fn what_came_up_to_an_event_is_counted_from_what_is_still_under_way() {
        let mut beam = Beam::new(View::new(Role::Callee), false, Some(5.0));
        (1..=3).for_each(|n| beam.receive(inbound(n)));
        beam.acknowledge("2");
        assert_eq!(beam.reached(), Some(2));
        (4..=7).for_each(|n| beam.receive(inbound(n)));
        beam.reach(5);
        assert_eq!(beam.reached(), Some(5));
        // So is what has waited for too long.
        let act = inbound(0).act;
        beam.receive(Inbound {
            at: 100.0,
            ..inbound(8)
        });
        beam.send(&act, 100.0, false);
        assert_eq!(beam.reached(), Some(7));
    }

    #[test]
    fn a_call_is_always_in_a_state_that_it_never_leaves() {
        let mut beam = Beam::new(View::new(Role::Callee), false, None);
        beam.receive(inbound(1));
        beam.receive(inbound(2));
        let is = |state: State| beam.always(|s| s == state);
        assert!(!is(State::Idle) && !is(State::Ringing));
        assert!(beam.always(|state| matches!(state, State::Idle | State::Ringing)));
        // Nor does it count that it gets there again.
        let mut ends = inbound(3);
        ends.act.kind = Kind::Hangup;
        beam.receive(ends);
        assert!(!beam.always(|state| state != State::Ringing));
    }

    #[test]
    fn three_equal_views_are_one() {
        let mut beam = Beam::new(View::new(Role::Caller), false, None);
        let one = beam.candidates.swap_remove(0);
        beam.candidates = vec![one; 3];
        beam.prune();
        assert_eq!(beam.candidates.len(), 1);
    }

    /// What some view had to break a rule for that is more than a remark.
    #[test]
    fn what_has_surely_come_in_is_what_every_cheap_view_has() {
        let mut beam = Beam::new(View::new(Role::Callee), false, None);
        (7..10).for_each(|n| beam.receive(inbound(n)));
        let one = beam.candidates.swap_remove(0);
        let costs = [
            (3, [0; 4]),
            (2, [0, 0, 1, 1]),
            (1, [0, 1, 0, 0]),
            (0, [1, 0, 0, 0]),
        ];
        beam.candidates = costs.map(|(seen, cost)| Candidate { seen, cost, ..one }).to_vec();
        assert_eq!(beam.reached(), Some(8));
    }

    #[test]
    fn what_was_refused_may_have_moved_nothing() {
        let mut beam = Beam::new(View::new(Role::Callee), true, None);
        beam.receive(inbound(1));
        let states = |beam: &Beam| beam.views().map(View::state).collect::<Vec<_>>();
        beam.refuse("another");
        assert_eq!(states(&beam), [State::Ringing]);
        beam.refuse("1");
        assert_eq!(states(&beam).len(), 2);
    }
}
