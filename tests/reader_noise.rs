//! Everything that is read from outside, with noise in it: it is read, or refused with a place, in bounded time, and
//! nothing falls over. What we write ourselves reads back as it was.

use std::path::Path;

use callspec::protocol::{candidate, decode, sdp, validate};
use callspec::rules::{Glob, Judge};
use callspec::run::Filter;
use callspec::stanza::{Stanza, escape};
use callspec::target::{load, load_profile, load_waivers};
use callspec::transcript::recording::{self, Opened, Source};
use callspec::transcript::{Event, Header, Reader, Writer};
use callspec::xmpp::{Limits, Piece, Splitter, check_frame};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use proptest::test_runner::RngSeed;

const TRANSCRIPT: &str = include_str!("recordings/chromium-renegotiates.jsonl");
const HAR: &str = include_str!("data/chrome-cancel.caller.har");

const PROSODY: &str = "Nov 24 08:29:27 c2s1\tdebug\tRECV: <iq id='a' type='set' to='b@x/2'><call xmlns='urn:xmpp:call:0'>{}</call></iq>\n\
    Nov 24 08:29:28 c2s2        \tdebug\tSEND: <iq id='a' from='a@x/1' to='b@x/2'>\n<x/></iq>\n\
    Nov 24 08:29:28 c2s2\tinfo\tClient disconnected: connection closed\n";
const EJABBERD: &str = "2026-11-24 08:29:56.956726+00:00 [notice] <0.489.0> (websocket|<0.488.0>) Send XML on stream = <<\"<iq id='a'>\\\\r \\\"é\\x{1F600}</iq>\"/utf8>>\n\
    2026-11-24 08:29:56.96+00:00 [notice] <0.489.0> (tcp|<0.1.0>) Received XML on stream = <<60,114,47,62>>\n";
const SIGNALS: &str = "{\"type\":\"call:initiate\",\"callId\":\"0f0e0d0c-0b0a-4908-8706-050403020100\",\"senderId\":\"a1b2c3d4-e5f6-4890-abcd-ef1234567890\",\"recipientId\":\"b2c3d4e5-f6a7-4901-bcde-f12345678901\",\"timestamp\":\"2026-01-01T00:00:00Z\",\"payload\":{\"callerName\":\"A\"}}\n";
const TARGET: &str = "url: wss://chat.example.com/ws\ndomain: chat.example.com\ncookie:\n  name: auth_token\n  jwt: { key: secret, algorithm: HS256, claims: { sub: \"{user}\" }, ttl: 10m }\nsasl: [SCRAM-SHA-256, PLAIN]\naccounts:\n  - { jid: alice@chat.example.com, password: a, id: a1b2c3d4-e5f6-7890-abcd-ef1234567890 }\n  - { jid: bob@chat.example.com, password: b }\nprofile: { class: relay, addressing: full, stanza-limit: 262144 }\n";
const PROFILE: &str = "class: enforcing\naddressing: bare\nstanza-limit: 262144\nrelay-within: 1s\n";
const WAIVERS: &str = "- { rule: RT-13, scenario: \"load/*\", reason: throttled, expires: 2026-12-31 }\n- { rule: RB-01, reason: known }\n";

/// Pieces that mean something to one reader or another.
const PIECES: [&[u8]; 40] = [
    b"{",
    b"}",
    b"[",
    b"]",
    b"\"",
    b"'",
    b":",
    b",",
    b"\\",
    b"\n",
    b"\r",
    b"\t",
    b"\0",
    b"\xff",
    b"\xc3",
    b"\xed\xa0\x80",
    b"\\ud800",
    b"\\u0000",
    b"1e999",
    b"-1",
    b"18446744073709551616",
    b"null",
    b"<",
    b">",
    b"</",
    b"&amp;",
    b"&#0;",
    b"<!--",
    b"<![CDATA[",
    b"]]>",
    b"&a ",
    b"*a",
    b"- ",
    b"  ",
    b"\xef\xbb\xbf",
    b"<<60",
    b"RECV: ",
    b"*",
    b"\"log\":{",
    b"2026-99-99",
];

/// A text with a few changes: where (in thousandths), how many bytes go, and what comes in their place.
fn noise(seed: &'static str) -> impl Strategy<Value = Vec<u8>> {
    let change = (0..1000_usize, 0..40_usize, select(&PIECES[..]));
    (vec(change, 0..6), 0..1200_usize).prop_map(move |(changes, end)| {
        let mut bytes = seed.as_bytes().to_vec();
        for (at, gone, piece) in changes {
            let at = at * bytes.len() / 1000;
            let end = (at + gone).min(bytes.len());
            bytes.splice(at..end, piece.iter().copied());
        }
        // Some end in the middle.
        bytes.truncate((end * bytes.len() / 1000).max(1));
        bytes
    })
}

fn config(cases: u32) -> ProptestConfig {
    ProptestConfig {
        cases,
        failure_persistence: None,
        rng_seed: RngSeed::Fixed(3),
        ..ProptestConfig::default()
    }
}

