//! HAR files of browsers: the WebSocket frames of every entry.
//!
//! `{"log":{"creator":{…},"entries":[{"request":{…},"_webSocketMessages":[{"type":"send","time":1795441449.96,
//! "opcode":1,"data":"<open …/>"}]}]}}`. Chrome gives seconds since 1970 as a fraction and binary frames in base64;
//! other writers give milliseconds, `payload` for `data`, `sent` for `send`, `opCode` for `opcode`.

use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::io::BufRead;
use std::sync::Arc;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use serde::de::Visitor;
use serde::{Deserialize, Deserializer};

use super::super::{LINE_LIMIT, ReadError};
use super::frame::{Frame, Frames, Way, What};
use super::json::Walk;
use crate::protocol::unix_seconds;

/// Makers of HARs that stand between a client and its server.
const PROXIES: [&str; 8] = [
    "mitmproxy",
    "charles",
    "fiddler",
    "proxyman",
    "burp",
    "zap",
    "http toolkit",
    "httptoolkit",
];

#[derive(Deserialize)]
struct Message {
    #[serde(rename = "type", alias = "direction", default)]
    kind: String,
    #[serde(default, alias = "timeStamp", alias = "timestamp")]
    time: Loose,
    #[serde(default, alias = "opCode")]
    opcode: Loose,
    #[serde(default, alias = "payload", alias = "text")]
    data: Option<String>,
}

/// A number however a writer puts it: as a number, as text, as a date (RFC 3339), or not at all.
#[derive(Default)]
struct Loose(Option<f64>);

impl<'de> Deserialize<'de> for Loose {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Loose, D::Error> {
        struct Any;
        impl Visitor<'_> for Any {
            type Value = Loose;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a number")
            }

            fn visit_f64<E>(self, number: f64) -> Result<Loose, E> {
                Ok(Loose(Some(number)))
            }

            fn visit_u64<E>(self, number: u64) -> Result<Loose, E> {
                Ok(Loose(Some(number as f64)))
            }

            fn visit_i64<E>(self, number: i64) -> Result<Loose, E> {
                Ok(Loose(Some(number as f64)))
            }

            fn visit_str<E>(self, text: &str) -> Result<Loose, E> {
                Ok(Loose(text.trim().parse().ok().or_else(|| unix_seconds(text))))
            }

            fn visit_unit<E>(self) -> Result<Loose, E> {
                Ok(Loose(None))
            }
        }
        deserializer.deserialize_any(Any)
    }
}

#[derive(Deserialize, Default)]
struct Maker {
    #[serde(default)]
    name: String,
    #[serde(default)]
    version: String,
}

enum At {
    Start,
    Log,
    Entries,
    Entry,
    Messages,
    Over,
}

pub(super) struct Har<R> {
    walk: Walk<R>,
    at: At,
    entry: u64,
    /// What tells its frames from those of other entries.
    conn: Arc<str>,
    messages: u64,
    /// The message that was read last.
    bytes: Vec<u8>,
    maker: String,
    /// Fragments of a frame that goes on, by direction.
    parts: BTreeMap<bool, Frame>,
    /// Frames that are next, before those of the file.
    ready: VecDeque<Frame>,
}

impl<R: BufRead> Har<R> {
    pub fn new(input: R) -> Har<R> {
        Har {
            walk: Walk::new(input),
            at: At::Start,
            entry: 0,
            conn: Arc::default(),
            messages: 0,
            bytes: Vec::new(),
            maker: String::new(),
            parts: BTreeMap::new(),
            ready: VecDeque::new(),
        }
    }

    /// Whether no more than one connection has frames in it: nothing then ran side by side. What cannot be read says
    /// no.
    pub fn is_of_one(&mut self) -> bool {
        let mut with_frames = 0;
        while !matches!(self.at, At::Over) && !self.walk.torn && with_frames < 2 {
            if !matches!(self.at, At::Messages) {
                if self.step().is_err() {
                    return false;
                }
                continue;
            }
            // Its frames are skipped, not read.
            match self.walk.rest_of_array() {
                Ok(items) => with_frames += u64::from(items > 0),
                Err(_) => return false,
            }
            self.at = At::Entry;
        }
        with_frames < 2
    }

    fn open(&mut self, bracket: u8, what: &str) -> Result<bool, ReadError> {
        if self.walk.eat(bracket)? {
            return Ok(true);
        }
        if self.walk.torn {
            return Ok(false);
        }
        Err(self
            .walk
            .error(&format!("expected `{}`: {what}", bracket as char)))
    }

