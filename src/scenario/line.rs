//! What an actor can do below a session, and what it can be told there: the words for raw lines.

use std::time::Duration;

use serde::Serialize;

use super::read::Reading;
use super::words::{CONDITIONS, SASL_CONDITIONS, STREAM_CONDITIONS};
use super::{Action, Pattern, What};
use crate::yaml::{Members, Node, get};

/// What a scenario needs of a target beyond its class; where it is missing, the scenario is skipped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Need {
    Websocket,
    Tcp,
    Tls,
    /// It asks for a token in a cookie.
    Cookie,
    /// Its tokens are minted from a key that the target file holds.
    Key,
    /// The token alone says who logs in: no password beside it.
    TokenLogin,
    /// Users log in with a password.
    Password,
    /// The profile says that it demands TLS.
    TlsDemanded,
    /// The profile says for how long an idle stream lives.
    KeepAlive,
    /// The profile says how large a stanza may be.
    StanzaLimit,
    /// Someone may read faster than a trickle: the profile names no rate limit.
    FullRate,
    /// Only a full JID reaches a client, by what the profile says.
    FullJid,
}

impl Need {
    pub const ALL: [(&'static str, Need); 12] = [
        ("websocket", Need::Websocket),
        ("tcp", Need::Tcp),
        ("tls", Need::Tls),
        ("cookie", Need::Cookie),
        ("key", Need::Key),
        ("token-login", Need::TokenLogin),
        ("password", Need::Password),
        ("tls-demanded", Need::TlsDemanded),
        ("keep-alive", Need::KeepAlive),
        ("stanza-limit", Need::StanzaLimit),
        ("full-rate", Need::FullRate),
        ("full-jid", Need::FullJid),
    ];

    pub fn from_name(name: &str) -> Option<Need> {
        Need::ALL
            .iter()
            .find(|(known, _)| *known == name)
            .map(|(_, need)| *need)
    }
}

/// The token that a raw line shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Credential {
    /// The right one, where the target has tokens.
    #[default]
    Sound,
    None,
    /// Its `exp` is over (RFC 7519 §4.1.4).
    Expired,
    /// Its `nbf` is to come (RFC 7519 §4.1.5).
    NotYet,
    WrongKey,
    /// `alg: none` (RFC 8725 §3.1).
    Unsigned,
    /// Signed with the right key, by another algorithm than the target's.
    OtherAlgorithm,
    /// The claims were changed after it was signed.
    Tampered,
    /// A sound one, of another user.
    OtherUser,
    /// No token at all in its place.
    Garbage,
    /// A sound one that lives for two seconds.
    Short,
}

impl Credential {
    pub const ALL: [(&'static str, Credential); 11] = [
        ("sound", Credential::Sound),
        ("none", Credential::None),
        ("expired", Credential::Expired),
        ("not-yet", Credential::NotYet),
        ("wrong-key", Credential::WrongKey),
        ("unsigned", Credential::Unsigned),
        ("other-algorithm", Credential::OtherAlgorithm),
        ("tampered", Credential::Tampered),
        ("other-user", Credential::OtherUser),
        ("garbage", Credential::Garbage),
        ("short", Credential::Short),
    ];
}

/// How far the protection of a line goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Shield {
    /// As the target's URL says.
    #[default]
    Usual,
    /// Without TLS, even where the URL asks for it.
    Plain,
    /// The offer of TLS 1.1 and nothing newer; the line carries nothing else.
    OldTls,
}

/// Something that an actor does with its raw line.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Line {
    pub who: String,
    pub after: Duration,
    pub deed: Deed,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Deed {
    /// Connects, up to and with the upgrade where the target is a WebSocket.
    Open {
        shield: Shield,
        credential: Credential,
        /// The sub-protocols that the upgrade offers.
        protocols: Vec<String>,
        headers: Vec<(String, String)>,
    },
    /// Everything from where the line stands up to a bound resource.
    LogIn {
        credential: Credential,
        /// `None`: the first that the target file names and the server offers.
        mechanism: Option<String>,
        /// `None`: the right one.
        password: Option<String>,
        /// The authorization identity (RFC 6120 §6.3.8).
        authzid: Option<String>,
        resource: Option<String>,
        /// Stops after SASL, without a resource.
        unbound: bool,
    },
}

impl Deed {
    /// Whether it is what every client does.
    pub fn is_usual(&self) -> bool {
        match self {
            Deed::Open {
                shield,
                credential,
                protocols,
                headers,
            } => {
                *shield == Shield::Usual
                    && *credential == Credential::Sound
                    && *protocols == ["xmpp"]
                    && headers.is_empty()
            }
            Deed::LogIn {
                credential,
                password,
                authzid,
                ..
            } => *credential == Credential::Sound && password.is_none() && authzid.is_none(),
        }
    }
}

/// The frames that can be sent by name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum FrameKind {
    Text,
    Binary,
    /// The next part of a message that a `text` with `last: false` began.
    Continuation,
    Ping,
    Pong,
    Close,
    /// A reserved opcode (RFC 6455 §5.2).
    Reserved,
    /// Bytes below all framing.
    Bytes,
}

