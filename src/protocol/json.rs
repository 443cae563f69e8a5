//! Reads JSON from its raw text, and goes on where a strict reader would stop: what is odd is noted, with its place.

use serde_json::{Map, Number, Value};

/// How deep objects and arrays may nest.
pub(super) const DEPTH: usize = 64;
/// How many oddities are kept of one text.
const KEPT: usize = 64;

/// Something in the text that a strict reader refuses or reads differently.
#[derive(Debug, PartialEq)]
pub(super) struct Oddity {
    pub pointer: String,
    pub message: String,
    pub offset: usize,
    /// Legal JSON that cannot be kept exactly.
    pub info: bool,
    /// It nests deeper than this reader goes, and may be legal.
    pub deep: bool,
}

/// Reads one JSON text. The value is absent where the text breaks off or is no JSON.
pub(super) fn read(text: &str) -> (Option<Value>, Vec<Oddity>) {
    let mut reader = Reader {
        text,
        at: 0,
        path: Vec::new(),
        odd: Vec::new(),
    };
    if text.starts_with('\u{feff}') {
        reader.note(
            "the text begins with a byte order mark, which JSON forbids",
            false,
        );
        reader.at = '\u{feff}'.len_utf8();
    }
    let value = reader.value();
    if value.is_some() {
        reader.space();
        if reader.at < text.len() {
            reader.note("something follows after the JSON value", false);
        }
    }
    (value, reader.odd)
}

/// One step of a JSON pointer (RFC 6901 §3).
pub(super) fn token(name: &str) -> String {
    name.replace('~', "~0").replace('/', "~1")
}

/// One step of the way to the value that is being read.
#[derive(Clone, Copy)]
enum Step {
    /// A member, by the place of its name in the text: it is only read again if something has to be said of it.
    Member(usize),
    Item(usize),
}

/// The first byte that does not stand for itself in a string.
fn special(text: &[u8]) -> Option<usize> {
    const PIECE: usize = 32;
    let is_special = |byte: &u8| *byte < 0x20 || *byte == b'"' || *byte == b'\\';
    let mut from = 0;
    for piece in text.chunks(PIECE) {
        // Without a branch for each byte: most pieces have none.
        if piece.iter().fold(false, |any, byte| any | is_special(byte)) {
            return piece.iter().position(is_special).map(|at| from + at);
        }
        from += piece.len();
    }
    None
}

struct Reader<'a> {
    text: &'a str,
    at: usize,
    path: Vec<Step>,
    odd: Vec<Oddity>,
}

