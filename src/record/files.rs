//! Writes transcripts: every line at once and whole, and nothing that goes wrong here stops a call.

use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use super::book::Entry;
use super::split::{Fresh, Line, Sorter, Split};
use crate::transcript::recording::SESSION;
use crate::transcript::{Header, ScenarioInfo, Writer};

/// Files that are held open at once.
const OPEN: usize = 128;
/// Files of one name that earlier recordings may have left in the folder.
const NAMESAKES: u32 = 1_000;

/// Where an event was written.
#[derive(Debug, Default)]
pub struct Placed {
    /// The file's number and the line.
    pub at: Option<(u64, u64)>,
    /// Files that were begun: name, path.
    pub begun: Vec<(String, PathBuf)>,
    /// What went wrong, in a sentence.
    pub trouble: Option<String>,
}

struct Sheet {
    path: PathBuf,
    writer: Option<Writer<Whole>>,
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
    clock: u64,
    /// How many files were begun.
    pub count: u64,
    /// Events that could not be written.
    pub lost: u64,
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
            clock: 0,
            count: 0,
            lost: 0,
        }
    }

    /// The path of a file that may still be added to.
    pub fn path_of(&self, file: u64) -> Option<String> {
        Some(self.sheets.get(&file)?.path.display().to_string())
    }

    /// Writes an event wherever it belongs.
    pub fn write(&mut self, entry: &Entry) -> Placed {
        let mut placed = Placed::default();
        let mut own = 0;
        for line in self.sorter.sort(entry) {
            let file = line.file;
            // How a session began may stand before it.
            let is_it = line.event.dir == entry.event.dir;
            match self.line(line, &mut placed) {
                Ok(n) if is_it && own == 0 => {
                    own = n;
                    placed.at = Some((file, n));
                }
                Ok(_) => {}
                Err(error) => {
                    self.lost += 1;
                    placed.trouble = error;
                }
            }
        }
        for file in self.sorter.forgotten.drain(..) {
            self.sheets.remove(&file);
        }
        placed
    }

    /// The number of the line; or what is told of the failure, the first time.
    fn line(&mut self, line: Line, placed: &mut Placed) -> Result<u64, Option<String>> {
        self.clock += 1;
        if let Some(fresh) = line.fresh {
            self.close_the_oldest();
            let name = fresh.name.clone();
            let (path, writer) = self.begin(line.file, fresh);
            let broken = writer.is_err();
            let told = writer.as_ref().err().map(|error| told(&path, error));
            let sheet = Sheet {
                path: path.clone(),
                writer: writer.ok(),
                lines: 1,
                broken,
                touched: self.clock,
            };
            self.sheets.insert(line.file, sheet);
            if let Some(told) = told {
                return Err(Some(told));
            }
            self.count += 1;
            placed.begun.push((name, path));
        }
        let reopens = self
            .sheets
            .get(&line.file)
            .is_some_and(|sheet| sheet.writer.is_none() && !sheet.broken);
        if reopens {
            self.close_the_oldest();
        }
        let clock = self.clock;
        let sheet = self.sheets.get_mut(&line.file).ok_or(None)?;
        if sheet.broken {
            return Err(None);
        }
        sheet.touched = clock;
        let mut event = line.event;
        event.n = sheet.lines;
        if let Err(error) = sheet.append(&event) {
            sheet.broken = true;
            sheet.writer = None;
            return Err(Some(told(&sheet.path, &error)));
        }
        sheet.lines += 1;
        if line.done {
            sheet.writer = None;
        }
        Ok(sheet.lines)
    }

    /// Begins a file under the first of its names that is free.
    fn begin(&self, number: u64, fresh: Fresh) -> (PathBuf, io::Result<Writer<Whole>>) {
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
        let open = self.sheets.values().filter(|sheet| sheet.writer.is_some());
        if self.sheets.len() < OPEN || open.count() < OPEN {
            return;
        }
        let open = self.sheets.values_mut().filter(|sheet| sheet.writer.is_some());
        if let Some(oldest) = open.min_by_key(|sheet| sheet.touched) {
            oldest.writer = None;
        }
    }
}

/// It gets its name with its first line: killed in between, an empty file would be left. Until then nobody else takes
/// that name.
fn begin(path: &Path, header: &Header) -> io::Result<Writer<Whole>> {
    let unnamed = path.with_extension("begun");
    let file = OpenOptions::new().append(true).create_new(true).open(&unnamed)?;
    let begun = match path.try_exists() {
        Ok(false) => Writer::new(Whole { file, length: 0 }, header),
        Ok(true) => Err(io::ErrorKind::AlreadyExists.into()),
        Err(error) => Err(error),
    };
    let begun = begun.and_then(|writer| std::fs::rename(&unnamed, path).map(|()| writer));
    if begun.is_err() {
        // Nothing of it was worth keeping.
        let _ = std::fs::remove_file(&unnamed);
    }
    begun
}

fn told(path: &Path, error: &io::Error) -> String {
    format!(
        "cannot write {}: {error}; the calls go on, and it is whole up to here",
        path.display()
    )
}

impl Sheet {
    fn append(&mut self, event: &crate::transcript::Event) -> io::Result<()> {
        if self.writer.is_none() {
            let file = OpenOptions::new().append(true).open(&self.path)?;
            let length = file.metadata()?.len();
            self.writer = Some(Writer::append(Whole { file, length }));
        }
        match &mut self.writer {
            Some(writer) => writer.event(event),
            None => Ok(()),
        }
    }
}

/// A file that a line that did not fit leaves as it was before.
struct Whole {
    file: File,
    length: u64,
}

impl Write for Whole {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        if let Err(error) = self.file.write_all(line) {
            // Where this fails too, the last line is torn, which every reader forgives.
            let _ = self.file.set_len(self.length);
            return Err(error);
        }
        self.length += line.len() as u64;
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}
