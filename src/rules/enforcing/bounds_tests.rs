//! Where the time or the knowledge of an enforcing server ends, and what counts as kept.

use super::tests::{CONNECTED, NONE, RINGING, after, judged, play};

/// A call that rings from its first second on: all times here have an exact half in binary.
const CALL: &str = "1 alice > initiate\n1 bob < initiate\n1 bob ok initiate";

/// A hangup of the server's own.
fn told(at: f64, who: &str, reason: &str) -> String {
    let from = if who == "alice" { "bob@x" } else { "alice@x" };
    format!("{at} {who} < hangup/{reason} from={from} id=s-{who}\n{at} {who} ok s-{who} from={from}")
}

fn told_both(at: f64, reason: &str) -> String {
    told(at, "alice", reason) + "\n" + &told(at, "bob", reason)
}

#[test]
fn thirty_seconds_are_over_when_they_are_over() {
    let accepted =
        |at: f64| format!("{at} bob > accept\n{at} alice < accept\n{at} alice ok accept\n60 x steps");
    assert_eq!(after(CALL, &accepted(30.75)), NONE);
    assert_eq!(after(CALL, &accepted(31.0)), ["EN-05"]);
    // Five seconds more, for the server to say so.
    assert_eq!(after(CALL, "35.5 x steps"), NONE);
    assert_eq!(after(CALL, "36 x steps"), ["EN-05"]);
    // Whoever vanishes while it rings leaves the other with EN-07; nobody rings where nothing arrived.
    assert_eq!(after(CALL, "20 bob cut\n60 x steps"), ["EN-07"]);
    assert_eq!(play("1 alice > initiate\n60 x steps"), NONE);
}

/// Three seconds more for each in which nothing moved here.
#[test]
fn a_server_has_longer_where_this_process_stood_still() {
    assert_eq!(after(CALL, "40 x stalled\n60 x steps"), NONE);
    assert_eq!(after(CALL, "40 x stalled\n63 x steps"), ["EN-05"]);
    assert_eq!(
        after(CALL, "20 x stalled\n36 x steps"),
        ["EN-05"],
        "before its time"
    );
}

#[test]
fn when_the_server_may_end_a_call_counts_from_its_beginning() {
    let call = "10 alice > initiate\n10 bob < initiate\n10 bob ok initiate";
    let timeout = |at: f64| told_both(at, "timeout") + "\n60 x steps";
    assert_eq!(after(call, &timeout(39.75)), NONE);
    assert_eq!(after(call, &timeout(39.5)), ["EN-05"]);
    let accepted = |at: f64| format!("{at} bob > accept\n{at} alice < accept\n{at} alice ok accept");
    // An accept that crosses the timeout comes too late for it.
    for (accept, broken) in [
        (39.5, &NONE[..]),
        (39.0, &NONE),
        (38.5, &["EN-05"]),
        (25.0, &["EN-05"]),
    ] {
        let lines = format!("{}\n{}", accepted(accept), timeout(40.0));
        assert_eq!(after(call, &lines), broken, "accepted at {accept}");
    }
}

#[test]
fn the_end_of_a_connection_is_seen_within_five_seconds() {
    let failed = told(20.0, "bob", "failed");
    for (cut, explained) in [(20.5, true), (25.0, true), (25.5, false), (29.0, false)] {
        let broken = after(CONNECTED, &format!("{failed}\n{cut} alice cut\n60 x steps"));
        assert_eq!(!broken.contains(&"RT-03"), explained, "{cut}");
    }
    // Five seconds after somebody went, no other reason explains the end any more.
    let late = |cut: f64| format!("{cut} bob cut\n{}\n60 x steps", told(31.0, "alice", "timeout"));
    assert_eq!(after(CALL, &late(26.5)), NONE);
    assert_eq!(after(CALL, &late(26.0)), ["EN-07"]);
}

