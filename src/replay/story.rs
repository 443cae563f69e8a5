//! What happened, as values: every message with its sender, who got it and how it was answered; and each end's own
//! order.

use std::collections::{BTreeMap, BTreeSet};

use super::tape::{At, End, Said};
use crate::protocol::{Act, Kind, Role};
use crate::stanza::{bare, fold, resource};

/// What was said.
#[derive(Debug, Clone)]
pub enum Thing {
    Signal(Kind),
    Chat(String),
    /// Anything else that concerns calls, or that a run sent word for word.
    Other,
}

/// How a request was answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reply {
    Result,
    /// A stanza error of this condition.
    Error(String),
}

/// An answer as it was given or as it came.
#[derive(Debug, Clone, PartialEq)]
pub struct Given {
    pub reply: Reply,
    /// Seconds; NaN: not known.
    pub t: f64,
    /// Its place among all that was recorded.
    pub pos: usize,
}

/// Somebody got a message.
#[derive(Debug, Clone)]
pub struct Receipt {
    pub end: usize,
    /// When it came, in seconds; NaN: not known.
    pub t: f64,
    /// Where it was seen to come, if it was seen.
    pub at: Option<At>,
    /// Its text was another than was sent.
    pub changed: bool,
    /// The answer that its receiver gave.
    pub reply: Option<Given>,
}

/// One message.
#[derive(Debug, Clone)]
pub struct Message {
    pub from: usize,
    pub thing: Thing,
    /// `None`: it is filled in, since the recording does not hold it.
    pub said: Option<Said>,
    /// The callId as it is compared.
    pub call: Option<String>,
    pub t: f64,
    /// Its place among all that was recorded.
    pub pos: usize,
    /// Where it was seen to be sent, or else to come.
    pub at: At,
    /// It was seen where it was sent.
    pub seen: bool,
    pub receipts: Vec<Receipt>,
    /// The answer that its sender got.
    pub reply: Option<Given>,
    /// It is a request that has to be answered.
    pub asks: bool,
    /// How often it came more than once to the same end.
    pub copies: usize,
}

impl Message {
    /// What it does to its call.
    pub fn act(&self) -> Option<Act> {
        match (&self.said, &self.thing) {
            (Some(said), _) => said.decoded.as_ref()?.act(),
            (None, Thing::Signal(kind)) => Some(Act {
                kind: *kind,
                reason: None,
                duration: None,
                muted: None,
            }),
            _ => None,
        }
    }

    pub fn id(&self) -> Option<&str> {
        self.said.as_ref()?.id()
    }

    pub fn to(&self) -> Option<&str> {
        self.said.as_ref()?.stanza.as_ref()?.to()
    }
}

/// What an end did or what happened to it, in its own order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Local {
    Send(usize),
    /// The message, and which of its receipts.
    Hear(usize, usize),
    Comes,
    Goes {
        cut: bool,
    },
    Closed,
    StreamError(String),
    /// A signal that no end sent: the server's own.
    Foreign(usize),
}

/// One thing of an end's own order.
#[derive(Debug, Clone, PartialEq)]
pub struct Own {
    pub pos: usize,
    pub t: f64,
    pub what: Local,
}

/// A signal of the server's own.
#[derive(Debug, Clone)]
pub struct Foreign {
    pub kind: Option<Kind>,
    pub call: Option<String>,
    pub reason: Option<String>,
    pub t: f64,
}

/// Everything that happened.
#[derive(Debug, Clone, Default)]
pub struct Story {
    pub ends: Vec<End>,
    pub messages: Vec<Message>,
    pub foreign: Vec<Foreign>,
    /// What each end did and met, in its order.
    pub locals: Vec<Vec<Own>>,
    /// Answers that a scenario gives word for word: the message that was answered, by its index.
    pub odd: BTreeMap<usize, usize>,
    /// Signals that came from an end that did not send them.
    pub strays: usize,
    /// Why no scenario says what was recorded, if something tells so already.
    pub refused: Option<String>,
    /// Who of the ends was connected before the first mark.
    pub there: Vec<bool>,
    /// Who announced itself with presence at once.
    pub presence: Vec<bool>,
    /// Who calls in each call.
    pub callers: BTreeMap<String, usize>,
    /// The calls' callIds, in the order in which they began.
    pub calls: Vec<String>,
    pub run: bool,
    /// Calls whose descriptions were not recorded: what refers to them is replaced by samples.
    pub plain: BTreeSet<String>,
    /// What had to be filled in, a sentence each.
    pub filled: Vec<String>,
}

