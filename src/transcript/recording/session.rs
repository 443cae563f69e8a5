//! From frames to events: who stands at the end of each connection, when its recording begins and stops, and what of
//! it concerns calls.

mod resumed;
mod whose;

use std::borrow::Cow;
use std::collections::{BTreeMap, HashSet, VecDeque};
use std::sync::{Arc, LazyLock};

use memchr::memmem::Finder;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::super::{Dir, Event};
use super::frame::{Frame, Way, What};
use super::har::goes_on;
use super::order::Order;
use super::printed::tag_end;
use super::secrets::{first_name, without_secrets};
use super::{Sought, has, names_calls};
use crate::stanza::{IqType, Stanza, fold, resource};
use resumed::Resumable;
use whose::{Whose, guess};

const BIND: &str = "urn:ietf:params:xml:ns:xmpp-bind";
const SASL2: &str = "urn:xmpp:sasl:2";
const SM: &str = "urn:xmpp:sm:";
/// Frames of a connection that wait until it is known whose it is.
const WAITING: usize = 1_024;
/// How long those may be together, in bytes.
const WAITING_BYTES: usize = 512 * 1024;
/// The same of all connections together.
const ALL_WAITING_BYTES: usize = 16 * 1024 * 1024;
/// Connections that are followed at once, and sessions that may be resumed.
const MOST: usize = 4_096;
/// What may be written down in another order than it happened in, in seconds. A time that runs back further is one of a
/// clock that was set.
const DISORDER: f64 = 0.05;
/// The same of what two connections do, in seconds.
const DISORDER_BETWEEN: f64 = 60.0;

/// An event of a recording. `event.t` is in seconds of the recording's own clock, NaN where it is not known;
/// `event.who` is still empty: the JID, or else the connection, says whose it is.
#[derive(Debug, Clone, PartialEq)]
pub struct Recorded {
    pub event: Event,
    pub conn: Arc<str>,
    /// The line of the file.
    pub line: u64,
}

#[derive(Debug, Default)]
struct Conn {
    jid: Option<String>,
    /// A beginning or an end has been told.
    told: bool,
    over: bool,
    /// Another kind of stream: between servers, or a component's.
    foreign: bool,
    /// A login was seen: what came before the binding belongs to no session.
    login: bool,
    whose: Whose,
    /// It will not be known whose it is: both ends of each signal are taken to have been seen.
    doubtful: bool,
    waiting: VecDeque<(u64, Frame)>,
    /// Their bytes.
    waits: usize,
    /// What a session may be resumed by.
    resumes: Option<String>,
    /// What this session can be resumed by.
    resumable: Option<String>,
    /// Requests on a resumed session that did not go by before.
    asked: HashSet<u64>,
    /// Stanzas of the session that is resumed: each may go by once more (XEP-0198 §5).
    again: HashSet<u64>,
    /// NaN: not known.
    last: f64,
    /// How far its clock was set back so far, in seconds, where it is its own.
    set_back: f64,
}

impl Conn {
    fn unheard() -> Conn {
        Conn {
            last: f64::NAN,
            ..Conn::default()
        }
    }
}

/// The connections of one recording.
#[derive(Debug, Default)]
pub struct Sessions {
    conns: BTreeMap<Arc<str>, Conn>,
    /// The sessions that can be resumed, by id.
    resumable: BTreeMap<String, Resumable>,
    out: Box<Order>,
    /// How many frames have been taken.
    frames: u64,
    /// It is known of somebody who that is.
    named: bool,
    latest: f64,
    /// How far the clock of all connections was set back so far, in seconds.
    set_back: f64,
    /// Connections may be there one after the other that ran at the same time, or have clocks of their own.
    columns: bool,
    /// Every stanza keeps its text, not only those that have to do with calls.
    whole: bool,
    /// Chat is wanted too.
    pub chat: bool,
    /// The bytes of frames that wait.
    waiting: usize,
    /// Stanzas of nobody who is known that were not kept.
    pub dropped: u64,
    /// It was not told whose end this is: it shows signals alone.
    pub signals: bool,
}

impl Sessions {
    pub fn new() -> Sessions {
        Sessions {
            latest: f64::NAN,
            ..Sessions::default()
        }
    }

    /// For a recording that holds connections one after the other.
    pub fn in_columns() -> Sessions {
        Sessions {
            columns: true,
            ..Sessions::new()
        }
    }

