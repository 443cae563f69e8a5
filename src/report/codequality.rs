//! GitLab's code quality report: each finding on the line of its step, beside the change that brought it.
//! Its form is the part of Code Climate's that GitLab reads.

use std::collections::BTreeMap;

use serde::Serialize;
use uuid::Uuid;

use super::Summary;
use super::ladder::plain;
use super::summary::{Entry, Found};
use crate::rules::Level;

#[derive(Serialize)]
struct Issue<'a> {
    description: String,
    check_name: &'a str,
    fingerprint: String,
    severity: &'static str,
    location: Location<'a>,
}

#[derive(Serialize)]
struct Location<'a> {
    path: &'a str,
    lines: Lines,
}

#[derive(Serialize)]
struct Lines {
    begin: u64,
}

pub fn codequality(summary: &Summary) -> String {
    let mut issues = Vec::new();
    for entry in &summary.scenarios {
        let mut seen: BTreeMap<&str, usize> = BTreeMap::new();
        for found in entry.findings.iter().filter(|found| shown(found)) {
            let count = seen.entry(&found.rule).or_default();
            *count += 1;
            issues.push(issue(entry, found, *count));
        }
    }
    // Strings and numbers only: nothing here can fail to be written.
    serde_json::to_string_pretty(&issues).unwrap_or_default()
}

/// Neither what a scenario announces nor a remark.
fn shown(found: &Found) -> bool {
    let theirs = found.blame == "server" || found.blame == "client";
    theirs && found.level != Level::Info
}

/// GitLab wants a path from the root of the repository, and one that is not empty.
fn path(entry: &Entry) -> &str {
    let path = entry.file.trim_start_matches("./").trim_start_matches('/');
    if path.is_empty() { &entry.name } else { path }
}

/// The step's; where none is known, the one on which the scenario begins.
fn line(entry: &Entry, found: &Found) -> u64 {
    let step = found.step.as_deref().and_then(|step| step.rsplit_once(':'));
    let line = step.and_then(|(_, line)| line.parse().ok());
    line.unwrap_or(entry.line).max(1)
}

fn issue<'a>(entry: &'a Entry, found: &'a Found, nth: usize) -> Issue<'a> {
    // The same breach in the same place is the same issue in the next run, though its ids and times are others.
    let digest = |space: Uuid| {
        let name = format!("{}\n{}\n{nth}", entry.title(), found.rule);
        Uuid::new_v5(&space, name.as_bytes()).simple().to_string()
    };
    let certain = found.is_breach(true);
    Issue {
        description: plain(
            &format!("{}: {} ({})", found.rule, found.message, entry.title()),
            500,
        ),
        check_name: &found.rule,
        fingerprint: digest(Uuid::NAMESPACE_OID),
        severity: match found.level {
            Level::Must if certain => "critical",
            Level::Should if certain => "minor",
            _ => "info",
        },
        location: Location {
            path: path(entry),
            lines: Lines {
                begin: line(entry, found),
            },
        },
    }
}
