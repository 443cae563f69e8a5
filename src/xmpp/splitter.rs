//! Parts a TCP stream (RFC 6120 §4) into its elements, each with the exact bytes that stood on the wire.

use rxml::{Event, Parse, Parser, WithOptions};

use crate::stanza::STREAM;

/// A longer element is refused: far above what any server carries in one stanza.
const LARGEST: usize = 16 << 20;
const DEEPEST: usize = 256;

/// A piece of a stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Piece {
    /// The stream's own start tag.
    Header(String),
    /// One whole child of the stream.
    Element(String),
    /// The stream's end tag.
    Footer,
}

/// Bytes in, pieces out.
pub struct Splitter {
    parser: Parser,
    input: Vec<u8>,
    /// How much of `input` the parser has read.
    fed: usize,
    /// How much of `input` belongs to events that have been seen.
    used: usize,
    depth: usize,
    element: Vec<u8>,
}

impl Default for Splitter {
    fn default() -> Splitter {
        Splitter {
            parser: parser(),
            input: Vec::new(),
            fed: 0,
            used: 0,
            depth: 0,
            element: Vec::new(),
        }
    }
}

fn parser() -> Parser {
    let options = rxml::Options {
        // Long attributes are unusual, not unlawful.
        max_token_length: 1 << 20,
        ..rxml::Options::default()
    };
    Parser::with_options(options)
}

impl Splitter {
    pub fn feed(&mut self, bytes: &[u8]) {
        if self.used > 0 {
            self.input.drain(..self.used);
            self.fed -= self.used;
            self.used = 0;
        }
        self.input.extend_from_slice(bytes);
    }

    /// A new stream begins with the next byte (RFC 6120 §4.3.3).
    pub fn restart(&mut self) {
        self.parser = parser();
        self.fed = self.used;
        self.depth = 0;
        self.element.clear();
    }

    /// The next piece; `None` until more bytes are fed. After an error nothing more can be read.
    pub fn next(&mut self) -> Result<Option<Piece>, String> {
        loop {
            let mut rest = self.input.get(self.fed..).unwrap_or_default();
            let before = rest.len();
            let event = self.parser.parse(&mut rest, false);
            self.fed += before - rest.len();
            let event = match event {
                Ok(Some(event)) => event,
                Ok(None) => return Ok(None),
                Err(rxml::error::EndOrError::NeedMoreData) => {
                    if self.element.len() + self.input.len() - self.used > LARGEST {
                        return Err(format!("an element is larger than {LARGEST} bytes"));
                    }
                    // The parser waits for the end of a text; where none may stand, its beginning is enough.
                    let pending = self.input.get(self.used..).unwrap_or_default().trim_ascii_start();
                    if self.depth <= 1 && pending.first().is_some_and(|byte| *byte != b'<') {
                        let start = String::from_utf8_lossy(pending.get(..40).unwrap_or(pending));
                        return Err(format!("text where an element has to begin: {start:?}"));
                    }
                    return Ok(None);
                }
                Err(rxml::error::EndOrError::Error(error)) => return Err(error.to_string()),
            };
            let end = (self.used + event.metrics().len()).min(self.input.len());
            let bytes = self.input.get(self.used..end).unwrap_or_default().to_vec();
            self.used = end;
            match event {
                Event::XmlDeclaration(..) => {}
                Event::StartElement(_, (ns, name), _) => {
                    self.depth += 1;
                    if self.depth == 1 {
                        if ns.as_str() != STREAM || name.as_str() != "stream" {
                            return Err(format!("<{name}> where a stream has to begin"));
                        }
                        return Ok(Some(Piece::Header(text(bytes).trim_start().to_owned())));
                    }
                    if self.depth > DEEPEST {
                        return Err(format!("elements are nested deeper than {DEEPEST}"));
                    }
                    self.element.extend(bytes);
                }
                Event::Text(_, content) => {
                    if self.depth >= 2 {
                        self.element.extend(bytes);
                    } else if !content.trim().is_empty() {
                        return Err(format!(
                            "text where an element has to begin: {:?}",
                            content.trim()
                        ));
                    }
                }
                Event::EndElement(_) => {
                    self.depth = self.depth.saturating_sub(1);
                    self.element.extend(bytes);
                    match self.depth {
                        0 => return Ok(Some(Piece::Footer)),
                        1 => return Ok(Some(Piece::Element(text(std::mem::take(&mut self.element))))),
                        _ => {}
                    }
                }
            }
            if self.element.len() > LARGEST {
                return Err(format!("an element is larger than {LARGEST} bytes"));
            }
        }
    }
}

/// The parser has let pass only what is UTF-8.
fn text(bytes: Vec<u8>) -> String {
    String::from_utf8(bytes).unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEADER: &str = "<stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' xmlns:x='y' to='localhost' version='1.0' x:odd='1'>";

    fn pieces(chunks: &[&[u8]]) -> (Vec<Piece>, Option<String>) {
        let mut splitter = Splitter::default();
        let mut out = Vec::new();
        for chunk in chunks {
            splitter.feed(chunk);
            loop {
                match splitter.next() {
                    Ok(Some(piece)) => out.push(piece),
                    Ok(None) => break,
                    Err(error) => return (out, Some(error)),
                }
            }
        }
        (out, None)
    }

    #[test]
    fn every_element_comes_out_to_the_byte_however_it_is_cut() {
        let first = "<iq  type='set' id=\"a\"><call xmlns='urn:xmpp:call:0'>&lt;<![CDATA[a>b]]>é&#x1F600;</call></iq >";
        let second = "<presence/>";
        let whole = format!("<?xml version='1.0'?>\n{HEADER} {first}\n\n{second}</stream:stream>");
        let wanted = vec![
            Piece::Header(HEADER.to_owned()),
            Piece::Element(first.to_owned()),
            Piece::Element(second.to_owned()),
            Piece::Footer,
        ];
        for size in [1, 2, 3, 7, 64, whole.len()] {
            let chunks: Vec<&[u8]> = whole.as_bytes().chunks(size).collect();
            assert_eq!(pieces(&chunks), (wanted.clone(), None), "{size}");
        }
    }

    #[test]
    fn a_restart_keeps_what_came_after_the_last_element() {
        let mut splitter = Splitter::default();
        splitter.feed(
            format!("{HEADER}<success xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/>{HEADER}<a/>").as_bytes(),
        );
        assert!(matches!(splitter.next(), Ok(Some(Piece::Header(_)))));
        assert!(matches!(splitter.next(), Ok(Some(Piece::Element(_)))));
        splitter.restart();
        assert!(matches!(splitter.next(), Ok(Some(Piece::Header(_)))));
        assert_eq!(splitter.next(), Ok(Some(Piece::Element("<a/>".into()))));
    }

    #[test]
    fn hostile_streams_end_in_an_error() {
        let deep = "<a>".repeat(DEEPEST + 1);
        for bad in [
            "<html>",
            "<!DOCTYPE a>",
            "&nbsp;",
            "garbage",
            "<a><b></a>",
            "<!-- c -->",
            deep.as_str(),
        ] {
            let whole = if bad == "<html>" {
                bad.to_owned()
            } else {
                format!("{HEADER}{bad}")
            };
            assert!(pieces(&[whole.as_bytes()]).1.is_some(), "{bad}");
        }
    }
}
