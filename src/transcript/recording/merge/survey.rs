//! What a first reading tells of a recording, and how far its clock is from another's.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::Arc;

use super::super::Recorded;
use crate::stanza::{IqType, Stanza, bare, fold, print};
use crate::transcript::{Dir, Event, Witness};

/// Stanzas that are remembered to set two clocks against each other. Of more, the same part of each recording.
const SAMPLE: usize = 32_768;
/// What clocks are forgiven, in seconds: they are read in steps.
pub(super) const STEP: f64 = 0.0005;
/// What a first reading tells of one recording, or of one connection of it.
pub(super) struct Survey {
    pub source: usize,
    pub only: Option<Arc<str>>,
    /// By what tells a stanza from others. `None`: it is there twice.
    pub stanzas: HashMap<u64, Option<Passed>>,
    pub keys: Keys,
    pub mask: u64,
    pub first: f64,
    pub last: f64,
    pub witness: Witness,
    /// What its times count from, where other recordings may count from the same.
    pub clock: Option<String>,
}

/// How a stanza passed here.
#[derive(Debug, Clone, Copy)]
pub(super) struct Passed {
    pub sent: bool,
    pub at: f64,
    /// Stands for whose session this was.
    pub end: u64,
}

impl Survey {
    pub fn note(&mut self, recorded: &Recorded, shared: bool) {
        let event = &recorded.event;
        if !event.t.is_nan() {
            self.first = self.first.min(event.t);
            self.last = self.last.max(event.t);
        }
        let sent = match event.dir {
            _ if !shared => return,
            Dir::Sent => true,
            Dir::Received => false,
            _ => return,
        };
        let Some(key) = self.keys.of(recorded) else { return };
        if key & self.mask != 0 {
            return;
        }
        self.stanzas
            .entry(key)
            .and_modify(|held| *held = None)
            .or_insert(Some(Passed {
                sent,
                at: event.t,
                end: print(own(event)),
            }));
        if self.stanzas.len() > SAMPLE {
            self.mask = self.mask << 1 | 1;
            let mask = self.mask;
            self.stanzas.retain(|key, _| key & mask == 0);
        }
    }
}

/// What tells a stanza from others, as its sender and its receiver have it.
#[derive(Default)]
pub(super) struct Keys {
    /// The requests that were not answered so far: their keys, by what an answer repeats of them.
    asked: HashMap<u64, u64>,
}

impl Keys {
    /// What the same stanza has in common at both ends: a server may hand on to a device what was sent to its user. An
    /// answer is known by its request: many count their ids from 1 in every stream.
    pub fn of(&mut self, recorded: &Recorded) -> Option<u64> {
        let event = &recorded.event;
        let stanza = Stanza::parse(event.xml.as_deref()?).ok()?;
        let own = own(event);
        let other = |jid: Option<_>| fold(jid.unwrap_or_default());
        let (from, to) = match event.dir {
            Dir::Sent => (own, other(stanza.to())),
            _ => (other(stanza.from()), own),
        };
        match stanza.iq_type()? {
            IqType::Get | IqType::Set => {
                let key = print((stanza.id(), &*from, bare(&to), stanza.call_said()));
                if self.asked.len() >= SAMPLE {
                    self.asked.clear();
                }
                self.asked.insert(print((stanza.id(), &*from, &*to)), key);
                Some(key)
            }
            kind => {
                let request = self.asked.remove(&print((stanza.id(), &*to, &*from)))?;
                // What a server says for a user is not what one of the devices says.
                Some(print((request, &*from, kind == IqType::Error)))
            }
        }
    }
}

/// Whose session this event is of.
fn own(event: &Event) -> Cow<'_, str> {
    fold(event.jid.as_deref().unwrap_or_default())
}

/// How far one clock is ahead of another.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Offset {
    /// By this much, in seconds; the second number is how far off that may be.
    By(f64, f64),
    /// They have stanzas in common, and one of them has no times.
    Untimed,
    /// They contradict each other.
    Contradiction,
    /// They have nothing in common.
    Unrelated,
    /// Both are of the same end.
    SameEnd,
}

