//! Where to connect and how to log in, and who does.

use std::fmt;
use std::time::Duration;

use url::Url;

use super::tls::Trust;

/// A text that no formatter prints.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    pub fn new(text: impl Into<String>) -> Secret {
        Secret(text.into())
    }

    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

/// A SASL mechanism.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mechanism {
    ScramSha256,
    ScramSha1,
    Plain,
    Anonymous,
}

impl Mechanism {
    pub const DEFAULT: [Mechanism; 3] = [Mechanism::ScramSha256, Mechanism::ScramSha1, Mechanism::Plain];

    pub const fn name(self) -> &'static str {
        match self {
            Mechanism::ScramSha256 => "SCRAM-SHA-256",
            Mechanism::ScramSha1 => "SCRAM-SHA-1",
            Mechanism::Plain => "PLAIN",
            Mechanism::Anonymous => "ANONYMOUS",
        }
    }

    pub fn from_name(name: &str) -> Option<Mechanism> {
        use Mechanism::{Anonymous, Plain, ScramSha1, ScramSha256};
        [ScramSha256, ScramSha1, Plain, Anonymous]
            .into_iter()
            .find(|mechanism| mechanism.name().eq_ignore_ascii_case(name))
    }
}

/// Where and how to connect.
#[derive(Debug, Clone)]
pub struct Dial {
    pub url: Url,
    pub domain: String,
    pub trust: Trust,
    /// `xmpp` without TLS, on this machine only.
    pub plaintext: bool,
    /// Name and value of a cookie for the upgrade request.
    pub cookie: Option<(String, Secret)>,
    /// In order of preference.
    pub sasl: Vec<Mechanism>,
    /// For each step up to the bound session; for all of it a few times as long.
    pub deadline: Duration,
}

impl Dial {
    /// The address as it may be told: its query and its user may hold a token.
    pub fn address(&self) -> String {
        let mut url = self.url.clone();
        url.set_query(None);
        // Only a URL without a host refuses these, and it has no user either.
        let _ = url.set_username("");
        let _ = url.set_password(None);
        url.to_string()
    }
}

/// Who logs in.
#[derive(Debug, Clone)]
pub struct Login {
    /// The bare JID.
    pub jid: String,
    pub password: Option<Secret>,
    pub resource: Option<String>,
}
