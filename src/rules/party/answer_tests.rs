//! Answers by clients and by the server, sound and broken.

use serde_json::json;

use crate::rules::{Blame, Verdict, judge};
use crate::transcript::{Event, Header};

const ALICE: &str = "alice@x/1";
const BOB: &str = "bob@x/2";

/// What is said of answers, where alice is a bot of ours and bob a client: lines of who, direction and stanza.
/// `wire`: bob's own end was recorded too.
fn judged(wire: bool, lines: &[(&str, &str, &str)]) -> Verdict {
    let mut events = vec![json!({"who": "alice", "dir": "connected", "jid": ALICE})];
    if wire {
        events.push(json!({"who": "bob", "dir": "connected", "jid": BOB}));
    }
    let of = |dir: &str| if dir == "connected" { "jid" } else { "xml" };
    events.extend(
        lines
            .iter()
            .map(|(who, dir, text)| json!({"who": who, "dir": dir, of(dir): text})),
    );
    events.push(json!({"who": "", "dir": "end"}));
    let header: Header = serde_json::from_value(json!({
        "callspec": 1, "scenario": {},
        "cast": {"alice": {"jid": ALICE, "party": "bot"}, "bob": {"jid": BOB, "party": "client"}},
    }))
    .expect("a header");
    let events = events.into_iter().zip(1..).map(|(mut event, n)| {
        event["n"] = n.into();
        event["t"] = f64::from(n).into();
        serde_json::from_value::<Event>(event).expect("an event")
    });
    judge(&header, events)
}

fn told(wire: bool, lines: &[(&str, &str, &str)]) -> String {
    let verdict = judged(wire, lines);
    let of_answers = |id: &str| matches!(id, "IQ-09" | "IQ-10" | "IQ-11");
    let told = verdict.findings.iter().filter(|found| of_answers(found.rule.id));
    let told = told.map(|found| {
        let doubt = if found.excuse.is_some() { "?" } else { "" };
        let who = if found.blame == Blame::Server {
            "server"
        } else {
            &found.party
        };
        format!("{} {who}{doubt}", found.rule.id)
    });
    told.collect::<Vec<_>>().join(", ")
}

const ASKS: &str = "<iq type='get' id='1' from='alice@x/1' to='bob@x/2'><query xmlns='x'/></iq>";
const ERROR: &str = "<iq type='error' id='1' from='bob@x/2' to='alice@x/1'><error type='cancel'>\
                     <service-unavailable xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></iq>";
const BROKEN: &str = "<iq type='error' id='1' from='bob@x/2' to='alice@x/1'><error/></iq>";
const RESULT: &str = "<iq type='result' id='1' from='bob@x/2' to='alice@x/1'><query xmlns='x'/></iq>";
const TWO: &str =
    "<iq type='result' id='1' from='bob@x/2' to='alice@x/1'><query xmlns='x'/><more xmlns='y'/></iq>";

#[test]
fn answers_have_their_form() {
    for (answer, far, wire) in [
        (RESULT, "", ""),
        (ERROR, "", ""),
        // Only the client's own end tells whose an error is.
        (BROKEN, "", "IQ-09 bob"),
        (TWO, "IQ-10 bob?", "IQ-10 bob"),
    ] {
        assert_eq!(
            told(false, &[("alice", "sent", ASKS), ("alice", "received", answer)]),
            far
        );
        assert_eq!(
            told(
                true,
                &[
                    ("alice", "sent", ASKS),
                    ("bob", "received", ASKS),
                    ("bob", "sent", answer),
                    ("alice", "received", answer)
                ]
            ),
            wire
        );
    }
}

#[test]
fn what_a_bot_of_ours_answers_is_our_own() {
    let asks = "<iq type='get' id='1' from='bob@x/2' to='alice@x/1'><query xmlns='x'/></iq>";
    let broken = "<iq type='error' id='1' from='alice@x/1' to='bob@x/2'><error/></iq>";
    let verdict = judged(
        true,
        &[
            ("bob", "sent", asks),
            ("alice", "received", asks),
            ("alice", "sent", broken),
        ],
    );
    let found: Vec<_> = verdict
        .findings
        .iter()
        .map(|found| (found.rule.id, found.blame))
        .collect();
    assert_eq!(found, [("IQ-09", Blame::Ourselves)]);
}

