//! Reads the stanzas that there are most of, an element with at most one child that holds text alone or is an error with
//! its condition, without building a tree. Whatever is in any way unusual is left to the parser: here only what it surely
//! reads the same way.

use std::fmt::Write;

/// Attributes longer than this are the parser's to allow or refuse.
const LONGEST: usize = 4_096;
const ATTRIBUTES: usize = 16;

/// Where something stands in the text. There are many of them.
#[derive(Debug, Clone, Copy)]
struct Place {
    from: u32,
    to: u32,
}

impl Place {
    fn of(self, raw: &str) -> Option<&str> {
        raw.get(self.from as usize..self.to as usize)
    }

    fn len(self) -> usize {
        (self.to - self.from) as usize
    }
}

/// A piece of the text, with or without references in it.
#[derive(Debug, Clone)]
struct Piece {
    place: Place,
    /// What it says, where that is not how it is written.
    plain: Option<Box<str>>,
}

impl Piece {
    fn text<'a>(&'a self, raw: &'a str) -> &'a str {
        match &self.plain {
            Some(plain) => plain,
            None => self.place.of(raw).unwrap_or_default(),
        }
    }
}

/// A start tag.
#[derive(Debug, Clone)]
struct Tag {
    name: Place,
    ns: Option<Piece>,
    attributes: Vec<(Place, Piece)>,
    /// Where the attributes stand that every rule asks for.
    common: [Option<u8>; 4],
    empty: bool,
}

/// See [`Tag::common`].
fn common(name: &str) -> Option<usize> {
    match name {
        "type" => Some(0),
        "id" => Some(1),
        "from" => Some(2),
        "to" => Some(3),
        _ => None,
    }
}

impl Tag {
    fn attr<'a>(&'a self, raw: &'a str, name: &str) -> Option<&'a str> {
        let (_, value) = match common(name) {
            Some(common) => self.attributes.get(usize::from(self.common[common]?))?,
            None => {
                let mut all = self.attributes.iter();
                all.find(|(known, _)| known.of(raw) == Some(name))?
            }
        };
        Some(value.text(raw))
    }

    /// Writes it without its end.
    fn write<'a>(
        &'a self,
        raw: &'a str,
        ns: Option<&str>,
        given: &[(&'a str, &'a str)],
        out: &mut String,
    ) -> Option<()> {
        let own = self.attributes.iter();
        let own = own.map(|(name, value)| Some((name.of(raw)?, value.text(raw))));
        let mut all = own.collect::<Option<Vec<_>>>()?;
        // `xml:lang` has a namespace of its own.
        if all.iter().any(|(name, _)| name.contains(':')) {
            return None;
        }
        all.retain(|(name, _)| given.iter().all(|(other, _)| other != name));
        all.extend_from_slice(given);
        all.sort_unstable();
        let _ = write!(out, "<{}", self.name.of(raw)?);
        for (name, value) in ns.map(|ns| ("xmlns", ns)).into_iter().chain(all) {
            let _ = write!(out, " {name}='");
            escape(value, true, out);
            out.push('\'');
        }
        Some(())
    }
}

