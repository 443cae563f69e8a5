//! What a server does to signals and answers, seen with its clients or from one of them: it is held against none of them.

use super::legal_tests::{RUNG, Sight, found};
use super::real_tests::{RELAY, Seen, told};
use super::tests::{History, parties};

const NONE: [&str; 0] = [];

const BOTH: &str = "0 alice/1 comes
    0 bob/1 comes
    0 bob/2 comes
    0 carol/1 comes
    1 alice/1 > bob/1 initiate 1
    1.1 bob/1 < alice/1 initiate 1
    1.1 bob/1 ok alice/1 1
    1.2 alice/1 got bob/1 1
    2 bob/1 > alice/1 accept 2
    2.1 alice/1 < bob/1 accept 2
    2.1 alice/1 ok bob/1 2
    2.2 bob/1 got alice/1 2
    3 alice/1 > bob/1 offer 3
    3.1 bob/1 < alice/1 offer 3";

#[test]
fn a_signal_in_the_name_of_another_device_is_its_own_senders() {
    let answered = |name: &str| {
        format!(
            "{BOTH}
            3.1 bob/1 ok alice/1 3
            3.2 alice/1 got bob/1 3
            4 bob/1 > alice/1 answer 4
            4.1 alice/1 < {name} answer 4
            4.1 alice/1 ok {name} 4
            9 alice/1 > bob/1 hangup/completed+4 5
            9.1 bob/1 < alice/1 hangup/completed+4 5
            9.1 bob/1 ok alice/1 5
            9.2 alice/1 got bob/1 5"
        )
    };
    let sound = answered("bob/1").replace(
        "            9 alice/1 >",
        "            4.2 bob/1 got alice/1 4\n9 alice/1 >",
    );
    assert_eq!(told(RELAY, &sound), NONE);
    for name in ["bob/2", "carol/1", "bob/3"] {
        assert_eq!(told(RELAY, &answered(name)), ["RT-01"], "{name}");
    }
    // What has come already somebody else says again.
    let again = answered("bob/1").replace(
        "            4.1 alice/1 ok bob/1 4",
        "            4.1 alice/1 ok bob/1 4\n4.1 alice/1 < carol/1 answer 4",
    );
    let stranger = again.replace("0 carol/1 comes\n", "");
    assert!(
        told(RELAY, &stranger)
            .iter()
            .any(|told| told.starts_with("ST-11")),
        "{:?}",
        told(RELAY, &stranger)
    );
    let own = answered("bob/2").replace("4 bob/1 > alice/1 answer 4", "4 bob/2 > alice/1 answer 4");
    assert!(
        told(RELAY, &own).iter().any(|told| told.starts_with("ST-")),
        "{:?}",
        told(RELAY, &own)
    );
}

/// The two copies are answered one after the other, and so is what they say.
#[test]
fn an_offer_that_the_server_doubles_may_be_answered_twice() {
    let twice = format!(
        "{BOTH}
        3.1 bob/1 < alice/1 offer 3
        3.2 bob/1 ok alice/1 3
        3.2 alice/1 got bob/1 3
        3.2 bob/1 > alice/1 answer 4
        3.2 alice/1 < bob/1 answer 4
        3.2 alice/1 ok bob/1 4
        3.3 bob/1 ok alice/1 3
        3.3 bob/1 > alice/1 answer 5
        3.3 alice/1 < bob/1 answer 5
        3.3 alice/1 ok bob/1 5"
    );
    for witness in ["between", "ends"] {
        let told = told(Seen { witness, ..RELAY }, &twice);
        let certain = told.iter().filter(|told| !told.ends_with('?'));
        assert_eq!(certain.collect::<Vec<_>>(), ["RT-03"], "{witness}");
    }
    let once = twice.replace("        3.1 bob/1 < alice/1 offer 3\n", "");
    assert!(told(RELAY, &once).contains(&"ST-05".to_owned()));
}