#[test]
fn an_answer_is_to_a_request() {
    for answer in [RESULT, ERROR] {
        assert_eq!(told(false, &[("alice", "received", answer)]), "IQ-11 bob?");
        assert_eq!(told(true, &[("bob", "sent", answer)]), "IQ-11 bob");
    }
    // An answer to an answer is to no request either.
    let stray = "<iq type='result' id='1' from='alice@x/1' to='bob@x/2'/>";
    assert_eq!(
        told(true, &[("bob", "received", stray), ("bob", "sent", ERROR)]),
        "IQ-11 bob"
    );
    // What the server asked is answered to the server, and what came to the bare JID from a device of it.
    let to_server = "<iq type='result' id='ping' from='bob@x/2' to='x'/>";
    assert_eq!(told(true, &[("bob", "sent", to_server)]), "");
    let to_bare = ASKS.replace("bob@x/2", "bob@x");
    assert_eq!(
        told(
            false,
            &[("alice", "sent", &to_bare), ("alice", "received", RESULT)]
        ),
        ""
    );
    // Where the recording may have begun after the request, nothing is known.
    let late = "<iq type='result' id='1' from='carol@x/3' to='bob@x/2'/>";
    assert_eq!(told(false, &[("carol", "sent", late)]), "");
}

#[test]
fn a_malformed_error_of_the_server_is_its_own() {
    let away = ASKS.replace("bob@x/2", "zoe@x/9");
    for (error, found) in [(ERROR, ""), (BROKEN, "IQ-09 server")] {
        let error = error.replace("bob@x/2", "zoe@x/9");
        assert_eq!(
            told(false, &[("alice", "sent", &away), ("alice", "received", &error)]),
            found
        );
    }
}

/// Seen on its way, a request had perhaps not come in when its client went; what it did later shows that it had.
#[test]
fn between_the_ends_only_what_was_surely_taken_in_is_owed() {
    let set = |id: &str, second: u32| {
        let says = json!({ "timestamp": format!("2026-01-01T00:00:{second:02}Z") });
        format!(
            "<iq type='set' id='{id}' from='alice@x/1' to='bob@x/2'><call xmlns='urn:xmpp:call:0'>{says}</call></iq>"
        )
    };
    let error = |id: &str| {
        format!(
            "<iq type='error' id='{id}' to='alice@x/1'><error type='modify'><bad-request \
             xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></iq>"
        )
    };
    let told = |answered: Option<(&str, f64)>, steady: bool, speaks: &[f64]| {
        let mut lines = vec![
            (0.0, "connected", None),
            (1.0, "received", Some(set("first", 1))),
            (1.1, "received", Some(set("second", 1))),
        ];
        lines.extend(answered.map(|(id, at)| (at, "sent", Some(error(id)))));
        // By the other one's clock the time has passed too.
        lines.push((49.0, "received", Some(set("third", 49))));
        lines.extend(
            speaks
                .iter()
                .map(|at| (*at, "sent", Some("<presence/>".to_owned()))),
        );
        lines.sort_by(|(one, ..), (other, ..)| one.total_cmp(other));
        lines.push((50.0, "stops", None));
        let header = json!({"callspec": 1, "scenario": {}, "witness": "between", "steady": steady});
        let header: Header = serde_json::from_value(header).expect("a header");
        let events = lines.into_iter().zip(1..).map(|((t, dir, xml), n)| {
            let event = json!({"n": n, "t": t, "who": "bob", "jid": BOB, "dir": dir, "xml": xml});
            serde_json::from_value::<Event>(event).expect("an event")
        });
        let verdict = judge(&header, events);
        let of_bob = verdict.findings.iter().filter(|found| found.party == "bob");
        let told = of_bob.map(|found| {
            let doubt = if found.excuse.is_some() { "?" } else { "" };
            format!("{}{doubt} {:?}", found.rule.id, found.events)
        });
        told.collect::<Vec<_>>().join(", ")
    };
    let proxy = |answered| told(answered, true, &[]);
    assert_eq!(proxy(None), "IQ-01? [2], IQ-01? [3]");
    assert_eq!(proxy(Some(("second", 1.2))), "IQ-01 [2]");
    assert_eq!(proxy(Some(("first", 1.2))), "IQ-01? [3]");
    // An answer that took long may have been under way for some of that, but not for all.
    assert_eq!(proxy(Some(("second", 7.0))), "IQ-01 [2], IQ-08? [3, 4]");
    assert_eq!(proxy(Some(("second", 20.0))), "IQ-01 [2], IQ-08 [3, 4]");
    // What came in just before the end may be answered after it.
    assert_eq!(proxy(Some(("second", 45.0))), "IQ-01? [2], IQ-08 [3, 4]");
    // Of whom a server hears nothing any more the connection has perhaps broken, until it finds out.
    let server = |speaks: &[f64]| told(Some(("second", 1.2)), false, speaks);
    assert_eq!(server(&[]), "IQ-01? [2]");
    assert_eq!(server(&[6.1]), "IQ-01? [2]");
    assert_eq!(server(&[6.3]), "IQ-01 [2]");
}

