//! From the stanzas of a tape to what happened: sends and receipts put together, requests and their answers.

use std::collections::{BTreeSet, HashMap, VecDeque};

use super::story::{
    Foreign, Given, Local, Message, Own, Receipt, Reply, Story, Thing, add_end, learn_callers,
};
use super::tape::{At, Deed, Said, Tape};
use crate::stanza::{IqType, STREAM, Stanza, bare, fold, resource};

/// Requests of one end by id that wait for their answers.
type Pending = HashMap<(usize, String), VecDeque<(usize, usize)>>;

struct Reading<'t> {
    tape: &'t Tape,
    story: Story,
    /// Sent and not yet got: by sender, receiver and id.
    under_way: HashMap<(String, String, String), Vec<usize>>,
    asked: HashMap<(usize, String), usize>,
    owed: Pending,
    given: HashMap<(usize, String), usize>,
    /// Requests of the server's own.
    of_server: BTreeSet<(usize, String)>,
    up: Vec<bool>,
    opened: Vec<bool>,
    pos: usize,
}

/// Puts a tape's stanzas together.
pub fn read(tape: &Tape) -> Story {
    let ends = tape.ends.len();
    let mut reading = Reading {
        tape,
        story: Story {
            ends: tape.ends.clone(),
            locals: vec![Vec::new(); ends],
            there: vec![false; ends],
            presence: vec![false; ends],
            run: tape.run,
            ..Story::default()
        },
        under_way: HashMap::new(),
        asked: HashMap::new(),
        owed: HashMap::new(),
        given: HashMap::new(),
        of_server: BTreeSet::new(),
        up: vec![false; ends],
        opened: vec![false; ends],
        pos: 0,
    };
    let mut acted = false;
    for (pos, mark) in tape.marks.iter().enumerate() {
        let (end, t) = (mark.end, mark.t);
        reading.pos = pos;
        if matches!(mark.deed, Deed::Sent(_) | Deed::Got(_)) && !reading.opened[end] {
            // It says something, so it was there.
            reading.opened[end] = true;
            reading.story.there[end] = true;
        }
        match &mark.deed {
            Deed::Comes => {
                reading.up[end] = true;
                // Who comes before anybody has said anything was there from the beginning.
                if !acted && !reading.opened[end] {
                    reading.story.there[end] = true;
                } else if reading.opened[end] || tape.run {
                    reading.own(end, t, Local::Comes);
                } else {
                    reading.story.there[end] = true;
                }
                reading.opened[end] = true;
            }
            Deed::Goes { cut } => {
                acted = true;
                reading.up[end] = false;
                reading.own(end, t, Local::Goes { cut: *cut });
            }
            Deed::Closed => {
                reading.up[end] = false;
                reading.own(end, t, Local::Closed);
            }
            Deed::Stops => {}
            Deed::Sent(said) => {
                acted |= reading.sent(end, t, mark.at, said);
            }
            Deed::Got(said) => {
                acted = true;
                reading.got(end, (t, mark.arrived), mark.at, said);
            }
        }
    }
    let mut story = reading.story;
    learn_callers(&mut story);
    story
}

