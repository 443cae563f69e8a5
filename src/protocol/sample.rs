//! Sound descriptions and candidates, of the shape that Chromium makes, for bots that have no media.

use serde_json::{Value, json};

const UFRAG: [&str; 2] = ["kQ3f", "Zt7w"];

/// An audio offer (RFC 8866, RFC 9429), with CRLF line ends.
pub fn offer() -> String {
    description(
        "3061770954042880143",
        UFRAG[0],
        "gJ2vQxN8sLr5yTbW0mPzKd4e",
        "actpass",
    )
}

/// The answer to [`offer`].
pub fn answer() -> String {
    description(
        "4395405399770879760",
        UFRAG[1],
        "aH9cRfV1uXo6iEnS3jDkMq7p",
        "active",
    )
}

fn description(session: &str, ufrag: &str, password: &str, setup: &str) -> String {
    let fingerprint = (0..32u8)
        .map(|n| format!("{:02X}", n.wrapping_mul(37) ^ 0x5A))
        .collect::<Vec<_>>()
        .join(":");
    let lines = [
        "v=0".to_owned(),
        format!("o=- {session} 2 IN IP4 127.0.0.1"),
        "s=-".into(),
        "t=0 0".into(),
        "a=group:BUNDLE 0".into(),
        "a=extmap-allow-mixed".into(),
        "a=msid-semantic: WMS voice".into(),
        "m=audio 9 UDP/TLS/RTP/SAVPF 111 9 0 8 110".into(),
        "c=IN IP4 0.0.0.0".into(),
        "a=rtcp:9 IN IP4 0.0.0.0".into(),
        format!("a=ice-ufrag:{ufrag}"),
        format!("a=ice-pwd:{password}"),
        "a=ice-options:trickle".into(),
        format!("a=fingerprint:sha-256 {fingerprint}"),
        format!("a=setup:{setup}"),
        "a=mid:0".into(),
        "a=sendrecv".into(),
        "a=msid:voice microphone".into(),
        "a=rtcp-mux".into(),
        "a=rtpmap:111 opus/48000/2".into(),
        "a=rtcp-fb:111 transport-cc".into(),
        "a=fmtp:111 minptime=10;useinbandfec=1".into(),
        "a=rtpmap:9 G722/8000".into(),
        "a=rtpmap:0 PCMU/8000".into(),
        "a=rtpmap:8 PCMA/8000".into(),
        "a=rtpmap:110 telephone-event/48000".into(),
    ];
    let mut text = lines.join("\r\n");
    text.push_str("\r\n");
    text
}

/// The `number`-th host candidate of a party (RFC 8839 §5.1).
pub fn candidate(number: u32) -> Value {
    let port = 50_000 + number % 10_000;
    json!({
        "candidate": format!("candidate:{number} 1 udp 2122260223 192.0.2.{} {port} typ host generation 0", number % 250 + 1),
        "sdpMid": "0",
        "sdpMLineIndex": 0,
    })
}
