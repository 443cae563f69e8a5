//! Session descriptions and candidates: by their grammar (RFC 8866, RFC 8839 §5.1), and in the shapes of browsers.

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{select, subsequence};

/// `ice-char` (RFC 8839 §5.1).
const ICE: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
/// A part of `token-char` (RFC 8866 §9).
const TOKEN: &str = "abcxyz0189!#$%&'*+-.^_`{|}~";

/// Hash functions and the bytes of what they make (RFC 8122 §5).
const HASHES: [(&str, usize); 4] = [("sha-1", 20), ("sha-256", 32), ("sha-384", 48), ("sha-512", 64)];

/// Payload type, encoding, and what else is said of it.
const CODECS: [(u8, &str, &[&str]); 10] = [
    (
        111,
        "opus/48000/2",
        &["fmtp:111 minptime=10;useinbandfec=1", "rtcp-fb:111 transport-cc"],
    ),
    (63, "red/48000/2", &["fmtp:63 111/111"]),
    (9, "G722/8000", &[]),
    (0, "PCMU/8000", &[]),
    (8, "PCMA/8000", &[]),
    (13, "CN/8000", &[]),
    (101, "telephone-event/8000", &["fmtp:101 0-15"]),
    (126, "telephone-event/48000", &[]),
    (96, "ISAC/16000", &[]),
    (127, "iLBC/8000", &["fmtp:127 mode=30"]),
];

/// Attributes that may stand in an audio section or not.
const EXTRAS: [&str; 14] = [
    "b=AS:64",
    "a=ptime:20",
    "a=maxptime:120",
    "a=rtcp-rsize",
    "a=rtcp:9 IN IP4 0.0.0.0",
    "a=extmap:1 urn:ietf:params:rtp-hdrext:ssrc-audio-level",
    "a=extmap:4 urn:ietf:params:rtp-hdrext:sdes:mid",
    "a=extmap-allow-mixed",
    "a=ssrc:1357924680 cname:B4tq6HRSvop5dRQj",
    "a=msid:- 3f0e9a52-6a0b-4c1e-9f57-0d2f6f1b7a10",
    "a=ice-options:trickle",
    "a=end-of-candidates",
    "a=candidate:1 1 udp 2122260223 192.0.2.7 50007 typ host",
    "a=x-unknown:Zoë \"quoted\" <tag> \u{1F600}",
];

fn word(
    of: &'static str,
    length: impl Into<proptest::collection::SizeRange>,
) -> impl Strategy<Value = String> {
    let all: Vec<char> = of.chars().collect();
    vec(select(all), length).prop_map(|all| all.into_iter().collect())
}

/// A length between these two, at either end more often than not.
fn edges(least: usize, most: usize) -> impl Strategy<Value = usize> {
    prop_oneof![Just(least), Just(most), least..=most]
}

fn fingerprint() -> impl Strategy<Value = String> {
    (select(&HASHES[..]), any::<[u8; 32]>()).prop_map(|((name, length), bytes)| {
        let bytes = bytes
            .iter()
            .cycle()
            .take(length)
            .map(|byte| format!("{byte:02X}"));
        format!("a=fingerprint:{name} {}", bytes.collect::<Vec<_>>().join(":"))
    })
}

fn credentials() -> impl Strategy<Value = (String, String)> {
    (edges(4, 256), edges(22, 256)).prop_flat_map(|(user, password)| (word(ICE, user), word(ICE, password)))
}

fn audio() -> impl Strategy<Value = Vec<String>> {
    (
        subsequence(CODECS.to_vec(), 1..=CODECS.len()).prop_shuffle(),
        subsequence(EXTRAS.to_vec(), 0..=EXTRAS.len()),
        select(vec!["sendrecv", "sendonly", "recvonly"]),
    )
        .prop_map(|(codecs, extras, direction)| {
            let numbers: Vec<String> = codecs.iter().map(|codec| codec.0.to_string()).collect();
            let mut lines = vec![format!("m=audio 9 UDP/TLS/RTP/SAVPF {}", numbers.join(" "))];
            lines.push("c=IN IP4 0.0.0.0".to_owned());
            // Bandwidth stands before all attributes.
            let (first, later): (Vec<&str>, Vec<&str>) =
                extras.into_iter().partition(|line| line.starts_with("b="));
            lines.extend(first.into_iter().chain(later).map(str::to_owned));
            lines.push(format!("a={direction}"));
            lines.push("a=rtcp-mux".to_owned());
            let has_opus = codecs.iter().any(|codec| codec.0 == 111);
            for (number, name, more) in codecs {
                lines.push(format!("a=rtpmap:{number} {name}"));
                if number != 63 || has_opus {
                    lines.extend(more.iter().map(|line| format!("a={line}")));
                }
            }
            lines
        })
}