    /// For a transcript: nothing is left out.
    pub fn whole() -> Sessions {
        Sessions {
            whole: true,
            columns: true,
            ..Sessions::new()
        }
    }

    pub fn pop(&mut self) -> Option<Recorded> {
        self.out.pop()
    }

    /// Takes the next frame.
    pub fn take(&mut self, frame: Frame) {
        let mut frame = frame;
        self.frames += 1;
        let (key, now) = (Arc::clone(&frame.conn), frame.at);
        // Taken out and put back: most frames are of a connection that is known.
        let known = self.conns.get_mut(&key).map(std::mem::take);
        let mut conn = known.unwrap_or_else(Conn::unheard);
        self.set_back(&mut conn, &mut frame);
        self.one(&mut conn, frame);
        if conn.over && conn.told {
            conn = Conn {
                over: true,
                told: true,
                last: conn.last,
                set_back: conn.set_back,
                ..Conn::default()
            };
        }
        match self.conns.get_mut(&key) {
            Some(place) => *place = conn,
            None => {
                self.conns.insert(key, conn);
            }
        }
        while let Some((late, conn)) = self.out.overdue(now) {
            self.give_up(late, &conn);
        }
        if self.conns.len() > MOST {
            self.conns.retain(|_, conn| !conn.over);
            if self.conns.len() > MOST
                && let Some((key, mut conn)) = self.conns.pop_first()
            {
                self.settle(&mut conn);
                if conn.told && !conn.over {
                    let note = Some("more connections at once than are followed".to_owned());
                    self.push(&conn, &key, conn.last, 0, Dir::Stops, note);
                }
            }
        }
    }

    /// Nothing else waits for this frame any more: what its connection has told by then is not kept.
    fn give_up(&mut self, late: u64, conn: &str) {
        self.out.known(late);
        let Some(mut doubtful) = self.conns.get_mut(conn).map(std::mem::take) else {
            return;
        };
        if self.likely(&mut doubtful) {
            self.settle(&mut doubtful);
        } else {
            self.doubt(&mut doubtful);
        }
        let Some(conn) = self.conns.get_mut(conn) else {
            return;
        };
        *conn = doubtful;
        while let Some((number, frame)) = conn.waiting.pop_front_if(|(number, _)| *number <= late) {
            self.waiting -= size(&frame);
            conn.waits -= size(&frame);
            self.dropped += 1;
            self.out.known(number);
        }
    }

    /// Time goes on where a clock was set back, and that it was is told: nothing is too early because of it.
    fn set_back(&mut self, conn: &mut Conn, frame: &mut Frame) {
        let so_far = match self.columns {
            true => &mut conn.set_back,
            false => &mut self.set_back,
        };
        frame.at += *so_far;
        // Where no time is known, none runs back.
        let own = conn.last - frame.at > DISORDER;
        let others = !self.columns && self.latest - frame.at > DISORDER_BETWEEN;
        if !own && !others {
            return;
        }
        let on = if self.columns { conn.last } else { self.latest };
        *so_far += on - frame.at;
        frame.at = on;
        let note = Some("the recorder's clock was set back".to_owned());
        self.push(conn, &frame.conn, frame.at, frame.line, Dir::Stalled, note);
        if !conn.waiting.is_empty() {
            // What waits happened before, and is told after.
            let mark = Frame {
                what: What::SetBack,
                ..frame.clone()
            };
            self.wait(conn, mark);
        }
    }

    /// Keeps a frame until it is known whose it is.
    fn wait(&mut self, conn: &mut Conn, frame: Frame) {
        self.waiting += size(&frame);
        conn.waits += size(&frame);
        // Before a login nobody speaks of calls.
        if !self.whole && !conn.login && concerns_calls(&frame) {
            self.out.waits(self.frames, &frame.conn, frame.at);
        }
        conn.waiting.push_back((self.frames, frame));
        let full = conn.waiting.len() > WAITING || conn.waits > WAITING_BYTES;
        if full || self.waiting > ALL_WAITING_BYTES {
            if self.likely(conn) {
                self.settle(conn);
                return;
            }
            if self.doubt(conn) {
                return;
            }
        }
        while (conn.waiting.len() > WAITING || conn.waits > WAITING_BYTES || self.waiting > ALL_WAITING_BYTES)
            && let Some((number, oldest)) = conn.waiting.pop_front()
        {
            self.out.known(number);
            self.waiting -= size(&oldest);
            conn.waits -= size(&oldest);
            self.dropped += 1;
        }
    }

