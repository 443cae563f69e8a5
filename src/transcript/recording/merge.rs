//! Several recordings as one: which belong together, how far their clocks are apart, and their events in one order.
//!
//! The same stanza in two recordings, sent in one and received in the other, bounds how far the second clock can be
//! ahead of the first. Where the bounds leave room, the offset lies in their middle, so that every stanza is received
//! after it was sent; where they contradict each other, the two are not put together.

mod survey;

use std::collections::HashMap;
use std::sync::Arc;

use super::super::{Dir, ReadError, Witness};
use super::{Opened, Recorded, Recording, Source, open, speaks};
use crate::profile::Profile;
pub use survey::Offset;
use survey::{Keys, STEP, Survey, by_of, offset};

/// Connections of one file that are read side by side.
const COLUMNS: usize = 64;

/// Recordings that belong together, each by the number of its source.
pub struct Sorted {
    parts: Vec<(usize, Option<Arc<str>>, f64)>,
    /// Between whom: two sources, and how far apart their clocks are.
    pub offsets: Vec<(usize, usize, Offset)>,
    pub sources: Vec<usize>,
    base: f64,
    /// What has no times stands among others that have: they wait for it, and then for each other.
    untimed: bool,
    pub witness: Witness,
    /// The part in which each stanza was sent that another one received, where clocks alone do not put them in this order.
    crossing: HashMap<u64, usize>,
}

impl Sorted {
    /// How far off the time of one of them may be by the clock of another, in seconds.
    pub fn apart(&self) -> f64 {
        let room = self.offsets.iter().map(|(_, _, offset)| match offset {
            Offset::By(_, room) => *room,
            Offset::Untimed => f64::INFINITY,
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
                if matches!(found, Offset::By(..) | Offset::Untimed) {
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
                            Offset::Unrelated | Offset::Untimed => true,
                            Offset::Contradiction | Offset::SameEnd => member.source == b.source,
                        }
                    });
                    if agrees {
                        members.push((other, ahead + by_of(found)));
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
        let timed = known
            .iter()
            .filter(|(survey, _)| survey.first.is_finite())
            .count();
        groups.push(Sorted {
            crossing,
            untimed: timed > 1 && timed < known.len(),
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

/// The part in which each stanza was sent that another received before, by these clocks: some are of whole seconds, some
/// tell no time, and all are read in steps. Nothing, if they are in order.
fn crossing(parts: &[(&Survey, f64)]) -> HashMap<u64, usize> {
    let mut sent: HashMap<u64, (usize, f64)> = HashMap::new();
    for (part, (survey, ahead)) in parts.iter().enumerate() {
        let own = survey.stanzas.iter().filter_map(|(key, held)| match held {
            Some(passed) if passed.sent => Some((*key, (part, passed.at - ahead))),
            _ => None,
        });
        sent.extend(own);
    }
    let mut odd = false;
    let mut crossing = HashMap::new();
    for (part, (survey, ahead)) in parts.iter().enumerate() {
        for (key, held) in &survey.stanzas {
            if let (Some(passed), Some((other, sent))) = (held, sent.get(key))
                && !passed.sent
                && *other != part
            {
                let after = passed.at - ahead > *sent;
                odd |= !after;
                crossing.insert(*key, *other);
            }
        }
    }
    if odd { crossing } else { HashMap::new() }
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
    untimed: bool,
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
            untimed: false,
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
            let recording = match sorted.sources.len() {
                1 => recording,
                _ => recording.beside_others(),
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
            untimed: sorted.untimed,
            latest: f64::NEG_INFINITY,
        })
    }

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

    /// The recordings and the numbers of their sources.
    pub fn recordings(&self) -> impl Iterator<Item = (usize, &Recording)> {
        self.parts.iter().map(|part| (part.source, &part.recording))
    }

    /// What a proxy that recorded any of it was told of its server.
    pub fn profile(&self) -> Option<&Profile> {
        self.recordings().find_map(|(_, recording)| recording.profile())
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
        let parts = || self.parts.iter().enumerate();
        let all_are = parts().all(|(number, part)| part.next.is_none() || early(number, part));
        let time = |part: &Part| match &part.next {
            Some(Ok(recorded)) if !recorded.event.t.is_nan() => recorded.event.t - part.ahead,
            _ => f64::NEG_INFINITY,
        };
        // At the same instant what was sent comes first: it is received after.
        let late = |part: &Part| match &part.next {
            Some(Ok(recorded)) => recorded.event.dir == Dir::Received && speaks(recorded),
            _ => false,
        };
        let ready =
            parts().filter(|(number, part)| part.next.is_some() && (all_are || !early(*number, part)));
        let first = ready.min_by(|(_, a), (_, b)| time(a).total_cmp(&time(b)).then(late(a).cmp(&late(b))));
        let number = first.map(|(number, _)| number)?;
        let first = self.parts.get_mut(number)?;
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
        if self.untimed {
            recorded.event.t = f64::NAN;
        } else if !at.is_nan() {
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
