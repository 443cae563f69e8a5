//! Whose a stanza is that reaches somebody, and what is lost where: under one id, at one device, to nobody.

use super::tests::{A, B, Script, set};
use crate::profile::{Addressing, Profile};

const C: &str = "carol@x/3";
const NONE: [&str; 0] = [];

fn with_carol() -> Script {
    let mut script = Script::new();
    script.line("carol", "connected", C);
    script
}

fn chat(from: Option<&str>, to: &str, text: &str) -> String {
    let from = from.map(|from| format!("from='{from}' ")).unwrap_or_default();
    format!("<message {from}to='{to}' type='chat' id='m'><body>{text}</body></message>")
}

fn answer(from: &str, to: &str) -> String {
    format!("<iq type='result' id='1' from='{from}' to='{to}'/>")
}

/// What is said of a stanza is its own: who sent it to whom with what, in which call, and the events that show it.
#[test]
fn a_finding_says_what_became_of_which_stanza() {
    const CALL: &str = "{\"callId\":\"7\"}";
    for (who, from, text, wanted) in [
        (
            "bob",
            "alice@x/9",
            CALL,
            "RT-01: alice's iq `1` reached bob with a `from` that is not the sender's full JID. from='alice@x/1'",
        ),
        (
            "bob",
            A,
            "{\"callId\":\"7\" }",
            "RT-05: The text of alice's iq `1` changed on its way to bob. \
             14 bytes were sent and 15 other bytes arrived",
        ),
        (
            "carol",
            A,
            CALL,
            "RT-06: carol received alice's iq `1`, which was addressed to bob@x/2. delivery to carol@x/3",
        ),
    ] {
        let mut script = with_carol();
        script.line("alice", "sent", &set(None, B, "1", CALL));
        script.line(who, "received", &set(Some(from), B, "1", text));
        let verdict = script.verdict(Profile::default());
        let found = &verdict.findings[0];
        assert_eq!(
            (found.events.as_slice(), found.call.as_deref()),
            (&[4, 5][..], Some("7"))
        );
        let seen = if found.rule.id == "RT-01" {
            &found.wanted
        } else {
            &found.seen
        };
        assert_eq!(format!("{}: {} {seen}", found.rule.id, found.message), wanted);
    }
}

#[test]
fn two_may_use_one_id() {
    for (alices, carols) in [("a", "c"), ("a", "a")] {
        let mut script = with_carol();
        script
            .line("alice", "sent", &set(None, B, "1", alices))
            .line("carol", "sent", &set(None, B, "1", carols))
            .line("bob", "received", &set(Some(C), B, "1", carols))
            .line("bob", "sent", &answer(B, C))
            .line("carol", "received", &answer(B, C))
            .line("bob", "received", &set(Some(A), B, "1", alices))
            .answers("1");
        assert_eq!(script.broken(), NONE, "{alices} {carols}");
    }
    // The server's own questions have ids too.
    let ping = "<iq type='get' id='1' from='x' to='bob@x/2'><ping xmlns='urn:xmpp:ping'/></iq>";
    let mut script = Script::new();
    script
        .sends("1", B)
        .line("bob", "received", ping)
        .gets("1")
        .answers("1");
    assert_eq!(script.broken(), NONE);
    // What a party sent does not become the server's by its address.
    let mut script = Script::new();
    script
        .sends("1", B)
        .line("bob", "received", &set(Some("x"), B, "1", "a&lt;é"));
    assert_eq!(script.answers("1").broken(), ["RT-01"]);
    let mut script = Script::new();
    script.line("alice", "sent", &chat(None, B, "a"));
    assert_eq!(
        script.line("bob", "received", &chat(Some("x"), B, "a")).broken(),
        ["RT-01"]
    );
}

#[test]
fn a_text_of_somebody_else_is_not_another_of_the_same_id() {
    // Carol gets what alice never sent her; alice's own signal arrives.
    let mut script = with_carol();
    script.sends("1", B).gets("1").answers("1");
    script.line("carol", "received", &set(Some(A), C, "1", "another"));
    assert_eq!(script.broken(), ["RT-03"]);
}

