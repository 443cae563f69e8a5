//! What is expected of a message where it comes in, and how its receiver answers.

use serde_json::Value;

use super::super::order::Atom;
use super::super::signal::{Form, Words};
use super::super::story::{Local, Message, Receipt, Reply, Thing};
use super::super::text::{Deed, Step, Word};
use super::{Making, Pace, time};
use crate::protocol::Kind;

/// An answer that takes longer is written as a late one, in seconds.
const PROMPT: f64 = 1.0;

impl Making<'_> {
    /// Its receiver was there, and nothing tells why it did not come.
    pub(super) fn is_lost(&self, message: &Message) -> bool {
        if !message.seen || !message.receipts.is_empty() || message.reply.is_some() {
            return false;
        }
        let to = message
            .to()
            .and_then(|to| self.story.ends.iter().position(|end| end.jid == to));
        let there = to.is_some_and(|to| {
            self.story.ends[to].recorded && {
                let mut up = self.story.there[to];
                for own in self.story.locals[to].iter().filter(|own| own.pos < message.pos) {
                    match own.what {
                        Local::Comes => up = true,
                        Local::Goes { .. } | Local::Closed => up = false,
                        _ => {}
                    }
                }
                up
            }
        });
        let ends = self.story.locals[message.from]
            .iter()
            .any(|own| own.pos > message.pos && matches!(own.what, Local::Closed | Local::StreamError(_)));
        there && !ends && matches!(message.thing, Thing::Signal(_) | Thing::Chat(_))
    }

    pub(super) fn lost(&mut self, atoms: &[Atom]) -> Vec<Step> {
        let mut out = Vec::new();
        for atom in atoms {
            let Local::Send(index) = atom.own.what else {
                continue;
            };
            if !self.lost.remove(&index) {
                continue;
            }
            let message = &self.story.messages[index];
            let to = message
                .to()
                .and_then(|to| self.story.ends.iter().position(|end| end.jid == to));
            let (Some(to), Some(form)) = (to, self.form(index).cloned()) else {
                continue;
            };
            let words = self.expectation(message, &form);
            let mut deed = self.deed(to, words);
            deed.comments.push("in the recording it did not come".to_owned());
            out.push(Step::Deed(deed));
        }
        out
    }

    fn expectation(&self, message: &Message, form: &Form) -> Words {
        let mut words = Words::new();
        let plain = |word: &str| Word::Plain(word.to_owned());
        match form {
            Form::Signal(kind, label) => {
                words.push(("receives", plain(kind.name())));
                if label != "main" {
                    words.push(("call", plain(label)));
                }
                if self.cast.actors.len() > 2 {
                    words.push(("from", Word::Plain(self.who(message.from))));
                }
                let value = message
                    .said
                    .as_ref()
                    .and_then(|said| said.decoded.as_ref()?.facts.value.as_ref());
                let member = match kind {
                    Kind::Hangup => Some("/payload/reason"),
                    Kind::MuteChange => Some("/payload/muted"),
                    _ => None,
                };
                if let Some(member) = member
                    && let Some(value) = value.and_then(|value| value.pointer(member))
                {
                    let value = match value {
                        Value::String(text) => Value::String(self.writer.texts.fill(text)),
                        other => other.clone(),
                    };
                    words.push(("where", Word::Map(vec![(member.to_owned(), value)])));
                }
            }
            Form::Chat(body) => {
                words.push(("receives", plain("chat")));
                words.push(("body", Word::Text(body.clone())));
            }
            Form::Stanza(name, kind) => {
                words.push(("receives", plain("stanza")));
                words.push(("name", plain(name)));
                if let Some(kind) = kind {
                    words.push(("type", plain(kind)));
                }
            }
        }
        if self.manner.lenient {
            words.push(("optional", plain("true")));
        }
        words
    }

    pub(super) fn hear(&mut self, index: usize, receipt: usize) -> Option<Deed> {
        let message = self.story.messages.get(index)?;
        let receipt = message.receipts.get(receipt)?;
        let form = self.form(index)?.clone();
        let mut words = self.expectation(message, &form);
        if let Form::Signal(..) = form {
            words.extend(
                self.reply(index, receipt)
                    .map(|word| ("answer", Word::Plain(word))),
            );
        }
        let mut deed = self.deed(receipt.end, words);
        if receipt.changed {
            deed.comments
                .push("in the recording its text came changed".to_owned());
        }
        Some(deed)
    }

    /// How the receiver answers, unless it does so at once and with a result.
    pub(super) fn reply(&self, index: usize, receipt: &Receipt) -> Option<String> {
        let message = self.story.messages.get(index)?;
        if !message.asks {
            return None;
        }
        match &receipt.reply {
            Some(given) => match &given.reply {
                Reply::Result => {
                    let late = given.t - receipt.t;
                    let late = match self.manner.pace {
                        Pace::Times(speed) => late / speed,
                        Pace::Rounded => (late * 10.0).round() / 10.0,
                    };
                    (late > PROMPT).then(|| format!("{{ after: {} }}", time(late)))
                }
                Reply::Error(condition) => Some(format!("{{ error: {condition} }}")),
            },
            None => Some("withhold".to_owned()),
        }
    }
}
