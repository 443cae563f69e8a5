//! Where time, sessions and ids end for chat between two ends that were recorded.

use super::chat_tests::{BEFORE, found, same};
use super::relayed_tests::{A, B, C, ON, told, verdict_by};
use crate::transcript::Witness;

/// Both hear on for so long that nothing is open any more.
const LONG: &str = "19 alice hears\n19 bob hears\n20 alice goes\n20 bob goes";

/// What others have recorded by clocks that may be so far apart; nobody hears on.
fn until(apart: f64, lines: &str) -> String {
    let lines = format!("0 alice comes {A}\n0 bob comes {B}\n{lines}");
    told(&verdict_by((Witness::Ends, apart, false), &lines)).join(", ")
}

/// A message that gets lost, and the next, which does not.
const LOST: &str = "4 alice says bob 1 a\n4.5 alice says bob 2 b\n4.6 bob gets alice 2 b\n";

#[test]
fn a_finding_says_which_message_of_whom() {
    for (came, said) in [
        (
            "",
            "alice's message `1` never reached bob@x/2, and no error came back. \
             delivery, or an error not nothing until the recordings stop",
        ),
        (
            "4.1 bob gets alice@x 1 ab",
            "alice's message `1` reached bob with a `from` that is not the sender's full JID. \
             from='alice@x/1' not from='alice@x'",
        ),
        (
            "4.1 bob gets alice 1 xyz",
            "The text of alice's message `1` changed on its way to bob. \
             the text that was sent, unchanged not 2 bytes were sent and 3 other bytes arrived",
        ),
        (
            "4.1 carol reads <message from='alice@x/1' to='bob@x/2' id='1'><body>ab</body></message>",
            "carol received alice's message `1`, which was addressed to bob@x/2. \
             delivery to the addressed resource only not delivery to carol@x/1",
        ),
    ] {
        let lines = format!(
            "0 alice comes {A}\n0 bob comes {B}\n0 carol comes carol@x/1\n{BEFORE}4 alice says bob 1 ab\n{came}\n{ON}"
        );
        let found = verdict_by((Witness::Ends, 0.0, false), &lines)
            .findings
            .swap_remove(0);
        assert_eq!(
            format!("{} {} not {}", found.message, found.wanted, found.seen),
            said
        );
        assert_eq!(found.call, None, "chat is of no call");
    }
}

#[test]
fn what_is_no_message_leaves_messages_alone() {
    let error = "4.1 alice reads <presence type='error' from='bob@x/2' id='1'/>";
    let later = "4.5 alice says bob 2 b\n4.6 bob gets alice 2 b";
    same(
        &format!("{BEFORE}4 alice says bob 1 a\n{error}\n{later}"),
        "CH-01 [5]",
    );
}

#[test]
fn whose_name_a_message_bears_decides_whether_it_has_to_come() {
    for (from, wanted) in [(A, "CH-01 [5]"), ("alice@x", "CH-01 [5]"), ("eve@x/1", "")] {
        let sent =
            format!("4 alice writes <message from='{from}' to='{B}' id='1'><body>a</body></message>\n");
        same(
            &format!("{BEFORE}{sent}4.5 alice says bob 2 b\n4.6 bob gets alice 2 b"),
            wanted,
        );
    }
}

#[test]
fn what_is_written_to_nobody_that_is_recorded_is_not_followed() {
    let gets = "4.2 bob2 gets alice 1 a\n";
    same(
        &format!("{BEFORE}4 alice says bob2 1 a\n4.1 bob2 comes {C}\n{gets}{gets}"),
        "",
    );
}

#[test]
fn the_same_sent_long_ago_is_the_same() {
    // The server takes what it has carried before for a copy.
    let sent = |id: u8| format!("4 alice says bob {id} a\n4 bob gets alice {id} a\n");
    let again = "4.1 alice says bob 1 a\n4.5 alice says bob 9 b\n4.6 bob gets alice 9 b";
    same(&format!("{}{}{}{again}", sent(1), sent(2), sent(3)), "");
}

#[test]
fn a_message_to_a_user_does_not_stand_for_the_one_to_his_device() {
    let both = "4 alice says bob 1 a\n4.05 alice says bob@x 1 a\n4.2 bob gets alice 1 a\n";
    same(
        &format!("{BEFORE}{both}4.5 alice says bob 2 b\n4.6 bob gets alice 2 b"),
        "",
    );
}

