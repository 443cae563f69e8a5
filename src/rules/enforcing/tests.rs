//! Each EN rule with a transcript that keeps it and one in which the server does what it must not.

mod language;

pub(super) use language::{CONNECTED, NONE, RINGING, after, judged, judged_at, play};
use language::{events, header};

/// Whether what did not come of a signal that was refused is held against the server, by all rules together.
fn is_held_against_it(history: &str, signal: &str) -> bool {
    is_missed(history, signal, "1 alice srv z error=unexpected-request")
}

/// The same, where that comes of it.
fn is_missed(history: &str, signal: &str, comes: &str) -> bool {
    let refused = format!("{history}\n1 alice > {signal} id=z\n{comes}\n9 bob misses {signal}\n9 x steps");
    let verdict = crate::rules::judge(&header("bare"), events(&refused).into_iter());
    let mut findings = verdict.findings.iter();
    findings.any(|f| matches!(f.rule.id, "SC-01" | "RT-03") && f.is_held_against_the_target())
}

#[test]
fn what_can_be_read_in_two_ways_may_be_refused_and_then_nothing_comes_of_it() {
    let accepted = "0.1 alice > initiate\n0.1 bob < initiate\n0.1 bob ok initiate\n\
                    0.2 bob > accept\n0.2 alice < accept\n0.2 alice ok accept";
    for open in ["hangup/cancelled", "mute-change"] {
        assert!(!is_held_against_it(accepted, open), "{open}");
    }
    assert!(!is_held_against_it(CONNECTED, "offer"));
    assert!(is_held_against_it(CONNECTED, "hangup/completed"));
    assert!(is_held_against_it(accepted, "offer"));
    // For another reason than what it says or when, or where it arrived all the same.
    let busy = "1 alice srv z error=resource-constraint";
    assert!(is_missed(accepted, "mute-change", busy));
    let came = "1 bob < mute-change id=z\n1 bob ok z error=unexpected-request";
    assert!(is_missed(accepted, "mute-change", came));
}

#[test]
fn en_01_off_its_schema() {
    let refused = "0.1 alice > initiate/broken\n0.1 alice srv initiate/broken error=bad-request\n1 x steps";
    assert_eq!(play(refused), NONE);
    let delivered =
        "0.1 alice > initiate/broken\n0.1 bob < initiate/broken\n0.1 bob ok initiate/broken\n1 x steps";
    assert_eq!(play(delivered), ["EN-01"]);
    for answer in [
        "",
        "0.1 alice srv initiate/broken",
        "0.1 alice srv initiate/broken error=forbidden",
    ] {
        let lines = format!("0.1 alice > initiate/broken\n{answer}\n1 x steps");
        assert_eq!(play(&lines), ["EN-01"], "{answer}");
    }
}

#[test]
fn en_02_a_forged_sender() {
    let sent = "0.1 alice > initiate as=mallory";
    let refused = format!("{sent}\n0.1 alice srv initiate error=forbidden\n1 x steps");
    assert_eq!(play(&refused), NONE);
    let delivered = format!("{sent}\n0.1 bob < initiate as=mallory\n0.1 bob ok initiate\n1 x steps");
    assert_eq!(play(&delivered), ["EN-02"]);
    let other = format!("{sent}\n0.1 alice srv initiate error=bad-request\n1 x steps");
    assert_eq!(play(&other), ["EN-02"]);
}

