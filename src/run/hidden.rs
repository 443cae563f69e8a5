//! Secrets that a target was given, cut out of whatever it sends back.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};

use memchr::memmem::Finder;

use crate::transcript::{Event, Wire};
use crate::xmpp::Secret;

/// A shorter secret would be found by chance in what is none.
const SHORTEST: usize = 6;

/// What a secret is, and how it is found.
struct Known {
    kind: &'static str,
    finder: Finder<'static>,
}

impl Known {
    fn is_in(&self, text: &str) -> bool {
        self.finder.find(text.as_bytes()).is_some()
    }
}

/// The secrets in use. Clones are the same set.
#[derive(Clone, Default)]
pub struct Hidden(Arc<Mutex<BTreeMap<String, Known>>>);

impl Hidden {
    /// `kind`: `token` or `password`.
    pub fn learn(&self, secret: &Secret, kind: &'static str) {
        if secret.expose().len() >= SHORTEST {
            let mut secrets = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            let finder = Finder::new(secret.expose()).into_owned();
            secrets.insert(secret.expose().to_owned(), Known { kind, finder });
        }
    }

    /// Cuts the secrets out of everything that an event says, and writes down which kinds there were.
    pub fn hide_in(&self, event: &mut Event) {
        let mut kinds = BTreeSet::new();
        {
            let secrets = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            let Event {
                xml,
                note,
                wanted,
                seen,
                wire,
                ..
            } = &mut *event;
            for (secret, known) in secrets.iter() {
                if let Some(text) = xml.as_mut().filter(|text| known.is_in(text)) {
                    *text = text.replace(secret.as_str(), "***").into();
                    kinds.insert(known.kind);
                }
            }
            let texts = [note, wanted, seen].into_iter().flatten();
            let below = wire.iter_mut().flat_map(Wire::texts_mut);
            for text in texts.chain(below) {
                for (secret, known) in secrets.iter() {
                    if known.is_in(text) {
                        *text = text.replace(secret.as_str(), "***");
                        kinds.insert(known.kind);
                    }
                }
            }
        }
        if !kinds.is_empty() {
            event.secrets = kinds.into_iter().map(str::to_owned).collect();
            // It is only for readers, and holds what stood in the text.
            event.signal = None;
        }
    }

    /// The text with three asterisks for each secret.
    pub fn hide<'a>(&self, text: &'a str) -> Cow<'a, str> {
        let secrets = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut out = Cow::Borrowed(text);
        for (secret, known) in secrets.iter() {
            if known.is_in(&out) {
                out = Cow::Owned(out.replace(secret.as_str(), "***"));
            }
        }
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_learnt_is_hidden_and_nothing_else() {
        let hidden = Hidden::default();
        hidden.learn(&Secret::new("hunter2hunter2"), "token");
        hidden.learn(&Secret::new("abc"), "password");
        assert_eq!(hidden.hide("<a>hunter2hunter2</a> abc"), "<a>***</a> abc");
        assert!(matches!(hidden.hide("hunter2"), Cow::Borrowed(_)));
    }
}