#[test]
fn what_ends_a_call_explains_what_was_lost_just_before() {
    // A hangup that crosses the server's own.
    let lost = |at: f64, end: f64| {
        let end = told_both(end, "timeout");
        format!("{at} alice > hangup/cancelled id=w\n{at} alice srv w\n{end}\n60 x steps")
    };
    assert_eq!(after(CALL, &lost(30.5, 31.0)), NONE);
    assert_eq!(after(CALL, &lost(26.5, 31.0)), NONE);
    assert_eq!(after(CALL, &lost(26.0, 31.0)), ["RT-03"]);
    assert_eq!(after(CALL, &lost(20.0, 31.0)), ["RT-03"]);
    // Another device has the call; whoever has it himself is heard.
    let won = "0.9 bob > accept\n0.9 alice < accept\n0.9 alice ok accept";
    let late = "1 bob2 > reject id=w\n1 bob2 srv w\n2 x steps";
    assert_eq!(after(RINGING, &format!("{won}\n{late}")), NONE);
    let winner = "1 bob > hangup/failed id=w\n1 bob srv w\n2 x steps";
    assert_eq!(after(CONNECTED, winner), ["RT-03"]);
    // The other moves the call although its peer refused the offer.
    let crossed = "0.5 bob > offer id=o\n0.5 alice > offer id=p\n0.5 alice srv p error=unexpected-request\n\
                   0.6 alice < offer id=o\n0.6 alice ok o error=unexpected-request\n1 x steps";
    assert_eq!(after(CONNECTED, crossed), NONE);
}

/// An accept that the server took and delivered to nobody is one breach: whoever could not know of it has no other.
#[test]
fn what_the_server_kept_to_itself_moved_the_call() {
    let kept = "0.5 bob > accept id=a\n0.5 bob srv a\n\
                0.6 alice > hangup/cancelled id=w\n0.6 alice srv w error=unexpected-request\n2 x steps";
    let verdict = judged(&format!("{RINGING}\n{kept}"));
    let told: Vec<_> = verdict
        .findings
        .iter()
        .map(|found| (found.rule.id, &found.message))
        .collect();
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(told[0].0 == "RT-03" && told[0].1.contains("accept"), "{told:?}");
}

#[test]
fn what_goes_where_nobody_is_reaches_nobody() {
    let elsewhere = "0.5 alice > hangup to=bob@x/9 id=w\n0.5 alice srv w\n1 x steps";
    assert_eq!(after(CONNECTED, elsewhere), NONE);
    let all_gone = "0.1 alice > initiate to=bob@x\n0.1 alice srv initiate\n0.2 bob cut\n0.2 bob2 cut\n\
                    8 alice > hangup/cancelled to=bob@x id=w\n8 alice srv w\n9 x steps";
    assert_eq!(play(all_gone), NONE);
}

#[test]
fn what_the_server_need_not_carry_it_may_refuse() {
    let refused = |initiate: &str| {
        let lines = format!("0.1 alice > {initiate} id=i\n0.1 alice srv i error=bad-request\n1 x steps");
        play(&lines)
    };
    // Its id is no random one (SG-15); an element stands beside the text (IQ-04); what is no breach excuses nothing.
    assert_eq!(refused("initiate call=other"), NONE);
    assert_eq!(refused("initiate beside=<x/>"), NONE);
    assert_eq!(refused("initiate for=mallory"), NONE, "SG-14");
    assert_eq!(refused("initiate to=alice@x"), NONE, "to oneself");
    assert_eq!(refused("initiate to=nobody@x/1"), NONE);
    assert_eq!(refused("initiate to=bob@x"), ["RT-03"]);
    assert_eq!(refused("initiate/more"), ["RT-03"]);
    assert_eq!(refused("initiate"), ["RT-03"]);
    // A mute-change before the call is connected, of which the seed says nothing.
    let early = "1 bob > accept\n1 alice < accept\n1 alice ok accept\n\
                 2 alice > mute-change\n2 alice srv mute-change error=unexpected-request\n3 x steps";
    assert_eq!(after(CALL, early), NONE);
    // In the call, but to somebody else; or from a connection that is not the call's.
    let elsewhere = "0.5 alice > mute-change to=mallory id=m\n0.5 alice srv m error=forbidden\n1 x steps";
    assert_eq!(after(CONNECTED, elsewhere), NONE);
    let back = format!(
        "1 alice cut\n{}\n2 alice connected\n3 alice > mute-change id=m\n\
         3 alice srv m error=unexpected-request\n9 x steps",
        told(1.5, "bob", "failed")
    );
    assert_eq!(after(CONNECTED, &back), NONE);
}

