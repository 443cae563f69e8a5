//! Doubt about the clock of a recorder: one that is set forward makes a client look slow that was none.
//!
//! Time in which something was recorded every now and then has passed. A silence may have been a short one in which the
//! clock was set. The timestamps that signals carry are other clocks: what they say of the same stretch decides it.
//! Where nothing decides it, nobody is accused.

use std::collections::VecDeque;

use foldhash::HashMap;

use super::party::NEVER;
use super::{Finding, Seen};
use crate::protocol::unix_seconds;
use crate::stanza::fold;
use crate::transcript::{Dir, Header, Witness};

/// The shortest silence that may hide a clock that was set, in seconds.
const SILENCE: f64 = 0.5;
/// Silences of one recorder that are remembered.
const SILENCES: usize = 64;
/// Events whose times are remembered.
const EVENTS: usize = 65_536;
/// Recorders, and senders as each of them has them, that are told apart.
const MOST: usize = 8_192;
/// Findings that wait until more is known.
const WAITING: usize = 256;
/// How far two clocks that run alike may seem to drift from one signal to the next, in seconds.
const ALIKE: f64 = 1.0;

/// How far two senders may be apart who agree that the recorder's clock is wrong, in seconds.
const AGREE: f64 = 5.0;

const WRONG: &str = "the recorder's clock was wrong: it is as far from the timestamps of others";
const SET_FORWARD: &str =
    "the recorder's clock was set forward while nothing was recorded, and less time had passed";
const SET: &str = "a clock was set, the sender's or the recorder's, and it gave the time that it knew";

/// A stretch in which a recorder wrote nothing down.
#[derive(Debug)]
struct Silence {
    /// The event that ended it.
    n: u64,
    length: f64,
    /// How much more of it the recorder's clock counted than another's, by the timestamps of others.
    surplus: Option<f64>,
    /// The same by the timestamps of whoever recorded it, where the two differ: they are one clock, more often than not.
    own: f64,
}

/// What the last signal of a sender said of the time, as one recorder has it.
#[derive(Debug, Clone, Copy)]
struct Word {
    n: u64,
    /// How far the recorder's clock was ahead of the timestamp, in seconds.
    ahead: f64,
    /// The same by the clock on the wall.
    off: f64,
    /// The last signal of this sender whose timestamp was within the skew.
    sound: Option<u64>,
    /// Its clock was set, and this is how it runs since.
    set: Option<f64>,
}

#[derive(Debug, Default)]
struct Recorder {
    last: f64,
    silences: VecDeque<Silence>,
    /// The last event before which its clock was seen to be set back.
    back: u64,
}

/// What a finding waits for.
#[derive(Debug, Clone, Copy)]
enum Waits {
    /// What another clock says of the events after the first up to the second: at least so much has to be a clock's
    /// that was set. Whether the recorder's own timestamps count.
    Surplus(u64, u64, f64, bool),
    /// The sender's next signal, whether its clock has gone on like this.
    Step(f64),
    /// The sender's next signal, whether it is right again; and what another clock says, as above.
    Next(u64, u64, f64),
    /// Somebody else's signal, whether the recorder's clock is so far from that one's too.
    Others(f64),
}

#[derive(Debug)]
struct Pending {
    finding: Finding,
    recorder: String,
    sender: String,
    waits: Waits,
}

enum Ruling {
    Certain,
    /// The clock was set.
    Nothing,
    Open,
}

/// What is known of the recorders' clocks.
#[derive(Debug)]
pub(super) struct Clocks {
    /// One clock for all that is recorded.
    one: bool,
    skew: f64,
    recorders: HashMap<String, Recorder>,
    words: HashMap<(String, String), Word>,
    times: VecDeque<(u64, f64)>,
    waiting: VecDeque<Pending>,
    /// Findings that wait no longer.
    settled: Vec<Finding>,
    /// The event that is judged.
    n: u64,
    /// Its recorder, and whose signal it is; empty: the recorder's own.
    now: (String, String),
}

impl Clocks {
    /// `None` for bots and proxies of ours, whose clock nobody sets.
    pub fn of(header: &Header) -> Option<Clocks> {
        header.is_foreign().then(|| Clocks {
            one: header.witness != Witness::Ends,
            skew: header.clock_skew,
            recorders: HashMap::default(),
            words: HashMap::default(),
            times: VecDeque::new(),
            waiting: VecDeque::new(),
            settled: Vec::new(),
            n: 0,
            now: Default::default(),
        })
    }