impl FrameKind {
    pub const ALL: [(&'static str, FrameKind); 8] = [
        ("text", FrameKind::Text),
        ("binary", FrameKind::Binary),
        ("continuation", FrameKind::Continuation),
        ("ping", FrameKind::Ping),
        ("pong", FrameKind::Pong),
        ("close-frame", FrameKind::Close),
        ("reserved-frame", FrameKind::Reserved),
        ("bytes", FrameKind::Bytes),
    ];

    pub fn from_name(name: &str) -> Option<FrameKind> {
        FrameKind::ALL
            .iter()
            .find(|(known, _)| *known == name)
            .map(|(_, kind)| *kind)
    }
}

/// What only a raw line can send, by the word after `sends`.
pub(super) const SENDS: [&str; 10] = [
    "opening",
    "closing",
    "text",
    "binary",
    "continuation",
    "ping",
    "pong",
    "close-frame",
    "reserved-frame",
    "bytes",
];
/// What only a raw line can receive.
pub(super) const RECEIVES: [&str; 8] = [
    "upgrade",
    "opening",
    "bound",
    "refusal",
    "word",
    "pong",
    "close-frame",
    "end",
];
/// What only a raw line can do.
pub(super) const DOES: [&str; 4] = ["open", "open-plaintext", "open-old-tls", "log-in"];

impl Reading<'_> {
    /// The keys that belong to what a raw line sends.
    pub(super) fn line_send_keys(word: &str) -> Option<&'static [&'static str]> {
        Some(match word {
            "opening" => &["domain", "version"],
            "closing" => &[],
            "close-frame" => &["text", "code"],
            "bytes" => &["text"],
            word if SENDS.contains(&word) => &["text", "last"],
            _ => return None,
        })
    }

    pub(super) fn line_send(&mut self, word: &str, members: Members<'_>) -> What {
        let mut text = |name: &str| get(members, name).map(|value| self.check.string(value));
        match word {
            "opening" => What::Opening {
                domain: text("domain"),
                version: text("version").unwrap_or_else(|| "1.0".into()),
            },
            "closing" => What::Closing,
            _ => {
                let text = text("text").unwrap_or_default();
                What::Frame {
                    kind: FrameKind::from_name(word).unwrap_or(FrameKind::Text),
                    text,
                    last: get(members, "last").is_none_or(|last| self.check.truth(last)),
                    code: get(members, "code").and_then(|code| self.status(code)),
                }
            }
        }
    }

    /// The keys that belong to what a raw line receives.
    pub(super) fn line_receive_keys(word: &str) -> Option<&'static [&'static str]> {
        Some(match word {
            "upgrade" => &["status"],
            "refusal" => &["condition"],
            "pong" => &["text"],
            "close-frame" => &["code"],
            word if RECEIVES.contains(&word) => &[],
            _ => return None,
        })
    }

    pub(super) fn line_receive(&mut self, word: &str, members: Members<'_>) -> Pattern {
        match word {
            "upgrade" => Pattern::Upgrade {
                status: self.statuses(members, "status"),
            },
            "opening" => Pattern::Opening,
            "bound" => Pattern::Bound,
            "word" => Pattern::Word,
            "refusal" => Pattern::Refusal {
                conditions: get(members, "condition")
                    .map(|names| {
                        let known = [STREAM_CONDITIONS, CONDITIONS, SASL_CONDITIONS].concat();
                        self.check.words(names, "error condition", &known)
                    })
                    .unwrap_or_default(),
            },
            "pong" => Pattern::Pong {
                text: get(members, "text").map(|text| self.check.string(text)),
            },
            "close-frame" => Pattern::CloseFrame {
                codes: self.statuses(members, "code"),
            },
            _ => Pattern::End,
        }
    }

    pub(super) fn line_deed(&mut self, who: String, word: &str, node: &Node) -> Option<Action> {
        let own: &[&str] = match word {
            "log-in" => &["cookie", "mechanism", "password", "as", "resource", "unbound"],
            "open-old-tls" => &[],
            _ => &["cookie", "protocol", "headers"],
        };
        let members = self.check.map(node, &[&["does", "after"], own].concat());
        let after = get(members, "after")
            .map(|after| self.check.duration(after))
            .unwrap_or_default();
        let credential = get(members, "cookie").map_or(Credential::Sound, |node| {
            let known = Credential::ALL.map(|(name, _)| name);
            let found = Credential::ALL.iter().find(|(name, _)| node.text() == Some(name));
            if found.is_none() {
                self.check.unknown(node, "token", &known);
            }
            found.map_or(Credential::Sound, |(_, credential)| *credential)
        });
        let mut text = |name: &str| get(members, name).map(|value| self.check.string(value));
        let deed = if word == "log-in" {
            Deed::LogIn {
                credential,
                mechanism: text("mechanism"),
                password: text("password"),
                authzid: text("as"),
                resource: text("resource"),
                unbound: get(members, "unbound").is_some_and(|unbound| self.check.truth(unbound)),
            }
        } else {
            let protocols = get(members, "protocol").map(|names| self.check.strings(names));
            let headers = self.values(members, "headers");
            let shown =
                |value: serde_json::Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            Deed::Open {
                shield: match word {
                    "open-plaintext" => Shield::Plain,
                    "open-old-tls" => Shield::OldTls,
                    _ => Shield::Usual,
                },
                credential,
                protocols: protocols.unwrap_or_else(|| vec!["xmpp".into()]),
                headers: headers
                    .into_iter()
                    .map(|(name, value)| (name, shown(value)))
                    .collect(),
            }
        };
        Some(Action::Line(Line { who, after, deed }))
    }

    fn status(&mut self, node: &Node) -> Option<u16> {
        let code = node.json().as_u64().and_then(|code| u16::try_from(code).ok());
        if code.is_none() {
            self.check.error(node, "this has to be a code, such as 1000");
        }
        code
    }

    fn statuses(&mut self, members: Members<'_>, name: &str) -> Vec<u16> {
        let Some(node) = get(members, name) else {
            return Vec::new();
        };
        match &node.kind {
            crate::yaml::Kind::List(items) => items.iter().filter_map(|item| self.status(item)).collect(),
            _ => self.status(node).into_iter().collect(),
        }
    }
}
