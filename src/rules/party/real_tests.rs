//! Lawful histories that are easily taken for breaches: several devices, sessions that begin anew, servers that speak
//! for users. Seen from several places.

mod language;

use crate::rules::Finding;
use language::verdict;
pub(super) use language::{APART, BETWEEN, BOTS, ENFORCING, RELAY, SIGNALS, STEADY, Seen, told};

const NONE: [&str; 0] = [];

const BOTH: &str = "0 alice/1 comes
    0 bob/1 comes
    0 bob/2 comes";

/// One device is busy before the other has been called at all.
const ONE_AFTER_THE_OTHER: &str = "1 alice/1 > bob/1 initiate 1
    1 alice/1 > bob/2 initiate 2
    1.1 bob/1 < alice/1 initiate 1
    1.1 bob/1 ok alice/1 1
    1.2 alice/1 got bob/1 1
    1.2 bob/1 > alice/1 busy 3
    1.3 alice/1 < bob/1 busy 3
    1.3 alice/1 ok bob/1 3
    1.5 bob/2 < alice/1 initiate 2
    1.5 bob/2 ok alice/1 2
    1.6 alice/1 got bob/2 2
    2 bob/2 > alice/1 accept 4
    2.1 alice/1 < bob/2 accept 4
    2.1 alice/1 ok bob/2 4
    2.2 bob/2 got alice/1 4
    2.3 alice/1 > bob/2 offer 5
    2.4 bob/2 < alice/1 offer 5
    2.4 bob/2 ok alice/1 5
    2.5 alice/1 got bob/2 5
    2.6 bob/2 > alice/1 answer 6
    2.7 alice/1 < bob/2 answer 6
    2.7 alice/1 ok bob/2 6
    2.8 bob/2 got alice/1 6
    3 alice/1 > bob/2 hangup/completed 7
    3.1 bob/2 < alice/1 hangup/completed 7
    3.1 bob/2 ok alice/1 7
    3.2 alice/1 got bob/2 7";

#[test]
fn each_device_that_is_called_has_a_call_of_its_own() {
    assert_eq!(told(RELAY, &format!("{BOTH}\n{ONE_AFTER_THE_OTHER}")), NONE);
    // A second accept of one device is one too many.
    let twice = ONE_AFTER_THE_OTHER.replace(
        "2.3 alice/1 > bob/2 offer 5",
        "2.25 bob/2 > alice/1 accept 9\n2.26 alice/1 < bob/2 accept 9\n2.26 alice/1 no bob/2 9 unexpected-request\n2.27 bob/2 bounced alice/1 9 unexpected-request\n2.3 alice/1 > bob/2 offer 5",
    );
    assert_eq!(told(RELAY, &format!("{BOTH}\n{twice}")), ["ST-03"]);
}

#[test]
fn devices_that_were_called_before_the_recording_began_are_told_apart() {
    for half in [
        "1 alice/1 < bob/1 busy
         1 alice/1 ok bob/1 busy
         2 alice/1 < bob/2 accept
         2 alice/1 ok bob/2 accept
         2.1 alice/1 > bob/2 offer",
        "1 alice/1 > bob/1 hangup/timeout 1
         1 alice/1 > bob/2 hangup/timeout 2",
        "1 alice/1 < bob/2 accept 1
         1 alice/1 > bob/1 hangup/cancelled 2
         1 alice/1 ok bob/2 1
         1.1 alice/1 < bob/1 accept 3
         1.1 alice/1 no bob/1 3 unexpected-request
         1.2 alice/1 < bob/1 hangup/cancelled 4",
    ] {
        assert_eq!(told(RELAY, &format!("0 alice/1 late\n{half}")), NONE, "{half}");
    }
    // One is called just before the recording begins, and the other just after.
    let second = "0 alice/1 late
        1 alice/1 > bob/2 initiate 2
        3 alice/1 > bob/2 hangup/failed 3
        3.1 alice/1 < bob/2 hangup/failed 4
        30 alice/1 > bob/1 hangup/timeout 5";
    assert_eq!(told(RELAY, second), NONE);
    let first = second.replace("0 alice/1 late", "0 alice/1 comes");
    assert_eq!(told(RELAY, &first), ["ST-09"]);
    // One that is busy ends nothing for the other, which was called before.
    let busy = "0 alice/1 late
        1 alice/1 > bob/2 initiate 2
        2 alice/1 < bob/2 hangup/busy 3
        2 alice/1 ok bob/2 3
        3 alice/1 < bob/1 accept 4
        3 alice/1 ok bob/1 4";
    assert_eq!(told(RELAY, busy), NONE);
    // The name of a recording is no address: one begins late, and is not the other.
    let late = "0 alice/1 comes
        0 bob/1 comes
        1 alice/1 > bob/1 initiate 1
        1.1 bob/1 < alice/1 initiate 1
        1.2 bob/1 > alice/1 busy 2
        1.3 alice/1 < bob/1 busy 2
        2 bob/2 late
        2 bob/2 > alice/1 answer 3";
    assert_eq!(told(RELAY, late), ["ST-02"; 0]);
}