/// Some stanzas break rules of their own, and a server of this class is asked nothing about them.
#[test]
fn what_is_no_signal_of_its_sender_is_not_asked_about() {
    let delivered = |words: &str| {
        let words = format!("initiate/broken {words}");
        play(&format!(
            "0.1 alice > {words}\n0.1 bob < {words}\n0.1 bob ok initiate/broken\n1 x steps"
        ))
    };
    assert_eq!(delivered("as=alice"), ["EN-01"]);
    // Its own bare address is as good as the full one; another's breaks RT-02.
    assert_eq!(
        play("0.1 alice > initiate/broken from=alice@x\n1 x steps"),
        ["EN-01"]
    );
    let forged = "0.1 alice > initiate/broken from=mallory as=alice\n0.1 bob < initiate/broken\n1 x steps";
    assert_eq!(play(forged), ["RT-03"], "alice said nothing of the kind");
    // Several children (IQ-05), or no id (IQ-02).
    assert_eq!(
        play("0.1 alice > initiate/broken beside=</call><x/><call>\n1 x steps"),
        NONE
    );
    assert_eq!(play("0.1 alice > initiate/broken id=\n1 x steps"), NONE);
}

#[test]
fn of_a_call_that_it_has_surely_read_the_server_knows() {
    let third =
        |id: &str| format!("1 mallory > mute-change to=bob id={id}\n1 mallory srv {id} error=item-not-found");
    let sent = "1 alice > initiate";
    let answered = format!("{sent}\n1 alice srv initiate");
    let arrived = format!("{sent}\n1 bob < initiate");
    for (call, broken) in [
        (sent, &NONE[..]),
        // It took the call and lost it.
        (&answered, &["RT-03", "EN-06"]),
        (&arrived, &["EN-06"]),
    ] {
        // What is said of others' signals says nothing of this one.
        let lines = format!("{}\n{}\n2 x steps", third("a"), third("b"));
        assert_eq!(after(call, &lines), broken, "{call}");
    }
}

#[test]
fn what_the_callee_refused_was_a_call_and_what_the_server_refused_was_none() {
    let hangup = "1.5 alice > hangup/cancelled id=h\n1.5 alice srv h error=item-not-found\n2 x steps";
    let by_server = "1 alice > initiate\n1 alice srv initiate error=service-unavailable";
    assert_eq!(after(by_server, hangup), NONE);
    // It knows of the call before that all the same.
    let another = "1 alice > initiate id=i call=second\n1 alice srv i error=service-unavailable";
    assert_eq!(after(CALL, &format!("{another}\n{hangup}")), ["RT-03"]);
}

#[test]
fn who_has_answered_a_signal_has_seen_it() {
    let over = "2 alice > hangup/cancelled\n2 bob < hangup/cancelled";
    let late = "3 bob > accept\n3 alice < accept\n4 x steps";
    assert_eq!(after(CALL, &format!("{over}\n{late}")), NONE, "they cross");
    let seen = format!("{over}\n2 bob ok hangup/cancelled");
    assert_eq!(after(CALL, &format!("{seen}\n{late}")), ["EN-03"]);
    let refused = format!("{over}\n2 bob ok hangup/cancelled error=internal-server-error");
    assert_eq!(after(CALL, &format!("{refused}\n{late}")), NONE);
}

#[test]
fn the_id_of_a_signal_does_not_make_another_text_its_own() {
    let made_up = "0.5 bob < mute-change id=offer\n0.5 bob ok offer\n1 x steps";
    assert_eq!(after(CONNECTED, made_up), ["RT-03"]);
}

