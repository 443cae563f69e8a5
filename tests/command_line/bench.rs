//! Where the program is run by itself, and what it said.

use std::path::PathBuf;
use std::process::Command;

use tempfile::TempDir;

use crate::support::{Said, callspec, run};

/// A call that is declined.
pub const SOUND: &str = "name: sound\nabout: A call that is declined.\nrules: [RT-03]\ntags: [short]\n\
    matrix: { after: [0ms, 5ms] }\nsteps:\n  - caller: { sends: initiate }\n  - callee: { receives: initiate }\n  \
    - callee: { sends: reject, after: \"{after}\" }\n  - caller: { receives: reject }\n";
/// Asks for another error than a relay gives.
pub const BROKEN: &str = "name: broken\nabout: Asks for another error than a relay gives.\nrules: [ST-08]\n\
    leaves-open: nobody was reached\nsteps:\n  \
    - caller: { sends: initiate, to: \"nobody@localhost/x\", answered: { error: [forbidden] } }\n";
/// The same, as a matter of a rule that is no more than a SHOULD.
pub const SLACK: &str = "name: slack\nabout: Asks for another error than a relay gives.\n\
    leaves-open: nobody was reached\nsteps:\n  \
    - caller: { sends: initiate, to: \"nobody@localhost/x\", answered: { error: [forbidden], rule: RT-13 } }\n";
/// Makes no sense on a relay.
pub const FOREIGN: &str = "name: foreign\nabout: For another class of server.\nprofiles: [enforcing]\nsteps:\n  \
    - caller: { sends: initiate }\n  - callee: { receives: initiate }\n  - callee: { sends: reject }\n  \
    - caller: { receives: reject }\n";

/// A folder of its own, without a home, without what this machine's environment says.
pub struct Bench(pub TempDir);

impl Bench {
    pub fn new() -> Bench {
        Bench(TempDir::new().expect("a folder"))
    }

    pub fn with(files: &[(&str, &str)]) -> Bench {
        let bench = Bench::new();
        for (name, text) in files {
            bench.write(name, text);
        }
        bench
    }

    pub fn write(&self, name: &str, text: &str) {
        let path = self.0.path().join(name);
        std::fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
        std::fs::write(path, text).expect("a file");
    }

    pub fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.0.path().join(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
    }

    pub fn command(&self, args: &[&str]) -> Command {
        let mut command = callspec();
        command
            .current_dir(self.0.path())
            .env_clear()
            .env("HOME", self.0.path())
            .args(args);
        command
    }

    pub fn run(&self, args: &[&str]) -> Said {
        run(&mut self.command(args))
    }

    pub fn transcripts(&self) -> Vec<PathBuf> {
        let mut found = Vec::new();
        let mut folders = vec![self.0.path().to_owned()];
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(folder).expect("a folder") {
                let path = entry.expect("an entry").path();
                if path.is_dir() {
                    folders.push(path);
                } else if path.extension().is_some_and(|ending| ending == "jsonl") {
                    found.push(path);
                }
            }
        }
        found.sort();
        found
    }
}

/// Everything that a run said, without what differs from run to run.
pub fn told(said: &Said) -> String {
    let text = format!(
        "exit {}\n--- stdout\n{}--- stderr\n{}",
        said.status, said.out, said.err
    );
    let text = regex::Regex::new(r" +\d+\.\d\d s")
        .expect("a pattern")
        .replace_all(&text, " [time]")
        .into_owned();
    // The catalogue grows.
    let text = regex::Regex::new(r"\d+ (rules? held|not reached:)\s*")
        .expect("a pattern")
        .replace_all(&text, "[n] $1 ")
        .into_owned();
    regex::Regex::new(r"\d{4}-\d\d-\d\dT\d\d-\d\d-\d\d(\.\d+)?")
        .expect("a pattern")
        .replace_all(&text, "[moment]")
        .into_owned()
}

pub fn status(said: &Said, wanted: i32) {
    assert_eq!(said.status, wanted, "{}", told(said));
}

/// A port where nobody listens, as a URL.
pub fn closed_port() -> String {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    format!(
        "ws://127.0.0.1:{}/",
        listener.local_addr().expect("an address").port()
    )
}
