//! Why no session came about: one sentence each, and whose trouble it is.

use std::fmt;

use crate::stanza::{STANZA_ERRORS, STREAM, STREAM_ERRORS, Stanza};

/// Characters of a server's own words that are shown.
const LONGEST: usize = 200;

/// What a server says of itself, as it came: shown in short, on one line, in quotes. It may hold anything.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Words(pub String);

impl fmt::Display for Words {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut characters = self.0.chars();
        let short: String = characters.by_ref().take(LONGEST).collect();
        let more = if characters.next().is_some() { "…" } else { "" };
        write!(f, "{short:?}{more}")
    }
}

/// The condition of an error, and what else the server says of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Said {
    pub condition: String,
    /// In its own words (RFC 6120 §4.9.2, §8.3.2).
    pub words: Option<Words>,
}

impl Said {
    /// `none`: what stands for a condition where there is none.
    pub fn of(error: &Stanza, none: &str) -> Said {
        let condition = error.error_condition().unwrap_or(none);
        let within = if error.is("error", STREAM) {
            Some((error.element(), STREAM_ERRORS))
        } else {
            let inner = error.element().children().find(|child| child.name() == "error");
            inner.map(|inner| (inner, STANZA_ERRORS))
        };
        let text = within.and_then(|(element, ns)| element.get_child("text", ns));
        // Where else it sends its client stands in the condition itself (RFC 6120 §4.9.3.19).
        let elsewhere = || within?.0.get_child("see-other-host", STREAM_ERRORS);
        let words = text.or_else(elsewhere).map(|text| text.text().trim().to_owned());
        Said {
            condition: condition.chars().take(LONGEST).collect(),
            words: words.filter(|words| !words.is_empty()).map(Words),
        }
    }

    pub fn without_words(self) -> Said {
        Said { words: None, ..self }
    }

    /// What to do where this may be the answer to one session too many, to a wrong domain, or at an address that only
    /// sends on; nothing, where it is not.
    pub fn hint(&self) -> &'static str {
        match self.condition.as_str() {
            "host-unknown" => OTHER_DOMAIN,
            "see-other-host" => OTHER_URL,
            told if TOO_MANY.contains(&told) => FEWER,
            _ => "",
        }
    }
}

