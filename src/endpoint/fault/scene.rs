//! What an injector remembers of the calls that pass, in bounds: who is in which, and how many there were.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use super::deed::Point;
use super::injector::Passage;
use crate::protocol::{Kind, Reason, Role};
use crate::stanza::{Stanza, bare, resource};

/// Calls, and open requests, that are remembered at once.
const REMEMBERED: usize = 4_096;

#[derive(Debug)]
struct Call {
    /// Bare JIDs.
    caller: String,
    callee: String,
    /// Full JIDs of those who have signalled in it, or were signalled to.
    parties: BTreeSet<String>,
    live: bool,
}

#[derive(Debug, Default)]
pub(super) struct Scene {
    calls: BTreeMap<String, Call>,
    order: VecDeque<String>,
    /// The signal that a request was, by asker and id.
    asked: BTreeMap<(String, String), (Kind, String)>,
    asked_order: VecDeque<(String, String)>,
    /// Full JIDs that were ever bound.
    bound: BTreeSet<String>,
    /// Pairs of users, in order, whose call is over.
    done: BTreeSet<(String, String)>,
    begun: u32,
    chats: u32,
}

/// What is known of one passage.
#[derive(Debug, Clone)]
pub(super) struct Facts {
    pub point: Point,
    /// What the signal is, or the one that this answers.
    pub kind: Option<Kind>,
    pub reason: Option<Reason>,
    pub call: Option<String>,
    pub from: Option<Role>,
    pub to: Option<Role>,
    pub begun: u32,
    pub live: usize,
    pub chats: u32,
    pub again: bool,
}

impl Scene {
    pub fn bind(&mut self, jid: &str) {
        self.bound.insert(jid.to_owned());
    }

    /// Takes note of a passage that is about to be made.
    pub fn take(&mut self, passage: &Passage<'_>) -> Facts {
        let (kind, call, reason) = match passage.point {
            Point::Chat | Point::Served | Point::Malformed | Point::Request => (None, None, None),
            Point::Answer => {
                let key = (
                    passage.to.to_owned(),
                    passage.stanza.id().unwrap_or_default().to_owned(),
                );
                let asked = self.asked.get(&key);
                (asked.map(|a| a.0), asked.map(|a| a.1.clone()), None)
            }
            _ => read(passage.stanza),
        };
        if passage.point == Point::Chat {
            self.chats += 1;
        }
        // Whoever the signal is from and for, whichever way this passage goes.
        let back = matches!(
            passage.point,
            Point::Bounce | Point::Gone | Point::Bare | Point::Judged
        );
        let (sender, target) = if back {
            (passage.to, passage.from)
        } else {
            (passage.from, passage.to)
        };
        if let (Some(kind), Some(call)) = (kind, &call)
            && passage.point != Point::Answer
        {
            self.signal(kind, call, sender, target, passage);
        }
        let users = pair(bare(sender), bare(target));
        let seen = call.as_ref().and_then(|id| self.calls.get(id));
        let role = |jid: &str| {
            let call = seen?;
            match bare(jid) {
                user if user == call.caller => Some(Role::Caller),
                user if user == call.callee => Some(Role::Callee),
                _ => None,
            }
        };
        let point = match passage.point {
            Point::Bounce if resource(passage.from).is_none() => Point::Bare,
            Point::Bounce if self.bound.contains(passage.from) => Point::Gone,
            point => point,
        };
        Facts {
            point,
            kind,
            reason,
            from: role(passage.from),
            to: role(passage.to),
            begun: self.begun,
            live: self.calls.values().filter(|call| call.live).count(),
            chats: self.chats,
            again: self.done.contains(&users),
            call,
        }
    }

    fn signal(&mut self, kind: Kind, id: &str, from: &str, to: &str, passage: &Passage<'_>) {
        if kind == Kind::Initiate && !self.calls.contains_key(id) {
            self.begun += 1;
            self.chats = 0;
            self.order.push_back(id.to_owned());
            let call = Call {
                caller: bare(from).to_owned(),
                callee: bare(to).to_owned(),
                parties: BTreeSet::new(),
                live: true,
            };
            self.calls.insert(id.to_owned(), call);
            if self.order.len() > REMEMBERED
                && let Some(old) = self.order.pop_front()
            {
                self.calls.remove(&old);
            }
        }
        if let Some(call) = self.calls.get_mut(id) {
            for jid in [from, to] {
                let user = bare(jid);
                if resource(jid).is_some() && (user == call.caller || user == call.callee) {
                    call.parties.insert(jid.to_owned());
                }
            }
        }
        if let (Point::Signal, Some(iq)) = (passage.point, passage.stanza.id()) {
            let key = (from.to_owned(), iq.to_owned());
            self.asked_order.push_back(key.clone());
            self.asked.insert(key, (kind, id.to_owned()));
            if self.asked_order.len() > REMEMBERED
                && let Some(old) = self.asked_order.pop_front()
            {
                self.asked.remove(&old);
            }
        }
    }

    /// The passage was made: what ended its call has ended it.
    pub fn settle(&mut self, facts: &Facts) {
        let ends = matches!(facts.kind, Some(Kind::Hangup | Kind::Reject | Kind::Busy));
        if !ends || !matches!(facts.point, Point::Signal | Point::Own) {
            return;
        }
        if let Some(call) = facts.call.as_ref().and_then(|id| self.calls.get_mut(id)) {
            call.live = false;
            self.done.insert(pair(&call.caller, &call.callee));
        }
    }

    /// Parties of live calls other than this one.
    pub fn elsewhere(&self, call: Option<&String>) -> impl Iterator<Item = &String> {
        self.calls
            .iter()
            .filter(move |(id, other)| Some(*id) != call && other.live)
            .flat_map(|(_, other)| &other.parties)
    }
}

fn pair(a: &str, b: &str) -> (String, String) {
    if a < b {
        (a.to_owned(), b.to_owned())
    } else {
        (b.to_owned(), a.to_owned())
    }
}

fn read(stanza: &Stanza) -> (Option<Kind>, Option<String>, Option<Reason>) {
    let text = stanza.call_text().unwrap_or_default();
    let Ok(value) = serde_json::from_str::<serde_json::Value>(&text) else {
        return (None, None, None);
    };
    let member = |pointer| value.pointer(pointer).and_then(serde_json::Value::as_str);
    let reason = member("/payload/reason")
        .and_then(|word| Reason::ALL.into_iter().find(|reason| reason.wire() == word));
    (
        member("/type").and_then(Kind::from_wire),
        member("/callId").map(str::to_lowercase),
        reason,
    )
}
