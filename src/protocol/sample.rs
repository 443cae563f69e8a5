//! A sound audio offer, answer and candidates, shaped like those of Chrome, for bots that have no media.

use serde_json::{Value, json};

use super::Role;
use super::sdp::Side;

const OFFER: &str = "\
v=0\r\n\
o=- 4611731400430051336 2 IN IP4 127.0.0.1\r\n\
s=-\r\n\
t=0 0\r\n\
a=group:BUNDLE 0\r\n\
a=extmap-allow-mixed\r\n\
a=msid-semantic: WMS 3f0e9a52-6a0b-4c1e-9f57-0d2f6f1b7a10\r\n\
m=audio 9 UDP/TLS/RTP/SAVPF 111 63 9 0 8 13 110 126\r\n\
c=IN IP4 0.0.0.0\r\n\
a=rtcp:9 IN IP4 0.0.0.0\r\n\
a=ice-ufrag:c4Sp\r\n\
a=ice-pwd:x8Yw2Kq0Zr6Lm4Nt9Pv1Bh3D\r\n\
a=ice-options:trickle\r\n\
a=fingerprint:sha-256 0B:30:55:7A:9F:C4:E9:0E:33:58:7D:A2:C7:EC:11:36:5B:80:A5:CA:EF:14:39:5E:83:A8:CD:F2:17:3C:61:86\r\n\
a=setup:actpass\r\n\
a=mid:0\r\n\
a=extmap:1 urn:ietf:params:rtp-hdrext:ssrc-audio-level\r\n\
a=extmap:2 http://www.webrtc.org/experiments/rtp-hdrext/abs-send-time\r\n\
a=extmap:3 http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01\r\n\
a=extmap:4 urn:ietf:params:rtp-hdrext:sdes:mid\r\n\
a=sendrecv\r\n\
a=msid:3f0e9a52-6a0b-4c1e-9f57-0d2f6f1b7a10 c1a5d7e3-9b2f-4d68-8e70-1f3a5b7c9d11\r\n\
a=rtcp-mux\r\n\
a=rtcp-rsize\r\n\
a=rtcp-xr:rcvr-rtt=all\r\n\
a=rtpmap:111 opus/48000/2\r\n\
a=rtcp-fb:111 transport-cc\r\n\
a=fmtp:111 minptime=10;useinbandfec=1\r\n\
a=rtpmap:63 red/48000/2\r\n\
a=fmtp:63 111/111\r\n\
a=rtpmap:9 G722/8000\r\n\
a=rtpmap:0 PCMU/8000\r\n\
a=rtpmap:8 PCMA/8000\r\n\
a=rtpmap:13 CN/8000\r\n\
a=rtpmap:110 telephone-event/48000\r\n\
a=rtpmap:126 telephone-event/8000\r\n\
a=ssrc:1357924680 cname:B4tq6HRSvop5dRQj\r\n\
a=ssrc:1357924680 msid:3f0e9a52-6a0b-4c1e-9f57-0d2f6f1b7a10 c1a5d7e3-9b2f-4d68-8e70-1f3a5b7c9d11\r\n";

