//! What is right, worked out by trying every order: written from docs/protocol.md alone, and sharing nothing with the
//! judge but the names of the rules.

use std::collections::BTreeSet;

use crate::history::{Record, Signal, Watch, What};

// The tables, as they stand in the document: a letter for each of idle, ringing, accepted, offered, answered, ended.
// y: yes, n: no, m: the seed is silent.

fn allowed(caller: bool, signal: Signal, state: usize) -> char {
    let row = match (caller, signal) {
        (true, Signal::Initiate) => "ynnnnn",
        (true, Signal::Offer) => "nnynmn",
        (true, Signal::Ice) => "nnnyyn",
        (true, Signal::Accept | Signal::Reject | Signal::Busy | Signal::Answer) => "nnnnnn",
        (false, Signal::Initiate) => "nnnnnn",
        (false, Signal::Offer) => "nnnnmn",
        (false, Signal::Accept | Signal::Reject | Signal::Busy) => "nynnnn",
        (false, Signal::Answer) => "nnnynn",
        (false, Signal::Ice) => "nnnmyn",
        (_, Signal::Mute(_)) => "nnmmyn",
        (_, Signal::Hangup(..)) => "nyyyyn",
    };
    row.chars().nth(state).expect("six states")
}

fn reason_allowed(caller: bool, reason: &str, state: usize) -> char {
    let row = match (caller, reason) {
        (true, "cancelled") => "nymmnn",
        (false, "cancelled") => "nnnnnn",
        (_, "timeout") => "nymmnn",
        (false, "rejected" | "busy") => "nynnnn",
        (true, "rejected" | "busy") => "nnnnnn",
        (_, "failed") => "nmyyyn",
        (_, "completed") => "nnmmyn",
        other => panic!("no reason {other:?}"),
    };
    row.chars().nth(state).expect("six states")
}

const IDLE: usize = 0;
const RINGING: usize = 1;
const ACCEPTED: usize = 2;
const OFFERED: usize = 3;
const ANSWERED: usize = 4;
const ENDED: usize = 5;

/// A moment that is known to lie between two times.
type Span = (f64, f64);

/// How long a signal may be under way, in seconds, where a length of time has to be told from the other end.
const UNDER_WAY: f64 = 5.0;

/// One party's side of one call.
#[derive(Debug, Clone, PartialEq)]
struct Side {
    /// Whether it began the call; `None` before there is one.
    caller: Option<bool>,
    state: usize,
    connected: bool,
    /// What a closing hangup may give, and what only one reading lets it give.
    echo: BTreeSet<&'static str>,
    perhaps: BTreeSet<&'static str>,
    hangups: usize,
    /// Offers of a renegotiation that it may answer.
    owed: usize,
    muted: Option<bool>,
    rang: Span,
    accepted: Span,
}

impl Side {
    fn new() -> Side {
        Side {
            caller: None,
            state: IDLE,
            connected: false,
            echo: BTreeSet::new(),
            perhaps: BTreeSet::new(),
            hangups: 0,
            owed: 0,
            muted: None,
            rang: (0.0, 0.0),
            accepted: (0.0, 0.0),
        }
    }

    /// The arrows: who sends what, and where the call then stands.
    fn moves(&mut self, by_caller: bool, signal: Signal, at: Span) {
        let before = self.state;
        let next = match (by_caller, signal, before) {
            (true, Signal::Initiate, IDLE) => RINGING,
            (false, Signal::Accept, RINGING) => ACCEPTED,
            (false, Signal::Reject | Signal::Busy, RINGING) => ENDED,
            (true, Signal::Offer, ACCEPTED) => OFFERED,
            (false, Signal::Answer, OFFERED) => ANSWERED,
            (_, Signal::Hangup(..), RINGING..=ANSWERED) => ENDED,
            _ => return,
        };
        match signal {
            Signal::Initiate => self.rang = at,
            Signal::Accept => self.accepted = at,
            _ => {}
        }
        self.connected |= next == ANSWERED;
        self.state = next;
    }

