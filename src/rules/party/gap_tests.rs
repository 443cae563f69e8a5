//! What a recording does not hold: what follows on it is perhaps right, and nothing else is.

use super::real_tests::{APART, BETWEEN, RELAY, SIGNALS, STEADY, Seen, told};

/// Its own request and its answer; then this, and something that is right only if more was said.
fn after(seen: Seen, between: &str) -> Vec<String> {
    let lines = format!(
        "0 alice/1 comes
         1 alice/1 > bob/1 initiate 1
         1.1 alice/1 got bob/1 1
         {between}
         3 alice/1 > bob/1 offer 2
         3.1 alice/1 got bob/1 2"
    );
    told(seen, &lines)
}

#[test]
fn an_answer_to_what_was_not_recorded_shows_that_something_is_missing() {
    assert_eq!(after(RELAY, ""), ["ST-04", "IQ-06"]);
    // After that nobody is asked to refuse anything either.
    for between in ["2 alice/1 got bob/1 9", "2 alice/1 ok bob/1 9", "2 alice/1 noise"] {
        assert_eq!(after(RELAY, between), ["ST-04?"], "{between}");
    }
    // Between others it may be, and a recorder that leaves nothing out left nothing out here.
    assert_eq!(after(RELAY, "2 alice/1 got carol/1 9"), ["ST-04", "IQ-06"]);
    assert_eq!(after(STEADY, "2 alice/1 got bob/1 9"), ["ST-04", "IQ-06"]);
    assert_eq!(after(STEADY, "2 alice/1 noise"), ["ST-04", "IQ-06"]);
    // Its receiver has not written the request down, only its sender.
    let lines = "0 alice/1 comes
        0 bob/1 comes
        1 alice/1 > bob/1 initiate 1
        1.1 bob/1 < alice/1 initiate 1
        1.1 bob/1 ok alice/1 1
        2 alice/1 > bob/1 hangup/cancelled 2
        2.2 bob/1 ok alice/1 2
        3 bob/1 > alice/1 answer 3";
    assert_eq!(told(RELAY, lines), ["ST-05?"]);
    // What two devices of one user say to each other is in no call of theirs with others.
    let own = "0 alice/1 comes
        1 alice/2 < alice/1 initiate 1
        1.2 alice/1 got alice/2 1
        2 alice/2 > alice/1 hangup/completed 2";
    assert_eq!(told(RELAY, own), ["ST-08", "SG-11"]);
}

#[test]
fn a_call_of_which_something_is_missing_perhaps_did_not_end_as_it_seems() {
    let rings = "0 alice/1 comes
        1 alice/1 > bob/1 initiate 1
        77 alice/1 ok bob/1 9";
    assert_eq!(told(RELAY, rings), ["TM-02?"]);
    let left = "0 alice/1 comes
        1 alice/1 > bob/1 initiate 1
        1.1 alice/1 got bob/1 1
        2 alice/1 < bob/1 accept 2
        2 alice/1 ok bob/1 2
        3 alice/1 ok bob/1 9
        4 alice/1 leaves";
    assert_eq!(told(RELAY, left), ["ST-15?"]);
    assert_eq!(
        told(RELAY, &left.replace("3 alice/1 ok bob/1 9\n", "")),
        ["ST-15"]
    );
}

#[test]
fn a_signal_that_names_another_receiver_may_have_counted_in_its_call() {
    let lines = "0 bob/1 late
        1 bob/1 < alice/1 initiate 1
        1 bob/1 ok alice/1 1
        2 bob/1 <alice/1 alice/1 offer 2
        3 bob/1 > alice/1 hangup/completed 3";
    assert_eq!(told(RELAY, lines), ["ST-12?", "SG-11", "SG-12"]);
    assert_eq!(told(STEADY, lines), ["ST-12", "SG-11", "SG-12"]);
    // One that names another device of the same user is that user's.
    let device = "0 bob/1 comes
        0 bob/2 comes
        1 bob/1 < alice/1 initiate 1
        1 bob/1 ok alice/1 1
        2 bob/1 > alice/1 reject 2
        2.1 bob/2 <alice/1 bob/1 reject 2
        3 bob/1 > alice/1 answer 3";
    assert_eq!(told(RELAY, device), ["ST-09", "RT-06"]);
    // The call begins with it, so nothing of the call is missing before it.
    let first = "0 alice/1 comes
        1 bob/1 <carol/1 alice/1 initiate 1
        1 bob/1 ok alice/1 1
        2 bob/1 > alice/1 accept 2";
    assert_eq!(told(RELAY, &format!("{first}\n3 bob/1 leaves")), ["ST-15"]);
    let ended = first.replace("accept", "hangup/rejected");
    assert_eq!(
        told(RELAY, &format!("{ended}\n3 bob/1 > alice/1 accept 3")),
        ["ST-09"]
    );
}

#[test]
fn what_a_relay_seems_to_have_said_itself_may_have_counted() {
    assert_eq!(after(RELAY, "2 alice/1 < server mute-change~ 9"), ["ST-04?"]);
    assert_eq!(
        after(STEADY, "2 alice/1 < server mute-change~ 9"),
        ["ST-04", "IQ-06"]
    );
}

/// What alice said of the media bob has got. Her own recording need not hold it.
#[test]
fn what_was_said_of_the_media_beyond_a_recording_binds_whoever_said_it() {
    let stopped = "0 bob/1 comes
        0 alice/1 comes
        1 alice/1 stops
        2 bob/1 < alice/1 offer/more 1
        3 alice/1 late
        4 alice/1 > bob/1 offer 2";
    assert_eq!(told(RELAY, stopped), ["SD-28"]);
    // What it ought to hold and does not was perhaps never said, unless that was by another clock.
    let open = "0 alice/1 comes
        0 bob/1 comes
        1 bob/1 < alice/1 offer/more 1
        3 alice/1 > bob/1 offer 2";
    assert_eq!(told(RELAY, open), ["ST-01?"]);
    assert_eq!(told(APART, open), ["SD-28", "ST-01?"]);
}

