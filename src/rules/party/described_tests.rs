//! Talks about media in which more than one description is in play, or one that cannot be read.

use serde_json::{Value, json};

use super::media::{Look, Media, Speaker};
use super::media_tests::{BOBS_TWO, NEXT, RESTART, TWO, Talk, answer, candidate, changed, offer};
use crate::protocol::sdp::Side;
use crate::protocol::{Role, decode, sample};

/// An offer of bob's, in a call that he answered before, with a section for data at its end.
fn with_data() -> Value {
    with_section(
        Role::Callee,
        Side::Offer,
        "m=application 9 UDP/DTLS/SCTP webrtc-datachannel\r\nc=IN IP4 0.0.0.0\r\na=mid:1\r\na=sctp-port:5000\r\n",
    )
}

/// A description with one more section, which goes the way of the first.
fn with_section(role: Role, side: Side, more: &str) -> Value {
    let mut described = changed(role, side, &[("BUNDLE 0", "BUNDLE 0 1")]);
    let sdp = described["sdp"].as_str().expect("a description");
    let common = |line: &&str| {
        ["a=ice-ufrag", "a=ice-pwd", "a=fingerprint", "a=setup"]
            .iter()
            .any(|start| line.starts_with(start))
    };
    let own: String = sdp
        .lines()
        .filter(common)
        .map(|line| format!("{line}\r\n"))
        .collect();
    described["sdp"] = format!("{sdp}{more}{own}").into();
    described
}

fn unreadable(kind: &str) -> Value {
    json!({"sdp": "v=0\r\no=- 1 1 IN IP4 0.0.0.0\r\nnonsense\r\n", "type": kind})
}

#[test]
fn each_section_has_candidates_of_its_own() {
    let with = |candidates: &[Value]| {
        let mut talk = Talk::connected();
        talk.bob("offer", &with_data());
        for candidate in candidates {
            talk.bob("ice-candidate", candidate);
        }
        talk.found(true)
    };
    let end = candidate(0, json!({"candidate": ""}));
    let second = candidate(5, json!({"sdpMid": "1", "sdpMLineIndex": 1}));
    let by_index = candidate(5, json!({"sdpMid": null, "sdpMLineIndex": 1}));
    // Neither the end of one's nor the same one there says anything of the other's.
    assert_eq!(with(&[candidate(5, json!({})), end.clone(), second.clone()]), "");
    assert_eq!(with(&[end, by_index.clone()]), "");
    assert_eq!(with(&[second, by_index]), "SD-42");
    // What an offer asks for has one component for data, and two for sound until it is agreed that they share one.
    let component = |n: u8, section: u8| {
        let text = format!(
            "candidate:1 {n} udp {} 192.0.2.7 5 typ host",
            (126 << 24 | 65_535 << 8) + 256 - u32::from(n)
        );
        candidate(
            5,
            json!({"candidate": text, "sdpMid": section.to_string(), "sdpMLineIndex": section}),
        )
    };
    for (n, section, found) in [(1, 1, ""), (2, 1, "SD-38"), (2, 0, ""), (3, 0, "SD-38")] {
        assert_eq!(with(&[component(n, section)]), found, "{n} in {section}");
    }
    let said = |candidate: Value| {
        let mut talk = Talk::connected();
        talk.bob("offer", &with_data()).bob("ice-candidate", &candidate);
        let mut findings = talk.verdict(true).findings.into_iter();
        findings
            .find(|found| found.rule.id == "SD-38")
            .map(|found| found.message)
    };
    assert_eq!(
        said(component(2, 1)),
        Some("In a signal of bob: a candidate for component 2, where there are 1.".to_owned())
    );
    assert_eq!(
        said(component(3, 0)),
        Some("In a signal of bob: a candidate for component 3, where there are 2.".to_owned())
    );
}

#[test]
fn what_waits_for_a_description_is_met_only_by_one_that_has_it() {
    let mut talk = Talk::connected();
    talk.bob(
        "ice-candidate",
        &candidate(5, json!({"sdpMid": "1", "sdpMLineIndex": null})),
    );
    talk.bob("offer", &changed(Role::Callee, Side::Offer, &[]));
    assert_eq!(talk.found(true), "SD-11");
}

/// It was told when the call was over, and no description could follow.
#[test]
fn who_goes_after_the_end_has_left_nothing_unseen() {
    let lost = candidate(5, json!({"sdpMid": "1", "sdpMLineIndex": null}));
    let bye = json!({"reason": "completed"});
    let (mut own, mut other) = (Talk::recorded(), Talk::recorded());
    own.alice("ice-candidate", &lost).alice("hangup", &bye);
    other.bob("ice-candidate", &lost).bob("hangup", &bye);
    for talk in [&mut own, &mut other] {
        talk.push(json!({"dir": "disconnected"}));
        assert_eq!(talk.found(false), "SD-11");
    }
}

#[test]
fn what_waits_is_not_counted_as_kept() {
    let held = |more: Value| {
        let verdict = Talk::connected()
            .bob("ice-candidate", &candidate(5, more))
            .verdict(true);
        ["SD-11", "SD-13", "SD-41"].map(|id| verdict.rules.get(id).map_or(0, |tally| tally.held))
    };
    assert_eq!(held(json!({"usernameFragment": "d5Tq"})), [1, 1, 1]);
    assert_eq!(held(json!({"usernameFragment": "n3wB"})), [1, 0, 1]);
    assert_eq!(
        held(json!({"usernameFragment": "d5Tq", "sdpMid": "1"})),
        [0, 1, 1]
    );
}

