//! How a client comes in: it says who it is, and binds a resource.

use super::super::fault::slip;
use super::super::fault::{Beyond, Slip};
use super::super::login::Said;
use super::super::routing::error;
use super::{BIND, Over, Session, Then};
use crate::stanza::{CLIENT, IqType, Stanza, escape};

impl Session {
    pub(super) fn sasl(&mut self, stanza: &Stanza) -> Result<Then, Over> {
        let said = self
            .login
            .take(stanza.element(), self.endpoint.config(), self.serial);
        let config = self.endpoint.config();
        let said = match (said, &self.shown) {
            (Said::Success(user, proof), Some(shown)) if !config.names(&shown.sub, &user) => match () {
                () if self.endpoint.slip(Slip::TokenNames) => {
                    let user = shown.sub.split('@').next().unwrap_or_default();
                    Said::Success(user.to_owned(), proof)
                }
                () if self.endpoint.slip(Slip::TokenOfAnother) => Said::Success(user, proof),
                () => Said::Failure("not-authorized"),
            },
            (said, _) => said,
        };
        let said = self.mistaken(said, stanza);
        self.out.push(said.xml());
        match said {
            Said::Success(user, _) => {
                self.user = Some(format!("{user}@{}", self.endpoint.config().domain));
                self.opened = false;
                Ok(Then::Restart)
            }
            Said::LastFailure(_) => Err(Over::StreamError("policy-violation")),
            Said::Challenge(_) | Said::Failure(_) => Ok(Then::On),
        }
    }

    /// What a login that slips says instead.
    fn mistaken(&self, said: Said, stanza: &Stanza) -> Said {
        let claimed = slip::claimed(&stanza.element().text());
        match (said, claimed) {
            (Said::Failure("not-authorized"), Some((_, user)))
                if self.endpoint.slip(Slip::WrongPasswordTaken) =>
            {
                Said::Success(user, None)
            }
            (Said::Failure("invalid-authzid"), Some((other, _)))
                if self.endpoint.slip(Slip::ActsForOthers) =>
            {
                Said::Success(other, None)
            }
            (Said::Failure("not-authorized"), _) if self.endpoint.slip(Slip::WrongPasswordOddly) => {
                Said::Failure("temporary-auth-failure")
            }
            (said, _) if self.endpoint.slip(Slip::DeadAfterRefusal) => {
                let refused = matches!(said, Said::Failure(_));
                let before = self.endpoint.registry().refuses(refused);
                if before {
                    Said::Failure("temporary-auth-failure")
                } else {
                    said
                }
            }
            (said, _) => said,
        }
    }

    pub(super) fn bind(&mut self, stanza: &Stanza, user: &str) -> Result<Then, Over> {
        let asked = stanza.element().get_child("bind", BIND);
        let Some(bind) = asked.filter(|_| stanza.iq_type() == Some(IqType::Set)) else {
            return Err(Over::StreamError("not-authorized"));
        };
        let wish = bind
            .get_child("resource", BIND)
            .map(minidom::Element::text)
            .filter(|wish| !wish.is_empty());
        let chosen = wish.unwrap_or_else(|| format!("callspec-{}", self.serial));
        // RFC 7622 §3.4.
        if chosen.len() > 1_023 || chosen.contains(char::is_control) || stanza.id().is_none() {
            return self.say(error(stanza, user, "bad-request"));
        }
        let jid = format!("{user}/{chosen}");
        let shown = self.shown.as_ref();
        let shown = shown.filter(|_| self.endpoint.slip(Slip::TokenInStanza));
        let token = shown.map_or_else(String::new, |shown| {
            format!("<token>{}</token>", escape(&shown.token))
        });
        let bound = format!(
            r#"<bind xmlns="{BIND}"><jid>{}</jid>{token}</bind>"#,
            escape(&jid)
        );
        let id = escape(stanza.id().unwrap_or_default());
        let bound = format!(r#"<iq xmlns="{CLIENT}" type="result" id="{id}">{bound}</iq>"#);
        match self
            .endpoint
            .sit_down(&jid, self.serial, (&self.out, self.web), bound)
        {
            Ok(()) => {}
            Err(Beyond::Ended) => return Err(Over::StreamError("policy-violation")),
            Err(_) => return self.say(error(stanza, user, "resource-constraint")),
        }
        self.jid = Some(jid);
        Ok(Then::On)
    }
}
