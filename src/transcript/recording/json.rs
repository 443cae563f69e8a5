//! Walks through a large JSON document without holding it: values are skipped or taken out one at a time.

use std::io::BufRead;

use super::super::ReadError;

/// Nesting deeper than this is not followed.
const DEPTH: usize = 128;

/// A place in a JSON document.
pub(super) struct Walk<R> {
    input: R,
    line: u64,
    column: u64,
    /// The end of the input was met in the middle of a value.
    pub torn: bool,
}

impl<R: BufRead> Walk<R> {
    pub fn new(input: R) -> Walk<R> {
        Walk {
            input,
            line: 1,
            column: 1,
            torn: false,
        }
    }

    pub fn line(&self) -> u64 {
        self.line
    }

    pub fn error(&self, message: &str) -> ReadError {
        ReadError {
            line: self.line,
            column: self.column,
            message: message.to_owned(),
        }
    }

    fn peek_raw(&mut self) -> Result<Option<u8>, ReadError> {
        match self.input.fill_buf() {
            Ok(bytes) => Ok(bytes.first().copied()),
            Err(error) => Err(self.error(&format!("cannot read: {error}"))),
        }
    }

    fn bump(&mut self, byte: u8) {
        self.input.consume(1);
        if byte == b'\n' {
            self.line += 1;
            self.column = 1;
        } else {
            self.column += 1;
        }
    }

    /// The next byte that is not white space, still there.
    pub fn peek(&mut self) -> Result<Option<u8>, ReadError> {
        while let Some(byte) = self.peek_raw()? {
            if !byte.is_ascii_whitespace() {
                return Ok(Some(byte));
            }
            self.bump(byte);
        }
        Ok(None)
    }

    /// Takes this byte, if it is next.
    pub fn eat(&mut self, wanted: u8) -> Result<bool, ReadError> {
        match self.peek()? {
            Some(byte) if byte == wanted => {
                self.bump(byte);
                Ok(true)
            }
            Some(_) => Ok(false),
            None => {
                self.torn = true;
                Ok(false)
            }
        }
    }

    /// The next member's name, with its colon taken; `None` at the object's end. Commas are taken care of.
    pub fn key(&mut self) -> Result<Option<String>, ReadError> {
        self.eat(b',')?;
        if self.torn || self.eat(b'}')? {
            return Ok(None);
        }
        let mut text = Vec::new();
        if !matches!(self.peek()?, None | Some(b'"')) {
            return Err(self.error("expected a member's name, in quotes"));
        }
        self.value(Some((&mut text, 64 * 1024)))?;
        if self.torn {
            return Ok(None);
        }
        let name = serde_json::from_slice(&text).map_err(|error| self.error(&error.to_string()))?;
        if !self.eat(b':')? && !self.torn {
            return Err(self.error("expected `:` after a member's name"));
        }
        Ok(Some(name))
    }

    /// Goes over the values of an array whose bracket is taken, and its end: how many they are.
    pub fn rest_of_array(&mut self) -> Result<u64, ReadError> {
        let mut items = 0;
        loop {
            self.eat(b',')?;
            if self.torn || self.eat(b']')? {
                return Ok(items);
            }
            self.value(None)?;
            items += 1;
        }
    }

