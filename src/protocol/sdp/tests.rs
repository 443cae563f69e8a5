//! What browsers, servers and old stacks send is sound; each rule has a description that breaks it and nothing else.

use proptest::prelude::*;

use super::*;
use crate::protocol::sample;

macro_rules! corpus {
    ($($name:literal),*) => {
        &[$(($name,
            include_str!(concat!("../../../scenarios/sdp/sdp/", $name, "-offer.sdp")),
            include_str!(concat!("../../../scenarios/sdp/sdp/", $name, "-answer.sdp")))),*]
    };
}

/// Written by hand in the shapes that are met in the field; a name, an offer and its answer.
pub(super) const CORPUS: &[(&str, &str, &str)] = corpus![
    "firefox-audio",
    "safari-simulcast",
    "chrome-bundle-only",
    "lite-server",
    "plain-stack"
];

/// Two Chromium as they were recorded, and a large offer.
const RECORDED: &[(&str, &str)] = &[
    ("offer", include_str!("../../../scenarios/chromium/sdp/offer.sdp")),
    (
        "answer",
        include_str!("../../../scenarios/chromium/sdp/answer.sdp"),
    ),
    (
        "offer",
        include_str!("../../../scenarios/payload/sdp/video-simulcast.sdp"),
    ),
];

pub(super) fn wire(text: &str) -> String {
    text.replace("\r\n", "\n").replace('\n', "\r\n")
}

/// One of the corpus with plain line ends, to be changed and put on the wire again.
pub(super) fn corpus(which: usize) -> (&'static str, String, String) {
    let (name, offer, answer) = CORPUS[which];
    (name, offer.replace("\r\n", "\n"), answer.replace("\r\n", "\n"))
}

/// Rules in the order of the lints; what is less than a must has its weight behind it.
pub(super) fn told(lints: &[Lint]) -> String {
    let told = |lint: &Lint| match (lint.should, lint.info) {
        (true, _) => format!("{} should", lint.rule),
        (_, true) => format!("{} info", lint.rule),
        _ => lint.rule.to_owned(),
    };
    lints.iter().map(told).collect::<Vec<_>>().join(", ")
}

pub(super) fn offer(text: &str) -> Description {
    let (description, lints) = read(&wire(text), Side::Offer);
    assert_eq!(lints, [], "{text}");
    description
}

pub(super) fn answer(text: &str) -> Description {
    let (description, lints) = read(&wire(text), Side::Answer);
    assert_eq!(lints, [], "{text}");
    description
}

#[test]
fn what_is_sent_in_the_field_is_sound() {
    for which in 0..CORPUS.len() {
        let (name, offered, answered) = corpus(which);
        let (offered, answered) = (offer(&offered), answer(&answered));
        assert!(offered.whole && answered.whole);
        assert_eq!(begins(&offered, true), [], "{name}");
        assert_eq!(answers(&offered, &answered), [], "{name}");
        assert_eq!(
            succeeds(&offered, Some(&offered), &offered, true, Some(&answered)),
            []
        );
        assert_eq!(restarted((&offered, &offered), (&answered, &answered)), []);
    }
    for (kind, text) in RECORDED {
        let side = if *kind == "offer" {
            Side::Offer
        } else {
            Side::Answer
        };
        assert_eq!(told(&read(text, side).1), "");
    }
    let (asked, given) = (
        read(RECORDED[0].1, Side::Offer).0,
        read(RECORDED[1].1, Side::Answer).0,
    );
    assert_eq!(answers(&asked, &given), []);
}