/// How far the clock of `b` is ahead of that of `a`.
pub(super) fn offset(a: &Survey, b: &Survey) -> Offset {
    if a.clock.is_some() && a.clock == b.clock {
        return Offset::By(0.0, 0.0);
    }
    // Signals alone are told as both their ends saw them: what one of the two recorded would be there twice.
    if [a, b].iter().any(|one| one.witness == Witness::Signals) {
        return Offset::Unrelated;
    }
    let mask = a.mask | b.mask;
    let (mut low, mut high, mut shared, mut same) = (f64::NEG_INFINITY, f64::INFINITY, 0_u64, 0_u64);
    for (key, here) in a.stanzas.iter().filter(|(key, _)| *key & mask == 0) {
        let (Some(here), Some(Some(there))) = (here, b.stanzas.get(key)) else {
            continue;
        };
        let by = there.at - here.at;
        match (here.sent, there.sent) {
            (true, false) => high = high.min(by),
            (false, true) => low = low.max(by),
            _ if here.end == there.end => same += 1,
            // Each device of a user got it.
            _ => continue,
        }
        shared += 1;
    }
    if same > 0 {
        return Offset::SameEnd;
    }
    if shared == 0 {
        return Offset::Unrelated;
    }
    let coarse = |survey: &Survey| f64::from(u8::from(survey.witness == Witness::Between));
    if a.first.is_infinite() || b.first.is_infinite() {
        return Offset::Untimed;
    }
    if low > high + STEP + coarse(a) + coarse(b) {
        return Offset::Contradiction;
    }
    // Whole seconds are cut off: what was received then was received up to a second later.
    let (low, high) = match low > high {
        true => (low - coarse(a), high + coarse(b)),
        false => (low, high),
    };
    match (low.is_finite(), high.is_finite()) {
        (true, true) => {
            let room = (high - low).abs() / 2.0 + coarse(a).max(coarse(b));
            Offset::By((low + high) / 2.0, room)
        }
        (true, false) => Offset::By(low + STEP, f64::INFINITY),
        _ => Offset::By(high - STEP, f64::INFINITY),
    }
}

pub(super) fn by_of(offset: Offset) -> f64 {
    match offset {
        Offset::By(by, _) => by,
        _ => 0.0,
    }
}

#[cfg(test)]
mod tests {
    use super::super::crossing;
    use super::*;

    /// Someone who recorded these stanzas: which, whether it was sent here, and when.
    fn survey(witness: Witness, stanzas: &[(u64, bool, f64)]) -> Survey {
        Survey {
            source: 0,
            only: None,
            stanzas: stanzas
                .iter()
                .map(|(key, sent, at)| {
                    let (sent, at) = (*sent, *at);
                    (*key, Some(Passed { sent, at, end: 0 }))
                })
                .collect(),
            keys: Keys::default(),
            mask: 0,
            first: 0.0,
            last: 60.0,
            witness,
            clock: None,
        }
    }

    /// The clock of one set against that of the other: how far it is ahead, and give or take how much.
    fn set(a: &Survey, b: &Survey) -> (f64, f64) {
        match offset(a, b) {
            Offset::By(by, room) => (by, room),
            none => panic!("{none:?}"),
        }
    }

    #[test]
    fn an_offset_lies_between_what_was_sent_and_what_was_received() {
        let a = survey(Witness::Ends, &[(1, true, 10.0), (2, false, 11.0)]);
        let b = survey(Witness::Ends, &[(1, false, 30.2), (2, true, 30.8)]);
        let (by, room) = set(&a, &b);
        assert!(
            (by - 20.0).abs() < 1e-9 && (room - 0.2).abs() < 1e-9,
            "{by} {room}"
        );
    }