/// As the writer of trees does it.
fn escape(text: &str, attribute: bool, out: &mut String) {
    for c in text.chars() {
        match c {
            '"' if attribute => out.push_str("&#34;"),
            '\'' if attribute => out.push_str("&#39;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '&' => out.push_str("&amp;"),
            c => out.push(c),
        }
    }
}

/// An element that was read so.
#[derive(Debug, Clone)]
pub(super) struct Quick {
    root: Tag,
    child: Option<Tag>,
    /// The only child of an `<error/>`. No other child has one.
    condition: Option<Tag>,
    /// What stands in the child.
    content: Piece,
}

impl Quick {
    /// `None`: it takes a parser.
    pub fn read(raw: &str) -> Option<Quick> {
        u32::try_from(raw.len()).ok()?;
        let mut scan = Scan {
            raw,
            bytes: raw.as_bytes(),
            at: 0,
        };
        let root = scan.tag()?;
        let mut quick = Quick {
            root,
            child: None,
            condition: None,
            content: Piece {
                place: Place { from: 0, to: 0 },
                plain: None,
            },
        };
        if !quick.root.empty {
            if !scan.ahead(b"</") {
                quick.child = Some(quick.inner(&mut scan)?);
            }
            scan.end(quick.root.name)?;
        }
        (scan.at == raw.len()).then_some(quick)
    }

    fn inner(&mut self, scan: &mut Scan<'_>) -> Option<Tag> {
        let child = scan.tag()?;
        if child.empty {
            return Some(child);
        }
        if child.name.of(scan.raw) == Some("error") && scan.ahead(b"<") && !scan.ahead(b"</") {
            let condition = scan.tag()?;
            if !condition.empty {
                scan.content()?;
                scan.end(condition.name)?;
            }
            self.condition = Some(condition);
        } else {
            self.content = scan.content()?;
        }
        scan.end(child.name)?;
        Some(child)
    }

    pub fn name<'a>(&self, raw: &'a str) -> &'a str {
        self.root.name.of(raw).unwrap_or_default()
    }

    /// `None`: it is not given.
    pub fn ns<'a>(&'a self, raw: &'a str) -> Option<&'a str> {
        self.root.ns.as_ref().map(|ns| ns.text(raw))
    }

    pub fn attr<'a>(&'a self, raw: &'a str, name: &str) -> Option<&'a str> {
        self.root.attr(raw, name)
    }

    /// The child's name, and its namespace where it gives one.
    pub fn child<'a>(&'a self, raw: &'a str) -> Option<(&'a str, Option<&'a str>)> {
        let child = self.child.as_ref()?;
        let name = child.name.of(raw).unwrap_or_default();
        Some((name, child.ns.as_ref().map(|ns| ns.text(raw))))
    }

    /// An attribute of the child.
    pub fn attr_of_child<'a>(&'a self, raw: &'a str, name: &str) -> Option<&'a str> {
        self.child.as_ref()?.attr(raw, name)
    }

    /// The name of what stands in an `<error/>`, and its namespace where it gives one.
    pub fn condition<'a>(&'a self, raw: &'a str) -> Option<(&'a str, Option<&'a str>)> {
        let condition = self.condition.as_ref()?;
        let name = condition.name.of(raw).unwrap_or_default();
        Some((name, condition.ns.as_ref().map(|ns| ns.text(raw))))
    }

    /// The element as the writer of a tree would write it, with these attributes in the place of its own. `None`: it
    /// takes that writer.
    pub fn with<'a>(&'a self, raw: &'a str, inherited: &str, given: &[(&'a str, &'a str)]) -> Option<String> {
        let plain = |text: &str| text.bytes().all(|byte| matches!(byte, 0x20..0x7f));
        if self.condition.is_some() || !given.iter().all(|(_, value)| plain(value)) {
            return None;
        }
        let mut out = String::with_capacity(raw.len() + 128);
        let ns = self.ns(raw).unwrap_or(inherited);
        self.root.write(raw, Some(ns), given, &mut out)?;
        let Some(child) = &self.child else {
            out.push_str("/>");
            return Some(out);
        };
        out.push('>');
        let own = child
            .ns
            .as_ref()
            .map(|own| own.text(raw))
            .filter(|own| *own != ns);
        child.write(raw, own, &[], &mut out)?;
        let text = self.text(raw);
        if text.is_empty() {
            out.push_str("/>");
        } else {
            out.push('>');
            escape(text, false, &mut out);
            let _ = write!(out, "</{}>", child.name.of(raw)?);
        }
        let _ = write!(out, "</{}>", self.name(raw));
        Some(out)
    }

    /// What the child says.
    pub fn text<'a>(&'a self, raw: &'a str) -> &'a str {
        self.content.text(raw)
    }
}

struct Scan<'a> {
    raw: &'a str,
    bytes: &'a [u8],
    at: usize,
}

const fn is_name(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.')
}

/// What stands in text for itself, if it is no markup.
const fn is_plain(byte: u8) -> bool {
    matches!(byte, 0x20..0x7f | b'\n' | b'\t')
}

/// What stands for itself in the value of an attribute, whatever its quotes.
const IN_VALUES: [bool; 256] = {
    let mut plain = [false; 256];
    let mut byte = 0x20;
    while byte < 0x7f {
        plain[byte] = !matches!(byte as u8, b'<' | b'&' | b'"' | b'\'');
        byte += 1;
    }
    plain
};

