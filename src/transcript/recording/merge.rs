//! Several recordings as one: which belong together, how far their clocks are apart, and their events in one order.
//!
//! The same stanza in two recordings, sent in one and received in the other, bounds how far the second clock can be
//! ahead of the first. Where the bounds leave room, the offset lies in their middle, so that every stanza is received
//! after it was sent; where they contradict each other, the two are not put together.

use std::collections::HashMap;
use std::sync::Arc;

use super::super::{Dir, ReadError, Witness};
use super::{Opened, Recorded, Recording, Source, is_signal, open};
use crate::stanza::{IqType, Stanza, print};

/// Stanzas that are remembered to set two clocks against each other. Of more, the same part of each recording.
const SAMPLE: usize = 32_768;
/// What clocks are forgiven, in seconds: they are read in steps.
const STEP: f64 = 0.0005;
/// Connections of one file that are read side by side.
const COLUMNS: usize = 64;

/// What a first reading tells of one recording, or of one connection of it.
struct Survey {
    source: usize,
    only: Option<Arc<str>>,
    /// By what tells a stanza from others: whether it was sent here, and when. `None`: it is there twice.
    stanzas: HashMap<u64, Option<(bool, f64)>>,
    keys: Keys,
    mask: u64,
    first: f64,
    last: f64,
    witness: Witness,
    /// What its times count from, where other recordings may count from the same.
    clock: Option<String>,
}

impl Survey {
    fn note(&mut self, recorded: &Recorded, shared: bool) {
        let event = &recorded.event;
        if !event.t.is_nan() {
            self.first = self.first.min(event.t);
            self.last = self.last.max(event.t);
        }
        let sent = match event.dir {
            _ if !shared => return,
            Dir::Sent => true,
            Dir::Received => false,
            _ => return,
        };
        let Some(key) = self.keys.of(recorded) else { return };
        if key & self.mask != 0 {
            return;
        }
        self.stanzas
            .entry(key)
            .and_modify(|held| *held = None)
            .or_insert(Some((sent, event.t)));
        if self.stanzas.len() > SAMPLE {
            self.mask = self.mask << 1 | 1;
            let mask = self.mask;
            self.stanzas.retain(|key, _| key & mask == 0);
        }
    }
}

/// What tells a stanza from others, as its sender and its receiver have it.
#[derive(Default)]
struct Keys {
    /// The requests that were not answered so far: their keys, by what an answer repeats of them.
    asked: HashMap<u64, u64>,
}

impl Keys {
    /// What the same stanza has in common at both ends. An answer is known by its request: many count their ids from 1
    /// in every stream.
    fn of(&mut self, recorded: &Recorded) -> Option<u64> {
        let event = &recorded.event;
        let stanza = Stanza::parse(event.xml.as_deref()?).ok()?;
        let own = event.jid.as_deref().unwrap_or_default().to_lowercase();
        let other = |jid: Option<&str>| jid.unwrap_or_default().to_lowercase();
        let (from, to) = match event.dir {
            Dir::Sent => (own, other(stanza.to())),
            _ => (other(stanza.from()), own),
        };
        match stanza.iq_type()? {
            IqType::Get | IqType::Set => {
                let key = print((stanza.id(), &from, &to, stanza.call_said()));
                if self.asked.len() >= SAMPLE {
                    self.asked.clear();
                }
                self.asked.insert(print((stanza.id(), from, to)), key);
                Some(key)
            }
            kind => {
                let request = self.asked.remove(&print((stanza.id(), to, from)))?;
                Some(print((request, kind == IqType::Error)))
            }
        }
    }
}

/// How far one clock is ahead of another.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Offset {
    /// By this much, in seconds; the second number is how far off that may be.
    By(f64, f64),
    /// They contradict each other.
    Contradiction,
    /// They have nothing in common.
    Unrelated,
    /// Both are of the same end.
    SameEnd,
}

