//! Whose log it is, and which way a stanza went, where no line says so: each is to that end or from it.

use super::super::frame::{Frame, Way};
use super::{first_name, resource};
use crate::stanza::{Stanza, bare, fold};

/// What the stanzas so far leave open.
#[derive(Debug, Default)]
pub(super) struct Whose {
    /// The full JIDs of which one is this end's, folded; `None`: nothing was seen so far.
    either: Option<Vec<String>>,
    /// Those of others, to whom this end has spoken.
    others: Vec<String>,
    /// The full JID to which the latest stanza came that another user sent: a server may have misdirected it.
    named: Option<String>,
}

/// So many others are remembered until it is known.
const OTHERS: usize = 64;

impl Whose {
    /// The full JID of this end, once the stanzas tell it.
    pub fn note(&mut self, frame: &Frame, text: &str) -> Option<String> {
        let name = first_name(text);
        if !matches!(name, "iq" | "message" | "presence") {
            return None;
        }
        let stanza = Stanza::parse(text).ok()?;
        let is_full = |jid: &&str| jid.contains('@') && resource(jid).is_some();
        let is_server = |jid: &str| !jid.contains('@');
        // Two spellings of an address are one.
        let (from, to) = (stanza.from().map(fold), stanza.to().map(fold));
        let (from, to) = (from.as_deref(), to.as_deref());
        match frame.way {
            Some(Way::Out) => return from.filter(is_full).map(str::to_owned),
            // A message may be for another device that is no longer there (RFC 6121 §8.5.3.2.1).
            Some(Way::In) => {
                let to = to.filter(is_full).filter(|_| name != "message")?;
                let others = from.is_some_and(|from| !is_server(from) && bare(from) != bare(to));
                let again = self.named.as_deref() == Some(to);
                let known = !others || again;
                self.named = Some(to.to_owned());
                return self.named.clone().filter(|_| known);
            }
            None => {}
        }
        match (from, to) {
            // What a server says, an account of its own user, or this end to itself.
            (Some(from), Some(to)) if is_full(&to) && (is_server(from) || from == bare(to) || from == to) => {
                return Some(to.to_owned());
            }
            // What is asked of them; a message to an account comes to all of its devices.
            (Some(from), Some(to))
                if is_full(&from) && (is_server(to) || (name == "iq" && to == bare(from))) =>
            {
                return Some(from.to_owned());
            }
            // Only of its own a client need not say from whom it is (RFC 6120 §8.1.2.1). It calls others; a message it
            // may write to itself.
            (None, Some(to)) if is_full(&to) && stanza.has_call() && name != "message" => {
                self.others.retain(|other| other != to);
                self.others.push(to.to_owned());
                self.others.truncate(OTHERS);
            }
            (Some(from), Some(to)) => match &mut self.either {
                None if is_full(&from) && is_full(&to) && name != "message" => {
                    self.either = Some([from, to].map(str::to_owned).into());
                }
                None => {}
                // To a user's bare address comes what each of his devices gets.
                Some(either) => {
                    let to = if name == "message" { bare(to) } else { to };
                    either.retain(|end| [from, to].iter().any(|jid| *jid == end || *jid == bare(end)))
                }
            },
            _ => {}
        }
        let either = self.either.as_mut()?;
        either.retain(|end| !self.others.contains(end));
        match either.as_slice() {
            [end] => Some(end.clone()),
            _ => None,
        }
    }

    /// Whose it is as far as one stanza tells.
    pub fn likely(&self) -> Option<&str> {
        self.named.as_deref()
    }

    /// This end, where it speaks to that one.
    pub fn beside(&self, to: &str) -> Option<&str> {
        let to = &*fold(to);
        match self.either.as_deref()? {
            [end] => Some(end.as_str()).filter(|end| *end != to),
            [one, other] if one == to => Some(other),
            [one, other] if other == to => Some(one),
            _ => None,
        }
    }

    /// All stanzas say who both ends are, and not which of them this is.
    pub fn is_open(&self) -> bool {
        self.either.is_some() && self.others.is_empty()
    }
}

/// Which way a frame went, where the recording does not say.
pub(super) fn guess(text: &str, own: &str) -> Way {
    match first_name(text) {
        "auth" | "response" | "authenticate" | "resume" | "enable" => return Way::Out,
        "challenge" | "success" | "failure" | "features" | "stream:features" | "stream:error" => {
            return Way::In;
        }
        _ => {}
    }
    let Ok(stanza) = Stanza::parse(text) else {
        return Way::Out;
    };
    let (from, to, own) = (stanza.from().map(fold), stanza.to().map(fold), &*fold(own));
    match (from.as_deref(), to.as_deref()) {
        (Some(from), _) if !own.is_empty() && bare(from) == bare(own) && from != bare(own) => {
            if from == own && to.as_deref() != Some(own) {
                Way::Out
            } else {
                Way::In
            }
        }
        (Some(_), _) => Way::In,
        // To another device of the same user one's own words go: what comes names its sender.
        (None, Some(to)) if !own.is_empty() && to != bare(own) && (to == own || bare(to) == own) => Way::In,
        _ => Way::Out,
    }
}
