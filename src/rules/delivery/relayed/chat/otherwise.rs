//! Chat that came otherwise than it was sent, or not at all.

use super::super::super::book::Sent;
use super::super::super::flight::only_special;
use super::super::{MARGIN, Relayed, Session};
use super::{Letter, Stray};
use crate::rules::{Finding, Record};
use crate::stanza::{bare, resource, with_line_feeds};
use crate::transcript::recording::CUT;

/// Messages among which one that came under another id is sought, the latest first.
const SEARCHED: usize = 512;
/// Why a message has perhaps not come that was not overtaken.
const KEPT_OUT: &str = "its addressee had blocked its sender, or the server holds messages of this kind back";
/// Why a message that was overtaken has perhaps not come.
const REFUSED: &str = "an error for it was still under way when the recording stopped";
/// Why a message may come twice.
const AGAIN: &str = "it had been sent in a session before the recording too";
/// Why a message to a user may come twice.
const STORED: &str = "it came out of a store that sets no stamp";
/// Why a message may come otherwise than it was sent.
const MASKED: &str = "one of the recordings shows something else in the place of what people wrote";

impl Letter {
    /// It came a second time.
    fn twice(&self, came: &Stray) -> Finding {
        let (_, first) = self.delivered.unwrap_or_default();
        let excuse = if resource(&self.to).is_none() {
            Some(STORED)
        } else {
            self.fresh.then_some(AGAIN)
        };
        Finding {
            excuse: excuse.map(str::to_owned),
            ..self.doubled("CH-01", &self.what(), &came.who, (first, came.n))
        }
    }

    /// Its text is another than was sent.
    fn otherwise(&self, came: &Stray, unseen: bool) -> Finding {
        let id = match only_special(&self.text, &came.text) {
            _ if came.text == with_line_feeds(&self.text) => "RT-15",
            true => "RT-14",
            false => "CH-01",
        };
        let again = (self.fresh || self.again).then_some(AGAIN);
        let excuse = again.or(unseen.then_some(MASKED));
        Finding {
            excuse: excuse.map(str::to_owned),
            ..self.changed(id, &self.what(), &came.who, &came.text, came.n)
        }
    }
}

impl Relayed {
    /// What came in and was not sent so.
    pub(super) fn settle(&mut self, came: &Stray, record: &mut Record) {
        if came.id.is_empty() {
            // What has no id somebody else's recording may have left out.
            if self.complete {
                self.came_twice(came, record);
            }
            return;
        }
        let _ = self.came_twice(came, record)
            || self.came_changed(came, record)
            || self.came_renamed(came)
            || self.came_to_another(came, record);
    }

    fn came_twice(&self, came: &Stray, record: &mut Record) -> bool {
        let letters = &self.chats.letters;
        let found = letters.find(&came.id, |letter| {
            let there = letter.delivered.is_some_and(|(conn, _)| conn == came.conn);
            there && letter.is_from(came) && letter.is_for(&came.at) && letter.print == came.print
        });
        let Some(letter) = found.and_then(|key| letters.get(key)) else {
            return false;
        };
        if !letter.repeated {
            record.broken(letter.twice(came));
        }
        true
    }

    fn came_changed(&mut self, came: &Stray, record: &mut Record) -> bool {
        let letters = &mut self.chats.letters;
        let found = letters.find(&came.id, |letter| {
            letter.is_on_its_way(came) && letter.is_from(came)
        });
        let Some((key, letter)) = found.and_then(|key| Some((key, letters.get(key)?))) else {
            return false;
        };
        // Where one of them came as it was sent, nothing stands in the place of what people write.
        let seen = letter
            .goal
            .is_some_and(|goal| self.chats.newest.knows(letter.conn, goal));
        // Of two under one id each may be the other, and a secret is cut out of what its owner has recorded.
        let other = letters.find(&came.id, |other| other.n != letter.n && other.conn == letter.conn);
        let cut = [&letter.text, &came.text].iter().any(|text| text.contains(CUT));
        if other.is_none() && !cut {
            record.broken(letter.otherwise(came, !seen && !self.complete));
        }
        letters.forget(key);
        true
    }

