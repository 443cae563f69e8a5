//! One XMPP stanza or stream element as text and as a tree: what is on the wire, readable.

mod answer;
mod jid;
mod message;
mod prefixes;
mod quick;
#[cfg(test)]
mod quick_tests;
mod wire;

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::hash::{BuildHasher, Hash};
use std::sync::{Arc, LazyLock, OnceLock};

use foldhash::quality::RandomState;
use minidom::Element;
use quick::Quick;

pub use jid::{bare, fold, resource};
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
/// Whoever sends one, whoever carries it, whoever gets it and whoever judges it can hold the same.
#[derive(Debug, Clone)]
pub struct Stanza(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    raw: Arc<str>,
    /// What most stanzas are, read without a tree.
    quick: Option<Quick>,
    element: OnceLock<Box<Element>>,
    /// What every rule asks first: the `type` of an IQ, and whether there is a `<call/>` in it.
    iq_type: OnceLock<Option<IqType>>,
    has_call: OnceLock<bool>,
}

impl PartialEq for Stanza {
    fn eq(&self, other: &Stanza) -> bool {
        Arc::ptr_eq(&self.0, &other.0) || self.raw() == other.raw()
    }
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
    pub fn parse(raw: impl Into<Arc<str>>) -> Result<Stanza, XmlError> {
        let raw = raw.into();
        if let Some(quick) = Quick::read(&raw) {
            return Ok(Stanza::quickly(raw, quick));
        }
        let element = read(&raw, known()).or_else(|error| {
            let declared = prefixes::unbound(&raw).map(|prefix| {
                let namespace = format!("{UNKNOWN}{prefix}");
                (Some(prefix), namespace)
            });
            let mut prefixes = known();
            prefixes.extend(declared.collect::<Vec<_>>());
            if prefixes.len() == known().len() {
                return Err(error);
            }
            read(&raw, prefixes)
        })?;
        Ok(Stanza::with(raw, element))
    }

    /// Reads one element that every reader can read, whatever the header of its stream has declared.
    pub fn parse_alone(raw: impl Into<Arc<str>>) -> Result<Stanza, XmlError> {
        let raw = raw.into();
        if let Some(quick) = Quick::read(&raw) {
            return Ok(Stanza::quickly(raw, quick));
        }
        let element = read(&raw, known())?;
        Ok(Stanza::with(raw, element))
    }

    /// The same for what takes no tree to be read, which is one whole element and well-formed by every rule; `None`: a
    /// parser has to say what it is.
    pub fn parse_plain(raw: &str) -> Option<Stanza> {
        let quick = Quick::read(raw)?;
        Some(Stanza::quickly(raw.into(), quick))
    }

    fn quickly(raw: Arc<str>, quick: Quick) -> Stanza {
        Stanza(Arc::new(Inner {
            raw,
            quick: Some(quick),
            element: OnceLock::new(),
            iq_type: OnceLock::new(),
            has_call: OnceLock::new(),
        }))
    }

    fn with(raw: Arc<str>, element: Element) -> Stanza {
        Stanza(Arc::new(Inner {
            raw,
            quick: None,
            element: OnceLock::from(Box::new(element)),
            iq_type: OnceLock::new(),
            has_call: OnceLock::new(),
        }))
    }

    /// What it is, where it takes no tree to tell.
    fn quick(&self) -> Option<&Quick> {
        self.0.quick.as_ref()
    }

    /// The text on the wire, to the byte.
    pub fn raw(&self) -> &str {
        &self.0.raw
    }

    pub fn element(&self) -> &Element {
        // What was read without a tree makes one: `quick` takes nothing that a parser would not.
        self.0.element.get_or_init(|| {
            let element = read(self.raw(), known());
            Box::new(element.unwrap_or_else(|_| Element::bare(self.name(), CLIENT)))
        })
    }

    pub fn name(&self) -> &str {
        match self.quick() {
            Some(quick) => quick.name(self.raw()),
            None => self.element().name(),
        }
    }

    pub fn is(&self, name: &str, ns: &str) -> bool {
        match self.quick() {
            Some(quick) => quick.name(self.raw()) == name && quick.ns(self.raw()).unwrap_or(CLIENT) == ns,
            None => self.element().is(name, ns),
        }
    }

    pub fn attr<'a>(&'a self, name: &'a str) -> Option<&'a str> {
        match self.quick() {
            Some(quick) if !name.contains(':') => quick.attr(self.raw(), name),
            _ => self.element().attr(name),
        }
    }

    /// How many children it has that are elements.
    pub fn children(&self) -> usize {
        match self.quick() {
            Some(quick) => usize::from(quick.child(self.raw()).is_some()),
            None => self.element().children().count(),
        }
    }

    /// The text of its only child, if that is an element of this name and there is no more to it.
    fn quick_text(&self, name: &str, ns: &str) -> Option<Option<&str>> {
        let quick = self.quick()?;
        let inherited = quick.ns(self.raw()).unwrap_or(CLIENT);
        let child = quick.child(self.raw());
        let fits = child.is_some_and(|(known, own)| known == name && own.unwrap_or(inherited) == ns);
        Some(fits.then(|| quick.text(self.raw())))
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
        self.is("iq", CLIENT)
    }

    pub fn is_message(&self) -> bool {
        self.is("message", CLIENT)
    }

    pub fn is_presence(&self) -> bool {
        self.is("presence", CLIENT)
    }

    pub fn iq_type(&self) -> Option<IqType> {
        let read = || match self.attr("type").filter(|_| self.is_iq())? {
            "get" => Some(IqType::Get),
            "set" => Some(IqType::Set),
            "result" => Some(IqType::Result),
            "error" => Some(IqType::Error),
            _ => None,
        };
        *self.0.iq_type.get_or_init(read)
    }

