//! Histories in which nobody breaks anything, however odd they look, and a few that look like them and are breaches.
//!
//! Each is judged four times: as bots of ours saw it, with either party as a client of which only the other end is
//! known, and as two clients whose wires were recorded.

mod language;

use language::legal;
pub(super) use language::{MET, RUNG, Sight, found};

#[test]
fn two_devices_ring_and_one_accepts() {
    for first in ["bob", "bob2"] {
        let other = if first == "bob" { "bob2" } else { "bob" };
        let rung = "alice bob initiate 0 .1\nalice bob2 initiate .01 .12";
        let goes_on = format!(
            "alice {first} offer 1.3 1.4\n{first} alice answer 1.5 1.6\nalice {first} hangup/completed+5 7 7.1"
        );
        legal(
            "the other is told after the accept",
            &format!("{rung}\n{first} alice accept 1 1.1\nalice {other} hangup/cancelled 1.2 1.3\n{goes_on}"),
        );
        legal(
            "the other rejects before",
            &format!("{rung}\n{other} alice reject .5 .6\n{first} alice accept 1 1.1\n{goes_on}"),
        );
        legal(
            "the other is busy before, and closes",
            &format!(
                "{rung}\n{other} alice busy .5 .6\n{other} alice hangup/busy .7 .8\n{first} alice accept 1 1.1\n{goes_on}"
            ),
        );
        legal(
            "both accept at once, the second is told that it is over",
            &format!(
                "{rung}\n{first} alice accept 1 1.1\n{other} alice accept 1.05 1.15\nalice {other} hangup/failed 1.2 1.3\n{goes_on}"
            ),
        );
        legal(
            "the other's reject crosses the cancel for it",
            &format!(
                "{rung}\n{first} alice accept 1 1.1\nalice {other} hangup/cancelled 1.2 1.4\n{other} alice reject 1.3 1.5\n{goes_on}"
            ),
        );
    }
}

#[test]
fn glare_in_both_orders() {
    for (name, rest) in [
        ("both busy", "bob alice busy 1 1.1\nalice bob busy 1 1.1 call=2"),
        (
            "one gives way",
            "bob alice accept 1 1.1\nalice bob busy 1.05 1.2 call=2\nalice bob offer 1.3 1.4\nbob alice answer 1.5 1.6",
        ),
        (
            "one cancels its own and takes the other's",
            "alice bob hangup/cancelled 1 1.1\nalice bob accept 1.2 1.3 call=2\nbob alice offer 1.4 1.5 call=2\nalice bob answer 1.6 1.7 call=2",
        ),
        (
            "both cancel",
            "alice bob hangup/cancelled 1 1.2\nbob alice hangup/cancelled 1.1 1.3 call=2",
        ),
    ] {
        for (a, b) in [("0", ".05"), (".05", "0")] {
            legal(
                name,
                &format!("alice bob initiate {a} .1\nbob alice initiate {b} .15 call=2\n{rest}"),
            );
        }
    }
}

#[test]
fn busy_while_ringing_and_in_a_call() {
    legal(
        "a second call while the first rings",
        &format!(
            "{RUNG}\ncarol bob initiate .5 .6 call=2\nbob carol busy .7 .8 call=2\nbob alice accept 1 1.1\nalice bob offer 1.2 1.3\nbob alice answer 1.4 1.5"
        ),
    );
    legal(
        "a second call in the first, closed by both",
        &format!(
            "{MET}\ncarol bob initiate 2 2.1 call=2\nbob carol busy 2.2 2.3 call=2\ncarol bob hangup/busy 2.4 2.5 call=2\nalice bob hangup/completed+1 3 3.1"
        ),
    );
    legal(
        "a second call that is cancelled while busy is under way",
        &format!(
            "{MET}\ncarol bob initiate 2 2.1 call=2\nbob carol busy 2.2 2.4 call=2\ncarol bob hangup/cancelled 2.3 2.5 call=2"
        ),
    );
    legal(
        "the second call is taken once the first is over",
        &format!(
            "{MET}\ncarol bob initiate 2 2.1 call=2\nbob alice hangup/completed 2.2 2.3\nbob carol accept 2.4 2.5 call=2\ncarol bob offer 2.6 2.7 call=2"
        ),
    );
}

