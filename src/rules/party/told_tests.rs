//! What a finding says of a signal: in which call it stands, where in it something is wrong, and what stands there.

use serde_json::json;

use super::media_tests::{Talk, candidate};
use super::tests::{CALL, CONNECT, History, parties};
use crate::rules::{Finding, Level, Verdict};

/// A hangup of bob's, with this for its reason.
fn reason(reason: &str) -> Verdict {
    let mut history = History::new("alice", "alice");
    let reason = reason.to_owned();
    history.change = Box::new(move |signal| {
        if signal["type"] == "call:hangup" {
            signal["payload"]["reason"] = reason.as_str().into();
        }
    });
    history
        .plays(&format!("{CONNECT}\n9 alice < hangup/completed"))
        .verdict()
}

#[test]
fn it_says_where_and_what_and_of_which_call() {
    let of = |verdict: Verdict, id: &str| -> Finding {
        let mut found = verdict.findings.into_iter().filter(|found| found.rule.id == id);
        found.next().expect("a finding")
    };
    let found = of(reason("bored"), "SG-07");
    assert_eq!(
        (found.seen.as_str(), found.call.as_deref()),
        ("`\"bored\"` at /payload/reason", Some(CALL))
    );
    // Sixty characters are shown, however they are written.
    for (length, seen) in [(58, "é".repeat(58) + "\"`"), (59, "é".repeat(59) + "…`")] {
        let found = of(reason(&"é".repeat(length)), "SG-07");
        assert_eq!(found.seen, format!("`\"{seen} at /payload/reason"));
    }
    // What is wrong with all of it shows all of it, as it was written.
    let mut talk = Talk::new();
    let xml = "<iq type='set' from='bob@x/2' to='alice@x/1'><call xmlns='urn:xmpp:call:0'> { }</call></iq>";
    talk.push(json!({"dir": "received", "xml": xml}));
    assert_eq!(of(talk.verdict(true), "IQ-02").seen, "` { }`");
    // What is wrong with the media is in the payload of a candidate, or in a description.
    let mut talk = Talk::connected();
    talk.bob("ice-candidate", &candidate(5, json!({"sdpMid": "1"})));
    assert!(of(talk.verdict(true), "SD-11").seen.ends_with("` at /payload"));
}

#[test]
fn it_says_how_many_children_a_signals_request_has() {
    let xml = "<iq type='set' id='1' from='bob@x/2' to='alice@x/1'><call xmlns='urn:xmpp:call:0'>{}</call>\
        <query xmlns='jabber:iq:version'/></iq>";
    let mut talk = Talk::new();
    talk.push(json!({"dir": "received", "xml": xml}));
    let findings = talk.verdict(true).findings;
    let mut told = findings.iter().filter(|found| found.rule.id == "IQ-03");
    assert!(told.any(|found| found.message.contains("the iq has 2 children, not one")));
}

#[test]
fn it_says_in_what_a_signal_stands_that_is_in_no_request() {
    for (head, told) in [
        (
            "message type='chat'",
            "the signal stands in a <message/>, not in an iq of type `set`",
        ),
        (
            "message",
            "the signal stands in a <message/>, not in an iq of type `set`",
        ),
        (
            "iq type='ask' id='1'",
            "the signal stands in an iq of type `ask`, not in an iq of type `set`",
        ),
        (
            "iq id='1'",
            "the signal stands in an iq without a type, not in an iq of type `set`",
        ),
        ("iq type='get' id='1'", "the iq is of type `get`, not `set`"),
    ] {
        let name = head.split(' ').next().unwrap_or_default();
        let xml = format!(
            "<{head} from='bob@x/2' to='alice@x/1'><call xmlns='urn:xmpp:call:0'>{{}}</call></{name}>"
        );
        let mut talk = Talk::new();
        talk.push(json!({"dir": "received", "xml": xml}));
        let findings = talk.verdict(true).findings;
        let found = findings
            .iter()
            .find(|found| found.rule.id == "IQ-03")
            .expect("a finding");
        assert_eq!(found.message, format!("In a signal of bob: {told}."), "{head}");
    }
    // An error that shows what it answers sends no signal.
    let xml = "<message type='error' from='bob@x/2' to='alice@x/1'><call xmlns='urn:xmpp:call:0'>{}</call></message>";
    let mut talk = Talk::new();
    talk.push(json!({"dir": "received", "xml": xml}));
    assert!(talk.verdict(true).findings.is_empty());
}

#[test]
fn what_is_no_request_or_has_no_id_uses_none_twice() {
    for (stanza, told) in [
        ("message id='m'", 0),
        ("iq type='set'", 2),
        ("iq type='set' id='1'", 1),
    ] {
        let name = stanza.split(' ').next().unwrap_or_default();
        let xml = format!(
            "<{stanza} from='bob@x/2' to='alice@x/1'><call xmlns='urn:xmpp:call:0'>{{}}</call></{name}>"
        );
        let mut talk = Talk::recorded();
        talk.push(json!({"dir": "connected", "who": "bob", "jid": "bob@x/2"}));
        talk.push(json!({"dir": "sent", "who": "bob", "xml": xml}));
        talk.push(json!({"dir": "sent", "who": "bob", "xml": xml}));
        let findings = talk.verdict(true).findings;
        let found = findings
            .iter()
            .filter(|found| found.rule.id == "IQ-02" && found.party == "bob");
        assert_eq!(found.count(), told, "{stanza}");
    }
}

