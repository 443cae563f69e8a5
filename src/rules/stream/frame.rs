//! One text message, read as RFC 7395 §3.3.3 wants it to be readable: alone.

use minidom::Element;
use rxml::{Parse, WithOptions};

use crate::stanza::{CLIENT, STREAM, Stanza};

/// What is wrong with a message's form.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Flaw {
    /// Not one element and nothing else.
    Shape(&'static str),
    /// It cannot be read without what stood in other messages.
    Namespace(&'static str),
}

/// What a message from a server has to be. `None`: all is well.
pub(super) fn flaw(text: &str) -> Option<Flaw> {
    if !text.starts_with('<') {
        return Some(Flaw::Shape(if text.is_empty() {
            "an empty message"
        } else {
            "a message that does not begin with `<`"
        }));
    }
    if !is_one(text) {
        return Some(Flaw::Shape("a message that is not one well-formed element"));
    }
    // Its namespaces as they would be in a stream. What is longer than our reader takes in one piece is no flaw.
    let Ok(stanza) = Stanza::parse(text) else {
        return None;
    };
    if text.parse::<Element>().is_ok() {
        return None;
    }
    let element = stanza.element();
    Some(Flaw::Namespace(if element.has_ns(STREAM) {
        "a stream element whose prefix nothing in the message binds"
    } else if element.has_ns(CLIENT) {
        "a stanza without its own `xmlns`"
    } else {
        "an element whose namespace nothing in the message declares"
    }))
}

/// Whether a client's message is a fault of the stream: the server cannot but end it (RFC 6120 §4.9.1.1).
pub(super) fn is_fault(text: &str) -> bool {
    !is_one(text)
}

/// Whether a text is one element, well-formed where the usual prefixes are bound, with no more than blanks after it.
fn is_one(text: &str) -> bool {
    matches!(shape(text), Shape::One)
}

/// Whether what stood on a TCP stream can stand on none, whatever the stream's header declares.
pub(in super::super) fn is_ill_formed(text: &str) -> bool {
    matches!(shape(text), Shape::Other)
}

/// What a text is where the usual prefixes are bound.
enum Shape {
    /// One element.
    One,
    /// It has a prefix that is not among them.
    Prefixed,
    Other,
}

fn shape(text: &str) -> Shape {
    let body = match text.strip_prefix("<?xml ").and_then(|rest| rest.split_once("?>")) {
        Some((_, body)) => body,
        None => text,
    };
    let whole = format!("<around xmlns='{CLIENT}' xmlns:stream='{STREAM}'>{body}</around>");
    let options = rxml::Options {
        max_token_length: whole.len().max(rxml::Options::default().max_token_length),
        ..rxml::Options::default()
    };
    let mut parser = rxml::Parser::with_options(options);
    let (mut rest, mut depth, mut elements) = (whole.as_bytes(), 0_usize, 0_usize);
    loop {
        match parser.parse(&mut rest, true) {
            Ok(None) if elements == 1 => return Shape::One,
            Ok(Some(rxml::Event::StartElement(..))) => {
                depth += 1;
                elements += usize::from(depth == 2);
            }
            Ok(Some(rxml::Event::EndElement(_))) => depth = depth.saturating_sub(1),
            Ok(Some(rxml::Event::Text(_, text))) if depth == 1 && !text.trim().is_empty() => {
                return Shape::Other;
            }
            Ok(Some(_)) => {}
            Err(rxml::error::EndOrError::Error(rxml::Error::UndeclaredNamespacePrefix(_))) => {
                return Shape::Prefixed;
            }
            Ok(None) | Err(_) => return Shape::Other,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_stands_alone() {
        for (text, wanted) in [
            ("<iq xmlns='jabber:client' type='result' id='a'/>", None),
            (
                "<stream:features xmlns:stream='http://etherx.jabber.org/streams'/>",
                None,
            ),
            ("<error xmlns='http://etherx.jabber.org/streams'/>", None),
            ("<close xmlns='urn:ietf:params:xml:ns:xmpp-framing'/>", None),
            ("<?xml version='1.0'?><a xmlns='b'/>", None),
            ("<iq type='result' id='a'/>", Some("namespace")),
            ("<stream:error/>", Some("namespace")),
            (" <a xmlns='b'/>", Some("shape")),
            ("", Some("shape")),
            ("<a xmlns='b'/><a xmlns='b'/>", Some("shape")),
            ("<a xmlns='b'>", Some("shape")),
            ("<a xmlns='b'/>x", Some("shape")),
        ] {
            let kind = flaw(text).map(|flaw| match flaw {
                Flaw::Shape(_) => "shape",
                Flaw::Namespace(_) => "namespace",
            });
            assert_eq!(kind, wanted, "{text}");
        }
    }

    #[test]
    fn what_is_missing_is_named() {
        for (text, missing) in [
            (
                "<stream:error/>",
                "a stream element whose prefix nothing in the message binds",
            ),
            ("<iq type='result' id='a'/>", "a stanza without its own `xmlns`"),
            (
                "<a xmlns='b'><stream:c/></a>",
                "an element whose namespace nothing in the message declares",
            ),
        ] {
            assert_eq!(flaw(text), Some(Flaw::Namespace(missing)), "{text}");
        }
    }

    #[test]
    fn a_fault_is_what_no_server_can_read_on_after() {
        for (text, fault) in [
            ("<iq><a></iq>", true),
            ("<a/><b/>", true),
            ("<message><!-- a --></message>", true),
            ("<!DOCTYPE a><a/>", true),
            ("<a><?b c?></a>", true),
            ("<a>&lt;?b</a>", false),
            ("<iq type='set'/>", false),
            // What stands in a text is no markup.
            ("<a><![CDATA[<!-- <?b c?>]]></a>", false),
        ] {
            assert_eq!(is_fault(text), fault, "{text}");
        }
    }

    #[test]
    fn a_long_attribute_is_no_flaw() {
        for text in [
            format!("<a xmlns='b' c='{}'>d</a>", "x".repeat(100_000)),
            format!(
                "<iq xmlns='jabber:client' type='result' id='{}'/>",
                "x".repeat(100_000)
            ),
        ] {
            assert!(flaw(&text).is_none() && !is_fault(&text), "{}", &text[..60]);
        }
    }
}
