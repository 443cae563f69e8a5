//! What users record: reconnects, several tabs, several calls, clocks that are set, recordings that begin late.

use std::io::Write as _;

use serde_json::Value;

use crate::hars::{
    ALL, BOB, Folder, LOGIN, Said, add_connection, another, check, har, later, message, messages, replaced,
    text, time,
};

const CALLER: &str = ALL[0];
const CALLEE: &str = ALL[1];

#[track_caller]
fn sound(what: &str, files: &[&Value]) -> Said {
    let folder = Folder::new();
    let paths: Vec<_> = (0..)
        .zip(files)
        .map(|(n, har)| folder.write(&format!("{n}.har"), har))
        .collect();
    let paths: Vec<_> = paths.iter().map(|path| &**path).collect();
    let said = check(&paths);
    assert!(said.is_sound(), "{what}: {}{}", said.out, said.err);
    said
}

fn with(name: &str, all: Vec<Value>) -> Value {
    let mut har = har(name);
    *messages(&mut har) = all;
    har
}

fn all(name: &str) -> Vec<Value> {
    messages(&mut har(name)).clone()
}

#[test]
fn several_calls_on_one_connection() {
    let ends = [CALLER, CALLEE].map(|name| {
        let first = all(name);
        let call = &first[LOGIN..];
        let more = [
            later(&another(call, 2), 10),
            later(&another(call, 3), 13),
            later(&another(call, 4), 20),
        ];
        with(name, [first.clone(), more.concat()].concat())
    });
    let [caller, callee] = &ends;
    for files in [vec![caller], vec![callee], vec![caller, callee]] {
        let said = sound("one after the other", &files);
        assert!(said.out.contains("4 calls"), "{}", said.out);
    }
}