    /// Takes an event, before it is judged.
    pub fn event(&mut self, seen: Seen<'_>) {
        let event = seen.event;
        self.n = event.n;
        let (who, sender) = &mut self.now;
        if !self.one {
            event.who.clone_into(who);
        }
        sender.clear();
        match seen.stanza {
            Some(stanza) if self.one || event.dir == Dir::Received => {
                sender.push_str(&fold(stanza.from().or(event.jid.as_deref()).unwrap_or_default()));
            }
            _ => {}
        }
        if event.t.is_nan() {
            return;
        }
        if self.times.len() == EVENTS {
            self.times.pop_front();
        }
        self.times.push_back((event.n, event.t));
        if !self.recorders.contains_key(&self.now.0) {
            if self.recorders.len() >= MOST {
                self.recorders.clear();
            }
            let new = Recorder {
                last: event.t,
                ..Recorder::default()
            };
            self.recorders.insert(self.now.0.clone(), new);
        }
        let Some(recorder) = self.recorders.get_mut(&self.now.0) else {
            return;
        };
        if event.dir == Dir::Stalled && event.seconds.is_none() {
            recorder.back = event.n;
        }
        let length = event.t - recorder.last;
        recorder.last = event.t;
        if length >= SILENCE {
            if recorder.silences.len() == SILENCES {
                recorder.silences.pop_front();
            }
            recorder.silences.push_back(Silence {
                n: event.n,
                length,
                surplus: None,
                own: 0.0,
            });
        }
        let stamp = seen.spoken.and_then(|spoken| spoken.decoded.facts.timestamp);
        if let (Some(stamp), Dir::Sent | Dir::Received) = (stamp, event.dir) {
            let wall = unix_seconds(&event.time);
            self.word(event.t - stamp, wall.map_or(f64::NAN, |wall| wall - stamp));
        }
    }

    /// A signal says what time it is.
    fn word(&mut self, ahead: f64, off: f64) {
        let (n, now) = (self.n, std::mem::take(&mut self.now));
        let (who, sender) = &now;
        let before = self.words.get(&now).copied();
        if let (Some(before), Some(recorder)) = (before, self.recorders.get_mut(who)) {
            let drift = ahead - before.ahead;
            for silence in recorder.silences.iter_mut().rev() {
                if silence.n <= before.n {
                    break;
                }
                if sender.is_empty() && !self.one {
                    silence.own = silence.own.max(drift);
                } else {
                    silence.surplus = Some(silence.surplus.map_or(drift, |known| known.max(drift)));
                }
            }
        }
        let mut word = Word {
            n,
            ahead,
            off,
            sound: before.and_then(|before| before.sound),
            set: before.and_then(|before| before.set),
        };
        if off.abs() <= self.skew {
            word.sound = Some(n);
        }
        for mut pending in std::mem::take(&mut self.waiting) {
            if pending.recorder != *who {
                self.waiting.push_back(pending);
                continue;
            }
            let next = pending.sender == *sender;
            let settled = match pending.waits {
                Waits::Surplus(since, until, need, own) => match self.ruling(who, since, until, need, own) {
                    Ruling::Certain => true,
                    Ruling::Nothing => continue,
                    // Its own next word is right again: it was this one that was wrong.
                    Ruling::Open => !own && next && off.abs() <= self.skew,
                },
                Waits::Step(then) if next => {
                    if (ahead - then).abs() <= ALIKE {
                        word.set = Some(then);
                        pending.finding.excuse = Some(SET.to_owned());
                    }
                    true
                }
                Waits::Next(since, until, need) if next => {
                    if let Ruling::Nothing = self.ruling(who, since, until, need, false) {
                        continue;
                    }
                    if off.abs() > self.skew {
                        pending.finding.excuse = Some(SET.to_owned());
                    }
                    true
                }
                Waits::Others(then) if !next => {
                    if (off - then).abs() <= AGREE {
                        pending.finding.excuse = Some(WRONG.to_owned());
                    }
                    true
                }
                Waits::Step(_) | Waits::Next(..) | Waits::Others(_) => false,
            };
            if settled {
                self.settled.push(pending.finding);
            } else {
                self.waiting.push_back(pending);
            }
        }
        if let Some(known) = self.words.get_mut(&now) {
            *known = word;
        } else {
            if self.words.len() >= MOST {
                self.words.clear();
            }
            self.words.insert(now.clone(), word);
        }
        self.now = now;
    }

    /// Whether what took so long, from one event to another, did so by every clock that there is. At least `need` of it
    /// must not have passed for that not to be so.
    fn ruling(&self, who: &str, since: u64, until: u64, need: f64, own: bool) -> Ruling {
        let silences = self.recorders.get(who).map(|recorder| &recorder.silences);
        let silences = silences.into_iter().flatten();
        let within =
            silences.filter(|silence| (since < silence.n && silence.n <= until) && silence.length >= need);
        let mut ruling = Ruling::Certain;
        for silence in within {
            match silence.surplus {
                Some(surplus) if surplus >= need => return Ruling::Nothing,
                None if own && silence.own >= need => return Ruling::Nothing,
                Some(_) => {}
                None => ruling = Ruling::Open,
            }
        }
        ruling
    }

    /// How far the signal that is judged is from the clock on the wall.
    fn off(&self) -> Option<f64> {
        self.words.get(&self.now).map(|word| word.off)
    }

