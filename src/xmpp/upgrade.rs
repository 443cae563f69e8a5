//! The WebSocket upgrade by hand (RFC 6455 §4): any headers, and every status that comes back.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;

use crate::stanza::Wire;
use crate::xmpp::Dial;

/// A longer answer is none that a WebSocket server gives.
const LARGEST: usize = 64 << 10;
/// Bytes of what is no HTTP that may be shown.
const SHOWN: usize = 1_024;
const VERSION: &str = "HTTP/1.";

/// What came back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    /// What came right after it.
    pub rest: Vec<u8>,
}

/// Why there is no answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Unanswered {
    /// The connection ended, and how.
    Ended(String),
    /// This came, which is no HTTP.
    NoHttp(String),
}

/// What is wrong with an answer that says 101.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Flaw {
    /// It agrees on another sub-protocol than `xmpp`, or on none.
    SubProtocol,
    /// It is none to this request, in a few words.
    Handshake(&'static str),
}

impl Answer {
    /// Whether this is the answer of a server that speaks XMPP over WebSocket, to a request with this key (RFC 6455 §4.1,
    /// RFC 7395 §3.1).
    pub fn agrees(&self, key: [u8; 16]) -> Result<(), Flaw> {
        if !self.names("Upgrade", "websocket") {
            return Err(Flaw::Handshake("an answer without `Upgrade: websocket`"));
        }
        if !self.names("Connection", "Upgrade") {
            return Err(Flaw::Handshake("an answer without `Connection: Upgrade`"));
        }
        let accept = derive_accept_key(BASE64_STANDARD.encode(key).as_bytes());
        if !self.values("Sec-WebSocket-Accept").any(|value| value == accept) {
            return Err(Flaw::Handshake("an answer whose `Sec-WebSocket-Accept` is wrong"));
        }
        if self
            .values("Sec-WebSocket-Extensions")
            .any(|value| !value.is_empty())
        {
            return Err(Flaw::Handshake(
                "an answer with an extension that was not offered",
            ));
        }
        let mut protocols = self.values("Sec-WebSocket-Protocol");
        match (protocols.next(), protocols.next()) {
            (Some("xmpp"), None) => Ok(()),
            _ => Err(Flaw::SubProtocol),
        }
    }

    /// The first of this name.
    pub fn header(&self, wanted: &str) -> Option<String> {
        self.values(wanted).next().map(str::to_owned)
    }

    fn values<'a>(&'a self, wanted: &'a str) -> impl Iterator<Item = &'a str> {
        let named = self.headers.iter();
        let named = named.filter(move |(name, _)| name.eq_ignore_ascii_case(wanted));
        named.map(|(_, value)| value.as_str())
    }

    /// Whether a header has this token among others: proxies write `keep-alive, Upgrade` (RFC 6455 §4.1).
    fn names(&self, header: &str, token: &str) -> bool {
        self.values(header)
            .flat_map(|value| value.split(','))
            .any(|listed| listed.trim().eq_ignore_ascii_case(token))
    }
}

/// The request as text, and what of it may be told.
pub fn request(
    dial: &Dial,
    key: [u8; 16],
    protocols: &[String],
    more: &[(String, String)],
) -> (String, Wire) {
    let host = dial.url.host_str().unwrap_or_default();
    let host = match dial.url.port() {
        Some(port) => format!("{host}:{port}"),
        None => host.to_owned(),
    };
    let mut headers: Vec<(String, String)> = [
        ("Host", host),
        ("Upgrade", "websocket".into()),
        ("Connection", "Upgrade".into()),
        ("Sec-WebSocket-Version", "13".into()),
        ("Sec-WebSocket-Key", BASE64_STANDARD.encode(key)),
    ]
    .map(|(name, value)| (name.to_owned(), value))
    .into();
    if !protocols.is_empty() {
        headers.push(("Sec-WebSocket-Protocol".into(), protocols.join(", ")));
    }
    // A header that is given stands in the place of ours.
    headers.retain(|(name, _)| !more.iter().any(|(given, _)| given.eq_ignore_ascii_case(name)));
    headers.extend(more.iter().cloned());
    let mut told = headers.clone();
    if let Some((name, token)) = &dial.cookie {
        headers.push(("Cookie".into(), format!("{name}={}", token.expose())));
        told.push(("Cookie".into(), format!("{name}=***")));
    }
    let path = match dial.url.query() {
        Some(query) => format!("{}?{query}", dial.url.path()),
        None => dial.url.path().to_owned(),
    };
    let mut text = format!("GET {path} HTTP/1.1\r\n");
    for (name, value) in &headers {
        // A line end would begin a header that nobody asked for.
        let value = value.replace(['\r', '\n'], " ");
        text.push_str(&format!("{name}: {value}\r\n"));
    }
    text.push_str("\r\n");
    (text, Wire::Upgrade { headers: told })
}