#[test]
fn line_ends_and_the_first_line_are_looked_at() {
    let sound = sample::offer();
    for (text, rules) in [
        (sound.replace("\r\n", "\n"), "SD-02 should"),
        (sound.replacen("\r\n", "\n", 1), "SD-02 should"),
        (sound.replacen("\r\n", "\r", 1), "SD-02"),
        (sound.trim_end().to_owned(), "SD-02"),
        (sound.replacen("s=-", "s=", 1), "SD-01"),
        (sound.replacen("s=-", "s= ", 1), ""),
        (sound.replacen("s=-", "s=\0", 1), "SD-01"),
        (sound.replacen("c=IN IP4 0.0.0.0\r\n", "", 1), "SD-17 should"),
        (
            sound
                .replacen("c=IN IP4 0.0.0.0\r\n", "", 1)
                .replacen("t=0", "c=IN IP4 0.0.0.0\r\nt=0", 1),
            "",
        ),
        (sound.replace("\r\n", "\\r\\n"), "SD-02"),
        (String::new(), "SD-01"),
        (sound.replacen("v=0\r\n", "", 1), "SD-01"),
        (sound.replacen("v=0", "v=1", 1), "SD-01"),
        (format!("{sound}\r\n"), "SD-01"),
        (sound.replacen("s=-\r\n", "s=-\r\n\r\n", 1), "SD-01"),
        (sound.replacen("s=-", "s-", 1), "SD-01, SD-01"),
        (sound.replacen("s=-\r\n", "", 1), "SD-01"),
        (sound.replacen("s=-", "s=-\r\ni=", 1), "SD-01 should"),
        (
            sound.replacen("a=rtcp-rsize", "a= rtcp-rsize", 1),
            "SD-01 should, SD-19",
        ),
        (sound.replacen("t=0 0", "y=0 0", 1), "SD-01, SD-01"),
        ("x".repeat(LONGEST + 1), "SD-01"),
        (
            format!("{sound}{}", "a=x\r\n".repeat(LINES - sound.lines().count())),
            "",
        ),
        (format!("{sound}{}", "a=x\r\n".repeat(LINES)), "SD-01"),
        (
            sound.replacen("rtcp-rsize", &"x".repeat(LONGEST + 10 - sound.len()), 1),
            "",
        ),
    ] {
        let (_, lints) = read(&text, Side::Offer);
        assert_eq!(told(&lints), rules, "{}", shown(&text));
    }
}

