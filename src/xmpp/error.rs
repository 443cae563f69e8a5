//! Why no session came about: one sentence each, and whose trouble it is.

use std::fmt;

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
    },
    /// The upgrade succeeded without the sub-protocol `xmpp` (RFC 7395 §3.1).
    SubProtocol,
    /// What came is no XMPP.
    Garbage {
        stage: &'static str,
        seen: String,
    },
    NoMechanism {
        offered: Vec<String>,
        wanted: Vec<&'static str>,
    },
    Refused {
        jid: String,
        mechanism: &'static str,
        condition: String,
    },
    /// No account was made or removed in band.
    Registration {
        condition: String,
    },
    /// Login and TLS are sound, but no resource was bound.
    Bind {
        condition: String,
    },
    StreamError {
        stage: &'static str,
        condition: String,
    },
    Ended {
        stage: &'static str,
        how: String,
    },
    Deadline {
        stage: &'static str,
        seconds: f64,
    },
    /// The same, and the server is there: it answered a WebSocket ping that was sent after the `<open/>` that it left
    /// unanswered (RFC 7395 §3.4).
    Unheard {
        stage: &'static str,
        seconds: f64,
    },
}

impl ConnectError {
    /// The rule that the target breaks if the trouble is its own and nothing between it and here.
    pub fn rule(&self) -> Option<&'static str> {
        matches!(self, ConnectError::Unheard { .. }).then_some("TR-02")
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
            ConnectError::Registration { condition } => write!(
                f,
                "the server answered `{condition}` to the in-band registration of an account"
            ),
            ConnectError::Upgrade {
                status: status @ (401 | 403),
            } => write!(
                f,
                "the server refused the WebSocket upgrade with status {status}: the token (or its absence) is refused"
            ),
            ConnectError::Upgrade { status } => {
                write!(
                    f,
                    "the server answered the WebSocket upgrade with status {status}: is the path right?"
                )
            }
            ConnectError::SubProtocol => f.write_str(
                "the server took the WebSocket upgrade, but does not speak its sub-protocol `xmpp`",
            ),
            ConnectError::Garbage { stage, seen } => {
                write!(f, "while {stage}, something came that is no XMPP: {seen}")
            }
            ConnectError::NoMechanism { offered, wanted } => {
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
            ConnectError::Bind { condition } => {
                write!(f, "the login succeeded, but no resource was bound: `{condition}`")
            }
            ConnectError::StreamError { stage, condition } => {
                write!(
                    f,
                    "while {stage}, the server ended the stream with the error `{condition}`"
                )
            }
            ConnectError::Ended { stage, how } => write!(f, "while {stage}, the connection ended: {how}"),
            ConnectError::Deadline { stage, seconds } => {
                write!(
                    f,
                    "the login was not done within {seconds} s: it stood at {stage}"
                )
            }
            ConnectError::Unheard { stage, seconds } => write!(
                f,
                "while {stage}, the server left <open/> unanswered until the login's {seconds} s were over, and answered a WebSocket ping that was sent after it: the <open/> was lost on its side"
            ),
        }
    }
}

impl std::error::Error for ConnectError {}