#[test]
fn a_message_may_go_to_another_device_only_of_its_user_and_once_its_own_has_gone() {
    const B2: &str = "bob@x/3";
    for (cut, who, broken) in [
        (true, "bob2", &NONE[..]),
        (false, "bob2", &["RT-06"]),
        (true, "carol", &["RT-06"]),
    ] {
        let mut script = with_carol();
        script.line("bob2", "connected", B2);
        script.line("alice", "sent", &chat(None, B, "a"));
        if cut {
            script.line("bob", "cut", "");
        }
        script.line(who, "received", &chat(Some(A), B, "a"));
        let lost = if cut { &[][..] } else { &["CH-01"][..] };
        let mut wanted = [lost, broken].concat();
        let mut found = script.broken();
        wanted.sort_unstable();
        found.sort_unstable();
        assert_eq!(found, wanted, "{who} {cut}");
    }
    // A signal goes to the one device that it was sent to.
    let mut script = with_carol();
    script
        .line("bob2", "connected", B2)
        .sends("1", B)
        .line("bob", "cut", "");
    script.line("bob2", "received", &set(Some(A), B, "1", "a&lt;é"));
    assert_eq!(script.broken(), ["RT-06"]);
}

#[test]
fn calls_are_mixed_where_it_reaches_who_is_in_another() {
    let call = |id: &str| format!(r#"{{"callId":"{id}"}}"#);
    let astray = |script: &mut Script| {
        script
            .line("alice", "sent", &set(None, B, "1", &call("p")))
            .line("bob", "received", &set(Some(A), B, "1", &call("p")))
            .answers("1")
            .line("carol", "received", &set(Some(A), B, "1", &call("p")));
        script.broken()
    };
    // Carol is in no call, whatever the others are in.
    let mut script = with_carol();
    script.line("bob", "sent", &set(None, A, "5", &call("q")));
    script.line("alice", "received", &set(Some(B), A, "5", &call("q")));
    assert_eq!(astray(&mut script), ["RT-06"]);
    // What she has sent or was sent without a call makes none.
    let mut script = with_carol();
    script.line("carol", "sent", &set(None, A, "5", "no call"));
    script.line("alice", "received", &set(Some(C), A, "5", "no call"));
    assert_eq!(astray(&mut script), ["RT-06"]);
    // She is called, or calls.
    for (from, to, who, other) in [(B, C, "bob", "carol"), (C, B, "carol", "bob")] {
        let mut script = with_carol();
        script.line(who, "sent", &set(None, to, "5", &call("q")));
        script.line(other, "received", &set(Some(from), to, "5", &call("q")));
        assert_eq!(astray(&mut script), ["RT-12"], "{who}");
    }
}

/// Chat is of no call, and two calls of one pair mix no pairs.
#[test]
fn what_comes_back_within_one_pair_mixes_no_calls() {
    let call = |id: &str| format!(r#"{{"callId":"{id}"}}"#);
    for stray in [chat(None, B, "a"), set(None, B, "5", &call("q"))] {
        let mut script = with_carol();
        script
            .line("alice", "sent", &set(None, B, "1", &call("p")))
            .line("bob", "received", &set(Some(A), B, "1", &call("p")))
            .answers("1")
            .line("alice", "sent", &stray);
        let back = stray.replacen(" to=", &format!(" from='{A}' to="), 1);
        let found = script.line("alice", "received", &back).broken();
        assert!(found.contains(&"RT-06") && !found.contains(&"RT-12"), "{found:?}");
    }
    // Chat that comes to somebody who is in another call.
    let mut script = with_carol();
    script.line("carol", "sent", &set(None, B, "5", &call("q")));
    script.line("bob", "received", &set(Some(C), B, "5", &call("q")));
    script.line("alice", "sent", &chat(None, B, "a"));
    script.line("carol", "received", &chat(Some(A), B, "a"));
    let found = script.broken();
    assert!(found.contains(&"RT-06") && !found.contains(&"RT-12"), "{found:?}");
}

/// Only a server that judges calls has all devices of a user ring, and stop.
#[test]
fn other_devices_ring_where_the_server_judges() {
    const B2: &str = "bob@x/3";
    let signal = |kind: &str| format!(r#"{{"type":"call:{kind}"}}"#);
    for (kind, to, relay, enforcing) in [
        ("initiate", "bob2", &["RT-06"][..], &NONE[..]),
        ("hangup", "bob2", &["RT-06"], &NONE),
        ("accept", "bob2", &["RT-06"], &["RT-06"]),
        ("initiate", "carol", &["RT-06"], &["RT-06"]),
    ] {
        for (profile, broken) in [("relay", relay), ("enforcing", enforcing)] {
            let mut script = with_carol();
            script
                .line("bob2", "connected", B2)
                .line("alice", "sent", &set(None, B, "1", &signal(kind)))
                .line("bob", "received", &set(Some(A), B, "1", &signal(kind)))
                .answers("1")
                .line(to, "received", &set(Some(A), B, "1", &signal(kind)));
            assert_eq!(script.broken_on(profile), broken, "{kind} to {to}, {profile}");
        }
    }
}

#[test]
fn what_is_stored_has_a_stamp_and_carries_a_signal() {
    let stamp = "<delay xmlns='urn:xmpp:delay' stamp='2026-01-01T00:00:00Z'/>";
    let signal = "<call xmlns='urn:xmpp:call:0'>a</call>";
    let got = |inside: &str| {
        let iq = format!("<iq type='set' id='s' from='dave@x/4' to='{B}'>{inside}</iq>");
        Script::new().line("bob", "received", &iq).broken()
    };
    assert_eq!(got(&format!("{signal}{stamp}")), ["CH-03"]);
    assert_eq!(got(&format!("{stamp}<query xmlns='a'/>")), NONE);
    assert_eq!(
        got("<sent xmlns='urn:xmpp:carbons:2'><a xmlns='b'/></sent>"),
        NONE
    );
    assert_eq!(got(&format!("<other xmlns='c'>{signal}</other>")), NONE);
}

/// What stood in line with others that went on arriving is not late.
#[test]
fn what_stands_in_line_is_not_late() {
    let late = |arrivals: &[(f64, f64)]| {
        let mut script = Script::new();
        for (n, _) in arrivals.iter().enumerate() {
            script.sends(&n.to_string(), B);
        }
        for (n, _) in arrivals.iter().enumerate() {
            script.gets(&n.to_string());
        }
        let (sent, got) = (2, 2 + arrivals.len());
        for (n, (at, arrived)) in arrivals.iter().enumerate() {
            script.events[sent + n].t = *at;
            script.events[got + n].t = *arrived;
        }
        let found = script.verdict(Profile::default()).findings.into_iter();
        found.filter(|found| found.rule.id == "RT-13").count()
    };
    assert_eq!(late(&[(1.0, 2.0)]), 0);
    assert_eq!(late(&[(1.0, 2.5)]), 1);
    // One after the other, each a second after the one before: the last took three seconds in all.
    assert_eq!(late(&[(10.0, 11.0), (10.0, 12.0), (10.0, 13.0)]), 0);
    // A gap of more than a second, at the beginning, between two, or before the end.
    assert_eq!(late(&[(10.0, 11.5), (10.0, 12.0)]), 2);
    assert_eq!(late(&[(10.0, 11.0), (10.0, 12.5), (10.0, 13.0)]), 2);
    assert_eq!(late(&[(10.0, 11.0), (10.0, 12.5)]), 1);
    // What was sent much later did not stand before it.
    assert_eq!(late(&[(10.0, 11.0), (11.5, 12.0), (10.0, 12.5)]), 1);
    assert_eq!(late(&[(10.0, 11.0), (11.0, 12.0), (10.0, 12.5)]), 0);
}

#[test]
fn what_was_carried_and_kept_is_counted() {
    let mut script = with_carol();
    script.sends("1", B).gets("1").answers("1");
    let one = script.verdict(Profile::default());
    for (id, held) in [
        ("RT-12", 0),
        ("RT-06", 1),
        ("RT-13", 1),
        ("RT-14", 1),
        ("CH-02", 0),
    ] {
        assert_eq!(one.rules.get(id).map_or(0, |tally| tally.held), held, "{id}");
    }
    // Whoever answers in kind makes no second pair.
    let mut script = with_carol();
    script.line("bob", "sent", &set(None, A, "5", "a"));
    script.line("alice", "received", &set(Some(B), A, "5", "a"));
    script.sends("1", B).gets("1").answers("1");
    assert_eq!(held(&mut script, "RT-12"), 0);
    // With two pairs at once there is something to mix.
    let mut script = with_carol();
    script.line("carol", "sent", &set(None, A, "5", "a")).line(
        "alice",
        "received",
        &set(Some(C), A, "5", "a"),
    );
    script.sends("1", B).gets("1").answers("1");
    let two = script.verdict(Profile::default());
    assert_eq!(two.rules["RT-12"].held, 1);
    assert_eq!(two.rules["RT-14"].held, 1, "a plain text shows nothing");
    // A message has rules of its own.
    let mut script = Script::new();
    script.line("alice", "sent", &chat(None, B, "a"));
    script.line("bob", "received", &chat(Some(A), B, "a"));
    let chatted = script.verdict(Profile::default());
    let kept: Vec<_> = chatted.rules.iter().filter(|(_, tally)| tally.held > 0).collect();
    assert_eq!(
        kept.iter().map(|(id, _)| **id).collect::<Vec<_>>(),
        ["CH-01", "RT-01", "RT-06"]
    );
}

fn held(script: &mut Script, id: &str) -> u64 {
    let verdict = script.verdict(Profile::default());
    verdict.rules.get(id).map_or(0, |tally| tally.held)
}

#[test]
fn a_forgery_is_refused_where_it_gets_nowhere() {
    let mut refused = Script::new();
    refused.line("alice", "sent", &set(Some("eve@x/1"), B, "1", "a"));
    assert_eq!(held(&mut refused, "RT-02"), 1);
    let mut mended = Script::new();
    mended.line("alice", "sent", &set(Some("eve@x/1"), B, "1", "a"));
    mended.line("bob", "received", &set(Some(A), B, "1", "a"));
    assert_eq!(held(&mut mended, "RT-02"), 1);
    assert_eq!(held(Script::new().sends("1", B), "RT-02"), 0);
}

/// The form of an error is the server's only where the error is, and what comes back as it was given is kept, odd or not.
#[test]
fn whose_an_error_is() {
    let error = |inside: &str, from: &str| {
        format!("<iq type='error' id='1'{from} to='{A}'><error>{inside}</error></iq>")
    };
    let from = |jid: &str| format!(" from='{jid}'");
    let mut kept = Script::new();
    kept.sends("1", B).gets("1").answers("1");
    assert_eq!(held(&mut kept, "IQ-09"), 0);
    let formless = |came: &str| {
        let mut script = Script::new();
        script.sends("1", B).gets("1").line("bob", "sent", &error("", ""));
        script.line("alice", "received", &error(came, &from(B)));
        held(&mut script, "RT-08")
    };
    assert_eq!(formless(""), 1);
    assert_eq!(
        formless("<conflict xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/>"),
        0
    );
}

/// A server that stores signals gives them to whoever comes again.
#[test]
fn who_comes_again_is_given_nothing_old() {
    let comes = |again: bool| {
        let mut script = Script::new();
        if again {
            script.line("bob", "cut", "").line("bob", "connected", B);
        }
        script
    };
    assert_eq!(
        (held(&mut comes(true), "CH-03"), held(&mut comes(false), "CH-03")),
        (1, 0)
    );
    let stored = "<message from='bob@x'><sent xmlns='urn:xmpp:carbons:2'><call xmlns='urn:xmpp:call:0'/></sent></message>";
    assert_eq!(held(comes(true).line("bob", "received", stored), "CH-03"), 0);
    // Another breach says nothing of it.
    assert_eq!(held(comes(true).sends("1", B).gets("1").gets("1"), "CH-03"), 1);
}

#[test]
fn what_has_no_body_or_is_an_error_is_no_message_of_a_chat() {
    for (kind, inside) in [
        (
            "chat",
            "<composing xmlns='http://jabber.org/protocol/chatstates'/>",
        ),
        ("error", "<body>a</body><error/>"),
    ] {
        let message = |from: &str| format!("<message {from}to='{B}' type='{kind}' id='m'>{inside}</message>");
        assert_eq!(
            Script::new().line("alice", "sent", &message("")).broken(),
            NONE,
            "{kind} lost"
        );
        let mut script = Script::new();
        script
            .line("alice", "sent", &chat(None, B, "a"))
            .line("bob", "received", &chat(Some(A), B, "a"));
        script.line("bob", "received", &message(&format!("from='{A}' ")));
        assert_eq!(script.broken(), NONE, "{kind} after a message of its id");
    }
    // Nor has a message to arrive where nobody is.
    assert_eq!(
        Script::new()
            .line("alice", "sent", &chat(None, "zoe@x/1", "a"))
            .broken(),
        NONE
    );
}

/// A client under test is not seen from inside: what it takes in is known by its answers.
#[test]
fn what_goes_to_a_client_may_have_reached_it() {
    let header = r#"{"callspec":1,"scenario":{},"cast":{"alice":{"jid":"alice@x/1","party":"bot"},"bob":{"jid":"bob@x/2","party":"client"}}}"#;
    let header = serde_json::from_str(header).expect("a header");
    let mut script = Script::new();
    script.sends("1", B).line("", "end", "");
    let verdict = super::tests::judge(&header, script.events.drain(..));
    assert!(verdict.findings.is_empty(), "{:?}", verdict.findings);
}

#[test]
fn an_answer_under_the_id_of_anothers_question_is_not_that_ones() {
    // The answer that bob gave is lost; that somebody else says something to carol is another matter.
    let mut script = with_carol();
    script
        .sends("1", B)
        .gets("1")
        .line("bob", "sent", &format!("<iq type='result' id='1' to='{A}'/>"));
    script.line("carol", "received", &answer("zoe@x/1", C));
    assert_eq!(script.broken(), ["RT-08"]);
    // Nor is a message of that id a question.
    let mut script = Script::new();
    let message = chat(None, B, "a").replace("'m'", "'1'");
    script.sends("1", B).gets("1").line("alice", "sent", &message);
    script.line(
        "bob",
        "received",
        &message.replace("<message ", &format!("<message from='{A}' ")),
    );
    assert_eq!(script.answers("1").broken(), NONE);
    // Who uses an id twice is answered twice.
    let mut script = Script::new();
    script
        .line("alice", "sent", &set(None, B, "1", "a"))
        .line("alice", "sent", &set(None, B, "1", "b"));
    script.line("bob", "received", &set(Some(A), B, "1", "a")).line(
        "bob",
        "received",
        &set(Some(A), B, "1", "b"),
    );
    assert_eq!(script.answers("1").answers("1").broken(), NONE);
}

/// What a server may answer in the place of who is not there, or is meant as a user and not as a device.
#[test]
fn who_answers_for_an_address_depends_on_the_server() {
    let ringing = Profile {
        addressing: Addressing::Bare,
        ..Profile::default()
    };
    let ids = |script: &mut Script, profile: &Profile| -> Vec<&str> {
        script
            .verdict(profile.clone())
            .findings
            .iter()
            .map(|found| found.rule.id)
            .collect()
    };
    for (profile, broken) in [(&Profile::default(), &["RT-10"][..]), (&ringing, &NONE)] {
        let mut script = Script::new();
        script
            .sends("1", "bob@x")
            .line("alice", "received", &answer("bob@x", A));
        assert_eq!(ids(&mut script, profile), broken);
        assert_eq!(ids(Script::new().sends("1", "bob@x"), profile), broken);
    }
    let forbidden = format!(
        "<iq type='error' id='1' from='zoe@x/1' to='{A}'><error type='auth'><forbidden xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></iq>"
    );
    for (profile, broken) in [("relay", &["RT-07"][..]), ("enforcing", &NONE)] {
        let mut script = Script::new();
        script.sends("1", "zoe@x/1").line("alice", "received", &forbidden);
        assert_eq!(script.broken_on(profile), broken, "{profile}");
    }
}