    /// The `<call xmlns="urn:xmpp:call:0"/>` children.
    pub fn calls(&self) -> impl Iterator<Item = &Element> {
        self.element()
            .children()
            .filter(|child| child.is("call", crate::protocol::NAMESPACE))
    }

    /// Whether there is a `<call/>` in it.
    pub fn has_call(&self) -> bool {
        let read = || match self.quick_text("call", crate::protocol::NAMESPACE) {
            Some(text) => text.is_some(),
            None => self.calls().next().is_some(),
        };
        *self.0.has_call.get_or_init(read)
    }

    /// Whether its first `<call/>` holds text only.
    pub fn call_is_text(&self) -> bool {
        self.quick().is_some()
            || self
                .calls()
                .next()
                .is_none_or(|call| call.children().next().is_none())
    }

    /// The JSON text of the first `<call/>`, unescaped.
    pub fn call_text(&self) -> Option<String> {
        self.call_said().map(Cow::into_owned)
    }

    /// The same, without a copy where it stands in the text as it is.
    pub fn call_said(&self) -> Option<Cow<'_, str>> {
        match self.quick_text("call", crate::protocol::NAMESPACE) {
            Some(text) => text.map(Cow::Borrowed),
            None => self.calls().next().map(|call| Cow::Owned(call.text())),
        }
    }

    /// The text of a message's first `<body/>`.
    pub fn body(&self) -> Option<String> {
        if !self.is_message() {
            return None;
        }
        match self.quick_text("body", CLIENT) {
            Some(text) => text.map(str::to_owned),
            None => self.element().get_child("body", CLIENT).map(Element::text),
        }
    }

    /// The namespace of its only child, where it takes no tree to tell.
    fn ns_of_only_child(&self) -> Option<&str> {
        let quick = self.quick()?;
        let (_, own) = quick.child(self.raw())?;
        Some(own.or(quick.ns(self.raw())).unwrap_or(CLIENT))
    }

    /// It is one whole element, well-formed by every rule: no parser was needed to see that.
    pub fn is_plain(&self) -> bool {
        self.quick().is_some()
    }

    /// It is empty, or a call and nothing else.
    pub fn is_bare(&self) -> bool {
        self.quick().is_some() && (self.children() == 0 || self.has_call())
    }

    /// The stanza with this `from`, and with another `to` if it is given; `None`: it could not be written.
    pub fn stamped(&self, from: &str, to: Option<&str>) -> Option<String> {
        // A tree would write another namespace's names with a prefix, where it knows one.
        let plain = |quick: &&Quick| {
            let ns = quick.ns(self.raw()).unwrap_or(CLIENT);
            ns == CLIENT && self.ns_of_only_child() != Some(STREAM)
        };
        let quickly = self.quick().filter(plain).and_then(|quick| {
            let given = [("from", from), ("to", to.unwrap_or_default())];
            let given = given.get(..1 + usize::from(to.is_some()))?;
            quick.with(self.raw(), CLIENT, given)
        });
        quickly.or_else(|| self.stamped_by_tree(from, to))
    }

    fn stamped_by_tree(&self, from: &str, to: Option<&str>) -> Option<String> {
        let mut element = self.element().clone();
        element.set_attr(rxml::Namespace::NONE, rxml::xml_ncname!("from").to_owned(), from);
        if let Some(to) = to {
            element.set_attr(rxml::Namespace::NONE, rxml::xml_ncname!("to").to_owned(), to);
        }
        written(element)
    }
}

/// The element as text; `None`: it cannot be written. Which prefix stands for what is chosen anew: the writer would panic
/// over one that its sender has bound twice, or over `xml` where it is declared, and XML allows both.
pub fn written(mut element: Element) -> Option<String> {
    forget_prefixes(&mut element);
    let mut out = Vec::new();
    element.write_to(&mut out).ok()?;
    String::from_utf8(out).ok()
}

fn forget_prefixes(element: &mut Element) {
    element.prefixes = Default::default();
    element.children_mut().for_each(forget_prefixes);
}

/// A number that two different things hardly ever share, another one in every run: nobody can make two that do.
pub fn print(of: impl Hash) -> u64 {
    static STATE: LazyLock<RandomState> = LazyLock::new(RandomState::default);
    STATE.hash_one(of)
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
    fn a_tree_is_written_whatever_its_prefixes_are() {
        for raw in [
            "<iq id='1'><c:a xmlns:c='b'><c:d xmlns:c='e'/></c:a></iq>",
            "<iq xmlns:c='b' id='1'><c:a><c:d xmlns:c='e'/></c:a></iq>",
            "<iq xmlns:xml='http://www.w3.org/XML/1998/namespace' id='1'><a xmlns='b' xml:lang='en'/></iq>",
            "<iq xmlns:tns0='b' id='1'><tns0:a xmlns:f='e' f:g='h'/></iq>",
        ] {
            let stanza = Stanza::parse(raw).expect("a stanza");
            let again = stanza.stamped("me@x/y", None).expect("a text");
            let again = Stanza::parse_alone(again).expect("a stanza");
            assert_eq!((again.from(), again.id()), (Some("me@x/y"), Some("1")));
            let child = |of: &Stanza| of.element().children().next().cloned().expect("a child");
            let names = |of: &Element| {
                (
                    of.name().to_owned(),
                    of.ns(),
                    of.children().map(Element::ns).collect::<Vec<_>>(),
                )
            };
            assert_eq!(names(&child(&again)), names(&child(&stanza)), "{raw}");
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
}