/// What a client that has come anew is told of an old call it does not know.
const ANEW: &str = "0 alice/1 comes
    0 bob/1 comes
    1 alice/1 > bob/1 initiate 1
    1.1 bob/1 < alice/1 initiate 1
    1.1 bob/1 ok alice/1 1
    1.2 alice/1 got bob/1 1
    2 bob/1 cut
    3 bob/1 comes
    4 alice/1 > bob/1 hangup/cancelled 2
    4.1 bob/1 < alice/1 hangup/cancelled 2
    4.1 bob/1 no alice/1 2 item-not-found
    4.2 alice/1 bounced bob/1 2 item-not-found";

/// A HAR whose first connection says nothing of whose it is, beside the log of the other end.
#[test]
fn a_session_whose_address_is_not_known_may_be_a_partys() {
    let lines = "0 bob/1 comes
        1 bob/1 < alice/1 initiate 2
        1.1 bob/1 ok alice/1 2
        2 bob/1 > alice/1 accept 7
        2.1 unknown late
        2.2 unknown > bob/1 offer 3
        2.3 bob/1 < alice/1 offer 3
        2.4 bob/1 ok alice/1 3";
    assert_eq!(told(RELAY, lines), NONE);
}

#[test]
fn a_session_that_began_anew_knows_of_no_call() {
    assert_eq!(told(RELAY, ANEW), NONE);
    let stays = ANEW.replace("2 bob/1 cut\n", "").replace("3 bob/1 comes\n", "");
    assert_eq!(told(RELAY, &stays), ["ST-16"]);
    // From the other end nobody sees which it was, nor whether it had ended the call while it was not connected.
    let lines = stays.lines().map(str::trim);
    let far: Vec<&str> = lines
        .filter(|line| !line.contains(" bob/1 <") && line.contains("alice/1 "))
        .collect();
    let far: Vec<&str> = far
        .into_iter()
        .filter(|line| line.split_whitespace().nth(1) == Some("alice/1"))
        .collect();
    let far = far.join("\n");
    assert_eq!(told(RELAY, &far), ["ST-16?"]);
    assert_eq!(
        told(RELAY, &far.replace("item-not-found", "unexpected-request")),
        ["ST-16?"]
    );
    // The caller that came anew owes no time-out.
    let caller = "0 alice/1 comes
        1 alice/1 > bob/1 initiate 1
        1.1 alice/1 got bob/1 1
        2 alice/1 cut
        3 alice/1 comes
        60 alice/1 got bob/1 9";
    assert!(!told(RELAY, caller).contains(&"TM-02".to_owned()));
}

#[test]
fn who_saw_the_other_side_gone_may_take_the_call_for_over() {
    let gone = "0 alice/1 comes
        1 alice/1 > bob/1 initiate 1
        1.1 alice/1 got bob/1 1
        2 alice/1 < bob/1 accept 2
        2 alice/1 ok bob/1 2
        2.1 alice/1 > bob/1 offer 3
        2.2 alice/1 bounced bob/1 3 service-unavailable
        3 alice/1 < bob/1 hangup/failed 4
        3 alice/1 no bob/1 4 item-not-found";
    assert_eq!(told(RELAY, gone), NONE);
    let there = gone.replace("bounced bob/1 3 service-unavailable", "got bob/1 3");
    assert_eq!(told(RELAY, &there), ["ST-16"]);
}

