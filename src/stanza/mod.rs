//! One XMPP stanza or stream element as text and as a tree: what is on the wire, readable.

mod message;
mod prefixes;
mod recent;
mod wire;

use std::collections::BTreeMap;
use std::sync::Arc;

use minidom::Element;

pub use message::Message;
pub use wire::{Opcode, Wire};

pub const CLIENT: &str = "jabber:client";
pub const STREAM: &str = "http://etherx.jabber.org/streams";
pub const FRAMING: &str = "urn:ietf:params:xml:ns:xmpp-framing";
/// Conditions with which a server says that nobody is there (RFC 6121 §8.5.1, RFC 6120 §8.3.3.13).
pub const NOBODY: [&str; 2] = ["service-unavailable", "recipient-unavailable"];
pub const STANZA_ERRORS: &str = "urn:ietf:params:xml:ns:xmpp-stanzas";
pub const STREAM_ERRORS: &str = "urn:ietf:params:xml:ns:xmpp-streams";
/// The namespace of a prefix whose declaration is not at hand begins like this.
const UNKNOWN: &str = "urn:callspec:declared-elsewhere:";
pub const SASL: &str = "urn:ietf:params:xml:ns:xmpp-sasl";

/// The `type` of an IQ (RFC 6120 §8.2.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IqType {
    Get,
    Set,
    Result,
    Error,
}

/// A stanza, or another top-level element of a stream, beside the exact text it was read from.
#[derive(Debug, Clone, PartialEq)]
pub struct Stanza {
    raw: Arc<str>,
    element: Arc<Element>,
}

/// Why a text is not a stanza.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct XmlError(pub String);

impl std::fmt::Display for XmlError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for XmlError {}

type Prefixes = BTreeMap<Option<String>, String>;

/// What every stream declares.
fn known() -> Prefixes {
    [
        (None, CLIENT.to_owned()),
        (Some("stream".to_owned()), STREAM.to_owned()),
    ]
    .into()
}

fn read(raw: &str, prefixes: Prefixes) -> Result<Element, XmlError> {
    Element::from_reader_with_prefixes(raw.as_bytes(), prefixes).map_err(|error| XmlError(error.to_string()))
}

impl Stanza {
    /// Reads one element. A missing default namespace counts as `jabber:client` and the prefix `stream` as bound,
    /// as they are inside a TCP stream (RFC 6120 §4.8.3). There the stream's header may have declared more prefixes,
    /// and nothing in the element says for what: such a one stands for a namespace that nobody here knows.
    pub fn parse(raw: impl Into<String>) -> Result<Stanza, XmlError> {
        let raw = raw.into();
        recent::or_read(&raw, || Stanza::read(&raw))
    }

    fn read(raw: &str) -> Result<Stanza, XmlError> {
        let element = read(raw, known()).or_else(|error| {
            let declared = prefixes::unbound(raw).map(|prefix| {
                let namespace = format!("{UNKNOWN}{prefix}");
                (Some(prefix), namespace)
            });
            let mut prefixes = known();
            prefixes.extend(declared.collect::<Vec<_>>());
            if prefixes.len() == known().len() {
                return Err(error);
            }
            read(raw, prefixes)
        })?;
        Ok(Stanza::new(raw, element))
    }

    /// Reads one element that every reader can read, whatever the header of its stream has declared.
    pub fn parse_alone(raw: impl Into<String>) -> Result<Stanza, XmlError> {
        let raw = raw.into();
        let element = read(&raw, known())?;
        Ok(Stanza::new(&raw, element))
    }

    fn new(raw: &str, element: Element) -> Stanza {
        Stanza {
            raw: raw.into(),
            element: Arc::new(element),
        }
    }

    /// The text on the wire, to the byte.
    pub fn raw(&self) -> &str {
        &self.raw
    }

    pub fn element(&self) -> &Element {
        &self.element
    }

    pub fn is(&self, name: &str, ns: &str) -> bool {
        self.element.is(name, ns)
    }

    pub fn attr<'a>(&'a self, name: &'a str) -> Option<&'a str> {
        self.element.attr(name)
    }

    pub fn id(&self) -> Option<&str> {
        self.attr("id")
    }

    pub fn from(&self) -> Option<&str> {
        self.attr("from")
    }

    pub fn to(&self) -> Option<&str> {
        self.attr("to")
    }

    pub fn is_iq(&self) -> bool {
        self.element.is("iq", CLIENT)
    }

    pub fn is_message(&self) -> bool {
        self.element.is("message", CLIENT)
    }

    pub fn is_presence(&self) -> bool {
        self.element.is("presence", CLIENT)
    }

    pub fn iq_type(&self) -> Option<IqType> {
        if !self.is_iq() {
            return None;
        }
        match self.attr("type")? {
            "get" => Some(IqType::Get),
            "set" => Some(IqType::Set),
            "result" => Some(IqType::Result),
            "error" => Some(IqType::Error),
            _ => None,
        }
    }

    /// The `<call xmlns="urn:xmpp:call:0"/>` children.
    pub fn calls(&self) -> impl Iterator<Item = &Element> {
        self.element
            .children()
            .filter(|child| child.is("call", crate::protocol::NAMESPACE))
    }

    /// The JSON text of the first `<call/>`, unescaped.
    pub fn call_text(&self) -> Option<String> {
        self.calls().next().map(Element::text)
    }

    /// The text of a message's first `<body/>`.
    pub fn body(&self) -> Option<String> {
        if !self.is_message() {
            return None;
        }
        self.element.get_child("body", CLIENT).map(Element::text)
    }

