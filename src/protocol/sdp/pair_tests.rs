//! Two descriptions that belong together: an answer and its offer, and what a party says after what it said before.

use super::tests::{CORPUS, answer, corpus, offer, told, wire};
use super::*;
use crate::protocol::sample;

/// One change to an answer each, and what it breaks with the offer.
#[test]
fn each_rule_of_an_answer_is_found_where_it_is_broken() {
    let pairs: Vec<(Description, String)> = (0..CORPUS.len())
        .map(corpus)
        .map(|(_, asked, given)| (offer(&asked), given))
        .collect();
    let [firefox, safari, bundle, lite, plain] = [0, 1, 2, 3, 4];
    for (which, from, to, rules) in [
        (firefox, "m=audio 49203", "m=video 49203", "SD-05"),
        (
            safari,
            "m=application 9 UDP/DTLS/SCTP webrtc-datachannel\n",
            "",
            "SD-05",
        ),
        (firefox, "a=mid:0", "a=mid:audio", "SD-09 should"),
        (firefox, "a=mid:0\n", "", "SD-09 should"),
        (firefox, "UDP/TLS/RTP/SAVPF", "RTP/SAVPF", "SD-27"),
        (
            firefox,
            "a=rtpmap:109 opus/48000/2",
            "a=rtpmap:109 L16/48000/2",
            "",
        ),
        (firefox, "SAVPF 109 101", "SAVPF 109", ""),
        (firefox, "SAVPF 109 101", "SAVPF 99", "SD-23"),
        (
            firefox,
            "a=rtpmap:109 opus/48000/2",
            "a=rtpmap:109 telephone-event/8000",
            "SD-24 should",
        ),
        (bundle, "a=mid:2\na=sendonly", "a=mid:2\na=recvonly", "SD-22"),
        (bundle, "a=mid:2\na=sendonly", "a=mid:2", "SD-22"),
        (
            lite,
            "a=mid:audio\na=inactive",
            "a=mid:audio\na=recvonly",
            "SD-22",
        ),
        (lite, "m=text 0", "m=text 9", "SD-26"),
        (plain, "a=mid:a\n", "a=mid:a\na=tls-id:abc\n", "SD-54"),
        (
            bundle,
            "BUNDLE 0 1 2 3",
            "BUNDLE 0 1 2 3\na=group:BUNDLE 9",
            "SD-31",
        ),
        (safari, "BUNDLE 0 2", "BUNDLE 0 1 2", "SD-31"),
        (firefox, "a=rtcp-mux\n", "", "SD-33"),
        (firefox, "a=extmap:3 ", "a=extmap:4 ", "SD-51"),
        (firefox, "a=extmap:3 urn", "a=extmap:5 x-urn", "SD-51 should"),
        (firefox, "a=extmap:3 urn", "a=extmap:3 x-urn", "SD-51"),
        (firefox, "a=extmap:3 ", "a=extmap:255 ", "SD-51"),
        (firefox, "a=extmap:3 ", "a=extmap:4096 ", ""),
    ] {
        let (asked, given) = &pairs[which];
        let text = given.replacen(from, to, 1);
        assert_ne!(&text, given, "{from}");
        let (given, _) = read(&wire(&text), Side::Answer);
        assert_eq!(told(&answers(asked, &given)), rules, "{from} -> {to}");
    }
    // What is refused needs no name.
    let (asked, given) = &pairs[firefox];
    let off = given
        .replacen("m=audio 49203", "m=audio 0", 1)
        .replacen("a=mid:0\n", "", 1);
    assert_eq!(told(&answers(asked, &read(&wire(&off), Side::Answer).0)), "");
    // What the offer lacks.
    let given = answer(&corpus(0).2);
    for (from, to, rules) in [
        ("a=rtcp-mux\n", "", "SD-32"),
        // Of several directions a reader may go by any.
        ("a=rtcp-mux\n", "a=rtcp-mux\na=inactive\n", ""),
        ("a=setup:actpass", "a=setup:active", "SD-08"),
        ("a=setup:actpass", "a=setup:passive", ""),
        ("m=audio 9 ", "m=audio 0 ", "SD-26"),
        // An id that the answer was to choose, and one that stands above all sections.
        ("a=extmap:3 ", "a=extmap:255 ", "SD-51"),
        ("a=extmap:3 ", "a=extmap:4100 ", ""),
        ("a=extmap:3 urn", "a=x:3 urn", "SD-51 should"),
    ] {
        let (asked, _) = read(&wire(&corpus(0).1.replacen(from, to, 1)), Side::Offer);
        assert_eq!(told(&answers(&asked, &given)), rules, "{from} -> {to}");
    }
}

