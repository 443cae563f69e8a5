//! Reads a transcript line by line, whoever wrote it.

use std::fmt;
use std::io::{BufRead, Read};

use serde::de::DeserializeOwned;

use super::{Event, FORMAT, Header};

/// The longest line that is read, in bytes.
pub const LINE_LIMIT: u64 = 64 * 1024 * 1024;

/// Why a line is not what it should be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReadError {
    /// Counts from 1.
    pub line: u64,
    /// Counts from 1; 0: the whole line.
    pub column: u64,
    pub message: String,
}

impl fmt::Display for ReadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}", self.line, self.column, self.message)
    }
}

impl std::error::Error for ReadError {}

/// The events of a transcript, one at a time. It ends after the first error.
#[derive(Debug)]
pub struct Reader<R: BufRead> {
    input: R,
    /// The line that was read last.
    bytes: Vec<u8>,
    line: u64,
    torn: bool,
    over: bool,
}

impl<R: BufRead> Reader<R> {
    /// Reads the header line.
    ///
    /// # Errors
    /// An empty or unreadable file, a first line that is no transcript header, or a format version that is unknown.
    pub fn new(input: R) -> Result<(Header, Reader<R>), ReadError> {
        let mut reader = Reader {
            input,
            bytes: Vec::new(),
            line: 0,
            torn: false,
            over: false,
        };
        let Some(_) = reader.read()? else {
            return Err(reader.error(0, "the file is empty: a transcript begins with a header line"));
        };
        let header: Header = parse(&reader.bytes).map_err(|(column, message)| {
            let text = format!("this is not a callspec transcript: the first line is no header ({message})");
            reader.error(column, &text)
        })?;
        if header.callspec != FORMAT {
            let text = format!(
                "this transcript has format version {}; this program reads version {FORMAT}",
                header.callspec
            );
            return Err(reader.error(0, &text));
        }
        Ok((header, reader))
    }

    /// The last line was cut off in the middle, as after a kill, and was left out. Known once the events are read.
    pub fn torn(&self) -> bool {
        self.torn
    }

    fn error(&self, column: u64, message: &str) -> ReadError {
        ReadError {
            line: self.line,
            column,
            message: message.to_owned(),
        }
    }

    /// Reads the next line that is not blank, and says whether its line end is there.
    fn read(&mut self) -> Result<Option<bool>, ReadError> {
        loop {
            self.bytes.clear();
            self.line += 1;
            let read = (&mut self.input)
                .take(LINE_LIMIT + 1)
                .read_until(b'\n', &mut self.bytes)
                .map_err(|error| self.error(0, &format!("cannot read: {error}")))?;
            if read == 0 {
                return Ok(None);
            }
            let ended = self.bytes.last() == Some(&b'\n');
            if !ended && self.bytes.len() as u64 > LINE_LIMIT {
                return Err(self.error(0, &format!("the line is longer than {LINE_LIMIT} bytes")));
            }
            if !self.bytes.trim_ascii().is_empty() {
                return Ok(Some(ended));
            }
        }
    }
}

fn parse<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, (u64, String)> {
    // Once for the whole line is sooner done than for each of its texts.
    let read = match std::str::from_utf8(bytes) {
        Ok(text) => serde_json::from_str(text),
        Err(_) => serde_json::from_slice(bytes),
    };
    read.map_err(|error| (error.column() as u64, error.to_string()))
}

impl<R: BufRead> Iterator for Reader<R> {
    type Item = Result<Event, ReadError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.over {
            return None;
        }
        match self.read() {
            Ok(None) => {
                self.over = true;
                None
            }
            Ok(Some(ended)) => match parse(&self.bytes) {
                Ok(event) => Some(Ok(event)),
                Err(_) if !ended => {
                    self.torn = true;
                    self.over = true;
                    None
                }
                Err((column, message)) => {
                    self.over = true;
                    Some(Err(
                        self.error(column, &format!("this line is no event: {message}"))
                    ))
                }
            },
            Err(error) => {
                self.over = true;
                Some(Err(error))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::Writer;
    use super::*;

    const HEADER: &str = r#"{"callspec":1,"scenario":{"name":"a"},"new":1}"#;

    #[test]
    fn reads_back_what_was_written_and_forgives_a_torn_end() {
        let (header, _) = Reader::new(HEADER.as_bytes()).expect("a header");
        let line = r#"{"n":1,"t":0.5,"who":"bob","dir":"sent","xml":"<iq/>","extra":true}"#;
        let event: Event = serde_json::from_str(line).expect("an event");
        let mut writer = Writer::new(Vec::new(), &header).expect("memory");
        writer.event(&event).expect("memory");
        let mut bytes = writer.into_inner();
        bytes.extend_from_slice(br#"{"n":2,"t":1.0,"di"#);
        let (again, mut reader) = Reader::new(bytes.as_slice()).expect("a header");
        assert_eq!(again, header);
        assert_eq!(reader.next(), Some(Ok(event)));
        assert_eq!(reader.next(), None);
        assert!(reader.torn());
    }

    #[test]
    fn says_where_a_line_is_wrong() {
        let text = format!("{HEADER}\n{{\"n\":x}}\n");
        let (_, mut reader) = Reader::new(text.as_bytes()).expect("a header");
        let error = reader.next().expect("a line").expect_err("no event");
        assert_eq!((error.line, error.column), (2, 6));
        assert!(Reader::new(&b"<log/>"[..]).is_err_and(|error| error.message.contains("not a callspec")));
        assert!(Reader::new(&b""[..]).is_err());
        let newer = HEADER.replace("\"callspec\":1", "\"callspec\":9");
        assert!(Reader::new(newer.as_bytes()).is_err_and(|error| error.message.contains("version 9")));
    }
}
