//! EN: what a server that judges signals itself has to do.

use super::{Level, Rule, Subjects};

pub(super) const RULES: &[Rule] = &[
    Rule {
        id: "EN-01",
        level: Level::Must,
        subject: Subjects::Server,
        text: "(enforcing) a payload off its schema draws `bad-request`, and is not delivered",
        source: "seed schemas",
        breach: "A signal that does not fit its schema is passed on, or refused with another error.",
        mend: "Check each signal against the published schema before anything else, and answer `bad-request`.",
    },
    Rule {
        id: "EN-02",
        level: Level::Must,
        subject: Subjects::Server,
        text: "(enforcing) a forged `senderId` draws `forbidden`",
        source: "seed",
        breach: "A signal passes whose `senderId` is not the id of the account that sent it.",
        mend: "Compare `senderId` with the id of the bound account on every signal.",
    },
    Rule {
        id: "EN-03",
        level: Level::Must,
        subject: Subjects::Server,
        text: "(enforcing) a signal out of order draws `unexpected-request`, an unknown call `item-not-found`",
        source: "seed flow",
        breach: "A signal that its sender could not rightly send is passed on, or refused with another condition.",
        mend: "Keep what each side has sent and acknowledged, and refuse only what no order of those excuses.",
    },
    Rule {
        id: "EN-04",
        level: Level::Must,
        subject: Subjects::Server,
        text: "(enforcing) rings every device; the first accept wins, the others see the call end (the seed names no reason for \"answered elsewhere\": any of the six)",
        source: "callspec",
        breach: "A device does not ring, two devices get the call, or one rings on after another has picked up.",
        mend: "Fork the initiate to every bound resource, take the first accept, and send the others a hangup.",
    },
    Rule {
        id: "EN-05",
        level: Level::Must,
        subject: Subjects::Server,
        text: "(enforcing) ends an unanswered call for both at 30 s",
        source: "seed",
        breach: "30 s after the initiate one of the two sides has no hangup `timeout`.",
        mend: "Arm one timer for each ringing call, and send the hangup to both sides from it.",
    },
    Rule {
        id: "EN-06",
        level: Level::Must,
        subject: Subjects::Server,
        text: "(enforcing) a third party's signal draws `forbidden` and reaches nobody",
        source: "seed",
        breach: "A signal of someone who is not in the call is delivered, or answered otherwise.",
        mend: "Look up the call's two users by the callId, and refuse everyone else.",
    },
    Rule {
        id: "EN-07",
        level: Level::Must,
        subject: Subjects::Server,
        text: "(enforcing) a party that vanishes in a call leads to `hangup` `failed` for the other",
        source: "seed",
        breach: "One side's stream is gone, and the other side hears nothing.",
        mend: "Go through the live calls of a session when it ends, cleanly or not, and send the other side a hangup `failed`.",
    },
];
