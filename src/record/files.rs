//! Writes transcripts: every line whole, those of some milliseconds together, and nothing that goes wrong here stops a
//! call.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use super::book::Entry;
use super::split::{Fresh, Line, Sorter, Split};
use crate::transcript::recording::SESSION;
use crate::transcript::{Event, Header, ScenarioInfo, Writer, add_line};

/// Files that are held open at once.
const OPEN: usize = 128;
/// Files of one name that earlier recordings may have left in the folder.
const NAMESAKES: u32 = 1_000;
/// Files of which it is told that they cannot be written; of more than that, how many.
const TOLD: u64 = 8;
/// So much may wait to be written, in bytes.
const TOGETHER: usize = 256 << 10;

/// Where an event was written.
#[derive(Debug, Default)]
pub struct Placed {
    /// The file's number and the line.
    pub at: Option<(u64, u64)>,
    /// Files that were begun: name, path.
    pub begun: Vec<(String, PathBuf)>,
    /// What went wrong, a sentence each.
    pub trouble: Vec<String>,
}

struct Sheet {
    path: PathBuf,
    file: Option<Whole>,
    /// Whole lines that wait to be written.
    waiting: Vec<u8>,
    /// Nothing is expected to follow soon.
    done: bool,
    lines: u64,
    /// It is whole up to where it went wrong, and nothing is added to it.
    broken: bool,
    touched: u64,
}

/// The transcripts of one recording.
pub struct Files {
    folder: PathBuf,
    header: Header,
    sorter: Sorter,
    kind: &'static str,
    sheets: BTreeMap<u64, Sheet>,
    /// Those of which something waits to be written, and how much that is in all.
    behind: BTreeSet<u64>,
    waiting: usize,
    clock: u64,
    /// How many files were begun.
    pub count: u64,
    /// Events that could not be written.
    pub lost: u64,
    /// Files that could not be.
    pub broken: u64,
}

impl Files {
    /// `header`: what the headers of all have in common.
    pub fn new(folder: &Path, split: Split, header: Header) -> Files {
        Files {
            folder: folder.to_owned(),
            header,
            sorter: Sorter::new(split),
            kind: match split {
                Split::Call => "call",
                Split::Session => SESSION,
            },
            sheets: BTreeMap::new(),
            behind: BTreeSet::new(),
            waiting: 0,
            clock: 0,
            count: 0,
            lost: 0,
            broken: 0,
        }
    }

    /// The path of a file that may still be added to.
    pub fn path_of(&self, file: u64) -> Option<String> {
        Some(self.sheets.get(&file)?.path.display().to_string())
    }

    /// Adds an event wherever it belongs. What it adds to stands there after [`Files::flush`] at the latest.
    pub fn add(&mut self, entry: &mut Entry) -> Placed {
        let mut placed = Placed::default();
        for mut line in self.sorter.sort(entry) {
            let file = line.file;
            let mut begin = line.begin.take();
            // How a session began may stand before it.
            let is_it = begin.is_none();
            match self.line(line, begin.as_mut().unwrap_or(&mut entry.event), &mut placed) {
                Ok(n) if is_it && placed.at.is_none() => placed.at = Some((file, n)),
                Ok(_) => {}
                Err(error) => {
                    self.lost += 1;
                    placed.trouble.extend(error);
                }
            }
        }
        if !self.sorter.forgotten.is_empty() || self.waiting > TOGETHER {
            placed.trouble.extend(self.flush());
        }
        for file in self.sorter.forgotten.drain(..) {
            self.sheets.remove(&file);
        }
        placed
    }

    /// Writes what waits; what went wrong, a sentence each.
    pub fn flush(&mut self) -> Vec<String> {
        let mut trouble = Vec::new();
        self.waiting = 0;
        for number in std::mem::take(&mut self.behind) {
            let opens = self.sheets.get(&number).is_some_and(|sheet| sheet.file.is_none());
            if opens {
                self.close_the_oldest();
            }
            let Some(sheet) = self.sheets.get_mut(&number) else {
                continue;
            };
            if let Err(error) = sheet.write() {
                let left = std::mem::take(&mut sheet.waiting);
                self.lost += left.iter().filter(|byte| **byte == b'\n').count() as u64;
                sheet.broken = true;
                sheet.file = None;
                trouble.extend(told(&sheet.path, &error, &mut self.broken));
            }
            if sheet.done {
                sheet.file = None;
            }
        }
        trouble
    }

    /// The number of the line; or what is told of the failure, the first time.
    fn line(&mut self, line: Line, event: &mut Event, placed: &mut Placed) -> Result<u64, Option<String>> {
        self.clock += 1;
        if let Some(fresh) = line.fresh {
            self.close_the_oldest();
            let name = fresh.name.clone();
            let (path, file) = self.begin(line.file, fresh);
            let broken = file.is_err();
            let error = file.as_ref().err();
            let told = error.and_then(|error| told(&path, error, &mut self.broken));
            let sheet = Sheet {
                path: path.clone(),
                file: file.ok(),
                waiting: Vec::new(),
                done: false,
                lines: 1,
                broken,
                touched: self.clock,
            };
            self.sheets.insert(line.file, sheet);
            if broken {
                return Err(told);
            }
            self.count += 1;
            placed.begun.push((name, path));
        }
        let sheet = self.sheets.get_mut(&line.file).ok_or(None)?;
        if sheet.broken {
            return Err(None);
        }
        sheet.touched = self.clock;
        event.n = sheet.lines;
        let before = sheet.waiting.len();
        if let Err(error) = add_line(event, &mut sheet.waiting) {
            sheet.waiting.truncate(before);
            return Err(told(&sheet.path, &error.into(), &mut self.broken));
        }
        self.waiting += sheet.waiting.len() - before;
        self.behind.insert(line.file);
        sheet.lines += 1;
        sheet.done = line.done;
        Ok(sheet.lines)
    }