#[test]
fn en_03_order_and_unknown_calls() {
    let early = "0.1 alice > initiate\n0.1 bob < initiate\n0.1 bob ok initiate\n0.2 alice > offer";
    for (answer, broken) in [
        (
            "0.2 alice srv offer error=unexpected-request\n0.3 bob > reject\n0.3 alice < reject\n1 x steps",
            &NONE[..],
        ),
        (
            "0.2 bob < offer\n0.2 bob ok offer\n0.3 bob > reject\n0.3 alice < reject\n1 x steps",
            &["EN-03"],
        ),
        (
            "0.2 alice srv offer error=item-not-found\n0.3 bob > reject\n0.3 alice < reject\n1 x steps",
            &["EN-03"],
        ),
        (
            "0.2 alice srv offer\n0.3 bob > reject\n0.3 alice < reject\n1 x steps",
            &["EN-03"],
        ),
    ] {
        assert_eq!(after(early, answer), broken, "{answer}");
    }
    let unknown = "0.1 alice > mute-change call=none";
    assert_eq!(
        after(
            unknown,
            "0.1 alice srv mute-change error=item-not-found\n1 x steps"
        ),
        NONE
    );
    assert_eq!(
        after(
            unknown,
            "0.1 bob < mute-change call=none\n0.1 bob ok mute-change\n1 x steps"
        ),
        ["EN-03"]
    );
}

#[test]
fn en_03_leaves_crossings_alone_and_legal_signals_pass() {
    // Bob has not answered the hangup when he accepts: the server cannot know that he had it.
    let crossing = "0.1 alice > initiate\n0.1 bob < initiate\n0.1 bob ok initiate\n0.2 alice > hangup/cancelled\n\
                    0.2 bob > accept";
    let kept = "0.2 bob srv accept\n0.2 bob < hangup/cancelled\n0.2 bob ok hangup/cancelled\n1 x steps";
    assert_eq!(after(crossing, kept), NONE);
    let told_off = "0.2 bob srv accept error=unexpected-request\n0.2 bob < hangup/cancelled\n0.2 bob ok hangup/cancelled\n1 x steps";
    assert_eq!(
        after(crossing, told_off),
        NONE,
        "the server had the hangup before"
    );
    // The same where the caller hangs up later than the accept is refused.
    let ahead = "0.1 alice > initiate\n0.1 bob < initiate\n0.1 bob ok initiate\n0.2 bob > accept";
    let out_of_the_blue = "0.2 bob srv accept error=unexpected-request\n0.3 alice > hangup/cancelled\n\
                           0.3 bob < hangup/cancelled\n0.3 bob ok hangup/cancelled\n1 x steps";
    assert_eq!(after(ahead, out_of_the_blue), ["RT-03"]);
    // A hangup that crosses an accept, for a server that takes it for too late.
    let crossing = "0.1 alice > initiate\n0.1 bob < initiate\n0.1 bob ok initiate\n0.2 bob > accept\n\
                    0.2 alice > hangup/cancelled";
    let late = "0.2 alice srv hangup/cancelled error=unexpected-request\n0.3 alice < accept\n0.3 alice ok accept\n\
                1 x steps";
    assert_eq!(after(crossing, late), NONE);
    // Whoever says once more that a call is over may find that it is forgotten.
    let over = "0.9 alice > hangup\n0.9 bob < hangup\n0.9 bob ok hangup\n0.95 bob > hangup id=e\n\
                0.95 bob srv e error=item-not-found\n1 x steps";
    assert_eq!(after(CONNECTED, over), NONE);
    // A legal signal that is refused, and one that is acknowledged and lost.
    let end = "0.9 bob > hangup\n0.9 alice < hangup\n0.9 alice ok hangup\n1 x steps";
    let refused =
        format!("0.5 alice > mute-change\n0.5 alice srv mute-change error=unexpected-request\n{end}");
    assert_eq!(after(CONNECTED, &refused), ["RT-03"]);
    let lost = "0.5 alice > mute-change\n0.5 alice srv mute-change\n0.9 alice > hangup\n0.9 bob < hangup\n0.9 bob ok hangup\n1 x steps";
    assert_eq!(after(CONNECTED, lost), ["RT-03"]);
    // What ends the call just then may be why, and what ends it long after is not.
    let ends = |at: f64| {
        format!(
            "0.5 alice > mute-change\n0.5 alice srv mute-change\n{at} bob cut\n{at} alice < hangup/failed from=bob@x id=s\n\
             {at} alice ok s from=bob@x\n30 x steps"
        )
    };
    assert_eq!(after(CONNECTED, &ends(1.0)), NONE);
    let lost = "0.1 alice > initiate\n0.1 alice srv initiate\n30.1 alice < hangup/timeout from=bob@x id=s\n\
                30.1 alice ok s from=bob@x\n60 x steps";
    assert_eq!(play(lost), ["RT-03"]);
    assert_eq!(after(CONNECTED, end), NONE);
}

