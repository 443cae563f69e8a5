//! `--watch`: what is written anew is looked at anew, and whoever uses a fragment that has changed.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

struct Watching {
    child: Child,
    lines: Receiver<String>,
}

impl Watching {
    fn begin(arguments: &[&str], folder: &Path) -> Watching {
        // One pipe for both: of two, nobody could tell which line came first.
        let mut child = Command::new("sh")
            .args(["-c", r#"exec "$0" "$@" 2>&1"#, env!("CARGO_BIN_EXE_callspec")])
            .args(arguments)
            .current_dir(folder)
            .stdout(Stdio::piped())
            .spawn()
            .expect("callspec runs");
        let (tell, lines) = channel();
        let out = child.stdout.take().expect("stdout");
        std::thread::spawn(move || {
            for line in BufReader::new(out).lines().map_while(Result::ok) {
                if tell.send(line).is_err() {
                    return;
                }
            }
        });
        Watching { child, lines }
    }

    /// Everything up to a line with this in it.
    fn until(&self, part: &str) -> String {
        let mut seen = String::new();
        loop {
            let line = self.lines.recv_timeout(Duration::from_secs(60));
            let line = line.unwrap_or_else(|_| panic!("no {part:?} after:\n{seen}"));
            seen.push_str(&line);
            seen.push('\n');
            if line.contains(part) {
                return seen;
            }
        }
    }
}

impl Drop for Watching {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

const SOUND: &str = "steps:\n  - use: hello\n";

fn folder() -> tempfile::TempDir {
    let place = tempfile::TempDir::new().expect("a folder");
    let write = |name: &str, text: &str| std::fs::write(place.path().join(name), text).expect("written");
    std::fs::create_dir(place.path().join("fragments")).expect("a folder");
    write("one.yaml", &format!("name: one\n{SOUND}"));
    write(
        "two.yaml",
        "name: two\nsteps:\n  - use: ring\n  - callee: { sends: reject }\n",
    );
    write("fragments/hello.yaml", &fragment("hello"));
    place
}

fn fragment(body: &str) -> String {
    format!(
        "fragment: hello\nsteps:\n  - caller: {{ sends: chat, body: {body} }}\n  - callee: {{ receives: chat, body: hello }}\n"
    )
}

#[test]
fn lint_looks_again_at_what_a_change_concerns() {
    let place = folder();
    let watching = Watching::begin(&["lint", "--watch", "."], place.path());
    assert!(
        watching
            .until("watching")
            .contains("2 scenarios, 2 cases: nothing wrong")
    );
    // The scenario itself.
    std::fs::write(
        place.path().join("two.yaml"),
        "name: two\nsteps:\n  - caller: { sends: accept }\n",
    )
    .expect("written");
    let told = watching.until("watching");
    assert!(told.contains("two.yaml:3:22: ST-01: "), "{told}");
    std::fs::write(
        place.path().join("two.yaml"),
        "name: two\nsteps:\n  - use: ring\n",
    )
    .expect("written");
    assert!(
        watching
            .until("watching")
            .contains("1 scenario, 1 case: nothing wrong")
    );
    // A fragment that one of them uses.
    std::fs::write(place.path().join("fragments/hello.yaml"), fragment("hallo")).expect("written");
    let told = watching.until("watching");
    assert!(told.contains("one.yaml:3:10: this can never be met"), "{told}");
    assert!(!told.contains("two.yaml"), "{told}");
    // A new one, put in its place as editors do.
    std::fs::write(
        place.path().join("three.part"),
        "name: three\nsteps:\n  - wait: 1\n",
    )
    .expect("written");
    std::fs::rename(place.path().join("three.part"), place.path().join("three.yaml")).expect("renamed");
    let told = watching.until("three.yaml:3:11: a time needs its unit");
    assert!(!told.contains("two.yaml"), "{told}");
}

#[test]
fn run_plays_again_what_a_change_concerns() {
    let place = folder();
    let watching = Watching::begin(&["run", "--watch", "."], place.path());
    let told = watching.until("watching");
    assert!(told.contains("one") && told.contains("two"), "{told}");
    std::fs::write(
        place.path().join("fragments/hello.yaml"),
        fragment("hello").replace("hello }", "bye }"),
    )
    .expect("written");
    let told = watching.until("watching");
    assert!(told.contains("one") && !told.contains("two "), "{told}");
}
