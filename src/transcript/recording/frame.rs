//! What every recording comes down to: pieces of text that passed on a connection.

use std::sync::Arc;

use super::super::ReadError;

/// Which way a frame went, as its client sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    Out,
    In,
}

/// What a frame holds.
#[derive(Debug, Clone, PartialEq)]
pub enum What {
    Text(String),
    /// The recorder's clock was set back: how much time has gone by is not known.
    SetBack,
    /// The connection is no longer recorded; the text says why.
    Over(String),
}

/// One frame of one connection.
#[derive(Debug, Clone, PartialEq)]
pub struct Frame {
    pub line: u64,
    /// What tells this connection from others of the same recording.
    pub conn: Arc<str>,
    /// Seconds; NaN: not known.
    pub at: f64,
    /// What the recorder's clock said, in seconds since 1970-01-01 UTC, where it gives the day.
    pub wall: Option<f64>,
    /// `None`: the recording does not say.
    pub way: Option<Way>,
    /// The full JID of this end, where the recording tells.
    pub own: Option<String>,
    pub what: What,
}

/// A recording of some format, read frame by frame.
pub(super) trait Frames: Send {
    fn next(&mut self) -> Option<Result<Frame, ReadError>>;

    /// The end was cut off in the middle of something. Known once all is read.
    fn torn(&self) -> bool {
        false
    }

    /// Its format's name, as far as it is known by now.
    fn format(&self) -> String;

    /// Times are of whole seconds only, or of a place in between.
    fn between(&self) -> bool {
        false
    }

    /// Why it is of no format that is known.
    fn unknown(&self) -> Option<String> {
        None
    }

    /// What was seen instead of frames, if there were none.
    fn instead(&self) -> Option<String> {
        None
    }
}
