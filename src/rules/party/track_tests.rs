//! What is not known of a party that is seen from elsewhere, or of when it took something in, and how far that excuses.

use super::beam::Inbound;
use super::cost::breaks;
use super::legal_tests::{MET, RUNG, Sight, found};
use super::real_tests::{RELAY, Seen, told};
use super::tests::{CONNECT, History, far, parties};
use super::track::{Sight as Seeing, Start, Track};
use crate::protocol::{Act, Kind, Role};
use crate::rules::Blame;

/// What is found of alice, a client of which only bob's end was recorded.
fn caller(lines: &str) -> Vec<String> {
    parties(&History::new("bob", "bob").plays(lines).verdict())
}

/// What is found of bob, a client of which the own wire was recorded.
fn wire(lines: &str) -> Vec<String> {
    parties(&History::new("", "bob").plays(lines).verdict())
}

#[test]
fn signals_are_under_way_for_five_seconds_and_no_longer() {
    for (lines, rule) in [
        ("0 bob < initiate\n25 bob < hangup/timeout", "TM-01 Client?"),
        ("100 bob < initiate\n120 bob < hangup/timeout", "TM-01 Client"),
    ] {
        assert_eq!(caller(lines), [rule], "{lines}");
    }
    for (seconds, rule) in [(10, "TM-04 Client?"), (14, "TM-04 Client?"), (15, "TM-04 Client")] {
        let lines = format!("{CONNECT}\n9 alice < hangup/completed+{seconds}");
        assert_eq!(far(&lines), [rule], "{seconds}");
    }
    // How long it rang: from when it had surely come in, and at most five seconds less than since it was there.
    for (answered, accepts, rule) in [
        (103, 132, "TM-07 Client?"),
        (103, 133, "TM-07 Client?"),
        (102, 134, "TM-07 Client"),
        (104, 136, "TM-07 Client"),
    ] {
        let lines = format!("100 bob < initiate\n{answered} bob ok initiate\n{accepts} bob > accept");
        assert_eq!(wire(&lines), [rule], "{lines}");
    }
}

#[test]
fn how_long_it_rang_counts_from_where_it_was_seen_to_ring() {
    for (lines, rule) in [
        (
            "0 bob < initiate\n1 bob ok initiate\n31 bob > accept",
            "TM-07 Client?",
        ),
        // What comes in later does not make it ring anew.
        (
            "100 bob < initiate\n100.5 bob ok initiate\n120 bob < offer#e\n120.1 bob no offer#e\n131.5 bob > accept",
            "TM-07 Client",
        ),
    ] {
        assert!(
            wire(lines).contains(&rule.to_owned()),
            "{lines}: {:?}",
            wire(lines)
        );
    }
    // However long it took to be answered, it was under way for no more than five seconds of that.
    let slow = "100 bob < initiate\n106 bob ok initiate\n136 bob > accept";
    assert_eq!(wire(slow), ["IQ-08 Client", "TM-07 Client"]);
    // What comes in is put before its sending by a clock of whole seconds, and not by more.
    for (at, rule) in [("28.5", "TM-01 Client"), ("29", "TM-01 Client?")] {
        let lines = format!("0 alice > initiate\n0.1 alice got initiate\n{at} alice < hangup/timeout");
        assert_eq!(far(&lines), [rule], "{at}");
    }
    // A bot of ours knows.
    let ours = "0 bob < initiate\n0 bob ok initiate\n31 bob > accept";
    assert_eq!(caller(ours), ["TM-07 Ourselves"]);
    // So does the wire of whoever called.
    let calls = History::new("", "alice").plays("0 alice > initiate\n29.5 alice > hangup/timeout");
    assert_eq!(parties(&calls.verdict()), ["TM-01 Client"]);
}

/// It had rung too long, or had been called off: the one is a should, the other a must.
#[test]
fn a_must_that_is_in_doubt_goes_before_a_should_that_is() {
    let rang = "0 alice > initiate\n3 alice got initiate";
    assert_eq!(far(&format!("{rang}\n31 alice < accept")), ["TM-07 Client?"]);
    let cancelled = format!("{rang}\n25 alice > hangup/cancelled\n31 alice < accept");
    assert_eq!(far(&cancelled), ["ST-09 Client?"]);
}