/// One change to a sound description each, and all that it breaks.
#[test]
fn each_rule_of_one_description_is_found_where_it_is_broken() {
    const UFRAG: &str = "a=ice-ufrag:c4Sp\r\n";
    const PWD: &str = "a=ice-pwd:x8Yw2Kq0Zr6Lm4Nt9Pv1Bh3D\r\n";
    const MEDIA: &str = "m=audio 9 UDP/TLS/RTP/SAVPF 111 63 9 0 8 13 110 126";
    let long = |length: usize| format!("a=ice-ufrag:{}\r\n", "u".repeat(length));
    let (most, too_long, sends) = (long(32), long(257), long(33));
    let crypto = format!("a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:{}\r\n", "k".repeat(40));
    for (from, to, rules) in [
        // The order of lines, and which stand once.
        ("s=-\r\nt=0 0\r\n", "t=0 0\r\ns=-\r\n", "SD-15"),
        ("s=-\r\n", "s=-\r\ns=-\r\n", "SD-15"),
        ("s=-\r\n", "s=-\r\ns=-\r\ns=-\r\n", "SD-15, SD-15"),
        (
            "c=IN IP4 0.0.0.0\r\na=rtcp:9 IN IP4 0.0.0.0\r\n",
            "a=rtcp:9 IN IP4 0.0.0.0\r\nc=IN IP4 0.0.0.0\r\n",
            "SD-15",
        ),
        ("a=sendrecv\r\n", "a=sendrecv\r\nb=AS:30\r\n", "SD-15"),
        ("a=sendrecv\r\n", "a=sendrecv\r\nt=0 0\r\n", "SD-15"),
        // The forms of lines.
        ("o=- ", "o=", "SD-16"),
        ("o=- ", "o=- x", "SD-16"),
        (" 2 IN IP4 127.0.0.1", " two IN IP4 127.0.0.1", "SD-16"),
        ("IN IP4 127.0.0.1", "IN IP4 127.0.0.1 x", "SD-16"),
        ("IN IP4 127.0.0.1", "IN IP5 127.0.0.1", "SD-16"),
        ("IN IP4 127.0.0.1", "IN IP4 127.0.0.700", "SD-16"),
        ("t=0 0", "t=0", "SD-17"),
        ("t=0 0", "t=now then", "SD-17"),
        ("t=0 0", "t=0 then", "SD-17"),
        ("c=IN IP4 0.0.0.0", "c=IN IP6 0.0.0.0", "SD-17"),
        ("c=IN IP4 0.0.0.0", "c=0.0.0.0", "SD-17"),
        ("c=IN IP4 0.0.0.0", "c=IN IP4 0.0.0.0\r\nb=AS 30", "SD-17"),
        ("c=IN IP4 0.0.0.0", "c=IN IP4 0.0.0.0\r\nb=AS:much", "SD-17"),
        ("m=audio 9", "m=audio", "SD-18, SD-50 should"),
        ("m=audio 9", "m=audio 70000", "SD-18"),
        ("m=audio 9", "m=au(dio 9", "SD-18"),
        ("UDP/TLS/RTP/SAVPF", "", "SD-18"),
        ("SAVPF 111 63", "SAVPF 111 128 63", "SD-18, SD-20 should"),
        ("SAVPF 111 63", "SAVPF 111 +9 63", "SD-18"),
        (MEDIA, "m=audio 9 UDP/TLS/RTP/SAVPF", "SD-18, SD-20 should"),
        ("SAVPF 111 63", "SAVPF 111 opus 63", "SD-18, SD-20 should"),
        ("a=rtcp-rsize", "a=rtcp rsize", "SD-19"),
        ("a=rtcp-rsize", "a=rtcp\u{7f}rsize", "SD-19"),
        ("a=rtcp-rsize", "a=:x", "SD-19"),
        ("a=rtcp-rsize", "a=rtcp-rsize:", "SD-19 should"),
        // ICE and DTLS.
        (UFRAG, "", "SD-06"),
        (PWD, "", "SD-06"),
        ("a=rtcp-mux\r\n", "a=rtcp-mux-only\r\n", "SD-33, SD-33 should"),
        (UFRAG, "a=ice-ufrag:c4S\r\n", "SD-06"),
        (UFRAG, "a=ice-ufrag:c4=p\r\n", "SD-06"),
        (UFRAG, &too_long, "SD-06"),
        (UFRAG, &sends, "SD-46 should"),
        (UFRAG, &most, ""),
        (PWD, "a=ice-pwd:x8Yw2Kq0Zr6Lm4Nt9Pv1B\r\n", "SD-06"),
        ("a=fingerprint:sha-256 0B", "a=finger:sha-256 0B", "SD-07"),
        ("a=fingerprint:sha-256 0B", "a=fingerprint:sha-1 0B", "SD-07"),
        ("a=fingerprint:sha-256 0B", "a=fingerprint:sha-224 0B", "SD-07"),
        ("a=fingerprint:sha-256 0B", "a=fingerprint:sha-384 0B", "SD-07"),
        ("a=fingerprint:sha-256 0B", "a=fingerprint:SHA-512 0B", "SD-07"),
        ("a=fingerprint:sha-256 0B", "a=fingerprint:sha-256 0BX", "SD-07"),
        ("a=fingerprint:sha-256 0B", "a=fingerprint:sha-256 0B1", "SD-07"),
        (
            "a=fingerprint:sha-256 0B",
            "a=fingerprint:future-999 0BX",
            "SD-07, SD-07 should",
        ),
        ("a=fingerprint:sha-256 0B:", "a=fingerprint:sha-256 ", "SD-07"),
        (
            "a=fingerprint:sha-256 0B",
            "a=fingerprint:sha-256\u{a0}0B",
            "SD-07",
        ),
        (
            "a=fingerprint:sha-256 0B",
            "a=fingerprint:future-999 0B",
            "SD-07 should",
        ),
        ("a=fingerprint:sha-256 0B", "a=fingerprint: 0B", "SD-07"),
        (
            "a=fingerprint",
            "a=fingerprint:future-999 0B\r\na=fingerprint",
            "",
        ),
        ("a=setup:actpass\r\n", "", "SD-08"),
        ("a=setup:actpass", "a=setup:holdconn", "SD-08"),
        ("a=setup:actpass", "a=setup:both", "SD-08"),
        ("a=setup:actpass", "a=setup:active", ""),
        (
            "a=setup:actpass",
            "a=setup:actpass\r\na=fingerprint:md5 00:11:22:33:44:55:66:77:88:99:AA:BB:CC:DD:EE:FF",
            "SD-47",
        ),
        // Sections and groups.
        ("a=mid:0", "a=mid:1", "SD-30"),
        ("a=group:BUNDLE 0", "a=group:BUNDLE 0 0", "SD-30"),
        ("a=group:BUNDLE 0\r\n", "", ""),
        (
            "a=group:BUNDLE 0",
            "a=group:BUNDLE 0\r\na=group:BUNDLE 0",
            "SD-30",
        ),
        ("a=group:BUNDLE 0", "a=group:BUNDLE 0\r\na=group:LS 0", ""),
        ("a=group:BUNDLE 0", "a=group:BUNDLE 0 ", "SD-30"),
        ("a=group:BUNDLE 0", "a=group:BUNDLE", ""),
        ("a=mid:0", "a=mid:0\r\na=group:BUNDLE 0", "SD-30"),
        ("a=group:BUNDLE 0", "a=group:LS 0 video", "SD-30"),
        ("a=mid:0\r\n", "a=mid:0\r\na=bundle-only\r\n", "SD-53 should"),
        ("a=mid:0\r\n", "", "SD-09 should, SD-30"),
        ("a=rtcp-mux\r\n", "", "SD-33"),
        ("a=rtcp-mux\r\n", "a=rtcp-mux\r\na=rtcp-mux-only\r\n", ""),
        ("a=rtcp-mux\r\n", "a=ice-lite\r\na=rtcp-mux\r\n", "SD-34"),
        ("a=group", "a=ice-mismatch\r\na=group", "SD-34"),
        ("a=sendrecv", "a=sendrecv\r\na=inactive", "SD-21"),
        ("a=rtpmap:111 opus/48000/2\r\n", "", "SD-20 should"),
        (
            "a=rtpmap:111 opus/48000/2",
            "a=rtpmap:111 opus",
            "SD-19, SD-20 should",
        ),
        ("a=rtpmap:0 PCMU/8000\r\n", "", ""),
        ("a=fmtp:63 111/111", "a=fmtp:64 111/111", "SD-20 should"),
        ("a=fmtp:63 111/111", "a=fmtp:x 111/111", "SD-20 should"),
        ("a=rtcp-fb:111", "a=rtcp-fb:", "SD-20 should"),
        ("a=rtcp-fb:111", "a=rtcp-fb:*", ""),
        ("opus/48000/2", "opus/48000/", "SD-19, SD-20 should"),
        ("opus/48000/2", "opus/48000/2 ", ""),
        ("opus/48000/2", "/48000/2", "SD-19, SD-20 should"),
        ("a=rtpmap:111", "a=rtpmap:+111", "SD-19, SD-20 should"),
        ("UDP/TLS/RTP/SAVPF", "RTP/SAVPF", "SD-50 should"),
        ("UDP/TLS/RTP/SAVPF", "QUIC", "SD-50 should"),
        ("a=extmap:1 urn", "a=extmap:0 urn", "SD-51"),
        ("a=extmap:1 urn", "a=extmap:2 urn", "SD-51"),
        ("a=extmap:1 urn", "a=extmap:256 urn", "SD-51 should"),
        ("a=extmap:1 urn", "a=extmap:4096 urn", ""),
        ("a=extmap:1 urn", "a=extmap:1/sendonly urn", ""),
        ("a=extmap:1 urn", "a=extmap:1/both urn", "SD-19"),
        ("a=extmap:1 urn", "a=extmap:one urn", "SD-19"),
        ("a=extmap:1 urn", "a=extmap:+1 urn", "SD-19"),
        ("a=extmap:1 ", "a=extmap:1", "SD-19"),
        ("a=msid:", "a=msid: ", "SD-19"),
        ("a=ssrc:1357924680 cname", "a=ssrc:4294967296 cname", "SD-19"),
        ("a=ssrc:1357924680 cname", "a=ssrc: cname", "SD-19"),
        // Keys.
        ("a=group", "k=clear:secret\r\na=group", "SD-48"),
        ("a=rtcp:9", "k=clear:secret\r\na=rtcp:9", "SD-48"),
        ("a=rtcp-mux", &crypto, "SD-19, SD-33 should, SD-48"),
        // Candidates.
        (
            "a=rtcp-rsize",
            "a=candidate:1 1 udp 0 192.0.2.7 50000 typ host",
            "SD-10",
        ),
        (
            "a=rtcp-rsize",
            "a=candidate:1 2 udp 2122260222 192.0.2.7 50000 typ host",
            "",
        ),
        (
            "a=rtcp-rsize",
            "a=candidate:1 3 udp 2122260221 192.0.2.7 50000 typ host",
            "SD-38 should",
        ),
        (
            "a=rtcp-rsize",
            "a=candidate:1 1 udp 2122260223 192.0.2.7 50000 typ srflx",
            "SD-36",
        ),
        ("a=rtcp-rsize", "a=rid:h send\r\na=simulcast:send h,m", "SD-52"),
        ("a=rtcp-rsize", "a=rid:h send\r\na=simulcast:send ~h", ""),
    ] {
        let text = sample::offer().replacen(from, to, 1);
        assert_ne!(text, sample::offer(), "{from}");
        let (_, mut lints) = read(&text, Side::Offer);
        if to == crypto {
            // The line end of the change splits a line in two.
            assert!(told(&lints).contains("SD-48"));
            continue;
        }
        lints.sort_by_key(|lint| lint.rule);
        assert_eq!(told(&lints), rules, "{from} -> {to}");
    }
}

