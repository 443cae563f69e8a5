//! The way from an open line to a bound resource, sans-IO: elements in, texts out.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use sasl::client::Mechanism as Client;
use sasl::client::mechanisms::{Anonymous, Plain, Scram};
use sasl::common::ChannelBinding;
use sasl::common::scram::{Sha1, Sha256};

use crate::stanza::{CLIENT, FRAMING, SASL, STREAM, Stanza, escape};
use crate::xmpp::login::{bind, mechanisms};
use crate::xmpp::{Login, Mechanism};

/// How to log in, beyond whose account it is.
#[derive(Debug, Clone, Default)]
pub struct Ask {
    /// Beats the target file's preference.
    pub mechanism: Option<String>,
    /// The authorization identity (RFC 6120 §6.3.8).
    pub authzid: Option<String>,
    pub resource: Option<String>,
    /// Stops after SASL.
    pub unbound: bool,
}

enum Stage {
    /// Waits for the features that name the mechanisms.
    Features,
    Sasl(Box<dyn Client + Send>),
    /// Waits for the features after SASL.
    Again,
    Over,
}

/// One login.
pub struct Course {
    stage: Stage,
    web: bool,
    domain: String,
    login: Login,
    preferred: Vec<Mechanism>,
    ask: Ask,
}

/// What has to be done.
pub enum Next {
    Say(String),
    /// A new document begins over TCP (RFC 6120 §4.3.3).
    Restart,
}

