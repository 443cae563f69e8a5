//! Talks about media between a bot and a client: what the client says is held against all that was said before.

use serde_json::{Value, json};

use crate::protocol::Role;
use crate::protocol::sample;
use crate::protocol::sdp::Side;
use crate::rules::{Blame, Verdict, judge};
use crate::transcript::{Event, Header};

const ALICE: &str = "alice@x/1";
const BOB: &str = "bob@x/2";
const IDS: [&str; 2] = [
    "a1b2c3d4-e5f6-4890-abcd-ef1234567890",
    "b2c3d4e5-f6a7-4901-bcde-f12345678901",
];

/// A call between alice, a bot, and bob, a client of which only alice's end is known.
#[derive(Clone)]
pub(super) struct Talk {
    events: Vec<Value>,
    mdns: bool,
    /// Alice is a client too, and somebody recorded her.
    recorded: bool,
}

impl Talk {
    pub(super) fn new() -> Talk {
        let mut talk = Talk {
            events: Vec::new(),
            mdns: false,
            recorded: false,
        };
        talk.push(json!({"dir": "connected", "jid": ALICE}));
        talk
    }

    pub(super) fn push(&mut self, mut event: Value) -> &mut Talk {
        let n = self.events.len() + 1;
        event["n"] = n.into();
        event["t"] = (n as f64).into();
        if event.get("who").is_none() {
            event["who"] = "alice".into();
        }
        self.events.push(event);
        self
    }

    fn signal(&mut self, alice: bool, kind: &str, payload: &Value) -> &mut Talk {
        let n = self.events.len() + 1;
        self.ask(alice, kind, payload);
        let (answer, own, dir) = match alice {
            true => (BOB, ALICE, "received"),
            false => (ALICE, BOB, "sent"),
        };
        let xml = format!("<iq type='result' id='{n}' from='{answer}' to='{own}'/>");
        self.push(json!({"dir": dir, "xml": xml}))
    }

    /// A signal that is not answered yet.
    fn ask(&mut self, alice: bool, kind: &str, payload: &Value) -> &mut Talk {
        let n = self.events.len() + 1;
        let (from, to, own, other) = if alice {
            (0, 1, ALICE, BOB)
        } else {
            (1, 0, BOB, ALICE)
        };
        let text = json!({
            "type": format!("call:{kind}"), "callId": "0f0e0d0c-0b0a-4908-8706-050403020100",
            "senderId": IDS[from], "recipientId": IDS[to],
            "timestamp": format!("2026-01-01T00:00:{n:02}Z"), "payload": payload,
        });
        let text = crate::stanza::escape(&text.to_string());
        let xml = format!(
            "<iq type='set' id='{n}' from='{own}' to='{other}'><call xmlns='urn:xmpp:call:0'>{text}</call></iq>"
        );
        self.push(json!({"dir": if alice { "sent" } else { "received" }, "xml": xml}))
    }

    pub(super) fn alice(&mut self, kind: &str, payload: &Value) -> &mut Talk {
        self.signal(true, kind, payload)
    }

    pub(super) fn bob(&mut self, kind: &str, payload: &Value) -> &mut Talk {
        self.signal(false, kind, payload)
    }

    /// Up to the accept.
    pub(super) fn picked_up() -> Talk {
        let mut talk = Talk::new();
        talk.alice("initiate", &json!({"callerName": "Alice"}));
        talk.bob("accept", &json!({}));
        talk
    }

    /// Up to both descriptions.
    pub(super) fn connected() -> Talk {
        let mut talk = Talk::picked_up();
        talk.alice("offer", &offer(&[])).bob("answer", &answer(&[]));
        talk
    }

    /// The same, recorded at alice's end.
    pub(super) fn recorded() -> Talk {
        let mut talk = Talk::connected();
        talk.recorded = true;
        talk
    }

    pub(super) fn verdict(&mut self, whole: bool) -> Verdict {
        if whole {
            self.push(json!({"dir": "end"}));
        }
        let header: Header = serde_json::from_value(json!({
            "callspec": 1, "scenario": {}, "profile": {"mdns": self.mdns},
            "witness": if self.recorded { "ends" } else { "bots" },
            "cast": {
                "alice": {"jid": ALICE, "id": IDS[0], "party": if self.recorded { "client" } else { "bot" }},
                "bob": {"jid": BOB, "id": IDS[1], "party": "client"},
            },
        }))
        .expect("a header");
        let events = std::mem::take(&mut self.events);
        let read = |event| serde_json::from_value::<Event>(event).expect("an event");
        judge(&header, events.into_iter().map(read))
    }