/// Asks, and reads as far as the answer's head goes, however it is cut.
///
/// # Errors
/// The connection ended, or what came is no HTTP.
pub async fn ask(
    io: &mut (impl AsyncRead + AsyncWrite + Unpin),
    request: &str,
) -> Result<Answer, Unanswered> {
    let ended = |error: std::io::Error| Unanswered::Ended(error.to_string());
    io.write_all(request.as_bytes()).await.map_err(ended)?;
    io.flush().await.map_err(ended)?;
    let mut read = Vec::new();
    loop {
        let mut more = [0; 4096];
        let length = io.read(&mut more).await.map_err(ended)?;
        // The end of the head may have begun in what came before.
        let from = read.len().saturating_sub(3);
        read.extend_from_slice(more.get(..length).unwrap_or_default());
        let end = read.get(from..).unwrap_or_default();
        if let Some(at) = end.windows(4).position(|four| four == b"\r\n\r\n") {
            let rest = read.split_off(from + at + 4);
            let head = String::from_utf8_lossy(&read);
            let (status, headers) = parse(&head).ok_or_else(|| no_http(&read))?;
            return Ok(Answer {
                status,
                headers,
                rest,
            });
        }
        // Some of it is enough to tell that the rest is not worth waiting for.
        let start = read.get(..VERSION.len()).unwrap_or(&read);
        if read.len() > LARGEST || !VERSION.as_bytes().starts_with(start) {
            return Err(no_http(&read));
        }
        if length == 0 {
            return Err(Unanswered::Ended("before there was an answer".into()));
        }
    }
}

fn no_http(read: &[u8]) -> Unanswered {
    let some = read.get(..SHOWN).unwrap_or(read);
    Unanswered::NoHttp(String::from_utf8_lossy(some).into_owned())
}