impl Scan<'_> {
    fn byte(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    fn ahead(&self, text: &[u8]) -> bool {
        self.bytes
            .get(self.at..)
            .is_some_and(|rest| rest.starts_with(text))
    }

    fn eat(&mut self, wanted: u8) -> Option<()> {
        (self.byte()? == wanted).then(|| self.at += 1)
    }

    fn space(&mut self) -> bool {
        let from = self.at;
        while matches!(self.byte(), Some(b' ' | b'\n' | b'\t')) {
            self.at += 1;
        }
        self.at > from
    }

    /// What was passed since. The text is no longer than places go.
    fn since(&self, from: usize) -> Place {
        Place {
            from: from as u32,
            to: self.at as u32,
        }
    }

    fn name(&mut self) -> Option<Place> {
        let from = self.at;
        let first = self.byte()?;
        if !(first.is_ascii_alphabetic() || first == b'_') {
            return None;
        }
        while self.byte().is_some_and(is_name) {
            self.at += 1;
        }
        Some(self.since(from))
    }

    fn tag(&mut self) -> Option<Tag> {
        self.eat(b'<')?;
        let mut tag = Tag {
            name: self.name()?,
            ns: None,
            attributes: Vec::with_capacity(6),
            common: [None; 4],
            empty: false,
        };
        loop {
            let space = self.space();
            match self.byte()? {
                b'>' => {
                    self.at += 1;
                    return Some(tag);
                }
                b'/' => {
                    self.at += 1;
                    self.eat(b'>')?;
                    tag.empty = true;
                    return Some(tag);
                }
                _ if !space => return None,
                _ => {}
            }
            let language = self.ahead(b"xml:lang");
            let name = if language {
                let from = self.at;
                self.at += b"xml:lang".len();
                self.since(from)
            } else {
                self.name()?
            };
            self.space();
            self.eat(b'=')?;
            self.space();
            let value = self.value()?;
            let text = name.of(self.raw)?;
            if text == "xmlns" {
                if tag.ns.is_some() || value.text(self.raw).is_empty() {
                    return None;
                }
                tag.ns = Some(value);
                continue;
            }
            if tag.attr(self.raw, text).is_some() || tag.attributes.len() == ATTRIBUTES {
                return None;
            }
            if let Some(common) = common(text) {
                tag.common[common] = u8::try_from(tag.attributes.len()).ok();
            }
            tag.attributes.push((name, value));
        }
    }

    fn value(&mut self) -> Option<Piece> {
        let quote = self.byte().filter(|byte| matches!(byte, b'"' | b'\''))?;
        self.at += 1;
        let from = self.at;
        let mut references = false;
        loop {
            let rest = self.bytes.get(self.at..)?;
            self.at += rest.iter().position(|byte| !IN_VALUES[usize::from(*byte)])?;
            match self.byte()? {
                byte if byte == quote => break,
                b'"' | b'\'' => {}
                b'&' => references = true,
                _ => return None,
            }
            self.at += 1;
        }
        let place = self.since(from);
        self.at += 1;
        if place.len() > LONGEST {
            return None;
        }
        self.piece(place, references)
    }

    /// Text up to the next tag.
    fn content(&mut self) -> Option<Piece> {
        let rest = self.bytes.get(self.at..)?;
        let text = rest.get(..memchr::memchr(b'<', rest)?)?;
        // All of it at once, which takes a fraction of the time of one after the other.
        if text.iter().fold(0, |odd, byte| odd | u8::from(!is_plain(*byte))) > 0 {
            return None;
        }
        let ends = |at: usize| text.get(..at).is_some_and(|text| text.ends_with(b"]]"));
        if memchr::memchr_iter(b'>', text).any(ends) {
            return None;
        }
        let references = memchr::memchr(b'&', text).is_some();
        let from = self.at;
        self.at += text.len();
        self.piece(self.since(from), references)
    }

    fn piece(&self, place: Place, references: bool) -> Option<Piece> {
        let plain = match references {
            true => Some(resolved(place.of(self.raw)?)?.into()),
            false => None,
        };
        Some(Piece { place, plain })
    }

    fn end(&mut self, name: Place) -> Option<()> {
        let name = name.of(self.raw)?.as_bytes();
        if !self.ahead(b"</") {
            return None;
        }
        self.at += 2;
        if !self.ahead(name) {
            return None;
        }
        self.at += name.len();
        self.space();
        self.eat(b'>')
    }
}

/// What the reference at the beginning stands for, and how long it is. Only printable ASCII.
fn reference(text: &[u8]) -> Option<(u8, usize)> {
    // JSON is full of it.
    if text.starts_with(b"&quot;") {
        return Some((b'"', b"&quot;".len()));
    }
    let end = text.iter().take(10).position(|byte| *byte == b';')?;
    let byte = match text.get(1..end)? {
        b"quot" => b'"',
        b"amp" => b'&',
        b"lt" => b'<',
        b"gt" => b'>',
        b"apos" => b'\'',
        [b'#', b'x', digits @ ..] => number(digits, 16)?,
        [b'#', digits @ ..] => number(digits, 10)?,
        _ => return None,
    };
    Some((byte, end + 1))
}

fn number(digits: &[u8], radix: u32) -> Option<u8> {
    let plain = |digit: &u8| char::from(*digit).is_digit(radix);
    if digits.is_empty() || !digits.iter().all(plain) {
        return None;
    }
    let digits = std::str::from_utf8(digits).ok()?;
    let code = u8::from_str_radix(digits, radix).ok()?;
    (0x20..0x7f).contains(&code).then_some(code)
}

/// The text with its references resolved.
fn resolved(text: &str) -> Option<String> {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = memchr::memchr(b'&', rest.as_bytes()) {
        let (before, after) = rest.split_at(at);
        let (byte, length) = reference(after.as_bytes())?;
        out.push_str(before);
        out.push(char::from(byte));
        rest = after.get(length..)?;
    }
    out.push_str(rest);
    Some(out)
}