    /// What is said of media and answers, with its weight; `whole`: the recording was not cut off.
    pub(super) fn found(&mut self, whole: bool) -> String {
        let verdict = self.verdict(whole);
        let told = verdict
            .findings
            .iter()
            .filter(|found| found.rule.id.starts_with("SD-"));
        let told = told.map(|found| {
            let who = match found.blame {
                Blame::Ourselves => " alice",
                Blame::Nobody => " info",
                _ => "",
            };
            let doubt = if found.excuse.is_some() { "?" } else { "" };
            format!("{}{doubt}{who}", found.rule.id)
        });
        told.collect::<Vec<_>>().join(", ")
    }
}

pub(super) fn changed(role: Role, side: Side, changes: &[(&str, &str)]) -> Value {
    let sdp = changes
        .iter()
        .fold(sample::description(role, side), |sdp, (from, to)| {
            assert!(sdp.contains(from), "{from}");
            sdp.replacen(from, to, 1)
        });
    let word = if side == Side::Offer { "offer" } else { "answer" };
    json!({"sdp": sdp, "type": word})
}

pub(super) fn offer(changes: &[(&str, &str)]) -> Value {
    changed(Role::Caller, Side::Offer, changes)
}

pub(super) fn answer(changes: &[(&str, &str)]) -> Value {
    changed(Role::Callee, Side::Answer, changes)
}

pub(super) fn candidate(port: u32, more: Value) -> Value {
    let mut payload = json!({
        "candidate": format!("candidate:1 1 udp 2122260223 192.0.2.7 {port} typ host"),
        "sdpMid": "0", "sdpMLineIndex": 0,
    });
    for (name, value) in more.as_object().expect("members") {
        payload[name] = value.clone();
    }
    payload
}

pub(super) const NEXT: (&str, &str) = (" 2 IN IP4", " 3 IN IP4");
/// Two sections in place of one.
pub(super) const TWO: (&str, &str) = (
    "m=audio",
    "m=audio 9 UDP/TLS/RTP/SAVPF 0\r\nc=IN IP4 0.0.0.0\r\na=mid:1\r\na=rtcp-mux\r\na=ice-ufrag:c4Sp\r\na=ice-pwd:x8Yw2Kq0Zr6Lm4Nt9Pv1Bh3D\r\n\
     a=setup:actpass\r\na=fingerprint:sha-256 0B:30:55:7A:9F:C4:E9:0E:33:58:7D:A2:C7:EC:11:36:5B:80:A5:CA:EF:14:39:5E:83:A8:CD:F2:17:3C:61:86\r\nm=audio",
);
pub(super) const BOBS_TWO: (&str, &str) = (
    "m=audio",
    "m=audio 0 UDP/TLS/RTP/SAVPF 0\r\nc=IN IP4 0.0.0.0\r\na=mid:1\r\nm=audio",
);
pub(super) const RESTART: [(&str, &str); 2] = [
    ("ice-ufrag:c4Sp", "ice-ufrag:n3wU"),
    ("ice-pwd:x8Yw", "ice-pwd:n3wP"),
];
pub(super) const BOBS_RESTART: [(&str, &str); 2] = [
    ("ice-ufrag:d5Tq", "ice-ufrag:n3wB"),
    ("ice-pwd:q7Rt", "ice-pwd:n3wB"),
];

#[test]
fn an_answer_is_held_against_its_offer() {
    assert_eq!(Talk::connected().found(true), "");
    let mut talk = Talk::picked_up();
    talk.alice("offer", &offer(&[]))
        .bob("answer", &answer(&[BOBS_TWO]));
    assert_eq!(talk.found(true), "SD-05");
    // Without the offer nothing is known.
    let mut talk = Talk::new();
    talk.bob("answer", &answer(&[BOBS_TWO]));
    assert_eq!(talk.found(true), "");
}