/// By two clocks a message may seem to come before it was sent, if it is that message.
#[test]
fn only_the_same_of_the_same_to_the_same_came_early() {
    let sent = "4.1 alice says bob 1 a\n";
    let got = "4.3 bob gets alice 1 a\n";
    let later = "4.5 alice says bob 2 b\n4.6 bob gets alice 2 b\n";
    for (lines, wanted) in [
        (format!("4 bob gets eve@x/1 1 a\n{sent}{got}"), ""),
        (format!("4 bob gets alice 9 a\n{sent}{got}"), ""),
        (format!("4 bob2 gets alice 1 a\n{sent}{later}"), "CH-01 [7]"),
        (format!("4 bob gets alice 1 b\n{sent}{later}"), "CH-01 [6, 7]"),
    ] {
        let lines = format!("0 bob2 comes {C}\n{BEFORE}{lines}\n{LONG}");
        assert_eq!(until(0.5, &lines), wanted, "{lines}");
    }
    // So long before clocks can be wrong, and a little more, and no longer.
    for (at, wanted) in [(9.25, ""), (9.5, ""), (9.75, "CH-01 [6]")] {
        let lines = format!(
            "{BEFORE}4 bob gets alice 1 a\n{at} alice says bob 1 a\n9.8 alice says bob 2 b\n9.9 bob gets alice 2 b\n{LONG}"
        );
        assert_eq!(until(0.5, &lines), wanted, "{at}");
    }
}

#[test]
fn who_has_just_come_may_have_sent_it_before() {
    // Both came at three; what is doubled is perhaps another's doing within two seconds, and as much as clocks differ.
    let doubled = |apart: f64, at: f64, before: &str| {
        let lines = format!(
            "0 alice comes {A}\n0 bob comes {B}\n3 carol comes carol@x/1\n{before}\n{at} carol writes <message to='{B}' \
             id='1'><body>a</body></message>\n{at} bob gets carol@x/1 1 a\n{at} bob gets carol@x/1 1 a\n{LONG}"
        );
        told(&verdict_by((Witness::Ends, apart, false), &lines)).join(", ")
    };
    assert_eq!(doubled(0.0, 4.0, ""), "CH-01? [4, 5, 6]");
    assert_eq!(doubled(0.0, 5.0, ""), "CH-01 [4, 5, 6]");
    assert_eq!(doubled(0.5, 5.25, ""), "CH-01? [4, 5, 6]");
    assert_eq!(doubled(0.5, 5.5, ""), "CH-01 [4, 5, 6]");
    // What came of this session already shows that all before it had come.
    let wrote =
        "3.5 carol writes <message to='bob@x/2' id='0'><body>x</body></message>\n3.6 bob gets carol@x/1 0 x";
    assert_eq!(doubled(0.0, 4.0, wrote), "CH-01 [6, 7, 8]");
    let signal = "<call xmlns='urn:xmpp:call:0'>x</call></iq>";
    let called = format!(
        "3.5 carol writes <iq type='set' to='bob@x/2' id='s'>{signal}\n3.6 bob < carol@x/1 s x\n3.6 bob ok carol@x/1 s
         3.7 carol reads <iq type='result' from='bob@x/2' id='s'/>"
    );
    assert_eq!(doubled(0.0, 4.0, &called), "CH-01 [8, 9, 10]");
}

#[test]
fn a_recording_that_stops_soon_shows_what_came_until_then() {
    let sent = "4 alice says bob 1 a\n";
    let got = "4.1 bob gets alice 1 a\n";
    assert_eq!(
        until(0.0, &format!("{BEFORE}{sent}{got}{got}")),
        "CH-01 [5, 6, 7]"
    );
    // Whoever goes first.
    for ends in ["4.2 bob goes\n4.3 alice goes", "4.2 alice goes\n4.3 bob goes"] {
        let changed = format!("{BEFORE}{sent}4.1 bob gets alice 1 b\n{ends}");
        assert_eq!(until(0.0, &changed), "CH-01 [5, 6]", "{ends}");
    }
}

#[test]
fn where_clocks_are_apart_a_sender_has_to_have_heard_on() {
    let sent = "8 alice says bob 1 a\n";
    let changed =
        format!("{BEFORE}{sent}8.2 bob gets alice 1 b\n8.8 alice hears\n8.9 bob goes\n9 alice goes");
    assert_eq!(until(0.5, &changed), "CH-01 [5, 6]");
    // He went before that, and she may have sent it once more by then.
    let again = format!(
        "{BEFORE}{sent}8.1 alice hears\n8.1 bob gets alice 1 a\n8.2 bob gets alice 1 a\n8.25 bob goes
         8.4 alice says bob 1 a\n9 alice goes"
    );
    assert_eq!(until(0.5, &again), "");
}

