//! From what was heard to a transcript's events: whose they are, when they happened, and nothing that logs in.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::desk::{Heard, News};
use super::secrets::{learn, login_secrets};
use crate::protocol::NAMESPACE;
use crate::run::Hidden;
use crate::stanza::{IqType, Stanza, bare, fold, resource};
use crate::transcript::recording::{Frame, Recorded, Sessions, Way, What};
use crate::transcript::{Dir, Event};

/// Names that are remembered beyond those of sessions that run.
const NAMES: usize = 4_096;

/// How much later than all else what goes on to the end stops, in seconds: more than is lost of a time on its way into a
/// transcript and out of it.
const AFTER: f64 = 1e-6;

/// An event of a transcript, and what decides where it is written.
#[derive(Debug, Clone)]
pub struct Entry {
    pub event: Event,
    pub conn: u64,
    /// The same as recordings have it.
    pub key: Arc<str>,
    /// The number of the session, of all that there were.
    pub session: u64,
    /// What it passes; `None`: nothing, or not what is told of it, because a secret was cut out.
    pub stanza: Option<Stanza>,
    /// It passes a signal.
    pub call: Option<Call>,
    pub iq: Option<Iq>,
}

/// The signal's call, as far as it can be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Call {
    /// In lower case; empty: it has none.
    pub id: String,
    pub kind: String,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Iq {
    pub answers: bool,
    pub id: String,
    pub to: String,
}

#[derive(Default)]
struct Conn {
    /// How recordings have it; empty: no session has begun.
    key: Arc<str>,
    who: String,
    jid: String,
    session: u64,
    /// Its session is told until it ends.
    runs: bool,
    /// Another connection goes on under its name.
    silent: bool,
    hidden: Hidden,
    told: String,
}

/// Everything that is known of connections and sessions.
pub struct Book {
    sessions: Sessions,
    conns: BTreeMap<u64, Conn>,
    /// The connection of each JID that is bound.
    bound: BTreeMap<String, u64>,
    names: BTreeMap<String, String>,
    /// Names were forgotten: who had a short one is no longer known.
    forgot: bool,
    /// Secrets that are known beforehand.
    hidden: Hidden,
    started: OffsetDateTime,
    count: u64,
    out: VecDeque<Entry>,
    /// Stanzas that passed unrecorded.
    pub gaps: u64,
}

impl Book {
    /// `started`: when the desk was opened.
    pub fn new(started: OffsetDateTime, hidden: Hidden) -> Book {
        Book {
            sessions: Sessions::whole(),
            conns: BTreeMap::new(),
            bound: BTreeMap::new(),
            names: BTreeMap::new(),
            forgot: false,
            hidden,
            started,
            count: 0,
            out: VecDeque::new(),
            gaps: 0,
        }
    }

    /// How many sessions there have been.
    pub fn sessions(&self) -> u64 {
        self.count
    }

    /// Takes what was heard. [`Book::pop`] gives what came of it.
    pub fn take(&mut self, heard: Heard) {
        let Heard { conn, at, news } = heard;
        let known = self.conns.get(&conn).filter(|conn| !conn.key.is_empty());
        let key = known.map_or_else(|| format!("{conn:012}").into(), |conn| Arc::clone(&conn.key));
        let frame = |way: Option<Way>, what: What| Frame {
            line: 0,
            conn: key,
            at,
            wall: None,
            way,
            own: None,
            what,
        };
        match news {
            News::Opened { secrets, told } => {
                let conn = self.conns.entry(conn).or_default();
                conn.told = told;
                secrets
                    .iter()
                    .for_each(|secret| learn(&conn.hidden, secret, "token"));
            }
            News::Text(way, text) => {
                if way == Way::Out {
                    for (secret, kind) in login_secrets(&text) {
                        let conn = self.conns.entry(conn).or_default();
                        learn(&conn.hidden, &secret, kind);
                    }
                }
                self.sessions.take(frame(Some(way), What::Text(text)));
                self.drain();
            }
            News::Gap(why) => {
                self.gaps += 1;
                self.gap(conn, at, why);
            }
            News::Over(why) => {
                self.sessions.take(frame(None, What::Over(why)));
                self.drain();
                self.conns.remove(&conn);
            }
            News::Trouble(_) => {}
        }
    }