/// RFC 3551 §6, tables 4 and 5: whatever is assigned, and nothing that is reserved or free.
#[test]
fn payload_types_that_were_assigned_need_no_line() {
    let fixed: Vec<u8> = (0..=u8::MAX)
        .filter(|number| attributes::fixed(*number).is_some())
        .collect();
    let assigned: Vec<u8> = [0]
        .into_iter()
        .chain(3..=18)
        .chain([25, 26, 28])
        .chain(31..=34)
        .collect();
    assert_eq!(fixed, assigned);
}

#[test]
fn a_description_puts_to_the_test_what_it_has() {
    let offered = offer(sample::offer());
    assert_eq!(offered.touched(), ["SD-30", "SD-33", "SD-46", "SD-50", "SD-51"]);
    let touched = |which: usize| offer(&corpus(which).1).touched().join(" ");
    assert_eq!(touched(1), "SD-30 SD-33 SD-46 SD-49 SD-50 SD-51 SD-52");
    assert_eq!(touched(2), "SD-30 SD-33 SD-46 SD-49 SD-50 SD-53");
    assert_eq!(touched(4), "SD-30 SD-33 SD-46 SD-49 SD-50");
    // A user name is that of a section, or stands above them all.
    let above = offer(&sample::offer().replacen("a=group", "a=ice-ufrag:s3sS\r\na=group", 1));
    let named = ["c4Sp", "s3sS", "c4S"].map(|ufrag| above.has_ufrag(ufrag));
    assert_eq!(named, [true, true, false]);
    let given = answer(sample::answer());
    let flipped = read(
        &sample::answer().replace("setup:active", "setup:passive"),
        Side::Answer,
    )
    .0;
    let opens = [&offered, &given, &flipped].map(Description::opens_connection);
    assert_eq!(opens, [None, Some(true), Some(false)]);
}

