//! Hands over what was heard from those who pass it on to the one who writes it down, and never makes the former wait.
//!
//! Whoever writes takes all that lies there at once, and comes again some milliseconds later: at a server's full rate
//! nobody is woken for a single stanza.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::tap::Sound;
use crate::transcript::recording::Way;
use crate::xmpp::Secret;

/// So much may lie on the desk, in bytes. Where a disk is slower than the calls, what comes beyond it is not recorded.
const ROOM: usize = 32 << 20;
/// What a piece costs beside its text.
const PIECE: usize = 128;
/// How long the desk is left alone once it has been cleared.
const REST: Duration = Duration::from_millis(20);

/// So far apart are the times of what is put here one after the other, in seconds, at the least.
const APART: f64 = 1e-6;

/// Something that happened on a connection.
#[derive(Debug)]
pub struct Heard {
    /// The connection's number.
    pub conn: u64,
    /// Seconds since the desk was opened.
    pub at: f64,
    pub news: News,
}

#[derive(Debug)]
pub enum News {
    /// A client came.
    Opened {
        secrets: Vec<Secret>,
        told: String,
    },
    Text(Way, String),
    /// Something passed that is not recorded: why.
    Gap(String),
    /// It is no longer recorded: why.
    Over(String),
    /// A sentence for whoever looks on.
    Trouble(String),
}

/// What lies on the desk.
#[derive(Default)]
struct Pile {
    heard: Vec<Heard>,
    /// What it weighs together with what was taken last, which is still being written.
    weight: usize,
    /// Somebody waits for it to grow.
    awaited: bool,
    /// Those who may still put something here.
    desks: usize,
    /// When the last of it was put here, in seconds.
    last: f64,
}

#[derive(Default)]
struct Shared {
    pile: Mutex<Pile>,
    changed: Condvar,
    conns: AtomicU64,
}

impl Shared {
    fn pile(&self) -> MutexGuard<'_, Pile> {
        self.pile.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Where to put things. Clones are the same desk.
pub struct Desk {
    shared: Arc<Shared>,
    began: Instant,
    room: usize,
}

impl Clone for Desk {
    fn clone(&self) -> Desk {
        self.shared.pile().desks += 1;
        Desk {
            shared: Arc::clone(&self.shared),
            began: self.began,
            room: self.room,
        }
    }
}

impl Drop for Desk {
    fn drop(&mut self) {
        self.shared.pile().desks -= 1;
        self.shared.changed.notify_one();
    }
}

/// Where they are taken from, in the order in which they were put there.
pub struct Tray {
    shared: Arc<Shared>,
    /// What was taken last weighs this.
    taken: usize,
    rested: Instant,
}

pub fn desk() -> (Desk, Tray) {
    desk_of(ROOM)
}

fn desk_of(room: usize) -> (Desk, Tray) {
    let shared = Arc::<Shared>::default();
    shared.pile().desks = 1;
    let began = Instant::now();
    let tray = Tray {
        shared: Arc::clone(&shared),
        taken: 0,
        rested: began,
    };
    (Desk { shared, began, room }, tray)
}

impl Tray {
    /// Waits until something lies there and takes all of it, for an empty `heard`; false: nobody is left who could put
    /// anything here.
    pub fn take(&mut self, heard: &mut Vec<Heard>) -> bool {
        let mut pile = self.shared.pile();
        pile.weight -= std::mem::take(&mut self.taken);
        while pile.desks > 0 {
            let rests = self.rested.saturating_duration_since(Instant::now());
            pile.awaited = rests.is_zero();
            let changed = &self.shared.changed;
            pile = if !rests.is_zero() {
                let waited = changed.wait_timeout(pile, rests);
                waited.unwrap_or_else(PoisonError::into_inner).0
            } else if pile.heard.is_empty() {
                changed.wait(pile).unwrap_or_else(PoisonError::into_inner)
            } else {
                break;
            };
        }
        pile.awaited = false;
        self.taken = pile.weight;
        std::mem::swap(&mut pile.heard, heard);
        drop(pile);
        self.rested = Instant::now() + REST;
        !heard.is_empty()
    }
}

fn weight(news: &News) -> usize {
    match news {
        News::Text(_, text) => text.len() + PIECE,
        _ => 0,
    }
}

impl Desk {
    /// A place for a new connection.
    pub fn scribe(&self) -> Scribe {
        Scribe {
            conn: self.shared.conns.fetch_add(1, Ordering::Relaxed) + 1,
            desk: self.clone(),
            full: false,
            over: false,
        }
    }