    /// The next event, in the order in which they happened.
    pub fn pop(&mut self) -> Option<Entry> {
        self.out.pop_front()
    }

    /// Nothing more is recorded.
    pub fn finish(&mut self) {
        self.sessions.finish();
        let mut rest: Vec<Recorded> = std::iter::from_fn(|| self.sessions.pop()).collect();
        // Whoever reads the transcripts has them in the order of their files, and each stops when all is over.
        let session = |recorded: &Recorded| {
            let conn = recorded
                .conn
                .parse()
                .ok()
                .and_then(|number| self.conns.get(&number));
            conn.map_or(u64::MAX, |conn: &Conn| conn.session)
        };
        rest.sort_by_key(session);
        for mut recorded in rest {
            if recorded.event.dir == Dir::Stops {
                recorded.event.t += AFTER;
            }
            self.enter(recorded);
        }
    }

    fn drain(&mut self) {
        while let Some(recorded) = self.sessions.pop() {
            self.enter(recorded);
        }
    }

    fn enter(&mut self, recorded: Recorded) {
        let Recorded { event, conn, .. } = recorded;
        let Ok(number) = conn.parse() else { return };
        if matches!(event.dir, Dir::Connected | Dir::Begins) {
            self.begin(number, conn, event);
            return;
        }
        let Some(conn) = self.conns.get(&number).filter(|conn| conn.runs && !conn.silent) else {
            return;
        };
        let ends = matches!(event.dir, Dir::Stops | Dir::Closed);
        let jid = conn.jid.clone();
        self.push(number, event);
        if ends {
            if self.bound.get(&jid) == Some(&number) {
                self.bound.remove(&jid);
            }
            if let Some(conn) = self.conns.get_mut(&number) {
                conn.runs = false;
            }
        }
    }

    fn begin(&mut self, number: u64, written: Arc<str>, mut event: Event) {
        let jid = event.jid.clone().unwrap_or_default();
        let key = fold(&jid).into_owned();
        if let Some(other) = self.bound.get(&key).copied().filter(|other| *other != number) {
            // The server may still be about to end the old one: what is told of the name is told of the new one.
            let note = "another connection is bound by the same address".to_owned();
            self.push(
                other,
                Event {
                    note: Some(note),
                    ..Event::at(event.t, Dir::Stops)
                },
            );
            if let Some(other) = self.conns.get_mut(&other) {
                other.silent = true;
            }
        }
        self.count += 1;
        let who = self.name(&jid, number);
        let conn = self.conns.entry(number).or_default();
        conn.key = written;
        conn.who = who;
        conn.jid.clone_from(&key);
        conn.session = self.count;
        (conn.runs, conn.silent) = (true, false);
        if !conn.told.is_empty() {
            event.note = Some(std::mem::take(&mut conn.told));
        }
        if !jid.is_empty() {
            self.bound.insert(key, number);
        }
        self.push(number, event);
    }

    /// What passed here was not recorded: from now on it is a recording that began in the middle.
    fn gap(&mut self, number: u64, at: f64, why: String) {
        let Some(conn) = self.conns.get(&number).filter(|conn| conn.runs && !conn.silent) else {
            return;
        };
        let jid = conn.jid.clone();
        self.push(
            number,
            Event {
                note: Some(why),
                ..Event::at(at, Dir::Stops)
            },
        );
        self.count += 1;
        if let Some(conn) = self.conns.get_mut(&number) {
            conn.session = self.count;
        }
        let begins = Event::at(at, Dir::Begins);
        self.push(
            number,
            Event {
                jid: (!jid.is_empty()).then_some(jid),
                ..begins
            },
        );
    }

