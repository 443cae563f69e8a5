//! What a client's refusal of a sound signal says of it, and what its going does (ST-15 to ST-18). Each is told only where
//! nothing else can be the reason.

use super::real_tests::{ENFORCING, RELAY, Seen, told};

const NONE: [&str; 0] = [];

/// `from > to signal id`, taken in and answered; after `!` with this error.
fn passes(at: u32, line: &str) -> String {
    let words: Vec<&str> = line.split_whitespace().collect();
    let [from, _, to, signal, id, rest @ ..] = words.as_slice() else {
        panic!("not a line: {line}")
    };
    let (answer, back, why) = match rest {
        ["!", why] => ("no", "bounced", *why),
        _ => ("ok", "got", ""),
    };
    format!(
        "{at} {from} > {to} {signal} {id}
         {at}.1 {to} < {from} {signal} {id}
         {at}.2 {to} {answer} {from} {id} {why}
         {at}.3 {from} {back} {to} {id} {why}"
    )
}

/// The first so many signals of a call, and what follows.
fn after(signals: usize, rest: &[&str]) -> String {
    let call = [
        "alice/1 > bob/1 initiate 1",
        "bob/1 > alice/1 accept 2",
        "alice/1 > bob/1 offer 3",
        "bob/1 > alice/1 answer 4",
    ];
    let lines = (1..).zip(call.iter().take(signals).chain(rest));
    let lines = lines.map(|(at, line)| match line.contains('>') {
        true => passes(at, line),
        false => format!("{at} {line}"),
    });
    let comes = ["alice/1", "bob/1", "mallory/1"].map(|who| format!("0 {who} comes\n"));
    comes.concat() + &lines.collect::<Vec<_>>().join("\n")
}

const STRANGER: &str = "mallory/1 > alice/1 hangup/failed 5 ! unexpected-request";

#[test]
fn a_call_that_a_strangers_signal_has_ended_is_told() {
    let both = &["ST-11", "ST-17"][..];
    for (refused, wanted) in [
        ("bob/1 > alice/1 mute-change 6 ! item-not-found", both),
        ("bob/1 > alice/1 mute-change 6 ! unexpected-request", both),
        ("bob/1 > alice/1 hangup/completed 6 ! item-not-found", both),
        // It has its own reasons, and candidates may be refused for what is in them.
        ("bob/1 > alice/1 mute-change 6 ! not-acceptable", &["ST-11"]),
        ("bob/1 > alice/1 ice-candidate 6 ! item-not-found", &["ST-11"]),
        // The other side heard nothing of the stranger.
        ("alice/1 > bob/1 mute-change 6 ! item-not-found", &["ST-11"]),
    ] {
        assert_eq!(told(RELAY, &after(4, &[STRANGER, refused])), wanted, "{refused}");
    }
    // Nobody misled it, or it came anew, or the call was over.
    let refused = "bob/1 > alice/1 mute-change 6 ! item-not-found";
    assert_eq!(told(RELAY, &after(4, &[refused])), NONE);
    let anew = ["alice/1 cut", "alice/1 comes", STRANGER, refused];
    assert_eq!(told(RELAY, &after(4, &anew)), ["ST-11"]);
    let over = [
        "alice/1 > bob/1 hangup/completed 7",
        STRANGER,
        "bob/1 > alice/1 hangup/completed 8 ! item-not-found",
    ];
    assert_eq!(told(RELAY, &after(4, &over)), ["ST-11"]);
}

#[test]
fn a_refused_end_is_told_where_the_call_goes_on_for_the_client() {
    for end in ["hangup/completed", "hangup/failed"] {
        let refused = format!("alice/1 > bob/1 {end} 6 ! item-not-found");
        assert_eq!(told(RELAY, &after(4, &[&refused])), ["ST-16"], "{end}");
    }
    for end in ["reject", "busy"] {
        let refused = format!("bob/1 > alice/1 {end} 6 ! unexpected-request");
        assert_eq!(told(RELAY, &after(1, &[&refused])), ["ST-16"], "{end}");
    }
    let refused = "alice/1 > bob/1 hangup/completed 6 ! item-not-found";
    let anew = ["bob/1 cut", "bob/1 comes", refused];
    assert_eq!(told(RELAY, &after(4, &anew)), NONE);
}