/// JSON may nest as deep as it likes, and a reader may have a limit (RFC 8259 §9): a server may take it for a call, and
/// may refuse it.
#[test]
fn what_nests_deeper_than_we_read_may_be_taken_or_refused() {
    let taken = "0.1 alice > initiate/deep id=d\n0.1 bob < initiate/deep id=d\n0.1 bob ok d\n\
                 0.2 bob > reject\n0.2 alice < reject\n0.2 alice ok reject\n1 x steps";
    assert_eq!(play(taken), NONE);
    let refused = "0.1 alice > initiate/deep id=d\n0.1 alice srv d error=bad-request\n\
                   0.2 bob > reject\n0.2 bob srv reject error=item-not-found\n1 x steps";
    assert_eq!(play(refused), NONE);
    // Of a call that has nothing to do with it as much is asked as ever.
    let legal = "0.1 alice > initiate/deep id=d call=other\n0.1 alice srv d error=bad-request\n\
                 0.3 alice > initiate\n0.3 alice srv initiate error=bad-request\n1 x steps";
    assert_eq!(play(legal), ["RT-03"]);
}

#[test]
fn en_04_every_device_rings_and_one_wins() {
    let won = "1 bob > accept\n1 alice < accept\n1 alice ok accept";
    let told = "1 bob2 < hangup/cancelled from=alice@x id=s1\n1 bob2 ok s1 from=alice@x";
    let end = "5 alice > hangup/failed to=bob\n5 bob < hangup/failed\n5 bob ok hangup/failed\n20 x steps";
    assert_eq!(after(RINGING, &format!("{won}\n{told}\n{end}")), NONE);
    assert_eq!(after(RINGING, &format!("{won}\n{end}")), ["EN-04"], "it rings on");
    let second = "1 bob2 > accept id=a2\n1 alice < accept from=bob2 id=a2";
    assert_eq!(
        after(RINGING, &format!("{won}\n{second}\n{told}\n{end}")),
        ["EN-04"],
        "two accepts"
    );
    let refused = "1.01 bob2 > accept id=a2\n1.01 bob2 srv a2 error=unexpected-request";
    assert_eq!(after(RINGING, &format!("{won}\n{refused}\n{told}\n{end}")), NONE);
    let one = "0.1 alice > initiate to=bob@x\n0.1 alice srv initiate\n0.1 bob < initiate to=bob@x\n\
               0.1 bob ok initiate from=alice@x/1";
    assert_eq!(
        after(one, &format!("{won}\n{end}")),
        ["EN-04"],
        "one device did not ring"
    );
}

/// Who rings many devices is the one who asks them, and may choose the ids.
#[test]
fn each_device_may_be_rung_under_an_id_of_its_own() {
    let rings = "0.1 alice > initiate to=bob@x\n0.1 alice srv initiate\n\
                 0.1 bob < initiate to=bob@x id=s1\n0.1 bob ok s1 from=alice\n\
                 0.1 bob2 < initiate to=bob@x id=s2\n0.1 bob2 ok s2 from=alice";
    let won = "1 bob2 > accept\n1 alice < accept from=bob2\n1 alice ok accept from=bob2";
    let told = "1 bob < hangup/rejected id=s3\n1 bob ok s3";
    let end = "5 alice > hangup/failed to=bob2\n5 bob2 < hangup/failed\n5 bob2 ok hangup/failed\n20 x steps";
    assert_eq!(after(rings, &format!("{won}\n{told}\n{end}")), NONE);
    assert_eq!(after(rings, &format!("{won}\n{end}")), ["EN-04"], "it rings on");
}