    /// What waited does so no longer.
    fn waited(&mut self, conn: &mut Conn) -> VecDeque<(u64, Frame)> {
        let waiting = std::mem::take(&mut conn.waiting);
        waiting.iter().for_each(|(number, _)| self.out.known(*number));
        self.waiting -= std::mem::take(&mut conn.waits);
        waiting
    }

    /// The recording is over.
    pub fn finish(&mut self) {
        let mut conns = std::mem::take(&mut self.conns);
        for conn in conns.values_mut() {
            self.named |= self.likely(conn);
        }
        conns.values_mut().for_each(|conn| self.settle(conn));
        conns.append(&mut self.conns);
        for (key, conn) in conns {
            if conn.told && !conn.over {
                let at = if self.latest.is_nan() {
                    conn.last
                } else {
                    self.latest
                };
                self.push(&conn, &key, at, 0, Dir::Stops, None);
            }
        }
    }

    fn one(&mut self, conn: &mut Conn, mut frame: Frame) {
        if conn.foreign {
            return;
        }
        if !frame.at.is_nan() {
            if frame.at > self.latest || self.latest.is_nan() {
                self.latest = frame.at;
            }
            conn.last = frame.at;
        }
        if conn.jid.is_none() && frame.own.is_some() {
            conn.jid.clone_from(&frame.own);
            self.begin(conn, &frame, Dir::Begins);
        }
        let text = match &mut frame.what {
            What::Over(why) => {
                let why = std::mem::take(why);
                if frame.at.is_nan() {
                    frame.at = conn.last;
                }
                self.settle(conn);
                if conn.told && !conn.over {
                    self.push(conn, &frame.conn, frame.at, frame.line, Dir::Stops, Some(why));
                }
                conn.over = true;
                return;
            }
            What::Text(text) => std::mem::take(text),
            What::SetBack => return,
        };
        let trimmed = text.trim();
        if trimmed.is_empty() {
            return;
        }
        let whole = if trimmed.len() == text.len() {
            text
        } else {
            trimmed.to_owned()
        };
        let text = whole.as_str();
        let name = first_name(text);
        if name == "body" && has(text, "http://jabber.org/protocol/httpbind") {
            for inner in children(text) {
                let what = What::Text(inner);
                self.one(
                    conn,
                    Frame {
                        what,
                        ..frame.clone()
                    },
                );
            }
            return;
        }
        if matches!(name, "?xml" | "stream:stream" | "open") {
            if conn.jid.is_some() && conn.told && !conn.over {
                // The old stream ended unseen.
                self.push(conn, &frame.conn, frame.at, frame.line, Dir::Stops, None);
            }
            self.waited(conn);
            *conn = Conn {
                foreign: has(text, "jabber:server") || has(text, "jabber:component"),
                login: true,
                last: conn.last,
                set_back: conn.set_back,
                resumes: conn.resumes.take(),
                again: std::mem::take(&mut conn.again),
                ..Conn::default()
            };
            return;
        }
        if matches!(name, "/stream:stream" | "close") {
            self.settle(conn);
            let way = frame.way.unwrap_or(Way::Out);
            if conn.told && !conn.over {
                let dir = if way == Way::Out {
                    Dir::Leaving
                } else {
                    Dir::Closed
                };
                self.push(conn, &frame.conn, frame.at, frame.line, dir, None);
                if dir == Dir::Leaving {
                    self.push(conn, &frame.conn, frame.at, frame.line, Dir::Stops, None);
                }
            }
            conn.over = true;
            return;
        }
        if conn.over {
            // After the end of a stream only what was under way comes in.
            return;
        }
        // A namespace may be written with references to characters, which only a parser sees through.
        let telling = |text| [BIND, SASL2, "&#"].iter().any(|part| has(text, part));
        if conn.jid.is_none() && telling(text) {
            if let Some(jid) = bound(text) {
                self.waited(conn);
                conn.jid = Some(jid);
                self.begin(conn, &frame, Dir::Connected);
                return;
            }
            conn.login |= name == "auth" || name == "authenticate";
        }
        if matches!(name, "enabled" | "resume" | "resumed") && has(text, SM) {
            self.resumption(conn, &frame, name, text);
            return;
        }
        if conn.jid.is_none() {
            let told = (!conn.login).then(|| conn.whose.note(&frame, text)).flatten();
            if conn.doubtful {
                frame.what = What::Text(whole);
                self.both_ends(frame, &conn.whose);
                return;
            }
            if let Some(jid) = told {
                self.midway(conn, jid);
                self.settle(conn);
            } else {
                frame.what = What::Text(whole);
                self.wait(conn, frame);
                return;
            }
        }
        frame.what = What::Text(whole);
        self.pass(conn, frame);
    }

