//! Recordings to report on: sound ones, played here, and a broken one made of them.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::LazyLock;

use callspec::report::Summary;
use callspec::report::html::{Played, html};
use callspec::rules::{Verdict, judge};
use callspec::run::{Options, suite};
use callspec::scenario::builtin;
use callspec::transcript::{Dir, Event, Header, Reader, Writer};
use tempfile::TempDir;
use tokio::sync::watch;

/// Scenarios with something to look at.
const SHOWN: [&str; 7] = [
    "call/full",
    "cancel/crosses-accept",
    "chat/during-a-call",
    "devices/both-ring-one-answers",
    "glare/both-call",
    "reconnect/callee-in-a-call",
    "breach/accepts-twice",
];

/// The folder of a history, and all that is in it, judged.
pub struct History {
    pub folder: TempDir,
    pub judged: Vec<(Header, Verdict, String)>,
}

/// Made once for all tests.
pub static HISTORY: LazyLock<History> = LazyLock::new(|| {
    let folder = TempDir::new().expect("a folder");
    let options = Options {
        transcripts: Some(folder.path().to_owned()),
        ..Options::default()
    };
    let scenarios = builtin().unwrap_or_else(|errors| panic!("{errors:?}"));
    let cases = scenarios.iter().flat_map(|scenario| scenario.cases().to_vec());
    let cases: Vec<_> = cases.filter(|case| SHOWN.contains(&case.name.as_str())).collect();
    let (stop, _) = watch::channel(false);
    let results = suite(cases, &options, &stop, &mut |_| {});
    let mut files: Vec<PathBuf> = results
        .iter()
        .filter_map(|finished| finished.transcript.clone())
        .collect();
    let crossing = files
        .iter()
        .find(|file| file.to_string_lossy().contains("cancel-crosses-accept"))
        .cloned();
    files.insert(0, twice(&crossing.expect("a crossing"), folder.path()));
    let judged = files.iter().map(|file| {
        let (header, events) = read(file);
        let verdict = judge(&header, events.into_iter());
        (header, verdict, file.display().to_string())
    });
    let judged = judged.collect();
    History { folder, judged }
});

fn read(path: &Path) -> (Header, Vec<Event>) {
    let file = std::fs::File::open(path).expect("a transcript");
    let (header, events) = Reader::new(std::io::BufReader::new(file)).expect("a header");
    (header, events.map(|event| event.expect("an event")).collect())
}

/// The same recording, with the hangup delivered a second time: a server at fault.
fn twice(path: &Path, folder: &Path) -> PathBuf {
    let (mut header, events) = read(path);
    header.scenario.name = "made/delivered-twice".to_owned();
    header.scenario.case.clear();
    let path = folder.join("delivered-twice.jsonl");
    let mut writer = Writer::new(std::fs::File::create(&path).expect("a file"), &header).expect("a header");
    let mut n = 0;
    let mut write = |event: &Event| {
        n += 1;
        let event = Event { n, ..event.clone() };
        writer.event(&event).expect("a line");
    };
    for event in &events {
        // What was met names events by number, and these change.
        if event.dir == Dir::Met {
            continue;
        }
        write(event);
        let text = event.xml.as_deref();
        let is_hangup = text.is_some_and(|xml| xml.contains("call:hangup"));
        if is_hangup && event.dir == Dir::Received {
            write(event);
        }
    }
    path
}

impl History {
    pub fn summary(&self) -> Summary {
        Summary::of_transcripts(&self.judged)
    }

    /// The HTML report of this summary, written to a file of this name.
    pub fn page(&self, summary: &Summary, name: &str) -> PathBuf {
        let path = self.folder.path().join(name);
        let mut file = std::io::BufWriter::new(std::fs::File::create(&path).expect("a file"));
        let mut played = |at: usize| {
            let file = summary
                .scenarios
                .get(at)
                .and_then(|entry| entry.transcript.as_deref());
            file.map(|file| Played::from_file(file.as_ref())).transpose()
        };
        html(summary, &mut played, &mut file).expect("a page");
        path
    }
}

/// Runs a command; what it said, and whether it went well.
pub fn output(command: &mut Command) -> (bool, String) {
    match command.output() {
        Ok(output) => {
            let said = [output.stdout, output.stderr].concat();
            (
                output.status.success(),
                String::from_utf8_lossy(&said).into_owned(),
            )
        }
        Err(error) => (false, error.to_string()),
    }
}
