use crate::rules::judge;
use crate::transcript::{Event, Header, Opcode, Wire};

/// A line's story: `>` sent, `<` received; text messages as they are, other things by a word.
pub(super) fn events(story: &[&str]) -> Vec<Event> {
    let line = |n: usize, text: &str| {
        let (way, what) = text.split_at(1);
        let frame = |opcode, code| Wire::Frame {
            opcode,
            last: true,
            data: None,
            code,
        };
        let headers = |value: &str| vec![("Sec-WebSocket-Protocol".to_owned(), value.to_owned())];
        let (wire, xml) = match what {
            "reached" => (Wire::Reached { tls: None }, None),
            "upgrade" => (
                Wire::Upgrade {
                    headers: headers("xmpp"),
                },
                None,
            ),
            "upgrade with a token" => {
                let cookie = ("Cookie".to_owned(), "auth_token=***".to_owned());
                let headers = [headers("xmpp"), vec![cookie]].concat();
                (Wire::Upgrade { headers }, None)
            }
            "upgrade without" => (Wire::Upgrade { headers: Vec::new() }, None),
            "101" => (
                Wire::Upgraded {
                    status: 101,
                    headers: headers("xmpp"),
                },
                None,
            ),
            "101 bare" => (
                Wire::Upgraded {
                    status: 101,
                    headers: Vec::new(),
                },
                None,
            ),
            "101 chat" => (
                Wire::Upgraded {
                    status: 101,
                    headers: headers("chat"),
                },
                None,
            ),
            "403" => (
                Wire::Upgraded {
                    status: 403,
                    headers: Vec::new(),
                },
                None,
            ),
            "hello taken" | "hello refused" => {
                let (version, accepted) = ("1.1".to_owned(), Some(what == "hello taken"));
                (Wire::Hello { version, accepted }, None)
            }
            "binary" => (frame(Opcode::Binary, None), None),
            "close frame" => (frame(Opcode::Close, Some(1000)), None),
            "close frame without a code" => (frame(Opcode::Close, None), None),
            "too big" => (frame(Opcode::Close, Some(1009)), None),
            "end" => (Wire::End { reset: false }, None),
            "misframed" => (
                Wire::Broken {
                    why: "a masked frame".into(),
                },
                None,
            ),
            text => match text.split_once(": ") {
                Some(("tcp", text)) => (Wire::Stream, Some(text.to_owned())),
                Some(("broken", text)) => (Wire::Broken { why: "no XML".into() }, Some(text.to_owned())),
                _ => (frame(Opcode::Text, None), Some(text.to_owned())),
            },
        };
        let mut event: Event =
            serde_json::from_str(r#"{"n":0,"t":0.0,"who":"line","dir":"wire-sent"}"#).expect("an event");
        event.n = n as u64 + 1;
        if way == "<" {
            event.dir = crate::transcript::Dir::WireReceived;
        }
        event.wire = Some(wire);
        event.xml = xml.map(Into::into);
        event
    };
    story.iter().enumerate().map(|(n, text)| line(n, text)).collect()
}

pub(super) const OPEN: &str =
    "><open xmlns='urn:ietf:params:xml:ns:xmpp-framing' to='localhost' version='1.0'/>";
pub(super) const OPENED: &str =
    "<<open xmlns='urn:ietf:params:xml:ns:xmpp-framing' from='localhost' id='a' version='1.0'/>";
/// The answer to a login.
pub(super) fn bound(jid: &str) -> String {
    format!(
        "<<iq xmlns='jabber:client' type='result' id='bind'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'><jid>{jid}</jid></bind></iq>"
    )
}

const CLOSE: &str = "<close xmlns='urn:ietf:params:xml:ns:xmpp-framing'/>";

/// The rules that the rest of a story breaks, and those that it keeps, after a sound upgrade and opening.
fn after_opening(rest: &[&str]) -> (Vec<&'static str>, Vec<&'static str>) {
    let story = [&["<reached", ">upgrade", "<101", OPEN, OPENED], rest].concat();
    judged(&story)
}

fn judged(story: &[&str]) -> (Vec<&'static str>, Vec<&'static str>) {
    judged_as("", story)
}

/// The same, where the header says this too.
fn judged_as(more: &str, story: &[&str]) -> (Vec<&'static str>, Vec<&'static str>) {
    let header: Header = serde_json::from_str(&format!(
        r#"{{"callspec":1,"scenario":{{"name":"a"}},"cast":{{"line":{{"jid":"mallory@localhost/x"}}}}{more}}}"#,
    ))
    .expect("a header");
    let verdict = judge(&header, events(story).into_iter());
    let broken = verdict.findings.iter().map(|found| found.rule.id).collect();
    let held = verdict.rules.iter().filter(|(_, tally)| tally.held > 0);
    (broken, held.map(|(id, _)| *id).collect())
}

#[test]
fn an_upgrade_confirms_what_was_offered_and_nothing_else() {
    for (story, broken) in [
        (&[">upgrade", "<101"][..], &[][..]),
        (&[">upgrade", "<101 bare"], &["TR-01"]),
        (&[">upgrade", "<101 chat"], &["TR-01"]),
        (&[">upgrade without", "<101"], &["TR-01"]),
        (&[">upgrade without", "<101 bare"], &[]),
    ] {
        assert_eq!(judged(story).0, broken, "{story:?}");
    }
}

#[test]
fn an_opening_is_answered_with_an_opening() {
    let from = |answer: &str| {
        let answer = format!("<{answer}");
        judged(&[">upgrade", "<101", OPEN, &answer]).0
    };
    let open = |rest: &str| {
        from(&format!(
            "<open xmlns='urn:ietf:params:xml:ns:xmpp-framing' {rest}/>"
        ))
    };
    assert_eq!(open("from='localhost' id='a' version='1.0'"), [""; 0]);
    for rest in [
        "id='a' version='1.0'",
        "from='localhost' version='1.0'",
        "from='localhost' id='a'",
        "from='localhost' id='a' version='0.9'",
    ] {
        assert_eq!(open(rest), ["TR-02"], "{rest}");
    }
    assert_eq!(
        from("<stream:features xmlns:stream='http://etherx.jabber.org/streams'/>"),
        ["TR-02"]
    );
    assert_eq!(
        from("<close xmlns='urn:ietf:params:xml:ns:xmpp-framing' see-other-uri='wss://b/'/>"),
        [""; 0]
    );
    // The stream begins anew after SASL, under a fresh id (RFC 6120 §6.4.6).
    assert_eq!(after_opening(&[OPEN, OPENED]).0, ["TR-02"]);
}

#[test]
fn each_message_is_one_element_that_can_be_read_alone() {
    assert_eq!(after_opening(&["<<iq type='result' id='a'/>"]).0, ["TR-04"]);
    assert_eq!(after_opening(&["< "]).0, ["TR-03"]);
    assert_eq!(after_opening(&["<<a xmlns='b'/><a xmlns='b'/>"]).0, ["TR-03"]);
}

#[test]
fn what_sessions_get_over_websocket_is_one_element_that_can_be_read_alone() {
    let broken = |target: &str, xml: &str| {
        let header: Header = serde_json::from_value(serde_json::json!({
            "callspec": 1, "scenario": {"name": "a"}, "target": target,
            "cast": {"alice": {"jid": "alice@localhost/x", "party": "bot"}},
        }))
        .expect("a header");
        let received = serde_json::json!({"n": 1, "t": 0.0, "who": "alice", "dir": "received", "xml": xml});
        let event: Event = serde_json::from_value(received).expect("an event");
        let verdict = judge(&header, [event].into_iter());
        let broken = verdict.findings.iter().map(|found| found.rule.id);
        broken.collect::<Vec<_>>()
    };
    let sound = "<presence xmlns='jabber:client' from='bob@localhost/y'/>";
    let bare = "<presence from='bob@localhost/y'/>";
    for (target, xml, rules) in [
        ("wss://localhost/ws", sound, &[][..]),
        ("wss://localhost/ws", bare, &["TR-04"]),
        ("ws://localhost/ws", "<stream:error/>", &["TR-04"]),
        ("ws://localhost/ws", &format!("{sound}{sound}"), &["TR-03"]),
        ("ws://localhost/ws", &sound[..20], &["TR-03"]),
        ("ws://localhost/ws", &sound[20..], &["TR-03"]),
        // What a bot writes down of a binary frame.
        ("ws://localhost/ws", "128 bytes", &["TR-03"]),
        // Over TCP a stanza stands in its stream.
        ("xmpp://localhost", bare, &[]),
        ("xmpps://localhost", bare, &[]),
        ("embedded over TCP", bare, &[]),
        ("embedded", bare, &["TR-04"]),
        ("xmpp://localhost", &sound[..20], &["TR-10"]),
        ("xmpp://localhost", "<a b='1'>R&D</a>", &["TR-10"]),
        ("xmpp://localhost", "<iq><!-- relayed --></iq>", &["TR-10"]),
        // What stands in its header is bound in all of a stream, and may be unknown here.
        ("xmpp://localhost", "<db:verify to='a'/>", &[]),
    ] {
        assert_eq!(broken(target, xml), rules, "{target} {xml}");
    }
}

#[test]
fn a_stream_ends_with_a_close_and_a_handshake() {
    let (ours, theirs) = (format!(">{CLOSE}"), format!("<{CLOSE}"));
    let (ours, theirs) = (ours.as_str(), theirs.as_str());
    let sound = after_opening(&[ours, theirs, ">close frame", "<close frame", "<end"]);
    assert_eq!(sound.0, [""; 0]);
    assert!(sound.1.contains(&"TR-05"));
    assert_eq!(after_opening(&[ours, "<end"]).0, ["TR-05"]);
    assert_eq!(
        after_opening(&[ours, "<close frame", ">close frame", "<end"]).0,
        ["TR-05"]
    );
    assert_eq!(
        after_opening(&[ours, theirs, ">close frame", "<end"]).0,
        ["TR-05"]
    );
    // The connection may go before we have begun the handshake that is ours to begin.
    assert_eq!(after_opening(&[ours, theirs, "<end"]).0, [""; 0]);
    // Whoever leaves without having closed the stream is owed nothing on it.
    assert_eq!(
        after_opening(&[">close frame", "<close frame", "<end"]).0,
        [""; 0]
    );
    assert_eq!(after_opening(&[">close frame", "<end"]).0, [""; 0]);
    assert_eq!(after_opening(&[">close frame", theirs, "<end"]).0, [""; 0]);
    // A stream that never began does not end.
    let (broken, _) = judged(&["<reached", ">upgrade", "<101", OPEN, ours, "<end"]);
    assert!(!broken.contains(&"TR-05"), "{broken:?}");
}

#[test]
fn a_fault_is_named_before_the_end() {
    const ERROR: &str = "<<stream:error xmlns:stream='http://etherx.jabber.org/streams'><not-well-formed xmlns='urn:ietf:params:xml:ns:xmpp-streams'/></stream:error>";
    let close = format!("<{CLOSE}");
    let close = close.as_str();
    let sound = after_opening(&[">broken<", ERROR, close, "<close frame", "<end"]);
    assert_eq!(sound.0, [""; 0]);
    assert!(sound.1.contains(&"TR-09") && sound.1.contains(&"TR-05"));
    assert_eq!(
        after_opening(&[">broken<", close, "<close frame", "<end"]).0,
        ["TR-09"]
    );
    assert_eq!(after_opening(&[">broken<", "<end"]).0, ["TR-09"]);
    // However little of the end is seen.
    assert_eq!(after_opening(&[">broken<", close]).0, ["TR-09"]);
    assert_eq!(after_opening(&[">broken<", "<close frame"]).0, ["TR-09"]);
    assert_eq!(
        after_opening(&[close, ">broken<", "<close frame", "<end"]).0,
        [""; 0]
    );
    assert_eq!(after_opening(&[">broken<", ERROR, "<end"]).0, ["TR-05"]);
    // What is broken below the stream is answered below it.
    assert_eq!(after_opening(&[">binary", "<close frame", "<end"]).0, [""; 0]);
    assert_eq!(after_opening(&[">broken<", "<too big", "<end"]).0, [""; 0]);
    // A server may go whenever it likes, where nothing was wrong.
    assert_eq!(after_opening(&[close, "<close frame", "<end"]).0, [""; 0]);
    assert_eq!(after_opening(&["<end"]).0, [""; 0]);
}

#[test]
fn nobody_gets_what_was_sent_without_a_login() {
    let mut story = events(&[
        "<reached",
        ">upgrade",
        "<101",
        "><message xmlns='jabber:client' to='bob@localhost' id='early'><body>x</body></message>",
    ]);
    let header: Header = serde_json::from_str(r#"{"callspec":1,"scenario":{"name":"a"}}"#).expect("a header");
    let verdict = judge(&header, story.clone().into_iter());
    assert!(verdict.findings.is_empty());
    assert_eq!(verdict.rules["AU-06"].held, 1);
    let received = r#"{"n":9,"t":1.0,"who":"callee","dir":"received","xml":"<message xmlns='jabber:client' id='early' from='x@localhost/y'><body>x</body></message>"}"#;
    story.push(serde_json::from_str(received).expect("an event"));
    let verdict = judge(&header, story.clone().into_iter());
    assert_eq!(verdict.findings[0].rule.id, "AU-06");
    // The end of the connection is no excuse: a server may end it and deliver all the same.
    let end = events(&["<end"]).remove(0);
    story.insert(4, Event { n: 5, ..end });
    let verdict = judge(&header, story.clone().into_iter());
    assert_eq!(verdict.findings[0].rule.id, "AU-06");
    let refused = judge(&header, story.clone().into_iter().take(5));
    assert_eq!(refused.rules["AU-06"].held, 1);
    // Said once more after the login, it is as good as any.
    let bound = bound("mallory@localhost/x");
    let again = "><message xmlns='jabber:client' to='bob@localhost' id='early'><body>x</body></message>";
    let last = story.pop().expect("what was received");
    story.extend(events(&["<reached", ">upgrade", "<101", &bound, again]));
    story.push(last);
    assert!(judge(&header, story.into_iter()).findings.is_empty());
}

#[test]
fn who_comes_without_tls_is_refused_in_any_way() {
    let demanded = r#","profile":{"tls-demanded":true}"#;
    let plain = |story: &[&str]| {
        let (broken, held) = judged_as(demanded, story);
        (broken.contains(&"TR-07"), held.contains(&"TR-07"))
    };
    let features = |inside: &str| {
        format!(
            "<<stream:features xmlns:stream='http://etherx.jabber.org/streams'>{inside}</stream:features>"
        )
    };
    let none = features("");
    let login = features(
        "<mechanisms xmlns='urn:ietf:params:xml:ns:xmpp-sasl'><mechanism>PLAIN</mechanism></mechanisms>",
    );
    assert_eq!(plain(&["<reached", "<end"]), (false, true));
    // Where nobody asks for it, nothing is kept by that.
    assert!(!judged(&["<reached", "<end"]).1.contains(&"TR-07"));
    assert_eq!(plain(&["<reached", &none, "<end"]), (false, true));
    assert_eq!(plain(&["<reached", ">upgrade", "<403"]), (false, true));
    assert_eq!(plain(&["<reached", &login, "<end"]), (true, false));
    assert_eq!(
        plain(&["<reached", ">upgrade", "<101", OPEN, OPENED, &login]),
        (true, false)
    );
}

#[test]
fn an_old_tls_is_refused() {
    let judged = |hello: &str| judged(&["<reached", hello]);
    let (broken, held) = judged("<hello taken");
    assert!(broken == ["TR-07"] && !held.contains(&"TR-07"));
    let (broken, held) = judged("<hello refused");
    assert!(broken.is_empty() && held.contains(&"TR-07"));
}

#[test]
fn one_address_is_one_session() {
    let bound = bound("bob@localhost/x");
    let event = |text: &str| -> Event { serde_json::from_str(text).expect("an event") };
    let mut story = vec![event(
        r#"{"n":1,"t":0.0,"who":"callee","jid":"bob@localhost/x","dir":"connected"}"#,
    )];
    story.extend(events(&["<reached", ">upgrade", "<101", &bound]));
    let steps = event(r#"{"n":20,"t":2.0,"dir":"steps"}"#);
    let header: Header = serde_json::from_str(r#"{"callspec":1,"scenario":{"name":"a"}}"#).expect("a header");
    let both = judge(&header, story.iter().cloned().chain([steps.clone()]));
    assert_eq!(both.findings[0].rule.id, "AU-08");
    let gone = event(r#"{"n":19,"t":1.0,"who":"callee","dir":"closed","note":"conflict"}"#);
    let resolved = judge(
        &header,
        story.iter().cloned().chain([gone.clone(), steps.clone()]),
    );
    assert!(resolved.findings.is_empty());
    assert_eq!(resolved.rules["AU-08"].held, 1);
    // After the last step everyone goes, and that mends nothing.
    let too_late = judge(&header, story.into_iter().chain([steps, gone]));
    assert_eq!(too_late.findings[0].rule.id, "AU-08");
}

#[test]
fn a_token_that_comes_back_is_a_leak() {
    let header: Header = serde_json::from_str(r#"{"callspec":1,"scenario":{"name":"a"}}"#).expect("a header");
    let event = |dir: &str, kind: &str| -> Event {
        let text = format!(
            r#"{{"n":1,"t":0.0,"who":"caller","dir":"{dir}","xml":"<a xmlns='b'>***</a>","secrets":["{kind}"]}}"#
        );
        serde_json::from_str(&text).expect("an event")
    };
    for (dir, kind, leak) in [
        ("received", "token", true),
        ("wire-received", "token", true),
        ("sent", "token", false),
        ("received", "password", false),
    ] {
        let verdict = judge(&header, [event(dir, kind)].into_iter());
        let found = verdict.findings.iter().any(|found| found.rule.id == "RB-06");
        assert_eq!(found, leak, "{dir} {kind}");
    }
}

#[test]
fn nobody_is_bound_to_an_address_of_another() {
    let header: Header = serde_json::from_str(
        r#"{"callspec":1,"scenario":{"name":"a"},"cast":{"line":{"jid":"mallory@localhost/x"},"callee":{"jid":"bob@localhost/y"}}}"#,
    )
    .expect("a header");
    for (jid, fine) in [
        ("mallory@localhost/z", true),
        ("bob@localhost/z", false),
        // Nobody's whom we know: a server may give out names of its own.
        ("zoe@localhost/z", true),
    ] {
        let bound = bound(jid);
        let verdict = judge(
            &header,
            events(&["<reached", ">upgrade", "<101", &bound]).into_iter(),
        );
        let found = verdict.findings.iter().any(|found| found.rule.id == "AU-04");
        assert_eq!(found, !fine, "{jid}");
    }
}

/// A signal that nobody can read, and what it may have cost: once its sender has an answer, nothing.
#[test]
fn what_is_answered_has_hurt_nobody() {
    let header: Header = serde_json::from_str(r#"{"callspec":1,"scenario":{"name":"a"}}"#).expect("a header");
    let event = |n: u64, who: &str, dir: &str, xml: &str| -> Event {
        let t = n as f64 / 10.0;
        let event = serde_json::json!({"n": n, "t": t, "who": who, "dir": dir, "xml": xml});
        serde_json::from_value(event).expect("an event")
    };
    let deep = "[".repeat(1000);
    let attack = format!(
        "<iq xmlns='jabber:client' type='set' id='a' to='bob@x/1'><call xmlns='urn:xmpp:call:0'>{deep}</call></iq>"
    );
    let refused = |id: &str| {
        format!(
            "<iq xmlns='jabber:client' type='error' id='{id}' from='bob@x/1'><error type='modify'><bad-request xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></iq>"
        )
    };
    for (answer, hurt) in [("a", false), ("b", true)] {
        let story = [
            event(1, "mallory", "sent", &attack),
            event(2, "mallory", "received", &refused(answer)),
            event(3, "bob", "closed", ""),
        ];
        let verdict = judge(&header, story.into_iter());
        let found = verdict.findings.iter().any(|found| found.rule.id == "RB-04");
        assert_eq!(found, hurt, "{answer}: {:?}", verdict.findings);
    }
}

#[test]
fn what_nobody_can_read_on_is_the_servers_breach_and_its_end_the_readers() {
    assert_eq!(after_opening(&["<misframed", "<end"]).0, ["TR-11"]);
    let broken = "<broken: <a b='1'>R&D</a>";
    let header = "<tcp: <stream:stream xmlns='jabber:client'>";
    assert_eq!(judged(&["<reached", header, broken, "<end"]).0, ["TR-10"]);
    // More than is read here.
    let whole = "<broken: <a><b/></a>";
    assert!(judged(&["<reached", header, whole, "<end"]).0.is_empty());
    // Something else that listens there.
    assert!(judged(&["<reached", broken, "<end"]).0.is_empty());
}

/// What was seen of each breach after the opening.
fn seen_after_opening(rest: &[&str]) -> Vec<(&'static str, String)> {
    let header = r#"{"callspec":1,"scenario":{"name":"a"},"cast":{"line":{"jid":"mallory@localhost/x"}}}"#;
    let header: Header = serde_json::from_str(header).expect("a header");
    let story = [&["<reached", ">upgrade", "<101", OPEN, OPENED], rest].concat();
    let verdict = judge(&header, events(&story).into_iter());
    let found = verdict.findings.iter();
    found.map(|found| (found.rule.id, found.seen.clone())).collect()
}

#[test]
fn how_a_line_ended_is_told() {
    const CLOSE: &str = "<close xmlns='urn:ietf:params:xml:ns:xmpp-framing'/>";
    const FAULT: &str = "><a></b>";
    const REFUSED: &str = "<<failure xmlns='urn:ietf:params:xml:ns:xmpp-sasl'><not-authorized/></failure>";
    let (ours, theirs) = (&*format!(">{CLOSE}"), &*format!("<{CLOSE}"));
    let without = "a close frame without <close/>";
    let with_code = "a close frame 1000 without <close/>";
    let end = "the end of the connection";
    let no_frame = "<close/>, and the end of the connection without a close frame";
    for (rest, rule, seen) in [
        (
            &[FAULT, theirs, "<close frame", "<end"][..],
            "TR-09",
            "<close/> alone",
        ),
        (&[FAULT, "<close frame", "<end"], "TR-09", with_code),
        (&[FAULT, "<close frame without a code", "<end"], "TR-09", without),
        (&[FAULT, "<end"], "TR-09", end),
        (&[ours, "<close frame", "<end"], "TR-05", with_code),
        (&[ours, "<close frame without a code", "<end"], "TR-05", without),
        (&[ours, "<end"], "TR-05", end),
        (&[ours, theirs, ">close frame", "<end"], "TR-05", no_frame),
        (&[theirs, "<end"], "TR-05", no_frame),
        (&[ours, REFUSED, "<end"], "TR-05", end),
    ] {
        assert_eq!(seen_after_opening(rest), [(rule, seen.to_owned())], "{rest:?}");
    }
    for rest in [
        // The handshake is ours to begin.
        &[ours, theirs, "<end"][..],
        &[ours, theirs, "<close frame", "<end"],
        &[">close frame", "<end"],
        &[REFUSED, "<end"],
        &["<end"],
        // Our close came first, and what stood behind it was not read.
        &[ours, FAULT, theirs, "<close frame", "<end"],
        &[">binary", FAULT, "<end"],
        &[FAULT, "<too big", "<end"],
    ] {
        assert_eq!(seen_after_opening(rest), [], "{rest:?}");
    }
    let before_the_opening = ["<reached", ">upgrade", "<101", FAULT, "<end"];
    assert_eq!(judged(&before_the_opening).0, [""; 0]);
}

#[test]
fn a_server_goes_on_under_the_name_that_it_was_asked_for() {
    let opened = |from: &str, id: &str| {
        format!("<<open xmlns='urn:ietf:params:xml:ns:xmpp-framing' from='{from}' id='{id}' version='1.0'/>")
    };
    // Whoever is asked for a strange domain may name any of its own, and does so once.
    let first = judged(&[">upgrade", "<101", OPEN, &opened("elsewhere", "a")]);
    assert_eq!(first.0, [""; 0]);
    let again = seen_after_opening(&[OPEN, &opened("elsewhere", "b")]);
    assert_eq!(again, [("TR-02", "from='elsewhere'".to_owned())]);
    assert_eq!(seen_after_opening(&[OPEN, &opened("LOCALHOST", "b")]), []);
    // A close without another address is no answer.
    let closed = "<<close xmlns='urn:ietf:params:xml:ns:xmpp-framing'/>";
    assert_eq!(judged(&[">upgrade", "<101", OPEN, closed]).0[0], "TR-02");
    // Nobody answers what is opened after the client's own close.
    let left = "><close xmlns='urn:ietf:params:xml:ns:xmpp-framing'/>";
    assert_eq!(seen_after_opening(&[left, OPEN, closed]), []);
}
