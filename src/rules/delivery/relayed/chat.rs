//! Chat between two ends that were both recorded: what one wrote and what came to the other.

mod otherwise;

use std::borrow::Cow;
use std::collections::VecDeque;
use std::sync::Arc;

use foldhash::HashSet;

use super::super::book::{Book, Newest, Sent};
use super::super::flight::DELAY;
use super::{EARLY, MARGIN, REMEMBERED, Relayed, Session};
use crate::rules::Record;
use crate::stanza::{Stanza, bare, fold, print};
use crate::transcript::Event;

/// What is longer is not followed, in bytes.
const LONGEST: usize = 4 * 1024;
/// How long after a login, in seconds, what was not acknowledged before it is sent again.
const TAKEN_UP: f64 = 2.0;
/// A message that is stamped comes out of a store (XEP-0203, and XEP-0091 before it).
const STAMPS: [(&str, &str); 2] = [("delay", DELAY), ("x", "jabber:x:delay")];

/// A message that one end sent to another one that was recorded.
#[derive(Debug)]
struct Letter {
    n: u64,
    t: f64,
    who: String,
    conn: u64,
    jid: Arc<str>,
    to: String,
    id: String,
    /// Forgotten once it was delivered.
    text: String,
    print: u64,
    /// Its place among all that was sent.
    place: u64,
    /// See [`super::Flight::goal`].
    goal: Option<u64>,
    /// The connection and the event of its delivery.
    delivered: Option<(u64, u64)>,
    /// What was sent later has come, and the connection to its addressee has ended.
    passed: bool,
    /// What may have been this, in another's name: that event, to whom it came, and the name.
    misnamed: Option<(u64, String, String)>,
    /// There was a session before under this address.
    again: bool,
    /// The same was sent before: which of them came nobody knows.
    repeated: bool,
    /// Its session had just begun, and of the one before nothing is known.
    fresh: bool,
}

impl Sent for Letter {
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
}

impl Letter {
    /// Its name for people.
    fn what(&self) -> String {
        format!("{}'s message `{}`", self.who, self.id)
    }

    /// Whether whoever has this address may get it.
    fn is_for(&self, jid: &str) -> bool {
        self.to == jid || self.to == bare(jid)
    }

    fn is_from(&self, came: &Stray) -> bool {
        *self.jid == *came.from
    }

    fn says(&self, came: &Stray) -> bool {
        self.print == came.print
    }

    fn is_on_its_way(&self, came: &Stray) -> bool {
        self.delivered.is_none() && self.is_for(&came.at)
    }
}

/// A message that came in.
#[derive(Debug)]
struct Stray {
    n: u64,
    t: f64,
    who: String,
    /// To whom it came, and over which connection.
    at: Arc<str>,
    conn: u64,
    from: String,
    /// Whom it is addressed to.
    to: String,
    id: String,
    text: String,
    print: u64,
}

/// The messages between the ends that were recorded.
#[derive(Debug)]
pub(super) struct Chats {
    letters: Book<Letter>,
    /// What came in and is nothing that was sent before: by another clock it may have been sent later.
    strays: VecDeque<Stray>,
    newest: Newest,
    /// What was sent last, as prints, and what was before that.
    sent: [HashSet<u64>; 2],
}

impl Chats {
    pub fn new() -> Chats {
        Chats {
            letters: Book::new(),
            strays: VecDeque::new(),
            newest: Newest::default(),
            sent: Default::default(),
        }
    }

    /// Notes what is sent, and tells whether the same was before.
    fn is_repeated(&mut self, print: u64) -> bool {
        let [latest, before] = &mut self.sent;
        if latest.len() >= REMEMBERED {
            *before = std::mem::take(latest);
        }
        let known = before.contains(&print);
        !latest.insert(print) || known
    }

    /// What came in before this was sent, by these clocks. What came too long before is no stray any more.
    fn take_early(&mut self, letter: &Letter) -> Option<Stray> {
        let is_it = |came: &Stray| {
            came.id == letter.id && letter.is_from(came) && letter.is_for(&came.at) && letter.says(came)
        };
        let at = self.strays.iter().position(is_it)?;
        self.strays.remove(at)
    }

    /// Whether something came in that may be this letter, in whatever shape.
    fn is_perhaps_there(&self, letter: &Letter) -> bool {
        let mut strays = self.strays.iter();
        strays.any(|came| letter.is_for(&came.at) && (letter.is_from(came) || came.id == letter.id))
    }
}

/// What somebody wrote to somebody: no room's talk, no headline, no error, and nothing out of a store.
pub(super) fn written(stanza: &Stanza) -> Option<String> {
    let kind = stanza.attr("type").unwrap_or("normal");
    if !matches!(kind, "chat" | "normal") {
        return None;
    }
    stanza
        .body()
        .filter(|body| !body.is_empty() && body.len() <= LONGEST)
}

fn is_stamped(stanza: &Stanza) -> bool {
    // Beside a body alone no stamp stands.
    !stanza.is_plain()
        && STAMPS
            .iter()
            .any(|(name, ns)| stanza.element().has_child(name, *ns))
}

