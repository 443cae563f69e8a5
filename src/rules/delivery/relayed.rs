//! What a server did with signals between two ends that were both recorded, as far as recordings can show it.
//!
//! Recordings are less than a run: others may be there unseen, clocks are set against each other by estimate, and a
//! recording may begin late and stop early. So only this is judged: what was sent while both recordings ran.

mod as_sent;
mod back;
mod chat;
mod ends;

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use foldhash::{HashMap, HashSet};

use super::book::{Book, Newest, Sent};
use super::close::PARTING;
use super::flight::answer;
use super::watch::Delivery;
use crate::profile::Profile;
use crate::rules::{Family, Finding, Record, Seen, Spoken};
use crate::stanza::{IqType, Stanza, bare, fold, print, resource};
use crate::transcript::{Dir, Event, Header, Witness};
use as_sent::{as_it_was, is_another, otherwise_addressed};
use back::unchanged;
use chat::Chats;

/// How long something else has to have gone on coming in, in seconds, before what is missing was lost.
const MARGIN: f64 = 5.0;
/// How long a session has to have been there, in seconds, before it is sure that the server knew of it.
const SETTLED: f64 = 0.25;
/// Signals that are remembered.
const REMEMBERED: usize = 16_384;
/// Why something has perhaps arrived or been answered that does not show itself.
const GARBLED: &str = "something passed at the other end that cannot be read in the recording";
/// Why an answer that did not come back is perhaps not the server's to bring.
const SILENT: &str = "nothing came to its giver any more, whose connection may have been broken";

/// What is remembered of what seems to come in before it was sent: a second of a load test, by clocks that far apart.
const EARLY: usize = 4_096;

/// Something that seems to come in before it was sent.
#[derive(Debug)]
struct Early {
    n: u64,
    t: f64,
    /// Whoever it came to, or was given by.
    at: String,
    id: String,
    what: What,
}

impl Early {
    fn of(at: &str, id: &str, event: &Event, what: What) -> Early {
        Early {
            n: event.n,
            t: event.t,
            at: at.to_owned(),
            id: id.to_owned(),
            what,
        }
    }
}

#[derive(Debug)]
enum What {
    /// From whom it says it is, and its text.
    Signal(String, String),
    /// To whom it was given, and what it says.
    Answer(String, String),
}

impl What {
    /// Of a signal's text.
    fn print(&self) -> Option<u64> {
        match self {
            What::Signal(_, text) => Some(print(text)),
            What::Answer(..) => None,
        }
    }
}

#[derive(Debug, Clone)]
struct Session {
    jid: Arc<str>,
    /// It was seen to begin, and under this address.
    bound: bool,
    conn: u64,
    since: f64,
    /// When something last came in: what is missing from before then did not get lost with the connection.
    heard: f64,
    /// An answer was recorded here as it came in: whoever recorded it leaves them not out.
    answers: bool,
    /// There was one before under this address: what that one asked may be answered here.
    again: bool,
    /// What people wrote was recorded here as it came in: whoever recorded it leaves it not out.
    chats: bool,
}

/// A signal that one end sent.
#[derive(Debug, Clone)]
struct Flight {
    n: u64,
    t: f64,
    who: String,
    conn: u64,
    jid: Arc<str>,
    to: String,
    id: String,
    /// Until it was delivered.
    text: String,
    /// Stands for the text, also once it was delivered: most are soon, and are remembered for long.
    print: u64,
    call: Option<Arc<str>>,
    /// The connection of the addressee, if it had been recorded for a while when this was sent.
    goal: Option<u64>,
    /// Its addressee had closed its stream a while before, and had not come back: that event.
    absent: Option<u64>,
    /// The event of its delivery.
    delivered: Option<u64>,
    /// The addressee's answer: event, time, what it said.
    given: Option<(u64, f64, String)>,
    /// That answer's connection, and its place in the order of sending, where they are known.
    given_place: Option<(u64, u64)>,
    /// What its giver sent after that answer has come.
    passed: bool,
    /// The connection over which it was given ended soon after: it may have got lost with it.
    adrift: bool,
    /// The answer that the sender got: event, time, what it said.
    got: Option<(u64, f64, String)>,
    /// How many were given, and the events of those that the sender got, up to one more than is told of.
    gave: u32,
    gots: Vec<u64>,
    /// The sender got one before the addressee was seen to give any.
    unasked: bool,
    /// See [`Session::again`].
    again: bool,
    /// The same was perhaps sent in an earlier session of this address: what was not acknowledged is sent again (XEP-0198
    /// §5).
    resent: bool,
}

