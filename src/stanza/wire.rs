//! What happens below a session: the upgrade, frames, pieces of a TCP stream, and how a connection ends.

use serde::{Deserialize, Serialize};

/// The kind of a WebSocket frame (RFC 6455 §5.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Opcode {
    Continuation,
    Text,
    Binary,
    Close,
    Ping,
    Pong,
    /// One that is reserved.
    Other,
}

/// One thing that was sent or came. Its text, where it has one, stands in the event's `xml`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Wire {
    /// The connection stands, with TLS of this version or without.
    Reached { tls: Option<String> },
    /// The request for a WebSocket: its headers in order, the values of cookies cut out (RFC 6455 §4.1).
    Upgrade { headers: Vec<(String, String)> },
    /// Its answer (RFC 6455 §4.2.2).
    Upgraded {
        status: u16,
        headers: Vec<(String, String)>,
    },
    /// A WebSocket frame. What is no text stands as Base64 in `data`.
    Frame {
        opcode: Opcode,
        /// Whether it is the last of its message.
        last: bool,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        data: Option<String>,
        /// A close frame's status code (RFC 6455 §7.4).
        #[serde(default, skip_serializing_if = "Option::is_none")]
        code: Option<u16>,
    },
    /// What came is no WebSocket frame that may stand there (RFC 6455 §5), or no XML on a TCP stream: nothing that
    /// follows can be read.
    Broken { why: String },
    /// A piece of a stream over TCP: a start tag, an element, the end tag, or bytes as they are.
    Stream,
    /// A TLS handshake was offered by hand, no version above this one; or what was answered to it.
    Hello { version: String, accepted: Option<bool> },
    /// The connection is over: `reset` if it was cut off (RST), otherwise closed in order.
    End { reset: bool },
}

impl Wire {
    /// The value of a header of the upgrade or of its answer; several are joined (RFC 9110 §5.3).
    pub fn header(&self, name: &str) -> Option<String> {
        let (Wire::Upgrade { headers } | Wire::Upgraded { headers, .. }) = self else {
            return None;
        };
        let values: Vec<&str> = headers
            .iter()
            .filter(|(known, _)| known.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.as_str())
            .collect();
        (!values.is_empty()).then(|| values.join(", "))
    }

    /// What it is, in a few words; its text is not in them.
    pub fn words(&self) -> String {
        match self {
            Wire::Reached { tls: None } => "connected, without TLS".into(),
            Wire::Reached { tls: Some(version) } => format!("connected, TLS {version}"),
            Wire::Upgrade { .. } => "upgrade".into(),
            Wire::Upgraded { status, .. } => format!("status {status}"),
            Wire::Frame {
                opcode, last, code, ..
            } => {
                let name = match opcode {
                    Opcode::Continuation => "continuation",
                    Opcode::Text => "text",
                    Opcode::Binary => "binary frame",
                    Opcode::Close => "close frame",
                    Opcode::Ping => "ping",
                    Opcode::Pong => "pong",
                    Opcode::Other => "frame of a reserved kind",
                };
                let code = code.map(|code| format!(" {code}")).unwrap_or_default();
                let more = if *last { "" } else { ", more to come" };
                format!("{name}{code}{more}")
            }
            Wire::Stream => "stream".into(),
            Wire::Hello {
                version,
                accepted: None,
            } => format!("offers TLS {version}"),
            Wire::Hello {
                version,
                accepted: Some(true),
            } => format!("takes TLS {version}"),
            Wire::Hello { version, .. } => format!("refuses TLS {version}"),
            Wire::Broken { why } => format!("what cannot be read on: {why}"),
            Wire::End { reset: true } => "the connection was reset".into(),
            Wire::End { reset: false } => "the connection was closed".into(),
        }
    }

    /// Every text in it, so that secrets can be cut out.
    pub fn texts_mut(&mut self) -> Vec<&mut String> {
        match self {
            Wire::Upgrade { headers } | Wire::Upgraded { headers, .. } => {
                headers.iter_mut().map(|(_, value)| value).collect()
            }
            Wire::Frame { data: Some(data), .. } => vec![data],
            _ => Vec::new(),
        }
    }
}
