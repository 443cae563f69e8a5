//! The WebSocket upgrade by hand (RFC 6455 §4): any headers, and every status that comes back.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

use crate::stanza::Wire;
use crate::xmpp::Dial;

/// A longer answer is none that a WebSocket server gives.
const LARGEST: usize = 64 << 10;

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

/// Asks; the answer, and what came right after it. `None`: the connection ended, or what came is no HTTP.
pub async fn ask(
    io: &mut (impl AsyncRead + AsyncWrite + Unpin),
    request: &str,
) -> Option<(u16, Vec<(String, String)>, Vec<u8>)> {
    io.write_all(request.as_bytes()).await.ok()?;
    io.flush().await.ok()?;
    let mut read = Vec::new();
    loop {
        if let Some(at) = read.windows(4).position(|four| four == b"\r\n\r\n") {
            let rest = read.split_off(at + 4);
            let (status, headers) = parse(&String::from_utf8_lossy(&read))?;
            return Some((status, headers, rest));
        }
        let mut more = [0; 4096];
        let length = io.read(&mut more).await.ok()?;
        if length == 0 || read.len() > LARGEST {
            return None;
        }
        read.extend_from_slice(more.get(..length)?);
    }
}

fn parse(head: &str) -> Option<(u16, Vec<(String, String)>)> {
    let mut lines = head.split("\r\n");
    let mut first = lines.next()?.split(' ');
    first.next().filter(|version| version.starts_with("HTTP/1."))?;
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

    #[tokio::test]
    async fn the_answer_and_what_follows_it_are_told_apart() {
        let (mut here, mut there) = tokio::io::duplex(4096);
        there
            .write_all(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nX:y\r\n\r\n\x81\x00")
            .await
            .expect("room");
        let (status, headers, rest) = ask(&mut here, "GET").await.expect("an answer");
        assert_eq!((status, rest.as_slice()), (101, &b"\x81\x00"[..]));
        assert_eq!(headers[1], ("X".into(), "y".into()));
        for garbage in [&b"SSH-2.0\r\n\r\n"[..], b"HTTP/1.1 abc\r\n\r\n", b"HTTP"] {
            let (mut here, mut there) = tokio::io::duplex(4096);
            there.write_all(garbage).await.expect("room");
            there.shutdown().await.expect("an end");
            assert_eq!(ask(&mut here, "GET").await, None);
        }
    }
}