    fn put(&self, conn: u64, news: News) {
        let mut pile = self.shared.pile();
        self.put_on(&mut pile, conn, news);
    }

    fn put_on(&self, pile: &mut Pile, conn: u64, news: News) {
        pile.weight += weight(&news);
        // Whoever reads several transcripts of it puts them into the same order again by their times.
        let at = self.began.elapsed().as_secs_f64().max(pile.last + APART);
        pile.last = at;
        pile.heard.push(Heard { conn, at, news });
        if std::mem::take(&mut pile.awaited) {
            self.shared.changed.notify_one();
        }
    }
}

/// Who writes down one connection.
pub struct Scribe {
    conn: u64,
    desk: Desk,
    /// Something was left out for want of room.
    full: bool,
    over: bool,
}

impl Scribe {
    pub fn opened(&self, secrets: Vec<Secret>, told: String) {
        self.desk.put(self.conn, News::Opened { secrets, told });
    }

    pub fn trouble(&self, text: String) {
        self.desk.put(self.conn, News::Trouble(text));
    }

    /// Puts down what was heard, if there is room for it.
    pub fn hear(&mut self, sound: Sound) {
        if self.over {
            return;
        }
        match sound {
            Sound::Text(way, text) => {
                let mut pile = self.desk.shared.pile();
                let room = if self.full {
                    self.desk.room / 2
                } else {
                    self.desk.room
                };
                let fits = pile.weight + text.len() <= room;
                let news = if fits {
                    News::Text(way, text)
                } else if !self.full {
                    News::Gap("the transcript is written more slowly than the stanzas pass".to_owned())
                } else {
                    return;
                };
                self.full = !fits;
                self.desk.put_on(&mut pile, self.conn, news);
            }
            Sound::Skipped(way, length) => {
                let who = side(way);
                let why = format!("a stanza of {length} bytes from {who} passed, too long to be recorded");
                self.desk.put(self.conn, News::Gap(why));
            }
            Sound::NoText(way, length) => {
                let who = side(way);
                let why = format!("a message of {length} bytes from {who} passed that is no UTF-8");
                self.desk.put(self.conn, News::Gap(why));
            }
            Sound::Close(way, code) => {
                let code = code.map(|code| format!(" ({code})")).unwrap_or_default();
                self.over(format!("{} closed the WebSocket{code}", side(way)));
            }
            Sound::Refused(status) => {
                let why = format!("the server answered a client's upgrade with status {status}");
                self.trouble(why.clone());
                self.over(why);
            }
            Sound::Lost(why) => {
                self.trouble(format!(
                    "a connection is passed on, but no longer recorded: {why}"
                ));
                self.over(why);
            }
        }
    }

    /// The connection is over, or no longer recorded.
    pub fn over(&mut self, why: String) {
        if !self.over {
            self.over = true;
            self.desk.put(self.conn, News::Over(why));
        }
    }
}

pub fn side(way: Way) -> &'static str {
    match way {
        Way::Out => "the client",
        Way::In => "the server",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_two_things_happen_at_the_same_time() {
        let (desk, mut tray) = desk();
        let mut scribe = desk.scribe();
        (0..2_000).for_each(|_| scribe.hear(Sound::Text(Way::Out, String::new())));
        let mut heard = Vec::new();
        tray.take(&mut heard);
        // As far apart as a reader can tell them who counts from 1970.
        let read = |heard: &Heard| heard.at + 1.8e9;
        assert_eq!(heard.len(), 2_000);
        assert!(heard.is_sorted_by(|a, b| read(a) < read(b)));
    }

    #[test]
    fn a_full_desk_takes_nothing_says_so_once_and_goes_on_when_there_is_room() {
        let (desk, mut tray) = desk_of(1_000);
        let mut scribe = desk.scribe();
        let text = || Sound::Text(Way::Out, "x".repeat(300));
        (0..5).for_each(|_| scribe.hear(text()));
        let mut kinds = || {
            let mut heard = Vec::new();
            tray.take(&mut heard);
            let kinds = heard.iter().map(|heard| match heard.news {
                News::Text(..) => 't',
                News::Gap(_) => 'g',
                _ => '?',
            });
            kinds.collect::<String>()
        };
        assert_eq!(kinds(), "ttg");
        // What was taken still has to be written.
        scribe.hear(text());
        scribe.trouble("where are we?".into());
        assert_eq!(kinds(), "?");
        scribe.hear(text());
        scribe.over("enough".into());
        scribe.hear(text());
        drop((scribe, desk));
        assert_eq!(kinds(), "t?");
        assert_eq!(kinds(), "");
    }
}