impl Reading<'_> {
    fn jid(&self, end: usize) -> String {
        self.story
            .ends
            .get(end)
            .map(|end| fold(&end.jid).into_owned())
            .unwrap_or_default()
    }

    fn own(&mut self, end: usize, t: f64, what: Local) {
        let pos = self.pos;
        if let Some(locals) = self.story.locals.get_mut(end) {
            locals.push(Own { pos, t, what });
        }
    }

    /// Whether it was more than an announcement.
    fn sent(&mut self, end: usize, t: f64, at: At, said: &Said) -> bool {
        let stanza = said.stanza.as_ref();
        if stanza.is_some_and(Stanza::is_presence) && !said.is_call() {
            let plain = stanza.is_some_and(|s| s.element().children().next().is_none() && s.to().is_none());
            let first = self.story.locals.get(end).is_none_or(Vec::is_empty);
            if plain && first {
                self.story.presence[end] = true;
            }
            return false;
        }
        if matches!(said.iq(), Some(IqType::Result | IqType::Error)) && !self.is_odd_answer(end, t, said) {
            return true;
        }
        let is_ping = |s: &Stanza| s.element().children().any(|c| c.is("ping", "urn:xmpp:ping"));
        if said.iq() == Some(IqType::Get) && stanza.is_some_and(is_ping) {
            return false;
        }
        let thing = match stanza {
            _ if said.is_call() => match said.decoded.as_ref().and_then(|decoded| decoded.facts.kind) {
                Some(kind) if said.iq() == Some(IqType::Set) => Thing::Signal(kind),
                _ => Thing::Other,
            },
            Some(stanza) if stanza.body().is_some() => Thing::Chat(stanza.body().unwrap_or_default()),
            _ if self.tape.run => Thing::Other,
            _ => return false,
        };
        let index = self.story.messages.len();
        let from = self.jid(end);
        let to = fold(stanza.and_then(Stanza::to).unwrap_or(bare(&from))).into_owned();
        let asks = matches!(said.iq(), Some(IqType::Set | IqType::Get));
        let id = said.id().unwrap_or_default().to_owned();
        if asks {
            self.asked.insert((end, id.clone()), index);
        }
        if let Some(answered) = self.given.get(&(end, id.clone())).filter(|_| !asks) {
            self.story.odd.insert(index, *answered);
        }
        self.under_way.entry((from, to, id)).or_default().push(index);
        self.message(end, t, at, said, thing, true, asks);
        self.own(end, t, Local::Send(index));
        true
    }

    #[allow(clippy::too_many_arguments, reason = "the parts of one message")]
    fn message(&mut self, from: usize, t: f64, at: At, said: &Said, thing: Thing, seen: bool, asks: bool) {
        let call = said.call().filter(|_| matches!(thing, Thing::Signal(_)));
        if let Some(call) = call.clone().or_else(|| said.call())
            && !self.story.calls.contains(&call)
        {
            self.story.calls.push(call);
        }
        self.story.messages.push(Message {
            from,
            thing,
            said: Some(said.clone()),
            call,
            t,
            pos: self.pos,
            at,
            seen,
            receipts: Vec::new(),
            reply: None,
            asks,
            copies: 0,
        });
    }

    /// Notes an answer; `true` if it is one that no bot gives by itself.
    fn is_odd_answer(&mut self, end: usize, t: f64, said: &Said) -> bool {
        let id = said.id().unwrap_or_default().to_owned();
        let Some((message, receipt)) = self
            .owed
            .get_mut(&(end, id.clone()))
            .and_then(VecDeque::pop_front)
        else {
            if self.of_server.remove(&(end, id.clone())) {
                return false;
            }
            // Answered already, or never asked.
            return self.tape.run || self.given.contains_key(&(end, id));
        };
        self.given.insert((end, id), message);
        let Some(reply) = said.stanza.as_ref().and_then(plain_reply) else {
            return true;
        };
        let asker = self.story.messages.get(message).map(|message| message.from);
        let back = asker.map(|asker| self.jid(asker));
        let to = said.stanza.as_ref().and_then(Stanza::to).map(fold);
        if to.is_some() && back.is_some() && to.as_deref() != back.as_deref() && self.tape.run {
            return true;
        }
        if let Some(receipt) = self
            .story
            .messages
            .get_mut(message)
            .and_then(|message| message.receipts.get_mut(receipt))
        {
            let pos = self.pos;
            receipt.reply = Some(Given { reply, t, pos });
        }
        false
    }

    fn got(&mut self, end: usize, (t, arrived): (f64, Option<f64>), at: At, said: &Said) {
        let Some(stanza) = &said.stanza else { return };
        if stanza.is("error", STREAM) {
            let condition = stanza.error_condition().unwrap_or("undefined-condition");
            let local = Local::StreamError(condition.to_owned());
            self.own(end, t, local);
            return;
        }
        let id = stanza.id().unwrap_or_default().to_owned();
        if matches!(said.iq(), Some(IqType::Result | IqType::Error)) {
            if let Some(message) = self.asked.get(&(end, id)).copied()
                && let Some(message) = self.story.messages.get_mut(message)
                && message.reply.is_none()
            {
                let error = stanza.error_condition().unwrap_or("undefined-condition");
                let reply = match said.iq() {
                    Some(IqType::Result) => Reply::Result,
                    _ => Reply::Error(error.to_owned()),
                };
                message.reply = Some(Given {
                    reply,
                    t,
                    pos: self.pos,
                });
            }
            return;
        }
        let is_signal = said.is_call();
        if !is_signal && stanza.body().is_none() {
            return;
        }
        let own = self.jid(end);
        let from = fold(stanza.from().unwrap_or_default()).into_owned();
        let keys = [
            (from.clone(), own.clone(), id.clone()),
            (from.clone(), bare(&own).to_owned(), id.clone()),
        ];
        let fits = |message: &Message| message.receipts.iter().all(|receipt| receipt.end != end);
        let known = keys.iter().find_map(|key| {
            let sent = self.under_way.get(key)?;
            sent.iter()
                .copied()
                .find(|index| self.story.messages.get(*index).is_some_and(fits))
        });
        let message = match known {
            Some(index) => index,
            None => match self.unseen_sender(&from) {
                Some(sender) => {
                    let thing = match said.decoded.as_ref().and_then(|decoded| decoded.facts.kind) {
                        Some(kind) if said.iq() == Some(IqType::Set) => Thing::Signal(kind),
                        None if !is_signal => Thing::Chat(stanza.body().unwrap_or_default()),
                        _ => Thing::Other,
                    };
                    let asks = matches!(said.iq(), Some(IqType::Set | IqType::Get));
                    let index = self.story.messages.len();
                    self.message(sender, t, at, said, thing, false, asks);
                    self.own(sender, t, Local::Send(index));
                    index
                }
                None => {
                    if self.tape.end_of(&from).is_some() {
                        let sent = keys.iter().find_map(|key| self.under_way.get(key));
                        match sent.and_then(|sent| sent.last().copied()) {
                            Some(message) => self.story.messages[message].copies += 1,
                            None => self.story.strays += 1,
                        }
                    } else if let Some(decoded) = said.decoded.as_ref() {
                        let waited = arrived.is_some_and(|arrived| {
                            let locals = self.story.locals.get(end);
                            let mut own = locals.into_iter().flatten().rev();
                            own.any(|own| matches!(own.what, Local::Send(_)) && own.t >= arrived)
                        });
                        if waited {
                            self.story.refused = Some(format!(
                                "line {}: a signal of the server's own crossed with what its receiver sent, and no step makes the server speak",
                                at.line
                            ));
                        }
                        let reason = decoded.facts.reason.map(|reason| reason.wire().to_owned());
                        self.story.foreign.push(Foreign {
                            kind: decoded.facts.kind,
                            call: said.call(),
                            reason,
                            t,
                        });
                        self.of_server.insert((end, id));
                        let local = Local::Foreign(self.story.foreign.len() - 1);
                        self.own(end, t, local);
                    }
                    return;
                }
            },
        };
        let text = |said: &Said| {
            let stanza = said.stanza.as_ref()?;
            stanza.call_text().or_else(|| stanza.body())
        };
        let Some(sent) = self.story.messages.get_mut(message) else {
            return;
        };
        let changed = sent.seen && sent.said.as_ref().and_then(text) != text(said);
        sent.receipts.push(Receipt {
            end,
            t,
            at: Some(at),
            changed,
            reply: None,
        });
        let receipt = sent.receipts.len() - 1;
        if sent.asks {
            self.owed
                .entry((end, id))
                .or_default()
                .push_back((message, receipt));
        }
        self.own(end, t, Local::Hear(message, receipt));
    }

    /// The end that sent something which was not seen where it was sent: nobody whose recording runs.
    fn unseen_sender(&mut self, from: &str) -> Option<usize> {
        if let Some(end) = self.tape.end_of(from) {
            let running = self.up.get(end).copied().unwrap_or(false);
            let seen = self.tape.ends.get(end).is_some_and(|end| end.recorded);
            return (!running && (!self.tape.run || !seen)).then_some(end);
        }
        resource(from)?;
        if self.tape.run {
            return None;
        }
        Some(self.other(from))
    }

    /// An end of whom only others' recordings tell.
    fn other(&mut self, jid: &str) -> usize {
        let known = self.story.ends.iter().position(|end| fold(&end.jid) == jid);
        known.unwrap_or_else(|| add_end(&mut self.story, jid))
    }
}

/// The answer that a bot would give too: a result that says nothing, or an error with its condition.
fn plain_reply(stanza: &Stanza) -> Option<Reply> {
    match stanza.iq_type()? {
        IqType::Result => {
            let empty = stanza.element().children().next().is_none();
            empty.then_some(Reply::Result)
        }
        _ => {
            let sound = stanza.error_fault().is_none();
            let condition = stanza.error_condition().filter(|_| sound)?;
            Some(Reply::Error(condition.to_owned()))
        }
    }
}
