//! Sessions that are taken up again on another connection (XEP-0198).

use std::collections::VecDeque;

use super::{Conn, MOST, Sessions};
use crate::stanza::{IqType, Stanza, print};
use crate::transcript::Dir;
use crate::transcript::recording::Frame;

/// Stanzas that may go by once more when a session is resumed.
const UNACKNOWLEDGED: usize = 512;
/// What a session is called whose name was given before the recording, with its JID behind it: no server names one so.
const UNSEEN: &str = "\u{0}";
/// The bytes at either end of a stanza that tell it from others.
const HEAD: usize = 512;

/// A session that can be resumed.
#[derive(Debug, Default)]
pub(super) struct Resumable {
    jid: String,
    /// What went by last on it.
    passed: VecDeque<u64>,
}

impl Sessions {
    /// A session whose beginning was not recorded may be resumed as well, and may itself be one that is.
    pub(super) fn midway(&mut self, conn: &mut Conn, jid: String) {
        let id = format!("{UNSEEN}{jid}");
        if conn.resumes.take().is_some()
            && let Some(session) = self.resumable.get(&id)
        {
            conn.again = session.passed.iter().copied().collect();
        }
        self.can_be_resumed(&id, &jid);
        (conn.jid, conn.resumable) = (Some(jid), Some(id));
    }

    pub(super) fn can_be_resumed(&mut self, id: &str, jid: &str) {
        if self.resumable.len() >= MOST {
            self.resumable.pop_first();
        }
        let jid = jid.to_owned();
        let passed = VecDeque::new();
        self.resumable.insert(id.to_owned(), Resumable { jid, passed });
    }

    /// Whether this stanza has gone by already on the session that was resumed.
    pub(super) fn is_sent_again(&mut self, conn: &mut Conn, dir: Dir, text: &str) -> bool {
        if conn.again.is_empty() && conn.resumable.is_none() {
            return false;
        }
        let key = print_of(dir, text);
        let again = conn.again.remove(&key) && !conn.is_asked_anew(dir, text);
        if !again && !conn.again.is_empty() {
            conn.note_question(dir, text);
        }
        let session = conn.resumable.as_ref().and_then(|id| self.resumable.get_mut(id));
        if let Some(session) = session.filter(|_| !again) {
            if session.passed.len() == UNACKNOWLEDGED {
                session.passed.pop_front();
            }
            session.passed.push_back(key);
        }
        again
    }

    /// Stream management: who resumes a session goes on under its name (XEP-0198 §5).
    pub(super) fn resumption(&mut self, conn: &mut Conn, frame: &Frame, name: &str, text: &str) {
        let Ok(stanza) = Stanza::parse(text) else { return };
        match name {
            "enabled" => {
                if let (Some(id), Some(jid)) = (stanza.id(), &conn.jid) {
                    self.can_be_resumed(id, jid);
                    conn.resumable = Some(id.to_owned());
                }
            }
            "resume" => {
                conn.resumes = stanza.attr("previd").map(str::to_owned);
                // Also where that fails: then the whole of it is sent again in a new session.
                let session = conn.resumes.as_ref().and_then(|id| self.resumable.get(id));
                conn.again = session
                    .iter()
                    .flat_map(|session| &session.passed)
                    .copied()
                    .collect();
            }
            _ => {
                let id = stanza.attr("previd").map(str::to_owned).or(conn.resumes.clone());
                if let Some(session) = id.as_ref().and_then(|id| self.resumable.get(id)) {
                    conn.jid = Some(session.jid.clone());
                    (conn.resumable, conn.resumes) = (id, None);
                    self.waited(conn);
                    self.begin(conn, frame, Dir::Begins);
                } else {
                    // What began before the recording goes on: its stanzas tell whose it is.
                    conn.login = false;
                }
            }
        }
    }
}

impl Conn {
    /// A request that did not go by before: its answer is a new one, though many count their ids from 1 in every stream.
    fn note_question(&mut self, dir: Dir, text: &str) {
        if let Ok(stanza) = Stanza::parse(text)
            && matches!(stanza.iq_type(), Some(IqType::Set | IqType::Get))
            && self.asked.len() < UNACKNOWLEDGED
        {
            let own = dir == Dir::Sent;
            self.asked.insert(question(&stanza, dir, own));
        }
    }

    /// Whether this answers such a request.
    fn is_asked_anew(&mut self, dir: Dir, text: &str) -> bool {
        let Ok(stanza) = Stanza::parse(text) else {
            return false;
        };
        let own = dir != Dir::Sent;
        matches!(stanza.iq_type(), Some(IqType::Result | IqType::Error))
            && self.asked.remove(&question(&stanza, dir, own))
    }
}

/// What a request and its answer have in common; `own`: who was recorded has asked.
fn question(stanza: &Stanza, dir: Dir, own: bool) -> u64 {
    let peer = match dir {
        Dir::Sent => stanza.to(),
        _ => stanza.from(),
    };
    print((own, stanza.id(), peer))
}

/// A number that two different stanzas hardly ever share: a signal's id and time stand at its ends.
fn print_of(dir: Dir, text: &str) -> u64 {
    let (bytes, end) = (text.as_bytes(), text.len());
    let head = bytes.get(..HEAD.min(end)).unwrap_or_default();
    let tail = bytes.get(end.saturating_sub(HEAD)..).unwrap_or_default();
    print((dir == Dir::Sent, end, head, tail))
}