impl fmt::Display for Said {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}`", self.condition)?;
        match &self.words {
            Some(words) => write!(f, " ({words})"),
            None => Ok(()),
        }
    }
}

/// What servers say that take only so many sessions of one user (RFC 6120 §7.6.2.1), or that end the oldest of them.
const TOO_MANY: [&str; 4] = [
    "policy-violation",
    "resource-constraint",
    "not-allowed",
    "conflict",
];
const FEWER: &str =
    "; if it takes only so many sessions of one user, fewer --jobs or more accounts keep below that";
const OTHER_URL: &str = "; the target's URL has to name where its clients end up";
const OTHER_DOMAIN: &str = "; it was asked for the URL's host, unless `domain` in the target file or an --account says another domain";

/// Nothing of this is ever a finding: the target could not be tested.
#[derive(Debug, Clone, PartialEq)]
pub enum ConnectError {
    /// The URL is none that can be used.
    Address(String),
    Unreachable {
        address: String,
        why: String,
    },
    Tls {
        domain: String,
        why: String,
    },
    /// STARTTLS is not offered.
    NoTls,
    /// STARTTLS was offered, and refused.
    TlsRefused,
    /// The WebSocket upgrade was answered otherwise.
    Upgrade {
        status: u16,
        /// Where else the server sends its client (RFC 9110 §10.2.2).
        elsewhere: Option<Words>,
    },
    /// Before the upgrade somebody asks for a name and a password (RFC 7617).
    Basic,
    /// The upgrade succeeded without the sub-protocol `xmpp` (RFC 7395 §3.1).
    SubProtocol,
    /// What came is no XMPP.
    Garbage {
        stage: &'static str,
        seen: Words,
    },
    NoMechanism {
        offered: Vec<String>,
        wanted: Vec<&'static str>,
        /// It offers the mechanisms of another protocol (XEP-0388).
        sasl2: bool,
    },
    Refused {
        jid: String,
        mechanism: &'static str,
        condition: String,
    },
    /// No account was made or removed in band.
    Registration(Said),
    /// Login and TLS are sound, but no resource was bound.
    Bind(Said),
    StreamError {
        stage: &'static str,
        said: Said,
    },
    /// The stream was closed, and its clients are sent somewhere else (RFC 7395 §3.6.1).
    Elsewhere {
        stage: &'static str,
        there: Words,
    },
    Ended {
        stage: &'static str,
        how: String,
    },
    Deadline {
        stage: &'static str,
        seconds: f64,
    },
    /// The same, and the server is there: the `<open/>` that it left unanswered was lost on its side (RFC 7395 §3.4).
    Unheard {
        stage: &'static str,
        seconds: f64,
        why: Unheard,
    },
}

/// What became of a WebSocket ping that was sent after what was not heard.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unheard {
    Answered,
    /// The server could not decrypt it. TLS counts its records, and those of TCP come whole and in order: one before it
    /// was lost (RFC 8446 §5.3, §6.2).
    Undecrypted,
}

impl ConnectError {
    /// The rule that the target breaks if the trouble is its own and nothing between it and here.
    pub fn rule(&self) -> Option<&'static str> {
        matches!(self, ConnectError::Unheard { .. }).then_some("TR-02")
    }

    /// Whether the user was let in, and the resource was refused (RFC 6120 §7.7.2.2).
    pub fn is_unbound(&self) -> bool {
        match self {
            ConnectError::Bind(_) => true,
            ConnectError::StreamError { said, .. } => said.condition == "conflict",
            _ => false,
        }
    }

    /// What a run may do about it, to stand behind the sentence; empty: nothing is known.
    pub fn hint(&self) -> &'static str {
        match self {
            ConnectError::Bind(said) | ConnectError::StreamError { said, .. } => said.hint(),
            _ => "",
        }
    }

    /// The server's own words, whole: what has to be hidden is cut out of them before they are shown in short.
    pub fn words_mut(&mut self) -> Option<&mut String> {
        match self {
            ConnectError::Garbage { seen: words, .. } | ConnectError::Elsewhere { there: words, .. } => {
                Some(&mut words.0)
            }
            ConnectError::Upgrade { elsewhere, .. } => elsewhere.as_mut().map(|words| &mut words.0),
            ConnectError::Registration(said)
            | ConnectError::Bind(said)
            | ConnectError::StreamError { said, .. } => said.words.as_mut().map(|words| &mut words.0),
            _ => None,
        }
    }
}

impl fmt::Display for ConnectError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ConnectError::Address(why) => f.write_str(why),
            ConnectError::Unreachable { address, why } => write!(f, "cannot reach {address}: {why}"),
            ConnectError::Tls { domain, why } => {
                write!(f, "the address was reached, but TLS for {domain} failed: {why}")
            }
            ConnectError::NoTls => f.write_str(
                "the server offers no STARTTLS, and nothing secret is sent without TLS (--insecure-plaintext allows it on this machine)",
            ),
            ConnectError::TlsRefused => f.write_str("the server offered STARTTLS and then refused it"),
            ConnectError::Registration(said) => write!(
                f,
                "the server answered {said} to the in-band registration of an account"
            ),
            ConnectError::Upgrade {
                status,
                elsewhere: Some(there),
            } => write!(
                f,
                "the server answered the WebSocket upgrade with status {status} and sends its clients to {there}: the target's URL has to name where they end up"
            ),
            ConnectError::Upgrade {
                status: status @ (401 | 403),
                ..
            } => write!(
                f,
                "the server refused the WebSocket upgrade with status {status}: the token (or its absence) is refused"
            ),
            ConnectError::Upgrade {
                status: status @ 500..,
                ..
            } => write!(
                f,
                "the server, or a proxy before it, answered the WebSocket upgrade with status {status}: it cannot serve anybody now"
            ),
            ConnectError::Upgrade { status: 429, .. } => f.write_str(
                "the server, or a proxy before it, answered the WebSocket upgrade with status 429: it takes no more clients for now",
            ),
            // What a server says to a request whose words for an upgrade a proxy has kept to itself.
            ConnectError::Upgrade {
                status: status @ (400 | 426),
                ..
            } => write!(
                f,
                "the server answered the WebSocket upgrade with status {status}: is the path right, and does a proxy before it pass upgrades on?"
            ),
            ConnectError::Upgrade { status, .. } => {
                write!(
                    f,
                    "the server answered the WebSocket upgrade with status {status}: is the path right?"
                )
            }
            ConnectError::Basic => f.write_str(
                "the server, or a proxy before it, refused the WebSocket upgrade with status 401: it asks for a name and a password by HTTP Basic, and a client of calls has a token in a cookie at the most",
            ),
            ConnectError::SubProtocol => f.write_str(
                "the server took the WebSocket upgrade, but does not speak its sub-protocol `xmpp`",
            ),
            ConnectError::Garbage { stage, seen } => {
                write!(f, "during {stage}, something came that is no XMPP: {seen}")
            }
            ConnectError::NoMechanism { offered, sasl2: true, .. } if offered.is_empty() => f.write_str(
                "no SASL mechanism in common: the server offers SASL2 (XEP-0388) alone, and the login of RFC 6120 is needed",
            ),
            ConnectError::NoMechanism { offered, wanted, .. } => {
                let none = "none at all".to_owned();
                let offered = if offered.is_empty() {
                    none
                } else {
                    offered.join(", ")
                };
                write!(
                    f,
                    "no SASL mechanism in common: the server offers {offered}; wanted {}",
                    wanted.join(", ")
                )
            }
            ConnectError::Refused {
                jid,
                mechanism,
                condition,
            } => write!(
                f,
                "cannot log in as {jid}: the server answered `{condition}` to {mechanism}; the address was reached, the password (or the account) is refused"
            ),
            ConnectError::Bind(said) => {
                write!(f, "the login succeeded, but no resource was bound: {said}")
            }
            ConnectError::StreamError { stage, said } => {
                write!(
                    f,
                    "during {stage}, the server ended the stream with the error {said}"
                )
            }
            ConnectError::Elsewhere { stage, there } => write!(
                f,
                "during {stage}, the server closed the stream and sends its clients to {there}: the target's URL has to name where they end up"
            ),
            ConnectError::Ended { stage, how } => write!(f, "during {stage}, the connection ended: {how}"),
            ConnectError::Deadline { stage, seconds } => {
                write!(
                    f,
                    "the login was not done within {seconds} s: it stood at {stage}"
                )
            }
            ConnectError::Unheard { stage, seconds, why } => {
                let ping = match why {
                    Unheard::Answered => "answered a WebSocket ping that was sent after it",
                    Unheard::Undecrypted => {
                        "could not decrypt a WebSocket ping that was sent after it (TLS alert bad_record_mac)"
                    }
                };
                write!(
                    f,
                    "during {stage}, the server left <open/> unanswered until the login had taken {seconds} s, and {ping}: the <open/> was lost on its side"
                )
            }
        }
    }
}

impl std::error::Error for ConnectError {}