/// How far the clock of `b` is ahead of that of `a`.
fn offset(a: &Survey, b: &Survey) -> Offset {
    if a.clock.is_some() && a.clock == b.clock {
        return Offset::By(0.0, 0.0);
    }
    let mask = a.mask | b.mask;
    let (mut low, mut high, mut shared, mut same) = (f64::NEG_INFINITY, f64::INFINITY, 0_u64, 0_u64);
    for (key, here) in a.stanzas.iter().filter(|(key, _)| *key & mask == 0) {
        let (Some((sent_a, at_a)), Some(Some((sent_b, at_b)))) = (here, b.stanzas.get(key)) else {
            continue;
        };
        match (sent_a, sent_b) {
            (true, false) => high = high.min(at_b - at_a),
            (false, true) => low = low.max(at_b - at_a),
            _ => same += 1,
        }
        shared += 1;
    }
    if same > 0 {
        return Offset::SameEnd;
    }
    if shared == 0 {
        return Offset::Unrelated;
    }
    let coarse = |survey: &Survey| f64::from(u8::from(survey.witness == Witness::Between));
    if low > high + STEP + coarse(a) + coarse(b) || a.first.is_infinite() || b.first.is_infinite() {
        return Offset::Contradiction;
    }
    // Whole seconds are cut off: what was received then was received up to a second later.
    let (low, high) = match low > high {
        true => (low - coarse(a), high + coarse(b)),
        false => (low, high),
    };
    match (low.is_finite(), high.is_finite()) {
        (true, true) => {
            let room = (high - low).abs() / 2.0 + coarse(a).max(coarse(b));
            Offset::By((low + high) / 2.0, room)
        }
        (true, false) => Offset::By(low + STEP, f64::INFINITY),
        _ => Offset::By(high - STEP, f64::INFINITY),
    }
}

/// Recordings that belong together, each by the number of its source.
pub struct Sorted {
    parts: Vec<(usize, Option<Arc<str>>, f64)>,
    /// Between whom: two sources, and how far apart their clocks are.
    pub offsets: Vec<(usize, usize, Offset)>,
    pub sources: Vec<usize>,
    base: f64,
    pub witness: Witness,
    /// The part in which each stanza was sent that another one received, where clocks alone do not put them in this order.
    crossing: HashMap<u64, usize>,
}

impl Sorted {
    /// How far off the time of one of them may be by the clock of another, in seconds.
    pub fn apart(&self) -> f64 {
        let room = self.offsets.iter().map(|(_, _, offset)| match offset {
            Offset::By(_, room) => *room,
            _ => 0.0,
        });
        room.fold(0.0, f64::max)
    }
}

/// Reads every source once and tells which belong together. What is wrong with one is told when it is read again.
pub fn group(sources: &[Source]) -> Vec<Sorted> {
    let mut surveys = Vec::new();
    for (number, source) in sources.iter().enumerate() {
        survey(number, source, sources.len() > 1, &mut surveys);
    }
    let mut groups: Vec<Sorted> = Vec::new();
    let mut placed = vec![false; surveys.len()];
    for start in 0..surveys.len() {
        if placed.get(start) != Some(&false) {
            continue;
        }
        if let Some(place) = placed.get_mut(start) {
            *place = true;
        }
        let mut members = vec![(start, 0.0)];
        let (mut offsets, mut next) = (Vec::new(), 0);
        while let Some((here, ahead)) = members.get(next).copied() {
            next += 1;
            for other in 0..surveys.len() {
                let (Some(a), Some(b)) = (surveys.get(here), surveys.get(other)) else {
                    continue;
                };
                if placed.get(other) != Some(&false) {
                    continue;
                }
                let found = if a.source == b.source {
                    Offset::By(0.0, 0.0)
                } else {
                    offset(a, b)
                };
                if let Offset::By(by, _) = found {
                    // It has to agree with all that are in already.
                    let agrees = members.iter().all(|(member, theirs)| {
                        let Some(member) = surveys.get(*member) else {
                            return true;
                        };
                        let within =
                            |by: f64, room: f64| (ahead + by_of(found) - theirs - by).abs() <= room + STEP;
                        match offset(member, b) {
                            Offset::By(_, room) if room.is_infinite() => true,
                            Offset::By(by, room) => within(by, room),
                            Offset::Unrelated => true,
                            Offset::Contradiction | Offset::SameEnd => member.source == b.source,
                        }
                    });
                    if agrees {
                        members.push((other, ahead + by));
                        if let Some(place) = placed.get_mut(other) {
                            *place = true;
                        }
                    }
                }
                if a.source != b.source && found != Offset::Unrelated {
                    offsets.push((a.source, b.source, found));
                }
            }
        }
        let of = |(index, ahead): &(usize, f64)| {
            let survey = surveys.get(*index)?;
            Some((survey, *ahead))
        };
        let known: Vec<(&Survey, f64)> = members.iter().filter_map(of).collect();
        let base = known
            .iter()
            .map(|(survey, ahead)| survey.first - ahead)
            .fold(f64::INFINITY, f64::min);
        let mut sources: Vec<usize> = known.iter().map(|(survey, _)| survey.source).collect();
        sources.sort_unstable();
        sources.dedup();
        let witness = known.iter().map(|(survey, _)| survey.witness);
        let crossing = crossing(&known);
        groups.push(Sorted {
            crossing,
            parts: known
                .iter()
                .map(|(survey, ahead)| (survey.source, survey.only.clone(), *ahead))
                .collect(),
            offsets,
            sources,
            base: if base.is_finite() { base } else { 0.0 },
            witness: witness.fold(Witness::Ends, |worst, one| match (worst, one) {
                (Witness::Ends, other) | (other, Witness::Ends) => other,
                (other, _) => other,
            }),
        });
    }
    groups
}

