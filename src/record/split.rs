//! Which file each event belongs to: one a call, or one a session.

use std::collections::BTreeMap;

use super::book::Entry;
use crate::stanza::{bare, fold};
use crate::transcript::{Dir, Event, Member, Party};

/// Calls that are remembered: of one that was forgotten a late signal begins a new file.
const CALLS: usize = 16_384;
/// Requests whose answers are waited for.
const PENDING: usize = 65_536;
/// Calls of one session that get what passes between their signals.
const LIVE: usize = 8;

/// What a file holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Split {
    /// One call: its signals from both sides, and what else passed on those sessions while it lasted
    Call,
    /// One session of one client, from its login to its end
    Session,
}

/// A line to write.
#[derive(Debug, Clone)]
pub struct Line {
    /// The file's number.
    pub file: u64,
    /// How a session began, which stands before the event itself; `None`: the event.
    pub begin: Option<Event>,
    /// The file is new: what it is called, and who is in it.
    pub fresh: Option<Fresh>,
    /// Nothing is expected to follow soon.
    pub done: bool,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Fresh {
    pub name: String,
    /// For the file's name: letters, digits and `-` only.
    pub tag: String,
    pub cast: BTreeMap<String, Member>,
}

struct Session {
    number: u64,
    /// The event it began with.
    begin: Event,
    /// The calls that it is in, the latest last.
    live: Vec<String>,
    /// Its own file.
    file: u64,
}

#[derive(Default)]
struct Call {
    file: u64,
    /// The session of each party whose beginning stands in the file.
    begun: BTreeMap<String, u64>,
    open: usize,
    ended: bool,
    touched: u64,
}

/// Sorts events into files.
pub struct Sorter {
    split: Split,
    sessions: BTreeMap<u64, Session>,
    calls: BTreeMap<String, Call>,
    /// Who was asked, whether it was sent, and the id: the call.
    pending: BTreeMap<(u64, bool, String), String>,
    files: u64,
    clock: u64,
    /// Files that nothing will be added to.
    pub forgotten: Vec<u64>,
}

impl Sorter {
    pub fn new(split: Split) -> Sorter {
        Sorter {
            split,
            sessions: BTreeMap::new(),
            calls: BTreeMap::new(),
            pending: BTreeMap::new(),
            files: 0,
            clock: 0,
            forgotten: Vec::new(),
        }
    }

    /// The lines that an event makes, the first of them in the file that it belongs to most.
    pub fn sort(&mut self, entry: &Entry) -> Vec<Line> {
        let mut lines = Vec::new();
        self.clock += 1;
        let begins = matches!(entry.event.dir, Dir::Connected | Dir::Begins);
        let ends = matches!(entry.event.dir, Dir::Stops | Dir::Closed);
        if begins {
            let session = Session {
                number: entry.session,
                begin: entry.event.clone(),
                live: Vec::new(),
                file: self.files + 1,
            };
            self.sessions.insert(entry.conn, session);
        }
        match self.split {
            Split::Session => self.of_session(entry, begins, ends, &mut lines),
            Split::Call => self.of_call(entry, begins, &mut lines),
        }
        if ends && let Some(gone) = self.sessions.remove(&entry.conn) {
            self.pending.retain(|(conn, ..), _| *conn != entry.conn);
            match self.split {
                Split::Session => self.forgotten.push(gone.file),
                Split::Call => {}
            }
        }
        lines
    }

    fn of_session(&mut self, entry: &Entry, begins: bool, ends: bool, lines: &mut Vec<Line>) {
        let Some(session) = self.sessions.get(&entry.conn) else {
            return;
        };
        let fresh = begins.then(|| Fresh {
            name: format!("session of {}", entry.event.who),
            tag: tag(&entry.event.who),
            cast: cast([&entry.event]),
        });
        if begins {
            self.files += 1;
        }
        lines.push(Line {
            file: session.file,
            begin: None,
            fresh,
            done: ends,
        });
    }