/// Whatever else of the same sender is answered later.
#[test]
fn it_rings_from_the_first_moment_on() {
    let act = |kind| Act {
        kind,
        reason: None,
        duration: None,
        muted: None,
    };
    let mut track = Track::new("alice@x/1", Role::Callee, Seeing::Wire, 1, Start::Seen, 0);
    track.receive(&Inbound {
        act: act(Kind::Initiate),
        at: 100.0,
        n: 1,
        id: "1".into(),
        doubtful: false,
        unsure: false,
    });
    track.acknowledge("1", 100.5);
    track.reach(1, 120.0);
    let out = track.send(&act(Kind::Accept), 131.5, false);
    assert!(breaks(&out.rulings, "TM-07") && out.excuse.is_none());
}

/// Between its own signals its own wire measures, whatever it says itself of when it made them.
#[test]
fn what_a_wire_shows_needs_no_timestamps() {
    for (own, lines, told) in [
        (
            "alice",
            "0 alice > initiate\n25 alice > hangup/timeout@30",
            "TM-01 Client",
        ),
        (
            "bob",
            "0 bob < initiate\n0.1 bob ok initiate\n1 bob > accept\n1.5 bob < offer\n1.5 bob ok offer
             1.8 bob > answer\n9 bob > hangup/completed+15@16",
            "TM-04 Client",
        ),
    ] {
        let mut seen = History::new("", own);
        seen.witness = "ends";
        assert_eq!(parties(&seen.plays(lines).verdict()), [told], "{lines}");
    }
    // From the other end only its timestamps tell.
    let mut seen = History::new("", "bob");
    seen.witness = "ends";
    let lines = "0 bob < initiate\n0.1 bob ok initiate\n24 bob < hangup/timeout@30";
    assert_eq!(parties(&seen.plays(lines).verdict()), ["TM-01 Client?"]);
}

/// Of two clocks either may be wrong, unless one of them is ours; and one that was set has been wrong.
#[test]
fn whose_clock_is_wrong_is_certain_where_the_others_is_known() {
    let ends = |own, lines: &str| {
        let mut seen = History::new("", own);
        seen.witness = "ends";
        parties(&seen.plays(lines).verdict())
    };
    let off = "0 alice > initiate\n0.1 alice got initiate\n2 alice < accept@90";
    assert_eq!(far(off), ["TM-05 Client"]);
    assert_eq!(ends("alice", off), ["TM-05 Client?"]);
    let own = "1 bob < initiate\n1.1 bob ok initiate\n2 bob > accept@90";
    assert_eq!(ends("bob", own), ["TM-05 Client"]);
    assert_eq!(ends("bob", &format!("0 bob stalls 5\n{own}")), ["TM-05 Client"]);
    assert_eq!(ends("bob", &format!("0 bob stalls\n{own}")), ["TM-05 Client?"]);
}

/// The beginning of the call, what had come in last, and the signal itself.
#[test]
fn a_breach_is_shown_by_what_came_before_it() {
    for (rest, events) in [
        (
            "1.1 alice got hangup/cancelled\n1.2 alice < accept",
            [2, 4, 6].as_slice(),
        ),
        ("1.1 alice < offer", &[2, 4, 5]),
    ] {
        let lines = format!("0 alice > initiate\n0.1 alice got initiate\n1 alice > hangup/cancelled\n{rest}");
        let verdict = History::new("alice", "alice").plays(&lines).verdict();
        assert_eq!(verdict.findings[0].events, events, "{rest}");
    }
}

#[test]
fn an_answer_has_five_seconds_and_is_given_once() {
    let answered = |at: f64| far(&format!("0 alice > initiate\n{at} alice got initiate"));
    assert_eq!(answered(5.0), [""; 0]);
    assert_eq!(answered(5.25), ["IQ-08 Client"]);
    let twice = |asked: &str| {
        let lines = format!("0 bob < initiate\n{asked}\n0.2 bob ok initiate\n0.3 bob ok initiate");
        let verdict = History::new("", "bob").plays(&lines).verdict();
        let mut findings = verdict.findings.iter();
        findings.any(|found| found.rule.id == "IQ-01" && found.blame == Blame::Client)
    };
    // Whoever was asked twice answers twice.
    assert_eq!((twice(""), twice("0.1 bob < initiate@0")), (true, false));
}

/// An accept that was perhaps too late has perhaps connected nothing.
#[test]
fn what_follows_an_accept_that_was_perhaps_late_is_as_doubtful() {
    let lines = "100 bob < initiate\n103 bob ok initiate\n132 bob > accept\n133 bob > reject";
    assert_eq!(wire(lines), ["TM-07 Client?", "ST-03 Client?"]);
}