/// A sound offer by the grammar: its parts, their lengths and their order differ.
pub(super) fn offer() -> impl Strategy<Value = String> {
    (
        (
            any::<u64>(),
            any::<bool>(),
            any::<bool>(),
            select(vec!["\r\n", "\r\n", "\n"]),
        ),
        credentials(),
        fingerprint(),
        edges(1, 16).prop_flat_map(|length| word(TOKEN, length)),
        audio(),
        any::<bool>(),
    )
        .prop_map(
            |((number, above, group, end), (user, password), print, mid, audio, data)| {
                let transport = [
                    format!("a=ice-ufrag:{user}"),
                    format!("a=ice-pwd:{password}"),
                    print,
                    "a=setup:actpass".to_owned(),
                ];
                let number = number >> 1;
                let mut lines = vec![
                    "v=0".to_owned(),
                    format!("o=- {number} 2 IN IP4 127.0.0.1"),
                    "s=-".to_owned(),
                    "t=0 0".to_owned(),
                ];
                let data = data && mid != "d";
                if group || data {
                    let other = if data { " d" } else { "" };
                    lines.push(format!("a=group:BUNDLE {mid}{other}"));
                }
                if above {
                    lines.extend(transport.clone());
                }
                lines.extend(audio);
                lines.push(format!("a=mid:{mid}"));
                if !above {
                    lines.extend(transport.clone());
                }
                if data {
                    lines.push("m=application 9 UDP/DTLS/SCTP webrtc-datachannel".to_owned());
                    lines.push("c=IN IP4 0.0.0.0".to_owned());
                    lines.push("a=mid:d".to_owned());
                    lines.push("a=sctp-port:5000".to_owned());
                    if !above {
                        lines.extend(transport);
                    }
                }
                lines.push(String::new());
                lines.join(end)
            },
        )
}

/// An offer in the shape that a browser gives it, with ids of its own.
pub(super) fn browser() -> impl Strategy<Value = String> {
    (
        select(vec![CHROME, FIREFOX, SAFARI]),
        any::<u64>(),
        word(ICE, 4),
        word(ICE, 24),
        any::<[u8; 32]>(),
        any::<[u8; 16]>(),
    )
        .prop_map(|(shape, number, user, password, print, stream)| {
            let print: Vec<String> = print.iter().map(|byte| format!("{byte:02X}")).collect();
            shape
                .replace("\n", "\r\n")
                .replace("NUMBER", &(number >> 1).to_string())
                .replace("USER", &user)
                .replace("PASSWORD", &password)
                .replace("PRINT", &print.join(":"))
                .replace("STREAM", &uuid::Uuid::from_bytes(stream).to_string())
        })
}

const CHROME: &str = "\
v=0
o=- NUMBER 2 IN IP4 127.0.0.1
s=-
t=0 0
a=group:BUNDLE 0
a=extmap-allow-mixed
a=msid-semantic: WMS STREAM
m=audio 9 UDP/TLS/RTP/SAVPF 111 63 9 0 8 13 110 126
c=IN IP4 0.0.0.0
a=rtcp:9 IN IP4 0.0.0.0
a=ice-ufrag:USER
a=ice-pwd:PASSWORD
a=ice-options:trickle
a=fingerprint:sha-256 PRINT
a=setup:actpass
a=mid:0
a=extmap:1 urn:ietf:params:rtp-hdrext:ssrc-audio-level
a=extmap:2 http://www.webrtc.org/experiments/rtp-hdrext/abs-send-time
a=extmap:4 urn:ietf:params:rtp-hdrext:sdes:mid
a=sendrecv
a=msid:STREAM STREAM
a=rtcp-mux
a=rtcp-rsize
a=rtpmap:111 opus/48000/2
a=rtcp-fb:111 transport-cc
a=fmtp:111 minptime=10;useinbandfec=1
a=rtpmap:63 red/48000/2
a=fmtp:63 111/111
a=rtpmap:9 G722/8000
a=rtpmap:0 PCMU/8000
a=rtpmap:8 PCMA/8000
a=rtpmap:13 CN/8000
a=rtpmap:110 telephone-event/48000
a=rtpmap:126 telephone-event/8000
a=ssrc:1357924680 cname:B4tq6HRSvop5dRQj
a=ssrc:1357924680 msid:STREAM STREAM
";

const FIREFOX: &str = "\
v=0
o=mozilla...THIS_IS_SDPARTA-128.0 NUMBER 0 IN IP4 0.0.0.0
s=-
t=0 0
a=sendrecv
a=fingerprint:sha-256 PRINT
a=group:BUNDLE 0
a=ice-options:trickle
a=msid-semantic:WMS *
m=audio 9 UDP/TLS/RTP/SAVPF 109 9 0 8 101
c=IN IP4 0.0.0.0
a=sendrecv
a=extmap:1 urn:ietf:params:rtp-hdrext:ssrc-audio-level
a=extmap:2/recvonly urn:ietf:params:rtp-hdrext:csrc-audio-level
a=extmap:3 urn:ietf:params:rtp-hdrext:sdes:mid
a=fmtp:109 maxplaybackrate=48000;stereo=1;useinbandfec=1
a=fmtp:101 0-15
a=ice-pwd:PASSWORD
a=ice-ufrag:USER
a=mid:0
a=msid:{STREAM} {STREAM}
a=rtcp-mux
a=rtpmap:109 opus/48000/2
a=rtpmap:9 G722/8000/1
a=rtpmap:0 PCMU/8000
a=rtpmap:8 PCMA/8000
a=rtpmap:101 telephone-event/8000/1
a=setup:actpass
a=ssrc:1357924680 cname:{STREAM}
";

