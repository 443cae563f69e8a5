//! Sessions of one user, one after the other and side by side: none is ever taken for another.

use serde_json::json;

use super::*;

const ALICE: &str = "a1b2c3d4-e5f6-7890-abcd-ef1234567890";
const BOB: &str = "b2c3d4e5-f6a7-8901-bcde-f12345678901";

/// Lines of `address verb`: `comes`, `goes`, and `TYPE ADDRESS CALL`, a signal that is delivered and answered. A second
/// goes by before each.
fn found(lines: &str) -> Vec<String> {
    let header: Header =
        serde_json::from_value(json!({ "callspec": 1, "scenario": {}, "witness": "between" }))
            .expect("a header");
    let keep = Keep {
        passed: 10,
        events: false,
    };
    let mut calls = Calls::new(&header, &[], &[], keep);
    let mut found = Vec::new();
    let mut at = 0.0;
    let mut passes = |who: &str, dir: &str, xml: Option<String>| {
        at += 0.01;
        let event = json!({ "n": 0, "t": at, "who": "", "jid": who, "dir": dir, "xml": xml });
        let recorded = Recorded {
            event: serde_json::from_value(event).expect("an event"),
            conn: who.into(),
            line: 0,
        };
        found.extend(calls.take(0, recorded));
        if dir == "received" {
            at += 1.0;
        }
    };
    for (n, line) in lines
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty())
        .enumerate()
    {
        let words: Vec<&str> = line.split_whitespace().collect();
        match words.as_slice() {
            [who, "comes"] => passes(who, "connected", None),
            [who, "goes"] => passes(who, "stops", None),
            [who, kind, to, call] => {
                let (sender, recipient) = if who.starts_with("alice") {
                    (ALICE, BOB)
                } else {
                    (BOB, ALICE)
                };
                let payload = if *kind == "initiate" {
                    json!({ "callerName": "Alice" })
                } else {
                    json!({})
                };
                let signal = json!({
                    "type": format!("call:{kind}"), "callId": format!("550e8400-e29b-41d4-a716-44665544000{call}"),
                    "senderId": sender, "recipientId": recipient, "timestamp": "2026-01-01T00:00:00Z", "payload": payload,
                });
                let signal = format!("<call xmlns='urn:xmpp:call:0'>{signal}</call></iq>");
                passes(
                    who,
                    "sent",
                    Some(format!("<iq type='set' id='i{n}' to='{to}'>{signal}")),
                );
                passes(
                    to,
                    "received",
                    Some(format!(
                        "<iq type='set' id='i{n}' from='{who}' to='{to}'>{signal}"
                    )),
                );
                passes(
                    to,
                    "sent",
                    Some(format!("<iq type='result' id='i{n}' to='{who}'/>")),
                );
                passes(
                    who,
                    "received",
                    Some(format!("<iq type='result' id='i{n}' from='{to}' to='{who}'/>")),
                );
            }
            _ => panic!("{line}"),
        }
    }
    let clock = |finding: &Finding| finding.rule.id == "TM-05";
    let found = found.into_iter().filter(|finding| !clock(finding));
    found
        .map(|finding| format!("{} {}", finding.rule.id, finding.message))
        .collect()
}

#[test]
fn who_comes_back_while_the_same_users_next_session_runs_is_told_from_it() {
    let lines = "
        bob@h/x comes
        bob@h/x goes
        bob@h/y comes
        bob@h/x comes
        alice@h/a comes
        alice@h/a initiate bob@h/y 1
        bob@h/y reject alice@h/a 1
        bob@h/x goes
        bob@h/z comes
        alice@h/a initiate bob@h/y 2
        bob@h/y reject alice@h/a 2
        alice@h/a initiate bob@h/z 3
        bob@h/z busy alice@h/a 3
    ";
    assert_eq!(found(lines), Vec::<String>::new());
}

#[test]
fn the_call_that_a_session_left_is_not_the_next_ones() {
    let lines = "
        alice@h/a comes
        bob@h/x comes
        alice@h/a initiate bob@h/x 1
        bob@h/x accept alice@h/a 1
        bob@h/x goes
        alice@h/b comes
        bob@h/y comes
        alice@h/b initiate bob@h/y 2
        bob@h/y accept alice@h/b 2
    ";
    assert_eq!(found(lines), Vec::<String>::new());
}

/// What is found only because nothing more comes is told like the rest, and counted once.
#[test]
fn what_is_found_at_the_end_is_told_then() {
    let header: Header = serde_json::from_value(
        json!({ "callspec": 1, "scenario": {}, "witness": "between", "steady": true }),
    )
    .expect("a header");
    let keep = Keep {
        passed: 10,
        events: false,
    };
    let initiate = json!({
        "type": "call:initiate", "callId": "0f0e0d0c-0b0a-4908-8706-050403020100", "senderId": ALICE, "recipientId": BOB,
        "timestamp": "2026-01-01T00:00:00Z", "payload": {"callerName": "Alice"},
    });
    let initiate = crate::stanza::escape(&initiate.to_string());
    let asks =
        format!("<iq type='set' id='1' to='bob@x/1'><call xmlns='urn:xmpp:call:0'>{initiate}</call></iq>");
    let hears = "<presence from='bob@x/1'/>".to_owned();
    let lines = [
        (0.0, "connected", None),
        (1.0, "sent", Some(asks)),
        (60.0, "received", Some(hears)),
    ];
    let mut calls = Calls::new(&header, &[], &[], keep);
    for (t, dir, xml) in lines {
        let event = json!({ "n": 0, "t": t, "who": "", "jid": "alice@x/1", "dir": dir, "xml": xml });
        let recorded = Recorded {
            event: serde_json::from_value(event).expect("an event"),
            conn: "1".into(),
            line: 0,
        };
        assert!(calls.take(0, recorded).is_empty());
    }
    let told = calls.end().into_iter().map(|found| found.rule.id);
    let told: Vec<_> = told.collect();
    assert!(told.contains(&"TM-02"), "{told:?}");
    let finished = calls.finish();
    let kept = finished
        .told
        .iter()
        .flat_map(|told| &told.verdict.findings)
        .map(|found| found.rule.id);
    assert_eq!(kept.collect::<Vec<_>>(), told);
}