    /// No more is waited for: it is whose one line says that it is, if any does.
    fn likely(&mut self, conn: &mut Conn) -> bool {
        let jid = conn
            .whose
            .likely()
            .filter(|_| conn.jid.is_none() && !conn.doubtful);
        let Some(jid) = jid.map(str::to_owned) else {
            return false;
        };
        self.midway(conn, jid);
        true
    }

    /// No line has told whose this is, and no more are waited for: what may be either end's is told as both saw it.
    fn doubt(&mut self, conn: &mut Conn) -> bool {
        if conn.jid.is_some() || !conn.whose.is_open() || (self.named && !self.signals) {
            return false;
        }
        conn.doubtful = true;
        self.signals = true;
        let now = self.frames;
        for (number, frame) in self.waited(conn) {
            self.frames = number;
            self.both_ends(frame, &conn.whose);
        }
        self.frames = now;
        true
    }

    /// A signal as its sender and its addressee have seen it. Who is not named is the end that wrote this down.
    fn both_ends(&mut self, frame: Frame, whose: &Whose) {
        let What::Text(text) = &frame.what else { return };
        let Ok(stanza) = Stanza::parse(text.as_str()) else {
            return;
        };
        let to = stanza.to();
        let ends = stanza.from().or_else(|| whose.beside(to?)).zip(to);
        let Some((from, to)) = ends.filter(|_| names_calls(text) && stanza.iq_type() == Some(IqType::Set))
        else {
            return;
        };
        for (end, way) in [(from, Way::Out), (to, Way::In)] {
            let end = fold(end);
            let key: Arc<str> = (*end).into();
            let mut conn = self.conns.remove(&key).unwrap_or_else(Conn::unheard);
            let own = Frame {
                conn: Arc::clone(&key),
                own: Some(end.into_owned()),
                way: Some(way),
                ..frame.clone()
            };
            self.one(&mut conn, own);
            self.conns.insert(key, conn);
        }
    }

    /// What waited is told, now that it is known whose it is, or that it will not be known.
    fn settle(&mut self, conn: &mut Conn) {
        self.likely(conn);
        if conn.doubtful || self.doubt(conn) {
            return;
        }
        let waiting = self.waited(conn);
        if conn.told && waiting.is_empty() {
            return;
        }
        let calls = |frame: &Frame| matches!(&frame.what, What::Text(text) if names_calls(text));
        let calls = waiting.iter().any(|(_, frame)| calls(frame));
        // Beside others who have a name, what nobody is known to have said may be what one of them got.
        if conn.jid.is_none() && (self.named || !calls) {
            self.dropped += if calls { waiting.len() as u64 } else { 0 };
            return;
        }
        let now = self.frames;
        for (number, frame) in waiting {
            self.frames = number;
            if !conn.told {
                self.begin(conn, &frame, Dir::Begins);
            }
            self.pass(conn, frame);
        }
        self.frames = now;
    }

    fn begin(&mut self, conn: &mut Conn, frame: &Frame, dir: Dir) {
        conn.told = true;
        conn.over = false;
        self.push(conn, &frame.conn, frame.at, frame.line, dir, None);
    }

