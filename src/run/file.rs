//! The file of a transcript: its name, and that no run writes over another's.

use std::fs::File;
use std::io::{BufWriter, ErrorKind};
use std::path::{Path, PathBuf};

use uuid::Uuid;

use crate::scenario::Case;
use crate::transcript::{Header, Writer};

pub(super) fn transcript_name(case: &Case, attempt: u32) -> String {
    let mut name = case.name.clone();
    for value in &case.matrix {
        name.push('.');
        name.push_str(&value.replace('=', "-"));
    }
    let plain: String = name
        .chars()
        .take(120)
        .map(|c| {
            if c.is_ascii_alphanumeric() || "-._".contains(c) {
                c
            } else if c == '/' {
                '-'
            } else {
                '_'
            }
        })
        .collect();
    let mut file = plain;
    if file != name.replace('/', "-") {
        // Two names may look alike once they are made safe for a file system.
        let whole = Uuid::new_v5(&Uuid::NAMESPACE_OID, name.as_bytes())
            .simple()
            .to_string();
        file.push('.');
        file.push_str(whole.get(..8).unwrap_or_default());
    }
    if attempt > 0 {
        file.push_str(&format!(".retry-{attempt}"));
    }
    file
}

/// A file of this name that was not there before: no run writes over another's.
pub(super) fn open(
    folder: &Path,
    name: &str,
    header: &Header,
) -> std::io::Result<(Writer<BufWriter<File>>, PathBuf)> {
    // Every time: scenarios side by side would race for who finds it missing.
    std::fs::create_dir_all(folder)?;
    let mut path = folder.join(format!("{name}.jsonl"));
    for n in 2.. {
        match File::create_new(&path) {
            Ok(file) => return Ok((Writer::new(BufWriter::new(file), header)?, path)),
            Err(error) if error.kind() == ErrorKind::AlreadyExists && n < 10_000 => {
                path.set_file_name(format!("{name}.{n}.jsonl"));
            }
            Err(error) => return Err(error),
        }
    }
    Err(ErrorKind::AlreadyExists.into())
}