fn parse(head: &str) -> Option<(u16, Vec<(String, String)>)> {
    let mut lines = head.split("\r\n");
    let mut first = lines.next()?.split(' ');
    first.next().filter(|version| version.starts_with(VERSION))?;
    let status = first.next()?.parse().ok()?;
    let header = |line: &str| {
        let (name, value) = line.split_once(':')?;
        Some((name.trim().to_owned(), value.trim().to_owned()))
    };
    Some((status, lines.filter_map(header).collect()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::xmpp::{Mechanism, Secret, Trust};

    #[test]
    fn the_token_goes_out_and_is_not_told() {
        let dial = Dial {
            url: "ws://localhost:5280/ws?a=b".parse().expect("a URL"),
            domain: "localhost".into(),
            trust: Trust::System,
            plaintext: false,
            cookie: Some(("auth_token".into(), Secret::new("swordfish"))),
            sasl: vec![Mechanism::Plain],
            deadline: std::time::Duration::from_secs(1),
        };
        let origin = [("Origin".to_owned(), "https://a.example\r\nX: y".to_owned())];
        let (text, wire) = request(&dial, [0; 16], &["xmpp".into()], &origin);
        assert!(
            text.starts_with("GET /ws?a=b HTTP/1.1\r\nHost: localhost:5280\r\n"),
            "{text}"
        );
        assert!(text.contains("Cookie: auth_token=swordfish\r\n"), "{text}");
        assert!(text.contains("Origin: https://a.example  X: y\r\n"), "{text}");
        assert!(!format!("{wire:?}").contains("swordfish"));
        assert_eq!(wire.header("cookie").as_deref(), Some("auth_token=***"));
        assert_eq!(wire.header("sec-websocket-protocol").as_deref(), Some("xmpp"));
    }

    /// What is answered to a request, and with `whole` at once or byte by byte.
    async fn answered(text: &[u8], whole: bool) -> Result<Answer, Unanswered> {
        let (mut here, mut there) = tokio::io::duplex(4096);
        let says = async {
            for part in text.chunks(if whole { text.len().max(1) } else { 1 }) {
                let _ = there.write_all(part).await;
                tokio::task::yield_now().await;
            }
            let _ = there.shutdown().await;
            // Kept open, so that the request finds its place.
            there
        };
        tokio::join!(ask(&mut here, "GET"), says).0
    }

    #[tokio::test]
    async fn the_answer_and_what_follows_it_are_told_apart() {
        let text = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nX:y\r\n\r\n\x81\x00";
        let answer = answered(text, true).await.expect("an answer");
        assert_eq!((answer.status, answer.rest.as_slice()), (101, &b"\x81\x00"[..]));
        assert_eq!(answer.headers[1], ("X".into(), "y".into()));
        // However little comes at once: what follows is read by whoever reads on.
        let cut = answered(text, false).await.expect("an answer");
        assert_eq!((cut.status, &cut.headers), (101, &answer.headers));
    }

    #[tokio::test]
    async fn what_is_no_answer_is_said() {
        for garbage in [&b"SSH-2.0\r\n\r\n"[..], b"HTTP/1.1 abc\r\n\r\n", b"220 mail"] {
            let said = String::from_utf8_lossy(garbage).into_owned();
            assert_eq!(answered(garbage, true).await, Err(Unanswered::NoHttp(said)));
        }
        for cut in [&b"HTTP/1.1 101 Sw"[..], b"HT", b""] {
            let why = answered(cut, true).await.expect_err("no answer");
            assert!(matches!(why, Unanswered::Ended(_)), "{why:?}");
        }
        let endless = [b"HTTP/1.1 101 x\r\n".to_vec(), vec![b'x'; LARGEST]].concat();
        let why = answered(&endless, true).await.expect_err("no answer");
        assert!(matches!(why, Unanswered::NoHttp(seen) if seen.len() == SHOWN));
    }

    #[test]
    fn an_upgrade_may_be_agreed_on_in_any_lawful_form() {
        let accept = derive_accept_key(BASE64_STANDARD.encode([0; 16]).as_bytes());
        let agrees = |headers: &str| {
            let head = format!("HTTP/1.1 101 \r\n{}", headers.replace('@', &accept));
            let (status, headers) = parse(&head).expect("a head");
            let rest = Vec::new();
            Answer {
                status,
                headers,
                rest,
            }
            .agrees([0; 16])
        };
        let rest = "sec-websocket-accept:@\r\nSEC-WEBSOCKET-PROTOCOL: xmpp \r\n";
        for lawful in [
            "Upgrade: websocket\r\nConnection: Upgrade",
            "upgrade:  WebSocket\r\nconnection: keep-alive, Upgrade",
            "Upgrade: websocket\r\nConnection: keep-alive\r\nConnection: upgrade",
        ] {
            assert_eq!(agrees(&format!("{lawful}\r\n{rest}")), Ok(()), "{lawful}");
        }
        let full = "Upgrade: websocket\r\nConnection: Upgrade\r\n";
        for (unlawful, flaw) in [
            (
                format!("Upgrade: websocket\r\nConnection: close\r\n{rest}"),
                "`Connection: Upgrade`",
            ),
            (format!("Connection: Upgrade\r\n{rest}"), "`Upgrade: websocket`"),
            (format!("{full}Sec-WebSocket-Accept: abc\r\n"), "is wrong"),
            (
                format!("{full}{rest}Sec-WebSocket-Extensions: permessage-deflate\r\n"),
                "not offered",
            ),
        ] {
            let Err(Flaw::Handshake(why)) = agrees(&unlawful) else {
                panic!("{unlawful}");
            };
            assert!(why.contains(flaw), "{why}");
        }
        for none in [
            "",
            "Sec-WebSocket-Protocol: xmpp\r\nSec-WebSocket-Protocol: chat\r\n",
            "Sec-WebSocket-Protocol: chat\r\n",
        ] {
            let answer = format!("{full}Sec-WebSocket-Accept: @\r\n{none}");
            assert_eq!(agrees(&answer), Err(Flaw::SubProtocol), "{none}");
        }
    }
}
