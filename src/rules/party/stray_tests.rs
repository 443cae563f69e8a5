//! Signals out of their place: they move no view (ST-17), and whoever gets one in its own place may take it.

use super::real_tests::{BOTS, RELAY, told};

const NONE: [&str; 0] = [];

/// A call that has begun at both ends, and was perhaps cancelled.
fn called(lines: &str) -> Vec<String> {
    let lines = format!(
        "0 alice/1 comes
         0 bob/1 comes
         1 alice/1 > bob/1 initiate 1
         1.1 bob/1 < alice/1 initiate 1
         1.1 bob/1 ok alice/1 1
         1.2 alice/1 got bob/1 1
         {lines}"
    );
    told(RELAY, &lines)
}

const CANCELLED: &str = "2 alice/1 > bob/1 hangup/cancelled 2
    2.1 bob/1 < alice/1 hangup/cancelled 2
    2.1 bob/1 ok alice/1 2
    2.2 alice/1 got bob/1 2";

#[test]
fn after_the_end_only_an_end_of_the_other_side_has_a_place() {
    assert_eq!(called(CANCELLED), NONE);
    let accept = "3 bob/1 > alice/1 accept 3
        3.1 alice/1 < bob/1 accept 3
        3.1 alice/1 ok bob/1 3
        3.2 bob/1 got alice/1 3";
    assert_eq!(called(&format!("{CANCELLED}\n{accept}")), ["ST-09", "IQ-06"]);
    // A reject is an end, and not the caller's.
    let reject = "3 alice/1 > bob/1 reject 3
        3.1 bob/1 < alice/1 reject 3
        3.1 bob/1 ok alice/1 3
        3.2 alice/1 got bob/1 3";
    assert_eq!(called(&format!("{CANCELLED}\n{reject}")), ["ST-02", "IQ-06"]);
    // Nor has an end a place in what never began.
    let never = "0 bob/1 comes
        1 bob/1 > alice/1 hangup/rejected 1
        2 bob/1 < alice/1 hangup/failed 2
        2 bob/1 ok alice/1 2";
    assert_eq!(told(BOTS, never), ["ST-08", "RT-07", "ST-08", "IQ-06"]);
}

#[test]
fn what_was_out_of_place_leaves_its_receiver_where_it_was() {
    let lines = "0 alice/1 comes
        1 alice/1 > bob/1 initiate 1
        1.1 alice/1 got bob/1 1
        2 alice/1 < bob/1 initiate 2
        2 alice/1 no bob/1 2 unexpected-request
        3 alice/1 > bob/1 hangup/completed 3";
    assert_eq!(told(RELAY, lines), ["ST-02", "ST-12"]);
    // That a connection of somebody else's had broken before makes it no less certain.
    let broke = "0 alice/1 comes
        0 carol/1 comes
        0.5 carol/1 cut
        1 alice/1 > bob/1 initiate 1
        1.1 alice/1 got bob/1 1
        2 alice/1 < bob/1 answer 2
        2 alice/1 ok bob/1 2";
    assert_eq!(told(RELAY, broke), ["ST-05", "IQ-06"]);
}

#[test]
fn what_is_broken_in_itself_may_count_or_not() {
    // The end that it brings was perhaps passed over.
    let lasting = "0 alice/1 comes
        1 alice/1 > bob/1 initiate 1
        1.1 alice/1 got bob/1 1
        2 alice/1 < bob/1 hangup/rejected+3 2
        2 alice/1 ok bob/1 2
        3 alice/1 > bob/1 hangup/cancelled 3";
    assert_eq!(told(RELAY, lasting), ["TM-03"]);
    // It may be refused, whatever it would do.
    let refused = "0 alice/1 comes
        1 alice/1 > bob/1 initiate 1
        1.1 alice/1 got bob/1 1
        2 alice/1 < bob/1 accept 2
        2 alice/1 ok bob/1 2
        3 alice/1 > bob/1 hangup/completed+99 3
        3.1 alice/1 bounced bob/1 3 unexpected-request";
    assert_eq!(told(RELAY, refused), ["TM-03"]);
    // An initiate whose ids are wrong has perhaps begun nothing.
    let itself = "0 bob/1 comes
        1 bob/1 < bob/1 initiate 1
        1 bob/1 ok bob/1 1
        2 bob/1 > bob/1 initiate 1";
    assert_eq!(told(RELAY, itself), ["SG-11"]);
}

#[test]
fn a_breach_is_told_by_what_it_surely_is() {
    // Whether the accept came in time is open. That no offer came is not.
    let late = "0 bob/1 comes
        1 bob/1 < alice/1 initiate 1
        33 bob/1 > alice/1 accept 2
        34 bob/1 > alice/1 answer 3";
    assert_eq!(told(RELAY, late), ["TM-07?", "ST-05"]);
    // A hangup that crossed another ends the call once more, whatever its reason is.
    let crossed = "0 alice/1 late
        1 alice/1 > bob/1 offer 1
        2 alice/1 < bob/1 hangup/failed 2
        5 alice/1 > bob/1 hangup/cancelled 3";
    assert_eq!(told(RELAY, crossed), NONE);
}
