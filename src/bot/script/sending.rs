//! What bots say: composed as the steps want it, or with what is wrong about a faulty party.

use std::time::Duration;

use uuid::Uuid;

use super::super::compose;
use super::super::cursor::{At, Cursor};
use super::fresh::fresh_uuid;
use super::{Link, Output, Script};
use crate::scenario::{Answered, Send, Step, What};
use crate::stanza::{self, IqType, Stanza};
use crate::transcript::{Dir, Event};

impl Script {
    pub(super) fn send(&mut self, cursor: &mut Cursor, step: &Step, send: &Send) {
        if self.bots.get(&send.who).is_none_or(|bot| bot.link != Link::Up) {
            if self.answers_for_its_end(cursor, &send.who) {
                let event = self.event(Dir::Note, &send.who);
                let note = Some("nothing can be sent: the target has ended the line".to_owned());
                self.record(Event { note, ..event });
                cursor.finish_step();
                return;
            }
            self.trouble(
                &send.who,
                format!("{} is not connected and cannot send ({})", send.who, step.place),
            );
            return;
        }
        if !send.breaks.is_empty() {
            let event = self.event(Dir::Breaks, &send.who);
            self.record(Event {
                rules: send.breaks.clone(),
                ..event
            });
        }
        if self.bots.get(&send.who).is_some_and(|bot| bot.raw) {
            self.line_send(&send.who, &send.what);
            cursor.finish_step();
            return;
        }
        let raw = match &send.what {
            What::Signal { .. } => self.signal(send),
            What::Chat { to, body } => {
                let to = self.address(&send.who, "main", to.as_deref());
                let (id, body) = (fresh_uuid(&mut self.rng), self.text(body));
                compose::chat(&to, &id, &body)
            }
            What::Stanza { xml } => self.text(xml),
            // Only a raw line can send them, and this is none: lint has said so.
            What::Opening { .. } | What::Closing | What::Frame { .. } => String::new(),
        };
        let stanza = Stanza::parse(raw.as_str()).ok();
        let asks = |s: &Stanza| matches!(s.iq_type(), Some(IqType::Set | IqType::Get));
        let id = stanza
            .as_ref()
            .filter(|s| asks(s))
            .and_then(|s| s.id())
            .map(str::to_owned);
        if let (Some(id), Some(bot)) = (&id, self.bots.get_mut(&send.who)) {
            bot.unanswered.insert(id.clone());
            bot.answers.remove(id);
        }
        self.write(&send.who, raw, Some(step));
        if let (Some(id), Some(bot)) = (&id, self.bots.get_mut(&send.who)) {
            bot.asked.insert(id.clone(), self.n);
        }
        match (&send.answered, id) {
            (Some(Answered { by, within, rule }), Some(id)) => {
                let deadline = self.now + self.within(*within);
                cursor.state = At::Answer {
                    id,
                    by: by.clone(),
                    rule: rule.clone(),
                    deadline,
                };
            }
            _ => cursor.finish_step(),
        }
    }

    pub(super) fn signal(&mut self, send: &Send) -> String {
        let What::Signal {
            kind,
            call,
            to,
            with,
            without,
            envelope,
            id,
        } = &send.what
        else {
            return String::new();
        };
        let to_jid = self.address(&send.who, call, to.as_deref());
        if *kind == crate::protocol::Kind::Initiate {
            let own = self.bots.get(&send.who).map(|bot| bot.jid.clone());
            let callee = self.actor_at(&to_jid);
            if let Some(call) = self.calls.get_mut(call) {
                call.caller = send.who.clone();
                call.caller_jid = own;
                call.callee_jid = Some(to_jid.clone());
                call.callee = callee.unwrap_or_else(|| call.callee.clone());
            }
        }
        let candidate = self.bots.get_mut(&send.who).map_or(0, |bot| {
            bot.candidates += u32::from(*kind == crate::protocol::Kind::IceCandidate);
            bot.candidates
        });
        let user = self
            .bots
            .get(&send.who)
            .map(|bot| bot.user.clone())
            .unwrap_or_default();
        let sender = self
            .setup
            .accounts
            .get(&user)
            .map(|a| a.id.clone())
            .unwrap_or_default();
        let recipient = self.id_of(&to_jid);
        let timestamp = self.timestamp();
        let call_id = self
            .calls
            .get(call)
            .map(|call| call.id.clone())
            .unwrap_or_default();
        let ids = compose::Ids {
            call: &call_id,
            sender: &sender,
            recipient: &recipient,
            timestamp: &timestamp,
            name: &user,
            role: if self.calls.get(call).is_none_or(|call| call.caller == send.who) {
                crate::protocol::Role::Caller
            } else {
                crate::protocol::Role::Callee
            },
        };
        let mut members = compose::signal(*kind, &ids, candidate);
        for (name, value) in envelope {
            let value = self.value(value);
            members.insert(name.clone(), value);
        }
        let with: Vec<_> = with
            .iter()
            .map(|(name, value)| (name.clone(), self.value(value)))
            .collect();
        if let Some(serde_json::Value::Object(payload)) = members.get_mut("payload") {
            payload.extend(with);
            for name in without {
                payload.remove(name);
            }
        }
        let id = match id {
            Some(id) => self.text(id),
            None => fresh_uuid(&mut self.rng),
        };
        compose::call_iq(&to_jid, &id, &serde_json::Value::Object(members).to_string())
    }

