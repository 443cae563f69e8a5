//! Faults as a decision alone: a passage in, parcels out.

use super::{Around, Carrier, Chosen, FaultLog, Injector, Parcel, Passage, Point, faults};
use crate::stanza::Stanza;

const A: &str = "alice@x/1";
const B: &str = "bob@x/1";
const B2: &str = "bob@x/2";
const M: &str = "mallory@x/1";

fn injector(chosen: &[&str]) -> Injector {
    let chosen: Vec<Chosen> = chosen.iter().map(|text| text.parse().expect("a fault")).collect();
    Injector::new(&chosen, 0, None).expect("faults")
}

fn around() -> Around {
    let seats = [A, B, B2, M].map(|jid| (jid.to_owned(), Carrier::WebSocket));
    Around {
        now: 0.0,
        seats: seats.to_vec(),
    }
}

fn signal(kind: &str, call: &str, id: &str) -> Stanza {
    let text = format!(
        "{{\"callId\":\"{call}\",\"payload\":{{\"reason\":\"completed\"}},\"type\":\"call:{kind}\"}}"
    );
    let text = crate::stanza::escape(&text);
    let raw = format!(
        "<iq xmlns='jabber:client' type='set' id='{id}' to='{B}' from='{A}'><call xmlns='urn:xmpp:call:0'>{text}</call></iq>"
    );
    Stanza::parse(raw).expect("a stanza")
}

fn carry(injector: &mut Injector, stanza: &Stanza) -> Vec<Parcel> {
    let passage = Passage {
        point: Point::Signal,
        from: A,
        to: B,
        stanza,
        text: stanza.raw().to_owned(),
    };
    injector.carry(&passage, &around())
}

fn ways(parcels: &[Parcel]) -> Vec<(u64, &str)> {
    parcels
        .iter()
        .map(|parcel| (parcel.after, parcel.to.as_str()))
        .collect()
}

#[test]
fn a_fault_strikes_when_it_says_and_only_then() {
    let mut every = injector(&["drop:every=3"]);
    let fates: Vec<usize> = (0..7)
        .map(|n| carry(&mut every, &signal("initiate", "c", &n.to_string())).len())
        .collect();
    assert_eq!(fates, [1, 1, 0, 1, 1, 0, 1]);
    let mut late = injector(&["drop:after=2"]);
    let fates: Vec<usize> = ["c1", "c2", "c2", "c3", "c1"]
        .iter()
        .map(|call| carry(&mut late, &signal("initiate", call, "i")).len())
        .collect();
    assert_eq!(fates, [1, 1, 1, 0, 0]);
    let mut only = injector(&["drop:only=hangup"]);
    assert_eq!(carry(&mut only, &signal("initiate", "c", "1")).len(), 1);
    assert_eq!(carry(&mut only, &signal("hangup", "c", "2")).len(), 0);
    let mut tcp = injector(&["drop:over=tcp"]);
    assert_eq!(carry(&mut tcp, &signal("initiate", "c", "1")).len(), 1);
    let mut load = injector(&["drop:when=load"]);
    let fates: Vec<usize> = (0..6)
        .map(|n| carry(&mut load, &signal("initiate", &format!("c{n}"), "i")).len())
        .collect();
    assert_eq!(fates, [1, 1, 1, 1, 0, 0]);
    let mut role = injector(&["drop:from=callee"]);
    assert_eq!(carry(&mut role, &signal("initiate", "c", "1")).len(), 1);
}

#[test]
fn faults_work_one_after_the_other() {
    let mut both = injector(&["duplicate-late", "delay", "leak-to-stranger"]);
    let parcels = carry(&mut both, &signal("initiate", "c", "1"));
    assert_eq!(ways(&parcels), [(2_000, B), (2_000, M), (5_000, B), (5_000, M)]);
    let mut gone = injector(&["drop", "duplicate"]);
    assert_eq!(carry(&mut gone, &signal("initiate", "c", "1")), []);
}

#[test]
fn the_same_passages_meet_the_same_fate_and_the_seed_moves_it() {
    let fates = |seed| {
        let chosen: Chosen = "drop:every=4".parse().expect("a fault");
        let mut injector = Injector::new(&[chosen], seed, None).expect("faults");
        (0..8)
            .map(|n| carry(&mut injector, &signal("initiate", "c", &n.to_string())).len())
            .collect::<Vec<_>>()
    };
    assert_eq!(fates(0), fates(0));
    assert_eq!(fates(0), [1, 1, 1, 0, 1, 1, 1, 0]);
    assert_eq!(fates(1), [1, 1, 0, 1, 1, 1, 0, 1]);
}

#[test]
fn what_a_fault_did_is_logged_and_nothing_else() {
    #[derive(Clone, Default)]
    struct Sink(std::sync::Arc<std::sync::Mutex<Vec<u8>>>);
    impl std::io::Write for Sink {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().expect("a sink").extend_from_slice(bytes);
            Ok(bytes.len())
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }
    let sink = Sink::default();
    let chosen: Chosen = "drop:only=hangup".parse().expect("a fault");
    let mut injector = Injector::new(&[chosen], 0, Some(FaultLog::new(sink.clone()))).expect("faults");
    carry(&mut injector, &signal("initiate", "c", "1"));
    carry(&mut injector, &signal("hangup", "c", "2"));
    let log = String::from_utf8(sink.0.lock().expect("a sink").clone()).expect("text");
    let lines: Vec<serde_json::Value> = log
        .lines()
        .map(|line| serde_json::from_str(line).expect("JSON"))
        .collect();
    assert_eq!(lines.len(), 1);
    assert_eq!(lines[0]["fault"], "drop:only=hangup");
    assert_eq!(
        (lines[0]["id"].as_str(), lines[0]["signal"].as_str()),
        (Some("2"), Some("hangup"))
    );
}

/// Liberties are other words for the same thing.
#[test]
fn what_breaks_no_rule_changes_no_meaning() {
    let text = "{\"callId\":\"c\",\"payload\":{\"callerName\":\"<é> & ]]> 👩 \\\"it's\\\"\"},\"type\":\"call:initiate\"}";
    let raw = format!(
        "<iq xmlns=\"jabber:client\" type=\"set\" id=\"1\" to=\"{B}\" from=\"{A}\"><call xmlns=\"urn:xmpp:call:0\">{}</call></iq>",
        crate::stanza::escape(text)
    );
    let stanza = Stanza::parse(raw).expect("a stanza");
    let mut changed = 0;
    for fault in faults().filter(|fault| fault.rules.is_empty()) {
        let mut injector = Injector::new(&[Chosen::from(fault)], 0, None).expect("a fault");
        // What may come beside it comes before it.
        if let Some(parcel) = carry(&mut injector, &stanza).last() {
            let got = Stanza::parse(parcel.text.as_str()).expect(fault.name);
            assert_eq!(got.call_text().as_deref(), Some(text), "{}", fault.name);
            assert_eq!(got.id(), Some("1"), "{}", fault.name);
            changed += usize::from(parcel.text != stanza.raw());
        }
    }
    assert!(changed >= 4, "{changed}");
}