#[test]
fn a_connection_counts_and_not_who_has_it() {
    // The device that did not ring has gone and come back: it is another.
    let one = "3 alice > initiate to=bob@x\n3 alice srv initiate\n3 bob < initiate to=bob@x\n\
               3 bob ok initiate from=alice@x/1";
    assert_eq!(after(one, "3.5 bob2 cut\n3.6 bob2 connected\n9 x steps"), NONE);
    // Whoever is done with a call leaves nobody alone in it.
    assert_eq!(
        after(CONNECTED, "0.9 alice > hangup\n1 alice cut\n20 x steps"),
        NONE
    );
    // What is cut after a return is no connection of the call.
    let back = "1 alice cut\n1.1 bob < hangup/failed from=alice@x id=s\n1.1 bob ok s from=alice@x\n\
                2 alice connected\n3 alice cut\n20 x steps";
    assert_eq!(after(CONNECTED, back), NONE);
}

#[test]
fn after_the_last_step_everyone_may_go_and_what_breaks_off_owes_nothing() {
    let parting = format!(
        "1 x steps\n1 alice leaving\n{}\n9 alice cut",
        told(1.0, "bob", "failed")
    );
    assert_eq!(after(CONNECTED, &parting), NONE);
    let both = parting.replacen("alice leaving", "alice leaving\n1 bob leaving", 1);
    assert_eq!(after(CONNECTED, &both), NONE);
    let before = format!("1 alice leaving\n{}\n9 x steps", told(1.0, "bob", "failed"));
    assert_eq!(after(CONNECTED, &before), ["RT-03"], "it has not gone");
    assert_eq!(after(CALL, "60 x off"), NONE);
    assert_eq!(after(CALL, "60 x steps"), ["EN-05"]);
}

#[test]
fn what_was_put_to_the_test_and_kept_is_counted() {
    let held = |history: &str, lines: &str| -> Vec<(&'static str, u64)> {
        let rules = judged(&format!("{history}\n{lines}")).rules;
        let held = rules.into_iter().filter(|(_, tally)| tally.held > 0);
        held.map(|(id, tally)| (id, tally.held)).collect()
    };
    let refused = "0.1 alice > initiate/broken\n0.1 alice srv initiate/broken error=bad-request\n1 x steps";
    assert_eq!(held("", refused), [("EN-01", 1)]);
    let both = "0.1 alice > initiate/broken\n0.1 bob < initiate/broken\n\
                0.2 alice srv initiate/broken error=bad-request\n1 x steps";
    assert_eq!(held("", both), [], "it arrived all the same");
    let won = "1 bob > accept\n1 alice < accept\n1 alice ok accept";
    let elsewhere = told(1.0, "bob2", "cancelled");
    assert_eq!(
        held(RINGING, &format!("{won}\n{elsewhere}\n9 x steps")),
        [("EN-04", 3)],
        "two rang, and one no more"
    );
    let timeout = told_both(31.0, "timeout") + "\n60 x steps";
    assert_eq!(held(CALL, &timeout), [("EN-05", 2)], "both sides");
    let left = format!("1 bob cut\n{}\n9 x steps", told(1.0, "alice", "failed"));
    assert_eq!(held(CONNECTED, &left), [("EN-07", 1)]);
    // The server may not have come to the end of the connection yet, behind what nobody has seen it read.
    let gone = |how: &str| {
        after(
            CONNECTED,
            &format!("1 bob > mute-change\n{how}1.2 bob cut\n20 x steps"),
        )
    };
    assert_eq!(gone(""), NONE);
    assert_eq!(gone("1.1 alice < mute-change\n"), ["EN-07"]);
    assert_eq!(
        gone("1.1 bob srv mute-change error=unexpected-request\n"),
        ["EN-07"]
    );
}

#[test]
fn a_finding_names_the_signal_and_who_sent_it() {
    let sent = "0.1 alice > initiate/broken id=i\n0.1 alice srv i\n1 x steps";
    let verdict = judged(sent);
    assert_eq!(
        verdict.findings[0].message,
        "alice's initiate `i` to bob@x/1 had to be refused, and was answered with a result."
    );
}