#[test]
fn an_answer_may_be_to_any_offer_that_was_under_way() {
    // The second offer is our own breach; bob may have answered either.
    for changes in [&[][..], &[BOBS_TWO]] {
        let mut talk = Talk::picked_up();
        talk.alice("offer", &offer(&[]))
            .alice("offer", &offer(&[NEXT, TWO]));
        talk.bob("answer", &answer(changes));
        assert_eq!(talk.found(true), "");
    }
    let mut talk = Talk::picked_up();
    talk.alice("offer", &offer(&[]))
        .alice("offer", &offer(&[NEXT, TWO]));
    talk.bob("answer", &answer(&[("m=audio", "m=video")]));
    assert_eq!(talk.found(true), "SD-05");
}

#[test]
fn a_renegotiation_is_held_against_what_was_settled() {
    let mut talk = Talk::connected();
    talk.alice("offer", &offer(&[NEXT, RESTART[0], RESTART[1]]));
    talk.bob("answer", &answer(&[NEXT, BOBS_RESTART[0], BOBS_RESTART[1]]));
    assert_eq!(talk.found(true), "");
    let mut talk = Talk::connected();
    talk.alice("offer", &offer(&[NEXT, RESTART[0], RESTART[1]]));
    talk.bob("answer", &answer(&[NEXT]));
    assert_eq!(talk.found(true), "SD-44");
    let mut talk = Talk::connected();
    talk.alice("offer", &offer(&[]));
    talk.bob("answer", &answer(&[NEXT, ("setup:active", "setup:passive")]));
    assert_eq!(talk.found(true), "SD-55");
    // The callee begins one itself, and keeps what it is.
    let mut talk = Talk::connected();
    talk.bob("offer", &changed(Role::Callee, Side::Offer, &[]));
    talk.alice("answer", &changed(Role::Caller, Side::Answer, &[]));
    assert_eq!(talk.found(true), "");
    for (change, rule) in [
        ((" 3 IN", " 1 IN"), ""),
        (("7729291447651054566", "1"), "SD-28"),
        (("a=mid:0", "a=mid:7"), "SD-29, SD-30"),
        (("ice-pwd:q7Rt", "ice-pwd:n3wP"), "SD-43"),
        (("rtpmap:111 opus", "rtpmap:111 L16"), "SD-25"),
        (("setup:actpass", "setup:active"), "SD-08"),
    ] {
        let mut talk = Talk::connected();
        talk.bob("offer", &changed(Role::Callee, Side::Offer, &[change]));
        assert_eq!(talk.found(true), rule, "{change:?}");
    }
}

#[test]
fn a_candidate_names_a_section_of_its_senders_description() {
    for (more, rule) in [
        (json!({}), ""),
        (json!({"sdpMid": null}), ""),
        (json!({"sdpMLineIndex": null}), ""),
        (json!({"sdpMid": "1", "sdpMLineIndex": null}), "SD-11"),
        (json!({"sdpMid": null, "sdpMLineIndex": 1}), "SD-11"),
        (json!({"sdpMLineIndex": 1}), "SD-11"),
        (json!({"usernameFragment": "d5Tq"}), ""),
        (json!({"usernameFragment": "c4Sp"}), "SD-13"),
        (
            json!({"usernameFragment": "d5Tq", "candidate": "candidate:1 1 udp 2122260223 192.0.2.7 9 typ host ufrag c4Sp"}),
            "SD-13",
        ),
        (
            json!({"candidate": "candidate:1 2 udp 2122260222 192.0.2.7 9 typ host"}),
            "SD-38",
        ),
        (
            json!({"candidate": "", "sdpMid": "1", "sdpMLineIndex": null}),
            "SD-11",
        ),
        (
            json!({"candidate": "", "sdpMid": null, "sdpMLineIndex": null}),
            "",
        ),
    ] {
        let mut talk = Talk::connected();
        talk.bob("ice-candidate", &candidate(5, more.clone()));
        assert_eq!(talk.found(true), rule, "{more}");
    }
}