    /// What an answer of type `error` lacks of the form of a stanza error (RFC 6120 §8.3.2); `None`: nothing.
    pub fn error_fault(&self) -> Option<&'static str> {
        let mut errors = self.element.children().filter(|child| child.is("error", CLIENT));
        let (Some(error), None) = (errors.next(), errors.next()) else {
            return Some("it does not hold one `<error/>`");
        };
        if !matches!(
            error.attr("type"),
            Some("auth" | "cancel" | "continue" | "modify" | "wait")
        ) {
            return Some("its `<error/>` has no `type` of auth, cancel, continue, modify or wait");
        }
        let of_error = |child: &&Element| child.has_ns(STANZA_ERRORS) && child.name() != "text";
        match error.children().filter(of_error).count() {
            1 => None,
            0 => Some("its `<error/>` names no defined condition"),
            _ => Some("its `<error/>` names more than one defined condition"),
        }
    }

    /// The defined condition of a stanza error or a stream error, such as `service-unavailable`
    /// (RFC 6120 §8.3.3, §4.9.3).
    pub fn error_condition(&self) -> Option<&str> {
        let (parent, ns) = if self.element.is("error", STREAM) {
            (Some(self.element()), STREAM_ERRORS)
        } else {
            (self.element.get_child("error", CLIENT), STANZA_ERRORS)
        };
        parent?
            .children()
            .find(|child| child.has_ns(ns) && child.name() != "text")
            .map(Element::name)
    }
}

/// A JID without its resource.
pub fn bare(jid: &str) -> &str {
    jid.split_once('/').map_or(jid, |(bare, _)| bare)
}

/// A JID in the form in which two are compared: user and domain fold their case, the resource does not.
pub fn fold(jid: &str) -> String {
    match jid.split_once('/') {
        Some((bare, resource)) => format!("{}/{resource}", bare.to_lowercase()),
        None => jid.to_lowercase(),
    }
}

/// A JID's resource.
pub fn resource(jid: &str) -> Option<&str> {
    jid.split_once('/').map(|(_, resource)| resource)
}

/// Text made safe for XML character data and for attribute values in either quote.
pub fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + text.len() / 8);
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&apos;"),
            // A parser would turn a bare carriage return into a line feed (XML 1.0 §2.11).
            '\r' => out.push_str("&#xD;"),
            c => out.push(c),
        }
    }
    out
}

/// A text as whoever reads it has it that meets its carriage returns bare (XML 1.0 §2.11).
pub fn with_line_feeds(text: &str) -> String {
    text.replace("\r\n", "\n").replace('\r', "\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_a_stanza_with_and_without_its_namespace() {
        for raw in [
            "<iq type='set' id='a' to='b@c/d'/>",
            "<iq xmlns='jabber:client' type='set' id='a' to='b@c/d'/>",
        ] {
            let stanza = Stanza::parse(raw).expect("a stanza");
            assert_eq!(stanza.raw(), raw);
            assert_eq!(
                (stanza.iq_type(), stanza.id(), stanza.to()),
                (Some(IqType::Set), Some("a"), Some("b@c/d"))
            );
        }
    }

    #[test]
    fn a_prefix_that_the_header_has_declared_hides_nothing_else() {
        let raw = "<stream:features><ack:ack xmlns:b='c'/><b:d ack:e='f'/><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/></stream:features>";
        let features = Stanza::parse(raw).expect("features");
        assert!(
            features
                .element()
                .has_child("bind", "urn:ietf:params:xml:ns:xmpp-bind")
        );
        assert!(features.is("features", STREAM) && features.raw() == raw);
        assert!(Stanza::parse_alone(raw).is_err());
        for broken in ["<a:b></a:c>", "<a:b", "<a:b>&x;</a:b>"] {
            assert!(Stanza::parse(broken).is_err(), "{broken}");
        }
    }

    #[test]
    fn tells_what_an_error_lacks() {
        let fault = |error: &str| {
            let raw = format!("<iq type='error' id='a'>{error}</iq>");
            Stanza::parse(&raw).expect("a stanza").error_fault()
        };
        const GONE: &str = "<gone xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'>xmpp:a@b</gone>";
        const TEXT: &str = "<text xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'>moved</text><own xmlns='x'/>";
        assert_eq!(
            fault(&format!(
                "<a xmlns='x'/><error type='cancel'>{GONE}{TEXT}</error>"
            )),
            None
        );
        for (error, says) in [
            (String::new(), "one `<error/>`"),
            (
                format!("<error type='cancel'>{GONE}</error>").repeat(2),
                "one `<error/>`",
            ),
            (format!("<error>{GONE}</error>"), "no `type`"),
            (format!("<error type='fatal'>{GONE}</error>"), "no `type`"),
            (
                format!("<error type='cancel'>{TEXT}</error>"),
                "no defined condition",
            ),
            (
                format!("<error type='cancel'>{GONE}{GONE}</error>"),
                "more than one",
            ),
        ] {
            assert!(fault(&error).is_some_and(|fault| fault.contains(says)), "{error}");
        }
    }

    #[test]
    fn names_the_condition_of_both_kinds_of_error() {
        let stanza = "<iq type='error' id='a'><error type='cancel'><service-unavailable xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></iq>";
        assert_eq!(
            Stanza::parse(stanza).expect("a stanza").error_condition(),
            Some("service-unavailable")
        );
        let stream = "<stream:error><conflict xmlns='urn:ietf:params:xml:ns:xmpp-streams'/></stream:error>";
        assert_eq!(
            Stanza::parse(stream).expect("a stream error").error_condition(),
            Some("conflict")
        );
    }
}