#[test]
fn what_was_unanswered_for_more_than_five_seconds_had_perhaps_come_in() {
    for (at, told) in [("16", &[][..]), ("18", &["ST-09 Client?"])] {
        let lines = format!(
            "10 alice > initiate\n10.1 alice got initiate\n11 alice > hangup/cancelled\n{at} alice < accept"
        );
        assert_eq!(far(&lines), told, "{at}");
    }
}

/// Stanzas are taken in in their order, whatever call they are for.
#[test]
fn an_answer_in_another_call_tells_what_had_come_in_before_it() {
    for (second, certain) in [
        ("", false),
        ("alice bob initiate 2 2.1 call=2", true),
        ("carol bob initiate 2 2.1 call=2", false),
    ] {
        let lines =
            format!("{RUNG}\nalice bob hangup/cancelled 1 1.1 answers=5\n{second}\nbob alice accept 3 3.1");
        for sight in [Sight::Far("bob"), Sight::Wires] {
            let told = found(&lines, sight).contains(&"ST-09 Client".to_owned());
            assert_eq!(told, certain, "{second} {sight:?}");
        }
    }
}

/// Whoever speaks before its call begins is on no side of it yet.
#[test]
fn the_initiate_says_who_calls_whom() {
    for later in ["2 alice < accept", "40 alice breaks none"] {
        let lines =
            format!("0 alice < hangup/completed\n1 alice > initiate\n1.1 alice got initiate\n{later}");
        assert_eq!(far(&lines), ["ST-08 Client"], "{later}");
    }
}

/// What came in at last, it had perhaps taken in.
#[test]
fn a_call_that_was_perhaps_answered_does_not_ring_for_ever() {
    let rings = |line: &str, end: u32| {
        let lines = format!("0 alice > initiate\n0.1 alice got initiate\n{line}\n{end} alice breaks none");
        parties(&History::new("", "alice").plays(&lines).verdict())
    };
    assert_eq!(rings("", 36), ["TM-02 Client"]);
    assert_eq!(rings("", 35), [""; 0]);
    assert_eq!(rings("29 alice < accept", 36), [""; 0]);
}

/// It is not only what is never ended that rings too long.
#[test]
fn a_call_that_nobody_answers_is_given_up_in_time() {
    let alice = |lines: &str| parties(&History::new("", "alice").plays(lines).verdict());
    let rung = "0 alice > initiate\n0.1 alice got initiate";
    for reason in ["timeout", "cancelled"] {
        let ends = |at: &str, more: &str| alice(&format!("{rung}\n{more}\n{at} alice > hangup/{reason}"));
        assert_eq!(ends("34.9", ""), [""; 0], "{reason}");
        assert_eq!(ends("35.2", ""), [""; 0], "{reason}");
        assert_eq!(ends("36", ""), ["TM-02 Client"], "{reason}");
        // The other side had perhaps ended it.
        let crossed = ends("36", "35.9 alice < hangup/timeout");
        assert!(
            !crossed.iter().any(|told| told.starts_with("TM-02")),
            "{crossed:?}"
        );
    }
    assert_eq!(
        alice(&format!(
            "{rung}\n36 alice < reject\n36.1 alice ok reject\n36.2 alice > hangup/rejected"
        )),
        [""; 0]
    );
    assert_eq!(
        alice("0 alice > initiate\n0.1 alice got initiate no\n36 alice > hangup/cancelled"),
        [""; 0]
    );
    // From afar, of a hangup that came in late it is not known when it was sent. The recorder's clock was not set meanwhile.
    let ticks: Vec<String> = (1..13).map(|n| format!("{} bob breaks none", 3 * n)).collect();
    for (at, told) in [("39", "TM-02 Client?"), ("41", "TM-02 Client")] {
        let lines = format!(
            "0 bob < initiate\n{}\n{at} bob < hangup/timeout",
            ticks.join("\n")
        );
        assert_eq!(caller(&lines), [told], "{at}");
        // Whoever has recorded only this device does not know what another one did.
        let mut callee = History::new("", "bob").plays(&lines);
        callee.witness = "ends";
        assert_eq!(parties(&callee.verdict()), ["TM-02 Client?"], "{at}");
    }
    // A bot of ours lets it ring as long as its scenario says.
    let bot = History::new("alice", "alice").plays("0 alice > initiate\n60 alice > hangup/timeout");
    assert_eq!(parties(&bot.verdict()), [""; 0]);
}