#[test]
fn an_answer_to_an_offer_that_was_recorded_is_held_against_that() {
    let lines = "1 bob/1 late
        2 bob/1 < alice/1 offer 1
        2 bob/1 ok alice/1 1
        3 bob/1 > alice/1 answer/more 2";
    assert_eq!(told(APART, lines), ["SD-05"]);
    // That one is answered; this may answer one that came before the recording by its own clock.
    let second = lines.replace("answer/more 2", "answer 2\n4 bob/1 > alice/1 answer/more 3");
    assert_eq!(told(APART, &second), ["SD-05?", "SD-28?"]);
}

#[test]
fn what_came_over_a_connection_that_ended_may_have_got_lost_between_the_ends() {
    let lines = "0 alice/1 comes
        0 bob/1 comes
        1 bob/1 < alice/1 initiate 1
        1 bob/1 ok alice/1 1
        2 bob/1 < alice/1 hangup/cancelled 2
        3 bob/1 cut
        4 bob/1 comes
        5 bob/1 < alice/1 initiate~ 3
        5 bob/1 ok alice/1 3
        6 bob/1 > alice/1 accept 4";
    assert_eq!(told(BETWEEN, lines), ["ST-09"; 0]);
    // At its own end it had come in.
    assert_eq!(told(RELAY, lines), ["ST-09"]);
}

/// Whoever recorded it may have set its clock while nothing happened: no other clock tells.
#[test]
fn who_seems_slow_over_a_silence_was_perhaps_not() {
    let lines = "2 alice/1 < bob/1 accept 3
        8 alice/1 ok bob/1 3";
    assert_eq!(told(RELAY, lines), ["IQ-08?"]);
}

/// A mute may get lost with its sender's connection, and the call goes on.
#[test]
fn between_two_mutes_that_came_another_was_perhaps_lost() {
    let mutes = "0 bob/1 late
        1 bob/1 < alice/1 mute-change 1
        2 bob/1 < alice/1 mute-change 2";
    assert_eq!(told(RELAY, mutes), ["ST-14?"]);
}

#[test]
fn a_call_that_was_let_ring_for_too_long_is_its_callers_doing() {
    let lines = |hangup: &str| {
        format!(
            "0 alice/1 comes
             0 carol/1 comes
             1 alice/1 > bob/1 initiate 1
             1.1 alice/1 got bob/1 1
             {hangup}"
        )
    };
    assert_eq!(
        told(STEADY, &lines("50 alice/1 > bob/1 hangup/failed 2")),
        ["TM-02"]
    );
    // To the quarter of a second.
    assert_eq!(
        told(STEADY, &lines("36.25 alice/1 > bob/1 hangup/timeout 2")),
        ["TM-02"; 0]
    );
    assert_eq!(
        told(STEADY, &lines("36.5 alice/1 > bob/1 hangup/timeout 2")),
        ["TM-02"]
    );
    // A connection of anyone's had broken.
    let cut = lines("2 carol/1 cut\n60 alice/1 > bob/1 hangup/timeout 2");
    assert_eq!(told(STEADY, &cut), ["TM-02?"]);
    // Whoever came anew knows of no call.
    let anew = lines("19 alice/1 cut\n20 alice/1 comes\n60 alice/1 > bob/1 hangup/timeout 2");
    assert_eq!(told(STEADY, &anew), ["TM-02"; 0]);
    // At the other end one that does not give up was perhaps answered elsewhere.
    let far = "0 bob/1 comes
        1 bob/1 < alice/1 initiate 1
        1 bob/1 ok alice/1 1
        50 bob/1 < alice/1 hangup/failed 2
        50 bob/1 ok alice/1 2";
    assert_eq!(told(STEADY, far), ["TM-02"; 0]);
    // Nor was it left to ring by whom a device had answered.
    let answered = "0 alice/1 comes
        1 alice/1 > bob initiate 1
        1.1 alice/1 got bob 1
        3 alice/1 < bob/1 accept 2
        3 alice/1 ok bob/1 2
        100 alice/1 > bob hangup/completed 3";
    assert_eq!(told(STEADY, answered), ["TM-02"; 0]);
}

#[test]
fn a_bare_address_of_a_relay_owes_its_answer_in_time() {
    let lines = "0 alice/1 comes
        1 alice/1 > bob initiate 1
        20 alice/1 got bob 1";
    assert_eq!(told(RELAY, lines), ["IQ-08?"]);
}

#[test]
fn a_call_that_rings_on_unseen_had_perhaps_ended() {
    let lines = "1 alice/1 > bob/1 initiate 1
        66 alice/1 > bob/1 hangup/timeout 2";
    assert_eq!(told(SIGNALS, lines), ["TM-02?"]);
    let far = "0 bob/1 comes
        1 bob/1 < alice/1 initiate 1
        1 bob/1 ok alice/1 1
        60 bob/1 got alice/1 9";
    assert_eq!(told(STEADY, far), ["TM-02?"]);
    // Nor is it known of one whose recording breaks off while it rings.
    let breaks_off = Seen {
        cut_off: true,
        ..RELAY
    };
    assert_eq!(
        told(breaks_off, &far.replace("1 bob/1 ok alice/1 1\n", "")),
        ["IQ-01?", "TM-02?"]
    );
}