    /// Begins a file under the first of its names that is free.
    fn begin(&self, number: u64, fresh: Fresh) -> (PathBuf, io::Result<Whole>) {
        let dash = if fresh.tag.is_empty() { "" } else { "-" };
        let name = format!("{}-{number:04}{dash}{}", self.kind, fresh.tag);
        let header = Header {
            scenario: ScenarioInfo {
                name: fresh.name,
                tags: vec![self.kind.to_owned()],
                ..ScenarioInfo::default()
            },
            cast: fresh.cast,
            ..self.header.clone()
        };
        let mut path = self.folder.join(format!("{name}.jsonl"));
        for copy in 2..=NAMESAKES {
            match begin(&path, &header) {
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                begun => return (path, begun),
            }
            path = self.folder.join(format!("{name}.{copy}.jsonl"));
        }
        (path, Err(io::ErrorKind::AlreadyExists.into()))
    }

    fn close_the_oldest(&mut self) {
        let open = self.sheets.values().filter(|sheet| sheet.file.is_some());
        if self.sheets.len() < OPEN || open.count() < OPEN {
            return;
        }
        let open = self.sheets.values_mut().filter(|sheet| sheet.file.is_some());
        if let Some(oldest) = open.min_by_key(|sheet| sheet.touched) {
            oldest.file = None;
        }
    }
}

/// It gets its name with its first line: killed in between, an empty file would be left. Until then nobody else takes
/// that name.
fn begin(path: &Path, header: &Header) -> io::Result<Whole> {
    let unnamed = path.with_extension("begun");
    let file = OpenOptions::new().append(true).create_new(true).open(&unnamed)?;
    let begun = match path.try_exists() {
        Ok(false) => Writer::new(file, header).and_then(|writer| Whole::of(writer.into_inner())),
        Ok(true) => Err(io::ErrorKind::AlreadyExists.into()),
        Err(error) => Err(error),
    };
    let begun = begun.and_then(|file| std::fs::rename(&unnamed, path).map(|()| file));
    if begun.is_err() {
        // Nothing of it was worth keeping.
        let _ = std::fs::remove_file(&unnamed);
    }
    begun
}

/// What is told of a file that cannot be written, the last of `broken`; nothing, where many have gone before it.
fn told(path: &Path, error: &io::Error, broken: &mut u64) -> Option<String> {
    *broken += 1;
    let path = path.display();
    match *broken {
        ..=TOLD => Some(format!(
            "cannot write {path}: {error}; the calls go on, and it is whole up to here"
        )),
        _ => (*broken == TOLD + 1).then(|| "more files cannot be written; they are counted".to_owned()),
    }
}

impl Sheet {
    /// What could not be written still waits.
    fn write(&mut self) -> io::Result<()> {
        let file = match &mut self.file {
            Some(file) => file,
            None => {
                let file = OpenOptions::new().append(true).open(&self.path)?;
                self.file.insert(Whole::of(file)?)
            }
        };
        let (whole, result) = file.append(&self.waiting);
        self.waiting.drain(..whole);
        result
    }
}

/// A file that holds whole lines, whatever becomes of the next.
struct Whole {
    file: File,
    length: u64,
}

impl Whole {
    fn of(file: File) -> io::Result<Whole> {
        let length = file.metadata()?.len();
        Ok(Whole { file, length })
    }

    /// Where it has no name any more, what is written to it is lost.
    fn is_there(&self) -> io::Result<()> {
        #[cfg(unix)]
        if std::os::unix::fs::MetadataExt::nlink(&self.file.metadata()?) == 0 {
            return Err(io::Error::new(io::ErrorKind::NotFound, "it has been removed"));
        }
        Ok(())
    }

    /// How many bytes of these lines stand there now: all of them, or those of whole ones.
    fn append(&mut self, lines: &[u8]) -> (usize, io::Result<()>) {
        let (mut written, mut result) = (0, self.is_there());
        while result.is_ok() && written < lines.len() {
            result = match self.file.write(lines.get(written..).unwrap_or_default()) {
                Ok(0) => Err(io::ErrorKind::WriteZero.into()),
                Ok(n) => {
                    written += n;
                    Ok(())
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => Ok(()),
                Err(error) => Err(error),
            };
        }
        let there = lines.get(..written).unwrap_or_default();
        let whole = there
            .iter()
            .rposition(|byte| *byte == b'\n')
            .map_or(0, |at| at + 1);
        self.length += whole as u64;
        if result.is_err() {
            // Where this fails too, the last line is torn, which every reader forgives.
            let _ = self.file.set_len(self.length);
        }
        (whole, result)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(unix)]
    #[test]
    fn what_is_written_to_a_file_that_was_removed_is_lost_and_told() {
        let folder = tempfile::TempDir::new().expect("a folder");
        let path = folder.path().join("a.jsonl");
        let file = File::create_new(&path).expect("a file");
        let mut whole = Whole::of(file).expect("a length");
        let (written, result) = whole.append(b"a\nb\n");
        assert!(written == 4 && result.is_ok(), "{result:?}");
        std::fs::remove_file(&path).expect("removed");
        let (written, result) = whole.append(b"c\n");
        let told = result.expect_err("it is lost").to_string();
        assert_eq!((written, told.as_str()), (0, "it has been removed"));
    }
}