    /// One step through the document: a frame, or nothing yet.
    fn step(&mut self) -> Result<Option<Frame>, ReadError> {
        match self.at {
            At::Start => {
                self.at = At::Over;
                if self.open(b'{', "a HAR is an object")? {
                    while let Some(key) = self.walk.key()? {
                        if key == "log" && self.open(b'{', "`log` is an object")? {
                            self.at = At::Log;
                            return Ok(None);
                        }
                        self.walk.value(None)?;
                    }
                }
            }
            At::Log => match self.walk.key()?.as_deref() {
                None => self.at = At::Over,
                Some("entries") => {
                    if self.open(b'[', "`entries` is an array")? {
                        self.at = At::Entries;
                    }
                }
                Some(key @ ("creator" | "browser")) => {
                    let creator = key == "creator";
                    let mut bytes = Vec::new();
                    self.walk.value(Some((&mut bytes, 64 * 1024)))?;
                    let maker: Maker = serde_json::from_slice(&bytes).unwrap_or_default();
                    if !creator || self.maker.is_empty() {
                        let words: String = format!("{} {}", maker.name, maker.version)
                            .chars()
                            .filter(|c| !c.is_control())
                            .take(60)
                            .collect();
                        self.maker = words.trim().to_owned();
                    }
                }
                Some(_) => self.walk.value(None)?,
            },
            At::Entries => {
                self.walk.eat(b',')?;
                if self.walk.eat(b']')? {
                    self.at = At::Log;
                } else if self.walk.torn {
                    self.at = At::Over;
                } else if self.open(b'{', "an entry is an object")? {
                    self.entry += 1;
                    self.conn = self.entry.to_string().into();
                    self.parts.clear();
                    self.at = At::Entry;
                }
            }
            At::Entry => match self.walk.key()?.as_deref() {
                None => self.at = At::Entries,
                Some("_webSocketMessages") if self.walk.peek()? == Some(b'[') => {
                    self.walk.eat(b'[')?;
                    self.at = At::Messages;
                }
                Some(_) => self.walk.value(None)?,
            },
            At::Messages => {
                self.walk.eat(b',')?;
                if self.walk.eat(b']')? {
                    self.at = At::Entry;
                    let over = What::Over("the recording of this connection stops".to_owned());
                    let begun = std::mem::take(&mut self.parts);
                    self.ready.extend(begun.into_values());
                    self.ready.extend(self.frame(self.walk.line(), None, None, over));
                } else if !self.walk.torn {
                    return self.message();
                }
            }
            At::Over => {}
        }
        Ok(None)
    }

    fn message(&mut self) -> Result<Option<Frame>, ReadError> {
        self.walk.peek()?;
        let line = self.walk.line();
        let place = self.walk.error("");
        self.bytes.clear();
        self.walk.value(Some((&mut self.bytes, LINE_LIMIT as usize)))?;
        if self.walk.torn {
            return Ok(None);
        }
        let wrong = |error: &str| ReadError {
            message: format!("this WebSocket message cannot be read: {error}"),
            ..place.clone()
        };
        let message: Message = serde_json::from_slice(&self.bytes).map_err(|error| {
            // Where it is in the file, not in the message.
            let (down, across) = (error.line().max(1) as u64 - 1, error.column() as u64);
            let text = error.to_string();
            let (what, _) = text.rsplit_once(" at line ").unwrap_or((text.as_str(), ""));
            ReadError {
                line: place.line + down,
                column: if down == 0 {
                    place.column + across.max(1) - 1
                } else {
                    across
                },
                ..wrong(what)
            }
        })?;
        self.messages += 1;
        let out = match message.kind.to_ascii_lowercase().as_str() {
            "send" | "sent" | "request" | "outgoing" => true,
            "receive" | "received" | "response" | "incoming" => false,
            // Chrome notes a broken connection so.
            "error" => {
                return Ok(self.frame(
                    line,
                    message.time.0,
                    None,
                    What::Over("the browser notes an error".into()),
                ));
            }
            other => {
                return Err(wrong(&format!(
                    "its `type` is `{}`, not `send` or `receive`",
                    other.chars().take(20).collect::<String>()
                )));
            }
        };
        let data = message.data.unwrap_or_default();
        let way = Some(if out { Way::Out } else { Way::In });
        let text = match message.opcode.0.unwrap_or(1.0) as i64 {
            0 => {
                let begun = self.parts.remove(&out).map(|begun| begun.what);
                let Some(What::Text(mut begun)) = begun else {
                    return Ok(None);
                };
                begun.push_str(&data);
                begun
            }
            1 => data,
            // XMPP goes in text frames (RFC 7395 §3.2); a peer that takes binary ones for text is taken at its word.
            2 => match BASE64_STANDARD.decode(data.as_bytes()).map(String::from_utf8) {
                Ok(Ok(text)) => text,
                _ => data,
            },
            8 => {
                let who = if out { "the client" } else { "the server" };
                let what = What::Over(format!("{who} closed the WebSocket"));
                return Ok(self.frame(line, message.time.0, way, what));
            }
            _ => return Ok(None),
        };
        // What has begun and does not go on was not written down whole.
        self.ready.extend(self.parts.remove(&out));
        let begins = text.len() < LINE_LIMIT as usize && goes_on(&text);
        let frame = self.frame(line, message.time.0, way, What::Text(text));
        match frame {
            Some(frame) if begins => drop(self.parts.insert(out, frame)),
            frame => self.ready.extend(frame),
        }
        Ok(None)
    }

