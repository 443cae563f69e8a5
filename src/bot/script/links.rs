//! Connections: made, cut, left, and ended by the other side.

use super::super::cursor::{At, Cursor};
use super::{LINK_WITHIN, Link, Output, Phase, Script};
use crate::scenario::{Connection, Verb};
use crate::stanza;
use crate::transcript::{Dir, Event};
use crate::xmpp::Said;

/// Stream errors that say nothing of what was said on the stream (RFC 6120 §4.9.3).
const OWN_REASONS: [&str; 4] = ["conflict", "reset", "resource-constraint", "system-shutdown"];

/// How a stream is over that the server ended with this error.
fn over(who: &str, error: &Said) -> String {
    let hint = error.hint();
    format!("the stream of {who} is over: the server ended it with the error {error}{hint}")
}

impl Script {
    pub(super) fn connect(&mut self, who: &str) {
        if let Some(bot) = self.bots.get_mut(who) {
            self.pace.forget(who);
            bot.link = Link::Rising;
            bot.ended = false;
            bot.error = None;
            let (account, resource) = (bot.user.clone(), bot.resource.clone());
            self.out.push_back(Output::Connect {
                who: who.into(),
                account,
                resource,
            });
        }
    }

    pub(super) fn connected(&mut self, who: &str, jid: String) {
        let Some(bot) = self.bots.get_mut(who) else { return };
        bot.link = Link::Up;
        bot.jid = jid.clone();
        let (presence, user) = (bot.presence, bot.user.clone());
        self.names.set(format!("{who}.jid"), jid.clone());
        let own = stanza::bare(&jid);
        if let Some(account) = self.setup.accounts.get_mut(&user)
            && account.jid != own
        {
            // A server may give another name than was asked for (RFC 6120 §7.6.1): an anonymous user has none before.
            account.jid = own.to_owned();
            self.names.set(format!("{who}.bare"), own);
        }
        let event = self.event(Dir::Connected, who);
        self.record(Event {
            jid: Some(jid),
            ..event
        });
        if presence {
            self.write(who, format!(r#"<presence xmlns="{}"/>"#, stanza::CLIENT), None);
        }
    }

    pub(super) fn cut(&mut self, who: &str) {
        if let Some(bot) = self.bots.get_mut(who)
            && bot.link != Link::Down
        {
            bot.link = Link::Down;
            bot.inbox.clear();
            bot.unanswered.clear();
            self.gone(who);
            self.out.push_back(Output::Cut { who: who.into() });
            let event = self.event(Dir::Cut, who);
            self.record(event);
        }
    }

    pub(super) fn disconnect(&mut self, who: &str) {
        if let Some(bot) = self.bots.get_mut(who)
            && bot.link == Link::Up
        {
            bot.link = Link::Closing;
            if !bot.raw {
                let event = self.event(Dir::Leaving, who);
                self.record(event);
            }
            self.out.push_back(Output::Disconnect { who: who.into() });
        }
    }

    /// A stream error has come. Where the server ended a session for reasons of its own, and that is known only after a
    /// step was missed, it may have been missed for that.
    pub(super) fn thrown_out(&mut self, who: &str, error: Said) {
        let own = OWN_REASONS.contains(&error.condition.as_str());
        if own && self.failed && !matches!(self.phase, Phase::Steps | Phase::Over) {
            let event = self.event(Dir::Trouble, who);
            self.record(Event {
                note: Some(over(who, &error)),
                ..event
            });
        }
        if let Some(bot) = self.bots.get_mut(who) {
            bot.error = Some(error);
        }
    }

    pub(super) fn stream_ended(&mut self, who: &str, how: String) {
        let owed = self.bots.values().any(|bot| !bot.unanswered.is_empty());
        let Some(bot) = self.bots.get_mut(who) else { return };
        let ours = bot.link == Link::Closing;
        bot.link = Link::Down;
        bot.unanswered.clear();
        bot.ended |= !ours;
        let why = match &bot.error {
            Some(error) => over(who, error),
            None => format!("the stream of {who} is over: {how}"),
        };
        self.gone(who);
        let event = self.event(if ours { Dir::Disconnected } else { Dir::Closed }, who);
        self.record(Event {
            note: Some(how),
            ..event
        });
        let waits = match self.phase {
            Phase::Connecting | Phase::Steps => true,
            // What is owed may have been on its way.
            Phase::Answers(_) | Phase::Lost(_) => owed && !self.failed,
            _ => false,
        };
        if !ours && waits && !self.root.expects_end_of(who) {
            self.trouble(who, why);
        }
    }

    pub(super) fn link(&mut self, cursor: &mut Cursor, connection: &Connection) {
        let who = connection.who.as_str();
        match connection.verb {
            Verb::Connect => self.connect(who),
            Verb::Disconnect => self.disconnect(who),
            Verb::Cut => self.cut(who),
            Verb::Reconnect => {
                self.cut(who);
                self.connect(who);
            }
        }
        cursor.state = At::Linking {
            deadline: self.now + LINK_WITHIN,
        };
    }
}
