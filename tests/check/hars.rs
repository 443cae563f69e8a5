//! Recordings of browsers to begin with, and what `callspec check` says of them.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Value, json};

pub const ALL: [&str; 3] = [
    "chrome-call.caller.har",
    "chrome-call.callee.har",
    "chrome-cancel.caller.har",
];
/// The full JIDs in the first two.
pub const ALICE: &str = "alice@localhost/a-good-full";
pub const BOB: &str = "bob@localhost/b-good-full";
/// Messages of each of them that come before any call: open, login, bind, presence.
pub const LOGIN: usize = 12;

pub fn data(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/data")
        .join(name)
}

pub struct Said {
    pub status: i32,
    pub out: String,
    pub err: String,
}

pub fn check(files: &[&Path]) -> Said {
    let output = Command::new(env!("CARGO_BIN_EXE_callspec"))
        .arg("check")
        .args(files)
        .output()
        .expect("callspec runs");
    Said {
        status: output.status.code().unwrap_or(-1),
        out: String::from_utf8_lossy(&output.stdout).into_owned(),
        err: String::from_utf8_lossy(&output.stderr).into_owned(),
    }
}

pub fn har(name: &str) -> Value {
    let text = std::fs::read_to_string(data(name)).expect("a HAR");
    serde_json::from_str(&text).expect("JSON")
}

pub fn messages(har: &mut Value) -> &mut Vec<Value> {
    har["log"]["entries"][0]["_webSocketMessages"]
        .as_array_mut()
        .expect("messages")
}

pub fn holds(message: &Value, kind: &str) -> bool {
    message["data"]
        .as_str()
        .is_some_and(|data| data.contains(&format!("call:{kind}")))
}

pub struct Folder(pub tempfile::TempDir);

impl Folder {
    pub fn new() -> Folder {
        Folder(tempfile::TempDir::new().expect("a folder"))
    }

    pub fn write(&self, name: &str, har: &Value) -> PathBuf {
        let path = self.0.path().join(name);
        std::fs::write(&path, har.to_string()).expect("a file");
        path
    }

    /// The verdict on a HAR that was changed.
    pub fn changed(&self, name: &str, change: impl FnOnce(&mut Vec<Value>)) -> Said {
        let mut har = har(name);
        change(messages(&mut har));
        check(&[&self.write("changed.har", &har)])
    }
}

impl Said {
    /// A verdict that accuses nobody of anything and doubts nothing.
    pub fn is_sound(&self) -> bool {
        let words = ["FAIL", "warn ", "maybe", "ERROR", "must,", "should,"];
        self.status == 0 && self.err.is_empty() && !words.iter().any(|word| self.out.contains(word))
    }
}

/// The text of a message.
pub fn text(message: &Value) -> &str {
    message["data"].as_str().unwrap_or_default()
}

pub fn time(message: &Value) -> f64 {
    message["time"].as_f64().unwrap_or_default()
}

pub fn message(out: bool, time: f64, data: &str) -> Value {
    json!({ "type": if out { "send" } else { "receive" }, "time": time, "opcode": 1, "data": data })
}

/// The same messages, so much later, with the timestamps in them.
pub fn later(messages: &[Value], seconds: u64) -> Vec<Value> {
    let later = |message: &Value| {
        let mut message = message.clone();
        message["time"] = (time(&message) + seconds as f64).into();
        let mut out = String::new();
        let mut rest = text(&message);
        while let Some((before, after)) = rest.split_once("T13:44:") {
            let (at, tail) = after.split_at(2);
            let at = 13 * 3600 + 44 * 60 + at.parse::<u64>().expect("seconds") + seconds;
            let clock = format!("T{:02}:{:02}:{:02}", at / 3600, at / 60 % 60, at % 60);
            out.push_str(before);
            out.push_str(&clock);
            rest = tail;
        }
        out.push_str(rest);
        message["data"] = out.into();
        message
    };
    messages.iter().map(later).collect()
}

/// The same messages as those of another call, with other ids.
pub fn another(messages: &[Value], number: usize) -> Vec<Value> {
    let mut messages = messages.to_vec();
    for message in &mut messages {
        let data = text(message)
            .replace("4630c38a-6e06", &format!("4630c38a-{number:04x}"))
            .replace("alice-", &format!("alice{number}-"))
            .replace("bob-", &format!("bob{number}-"));
        message["data"] = data.into();
    }
    messages
}

/// One more connection in the same HAR.
pub fn add_connection(har: &mut Value, messages: Vec<Value>) {
    let mut entry = har["log"]["entries"][0].clone();
    entry["_webSocketMessages"] = messages.into();
    har["log"]["entries"].as_array_mut().expect("entries").push(entry);
}

/// With one text for another in every message.
pub fn replaced(messages: &[Value], from: &str, to: &str) -> Vec<Value> {
    let mut messages = messages.to_vec();
    for message in &mut messages {
        message["data"] = text(message).replace(from, to).into();
    }
    messages
}
