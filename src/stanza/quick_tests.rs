//! What is read without a tree is what the tree says, to every question that a stanza answers.

use minidom::Element;

use super::quick::Quick;
use super::{CLIENT, STREAM, Stanza, known, read};

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
    let by_tree = Stanza::with("".into(), element.clone());
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
            let stanza = Stanza::quickly(raw.as_str().into(), quick);
            let (tree, quick) = (format!("{:?}", by_tree(&element)), format!("{:?}", by_stanza(&stanza)));
            proptest::prop_assert_eq!(tree, quick, "{:?}", raw);
        }
    }
}

const PIECES: [&str; 63] = [
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
    " from=\"a'b\"",
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