/// What is read of a recording, judged; or the error, which has its place.
fn read_recording(bytes: &[u8]) -> Result<(), TestCaseError> {
    let folder = tempfile::TempDir::new().expect("a folder");
    let path = folder.path().join("recorded");
    std::fs::write(&path, bytes).expect("a file");
    let mut error = None;
    match recording::open(&Source::new(&path, None)) {
        Err(wrong) => error = Some(wrong),
        Ok(Opened::Transcript(header, reader)) => {
            let mut judge = Judge::new(&header);
            for event in reader {
                match event {
                    Ok(event) => judge.event(&event),
                    Err(wrong) => error = Some(wrong),
                }
            }
            judge.finish();
        }
        Ok(Opened::Recording(mut recording)) => {
            for recorded in recording.by_ref() {
                if let Err(wrong) = recorded {
                    error = Some(wrong);
                }
            }
            let _ = (
                recording.format(),
                recording.unknown(),
                recording.instead(),
                recording.torn(),
            );
        }
    }
    if let Some(error) = error {
        prop_assert!(
            !error.message.is_empty() && error.message.len() < 2_000,
            "{error}"
        );
        prop_assert!(
            error.line <= 1 + bytes.iter().filter(|b| **b == b'\n').count() as u64,
            "{error}"
        );
    }
    Ok(())
}

fn read_file<T, E: ToString>(
    bytes: &[u8],
    name: &str,
    load: impl Fn(&Path) -> Result<T, Vec<E>>,
) -> Result<(), TestCaseError> {
    let folder = tempfile::TempDir::new().expect("a folder");
    let path = folder.path().join(name);
    std::fs::write(&path, bytes).expect("a file");
    if let Err(errors) = load(&path) {
        prop_assert!(!errors.is_empty());
        for error in errors {
            let error = error.to_string();
            prop_assert!(error.contains(name), "an error without a place: {error}");
            prop_assert!(error.chars().count() < 2_000, "{error}");
        }
    }
    Ok(())
}

proptest! {
    #![proptest_config(config(200))]

    #[test]
    fn transcripts_with_noise(bytes in noise(TRANSCRIPT)) {
        read_recording(&bytes)?;
    }

    #[test]
    fn browser_archives_with_noise(bytes in noise(HAR)) {
        read_recording(&bytes)?;
    }

    #[test]
    fn logs_and_signals_with_noise(bytes in prop_oneof![noise(PROSODY), noise(EJABBERD), noise(SIGNALS)]) {
        read_recording(&bytes)?;
    }

    #[test]
    fn files_with_noise(target in noise(TARGET), profile in noise(PROFILE), waivers in noise(WAIVERS)) {
        read_file(&target, "target.yaml", load)?;
        read_file(&profile, "profile.yaml", load_profile)?;
        read_file(&waivers, "waivers.yaml", load_waivers)?;
    }

    #[test]
    fn filters_with_noise(text in "[a-z*?:() ]{0,40}|((name|tag|rule):[a-z*/-]{0,6} ?(and|or|not)? ?[()]{0,2}){0,8}") {
        if let Err(error) = Filter::parse(&text) {
            prop_assert!(!error.to_string().is_empty());
        }
    }

    #[test]
    fn signals_with_noise(bytes in noise(SIGNALS)) {
        let text = String::from_utf8_lossy(&bytes);
        let decoded = decode(&text);
        // Decoding and the schema agree on what is sound.
        if let Some(value) = &decoded.facts.value
            && validate(value).is_err()
        {
            prop_assert!(!decoded.is_sound(), "{text}");
        }
        let _ = sdp::read(&text, sdp::Side::Answer);
        let _ = candidate::read(&text);
    }
}

/// Elements in a stream, legal ones and others.
fn elements() -> impl Strategy<Value = String> {
    let element = select(vec![
        "<iq  type='set' id=\"a\"><call xmlns='urn:xmpp:call:0'>&lt;<![CDATA[a>b]]>é&#x1F600;</call></iq >",
        "<presence/>",
        "<message to='a'><body>漢字 \u{1F600} &amp; &#10;</body></message>",
        "<a><b><c x='&gt;'/>text</b>tail</a>",
        "\n ",
        "<x:y xmlns:x='z'/>",
        "<a><!-- no --></a>",
        "<a>&nbsp;</a>",
        "<a></b>",
        "text",
        "<a b='1' b='2'/>",
        "</stream:stream>",
    ]);
    vec(element, 0..8).prop_map(|all| all.concat())
}

const HEADER: &str =
    "<stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' version='1.0'>";

/// The pieces of a stream that comes in such chunks, and the condition that it ends with.
fn pieces(bytes: &[u8], cuts: &[usize]) -> (Vec<Piece>, Option<&'static str>) {
    let mut splitter = Splitter::default();
    let mut out = Vec::new();
    let mut from = 0;
    for cut in cuts.iter().copied().chain([bytes.len()]) {
        splitter.feed(&bytes[from..cut]);
        from = cut;
        loop {
            match splitter.next_piece() {
                // Nothing after it is the stream's.
                Ok(Some(Piece::Footer)) => {
                    out.push(Piece::Footer);
                    return (out, None);
                }
                Ok(Some(piece)) => out.push(piece),
                Ok(None) => break,
                Err(flaw) => return (out, Some(flaw.condition)),
            }
        }
    }
    (out, None)
}