/// What is said of answers in a recording of this end: `SECONDS got ID`, `SECONDS answers ID`, what it sends and has
/// answered itself, and the end.
fn owed(header: serde_json::Value, end: &str, lines: &str) -> String {
    let (mut n, mut told) = (1, Vec::new());
    let mut header = header;
    header["callspec"] = 1.into();
    header["scenario"] = json!({});
    let header: Header = serde_json::from_value(header).expect("a header");
    let set = |id: &str, from: &str, to: &str, t: f64| {
        let says = json!({ "timestamp": format!("2026-01-01T00:{:02}:{:06.3}Z", t as u64 / 60, t % 60.0) });
        format!(
            "<iq type='set' id='{id}' from='{from}' to='{to}'><call xmlns='urn:xmpp:call:0'>{says}</call></iq>"
        )
    };
    let answer = |id: &str, from: &str, to: &str| {
        format!(
            "<iq type='error' id='{id}' from='{from}' to='{to}'><error type='modify'><bad-request \
             xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></iq>"
        )
    };
    let mut events = vec![json!({"n": 1, "t": 0, "who": "bob", "jid": BOB, "dir": "connected"})];
    for line in lines.split(", ") {
        let words: Vec<&str> = line.split(' ').collect();
        let t: f64 = words[0].parse().expect("seconds");
        let (dir, xml) = match words[1] {
            "got" => ("received", Some(set(words[2], ALICE, BOB, t))),
            "answers" => ("sent", Some(answer(words[2], BOB, ALICE))),
            "asks" => ("sent", Some(set(words[2], BOB, ALICE, t))),
            "hears" => ("received", Some(answer(words[2], ALICE, BOB))),
            _ => (end, None),
        };
        n += 1;
        events.push(json!({"n": n, "t": t, "who": "bob", "jid": BOB, "dir": dir, "xml": xml}));
    }
    let events = events
        .into_iter()
        .map(|event| serde_json::from_value::<Event>(event).expect("an event"));
    for found in judge(&header, events).findings {
        let doubt = if found.excuse.is_some() { "?" } else { "" };
        let id = found.rule.id;
        if matches!(id, "IQ-01" | "IQ-08") {
            let slow = if id == "IQ-08" { "slow " } else { "" };
            told.push(format!("{slow}{}{doubt} {}", found.party, found.events[0]));
        }
    }
    told.join(", ")
}