#[test]
fn whoever_the_server_calls_in_anothers_place_is_no_stranger() {
    let astray = |answers: &str| {
        format!(
            "0 alice/1 comes
            0 bob/1 comes
            0 carol/1 comes
            1 alice/1 > bob/1 initiate 1
            1.1 carol/1 < alice/1 initiate 1
            1.1 carol/1 ok alice/1 1
            1.2 alice/1 got bob/1 1
            2 carol/1 > alice/1 {answers} 2
            2.1 alice/1 < carol/1 {answers} 2
            2.1 alice/1 ok carol/1 2
            60 bob/1 stops"
        )
    };
    for answers in ["accept", "hangup/busy", "reject"] {
        let certain = told(RELAY, &astray(answers))
            .into_iter()
            .filter(|told| !told.ends_with('?'));
        assert_eq!(certain.collect::<Vec<_>>(), ["RT-06", "RT-03"], "{answers}");
    }
}

/// The caller's other device gets what was for the callee, and takes itself for that.
#[test]
fn a_device_of_the_caller_that_the_server_calls_is_misled() {
    let answers = "2 alice/2 > alice/1 accept 2
        2.1 alice/1 < alice/2 accept 2
        2.1 alice/1 ok alice/2 2
        2.2 alice/2 got alice/1 2
        3 alice/2 > alice/1 mute-change 3
        3.1 alice/1 < alice/2 mute-change 3
        3.1 alice/1 ok alice/2 3
        3.2 alice/2 got alice/1 3
        4 alice/2 > alice/1 hangup/failed 4
        4.1 alice/1 < alice/2 hangup/failed 4
        4.1 alice/1 ok alice/2 4
        4.2 alice/2 got alice/1 4";
    let called = "1 alice/1 > bob/1 initiate 1
        1.1 bob/1 < alice/1 initiate 1
        1.1 bob/1 ok alice/1 1
        1.2 alice/1 got bob/1 1";
    let leaks = "1.3 alice/2 <bob/1 alice/1 initiate 1";
    let all = format!("0 alice/1 comes\n0 alice/2 comes\n0 bob/1 comes\n{called}\n{leaks}\n{answers}");
    let certain = |lines: &str| {
        let told = told(RELAY, lines);
        let certain = told.into_iter().filter(|told| !told.ends_with('?'));
        certain.collect::<Vec<_>>()
    };
    assert_eq!(certain(&all), ["RT-06"]);
    // Who was called by nobody has made it up.
    assert!(certain(&all.replace(leaks, "")).contains(&"SG-11".to_owned()));
    // The caller itself knows as little of why.
    let own = |line: &&str| line.split_whitespace().nth(1) == Some("alice/1");
    let own = all.lines().filter(own).collect::<Vec<_>>().join("\n");
    assert_eq!(certain(&own), NONE, "{own}");
    assert!(!told(RELAY, &own).is_empty());
}

/// What is the same to its timestamp was sent once, whatever it is called.
#[test]
fn a_copy_under_an_id_of_its_own_is_perhaps_the_servers() {
    let again = |at: &str, both: bool| {
        let lines = format!(
            "0 alice/1 comes
            0 bob/1 comes
            1 alice/1 > bob/1 initiate 1
            1.1 bob/1 < alice/1 initiate 1
            1.1 bob/1 ok alice/1 1
            1.2 alice/1 got bob/1 1
            2 bob/1 > alice/1 accept 2
            2.1 alice/1 < bob/1 accept 2
            2.1 alice/1 ok bob/1 2
            2.2 bob/1 got alice/1 2
            {at} alice/1 < bob/1 accept 3
            {at} alice/1 no bob/1 3 unexpected-request
            4 alice/1 > bob/1 hangup/failed 4
            4.1 bob/1 < alice/1 hangup/failed 4
            4.1 bob/1 ok alice/1 4
            4.2 alice/1 got bob/1 4"
        );
        let seen = |line: &&str| both || line.split_whitespace().nth(1) == Some("alice/1");
        told(RELAY, &lines.lines().filter(seen).collect::<Vec<_>>().join("\n"))
    };
    assert_eq!(again("2.5", false), ["ST-03?"]);
    assert_eq!(again("3.5", false), ["ST-03"]);
    assert_eq!(again("2.5", true), ["RT-03"]);
}