#[test]
fn what_may_be_the_message_that_is_missed_explains_it() {
    for (came, wanted) in [
        ("", "CH-01? [6]"),
        ("8.2 bob gets alice 7 a", ""),
        ("8.2 bob gets bob2 1 a", ""),
        ("8.2 bob gets bob2 7 c", "CH-01? [6]"),
        ("8.2 bob2 gets alice 7 a", "CH-01? [6]"),
    ] {
        let lines = format!(
            "0 bob2 comes {C}\n{BEFORE}8 alice says bob 1 a\n8.05 alice says bob 2 b\n8.1 bob gets alice 2 b\n{came}
             8.3 alice goes\n8.4 bob goes"
        );
        assert_eq!(until(0.5, &lines), wanted, "{came}");
    }
}

#[test]
fn a_changed_message_is_perhaps_another_of_its_id() {
    // Of an earlier session of hers.
    same(
        &format!("1 alice goes\n1.1 alice comes {A}\n{BEFORE}4 alice says bob 1 a\n4.1 bob gets alice 1 b"),
        "CH-01? [7, 8]",
    );
    // Of the same session: one of the two is lost, or was kept from him.
    same(
        &format!("{BEFORE}4 alice says bob 1 a\n4 alice says bob 1 b\n4.1 bob gets alice 1 c"),
        "CH-01? [5]",
    );
    // What somebody else writes is not hers.
    let others = format!(
        "0 bob2 comes {C}\n{BEFORE}4 bob2 says bob 1 z\n4 alice says bob 1 a\n4.1 bob gets alice 1 b\n4.1 bob gets bob2 1 z"
    );
    same(&others, "CH-01 [7, 8]");
}

#[test]
fn what_somebody_else_gets_is_the_message_only_if_it_says_the_same() {
    let gets = |from: &str, text: &str| {
        let carol = format!("<message from='{from}' to='{B}' id='1'><body>{text}</body></message>");
        let got = "4.1 bob gets alice 1 a";
        same(
            &format!("0 carol comes carol@x/1\n{BEFORE}4 alice says bob 1 a\n4.1 carol reads {carol}\n{got}"),
            if (from, text) == (A, "a") {
                "RT-06 [6, 7]"
            } else {
                ""
            },
        );
    };
    gets(A, "a");
    gets(A, "b");
    gets("eve@x/1", "a");
}

#[test]
fn whose_recording_stops_decides_what_is_known_of_a_message() {
    // An error may come for as long as its sender hears on.
    same(&format!("{BEFORE}{LOST}5 bob goes\n9.1 alice hears"), "CH-01 [5]");
    let error = "alice reads <message type='error' from='bob@x/2' id='1'><body>a</body><error type='cancel'/></message>";
    same(&format!("{BEFORE}{LOST}5 bob goes\n5.5 {error}"), "");
    // Where a third goes, nothing ends for these two.
    let third = format!("0 bob2 comes {C}\n{BEFORE}");
    same(&format!("{third}{LOST}5 bob2 goes"), "CH-01 [6]");
    same(&format!("{third}4 alice says bob 1 a\n5 bob2 goes"), "CH-01? [6]");
    // Once her recording has stopped, she may send the same again.
    same(
        &format!("{BEFORE}4 alice says bob 1 a\n4.1 bob gets alice 1 a\n5 alice goes\n6 bob gets alice 1 a"),
        "",
    );
}

#[test]
fn how_long_both_have_to_have_heard_on_of_a_message() {
    for (apart, hears, wanted) in [
        (0.0, 8.75, ""),
        (0.0, 9.0, "CH-01? [5]"),
        (0.5, 9.25, ""),
        (0.5, 9.5, "CH-01? [5]"),
    ] {
        let lines = format!("{BEFORE}4 alice says bob 1 a\n{hears} alice hears\n{hears} bob hears");
        assert_eq!(until(apart, &lines), wanted, "{apart} {hears}");
    }
}

#[test]
fn a_first_message_is_doubled_by_nobody_else() {
    let [others, _] = found("4 alice says bob 1 a\n4.1 bob gets alice 1 a\n4.2 bob gets alice 1 a");
    assert_eq!(others, "CH-01 [3, 4, 5]");
}

#[test]
fn a_message_of_four_kilobytes_is_followed_and_a_longer_one_is_not() {
    for (bytes, wanted) in [(4_096, "CH-01 [5]"), (4_097, "")] {
        let sent = LOST.replacen("bob 1 a", &format!("bob 1 {}", "a".repeat(bytes)), 1);
        for found in found(&format!("{BEFORE}{sent}")) {
            assert_eq!(found, wanted, "{bytes} bytes");
        }
    }
}
