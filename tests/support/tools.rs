//! Programs that are nobody's but their own: a browser, and scripts from npm.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use tempfile::TempDir;

/// Whether a missing tool is a failure: in CI it is.
pub fn without(what: &str) {
    assert!(std::env::var_os("CI").is_none(), "{what} is needed in CI");
    eprintln!("SKIPPED: {what} is not there");
}

/// A script out of a package from npm, which is put into the build folder once; a file that is not there where npm
/// could not be had.
pub fn from_npm(package: &str, version: &str, script: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(package);
    let script = folder.join("node_modules").join(package).join(script);
    if !script.exists() {
        std::fs::create_dir_all(&folder).expect("a folder");
        let _ = Command::new("npm")
            .args(["install", "--no-save", "--no-audit", "--no-fund", "--prefix"])
            .arg(&folder)
            .arg(format!("{package}@{version}"))
            .output();
    }
    script
}

/// A headless Chromium; gone with its value.
pub struct Chromium {
    child: Child,
    /// Where its DevTools protocol is spoken.
    pub url: String,
    /// Host and port of that.
    pub address: String,
    _profile: TempDir,
}

impl Drop for Chromium {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Chromium {
    /// `None` where there is none.
    pub fn start(more: &[&str]) -> Option<Chromium> {
        let path = std::env::var_os("PATH").unwrap_or_default();
        let there = |name: &&str| std::env::split_paths(&path).any(|folder| folder.join(name).is_file());
        let program = ["chromium", "chromium-browser", "google-chrome"]
            .into_iter()
            .find(|name| there(name))?;
        let profile = TempDir::new().expect("a folder");
        let mut child = Command::new(program)
            .args([
                "--headless",
                "--no-sandbox",
                "--disable-gpu",
                "--no-first-run",
                "--disable-background-networking",
                "--disable-dev-shm-usage",
                "--remote-debugging-port=0",
            ])
            .args(more)
            .arg(format!("--user-data-dir={}", profile.path().display()))
            .arg("about:blank")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the browser starts");
        let said = BufReader::new(child.stderr.take().expect("stderr"));
        let mut lines = said.lines().map_while(Result::ok);
        let url = lines.find_map(|line| Some(line.split_once("DevTools listening on ")?.1.trim().to_owned()));
        let url = url.expect("the browser tells where its tools listen");
        // Its pipe is read on, so that it never fills.
        std::thread::spawn(move || lines.for_each(drop));
        let address = url.trim_start_matches("ws://").split('/').next();
        Some(Chromium {
            child,
            address: address.expect("an address").to_owned(),
            url,
            _profile: profile,
        })
    }
}
