//! TM: time.

use super::{Level, Rule, Subjects};

pub(super) const RULES: &[Rule] = &[
    Rule {
        id: "TM-01",
        level: Level::Must,
        subject: Subjects::Client,
        text: "`timeout` never before 30 s unanswered",
        source: "seed",
        breach: "A hangup says `timeout` although the call has rung for less than 30 s.",
        mend: "Start the timer when the initiate is sent or received, and give `cancelled` where the user gives up earlier.",
    },
    Rule {
        id: "TM-02",
        level: Level::Should,
        subject: Subjects::Client,
        text: "an unanswered call is ended by `timeout` within 35 s",
        source: "seed",
        breach: "A call that nobody answers rings on.",
        mend: "Arm a timer of 30 s with the initiate and send the hangup from it, whatever the user interface does.",
    },
    Rule {
        id: "TM-03",
        level: Level::Must,
        subject: Subjects::Client,
        text: "`duration` only where the call was connected",
        source: "seed",
        breach: "A hangup of a call that was never connected, or an echo, gives a `duration`.",
        mend: "Add `duration` only once offer and answer have been exchanged, and only to the hangup that ends the call.",
    },
    Rule {
        id: "TM-04",
        level: Level::Must,
        subject: Subjects::Client,
        text: "`duration` ≤ time since accept + 1 s",
        source: "seed",
        breach: "`duration` is longer than the call can have lasted.",
        mend: "Count seconds, not milliseconds, and from the connection on, not from the initiate.",
    },
    Rule {
        id: "TM-05",
        level: Level::Should,
        subject: Subjects::Client,
        text: "`timestamp` within the clock skew",
        source: "seed",
        breach: "The timestamp lies further from the observer's clock than the skew that is allowed.",
        mend: "Take the timestamp when the signal is sent, in UTC; look for a device whose clock is off or a time zone that was added twice.",
    },
    Rule {
        id: "TM-06",
        level: Level::Should,
        subject: Subjects::Client,
        text: "a sender's timestamps do not run backwards in a call",
        source: "seed",
        breach: "A later signal of the same sender bears an earlier timestamp.",
        mend: "Stamp signals when they are sent, not when they are queued, all from one clock.",
    },
    Rule {
        id: "TM-07",
        level: Level::Should,
        subject: Subjects::Client,
        text: "an `accept` after 30 s is not sent; one that crosses the timeout connects nothing",
        source: "seed",
        breach: "The callee picks up when the caller's time has run out.",
        mend: "Stop ringing 30 s after the initiate, and drop an accept that arrives after your own timeout.",
    },
];