    fn push(&mut self, number: u64, mut event: Event) {
        let Some(conn) = self.conns.get(&number) else {
            return;
        };
        event.who.clone_from(&conn.who);
        if event.jid.is_none() && !conn.jid.is_empty() {
            event.jid = Some(conn.jid.clone());
        }
        event.time = self.wall(event.t);
        let stanza = event
            .xml
            .as_ref()
            .and_then(|xml| Stanza::parse(Arc::clone(xml)).ok());
        let (mut call, mut iq) = (None, None);
        if let Some(stanza) = &stanza {
            let signals = event.xml.as_ref().is_some_and(|xml| xml.contains(NAMESPACE));
            if let Some(text) = stanza.call_text().filter(|_| signals) {
                let signal: Option<serde_json::Value> = serde_json::from_str(&text).ok();
                let member = |name: &str| signal.as_ref()?.get(name)?.as_str().map(str::to_owned);
                let kind = member("type").unwrap_or_default();
                call = Some(Call {
                    id: member("callId").unwrap_or_default().to_lowercase(),
                    kind: kind.strip_prefix("call:").unwrap_or_default().to_owned(),
                });
                event.signal = signal;
            }
            iq = stanza.iq_type().map(|kind| Iq {
                answers: matches!(kind, IqType::Result | IqType::Error),
                id: stanza.id().unwrap_or_default().to_owned(),
                to: fold(stanza.to().unwrap_or_default()).into_owned(),
            });
        }
        conn.hidden.hide_in(&mut event);
        self.hidden.hide_in(&mut event);
        let stanza = stanza.filter(|_| event.secrets.is_empty());
        let session = conn.session;
        self.out.push_back(Entry {
            event,
            conn: number,
            key: Arc::clone(&conn.key),
            session,
            stanza,
            call,
            iq,
        });
    }

    fn wall(&self, t: f64) -> String {
        let moment = self.started.checked_add(time::Duration::seconds_f64(t));
        moment
            .and_then(|moment| moment.format(&Rfc3339).ok())
            .unwrap_or_default()
    }

