//! JSON Lines of signals alone: the signal itself, or an object around it that may say when and which way.
//!
//! `{"type":"call:initiate","callId":…}` or `{"time":"2026-11-24T08:29:56.9Z","direction":"sent","signal":{…}}`.
//! Which stanza it stood in is not known: only what the signals say and their order are judged.

use std::collections::{BTreeMap, VecDeque};
use std::io::{BufRead, Read};

use serde_json::value::RawValue;

use super::super::{LINE_LIMIT, ReadError};
use super::frame::{Frame, Frames, Way, What};
use super::stamp::stamp;
use crate::protocol::unix_seconds;

/// The domain of users of whom only the id is known (RFC 2606 §2).
const NOWHERE: &str = "signals.invalid";

pub(super) struct Signals<R> {
    input: R,
    line: u64,
    ready: VecDeque<Frame>,
    torn: bool,
    over: bool,
    found: u64,
}

type Object<'a> = BTreeMap<String, &'a RawValue>;

impl<R: BufRead> Signals<R> {
    pub fn new(input: R) -> Signals<R> {
        Signals {
            input,
            line: 0,
            ready: VecDeque::new(),
            torn: false,
            over: false,
            found: 0,
        }
    }

    fn read(&mut self) -> Result<bool, ReadError> {
        self.line += 1;
        let place = |column, message: String| ReadError {
            line: self.line,
            column,
            message,
        };
        let mut bytes = Vec::new();
        let read = (&mut self.input)
            .take(LINE_LIMIT + 1)
            .read_until(b'\n', &mut bytes)
            .map_err(|error| place(0, format!("cannot read: {error}")))?;
        if bytes.len() as u64 > LINE_LIMIT {
            return Err(place(0, format!("the line is longer than {LINE_LIMIT} bytes")));
        }
        if read == 0 || bytes.trim_ascii().is_empty() {
            return Ok(read > 0);
        }
        let object: Object<'_> = match serde_json::from_slice(&bytes) {
            Ok(object) => object,
            Err(_) if bytes.last() != Some(&b'\n') => {
                self.torn = true;
                return Ok(true);
            }
            Err(error) => {
                let message = format!("expected a JSON object, one a line: {error}");
                return Err(place(error.column() as u64, message));
            }
        };
        let Some((signal, wrapper)) = signal(&object, &bytes) else {
            return Ok(true);
        };
        self.found += 1;
        let (at, wall) = wrapper.and_then(time).unwrap_or((f64::NAN, false));
        let way = wrapper.and_then(direction);
        let ends = serde_json::from_str::<serde_json::Value>(&signal).unwrap_or_default();
        let end = |member: &str| {
            let id = ends.get(member).and_then(|id| id.as_str()).unwrap_or_default();
            let plain =
                !id.is_empty() && id.len() <= 64 && id.chars().all(|c| c.is_ascii_alphanumeric() || c == '-');
            format!(
                "{}@{NOWHERE}/1",
                if plain { id } else { "unknown" }.to_lowercase()
            )
        };
        let (from, to) = (end("senderId"), end("recipientId"));
        let text = crate::stanza::escape(&signal);
        let xml = format!(
            "<iq type='set' id='line-{}' from='{from}' to='{to}'><call xmlns='{}'>{text}</call></iq>",
            self.line,
            crate::protocol::NAMESPACE
        );
        let frame = |own: &str, way| Frame {
            line: self.line,
            conn: own.into(),
            at,
            wall: wall.then_some(at),
            way: Some(way),
            own: Some(own.to_owned()),
            what: What::Text(xml.clone()),
        };
        match way {
            Some(Way::Out) => self.ready.push_back(frame(&from, Way::Out)),
            Some(Way::In) => self.ready.push_back(frame(&to, Way::In)),
            // Whoever wrote it down saw it between its sending and its coming in.
            None => self.ready.extend([frame(&from, Way::Out), frame(&to, Way::In)]),
        }
        Ok(true)
    }
}

/// The text of the signal in this object, and the object around it if there is one.
fn signal<'a>(object: &'a Object<'a>, line: &[u8]) -> Option<(String, Option<&'a Object<'a>>)> {
    let is_signal = |members: &BTreeMap<String, &RawValue>| {
        members.contains_key("callId")
            || members
                .get("type")
                .is_some_and(|kind| kind.get().starts_with("\"call:"))
    };
    if is_signal(object) {
        return Some((String::from_utf8_lossy(line).trim().to_owned(), None));
    }
    object.values().find_map(|value| {
        let text = value.get();
        let inner = if text.starts_with('"') {
            serde_json::from_str::<String>(text).ok()?
        } else {
            text.to_owned()
        };
        let members: Object<'_> = serde_json::from_str(&inner).ok()?;
        is_signal(&members).then(|| (inner.clone(), Some(object)))
    })
}

fn time(wrapper: &Object<'_>) -> Option<(f64, bool)> {
    let names = ["time", "ts", "t", "timestamp", "at", "date", "@timestamp"];
    let value = names.iter().find_map(|name| wrapper.get(*name))?.get();
    if let Ok(text) = serde_json::from_str::<String>(value) {
        let exact = unix_seconds(&text).map(|at| (at, true));
        return exact.or_else(|| stamp(&text).map(|stamp| (stamp.at, stamp.wall)));
    }
    let number: f64 = value.parse().ok()?;
    Some(match number {
        n if n > 1e14 => (n / 1e6, true),
        n if n > 1e11 => (n / 1e3, true),
        n => (n, n > 1e8),
    })
}

fn direction(wrapper: &Object<'_>) -> Option<Way> {
    let names = ["dir", "direction", "way", "event", "kind", "type"];
    names.iter().find_map(|name| {
        let word: String = serde_json::from_str(wrapper.get(*name)?.get()).ok()?;
        match word.to_lowercase().as_str() {
            "sent" | "send" | "out" | "outgoing" | "outbound" | "tx" => Some(Way::Out),
            "received" | "receive" | "recv" | "in" | "incoming" | "inbound" | "rx" => Some(Way::In),
            _ => None,
        }
    })
}

impl<R: BufRead + Send> Frames for Signals<R> {
    fn next(&mut self) -> Option<Result<Frame, ReadError>> {
        loop {
            if let Some(frame) = self.ready.pop_front() {
                return Some(Ok(frame));
            }
            if self.over || self.torn {
                return None;
            }
            match self.read() {
                Ok(true) => {}
                Ok(false) => self.over = true,
                Err(error) => {
                    self.over = true;
                    return Some(Err(error));
                }
            }
        }
    }

    fn torn(&self) -> bool {
        self.torn
    }

    fn format(&self) -> String {
        "JSON Lines of signals".to_owned()
    }

    fn instead(&self) -> Option<String> {
        (self.found == 0).then(|| {
            "its lines are JSON, and none holds a call signal (`type` \"call:…\", `callId`)".to_owned()
        })
    }
}