    fn sends(&mut self, signal: Signal, at: Span) {
        let caller = *self.caller.get_or_insert(true);
        let ended = self.state == ENDED;
        match signal {
            Signal::Answer if self.state == ANSWERED => self.owed = self.owed.saturating_sub(1),
            Signal::Mute(muted) if self.state != IDLE && !ended => self.muted = Some(muted),
            Signal::Hangup(..) => {
                self.hangups += 1;
                self.echo.clear();
                self.perhaps.clear();
            }
            _ => {}
        }
        self.moves(caller, signal, at);
        match signal {
            Signal::Reject if !ended => drop(self.echo.insert("rejected")),
            Signal::Busy if !ended => drop(self.echo.insert("busy")),
            _ => {}
        }
    }

    fn takes(&mut self, signal: Signal, at: Span) {
        let ending = match signal {
            Signal::Hangup(reason, _) => Some(reason),
            Signal::Reject if self.caller == Some(true) => Some("rejected"),
            Signal::Busy if self.caller == Some(true) => Some("busy"),
            _ => None,
        };
        if self.state == ENDED {
            match (ending, self.hangups) {
                (Some(reason), 0) => drop(self.echo.insert(reason)),
                (Some(reason), 1) => drop(self.perhaps.insert(reason)),
                _ => {}
            }
            return;
        }
        if self.state == IDLE && signal == Signal::Initiate {
            self.caller = Some(false);
        }
        if self.state == ANSWERED && signal == Signal::Offer {
            self.owed += 1;
        }
        let caller = self.caller == Some(true);
        self.moves(!caller, signal, at);
        if self.state == ENDED {
            self.echo.extend(ending);
        }
    }
}

/// What is wrong with one signal in one order.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Wrong {
    /// Each breach of a must: the rules that may be named for it.
    pub musts: Vec<BTreeSet<&'static str>>,
    pub shoulds: BTreeSet<&'static str>,
    /// The seed is silent.
    pub silent: bool,
    /// It is out of its place, not only wrong in what it says: nobody's view moves.
    pub strict: bool,
    /// Its time could not be told: it is wrong in one case of two.
    pub guess: bool,
}