/// A recording stops at any time, and may leave out what did not seem to matter to who made it.
#[test]
fn what_a_recording_leaves_unanswered_is_as_certain_as_it_can_be() {
    let ends = json!({ "witness": "ends" });
    for (lines, found) in [
        // It stops within the time that an answer may take.
        ("1 got a, 2 stops", ""),
        ("1 got a, 1 answers a, 2 got b, 3 stops", ""),
        ("0 got b, 5 answers b, 6 stops", ""),
        ("0 got b, 0 answers b, 1 got a, 6 stops", "bob? 4"),
        // But what came later has been answered.
        ("1 got a, 1 got b, 1 answers b, 2 stops", "bob? 2"),
        (
            "1 got a, 2 answers a, 3 got b, 3 got c, 3 answers c, 7 stops",
            "bob? 4",
        ),
        ("1 got a, 1 got b, 1 answers b, 2 answers a, 3 stops", ""),
        // It stops shortly after: there are clients that take 20 s.
        ("0 got b, 0 answers b, 1 got a, 7 stops", "bob? 4"),
        (
            "0 got b, 0 answers b, 1 got a, 21 got c, 21 answers c, 25 stops",
            "bob? 4",
        ),
        // Never is never.
        (
            "0 got b, 0 answers b, 1 got a, 40 got c, 40 answers c, 41 stops",
            "bob 4",
        ),
        // It holds no answers, or none of this client, or none that came in.
        ("1 got a, 20 got b, 50 stops", ""),
        (
            "0 asks x, 1 got a, 1 hears x, 20 got b, 40 got c, 41 stops",
            "bob? 3, bob? 5",
        ),
        ("0 asks x, 1 got a, 1 answers a, 20 asks y, 41 stops", ""),
        // What the other end took may have been under way for some of that, and its connection may have broken.
        (
            "0 got b, 0 answers b, 0 asks x, 6 hears x, 6 got c, 6 answers c, 7 stops",
            "slow alice@x/1? 4",
        ),
        (
            "0 got b, 0 answers b, 0 asks x, 11 hears x, 11 got c, 11 answers c, 12 stops",
            "slow alice@x/1? 4",
        ),
        // The other end's may have been lost.
        ("0 asks x, 0 hears x, 1 asks y, 9 stops", "alice@x/1? 4"),
        ("0 asks x, 0 hears x, 1 asks y, 4 stops", ""),
        ("0 asks x, 0 hears x, 1 asks y, 41 stops", "alice@x/1? 4"),
    ] {
        assert_eq!(owed(ends.clone(), "stops", lines), found, "{lines}");
    }
    // By a clock that nobody sets, thirty seconds are never.
    let steady = json!({ "witness": "ends", "steady": true });
    for (end, found) in [(30, "bob? 4"), (31, "bob 4")] {
        let lines = format!("0 got b, 0 answers b, 1 got a, {end} stops");
        assert_eq!(owed(steady.clone(), "stops", &lines), found, "{lines}");
    }
    // Nothing is owed by whoever has lost its connection.
    let lost = "0 got b, 0 answers b, 1 got a, 41 stops";
    assert_eq!(owed(ends, "closed", lost), "");
}

/// A proxy of ours leaves nothing out, but knows only from what an end does that something has come in there.
#[test]
fn what_a_proxy_sees_unanswered_had_come_in() {
    for (steady, lines, found) in [
        (true, "1 got a, 41 stops", "bob? 2"),
        (false, "1 got a, 41 stops", ""),
        (true, "1 got a, 2 stops", ""),
        (true, "1 got a, 1 got b, 1 answers b, 2 stops", "bob? 2"),
        (true, "1 got a, 1 got b, 1 answers b, 9 stops", "bob? 2"),
        (true, "1 got a, 1 got b, 1 answers b, 41 stops", "bob 2"),
        (
            true,
            "1 got a, 1 got b, 38 answers b, 41 stops",
            "bob? 2, slow bob 3",
        ),
        (
            true,
            "1 got a, 1 got b, 31 answers b, 41 stops",
            "bob 2, slow bob 3",
        ),
        // What it has shown last counts.
        (
            true,
            "1 got a, 1 answers a, 2 got b, 2 got c, 3 answers c, 43 stops",
            "bob 4",
        ),
        (
            false,
            "1 got a, 1 got b, 1 answers b, 40 got c, 41 answers c, 42 stops",
            "bob 2",
        ),
    ] {
        let header = json!({ "witness": "between", "steady": steady });
        assert_eq!(owed(header, "stops", lines), found, "{lines} {steady}");
    }
}

