//! What others have recorded, as events: browsers' HARs, raw XMPP logs, signals, and transcripts of our own proxy.
//! Formats are told by their content; everything is read once from front to back, in memory that does not grow.

mod frame;
mod har;
mod json;
mod logs;
mod merge;
mod order;
mod printed;
mod secrets;
mod session;
mod signals;
mod source;
mod stamp;

use std::io::{BufRead, BufReader, Cursor, Read};
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, LazyLock};

use foldhash::HashMap;
use memchr::memmem::Finder;
use serde::de::IgnoredAny;

pub use frame::{Frame, Way, What};
pub use merge::{Merged, Offset, Sorted, group};
pub use secrets::{CUT, without_secrets};
pub use session::{Recorded, Sessions};
pub use source::{Input, Packed, Patience, Source};

use super::{Dir, Event, Header, ReadError, Reader, Witness};
use crate::profile::Profile;
use crate::protocol::{NAMESPACE, unix_seconds};
use frame::Frames;
use session::event;

/// How much of a file is looked at to tell what it is.
const HEAD: usize = 64 * 1024;
/// Parties of a transcript whose addresses are remembered, with as many before them.
const PARTIES: usize = 8_192;

type Bytes = Box<dyn BufRead + Send>;

/// What a file turned out to hold.
pub enum Opened {
    /// A transcript of bots of ours, to be judged by itself.
    Transcript(Box<Header>, Reader<Bytes>),
    Recording(Recording),
}

/// A party of a transcript, and the JID that it was last known by.
struct Party {
    who: Arc<str>,
    jid: Option<String>,
    /// Its session goes on.
    there: bool,
}

/// The parties of a transcript that were heard of last: that of a proxy names new ones for every session.
#[derive(Default)]
struct Parties {
    latest: HashMap<Arc<str>, Party>,
    /// Those that were the latest before.
    before: HashMap<Arc<str>, Party>,
}

impl Parties {
    fn of(&mut self, who: &str) -> &mut Party {
        let key = match self.latest.get(who) {
            Some(known) => Arc::clone(&known.who),
            None => who.into(),
        };
        if self.latest.len() >= PARTIES && !self.latest.contains_key(who) {
            self.before = std::mem::take(&mut self.latest);
        }
        let before = &mut self.before;
        self.latest.entry(key).or_insert_with_key(|who| {
            before.remove(who).unwrap_or_else(|| Party {
                who: Arc::clone(who),
                jid: None,
                there: false,
            })
        })
    }

    /// Those whose sessions go on, the first by name last.
    fn there(&mut self) -> Vec<Party> {
        let all = std::mem::take(self);
        let all = all.latest.into_values().chain(all.before.into_values());
        let mut there: Vec<Party> = all.filter(|party| party.there).collect();
        there.sort_by(|one, other| other.who.cmp(&one.who));
        there
    }
}

enum Reading {
    Frames(Box<dyn Frames>, Sessions),
    Transcript {
        reader: Box<Reader<Bytes>>,
        /// The wall time of its `t` = 0, in seconds; `None`: the first event tells it.
        started: Option<f64>,
        parties: Parties,
        /// The number and the time of the last event: one that breaks off stops there.
        last: (u64, f64),
        /// Whose sessions went on then.
        stops: Option<Vec<Party>>,
    },
}

/// One recording, event by event.
pub struct Recording {
    reading: Reading,
    witness: Witness,
    /// See [`super::Header::steady`].
    steady: bool,
    /// What a proxy that recorded it was told of its server.
    profile: Option<Box<Profile>>,
    /// Only this connection of it.
    only: Option<Arc<str>>,
    over: bool,
    /// The bytes read so far, and how many there are, if that is known.
    pub passed: Arc<AtomicU64>,
    pub total: Option<u64>,
    pub packed: Option<Packed>,
    /// It may hold connections one after the other that ran at the same time.
    pub in_columns: bool,
    /// The sessions of one proxy have a clock in common.
    clock: Option<String>,
}

