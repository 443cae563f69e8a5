//! What stands in a stanza's `<call/>`, read once for all families and for both ends of its way.

use std::collections::{HashMap, VecDeque};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::{Arc, OnceLock};

use crate::protocol::{Decoded, decode, validate};
use crate::stanza::Stanza;

/// Texts that are remembered: what was sent is soon received.
const REMEMBERED: usize = 256;
/// The longest text that is remembered, in bytes.
const LONGEST: usize = 64 * 1024;

/// The text of a signal, with what it says and whether it fits its schema.
#[derive(Debug, Default)]
pub struct Spoken {
    pub text: String,
    pub decoded: Decoded,
    fits: OnceLock<bool>,
}

impl Spoken {
    pub fn new(text: String) -> Spoken {
        Spoken {
            decoded: decode(&text),
            text,
            fits: OnceLock::new(),
        }
    }

    /// Whether the signal fits its schema.
    pub fn fits(&self) -> bool {
        let value = self.decoded.facts.value.as_ref();
        *self
            .fits
            .get_or_init(|| value.is_some_and(|value| validate(value).is_ok()))
    }
}

/// The texts that were read last.
#[derive(Debug, Default)]
pub(super) struct Ear {
    known: HashMap<u64, Arc<Spoken>>,
    order: VecDeque<u64>,
}

impl Ear {
    /// `None`: there is no `<call/>` in it.
    pub fn hear(&mut self, stanza: &Stanza) -> Option<Arc<Spoken>> {
        let text = stanza.call_said()?;
        let mut hasher = DefaultHasher::new();
        text.hash(&mut hasher);
        let key = hasher.finish();
        if let Some(spoken) = self.known.get(&key).filter(|spoken| spoken.text == text) {
            return Some(Arc::clone(spoken));
        }
        let short = text.len() <= LONGEST;
        let spoken = Arc::new(Spoken::new(text.into_owned()));
        if short && self.known.insert(key, Arc::clone(&spoken)).is_none() {
            self.order.push_back(key);
            if self.order.len() > REMEMBERED
                && let Some(old) = self.order.pop_front()
            {
                self.known.remove(&old);
            }
        }
        Some(spoken)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_read_once_and_forgotten_in_time() {
        let stanza = |n: usize| {
            let raw = format!("<iq type='set'><call xmlns='urn:xmpp:call:0'>{{\"n\":{n}}}</call></iq>");
            Stanza::parse(&raw).expect("a stanza")
        };
        let mut ear = Ear::default();
        let first = ear.hear(&stanza(0)).expect("a signal");
        assert!(Arc::ptr_eq(&first, &ear.hear(&stanza(0)).expect("a signal")));
        assert!(!first.fits() && !first.decoded.faults.is_empty());
        for n in 1..=REMEMBERED {
            ear.hear(&stanza(n));
        }
        assert_eq!((ear.known.len(), ear.order.len()), (REMEMBERED, REMEMBERED));
        assert!(!Arc::ptr_eq(&first, &ear.hear(&stanza(0)).expect("a signal")));
        assert!(
            ear.hear(&Stanza::parse("<presence/>").expect("a stanza"))
                .is_none()
        );
    }
}