/// In a call is whoever accepted it and whoever was accepted, until it ends, however many others there are.
#[test]
fn whoever_is_in_a_call_accepts_no_other() {
    let second = |who: &str, call: u32, at: u32| {
        format!(
            "\ncarol {who} initiate {at} {at}.1 call={call}\n{who} carol accept {at}.5 {at}.6 call={call}"
        )
    };
    for who in ["alice", "bob"] {
        let twice = format!("{MET}{}", second(who, 2, 2));
        let over = format!(
            "{twice}\ncarol {who} hangup/failed 3 3.1 call=2{}",
            second(who, 3, 4)
        );
        let after = format!("{MET}\nalice bob hangup/completed 2 2.1{}", second(who, 2, 3));
        for sight in [Sight::Far(who), Sight::Wires] {
            assert_eq!(found(&twice, sight), ["ST-13 Client"], "{who} {sight:?}");
            assert_eq!(found(&over, sight), ["ST-13 Client"; 2], "{who} {sight:?}");
            assert_eq!(found(&after, sight), [""; 0], "{who} {sight:?}");
        }
        // Whoever came anew, or saw the other side gone, is in no call.
        let other = if who == "alice" { "bob" } else { "alice" };
        for over in [
            format!("2 {who} cut\n2.1 {who} comes {who}@x/1"),
            format!("{who} {other} mute-change/on 2 2.1 lost/service-unavailable"),
        ] {
            let told = found(&format!("{MET}\n{over}{}", second(who, 2, 3)), Sight::Wires);
            assert!(!told.contains(&"ST-13 Client".to_owned()), "{who}: {told:?}");
        }
    }
}

/// What stands in a report: the value, where it stands, and no more of it than is read.
#[test]
fn a_finding_shows_what_it_is_about() {
    let long = "x".repeat(70);
    for (kind, pointer, value, seen) in [
        (
            "hangup",
            "/payload/reason",
            "bored".into(),
            "`\"bored\"` at /payload/reason".to_owned(),
        ),
        (
            "hangup",
            "/payload/reason",
            long.as_str().into(),
            format!("`\"{}…` at /payload/reason", "x".repeat(59)),
        ),
        (
            "ice-candidate",
            "/payload/sdpMLineIndex",
            7.into(),
            "…` at /payload".to_owned(),
        ),
        (
            "offer",
            "/payload/sdp",
            "v=0".into(),
            "`\"v=0\"` at /payload/sdp".to_owned(),
        ),
        (
            "initiate",
            "/timestamp",
            "2026-01-01T00:00:00Z".into(),
            "-61.0 s at /timestamp".to_owned(),
        ),
    ] {
        let mut history = History::new("", "alice bob");
        history.change = Box::new(move |signal| {
            if signal["type"] == format!("call:{kind}") {
                *signal.pointer_mut(pointer).expect("a member") = serde_json::Value::clone(&value);
            }
        });
        let lines = "61 alice > initiate\n61.1 alice got initiate\n62 alice < accept\n62 alice ok accept
            62.1 alice > offer\n62.2 alice got offer\n62.3 alice > ice-candidate\n62.4 alice got ice-candidate
            69 alice > hangup\n69.1 alice got hangup";
        let verdict = history.plays(lines).verdict();
        let places: Vec<&str> = verdict.findings.iter().map(|found| &*found.seen).collect();
        assert!(
            places.iter().any(|told| told.ends_with(&seen)),
            "{seen}: {places:?}"
        );
    }
}

/// Whoever hangs up while the other side does may not have taken that in: then only its lengths of time are wrong, if they
/// are.
#[test]
fn what_was_perhaps_right_is_told_of_a_hangup_that_crosses_another() {
    let server = Seen {
        witness: "between",
        ..RELAY
    };
    for (seconds, rule) in [(10, "TM-04?"), (15, "TM-03")] {
        let lines = format!(
            "0 alice/1 comes
            0 bob/1 comes
            1 alice/1 > bob/1 initiate 1
            1 bob/1 < alice/1 initiate 1
            2 bob/1 > alice/1 accept 2
            2 alice/1 < bob/1 accept 2
            3 alice/1 > bob/1 offer 3
            3 bob/1 < alice/1 offer 3
            4 bob/1 > alice/1 answer 4
            4 alice/1 < bob/1 answer 4
            10 alice/1 > bob/1 hangup/completed+7 5
            10 bob/1 < alice/1 hangup/completed+7 5
            10.2 bob/1 > alice/1 hangup/completed+{seconds} 6"
        );
        assert_eq!(told(server, &lines), [rule], "{seconds}");
    }
    let lines = "0 alice > initiate\n0.1 alice got initiate\n29 alice > hangup/cancelled\n29.1 alice < hangup/timeout";
    assert_eq!(far(lines), ["TM-01 Client?"]);
}