/// What the sessions that a proxy recorded are tagged with: each is a part of what it saw. A call is whole by itself,
/// and what passed during two is in both.
pub const SESSION: &str = "session";

/// Opens a recording and tells what it is.
///
/// # Errors
/// A file that cannot be read, is empty, or whose first line is wrong.
pub fn open(source: &Source) -> Result<Opened, ReadError> {
    let whole = |message: String| ReadError {
        line: 0,
        column: 0,
        message,
    };
    let input = source
        .open()
        .map_err(|error| whole(format!("cannot read: {error}")))?;
    let mut bytes = input.bytes;
    let mut head = Vec::new();
    // A line is enough, and a pipe may not hold more yet. The bracket that opens a document is none.
    let is_enough = |head: &[u8]| {
        let head = head.trim_ascii_start();
        let inside = head.strip_prefix(b"{").unwrap_or(head);
        inside.trim_ascii_start().contains(&b'\n')
    };
    while head.len() < HEAD && !is_enough(&head) {
        let mut chunk = bytes
            .fill_buf()
            .map_err(|error| whole(format!("cannot read: {error}")))?;
        chunk = chunk.get(..HEAD.min(chunk.len())).unwrap_or(chunk);
        if chunk.is_empty() {
            break;
        }
        head.extend_from_slice(chunk);
        let n = chunk.len();
        bytes.consume(n);
    }
    if head.starts_with(&[0xef, 0xbb, 0xbf]) {
        head.drain(..3);
    }
    if head.trim_ascii().is_empty() {
        return Err(whole("the file is empty".to_owned()));
    }
    let kind = Kind::of(&head);
    let bytes: Bytes = Box::new(BufReader::with_capacity(
        256 * 1024,
        Cursor::new(head).chain(bytes),
    ));
    let reading = match kind {
        Kind::Transcript => {
            let (header, reader) = Reader::new(bytes)?;
            if header.witness.is_bots() {
                return Ok(Opened::Transcript(Box::new(header), reader));
            }
            let started = unix_seconds(&header.started);
            let session = header.scenario.tags.iter().any(|tag| tag == SESSION);
            return Ok(Opened::Recording(Recording {
                reading: Reading::Transcript {
                    reader: Box::new(reader),
                    started,
                    parties: Parties::default(),
                    last: (0, started.unwrap_or_default()),
                    stops: None,
                },
                witness: header.witness,
                steady: header.steady,
                profile: Some(Box::new(header.profile)),
                only: None,
                over: false,
                passed: input.passed,
                total: input.total,
                packed: input.packed,
                in_columns: false,
                clock: (session && !header.started.is_empty()).then_some(header.started),
            }));
        }
        Kind::Har => Reading::Frames(Box::new(har::Har::new(bytes)), Sessions::in_columns()),
        Kind::Signals => Reading::Frames(Box::new(signals::Signals::new(bytes)), Sessions::new()),
        Kind::Log => Reading::Frames(Box::new(logs::Logs::new(bytes)), Sessions::new()),
    };
    Ok(Opened::Recording(Recording {
        reading,
        steady: false,
        profile: None,
        witness: match kind {
            Kind::Signals => Witness::Signals,
            _ => Witness::Ends,
        },
        only: None,
        over: false,
        passed: input.passed,
        total: input.total,
        packed: input.packed,
        in_columns: matches!(kind, Kind::Har),
        clock: None,
    }))
}

/// Whether no more than one connection of a HAR has frames in it. To look takes a tenth of reading them.
pub fn is_of_one(source: &Source) -> bool {
    let input = source.open();
    input.is_ok_and(|input| har::Har::new(input.bytes).is_of_one())
}

#[derive(Clone, Copy)]
enum Kind {
    Transcript,
    Har,
    Signals,
    Log,
}