    fn of_call(&mut self, entry: &Entry, begins: bool, lines: &mut Vec<Line>) {
        if begins || !self.sessions.contains_key(&entry.conn) {
            return;
        }
        let sent = entry.event.dir == Dir::Sent;
        if let Some(call) = &entry.call {
            let key = match call.id.as_str() {
                "" => format!("connection {} without an id", entry.conn),
                id => id.chars().take(64).collect(),
            };
            self.signal(entry, key, &call.kind, sent, lines);
            return;
        }
        let answer = entry.iq.as_ref().filter(|iq| iq.answers);
        let asked = answer.and_then(|iq| self.pending.remove(&(entry.conn, !sent, iq.id.clone())));
        if let Some(key) = asked {
            self.write(&key, entry, None, lines);
            if let Some(call) = self.calls.get_mut(&key) {
                call.open = call.open.saturating_sub(1);
            }
            self.settle(&key, lines);
            return;
        }
        let live = self.sessions.get(&entry.conn).map(|session| session.live.clone());
        for key in live.unwrap_or_default() {
            self.write(&key, entry, None, lines);
        }
    }

    fn signal(&mut self, entry: &Entry, key: String, kind: &str, sent: bool, lines: &mut Vec<Line>) {
        let mut fresh = None;
        if !self.calls.contains_key(&key) {
            self.make_room();
            self.files += 1;
            fresh = Some(self.fresh(entry, &key));
            let call = Call {
                file: self.files,
                ..Call::default()
            };
            self.calls.insert(key.clone(), call);
        }
        let known = match &fresh {
            Some(_) => self.known(entry),
            None => Vec::new(),
        };
        for begin in known {
            self.begin(&key, begin, &mut fresh, lines);
        }
        self.write(&key, entry, fresh, lines);
        if let Some(call) = self.calls.get_mut(&key) {
            call.ended |= matches!(kind, "hangup" | "reject" | "busy");
            if let Some(iq) = entry.iq.as_ref().filter(|iq| !iq.answers && !iq.id.is_empty())
                && self.pending.len() < PENDING
                && self
                    .pending
                    .insert((entry.conn, sent, iq.id.clone()), key.clone())
                    .is_none()
            {
                call.open += 1;
            }
        }
        if let Some(session) = self.sessions.get_mut(&entry.conn) {
            session.live.retain(|live| *live != key);
            session.live.push(key.clone());
            if session.live.len() > LIVE {
                session.live.remove(0);
            }
        }
        self.settle(&key, lines);
    }

    /// The sessions that a new call is between, as far as they are recorded, in the order in which they began.
    fn known(&self, entry: &Entry) -> Vec<u64> {
        let to = entry.iq.as_ref().map_or("", |iq| iq.to.as_str());
        let addressed = |session: &Session| {
            let jid = fold(session.begin.jid.as_deref().unwrap_or_default());
            entry.event.dir == Dir::Sent && !to.is_empty() && (jid == to || bare(&jid) == to)
        };
        let mut known: Vec<(u64, u64)> = self
            .sessions
            .iter()
            .filter(|(conn, session)| **conn == entry.conn || addressed(session))
            .map(|(conn, session)| (session.number, *conn))
            .collect();
        known.sort_unstable();
        known.into_iter().map(|(_, conn)| conn).collect()
    }

    fn fresh(&self, entry: &Entry, key: &str) -> Fresh {
        let known = self.known(entry);
        let begins = known.iter().filter_map(|conn| self.sessions.get(conn));
        let plain = key.starts_with("connection ");
        Fresh {
            name: if plain {
                "signals without a callId".to_owned()
            } else {
                format!("call {key}")
            },
            tag: if plain { "no-id".to_owned() } else { tag(key) },
            cast: cast(begins.map(|session| &session.begin)),
        }
    }

