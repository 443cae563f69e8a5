//! Which device of whom a signal is from and for, and whose call that makes it.

use super::real_tests::{BOTS, ENFORCING, RELAY, SIGNALS, STEADY, told};

const NONE: [&str; 0] = [];

#[test]
fn what_one_device_says_ends_nothing_for_another() {
    // One is busy, or is hung up on, and then another one picks up.
    for first in [
        "2 alice/1 < bob/1 busy 2
         2 alice/1 ok bob/1 2",
        "2 alice/1 < bob/1 accept 2
         2 alice/1 ok bob/1 2
         2.5 alice/1 > bob/1 hangup/failed 3",
    ] {
        let lines = format!(
            "0 alice/1 comes
             1 alice/1 > bob initiate 1
             {first}
             4 alice/1 < bob/2 accept 4
             4 alice/1 ok bob/2 4
             5 alice/1 > bob/2 offer 5"
        );
        assert_eq!(told(RELAY, &lines), NONE, "{first}");
    }
    // Nor for what goes to the user.
    let bare = "0 alice/1 late
        1 alice/1 > bob initiate 1
        2 alice/1 <alice bob/1 hangup/rejected 2
        3 alice/1 > bob offer 3";
    assert_eq!(told(RELAY, bare), ["ST-04"]);
    let own = "0 alice/1 comes
        1 alice/1 > bob/1 initiate 1
        2 alice/1 < alice accept 2
        3 alice/1 > bob hangup/completed+2 4";
    assert_eq!(told(SIGNALS, own), ["ST-12", "TM-03"]);
    // What is hung up towards all of them is over with each.
    let all = "0 alice/1 comes
        1 alice/1 > bob initiate 1
        2 alice/1 < bob/1 accept 2
        2 alice/1 ok bob/1 2
        3 alice/1 > bob hangup/failed 3
        4 alice/1 > bob/1 offer 5";
    assert_eq!(told(RELAY, all), ["ST-09"]);
}

#[test]
fn what_a_server_says_for_the_other_side_is_said_for_all_its_devices() {
    let ended = |says: &str| {
        told(
            ENFORCING,
            &format!(
                "0 alice/1 comes
                 1 alice/1 > bob/1 initiate 1
                 1.1 alice/1 got bob/1 1
                 1.2 alice/1 > bob/2 initiate 2
                 1.3 alice/1 got bob/2 2
                 2 alice/1 < {says} hangup/failed 3
                 2 alice/1 ok {says} 3
                 3 alice/1 > bob/2 offer 4"
            ),
        )
    };
    assert_eq!(ended("server"), ["ST-09"]);
    assert_eq!(ended("bob"), ["ST-09"]);
}

#[test]
fn a_device_that_answered_speaks_for_one_that_still_rings() {
    let lines = "0 alice/1 comes
        1 alice/1 > bob/1 initiate 1
        1.1 alice/1 got bob/1 1
        1.2 alice/1 > bob/2 initiate 2
        1.3 alice/1 got bob/2 2
        3 alice/1 < bob/2 accept 3
        3 alice/1 ok bob/2 3
        66 alice/1 > bob/1 hangup/cancelled 4";
    assert_eq!(told(STEADY, lines), NONE);
}

/// Which device somebody has in mind who writes to a user nobody knows: one for which it is right.
#[test]
fn what_goes_to_a_user_is_for_the_device_for_which_it_is_right() {
    let muted = "0 alice/1 comes
        1 alice/1 > bob initiate 1
        1.1 alice/1 got bob 1
        2 alice/1 < bob/1 accept 2
        2 alice/1 ok bob/1 2
        2.5 alice/1 <alice alice answer 3
        3 alice/1 > bob mute-change 4";
    assert_eq!(told(RELAY, muted), NONE);
    // Once one fits it goes on with that one.
    let answered = "0 bob/1 late
        1 bob/1 > alice hangup/cancelled 1
        2 bob/1 < alice/1 offer 2
        3 bob/1 > alice answer 3
        4 bob/1 > alice/1 ice-candidate 4";
    assert_eq!(told(RELAY, answered), ["ST-02", "ST-09"]);
}

#[test]
fn who_is_recorded_got_only_what_its_own_recording_holds() {
    let lines = "0 alice/1 comes
        0 bob/1 comes
        1 alice/1 > bob/1 initiate 1
        1.1 bob/1 < alice/1 initiate 1
        1.1 bob/1 ok alice/1 1
        2 bob/1 > alice accept 2
        3 alice/1 > bob/1 offer 3";
    assert_eq!(told(ENFORCING, lines), ["ST-04"]);
    // Nor does it know of a call that rang before it came.
    let anew = "0 alice/1 comes
        1 alice/1 > bob/1 initiate 1
        2 bob/1 comes
        3 bob/1 > alice/1 answer 2";
    assert_eq!(told(RELAY, anew), ["ST-01?"]);
    // Behind the bare address of a user others may be only where a server rings them.
    let bare = "0 bob/1 comes
        1 alice/1 > bob initiate 1
        2 bob/1 > alice accept 2";
    assert_eq!(told(RELAY, bare), ["ST-01?"]);
    assert_eq!(told(ENFORCING, bare), NONE);
}