/// A hangup crosses each signal that the other side may send, in every gap.
#[test]
fn a_hangup_crosses_whatever_the_other_side_says() {
    let signals = [
        "ice-candidate/1",
        "mute-change/on",
        "hangup/completed",
        "hangup/failed",
    ];
    for (ends, talks) in [("alice", "bob"), ("bob", "alice")] {
        for signal in signals {
            for (sent, taken) in [("1.9", "2.05"), ("2.0", "2.2"), ("2.05", "2.2"), ("2.09", "2.11")] {
                legal(
                    "a hangup in a call",
                    &format!(
                        "{MET}\n{ends} {talks} hangup/completed 2 2.1\n{talks} {ends} {signal} {sent} {taken}"
                    ),
                );
            }
        }
    }
    for answer in ["accept", "reject", "busy"] {
        for (sent, taken) in [(".9", "1.05"), ("1.0", "1.2"), ("1.05", "1.2"), ("1.09", "1.11")] {
            legal(
                "a cancel and an answer",
                &format!("{RUNG}\nalice bob hangup/cancelled 1 1.1\nbob alice {answer} {sent} {taken}"),
            );
        }
    }
    for (sent, taken) in [("30.1", "30.3"), ("29.9", "30.2"), ("30.15", "30.19")] {
        legal(
            "a timeout and an accept",
            &format!("{RUNG}\nalice bob hangup/timeout 30.1 30.2\nbob alice accept {sent} {taken}"),
        );
        legal(
            "two timeouts",
            &format!(
                "{RUNG}\nalice bob hangup/timeout 30.1 30.2\nbob alice hangup/timeout {} {taken}",
                sent.replace("29.9", "30.11")
            ),
        );
    }
    legal(
        "an offer and a hangup",
        "alice bob initiate 0 .1\nbob alice accept 1 1.1\nbob alice hangup/failed 1.15 1.3\nalice bob offer 1.2 1.35",
    );
    legal(
        "an answer and a hangup",
        &format!(
            "{RUNG}\nbob alice accept 1 1.1\nalice bob offer 1.2 1.3\nalice bob hangup/cancelled 1.35 1.5\nbob alice answer 1.4 1.6"
        ),
    );
    legal(
        "a crossing echo",
        &format!(
            "{MET}\nalice bob hangup/completed 2 2.2\nbob alice hangup/failed 2.1 2.3\nalice bob hangup/failed 2.35 2.4"
        ),
    );
}

#[test]
fn candidates_of_both_sides_cross_everything() {
    legal(
        "at once with the answer, and long after",
        "alice bob initiate 0 .1
         bob alice accept 1 1.1
         alice bob offer 1.2 1.3
         alice bob ice-candidate/1 1.21 1.31
         bob alice answer 1.4 1.5
         bob alice ice-candidate/1 1.41 1.51
         alice bob ice-candidate/2 1.45 1.55
         bob alice ice-candidate/2 9 9.1
         alice bob hangup/completed+8 10 10.3
         bob alice ice-candidate/3 10.1 10.2",
    );
}

#[test]
fn answers_come_late_and_after_the_end() {
    legal(
        "results after the hangup",
        "alice bob initiate 0 .1 answers=3.5
         bob alice accept 1 1.1 answers=3.6
         alice bob offer 1.2 1.3 answers=3.7
         bob alice answer 1.4 1.5 answers=3.8
         alice bob hangup/completed+1 3 3.1 answers=3.9",
    );
    legal(
        "an id that the other side uses too, and the same side again after its answer in another stream",
        "alice bob initiate 0 .1 #1
         bob alice accept 1 1.1 #1
         alice bob offer 1.2 1.3 #2
         bob alice answer 1.4 1.5 #2
         carol bob initiate 2 2.1 #1 call=2
         bob carol busy 2.2 2.3 #3 call=2
         3 alice cut
         4 alice comes alice@x/1
         alice bob hangup/failed 5 5.1 #1",
    );
}