/// A device that was never rung does not ring on, whatever goes astray to it.
#[test]
fn what_goes_astray_rings_nobody() {
    let taken = "0.1 alice > initiate\n0.1 bob < initiate\n0.1 bob ok initiate\n\
                 1 bob > accept\n1 alice < accept\n1 alice ok accept\n1.1 alice > offer\n1.1 bob2 < offer\n1.1 alice srv offer";
    let end = "5 alice > hangup/failed\n5 bob < hangup/failed\n5 bob ok hangup/failed\n20 x steps";
    assert_eq!(after(taken, end), NONE);
}

/// A text that changed on its way is told once, by the rule that it breaks, and its call goes on.
#[test]
fn what_changed_on_its_way_has_arrived() {
    let declined = "1 bob > reject\n1 alice < reject\n1 alice ok reject\n20 x steps";
    for rings in [
        "0.1 alice > initiate/more id=i\n0.1 bob < initiate id=i\n0.1 bob ok i",
        "0.1 alice > initiate id=i\n0.1 alice srv i\n0.1 bob < initiate id=s\n0.1 bob ok s",
    ] {
        assert_eq!(after(rings, declined), NONE, "{rings}");
    }
}

#[test]
fn en_05_thirty_seconds() {
    let told = |at: f64, who: &str, from: &str| {
        format!("{at} {who} < hangup/timeout from={from} id=s-{who}\n{at} {who} ok s-{who} from={from}\n")
    };
    let all = |at: f64| {
        told(at, "alice", "bob@x") + &told(at, "bob", "alice@x") + &told(at, "bob2", "alice@x") + "60 x steps"
    };
    assert_eq!(after(RINGING, &all(30.1)), NONE);
    assert_eq!(after(RINGING, "60 x steps"), ["EN-05"], "never");
    assert_eq!(after(RINGING, &all(40.0)), ["EN-05"], "late");
    assert_eq!(after(RINGING, &all(20.0)), ["EN-05"], "early");
    let one = told(30.1, "alice", "bob@x") + "60 x steps";
    assert_eq!(after(RINGING, &one), ["EN-05"], "one side only");
}

/// The callee answers that there is nobody: a server may keep the call, or take that for its end.
#[test]
fn an_initiate_that_its_callee_refused_is_a_call_or_none() {
    let refused = "1 alice > initiate\n1 bob < initiate\n1 bob ok initiate error=service-unavailable";
    assert_eq!(play(&format!("{refused}\n60 x steps")), NONE);
    let cancelled = "3 alice > hangup/cancelled id=w\n3 alice srv w error=item-not-found\n9 x steps";
    assert_eq!(play(&format!("{refused}\n{cancelled}")), NONE);
}

/// A server that holds back, or a slow link: it counts from its reading of the initiate, and an accept that it reads
/// after the end of the time comes too late.
#[test]
fn a_server_counts_from_when_it_has_read() {
    let told =
        |at: f64, who: &str, from: &str| format!("{at} {who} < hangup/timeout from={from} id=h-{who}\n");
    let both = |at: f64| told(at, "alice", "bob@x") + &told(at, "bob", "alice@x") + "90 x steps";
    let slow = "0.1 alice > initiate\n9 bob < initiate\n9 bob ok initiate";
    assert_eq!(after(slow, &both(39.0)), NONE);
    assert_eq!(after(slow, &both(30.1)), NONE, "it had read it at once");
    assert_eq!(after(slow, &both(44.5)), ["EN-05"], "late");
    let at_once = "0.1 alice > initiate\n0.1 bob < initiate\n0.1 bob ok initiate";
    let unread = format!("20 bob > accept\n{}", both(30.1));
    assert_eq!(after(at_once, &unread), NONE);
    let read = format!(
        "20 bob > accept\n20 alice < accept\n20 alice ok accept\n{}",
        both(30.1)
    );
    assert_eq!(after(at_once, &read), ["EN-05"]);
}