#[test]
fn an_answer_is_to_an_open_offer_of_the_other_side() {
    // That it would have answered the first one is long past.
    let mut talk = Talk::connected();
    talk.alice("offer", &offer(&[NEXT, TWO]))
        .bob("answer", &answer(&[NEXT]));
    assert!(talk.found(true).contains("SD-05"));
    // Nor does it answer bob's own offer, which he has taken back.
    let own = changed(Role::Callee, Side::Offer, &[BOBS_TWO]);
    let mut talk = Talk::picked_up();
    talk.bob("offer", &own)
        .alice("offer", &offer(&[]))
        .bob("answer", &answer(&[BOBS_TWO]));
    assert!(talk.found(true).contains("SD-05"));
    // Where it does not fit, nothing else is said of it.
    let mut talk = Talk::connected();
    talk.alice("offer", &offer(&[NEXT, RESTART[0], RESTART[1]]))
        .bob("answer", &answer(&[NEXT, BOBS_TWO]));
    assert_eq!(talk.found(true), "SD-05");
}

/// Of what cannot be read that alone is told.
#[test]
fn what_cannot_be_read_may_have_said_anything() {
    // Whoever answers may have answered the offer that nobody else can read.
    let mut talk = Talk::picked_up();
    talk.alice("offer", &offer(&[]))
        .alice("offer", &unreadable("offer"))
        .bob("answer", &answer(&[BOBS_TWO]));
    assert!(!talk.found(true).contains("SD-05"));
    let mut talk = Talk::picked_up();
    talk.alice("offer", &unreadable("offer"))
        .alice("offer", &offer(&[]))
        .bob("answer", &answer(&[BOBS_TWO]));
    assert!(!talk.found(true).contains("SD-05"));
    // It begins nothing that a later one has to go on with.
    let mut talk = Talk::picked_up();
    talk.alice("offer", &unreadable("offer"))
        .bob("answer", &answer(&[]));
    talk.alice("offer", &offer(&[NEXT]))
        .bob("answer", &answer(&[NEXT]));
    assert!(!talk.found(true).contains("SD-44"));
    // As an answer it fits whatever was offered, and nothing is held against it but itself.
    let mut talk = Talk::connected();
    talk.alice("offer", &offer(&[NEXT]))
        .bob("answer", &unreadable("answer"));
    assert_eq!(talk.found(true), "SD-01, SD-01");
    // A candidate may be of it.
    let mut talk = Talk::connected();
    talk.bob("offer", &unreadable("offer"));
    talk.bob(
        "ice-candidate",
        &candidate(5, json!({"sdpMid": "1", "sdpMLineIndex": null})),
    );
    assert_eq!(talk.found(true), "SD-01, SD-01");
    // What is no candidate is of no section.
    let mut talk = Talk::connected();
    assert_eq!(talk.bob("ice-candidate", &json!({"sdpMid": "1"})).found(true), "");
}

#[test]
fn a_version_goes_on_from_the_last_description_of_its_kind() {
    let other = ("a=rtpmap:0 PCMU/8000", "a=rtpmap:0 PCMU/8000\r\na=ptime:40");
    let mut talk = Talk::connected();
    talk.alice("offer", &offer(&[NEXT]))
        .bob("answer", &answer(&[other]));
    assert_eq!(talk.found(true), "SD-28");
    // An offer out of its place is none to go on from.
    let early = changed(Role::Callee, Side::Offer, &[(" 3 IN IP4", " 9 IN IP4")]);
    let mut talk = Talk::picked_up();
    talk.bob("offer", &early);
    talk.alice("offer", &offer(&[])).bob("answer", &answer(&[]));
    talk.bob("offer", &changed(Role::Callee, Side::Offer, &[]));
    assert_eq!(talk.found(true), "");
}

/// In the place of a section that the other side has refused another may stand (RFC 3264 §8.2).
#[test]
fn what_the_other_side_switched_off_makes_room_for_something_else() {
    for (port, told) in [("0", ""), ("9", "SD-29")] {
        let section = "m=application 9 UDP/DTLS/SCTP webrtc-datachannel\r\nc=IN IP4 0.0.0.0\r\na=mid:1\r\na=sctp-port:5000\r\n";
        let mut given = with_section(Role::Caller, Side::Answer, &section.replacen('9', port, 1));
        if port == "0" {
            given["sdp"] = given["sdp"]
                .as_str()
                .expect("a description")
                .replace("BUNDLE 0 1", "BUNDLE 0")
                .into();
        }
        let video = "m=video 9 UDP/TLS/RTP/SAVPF 96\r\nc=IN IP4 0.0.0.0\r\na=mid:2\r\na=rtcp-mux\r\na=rtpmap:96 VP8/90000\r\n";
        let mut next = with_section(Role::Callee, Side::Offer, video);
        let sdp = next["sdp"].as_str().expect("a description");
        next["sdp"] = sdp
            .replace("BUNDLE 0 1", "BUNDLE 0 2")
            .replace(" 3 IN IP4", " 4 IN IP4")
            .into();
        let mut talk = Talk::connected();
        talk.bob("offer", &with_data())
            .alice("answer", &given)
            .bob("offer", &next);
        assert_eq!(talk.found(true), told, "{port}");
    }
}

#[test]
fn of_a_flood_of_devices_eight_are_followed() {
    let text =
        json!({"type": "call:offer", "payload": {"sdp": sample::offer(), "type": "offer"}}).to_string();
    let (mut media, decoded) = (Media::new(false), decode(&text));
    for n in 0..20_u64 {
        let key = n.to_string();
        let who = Speaker {
            call: "c",
            key: &key,
            user: "bob@x",
            n,
        };
        media.note(who, &decoded, Look::default(), false, |_| {
            panic!("nothing was found")
        });
    }
    assert_eq!(media.finish().len(), 8);
}