#[test]
fn answers_are_held_to_other_things_on_their_own() {
    for (from, to, rules) in [
        ("a=setup:active", "a=setup:actpass", "SD-08"),
        ("a=mid:0\r\n", "a=mid:0\r\na=bundle-only\r\n", "SD-53"),
        ("a=rtcp-mux", "a=ice-mismatch\r\na=rtcp-mux", ""),
        ("a=rtcp-mux\r\n", "", ""),
        // Over what, the offer said.
        ("UDP/TLS/RTP/SAVPF", "udp", ""),
    ] {
        let text = sample::answer().replacen(from, to, 1);
        assert_eq!(told(&read(&text, Side::Answer).1), rules, "{to}");
    }
}

#[test]
fn candidates_may_follow_where_that_is_said_once_or_more() {
    const OPTION: &str = "a=ice-options:trickle\r\n";
    let text = sample::offer();
    assert!(offer(text).trickles());
    assert!(offer(&text.replacen(OPTION, &OPTION.repeat(2), 1)).trickles());
    assert!(!offer(&text.replacen(OPTION, "a=ice-options:rtp+ecn\r\n", 1)).trickles());
}

#[test]
fn data_sections_have_their_form() {
    let (_, whole, _) = corpus(1);
    for (from, to, rules) in [
        ("webrtc-datachannel", "5000", "SD-49"),
        ("a=sctp-port:5000\n", "", "SD-49"),
        // What is said of codecs is nothing to it.
        ("a=sctp-port:5000", "a=sctp-port:5000\na=rtpmap:x", ""),
        ("a=sctp-port:5000", "a=sctp-port:5000\na=fmtp:x", ""),
        ("a=sctp-port:5000", "a=sctp-port:70000", "SD-49"),
        (
            "a=sctp-port:5000",
            "a=sctp-port:5000\na=candidate:1 2 udp 2122260222 192.0.2.7 50000 typ host",
            "SD-38 should",
        ),
    ] {
        let text = whole.replacen(from, to, 1);
        assert_ne!(text, whole);
        assert_eq!(told(&read(&wire(&text), Side::Offer).1), rules, "{to}");
    }
    let twice = whole
        .replacen("a=mid:2", "a=mid:0", 1)
        .replacen("BUNDLE 0 1 2", "BUNDLE 0 1", 1);
    assert_eq!(told(&read(&wire(&twice), Side::Offer).1), "SD-30");
    // One user name stands for one password.
    let text = whole.replacen("a=ice-pwd:Yp+3", "a=ice-pwd:Yp+4", 1);
    assert_eq!(told(&read(&wire(&text), Side::Offer).1), "SD-45");
    // A bundle-only section has to be in a bundle.
    let text = corpus(2).1.replacen("BUNDLE 0 1 2 3", "BUNDLE 0 2 3", 1);
    let rules = told(&read(&wire(&text), Side::Offer).1);
    assert_eq!(rules, "SD-53, SD-06, SD-07, SD-08, SD-33 should");
    // What stands for an id yet to be chosen may stand twice.
    let text = sample::offer().replace("a=extmap:1 ", "a=extmap:4096 ");
    let text = text.replace("a=extmap:2 ", "a=extmap:4096 ");
    assert_eq!(told(&read(&text, Side::Offer).1), "");
}