    /// Writes how the session of this connection began, unless it stands there already.
    fn begin(&mut self, key: &str, conn: u64, fresh: &mut Option<Fresh>, lines: &mut Vec<Line>) {
        let (Some(call), Some(session)) = (self.calls.get_mut(key), self.sessions.get(&conn)) else {
            return;
        };
        let who = session.begin.who.clone();
        if call.begun.insert(who, session.number) != Some(session.number) {
            lines.push(Line {
                file: call.file,
                begin: Some(session.begin.clone()),
                fresh: fresh.take(),
                done: false,
            });
        }
    }

    fn write(&mut self, key: &str, entry: &Entry, mut fresh: Option<Fresh>, lines: &mut Vec<Line>) {
        self.begin(key, entry.conn, &mut fresh, lines);
        let clock = self.clock;
        if let Some(call) = self.calls.get_mut(key) {
            call.touched = clock;
            lines.push(Line {
                file: call.file,
                begin: None,
                fresh,
                done: false,
            });
        }
    }

    /// A call that has ended, all of it answered, is left alone.
    fn settle(&mut self, key: &str, lines: &mut [Line]) {
        let Some(call) = self.calls.get(key).filter(|call| call.ended && call.open == 0) else {
            return;
        };
        for session in self.sessions.values_mut() {
            session.live.retain(|live| live != key);
        }
        for line in lines.iter_mut().filter(|line| line.file == call.file) {
            line.done = true;
        }
    }

    fn make_room(&mut self) {
        if self.calls.len() < CALLS {
            return;
        }
        let mut touched: Vec<u64> = self.calls.values().map(|call| call.touched).collect();
        touched.sort_unstable();
        let old = touched.get(CALLS / 4).copied().unwrap_or_default();
        let forgotten = &mut self.forgotten;
        self.calls.retain(|_, call| {
            if call.touched <= old {
                forgotten.push(call.file);
            }
            call.touched > old
        });
    }
}

fn cast<'e>(begins: impl IntoIterator<Item = &'e Event>) -> BTreeMap<String, Member> {
    let member = |event: &Event| Member {
        jid: event.jid.clone().unwrap_or_default(),
        id: None,
        party: Party::Client,
    };
    begins
        .into_iter()
        .map(|event| (event.who.clone(), member(event)))
        .collect()
}

/// What of a text may stand in a file's name.
fn tag(text: &str) -> String {
    let plain = |c: char| if c.is_ascii_alphanumeric() { c } else { '-' };
    let tag: String = text.chars().take(36).map(plain).collect();
    tag.trim_matches('-').to_owned()
}

#[cfg(test)]
mod tests {
    use super::super::book::{Call, Iq};
    use super::*;

    fn entry(conn: u64, dir: Dir) -> Entry {
        let who = ["", "alice", "bob", "carol"].get(conn as usize).expect("a name");
        let event =
            serde_json::json!({ "n": 0, "t": 0.0, "who": who, "jid": format!("{who}@h/r"), "dir": dir });
        Entry {
            event: serde_json::from_value(event).expect("an event"),
            conn,
            key: conn.to_string().into(),
            session: conn,
            stanza: None,
            call: None,
            iq: None,
        }
    }

    fn signal(conn: u64, dir: Dir, call: &str, kind: &str, iq: &str, to: &str) -> Entry {
        Entry {
            call: Some(Call {
                id: call.into(),
                kind: kind.into(),
            }),
            iq: Some(Iq {
                answers: false,
                id: iq.into(),
                to: to.into(),
            }),
            ..entry(conn, dir)
        }
    }

    fn answer(conn: u64, dir: Dir, iq: &str) -> Entry {
        Entry {
            iq: Some(Iq {
                answers: true,
                id: iq.into(),
                to: String::new(),
            }),
            ..entry(conn, dir)
        }
    }