    /// Names by the local part; a second device, and a namesake, by more. None passes from one address to another.
    fn name(&mut self, jid: &str, number: u64) -> String {
        if jid.is_empty() {
            return format!("connection {number}");
        }
        let key = fold(jid).into_owned();
        if let Some(name) = self.names.get(&key) {
            return name.clone();
        }
        if self.names.len() >= NAMES {
            let bound = &self.bound;
            self.names.retain(|jid, _| bound.contains_key(jid));
            self.forgot = true;
        }
        let (user, domain) = bare(jid).split_once('@').unwrap_or((jid, ""));
        let device = resource(jid).unwrap_or_default();
        let whole = format!("{user} of {domain}/{device}");
        let short = [user.to_owned(), format!("{user}/{device}")];
        let taken = |name: &String| name.is_empty() || self.names.values().any(|held| held == name);
        let name = short.into_iter().find(|name| !self.forgot && !taken(name));
        let name = name.unwrap_or(whole);
        self.names.insert(key, name.clone());
        name
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::xmpp::Secret;

    struct Told {
        book: Book,
        at: f64,
    }

    impl Told {
        fn new() -> Told {
            let book = Book::new(OffsetDateTime::UNIX_EPOCH, Hidden::default());
            Told { book, at: 0.0 }
        }

        fn says(&mut self, conn: u64, news: News) {
            self.at += 0.5;
            let at = self.at;
            self.book.take(Heard { conn, at, news });
        }

        fn text(&mut self, conn: u64, way: Way, text: &str) {
            self.says(conn, News::Text(way, text.to_owned()));
        }

        fn log_in(&mut self, conn: u64, jid: &str) {
            self.text(
                conn,
                Way::Out,
                "<open xmlns='urn:ietf:params:xml:ns:xmpp-framing' to='localhost'/>",
            );
            // `\0alice\0correct horse`
            self.text(
                conn,
                Way::Out,
                "<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>AGFsaWNlAGNvcnJlY3QgaG9yc2U=</auth>",
            );
            self.text(
                conn,
                Way::In,
                "<success xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/>",
            );
            self.text(
                conn,
                Way::Out,
                "<open xmlns='urn:ietf:params:xml:ns:xmpp-framing' to='localhost'/>",
            );
            self.text(
                conn,
                Way::In,
                &format!("<iq type='result' id='b'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'><jid>{jid}</jid></bind></iq>"),
            );
        }

        fn events(&mut self) -> Vec<String> {
            let entries = std::iter::from_fn(|| self.book.pop());
            entries
                .map(|Entry { event, .. }| {
                    let text = event.xml.as_deref().or(event.note.as_deref()).unwrap_or_default();
                    format!("{} {:?} {text}", event.who, event.dir)
                        .trim_end()
                        .to_owned()
                })
                .collect()
        }
    }

    #[test]
    fn sessions_get_names_and_nothing_that_logs_in_is_told() {
        let mut told = Told::new();
        let secrets = vec![Secret::new("tok.en-of-alice"), Secret::new("candidate")];
        told.says(
            1,
            News::Opened {
                secrets,
                told: "GET /ws".into(),
            },
        );
        told.log_in(1, "alice@localhost/a");
        told.log_in(2, "alice@localhost/b");
        told.text(
            1,
            Way::Out,
            "<message><body>correct horse, tok.en-of-alice, candidate</body></message>",
        );
        told.says(1, News::Over("the client closed the connection".into()));
        told.book.finish();
        assert_eq!(
            told.events(),
            [
                "alice Connected GET /ws",
                "alice/b Connected",
                "alice Sent <message><body>***, ***, candidate</body></message>",
                "alice Stops the client closed the connection",
                "alice/b Stops",
            ]
        );
    }

    #[test]
    fn a_session_is_known_however_its_binding_is_written() {
        for bind in [
            "urn:ietf:params:xml:ns:xmpp-bind",
            "urn:ietf:params:xml:ns:xmpp-b&#105;nd",
            "urn&#x3a;ietf&#x3A;params:xml:ns:xmpp-bind",
        ] {
            let mut told = Told::new();
            let bound = format!(
                "<iq type='result' id='b'><bind xmlns='{bind}'><jid>alice@localhost/a</jid></bind></iq>"
            );
            told.text(1, Way::In, &bound);
            told.text(1, Way::Out, "<presence/>");
            told.book.finish();
            let events = told.events();
            assert_eq!(
                events.first().map(String::as_str),
                Some("alice Connected"),
                "{bind}: {events:?}"
            );
        }
    }

    /// Those who are there to the end stop after all else, in the order of their files.
    #[test]
    fn what_goes_on_to_the_end_stops_after_all_else() {
        let mut told = Told::new();
        told.says(1, News::Gap("it comes first, and logs in last".into()));
        told.log_in(2, "bob@localhost/b");
        told.log_in(1, "alice@localhost/a");
        told.text(2, Way::Out, "<presence/>");
        told.book.finish();
        let all: Vec<Entry> = std::iter::from_fn(|| told.book.pop()).collect();
        let stops = all.iter().rev().take(2).rev();
        let stops: Vec<(&str, Dir)> = stops.map(|entry| (&*entry.event.who, entry.event.dir)).collect();
        assert_eq!(stops, [("bob", Dir::Stops), ("alice", Dir::Stops)]);
        let times: Vec<f64> = all.iter().rev().take(3).map(|entry| entry.event.t).collect();
        assert!(times[0] + 1.8e9 > times[2] + 1.8e9, "{times:?}");
    }

    #[test]
    fn who_comes_again_under_the_same_address_takes_the_place_of_the_first() {
        let mut told = Told::new();
        told.log_in(1, "alice@localhost/a");
        told.log_in(2, "Alice@localhost/a");
        told.text(1, Way::In, "<stream:error/>");
        told.text(2, Way::Out, "<presence/>");
        told.says(1, News::Over("gone".into()));
        told.text(
            2,
            Way::Out,
            "<close xmlns='urn:ietf:params:xml:ns:xmpp-framing'/>",
        );
        assert_eq!(
            told.events(),
            [
                "alice Connected",
                "alice Stops another connection is bound by the same address",
                "alice Connected",
                "alice Sent <presence/>",
                "alice Leaving",
                "alice Stops",
            ]
        );
    }

    #[test]
    fn after_a_gap_the_recording_begins_anew() {
        let mut told = Told::new();
        told.says(1, News::Gap("before anyone is there".into()));
        told.log_in(1, "alice@localhost/a");
        told.says(1, News::Gap("a long stanza".into()));
        told.text(1, Way::Out, "<presence/>");
        let wanted = [
            "alice Connected",
            "alice Stops a long stanza",
            "alice Begins",
            "alice Sent <presence/>",
        ];
        assert_eq!(told.events(), wanted);
        assert_eq!(told.book.gaps, 2);
    }
}