/// The opening of a stream.
pub fn opening(web: bool, domain: &str, version: &str) -> String {
    let (to, version) = (escape(domain), escape(version));
    if web {
        format!(r#"<open xmlns="{FRAMING}" to="{to}" version="{version}"/>"#)
    } else {
        format!(
            r#"<?xml version="1.0"?><stream:stream xmlns="{CLIENT}" xmlns:stream="{STREAM}" to="{to}" version="{version}">"#
        )
    }
}

impl Course {
    pub fn new(web: bool, domain: &str, login: Login, preferred: Vec<Mechanism>, ask: Ask) -> Course {
        Course {
            stage: Stage::Features,
            web,
            domain: domain.to_owned(),
            login,
            preferred,
            ask,
        }
    }

    /// On a stream that is open already: the features that came last say how to log in.
    pub fn again(&mut self, features: &Stanza) -> Vec<Next> {
        self.stage = Stage::Over;
        self.authenticate(features)
    }

    pub fn is_over(&self) -> bool {
        matches!(self.stage, Stage::Over)
    }

    /// The first thing to say.
    pub fn begin(&self) -> String {
        opening(self.web, &self.domain, "1.0")
    }

    /// Takes what came. What has no place there changes nothing: the line tells it as it tells all.
    pub fn take(&mut self, stanza: &Stanza) -> Vec<Next> {
        match std::mem::replace(&mut self.stage, Stage::Over) {
            Stage::Features if stanza.is("features", STREAM) => self.authenticate(stanza),
            Stage::Again if stanza.is("features", STREAM) => {
                let wish = self.ask.resource.as_ref().or(self.login.resource.as_ref());
                vec![Next::Say(bind(wish.map(String::as_str)))]
            }
            Stage::Sasl(mechanism) if stanza.element().has_ns(SASL) => self.sasl(mechanism, stanza),
            stage if stanza.is("error", STREAM) => {
                drop(stage);
                Vec::new()
            }
            stage => {
                self.stage = stage;
                Vec::new()
            }
        }
    }

    fn authenticate(&mut self, features: &Stanza) -> Vec<Next> {
        let offered = mechanisms(features);
        let asked = self.ask.mechanism.as_deref().and_then(Mechanism::from_name);
        let usable = |mechanism: &&Mechanism| offered.iter().any(|name| name == mechanism.name());
        let chosen = asked.or_else(|| self.preferred.iter().find(usable).copied());
        let Some(chosen) = chosen else {
            return Vec::new();
        };
        // One that is asked for is tried even where nobody offers or wants it, but not with a password that is right.
        let meant = usable(&&chosen) && self.preferred.contains(&chosen);
        let Some(mut mechanism) = self.client(chosen, meant) else {
            return Vec::new();
        };
        let name = chosen.name();
        let initial = mechanism.initial();
        let initial = match (&self.ask.authzid, name) {
            (Some(authzid), "PLAIN") => [authzid.as_bytes(), &initial].concat(),
            _ => initial,
        };
        let initial = BASE64_STANDARD.encode(initial);
        // RFC 6120 §6.4.2: an empty initial response is a single equals sign.
        let initial = if initial.is_empty() { "=" } else { &initial };
        self.stage = Stage::Sasl(mechanism);
        vec![Next::Say(format!(
            r#"<auth xmlns="{SASL}" mechanism="{name}">{initial}</auth>"#
        ))]
    }

    fn client(&self, mechanism: Mechanism, meant: bool) -> Option<Box<dyn Client + Send>> {
        let user = self.login.jid.split('@').next().unwrap_or_default().to_owned();
        let secret = self.login.password.as_ref().filter(|_| meant);
        let password = secret
            .map(|secret| secret.expose().to_owned())
            .unwrap_or_default();
        Some(match mechanism {
            Mechanism::ScramSha256 => {
                Box::new(Scram::<Sha256>::new(user, password, ChannelBinding::None).ok()?)
            }
            Mechanism::ScramSha1 => Box::new(Scram::<Sha1>::new(user, password, ChannelBinding::None).ok()?),
            Mechanism::Plain => Box::new(Plain::new(user, password)),
            Mechanism::Anonymous => Box::new(Anonymous::new()),
        })
    }

    fn sasl(&mut self, mut mechanism: Box<dyn Client + Send>, stanza: &Stanza) -> Vec<Next> {
        match stanza.element().name() {
            "challenge" => {
                let data = BASE64_STANDARD
                    .decode(stanza.element().text().trim())
                    .unwrap_or_default();
                let said = match mechanism.response(&data) {
                    // The server's proof, ahead of the success (RFC 4422 §3.6).
                    Err(_) if data.starts_with(b"v=") => format!(r#"<response xmlns="{SASL}"/>"#),
                    Ok(answer) => format!(
                        r#"<response xmlns="{SASL}">{}</response>"#,
                        BASE64_STANDARD.encode(answer)
                    ),
                    Err(_) => format!(r#"<abort xmlns="{SASL}"/>"#),
                };
                self.stage = Stage::Sasl(mechanism);
                vec![Next::Say(said)]
            }
            "success" => {
                if !self.ask.unbound {
                    self.stage = Stage::Again;
                }
                vec![Next::Restart, Next::Say(self.begin())]
            }
            _ => Vec::new(),
        }
    }
}

/// The text without what a login says in it: passwords stand there in Base64 (RFC 4616), proofs too.
pub fn without_secrets(text: &str) -> String {
    let mut out = String::with_capacity(text.len().min(4_096));
    let mut rest = text;
    while let Some((at, name)) = first_secret(rest) {
        let Some(start) = rest
            .get(at..)
            .and_then(|tag| tag.find('>'))
            .map(|end| at + end + 1)
        else {
            break;
        };
        out.push_str(&rest[..start]);
        rest = &rest[start..];
        if !out.ends_with("/>") {
            let end = rest.find(&format!("</{name}")).unwrap_or(rest.len());
            if !rest[..end].trim().is_empty() {
                out.push_str("***");
            }
            rest = &rest[end..];
        }
    }
    out + rest
}

fn first_secret(text: &str) -> Option<(usize, &'static str)> {
    ["auth", "response", "challenge", "success"]
        .into_iter()
        .filter_map(|name| {
            let open = format!("<{name}");
            let mut from = 0;
            while let Some(at) = text.get(from..)?.find(&open).map(|at| at + from) {
                let after = text.as_bytes().get(at + open.len());
                if after.is_some_and(|c| c.is_ascii_whitespace() || *c == b'>' || *c == b'/') {
                    return Some((at, name));
                }
                from = at + open.len();
            }
            None
        })
        .min()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_login_says_is_cut_out() {
        for (text, told) in [
            (
                "<auth xmlns='x' mechanism='PLAIN'>AGEAYg==</auth>",
                "<auth xmlns='x' mechanism='PLAIN'>***</auth>",
            ),
            ("<success xmlns='x'/>", "<success xmlns='x'/>"),
            ("<success xmlns='x'></success>", "<success xmlns='x'></success>"),
            (
                "<challenge xmlns='x'>abc</challenge><response>d",
                "<challenge xmlns='x'>***</challenge><response>***",
            ),
            ("<authors>a</authors>", "<authors>a</authors>"),
            ("<iq/>", "<iq/>"),
            ("<auth", "<auth"),
        ] {
            assert_eq!(without_secrets(text), told);
        }
    }

    #[test]
    fn a_login_goes_from_the_features_to_the_resource() {
        let login = Login {
            jid: "alice@localhost".into(),
            password: Some(crate::xmpp::Secret::new("pw")),
            resource: Some("here".into()),
        };
        let ask = Ask {
            authzid: Some("bob@localhost".into()),
            ..Ask::default()
        };
        let mut course = Course::new(true, "localhost", login, vec![Mechanism::Plain], ask);
        assert!(course.begin().starts_with("<open "));
        let features = format!(
            "<stream:features xmlns:stream='{STREAM}'><mechanisms xmlns='{SASL}'><mechanism>PLAIN</mechanism></mechanisms></stream:features>"
        );
        let mut take = |xml: &str| -> Vec<String> {
            let stanza = Stanza::parse(xml).expect("an element");
            let next = course.take(&stanza).into_iter();
            next.filter_map(|next| match next {
                Next::Say(text) => Some(text),
                Next::Restart => None,
            })
            .collect()
        };
        assert!(take("<message/>").is_empty());
        let auth = take(&features);
        let data = BASE64_STANDARD.encode("bob@localhost\0alice\0pw");
        assert!(auth[0].contains(&data), "{auth:?}");
        assert!(take(&format!("<success xmlns='{SASL}'/>"))[0].starts_with("<open "));
        assert!(take(&features)[0].contains("<resource>here</resource>"));
        assert!(take(&features).is_empty());
        assert!(course.is_over());
    }
}