    /// `file:who dir` for each line, `+` before a new file and `.` after one that is done.
    fn sorted(sorter: &mut Sorter, entries: &[Entry]) -> Vec<String> {
        let lines = entries
            .iter()
            .flat_map(|entry| sorter.sort(entry).into_iter().map(move |line| (entry, line)));
        lines
            .map(|(entry, line)| {
                let new = if line.fresh.is_some() { "+" } else { "" };
                let done = if line.done { "." } else { "" };
                let event = line.begin.as_ref().unwrap_or(&entry.event);
                format!("{new}{}:{} {:?}{done}", line.file, event.who, event.dir)
            })
            .collect()
    }

    #[test]
    fn a_call_has_a_file_with_both_sides_and_what_passed_while_it_lasted() {
        let mut sorter = Sorter::new(Split::Call);
        let (sent, received) = (Dir::Sent, Dir::Received);
        let lines = sorted(
            &mut sorter,
            &[
                entry(1, Dir::Connected),
                entry(2, Dir::Connected),
                entry(1, sent),
                signal(1, sent, "c", "initiate", "i1", "bob@h/r"),
                signal(2, received, "c", "initiate", "i1", "bob@h/r"),
                answer(2, sent, "i1"),
                answer(1, received, "i1"),
                entry(2, sent),
                signal(2, sent, "c", "reject", "i1", "alice@h/r"),
                signal(1, received, "c", "reject", "i1", "alice@h/r"),
                answer(1, sent, "i1"),
                entry(1, sent),
                answer(2, received, "i1"),
                entry(2, sent),
                signal(1, sent, "c", "hangup", "i2", "bob@h/r"),
                entry(1, Dir::Stops),
            ],
        );
        assert_eq!(
            lines,
            [
                "+1:alice Connected",
                "1:bob Connected",
                "1:alice Sent",
                "1:bob Received",
                "1:bob Sent",
                "1:alice Received",
                "1:bob Sent",
                "1:bob Sent",
                "1:alice Received",
                "1:alice Sent",
                "1:alice Sent",
                "1:bob Received.",
                "1:alice Sent",
                "1:alice Stops",
            ]
        );
    }

    #[test]
    fn signals_without_an_id_and_calls_side_by_side_have_files_of_their_own() {
        let mut sorter = Sorter::new(Split::Call);
        let lines = sorted(
            &mut sorter,
            &[
                entry(1, Dir::Begins),
                signal(1, Dir::Sent, "c", "initiate", "1", "bob@h/r"),
                signal(1, Dir::Sent, "d", "initiate", "2", "carol@h/r"),
                signal(1, Dir::Sent, "", "initiate", "3", "carol@h/r"),
                answer(1, Dir::Received, "2"),
                entry(1, Dir::Received),
            ],
        );
        assert_eq!(
            lines,
            [
                "+1:alice Begins",
                "1:alice Sent",
                "+2:alice Begins",
                "2:alice Sent",
                "+3:alice Begins",
                "3:alice Sent",
                "2:alice Received",
                "1:alice Received",
                "2:alice Received",
                "3:alice Received",
            ]
        );
    }

    #[test]
    fn a_session_has_a_file_from_its_beginning_to_its_end() {
        let mut sorter = Sorter::new(Split::Session);
        let lines = sorted(
            &mut sorter,
            &[
                entry(1, Dir::Connected),
                entry(2, Dir::Connected),
                entry(1, Dir::Sent),
                entry(2, Dir::Received),
                entry(1, Dir::Leaving),
                entry(1, Dir::Stops),
            ],
        );
        assert_eq!(
            lines,
            [
                "+1:alice Connected",
                "+2:bob Connected",
                "1:alice Sent",
                "2:bob Received",
                "1:alice Leaving",
                "1:alice Stops."
            ]
        );
        assert_eq!(sorter.forgotten, [1]);
    }

    #[test]
    fn what_comes_from_the_network_makes_no_path() {
        assert_eq!(tag("../../etc/passwd"), "etc-passwd");
        assert_eq!(
            tag("550e8400-e29b-41d4-a716-446655440000"),
            "550e8400-e29b-41d4-a716-446655440000"
        );
        assert_eq!(tag("é/\u{0}"), "");
    }
}