/// Two calls with one id begin on two streams: which of them the server reads first, it alone knows.
#[test]
fn either_of_two_calls_with_one_id_may_be_the_first() {
    let both = "0.1 alice > initiate\n0.1 mallory > initiate to=bob id=m\n\
                0.1 bob < initiate from=mallory id=m\n0.1 bob ok m from=mallory\n\
                0.1 alice srv initiate error=forbidden";
    assert_eq!(play(&format!("{both}\n1 x steps")), NONE);
    // The one that was read first goes on.
    let on = "0.2 bob > accept to=mallory id=a\n0.2 mallory < accept from=bob id=a\n0.2 mallory ok a from=bob\n\
              0.3 mallory > offer to=bob id=o\n0.3 bob < offer from=mallory id=o\n0.3 bob ok o from=mallory\n1 x steps";
    assert_eq!(play(&format!("{both}\n{on}")), NONE);
    let first = "0.1 alice > initiate\n0.1 bob < initiate\n0.2 mallory > initiate to=bob id=m\n\
                 0.2 bob < initiate from=mallory id=m\n0.2 bob ok m from=mallory\n1 x steps";
    assert_eq!(play(first), ["EN-06"]);
}

#[test]
fn en_06_third_parties() {
    let end = "0.9 alice > hangup\n0.9 bob < hangup\n0.9 bob ok hangup\n1 x steps";
    let sent = "0.5 mallory > mute-change to=bob id=m";
    let refused = format!("{sent}\n0.5 mallory srv m error=forbidden\n{end}");
    assert_eq!(after(CONNECTED, &refused), NONE);
    let delivered =
        format!("{sent}\n0.5 bob < mute-change from=mallory id=m\n0.5 bob ok m from=mallory\n{end}");
    assert_eq!(after(CONNECTED, &delivered), ["EN-06"]);
    let other = format!("{sent}\n0.5 mallory srv m error=item-not-found\n{end}");
    assert_eq!(after(CONNECTED, &other), ["EN-06"]);
}

#[test]
fn en_07_whoever_vanishes() {
    let told = |reason: &str| {
        format!("1 bob cut\n1 alice < hangup/{reason} from=bob@x id=s\n1 alice ok s from=bob@x\n20 x steps")
    };
    assert_eq!(after(CONNECTED, &told("failed")), NONE);
    assert_eq!(after(CONNECTED, "1 bob cut\n20 x steps"), ["EN-07"], "never told");
    assert!(
        after(CONNECTED, &told("completed")).contains(&"EN-07"),
        "another reason"
    );
    let caller = "1 alice cut\n1 bob < hangup/failed from=alice@x id=s\n1 bob ok s from=alice@x\n20 x steps";
    assert_eq!(after(CONNECTED, caller), NONE);
    assert_eq!(after(CONNECTED, "1 alice cut\n20 x steps"), ["EN-07"]);
}

#[test]
fn an_end_is_owed_to_who_is_left_in_a_call_that_was_live() {
    // That somebody else's signal lies unread is no excuse.
    let unread = after(CONNECTED, "0.5 alice > mute-change\n1 bob cut\n20 x steps");
    assert!(unread.contains(&"EN-07"));
    // Whoever has ended it itself leaves nobody in the lurch.
    let ended =
        "1 alice > hangup/completed\n1.1 alice cut\n1.2 bob < hangup/completed\n1.2 bob ok hangup/completed";
    assert_eq!(after(CONNECTED, &format!("{ended}\n20 x steps")), NONE);
}

/// A server may refuse what may be wrong, not what is unusual.
#[test]
fn what_is_unusual_has_to_pass() {
    let refused =
        |who: &str, word: &str| format!("1 {who} > {word} id=z\n1 {who} srv z error=bad-request\n9 x steps");
    let ringing = "0.1 alice > initiate\n0.1 bob < initiate\n0.1 bob ok initiate";
    assert_eq!(after(ringing, &refused("bob", "accept/more")), ["RT-03"]);
    assert_eq!(
        after(CONNECTED, &refused("alice", "mute-change beside=<![CDATA[]]>")),
        ["RT-03"]
    );
    assert_eq!(
        after(CONNECTED, &refused("alice", "mute-change beside=<x/>")),
        NONE
    );
}