impl Kind {
    fn of(head: &[u8]) -> Kind {
        let head = head.trim_ascii_start();
        let Some(inside) = head.strip_prefix(b"{") else {
            return Kind::Log;
        };
        let mut lines = head.split(|b| *b == b'\n');
        let line = lines.next().unwrap_or_default();
        let has = |key: &[u8]| line.windows(key.len()).any(|window| window == key);
        if inside.trim_ascii_start().starts_with(b"\"log\"") {
            Kind::Har
        } else if has(b"\"callspec\"") && !has(b"\"callId\"") {
            Kind::Transcript
        } else if lines
            .next()
            .is_some_and(|next| !next.is_empty() && !next.starts_with(b"{"))
            && (!(has(b"callId") || has(b"call:")) || serde_json::from_slice::<IgnoredAny>(line).is_err())
        {
            // A log that was cut may begin in the middle of a stanza, or with what another program has to say.
            Kind::Log
        } else {
            Kind::Signals
        }
    }
}

impl Recording {
    /// Of all that it holds, only this connection.
    pub fn only(self, conn: Arc<str>) -> Recording {
        Recording {
            only: Some(conn),
            ..self
        }
    }

    /// Beside the recordings of other ends.
    pub(super) fn beside_others(mut self) -> Recording {
        if let Reading::Transcript { reader, .. } = &mut self.reading {
            reader.beside_others();
        }
        self
    }

    /// With chat too, which is no call's affair.
    pub fn with_chat(mut self) -> Recording {
        if let Reading::Frames(_, sessions) = &mut self.reading {
            sessions.chat = true;
        }
        self
    }

    /// The format's name. What a log is shows itself only as it is read.
    pub fn format(&self) -> String {
        let name = match &self.reading {
            Reading::Frames(frames, _) => frames.format(),
            Reading::Transcript { .. } if self.witness == Witness::Ends => {
                "a transcript of another program".to_owned()
            }
            Reading::Transcript { .. } => "a callspec transcript of a proxy".to_owned(),
        };
        match &self.packed {
            Some(packed) => format!("{name}, {packed}"),
            None => name,
        }
    }

    /// Who saw it, as far as it is known by now.
    pub fn witness(&self) -> Witness {
        match &self.reading {
            _ if self.is_anonymous() => Witness::Signals,
            Reading::Frames(frames, _) if frames.between() => Witness::Between,
            _ => self.witness,
        }
    }

    /// Nothing in it tells whose end it is.
    pub fn is_anonymous(&self) -> bool {
        matches!(&self.reading, Reading::Frames(_, sessions) if sessions.signals)
    }

    /// Its times are by a clock that nobody sets.
    pub fn is_steady(&self) -> bool {
        self.steady
    }

    /// What a proxy that recorded it was told of its server.
    pub(super) fn profile(&self) -> Option<&Profile> {
        self.profile.as_deref()
    }

    /// It was cut off in the middle. Known once all is read.
    pub fn torn(&self) -> bool {
        match &self.reading {
            Reading::Frames(frames, _) => frames.torn(),
            Reading::Transcript { reader, .. } => reader.torn(),
        }
    }

    /// Stanzas of connections of which it was not known whose they are, and which were too many to keep.
    pub fn dropped(&self) -> u64 {
        match &self.reading {
            Reading::Frames(_, sessions) => sessions.dropped,
            Reading::Transcript { .. } => 0,
        }
    }

    /// Why it is of no format that is known, if so. Known once all is read.
    pub fn unknown(&self) -> Option<String> {
        match &self.reading {
            Reading::Frames(frames, _) => frames.unknown(),
            Reading::Transcript { .. } => None,
        }
    }

    /// What was there instead, if there was no stanza in it. Known once all is read.
    pub fn instead(&self) -> Option<String> {
        match &self.reading {
            Reading::Frames(frames, _) => frames.instead(),
            Reading::Transcript { .. } => None,
        }
    }