#[test]
fn a_server_that_gives_back_what_a_dead_session_had_is_not_a_slow_client() {
    let back = "0 alice/1 comes
        1 alice/1 > bob/1 initiate 1
        31 alice/1 bounced bob/1 1 recipient-unavailable";
    let why = |lines: &str| {
        let found = verdict(RELAY, lines)
            .findings
            .into_iter()
            .find(|found| found.rule.id == "IQ-08");
        found.and_then(|found| found.excuse).unwrap_or_default()
    };
    assert!(why(back).contains("the server gave it back"), "{}", why(back));
    let own = why(&back.replace("recipient-unavailable", "item-not-found"));
    assert!(!own.contains("the server gave it back"), "{own}");
}

#[test]
fn an_answer_that_was_lost_with_a_connection_explains_the_offer_after_it() {
    let lost = "0 alice/1 comes
        1 alice/1 > bob/1 initiate 1
        1.1 alice/1 got bob/1 1
        2 alice/1 < bob/1 accept 2
        2 alice/1 ok bob/1 2
        2.1 alice/1 > bob/1 offer 3
        2.2 alice/1 got bob/1 3
        2.3 alice/1 cut
        3 alice/1 comes
        5 alice/1 < bob/1 offer 5";
    let told = told(RELAY, lost);
    assert!(
        told.contains(&"ST-02?".to_owned()) && !told.contains(&"ST-02".to_owned()),
        "{told:?}"
    );
}

#[test]
fn a_bare_address_is_each_device_behind_it() {
    let rung = "0 alice/1 comes
        1 alice/1 > bob initiate 1
        1.1 alice/1 got bob 1
        2 alice/1 < bob/1 busy 2
        2 alice/1 ok bob/1 2
        2.1 alice/1 > bob hangup/busy 3
        2.2 alice/1 got bob 3";
    assert_eq!(told(ENFORCING, rung), NONE);
    // Everything goes to the bare address, and the device that picked up gets it.
    let talks = "0 alice/1 comes
        1 alice/1 > bob initiate 1
        1.1 alice/1 got bob 1
        2 alice/1 < bob/1 accept 2
        2 alice/1 ok bob/1 2
        2.1 alice/1 > bob offer 3
        2.2 alice/1 got bob 3
        2.5 alice/1 < bob/1 answer 4
        2.5 alice/1 ok bob/1 4
        4 alice/1 > bob hangup/completed 5
        4.1 alice/1 got bob 5";
    assert_eq!(told(ENFORCING, talks), NONE);
    // After that nothing follows, wherever it is sent.
    let after = format!("{talks}\n5 alice/1 > bob/1 mute-change 6");
    assert_eq!(told(ENFORCING, &after), ["ST-09"]);
}

#[test]
fn what_an_enforcing_server_says_is_no_clients_doing() {
    // The cancel crossed a busy: for the server it is out of order.
    let crossed = "0 alice/1 comes
        1 alice/1 > bob initiate 1
        1.1 alice/1 got bob 1
        2 alice/1 > bob hangup/cancelled 2
        2.1 alice/1 < bob/1 busy 3
        2.1 alice/1 ok bob/1 3
        2.2 alice/1 bounced bob 2 unexpected-request";
    assert_eq!(told(ENFORCING, crossed), NONE);
    let device = crossed.replace(" bob ", " bob/1 ");
    assert_eq!(
        told(RELAY, &device.replace("2.1 alice/1 < bob/1 busy 3\n", "")),
        ["ST-16?"]
    );
    // Both devices of the callee hear from it that the caller has vanished.
    let vanished = "0 alice/1 comes
        0 bob/1 comes
        0 bob/2 comes
        1 alice/1 > bob initiate 1
        1.1 bob/1 < alice/1 initiate 1
        1.1 bob/1 ok alice/1 1
        1.1 bob/2 < alice/1 initiate 1
        1.1 bob/2 ok alice/1 1
        2 alice/1 cut
        2.1 bob/1 < alice hangup/failed 2
        2.1 bob/1 ok alice 2
        2.1 bob/2 < alice hangup/failed 3
        2.1 bob/2 ok alice 3";
    assert_eq!(told(ENFORCING, vanished), NONE);
    // A device that was told so, for whatever reason, closes with the same.
    let elsewhere = "0 alice/1 comes
        1 alice/1 > bob initiate 1
        1.1 alice/1 got bob 1
        2 alice/1 < bob/1 reject 2
        2 alice/1 ok bob/1 2
        2.2 alice/1 < bob/2 hangup/cancelled 3
        2.2 alice/1 no bob/2 3 item-not-found";
    assert_eq!(told(ENFORCING, elsewhere), ["ST-12?"]);
}