/// The part in which each stanza was sent that another received before, by these clocks: some are of whole seconds, and
/// all are read in steps. Nothing, if they are in order.
fn crossing(parts: &[(&Survey, f64)]) -> HashMap<u64, usize> {
    let mut sent: HashMap<u64, (usize, f64)> = HashMap::new();
    for (part, (survey, ahead)) in parts.iter().enumerate() {
        let own = survey.stanzas.iter().filter_map(|(key, held)| match held {
            Some((true, at)) => Some((*key, (part, at - ahead))),
            _ => None,
        });
        sent.extend(own);
    }
    let mut odd = false;
    let mut crossing = HashMap::new();
    for (part, (survey, ahead)) in parts.iter().enumerate() {
        for (key, held) in &survey.stanzas {
            if let (Some((false, at)), Some((other, sent))) = (held, sent.get(key))
                && *other != part
            {
                odd |= at - ahead <= *sent;
                crossing.insert(*key, *other);
            }
        }
    }
    if odd { crossing } else { HashMap::new() }
}

fn by_of(offset: Offset) -> f64 {
    match offset {
        Offset::By(by, _) => by,
        _ => 0.0,
    }
}

/// `shared`: whether there are others to set its clock against.
fn survey(number: usize, source: &Source, shared: bool, surveys: &mut Vec<Survey>) {
    let Ok(Opened::Recording(mut recording)) = open(source) else {
        return;
    };
    let clock = recording.clock.clone();
    let fresh = |only: Option<Arc<str>>| Survey {
        source: number,
        only,
        stanzas: HashMap::new(),
        keys: Keys::default(),
        mask: 0,
        first: f64::INFINITY,
        last: f64::NEG_INFINITY,
        witness: Witness::Ends,
        clock: clock.clone(),
    };
    let mut whole = fresh(None);
    let mut columns: Vec<(Arc<str>, Survey)> = Vec::new();
    for recorded in recording.by_ref() {
        let Ok(recorded) = recorded else { break };
        whole.note(&recorded, shared);
        note_column(&recorded, shared, &mut columns, &fresh);
    }
    let witness = recording.witness();
    whole.witness = witness;
    let overlap = columns.iter().enumerate().any(|(at, (_, a))| {
        let later = columns.iter().skip(at + 1);
        later.clone().any(|(_, b)| a.first < b.last && b.first < a.last)
    });
    if recording.in_columns && overlap && columns.len() <= COLUMNS {
        for (conn, mut column) in columns {
            column.only = Some(conn);
            column.witness = witness;
            surveys.push(column);
        }
    } else {
        surveys.push(whole);
    }
}