#[test]
fn a_call_that_rings_while_another_goes_on_is_refused_as_busy() {
    let first = all(CALLEE);
    let hangup = first.len() - 2;
    let now = time(&first[hangup]) - 1.0;
    let carol = "c2c3d4e5-f6a7-4901-bcde-f12345678901";
    let bob = "b2c3d4e5-f6a7-4901-bcde-f12345678901";
    let signal = |kind: &str, from: &str, to: &str, payload: &str| {
        format!(
            r#"{{"type":"call:{kind}","callId":"11111111-6e06-49f9-8609-e499e7bb0359","senderId":"{from}","recipientId":"{to}","timestamp":"2026-11-23T13:44:11.525Z","payload":{payload}}}"#
        )
    };
    let iq = |out: bool, kind: &str, id: &str, inner: &str| {
        let (from, to) = if out {
            (BOB, "carol@localhost/c")
        } else {
            ("carol@localhost/c", BOB)
        };
        let inner = match inner {
            "" => String::new(),
            json => format!("<call xmlns='urn:xmpp:call:0'>{json}</call>"),
        };
        message(
            out,
            now,
            &format!(
                "<iq xmlns='jabber:client' type='{kind}' id='{id}' from='{from}' to='{to}'>{inner}</iq>"
            ),
        )
    };
    let ringing = [
        iq(
            false,
            "set",
            "carol-1",
            &signal("initiate", carol, bob, r#"{"callerName":"Carol"}"#),
        ),
        iq(true, "result", "carol-1", ""),
        iq(true, "set", "bob-busy", &signal("busy", bob, carol, "{}")),
        iq(false, "result", "bob-busy", ""),
        iq(
            false,
            "set",
            "carol-2",
            &signal("hangup", carol, bob, r#"{"reason":"busy"}"#),
        ),
        iq(true, "result", "carol-2", ""),
    ];
    let mut messages = first.clone();
    messages.splice(hangup..hangup, ringing);
    let said = sound("call waiting", &[&with(CALLEE, messages.clone())]);
    assert!(
        said.out.contains("2 calls") && said.out.contains("ended by busy"),
        "{}",
        said.out
    );
    sound(
        "call waiting, with the caller",
        &[&with(CALLEE, messages), &har(CALLER)],
    );
}

#[test]
fn several_tabs_in_one_recording() {
    let mut both = har(CALLER);
    add_connection(&mut both, all(CALLEE));
    let said = sound("caller and callee", &[&both]);
    assert!(
        said.out.contains("1 call\n") && said.out.contains("alice → bob"),
        "{}",
        said.out
    );
    add_connection(&mut both, all(ALL[2]));
    sound("and another call", &[&both]);
    // A second device of the caller that only chats.
    let mut devices = har(CALLER);
    let phone = replaced(&all(CALLER)[..LOGIN], "a-good-full", "phone");
    add_connection(&mut devices, phone);
    let said = sound("a second device", &[&devices, &har(CALLEE)]);
    assert!(said.out.contains("alice → bob"), "{}", said.out);
}

#[test]
fn whoever_reconnects_calls_again() {
    for (what, resource) in [
        ("the same resource", "a-good-full"),
        ("another resource", "second"),
    ] {
        let [caller, callee] = [CALLER, CALLEE].map(|name| {
            let mut har = har(name);
            let again = later(&another(&all(name), 2), 10);
            add_connection(&mut har, replaced(&again, "a-good-full", resource));
            har
        });
        for files in [vec![&caller], vec![&callee], vec![&caller, &callee]] {
            let said = sound(what, &files);
            assert!(said.out.contains("2 calls"), "{what}: {}", said.out);
        }
    }
}

/// The caller loses its connection in the middle of the call; what comes after goes over a new one.
fn reconnects(cut: usize, seconds: u64, resource: &str) -> Value {
    let whole = all(CALLER);
    let mut har = with(CALLER, whole[..cut].to_vec());
    let mut rest = whole[..LOGIN].to_vec();
    let login = time(&whole[LOGIN - 1]);
    for message in &mut rest {
        message["time"] = (time(message) - login + time(&whole[cut]) - 0.01).into();
    }
    rest.extend_from_slice(&whole[cut..]);
    add_connection(
        &mut har,
        replaced(&later(&rest, seconds), "a-good-full", resource),
    );
    har
}

#[test]
fn a_call_outlives_its_connection() {
    let whole = all(CALLER).len();
    for cut in [LOGIN + 6, LOGIN + 12, whole - 8, whole - 4, whole - 2] {
        for seconds in [0, 2, 9] {
            sound("the same resource", &[&reconnects(cut, seconds, "a-good-full")]);
            // Under another resource the other side may not know who that is: nobody is accused of it.
            let folder = Folder::new();
            let said = check(&[&folder.write("other.har", &reconnects(cut, seconds, "again"))]);
            assert!(
                said.status == 0 && !said.out.contains("warn "),
                "{cut} {seconds}: {}",
                said.out
            );
        }
    }
}

/// Stream management: enabled, lost, resumed (XEP-0198). `resent`: which way something goes once more.
fn resumes(cut: usize, resent: Option<&str>) -> Value {
    const SM: &str = "xmlns='urn:xmpp:sm:3'";
    let whole = all(CALLER);
    let at = time(&whole[LOGIN - 1]);
    let mut first = whole[..cut].to_vec();
    let enable = [
        message(true, at, &format!("<enable {SM} resume='true'/>")),
        message(false, at, &format!("<enabled {SM} id='s-1' resume='true'/>")),
    ];
    first.splice(LOGIN..LOGIN, enable);
    let mut har = with(CALLER, first);
    let now = time(&whole[cut - 1]) + 0.001;
    let mut second = whole[..LOGIN - 4].to_vec();
    second.iter_mut().for_each(|message| message["time"] = now.into());
    second.push(message(true, now, &format!("<resume {SM} h='9' previd='s-1'/>")));
    second.push(message(
        false,
        now,
        &format!("<resumed {SM} h='9' previd='s-1'/>"),
    ));
    let is_set = |way: &str, message: &Value| {
        let words = ["type=\"set\"", "type='set'"];
        message["type"] == way && words.iter().any(|word| text(message).contains(word))
    };
    if let Some(way) = resent
        && let Some(last) = whole[LOGIN..cut].iter().rfind(|m| is_set(way, m))
    {
        // What was perhaps lost is sent once more, as it was.
        let mut last = last.clone();
        last["time"] = now.into();
        second.push(last);
    }
    second.extend_from_slice(&whole[cut..]);
    add_connection(&mut har, second);
    har
}

#[test]
fn a_stream_that_is_resumed_goes_on() {
    let whole = all(CALLER).len();
    for cut in [LOGIN + 2, LOGIN + 7, LOGIN + 11, whole - 9, whole - 4] {
        for resent in [None, Some("send"), Some("receive")] {
            let har_ = resumes(cut, resent);
            sound(&format!("resumed at {cut}, {resent:?}"), &[&har_]);
            sound(
                &format!("resumed at {cut}, {resent:?}, both ends"),
                &[&har_, &har(CALLEE)],
            );
        }
    }
}

/// The same from this message on: so much later, on the recorder's clock, on that of the page, or on both.
fn set(all: &[Value], at: usize, seconds: i64, recorder: bool, page: bool) -> Vec<Value> {
    let (before, after) = all.split_at(at);
    let mut set = before.to_vec();
    for message in after {
        let mut message = message.clone();
        if page {
            message = shifted(&message, seconds);
        }
        if recorder {
            message["time"] = (time(&message) + seconds as f64).into();
        }
        set.push(message);
    }
    set
}

/// With the timestamps of what this end sends so much later.
fn shifted(message: &Value, seconds: i64) -> Value {
    let mut message = message.clone();
    let data = text(&message).to_owned();
    if message["type"] == "send"
        && let Some((before, rest)) = data.split_once("2026-11-23T13:44:")
        && let Some((at, tail)) = rest.split_at_checked(2)
    {
        let at = 13 * 3600 + 44 * 60 + at.parse::<i64>().expect("seconds") + seconds;
        let clock = format!("2026-11-23T{:02}:{:02}:{:02}", at / 3600, at / 60 % 60, at % 60);
        message["data"] = format!("{before}{clock}{tail}").into();
    }
    message
}

#[test]
fn a_clock_that_is_set_accuses_nobody() {
    for name in [CALLER, CALLEE] {
        let whole = all(name);
        for seconds in [-3_600, -40, -2, 7, 90, 3_600] {
            for at in (LOGIN + 1..whole.len()).step_by(2) {
                for (recorder, page) in [(true, false), (true, true)] {
                    let folder = Folder::new();
                    let messages = set(&whole, at, seconds, recorder, page);
                    let said = check(&[&folder.write("set.har", &with(name, messages))]);
                    let what = format!("{name} {seconds} s at {at}, {recorder} {page}");
                    assert!(
                        said.status == 0 && !said.out.contains("FAIL") && !said.out.contains("warn "),
                        "{what}: {}{}",
                        said.out,
                        said.err
                    );
                }
            }
        }
    }
}

#[test]
fn a_recorder_whose_clock_is_wrong_all_along_accuses_nobody() {
    for name in [CALLER, CALLEE] {
        for seconds in [-3_600, 90, 3_600] {
            let messages = set(&all(name), LOGIN, seconds, true, false);
            let folder = Folder::new();
            let said = check(&[&folder.write("wrong.har", &with(name, messages))]);
            assert!(
                said.status == 0 && !said.out.contains("warn "),
                "{name} {seconds}: {}",
                said.out
            );
        }
        // It is the page that is wrong where the other one's timestamps are right.
        let messages = set(&all(name), LOGIN, 3_600, false, true);
        let folder = Folder::new();
        let said = check(&[&folder.write("page.har", &with(name, messages))]);
        assert!(
            said.out.contains("warn ") && said.out.contains("TM-05"),
            "{name}: {}",
            said.out
        );
    }
}

/// The first message that came in as a request and is answered with the next.
fn answered(all: &[Value]) -> usize {
    let is_set = |message: &Value| message["type"] == "receive" && text(message).contains("call:initiate");
    all.iter().position(is_set).expect("a request") + 1
}

#[test]
fn a_client_is_slow_where_another_clock_says_so_too() {
    let whole = all(CALLEE);
    let at = answered(&whole);
    let folder = Folder::new();
    let said_of = |messages: Vec<Value>| check(&[&folder.write("slow.har", &with(CALLEE, messages))]);
    let slow = [whole[..at].to_vec(), later(&whole[at..], 7)].concat();
    let said = said_of(slow);
    assert!(said.out.contains("warn "), "{}", said.out);
    assert!(said.out.contains("IQ-08  should, client"), "{}", said.out);
    // The caller's timestamps say that it was the clock.
    let said = said_of(set(&whole, at, 7, true, true));
    assert!(!said.out.contains("IQ-08"), "{}", said.out);
    // Nobody says anything more.
    let said = said_of(set(&whole[..at + 1], at, 7, true, true));
    assert!(
        said.out.contains("IQ-08") && said.out.contains("clock was set forward"),
        "{}",
        said.out
    );
}

#[test]
fn a_timestamp_of_another_hour_is_one_where_the_others_are_right() {
    let whole = all(CALLER);
    let sends = |at: &usize| whole[*at]["type"] == "send" && text(&whole[*at]).contains("timestamp");
    let sent: Vec<usize> = (LOGIN..whole.len()).filter(sends).collect();
    let (last, between) = (sent[sent.len() - 1], sent[sent.len() - 2]);
    for seconds in [-3_600, 3_600] {
        for (at, certain) in [(sent[0], true), (between, true), (last, seconds < 0)] {
            let mut messages = whole.clone();
            messages[at] = shifted(&messages[at], seconds);
            let folder = Folder::new();
            let said = check(&[&folder.write("hour.har", &with(CALLER, messages))]);
            assert!(said.out.contains("TM-05"), "{seconds} {at}: {}", said.out);
            assert_eq!(
                said.out.contains("warn "),
                certain,
                "{seconds} {at}: {}",
                said.out
            );
        }
    }
}

#[test]
fn a_timeout_is_too_early_on_a_clock_that_runs_and_not_on_one_that_is_set() {
    let early = |set: f64| {
        let folder = Folder::new();
        folder.changed(ALL[2], |messages| {
            let hangup = messages.len() - 2;
            let lead = if set == 0.0 { 0.0 } else { 31.0 };
            for message in &mut messages[hangup..] {
                message["data"] = text(message).replace("cancelled", "timeout").into();
                message["time"] = (time(message) + lead + set).into();
            }
        })
    };
    let said = early(0.0);
    assert!(said.out.contains("TM-01  must, client"), "{}", said.out);
    let said = early(-35.0);
    assert!(said.status == 0 && !said.out.contains("TM-01"), "{}", said.out);
}

#[test]
fn answers_that_the_recording_does_not_hold_are_owed_by_nobody() {
    for name in ALL {
        let folder = Folder::new();
        let said = folder.changed(name, |messages| {
            let answer = |message: &Value| {
                message["type"] == "receive"
                    && text(message).contains("type='result'")
                    && !text(message).contains("bind")
            };
            messages.retain(|message| !answer(message));
        });
        assert!(said.is_sound(), "{name}: {}{}", said.out, said.err);
    }
}

#[test]
fn packed_recordings_and_those_on_stdin_are_what_they_are() {
    let folder = Folder::new();
    let text = har(CALLER).to_string();
    let path = folder.0.path().join("call.har.gz");
    let file = std::fs::File::create(&path).expect("a file");
    let mut packed = flate2::write::GzEncoder::new(file, flate2::Compression::fast());
    packed.write_all(text.as_bytes()).expect("written");
    packed.finish().expect("written");
    let said = check(&[&path]);
    assert!(
        said.is_sound() && said.out.contains(", gzip"),
        "{}{}",
        said.out,
        said.err
    );

    let mut child = std::process::Command::new(env!("CARGO_BIN_EXE_callspec"))
        .args(["check", "-"])
        .stdin(std::process::Stdio::piped())
        .stdout(std::process::Stdio::piped())
        .spawn()
        .expect("callspec runs");
    let mut stdin = child.stdin.take().expect("a pipe");
    // The first that comes through a pipe may be a bracket and no more.
    let pretty = serde_json::to_string_pretty(&har(CALLER)).expect("JSON");
    stdin.write_all(&pretty.as_bytes()[..2]).expect("written");
    stdin.flush().expect("flushed");
    stdin.write_all(&pretty.as_bytes()[2..]).expect("written");
    drop(stdin);
    let output = child.wait_with_output().expect("it ends");
    let out = String::from_utf8_lossy(&output.stdout);
    assert!(
        output.status.success() && out.contains("stdin: a HAR of Chrome"),
        "{out}"
    );
}

/// Bob's client counts its ids from 1 on every stream; alice's stream is resumed meanwhile.
const COUNTED: &str = r#"
2026-01-01T10:00:00.100Z SENT: <open xmlns='urn:ietf:params:xml:ns:xmpp-framing' to='x' version='1.0'/>
2026-01-01T10:00:00.110Z RECV: <stream:features xmlns:stream='http://etherx.jabber.org/streams'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/><sm xmlns='urn:xmpp:sm:3'/></stream:features>
2026-01-01T10:00:00.120Z SENT: <iq type='set' id='bind'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/></iq>
2026-01-01T10:00:00.130Z RECV: <iq type='result' id='bind'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'><jid>alice@x/1</jid></bind></iq>
2026-01-01T10:00:00.140Z SENT: <enable xmlns='urn:xmpp:sm:3' resume='true'/>
2026-01-01T10:00:00.150Z RECV: <enabled xmlns='urn:xmpp:sm:3' id='sm-1' resume='true'/>
2026-01-01T10:00:01.000Z RECV: <iq type='set' id='1' from='bob@x/1' to='alice@x/1'><call xmlns='urn:xmpp:call:0'>{"type":"call:initiate","callId":"0f0e0d0c-0b0a-4908-8706-050403020100","senderId":"b2c3d4e5-f6a7-4901-bcde-f12345678901","recipientId":"a1b2c3d4-e5f6-4890-abcd-ef1234567890","timestamp":"2026-01-01T10:00:01Z","payload":{"callerName":"Bob"}}</call></iq>
2026-01-01T10:00:01.100Z SENT: <iq type='result' id='1' to='bob@x/1'/>
2026-01-01T10:00:05.000Z SENT: <open xmlns='urn:ietf:params:xml:ns:xmpp-framing' to='x' version='1.0'/>
2026-01-01T10:00:05.010Z RECV: <stream:features xmlns:stream='http://etherx.jabber.org/streams'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/><sm xmlns='urn:xmpp:sm:3'/></stream:features>
2026-01-01T10:00:05.020Z SENT: <resume xmlns='urn:xmpp:sm:3' h='1' previd='sm-1'/>
2026-01-01T10:00:05.030Z RECV: <resumed xmlns='urn:xmpp:sm:3' h='1' previd='sm-1'/>
2026-01-01T10:00:06.000Z RECV: <iq type='set' id='1' from='bob@x/1' to='alice@x/1'><call xmlns='urn:xmpp:call:0'>{"type":"call:hangup","callId":"0f0e0d0c-0b0a-4908-8706-050403020100","senderId":"b2c3d4e5-f6a7-4901-bcde-f12345678901","recipientId":"a1b2c3d4-e5f6-4890-abcd-ef1234567890","timestamp":"2026-01-01T10:00:06Z","payload":{"reason":"cancelled"}}</call></iq>
2026-01-01T10:00:06.100Z SENT: <iq type='result' id='1' to='bob@x/1'/>
2026-01-01T10:01:00.000Z RECV: <message from='bob@x/1' to='alice@x/1' type='chat'><body>later</body></message>
"#;

#[test]
fn an_answer_to_a_new_request_of_an_old_id_is_no_answer_sent_again() {
    let folder = Folder::new();
    let path = folder.0.path().join("alice.log");
    std::fs::write(&path, COUNTED.trim_start()).expect("a file");
    let said = check(&[&path]);
    assert!(said.is_sound(), "{}{}", said.out, said.err);
}

/// Signals alone tell of no connection that broke, so what is the same to its timestamp may have been sent once.
#[test]
fn a_signal_that_was_written_down_twice_may_have_been_sent_once() {
    let signal = |second: u32, kind: &str, payload: &str| {
        format!(
            r#"{{"type":"call:{kind}","callId":"0f0e0d0c-0b0a-4908-8706-050403020100","senderId":"b2c3d4e5-f6a7-4901-bcde-f12345678901","recipientId":"a1b2c3d4-e5f6-4890-abcd-ef1234567890","timestamp":"2026-01-01T10:00:{second:02}Z","payload":{payload}}}"#
        )
    };
    let told = |again: u32| {
        let initiate = |second| signal(second, "initiate", r#"{"callerName":"Bob"}"#);
        let hangup = signal(9, "hangup", r#"{"reason":"cancelled"}"#);
        let lines = [initiate(1), initiate(again), hangup]
            .map(|line| line + "\n")
            .concat();
        let folder = Folder::new();
        let path = folder.0.path().join("signals.jsonl");
        std::fs::write(&path, lines).expect("a file");
        check(&[&path])
    };
    let same = told(1);
    assert_eq!(same.status, 0, "{}{}", same.out, same.err);
    assert!(
        same.out.contains("handed the same signal on twice"),
        "{}",
        same.out
    );
    let another = told(2);
    assert_eq!(another.status, 1, "{}{}", another.out, another.err);
}