#[test]
fn a_candidate_may_run_ahead_of_its_description() {
    let ahead = candidate(
        5,
        json!({"sdpMid": "1", "sdpMLineIndex": 0, "usernameFragment": "n3wB"}),
    );
    let mut talk = Talk::connected();
    talk.bob("ice-candidate", &ahead);
    assert_eq!(talk.found(true), "SD-11, SD-13");
    // The recording ends before it can be told.
    let mut talk = Talk::connected();
    talk.bob("ice-candidate", &ahead);
    assert_eq!(talk.found(false), "");
    let mut talk = Talk::connected();
    talk.bob("ice-candidate", &ahead);
    let later = [
        (
            "m=audio",
            "m=video 9 UDP/TLS/RTP/SAVPF 96\r\nc=IN IP4 0.0.0.0\r\na=mid:1\r\na=rtpmap:96 VP8/90000\r\na=rtcp-mux\r\nm=audio",
        ),
        ("BUNDLE 0", "BUNDLE 0 1"),
        BOBS_RESTART[0],
        BOBS_RESTART[1],
    ];
    talk.bob("offer", &changed(Role::Callee, Side::Offer, &later));
    assert_eq!(talk.found(true), "SD-29");
}

#[test]
fn whoever_answers_has_taken_its_own_offer_back() {
    let own = changed(
        Role::Callee,
        Side::Offer,
        &[("a=mid:0", "a=mid:x"), ("BUNDLE 0", "BUNDLE x")],
    );
    let mut talk = Talk::picked_up();
    talk.bob("offer", &own);
    talk.alice("offer", &offer(&[])).bob("answer", &answer(&[]));
    assert_eq!(talk.found(true), "");
}

/// The same where nothing was settled yet and its own offer was in its place: in a recording that begins in a call.
#[test]
fn what_has_met_nothing_binds_unless_it_was_taken_back() {
    let own = changed(
        Role::Callee,
        Side::Offer,
        &[("a=mid:0", "a=mid:x"), ("BUNDLE 0", "BUNDLE x")],
    );
    let mut talk = Talk::new();
    talk.recorded = true;
    talk.bob("offer", &own).alice("offer", &offer(&[]));
    talk.bob("answer", &answer(&[]));
    assert_eq!(talk.found(true), "");
    // An answer to what was not recorded binds its sender.
    let mut talk = Talk::new();
    talk.recorded = true;
    talk.bob("answer", &answer(&[])).alice("offer", &offer(&[]));
    talk.bob("answer", &answer(&[("7729291447651054566", "1")]));
    assert_eq!(talk.found(true), "SD-28");
}

/// What cannot be read may have said anything.
#[test]
fn nothing_is_held_against_a_description_that_is_not_whole() {
    let garbled = ("a=mid:0", "mid:0");
    let renewed = offer(&[NEXT, RESTART[0], RESTART[1]]);
    for (first, second) in [(offer(&[garbled]), answer(&[])), (offer(&[]), answer(&[garbled]))] {
        let mut talk = Talk::picked_up();
        talk.alice("offer", &first).bob("answer", &second);
        let before = talk.clone().found(true);
        talk.alice("offer", &renewed).bob("answer", &answer(&[NEXT]));
        assert_eq!(talk.found(true), before);
    }
    // What is answered is rather the offer that can be read, if that fits, and rather the other if it does not.
    for changes in [&[][..], &[BOBS_TWO]] {
        let mut talk = Talk::picked_up();
        talk.alice("offer", &offer(&[]));
        talk.alice("offer", &offer(&[NEXT, garbled, TWO]));
        talk.bob("answer", &answer(changes));
        assert_eq!(talk.found(true), "SD-01 alice");
    }
    // However little of it that can be read the answer fits.
    let mut talk = Talk::picked_up();
    talk.alice("offer", &offer(&[("a=rtcp-mux\r\n", "")]));
    talk.alice("offer", &offer(&[NEXT, garbled, ("a=rtcp-mux", "rtcp-mux")]));
    talk.bob("answer", &answer(&[]));
    assert_eq!(talk.found(true), "SD-33 alice, SD-01 alice, SD-01 alice");
}