impl Relayed {
    pub(super) fn writes(&mut self, event: &Event, stanza: &Stanza, session: &Session, record: &mut Record) {
        let Some(text) = written(stanza) else { return };
        let to = fold(stanza.to().unwrap_or_default());
        let known = |s: &Session| *s.jid == *to || *bare(&s.jid) == *to;
        // A sender that says it is someone else may be refused.
        let own = |from: Cow<'_, str>| *from == *session.jid || *from == *bare(&session.jid);
        let id = stanza.id().unwrap_or_default().to_owned();
        let repeated = self
            .chats
            .is_repeated(print((&session.jid, bare(&to), &id, &text)));
        if !self.sessions.values().any(known) || !stanza.from().is_none_or(|from| own(fold(from))) {
            return;
        }
        let goal = self.goal_of(&to, session, event.t);
        // What was sent in another session had come before what came of this one.
        let came = goal.is_some_and(|goal| {
            let way = (session.conn, goal);
            self.newest.is_past(way, 0) || self.chats.newest.is_past(way, 0)
        });
        let there = event.t - session.since;
        let just_there = there < TAKEN_UP + self.apart || there.is_nan();
        let mut letter = Letter {
            n: event.n,
            t: event.t,
            who: event.who.clone(),
            conn: session.conn,
            jid: Arc::clone(&session.jid),
            goal,
            to: to.into_owned(),
            id,
            print: print(&text),
            text,
            place: self.flights.number(),
            delivered: None,
            passed: false,
            misnamed: None,
            again: session.again,
            repeated,
            fresh: just_there && !came && !self.complete,
        };
        if let Some(came) = self.chats.take_early(&letter) {
            letter.delivered = Some((came.conn, came.n));
            letter.text = String::new();
            record.held("CH-01");
        }
        self.chats.letters.put(letter, REMEMBERED);
    }

    pub(super) fn reads(&mut self, event: &Event, stanza: &Stanza, session: &Session, record: &mut Record) {
        let id = stanza.id().unwrap_or_default();
        if stanza.attr("type") == Some("error") {
            // Which of several under one id nobody knows.
            let letters = &mut self.chats.letters;
            while let Some(key) = letters.find(id, |letter| letter.conn == session.conn) {
                letters.forget(key);
            }
            return;
        }
        let Some(text) = written(stanza) else { return };
        if let Some(session) = self.sessions.get_mut(&event.who) {
            session.chats = true;
        }
        let came = Stray {
            n: event.n,
            t: event.t,
            who: event.who.clone(),
            at: Arc::clone(&session.jid),
            conn: session.conn,
            from: fold(stanza.from().unwrap_or_default()).into_owned(),
            to: fold(stanza.to().unwrap_or_default()).into_owned(),
            id: id.to_owned(),
            print: print(&text),
            text,
        };
        let is_it =
            |letter: &Letter| letter.is_on_its_way(&came) && letter.is_from(&came) && letter.says(&came);
        // The same may have been sent to the user and to the device.
        let letters = &self.chats.letters;
        let key = letters.find_oldest(id, |letter| letter.to == came.to && is_it(letter));
        let key = key.or_else(|| letters.find_oldest(id, is_it));
        match key {
            // What is kept for somebody has left the order, and may come in other ways too.
            Some(key) if is_stamped(stanza) => self.chats.letters.forget(key),
            Some(key) => self.arrives(key, &came, record),
            None if is_stamped(stanza) => {}
            None => {
                if self.chats.strays.len() >= EARLY {
                    self.chats.strays.pop_front();
                }
                self.chats.strays.push_back(came);
            }
        }
    }

    fn arrives(&mut self, key: u64, came: &Stray, record: &mut Record) {
        let Some(letter) = self.chats.letters.get_mut(key) else {
            return;
        };
        letter.delivered = Some((came.conn, came.n));
        letter.text = String::new();
        record.held("CH-01");
        if letter.goal != Some(came.conn) || letter.repeated {
            return;
        }
        let (way, arrived) = ((letter.conn, came.conn), (letter.place, came.n));
        let over = self.chats.newest.overtaken(way, arrived);
        // Others may write down a message and a signal in the order in which they come to it.
        let over = match self.complete {
            true => over.or(self.newest.overtaken(way, arrived)),
            false => over,
        };
        if let Some(over) = over {
            record.broken(letter.overtaken("CH-01", &letter.what(), &came.who, (over, came.n)));
        }
    }

    /// By now it is known that what came in was not sent later.
    pub(super) fn expire(&mut self, now: f64, record: &mut Record) {
        let long_ago = now - self.apart - MARGIN;
        while let Some(came) = self.chats.strays.pop_front_if(|came| came.t < long_ago) {
            self.settle(&came, record);
        }
    }

    /// This session ends: of what came to it, or from it, is known by now what it was, where all is known that its sender
    /// sent until then.
    pub(super) fn settle_for(&mut self, gone: &Session, record: &mut Record) {
        let known = |came: &Stray| {
            let concerned = came.conn == gone.conn || *came.from == *gone.jid;
            let sender = self.sessions.values().find(|s| *s.jid == *came.from);
            let all = |sender: &Session| self.apart == 0.0 || came.t + self.apart <= sender.heard;
            concerned && sender.is_none_or(all)
        };
        let (known, open) = std::mem::take(&mut self.chats.strays)
            .into_iter()
            .partition::<VecDeque<Stray>, _>(known);
        self.chats.strays = open;
        for came in known {
            self.settle(&came, record);
        }
    }
}
