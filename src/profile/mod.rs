//! What a target is known to do: the facts about a server that decide which rules apply.

mod stock;

use serde::{Deserialize, Serialize};

/// What kind of server it is (docs/protocol.md, "Server profiles").
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Class {
    /// Knows nothing of calls and routes by JID.
    #[default]
    Relay,
    /// Judges signals itself; the EN rules apply.
    Enforcing,
}

impl Class {
    pub const fn name(self) -> &'static str {
        match self {
            Class::Relay => "relay",
            Class::Enforcing => "enforcing",
        }
    }
}

/// How a call signal is addressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Addressing {
    /// Only a full JID reaches a client (RFC 6121 §8.5.3); a bare JID is the server's own to answer.
    #[default]
    Full,
    /// The server accepts a bare JID and rings every device.
    Bare,
}

impl Addressing {
    /// What a signal is addressed to, for people.
    pub fn goal(self) -> &'static str {
        match self {
            Addressing::Full => "full JID",
            Addressing::Bare => "bare JID",
        }
    }
}

/// A server's profile.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct Profile {
    /// The name it is listed by, such as `relay` or `prosody-0.12`.
    pub name: String,
    pub class: Class,
    pub addressing: Addressing,
    /// The largest stanza that the server takes, in bytes; `None`: not known.
    pub stanza_limit: Option<u64>,
    /// The largest relay delay that RT-13 lets pass, in seconds.
    pub relay_within: f64,
    /// Bytes a second that the server reads from one stream; `None`: no limit known.
    pub rate_limit: Option<u64>,
    /// It is known to read as fast as a client can write.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub full_rate: bool,
    /// How many sessions of one user it takes at once; `None`: no limit known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sessions_per_user: Option<u64>,
    /// Clients hide their local addresses behind names of multicast DNS.
    pub mdns: bool,
    /// How long a stream may be idle before the server ends it, in seconds; `None`: not known.
    pub keep_alive: Option<f64>,
    /// Whether it refuses whoever comes without TLS; `None`: not known.
    pub tls_demanded: Option<bool>,
    /// Rules that this server is known to break, with the evidence: reported as `known`, never as held.
    pub known_breaches: Vec<KnownBreach>,
}

/// A rule that a stock server is proven to break.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct KnownBreach {
    pub rule: String,
    /// In which scenarios, as a waiver's pattern says it; `None`: in all. A rule that is kept in most of its
    /// scenarios is no less of a rule there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub scenario: Option<String>,
    pub evidence: String,
}

impl Default for Profile {
    fn default() -> Profile {
        Profile {
            name: "relay".into(),
            class: Class::Relay,
            addressing: Addressing::Full,
            stanza_limit: None,
            relay_within: 1.0,
            rate_limit: None,
            full_rate: false,
            sessions_per_user: None,
            mdns: false,
            keep_alive: None,
            tls_demanded: None,
            known_breaches: Vec::new(),
        }
    }
}

impl Profile {
    /// Bytes a second that stock servers read from one stream at the least, where they are set up to hold back: ejabberd
    /// as Debian configures it, Prosody's `limits` without a number.
    pub const SLOWEST_RATE: u64 = 3_000;

    /// Bytes a second that it reads from one stream at the least, for all that is known; `None`: whatever is said.
    pub fn surely_reads(&self) -> Option<u64> {
        match self.rate_limit {
            None if self.full_rate => None,
            rate => Some(rate.unwrap_or(Profile::SLOWEST_RATE).max(1)),
        }
    }

    /// The names that [`Profile::named`] knows.
    pub const NAMES: [&str; 4] = ["relay", "enforcing", "prosody", "ejabberd"];

    /// A profile that ships with the program.
    pub fn named(name: &str) -> Option<Profile> {
        let (class, addressing) = match name {
            "relay" | "prosody" | "ejabberd" => (Class::Relay, Addressing::Full),
            "enforcing" => (Class::Enforcing, Addressing::Bare),
            _ => return None,
        };
        let known: &[stock::Known] = match name {
            "prosody" => &stock::PROSODY,
            "ejabberd" => &stock::EJABBERD,
            _ => &[],
        };
        let known = known.iter().map(|(rule, scenario, evidence)| KnownBreach {
            rule: (*rule).to_owned(),
            scenario: Some((*scenario).to_owned()),
            evidence: (*evidence).to_owned(),
        });
        Some(Profile {
            name: name.to_owned(),
            class,
            addressing,
            known_breaches: known.collect(),
            ..Profile::default()
        })
    }
}