#[test]
fn a_section_that_has_no_mid_gets_one_at_the_other_end() {
    let nameless = [("a=mid:0\r\n", ""), ("a=group:BUNDLE 0\r\n", "")];
    let mut talk = Talk::picked_up();
    talk.alice("offer", &offer(&nameless));
    talk.bob("answer", &answer(&nameless));
    let before = talk.clone().found(true);
    let named = |mid: &str| candidate(5, json!({"sdpMid": mid, "sdpMLineIndex": null}));
    talk.bob("ice-candidate", &named("audio"));
    assert_eq!(talk.found(true), before);
}

#[test]
fn an_answer_out_of_its_place_binds_nobody() {
    let mut talk = Talk::connected();
    talk.bob("answer", &answer(&[("setup:active", "setup:passive")]));
    talk.alice("offer", &offer(&[NEXT]))
        .bob("answer", &answer(&[NEXT]));
    assert_eq!(talk.found(true), "");
}

#[test]
fn a_recording_tells_once_the_sender_is_done_with_the_call() {
    let lost = candidate(5, json!({"sdpMid": "1", "sdpMLineIndex": null}));
    let bye = json!({"reason": "completed"});
    for alice in [true, false] {
        let said = || {
            let mut talk = Talk::recorded();
            talk.signal(alice, "ice-candidate", &lost);
            talk
        };
        // The other side has answered the hangup: it gives no description any more.
        for hung_up in [true, false] {
            assert_eq!(said().signal(hung_up, "hangup", &bye).found(false), "SD-11");
        }
        // Its description may follow, or stand in what was not recorded.
        assert_eq!(said().found(false), "SD-11?");
        let mut away = said();
        away.push(json!({"dir": "disconnected"}));
        away.push(json!({"dir": "connected", "jid": ALICE}));
        assert_eq!(away.signal(alice, "hangup", &bye).found(false), "SD-11?");
        // Somebody else's coming and going says nothing.
        let mut other = said();
        other.push(json!({"dir": "connected", "jid": "carol@x/3", "who": "carol"}));
        other.push(json!({"dir": "disconnected", "who": "carol"}));
        assert_eq!(other.signal(alice, "hangup", &bye).found(false), "SD-11");
    }
}

/// Bob may not have seen its end yet, and describe something still.
#[test]
fn who_is_done_with_a_call_tells_nothing_of_the_other_side() {
    let lost = candidate(5, json!({"sdpMid": "1", "sdpMLineIndex": null}));
    let mut talk = Talk::recorded();
    talk.bob("ice-candidate", &lost);
    let mut both = talk.clone();
    both.alice("ice-candidate", &lost);
    for (talk, told) in [(&mut talk, "SD-11?"), (&mut both, "SD-11?, SD-11")] {
        talk.ask(true, "hangup", &json!({"reason": "completed"}));
        assert_eq!(talk.found(false), told);
    }
}

/// Whoever answers what came later had seen the end, in whichever call that stands.
#[test]
fn an_answer_in_another_call_shows_that_its_sender_is_done_with_this_one() {
    let lost = candidate(5, json!({"sdpMid": "1", "sdpMLineIndex": null}));
    let mut talk = Talk::recorded();
    talk.alice("ice-candidate", &lost);
    talk.ask(false, "hangup", &json!({"reason": "completed"}));
    talk.ask(false, "initiate", &json!({"callerName": "Bob"}));
    let (n, another) = (talk.events.len(), talk.events.last_mut().expect("an initiate"));
    let xml = another["xml"].as_str().expect("a stanza");
    another["xml"] = xml.replace("0f0e0d0c-", "1f0e0d0c-").into();
    assert_eq!(talk.clone().found(false), "SD-11?");
    let xml = format!("<iq type='result' id='{n}' from='{ALICE}' to='{BOB}'/>");
    talk.push(json!({"dir": "sent", "xml": xml}));
    assert_eq!(talk.found(false), "SD-11");
}

#[test]
fn a_candidate_that_crosses_an_answer_is_of_what_was_in_force() {
    let old = candidate(5, json!({"usernameFragment": "d5Tq"}));
    let restart = || {
        let mut talk = Talk::recorded();
        talk.bob("offer", &changed(Role::Callee, Side::Offer, &BOBS_RESTART));
        talk
    };
    let answer = changed(Role::Caller, Side::Answer, &RESTART);
    // Bob's answer to it comes behind his candidate, or before.
    let mut crossing = restart();
    crossing.ask(true, "answer", &answer);
    crossing.bob("ice-candidate", &old);
    assert_eq!(
        crossing
            .bob("hangup", &json!({"reason": "completed"}))
            .found(false),
        "SD-13?"
    );
    let mut late = restart();
    late.alice("answer", &answer).bob("ice-candidate", &old);
    assert_eq!(
        late.bob("hangup", &json!({"reason": "completed"})).found(false),
        "SD-13"
    );
}