proptest! {
    #![proptest_config(config(400))]

    #[test]
    fn a_stream_is_the_same_wherever_it_is_cut(inner in elements(), cuts in vec(any::<prop::sample::Index>(), 0..12)) {
        let whole = format!("{HEADER}{inner}");
        let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut.index(whole.len())).collect();
        cuts.sort_unstable();
        let (at_once, flaw) = pieces(whole.as_bytes(), &[]);
        let (in_parts, other) = pieces(whole.as_bytes(), &cuts);
        prop_assert_eq!(&at_once, &in_parts);
        prop_assert_eq!(flaw, other);
        let every: Vec<usize> = (0..whole.len()).collect();
        prop_assert_eq!((at_once, flaw), pieces(whole.as_bytes(), &every));
    }

    #[test]
    fn any_bytes_are_parted_or_refused(bytes in vec(any::<u8>(), 0..200), text in ".{0,80}") {
        let _ = pieces(&bytes, &[]);
        let _ = pieces(&[HEADER.as_bytes(), &bytes].concat(), &[HEADER.len()]);
        let _ = check_frame(&text, Limits::default());
        let _ = Stanza::parse(text);
    }

    #[test]
    fn what_is_escaped_is_read_as_it_was(text in "[ -~\\t\\n\\r\u{a0}-\u{d7ff}\u{e000}-\u{fffd}\u{10000}-\u{10ffff}]{0,60}") {
        let raw = format!("<message to='{}'><body>{}</body></message>", escape(&text), escape(&text));
        let stanza = Stanza::parse(raw).expect("a stanza");
        prop_assert_eq!(stanza.body(), Some(text.clone()));
        // An attribute's white space is made blanks (XML 1.0 §3.3.3), and ours holds none but as it was written.
        let plain = |text: &str| text.replace(['\t', '\n', '\r'], " ");
        prop_assert_eq!(stanza.to().map(plain), Some(plain(&text)));
    }

    #[test]
    fn a_glob_fits_what_its_stars_are_filled_with(parts in vec("[a-c]{0,3}", 1..5), fill in "[a-d/]{0,4}") {
        prop_assert!(Glob::new(&parts.join("*")).fits(&parts.join(&fill)));
        let questions = "?".repeat(fill.chars().count());
        prop_assert!(Glob::new(&parts.join(&questions)).fits(&parts.join(&fill)));
    }

    #[test]
    fn a_transcript_reads_back_as_it_was_written(events in vec(event(), 0..12)) {
        let header = Header { callspec: 1, version: "0".into(), target: "x \u{1F600}".into(), ..Header::default() };
        let mut writer = Writer::new(Vec::new(), &header).expect("a writer");
        for event in &events {
            writer.event(event).expect("an event");
        }
        let bytes = writer.into_inner();
        prop_assert_eq!(bytes.iter().filter(|byte| **byte == b'\n').count(), events.len() + 1);
        let (read, reader) = Reader::new(bytes.as_slice()).expect("a header");
        prop_assert_eq!(read, header);
        let read: Result<Vec<Event>, _> = reader.collect();
        prop_assert_eq!(read.expect("events"), events);
    }

    #[test]
    fn a_torn_transcript_keeps_its_whole_lines(events in vec(event(), 1..6), at in any::<prop::sample::Index>()) {
        let header = Header { callspec: 1, version: "0".into(), ..Header::default() };
        let mut writer = Writer::new(Vec::new(), &header).expect("a writer");
        for event in &events {
            writer.event(event).expect("an event");
        }
        let bytes = writer.into_inner();
        let begin = bytes.iter().position(|byte| *byte == b'\n').expect("a line") + 1;
        let end = begin + at.index(bytes.len() - begin);
        let (_, reader) = Reader::new(&bytes[..end]).expect("a header");
        let read: Result<Vec<Event>, _> = reader.collect();
        let read = read.expect("events");
        let lines = bytes[begin..end].iter().filter(|byte| **byte == b'\n').count();
        prop_assert!(read.len() >= lines && read.len() <= lines + 1);
        prop_assert_eq!(&read[..], &events[..read.len()]);
    }
}

fn event() -> impl Strategy<Value = Event> {
    let dirs = vec![
        "sent",
        "received",
        "connected",
        "closed",
        "note",
        "steps",
        "missed",
        "end",
    ];
    let text = || proptest::option::of(".{0,30}");
    (
        select(dirs),
        1..u32::MAX,
        ".{0,8}",
        text(),
        text(),
        0..1_000_000_u32,
    )
        .prop_map(|(dir, n, who, xml, note, t)| {
            let event = serde_json::json!({
                "n": n, "t": f64::from(t) / 1024.0, "time": "2026-01-01T00:00:00Z", "who": who, "dir": dir,
                "xml": xml, "note": note, "rules": ["ST-01"],
            });
            serde_json::from_value(event).expect("an event")
        })
}
