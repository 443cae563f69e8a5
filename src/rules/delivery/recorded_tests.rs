//! Ids, texts, times and addresses that several stanzas between two recorded ends have in common, or nearly.

use super::relayed_tests::{A, B, C, ON, broken, broken_as, told, verdict_on};
use crate::transcript::Witness;

const NONE: [&str; 0] = [];

/// Both hear on for so long that nothing is open any more.
const LONG: &str = "19 alice hears\n19 bob hears\n20 alice goes\n20 bob goes";

fn call(kind: &str, to: &str, text: &str) -> String {
    format!("<iq type='{kind}' to='{to}' id='1'><call xmlns='urn:xmpp:call:0'>{text}</call></iq>")
}

fn came(kind: &str, from: &str, text: &str) -> String {
    call(kind, B, text).replacen("<iq ", &format!("<iq from='{from}' "), 1)
}

#[test]
fn a_request_is_followed_again_once_the_one_before_it_under_its_id_is_answered() {
    let first = "1 alice > bob 1 a\n1.1 bob < alice 1 a\n1.1 bob ok alice 1\n1.2 alice got bob 1";
    assert_eq!(
        broken(&format!("{first}\n2 alice > bob 1 b\n{ON}")),
        ["RT-03 [7]"]
    );
    // Until then it is not known which of them is answered.
    let crossing =
        "1 alice > bob 1 a\n1.1 bob < alice 1 a\n1.15 bob no alice 1\n1.2 alice > bob 1 b
        1.3 alice failed bob 1 unexpected-request\n1.4 bob < alice 1 b\n1.4 bob ok alice 1\n1.5 alice got bob 1";
    assert_eq!(broken(&format!("{crossing}\n{ON}")), NONE);
    // To another the id is another's.
    let others = format!(
        "0 bob2 comes {C}\n1 alice > bob 1 a\n1 alice > bob2 1 b\n1.1 bob2 < alice 1 b\n1.1 bob2 ok alice 1
         1.2 alice got bob2 1\n{ON}"
    );
    assert_eq!(broken(&others), ["RT-03 [4]"]);
}

#[test]
fn what_two_send_under_one_id_is_told_apart_by_what_it_says() {
    let both = format!(
        "0 bob2 comes {C}\n1 alice > bob 1 a\n1 bob2 > bob 1 b\n1.1 bob < alice 1 a\n1.1 bob < bob2 1 b
         1.2 bob ok alice 1\n1.2 bob ok bob2 1\n1.3 alice got bob 1\n1.3 bob2 got bob 1\n{ON}"
    );
    assert_eq!(broken(&both), NONE);
    // The same under one id to two is each one's own.
    let same = format!(
        "0 bob2 comes {C}\n1 alice > bob 1 a\n1 alice > bob2 1 a\n1.1 bob < alice 1 a\n1.1 bob ok alice 1
         1.1 bob2 < alice 1 a\n1.1 bob2 ok alice 1\n1.2 alice got bob 1\n1.2 alice got bob2 1\n{ON}"
    );
    assert_eq!(broken(&same), NONE);
    // What comes under another id was not sent by whoever else has sent the same.
    let same = format!(
        "0 bob2 comes {C}\n1 bob2 > bob 1 a\n1.1 bob < bob2 1 a\n1.1 bob ok bob2 1\n1.2 bob2 got bob 1
         1.3 bob < alice 9 a\n{ON}"
    );
    assert_eq!(broken(&same), NONE);
}

#[test]
fn a_question_is_no_signal_that_became_one() {
    // It carries no call.
    let (sent, ping) = (
        call("set", B, ""),
        format!("<iq type='get' from='{A}' to='{B}' id='1'><ping xmlns='urn:xmpp:ping'/></iq>"),
    );
    let lost = format!("1 alice writes {sent}\n1.1 bob reads {ping}\n{ON}");
    assert_eq!(broken(&lost), ["RT-03 [3]"]);
    // It is somebody else's.
    let (asked, asks) = (call("get", B, "a"), came("get", C, "a"));
    let others = format!(
        "0 bob2 comes {C}\n1 alice > bob 1 a\n1 bob2 writes {asked}\n1.1 bob reads {asks}
         1.2 bob < alice 1 a\n1.2 bob ok alice 1\n1.3 alice got bob 1\n{ON}"
    );
    assert_eq!(broken(&others), NONE);
    // The signal has come before.
    let (asked, asks, comes) = (call("get", B, ""), came("get", A, ""), came("set", A, ""));
    let after = format!(
        "1 alice writes {sent}\n1.1 bob reads {comes}\n1.1 bob ok alice 1\n1.2 alice got bob 1
         2 alice writes {asked}\n2.1 bob reads {asks}\n{ON}"
    );
    assert_eq!(broken(&after), NONE);
}

#[test]
fn by_one_clock_what_is_answered_before_it_was_sent_was_something_else() {
    let lines = "1 bob ok alice 1\n1.1 alice > bob 1 a\n1.2 bob < alice 1 a\n1.3 bob no alice 1
        1.4 alice failed bob 1 unexpected-request";
    assert_eq!(broken(&format!("{lines}\n{ON}")), NONE);
}