    fn at(&self, n: u64) -> Option<f64> {
        let place = self.times.partition_point(|(number, _)| *number < n);
        self.times
            .get(place)
            .filter(|(number, _)| *number == n)
            .map(|(_, at)| *at)
    }

    /// What a finding rests on, if that may be a clock alone.
    fn rests_on(&self, finding: &Finding) -> Option<Waits> {
        let n = self.n;
        let first = *finding.events.first()?;
        let limit = match (finding.rule.id, finding.events.len()) {
            ("IQ-08", _) => 5.0,
            ("IQ-01" | "IQ-07", 1) => NEVER,
            ("TM-02", _) => 35.0,
            ("TM-07", _) => 30.0,
            ("TM-05", _) => {
                let word = self.words.get(&self.now)?;
                // A timestamp that is ahead is so by no silence; one that is off by just the skew is sound.
                let surplus = word.off - self.skew;
                let surplus = if surplus > 0.0 { surplus } else { f64::INFINITY };
                return Some(match word.sound {
                    Some(since) => Waits::Next(since, n, surplus),
                    None => Waits::Surplus(0, n, surplus, false),
                });
            }
            ("TM-06", _) => {
                let word = self.words.get(&self.now)?;
                return Some(Waits::Step(word.ahead));
            }
            _ => return None,
        };
        let until = match finding.events.as_slice() {
            [_, .., last] => *last,
            _ => n,
        };
        let end = self.at(until).or_else(|| self.times.back().map(|(_, at)| *at))?;
        Some(Waits::Surplus(first, until, end - self.at(first)? - limit, true))
    }

    /// The finding, unless it waits for more to be known, or is none.
    pub fn look(&mut self, mut finding: Finding) -> Option<Finding> {
        if finding.excuse.is_some() {
            return Some(finding);
        }
        let Some(mut waits) = self.rests_on(&finding) else {
            return Some(finding);
        };
        let (who, sender) = &self.now;
        if let (Waits::Surplus(since, until, need, false), Some(off)) = (waits, self.off())
            && let Ruling::Certain = self.ruling(who, since, until, need, false)
        {
            waits = Waits::Others(off);
        }
        match waits {
            Waits::Surplus(since, until, need, own) => match self.ruling(who, since, until, need, own) {
                Ruling::Certain => return Some(finding),
                Ruling::Nothing => return None,
                Ruling::Open => {}
            },
            Waits::Step(ahead) => {
                let latest = finding.events.first().copied().unwrap_or_default();
                // The recorder's own clock was set back, and its timestamps are of the same. No signal stands at the event
                // that says so.
                let back = self
                    .recorders
                    .get(who)
                    .is_some_and(|recorder| recorder.back > latest);
                if back && sender.is_empty() && !self.one {
                    return None;
                }
                let word = self.words.get(&self.now);
                let set = word.and_then(|word| word.set);
                if set.is_some_and(|set| (ahead - set).abs() <= ALIKE) {
                    finding.excuse = Some(SET.to_owned());
                    return Some(finding);
                }
            }
            Waits::Next(since, until, need) => {
                if let Ruling::Nothing = self.ruling(who, since, until, need, false) {
                    return None;
                }
            }
            Waits::Others(off) => {
                let mut others = self
                    .words
                    .iter()
                    .filter(|(key, _)| key.0 == *who && key.1 != *sender);
                let known = others.clone().next().is_some();
                if others.any(|(_, word)| (word.off - off).abs() <= AGREE) {
                    finding.excuse = Some(WRONG.to_owned());
                }
                if known {
                    return Some(finding);
                }
            }
        }
        self.waiting.push_back(Pending {
            finding,
            recorder: who.clone(),
            sender: sender.clone(),
            waits,
        });
        if self.waiting.len() > WAITING
            && let Some(oldest) = self.waiting.pop_front()
        {
            self.settled.push(undecided(oldest));
        }
        None
    }

    /// The findings that wait no longer.
    pub fn settled(&mut self) -> Vec<Finding> {
        std::mem::take(&mut self.settled)
    }

    /// Nothing more will be known.
    pub fn finish(&mut self) -> Vec<Finding> {
        let waiting = std::mem::take(&mut self.waiting);
        let mut settled = self.settled();
        settled.extend(waiting.into_iter().map(undecided));
        settled
    }
}

/// A finding for which nothing more will be known.
fn undecided(pending: Pending) -> Finding {
    let excuse = match pending.waits {
        Waits::Surplus(..) => Some(SET_FORWARD),
        Waits::Next(..) => Some(SET),
        // A timestamp that runs backwards does so by the sender's clock alone.
        // Nobody says that it was the recorder's.
        Waits::Step(_) | Waits::Others(_) => None,
    };
    Finding {
        excuse: excuse.map(str::to_owned),
        ..pending.finding
    }
}

#[cfg(test)]
#[path = "clocks_tests.rs"]
mod tests;