/// A bot of ours refuses what its scenario says.
#[test]
fn a_bot_may_refuse_what_is_sound() {
    let verdict = History::new("bob", "bob")
        .plays("0 bob < initiate\n0 bob no initiate")
        .verdict();
    assert_eq!(parties(&verdict), [""; 0]);
}

/// A remark on a signal leaves no doubt that it was taken in.
#[test]
fn a_remark_excuses_nothing() {
    let mut history = History::new("alice", "alice");
    history.change = Box::new(|signal| signal["more"] = 1.into());
    let lines = "9 alice > hangup/completed+7\n9.1 alice got hangup/completed+7\n9.2 alice < mute-change/on";
    let verdict = history.plays(&format!("{CONNECT}\n{lines}")).verdict();
    assert_eq!(parties(&verdict), ["ST-09 Client"]);
}

#[test]
fn a_timestamp_may_be_off_by_a_minute() {
    for (stamp, told) in [
        ("00:01:40", &[][..]),
        ("00:01:41", &["TM-05 Client"]),
        ("00:00:40", &[]),
    ] {
        let mut history = History::new("bob", "bob");
        history.change = Box::new(move |signal| signal["timestamp"] = format!("2026-01-01T{stamp}Z").into());
        // By the clock at which it came in it is forty seconds past.
        let verdict = history.plays("40 bob < initiate\n40 bob ok initiate").verdict();
        assert_eq!(parties(&verdict), told, "{stamp}");
    }
}

#[test]
fn each_signal_is_counted_for_the_rules_that_it_kept() {
    let kept = |verdict: &Verdict, id: &str| verdict.rules.get(id).map_or(0, |tally| tally.held);
    let (right, wrong) = (reason("completed"), reason("bored"));
    assert_eq!((kept(&right, "SG-07"), kept(&wrong, "SG-07")), (1, 0));
    assert_eq!(kept(&right, "IQ-02"), 3);
    // Without stanzas nothing is known of requests.
    let mut alone = History::new("", "alice");
    alone.witness = "signals";
    let verdict = alone
        .plays("0 alice > initiate\n1 alice > hangup/cancelled")
        .verdict();
    assert_eq!((kept(&verdict, "IQ-02"), kept(&verdict, "SG-07")), (0, 1));
}

#[test]
fn a_bot_whose_step_says_so_answers_wrongly_on_purpose() {
    let told = |lines: &str| parties(&History::new("alice", "alice").plays(lines).verdict());
    assert_eq!(
        told("0 alice breaks IQ-11\n1 alice ok nothing\n2 alice ok more"),
        ["IQ-11 Announced", "IQ-11 Ourselves"]
    );
    assert_eq!(
        told("0 alice breaks IQ-10\n1 alice ok nothing"),
        ["IQ-11 Ourselves"]
    );
}

/// The one in the middle lacks something without which nobody can read it.
#[test]
fn what_cannot_be_read_may_have_been_a_mute_change_and_nothing_else() {
    let told = |lacks: &'static str, lines: &str| {
        let mut history = History::new("alice", "alice");
        history.change = Box::new(move |signal| {
            if signal["type"] == "call:mute-change" && signal["payload"]["muted"] == false {
                drop(signal.as_object_mut().map(|signal| signal.remove(lacks)));
            }
        });
        let mut told = parties(&history.plays(lines).verdict());
        told.retain(|told| told.starts_with("ST-"));
        told
    };
    let muted = format!(
        "{CONNECT}
         2 alice < mute-change/on#1
         3 alice < mute-change/off#2
         4 alice < mute-change/on#3"
    );
    for lacks in ["type", "callId"] {
        assert_eq!(told(lacks, &muted), ["ST-14 Client?"], "{lacks}");
    }
    let early = "0 alice > initiate
        0.1 alice got initiate
        1 alice < mute-change/off#1
        2 alice < mute-change/on#2";
    assert_eq!(told("type", early), ["ST-07 Client"]);
}

#[test]
fn what_should_be_otherwise_is_no_must() {
    let level = |verdict: &Verdict, id: &str| {
        let found = verdict.findings.iter().find(|found| found.rule.id == id);
        found.map(|found| found.level)
    };
    assert_eq!(level(&reason("bored"), "SG-07"), Some(Level::Must));
    // Lines that end in LF alone are read by all.
    let mut history = History::new("alice", "alice");
    history.change = Box::new(|signal| {
        if let Some(sdp) = signal["payload"]["sdp"].as_str() {
            signal["payload"]["sdp"] = sdp.replace("\r\n", "\n").into();
        }
    });
    let verdict = history.plays(CONNECT).verdict();
    assert_eq!(level(&verdict, "SD-02"), Some(Level::Should));
}