/// The judge of everything between two recorded ends.
pub(in super::super) struct Relayed {
    profile: Profile,
    sessions: BTreeMap<String, Session>,
    conns: u64,
    flights: Book<Flight>,
    newest: Newest,
    /// Of answers alone: programs write down a signal when they have come to it.
    answers: Newest,
    /// It was seen on its way: what had passed there the server had perhaps not read yet.
    between: bool,
    /// It is a recording of ours, which leaves nothing out.
    complete: bool,
    /// How far off the time at one end may be by the clock of the other, in seconds.
    apart: f64,
    /// Where two clocks were set against each other: what seems to have come in before it was sent, the oldest first.
    early: VecDeque<Early>,
    /// By connection, the last event of what passed there and cannot be read.
    unread: BTreeMap<u64, u64>,
    /// Every request of a connection, by its id: its event.
    asked: HashMap<(u64, String), u64>,
    /// The latest event of each connection that the server has surely read: it was answered.
    read: BTreeMap<u64, u64>,
    /// The addresses of all sessions so far, as their prints.
    known: HashSet<u64>,
    /// The addresses of those who closed their stream and have not come back: the event, and when.
    left: HashMap<Arc<str>, (u64, f64)>,
    /// The requests that were sent so far, as prints of sender, id and text.
    requests: HashSet<u64>,
    /// The same of its sender and text alone, whatever carried it.
    texts: HashSet<u64>,
    chats: Chats,
}

impl Flight {
    /// Its name for people.
    fn what(&self) -> String {
        format!("{}'s iq `{}`", self.who, self.id)
    }
}

impl Sent for Flight {
    fn id(&self) -> &str {
        &self.id
    }

    fn n(&self) -> u64 {
        self.n
    }

    fn jid(&self) -> &str {
        &self.jid
    }

    fn to(&self) -> &str {
        &self.to
    }

    fn text(&self) -> &str {
        &self.text
    }

    fn call(&self) -> Option<&str> {
        self.call.as_deref()
    }
}

impl Relayed {
    pub fn new(header: &Header) -> Relayed {
        Relayed {
            profile: header.profile.clone(),
            sessions: BTreeMap::new(),
            conns: 0,
            flights: Book::new(),
            newest: Newest::default(),
            answers: Newest::default(),
            between: header.witness == Witness::Between,
            complete: header.steady,
            apart: header.apart,
            early: VecDeque::new(),
            unread: BTreeMap::new(),
            asked: HashMap::default(),
            read: BTreeMap::new(),
            known: HashSet::default(),
            left: HashMap::default(),
            requests: HashSet::default(),
            texts: HashSet::default(),
            chats: Chats::new(),
        }
    }

    /// What an answer says of its request, whatever that was: the server had read it by then.
    fn note_reading(&mut self, event: &Event, stanza: &Stanza) {
        let (Some(kind), Some(id)) = (stanza.iq_type(), stanza.id()) else {
            return;
        };
        let Some(session) = self.sessions.get(&event.who).filter(|_| self.between) else {
            return;
        };
        let (conn, answers) = (session.conn, matches!(kind, IqType::Result | IqType::Error));
        match event.dir {
            Dir::Sent if !answers => {
                if self.asked.len() >= REMEMBERED {
                    self.asked.clear();
                }
                self.asked.insert((conn, id.to_owned()), event.n);
            }
            Dir::Received if answers => {
                if let Some(n) = self.asked.remove(&(conn, id.to_owned())) {
                    let read = self.read.entry(conn).or_default();
                    *read = n.max(*read);
                }
            }
            _ => {}
        }
    }

    /// What somebody has said in whatever stanza, where all of it is recorded.
    fn note_text(&mut self, session: &Session, spoken: Option<&Spoken>) {
        if self.complete
            && self.texts.len() < REMEMBERED
            && let Some(spoken) = spoken
        {
            self.texts.insert(print((&session.jid, spoken.print)));
        }
    }