/// A server that knows calls says of a user what it knows, and changes nothing by it.
#[test]
fn an_end_that_a_server_tells_of_is_one() {
    let refused = after(4, &[])
        + "\n6 alice/1 < bob hangup/failed 6
        6.1 alice/1 no bob 6 item-not-found";
    assert_eq!(told(ENFORCING, &refused), ["ST-16"]);
}

#[test]
fn a_candidate_ahead_of_the_answer_is_kept() {
    const ANSWER: &str = "bob/1 > alice/1 answer 4";
    let refused = |signals: usize, line: &str| told(RELAY, &after(signals, &[line, ANSWER]));
    for why in ["item-not-found", "unexpected-request"] {
        let early = format!("bob/1 > alice/1 ice-candidate 6 ! {why}");
        assert_eq!(refused(3, &early), ["ST-18"], "{why}");
        // With the answer there another reason is near.
        assert_eq!(told(RELAY, &after(4, &[&early])), NONE, "{why}");
    }
    // It may be no good, and the caller's own are never ahead of an answer.
    assert_eq!(refused(3, "bob/1 > alice/1 ice-candidate 6 ! bad-request"), NONE);
    assert_eq!(
        refused(3, "alice/1 > bob/1 ice-candidate 6 ! item-not-found"),
        NONE
    );
    let early = "bob/1 > alice/1 ice-candidate 6 ! item-not-found";
    let anew = ["alice/1 cut", "alice/1 comes", early, ANSWER];
    assert_eq!(told(RELAY, &after(3, &anew)), NONE);
}

#[test]
fn whoever_leaves_a_call_that_nobody_ended_is_told() {
    for signals in [2, 3, 4] {
        assert_eq!(
            told(RELAY, &after(signals, &["bob/1 leaves"])),
            ["ST-15"],
            "{signals}"
        );
        assert_eq!(
            told(RELAY, &after(signals, &["alice/1 leaves"])),
            ["ST-15"],
            "{signals}"
        );
    }
    assert_eq!(told(ENFORCING, &after(4, &["bob/1 leaves"])), ["ST-15"]);
    // Whoever comes back may go on, and whoever was cut off has not left.
    for rest in [
        &["bob/1 leaves", "bob/1 comes"][..],
        &["bob/1 leaves", "bob/1 late"],
        &["bob/1 cut"],
        &["bob/1 stops"],
        // Either has ended it, before or after, whether that was taken in or not.
        &["alice/1 > bob/1 hangup/completed 7", "bob/1 leaves"],
        &["bob/1 > alice/1 hangup/completed 7", "bob/1 leaves"],
    ] {
        assert_eq!(told(RELAY, &after(4, rest)), NONE, "{rest:?}");
    }
    let lost = after(4, &["bob/1 leaves"])
        + "\n6 alice/1 > bob/1 hangup/completed 7
        6.1 alice/1 bounced bob/1 7 service-unavailable";
    assert_eq!(told(RELAY, &lost), NONE);
    // What only rings needs no hangup of the callee's, and a call that began unseen may have ended so.
    assert_eq!(told(RELAY, &after(1, &["bob/1 leaves"])), NONE);
    let half = after(0, &["alice/1 > bob/1 mute-change 6", "bob/1 leaves"]).replace("comes", "late");
    assert_eq!(told(RELAY, &half), NONE);
    // Of a run that broke off nobody knows who would have come back.
    let cut_off = Seen {
        cut_off: true,
        ..RELAY
    };
    assert_eq!(told(cut_off, &after(4, &["bob/1 leaves"])), NONE);
}