/// Notes the event with its connection, unless there are too many of them.
fn note_column(
    recorded: &Recorded,
    shared: bool,
    columns: &mut Vec<(Arc<str>, Survey)>,
    fresh: &impl Fn(Option<Arc<str>>) -> Survey,
) {
    if let Some((_, column)) = columns.iter_mut().find(|(conn, _)| *conn == recorded.conn) {
        column.note(recorded, shared);
    } else if columns.len() <= COLUMNS {
        let mut column = fresh(None);
        column.note(recorded, shared);
        columns.push((recorded.conn.clone(), column));
    }
}

/// The events of recordings that belong together, in one order, each with its source.
pub struct Merged {
    parts: Vec<Part>,
    /// The part in which each stanza is sent that another receives, until it was.
    crossing: HashMap<u64, usize>,
    base: f64,
    latest: f64,
}

struct Part {
    source: usize,
    ahead: f64,
    recording: Recording,
    next: Option<Result<Recorded, ReadError>>,
    keys: Keys,
    /// What tells the next stanza from others, where that counts.
    key: Option<u64>,
}

impl Merged {
    /// A recording by itself, not read before.
    pub fn alone(recording: Recording, source: usize) -> Merged {
        Merged {
            parts: vec![Part {
                source,
                ahead: 0.0,
                recording,
                next: None,
                keys: Keys::default(),
                key: None,
            }],
            crossing: HashMap::new(),
            base: f64::NAN,
            latest: f64::NEG_INFINITY,
        }
    }

    /// Opens all of a group again.
    ///
    /// # Errors
    /// The number of the source, and what is wrong with it.
    pub fn open(sorted: &Sorted, sources: &[Source]) -> Result<Merged, (usize, ReadError)> {
        let mut parts = Vec::new();
        let mut crossing = sorted.crossing.clone();
        for (number, only, ahead) in &sorted.parts {
            let Some(source) = sources.get(*number) else {
                continue;
            };
            let Opened::Recording(recording) = open(source).map_err(|error| (*number, error))? else {
                continue;
            };
            parts.push(Part {
                source: *number,
                ahead: *ahead,
                recording: match only {
                    Some(conn) => recording.only(conn.clone()),
                    None => recording,
                },
                next: None,
                keys: Keys::default(),
                key: None,
            });
        }
        // Their numbers are those of all parts.
        if parts.len() != sorted.parts.len() {
            crossing.clear();
        }
        Ok(Merged {
            parts,
            crossing,
            base: sorted.base,
            latest: f64::NEG_INFINITY,
        })
    }

    /// The recordings and the numbers of their sources.
    /// With chat too, which is no call's affair.
    pub fn with_chat(mut self) -> Merged {
        self.parts = std::mem::take(&mut self.parts)
            .into_iter()
            .map(|part| Part {
                recording: part.recording.with_chat(),
                ..part
            })
            .collect();
        self
    }

    pub fn recordings(&self) -> impl Iterator<Item = (usize, &Recording)> {
        self.parts.iter().map(|part| (part.source, &part.recording))
    }
}

impl Iterator for Merged {
    type Item = (usize, Result<Recorded, ReadError>);