    /// A stanza, or another piece of a stream that has begun.
    fn pass(&mut self, conn: &mut Conn, mut frame: Frame) {
        if !conn.told {
            self.begin(conn, &frame, Dir::Begins);
        }
        let whole = match &mut frame.what {
            What::Text(text) => std::mem::take(text),
            What::SetBack => {
                let note = Some("the recorder's clock was set back".to_owned());
                self.push(conn, &frame.conn, frame.at, frame.line, Dir::Stalled, note);
                return;
            }
            What::Over(_) => return,
        };
        let text = whole.as_str();
        let name = first_name(text);
        let signal = names_calls(text);
        let chat = self.chat && name == "message";
        let again = !conn.again.is_empty() || conn.resumable.is_some();
        let answer = (again || !self.whole) && name == "iq" && is_answer(text);
        // The namespace may have been changed on the way.
        let renamed = name == "iq" && !signal && !answer && CALL_ID.find(text.as_bytes()).is_some();
        // What was cut off may have been anything.
        let concerns = signal || chat || answer || renamed || goes_on(text);
        let own = conn.jid.as_deref().unwrap_or_default();
        let way = frame.way.unwrap_or_else(|| guess(text, own));
        let dir = match way {
            Way::Out => Dir::Sent,
            Way::In => Dir::Received,
        };
        if concerns && self.is_sent_again(conn, dir, text) {
            return;
        }
        let xml = (concerns || self.whole).then(|| match without_secrets(text) {
            Cow::Borrowed(_) => None,
            Cow::Owned(left) => Some(left),
        });
        let event = Event {
            xml: xml.map(|left| left.unwrap_or(whole).into()),
            // Only what a signal says of the time is held against it.
            time: frame.wall.filter(|_| signal).map(wall).unwrap_or_default(),
            ..event(frame.at, conn.jid.clone(), dir)
        };
        let (conn, line) = (frame.conn, frame.line);
        self.out.push(self.frames, Recorded { event, conn, line });
    }

    fn push(&mut self, conn: &Conn, key: &Arc<str>, at: f64, line: u64, dir: Dir, note: Option<String>) {
        self.named |= conn.jid.is_some();
        let event = Event {
            note,
            ..event(at, conn.jid.clone(), dir)
        };
        let conn = Arc::clone(key);
        self.out.push(self.frames, Recorded { event, conn, line });
    }
}

pub(super) fn event(t: f64, jid: Option<String>, dir: Dir) -> Event {
    Event {
        jid,
        ..Event::at(t, dir)
    }
}

fn wall(at: f64) -> String {
    let moment = OffsetDateTime::from_unix_timestamp_nanos((at * 1e6).round() as i128 * 1_000);
    let text = moment.ok().and_then(|moment| moment.format(&Rfc3339).ok());
    text.unwrap_or_default()
}

static CALL_ID: Sought = LazyLock::new(|| Finder::new("callId"));
static TYPE: Sought = LazyLock::new(|| Finder::new("type="));

/// Whether the first tag says that this is a result or an error.
fn is_answer(text: &str) -> bool {
    const ANSWERS: [&str; 4] = ["'result'", "\"result\"", "'error'", "\"error\""];
    let tag = tag_end(text).and_then(|end| text.get(..end)).unwrap_or(text);
    TYPE.find_iter(tag.as_bytes()).any(|at| {
        let value = tag.get(at + "type=".len()..).unwrap_or_default();
        ANSWERS.iter().any(|answer| value.starts_with(answer))
    })
}

/// Whether others, who are told before it, would be told without their cause.
fn concerns_calls(frame: &Frame) -> bool {
    matches!(&frame.what, What::Text(text) if names_calls(text) || is_answer(text))
}

/// How much a frame that waits holds, in bytes.
fn size(frame: &Frame) -> usize {
    let text = match &frame.what {
        What::Text(text) | What::Over(text) => text.len(),
        What::SetBack => 0,
    };
    text + frame.conn.len() + std::mem::size_of::<Frame>()
}

fn children(text: &str) -> Vec<String> {
    let Ok(stanza) = Stanza::parse(text) else {
        return Vec::new();
    };
    stanza.element().children().map(String::from).collect()
}

/// The JID that a result of binding gives (RFC 6120 §7), or a success of SASL 2.
fn bound(text: &str) -> Option<String> {
    let stanza = Stanza::parse(text).ok()?;
    let element = stanza.element();
    let jid = if stanza.iq_type() == Some(IqType::Result) {
        element.get_child("bind", BIND)?.get_child("jid", BIND)?
    } else {
        element.get_child("authorization-identifier", SASL2)?
    };
    // Some printers indent text, too.
    let jid = jid.text().trim().to_owned();
    resource(&jid).is_some().then_some(jid)
}

#[cfg(test)]
mod tests;