    /// Goes over the next value; `into`: takes its bytes along, up to a limit.
    pub fn value(&mut self, mut into: Option<(&mut Vec<u8>, usize)>) -> Result<(), ReadError> {
        let Some(first) = self.peek()? else {
            self.torn = true;
            return Ok(());
        };
        let (mut depth, mut quoted, mut escaped) = (0_usize, false, false);
        let scalar = !matches!(first, b'{' | b'[' | b'"');
        loop {
            let bytes = match self.input.fill_buf() {
                Ok(bytes) => bytes,
                Err(error) => return Err(self.error(&format!("cannot read: {error}"))),
            };
            if bytes.is_empty() {
                self.torn = !scalar;
                return Ok(());
            }
            let (mut taken, mut over) = (0, false);
            while let Some(byte) = bytes.get(taken) {
                if scalar {
                    if matches!(byte, b',' | b'}' | b']') || byte.is_ascii_whitespace() {
                        over = true;
                        break;
                    }
                    taken += 1;
                    continue;
                }
                if quoted && !escaped {
                    // Most of a document is text.
                    let rest = bytes.get(taken..).unwrap_or_default();
                    let Some(at) = memchr::memchr2(b'"', b'\\', rest) else {
                        taken = bytes.len();
                        break;
                    };
                    taken += at + 1;
                    match rest.get(at) {
                        Some(b'"') => {
                            quoted = false;
                            over = depth == 0;
                        }
                        _ => escaped = true,
                    }
                } else {
                    taken += 1;
                    match byte {
                        _ if escaped => escaped = false,
                        b'"' => quoted = true,
                        b'{' | b'[' => depth += 1,
                        b'}' | b']' => {
                            depth = depth.saturating_sub(1);
                            over = depth == 0;
                        }
                        _ => {}
                    }
                }
                if over || depth > DEPTH {
                    break;
                }
            }
            let chunk = bytes.get(..taken).unwrap_or_default();
            let mut long = None;
            if let Some((text, most)) = &mut into {
                if text.len() + chunk.len() > *most {
                    long = Some(*most);
                } else {
                    text.extend_from_slice(chunk);
                }
            }
            let lines = memchr::memchr_iter(b'\n', chunk).count() as u64;
            self.line += lines;
            match memchr::memrchr(b'\n', chunk) {
                None => self.column += taken as u64,
                Some(last) => self.column = (taken - last) as u64,
            }
            self.input.consume(taken);
            if depth > DEPTH {
                return Err(self.error(&format!("values nest deeper than {DEPTH}")));
            }
            if let Some(most) = long {
                return Err(self.error(&format!("a value is longer than {most} bytes")));
            }
            if over {
                return Ok(());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn skips_and_takes_values_and_knows_its_place() {
        let text = "{ \"a\\\"}\" : {\"x\":[1,\"]\\\\\"]} ,\n \"b\": 12.5, \"c\":\n\"é\\n\"}";
        let mut walk = Walk::new(text.as_bytes());
        assert!(walk.eat(b'{').expect("reads"));
        assert_eq!(walk.key().expect("reads").as_deref(), Some("a\"}"));
        walk.value(None).expect("reads");
        assert_eq!(walk.key().expect("reads").as_deref(), Some("b"));
        let mut value = Vec::new();
        walk.value(Some((&mut value, 10))).expect("reads");
        assert_eq!(value, b"12.5");
        assert_eq!(walk.key().expect("reads").as_deref(), Some("c"));
        let mut value = Vec::new();
        walk.value(Some((&mut value, 10))).expect("reads");
        assert_eq!((value.as_slice(), walk.line()), ("\"é\\n\"".as_bytes(), 3));
        assert_eq!((walk.key().expect("reads"), walk.torn), (None, false));
    }

    #[test]
    fn says_that_the_end_is_torn() {
        for cut in ["{", "{ ,", "{\"a\"", "{\"a\":", "{\"a\":[1,", "{\"a\":\"\\"] {
            let mut walk = Walk::new(cut.as_bytes());
            assert!(walk.eat(b'{').expect("reads"));
            if walk.key().expect("reads").is_some() {
                walk.value(None).expect("reads");
            }
            assert!(walk.torn, "{cut}");
        }
    }

    #[test]
    fn does_not_follow_a_bottomless_document() {
        let deep = "[".repeat(1_000);
        assert!(Walk::new(deep.as_bytes()).value(None).is_err());
        let long = format!("\"{}\"", "x".repeat(100));
        assert!(
            Walk::new(long.as_bytes())
                .value(Some((&mut Vec::new(), 10)))
                .is_err()
        );
    }
}
