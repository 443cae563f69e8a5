//! Programs that run beside a test: the endpoint, and the proxy before it.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use super::support::{Serve, callspec};

/// A program that ends with its value, and everything that it says.
pub struct Program {
    child: Child,
    lines: Receiver<String>,
    pub said: String,
}

impl Program {
    pub fn start(command: &mut Command) -> Program {
        let mut child = command
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("it starts");
        let (tell, lines) = channel();
        let out: Box<dyn std::io::Read + Send> = Box::new(child.stdout.take().expect("stdout"));
        let err: Box<dyn std::io::Read + Send> = Box::new(child.stderr.take().expect("stderr"));
        for reader in [out, err] {
            let tell = tell.clone();
            std::thread::spawn(move || {
                for line in BufReader::new(reader).lines().map_while(Result::ok) {
                    let _ = tell.send(line);
                }
            });
        }
        Program {
            child,
            lines,
            said: String::new(),
        }
    }

    /// The next line with this in it.
    pub fn hears(&mut self, wanted: &str) -> String {
        loop {
            let line = self.lines.recv_timeout(Duration::from_secs(60));
            let line = line.unwrap_or_else(|_| panic!("never said {wanted:?}:\n{}", self.said));
            self.said.push_str(&line);
            self.said.push('\n');
            if line.contains(wanted) {
                return line;
            }
        }
    }

    pub fn signal(&self, name: &str) {
        let kill = format!("kill -{name} {}", self.child.id());
        let status = Command::new("sh").args(["-c", &kill]).status();
        assert!(status.expect("a shell").success());
    }

    /// Its exit status, and all that it said.
    pub fn wait(mut self) -> (Option<i32>, String) {
        let status = self.child.wait().expect("an end").code();
        while let Ok(line) = self.lines.recv() {
            self.said.push_str(&line);
            self.said.push('\n');
        }
        (status, std::mem::take(&mut self.said))
    }

    pub fn id(&self) -> u32 {
        self.child.id()
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

pub const PASSWORD: &str = "correct-Horse-1";
pub const USERS: [&str; 4] = ["alice", "bob", "carol", "mallory"];

/// The embedded endpoint on a port, for these users.
pub fn endpoint(args: &[&str]) -> Serve {
    let accounts = USERS.map(|user| format!("{user}@localhost:{PASSWORD}"));
    let accounts = accounts.iter().flat_map(|account| ["--account", account]);
    Serve::new(&args.iter().copied().chain(accounts).collect::<Vec<_>>())
}

/// A proxy and where it listens.
pub struct Record {
    pub program: Program,
    /// As clients name it, without a path.
    pub url: String,
    pub folder: PathBuf,
}

/// The proxy before a server, its transcripts in this folder.
pub fn record(target: &str, folder: &Path, args: &[&str]) -> Record {
    let mut command = callspec();
    command
        .args(["record", "--listen", "127.0.0.1:0", "--target", target])
        .args(args)
        .arg("--transcripts")
        .arg(folder);
    started(command, folder)
}

pub fn started(mut command: Command, folder: &Path) -> Record {
    let mut program = Program::start(&mut command);
    let line = program.hears("clients connect to ");
    let (_, url) = line.split_once("clients connect to ").expect("a URL");
    let url = url.split(',').next().expect("a URL");
    let (scheme, rest) = url.split_once("://").expect("a scheme");
    let host = rest.split('/').next().expect("a host");
    program.hears("transcripts in");
    Record {
        program,
        url: format!("{scheme}://{host}"),
        folder: folder.to_owned(),
    }
}

impl Record {
    pub fn host(&self) -> &str {
        self.url.split_once("://").map_or("", |(_, host)| host)
    }

    /// Ends it as Ctrl-C does.
    pub fn end(self) -> (Option<i32>, String) {
        self.program.signal("INT");
        self.program.wait()
    }
}

pub fn transcripts(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).expect("a folder");
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.expect("an entry").path()).collect();
    // Killed before its first line was written, a file has not got its name yet, and holds nothing.
    files.retain(|file| file.extension().is_none_or(|extension| extension != "begun"));
    files.sort();
    files
}

/// What became of each call, by its id, as a listing says it.
pub fn outcomes(said: &str) -> BTreeMap<String, String> {
    let calls = said.lines().filter_map(|line| {
        let (outcome, rest) = line.split_once(" call ")?;
        let outcome = outcome.trim();
        let known = ["pass", "FAIL", "warn", "maybe"].contains(&outcome);
        let id = rest.split_whitespace().next()?;
        known.then(|| (id.to_owned(), outcome.to_owned()))
    });
    calls.collect()
}

/// The rules that a listing names as broken, each once.
pub fn rules(said: &str) -> std::collections::BTreeSet<String> {
    let lines = said.lines().filter_map(|line| line.trim_start().split_once("  "));
    let rules = lines.filter(|(id, rest)| {
        id.len() == 5
            && id.as_bytes().get(2) == Some(&b'-')
            && (rest.starts_with("must") || rest.starts_with("should"))
    });
    rules.map(|(id, _)| id.to_owned()).collect()
}