#[test]
fn a_message_names_the_line_and_shows_no_control_character() {
    let text = sample::offer().replacen("t=0 0", "t=\u{1b}[31mnever", 1);
    let message = &read(&text, Side::Offer).1[0].message;
    assert_eq!(
        message,
        "line 4 of the SDP, `t=\\u{1b}[31mnever`, does not hold two times in digits"
    );
    let text = sample::offer().replacen("t=0 0", &format!("t={}", "9".repeat(500)), 1);
    assert!(read(&text, Side::Offer).1[0].message.len() < 150);
    // Lines are counted from one, whatever ends them.
    for (end, said) in [
        ("\r", "line 3 of the SDP ends in CR without LF"),
        ("\n", "line 3 of the SDP ends in LF without CR"),
    ] {
        let text = sample::offer().replacen("s=-\r\n", &format!("s=-{end}"), 1);
        assert_eq!(read(&text, Side::Offer).1[0].message, said);
    }
    // A section is told by its place, and what it says in its own words.
    let (_, asked, given) = corpus(2);
    let said = |text: &str| {
        let (given, _) = read(&wire(text), Side::Answer);
        answers(&offer(&asked), &given)[0].message.clone()
    };
    assert_eq!(
        said(&given.replacen("a=sendonly", "a=recvonly", 1)),
        "section 3 (m=video, line 25) answers recvonly with recvonly"
    );
    assert_eq!(
        said(&given.replacen("a=sendonly", "a=sendrecv", 1)),
        "section 3 (m=video, line 25) answers recvonly with sendrecv"
    );
    // A password is not repeated.
    let text = sample::offer().replacen("a=ice-pwd:x8Yw2Kq0", "a=ice-pwd:secret!", 1);
    assert!(!read(&text, Side::Offer).1[0].message.contains("secret"));
}

