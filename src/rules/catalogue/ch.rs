//! CH: chat on the stream of a call.

use super::{Level, Rule, Subjects};

pub(super) const RULES: &[Rule] = &[
    Rule {
        id: "CH-01",
        level: Level::Must,
        subject: Subjects::Server,
        text: "chat messages keep flowing on the same stream during a call, none lost, order kept",
        source: "seed",
        breach: "A message sent during a call never arrives, arrives twice, late in the order, or changed.",
        mend: "Give calls no stream, queue or lock of their own that holds messages back.",
    },
    Rule {
        id: "CH-02",
        level: Level::Must,
        subject: Subjects::Server,
        text: "a flood of chat delays no signal by more than the profile allows (1 s)",
        source: "seed, callspec",
        breach: "Signals wait behind a burst of messages.",
        mend: "Bound the queue of each stream, read them in turn, and slow the flooding stream down instead of its receiver.",
    },
    Rule {
        id: "CH-03",
        level: Level::Must,
        subject: Subjects::Server,
        text: "signals appear in no message archive, no carbon, no offline store",
        source: "seed (IQ)",
        breach: "A signal comes again after a reconnect, or reaches a device that it was not sent to, as a copy.",
        mend: "Keep iqs out of the archive, carbons and offline store; those are for messages.",
    },
];
