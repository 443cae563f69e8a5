//! Writes a transcript so that a killed process leaves whole lines.

use std::io::{self, Write};

use serde::Serialize;

use super::{Event, Header};

/// Adds an event's line to those that are to be written together.
///
/// # Errors
/// What cannot be said in JSON; a part of it may stand there then.
pub fn add_line(event: &Event, lines: &mut Vec<u8>) -> serde_json::Result<()> {
    serde_json::to_writer(&mut *lines, event)?;
    lines.push(b'\n');
    Ok(())
}

/// Appends lines, each in a single write followed by a flush.
#[derive(Debug)]
pub struct Writer<W: Write> {
    out: W,
}

impl<W: Write> Writer<W> {
    /// Writes the header line.
    ///
    /// # Errors
    /// Those of `out`.
    pub fn new(out: W, header: &Header) -> io::Result<Writer<W>> {
        let mut writer = Writer { out };
        writer.line(header)?;
        Ok(writer)
    }

    /// Goes on with a transcript whose header is written already.
    pub fn append(out: W) -> Writer<W> {
        Writer { out }
    }

    /// Writes one event as one line.
    ///
    /// # Errors
    /// Those of the stream beneath.
    pub fn event(&mut self, event: &Event) -> io::Result<()> {
        self.line(event)
    }

    fn line(&mut self, value: &impl Serialize) -> io::Result<()> {
        // One buffer, one write: a kill between two writes would tear the line.
        let mut line = serde_json::to_vec(value)?;
        line.push(b'\n');
        self.out.write_all(&line)?;
        self.out.flush()
    }

    /// Gives the stream beneath back.
    pub fn into_inner(self) -> W {
        self.out
    }
}