#[test]
fn a_party_comes_back_in_the_middle_of_a_call() {
    legal(
        "with the same resource",
        &format!(
            "{MET}\n2 bob cut\nalice bob mute-change/on 2.5 2.6 lost/service-unavailable\n3 bob comes bob@x/1\nalice bob hangup/failed 3.5 3.6"
        ),
    );
    legal(
        "with a new one, and goes on with the call",
        &format!(
            "{MET}\n2 bob cut\nalice bob mute-change/on 2.5 2.6 lost/service-unavailable\n3 bob comes bob@x/9\nbob alice mute-change/on 3.5 3.6\nbob alice hangup/completed+2 4 4.1"
        ),
    );
    legal(
        "with a new one, and is answered there",
        &format!(
            "{MET}\n2 bob cut\n3 bob comes bob@x/9\nbob alice mute-change/on 3.5 3.6\nalice bob mute-change/on 3.7 3.8\nalice bob hangup/completed+2 4 4.1\nbob alice hangup/completed 4.2 4.3"
        ),
    );
    legal(
        "a hangup into the gap, and one that comes out of it",
        &format!(
            "{MET}\n2 bob cut\nalice bob hangup/failed 2.5 2.6 lost/service-unavailable\n3 bob comes bob@x/1\nbob alice hangup/failed 3.5 3.6"
        ),
    );
}

/// The bounce of what reached nobody is under way while the other side hangs up.
#[test]
fn a_bounce_crosses_a_hangup() {
    legal(
        "an initiate to nobody",
        "bob carol initiate 0 .1 call=2
         alice bob@x/7 initiate 0 .1 lost/service-unavailable",
    );
    legal(
        "the server ends a session and bounces what was under way to it, in either order of being seen",
        &format!(
            "{MET}\nalice bob mute-change/on 2 2.1 lost/service-unavailable\n2.2 bob closed\n9 alice cut"
        ),
    );
    legal(
        "a hangup was delivered and a candidate after it bounced",
        &format!(
            "{MET}\nalice bob ice-candidate/2 2 2.3 lost/service-unavailable\nbob alice hangup/completed 2.05 2.2\n2.1 bob cut"
        ),
    );
}

#[test]
fn mute_changes_cross_and_need_not_alternate_between_parties() {
    legal(
        "both mute at once and undo it at once",
        &format!(
            "{MET}\nalice bob mute-change/on 2 2.1\nbob alice mute-change/on 2.05 2.15\nalice bob mute-change/off 2.2 2.3\nbob alice mute-change/off 2.2 2.3"
        ),
    );
    legal(
        "the first says that nothing is muted",
        &format!("{MET}\nalice bob mute-change/off 2 2.1\nbob alice mute-change/off 2.05 2.15"),
    );
    legal(
        "in a call that is not answered yet",
        &format!(
            "{RUNG}\nbob alice accept 1 1.1\nbob alice mute-change/on 1.2 1.3\nalice bob mute-change/on 1.2 1.3"
        ),
    );
}

#[test]
fn a_call_has_not_lasted_longer_than_since_its_accept() {
    let talked = |seconds: u64, made: &str| {
        let lines = format!(
            "alice bob initiate 0 .1\n2 bob cut\n6 bob comes bob@x/1\nbob alice accept 6 6.1 {made}
             alice bob offer 6.2 6.3\nbob alice answer 6.4 6.5\nbob alice hangup/completed+{seconds} 9.6 9.7"
        );
        found(&lines, Sight::Wires)
    };
    assert_eq!(talked(7, ""), ["TM-04 Client"]);
    // It had been made before, and waited for the connection to come back.
    assert_eq!(talked(7, "made=2.5"), ["TM-04 Client?"]);
    assert_eq!(talked(8, "made=2.5"), ["TM-04 Client?"]);
    assert_eq!(talked(9, "made=2.5"), ["TM-04 Client"]);
}