/// From one end nobody knows who was wrong: a stranger that gives a party's id, or the server that named a stranger.
#[test]
fn a_stranger_that_gives_a_partys_id_is_perhaps_that_party() {
    let lines = |who: &str| {
        format!(
            "0 alice/1 comes
            1 alice/1 > bob/1 initiate 1
            1.2 alice/1 got bob/1 1
            2 alice/1 < bob/1 accept 2
            2 alice/1 ok bob/1 2
            3 alice/1 < {who} hangup/failed 3
            3 alice/1 no {who} 3 item-not-found"
        )
    };
    // In these histories every user but alice has the same id.
    assert_eq!(told(RELAY, &lines("carol/1")), ["ST-11?"]);
}

/// The answer got lost on its way to the server or behind it, and its sender talks on.
#[test]
fn whoever_tells_how_long_a_call_was_had_perhaps_answered() {
    let lines = |kind: &str| {
        format!(
            "0 alice/1 comes
            1 alice/1 > bob/1 initiate 1
            1.2 alice/1 got bob/1 1
            2 alice/1 < bob/1 accept 2
            2 alice/1 ok bob/1 2
            3 alice/1 > bob/1 offer 3
            3.2 alice/1 got bob/1 3
            9 alice/1 < bob/1 {kind} 4
            9 alice/1 ok bob/1 4"
        )
    };
    assert_eq!(told(RELAY, &lines("hangup/completed+5")), ["TM-03?"]);
    // By then it had certainly answered nothing.
    let early = lines("hangup/completed+5").replace("3.2 alice/1 got bob/1 3\n", "");
    let early = early.replace("3 alice/1 > bob/1 offer 3", "");
    assert_eq!(told(RELAY, &early), ["TM-03"]);
    assert_eq!(told(RELAY, &lines("offer")), ["ST-02?"]);
}

/// Nobody saw its connection.
#[test]
fn whoever_refuses_the_end_of_its_call_had_perhaps_ended_it_before() {
    for condition in ["unexpected-request", "item-not-found"] {
        let lines = format!(
            "0 alice/1 comes
            1 alice/1 > bob/1 initiate 1
            1.2 alice/1 got bob/1 1
            4 alice/1 > bob/1 hangup/cancelled 4
            4.2 alice/1 bounced bob/1 4 {condition}"
        );
        assert_eq!(told(RELAY, &lines), ["ST-16?"], "{condition}");
    }
}

/// From the end that asked nobody knows which of the two it was.
#[test]
fn a_server_may_double_a_request_or_its_answer() {
    let twice = "0 alice/1 comes
        1 alice/1 > bob/1 initiate 1
        1.1 alice/1 got bob/1 1
        1.2 alice/1 got bob/1 1";
    assert_eq!(told(RELAY, twice), ["IQ-01?"]);
    // Then it is no second one that answers an offer once more.
    let offers = "0 alice/1 comes
        1 alice/1 > bob/1 initiate 1
        1.1 alice/1 got bob/1 1
        2 alice/1 < bob/1 accept 2
        2 alice/1 ok bob/1 2
        3 alice/1 > bob/1 offer 3
        3.1 alice/1 got bob/1 3
        3.2 alice/1 < bob/1 answer 4
        3.2 alice/1 ok bob/1 4
        3.3 alice/1 got bob/1 3
        4.4 alice/1 < bob/1 answer 5
        4.4 alice/1 ok bob/1 5";
    assert_eq!(told(RELAY, offers), ["IQ-01?"]);
    let once = offers.replace("        3.3 alice/1 got bob/1 3\n", "");
    assert!(told(RELAY, &once).contains(&"ST-05".to_owned()));
    let own = "0 bob/1 comes
        1 bob/1 < alice/1 initiate 1
        1.1 bob/1 ok alice/1 1
        1.2 bob/1 ok alice/1 1";
    assert_eq!(told(RELAY, own), ["IQ-01"]);
}

