//! Histories of one call: which signal breaks which rule, who is blamed, and what is not certain.

mod language;

use serde_json::{Value, json};

use crate::rules::{Blame, Outcome};
pub(super) use language::{CALL, CONNECT, History, far, parties, wires};

#[test]
fn a_whole_call_is_sound_from_either_end() {
    let lines = format!("{CONNECT}\n9 alice > hangup/completed+7\n9.1 alice got hangup/completed+7");
    assert_eq!(far(&lines), [""; 0]);
    let verdict = History::new("alice", "alice").plays(&lines).verdict();
    assert_eq!(verdict.outcome, Outcome::Passed);
}

#[test]
fn a_cancel_that_crosses_an_accept_accuses_nobody() {
    // The accept was sent before the cancel arrived, and comes in after it was sent.
    assert_eq!(
        far("0 alice > initiate
             0.1 alice got initiate
             1 alice > hangup/cancelled
             1.1 alice < accept
             1.2 alice got hangup/cancelled"),
        [""; 0]
    );
}

#[test]
fn an_accept_after_the_cancel_was_acknowledged_is_a_breach() {
    assert_eq!(
        far("0 alice > initiate
             0.1 alice got initiate
             1 alice > hangup/cancelled
             1.1 alice got hangup/cancelled
             1.2 alice < accept"),
        ["ST-09 Client"]
    );
}

#[test]
fn an_accept_long_after_an_unanswered_cancel_is_inconclusive() {
    let verdict = History::new("alice", "alice")
        .plays(
            "0 alice > initiate
             0.1 alice got initiate
             1 alice > hangup/cancelled
             8 alice < accept",
        )
        .verdict();
    assert_eq!(parties(&verdict), ["ST-09 Client?"]);
    assert_eq!(verdict.outcome, Outcome::Inconclusive);
}

#[test]
fn an_answer_tells_what_its_sender_has_seen() {
    // bob answers the offer, so it has seen it; a second answer has none left to answer.
    assert_eq!(
        far("0 alice > initiate
             1 alice < accept
             1.1 alice > offer
             1.3 alice < answer#1
             1.4 alice < answer#2"),
        ["ST-05 Client"]
    );
}

#[test]
fn each_rule_of_order_is_found_where_it_is_broken() {
    for (lines, rule) in [
        ("0 alice < accept", "ST-01"),
        ("0 alice < hangup/completed", "ST-08"),
        ("0 alice > initiate\n1 alice < offer", "ST-02"),
        (
            "0 alice > initiate\n1 alice < accept#1\n2 alice < accept#2",
            "ST-03",
        ),
        ("0 alice > initiate\n1 alice < answer", "ST-05"),
        (
            "0 alice > initiate\n1 alice < accept\n1.5 alice < ice-candidate",
            "ST-06",
        ),
        ("0 alice > initiate\n1 alice < mute-change/on", "ST-07"),
        ("0 alice > initiate\n1 alice < reject\n2 alice < accept", "ST-09"),
        ("0 alice > initiate\n1 alice < hangup/cancelled", "ST-12"),
        ("0 alice > initiate\n1 alice < hangup/timeout", "TM-01"),
        ("0 alice > initiate\n1 alice < hangup/rejected+3", "TM-03"),
        ("0 alice > initiate\n40 alice < accept", "TM-07"),
    ] {
        assert_eq!(far(lines), [format!("{rule} Client")], "{lines}");
    }
    let later = |line: &str| far(&format!("{CONNECT}\n{line}"));
    assert_eq!(later("9 alice < hangup/completed+70"), ["TM-04 Client"]);
    assert_eq!(later("9 alice < initiate"), ["ST-02 Client"]);
    assert_eq!(
        later("2 alice < mute-change/on#1\n3 alice < mute-change/on#2"),
        ["ST-14 Client"]
    );
}

#[test]
fn a_caller_under_test_is_judged_as_well() {
    let caller = |lines: &str| parties(&History::new("bob", "bob").plays(lines).verdict());
    for (lines, rule) in [
        ("0 bob < initiate\n1 bob < offer", "ST-04"),
        ("0 bob < initiate\n1 bob < hangup/busy", "ST-12"),
        (
            "0 bob < initiate\n1 bob < hangup/cancelled\n2 bob < initiate#2",
            "ST-10",
        ),
        ("0 bob < initiate\n1 bob < hangup/timeout", "TM-01"),
        ("0 bob < initiate\n1 bob < accept", "ST-02"),
    ] {
        assert_eq!(caller(lines), [format!("{rule} Client")], "{lines}");
    }
    assert_eq!(caller("0 bob < initiate\n30 bob < hangup/timeout"), [""; 0]);
    // The accept had not arrived when alice gave up, or it had: nobody can tell.
    assert_eq!(
        caller("0 bob < initiate\n1 bob > accept\n1.1 bob < hangup/cancelled"),
        [""; 0]
    );
}

#[test]
fn times_that_are_nearly_right_at_the_far_end_are_inconclusive() {
    let caller = |lines: &str| parties(&History::new("bob", "bob").plays(lines).verdict());
    assert_eq!(
        caller("0 bob < initiate\n27 bob < hangup/timeout"),
        ["TM-01 Client?"]
    );
}

/// A bot that takes in after minutes what had come at once has waited, and not its sender.
#[test]
fn what_a_bot_took_in_late_was_said_when_it_came() {
    let mut history = History::new("alice", "alice").plays("0 alice > initiate\n100 alice < accept@1");
    history.events.last_mut().expect("an event").arrived = Some(1.0);
    assert_eq!(parties(&history.verdict()), [""; 0]);
}

/// The timestamps of both ends say that it rang for 20 s.
#[test]
fn how_long_it_rang_is_not_known_once_the_clock_was_set() {
    let accused = |lines: &str| {
        let mut history = History::new("", "alice");
        history.witness = "ends";
        parties(&history.plays(lines).verdict())
    };
    let lines = "0 alice > initiate\n0.1 alice got initiate\n2 alice stalls\n40 alice < accept@20";
    assert_eq!(accused(lines), [""; 0]);
    assert_eq!(accused(&lines.replace("2 alice stalls\n", "")), ["TM-07 Client?"]);
}

#[test]
fn a_signal_out_of_order_moves_no_view() {
    // alice's offer comes before the accept; bob may still accept, and alice offer once more.
    assert_eq!(
        wires(
            "0 alice > initiate
             0.1 bob < initiate
             0.1 bob ok initiate
             0.2 alice > offer#early
             0.3 bob < offer#early@0.2
             0.4 bob no offer#early
             1 bob > accept
             1.1 alice < accept@1
             1.1 alice ok accept
             1.2 alice > offer
             1.3 bob < offer@1.2
             1.3 bob ok offer
             1.4 bob > answer
             1.5 alice < answer@1.4
             1.5 alice ok answer"
        ),
        ["ST-04 Client"]
    );
}

/// bob, who has accepted, gets an offer that alice sent before she had his accept: of that he knows nothing. What nobody
/// may send as he sees the call he must not act upon.
#[test]
fn who_gets_what_is_in_its_place_there_may_go_on_from_it() {
    let crossed = "0 alice > initiate
             0.1 bob < initiate
             0.1 bob ok initiate
             1 bob > accept
             1.05 alice > offer
             1.1 bob < offer@1.05
             1.1 bob ok offer
             1.2 alice < accept@1
             1.2 alice ok accept";
    for (then, also) in [
        (
            "1.3 bob > answer\n1.35 bob > ice-candidate\n2 bob > hangup/completed",
            None,
        ),
        ("1.3 bob > hangup/failed", None),
        ("1.3 bob > answer\n1.4 bob > answer#2", Some("ST-05 Client")),
    ] {
        let mut wanted = vec!["ST-04 Client"];
        wanted.extend(also);
        assert_eq!(wires(&format!("{crossed}\n{then}")), wanted, "{then}");
    }
    let early = crossed
        .replace("1 bob > accept\n", "")
        .replace("1.2 alice < accept@1\n             1.2 alice ok accept", "");
    assert_eq!(
        wires(&format!("{early}\n1.3 bob > answer")),
        ["ST-04 Client", "ST-05 Client", "IQ-06 Client"]
    );
}

#[test]
fn an_early_timeout_may_be_echoed() {
    assert_eq!(
        wires(
            "0 alice > initiate
             0.1 bob < initiate
             0.1 bob ok initiate
             5 alice > hangup/timeout
             5.1 bob < hangup/timeout@5
             5.1 bob ok hangup/timeout
             5.2 bob > hangup/timeout#echo"
        ),
        ["TM-01 Client"]
    );
}

#[test]
fn a_bot_of_ours_is_never_called_a_client() {
    let lines = "0 alice > offer";
    assert_eq!(far(lines), ["ST-01 Ourselves"]);
    assert_eq!(
        far(&format!("0 alice breaks ST-01\n{lines}")),
        ["ST-01 Announced"]
    );
    let verdict = History::new("alice", "alice").plays(lines).verdict();
    assert_eq!(verdict.outcome, Outcome::Error);
}

#[test]
fn an_announcement_holds_for_one_stanza() {
    assert_eq!(
        far("0 alice breaks ST-01\n0 alice > offer#1\n1 alice > offer#2"),
        ["ST-01 Announced", "ST-01 Ourselves"]
    );
}

#[test]
fn each_rule_of_form_is_found_where_it_is_broken() {
    type Change = fn(&mut Value);
    let cases: [(&str, Change); 12] = [
        ("SG-01", |v| v["type"] = "call:ring".into()),
        ("SG-02", |v| {
            drop(v.as_object_mut().map(|m| m.remove("timestamp")))
        }),
        ("SG-03", |v| v["callId"] = "0f0e0d0c".into()),
        ("SG-04", |v| v["timestamp"] = "2026-01-01 00:00:00".into()),
        ("SG-06", |v| v["payload"]["callerName"] = "  ".into()),
        ("SG-13", |v| v["senderId"] = CALL.into()),
        ("SG-14", |v| v["recipientId"] = CALL.into()),
        ("SG-15", |v| {
            v["callId"] = "00000000-0000-0000-0000-000000000000".into()
        }),
        ("TM-05", |v| v["timestamp"] = "2026-01-01T00:02:00Z".into()),
        ("SG-06", |v| v["payload"] = json!({})),
        ("SG-02", |v| v["payload"] = json!([])),
        ("SG-06", |v| v["payload"]["callerAvatar"] = "me.png".into()),
    ];
    for (rule, change) in cases {
        let mut history = History::new("bob", "bob");
        history.change = Box::new(change);
        let found = parties(&history.plays("0 bob < initiate").verdict());
        assert_eq!(found, [format!("{rule} Client")]);
    }
}

#[test]
fn ids_that_change_within_a_call_and_clocks_that_run_back_are_found() {
    let mut history = History::new("", "alice");
    history.change = Box::new(|v| {
        if v["type"] == "call:hangup" {
            v["timestamp"] = "2025-12-31T23:59:50Z".into();
        }
    });
    let found = parties(
        &history
            .plays("0 alice > initiate\n1 alice > hangup/cancelled")
            .verdict(),
    );
    assert_eq!(found, ["TM-06 Client"]);
}

#[test]
fn an_iq_id_is_used_once_in_a_stream() {
    assert_eq!(
        parties(
            &History::new("", "alice")
                .plays("0 alice > initiate#1\n1 alice > hangup/cancelled#1")
                .verdict()
        ),
        ["IQ-02 Client"]
    );
}

#[test]
fn a_client_that_takes_what_it_must_refuse_is_warned() {
    let found = far("0 alice breaks ST-01
                     0 alice > offer
                     0.1 alice got offer ok");
    assert_eq!(found, ["ST-01 Announced", "IQ-06 Client"]);
    let found = far("0 alice breaks ST-01
                     0 alice > offer
                     0.1 alice got offer no");
    // Which of the two errors fits an unknown call is the client's to know; the other one is not it.
    assert_eq!(found, ["ST-01 Announced", "IQ-06 Client"]);
}

#[test]
fn a_slow_and_a_missing_answer_are_found() {
    assert_eq!(far("0 alice > initiate\n7 alice got initiate"), ["IQ-08 Client"]);
    let verdict = History::new("alice", "alice")
        .plays("0 alice > initiate\n9 alice < reject\n9 alice ok reject")
        .verdict();
    let unanswered = verdict.findings.iter().find(|f| f.rule.id == "IQ-01");
    assert!(unanswered.is_some_and(|f| f.blame == Blame::Client && f.excuse.is_some()));
}

#[test]
fn a_call_that_rings_for_ever_is_found() {
    let found = parties(
        &History::new("", "alice")
            .plays("0 alice > initiate\n36 alice < accept#late\n36 alice no accept#late")
            .verdict(),
    );
    assert!(
        found.contains(&"TM-07 Client?".to_owned()) || found.contains(&"TM-07 Client".to_owned()),
        "{found:?}"
    );
}

#[test]
fn a_recording_that_begins_within_a_call_accuses_nobody() {
    let found = parties(
        &History::new("", "")
            .plays("0 alice > mute-change/on\n1 bob > hangup/completed")
            .verdict(),
    );
    assert_eq!(found, [""; 0]);
}

/// One reading of the offer costs a remark and one of the hangup a breach: the first is enough to excuse both.
#[test]
fn what_one_view_must_break_and_another_only_remarks_upon_is_no_breach() {
    let lines = "0 alice back\n0 alice > mute-change/on\n0 alice > ice-candidate
        0.1 alice < offer\n0.1 alice < hangup/completed+5";
    let mut history = History::new("", "");
    history.witness = "ends";
    assert_eq!(parties(&history.plays(lines).verdict()), [""; 0]);
}

/// What a client had not acknowledged its server sends once more when the stream is resumed (XEP-0198).
#[test]
fn what_is_handed_on_again_was_sent_once() {
    let mut history = History::new("", "bob");
    history.witness = "between";
    let lines = "0.1 bob < initiate@0\n0.2 bob ok initiate\n3 bob > accept\n3.1 bob got accept
        4 bob < hangup/failed@3.9\n4.1 bob gone\n5 bob back\n5.1 bob < hangup/failed@3.9\n5.2 bob ok hangup/failed";
    assert_eq!(parties(&history.plays(lines).verdict()), ["ST-09 Client?"]);
}

#[test]
fn wrong_ids_of_an_initiate_bind_nobody() {
    let mut history = History::new("bob", "alice bob");
    history.change = Box::new(|value| {
        if value["type"] == "call:initiate" {
            value["recipientId"] = CALL.into();
        }
    });
    let lines = "0 alice > initiate\n0.1 bob < initiate@0\n0.1 bob ok initiate\n1 bob > accept";
    assert_eq!(parties(&history.plays(lines).verdict()), ["SG-14 Client"]);
}

#[test]
fn a_hangup_that_was_refused_may_have_ended_nothing() {
    let told = |answer: &str| {
        far(&format!(
            "0 alice > initiate
             0.1 alice got initiate
             1 alice > hangup/cancelled
             1.1 alice got hangup/cancelled {answer}
             1.2 alice < accept"
        ))
    };
    assert_eq!(told("ok"), ["ST-09 Client"]);
    // That it refused the cancel is another thing (ST-16).
    assert_eq!(told("no"), ["ST-16 Client"]);
}

/// A server that delivers twice: the client ends the call for the first and refuses the second, and answers that first.
#[test]
fn whoever_refuses_a_copy_has_ended_its_call() {
    let told = |copies: &str| {
        let mut history = History::new("alice", "alice bob");
        history.witness = "ends";
        let call = "0 alice > initiate\n0.1 bob < initiate@0\n0.2 bob ok initiate\n0.3 alice got initiate ok
            2 alice > hangup/cancelled";
        let lines = format!("{call}\n{copies}\n2.3 bob no hangup/cancelled");
        parties(&history.plays(&lines).verdict())
    };
    let once = "2.1 bob < hangup/cancelled@2";
    assert_eq!(told(once), ["ST-16 Client"]);
    assert_eq!(told(&format!("{once}\n{once}")), [""; 0]);
}

#[test]
fn a_finding_says_what_was_seen_and_in_which_state() {
    let lines = "0 alice > initiate\n0.1 alice got initiate\n1 alice < hangup/completed";
    let verdict = History::new("alice", "alice").plays(lines).verdict();
    let seen: Vec<&str> = verdict.findings.iter().map(|found| found.seen.as_str()).collect();
    assert_eq!(seen, ["hangup completed, the call ended or ringing in its view"]);
}

/// A sound call puts to the test what is in it, and nothing else.
#[test]
fn what_a_call_puts_to_the_test_is_counted() {
    let lines = format!(
        "{CONNECT}
         2 alice < ice-candidate
         2 alice ok ice-candidate
         9 alice > hangup/completed+7
         9.1 alice got hangup/completed+7"
    );
    let verdict = History::new("alice", "alice").plays(&lines).verdict();
    let held = |id: &str| verdict.rules.get(id).is_some_and(|tally| tally.held > 0);
    for id in [
        "SD-01", "SD-10", "SG-05", "SG-10", "ST-03", "ST-05", "ST-06", "TM-07", "ST-13", "TM-05",
    ] {
        assert!(held(id), "{id}");
    }
    // The hangup was the bot's own, and nobody rang in vain.
    for id in ["SG-07", "SG-08", "TM-01", "TM-03", "ST-14", "SG-06"] {
        assert!(!held(id), "{id}");
    }
    let verdict = History::new("bob", "bob")
        .plays("0 bob < initiate\n0.1 bob ok initiate\n31 bob < hangup/timeout\n31 bob ok hangup/timeout")
        .verdict();
    for (id, wanted) in [
        ("TM-01", true),
        ("SG-07", true),
        ("SG-06", true),
        ("TM-03", false),
        ("SD-10", false),
    ] {
        assert_eq!(
            verdict.rules.get(id).is_some_and(|tally| tally.held > 0),
            wanted,
            "{id}"
        );
    }
}

#[test]
fn an_end_of_candidates_puts_no_candidate_to_the_test() {
    let mut history = History::new("alice", "alice");
    history.change = Box::new(|value| {
        if value["type"] == "call:ice-candidate" {
            value["payload"]["candidate"] = "".into();
        }
    });
    let verdict = history
        .plays(&format!(
            "{CONNECT}\n2 alice < ice-candidate\n2 alice ok ice-candidate"
        ))
        .verdict();
    assert!(!verdict.rules.contains_key("SD-10"), "{:?}", verdict.rules);
}

/// The ids with which a call began bind both sides.
#[test]
fn either_side_keeps_the_ids_of_the_call() {
    for who in ["alice", "bob"] {
        let mut history = History::new("", "alice bob");
        let id = if who == "alice" { 'a' } else { 'b' };
        history.change = Box::new(move |value| {
            let sender = value["senderId"].as_str().expect("an id");
            if value["type"] == "call:hangup" && sender.starts_with(id) {
                value["senderId"] = "c3d4e5f6-a7b8-4012-8def-123456789012".into();
            }
        });
        let lines = format!(
            "0 alice > initiate\n0.1 bob < initiate\n0.1 bob ok initiate\n0.2 alice got initiate
             1 {who} > hangup/failed"
        );
        let found = parties(&history.plays(&lines).verdict());
        assert!(found.contains(&"SG-12 Client".to_owned()), "{who}: {found:?}");
    }
}