#[test]
fn only_an_initiate_says_who_calls() {
    // It says nothing about an answer to it, nor does an end that was seen before.
    let accepted = "0 alice/1 comes
        1 alice/1 < bob/1 accept 1
        2 alice/1 > bob/1 offer 2";
    assert_eq!(told(RELAY, accepted), ["ST-01?", "ST-01?"]);
    let rejected = "0 alice/1 comes
        1 bob/1 > alice/1 hangup/rejected 1
        2 alice/1 > bob/1 offer 2";
    assert_eq!(told(RELAY, rejected), ["ST-01?"]);
    // Whoever sent an accept before has not called by it, and calls now.
    let begins = "0 alice/1 comes
        1 alice/1 > bob/1 accept 1
        2 alice/1 > bob/1 initiate 2
        2.1 alice/1 got bob/1 2";
    assert_eq!(told(RELAY, begins), ["ST-01?", "ST-02", "IQ-06"]);
    // The caller may go on from another device than it called from.
    let another = "0 bob/1 comes
        1 bob/1 <bob alice/2 initiate 1
        1 bob/1 ok alice/2 1
        2 bob/1 > alice accept 2
        3 bob/1 < alice/1 offer 3
        3 bob/1 ok alice/1 3";
    assert_eq!(told(RELAY, another), NONE);
    // Offering to somebody else under the same id calls nobody.
    let other = "0 alice/1 comes
        1 alice/1 > bob/1 initiate 1
        2 alice/1 > carol/1 offer 2";
    assert_eq!(told(RELAY, other), ["ST-01?"]);
}

#[test]
fn a_signal_in_anothers_name_is_doubtful_to_its_receiver() {
    let renamed = "0 alice/1 comes
        0 bob/1 comes
        1 alice/1 > bob/1 initiate 1
        1.5 bob/1 < carol/1 initiate 1
        1.5 bob/1 ok carol/1 1
        3 bob/1 > alice/1 accept 2";
    assert_eq!(told(RELAY, renamed), ["SG-11", "ST-10?"]);
    let device = "0 alice/1 comes
        0 bob/1 comes
        1 alice/1 > bob/1 initiate 1
        1.1 bob/1 < alice/1 initiate 1
        1.1 bob/1 ok alice/1 1
        1.2 alice/1 got bob/1 1
        2 alice/1 > bob/1 hangup/cancelled 2
        2.1 bob/1 < alice/2 hangup/cancelled 2
        2.1 bob/1 ok alice/2 2
        3 bob/1 > alice/1 accept 3";
    assert_eq!(told(RELAY, device), ["RT-01"]);
    // By one clock nothing comes before it is sent: this one has not sent what came in the other's name.
    let early = "1 alice/1 < alice/2 initiate/other 3
        1.4 bob/1 > alice/1 initiate/other 3";
    assert_eq!(told(RELAY, early), ["ST-10"]);
}

/// Who says nothing of which device it is begins a call of its own by an initiate, whatever others are in.
#[test]
fn a_user_who_calls_speaks_for_none_of_his_devices() {
    let lines = "0 bob/1 comes
        39 bob/1 < alice/1 accept 1
        79 bob/1 < alice initiate 2
        85 bob/1 no alice 2 unexpected-request
        103 bob/1 > alice/1 answer 4";
    let mut told = told(RELAY, lines);
    told.sort_unstable();
    assert_eq!(told, ["IQ-01", "IQ-08?", "ST-01?", "ST-05?"]);
}

#[test]
fn only_an_answer_shows_that_a_callers_own_device_was_called() {
    let lines = "0 alice/1 comes
        1 alice/1 > bob/1 initiate 1
        2 alice/1 < alice/2 hangup/cancelled 2";
    assert_eq!(told(RELAY, lines), ["SG-11", "SG-12", "ST-08?"]);
}

#[test]
fn signals_alone_tell_whose_they_are_by_their_ids_and_times() {
    let nameless = "1 alice/1 > bob/1 initiate 1
        2 carol/1 > bob/1 hangup/failed 2";
    assert_eq!(told(SIGNALS, nameless), ["SG-11", "ST-11?"]);
    // Of the same time it is the same, however it is spelled.
    let again = "1 alice/1 > bob/1 initiate/other 1
        1.2 alice/1 > bob/1 initiate 2";
    assert_eq!(told(SIGNALS, again), ["ST-10?", "SG-12?"]);
}

#[test]
fn a_refusal_is_the_clients_own_where_the_server_hands_on_what_it_likes() {
    let lines = "0 alice/1 comes
        0 bob/1 comes
        1 bob/1 < alice/1 initiate 1
        1 bob/1 ok alice/1 1
        2 bob/1 > alice/1 accept 2
        2.1 bob/1 got alice/1 2
        3 bob/1 < alice/1 hangup/cancelled 3
        3 bob/1 no alice/1 3 unexpected-request";
    assert_eq!(told(ENFORCING, lines), ["ST-16"]);
    // So it is where bots of ours are all that there is: the accept is handed on that nobody sent.
    let bots = "0 alice/1 comes
        0 bob/1 comes
        1 alice/1 > bob/1 initiate 1
        1.1 bob/1 < alice/1 initiate 1
        1.1 bob/1 ok alice/1 1
        1.2 alice/1 got bob/1 1
        2 bob/1 > alice/1 answer 2
        2.1 alice/1 < bob/1 answer 2
        2.1 alice/1 no bob/1 2 unexpected-request
        3.1 alice/1 < bob/1 accept 3
        3.1 alice/1 no bob/1 3 unexpected-request";
    assert_eq!(told(BOTS, bots), ["ST-05", "RT-08", "RT-03", "ST-17"]);
}

#[test]
fn a_broken_connection_of_somebody_else_excuses_no_second_accept() {
    let lines = "0 bob/1 comes
        0 carol/1 comes
        1 bob/1 < alice/1 initiate 1
        1 bob/1 ok alice/1 1
        2 bob/1 > alice/1 accept 2
        2.1 bob/1 got alice/1 2
        3 carol/1 cut
        4 bob/1 < dave/1 initiate~ 3
        4 bob/1 ok dave/1 3
        5 bob/1 > dave/1 accept~ 4";
    assert_eq!(told(RELAY, lines), ["SG-11", "SG-11", "ST-13"]);
}