/// A connection stands still for longer than anybody is patient: what was sent over it says itself when it was made.
#[test]
fn a_timeout_is_early_by_the_clock_of_its_sender() {
    let early = |made: &str| {
        let lines = format!("alice bob initiate 0 12\nalice bob hangup/timeout 28 28.1 {made}");
        found(&lines, Sight::Far("alice"))
    };
    assert_eq!(early(""), ["TM-01 Client"]);
    assert_eq!(early("made=30.1"), ["TM-01 Client?"]);
}

/// A session that is resumed sends what was not acknowledged once more.
#[test]
fn what_is_sent_again_after_a_break_is_said_once() {
    let again = |then: &str, second: &str| {
        let lines = format!(
            "{RUNG}\nbob alice busy 1 1.1 #b\nbob alice hangup/busy 1.05 1.15 #h{then}
             bob alice busy 3 3.1 {second} made=1\nbob alice hangup/busy 3.05 3.15 #h made=1.05"
        );
        let told = found(&lines, Sight::Wires).into_iter();
        told.filter(|told| told.starts_with("ST-")).collect::<Vec<_>>()
    };
    let back = "\n2 bob cut\n2.5 bob comes bob@x/1";
    assert_eq!(again(back, "#b"), ["ST-09 Client?", "ST-09 Client?"]);
    // In a stanza of its own it is said a second time, and so it is where nothing broke.
    assert_eq!(again(back, "#c"), ["ST-09 Client", "ST-09 Client?"]);
    assert_eq!(again("", "#b"), ["ST-09 Client", "ST-09 Client"]);
}

/// What looks like the above and is a breach, whoever looks.
#[test]
fn breaches_that_look_like_crossings() {
    let mut wrong = Vec::new();
    for (name, lines, rule, blamed) in [
        (
            "a candidate after the hangup was taken in",
            format!("{MET}\nalice bob hangup/completed 2 2.1\nbob alice ice-candidate/1 2.2 2.3"),
            "ST-09",
            "bob",
        ),
        (
            "an accept after the cancel was taken in",
            format!("{RUNG}\nalice bob hangup/cancelled 1 1.1\nbob alice accept 1.2 1.3"),
            "ST-09",
            "bob",
        ),
        (
            "an accept after a reject",
            format!("{RUNG}\nbob alice reject 1 1.1\nbob alice accept 1.2 1.3"),
            "ST-09",
            "bob",
        ),
        (
            "an offer before the accept",
            format!("{RUNG}\nalice bob offer .5 .6\nbob alice accept 1 1.1"),
            "ST-04",
            "alice",
        ),
        (
            "a timeout that is early by ten seconds",
            format!("{RUNG}\nalice bob hangup/timeout 20 20.1"),
            "TM-01",
            "alice",
        ),
        (
            "a second hangup of the same side",
            format!("{MET}\nalice bob hangup/completed 2 2.1\nalice bob hangup/completed 2.4 2.5"),
            "ST-09",
            "alice",
        ),
        (
            "a callId again after its end",
            format!("{RUNG}\nalice bob hangup/cancelled 1 1.1\nalice bob initiate 2 2.1"),
            "ST-10",
            "alice",
        ),
        (
            "a mute that repeats itself after a crossing",
            format!(
                "{MET}\nalice bob mute-change/on 2 2.1\nbob alice mute-change/off 2.05 2.15\nalice bob mute-change/on 2.3 2.4"
            ),
            "ST-14",
            "alice",
        ),
        (
            "a third party hangs up",
            format!("{MET}\ncarol bob hangup/completed 2 2.1"),
            "ST-11",
            "carol",
        ),
        (
            "a callee that cancels",
            format!("{RUNG}\nbob alice hangup/cancelled 1 1.1"),
            "ST-12",
            "bob",
        ),
        (
            "a duration without a call",
            format!("{RUNG}\nbob alice accept 1 1.1\nbob alice hangup/failed+3 4 4.1"),
            "TM-03",
            "bob",
        ),
    ] {
        for sight in [Sight::Far(blamed), Sight::Wires] {
            let told: Vec<String> = found(&lines, sight)
                .into_iter()
                .filter(|told| !told.starts_with("IQ-06"))
                .collect();
            if told != [format!("{rule} Client")] {
                wrong.push(format!("{name}, {sight:?}: wanted {rule}, found {told:?}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