/// The server hands a hangup on before the initiate that it ends: for the callee the call begins then.
#[test]
fn a_call_that_rings_after_its_end_may_be_taken() {
    let swapped = "0 alice/1 comes
        0 bob/1 comes
        1 alice/1 > bob/1 initiate 1
        1.2 alice/1 > bob/1 hangup/cancelled 2
        1.3 bob/1 < alice/1 hangup/cancelled 2
        1.3 bob/1 < alice/1 initiate 1
        1.4 bob/1 ok alice/1 2
        1.4 bob/1 ok alice/1 1
        1.5 alice/1 got bob/1 2
        1.6 alice/1 got bob/1 1
        2 bob/1 > alice/1 accept 3
        2.1 alice/1 < bob/1 accept 3
        2.1 alice/1 no bob/1 3 unexpected-request
        2.2 bob/1 bounced alice/1 3 unexpected-request";
    assert_eq!(told(RELAY, swapped), ["RT-04"]);
    // So it is in a session that had begun before the recording.
    let late = swapped.replace("0 bob/1 comes", "0 bob/1 late");
    assert_eq!(told(RELAY, &late), ["RT-04"]);
    // A call that had begun is over.
    let again = "1.1 bob/1 < alice/1 initiate 1\n1.2 alice/1 >";
    let kept = late.replace("1.2 alice/1 >", again);
    assert_eq!(told(RELAY, &kept), ["RT-03", "ST-09"]);
}

#[test]
fn whoever_is_delivered_a_call_of_others_may_take_part_in_it() {
    let leaked = "0 alice/1 comes
        0 bob/1 comes
        0 carol/1 comes
        1 alice/1 > bob/1 initiate 1
        1.1 bob/1 < alice/1 initiate 1
        1.1 bob/1 ok alice/1 1
        1.1 carol/1 < alice/1 initiate 1
        1.2 alice/1 got bob/1 1
        2 carol/1 > alice/1 accept 3";
    assert_eq!(told(RELAY, leaked), ["RT-06", "ST-11?"]);
    let barges_in = leaked.replace("1.1 carol/1 < alice/1 initiate 1\n", "");
    assert_eq!(told(RELAY, &barges_in), ["ST-11"]);
}

/// What is under way when the log of a server begins: the caller's cancel had been handed on, and its callee's accept had
/// been sent before that.
#[test]
fn what_had_passed_before_a_log_began_is_answered_all_the_same() {
    let crossed = "0 bob/1 late
        0.1 bob/1 > alice/1 accept 3
        0.2 bob/1 > alice/1 hangup/cancelled 4";
    assert_eq!(told(BETWEEN, crossed), ["ST-12?"]);
    let own = format!(
        "0 alice/1 comes\n{}",
        crossed.replace("0.1 bob/1 >", "0.05 bob/1 < alice/1 initiate 1\n0.1 bob/1 >")
    );
    assert_eq!(told(BETWEEN, &own), ["ST-12"]);
}

/// The callee's connection breaks and its session is resumed: it sends its accept again, which the caller does not see.
#[test]
fn what_a_resumed_session_sends_again_is_no_second_signal() {
    let twice = |at: &str, id: &str| {
        format!(
            "0 alice/1 comes
            1 alice/1 > bob/1 initiate 1
            1.1 alice/1 got bob/1 1
            2 alice/1 < bob/1 accept 2
            2 alice/1 ok bob/1 2
            2.1 alice/1 > bob/1 offer 3
            {at} alice/1 < bob/1 accept {id}
            {at} alice/1 ok bob/1 {id}"
        )
    };
    assert_eq!(told(RELAY, &twice("2.2", "2")), ["ST-03?"]);
    // A server may call it otherwise, and only its sender gives another time.
    assert_eq!(told(RELAY, &twice("2.2", "9")), ["ST-03?"]);
    assert_eq!(told(RELAY, &twice("3.2", "9")), ["ST-03", "IQ-06"]);
}

