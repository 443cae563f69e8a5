//! Where time, length and number end for a server between observed parties, and how much is remembered of a flood.

use super::Delivery;
use super::tests::{A, B, Script, set};
use crate::profile::Profile;
use crate::rules::{Ear, Family, Record, Seen, Verdict};

const NONE: [&str; 0] = [];

/// What was found; `?`: with an excuse.
fn told(verdict: &Verdict) -> Vec<String> {
    let found = verdict.findings.iter();
    found
        .map(|found| {
            format!(
                "{}{}",
                found.rule.id,
                if found.excuse.is_some() { "?" } else { "" }
            )
        })
        .collect()
}

fn held(verdict: &Verdict, id: &str) -> u64 {
    verdict.rules.get(id).map_or(0, |tally| tally.held)
}

/// A signal of so many bytes that takes so many seconds. All times here have an exact half in binary.
fn took(bytes: usize, seconds: f64) -> Script {
    let text = "x".repeat(bytes);
    let mut script = Script::new();
    script.line("alice", "sent", &set(None, B, "1", &text)).at(10.0);
    let got = set(Some(A), B, "1", &text);
    script
        .line("bob", "received", &got)
        .at(10.0 + seconds)
        .answers("1");
    script
}

/// It reads as fast as anybody writes.
fn quick() -> Profile {
    Profile {
        full_rate: true,
        ..Profile::default()
    }
}

#[test]
fn a_signal_has_a_second_for_each_ten_thousand_bytes() {
    for (bytes, seconds, late) in [
        (100, 1.0, false),
        (100, 1.25, true),
        (25_000, 3.0, false),
        (25_000, 3.25, true),
    ] {
        let verdict = took(bytes, seconds).verdict(quick());
        assert_eq!(told(&verdict) == ["RT-13"], late, "{bytes} bytes in {seconds} s");
        assert_eq!(held(&verdict, "RT-13"), u64::from(!late));
    }
}

#[test]
fn who_reads_slowly_has_longer() {
    let limited = Profile {
        rate_limit: Some(1_000),
        ..Profile::default()
    };
    assert_eq!(told(&took(5_000, 8.0).verdict(limited.clone())), NONE);
    assert_eq!(told(&took(5_000, 8.5).verdict(limited)), ["RT-13"]);
    // Where the profile does not say so, it may be one that does.
    assert_eq!(told(&took(9_000, 4.0).verdict(Profile::default())), ["RT-13?"]);
    assert_eq!(told(&took(9_000, 4.25).verdict(Profile::default())), ["RT-13"]);
}

/// Each second in which this process stood still may cost three.
#[test]
fn what_this_process_kept_waiting_is_nobodys() {
    let stalled = |seconds: f64| {
        let mut script = took(100, seconds);
        script.line("", "stalled", "").at(12.0);
        if let Some(event) = script.events.last_mut() {
            event.seconds = Some(1.0);
        }
        told(&script.verdict(quick()))
    };
    assert_eq!(
        (stalled(4.0), stalled(4.25)),
        (vec!["RT-13?".to_owned()], vec!["RT-13".to_owned()])
    );
}

#[test]
fn twenty_messages_under_way_make_a_flood() {
    let flood = |before: usize, meanwhile: usize, seconds: f64| {
        let chat =
            |n: usize, from: &str| format!("<message {from}to='{A}' id='m{n}'><body>hi</body></message>");
        let mut script = Script::new();
        for n in 0..before {
            script.line("bob", "sent", &chat(n, ""));
        }
        script.sends("1", B).at(10.0);
        for n in before..before + meanwhile {
            script.line("bob", "sent", &chat(n, ""));
        }
        script.gets("1").at(10.0 + seconds);
        let from = format!("from='{B}' ");
        for n in 0..before + meanwhile {
            script.line("alice", "received", &chat(n, &from));
        }
        // By now all have arrived.
        script.answers("1");
        script
            .sends("2", B)
            .at(20.0)
            .gets("2")
            .at(20.0 + seconds)
            .answers("2");
        script.verdict(quick())
    };
    assert_eq!(told(&flood(19, 0, 2.0)), ["RT-13", "RT-13"]);
    assert_eq!(told(&flood(20, 0, 2.0)), ["CH-02", "RT-13"]);
    assert_eq!(told(&flood(10, 10, 2.0)), ["CH-02", "RT-13"]);
    // Where a signal takes as long without any chat, the flood has no part in it.
    let slow = |before: f64, seconds: f64| {
        let mut script = Script::new();
        script
            .sends("1", B)
            .at(5.0)
            .gets("1")
            .at(5.0 + before)
            .answers("1");
        for n in 0..20 {
            let chat = format!("<message to='{A}' id='m{n}'><body>hi</body></message>");
            script.line("bob", "sent", &chat);
        }
        script.sends("2", B).at(10.0).gets("2").at(10.0 + seconds);
        for n in 0..20 {
            let chat = format!("<message from='{B}' to='{A}' id='m{n}'><body>hi</body></message>");
            script.line("alice", "received", &chat);
        }
        told(&script.answers("2").verdict(quick()))
    };
    assert_eq!(slow(3.0, 4.0), ["RT-13", "RT-13"]);
    assert_eq!(slow(3.0, 4.25), ["RT-13", "CH-02"]);
    assert_eq!(
        (
            held(&flood(19, 0, 0.5), "CH-02"),
            held(&flood(20, 0, 0.5), "CH-02")
        ),
        (0, 1)
    );
}