    /// What passed at one end: the time, whether it was sent there, and the stanza.
    fn noted(jid: &str, passed: &[(f64, bool, &str)]) -> Survey {
        let mut survey = survey(Witness::Ends, &[]);
        for (t, sent, xml) in passed {
            let dir = if *sent { "sent" } else { "received" };
            let event = serde_json::json!({"n": 1, "t": t, "who": "x", "jid": jid, "dir": dir, "xml": xml});
            let event = serde_json::from_value(event).expect("an event");
            let conn = "x".into();
            survey.note(&Recorded { event, conn, line: 1 }, true);
        }
        survey
    }

    /// A server rings every device of a user who was called by his bare address, and says itself that it has.
    #[test]
    fn what_was_sent_to_a_user_is_what_each_device_received() {
        let call = "<call xmlns='urn:xmpp:call:0'>{}</call>";
        let rang = |to: &str| format!("<iq type='set' id='1' from='alice@x/1' to='{to}'>{call}</iq>");
        let answer = |from: &str| format!("<iq type='result' id='1' from='{from}' to='alice@x/1'/>");
        let alice = [(10.6, true, &*rang("bob@x")), (10.7, false, &*answer("bob@x"))];
        let alice = noted("alice@x/1", &alice);
        let device = |jid: &str| noted(jid, &[(10.0, false, &rang(jid)), (10.5, true, &answer(jid))]);
        // Resources that differ in case are two (RFC 7622 §3.4).
        let (one, two) = (device("bob@x/r"), device("bob@x/R"));
        assert_eq!(
            offset(&alice, &one),
            Offset::By(10.0 - 10.6 - STEP, f64::INFINITY)
        );
        assert_eq!(offset(&one, &two), Offset::Unrelated);
        assert_eq!(offset(&one, &device("Bob@x/r")), Offset::SameEnd);
        assert_eq!(crossing(&[(&alice, 0.0), (&one, 0.0)]).len(), 1);
    }

    /// Received at 22.4 and sent at 24.1, by a clock that cuts this to 22 and 24.
    #[test]
    fn a_clock_of_whole_seconds_received_later_than_it_says() {
        let a = survey(Witness::Ends, &[(1, true, 41.8), (2, false, 43.2)]);
        let b = survey(Witness::Between, &[(1, false, 22.0), (2, true, 24.0)]);
        let (by, _) = set(&a, &b);
        assert!((-19.2..=-18.8).contains(&by), "{by}");
    }

    /// By whole seconds an offer was received before it was sent, at a clock that knows it better.
    #[test]
    fn what_clocks_have_the_wrong_way_round_is_known_by_its_sender() {
        let a = survey(Witness::Ends, &[(1, true, 10.6), (2, false, 11.2)]);
        let b = survey(Witness::Between, &[(1, false, 10.0), (2, true, 11.0)]);
        let parts = crossing(&[(&a, 0.0), (&b, 0.0)]);
        assert_eq!(parts, HashMap::from([(1, 0), (2, 1)]));
        // Where they have everything in its order, nobody waits for anybody.
        let b = survey(Witness::Ends, &[(1, false, 10.7), (2, true, 11.0)]);
        assert!(crossing(&[(&a, 0.0), (&b, 0.0)]).is_empty());
    }

    /// What does not tell whose it is may be what the other one recorded.
    #[test]
    fn signals_alone_are_set_against_nothing() {
        let a = survey(Witness::Ends, &[(1, true, 10.0), (2, false, 11.0)]);
        let b = survey(Witness::Signals, &[(1, false, 30.2), (2, true, 30.8)]);
        assert_eq!(
            [offset(&a, &b), offset(&b, &a), offset(&b, &b)],
            [Offset::Unrelated; 3]
        );
    }

    #[test]
    fn whole_seconds_that_are_alike_are_not_one_clock() {
        let a = survey(Witness::Between, &[(1, true, 5.0), (2, false, 5.0)]);
        let b = survey(Witness::Between, &[(1, false, 5.0), (2, true, 5.0)]);
        assert_eq!(offset(&a, &b), Offset::By(0.0, 1.0));
    }
}