#[test]
fn an_answer_waits_for_a_receiver_or_a_sender_whose_connection_broke() {
    let why = |seen: Seen, lines: &str| {
        let verdict = verdict(seen, lines);
        let mut late = verdict.findings.iter().filter(|found| found.rule.id == "IQ-08");
        late.next().expect("a late answer").excuse.clone()
    };
    let waits = |lines: &str| {
        why(RELAY, lines).is_some_and(|why| why.contains("until its receiver was connected again"))
    };
    let cut = "0 alice/1 comes
        1 alice/1 > bob/1 initiate 1
        1.1 alice/1 cut
        12 alice/1 late
        12.1 alice/1 got bob/1 1";
    assert!(waits(cut));
    let slow = cut
        .replace("1.1 alice/1 cut\n", "")
        .replace("12 alice/1 late\n", "");
    assert!(!waits(&slow));
    // Nobody sees whether the other end's own connection held.
    assert!(why(RELAY, &slow).is_some_and(|why| why.contains("its own connection had broken")));
    let bots = BOTS;
    assert_eq!(why(bots, &slow), None);
}

/// The server hands an offer on in the name of somebody else.
#[test]
fn a_signal_in_anothers_name_may_be_taken_for_what_it_is() {
    let renamed = "0 alice/1 comes
        0 bob/1 comes
        0 alice2/1 comes
        1 alice/1 > bob/1 initiate 1
        1.1 bob/1 < alice/1 initiate 1
        1.1 bob/1 ok alice/1 1
        1.2 bob/1 > alice/1 accept 2
        1.3 alice/1 < bob/1 accept 2
        1.3 alice/1 ok bob/1 2
        1.4 alice/1 > bob/1 offer 3
        1.5 bob/1 < alice2/1 offer 3
        1.6 bob/1 > alice/1 answer 4";
    assert_eq!(told(RELAY, renamed), ["RT-01"]);
    // Whoever holds it for a stranger's may go on waiting.
    let waits = renamed.replace("> alice/1 answer 4", "> alice/1 hangup/failed 4");
    assert_eq!(told(RELAY, &waits), ["RT-01"]);
    let strange = renamed.replace("1.4 alice/1 > bob/1 offer 3\n", "");
    assert_eq!(told(RELAY, &strange), ["ST-05"]);
}

/// By the callee's clock it rings before it is called, and in the name of somebody else.
#[test]
fn a_call_that_came_in_anothers_name_is_that_of_whoever_sent_it() {
    let early = "0 alice/1 comes
        0 bob/1 comes
        1 bob/1 < alice2/1 initiate 1
        1.1 bob/1 ok alice2/1 1
        1.5 alice/1 > bob/1 initiate 1
        2 alice/1 > bob/1 hangup/cancelled 2
        2.5 bob/1 < alice/1 hangup/cancelled 2
        2.6 bob/1 ok alice/1 2";
    assert_eq!(told(APART, early), ["RT-01"]);
    // Whoever it rings at picks up for the one who called.
    let (call, _) = early.split_once("2 alice/1").expect("a hangup");
    let taken =
        format!("{call}3 bob/1 > alice/1 accept 3\n3.5 alice/1 < bob/1 accept 3\n3.5 alice/1 ok bob/1 3");
    assert_eq!(told(APART, &taken), ["RT-01"]);
    // Two signals are not one.
    let others = early.replace("1.5 alice/1 > bob/1 initiate 1", "1.5 alice/1 > bob/1 initiate 3");
    assert!(told(APART, &others).contains(&"ST-10".to_owned()));
}