impl Reader<'_> {
    fn note(&mut self, message: impl Into<String>, info: bool) {
        if self.odd.len() < KEPT {
            let pointer = self
                .path
                .iter()
                .map(|step| format!("/{}", self.word(*step)))
                .collect();
            self.odd.push(Oddity {
                pointer,
                message: message.into(),
                offset: self.at,
                info,
                deep: false,
            });
        }
    }

    /// The step as a JSON pointer has it.
    fn word(&self, step: Step) -> String {
        match step {
            Step::Item(index) => index.to_string(),
            Step::Member(at) => {
                let mut again = Reader {
                    text: self.text,
                    at,
                    path: Vec::new(),
                    odd: Vec::new(),
                };
                token(&again.string().unwrap_or_default())
            }
        }
    }

    fn fail<T>(&mut self, message: impl Into<String>) -> Option<T> {
        self.note(message, false);
        None
    }

    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn eat(&mut self, byte: u8) -> bool {
        let there = self.peek() == Some(byte);
        self.at += usize::from(there);
        there
    }

    fn space(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.at += 1;
        }
    }

    fn value(&mut self) -> Option<Value> {
        self.space();
        match self.peek() {
            Some(b'{') => self.object(),
            Some(b'[') => self.array(),
            Some(b'"') => self.string().map(Value::String),
            Some(b'-' | b'0'..=b'9') => self.number(),
            None => self.fail("the text ends where a JSON value should stand"),
            Some(_) => {
                for (word, value) in [
                    ("true", Value::Bool(true)),
                    ("false", Value::Bool(false)),
                    ("null", Value::Null),
                ] {
                    if self
                        .text
                        .get(self.at..)
                        .is_some_and(|rest| rest.starts_with(word))
                    {
                        self.at += word.len();
                        return Some(value);
                    }
                }
                self.fail("no JSON value begins here")
            }
        }
    }

    fn deep_enough(&mut self) -> Option<()> {
        if self.path.len() >= DEPTH {
            self.note(format!("objects and arrays nest deeper than {DEPTH}"), false);
            if let Some(odd) = self.odd.last_mut() {
                odd.deep = true;
            }
            return None;
        }
        Some(())
    }

    fn object(&mut self) -> Option<Value> {
        self.deep_enough()?;
        self.at += 1;
        let mut members = Map::new();
        self.space();
        if self.eat(b'}') {
            return Some(Value::Object(members));
        }
        loop {
            self.space();
            let start = self.at;
            if self.peek() != Some(b'"') {
                return self.fail("a member name in double quotes should stand here");
            }
            let name = self.string()?;
            self.path.push(Step::Member(start));
            if members.contains_key(&name) {
                let end = std::mem::replace(&mut self.at, start);
                self.note("the member name is repeated", false);
                self.at = end;
            }
            self.space();
            if !self.eat(b':') {
                return self.fail("a colon should stand here");
            }
            let value = self.value()?;
            self.path.pop();
            members.insert(name, value);
            self.space();
            if self.eat(b'}') {
                return Some(Value::Object(members));
            }
            if !self.eat(b',') {
                return self.fail("a comma or a closing brace should stand here");
            }
        }
    }

    fn array(&mut self) -> Option<Value> {
        self.deep_enough()?;
        self.at += 1;
        let mut items = Vec::new();
        self.space();
        if self.eat(b']') {
            return Some(Value::Array(items));
        }
        loop {
            self.path.push(Step::Item(items.len()));
            items.push(self.value()?);
            self.path.pop();
            self.space();
            if self.eat(b']') {
                return Some(Value::Array(items));
            }
            if !self.eat(b',') {
                return self.fail("a comma or a closing bracket should stand here");
            }
        }
    }

    fn number(&mut self) -> Option<Value> {
        let start = self.at;
        self.eat(b'-');
        if self.eat(b'0') {
            if matches!(self.peek(), Some(b'0'..=b'9')) {
                return self.fail("a number begins with a zero that stands for nothing");
            }
        } else {
            self.digits()?;
        }
        if self.eat(b'.') {
            self.digits()?;
        }
        if matches!(self.peek(), Some(b'e' | b'E')) {
            self.at += 1;
            if matches!(self.peek(), Some(b'+' | b'-')) {
                self.at += 1;
            }
            self.digits()?;
        }
        let literal = &self.text[start..self.at];
        if let Ok(number) = literal.parse::<u64>() {
            return Some(Value::Number(number.into()));
        }
        // A minus zero is a float, so that its sign stays.
        if let Ok(number) = literal.parse::<i64>()
            && number != 0
        {
            return Some(Value::Number(number.into()));
        }
        let mut float: f64 = literal.parse().unwrap_or(f64::MAX);
        if float.is_infinite() {
            self.note(
                "the number is too large for a double: read as the largest there is",
                true,
            );
            float = f64::MAX.copysign(float);
        }
        Number::from_f64(float).map(Value::Number)
    }

    fn digits(&mut self) -> Option<()> {
        if !matches!(self.peek(), Some(b'0'..=b'9')) {
            return self.fail("a digit should stand here");
        }
        while matches!(self.peek(), Some(b'0'..=b'9')) {
            self.at += 1;
        }
        Some(())
    }

    fn string(&mut self) -> Option<String> {
        self.at += 1;
        let ahead = self.text.as_bytes().get(self.at..).unwrap_or_default();
        // As long as it is written, or a little shorter.
        let mut out = String::with_capacity(memchr::memchr(b'"', ahead).unwrap_or_default());
        loop {
            let rest = self.text.get(self.at..).unwrap_or_default();
            let Some(plain) = special(rest.as_bytes()) else {
                self.at = self.text.len();
                return self.fail("the text ends inside a string");
            };
            out.push_str(&rest[..plain]);
            self.at += plain;
            match rest.as_bytes()[plain] {
                b'"' => {
                    self.at += 1;
                    return Some(out);
                }
                b'\\' => {
                    let escaped = self.escape()?;
                    out.push(escaped);
                }
                control => {
                    self.note(
                        format!("a control character (U+{control:04X}) stands unescaped in a string"),
                        false,
                    );
                    self.at += 1;
                    out.push(char::from(control));
                }
            }
        }
    }

    fn escape(&mut self) -> Option<char> {
        let simple = match self.text.as_bytes().get(self.at + 1) {
            Some(b'"') => '"',
            Some(b'\\') => '\\',
            Some(b'/') => '/',
            Some(b'b') => '\u{8}',
            Some(b'f') => '\u{c}',
            Some(b'n') => '\n',
            Some(b'r') => '\r',
            Some(b't') => '\t',
            Some(b'u') => return self.unicode(),
            _ => return self.fail("a backslash begins no JSON escape here"),
        };
        self.at += 2;
        Some(simple)
    }

    fn hex(&self, at: usize) -> Option<u32> {
        let digits = self.text.get(at..at + 4)?;
        digits
            .bytes()
            .all(|byte| byte.is_ascii_hexdigit())
            .then(|| u32::from_str_radix(digits, 16).ok())?
    }

    fn unicode(&mut self) -> Option<char> {
        let Some(unit) = self.hex(self.at + 2) else {
            return self.fail("\\u is not followed by four hexadecimal digits");
        };
        if (0xd800..0xdc00).contains(&unit) && self.text.get(self.at + 6..self.at + 8) == Some("\\u") {
            let low = self.hex(self.at + 8).filter(|low| (0xdc00..0xe000).contains(low));
            if let Some(low) = low {
                self.at += 12;
                return char::from_u32(0x1_0000 + ((unit - 0xd800) << 10) + (low - 0xdc00));
            }
        }
        let read = char::from_u32(unit);
        if read.is_none() {
            self.note(
                "a lone surrogate is no character: it cannot be written in UTF-8",
                false,
            );
        }
        self.at += 6;
        Some(read.unwrap_or(char::REPLACEMENT_CHARACTER))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn messages(text: &str) -> String {
        let found: Vec<_> = read(text).1.into_iter().map(|odd| odd.message).collect();
        found.join("; ")
    }

    #[test]
    fn repeated_names_are_found_at_any_depth_and_behind_escapes() {
        let (value, odd) = read(r#"{"a":{"b/c":[{"x":1,"\u0078":2}]}}"#);
        assert_eq!(value, Some(json!({"a":{"b/c":[{"x":2}]}})));
        assert_eq!(odd.len(), 1);
        assert_eq!((odd[0].pointer.as_str(), odd[0].offset), ("/a/b~1c/0/x", 20));
    }

    #[test]
    fn what_no_strict_reader_takes_has_its_own_sentence() {
        assert!(messages("\u{feff}{}").contains("byte order mark"));
        assert!(messages(r#""\ud800x""#).contains("lone surrogate"));
        assert!(messages("\"\0\"").contains("U+0000"));
        assert!(messages("{} {}").contains("follows"));
        assert!(messages("").contains("ends"));
        assert!(messages("{\"a\":01}").contains("zero"));
        assert!(messages(&"[".repeat(100_000)).contains("deeper"));
        let (value, odd) = read("-1e400");
        assert_eq!(value, Some(json!(-f64::MAX)));
        assert!(odd[0].info);
    }

    #[test]
    fn every_form_is_read_as_a_strict_reader_does() {
        for text in [
            "[1,2,[]]",
            "[-5,-0,-0.0,18446744073709551615,1e2]",
            "[1e+2,25E-3,-1.5e-7]",
            r#""\/\b\f\n\r\t\"\\""#,
            r#""\ud83d\ude00.\ud800\udc00\udbff\udfff""#,
            r#"" a b ""#,
        ] {
            let strict: Value = serde_json::from_str(text).expect(text);
            assert_eq!(read(text), (Some(strict), Vec::new()), "{text}");
        }
        // The second half of a pair alone, behind what is no half.
        assert!(messages(r#""\u0041\udc00""#).contains("lone surrogate"));
        assert_eq!(read(&format!("\"{}\"", "\u{1f}".repeat(KEPT + 1))).1.len(), KEPT);
    }

    /// Strings are read in pieces: what is special is found wherever it stands in one.
    #[test]
    fn what_is_special_in_a_string_is_found_wherever_it_stands() {
        for plain in (0..100).map(|n| "é".repeat(n / 2) + &"a".repeat(n % 2)) {
            for (special, read_as) in [("", ""), ("\\n", "\n"), ("\\u0041", "A"), ("\u{1}", "\u{1}")] {
                let (value, odd) = read(&format!("\"{plain}{special}{plain}\""));
                assert_eq!(value, Some(json!(format!("{plain}{read_as}{plain}"))));
                assert_eq!(odd.len(), usize::from(special == "\u{1}"));
            }
            assert!(messages(&format!("\"{plain}")).contains("ends inside"));
        }
    }

    proptest! {
        #[test]
        fn it_agrees_with_a_strict_reader(text in r#"[\[\]{}:," \\0-9aeu.+-]{0,24}|\PC{0,24}"#) {
            let (value, odd) = read(&text);
            match serde_json::from_str::<Value>(&text) {
                Ok(strict) => prop_assert_eq!(value, Some(strict)),
                Err(_) => prop_assert!(!odd.is_empty()),
            }
        }
    }
}