fn set<const N: usize>(ids: [&'static str; N]) -> BTreeSet<&'static str> {
    ids.into_iter().collect()
}

/// What is wrong with this signal in this view. Two answers where the time cannot be told well enough.
fn rule(side: &Side, signal: Signal, at: Span) -> Vec<Wrong> {
    let mut wrong = Wrong::default();
    let Some(caller) = side.caller.filter(|_| side.state != IDLE) else {
        if side.caller.is_some() && matches!(signal, Signal::Initiate | Signal::Offer) {
            wrong.musts.push(set(["ST-02"]));
            wrong.strict = true;
        } else if signal != Signal::Initiate {
            let mut ids = match signal {
                Signal::Hangup(_, duration) => {
                    if duration.is_some() {
                        wrong.musts.push(set(["TM-03"]));
                    }
                    set(["ST-08"])
                }
                _ => set(["ST-01"]),
            };
            // Nothing is known of who it thinks it is.
            if signal == Signal::Offer {
                ids.insert("ST-02");
            }
            wrong.musts.push(ids);
            wrong.strict = true;
        }
        return vec![wrong];
    };
    if signal == Signal::Answer && side.state == ANSWERED && side.owed > 0 {
        return vec![wrong];
    }
    let Signal::Hangup(reason, duration) = signal else {
        match allowed(caller, signal, side.state) {
            'y' => {}
            'm' => wrong.silent = true,
            _ => {
                wrong.strict = true;
                let callers = matches!(signal, Signal::Initiate | Signal::Offer);
                let callees = matches!(
                    signal,
                    Signal::Accept | Signal::Reject | Signal::Busy | Signal::Answer
                );
                let again = signal == Signal::Initiate && side.state == ENDED;
                wrong
                    .musts
                    .push(if !again && ((callers && !caller) || (callees && caller)) {
                        set(["ST-02"])
                    } else if signal == Signal::Initiate {
                        set(["ST-10"])
                    } else if side.state == ENDED {
                        set(["ST-09"])
                    } else {
                        match signal {
                            Signal::Accept | Signal::Reject | Signal::Busy => set(["ST-03"]),
                            Signal::Offer => set(["ST-04"]),
                            Signal::Answer => set(["ST-05"]),
                            Signal::Ice => set(["ST-06"]),
                            _ => set(["ST-07"]),
                        }
                    });
            }
        }
        if let (Signal::Mute(muted), false) = (signal, wrong.strict)
            && side.muted == Some(muted)
        {
            wrong.shoulds.insert("ST-14");
        }
        if signal == Signal::Accept && side.state == RINGING {
            let (least, most) = (at.0 - side.rang.1, at.1 - side.rang.0);
            return perhaps(wrong, least > 30.25, most > 30.25, |wrong| {
                wrong.shoulds.insert("TM-07");
            });
        }
        return vec![wrong];
    };
    if side.state == ENDED {
        if duration.is_some() {
            wrong.musts.push(set(["TM-03"]));
        }
        if !side.echo.contains(reason) {
            if side.perhaps.contains(reason) {
                wrong.silent = true;
            } else {
                wrong.musts.push(set(["ST-09"]));
                wrong.strict = true;
            }
        }
        return vec![wrong];
    }
    let cell = reason_allowed(caller, reason, side.state);
    match cell {
        'y' => {}
        'm' => wrong.silent = true,
        _ => wrong.musts.push(set(["ST-12"])),
    }
    let mut all = vec![wrong];
    if let Some(duration) = duration {
        if !side.connected {
            all[0].musts.push(set(["TM-03"]));
        } else {
            let (least, most) = (at.0 - side.accepted.1, at.1 - side.accepted.0);
            let limit = |since: f64| duration as f64 > since + 1.0;
            all = perhaps(all.remove(0), limit(most), limit(least), |wrong| {
                wrong.musts.push(set(["TM-04"]))
            });
        }
    }
    if reason == "timeout" && side.state == RINGING {
        let (least, most) = (at.0 - side.rang.1, at.1 - side.rang.0);
        let more = all.into_iter().flat_map(|wrong| {
            perhaps(wrong, most < 29.75, least < 29.75, |wrong| {
                wrong.musts.push(set(["TM-01"]))
            })
        });
        all = more.collect();
    }
    all
}

fn perhaps(wrong: Wrong, surely: bool, possibly: bool, breaks: impl Fn(&mut Wrong)) -> Vec<Wrong> {
    let mut broken = wrong.clone();
    breaks(&mut broken);
    broken.guess |= possibly && !surely;
    match (surely, possibly) {
        (true, _) => vec![broken],
        (false, true) => vec![wrong, broken],
        _ => vec![wrong],
    }
}

/// How a signal stands with its receiver.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Effect {
    Moves,
    Nothing,
    Perhaps,
}

/// One state of everything that one order of events leads to.
#[derive(Debug, Clone, PartialEq)]
struct World {
    /// By party and call.
    sides: [[Side; 2]; 2],
    /// How much of what came to it each party has taken in.
    taken: [usize; 2],
    /// By signal.
    effects: Vec<Effect>,
    /// What each party has broken: musts, shoulds, remarks.
    cost: [[usize; 3]; 2],
    /// Everything so far was taken in as soon as it came, and was right or moved nothing.
    natural: bool,
}

/// What the oracle says of one signal.
#[derive(Debug, Clone, Default)]
pub struct Opinion {
    /// A must is broken in every order; in some order; in the order in which it was recorded.
    pub always: bool,
    pub ever: bool,
    pub natural: bool,
    /// With it, one more must is broken by its sender, whatever the order.
    pub certain: bool,
    /// The rules that may be named for it in an order that costs its sender the least.
    pub rules: BTreeSet<&'static str>,
    /// All rules that it breaks in some order.
    pub any: BTreeSet<&'static str>,
    /// Shoulds that are broken in every order.
    pub shoulds: BTreeSet<&'static str>,
    /// Shoulds that are broken if the time was the wrong one.
    pub any_should: BTreeSet<&'static str>,
    /// One more should is broken, whatever the order: these may be named for it.
    pub warns: BTreeSet<&'static str>,
    /// The seed is silent on it in some order.
    pub silent: bool,
}

/// The first that was broken in the order in which it was recorded.
pub fn judge(record: &Record, watch: [Watch; 2]) -> Vec<Option<Opinion>> {
    let mut opinions: Vec<Option<Opinion>> = vec![None; record.signals.len()];
    let mut inbox: [Vec<(usize, Span)>; 2] = Default::default();
    let refused = refusals(record, watch);
    let answered_at = answers(record, watch);
    let start = World {
        sides: std::array::from_fn(|_| std::array::from_fn(|_| Side::new())),
        taken: [0, 0],
        effects: vec![Effect::Moves; record.signals.len()],
        cost: [[0; 3]; 2],
        natural: true,
    };
    let mut worlds = vec![start];
    for seen in &record.seen {
        let who = seen.who;
        match seen.what {
            What::Sent(number) => {
                said(
                    record,
                    number,
                    seen.t,
                    &inbox,
                    watch,
                    &refused,
                    &mut worlds,
                    &mut opinions,
                );
                if watch[1 - who] == Watch::Far {
                    inbox[1 - who].push((number, upto(seen.t, &answered_at, number, Watch::Far)));
                }
            }
            What::Got(number) => {
                if watch[1 - who] == Watch::Far {
                    said(
                        record,
                        number,
                        seen.t,
                        &inbox,
                        watch,
                        &refused,
                        &mut worlds,
                        &mut opinions,
                    );
                }
                let exact = watch[who] == Watch::Bot;
                let span = if exact {
                    (seen.t, seen.t)
                } else {
                    upto(seen.t, &answered_at, number, watch[who])
                };
                inbox[who].push((number, span));
                if exact {
                    let all = inbox[who].len();
                    worlds = worlds
                        .into_iter()
                        .flat_map(|world| take(world, record, (who, watch[who]), all, &inbox, &refused))
                        .collect();
                }
            }
            What::Answered(number, _) | What::GotAnswer(number, _) => {
                let by = 1 - record.signals[number].0;
                let counts = watch[by] != Watch::Bot && (by == who || watch[by] == Watch::Far);
                let place = inbox[by].iter().position(|(n, _)| *n == number);
                if let (true, Some(place)) = (counts, place) {
                    worlds = worlds
                        .into_iter()
                        .flat_map(|world| take(world, record, (by, watch[by]), place + 1, &inbox, &refused))
                        .collect();
                }
            }
        }
        fold(&mut worlds);
    }
    opinions
}

/// Signals that their receiver answered with an error, so that they may have moved it or not. A bot that has gone on
/// before it answers has taken the signal for good.
fn refusals(record: &Record, watch: [Watch; 2]) -> BTreeSet<usize> {
    let mut refused = BTreeSet::new();
    for (at, seen) in record.seen.iter().enumerate() {
        let (What::Answered(number, true) | What::GotAnswer(number, true)) = seen.what else {
            continue;
        };
        let by = 1 - record.signals[number].0;
        let got = record
            .seen
            .iter()
            .position(|s| s.who == by && s.what == What::Got(number));
        let since = got.map_or(&[][..], |got| &record.seen[got..at]);
        let went_on = since.iter().any(|s| {
            s.who == by && matches!(s.what, What::Sent(_) | What::Got(_)) && s.what != What::Got(number)
        });
        if watch[by] != Watch::Bot || !went_on {
            refused.insert(number);
        }
    }
    refused
}

/// When the answer to each signal was seen.
fn answers(record: &Record, watch: [Watch; 2]) -> Vec<Option<f64>> {
    let mut at = vec![None; record.signals.len()];
    for seen in &record.seen {
        match seen.what {
            What::Answered(number, _) => at[number] = Some(seen.t),
            What::GotAnswer(number, _) if watch[1 - record.signals[number].0] == Watch::Far => {
                at[number] = Some(seen.t)
            }
            _ => {}
        }
    }
    at
}

/// When a signal that came at `t` was taken in.
fn upto(t: f64, answered_at: &[Option<f64>], number: usize, watch: Watch) -> Span {
    match (answered_at[number], watch) {
        (Some(at), Watch::Wire) => (t, at.min(t + UNDER_WAY)),
        (_, Watch::Wire) => (t, t + UNDER_WAY),
        // The time that its own signals are under way is all there is.
        _ => (t, t),
    }
}

/// Every way in which `who` may have come to have taken in `until` signals.
fn take(
    world: World,
    record: &Record,
    (who, watch): (usize, Watch),
    until: usize,
    inbox: &[Vec<(usize, Span)>; 2],
    refused: &BTreeSet<usize>,
) -> Vec<World> {
    let mut worlds = vec![world];
    let from = worlds[0].taken[who];
    for (number, span) in inbox[who].iter().take(until).skip(from) {
        let (_, call, signal) = record.signals[*number];
        let mut next = Vec::new();
        for mut world in worlds {
            world.taken[who] += 1;
            let effect = if refused.contains(number) && world.effects[*number] == Effect::Moves {
                Effect::Perhaps
            } else {
                world.effects[*number]
            };
            world.natural &= effect != Effect::Perhaps;
            let mut moved = world.clone();
            moved.sides[who][call].takes(signal, *span);
            // What breaks the order of its sender's view may be right in that of a client that gets it.
            let unknowing = effect == Effect::Nothing && watch != Watch::Bot && moved.sides != world.sides;
            moved.natural &= !unknowing;
            if effect != Effect::Nothing || unknowing {
                next.push(moved);
            }
            if effect != Effect::Moves {
                next.push(world);
            }
        }
        worlds = next;
    }
    worlds
}

/// A signal was sent, as far as can be told: every order of it and what came to its sender.
#[allow(clippy::too_many_arguments)]
fn said(
    record: &Record,
    number: usize,
    t: f64,
    inbox: &[Vec<(usize, Span)>; 2],
    watch: [Watch; 2],
    refused: &BTreeSet<usize>,
    worlds: &mut Vec<World>,
    opinions: &mut [Option<Opinion>],
) {
    let (who, call, signal) = record.signals[number];
    let far = watch[who] == Watch::Far;
    let least = |worlds: &[World]| {
        worlds
            .iter()
            .map(|world| world.cost[who])
            .min()
            .unwrap_or_default()
    };
    let before = least(worlds);
    let mut opinion = Opinion {
        always: true,
        ..Opinion::default()
    };
    let mut after: Vec<(World, Wrong)> = Vec::new();
    for world in worlds.drain(..) {
        let mut ways: Vec<(World, Wrong)> = Vec::new();
        for until in world.taken[who]..=inbox[who].len() {
            for mut world in take(world.clone(), record, (who, watch[who]), until, inbox, refused) {
                world.natural &= until == inbox[who].len();
                let side = &world.sides[who][call];
                // What is timed between two signals of a far party is off by the time that each was under way.
                let own = match signal {
                    Signal::Hangup("timeout", None) => side.caller == Some(true),
                    Signal::Hangup(..) => side.caller == Some(false),
                    _ => true,
                };
                let at = match (far, own) {
                    (false, _) => (t, t),
                    (true, true) => (t - UNDER_WAY, t + UNDER_WAY),
                    (true, false) => (t - UNDER_WAY, t),
                };
                let mut wrongs = rule(side, signal, at);
                let other = &world.sides[who][1 - call];
                if signal == Signal::Accept && (ACCEPTED..=ANSWERED).contains(&other.state) {
                    wrongs.iter_mut().for_each(|wrong| {
                        wrong.shoulds.insert("ST-13");
                    });
                }
                ways.extend(wrongs.into_iter().map(|wrong| (world.clone(), wrong)));
            }
        }
        // A signal that is right once something has come counts as proof that it has.
        let proven = ways.iter().filter(|(_, wrong)| wrong.musts.is_empty());
        let proven = proven.map(|(world, _)| world.taken[who]).max();
        ways.retain(|(world, wrong)| wrong.musts.is_empty() || proven.is_none_or(|p| world.taken[who] >= p));
        for (mut next, wrong) in ways {
            if wrong.guess && wrong.shoulds.contains("TM-07") && wrong.musts.is_empty() {
                // Perhaps it was late, and then it may have connected nothing.
                opinion.any_should.extend(&wrong.shoulds);
                opinion.always = false;
                next.cost[who][1] += wrong.shoulds.len();
                next.effects[number] = Effect::Perhaps;
                next.natural = false;
                after.push((next, wrong));
                continue;
            }
            if wrong.guess {
                // It was right in the other case, and that is the one that counts.
                opinion.ever = true;
                opinion.any.extend(wrong.musts.iter().flatten());
                opinion.any_should.extend(&wrong.shoulds);
                continue;
            }
            next.cost[who][0] += wrong.musts.len();
            next.cost[who][1] += wrong.shoulds.len();
            next.cost[who][2] += usize::from(wrong.silent);
            let broken = !wrong.musts.is_empty();
            opinion.always &= broken;
            opinion.ever |= broken;
            opinion.natural |= broken && next.natural;
            opinion.silent |= wrong.silent;
            opinion.any.extend(wrong.musts.iter().flatten());
            next.natural &= !broken || wrong.strict;
            next.effects[number] = match (broken, wrong.strict) {
                (true, true) => Effect::Nothing,
                (true, false) => Effect::Perhaps,
                (false, _) if wrong.shoulds.contains("TM-07") => Effect::Perhaps,
                _ => Effect::Moves,
            };
            next.natural &= !wrong.shoulds.contains("TM-07");
            if next.effects[number] != Effect::Moves {
                after.push((next.clone(), wrong.clone()));
            }
            if next.effects[number] != Effect::Nothing {
                next.sides[who][call].sends(signal, (t, t));
                if signal == Signal::Initiate {
                    // Whoever is called is the callee from then on, seen or not.
                    next.sides[1 - who][call].caller.get_or_insert(false);
                }
                after.push((next, wrong));
            }
        }
    }
    let now = after
        .iter()
        .map(|(world, _)| world.cost[who])
        .min()
        .unwrap_or_default();
    opinion.certain = now[0] > before[0];
    let cheapest = after.iter().filter(|(world, _)| world.cost[who][0] == now[0]);
    opinion.rules = cheapest
        .flat_map(|(_, wrong)| wrong.musts.iter().flatten().copied())
        .collect();
    if opinion.certain && opinion.rules.is_empty() {
        // In the cheapest orders it was a signal before this one that was wrong.
        opinion.rules.clone_from(&opinion.any);
    }
    let cheapest = after.iter().filter(|(world, _)| world.cost[who] == now);
    if now[0] == before[0] && now[1] > before[1] {
        opinion.warns = cheapest
            .flat_map(|(_, wrong)| wrong.shoulds.iter().copied())
            .collect();
    }
    let mut shoulds = after.iter().map(|(_, wrong)| wrong.shoulds.clone());
    let first = shoulds.next().unwrap_or_default();
    opinion.shoulds = shoulds.fold(first, |all, one| all.intersection(&one).copied().collect());
    opinions[number] = Some(opinion);
    worlds.extend(after.into_iter().map(|(world, _)| world));
}

/// Worlds that are alike are one.
fn fold(worlds: &mut Vec<World>) {
    let mut kept: Vec<World> = Vec::with_capacity(worlds.len());
    for world in worlds.drain(..) {
        if !kept.contains(&world) {
            kept.push(world);
        }
    }
    *worlds = kept;
}