    /// In another's name, or under another id, which no rule forbids.
    fn came_renamed(&mut self, came: &Stray) -> bool {
        let letters = &mut self.chats.letters;
        let same = |letter: &Letter| letter.is_on_its_way(came) && letter.print == came.print;
        if let Some(letter) = letters.find(&came.id, same).and_then(|key| letters.get_mut(key)) {
            letter.misnamed = Some((came.n, came.who.clone(), came.from.clone()));
            return true;
        }
        let found = letters.find_any(SEARCHED, |letter| same(letter) && letter.is_from(came));
        found.into_iter().for_each(|key| letters.forget(key));
        found.is_some()
    }

    fn came_to_another(&mut self, came: &Stray, record: &mut Record) -> bool {
        let letters = &mut self.chats.letters;
        let found = letters.find(&came.id, |letter| {
            // Who is addressed himself may have been written to as well.
            let elsewhere = letter.to == came.to && bare(&letter.to) != bare(&came.at);
            let same = letter.is_from(came) && letter.print == came.print;
            elsewhere && same && letter.goal.is_some()
        });
        let Some((key, letter)) = found.and_then(|key| Some((key, letters.get(key)?))) else {
            return false;
        };
        record.broken(letter.astray("RT-06", &letter.what(), (&came.who, &came.at), came.n));
        letters.forget(key);
        true
    }

    /// This connection ends: what was written and did not come.
    pub(in super::super) fn chats_end(&mut self, gone: &Session, record: &mut Record) {
        let (mut over, mut passed) = (Vec::new(), Vec::new());
        for (key, letter) in self.chats.letters.iter() {
            let open = letter.delivered.is_none() && !self.chats.is_perhaps_there(letter);
            if letter.conn != gone.conn
                && letter.goal == Some(gone.conn)
                && open
                && self.is_passed_by_chat(letter)
            {
                // An error may still come.
                passed.push(key);
                continue;
            }
            let concerned = letter.conn == gone.conn || letter.goal == Some(gone.conn);
            if concerned && open {
                self.lost(letter, gone)
                    .into_iter()
                    .for_each(|found| record.broken(found));
            }
            if letter.conn == gone.conn || (concerned && open) {
                over.push(key);
            }
        }
        for key in passed {
            if let Some(letter) = self.chats.letters.get_mut(key) {
                letter.passed = true;
            }
        }
        over.into_iter().for_each(|key| self.chats.letters.forget(key));
        self.chats.newest.forget(gone.conn);
    }

    fn is_passed_by_chat(&self, letter: &Letter) -> bool {
        let way = letter.goal.map(|goal| (letter.conn, goal));
        letter.passed || way.is_some_and(|way| self.chats.newest.is_past(way, letter.place))
    }

    /// What there is to be said of a message that has not come, with this connection.
    fn lost(&self, letter: &Letter, gone: &Session) -> Option<Finding> {
        // A server may take what it had before for a copy.
        let goal = letter.goal.filter(|_| !letter.repeated)?;
        let session = |conn: u64| {
            let mut known = self.sessions.values().chain([gone]);
            known.find(|session| session.conn == conn)
        };
        let waited = |session: &Session| session.heard - letter.t >= MARGIN + self.apart;
        let answered = session(letter.conn).is_some_and(waited);
        let passed = self.is_passed_by_chat(letter);
        let missing = session(goal).is_some_and(|other| {
            let over = self.newest.is_past((letter.conn, goal), letter.place);
            other.chats && answered && (over || waited(other))
        });
        if !(passed || missing) {
            return None;
        }
        let excuse = match passed {
            true => (!answered).then(|| REFUSED.to_owned()),
            false => Some(KEPT_OUT.to_owned()),
        };
        let garbled = |conn: u64| self.garbled(conn, letter.n);
        let found = match &letter.misnamed {
            Some((n, who, from)) => letter.misnamed(&letter.what(), who, from, *n),
            None => letter.finding(
                "CH-01",
                format!(
                    "{} never reached {}, and no error came back.",
                    letter.what(),
                    letter.to
                ),
                "delivery, or an error",
                "nothing until the recordings stop".to_owned(),
                &[],
            ),
        };
        Some(Finding {
            excuse: excuse.or_else(|| garbled(goal)).or_else(|| garbled(letter.conn)),
            ..found
        })
    }
}