#[test]
fn signals_alone_do_not_tell_devices_apart() {
    let several = "0 alice/1 late
        1 alice/1 > bob/0 initiate 1
        1 alice/1 > bob/0 initiate 2
        1.2 alice/1 < bob/0 busy
        2 alice/1 < bob/0 accept
        2.3 alice/1 > bob/0 offer
        2.6 alice/1 < bob/0 answer
        3 alice/1 > bob/0 hangup/completed";
    assert!(
        told(SIGNALS, several).iter().all(|told| told.ends_with('?')),
        "{:?}",
        told(SIGNALS, several)
    );
    let one = several.replacen("        1 alice/1 > bob/0 initiate 2\n", "", 1);
    assert!(
        told(SIGNALS, &one)
            .iter()
            .any(|told| told.starts_with("ST-") && !told.ends_with('?'))
    );
    // An offer that gives its sender for its receiver may have gone to the other side all the same.
    let own = "0 alice/1 late
        1 alice/1 > bob/0 initiate
        1.5 alice/1 < bob/0 accept
        2.3 alice/1 > alice/0 offer
        2.6 alice/1 < bob/0 answer";
    let certain = |lines: &str| {
        told(SIGNALS, lines)
            .into_iter()
            .filter(|told| !told.ends_with('?'))
    };
    assert_eq!(certain(own).collect::<Vec<_>>(), ["SG-11", "SG-12"]);
    // Nor whether the session in which a call was taken up has ended.
    let mut excused = [Finding::of_client(
        "ST-13",
        "bob",
        String::new(),
        "",
        String::new(),
        vec![1],
    )];
    super::handed::excuse_others(&mut excused, false);
    assert!(excused[0].excuse.is_some());
    // A signal of a stranger is one, or a party's under a wrong id: then what follows it may be right.
    let strange = "0 alice/1 late
        1 alice/1 > bob/0 initiate
        1.5 alice/1 < mallory/0 accept
        2.3 alice/1 > bob/0 offer";
    assert_eq!(told(SIGNALS, strange), ["ST-04?", "ST-11"]);
}

/// Both offer again; the callee's recording stops before the last offer comes in, or begins after it was sent.
#[test]
fn what_was_said_beyond_a_recording_is_answered_all_the_same() {
    let with = |stops: &str| {
        format!(
            "0 alice/1 comes
            0 bob/1 comes
            1 alice/1 > bob/1 initiate 1
            1.1 bob/1 < alice/1 initiate 1
            1.2 bob/1 > alice/1 accept 2
            1.3 alice/1 < bob/1 accept 2
            1.4 alice/1 > bob/1 offer 3
            1.5 bob/1 < alice/1 offer 3
            1.6 bob/1 > alice/1 answer 4
            1.7 alice/1 < bob/1 answer 4
            {stops}
            3 alice/1 < bob/1 offer/more 5
            3.1 alice/1 > bob/1 answer/more 6"
        )
    };
    assert_eq!(told(RELAY, &with("2 bob/1 stops")), NONE);
    assert_eq!(told(RELAY, &with("2 bob/1 stops\n2 bob/1 late")), NONE);
    // By the clock of the other end the recording goes on; or the server says it in the callee's name.
    assert_eq!(told(APART, &with("")), NONE);
    // Its recording begins with the answer: by the clock of the other end the offer comes later.
    let late = "0 alice/1 comes
        1 alice/1 > bob/1 offer 1
        1 bob/1 late
        1 bob/1 > alice/1 answer/more 2
        2 alice/1 > bob/1 offer/more 3
        2.1 alice/1 < bob/1 answer/more 2";
    for (seen, certain) in [(APART, false), (RELAY, true)] {
        assert_eq!(told(seen, late).contains(&"SD-05".to_owned()), certain);
    }
    assert_eq!(told(RELAY, &with("")), NONE);
}

#[test]
fn an_answer_that_came_too_late_may_have_been_kept_back_or_lost() {
    let crossed = "0 alice/1 comes
        1 alice/1 > bob/1 initiate 1
        2 alice/1 < bob/1 accept 2
        3 alice/1 > bob/1 offer 3
        5 alice/1 > bob/1 hangup/cancelled 4
        6 alice/1 < bob/1 hangup/completed+3 5";
    assert_eq!(told(ENFORCING, crossed), ["TM-03?"]);
    assert_eq!(told(RELAY, crossed), ["TM-03?"]);
}