    fn actor_at(&self, jid: &str) -> Option<String> {
        let exact = self.bots.iter().find(|(_, bot)| bot.jid == jid);
        let same_user = || {
            self.bots
                .iter()
                .find(|(_, bot)| stanza::bare(&bot.jid) == stanza::bare(jid))
        };
        exact.or_else(same_user).map(|(who, _)| who.clone())
    }

    fn id_of(&self, jid: &str) -> String {
        let bare = stanza::bare(jid);
        let own = stanza::fold(bare);
        let mut accounts = self.setup.accounts.values();
        let known = accounts.find(|account| stanza::fold(&account.jid) == own);
        let derived = || Uuid::new_v5(&Uuid::NAMESPACE_URL, format!("xmpp:{bare}").as_bytes()).to_string();
        known.map_or_else(derived, |account| account.id.clone())
    }

    /// An actor's name or a JID text; without either the other party of the call.
    pub(super) fn address(&mut self, who: &str, label: &str, to: Option<&str>) -> String {
        if let Some(to) = to {
            return match self.bots.get(to) {
                Some(bot) => bot.jid.clone(),
                None => self.text(to),
            };
        }
        let jid_of = |who: &str| self.bots.get(who).map(|bot| bot.jid.clone());
        let call = self.calls.get(label);
        let known = match call {
            Some(call) if call.caller == who => call.callee_jid.clone().or_else(|| jid_of(&call.callee)),
            Some(call) => call.caller_jid.clone().or_else(|| jid_of(&call.caller)),
            None => None,
        };
        let other = if who == "caller" { "callee" } else { "caller" };
        known.or_else(|| jid_of(other)).unwrap_or_default()
    }

    pub(super) fn write(&mut self, who: &str, raw: String, step: Option<&Step>) {
        let now = self.setup.started + self.now;
        let Some(faulty) = self.faulty.as_mut().filter(|faulty| faulty.who() == who) else {
            self.put(who, raw, step);
            return;
        };
        for (after, raw) in faulty.sends(&raw, now) {
            self.put_after(after, who, raw, step);
        }
    }

    pub(super) fn put_after(&mut self, after: Duration, who: &str, raw: String, step: Option<&Step>) {
        if after.is_zero() {
            self.put(who, raw, step);
        } else {
            self.belated.push((self.now + after, who.to_owned(), raw));
        }
    }

    pub(super) fn put(&mut self, who: &str, raw: String, step: Option<&Step>) {
        if self.bots.get(who).is_none_or(|bot| bot.link != Link::Up) {
            return;
        }
        let signal = Stanza::parse(raw.as_str())
            .ok()
            .and_then(|stanza| stanza.call_text())
            .and_then(|text| serde_json::from_str(&text).ok());
        self.pace.said(who, self.now, raw.len());
        let event = self.event(Dir::Sent, who);
        let step = step.map(|step| step.place.to_string());
        self.record(Event {
            xml: Some(raw.as_str().into()),
            signal,
            step,
            ..event
        });
        self.out.push_back(Output::Send { who: who.into(), raw });
    }
}
