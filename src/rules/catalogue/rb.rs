//! RB: what must not bring the other side down.

use super::{Level, Rule, Subjects};

pub(super) const RULES: &[Rule] = &[
    Rule {
        id: "RB-01",
        level: Level::Must,
        subject: Subjects::Server,
        text: "DTDs, entities, comments and processing instructions draw `restricted-xml` or a close; nothing is expanded",
        source: "RFC 6120 §11.1, §4.9.3.18",
        breach: "A document type, an entity, a comment or a processing instruction is accepted, or its entity comes back expanded.",
        mend: "Switch DTDs and entities off in the XML parser, and close the stream with `restricted-xml`.",
    },
    Rule {
        id: "RB-02",
        level: Level::Must,
        subject: Subjects::Server,
        text: "malformed XML draws `not-well-formed`, and no other session feels it",
        source: "RFC 6120 §4.9.3.13, §11.3",
        breach: "Broken XML is skipped or repaired, or another session suffers from it.",
        mend: "End the stream that sent it with `not-well-formed`, and nothing but that stream.",
    },
    Rule {
        id: "RB-03",
        level: Level::Must,
        subject: Subjects::Server,
        text: "an oversized frame or stanza draws a defined error; others go on",
        source: "RFC 6120 §13.12",
        breach: "Too large a stanza hangs the stream, exhausts the server, or cuts others off.",
        mend: "Count bytes while a stanza is read, stop at the limit, and end that stream with `policy-violation`.",
    },
    Rule {
        id: "RB-04",
        level: Level::Must,
        subject: Subjects::Both,
        text: "deep nesting, huge numbers and repeated keys in the JSON crash nothing",
        source: "RFC 8259 §9",
        breach: "After such a signal its receiver no longer answers.",
        mend: "Bound depth and size before the JSON is parsed, and answer `bad-request` past them.",
    },
    Rule {
        id: "RB-05",
        level: Level::Must,
        subject: Subjects::Server,
        text: "a flood on one stream starves no other",
        source: "callspec",
        breach: "While one client floods, the signals of others are late or lost.",
        mend: "Limit what is read from one stream in a turn, and push back on the stream that floods.",
    },
    Rule {
        id: "RB-06",
        level: Level::Must,
        subject: Subjects::Server,
        text: "the JWT never comes back in any stanza, error or header",
        source: "RFC 7519 §12, callspec",
        breach: "The token that the client sent stands in an error text, a header or a stanza of the server.",
        mend: "Never quote what was refused; keep tokens out of error texts, redirects and logs.",
    },
    Rule {
        id: "RB-07",
        level: Level::Must,
        subject: Subjects::Both,
        text: "goes on after a hundred half-open calls, reconnects and abrupt cuts",
        source: "callspec",
        breach: "After many broken connections a sound call no longer gets through.",
        mend: "Free timers, calls and sessions when a connection ends, and put a limit to how many one user may hold.",
    },
];