#[test]
fn hostile_descriptions_make_no_long_reports() {
    for line in [
        "a=fingerprint:sha-256 0\r\n",
        "m=audio x\r\n",
        "a=group:BUNDLE a b c\r\n",
        "a=mid:0\r\n",
    ] {
        let text = format!("{}{}", sample::offer(), line.repeat(5_000));
        let (_, lints) = read(&text, Side::Offer);
        assert!((1..=KEPT).contains(&lints.len()), "{line} {}", lints.len());
    }
    type Kept = fn(&Description) -> usize;
    let count: [(&str, &str, usize, Kept); 7] = [
        ("", "a=fingerprint:sha-256 0", 16, |read| {
            read.sections[0].link.fingerprints.len()
        }),
        ("", "a=rtpmap:96 x/1", 512, |read| read.sections[0].codecs.len()),
        ("", "a=fmtp:96 x", 512, |read| read.sections[0].spoken_of.len()),
        ("", "a=extmap:1 x", 512, |read| read.sections[0].extensions.len()),
        ("", "a=rid:h send", 512, |read| read.sections[0].rids.len()),
        ("", "a=candidate:1 1 udp 1 192.0.2.7 9 typ host", 512, |read| {
            read.sections[0].candidates.len()
        }),
        ("a=group", "a=group:LS x", 512, |read| read.groups.len()),
    ];
    for (before, line, most, kept) in count {
        let many = format!("{line}\r\n").repeat(600);
        let text = match before {
            "" => format!("{}{many}", sample::offer()),
            before => sample::offer().replacen(before, &(many + before), 1),
        };
        assert_eq!(kept(&read(&text, Side::Offer).0), most, "{line}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]
    #[test]
    fn no_text_makes_it_panic(text in "([a-z]=[ -~]{0,12}(\r\n|\n|\r)?){0,12}|\\PC{0,64}") {
        for side in [Side::Offer, Side::Answer] {
            let (description, lints) = read(&text, side);
            prop_assert!(!lints.is_empty());
            let _ = (answers(&description, &description), begins(&description, true));
            let _ = succeeds(&description, Some(&description), &description, true, Some(&description));
            let _ = restarted((&description, &description), (&description, &description));
        }
    }

    /// A sound description with some lines dropped, repeated, moved or cut.
    #[test]
    fn no_damage_makes_it_panic(
        which in 0..5_usize,
        cuts in prop::collection::vec((0..80_usize, 0..80_usize, 0..4_u8), 0..6),
    ) {
        let (_, whole, given) = corpus(which);
        let mut lines: Vec<&str> = whole.lines().collect();
        for (at, other, what) in cuts {
            let (at, other) = (at % lines.len(), other % lines.len());
            match what {
                0 if lines.len() > 1 => { lines.remove(at); }
                1 => lines.insert(at, lines[other]),
                2 => lines.swap(at, other),
                _ => lines[at] = &lines[at][..other.min(lines[at].len())],
            }
        }
        let (damaged, _) = read(&lines.join("\r\n"), Side::Offer);
        let sound = offer(&whole);
        let given = answer(&given);
        let _ = (answers(&damaged, &given), answers(&sound, &damaged));
        let _ = succeeds(&sound, Some(&sound), &damaged, true, Some(&given));
        let _ = roles(true, (&sound, &damaged), (&given, &damaged));
    }
}
