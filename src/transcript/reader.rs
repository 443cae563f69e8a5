//! Reads a transcript line by line, whoever wrote it.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::fmt;
use std::io::{BufRead, ErrorKind};

use serde::de::{DeserializeOwned, IgnoredAny};

use super::{Dir, Event, FORMAT, Header, Party, Witness, quick};
use crate::protocol::unix_seconds;

/// The longest line that is read, in bytes.
pub const LINE_LIMIT: u64 = 64 * 1024 * 1024;

/// Why a line is not what it should be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReadError {
    /// Counts from 1.
    pub line: u64,
    /// Counts from 1; 0: the whole line.
    pub column: u64,
    pub message: String,
}

impl fmt::Display for ReadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}", self.line, self.column, self.message)
    }
}

impl std::error::Error for ReadError {}

/// So many events are looked at to see who is there.
const AHEAD: usize = 64;
/// Of so many it is remembered that they are there.
const REMEMBERED: usize = 65_536;
/// Whoever is there without a word about it has been there for so long, in seconds.
const LONG_THERE: f64 = 1.0;

/// What a transcript tells of its sessions.
#[derive(Debug)]
enum Sessions {
    /// Where each begins.
    Told,
    /// Nothing so far.
    Untold {
        /// So many bots are in the cast; `None`: whoever it was has recorded as many ends as there are.
        bots: Option<usize>,
    },
    /// Nothing: whoever spoke has one.
    Guessed(BTreeSet<String>),
}

/// The events of a transcript, one at a time, without their `signal`. It ends after the first error.
#[derive(Debug)]
pub struct Reader<R: BufRead> {
    input: R,
    /// The line that was read last.
    bytes: Vec<u8>,
    scratch: String,
    line: u64,
    sessions: Sessions,
    /// Other ends have files of their own.
    beside: bool,
    /// What comes next, and the lines that it was read from.
    ahead: VecDeque<(u64, Result<Event, ReadError>)>,
    /// The line of the event that was given last.
    place: u64,
    /// The wall time at `t` = 0 of events that tell nothing else, in seconds.
    origin: Option<f64>,
    /// `t` of the event that was read last.
    t: f64,
    torn: bool,
    over: bool,
}

impl<R: BufRead> Reader<R> {
    /// Reads the header line. Where no program of ours has written it, its parties are whoever they are: each end of a
    /// connection is one that was recorded.
    ///
    /// # Errors
    /// An empty or unreadable file, a first line that is no transcript header, or a format version that is unknown.
    pub fn new(input: R) -> Result<(Header, Reader<R>), ReadError> {
        let mut reader = Reader {
            input,
            bytes: Vec::new(),
            scratch: String::new(),
            line: 0,
            sessions: Sessions::Told,
            beside: false,
            ahead: VecDeque::new(),
            place: 0,
            origin: None,
            t: 0.0,
            torn: false,
            over: false,
        };
        let Some(_) = reader.read()? else {
            return Err(reader.error(0, "the file is empty: a transcript begins with a header line"));
        };
        let mut header: Header = parse(&reader.bytes).map_err(|(column, message)| {
            let text = format!("this is not a callspec transcript: the first line is no header ({message})");
            reader.error(column, &text)
        })?;
        if header.callspec != FORMAT {
            let text = format!(
                "this transcript has format version {}; this program reads version {FORMAT}",
                header.callspec
            );
            return Err(reader.error(0, &text));
        }
        let is_of_bots = header.cast.values().any(|member| member.party == Party::Bot);
        let is_others = header.version.is_empty() && !is_of_bots;
        if is_others && header.witness.is_bots() {
            header.witness = Witness::Ends;
        }
        if is_others || header.witness.is_bots() {
            let bots = header.witness.is_bots().then_some(header.cast.len());
            reader.sessions = Sessions::Untold { bots };
        }
        Ok((header, reader))
    }

    /// It is read beside the files of other ends. What those tell of the time before its first stanza may have been cut
    /// off here: whoever speaks was recorded from there, and not before.
    pub fn beside_others(&mut self) {
        self.beside = true;
    }

    /// The number of the line of the event that came last, from 1.
    pub fn place(&self) -> u64 {
        self.place
    }

    /// Fills in what somebody who writes an event by hand may leave out: which it is, and when it was.
    fn complete(&mut self, mut event: Event) -> Event {
        if event.n == 0 {
            event.n = self.line.saturating_sub(1);
        }
        if event.t.is_nan() {
            let at = unix_seconds(&event.time);
            let origin = at.map(|at| *self.origin.get_or_insert(at));
            event.t = at.zip(origin).map_or(self.t, |(at, origin)| at - origin);
        }
        self.t = event.t;
        if event.who.is_empty() && event.dir.passes() {
            event.who = event.jid.clone().unwrap_or_default();
        }
        event
    }