#[test]
fn an_old_generation_is_over_once_both_sides_have_settled_another() {
    let old = candidate(5, json!({"usernameFragment": "d5Tq"}));
    // An offer that is not answered yet may be taken back.
    let mut talk = Talk::connected();
    talk.bob(
        "offer",
        &changed(Role::Callee, Side::Offer, &[BOBS_RESTART[0], BOBS_RESTART[1]]),
    );
    talk.bob("ice-candidate", &old);
    assert_eq!(talk.found(true), "");
    let mut talk = Talk::connected();
    talk.alice("offer", &offer(&[NEXT, RESTART[0], RESTART[1]]));
    talk.bob("answer", &answer(&[NEXT, BOBS_RESTART[0], BOBS_RESTART[1]]));
    talk.bob("ice-candidate", &old);
    assert_eq!(talk.found(true), "SD-13");
}

#[test]
fn candidates_end_and_are_sent_once() {
    let end = candidate(0, json!({"candidate": ""}));
    let mut talk = Talk::connected();
    talk.bob("ice-candidate", &candidate(5, json!({})));
    talk.bob("ice-candidate", &candidate(6, json!({})));
    talk.bob("ice-candidate", &end).bob("ice-candidate", &end);
    assert_eq!(talk.found(true), "");
    let mut talk = Talk::connected();
    talk.bob("ice-candidate", &candidate(5, json!({})));
    talk.bob("ice-candidate", &candidate(5, json!({"sdpMLineIndex": null})));
    assert_eq!(talk.found(true), "SD-42");
    let mut talk = Talk::connected();
    talk.bob("ice-candidate", &end)
        .bob("ice-candidate", &candidate(5, json!({})));
    assert_eq!(talk.found(true), "SD-41");
    // A restart begins anew; the other side's end is its own.
    let mut talk = Talk::connected();
    talk.bob("ice-candidate", &end);
    talk.alice("offer", &offer(&[NEXT, RESTART[0], RESTART[1]]));
    talk.bob("answer", &answer(&[NEXT, BOBS_RESTART[0], BOBS_RESTART[1]]));
    talk.bob("ice-candidate", &candidate(5, json!({})));
    talk.alice("ice-candidate", &end);
    assert_eq!(talk.found(true), "");
}

/// With a section of video below that of audio, which is able to be on its own.
fn with_video(mut description: Value) -> Value {
    let audio = description["sdp"].as_str().expect("a description");
    let transport = |line: &&str| ["a=ice-", "a=fing", "a=setu"].contains(&&line[..line.len().min(6)]);
    let transport: String = audio.split_inclusive("\r\n").filter(transport).collect();
    let video = format!("m=video 9 UDP/TLS/RTP/SAVPF 96\r\nc=IN IP4 0.0.0.0\r\na=mid:1\r\n{transport}");
    description["sdp"] = format!("{audio}{video}a=rtpmap:96 VP8/90000\r\na=rtcp-mux\r\n").into();
    description
}