const ANSWER: &str = "\
v=0\r\n\
o=- 7729291447651054566 2 IN IP4 127.0.0.1\r\n\
s=-\r\n\
t=0 0\r\n\
a=group:BUNDLE 0\r\n\
a=extmap-allow-mixed\r\n\
a=msid-semantic: WMS 8b1c7d64-2e5f-4a39-b6c8-5e4d3c2b1a09\r\n\
m=audio 9 UDP/TLS/RTP/SAVPF 111 63 9 0 8 13 110 126\r\n\
c=IN IP4 0.0.0.0\r\n\
a=rtcp:9 IN IP4 0.0.0.0\r\n\
a=ice-ufrag:d5Tq\r\n\
a=ice-pwd:q7Rt5Ws3Ux1Vy9Za2Bc4De6F\r\n\
a=ice-options:trickle\r\n\
a=fingerprint:sha-256 5B:80:A5:CA:EF:14:39:5E:83:A8:CD:F2:17:3C:61:86:AB:D0:F5:1A:3F:64:89:AE:D3:F8:1D:42:67:8C:B1:D6\r\n\
a=setup:active\r\n\
a=mid:0\r\n\
a=extmap:1 urn:ietf:params:rtp-hdrext:ssrc-audio-level\r\n\
a=extmap:2 http://www.webrtc.org/experiments/rtp-hdrext/abs-send-time\r\n\
a=extmap:3 http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01\r\n\
a=extmap:4 urn:ietf:params:rtp-hdrext:sdes:mid\r\n\
a=sendrecv\r\n\
a=msid:8b1c7d64-2e5f-4a39-b6c8-5e4d3c2b1a09 d2b6e8f4-0c3a-4e79-9f81-2a4b6c8d0e22\r\n\
a=rtcp-mux\r\n\
a=rtcp-rsize\r\n\
a=rtcp-xr:rcvr-rtt=all\r\n\
a=rtpmap:111 opus/48000/2\r\n\
a=rtcp-fb:111 transport-cc\r\n\
a=fmtp:111 minptime=10;useinbandfec=1\r\n\
a=rtpmap:63 red/48000/2\r\n\
a=fmtp:63 111/111\r\n\
a=rtpmap:9 G722/8000\r\n\
a=rtpmap:0 PCMU/8000\r\n\
a=rtpmap:8 PCMA/8000\r\n\
a=rtpmap:13 CN/8000\r\n\
a=rtpmap:110 telephone-event/48000\r\n\
a=rtpmap:126 telephone-event/8000\r\n\
a=ssrc:2468013579 cname:Dkpw/mT1EfaNck1+\r\n";

/// An audio offer: CR LF line ends, `setup:actpass`, `mid` 0.
pub fn offer() -> &'static str {
    OFFER
}

/// The answer to [`offer`]: `setup:active`, `mid` 0.
pub fn answer() -> &'static str {
    ANSWER
}

/// What either side describes, in a call's first exchange or in a later one that the callee begins: each keeps its
/// own session, user name, fingerprint and DTLS role.
pub fn description(role: Role, side: Side) -> String {
    match (role, side) {
        (Role::Caller, Side::Offer) => OFFER.to_owned(),
        (Role::Callee, Side::Answer) => ANSWER.to_owned(),
        (Role::Callee, Side::Offer) => later(ANSWER).replace("a=setup:active", "a=setup:actpass"),
        (Role::Caller, Side::Answer) => later(OFFER).replace("a=setup:actpass", "a=setup:passive"),
    }
}

/// The next version of a description.
fn later(sdp: &str) -> String {
    sdp.replacen(" 2 IN IP4", " 3 IN IP4", 1)
}

/// The payload of the n-th `ice-candidate` of either side: a host candidate in the documentation range
/// (RFC 5737), without a `usernameFragment` so that it fits both descriptions.
pub fn candidate(n: u32) -> Value {
    let port = 50_000 + n % 10_000;
    let priority = 2_122_260_223 - (n % 65_536) * 256;
    let host = 1 + n % 254;
    json!({
        "candidate": format!("candidate:{n} 1 udp {priority} 192.0.2.{host} {port} typ host generation 0"),
        "sdpMid": "0",
        "sdpMLineIndex": 0,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_samples_are_sound() {
        use crate::protocol::sdp;
        let read = |role, side| {
            let (description, lints) = sdp::read(&description(role, side), side);
            assert_eq!(lints, [], "{role:?} {side:?}");
            description
        };
        let sides = [Role::Caller, Role::Callee].map(|role| {
            let (offer, answer) = (read(role, Side::Offer), read(role, Side::Answer));
            assert_eq!(sdp::begins(&offer, true), []);
            assert_eq!(sdp::succeeds(&answer, None, &offer, true, None), []);
            assert_eq!(sdp::succeeds(&offer, Some(&offer), &offer, true, None), []);
            (offer, answer)
        });
        assert_eq!(sdp::answers(&sides[0].0, &sides[1].1), []);
        assert_eq!(sdp::answers(&sides[1].0, &sides[0].1), []);
        assert_ne!(candidate(0), candidate(1));
        for n in [0, 1, 7, 70_000, u32::MAX - 1] {
            let payload = candidate(n);
            let text = payload["candidate"].as_str().unwrap();
            assert_eq!(crate::protocol::candidate::read(text).1, [], "{text}");
        }
    }
}
