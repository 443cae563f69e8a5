//! JUnit XML: `failure` a rule broken, `error` could not be tested, `skipped` with its reason. No attribute and no
//! element beyond those that Jenkins' schema (junit-10.xsd of its xUnit plugin) knows; GitLab gets what it makes links
//! of beside them.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use super::details::whole;
use super::tally::{Report, bearing, plain, title};
use super::terminal::waiver_words;
use crate::rules::Outcome;
use crate::run::Finished;

/// One test case as it is written.
struct Test {
    name: String,
    class: String,
    seconds: f64,
    /// Its element, if it has one, with `message` and text.
    status: Option<(&'static str, String, String)>,
    /// What a person should see although nothing failed.
    out: Option<String>,
    /// Where it stands in the repository.
    file: Option<String>,
    properties: Vec<(&'static str, String)>,
}

/// For Jenkins, and for whatever else reads JUnit XML.
pub fn junit(report: &Report<'_>) -> String {
    written(report, false)
}

/// The same as GitLab reads it: each case with its `file` and what else is known of it.
pub fn gitlab(report: &Report<'_>) -> String {
    written(report, true)
}

fn written(report: &Report<'_>, more: bool) -> String {
    let mut suites: BTreeMap<String, Vec<Test>> = BTreeMap::new();
    for finished in report.results {
        let (theme, _) = finished.case.name.split_once('/').unwrap_or(("", ""));
        let suite = if theme.is_empty() { "scenarios" } else { theme };
        suites
            .entry(format!("callspec.{suite}"))
            .or_default()
            .push(test(report, finished));
    }
    // A waiver that has outlived its breach is red in every report.
    for reviewed in &report.waivers {
        let words = waiver_words(reviewed);
        suites.entry("callspec.waivers".into()).or_default().push(Test {
            name: format!("{}: {}", plain(&reviewed.waiver.place), reviewed.waiver.rule),
            class: "callspec.waivers".into(),
            seconds: 0.0,
            status: reviewed
                .used
                .is_red()
                .then(|| ("failure", words.clone(), String::new())),
            out: (!reviewed.used.is_red()).then_some(words),
            file: reviewed
                .waiver
                .place
                .rsplit_once(':')
                .map(|(file, _)| file.to_owned()),
            properties: Vec::new(),
        });
    }
    let all = suites.values().flatten();
    let (tests, [failures, errors, _]) = (all.clone().count(), count(all));
    let mut out = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
    let _ = writeln!(
        out,
        "<testsuites name=\"callspec\" tests=\"{tests}\" failures=\"{failures}\" errors=\"{errors}\" time=\"{:.3}\">",
        report.seconds
    );
    for (name, tests) in &suites {
        suite(&mut out, name, tests, &report.facts.started, more);
    }
    out.push_str("</testsuites>\n");
    out
}

/// How many have failed, could not be tested, and were skipped.
fn count<'t>(tests: impl Iterator<Item = &'t Test>) -> [usize; 3] {
    let mut counts = [0; 3];
    for test in tests {
        let at = test.status.as_ref().map(|(element, ..)| *element);
        match at {
            Some("failure") => counts[0] += 1,
            Some("error") => counts[1] += 1,
            Some("skipped") => counts[2] += 1,
            _ => {}
        }
    }
    counts
}

fn suite(out: &mut String, name: &str, tests: &[Test], started: &str, more: bool) {
    let [failures, errors, skipped] = count(tests.iter());
    let seconds: f64 = tests.iter().map(|test| test.seconds).sum();
    let _ = writeln!(
        out,
        "  <testsuite name=\"{}\" tests=\"{}\" failures=\"{failures}\" errors=\"{errors}\" skipped=\"{skipped}\" time=\"{seconds:.3}\" timestamp=\"{}\">",
        escape(name),
        tests.len(),
        escape(started)
    );
    for test in tests {
        let _ = write!(
            out,
            "    <testcase name=\"{}\" classname=\"{}\" time=\"{:.3}\"",
            escape(&test.name),
            escape(&test.class),
            test.seconds
        );
        if let Some(file) = test.file.as_ref().filter(|_| more) {
            let _ = write!(out, " file=\"{}\"", escape(file));
        }
        let properties: &[_] = if more { &test.properties } else { &[] };
        if test.status.is_none() && test.out.is_none() && properties.is_empty() {
            out.push_str("/>\n");
            continue;
        }
        out.push_str(">\n");
        if !properties.is_empty() {
            out.push_str("      <properties>\n");
            for (name, value) in properties {
                let _ = writeln!(
                    out,
                    "        <property name=\"{name}\" value=\"{}\"/>",
                    escape(value)
                );
            }
            out.push_str("      </properties>\n");
        }
        if let Some((element, message, text)) = &test.status {
            let (message, text) = (escape(message), escape(text));
            let _ = match *element {
                // A pass on a retry: what was seen at first.
                "flakyFailure" => writeln!(
                    out,
                    "      <flakyFailure message=\"{message}\" type=\"flaky\">{text}</flakyFailure>"
                ),
                element => writeln!(out, "      <{element} message=\"{message}\">{text}</{element}>"),
            };
        }
        if let Some(text) = &test.out {
            let _ = writeln!(out, "      <system-out>{}</system-out>", escape(text));
        }
        out.push_str("    </testcase>\n");
    }
    out.push_str("  </testsuite>\n");
}

fn test(report: &Report<'_>, finished: &Finished) -> Test {
    let text = || whole(report, finished);
    let message = message(finished);
    let (mut status, mut out) = (None, None);
    match finished.outcome {
        outcome if report.fails(outcome) => status = Some(("failure", message, text())),
        Outcome::Error => status = Some(("error", message, text())),
        Outcome::Skipped => status = Some(("skipped", message, String::new())),
        // Neither passed nor failed: a pass would be silent.
        Outcome::Known | Outcome::Inconclusive => status = Some(("skipped", message, text())),
        Outcome::Flaky => status = Some(("flakyFailure", message, text())),
        Outcome::Warned => out = Some(text()),
        Outcome::Passed | Outcome::Failed => {}
    }
    let (theme, _) = finished.case.name.rsplit_once('/').unwrap_or(("scenarios", ""));
    Test {
        name: title(finished),
        class: format!("callspec.{}", theme.replace('/', ".")),
        seconds: finished.seconds,
        status,
        out,
        // The built-in suite's files are in nobody's repository.
        file: Some(finished.case.place.file.clone())
            .filter(|file| !report.facts.again.builtin && !file.is_empty()),
        properties: properties(report, finished),
    }
}

fn properties(report: &Report<'_>, finished: &Finished) -> Vec<(&'static str, String)> {
    let case = &finished.case;
    let found = finished.verdict.iter().flat_map(bearing);
    let broken: BTreeSet<&str> = found.map(|(_, finding)| finding.rule.id).collect();
    let broken: Vec<&str> = broken.into_iter().collect();
    let transcript = finished
        .transcript
        .as_ref()
        .map(|path| path.display().to_string());
    let all = [
        ("rules", case.rules.join(" ")),
        ("broken", broken.join(" ")),
        ("tags", case.tags.join(" ")),
        ("transcript", transcript.unwrap_or_default()),
        ("again", report.facts.again.command(case)),
    ];
    all.into_iter().filter(|(_, value)| !value.is_empty()).collect()
}

/// One sentence on why a case is not simply passed.
pub(super) fn message(finished: &Finished) -> String {
    // What was found says more than what came of it.
    if let Some(reason) = &finished.reason
        && finished.outcome != Outcome::Failed
    {
        return plain(reason);
    }
    let Some(verdict) = &finished.verdict else {
        return String::new();
    };
    let lead = match finished.outcome {
        Outcome::Known => "known: ",
        Outcome::Inconclusive => "inconclusive: ",
        _ => "",
    };
    // What decided it before what is excused.
    let mut bearing: Vec<_> = bearing(verdict).collect();
    bearing.sort_by_key(|(index, finding)| (verdict.known.contains_key(index), finding.level));
    let mut text = String::new();
    if let Some((index, finding)) = bearing.first() {
        text = format!("{lead}{}: {}", finding.rule.id, finding.message);
        match (verdict.known.get(index), &finding.excuse) {
            (Some(known), _) => text.push_str(&format!(" ({}, {})", known.reason, known.place)),
            (None, Some(excuse)) => text.push_str(&format!(" (excused if {excuse})")),
            (None, None) => {}
        }
    }
    if bearing.len() > 1 {
        text.push_str(&format!(" (and {} more)", bearing.len() - 1));
    }
    plain(&text)
}

/// As text or attribute value; what XML 1.0 §2.2 has no place for becomes U+FFFD.
fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '&' => out.push_str("&amp;"),
            '"' => out.push_str("&quot;"),
            // A bare CR would be read back as LF.
            '\r' => out.push_str("&#13;"),
            '\n' | '\t' => out.push(c),
            '\u{0}'..='\u{1f}' | '\u{fffe}' | '\u{ffff}' => out.push('\u{fffd}'),
            c => out.push(c),
        }
    }
    out
}