#[test]
fn an_answer_too_many_is_found_with_its_call() {
    const CALL: &str = "0f0e0d0c-0b0a-4908-8706-050403020100";
    let asks = format!(
        "<iq type='set' id='1' from='alice@x/1' to='bob@x/2'>\
         <call xmlns='urn:xmpp:call:0'>{{\"callId\":\"{CALL}\"}}</call></iq>"
    );
    let (asked, answers) = (("bob", "received", &*asks), ("bob", "sent", ERROR));
    let told = |wire: bool, lines: &[_]| {
        let verdict = judged(wire, lines);
        let of_answers = |id: &str| matches!(id, "IQ-01" | "IQ-06" | "IQ-08");
        let told = verdict.findings.iter().filter(|found| of_answers(found.rule.id));
        let told = told.map(|found| {
            assert_eq!(found.call.as_deref(), Some(CALL), "{found:?}");
            let doubt = if found.excuse.is_some() { "?" } else { "" };
            format!("{}{doubt} {}", found.rule.id, found.seen)
        });
        told.collect::<Vec<_>>().join(", ")
    };
    const TWICE: &str = "IQ-01 answers at events 4 and 5";
    assert_eq!(told(true, &[asked, answers, answers]), TWICE);
    // Seen from the other end, the server may have given back what was not acknowledged.
    let far = [
        ("alice", "sent", &*asks),
        ("alice", "received", RESULT),
        ("alice", "received", ERROR),
    ];
    assert_eq!(
        told(false, &far),
        "IQ-06 a result, IQ-01? answers at events 3 and 4"
    );
    let again = [&far[..2], &[("alice", "sent", ASKS)], &far[2..]].concat();
    assert_eq!(told(false, &again), "IQ-06 a result");
    // Another request had the same id since, perhaps, or certainly; or it was another session's.
    for between in [
        &[("bob", "received", "<no xml")][..],
        &[("bob", "received", ASKS)],
        &[("bob", "cut", ""), ("bob", "connected", BOB)],
    ] {
        let lines = [&[asked, answers][..], between, &[answers]].concat();
        assert_eq!(told(true, &lines), "", "{between:?}");
    }
    let later = [("alice", "received", "<presence from='x@x/1'/>"); 8];
    assert_eq!(
        told(true, &[&[asked][..], &later].concat()),
        "IQ-01 nothing in 9.0 s"
    );
    assert_eq!(
        told(true, &[&[asked][..], &later, &[answers]].concat()),
        "IQ-08 an answer after 9.0 s"
    );
    // What has no id nobody can answer, and an answer in time is counted.
    let nameless = asks.replace(" id='1'", "");
    assert_eq!(
        told(true, &[&[("bob", "received", &*nameless)][..], &later].concat()),
        ""
    );
    let held = |wait: usize| {
        let lines = [&[asked][..], &later[..wait], &[answers]].concat();
        judged(true, &lines)
            .rules
            .get("IQ-08")
            .map_or(0, |tally| tally.held)
    };
    assert_eq!((held(0), held(8)), (1, 0));
}

/// What is asked of a client in the calls' own name is nothing that it knows: an error, and not silence.
#[test]
fn a_question_in_the_name_of_calls_is_refused() {
    let asks = "<iq type='get' id='1' from='alice@x/1' to='bob@x/2'><call xmlns='urn:xmpp:call:0'/></iq>";
    let of = |answer: Option<&str>| {
        let mut lines = vec![("bob", "received", asks)];
        lines.extend(answer.map(|answer| ("bob", "sent", answer)));
        // Time goes by.
        lines.extend([("alice", "received", "<presence from='x@x/1'/>"); 6]);
        let verdict = judged(true, &lines);
        let held = |id: &str| verdict.rules.get(id).map_or(0, |tally| tally.held);
        let found = verdict.findings.iter().map(|found| found.rule.id);
        let found: Vec<_> = found.filter(|id| matches!(*id, "IQ-01" | "IQ-07")).collect();
        (found, held("IQ-07"))
    };
    assert_eq!(of(Some(ERROR)), (vec![], 1));
    assert_eq!(of(Some(RESULT)), (vec!["IQ-07"], 0));
    assert_eq!(of(None), (vec!["IQ-07"], 0));
}