/// What a server says for who is there is right where it was just ending that session.
#[test]
fn an_end_explains_what_was_said_within_a_second_before() {
    let bounced = format!(
        "<iq type='error' id='1' from='{B}' to='{A}'><error type='cancel'><service-unavailable xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></iq>"
    );
    for (who, dir, at, broken) in [
        ("bob", "closed", 11.0, &NONE[..]),
        ("bob", "closed", 11.25, &["RT-03"]),
        ("carol", "closed", 10.5, &["RT-03"]),
        // In trouble nothing is known of anybody's end.
        ("carol", "trouble", 11.0, &[]),
        ("bob", "trouble", 11.25, &["RT-03"]),
    ] {
        let mut script = Script::new();
        script
            .line("carol", "connected", "carol@x/3")
            .sends("1", B)
            .at(9.0);
        script
            .line("alice", "received", &bounced)
            .at(10.0)
            .line(who, dir, "")
            .at(at);
        assert_eq!(told(&script.verdict(quick())), broken, "{who} {dir} {at}");
    }
    // What is sent within that second may still have gone to the session that ended.
    let swallowed = |at: f64| {
        let mut script = Script::new();
        script.line("bob", "cut", "").at(100.0).sends("1", B).at(at);
        told(&script.verdict(quick()))
    };
    assert_eq!(
        (swallowed(100.5), swallowed(101.0)),
        (vec!["RT-09?".to_owned()], vec!["RT-09".to_owned()])
    );
}

#[test]
fn a_limit_is_kept_up_to_its_last_byte() {
    let refused = format!(
        "<iq type='error' id='1' from='{B}' to='{A}'><error type='modify'><policy-violation xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></iq>"
    );
    let around = set(None, B, "1", "").len();
    for (bytes, broken) in [(10_000, &["RT-11"][..]), (10_001, &[])] {
        let mut script = Script::new();
        script.line("alice", "sent", &set(None, B, "1", &"x".repeat(bytes - around)));
        script.line("alice", "received", &refused);
        assert_eq!(script.broken(), broken, "{bytes}");
    }
    // What is long and there up to a point met a limit too.
    for (bytes, comes, broken) in [
        (5_000, "xx", "RT-11"),
        (5_000, "xy", "RT-05"),
        (3_000, "xx", "RT-05"),
    ] {
        let mut script = Script::new();
        script.line("alice", "sent", &set(None, B, "1", &"x".repeat(bytes)));
        script
            .line("bob", "received", &set(Some(A), B, "1", comes))
            .answers("1");
        assert_eq!(script.broken(), [broken], "{comes} of {bytes}");
    }
    let carried = |bytes: usize| held(&took(bytes - around, 0.5).verdict(quick()), "RT-11");
    assert_eq!((carried(9_999), carried(10_000)), (0, 1));
}

/// However long a transcript is, and whatever stands in it.
#[test]
fn of_a_flood_so_much_is_remembered() {
    let header = serde_json::from_str(r#"{"callspec":1,"scenario":{}}"#).expect("a header");
    let (mut delivery, mut record, mut ear) = (Delivery::new(&header), Record::default(), Ear::default());
    let own = format!(
        "<iq type='error' id='1' from='{B}' to='{A}'><error type='cancel'><forbidden xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></iq>"
    );
    // Every signal is late, and the server answers it itself.
    let mut script = Script::new();
    script.sends("1", B).gets("1").line("alice", "received", &own);
    let [alice, bob, exchange @ ..] = script.events.as_mut_slice() else {
        panic!()
    };
    let mut play = |event: &_| {
        let heard = ear.listen(event);
        let seen = Seen {
            event,
            stanza: heard.stanza.as_ref(),
            spoken: None,
        };
        delivery.event(seen, &mut record);
    };
    play(alice);
    play(bob);
    for n in 0..4_200 {
        for (event, after) in exchange.iter_mut().zip([0.0, 2.0, 2.0]) {
            event.t = 10.0 * f64::from(n) + after;
            play(event);
        }
    }
    let heard: Vec<usize> = delivery.heard.values().map(|heard| heard.len()).collect();
    assert_eq!(
        (delivery.late.len(), delivery.hasty.len(), heard),
        (4_096, 4_096, vec![4_096])
    );
    // Of what is settled not even the text.
    assert!(delivery.flights.values().all(|flight| flight.text.is_empty()));
    let last = delivery.flights.values().next_back().cloned().expect("a flight");
    for n in 0..65_600 {
        let flight = super::flight::Flight {
            id: n.to_string(),
            ..last.clone()
        };
        delivery.flights.put(flight, usize::MAX);
        let key = delivery.flights.find(&n.to_string(), |_| true).expect("a flight");
        delivery.settle(key);
    }
    assert_eq!(delivery.flights.values().count(), 65_536);
}
