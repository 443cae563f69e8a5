//! What `callspec check` says of files.

use std::fmt;
use std::process::Command;

use serde_json::Value;

#[derive(Debug, Clone)]
pub struct Found {
    pub rule: String,
    pub blame: String,
    /// No order of events excuses it.
    pub certain: bool,
    pub call: String,
    text: String,
}

impl fmt::Display for Found {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sure = if self.certain { "" } else { "perhaps " };
        write!(
            f,
            "{sure}{} {} in {}: {}",
            self.rule, self.blame, self.call, self.text
        )
    }
}

/// Every finding but remarks. What cannot be read must not be there.
pub fn judged(files: &[Vec<u8>]) -> Vec<Found> {
    let folder = tempfile::TempDir::new().expect("a folder");
    let mut command = Command::new(env!("CARGO_BIN_EXE_callspec"));
    command.arg("check").arg("--report").arg("json=-");
    // With HISTORY_KEPT the recordings stay there, each time in a folder of its own.
    let kept = std::env::var_os("HISTORY_KEPT").map(std::path::PathBuf::from);
    let place = kept.map(|kept| {
        let here = kept.join(folder.path().file_name().unwrap_or_default());
        std::fs::create_dir_all(&here).expect("a folder");
        here
    });
    let place = place.unwrap_or_else(|| folder.path().to_owned());
    for (number, bytes) in files.iter().enumerate() {
        let path = place.join(format!("{number}"));
        std::fs::write(&path, bytes).expect("a file");
        command.arg(path);
    }
    let output = command.output().expect("callspec runs");
    let words = String::from_utf8_lossy(&output.stderr).into_owned();
    let wrong = |text: String| Found {
        rule: "READ".to_owned(),
        blame: String::new(),
        certain: true,
        call: String::new(),
        text,
    };
    match output.status.code() {
        Some(0 | 1) => {}
        // Nothing is in what is left.
        Some(3) if words.contains("no call") || words.contains("holds a call") => return Vec::new(),
        Some(2) if words.contains("empty") || words.contains("of a format that is known") => {
            return Vec::new();
        }
        Some(2) if words.contains("the first line is no header (EOF") => return Vec::new(),
        _ => return vec![wrong(words)],
    }
    let Ok(report) = serde_json::from_slice::<Value>(&output.stdout) else {
        return vec![wrong(format!("no JSON: {words}"))];
    };
    let mut all = Vec::new();
    for entry in report["scenarios"].as_array().into_iter().flatten() {
        for found in entry["findings"].as_array().into_iter().flatten() {
            let text = |member: &str| found[member].as_str().unwrap_or_default().to_owned();
            if text("level") == "info" || text("blame") == "nobody" {
                continue;
            }
            all.push(Found {
                rule: text("rule"),
                blame: text("blame"),
                certain: found["excuse"].is_null(),
                call: entry["name"].as_str().unwrap_or_default().to_owned(),
                text: format!(
                    "{place:?} {} {} {}",
                    text("message"),
                    text("seen"),
                    text("excuse")
                ),
            });
        }
    }
    all
}
