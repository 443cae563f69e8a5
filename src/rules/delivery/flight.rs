//! One request or message on its way, and where it was meant to go.

use std::fmt::Write;

use super::book::Sent;
use crate::protocol::NAMESPACE;
use crate::rules::Finding;
use crate::stanza::{IqType, Stanza, bare, fold};

/// The namespace of the stamp on what was stored (XEP-0203).
pub(super) const DELAY: &str = "urn:xmpp:delay";

/// What kind of stanza travels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Freight {
    /// An IQ get or set between parties.
    Iq,
    /// A message with a body.
    Chat,
}

/// Who stands at the address at the moment of sending.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Goal {
    /// An observed party, on this connection.
    Party { who: String, conn: u64 },
    /// An observed user's resource that was connected before, until `left` (seconds).
    Gone { left: f64 },
    /// A full JID where nobody that we know of is connected.
    Nobody,
    /// A bare JID.
    Bare,
    /// The server itself.
    Server,
    /// Someone whose view is not known, or another domain.
    Unknown,
}

/// A stanza that was sent, until it is settled.
#[derive(Debug, Clone)]
pub(super) struct Flight {
    pub n: u64,
    pub t: f64,
    pub conn: u64,
    pub who: String,
    pub jid: String,
    pub to: String,
    pub id: String,
    pub freight: Freight,
    pub signal: bool,
    /// What has to arrive unchanged; forgotten once all is settled.
    pub text: String,
    /// Stands for the text when it is forgotten.
    pub print: u64,
    /// See [`form`].
    pub form: String,
    pub call: Option<String>,
    pub size: usize,
    /// How many seconds a server that holds back needs until it has read this.
    pub held: f64,
    pub goal: Goal,
    /// The forged `from`, if it bears one that is not the sender's.
    pub forged: Option<String>,
    /// Chat messages on the way when this was sent.
    pub crowd: usize,
    /// It or the addressee's answer is malformed, or it is forged: that it is refused or dropped is no breach.
    pub odd: bool,
    /// The event of its first delivery.
    pub delivered: Option<u64>,
    /// The addressee's own answer: event, and what it said.
    pub given: Option<(u64, String)>,
    /// That answer's place in the order of what its sender sent.
    pub answer_place: u64,
    /// The addressee itself answered more than once.
    pub twice: bool,
    /// The answer that the sender got: its event.
    pub got: Option<u64>,
}

impl Sent for Flight {
    fn id(&self) -> &str {
        &self.id
    }

    fn n(&self) -> u64 {
        self.n
    }

    fn jid(&self) -> &str {
        &self.jid
    }

    fn to(&self) -> &str {
        &self.to
    }

    fn text(&self) -> &str {
        &self.text
    }

    fn call(&self) -> Option<&str> {
        self.call.as_deref()
    }
}

impl Flight {
    /// The two users between whom it goes, whichever of them sent it.
    pub fn pair(&self) -> [String; 2] {
        let mut pair = [bare(&self.jid).to_owned(), fold(bare(&self.to)).into_owned()];
        pair.sort();
        pair
    }
}

/// The text that has to arrive unchanged: the call's JSON, a message's body, or nothing.
pub(super) fn text(stanza: &Stanza) -> String {
    stanza.call_text().or_else(|| stanza.body()).unwrap_or_default()
}

/// What a request is but for its text: its type, its children and what stands in a call beside the text, of which a
/// server adds none and takes none away (RFC 6120 §8.2.3). A message may get more on its way, and has none.
pub(super) fn form(stanza: &Stanza) -> String {
    let mut form = String::new();
    if let (true, Some(kind)) = (stanza.is_iq(), stanza.attr("type")) {
        form.push_str(kind);
        // No tree is built for what is a call and nothing else.
        if stanza.is_bare() {
            if stanza.has_call() {
                let _ = write!(form, " <call xmlns='{NAMESPACE}'>");
            }
            return form;
        }
        // Who stores and forwards has a rule of its own.
        let children = stanza.element().children();
        for child in children.filter(|child| !child.is("delay", DELAY)) {
            let within = child.children().filter(|_| child.has_ns(NAMESPACE));
            name_all(&mut form, std::iter::once(child).chain(within));
        }
    }
    form
}

/// The `callId` in a signal's text, if it has one, in lower case.
pub(super) fn call_id(stanza: &Stanza) -> Option<String> {
    /// All else is passed over.
    #[derive(serde::Deserialize)]
    struct Named {
        #[serde(rename = "callId")]
        call: String,
    }
    let named: Named = serde_json::from_str(&stanza.call_text()?).ok()?;
    Some(named.call.to_ascii_lowercase())
}

fn name_all<'a>(out: &mut String, elements: impl Iterator<Item = &'a minidom::Element>) {
    for element in elements {
        let _ = write!(out, " <{} xmlns='{}'>", element.name(), element.ns());
    }
}

/// A signal that reached this one, and nobody sent it.
pub(super) fn never_sent((who, n): (&str, u64), id: &str, from: &str) -> Finding {
    Finding::of_server(
        "RT-03",
        format!("{who} received a signal `{id}` from {from} that was never sent to it."),
        "only signals that a party sent",
        format!("iq `{id}`"),
        vec![n],
    )
}

/// What an answer says: its type, an error's condition and what is to be done about it, and what a result holds. The
/// server adds nothing and takes nothing away.
pub(super) fn answer(stanza: &Stanza) -> String {
    let mut said = stanza.attr("type").unwrap_or_default().to_owned();
    match (stanza.iq_type(), stanza.error_condition()) {
        (Some(IqType::Error), Some(condition)) => {
            let _ = write!(said, " {condition}");
            if let Some(kind) = stanza.error_type() {
                let _ = write!(said, " ({kind})");
            }
        }
        // No tree is built for what is empty.
        (Some(IqType::Result), _) if stanza.children() > 0 => {
            name_all(&mut said, stanza.element().children());
        }
        _ => {}
    }
    said
}

/// Whether two texts differ only where a character is not ASCII or is special in XML.
pub(super) fn only_special(sent: &str, got: &str) -> bool {
    // Markup that was escaped once too often, or too rarely, is still the same markup.
    const NAMES: [&str; 5] = ["&amp;", "&lt;", "&gt;", "&quot;", "&apos;"];
    let plain = |text: &str| -> String {
        let mut text = text.replace("&amp;", "&");
        for name in NAMES {
            text = text.replace(name, "");
        }
        text.chars().filter(|c| c.is_ascii_alphanumeric()).collect()
    };
    has_special(sent) && plain(sent) == plain(got)
}

/// Whether a text holds a character that is not ASCII or is special in XML beyond JSON's own quotes.
pub(super) fn has_special(text: &str) -> bool {
    text.chars().any(|c| !c.is_ascii() || "<>&'".contains(c)) || text.contains("]]>")
}
