//! The form of one signal: its IQ and its text, looked at alone.

use std::sync::Arc;

use crate::protocol::{Decoded, Fault};
use crate::rules::Spoken;
use crate::stanza::{IqType, Stanza};

/// A stanza with a `<call/>` in it, read.
#[derive(Debug, Default)]
pub(super) struct Form {
    spoken: Arc<Spoken>,
    /// All that is wrong, with what the text's own decoding found.
    pub faults: Vec<Fault>,
}

impl Form {
    /// The text that stands for the signal, empty where there is none.
    pub fn text(&self) -> &str {
        &self.spoken.text
    }

    /// Stands for that text.
    pub fn print(&self) -> u64 {
        self.spoken.print
    }

    pub fn decoded(&self) -> &Decoded {
        &self.spoken.decoded
    }
}

/// `None`: this stanza has nothing to do with calls.
pub(super) fn read(stanza: &Stanza, spoken: Option<&Arc<Spoken>>) -> Option<Form> {
    let spoken = spoken?;
    if !stanza.has_call() {
        return None;
    }
    // Servers and clients echo the request in an answer (RFC 6120 §8.3.1): that sends no signal.
    if matches!(stanza.iq_type(), Some(IqType::Result | IqType::Error))
        || stanza.attr("type") == Some("error")
    {
        return None;
    }
    let mut faults = Vec::new();
    let mut fault = |rule, message: String| {
        faults.push(Fault {
            rule,
            pointer: String::new(),
            message,
            info: false,
            should: false,
            offset: None,
        });
    };
    match stanza.iq_type() {
        Some(IqType::Set) => {}
        Some(_) => fault("IQ-03", "the iq is of type `get`, not `set`".into()),
        None => fault(
            "IQ-03",
            format!(
                "the signal stands in {}, not in an iq of type `set`",
                article(stanza)
            ),
        ),
    }
    let children = stanza.children();
    if children > 1 {
        fault("IQ-03", format!("the iq has {children} children, not one"));
    }
    if stanza.is_iq() && stanza.id().unwrap_or_default().is_empty() {
        fault("IQ-02", "the iq has no `id`, or an empty one".into());
    }
    if !stanza.call_is_text() {
        fault("IQ-04", "`<call/>` holds elements, not only text".into());
    }
    faults.extend(spoken.decoded.faults.iter().cloned());
    Some(Form {
        spoken: Arc::clone(spoken),
        faults,
    })
}

fn article(stanza: &Stanza) -> String {
    match stanza.attr("type") {
        Some(kind) if stanza.is_iq() => format!("an iq of type `{kind}`"),
        _ if stanza.is_iq() => "an iq without a type".to_owned(),
        _ => format!("a <{}/>", stanza.element().name()),
    }
}