const SAFARI: &str = "\
v=0
o=- NUMBER 2 IN IP4 127.0.0.1
s=-
t=0 0
a=group:BUNDLE 0
a=msid-semantic: WMS STREAM
m=audio 9 UDP/TLS/RTP/SAVPF 111 103 9 102 0 8 105 13 110 113 126
c=IN IP4 0.0.0.0
a=rtcp:9 IN IP4 0.0.0.0
a=ice-ufrag:USER
a=ice-pwd:PASSWORD
a=ice-options:trickle
a=fingerprint:sha-256 PRINT
a=setup:actpass
a=mid:0
a=extmap:1 urn:ietf:params:rtp-hdrext:ssrc-audio-level
a=extmap:4 urn:ietf:params:rtp-hdrext:sdes:mid
a=sendrecv
a=msid:STREAM STREAM
a=rtcp-mux
a=rtpmap:111 opus/48000/2
a=rtcp-fb:111 transport-cc
a=fmtp:111 minptime=10;useinbandfec=1
a=rtpmap:103 ISAC/16000
a=rtpmap:9 G722/8000
a=rtpmap:102 ILBC/8000
a=rtpmap:0 PCMU/8000
a=rtpmap:8 PCMA/8000
a=rtpmap:105 CN/16000
a=rtpmap:13 CN/8000
a=rtpmap:110 telephone-event/48000
a=rtpmap:113 telephone-event/16000
a=rtpmap:126 telephone-event/8000
a=ssrc:1357924680 cname:B4tq6HRSvop5dRQj
a=ssrc:1357924680 msid:STREAM STREAM
";

fn address() -> impl Strategy<Value = String> {
    prop_oneof![
        any::<[u8; 4]>().prop_map(|b| format!("{}.{}.{}.{}", b[0], b[1], b[2], b[3])),
        any::<[u16; 8]>().prop_map(|groups| groups.map(|group| format!("{group:x}")).join(":")),
        any::<[u8; 16]>().prop_map(|bytes| format!("{}.local", uuid::Uuid::from_bytes(bytes))),
    ]
}

fn number(least: u32, most: u32) -> impl Strategy<Value = u32> {
    prop_oneof![Just(least), Just(most), least..=most]
}

/// A candidate by the grammar, with each of its parts at its edges.
pub(super) fn candidate() -> impl Strategy<Value = String> {
    let related = (address(), number(0, 65_535)).prop_map(|(at, port)| format!(" raddr {at} rport {port}"));
    let kind = prop_oneof![
        Just("host".to_owned()),
        (select(vec!["srflx", "prflx", "relay"]), related).prop_map(|(kind, of)| format!("{kind}{of}")),
    ];
    (
        edges(1, 32).prop_flat_map(|length| word(ICE, length)),
        number(1, 256),
        select(vec!["udp", "UDP", "tcp", "TCP"]),
        number(1, 0x7fff_ffff),
        address(),
        number(1, 65_535),
        kind,
        subsequence(vec![" generation 0", " network-id 1", " network-cost 999"], 0..=3),
    )
        .prop_map(
            |(foundation, component, transport, priority, address, port, kind, more)| {
                let tcp = if transport.eq_ignore_ascii_case("tcp") {
                    " tcptype active"
                } else {
                    ""
                };
                let port = if tcp.is_empty() { port } else { 9 };
                format!(
                    "candidate:{foundation} {component} {transport} {priority} {address} {port} typ {kind}{tcp}{}",
                    more.concat()
                )
            },
        )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::{candidate as ice, sdp};

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(500))]

        #[test]
        fn what_the_grammar_makes_is_read_without_a_must(text in prop_oneof![offer(), browser()]) {
            let (_, lints) = sdp::read(&text, sdp::Side::Offer);
            let musts: Vec<_> = lints.iter().filter(|lint| !lint.info && !lint.should).collect();
            prop_assert!(musts.is_empty(), "{musts:?}\n{text}");
        }

        #[test]
        fn candidates_of_the_grammar_are_read(text in candidate()) {
            let (read, lints) = ice::read(&text);
            let musts: Vec<_> = lints.iter().filter(|lint| !lint.info && !lint.should).collect();
            prop_assert!(read.is_some() && musts.is_empty(), "{musts:?}\n{text}");
        }
    }
}
