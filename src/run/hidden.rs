//! Secrets that a target was given, cut out of whatever it sends back.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};

use crate::xmpp::Secret;

/// A shorter secret would be found by chance in what is none.
const SHORTEST: usize = 6;

/// The secrets in use. Clones are the same set.
#[derive(Clone, Default)]
pub struct Hidden(Arc<Mutex<BTreeSet<String>>>);

impl Hidden {
    pub fn learn(&self, secret: &Secret) {
        if secret.expose().len() >= SHORTEST {
            let mut secrets = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            secrets.insert(secret.expose().to_owned());
        }
    }

    /// The text with three asterisks for each secret.
    pub fn hide<'a>(&self, text: &'a str) -> Cow<'a, str> {
        let secrets = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut out = Cow::Borrowed(text);
        for secret in secrets.iter() {
            if out.contains(secret.as_str()) {
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
        hidden.learn(&Secret::new("hunter2hunter2"));
        hidden.learn(&Secret::new("abc"));
        assert_eq!(hidden.hide("<a>hunter2hunter2</a> abc"), "<a>***</a> abc");
        assert!(matches!(hidden.hide("hunter2"), Cow::Borrowed(_)));
    }
}
