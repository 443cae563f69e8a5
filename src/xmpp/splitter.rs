//! Parts a TCP stream (RFC 6120 §4) into its elements, each with the exact bytes that stood on the wire, and checks
//! that a WebSocket frame is one element (RFC 7395 §3.3).

use rxml::{Event, Parse, Parser, WithOptions};

use crate::stanza::STREAM;

/// A longer element is refused: far above what any server carries in one stanza.
const LARGEST: usize = 16 << 20;
const DEEPEST: usize = 256;

/// As many bytes of a piece that cannot be read are shown.
/// What a server says of more than it reads (RFC 6120 §4.9.3.14).
const LIMIT: &str = "policy-violation";
const UNREAD: usize = 64 << 10;

/// What an element may be: larger or deeper ones end the stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// In bytes, as it stands on the wire.
    pub largest: usize,
    /// Elements in elements, the stream's own not counted.
    pub deepest: usize,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits {
            largest: LARGEST,
            deepest: DEEPEST,
        }
    }
}

/// Why a stream cannot be read on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Flaw {
    /// The stream error that names it (RFC 6120 §4.9.3).
    pub condition: &'static str,
    pub text: String,
}

impl Flaw {
    /// Nothing is wrong with it but that it is more than is read here.
    pub fn is_limit(&self) -> bool {
        self.condition == LIMIT
    }

    fn new(condition: &'static str, text: impl Into<String>) -> Flaw {
        Flaw {
            condition,
            text: text.into(),
        }
    }

    /// What the parser says, of an input that it has read up to the end of `read`.
    fn of(error: &rxml::Error, read: &[u8]) -> Flaw {
        // The parser calls a document type declaration a syntax error like any other.
        let declaration = matches!(read, [.., b'<', b'!', letter] if letter.is_ascii_alphabetic());
        let restricted = matches!(
            error,
            rxml::Error::RestrictedXml(_) | rxml::Error::UndeclaredEntity
        );
        Flaw::new(
            if declaration || restricted {
                "restricted-xml"
            } else {
                "not-well-formed"
            },
            error.to_string(),
        )
    }
}

impl std::fmt::Display for Flaw {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.text)
    }
}

impl std::error::Error for Flaw {}

/// Checks that a frame is one whole element within the limits and nothing else (RFC 7395 §3.3).
///
/// # Errors
/// What is wrong first.
pub fn check_frame(frame: &str, limits: Limits) -> Result<(), Flaw> {
    if frame.len() > limits.largest {
        return Err(too_large(limits.largest));
    }
    let mut parser = parser();
    let mut rest = frame.as_bytes();
    let mut depth = 0;
    let mut whole = false;
    loop {
        let event = parser.parse(&mut rest, true);
        let read = frame.len() - rest.len();
        match event {
            Ok(None) => break,
            Ok(Some(Event::XmlDeclaration(..))) => {
                return Err(Flaw::new("restricted-xml", "an XML declaration in a frame"));
            }
            Ok(Some(Event::StartElement(..))) => {
                depth += 1;
                if depth > limits.deepest {
                    return Err(too_deep(limits.deepest));
                }
            }
            Ok(Some(Event::EndElement(_))) => {
                depth -= 1;
                whole |= depth == 0;
            }
            Ok(Some(Event::Text(..))) => {}
            Err(rxml::error::EndOrError::NeedMoreData) => break,
            Err(rxml::error::EndOrError::Error(error)) => {
                // The stream's own prefix is bound to every reader of a frame.
                let prefix = matches!(error, rxml::Error::UndeclaredNamespacePrefix(_));
                let read = frame.as_bytes().get(..read).unwrap_or_default();
                return Err(if prefix {
                    Flaw::new("bad-namespace-prefix", error.to_string())
                } else {
                    Flaw::of(&error, read)
                });
            }
        }
    }
    if whole {
        Ok(())
    } else {
        Err(Flaw::new("not-well-formed", "a frame holds one whole element"))
    }
}

fn too_large(largest: usize) -> Flaw {
    Flaw::new(LIMIT, format!("an element is larger than {largest} bytes"))
}

fn too_deep(deepest: usize) -> Flaw {
    Flaw::new(LIMIT, format!("elements are nested deeper than {deepest}"))
}

/// A piece of a stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Piece {
    /// The stream's own start tag.
    Header(String),
    /// One whole child of the stream.
    Element(String),
    /// A child of the stream that is larger than the limit, of so many bytes: only where those are skipped.
    Skipped(usize),
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
    limits: Limits,
    /// Too large an element ends nothing: it is passed over.
    skips: bool,
    skipped: usize,
}

impl Default for Splitter {
    fn default() -> Splitter {
        Splitter::new(Limits::default())
    }
}

impl Splitter {
    pub fn new(limits: Limits) -> Splitter {
        Splitter {
            limits,
            parser: parser(),
            input: Vec::new(),
            fed: 0,
            used: 0,
            depth: 0,
            element: Vec::new(),
            skips: false,
            skipped: 0,
        }
    }