#[test]
fn what_was_on_its_way_when_a_connection_broke_may_have_got_lost_with_it() {
    let broken = "3 bob/1 cut\n4 bob/1 comes\n";
    // Its accept, before which it had not even answered.
    let accepted = |broken: &str| {
        format!(
            "0 alice/1 comes
            0 bob/1 comes
            1 alice/1 > bob/1 initiate 1
            1.1 bob/1 < alice/1 initiate 1
            {broken}14 bob/1 > alice/1 hangup/completed 2
            14.1 alice/1 < bob/1 hangup/completed 2"
        )
    };
    assert_eq!(told(BETWEEN, &accepted(broken)), ["ST-12?"]);
    assert_eq!(told(BETWEEN, &accepted("")), ["ST-12"]);
    // What it was sent: that it answers another call later proves nothing of this one.
    let rejected = |broken: &str| {
        format!(
            "0 alice/1 comes
            0 bob/1 comes
            1 bob/1 > alice/1 initiate 1
            1.1 alice/1 < bob/1 initiate 1
            1.2 alice/1 ok bob/1 1
            1.3 bob/1 got alice/1 1
            2.8 alice/1 > bob/1 reject 2
            2.9 bob/1 < alice/1 reject 2
            {broken}31.5 bob/1 > alice/1 hangup/timeout 3
            31.6 alice/1 < bob/1 hangup/timeout 3"
        )
    };
    assert_eq!(told(BETWEEN, &rejected(broken)), NONE);
    assert_eq!(told(BETWEEN, &rejected("2.95 bob/1 ok alice/1 2\n")), ["ST-09"]);
}

#[test]
fn who_leaves_a_request_unanswered_was_perhaps_not_connected() {
    let ended = |answer: &str| {
        format!(
            "0 alice/1 comes
            0.5 alice/1 got bob/1 0
            1 alice/1 > bob/1 initiate 1
            {answer}14 alice/1 < bob/1 hangup/completed 2"
        )
    };
    assert_eq!(told(RELAY, &ended("")), ["ST-12?", "IQ-01?"]);
    assert_eq!(told(RELAY, &ended("1.1 alice/1 got bob/1 1\n")), ["ST-12"]);
    // Of a recording that leaves answers out this is not known.
    let silent = ended("").replace("0.5 alice/1 got bob/1 0\n", "");
    assert_eq!(told(RELAY, &silent), ["ST-12"]);
}

#[test]
fn a_signal_that_the_server_changed_may_be_refused() {
    let refused = |to: &str, came: &str| {
        format!(
            "0 alice/1 comes
            0 bob/1 comes
            1 alice/1 > bob/1 initiate 1
            1.1 bob/1 < alice/1 initiate 1
            1.2 bob/1 ok alice/1 1
            1.3 alice/1 got bob/1 1
            2 alice/1 > bob/1 hangup/cancelled 2
            2.1 bob/1 <{to} alice/1 hangup/{came} 2
            2.2 bob/1 no alice/1 2 item-not-found
            2.3 alice/1 bounced bob/1 2 item-not-found"
        )
    };
    assert_eq!(told(RELAY, &refused("", "cancelled")), ["ST-16"]);
    for changed in [refused("", "failed"), refused("bob", "cancelled")] {
        let found = told(RELAY, &changed);
        assert!(!found.contains(&"ST-16".to_owned()), "{found:?}");
    }
}

#[test]
fn a_stranger_may_be_told_that_there_is_no_such_call() {
    let refused = |condition: &str| {
        let lines = format!(
            "0 alice/1 comes
            0 bob/1 comes
            0 carol/1 comes
            1 alice/1 > bob/1 initiate 1
            1.1 bob/1 < alice/1 initiate 1
            1.2 bob/1 ok alice/1 1
            1.3 alice/1 got bob/1 1
            2 carol/1 > bob/1 hangup/failed 2
            2.1 bob/1 < carol/1 hangup/failed 2
            2.2 bob/1 no carol/1 2 {condition}"
        );
        told(RELAY, &lines).contains(&"IQ-06".to_owned())
    };
    assert!(!refused("item-not-found") && !refused("unexpected-request") && !refused("forbidden"));
    assert!(refused(""));
}

/// Which of the ids that a caller gives to two devices are right nobody knows but the devices.
#[test]
fn who_calls_two_devices_under_different_ids_is_told_alone() {
    let lines = "0 alice/1 comes
        0 bob/1 comes
        0 bob/2 comes
        1 alice/1 > bob/1 initiate/other 1
        1 alice/1 > bob/2 initiate 2
        1.1 bob/1 < alice/1 initiate/other 1
        1.1 bob/2 < alice/1 initiate 2
        1.2 bob/2 ok alice/1 2
        1.3 alice/1 got bob/2 2
        2 bob/2 > alice/1 reject 3
        2.1 alice/1 < bob/2 reject 3";
    let found = verdict(RELAY, lines).findings;
    let who: Vec<_> = found.iter().filter(|found| found.rule.id == "SG-12").collect();
    assert_eq!(who.len(), 1, "{who:?}");
    assert!(who[0].message.starts_with("alice"), "{who:?}");
}