    /// The event in the next line.
    fn step(&mut self) -> Option<Result<Event, ReadError>> {
        if self.over {
            return None;
        }
        let ended = match self.read() {
            Ok(Some(ended)) => ended,
            none => {
                self.over = true;
                return none.err().map(Err);
            }
        };
        match event(&self.bytes, &mut self.scratch) {
            Ok(event) => Some(Ok(self.complete(event))),
            Err(_) if !ended => {
                self.torn = true;
                self.over = true;
                None
            }
            Err((column, message)) => {
                self.over = true;
                Some(Err(
                    self.error(column, &format!("this line is no event: {message}"))
                ))
            }
        }
    }

    /// Puts before an event that somebody is there, where a transcript leaves it out, as one that was written by hand may,
    /// or one of which only the stanzas were kept: whoever speaks was there before the first stanza.
    fn tell(&mut self, event: Event) {
        let line = self.line;
        match &mut self.sessions {
            Sessions::Untold { .. } if begins(&event) => self.sessions = Sessions::Told,
            Sessions::Guessed(known) if begins(&event) => drop(known.insert(event.who.clone())),
            Sessions::Untold { bots } if event.dir.passes() => {
                let bots = *bots;
                return self.guess(event, bots);
            }
            Sessions::Guessed(known) if event.dir.passes() && known.len() < REMEMBERED => {
                if let Some(jid) = &event.jid
                    && known.insert(event.who.clone())
                {
                    let session = session(&event, &event.who, jid, self.beside);
                    self.ahead.push_back((line, Ok(session)));
                }
            }
            _ => {}
        }
        self.ahead.push_back((line, Ok(event)));
    }

    /// Looks who speaks from the first stanza on. Bots are known to be all there, or nothing is taken for granted.
    fn guess(&mut self, first: Event, bots: Option<usize>) {
        let line = self.line;
        let beside = self.beside;
        let before = Event {
            t: if beside { first.t } else { first.t - LONG_THERE },
            ..first.clone()
        };
        let mut ahead = vec![(line, Ok(first))];
        let mut there = BTreeMap::new();
        // A call has two ends.
        let wanted = bots.unwrap_or(2);
        while let Some((_, Ok(event))) = ahead.last()
            && !begins(event)
        {
            if let (true, Some(jid)) = (event.dir.passes(), &event.jid) {
                there.entry(event.who.clone()).or_insert_with(|| jid.clone());
            }
            if there.len() >= wanted || ahead.len() == AHEAD {
                break;
            }
            let Some(next) = self.step() else { break };
            ahead.push((self.line, next));
        }
        self.sessions = if bots.is_none_or(|bots| bots <= there.len()) {
            let sessions = there
                .iter()
                .map(|(who, jid)| (line, Ok(session(&before, who, jid, beside))));
            self.ahead.extend(sessions);
            Sessions::Guessed(there.into_keys().collect())
        } else {
            Sessions::Told
        };
        self.ahead.extend(ahead);
    }

    /// The last line was cut off in the middle, as after a kill, and was left out. Known once the events are read.
    pub fn torn(&self) -> bool {
        self.torn
    }

    fn error(&self, column: u64, message: &str) -> ReadError {
        ReadError {
            line: self.line,
            column,
            message: message.to_owned(),
        }
    }

    /// Reads the next line that is not blank, and says whether its line end is there.
    fn read(&mut self) -> Result<Option<bool>, ReadError> {
        loop {
            self.bytes.clear();
            self.line += 1;
            line(&mut self.input, &mut self.bytes)
                .map_err(|error| self.error(0, &format!("cannot read: {error}")))?;
            if self.bytes.is_empty() {
                return Ok(None);
            }
            let ended = self.bytes.last() == Some(&b'\n');
            if (self.bytes.len() - usize::from(ended)) as u64 > LINE_LIMIT {
                return Err(self.error(0, &format!("the line is longer than {LINE_LIMIT} bytes")));
            }
            if !self.bytes.trim_ascii().is_empty() {
                return Ok(Some(ended));
            }
        }
    }
}

fn begins(event: &Event) -> bool {
    matches!(event.dir, Dir::Connected | Dir::Begins)
}

/// That somebody is there, told with all else as it stands in another event. `late`: it perhaps was before.
fn session(like: &Event, who: &str, jid: &str, late: bool) -> Event {
    Event {
        who: who.to_owned(),
        jid: Some(jid.to_owned()),
        dir: if late { Dir::Begins } else { Dir::Connected },
        xml: None,
        signal: None,
        note: None,
        arrived: None,
        ..like.clone()
    }
}

/// Appends what there is up to the end of the line, and not much more than may be.
fn line(input: &mut impl BufRead, bytes: &mut Vec<u8>) -> std::io::Result<()> {
    while bytes.len() as u64 <= LINE_LIMIT {
        let there = match input.fill_buf() {
            Err(error) if error.kind() == ErrorKind::Interrupted => continue,
            there => there?,
        };
        let end = memchr::memchr(b'\n', there);
        let part = end.map_or(there, |end| there.get(..=end).unwrap_or_default());
        let length = part.len();
        bytes.extend_from_slice(part);
        input.consume(length);
        if end.is_some() || length == 0 {
            break;
        }
    }
    Ok(())
}