    /// One that reads on after an element that is too large, for whoever only listens.
    pub fn skipping(limits: Limits) -> Splitter {
        Splitter {
            skips: true,
            ..Splitter::new(limits)
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
    /// Whether everything that was fed has come out.
    pub fn is_empty(&self) -> bool {
        self.used == self.input.len() && self.element.is_empty()
    }

    pub fn feed(&mut self, bytes: &[u8]) {
        if self.used > 0 {
            self.input.drain(..self.used);
            self.fed -= self.used;
            self.used = 0;
        }
        self.input.extend_from_slice(bytes);
    }

    /// Text that begins where none may stand, if it does. A reference or a character that XML does not have is left to
    /// the parser.
    fn stray(&self) -> Option<Flaw> {
        let pending = self.input.get(self.used..).unwrap_or_default().trim_ascii_start();
        let first = *pending.first().filter(|_| self.depth <= 1)?;
        if first == b'<' || first == b'&' || first.is_ascii_control() {
            return None;
        }
        let start = String::from_utf8_lossy(pending.get(..40).unwrap_or(pending));
        let text = format!("text where an element has to begin: {start:?}");
        Some(Flaw::new("bad-format", text))
    }

    /// The beginning of the piece that was not given out, up to where the parser stands.
    pub fn unread(&self) -> String {
        let rest = self
            .input
            .get(self.used..self.fed.max(self.used))
            .unwrap_or_default();
        let read = self.element.iter().chain(rest).take(UNREAD);
        String::from_utf8_lossy(&read.copied().collect::<Vec<u8>>()).into_owned()
    }

    /// A new stream begins with the next byte (RFC 6120 §4.3.3).
    pub fn restart(&mut self) {
        self.parser = parser();
        self.fed = self.used;
        self.depth = 0;
        self.skipped = 0;
        self.element.clear();
    }

    /// The next piece; `None` until more bytes are fed. After an error nothing more can be read.
    pub fn next_piece(&mut self) -> Result<Option<Piece>, Flaw> {
        loop {
            let mut rest = self.input.get(self.fed..).unwrap_or_default();
            let before = rest.len();
            let event = self.parser.parse(&mut rest, false);
            self.fed += before - rest.len();
            let event = match event {
                Ok(Some(event)) => event,
                Ok(None) => return Ok(None),
                Err(rxml::error::EndOrError::NeedMoreData) => {
                    let pending = self.element.len() + self.input.len() - self.used;
                    if pending > self.limits.largest && !self.skips {
                        return Err(too_large(self.limits.largest));
                    }
                    // The parser waits for the end of a text; where none may stand, its beginning is enough.
                    return self.stray().map_or(Ok(None), Err);
                }
                Err(rxml::error::EndOrError::Error(error)) => {
                    // The same flaw however the bytes were cut: what is wrong further on in such a text comes second.
                    if let Some(stray) = self.stray() {
                        return Err(stray);
                    }
                    let read = self.input.get(..self.fed).unwrap_or_default();
                    return Err(Flaw::of(&error, read));
                }
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
                            let condition = if name.as_str() == "stream" {
                                "invalid-namespace"
                            } else {
                                "bad-format"
                            };
                            return Err(Flaw::new(
                                condition,
                                format!("<{name}> where a stream has to begin"),
                            ));
                        }
                        return Ok(Some(Piece::Header(text(bytes).trim_start().to_owned())));
                    }
                    if self.depth > self.limits.deepest + 1 {
                        return Err(too_deep(self.limits.deepest));
                    }
                    self.element.extend(bytes);
                }
                Event::Text(_, content) => {
                    if self.depth >= 2 {
                        self.element.extend(bytes);
                    } else if !content.trim().is_empty() {
                        return Err(Flaw::new(
                            "bad-format",
                            format!("text where an element has to begin: {:?}", content.trim()),
                        ));
                    }
                }
                Event::EndElement(_) => {
                    self.depth = self.depth.saturating_sub(1);
                    self.element.extend(bytes);
                    match self.depth {
                        0 => return Ok(Some(Piece::Footer)),
                        1 if self.skipped + self.element.len() > self.limits.largest => {
                            if !self.skips {
                                return Err(too_large(self.limits.largest));
                            }
                            let length = std::mem::take(&mut self.skipped) + self.element.len();
                            self.element.clear();
                            return Ok(Some(Piece::Skipped(length)));
                        }
                        1 => return Ok(Some(Piece::Element(text(std::mem::take(&mut self.element))))),
                        _ => {}
                    }
                }
            }
            if self.skipped + self.element.len() > self.limits.largest {
                if !self.skips {
                    return Err(too_large(self.limits.largest));
                }
                self.skipped += self.element.len();
                self.element.clear();
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

    fn pieces(chunks: &[&[u8]]) -> (Vec<Piece>, Option<Flaw>) {
        let mut splitter = Splitter::default();
        let mut out = Vec::new();
        for chunk in chunks {
            splitter.feed(chunk);
            loop {
                match splitter.next_piece() {
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
        assert!(matches!(splitter.next_piece(), Ok(Some(Piece::Header(_)))));
        assert!(matches!(splitter.next_piece(), Ok(Some(Piece::Element(_)))));
        splitter.restart();
        assert!(matches!(splitter.next_piece(), Ok(Some(Piece::Header(_)))));
        assert_eq!(splitter.next_piece(), Ok(Some(Piece::Element("<a/>".into()))));
    }

    #[test]
    fn hostile_streams_end_in_the_error_that_names_them() {
        let deep = "<a>".repeat(DEEPEST + 1);
        for (bad, condition) in [
            ("<!DOCTYPE a>", "restricted-xml"),
            ("<a><!ENTITY b 'c'></a>", "restricted-xml"),
            ("<?php ?>", "restricted-xml"),
            ("<!-- c -->", "restricted-xml"),
            ("&nbsp;", "restricted-xml"),
            ("<a>&nbsp;</a>", "restricted-xml"),
            ("garbage", "bad-format"),
            ("garbage\u{1}", "bad-format"),
            ("garbage &nbsp;", "bad-format"),
            ("\u{1}garbage", "not-well-formed"),
            ("<a><b></a>", "not-well-formed"),
            ("<a><![X[b]]></a>", "not-well-formed"),
            ("<a b='1' b='2'/>", "not-well-formed"),
            ("<a>\u{1}</a>", "not-well-formed"),
            (deep.as_str(), "policy-violation"),
        ] {
            let whole = format!("{HEADER}{bad}");
            let flaw = pieces(&[whole.as_bytes()]).1;
            assert_eq!(flaw.map(|flaw| flaw.condition), Some(condition), "{bad}");
            for at in HEADER.len()..whole.len() {
                let (one, other) = whole.as_bytes().split_at(at);
                let flaw = pieces(&[one, other]).1;
                assert_eq!(
                    flaw.map(|flaw| flaw.condition),
                    Some(condition),
                    "{bad} cut at {at}"
                );
            }
            if !bad.contains("garbage") && bad != "&nbsp;" {
                let flaw = check_frame(bad, Limits::default()).expect_err(bad);
                assert_eq!(flaw.condition, condition, "{bad}");
            }
        }
        for (bad, condition) in [
            ("<html>", "bad-format"),
            ("<stream xmlns='x'>", "invalid-namespace"),
            ("<\u{1}", "not-well-formed"),
        ] {
            let flaw = pieces(&[bad.as_bytes()]).1;
            assert_eq!(flaw.map(|flaw| flaw.condition), Some(condition), "{bad}");
        }
    }

    #[test]
    fn text_that_only_looks_restricted_passes() {
        for legal in ["<a><![CDATA[<!DOCTYPE <?x <!-- ]]></a>", "<a b='&lt;!'>&lt;?</a>"] {
            assert_eq!(check_frame(legal, Limits::default()), Ok(()), "{legal}");
            let whole = format!("{HEADER}{legal}");
            let wanted = vec![Piece::Header(HEADER.into()), Piece::Element(legal.into())];
            assert_eq!(pieces(&[whole.as_bytes()]), (wanted, None));
        }
    }

    #[test]
    fn whoever_only_listens_passes_over_what_is_too_large() {
        let large = format!("<a><b>{}</b></a>", "x".repeat(200));
        let whole = format!("{HEADER}<a/>{large}<c/>");
        for size in [1, 7, 1_000] {
            let mut splitter = Splitter::skipping(Limits {
                largest: 100,
                deepest: 9,
            });
            let mut out = Vec::new();
            for chunk in whole.as_bytes().chunks(size) {
                splitter.feed(chunk);
                while let Some(piece) = splitter.next_piece().expect("nothing is wrong") {
                    out.push(piece);
                }
            }
            let wanted = [
                Piece::Header(HEADER.into()),
                Piece::Element("<a/>".into()),
                Piece::Skipped(large.len()),
                Piece::Element("<c/>".into()),
            ];
            assert_eq!(out, wanted, "{size}");
        }
    }

    #[test]
    fn limits_hold_to_the_byte() {
        let limits = Limits {
            largest: 10,
            deepest: 2,
        };
        for (frame, fits) in [
            ("<a>345</a>", true),
            ("<a>3456</a>", false),
            ("<a><b/></a>", false),
            ("<a><b/><a/>", false),
            ("<a/><a/>", false),
            ("<?xml version='1.0'?><a/>", false),
            ("", false),
        ] {
            assert_eq!(check_frame(frame, limits).is_ok(), fits, "{frame}");
        }
        for size in [1, 100] {
            let mut splitter = Splitter::new(limits);
            let mut results = Vec::new();
            // The header counts as an element too.
            let stream = b"<a><b/></a>";
            splitter.limits.largest = 1_000;
            splitter.feed(HEADER.as_bytes());
            assert!(matches!(splitter.next_piece(), Ok(Some(Piece::Header(_)))));
            splitter.limits.largest = 10;
            for chunk in stream.chunks(size) {
                splitter.feed(chunk);
                results.push(splitter.next_piece());
            }
            let last = results.pop().expect("a result");
            assert_eq!(
                last.map_err(|flaw| flaw.condition),
                Err("policy-violation"),
                "{size}"
            );
        }
    }
}
