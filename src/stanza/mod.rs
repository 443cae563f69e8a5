//! One XMPP stanza or stream element as text and as a tree: what is on the wire, readable.

mod message;
mod prefixes;
mod quick;
mod wire;

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::{Arc, OnceLock};

use minidom::Element;
use quick::Quick;

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
    raw: String,
    /// What most stanzas are, read without a tree.
    quick: Option<Quick>,
    element: OnceLock<Box<Element>>,
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

const NO_TYPE: &str = "its `<error/>` has no `type` of auth, cancel, continue, modify or wait";

impl Stanza {
    /// Reads one element. A missing default namespace counts as `jabber:client` and the prefix `stream` as bound,
    /// as they are inside a TCP stream (RFC 6120 §4.8.3). There the stream's header may have declared more prefixes,
    /// and nothing in the element says for what: such a one stands for a namespace that nobody here knows.
    pub fn parse(raw: impl Into<String>) -> Result<Stanza, XmlError> {
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
    pub fn parse_alone(raw: impl Into<String>) -> Result<Stanza, XmlError> {
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
        Some(Stanza::quickly(raw.to_owned(), quick))
    }

    fn quickly(raw: String, quick: Quick) -> Stanza {
        Stanza(Arc::new(Inner {
            raw,
            quick: Some(quick),
            element: OnceLock::new(),
        }))
    }

    fn with(raw: String, element: Element) -> Stanza {
        Stanza(Arc::new(Inner {
            raw,
            quick: None,
            element: OnceLock::from(Box::new(element)),
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

    /// The condition that its `<error/>` names, where it takes no tree to tell.
    fn quick_condition(&self) -> Option<&str> {
        let quick = self.quick()?;
        let raw = self.raw();
        let (name, own) = quick.child(raw)?;
        let inherited = own.or(quick.ns(raw)).unwrap_or(CLIENT);
        let (condition, ns) = quick.condition(raw)?;
        let fits = name == "error" && inherited == CLIENT && ns == Some(STANZA_ERRORS) && condition != "text";
        fits.then_some(condition)
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
        self.element()
            .children()
            .filter(|child| child.is("call", crate::protocol::NAMESPACE))
    }

    /// Whether there is a `<call/>` in it.
    pub fn has_call(&self) -> bool {
        match self.quick_text("call", crate::protocol::NAMESPACE) {
            Some(text) => text.is_some(),
            None => self.calls().next().is_some(),
        }
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
    pub fn ns_of_only_child(&self) -> Option<&str> {
        let quick = self.quick()?;
        let (_, own) = quick.child(self.raw())?;
        Some(own.or(quick.ns(self.raw())).unwrap_or(CLIENT))
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
        let mut out = Vec::new();
        element.write_to(&mut out).ok()?;
        String::from_utf8(out).ok()
    }

    /// Whether it has the form of an answer: a result with at most one child, or a proper error (RFC 6120 §8.2.3). Who
    /// accepts only what it has validated may drop any other (§11.3).
    pub fn is_sound_answer(&self) -> bool {
        match self.iq_type() {
            Some(IqType::Result) => self.children() <= 1,
            Some(IqType::Error) => self.error_fault().is_none(),
            _ => false,
        }
    }

    /// What an answer of type `error` lacks of the form of a stanza error (RFC 6120 §8.3.2); `None`: nothing.
    pub fn error_fault(&self) -> Option<&'static str> {
        if self.quick_condition().is_some() {
            let kind = self
                .quick()
                .and_then(|quick| quick.attr_of_child(self.raw(), "type"));
            return match kind {
                Some("auth" | "cancel" | "continue" | "modify" | "wait") => None,
                _ => Some(NO_TYPE),
            };
        }
        let mut errors = self
            .element()
            .children()
            .filter(|child| child.is("error", CLIENT));
        let (Some(error), None) = (errors.next(), errors.next()) else {
            return Some("it does not hold one `<error/>`");
        };
        if !matches!(
            error.attr("type"),
            Some("auth" | "cancel" | "continue" | "modify" | "wait")
        ) {
            return Some(NO_TYPE);
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
        let (parent, ns) = if self.is("error", STREAM) {
            (Some(self.element()), STREAM_ERRORS)
        } else if self.quick().is_some() {
            // An `<error/>` that holds no element names no condition.
            return self.quick_condition();
        } else {
            (self.element().get_child("error", CLIENT), STANZA_ERRORS)
        };
        parent?
            .children()
            .find(|child| child.has_ns(ns) && child.name() != "text")
            .map(Element::name)
    }
}

/// A number that two different things hardly ever share.
pub fn print(of: impl Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    of.hash(&mut hasher);
    hasher.finish()
}

/// A JID without its resource.
pub fn bare(jid: &str) -> &str {
    jid.split_once('/').map_or(jid, |(bare, _)| bare)
}

/// A JID in the form in which two are compared: user and domain fold their case, the resource does not.
pub fn fold(jid: &str) -> String {
    let bare = bare(jid);
    // As nearly all are written.
    if bare
        .bytes()
        .all(|byte| byte.is_ascii() && !byte.is_ascii_uppercase())
    {
        return jid.to_owned();
    }
    let mut folded = bare.to_lowercase();
    folded.push_str(jid.get(bare.len()..).unwrap_or_default());
    folded
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
    fn user_and_domain_fold_their_case_and_the_resource_does_not() {
        for (jid, folded) in [
            ("alice@example.com/Phone", "alice@example.com/Phone"),
            ("Alice@Example.com/Phone", "alice@example.com/Phone"),
            ("ÄRGER@example.com/Ä/B", "ärger@example.com/Ä/B"),
            ("Example.com", "example.com"),
            ("", ""),
        ] {
            assert_eq!(fold(jid), folded);
        }
    }

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

    /// A tree declares the prefix too that it was read with, and that nothing here bears; and what is inside a stanza may
    /// say its namespace again or not.
    fn plainly(written: Option<String>) -> Option<String> {
        let written = written?.replace(&format!(" xmlns:stream='{STREAM}'"), "");
        let (tag, inside) = written.split_once('>')?;
        Some(format!(
            "{tag}>{}",
            inside.replace(&format!(" xmlns='{CLIENT}'"), "")
        ))
    }

    /// Everything that can be asked, as the tree answers it.
    fn by_tree(element: &Element) -> impl PartialEq + std::fmt::Debug + use<> {
        let by_tree = Stanza::with(String::new(), element.clone());
        let call = element
            .children()
            .find(|child| child.is("call", crate::protocol::NAMESPACE));
        let is = |name: &str| element.is(name, CLIENT);
        (
            (element.name().to_owned(), is("iq"), is("message")),
            ["type", "id", "from", "to", "xmlns", "lang"].map(|name| element.attr(name).map(str::to_owned)),
            element.children().count(),
            call.map(Element::text),
            call.is_none_or(|call| call.children().next().is_none()),
            element
                .get_child("body", CLIENT)
                .filter(|_| is("message"))
                .map(Element::text),
            element.is("error", STREAM),
            (
                by_tree.error_condition().map(str::to_owned),
                by_tree.error_fault(),
            ),
            plainly(by_tree.stamped_by_tree("a@b/'c", None)),
            plainly(by_tree.stamped_by_tree("a@b/&c", Some("d@e/f"))),
        )
    }

    fn by_stanza(stanza: &Stanza) -> impl PartialEq + std::fmt::Debug + use<> {
        (
            (stanza.name().to_owned(), stanza.is_iq(), stanza.is_message()),
            ["type", "id", "from", "to", "xmlns", "lang"].map(|name| stanza.attr(name).map(str::to_owned)),
            stanza.children(),
            stanza.call_text(),
            stanza.call_is_text(),
            stanza.body(),
            stanza.is("error", STREAM),
            (stanza.error_condition().map(str::to_owned), stanza.error_fault()),
            plainly(stanza.stamped("a@b/'c", None)),
            plainly(stanza.stamped("a@b/&c", Some("d@e/f"))),
        )
    }

    proptest::proptest! {
        #![proptest_config(proptest::prelude::ProptestConfig {
            cases: 4_096,
            failure_persistence: None,
            ..proptest::prelude::ProptestConfig::default()
        })]

        #[test]
        fn what_is_read_without_a_tree_is_what_the_tree_says(
            pieces in proptest::collection::vec(proptest::sample::select(PIECES.to_vec()), 0..12),
            whole in proptest::bool::ANY,
        ) {
            let middle = pieces.concat();
            let raw = if whole {
                format!("<iq type='set' id='a'{middle}</iq>")
            } else {
                middle
            };
            if let Some(quick) = Quick::read(&raw) {
                let element = read(&raw, known()).map_err(|error| proptest::prelude::TestCaseError::fail(format!("{raw:?}: {error}")))?;
                proptest::prop_assert!(crate::xmpp::check_frame(&raw, crate::xmpp::Limits::default()).is_ok(), "{:?}", raw);
                let stanza = Stanza::quickly(raw.clone(), quick);
                let (tree, quick) = (format!("{:?}", by_tree(&element)), format!("{:?}", by_stanza(&stanza)));
                proptest::prop_assert_eq!(tree, quick, "{:?}", raw);
            }
        }
    }

    const PIECES: [&str; 62] = [
        "<iq",
        "<message",
        "<error",
        "<call",
        "<body",
        "</iq>",
        "</message>",
        "</call>",
        "</body>",
        "</error>",
        ">",
        "/>",
        " ",
        "\n",
        "\t",
        "\r",
        " xmlns='urn:xmpp:call:0'",
        " xmlns=\"jabber:client\"",
        " xmlns=''",
        " xmlns='http://etherx.jabber.org/streams'",
        " xml:lang='en'",
        " lang='x'",
        " xmlns:a='b'",
        " to='a@b/c'",
        " to = \"a&amp;b\"",
        " from='&#x41;&#65;'",
        " id='<'",
        " id='>'",
        " id='&lt;'",
        " id='\t'",
        " type='result'",
        " a:b='c'",
        " id=x",
        " id",
        "text",
        "&quot;",
        "&apos;",
        "&#34;",
        "&#0;",
        "&#xD;",
        "&#xe9;",
        "&#300;",
        "&nothing;",
        "&",
        ";",
        "]]>",
        "]]",
        "<![CDATA[x]]>",
        "<!-- x -->",
        "<?x y?>",
        "é",
        "\u{fffe}",
        "\u{7f}",
        "\u{1}",
        "{\"a\":\"b\"}",
        "<x/>",
        "><error type='cancel'>",
        "><error type='x' xmlns='y'>",
        "><error xmlns='jabber:client'>",
        "<gone xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error>",
        "<gone xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'>text</gone></error>",
        "<text xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/>",
    ];

    #[test]
    fn signals_and_their_answers_need_no_tree() {
        for raw in [
            r#"<iq xmlns="jabber:client" type="set" to="b@c/d" id="a"><call xmlns="urn:xmpp:call:0">{"a":"&lt;"}</call></iq>"#,
            "<iq id='a' from='b@c/d' xmlns='jabber:client' to='a@b/c' type='result' xml:lang='en'/>",
            "<iq type='result' id='a'></iq>",
            "<iq type='error' id='a'><error type='cancel'><gone xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></iq>",
            "<message to='a@b'><body>hello</body></message>",
        ] {
            assert!(Quick::read(raw).is_some(), "{raw}");
        }
    }
}
