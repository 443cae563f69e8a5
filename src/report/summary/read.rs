//! Reads a JSON report back.

use std::fmt;
use std::io::Read;

use super::Summary;

/// The largest report that is read, in bytes.
pub const LARGEST: u64 = 512 * 1024 * 1024;

/// Why a file is no report.
#[derive(Debug)]
pub struct ReadError {
    /// Counts from 1; 0: the whole file.
    pub line: usize,
    pub column: usize,
    pub message: String,
}

impl fmt::Display for ReadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            0 => f.write_str(&self.message),
            line => write!(f, "{line}:{}: {}", self.column, self.message),
        }
    }
}

impl std::error::Error for ReadError {}

/// Reads a JSON report; members that this version does not know are passed over. The counts are made anew, so that
/// they agree with the scenarios whatever the file says.
///
/// # Errors
/// What cannot be read, is no JSON, is larger than [`LARGEST`], or is another kind of JSON.
pub fn read(input: impl Read) -> Result<Summary, ReadError> {
    let whole = |message: String| ReadError {
        line: 0,
        column: 0,
        message,
    };
    let mut bytes = Vec::new();
    let read = input.take(LARGEST + 1).read_to_end(&mut bytes);
    read.map_err(|error| whole(format!("cannot read: {error}")))?;
    if bytes.len() as u64 > LARGEST {
        return Err(whole(format!("the report is larger than {LARGEST} bytes")));
    }
    let mut summary: Summary = serde_json::from_slice(&bytes).map_err(|error| ReadError {
        line: error.line(),
        column: error.column(),
        message: format!("this is not a callspec JSON report: {error}"),
    })?;
    summary.count();
    Ok(summary)
}
