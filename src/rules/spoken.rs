//! What stands in a stanza's `<call/>`, read once for all families and for both ends of its way.

use std::collections::VecDeque;
use std::sync::{Arc, OnceLock};

use foldhash::HashMap;

use crate::protocol::{Decoded, decode, validate};
use crate::stanza::{Stanza, print};
use crate::transcript::Event;

/// Texts that are remembered: what was sent is soon received.
const REMEMBERED: usize = 256;
/// The longest text that is remembered, in bytes.
const LONGEST: usize = 64 * 1024;

/// The text of a signal, with what it says and whether it fits its schema.
#[derive(Debug, Default)]
pub struct Spoken {
    pub text: String,
    /// Stands for the text, see [`print`].
    pub print: u64,
    pub decoded: Decoded,
    fits: OnceLock<bool>,
}

impl Spoken {
    pub fn new(text: String) -> Spoken {
        Spoken {
            decoded: decode(&text),
            print: print(&text),
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

/// The stanza of an event, and what stands in its `<call/>`.
#[derive(Debug, Clone, Default)]
pub struct Heard {
    pub stanza: Option<Stanza>,
    pub spoken: Option<Arc<Spoken>>,
}

/// Reads what events say before they are judged, which somebody else may do meanwhile. It remembers the texts that were
/// read last.
#[derive(Debug, Default)]
pub struct Ear {
    known: HashMap<u64, Arc<Spoken>>,
    order: VecDeque<u64>,
}

/// What a text is looked up by: two that have it in common are told apart by their own.
fn key(text: &str) -> u64 {
    let (words, rest) = text.as_bytes().as_chunks::<8>();
    let words = words.iter().map(|word| u64::from_le_bytes(*word));
    let rest = rest.iter().map(|byte| u64::from(*byte));
    words.chain(rest).fold(text.len() as u64, |key, word| {
        (key.rotate_left(5) ^ word).wrapping_mul(0x517c_c1b7_2722_0a95)
    })
}

impl Ear {
    /// Reads what an event says.
    pub fn listen(&mut self, event: &Event) -> Heard {
        self.know(
            event
                .xml
                .as_ref()
                .and_then(|xml| Stanza::parse(Arc::clone(xml)).ok()),
        )
    }

    /// The same of a stanza that has been read already.
    pub fn know(&mut self, stanza: Option<Stanza>) -> Heard {
        let spoken = stanza.as_ref().and_then(|stanza| self.hear(stanza));
        Heard { stanza, spoken }
    }

    /// `None`: there is no `<call/>` in it.
    fn hear(&mut self, stanza: &Stanza) -> Option<Arc<Spoken>> {
        let text = stanza.call_said()?;
        let key = key(&text);
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
            Stanza::parse(raw).expect("a stanza")
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