/// The event in a line. Half of it is its signal, which is for readers: whoever judges or plays it again reads `xml`.
fn event(bytes: &[u8], scratch: &mut String) -> Result<Event, (u64, String)> {
    let text = std::str::from_utf8(bytes).ok();
    match text.and_then(|text| quick::read(text, scratch)) {
        Some(event) => Ok(event),
        None => Ok(parse::<Event<IgnoredAny>>(bytes)?.without_signal()),
    }
}

fn parse<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, (u64, String)> {
    // Once for the whole line is sooner done than for each of its texts.
    let read = match std::str::from_utf8(bytes) {
        Ok(text) => serde_json::from_str(text),
        Err(_) => serde_json::from_slice(bytes),
    };
    read.map_err(|error| (error.column() as u64, error.to_string()))
}

impl<R: BufRead> Iterator for Reader<R> {
    type Item = Result<Event, ReadError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.ahead.is_empty() {
            match self.step()? {
                Ok(event) if !matches!(self.sessions, Sessions::Told) => self.tell(event),
                next => {
                    self.place = self.line;
                    return Some(next);
                }
            }
        }
        let (line, next) = self.ahead.pop_front()?;
        self.place = line;
        Some(next)
    }
}

#[cfg(test)]
mod tests {
    use super::super::Writer;
    use super::*;

    const HEADER: &str = r#"{"callspec":1,"scenario":{"name":"a"},"new":1}"#;

    #[test]
    fn reads_back_what_was_written_and_forgives_a_torn_end() {
        let (header, _) = Reader::new(HEADER.as_bytes()).expect("a header");
        let line = r#"{"n":1,"t":0.5,"who":"bob","dir":"sent","xml":"<iq/>","extra":true}"#;
        let event: Event = serde_json::from_str(line).expect("an event");
        let mut writer = Writer::new(Vec::new(), &header).expect("memory");
        writer.event(&event).expect("memory");
        let mut bytes = writer.into_inner();
        bytes.extend_from_slice(br#"{"n":2,"t":1.0,"di"#);
        let (again, mut reader) = Reader::new(bytes.as_slice()).expect("a header");
        assert_eq!(again, header);
        assert_eq!(reader.next(), Some(Ok(event)));
        assert_eq!(reader.next(), None);
        assert!(reader.torn());
    }

    /// It is for people: what stands there is in `xml` too, and may be deeper or larger than JSON readers take.
    #[test]
    fn the_signal_of_a_line_is_passed_over_whatever_it_is() {
        let line = |signal: &str| {
            format!(r#"{{"n":1,"t":0.5,"who":"bob","dir":"sent","signal":{signal},"xml":"<iq/>"}}"#)
        };
        let deep = "[".repeat(1_000) + &"]".repeat(1_000);
        for signal in ["null", r#"{"type":"call:accept"}"#, "1e999", &deep] {
            let text = format!("{HEADER}\n{}\n", line(signal));
            let (_, mut reader) = Reader::new(text.as_bytes()).expect("a header");
            let event = reader.next().expect("a line").expect("an event");
            assert_eq!((event.signal, event.xml.as_deref()), (None, Some("<iq/>")));
        }
        let text = format!("{HEADER}\n{}\n", line("{]"));
        let (_, mut reader) = Reader::new(text.as_bytes()).expect("a header");
        assert!(reader.next().expect("a line").is_err());
    }

    /// Whether its end has been read with it or not.
    #[test]
    fn a_line_that_is_too_long_is_refused_with_its_end_too() {
        for end in ["", "\n"] {
            let line = "x".repeat(LINE_LIMIT as usize + 1) + end;
            let text = format!("{HEADER}\n{line}");
            let (_, mut reader) = Reader::new(text.as_bytes()).expect("a header");
            let error = reader.next().expect("a line").expect_err("too long");
            assert!(error.message.contains("longer than"), "{error}");
        }
    }

    #[test]
    fn says_where_a_line_is_wrong() {
        let text = format!("{HEADER}\n{{\"n\":x}}\n");
        let (_, mut reader) = Reader::new(text.as_bytes()).expect("a header");
        let error = reader.next().expect("a line").expect_err("no event");
        assert_eq!((error.line, error.column), (2, 6));
        assert!(Reader::new(&b"<log/>"[..]).is_err_and(|error| error.message.contains("not a callspec")));
        assert!(Reader::new(&b""[..]).is_err());
        let newer = HEADER.replace("\"callspec\":1", "\"callspec\":9");
        assert!(Reader::new(newer.as_bytes()).is_err_and(|error| error.message.contains("version 9")));
    }
}