/// A recording need not show how those came whose wires it holds.
#[test]
fn who_is_recorded_is_judged_at_its_own_end_only() {
    let lines = "1 alice/1 > bob/1 initiate
        1.1 bob/1 < alice/1 initiate
        1.2 bob/1 > alice/1 offer
        1.3 alice/1 < bob/1 offer";
    assert_eq!(told(RELAY, lines), ["ST-02"]);
}

/// What came in between may have got lost with it.
#[test]
fn whoever_comes_a_second_time_had_perhaps_been_cut_off() {
    let lines = |comes: &str| {
        format!(
            "0 alice/1 comes\n1 alice/1 > bob/1 initiate\n1.1 alice/1 got bob/1 initiate\n{comes}
             3 alice/1 < bob/1 hangup/completed"
        )
    };
    assert_eq!(told(RELAY, &lines("")), ["ST-12"]);
    assert_eq!(told(RELAY, &lines("2 alice/1 comes")), ["ST-12?"]);
}

#[test]
fn a_call_may_be_older_than_the_session_in_which_it_is_first_seen() {
    for signal in ["offer", "hangup/completed"] {
        let lines = format!("0 alice/1 comes\n1 alice/1 > bob/1 {signal}\n1.1 alice/1 got bob/1 {signal}");
        let told = told(RELAY, &lines);
        assert!(told.iter().any(|told| told.starts_with("ST-")), "{told:?}");
        assert!(told.iter().all(|told| told.ends_with('?')), "{told:?}");
    }
}

/// Whoever gives an id of its own has not been renamed.
#[test]
fn who_calls_under_the_id_of_anothers_call_is_named_by_its_ids() {
    for (initiate, rule) in [("initiate/other", "ST-10"), ("initiate", "ST-10?")] {
        let lines = format!(
            "0 alice/1 comes\n1 alice/1 > bob/1 initiate a\n1.1 alice/1 got bob/1 a
             2 alice/1 < carol/1 {initiate} c"
        );
        let told = told(RELAY, &lines);
        let of: Vec<_> = told.iter().filter(|told| told.starts_with("ST-10")).collect();
        assert_eq!(of, [rule], "{told:?}");
    }
}

#[test]
fn why_a_client_refuses_that_nobody_saw_is_told_by_its_word() {
    for (condition, why) in [
        ("item-not-found", "its session was another by then"),
        ("unexpected-request", "it had ended the call"),
    ] {
        let lines = format!(
            "0 alice/1 comes
             1 alice/1 > bob/1 initiate 1
             1.1 alice/1 got bob/1 1
             2 alice/1 > bob/1 hangup/cancelled 2
             2.1 alice/1 bounced bob/1 2 {condition}"
        );
        let verdict = verdict(RELAY, &lines);
        let mut refused = verdict.findings.iter().filter(|found| found.rule.id == "ST-16");
        let told = refused.next().and_then(|found| found.excuse.as_deref());
        assert!(told.is_some_and(|told| told.starts_with(why)), "{told:?}");
    }
}

#[test]
fn what_is_worth_a_remark_only_needs_no_excuse() {
    let lines = "0 bob/2 cut
        1 bob/1 < alice/1 offer 1
        2 bob/1 < alice/1 hangup/cancelled 2";
    let verdict = verdict(RELAY, lines);
    let remarks: Vec<&Finding> = verdict
        .findings
        .iter()
        .filter(|found| found.rule.id == "ST-12")
        .collect();
    assert!(
        matches!(remarks[..], [remark] if remark.excuse.is_none()),
        "{remarks:?}"
    );
}

#[test]
fn a_call_that_somebody_left_is_named() {
    let lines = "0 alice/1 comes
        1 alice/1 > bob/1 initiate 1
        1.1 alice/1 got bob/1 1
        2 alice/1 < bob/1 accept 2
        2 alice/1 ok bob/1 2
        4 alice/1 leaves";
    let findings = verdict(RELAY, lines).findings;
    let left: Vec<&Finding> = findings.iter().filter(|found| found.rule.id == "ST-15").collect();
    let calls: Vec<Option<&str>> = left.iter().map(|found| found.call.as_deref()).collect();
    assert_eq!(calls, [Some("0f0e0d0c-0b0a-4908-8706-050403020100")]);
}
