//! Talks about media in which more than one description is in play, or one that cannot be read.

use serde_json::{Value, json};

use super::media::{Look, Media, Speaker};
use super::media_tests::{BOBS_TWO, NEXT, RESTART, TWO, Talk, answer, candidate, changed, offer};
use crate::protocol::sdp::Side;
use crate::protocol::{Role, decode, sample};

/// An offer of bob's, in a call that he answered before, with a section for data at its end.
fn with_data() -> Value {
    let mut offer = changed(Role::Callee, Side::Offer, &[("BUNDLE 0", "BUNDLE 0 1")]);
    let more = "m=application 9 UDP/DTLS/SCTP webrtc-datachannel\r\nc=IN IP4 0.0.0.0\r\na=mid:1\r\na=sctp-port:5000\r\n";
    let sdp = offer["sdp"].as_str().expect("a description");
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
    offer["sdp"] = format!("{sdp}{more}{own}").into();
    offer
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