#[test]
fn who_has_gone_is_gone_for_longer_where_clocks_are_apart() {
    let swallowed = |at: f64| {
        let lines = format!("1 bob goes\n{at} alice > bob 1 a\n13 alice got x.y p\n14 alice goes");
        broken_as(Witness::Ends, 0.5, &lines)
    };
    assert_eq!(
        (swallowed(2.25), swallowed(2.5)),
        (vec![], vec!["RT-09 [3, 4]".to_owned()])
    );
    let kept = |back: f64| {
        let lines = format!(
            "1 bob goes\n4 alice > bob 1 a\n{back} bob comes {B}\n10.5 bob < alice 1 a\n10.5 bob ok alice 1
             10.6 alice got bob 1\n{LONG}"
        );
        broken_as(Witness::Ends, 1.0, &lines)
    };
    assert_eq!(
        (kept(9.75), kept(10.0)),
        (vec![], vec!["CH-03? [3, 4, 6]".to_owned()])
    );
}

#[test]
fn each_of_several_who_have_gone_is_gone() {
    let lines = format!("0 bob2 comes {C}\n1 bob goes\n1 bob2 goes\n3 alice > bob 1 a");
    let of = |witness: Witness, more: &str| {
        let lines = format!("{lines}\n{more}9 alice got x.y p\n10 alice goes");
        broken_as(witness, 0.0, &lines)
    };
    assert_eq!(of(Witness::Ends, ""), ["RT-09 [4, 6]"]);
    // Whoever stands between passes on what the server may not have read yet.
    assert_eq!(of(Witness::Between, ""), ["RT-09? [4, 6]"]);
    assert_eq!(of(Witness::Between, "5 alice asks x.y p\n"), ["RT-09 [4, 6]"]);
}

#[test]
fn what_came_too_early_is_judged_once_clocks_cannot_explain_it() {
    // Of its sender nothing more is known, and its addressee hears on.
    let copied = "1 alice > bob 1 a\n1.1 bob < alice 1 a\n1.1 bob ok alice 1\n1.2 alice got bob 1
        1.3 bob < alice 9 a\n9 bob hears";
    assert_eq!(broken_as(Witness::Ends, 0.5, copied), ["RT-03 [3, 4, 7]"]);
    // By just as much as clocks may be wrong, and some seconds more, it was this one.
    let early = format!("1 bob < alice 1 a\n6.5 alice > bob 1 a\n{LONG}");
    assert_eq!(broken_as(Witness::Ends, 0.5, &early), NONE);
    // What came early to somebody who has gone does not bind what else was on its way to him.
    let gone = format!(
        "1 alice > bob 1 a\n1.9 bob < alice 7 z\n2 bob goes\n2 bob comes {B}\n3 bob < alice 1 b\n{ON}"
    );
    assert_eq!(broken_as(Witness::Ends, 0.5, &gone), NONE);
}

#[test]
fn a_server_that_judges_calls_rings_the_devices_of_one_user_only() {
    for (profile, to, found) in [
        ("relay", B, "RT-06 [2]"),
        ("enforcing", B, ""),
        ("enforcing", "carol@x/1", "RT-06 [2]"),
    ] {
        let lines = format!("0 bob2 comes {C}\n1 bob2 <{to} x@x/1 1 a\n10 bob2 goes");
        let verdict = verdict_on(profile, (Witness::Ends, 0.0, false), &lines);
        assert_eq!(told(&verdict).join(" "), found, "{profile} {to}");
    }
}

#[test]
fn an_answer_that_differs_has_no_place_in_the_order() {
    let asked = "1 alice > bob 1 a\n1 alice > bob 2 b\n1.1 bob < alice 1 a\n1.1 bob < alice 2 b
        1.2 bob ok alice 1\n1.2 bob ok alice 2\n1.3 alice got bob 2";
    let changed = format!("{asked}\n1.4 alice failed bob 1 unexpected-request\n{ON}");
    assert_eq!(broken(&changed), ["RT-08 [3, 7, 10]"]);
    // Of one that is as it was given an earlier session may have been meant.
    let again = format!("0.3 alice goes\n0.4 alice comes {A}\n{asked}\n1.4 alice got bob 1\n{ON}");
    assert_eq!(broken(&again), ["RT-04? [5, 9, 11, 12]"]);
}

#[test]
fn an_answer_is_safe_from_the_end_of_its_givers_connection_some_seconds_later() {
    let given = |hears: f64| {
        let lines = format!(
            "3 alice > bob 1 a\n3.1 bob < alice 1 a\n3.5 bob ok alice 1\n{hears} bob hears\n{hears} bob goes
             19 alice got x.y p\n20 alice goes"
        );
        broken_as(Witness::Ends, 1.0, &lines)
    };
    assert_eq!(
        (given(9.25), given(9.5)),
        (vec![], vec!["RT-08 [3, 5]".to_owned()])
    );
}
