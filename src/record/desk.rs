//! Hands over what was heard from those who pass it on to the one who writes it down, and never makes the former wait.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::mpsc;
use std::time::Instant;

use super::tap::Sound;
use crate::transcript::recording::Way;
use crate::xmpp::Secret;

/// So much may lie on the desk, in bytes. Where a disk is slower than the calls, what comes beyond it is not recorded.
const ROOM: usize = 32 << 20;
/// What a piece costs beside its text.
const PIECE: usize = 128;

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

/// Where to put things. Clones are the same desk.
#[derive(Clone)]
pub struct Desk {
    out: mpsc::Sender<Heard>,
    lies: Arc<AtomicUsize>,
    conns: Arc<AtomicU64>,
    began: Instant,
    room: usize,
}

/// Where they are taken from, in the order in which they were put there.
pub struct Tray {
    heard: mpsc::Receiver<Heard>,
    lies: Arc<AtomicUsize>,
}

pub fn desk() -> (Desk, Tray) {
    desk_of(ROOM)
}

fn desk_of(room: usize) -> (Desk, Tray) {
    let (out, heard) = mpsc::channel();
    let lies = Arc::new(AtomicUsize::new(0));
    let tray = Tray {
        heard,
        lies: lies.clone(),
    };
    let desk = Desk {
        out,
        lies,
        conns: Arc::default(),
        began: Instant::now(),
        room,
    };
    (desk, tray)
}

impl Tray {
    /// Waits for the next; `None`: nobody is left who could put anything here.
    pub fn next(&self) -> Option<Heard> {
        let heard = self.heard.recv().ok()?;
        self.lies.fetch_sub(weight(&heard.news), Ordering::Relaxed);
        Some(heard)
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
            conn: self.conns.fetch_add(1, Ordering::Relaxed) + 1,
            desk: self.clone(),
            full: false,
            over: false,
        }
    }

    fn put(&self, conn: u64, news: News) {
        self.lies.fetch_add(weight(&news), Ordering::Relaxed);
        let at = self.began.elapsed().as_secs_f64();
        // Nobody is there any more: it is not recorded.
        let _ = self.out.send(Heard { conn, at, news });
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
                let lies = self.desk.lies.load(Ordering::Relaxed);
                let room = if self.full {
                    self.desk.room / 2
                } else {
                    self.desk.room
                };
                if lies + text.len() > room {
                    if !self.full {
                        self.full = true;
                        let why = "the transcript is written more slowly than the stanzas pass";
                        self.desk.put(self.conn, News::Gap(why.to_owned()));
                    }
                    return;
                }
                self.full = false;
                self.desk.put(self.conn, News::Text(way, text));
            }
            Sound::Skipped(way, length) => {
                let who = side(way);
                let why = format!("a stanza of {length} bytes from {who} passed, too long to be recorded");
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
    fn a_full_desk_takes_nothing_says_so_once_and_goes_on_when_there_is_room() {
        let (desk, tray) = desk_of(1_000);
        let mut scribe = desk.scribe();
        let text = || Sound::Text(Way::Out, "x".repeat(300));
        (0..5).for_each(|_| scribe.hear(text()));
        let kinds = |n: usize| {
            let news = (0..n).filter_map(|_| tray.next()).map(|heard| heard.news);
            news.map(|news| match news {
                News::Text(..) => 't',
                News::Gap(_) => 'g',
                _ => '?',
            })
            .collect::<String>()
        };
        assert_eq!(kinds(3), "ttg");
        scribe.hear(text());
        scribe.over("enough".into());
        scribe.hear(text());
        drop((scribe, desk));
        assert_eq!(kinds(9), "t?");
    }
}