/// Who calls in each call: asked for so often that it is worth knowing.
pub fn learn_callers(story: &mut Story) {
    let known = story
        .calls
        .iter()
        .filter_map(|call| Some((call.clone(), story.caller(call)?)));
    story.callers = known.collect();
}

/// An end that was not recorded.
pub fn add_end(story: &mut Story, jid: &str) -> usize {
    story.ends.push(End {
        jid: jid.to_owned(),
        ..End::default()
    });
    story.locals.push(Vec::new());
    story.there.push(true);
    story.presence.push(false);
    story.ends.len() - 1
}

fn is_uuid(text: &str) -> bool {
    uuid::Uuid::try_parse(text).is_ok_and(|id| id.hyphenated().to_string().eq_ignore_ascii_case(text))
}

/// The users' ids: as each says it of itself, or else as others say it.
pub fn learn_ids(story: &mut Story) {
    let mut known: BTreeMap<String, String> = BTreeMap::new();
    for end in &story.ends {
        if let Some(id) = &end.id {
            known.insert(fold(end.bare()).into_owned(), id.clone());
        }
    }
    for own in [true, false] {
        for message in &story.messages {
            let Some(facts) = message.said.as_ref().and_then(|said| said.decoded.as_ref()) else {
                continue;
            };
            let facts = &facts.facts;
            if facts.sender == facts.recipient {
                continue;
            }
            let (jid, id) = match own {
                true => (story.ends.get(message.from).map(|end| end.bare()), &facts.sender),
                false => (message.to().map(bare), &facts.recipient),
            };
            if let (Some(jid), Some(id)) = (jid, id)
                && is_uuid(id)
                && !known.values().any(|taken| taken.eq_ignore_ascii_case(id))
            {
                known.entry(fold(jid).into_owned()).or_insert_with(|| id.clone());
            }
        }
    }
    for end in &mut story.ends {
        end.id = known.get(&*fold(bare(&end.jid))).cloned();
    }
}

impl Story {
    /// Who calls in a call: the sender of its initiate, or whoever does what only a caller does.
    pub fn caller(&self, call: &str) -> Option<usize> {
        let mut likely = None;
        for message in self.messages.iter().filter(|m| m.call.as_deref() == Some(call)) {
            let Thing::Signal(kind) = message.thing else {
                continue;
            };
            let other = || {
                let hears = message.receipts.first().map(|receipt| receipt.end);
                hears.or_else(|| self.end_at(message.to()?))
            };
            match kind {
                Kind::Initiate => return Some(message.from),
                Kind::Offer => likely = likely.or(Some(message.from)),
                Kind::Accept | Kind::Reject | Kind::Busy | Kind::Answer => likely = likely.or_else(other),
                _ => {}
            }
        }
        likely.or_else(|| {
            let mut of_call = self.messages.iter().filter(|m| m.call.as_deref() == Some(call));
            of_call.next().map(|message| message.from)
        })
    }

    /// The end of this JID, of whatever resource if it has none.
    pub fn end_at(&self, jid: &str) -> Option<usize> {
        let jid = fold(jid);
        let exact = self.ends.iter().position(|end| fold(&end.jid) == jid);
        exact.or_else(|| {
            let plain = resource(&jid).is_none();
            let found = || self.ends.iter().position(|end| fold(end.bare()) == jid);
            plain.then(found).flatten()
        })
    }

    pub fn same_user(&self, one: usize, other: usize) -> bool {
        match (self.ends.get(one), self.ends.get(other)) {
            (Some(one), Some(other)) => {
                one.jid.is_empty() == other.jid.is_empty() && fold(one.bare()) == fold(other.bare())
            }
            _ => false,
        }
    }

    /// Which side of a call an end is on.
    pub fn role(&self, call: &str, end: usize) -> Role {
        let caller = self.callers.get(call).copied();
        match caller.or_else(|| self.caller(call)) {
            Some(caller) if self.same_user(caller, end) => Role::Caller,
            _ => Role::Callee,
        }
    }
}
