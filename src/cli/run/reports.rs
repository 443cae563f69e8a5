//! `--report KIND=PATH`: which reports are wanted, and writing them.

use std::io::Write;
use std::path::{Path, PathBuf};

use crate::cli::say;
use crate::report::html::Played;
use crate::report::{self, Report, Summary};
use crate::yaml::did_you_mean;

/// A kind of report. A new one has its name here and its text in [`text`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Junit,
    Json,
    Github,
    Tap,
    Html,
    Gitlab,
    Codequality,
}

const KINDS: [(&str, Kind); 7] = [
    ("junit", Kind::Junit),
    ("json", Kind::Json),
    ("github", Kind::Github),
    ("tap", Kind::Tap),
    ("html", Kind::Html),
    ("gitlab", Kind::Gitlab),
    ("codequality", Kind::Codequality),
];

/// The whole text of a report.
fn text(kind: Kind, report: &Report<'_>) -> std::io::Result<String> {
    Ok(match kind {
        Kind::Junit => report::junit(report),
        Kind::Json => report::json(report),
        Kind::Github => report::annotations(report),
        Kind::Tap => report::tap(report),
        Kind::Html => html(report)?,
        Kind::Gitlab => report::gitlab(report),
        Kind::Codequality => report::codequality(&Summary::of(report)),
    })
}

/// With what happened in each case, as its transcript tells it.
fn html(report: &Report<'_>) -> std::io::Result<String> {
    let mut out = Vec::new();
    let mut played = |at: usize| report.results.get(at).map_or(Ok(None), Played::of);
    report::html::html(&Summary::of(report), &mut played, &mut out)?;
    String::from_utf8(out).map_err(std::io::Error::other)
}

fn names() -> Vec<&'static str> {
    KINDS.iter().map(|(name, _)| *name).collect()
}

pub fn help() -> String {
    format!(
        "Write a report, of kind {}; PATH - is stdout (repeatable)",
        names().join(", ")
    )
}

/// The reports that were asked for.
#[derive(Debug, Clone, Default)]
pub struct Reports(Vec<(Kind, PathBuf)>);

impl Reports {
    /// # Errors
    /// What is wrong with the flags, for people. Nothing is written yet, but every path can be.
    pub fn parse(flags: &[String]) -> Result<Reports, String> {
        let mut reports = Vec::new();
        for flag in flags {
            let Some((name, path)) = flag.split_once('=').filter(|(_, path)| !path.is_empty()) else {
                return Err(format!(
                    "--report is KIND=PATH, such as junit=results.xml, not `{flag}`"
                ));
            };
            let Some((_, kind)) = KINDS.iter().find(|(known, _)| *known == name) else {
                let hint = did_you_mean(name, names().into_iter())
                    .unwrap_or_else(|| format!("there are {}", names().join(", ")));
                return Err(format!("--report knows no kind `{name}`: {hint}"));
            };
            reports.push((*kind, PathBuf::from(path)));
        }
        if reports.iter().filter(|(_, path)| is_stdout(path)).count() > 1 {
            return Err("--report: only one report can go to stdout".into());
        }
        let files: Vec<&PathBuf> = reports.iter().map(|(_, path)| path).collect();
        for (at, path) in files.iter().enumerate() {
            if files.iter().take(at).any(|other| other == path) {
                return Err(format!("--report: two reports go to {}", path.display()));
            }
            // A run may take long: what could not be written at its end is told before it begins.
            if !is_stdout(path) {
                writable(path)
                    .map_err(|error| format!("--report: cannot write {}: {error}", path.display()))?;
            }
        }
        Ok(Reports(reports))
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether stdout belongs to a report, and people are told on stderr.
    pub fn take_stdout(&self) -> bool {
        self.0.iter().any(|(_, path)| is_stdout(path))
    }

    /// Writes them all.
    ///
    /// # Errors
    /// The first that could not be written; the others are.
    pub fn write(&self, report: &Report<'_>) -> Result<(), String> {
        let mut first = Ok(());
        let mut keep = |path: &Path, result: std::io::Result<()>| {
            if let (Ok(()), Err(error)) = (&first, result) {
                first = Err(format!("cannot write {}: {error}", path.display()));
            }
        };
        for (kind, path) in &self.0 {
            match text(*kind, report) {
                Ok(text) if is_stdout(path) => say(text.trim_end_matches('\n')),
                Ok(text) => keep(path, whole(path, &text)),
                Err(error) => keep(path, Err(error)),
            }
            if *kind == Kind::Github
                && let Some(path) = std::env::var_os("GITHUB_STEP_SUMMARY").filter(|path| !path.is_empty())
            {
                let path = PathBuf::from(path);
                let file = std::fs::OpenOptions::new().create(true).append(true).open(&path);
                let written =
                    file.and_then(|mut file| file.write_all(report::step_summary(report).as_bytes()));
                keep(&path, written);
            }
        }
        first
    }
}

fn is_stdout(path: &Path) -> bool {
    path.as_os_str() == "-"
}

/// Whether [`whole`] will be able to write this file; its folder is made.
pub fn writable(path: &Path) -> std::io::Result<()> {
    if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        std::fs::create_dir_all(folder)?;
    }
    if path.is_dir() {
        return Err(std::io::ErrorKind::IsADirectory.into());
    }
    if path.exists() && !path.is_file() {
        return Ok(());
    }
    let part = part_of(path);
    std::fs::write(&part, "")?;
    std::fs::remove_file(part)
}

/// Where the one report goes of a command that has no other kind than json: `json=PATH`.
pub fn json(text: &str) -> Result<PathBuf, String> {
    match text.split_once('=') {
        Some(("json", path)) if !path.is_empty() => Ok(path.into()),
        _ => Err("a report is json=PATH".into()),
    }
}

/// Writes a file whole or not at all: nobody reads half a report.
pub fn whole(path: &Path, text: &str) -> std::io::Result<()> {
    // A device or a pipe is written to, not replaced.
    if path.exists() && !path.is_file() {
        return std::fs::write(path, text);
    }
    let part = part_of(path);
    std::fs::write(&part, text)?;
    std::fs::rename(&part, path).inspect_err(|_| {
        let _ = std::fs::remove_file(&part);
    })
}

/// What a file is called while it is written.
fn part_of(path: &Path) -> PathBuf {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(format!(".{}.part", std::process::id()));
    path.with_file_name(name)
}
