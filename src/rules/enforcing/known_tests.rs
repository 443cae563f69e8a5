//! What an enforcing server knows of a call: by whose connection, under which id, and how far.

use super::tests::{CONNECTED, NONE, after, judged, judged_at, play};

fn held(lines: &str, id: &str) -> u64 {
    judged(lines).rules.get(id).map_or(0, |tally| tally.held)
}

#[test]
fn whoever_was_told_of_an_end_before_somebody_vanished_was_not_told_of_that() {
    // What it was told then is a breach of its own.
    let before = "1 alice < hangup/completed from=bob@x id=s\n1 alice ok s from=bob@x\n2 bob cut\n20 x steps";
    assert_eq!(after(CONNECTED, before), ["RT-03"]);
    // Nor does it matter what it is told after it has ended the call itself.
    let later = "1 bob cut\n1.5 alice > hangup/failed id=h\n1.5 alice srv h error=service-unavailable\n\
                 7 alice < hangup/completed from=bob@x id=s\n7 alice ok s from=bob@x\n20 x steps";
    assert_eq!(after(CONNECTED, later), NONE);
}

#[test]
fn only_the_connection_that_was_in_a_call_leaves_it() {
    let again = format!("{CONNECTED}\n1 bob cut\n2 bob connected\n3 bob cut\n20 x steps");
    let found = judged(&again).findings;
    assert_eq!(
        found.iter().map(|found| found.rule.id).collect::<Vec<_>>(),
        ["EN-07"]
    );
    // Whoever has ended it leaves nobody, and nobody is owed a word.
    let ended = "1 alice > hangup\n1.1 bob < hangup\n1.1 bob ok hangup\n1.2 alice cut\n20 x steps";
    assert_eq!(held(&format!("{CONNECTED}\n{ended}"), "EN-07"), 0);
    let vanished =
        "1 alice cut\n1.1 bob < hangup/failed from=alice@x id=s\n1.1 bob ok s from=alice@x\n20 x steps";
    assert_eq!(held(&format!("{CONNECTED}\n{vanished}"), "EN-07"), 1);
}

#[test]
fn an_answer_is_to_what_was_asked_on_its_connection() {
    let again = "0.1 alice > initiate/broken id=1\n0.2 alice cut\n0.3 alice connected\n\
                 0.4 alice > initiate/broken id=1\n0.4 alice srv 1 error=bad-request\n1 x steps";
    assert_eq!(play(again), NONE);
}

#[test]
fn after_a_refusal_that_can_be_read_in_two_ways_nothing_is_owed() {
    let refused = "1 alice > offer id=o\n1 alice srv o error=unexpected-request\n2 bob cut\n20 x steps";
    assert_eq!(after(CONNECTED, refused), NONE);
}

#[test]
fn a_signal_of_another_call_is_not_the_one_of_its_id() {
    let came = "1 alice > mute-change id=m\n1 bob < mute-change id=m call=none\n1 bob ok m\n2 x steps";
    assert_eq!(after(CONNECTED, came), ["RT-03"]);
}

#[test]
fn of_a_call_that_is_perhaps_unknown_the_server_may_say_that_it_is_over_and_nothing_else() {
    // Its id is no random one (SG-15).
    let begun = "0.1 alice > initiate call=other id=i\n0.1 bob < initiate call=other id=i\n0.1 bob ok i";
    for (word, broken) in [("hangup/timeout", &NONE[..]), ("accept", &["RT-03"])] {
        let said = format!("31 alice < {word} call=other id=s\n31 alice ok s\n60 x steps");
        assert_eq!(after(begun, &said), broken, "{word}");
    }
}

#[test]
fn whoever_begins_a_call_twice_makes_no_two_of_it() {
    // The server has perhaps not read the first when the second is sent.
    let twice = "0.1 alice > initiate id=1\n0.1 alice > initiate id=2\n0.2 bob < initiate id=1\n0.2 bob ok 1\n\
                 0.2 bob < initiate id=2\n0.2 bob ok 2\n1 x steps";
    assert_eq!(play(twice), ["EN-03"]);
}

#[test]
fn a_call_to_a_user_has_to_ring_only_where_the_server_knows_users() {
    for (addressing, to, broken) in [
        ("bare", "bob@x", &["RT-03"][..]),
        ("full", "bob@x", &NONE),
        ("bare", "bob", &["RT-03"]),
        ("full", "bob", &["RT-03"]),
    ] {
        let refused =
            format!("0.1 alice > initiate to={to} id=i\n0.1 alice srv i error=bad-request\n1 x steps");
        let verdict = judged_at(addressing, &refused);
        let found: Vec<_> = verdict.findings.iter().map(|found| found.rule.id).collect();
        assert_eq!(found, broken, "{addressing} {to}");
    }
}