#[test]
fn the_end_of_candidates_is_that_of_their_connection() {
    let video = |port| candidate(port, json!({"sdpMid": "1", "sdpMLineIndex": 1}));
    let end = json!({"candidate": "", "sdpMid": "1", "sdpMLineIndex": 1});
    let end_of_all = json!({"candidate": "", "sdpMid": null, "sdpMLineIndex": null});
    let both = ("BUNDLE 0", "BUNDLE 0 1");
    // Audio carries video, and goes: video gathers for itself, once.
    let mut talk = Talk::picked_up();
    talk.alice("offer", &with_video(offer(&[both])));
    talk.bob("answer", &with_video(answer(&[both])));
    talk.bob("ice-candidate", &video(5)).bob("ice-candidate", &end);
    let alone = [NEXT, ("BUNDLE 0", "BUNDLE 1"), ("m=audio 9", "m=audio 0")];
    talk.alice("offer", &with_video(offer(&alone)));
    talk.bob("answer", &with_video(answer(&alone)));
    talk.bob("ice-candidate", &video(5)).bob("ice-candidate", &end);
    assert_eq!(talk.clone().found(true), "");
    assert_eq!(talk.clone().bob("ice-candidate", &video(6)).found(true), "SD-41");
    // So it is where all of it had ended at once.
    let mut all = Talk::picked_up();
    all.alice("offer", &with_video(offer(&[both])));
    all.bob("answer", &with_video(answer(&[both])));
    all.bob("ice-candidate", &end_of_all);
    all.alice("offer", &with_video(offer(&alone)));
    all.bob("answer", &with_video(answer(&alone)));
    assert_eq!(all.bob("ice-candidate", &video(5)).found(true), "");
    // It goes on as it is: what has ended has ended.
    let later = [(" 2 IN IP4", " 4 IN IP4"), alone[1], alone[2]];
    talk.alice("offer", &with_video(offer(&later)));
    talk.bob("answer", &with_video(answer(&later)));
    talk.bob("ice-candidate", &video(6));
    assert_eq!(talk.found(true), "SD-41");
    // An end of all is one of the sections that there are.
    let mut talk = Talk::connected();
    talk.bob("ice-candidate", &end_of_all);
    let mut same = talk.clone();
    same.alice("offer", &offer(&[NEXT]))
        .bob("answer", &answer(&[NEXT]));
    same.bob("ice-candidate", &candidate(5, json!({})));
    assert_eq!(same.found(true), "SD-41");
    talk.alice("offer", &with_video(offer(&[NEXT])));
    talk.bob("answer", &with_video(answer(&[NEXT])));
    talk.bob("ice-candidate", &video(5));
    assert_eq!(talk.found(true), "");
}

#[test]
fn remarks_blame_nobody() {
    let private = candidate(
        5,
        json!({"candidate": "candidate:1 1 udp 2122260223 192.168.7.7 5 typ host"}),
    );
    // What a router shows outside may be a private address too, and is not the host's own.
    let outside = "candidate:1 1 udp 1685987071 192.168.7.7 5 typ srflx raddr 0.0.0.0 rport 0";
    let mut talk = Talk::connected();
    talk.mdns = true;
    talk.bob("ice-candidate", &candidate(5, json!({"candidate": outside})));
    assert_eq!(talk.found(true), "");
    let hidden = candidate(
        5,
        json!({"candidate": "candidate:1 1 udp 2122260223 8f2f4b1e.local 5 typ host"}),
    );
    for (mdns, hides, found) in [
        (false, false, ""),
        (true, false, "SD-14 info"),
        (false, true, "SD-14 info"),
    ] {
        let mut talk = Talk::connected();
        talk.mdns = mdns;
        if hides {
            talk.bob("ice-candidate", &hidden);
        }
        talk.bob("ice-candidate", &private);
        assert_eq!(talk.found(true), found);
    }
    let mut talk = Talk::picked_up();
    talk.alice("offer", &offer(&[]))
        .bob("answer", &answer(&[("a=ice-options:trickle\r\n", "")]));
    talk.bob("ice-candidate", &candidate(5, json!({})));
    talk.bob("ice-candidate", &candidate(6, json!({})));
    assert_eq!(talk.found(true), "SD-35 info");
    // An answer says so only where the offer did.
    let mut talk = Talk::picked_up();
    talk.alice("offer", &offer(&[("a=ice-options:trickle\r\n", "")]));
    talk.bob("answer", &answer(&[("a=ice-options:trickle\r\n", "")]));
    talk.bob("ice-candidate", &candidate(5, json!({})));
    assert_eq!(talk.found(true), "");
}

#[test]
fn a_call_of_many_descriptions_is_followed_in_bounded_memory() {
    let mut talk = Talk::connected();
    for _ in 0..100 {
        talk.alice("offer", &offer(&[])).bob("answer", &answer(&[]));
        talk.bob("ice-candidate", &candidate(7, json!({"sdpMid": "9"})));
    }
    let found = talk.found(true);
    assert!(found.matches("SD-11").count() <= 64);
}
