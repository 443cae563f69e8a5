//! All faults, a table a theme.

mod answers;
mod chat;
mod enforcing;
mod liberties;
mod routing;
mod stream;
mod text;

use super::deed::{ALWAYS, Change, Deed, Fault, Point, Rewrite, Set, Stamp, When};

/// Every fault, in the order in which they are listed.
pub fn faults() -> impl Iterator<Item = &'static Fault> {
    [
        routing::FAULTS,
        text::FAULTS,
        answers::FAULTS,
        chat::FAULTS,
        enforcing::FAULTS,
        stream::FAULTS,
        liberties::FAULTS,
    ]
    .into_iter()
    .flatten()
}

pub fn fault(name: &str) -> Option<&'static Fault> {
    faults().find(|fault| fault.name == name)
}

/// A change of the text of a stanza.
const fn xml(how: fn(&str) -> String) -> Deed {
    Deed::Rewrite(Rewrite::Xml(Change(how)))
}

/// A row of a table.
const fn row(
    name: &'static str,
    rules: &'static [&'static str],
    text: &'static str,
    at: &'static [Point],
    deed: Deed,
    when: When,
) -> Fault {
    Fault {
        name,
        rules,
        text,
        at,
        deed,
        when,
    }
}

const SIGNAL: &[Point] = &[Point::Signal];
const ANSWER: &[Point] = &[Point::Answer];
const CHAT: &[Point] = &[Point::Chat];
const BOUNCE: &[Point] = &[Point::Bounce];
const GONE: &[Point] = &[Point::Gone];
const BARE: &[Point] = &[Point::Bare];
const OWN: &[Point] = &[Point::Own];
/// Of decisions that are not about one stanza.
const NOWHERE: &[Point] = &[];

const fn every(n: u32) -> When {
    When {
        every: Some(n),
        ..ALWAYS
    }
}

/// After so many calls, and then always.
const fn after(calls: u32) -> When {
    When {
        after: Some(calls),
        ..ALWAYS
    }
}

const fn only(kind: crate::protocol::Kind) -> When {
    When {
        only: Some(kind),
        ..ALWAYS
    }
}