#[test]
fn the_server_may_know_of_an_end_before_it_is_seen_here() {
    let told = "1 bob < hangup/failed from=alice@x id=s\n1 bob ok s from=alice@x";
    let both = format!("{told}\n1 bob2 < hangup/failed from=alice@x id=s\n1 bob2 ok s from=alice@x");
    for (before, told) in [(RINGING, &both), (CONNECTED, &told.to_owned())] {
        assert_eq!(after(before, &format!("{told}\n1.1 alice cut\n20 x steps")), NONE);
        assert_eq!(
            after(before, &format!("{told}\n1.1 x steps\n1.2 alice cut")),
            NONE
        );
        let another = format!("{told}\n1.1 mallory cut\n20 x steps");
        assert!(after(before, &another).contains(&"RT-03"));
        let much_later = format!("{told}\n9 alice cut\n20 x steps");
        assert!(after(before, &much_later).contains(&"RT-03"));
    }
}

#[test]
fn the_server_ends_no_live_call_and_invents_no_signal() {
    let ended = "1 bob < hangup/failed from=alice@x id=s\n1 bob ok s from=alice@x\n2 x steps";
    assert_eq!(after(RINGING, ended), ["RT-03"]);
    let made_up = "1 bob < accept from=alice@x id=s\n1 bob ok s from=alice@x\n2 x steps";
    assert_eq!(after(RINGING, made_up), ["RT-03"]);
}

/// What the server does by itself may take it five seconds, counted from what it has to answer.
#[test]
fn what_may_still_come_is_not_missed() {
    // A second device that does not ring.
    let one = "3 alice > initiate to=bob@x\n3 alice srv initiate\n3 bob < initiate to=bob@x\n\
               3 bob ok initiate from=alice@x/1";
    assert_eq!(after(one, "7 x steps"), NONE);
    assert_eq!(after(one, "8 x steps"), ["EN-04"]);
    // One that rings on.
    let won = "3 bob > accept\n3 alice < accept\n3 alice ok accept";
    assert_eq!(after(RINGING, &format!("{won}\n7 x steps")), NONE);
    assert_eq!(after(RINGING, &format!("{won}\n8 x steps")), ["EN-04"]);
    // A call that nobody answers, and one that is answered after its time.
    assert_eq!(after(RINGING, "35 x steps"), NONE);
    assert_eq!(after(RINGING, "35.2 x steps"), ["EN-05"]);
    let call = "0.1 alice > initiate\n0.1 bob < initiate\n0.1 bob ok initiate";
    let accepted =
        |at: f64| format!("{at} bob > accept\n{at} alice < accept\n{at} alice ok accept\n60 x steps");
    assert_eq!(after(call, &accepted(30.0)), NONE);
    assert_eq!(after(call, &accepted(30.2)), ["EN-05"]);
    // A party that is left alone.
    assert_eq!(after(CONNECTED, "3 bob cut\n7 x steps"), NONE);
    assert_eq!(after(CONNECTED, "3 bob cut\n8 x steps"), ["EN-07"]);
}

#[test]
fn who_has_gone_is_owed_nothing() {
    let one = "3 alice > initiate to=bob@x\n3 alice srv initiate\n3 bob < initiate to=bob@x\n\
               3 bob ok initiate from=alice@x/1";
    assert_eq!(after(one, "3.5 bob2 cut\n9 x steps"), NONE);
    let won = "3 bob > accept\n3 alice < accept\n3 alice ok accept";
    assert_eq!(after(RINGING, &format!("{won}\n3.5 bob2 cut\n9 x steps")), NONE);
    assert_eq!(after(CONNECTED, "3 bob cut\n3.1 alice cut\n9 x steps"), NONE);
    assert_eq!(
        play("0.1 alice > initiate/broken\n0.2 alice cut\n1 x steps"),
        NONE
    );
    // A device that rings on in a call that another has taken is owed its end by that, once.
    let told = "3.5 alice cut\n3.5 bob < hangup/failed from=alice@x id=s\n3.5 bob ok s from=alice@x";
    assert_eq!(after(RINGING, &format!("{won}\n{told}\n9 x steps")), ["EN-04"]);
}