    fn next(&mut self) -> Option<Self::Item> {
        for part in &mut self.parts {
            if part.next.is_none() {
                part.next = part.recording.next();
                part.key = match &part.next {
                    Some(Ok(recorded)) if !self.crossing.is_empty() => part.keys.of(recorded),
                    _ => None,
                };
            }
        }
        // What another one sends is not received before that, whatever a clock of whole seconds says.
        let early = |number: usize, part: &Part| {
            let received = matches!(&part.next, Some(Ok(one)) if one.event.dir == Dir::Received);
            let from = part
                .key
                .filter(|_| received)
                .and_then(|key| self.crossing.get(&key));
            from.is_some_and(|from| {
                *from != number && self.parts.get(*from).is_some_and(|p| p.next.is_some())
            })
        };
        let all = self.parts.iter().enumerate();
        let early: Vec<bool> = all.map(|(number, part)| early(number, part)).collect();
        let all_are = early
            .iter()
            .zip(&self.parts)
            .all(|(early, part)| *early || part.next.is_none());
        let time = |part: &Part| match &part.next {
            Some(Ok(recorded)) if !recorded.event.t.is_nan() => recorded.event.t - part.ahead,
            _ => f64::NEG_INFINITY,
        };
        // At the same instant what was sent comes first: it is received after.
        let late = |part: &Part| match &part.next {
            Some(Ok(recorded)) => recorded.event.dir == Dir::Received && is_signal(recorded),
            _ => false,
        };
        let all = early.iter().zip(&mut self.parts);
        let ready = all.filter(|(early, part)| part.next.is_some() && (all_are || !**early));
        let ready = ready.map(|(_, part)| part);
        let first = ready.min_by(|a, b| time(a).total_cmp(&time(b)).then(late(a).cmp(&late(b))))?;
        let ahead = first.ahead;
        if let (Some(key), Some(Ok(one))) = (first.key, &first.next)
            && one.event.dir == Dir::Sent
        {
            self.crossing.remove(&key);
        }
        let source = first.source;
        let mut recorded = match first.next.take()? {
            Ok(recorded) => recorded,
            Err(error) => return Some((source, Err(error))),
        };
        let at = recorded.event.t - ahead;
        if !at.is_nan() {
            if self.base.is_nan() {
                self.base = at;
            }
            // A clock that is set back in the middle does not make time run back.
            self.latest = self.latest.max(at);
            recorded.event.t = self.latest - self.base;
        }
        Some((source, Ok(recorded)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Someone who recorded these stanzas: which, whether it was sent here, and when.
    fn survey(witness: Witness, stanzas: &[(u64, bool, f64)]) -> Survey {
        Survey {
            source: 0,
            only: None,
            stanzas: stanzas
                .iter()
                .map(|(key, sent, at)| (*key, Some((*sent, *at))))
                .collect(),
            keys: Keys::default(),
            mask: 0,
            first: 0.0,
            last: 60.0,
            witness,
            clock: None,
        }
    }

    /// The clock of one set against that of the other: how far it is ahead, and give or take how much.
    fn set(a: &Survey, b: &Survey) -> (f64, f64) {
        match offset(a, b) {
            Offset::By(by, room) => (by, room),
            none => panic!("{none:?}"),
        }
    }

    #[test]
    fn an_offset_lies_between_what_was_sent_and_what_was_received() {
        let a = survey(Witness::Ends, &[(1, true, 10.0), (2, false, 11.0)]);
        let b = survey(Witness::Ends, &[(1, false, 30.2), (2, true, 30.8)]);
        let (by, room) = set(&a, &b);
        assert!(
            (by - 20.0).abs() < 1e-9 && (room - 0.2).abs() < 1e-9,
            "{by} {room}"
        );
    }

    /// Received at 22.4 and sent at 24.1, by a clock that cuts this to 22 and 24.
    #[test]
    fn a_clock_of_whole_seconds_received_later_than_it_says() {
        let a = survey(Witness::Ends, &[(1, true, 41.8), (2, false, 43.2)]);
        let b = survey(Witness::Between, &[(1, false, 22.0), (2, true, 24.0)]);
        let (by, _) = set(&a, &b);
        assert!((-19.2..=-18.8).contains(&by), "{by}");
    }

    /// By whole seconds an offer was received before it was sent, at a clock that knows it better.
    #[test]
    fn what_clocks_have_the_wrong_way_round_is_known_by_its_sender() {
        let a = survey(Witness::Ends, &[(1, true, 10.6), (2, false, 11.2)]);
        let b = survey(Witness::Between, &[(1, false, 10.0), (2, true, 11.0)]);
        let parts = crossing(&[(&a, 0.0), (&b, 0.0)]);
        assert_eq!(parts, HashMap::from([(1, 0), (2, 1)]));
        // Where they have everything in its order, nobody waits for anybody.
        let b = survey(Witness::Ends, &[(1, false, 10.7), (2, true, 11.0)]);
        assert!(crossing(&[(&a, 0.0), (&b, 0.0)]).is_empty());
    }

    #[test]
    fn whole_seconds_that_are_alike_are_not_one_clock() {
        let a = survey(Witness::Between, &[(1, true, 5.0), (2, false, 5.0)]);
        let b = survey(Witness::Between, &[(1, false, 5.0), (2, true, 5.0)]);
        assert_eq!(offset(&a, &b), Offset::By(0.0, 1.0));
    }
}