    fn sent(&mut self, event: &Event, stanza: &Stanza, spoken: Option<&Spoken>, record: &mut Record) {
        let Some(session) = self.sessions.get(&event.who).cloned() else {
            return;
        };
        let to = fold(stanza.to().unwrap_or_default());
        let id = stanza.id().unwrap_or_default().to_owned();
        self.note_text(&session, spoken);
        match stanza.iq_type() {
            Some(IqType::Result | IqType::Error) => {
                let found = self.flights.find(&id, |f| *f.to == *session.jid && *f.jid == *to);
                let sound = stanza.is_sound_answer();
                let Some(key) = found else {
                    if sound {
                        let answer = What::Answer(to.into_owned(), answer(stanza));
                        self.is_early(Early::of(&session.jid, &id, event, answer));
                    }
                    return;
                };
                let place = self.flights.number();
                if !sound {
                    self.flights.forget(key);
                } else if let Some(flight) = self.flights.get_mut(key) {
                    flight.gave += 1;
                    if flight.given.is_none() {
                        flight.given = Some((event.n, event.t, answer(stanza)));
                        flight.given_place = Some((session.conn, place));
                        unchanged(flight, self.apart, record);
                    }
                }
            }
            Some(IqType::Set) if stanza.has_call() && resource(&to).is_some() => {
                // A sender that says it is someone else, or an iq that is none, may be refused or mended.
                let odd = stanza.from().is_some_and(|from| *fold(from) != *session.jid);
                if odd || id.is_empty() || stanza.children() != 1 {
                    return;
                }
                // Which of two under one id is answered nobody knows, unless the first was before.
                if let Some(key) = self.flights.find(&id, |f| f.conn == session.conn && *f.to == *to) {
                    let answered = self.flights.get(key).is_some_and(|f| f.got.is_some());
                    self.flights.forget(key);
                    if !answered {
                        return;
                    }
                }
                let goal = self.goal_of(&to, &session, event.t);
                let (text, said) = match spoken {
                    Some(spoken) => (spoken.text.clone(), spoken.print),
                    None => (String::new(), print("")),
                };
                let parted = |(_, at): &&(u64, f64)| event.t - at >= PARTING + self.apart;
                let absent = self.left.get(&*to).filter(parted).map(|(n, _)| *n);
                let resent = self.requests.len() >= REMEMBERED
                    || !self.requests.insert(print((&session.jid, &id, said)));
                let mut flight = Flight {
                    n: event.n,
                    t: event.t,
                    who: event.who.clone(),
                    conn: session.conn,
                    jid: session.jid,
                    to: to.into_owned(),
                    id,
                    call: spoken.and_then(|spoken| spoken.decoded.facts.call.clone()),
                    text,
                    print: said,
                    goal,
                    absent,
                    delivered: None,
                    given: None,
                    given_place: None,
                    passed: false,
                    adrift: false,
                    got: None,
                    gave: 0,
                    gots: Vec::new(),
                    unasked: false,
                    again: session.again,
                    resent: session.again && resent,
                };
                self.came_early(&mut flight, record);
                self.flights.put(flight, REMEMBERED);
            }
            None => self.writes(event, stanza, &session, record),
            _ => {}
        }
    }

    fn is_early(&mut self, early: Early) {
        if self.apart > 0.0 {
            if self.early.len() >= EARLY {
                self.early.pop_front();
            }
            self.early.push_back(early);
        }
    }

    /// Takes out what seems to have come too early and is of this kind.
    fn take_early(&mut self, of_this: impl Fn(&Early) -> bool) -> VecDeque<Early> {
        let (these, others) = std::mem::take(&mut self.early).into_iter().partition(of_this);
        self.early = others;
        these
    }

    /// What seemed to come before this signal was sent came after.
    fn came_early(&mut self, flight: &mut Flight, record: &mut Record) {
        // Further back than the clocks can be wrong something else had this id, in another stream.
        let since = flight.t - self.apart - MARGIN;
        let fits = |early: &Early| match &early.what {
            What::Signal(from, text) if **from == *flight.jid => !is_another(&flight.text, text),
            What::Signal(_, text) => *text == flight.text,
            What::Answer(asker, _) => **asker == *flight.jid,
        };
        let named = |early: &Early| flight.id == early.id && flight.to == early.at && fits(early);
        // Where no times are given, only the very text shows that it is this signal, and an answer is one to it if that
        // had come by then.
        let same = |early: &Early| early.what.print() == Some(flight.print);
        let mut came = self.early.iter().filter(|early| named(early) && same(early));
        let came = came.next().map_or(u64::MAX, |early| early.n);
        let behind = |early: &Early| same(early) || (early.n > came && early.what.print().is_none());
        let of_this =
            |early: &Early| named(early) && (early.t >= since || (early.t.is_nan() && behind(early)));
        if !self.early.iter().any(of_this) {
            return;
        }
        let what = flight.what();
        let to = flight.to.clone();
        for Early { n, t, what: came, .. } in self.take_early(of_this) {
            match came {
                What::Answer(_, said) => {
                    flight.gave += 1;
                    flight.given.get_or_insert((n, t, said));
                }
                What::Signal(from, text) => match flight.delivered {
                    Some(first) => record.broken(flight.doubled("RT-03", &what, &to, (first, n))),
                    None => {
                        flight.delivered = Some(n);
                        as_it_was(flight, &to, (&from, &text, n), record);
                    }
                },
            }
        }
    }

