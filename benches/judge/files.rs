//! What `callspec check` costs on whole files: how fast it is beside a plain reader of the same file, and how much
//! memory it takes, whatever the file's size.

use std::io::{BufRead, BufReader, BufWriter, Write};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use callspec::transcript::{Dir, Event};
use serde_json::{Value, json};

use super::{call_events, median};

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

/// What a process took: seconds by the clock and of processors, and MiB.
struct Took {
    wall: f64,
    busy: f64,
    memory: f64,
}

/// How long those children of this process that are over have kept processors busy, in seconds (proc_pid_stat(5)).
fn busy() -> f64 {
    const TICKS: f64 = 100.0;
    let text = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let (_, fields) = text.rsplit_once(") ").unwrap_or_default();
    let fields = fields.split(' ').skip(13).take(2);
    let ticks: f64 = fields.filter_map(|field| field.parse::<f64>().ok()).sum();
    ticks / TICKS
}

fn run(command: &mut Command) -> std::io::Result<Took> {
    let before = busy();
    let began = Instant::now();
    let mut child = command.stdout(Stdio::null()).spawn()?;
    let mut memory: f64 = 0.0;
    let status = loop {
        memory = memory.max(peak(child.id()).unwrap_or_default());
        if let Some(status) = child.try_wait()? {
            break status;
        }
        std::thread::sleep(Duration::from_millis(1));
    };
    let wall = began.elapsed().as_secs_f64();
    assert!(status.success(), "{command:?}: {status}");
    Ok(Took {
        wall,
        busy: busy() - before,
        memory,
    })
}

/// Reads the file as a plain reader does: each line of a transcript into an event, a HAR into its frames, a log into
/// lines. In one thread, and with the allocator that the program has.
pub fn read(name: &str, path: &str) -> std::io::Result<()> {
    let file = BufReader::with_capacity(256 * 1024, std::fs::File::open(path)?);
    match format(name)? {
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
    Ok(())
}

fn format(name: &str) -> std::io::Result<Format> {
    let known = FORMATS.iter().find(|(known, _)| *known == name);
    let known = known.ok_or_else(|| std::io::Error::other(format!("no format `{name}`")))?;
    Ok(known.1)
}

const MEGABYTE: usize = 1_000_000;

/// Writes so many megabytes of a format to standard output, for what no disk should hold.
pub fn print(name: &str, megabytes: usize) -> std::io::Result<()> {
    write(std::io::stdout().lock(), format(name)?, megabytes * MEGABYTE)
}

/// Files of this many megabytes. Both read each so many times in turns, each time in a process of its own.
pub fn files(sizes: &[usize], rounds: usize) -> std::io::Result<()> {
    println!(
        "whole files: callspec check beside a plain reader of the same file, the medians of {rounds} rounds"
    );
    let path = std::env::temp_dir().join(format!("callspec-bench-{}", std::process::id()));
    let me = std::env::current_exe()?;
    for (name, format) in FORMATS {
        for megabytes in sizes {
            write(std::fs::File::create(&path)?, format, megabytes * MEGABYTE)?;
            let mut both = Vec::new();
            for _ in 0..rounds {
                let reading = run(Command::new(&me).args(["--read", name]).arg(&path))?;
                let checking = run(Command::new(env!("CARGO_BIN_EXE_callspec"))
                    .arg("check")
                    .arg(&path))?;
                both.push((reading, checking));
            }
            println!(
                "  {name:<10} {megabytes:>6} MB  {:>6.1} MB/s, {:>5.1} × the time of reading ({:.1} × of processors), \
                 {:>6.1} MiB at most",
                median(both.iter().map(|(_, check)| *megabytes as f64 / check.wall)),
                median(both.iter().map(|(read, check)| check.wall / read.wall)),
                median(both.iter().map(|(read, check)| check.busy / read.busy)),
                both.iter().map(|(_, check)| check.memory).fold(0.0, f64::max),
            );
        }
    }
    std::fs::remove_file(&path)
}