/// What was answered with a result and reached nobody was lost, unless it came too late to matter.
#[test]
fn what_reached_nobody_was_lost_unless_it_did_not_matter() {
    let swallowed = |who: &str, word: &str| format!("1 {who} > {word} id=w\n1 {who} srv w\n2 x steps");
    let call = "0.1 alice > initiate\n0.1 bob < initiate\n0.1 bob ok initiate";
    // One of several devices may leave the others ringing.
    for word in ["busy", "hangup/failed"] {
        assert_eq!(after(RINGING, &swallowed("bob", word)), NONE, "{word}");
    }
    assert_eq!(after(RINGING, &swallowed("bob", "reject")), ["RT-03"]);
    assert_eq!(after(call, &swallowed("bob", "busy")), ["RT-03"]);
    assert_eq!(after(CONNECTED, &swallowed("alice", "hangup")), ["RT-03"]);
    // From a device that has lost the call to another, and does not know yet.
    let won = "0.9 bob > accept\n0.9 alice < accept\n0.9 alice ok accept";
    let told = "1.1 bob2 < hangup/cancelled from=alice@x id=s\n1.1 bob2 ok s from=alice@x";
    let late = format!("{won}\n1 bob2 > reject id=w\n1 bob2 srv w\n{told}\n2 x steps");
    assert_eq!(after(RINGING, &late), NONE);
    // What another moves at the same time is why a right signal may be refused.
    let crossed = "0.5 bob > offer id=o\n0.5 alice > offer id=p\n0.5 alice srv p error=unexpected-request\n\
                   0.6 alice < offer id=o\n0.6 alice ok o\n1 x steps";
    assert_eq!(after(CONNECTED, crossed), NONE);
}

#[test]
fn answers_belong_to_who_asked_last_under_their_id() {
    let two = "0.1 alice > initiate/broken id=1\n0.1 mallory > mute-change id=1 to=bob call=none\n\
               0.1 mallory srv 1 error=item-not-found\n0.1 alice srv 1 error=bad-request\n1 x steps";
    assert_eq!(play(two), NONE);
    let again = "0.1 alice > initiate/broken id=1\n0.1 alice srv 1 error=bad-request\n\
                 0.2 alice > initiate/broken id=1\n0.2 alice srv 1 error=bad-request\n1 x steps";
    assert_eq!(play(again), NONE);
    // Of a call that the server refused to begin it knows nothing.
    let refused = "0.1 alice > initiate\n0.1 alice srv initiate error=service-unavailable\n\
                   0.2 alice > hangup\n0.2 alice srv hangup error=item-not-found\n1 x steps";
    assert_eq!(play(refused), NONE);
}

/// What the server reads on one stream may come before or after what it reads on another.
#[test]
fn the_server_may_have_read_another_stream_first() {
    let call = "0.1 alice > initiate\n0.1 bob < initiate\n0.1 bob ok initiate";
    // It takes the reject for the end of the call, and has forgotten that when it reads what was out of place anyway.
    let forgotten = "0.2 alice > offer\n0.2 bob > reject\n0.2 alice srv offer error=item-not-found\n\
                     0.3 alice < reject\n0.3 alice ok reject\n1 x steps";
    assert_eq!(after(call, forgotten), NONE);
    let over = "0.2 bob > reject\n0.2 alice < reject\n0.2 alice ok reject\n0.3 mallory > mute-change to=bob id=m\n\
                0.3 mallory srv m error=item-not-found\n1 x steps";
    assert_eq!(
        after(call, over),
        NONE,
        "a call that is over, for a third party too"
    );
    // Of a call that begins just now it may know, or not yet.
    let end = "0.2 bob < initiate\n0.2 bob ok initiate\n0.3 bob > reject\n0.3 alice < reject\n0.3 alice ok reject\n1 x steps";
    let third = "0.1 mallory > mute-change to=bob id=m";
    let begins = "0.1 alice > initiate";
    for (lines, condition, broken) in [
        ([begins, third], "item-not-found", &NONE[..]),
        ([begins, third], "forbidden", &NONE),
        ([begins, third], "unexpected-request", &["EN-06"]),
        ([third, begins], "item-not-found", &NONE),
        ([third, begins], "forbidden", &NONE),
        ([third, begins], "bad-request", &["EN-03"]),
    ] {
        let refused = format!("0.1 mallory srv m error={condition}\n{end}");
        assert_eq!(
            after(&lines.join("\n"), &refused),
            broken,
            "{lines:?} {condition}"
        );
    }
}