    fn received(&mut self, event: &Event, stanza: &Stanza, record: &mut Record) {
        let Some(session) = self.sessions.get(&event.who).cloned() else {
            return;
        };
        match stanza.iq_type() {
            Some(IqType::Result | IqType::Error) => self.answered(event, stanza, &session, record),
            Some(IqType::Set) if stanza.has_call() => {
                self.delivered(event, stanza, &session, record);
            }
            Some(IqType::Get) if stanza.has_call() => self.retyped(event, stanza, &session, record),
            Some(IqType::Set) => self.renamed(event, stanza, &session, record),
            None if stanza.is_message() => {
                // In another's name it is that one's message.
                if stanza
                    .from()
                    .is_none_or(|from| *fold(from) == *bare(&session.jid))
                {
                    Delivery::copied(event, stanza, record);
                }
                self.reads(event, stanza, &session, record);
            }
            _ => {}
        }
    }

    fn delivered(&mut self, event: &Event, stanza: &Stanza, session: &Session, record: &mut Record) {
        let id = stanza.id().unwrap_or_default();
        let from = fold(stanza.from().unwrap_or_default());
        let text = stanza.call_said().unwrap_or_default();
        let key = self
            .flights
            .find(id, |f| {
                *f.to == *session.jid && f.delivered.is_none() && f.text == text
            })
            .or_else(|| {
                self.flights.find(id, |f| {
                    let addressed = *f.to == *session.jid && *f.jid == *from;
                    addressed && f.delivered.is_none() && !is_another(&f.text, &text)
                })
            })
            .or_else(|| {
                let heard = print(&text);
                self.flights.find(id, |f| *f.jid == *from && f.print == heard)
            });
        let Some(key) = key else {
            self.misdirected(event, stanza, session, &from, record);
            let came = Early::of(
                &session.jid,
                id,
                event,
                What::Signal(from.into_owned(), text.into_owned()),
            );
            if self.apart > 0.0 {
                self.is_early(came);
            } else {
                self.under_another_id(&came, record);
            }
            return;
        };
        let Some(flight) = self.flights.get_mut(key) else {
            return;
        };
        if *flight.to != *session.jid {
            record.broken(flight.astray("RT-06", &flight.what(), (&event.who, &session.jid), event.n));
            return;
        }
        record.held("RT-06");
        if let Some(first) = flight.delivered {
            record.broken(flight.doubled("RT-03", &flight.what(), &event.who, (first, event.n)));
            return;
        }
        flight.delivered = Some(event.n);
        record.held("RT-03");
        if let Some(left) = flight
            .absent
            .filter(|_| session.since - flight.t >= MARGIN + self.apart)
        {
            record.broken(Finding {
                excuse: Some("it was under way until its addressee was there again".to_owned()),
                ..flight.finding(
                    "CH-03",
                    format!(
                        "{} was kept for {}, which had disconnected.",
                        flight.what(),
                        flight.to
                    ),
                    "an error service-unavailable",
                    "delivery in a later session".to_owned(),
                    &[left, event.n],
                )
            });
        }
        as_it_was(flight, &event.who, (&from, &text, event.n), record);
        if let Some(to) = otherwise_addressed(stanza, session, &self.profile) {
            record.broken(flight.readdressed(&flight.what(), &event.who, Some(&to), event.n));
        } else if stanza.to().is_none() {
            record.broken(flight.readdressed(&flight.what(), &event.who, None, event.n));
        }
        let way = (flight.conn, session.conn);
        flight.text = String::new();
        match self.newest.overtaken(way, (key, event.n)) {
            Some(over) => {
                let what = flight.what();
                record.broken(flight.overtaken("RT-04", &what, &event.who, (over, event.n)));
            }
            None => record.held("RT-04"),
        }
    }