    fn step(&mut self) -> Option<Result<Recorded, ReadError>> {
        match &mut self.reading {
            Reading::Frames(frames, sessions) => loop {
                if let Some(recorded) = sessions.pop() {
                    return Some(Ok(recorded));
                }
                if self.over {
                    return None;
                }
                match frames.next() {
                    Some(Ok(frame)) => sessions.take(frame),
                    Some(Err(error)) => {
                        self.over = true;
                        return Some(Err(error));
                    }
                    None => {
                        self.over = true;
                        sessions.finish();
                    }
                }
            },
            Reading::Transcript {
                reader,
                started,
                parties,
                last,
                stops,
            } => match reader.next() {
                None => {
                    let Party { who: conn, jid, .. } = stops.get_or_insert_with(|| parties.there()).pop()?;
                    let (n, t) = *last;
                    let event = Event {
                        n,
                        who: conn.to_string(),
                        ..event(t, jid, Dir::Stops)
                    };
                    let line = reader.place();
                    Some(Ok(Recorded { event, conn, line }))
                }
                Some(Ok(mut event)) => {
                    let told = || unix_seconds(&event.time).map_or(0.0, |at| at - event.t);
                    event.t += *started.get_or_insert_with(told);
                    *last = (event.n, event.t);
                    let party = parties.of(&event.who);
                    match &event.jid {
                        Some(now) if party.jid.as_ref() == Some(now) => {}
                        Some(now) => party.jid = Some(now.clone()),
                        None => event.jid.clone_from(&party.jid),
                    }
                    match event.dir {
                        Dir::Connected | Dir::Begins => party.there = true,
                        Dir::Stops | Dir::Closed | Dir::Cut | Dir::Disconnected | Dir::End => {
                            party.there = false;
                        }
                        _ => {}
                    }
                    let (conn, line) = (Arc::clone(&party.who), reader.place());
                    Some(Ok(Recorded { event, conn, line }))
                }
                Some(Err(error)) => {
                    *stops = Some(Vec::new());
                    Some(Err(error))
                }
            },
        }
    }
}

impl Iterator for Recording {
    type Item = Result<Recorded, ReadError>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            match self.step()? {
                Ok(recorded) if self.only.as_ref().is_some_and(|only| *only != recorded.conn) => {}
                other => return Some(other),
            }
        }
    }
}

/// Whether this event passes a stanza that has to do with calls, or chat.
fn speaks(recorded: &Recorded) -> bool {
    let text = recorded.event.xml.as_deref().unwrap_or_default();
    recorded.event.dir.passes() && (names_calls(text) || secrets::first_name(text) == "message")
}

/// What is sought in every stanza is made ready once.
type Sought = LazyLock<Finder<'static>>;

static CALLS: Sought = LazyLock::new(|| Finder::new(NAMESPACE));

/// Whether the namespace of calls stands in a text.
fn names_calls(text: &str) -> bool {
    CALLS.find(text.as_bytes()).is_some()
}

/// What stands before and behind the first of these in a text.
fn around<'a>(text: &'a str, what: &Finder<'_>) -> Option<(&'a str, &'a str)> {
    let at = what.find(text.as_bytes())?;
    Some((text.get(..at)?, text.get(at + what.needle().len()..)?))
}

/// Whether this stands in a text.
fn has(text: &str, what: &str) -> bool {
    memchr::memmem::find(text.as_bytes(), what.as_bytes()).is_some()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_parties_heard_of_last_are_remembered() {
        let mut parties = Parties::default();
        for n in 0..3 * PARTIES {
            let party = parties.of(&format!("bob/{n}"));
            assert_eq!((&*party.who, &party.jid), (&*format!("bob/{n}"), &None));
            party.jid = Some(n.to_string());
            // Who goes on speaking is not forgotten.
            parties.of("alice").jid.get_or_insert_with(|| "a".to_owned());
        }
        assert!(parties.latest.len() + parties.before.len() <= 2 * PARTIES);
        assert_eq!(parties.of("alice").jid.as_deref(), Some("a"));
        let last = 3 * PARTIES - 1;
        assert_eq!(parties.of(&format!("bob/{last}")).jid, Some(last.to_string()));
        assert_eq!(parties.of("bob/0").jid, None);
    }
}