/// A server may forget a call that is over, and then its id is a new one.
#[test]
fn the_id_of_a_call_that_is_over_may_begin_another() {
    let over = "0.9 alice > hangup\n0.9 bob < hangup\n0.9 bob ok hangup";
    let again = "1 alice > initiate id=i\n1 bob < initiate id=i\n1 bob ok i\n\
                 1.1 bob > accept id=a\n1.1 alice < accept id=a\n1.1 alice ok a\n2 x steps";
    assert_eq!(after(CONNECTED, &format!("{over}\n{again}")), NONE);
    let refused = "1 alice > initiate id=i\n1 alice srv i error=unexpected-request\n2 x steps";
    assert_eq!(after(CONNECTED, &format!("{over}\n{refused}")), NONE);
    assert_eq!(after(CONNECTED, again), ["EN-03"], "while it goes on");
}

/// Whoever is left learns that the call is over, and why is not always that the other has gone.
#[test]
fn a_call_may_end_for_another_reason_just_when_somebody_vanishes() {
    let call = "0.1 alice > initiate\n0.1 bob < initiate\n0.1 bob ok initiate";
    let late = |cut: f64| {
        format!(
            "{cut} bob cut\n30.1 alice < hangup/timeout from=bob@x id=s\n30.1 alice ok s from=bob@x\n60 x steps"
        )
    };
    assert_eq!(after(call, &late(30.0)), NONE);
    assert_eq!(after(call, &late(20.0)), ["EN-07"], "it has long known");
    let elsewhere = "1 bob > accept\n1 alice cut\n1 bob2 < hangup/cancelled from=alice@x id=s2\n1 bob2 ok s2 from=alice@x\n\
                     1 bob < hangup/failed from=alice@x id=s1\n1 bob ok s1 from=alice@x\n20 x steps";
    assert_eq!(after(RINGING, elsewhere), NONE);
}

/// A call that a server may know of, or not, it may end.
#[test]
fn a_call_that_may_have_been_taken_up_may_be_ended() {
    let told = |call: &str| {
        let one = |who: &str, from: &str| {
            format!(
                "31 {who} < hangup/timeout from={from} id=s-{who} {call}\n31 {who} ok s-{who} from={from}\n"
            )
        };
        one("alice", "bob@x") + &one("bob", "alice@x") + "60 x steps"
    };
    // Its id is no random one (SG-15), or it is nested deeper than we read.
    for (word, call) in [("initiate", "call=other"), ("initiate/deep", "")] {
        let begun = format!("0.1 alice > {word} id=i {call}\n0.1 bob < {word} id=i {call}\n0.1 bob ok i");
        assert_eq!(after(&begun, &told(call)), NONE, "{word} {call}");
    }
    assert_eq!(
        play("31 bob < hangup/timeout from=alice@x id=s\n60 x steps"),
        ["RT-03"]
    );
}

/// The server may notice only later that whoever is called has just gone.
#[test]
fn a_call_to_one_who_has_just_gone_may_fail() {
    let called = |cut: f64| {
        format!(
            "{cut} bob cut\n29 alice > initiate\n29 alice srv initiate\n\
             29.1 alice < hangup/failed from=bob@x id=s\n29.1 alice ok s from=bob@x\n80 x steps"
        )
    };
    assert_eq!(play(&called(28.9)), NONE);
    assert_eq!(play(&called(24.5)), NONE);
    for cut in [24.0, 20.0, 1.0] {
        assert_eq!(play(&called(cut)), ["RT-03"], "{cut}: it has long known");
    }
}