    /// The connection of who has this address, if it has been recorded for a while.
    fn goal_of(&self, to: &str, from: &Session, t: f64) -> Option<u64> {
        let goal = self.sessions.values().find(|s| *s.jid == *to);
        // Where something has passed between them, both recordings ran by then, whatever clocks say.
        let there =
            |s: &&Session| t - s.since >= SETTLED + self.apart || self.newest.knows(s.conn, from.conn);
        goal.filter(there).map(|s| s.conn)
    }

    /// Something passed at this end of a connection after this event that cannot be read: it may have been anything.
    fn garbled(&self, conn: u64, n: u64) -> Option<String> {
        let unread = self.unread.get(&conn).is_some_and(|unread| *unread > n);
        unread.then(|| GARBLED.to_owned())
    }

    fn conn_of(&self, jid: &str) -> Option<u64> {
        let session = self.sessions.values().find(|s| *s.jid == *jid);
        session.map(|session| session.conn)
    }

    /// Whether what its addressee sent after the answer has come to the asker.
    fn is_passed(&self, flight: &Flight) -> bool {
        let place = flight.given_place;
        place.is_some_and(|(conn, place)| {
            let way = (conn, flight.conn);
            self.newest.is_past(way, place) || self.answers.is_past(way, place)
        })
    }
}

impl Family for Relayed {
    fn event(&mut self, seen: Seen<'_>, record: &mut Record) {
        let event = seen.event;
        if let Some(stanza) = seen.stanza {
            self.note_reading(event, stanza);
        }
        if !self.complete
            && seen.is_unreadable()
            && let Some(session) = self.sessions.get(&event.who)
        {
            self.unread.insert(session.conn, event.n);
            if self.unread.len() > REMEMBERED {
                self.unread.pop_first();
            }
        }
        // By now it is known that what it seemed to be was not sent later.
        while let Some(early) = self
            .early
            .pop_front_if(|early| early.t + self.apart + MARGIN < event.t)
        {
            self.under_another_id(&early, record);
        }
        self.expire(event.t, record);
        match (event.dir, seen.stanza) {
            (Dir::Connected | Dir::Begins, _) => {
                self.leaves(&event.who, record);
                let Some(jid) = &event.jid else { return };
                self.conns += 1;
                let jid: Arc<str> = fold(jid).into();
                // Where so many came that not all are remembered, each may have been there.
                let again = self.known.len() >= REMEMBERED || !self.known.insert(print(&*jid));
                self.left.remove(&jid);
                let session = Session {
                    jid,
                    bound: event.dir == Dir::Connected,
                    conn: self.conns,
                    since: event.t,
                    heard: event.t,
                    answers: self.complete,
                    again,
                    chats: self.complete,
                };
                self.sessions.insert(event.who.clone(), session);
            }
            (Dir::Disconnected | Dir::Cut | Dir::Closed | Dir::Leaving | Dir::Stops, _) => {
                let session = self.sessions.get(&event.who);
                if let Some(session) = session.filter(|_| event.dir == Dir::Disconnected) {
                    if self.left.len() >= REMEMBERED {
                        self.left.clear();
                    }
                    self.left.insert(Arc::clone(&session.jid), (event.n, event.t));
                }
                self.leaves(&event.who, record);
            }
            (Dir::Sent, Some(stanza)) => {
                let spoken = seen.spoken.map(|spoken| &**spoken);
                self.sent(event, stanza, spoken, record);
            }
            (Dir::Received, stanza) => {
                if let Some(session) = self.sessions.get_mut(&event.who) {
                    session.heard = event.t;
                    let kind = stanza.and_then(Stanza::iq_type);
                    session.answers |= matches!(kind, Some(IqType::Result | IqType::Error));
                }
                if let Some(stanza) = stanza {
                    self.received(event, stanza, record);
                }
            }
            _ => {}
        }
    }

    /// A recording that breaks off stops there, for whoever was there still.
    fn finish(&mut self, _at: f64, record: &mut Record) {
        while let Some(who) = self.sessions.keys().next().cloned() {
            self.leaves(&who, record);
        }
    }
}