#[test]
fn offers_begin_with_sound_and_leave_the_role_open() {
    let change = |from: &str, to: &str| read(&sample::offer().replacen(from, to, 1), Side::Offer).0;
    for (from, to, first, later) in [
        ("m=audio", "m=video", "SD-04", ""),
        ("m=audio 9", "m=audio 0", "SD-04", ""),
        ("a=setup:actpass", "a=setup:passive", "SD-08", "SD-08 should"),
    ] {
        assert_eq!(told(&begins(&change(from, to), true)), first, "{to}");
        assert_eq!(told(&begins(&change(from, to), false)), later, "{to}");
    }
}

#[test]
fn what_a_party_said_before_binds_it() {
    let (before, peer) = (offer(sample::offer()), answer(sample::answer()));
    let after = |changes: &[(&str, &str)]| {
        let text = changes
            .iter()
            .fold(sample::offer().to_owned(), |text, (from, to)| {
                text.replacen(from, to, 1)
            });
        read(&text, Side::Offer).0
    };
    const NEXT: (&str, &str) = (" 2 IN", " 3 IN");
    const VIDEO: &str = "m=video 9 UDP/TLS/RTP/SAVPF 96\r\na=mid:v\r\na=rtpmap:96 VP8/90000\r\nm=audio 9 UDP/TLS/RTP/SAVPF 111\r\na=mid:a\r\nm=audio";
    for (changes, rules) in [
        (vec![], ""),
        (vec![NEXT], ""),
        (vec![("a=rtcp-rsize\r\n", "")], "SD-28 should"),
        (vec![NEXT, ("a=rtcp-rsize\r\n", "")], ""),
        // Candidates and addresses are found while the description stays as it is.
        (
            vec![(
                "a=rtcp-rsize",
                "a=candidate:1 1 udp 2122260223 192.0.2.7 50000 typ host\r\na=end-of-candidates\r\na=rtcp-rsize",
            )],
            "",
        ),
        (
            vec![("a=rtcp:9 IN IP4 0.0.0.0", "a=rtcp:50001 IN IP4 192.0.2.1")],
            "",
        ),
        (
            vec![
                ("m=audio 9", "m=audio 50000"),
                ("c=IN IP4 0.0.0.0", "c=IN IP4 192.0.2.1"),
            ],
            "",
        ),
        (vec![(" 2 IN", " 1 IN")], "SD-28 should"),
        (vec![(" 2 IN", " 11 IN")], ""),
        (
            vec![(" 2 IN IP4 127.0.0.1", " 3 IN IP4 127.0.0.2")],
            "SD-28 should",
        ),
        // A new session binds nobody.
        (
            vec![("4611731400430051336 2", "7 1"), ("m=audio", "m=video")],
            "SD-28 should",
        ),
        (vec![NEXT, ("m=audio", VIDEO)], "SD-29"),
        (vec![NEXT, ("a=mid:0", "a=mid:5")], "SD-29 should"),
        (
            vec![NEXT, ("rtpmap:111 opus/48000/2", "rtpmap:111 VP8/90000")],
            "SD-25",
        ),
        (vec![NEXT, ("ufrag:c4Sp", "ufrag:n3wU")], "SD-43"),
        (vec![NEXT, ("pwd:x8Yw", "pwd:n3wP")], "SD-43"),
        (
            vec![NEXT, ("ufrag:c4Sp", "ufrag:n3wU"), ("pwd:x8Yw", "pwd:n3wP")],
            "",
        ),
    ] {
        let next = after(&changes);
        let lints = succeeds(&before, Some(&before), &next, true, Some(&peer));
        assert_eq!(told(&lints), rules, "{changes:?}");
    }
    // What had no user name keeps none.
    let bare = after(&[("a=ice-ufrag:c4Sp\r\n", "")]);
    assert_eq!(told(&succeeds(&bare, None, &after(&[NEXT]), true, None)), "");
    let two = after(&[("m=audio", VIDEO)]);
    assert_eq!(
        told(&succeeds(&two, None, &after(&[NEXT]), true, None)),
        "SD-29, SD-29"
    );
    assert_eq!(
        told(&succeeds(&before, None, &two, false, None)),
        "SD-29",
        "an answer may have more sections, but not others"
    );
    // A place that the other side had switched off may be used again.
    let refused = read(
        &sample::answer().replacen("m=audio 9", "m=audio 0", 1),
        Side::Answer,
    )
    .0;
    let next = after(&[NEXT, ("m=audio", "m=video")]);
    assert_eq!(told(&succeeds(&before, None, &next, true, Some(&refused))), "");
}

