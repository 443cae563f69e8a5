//! What `callspec check` costs on whole files: how fast it is beside a plain reader of the same file, and how much
//! memory it takes, whatever the file's size.

use std::io::{BufRead, BufReader, BufWriter, Write};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use callspec::transcript::{Dir, Event};
use serde_json::{Value, json};

use super::call_events;

#[derive(Clone, Copy)]
pub enum Format {
    /// Of a proxy, both ends in one.
    Transcript,
    /// Of the caller's browser.
    Har,
    /// The caller's stanzas, one a line.
    Log,
}

/// What formats are called.
const FORMATS: [(&str, Format); 3] = [
    ("transcript", Format::Transcript),
    ("HAR", Format::Har),
    ("log", Format::Log),
];

/// Writes calls, one after the other, until they are this many bytes.
fn write(out: impl Write, format: Format, size: usize) -> std::io::Result<()> {
    let mut out = BufWriter::new(out);
    let mut written = 0;
    let mut put = |text: &str| {
        written += text.len();
        out.write_all(text.as_bytes()).map(|()| written)
    };
    match format {
        Format::Transcript => {
            let header = json!({
                "callspec": 1, "scenario": { "name": "recorded" }, "witness": "ends", "started": "2026-01-01T00:00:00Z",
            });
            put(&format!("{header}\n"))?;
            for who in ["alice", "bob"] {
                let jid = format!("{who}@localhost/1");
                let event = json!({ "n": 0, "t": 0.0, "who": who, "jid": jid, "dir": "connected" });
                put(&format!("{event}\n"))?;
            }
        }
        Format::Har => {
            put(
                r#"{"log":{"creator":{"name":"WebInspector","version":"1"},"entries":[{"_webSocketMessages":["#,
            )?;
            let bind = "<iq type='result' id='bind' xmlns='jabber:client'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'>\
                <jid>alice@localhost/1</jid></bind></iq>";
            put(
                &json!({ "type": "receive", "time": 1_767_225_600.0, "opcode": 1, "data": bind }).to_string(),
            )?;
        }
        Format::Log => {}
    }
    let (mut n, mut call, mut number, mut so_far) = (0, Vec::new(), 0, 0);
    while so_far < size {
        call_events(number, &mut n, &mut call);
        number += 1;
        for event in &call {
            let text = match format {
                Format::Transcript => serde_json::to_string(event).map(|line| line + "\n").ok(),
                _ if event.who != "alice" => None,
                Format::Har => Some(format!(",{}", message(event))),
                Format::Log => Some(line(event)),
            };
            if let Some(text) = text {
                so_far = put(&text)?;
            }
        }
    }
    if let Format::Har = format {
        put("]}]}}")?;
    }
    out.flush()
}

fn message(event: &Event) -> Value {
    let kind = if event.dir == Dir::Sent { "send" } else { "receive" };
    json!({ "type": kind, "time": 1_767_225_600.0 + event.t, "opcode": 1, "data": event.xml })
}

fn line(event: &Event) -> String {
    let kind = if event.dir == Dir::Sent { "SENT" } else { "RECV" };
    let micros = (event.t * 1e6) as u64;
    let (seconds, rest) = (micros / 1_000_000, micros % 1_000_000);
    let (hours, minutes, seconds) = (seconds / 3_600, seconds / 60 % 60, seconds % 60);
    let xml = event.xml.as_deref().unwrap_or_default();
    format!("2026-01-01T{hours:02}:{minutes:02}:{seconds:02}.{rest:06}Z {kind}: {xml}\n")
}

/// The largest amount of memory that a process has held so far, in MiB.
fn peak(pid: u32) -> Option<f64> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status.lines().find(|line| line.starts_with("VmHWM:"))?;
    let kib: f64 = line.split_whitespace().nth(1)?.parse().ok()?;
    Some(kib / 1024.0)
}

/// What a piece of work took, in seconds: by the clock, and of processors.
struct Took {
    wall: f64,
    busy: f64,
}

/// How long a process and those of its children that are over have kept processors busy, in seconds (proc_pid_stat(5)).
fn busy(pid: &str, children: bool) -> Option<f64> {
    const TICKS: f64 = 100.0;
    let text = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let (_, fields) = text.rsplit_once(") ")?;
    let fields = fields.split(' ').skip(11 + 2 * usize::from(children)).take(2);
    let ticks: f64 = fields.filter_map(|field| field.parse::<f64>().ok()).sum();
    Some(ticks / TICKS)
}

fn own(children: bool) -> f64 {
    busy("self", children).unwrap_or(f64::NAN)
}

/// Runs `callspec check` on the file: seconds and MiB.
fn check(path: &Path) -> std::io::Result<(Took, f64)> {
    let before = own(true);
    let began = Instant::now();
    let mut child = Command::new(env!("CARGO_BIN_EXE_callspec"))
        .arg("check")
        .arg(path)
        .stdout(Stdio::null())
        .spawn()?;
    let mut most: f64 = 0.0;
    let status = loop {
        most = most.max(peak(child.id()).unwrap_or_default());
        if let Some(status) = child.try_wait()? {
            break status;
        }
        std::thread::sleep(Duration::from_millis(5));
    };
    assert!(status.success(), "{}: {status}", path.display());
    let took = Took {
        wall: began.elapsed().as_secs_f64(),
        busy: own(true) - before,
    };
    Ok((took, most))
}

/// Reads the file as a plain reader does: each line of a transcript into an event, a HAR into its frames, a log into
/// lines. In one thread, and with the allocator that the program has.
fn plain(path: &Path, format: Format) -> std::io::Result<Took> {
    let (began, before) = (Instant::now(), own(false));
    let file = BufReader::with_capacity(256 * 1024, std::fs::File::open(path)?);
    match format {
        Format::Transcript => {
            for line in file.lines() {
                std::hint::black_box(serde_json::from_str::<Event>(&line?).is_ok());
            }
        }
        Format::Har => {
            std::hint::black_box(serde_json::from_reader::<_, serde::de::IgnoredAny>(file).is_ok());
        }
        Format::Log => {
            for line in file.lines() {
                std::hint::black_box(line?.len());
            }
        }
    }
    Ok(Took {
        wall: began.elapsed().as_secs_f64(),
        busy: own(false) - before,
    })
}

const MEGABYTE: usize = 1_000_000;

/// Writes so many megabytes of a format to standard output, for what no disk should hold.
pub fn print(name: &str, megabytes: usize) -> std::io::Result<()> {
    let known = FORMATS.iter().find(|(known, _)| *known == name);
    let (_, format) = known.ok_or_else(|| std::io::Error::other(format!("no format `{name}`")))?;
    write(std::io::stdout().lock(), *format, megabytes * MEGABYTE)
}

/// Files of this many megabytes.
pub fn files(sizes: &[usize]) -> std::io::Result<()> {
    println!("whole files: callspec check beside a plain reader of the same file");
    let path = std::env::temp_dir().join(format!("callspec-bench-{}", std::process::id()));
    for (name, format) in FORMATS {
        for megabytes in sizes {
            write(std::fs::File::create(&path)?, format, megabytes * MEGABYTE)?;
            let reading = plain(&path, format)?;
            let (checking, memory) = check(&path)?;
            println!(
                "  {name:<10} {megabytes:>6} MB  {:>6.1} MB/s, {:>5.1} × the time of reading ({:.1} × of processors), \
                 {memory:>6.1} MiB at most",
                *megabytes as f64 / checking.wall,
                checking.wall / reading.wall,
                checking.busy / reading.busy,
            );
        }
    }
    std::fs::remove_file(&path)
}
