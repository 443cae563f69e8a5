//! The stanzas that this thread has read last. Whoever sends one, whoever carries it, whoever gets it and whoever judges
//! it reads the same text, often on one thread and within a moment: it is parsed once.

use std::cell::RefCell;
use std::collections::VecDeque;

use super::{Stanza, XmlError};

/// So many are kept.
const KEPT: usize = 16;
/// What is longer is seldom, and would hold memory for nothing.
const LONGEST: usize = 16_384;

thread_local! {
    static RECENT: RefCell<VecDeque<Stanza>> = const { RefCell::new(VecDeque::new()) };
}

/// The stanza of this text, as it was read a moment ago or is read now.
pub(super) fn or_read(
    raw: &str,
    read: impl FnOnce() -> Result<Stanza, XmlError>,
) -> Result<Stanza, XmlError> {
    if raw.len() > LONGEST {
        return read();
    }
    let known = RECENT.with_borrow(|recent| recent.iter().find(|stanza| stanza.raw() == raw).cloned());
    if let Some(known) = known {
        return Ok(known);
    }
    let stanza = read()?;
    RECENT.with_borrow_mut(|recent| {
        recent.truncate(KEPT - 1);
        recent.push_front(stanza.clone());
    });
    Ok(stanza)
}
