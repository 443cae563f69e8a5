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
    events.extend(
        lines
            .iter()
            .map(|(who, dir, xml)| json!({"who": who, "dir": dir, "xml": xml})),
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
    let told = |answered: Option<(&str, f64)>| {
        let mut lines = vec![
            (0.0, "connected", None),
            (1.0, "received", Some(set("first", 1))),
            (1.1, "received", Some(set("second", 1))),
        ];
        lines.extend(answered.map(|(id, at)| (at, "sent", Some(error(id)))));
        // By the other one's clock the time has passed too.
        lines.push((29.0, "received", Some(set("third", 29))));
        lines.push((30.0, "stops", None));
        let header = json!({"callspec": 1, "scenario": {}, "witness": "between"});
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
    assert_eq!(told(None), "IQ-01? [2], IQ-01? [3]");
    assert_eq!(told(Some(("second", 1.2))), "IQ-01 [2]");
    assert_eq!(told(Some(("first", 1.2))), "IQ-01? [3]");
    // An answer that took long may have been under way for some of that, but not for all.
    assert_eq!(told(Some(("second", 7.0))), "IQ-01 [2], IQ-08? [3, 4]");
    assert_eq!(told(Some(("second", 20.0))), "IQ-01 [2], IQ-08 [3, 4]");
}