#[test]
fn an_answer_restarts_and_keeps_its_role_as_it_must() {
    let (asked, given) = (offer(sample::offer()), answer(sample::answer()));
    let renew = |text: &str, side| {
        let text = text.replacen("ice-ufrag:", "ice-ufrag:new", 1);
        read(&text.replacen("ice-pwd:", "ice-pwd:new", 1), side).0
    };
    let (new_offer, new_answer) = (
        renew(sample::offer(), Side::Offer),
        renew(sample::answer(), Side::Answer),
    );
    for (offers, answers, rules) in [
        ((&asked, &asked), (&given, &given), ""),
        ((&asked, &new_offer), (&given, &new_answer), ""),
        ((&asked, &new_offer), (&given, &given), "SD-44 should"),
        ((&asked, &asked), (&given, &new_answer), "SD-44 should"),
    ] {
        assert_eq!(told(&restarted(offers, answers)), rules);
    }
    let flipped = read(
        &sample::answer().replace("setup:active", "setup:passive"),
        Side::Answer,
    )
    .0;
    for (client, answer, rules) in [
        (true, &given, ""),
        (false, &given, "SD-55"),
        (true, &flipped, "SD-55"),
        (false, &flipped, ""),
    ] {
        assert_eq!(told(&roles(client, (&asked, &asked), (&given, answer))), rules);
    }
    // Where the section that carried this one is gone, browsers begin a connection with a role of its own.
    let carried = sample::answer().replace("BUNDLE 0", "BUNDLE 1 0");
    let carried = read(&carried, Side::Answer).0;
    let found = roles(true, (&asked, &asked), (&carried, &flipped));
    assert_eq!(told(&found), "SD-55 should");
    assert_eq!(roles(false, (&asked, &new_offer), (&given, &new_answer)), []);
    // One side alone has begun anew, or carries nothing.
    let began = |text: &str, side| read(&text.replacen("o=- ", "o=- 7", 1), side).0;
    let (new_asked, new_given) = (
        began(sample::offer(), Side::Offer),
        began(sample::answer(), Side::Answer),
    );
    let off = read(
        &sample::answer().replacen("m=audio 9", "m=audio 0", 1),
        Side::Answer,
    )
    .0;
    for (asked_now, given_now) in [
        (&asked, &new_answer),
        (&new_offer, &given),
        (&asked, &new_given),
        (&new_asked, &given),
        (&asked, &off),
    ] {
        assert_eq!(roles(false, (&asked, asked_now), (&given, given_now)), []);
    }
    let renewed = renew(&sample::answer().replacen("o=- ", "o=- 7", 1), Side::Answer);
    assert_eq!(restarted((&asked, &asked), (&given, &renewed)), []);
    let renewed = renew(&sample::offer().replacen("o=- ", "o=- 7", 1), Side::Offer);
    assert_eq!(restarted((&asked, &renewed), (&given, &given)), []);
    // A new tls-id is a new connection.
    let tagged = |text: &str, side| read(&text.replacen("a=mid", "a=tls-id:new\r\na=mid", 1), side).0;
    let renewed = (
        tagged(sample::offer(), Side::Offer),
        tagged(sample::answer(), Side::Answer),
    );
    assert_eq!(roles(false, (&asked, &renewed.0), (&given, &renewed.1)), []);
}