    fn frame(&self, line: u64, time: Option<f64>, way: Option<Way>, what: What) -> Option<Frame> {
        let at = match time {
            Some(t) if t > 1e14 => t / 1e6,
            Some(t) if t > 1e11 => t / 1e3,
            Some(t) if t.is_finite() => t,
            _ => f64::NAN,
        };
        Some(Frame {
            line,
            conn: Arc::clone(&self.conn),
            at,
            wall: (at > 1e8).then_some(at),
            way,
            own: None,
            what,
        })
    }
}

/// Whether this is the beginning of a stanza whose end is still missing: the browser shows fragments one by one.
pub(super) fn goes_on(text: &str) -> bool {
    let text = text.trim();
    let Some(rest) = text.strip_prefix('<') else {
        return false;
    };
    if rest.starts_with(['?', '!', '/']) || rest.starts_with("stream:stream") {
        return false;
    }
    let name = rest.split([' ', '/', '>', '\t', '\n', '\r']).next();
    let name = name.unwrap_or_default();
    let first = text.find('>');
    let alone = first.is_some_and(|at| at + 1 == text.len() && text.as_bytes().get(at - 1) == Some(&b'/'));
    let closed = text
        .strip_suffix('>')
        .map(str::trim_end)
        .and_then(|text| text.strip_suffix(name))
        .is_some_and(|text| text.ends_with("</"));
    !name.is_empty() && !alone && !closed && !attribute_end(text, first)
}

/// A `>` within an attribute's value, as in `<iq a='>'/>`, is no tag's end.
fn attribute_end(text: &str, first: Option<usize>) -> bool {
    let Some(first) = first else { return false };
    let mut quote = None;
    for (at, byte) in text.bytes().enumerate() {
        match (quote, byte) {
            (None, b'"' | b'\'') => quote = Some(byte),
            (Some(open), _) if open == byte => quote = None,
            (None, b'>') => {
                return at != first && at + 1 == text.len() && text.as_bytes().get(at - 1) == Some(&b'/');
            }
            _ => {}
        }
    }
    false
}

impl<R: BufRead + Send> Frames for Har<R> {
    fn next(&mut self) -> Option<Result<Frame, ReadError>> {
        while !matches!(self.at, At::Over) && !self.walk.torn {
            if let Some(frame) = self.ready.pop_front() {
                return Some(Ok(frame));
            }
            match self.step() {
                Ok(Some(frame)) => return Some(Ok(frame)),
                Ok(None) => {}
                Err(error) => {
                    self.at = At::Over;
                    return Some(Err(error));
                }
            }
        }
        self.ready.pop_front().map(Ok)
    }

    fn torn(&self) -> bool {
        self.walk.torn
    }

    fn between(&self) -> bool {
        let maker = self.maker.to_lowercase();
        PROXIES.iter().any(|name| maker.contains(name))
    }

    fn format(&self) -> String {
        match self.maker.as_str() {
            maker if maker.starts_with("WebInspector") => format!("a HAR of Chrome ({maker})"),
            "" => "a browser's HAR".to_owned(),
            maker => format!("a HAR of {maker}"),
        }
    }

    fn instead(&self) -> Option<String> {
        let how = if self.maker.contains("Firefox") {
            "Firefox leaves them out: export it from a Chromium, or give the log of the client's own library"
        } else {
            "export it while the network panel shows the WebSocket"
        };
        (self.messages == 0 && !self.walk.torn).then(|| {
            format!(
                "it holds {} requests, and none with WebSocket frames (`_webSocketMessages`): {how}",
                self.entry
            )
        })
    }
}
