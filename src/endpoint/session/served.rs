//! What is done with a stanza of a client that has come in: it is answered here, or goes to whom it is for.

use super::super::fault::{Injector, Lie, Point};
use super::super::routing::{error, result};
use super::{BIND, Over, Session, Then};
use crate::stanza::{IqType, Stanza, fold};

impl Session {
    pub(super) fn stanza(&self, stanza: &Stanza, user: &str, jid: &str) -> Result<Then, Over> {
        let forged = stanza.from().is_some_and(|from| {
            let from = fold(from);
            from != jid && from != user
        });
        if forged && !self.lies(Injector::takes_forged) {
            return Err(Over::StreamError("invalid-from"));
        }
        if stanza.is_presence() {
            self.presence(stanza, jid);
            return Ok(Then::On);
        }
        let domain = &self.endpoint.config().domain;
        let to = stanza.to().map(fold);
        if stanza.is_iq() {
            let children = stanza.element().children().count();
            let wrong = match stanza.iq_type() {
                None => true,
                Some(IqType::Get | IqType::Set) => children != 1,
                _ => false,
            };
            if (wrong || stanza.id().unwrap_or_default().is_empty())
                && !self.lies(|faults| faults.says(Lie::MalformedRouted))
            {
                let text = error(stanza, jid, "bad-request");
                return self.reply(Point::Malformed, jid, stanza, text);
            }
            if to.as_ref().is_none_or(|to| to == user || to == domain) {
                return self.own_iq(stanza, jid);
            }
        } else if to.as_ref().is_some_and(|to| to == domain) {
            // Nobody reads what is written to the server.
            return match stanza.attr("type") {
                Some("error") => Ok(Then::On),
                _ => self.say(error(stanza, jid, "service-unavailable")),
            };
        }
        match self.endpoint.route(jid, stanza) {
            Some((point, back)) => self.reply(point, jid, stanza, back),
            None => Ok(Then::On),
        }
    }

    /// An answer of the server's own to a stanza.
    fn reply(&self, point: Point, jid: &str, stanza: &Stanza, text: String) -> Result<Then, Over> {
        self.endpoint.reply(point, jid, stanza, text);
        Ok(Then::On)
    }

    /// Whether a fault says so.
    fn lies(&self, asked: impl Fn(&Injector) -> bool) -> bool {
        self.endpoint.registry().faults.as_ref().is_some_and(asked)
    }

    /// Presence goes to nobody, since there are no rosters; it says who wants the messages to the bare JID.
    fn presence(&self, stanza: &Stanza, jid: &str) {
        if stanza.to().is_some() {
            return;
        }
        let available = match stanza.attr("type") {
            None => true,
            Some("unavailable") => false,
            Some(_) => return,
        };
        if let Some(seat) = self.endpoint.registry().seats.get_mut(jid) {
            seat.available = available;
        }
    }

    /// An IQ that the server answers itself.
    fn own_iq(&self, stanza: &Stanza, jid: &str) -> Result<Then, Over> {
        if !matches!(stanza.iq_type(), Some(IqType::Get | IqType::Set)) {
            return Ok(Then::On);
        }
        let asks = |name: &str, ns: &str| stanza.element().has_child(name, ns);
        let text = if asks("bind", BIND) {
            // One stream, one resource.
            error(stanza, jid, "not-allowed")
        } else if asks("query", "jabber:iq:roster") {
            result(stanza, jid, r#"<query xmlns="jabber:iq:roster"/>"#)
        } else if asks("ping", "urn:xmpp:ping") || asks("session", "urn:ietf:params:xml:ns:xmpp-session") {
            result(stanza, jid, "")
        } else {
            error(stanza, jid, "service-unavailable")
        };
        self.reply(Point::Served, jid, stanza, text)
    }
}