#[test]
fn a_recording_that_breaks_off_shows_what_was_never_done_until_then() {
    let off = Seen {
        cut_off: true,
        ..RELAY
    };
    let silent = "0 alice/1 comes
        0 bob/1 comes
        1 alice/1 > bob/1 initiate 1
        1.1 bob/1 < alice/1 initiate 1
        1.1 bob/1 ok alice/1 1
        1.2 alice/1 got bob/1 1
        2 alice/1 > bob/1 hangup/cancelled 2
        2.1 bob/1 < alice/1 hangup/cancelled 2
        2.2 bob/1 < carol/1 accept 3
        2.2 bob/1 ok carol/1 3
        40 bob/1 < carol/1 accept 4
        40 bob/1 ok carol/1 4";
    assert!(told(off, silent).iter().any(|told| told.starts_with("IQ-01")));
    let rings = "0 alice/1 comes
        1 alice/1 > bob/1 initiate 1
        1.1 alice/1 got bob/1 1
        20 alice/1 got bob/1 2
        40 alice/1 got bob/1 3";
    assert!(told(off, rings).iter().any(|told| told.starts_with("TM-02")));
    // Another one's recording goes on.
    let longer = "0 alice/1 comes
        0 bob/1 comes
        1 alice/1 > bob/1 initiate 1
        1.1 alice/1 got bob/1 1
        20 bob/1 > carol/1 hangup 2
        40 bob/1 got carol/1 2
        60 bob/1 got carol/1 3";
    let told_of = told(off, longer);
    assert!(
        !told_of.iter().any(|told| told.starts_with("TM-02")),
        "{told_of:?}"
    );
    let bots = Seen {
        witness: "bots",
        ..off
    };
    assert!(!told(bots, rings).iter().any(|told| told.starts_with("TM-02")));
}

/// What was out of its place says nothing of what its sender says next.
#[test]
fn an_offer_out_of_its_place_is_no_description_before_the_next() {
    let early = BOTH.replace(
        "    2 bob/1 > alice/1 accept 2\n",
        "    1.5 alice/1 > bob/1 offer/more 9
    1.6 bob/1 < alice/1 offer/more 9
    1.6 bob/1 no alice/1 9 unexpected-request
    1.7 alice/1 bounced bob/1 9 unexpected-request
    2 bob/1 > alice/1 accept 2\n",
    );
    assert_eq!(told(RELAY, &early), ["ST-04"]);
}

/// Whoever cannot read a mute-change does not know what it repeats.
#[test]
fn a_mute_after_one_that_cannot_be_read_is_perhaps_none_too_many() {
    for (member, rules) in [("/payload", "SG-05 Client"), ("", "IQ-04 Client")] {
        let mut history = History::new("", "alice bob");
        history.change = Box::new(move |signal| {
            let second = signal["timestamp"].as_str().is_some_and(|at| at.contains(":03."));
            if second && !member.is_empty() {
                signal["payload"] = serde_json::json!({});
            } else if second {
                *signal = "no object".into();
            }
        });
        let lines = "0 alice > initiate\n0.1 alice got initiate\n1 alice < accept\n1 alice ok accept
            1.1 alice > offer\n1.2 alice got offer\n1.3 alice < answer\n1.3 alice ok answer
            2 alice > mute-change/on#1\n2 alice got 1\n3 alice > mute-change/off#2\n3 alice got 2
            4 alice > mute-change/on#3\n4 alice got 3";
        let told = parties(&history.plays(lines).verdict());
        assert!(told.contains(&rules.to_owned()), "{told:?}");
        assert!(!told.contains(&"ST-14 Client".to_owned()), "{told:?}");
    }
}

/// Whoever was called calls back, under the id of the call that is over.
#[test]
fn a_callee_that_calls_back_under_the_old_id_uses_it_again() {
    let lines = format!("{RUNG}\nalice bob hangup/cancelled 1 1.1\nbob alice initiate 3 3.1");
    for sight in [Sight::Far("bob"), Sight::Wires] {
        let told = found(&lines, sight);
        assert!(told.contains(&"ST-10 Client".to_owned()), "{told:?}");
        assert!(!told.contains(&"ST-02 Client".to_owned()), "{told:?}");
    }
}
