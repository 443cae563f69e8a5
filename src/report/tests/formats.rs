//! The formats that machines read, each read back by a reader that is not the project's own.

use std::collections::BTreeMap;

use insta::assert_snapshot;
use minidom::Element;
use quick_junit::{NonSuccessKind, TestCaseStatus};
use serde::Deserialize;

use super::super::{annotations, json, junit, step_summary, tap};
use super::*;

/// The JSON report as users know it, and not one member more.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct JsonReport {
    callspec: String,
    target: JsonTarget,
    profile: BTreeMap<String, serde_json::Value>,
    suite: String,
    seed: u64,
    strict: bool,
    started: String,
    seconds: f64,
    interrupted: bool,
    summary: JsonSummary,
    rules: BTreeMap<String, JsonTally>,
    waivers: Vec<JsonWaiver>,
    scenarios: Vec<JsonScenario>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct JsonTarget {
    url: String,
    mechanism: Option<String>,
}

#[derive(Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
struct JsonSummary {
    passed: u64,
    failed: u64,
    warned: u64,
    known: u64,
    flaky: u64,
    inconclusive: u64,
    skipped: u64,
    error: u64,
}

#[derive(Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
struct JsonTally {
    held: u64,
    broken: u64,
    known: u64,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct JsonWaiver {
    rule: String,
    scenario: String,
    reason: String,
    place: String,
    expires: Option<String>,
    state: String,
    findings: Option<u64>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct JsonScenario {
    name: String,
    matrix: Vec<String>,
    about: String,
    file: String,
    line: u64,
    tags: Vec<String>,
    rules: Vec<String>,
    result: String,
    reason: Option<String>,
    seconds: f64,
    transcript: Option<String>,
    again: String,
    findings: Vec<JsonFinding>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct JsonFinding {
    rule: String,
    level: String,
    subject: String,
    blame: String,
    party: String,
    message: String,
    wanted: String,
    seen: String,
    events: Vec<u64>,
    source: String,
    text: String,
    excuse: Option<String>,
    #[serde(default)]
    known: Option<BTreeMap<String, String>>,
}

#[test]
fn json_is_what_it_says() {
    let results = results();
    let read: JsonReport = serde_json::from_str(&json(&report(&results))).expect("the members and no others");
    assert_eq!(read.callspec, env!("CARGO_PKG_VERSION"));
    assert_eq!(read.target.url, "wss://chat.example.com/xmpp-websocket");
    assert_eq!(read.target.mechanism.as_deref(), Some("SCRAM-SHA-256"));
    assert_eq!(read.profile["class"], "relay");
    assert_eq!((read.seed, read.strict, read.interrupted), (0, false, false));
    assert_eq!((read.suite.is_empty(), read.started.len()), (false, 20));
    assert!((read.seconds - 31.92).abs() < 1e-9);
    let summary = JsonSummary {
        passed: 1,
        failed: 2,
        warned: 1,
        known: 1,
        flaky: 1,
        inconclusive: 1,
        skipped: 1,
        error: 3,
    };
    assert_eq!(read.summary, summary);
    let again = |scenario: &JsonScenario| scenario.again.starts_with("callspec run ");
    assert!(read.scenarios.iter().all(again));
    let tally = |id: &str| &read.rules[id];
    let expected = |held, broken, known| JsonTally { held, broken, known };
    assert_eq!(*tally("RT-03"), expected(0, 6, 0));
    assert_eq!(*tally("RT-04"), expected(24, 0, 0));
    assert_eq!(*tally("RT-07"), expected(0, 2, 1));
    // Announced, ambiguous, uncertain, a remark, or our own bot's: nobody has broken that rule.
    for id in ["ST-04", "ST-03", "SG-09", "ST-05"] {
        assert!(!read.rules.contains_key(id), "{id}");
    }
    let states: Vec<(&str, Option<u64>)> = read
        .waivers
        .iter()
        .map(|waiver| (waiver.state.as_str(), waiver.findings))
        .collect();
    let unknown = [("stale", None), ("expired", None), ("unknown", None)];
    assert_eq!(states, [&[("excused", Some(1))][..], &unknown].concat());
    let first = &read.waivers[0];
    assert_eq!(
        (first.rule.as_str(), first.scenario.as_str()),
        ("RT-07", "routing/*")
    );
    assert_eq!(
        (first.place.as_str(), first.expires.as_deref()),
        ("waivers.yaml:3", Some("2026-06-30"))
    );
    assert!(first.reason.starts_with("CALL-17"));
    assert_eq!(read.scenarios.len(), 11);
    for (scenario, finished) in read.scenarios.iter().zip(&results) {
        assert_eq!(scenario.name, finished.case.name);
        assert_eq!(scenario.matrix, finished.case.matrix);
        assert!(scenario.file.ends_with(".yaml") && scenario.line == 1 && scenario.seconds >= 0.0);
        assert_eq!(
            (scenario.tags[0].as_str(), scenario.rules[0].as_str()),
            ("race", "RT-03")
        );
        assert!(!scenario.about.is_empty());
        let untold =
            ["passed", "failed", "warned", "known", "inconclusive"].contains(&scenario.result.as_str());
        assert!(untold || scenario.reason.is_some() || !scenario.findings.is_empty());
        assert_eq!(scenario.transcript.is_some(), finished.verdict.is_some());
        for found in &scenario.findings {
            assert!(["must", "should", "info"].contains(&found.level.as_str()));
            assert!(["server", "client"].contains(&found.subject.as_str()));
            assert!(["server", "client", "ourselves", "announced", "nobody"].contains(&found.blame.as_str()));
            let texts = [
                &found.rule,
                &found.message,
                &found.wanted,
                &found.seen,
                &found.source,
                &found.text,
            ];
            assert!(texts.iter().all(|text| !text.is_empty()));
            assert!(!found.events.is_empty() && found.party == "callee");
            assert_eq!(found.excuse.is_some(), scenario.result == "inconclusive");
            assert_eq!(found.known.is_some(), scenario.result == "known");
        }
    }
    assert_eq!(read.scenarios[10].findings[0].message, NASTY);
}

#[test]
fn junit_is_read_back_by_a_reader_of_its_own() {
    let results = results();
    let text = junit(&report(&results));
    let read = quick_junit::Report::deserialize_from_str(&text).expect("JUnit");
    let cases: Vec<&quick_junit::TestCase> = read
        .test_suites
        .iter()
        .flat_map(|suite| &suite.test_cases)
        .collect();
    // The eleven, and a case for each waiver.
    assert_eq!(cases.len(), 11 + 4);
    let status = |name: &str| {
        let case = cases.iter().find(|case| case.name.as_str() == name).expect(name);
        match &case.status {
            TestCaseStatus::Success { flaky_runs, .. } if flaky_runs.is_empty() => "success",
            TestCaseStatus::Success { .. } => "flaky",
            TestCaseStatus::NonSuccess {
                kind: NonSuccessKind::Failure,
                ..
            } => "failure",
            TestCaseStatus::NonSuccess { .. } => "error",
            TestCaseStatus::Skipped { .. } => "skipped",
        }
    };
    for (name, wanted) in [
        ("call/full  gap=0ms", "success"),
        ("cancel/crosses-accept  gap=5ms", "failure"),
        ("chat/during-a-call  gap=0ms", "success"),
        ("routing/offline  gap=0ms", "skipped"),
        ("mute/both  gap=0ms", "flaky"),
        ("glare/both-call  gap=0ms", "skipped"),
        ("ring/all-devices  gap=0ms", "skipped"),
        ("load/one  gap=0ms", "error"),
        ("answers/twice  gap=0ms", "error"),
        ("waivers.yaml:3: RT-07", "success"),
        ("waivers.yaml:7: RT-09", "failure"),
        ("waivers.yaml:11: RT-10", "failure"),
        ("waivers.yaml:15: RT-11", "success"),
    ] {
        assert_eq!(status(name), wanted, "{name}");
    }
    let mut strict = report(&results);
    strict.facts.strict = true;
    strict.facts.flaky_fails = true;
    strict.facts.skip_fails = true;
    let text = junit(&strict);
    let root = xml(&text);
    assert_eq!(root.attr("failures"), Some("7"), "{text}");
}

/// The tree of a document that has no namespace.
fn xml(text: &str) -> Element {
    let at = text.find("<testsuites ").expect("the root");
    text[at..]
        .replacen("<testsuites ", "<testsuites xmlns='none' ", 1)
        .parse()
        .expect("well-formed XML")
}

type Names = &'static [&'static str];

/// What junit-10.xsd of Jenkins' xUnit plugin lets stand there: the attributes that each element has to have, those that it
/// may have, and its children.
const SCHEMA: &[(&str, Names, Names, Names)] = &[
    (
        "testsuites",
        &[],
        &["name", "time", "tests", "failures", "errors"],
        &["testsuite"],
    ),
    (
        "testsuite",
        &["name", "tests", "failures", "errors"],
        &[
            "time",
            "skipped",
            "timestamp",
            "hostname",
            "id",
            "package",
            "file",
            "log",
            "url",
            "group",
        ],
        &["testsuite", "properties", "testcase", "system-out", "system-err"],
    ),
    // The schema asks for the name only; the other two are this project's promise.
    (
        "testcase",
        &["name", "classname", "time"],
        &["group"],
        &[
            "skipped",
            "error",
            "failure",
            "flakyFailure",
            "system-out",
            "system-err",
        ],
    ),
    ("failure", &[], &["type", "message"], &[]),
    ("error", &[], &["type", "message"], &[]),
    ("skipped", &[], &["type", "message"], &[]),
    (
        "flakyFailure",
        &["type"],
        &["message"],
        &["stackTrace", "system-out", "system-err"],
    ),
    ("system-out", &[], &[], &[]),
];

fn fits(element: &Element) {
    let name = element.name();
    let (_, required, optional, children) = SCHEMA
        .iter()
        .find(|(known, ..)| *known == name)
        .unwrap_or_else(|| panic!("<{name}> has no place in JUnit"));
    for attribute in *required {
        assert!(element.attr(*attribute).is_some(), "<{name}> lacks {attribute}");
    }
    for ((_, attribute), value) in element.attrs() {
        let attribute = attribute.as_str();
        assert!(
            required.contains(&attribute) || optional.contains(&attribute),
            "<{name} {attribute}>"
        );
        if attribute == "time" {
            let (whole, part) = value.split_once('.').expect("a decimal");
            let digits = |text: &str| text.chars().all(|c| c.is_ascii_digit());
            assert!(digits(whole) && digits(part) && whole.len() <= 9, "{value}");
        }
    }
    for child in element.children() {
        assert!(children.contains(&child.name()), "<{}> in <{name}>", child.name());
        fits(child);
    }
}

#[test]
fn junit_fits_the_schema_that_jenkins_asks_for() {
    let results = results();
    let text = junit(&report(&results));
    let root = xml(&text);
    fits(&root);
    let count = |suite: &Element, name: &str| {
        suite
            .children()
            .filter(|case| case.children().any(|c| c.name() == name))
            .count()
    };
    let number = |element: &Element, name: &str| {
        element
            .attr(name)
            .expect("a number")
            .parse::<usize>()
            .expect("a number")
    };
    let mut sums = [0; 3];
    for suite in root.children() {
        assert_eq!(number(suite, "tests"), suite.children().count());
        assert_eq!(number(suite, "failures"), count(suite, "failure"));
        assert_eq!(number(suite, "errors"), count(suite, "error"));
        assert_eq!(number(suite, "skipped"), count(suite, "skipped"));
        sums[0] += number(suite, "tests");
        sums[1] += number(suite, "failures");
        sums[2] += number(suite, "errors");
        for case in suite.children() {
            for status in case.children().filter(|child| child.name() != "system-out") {
                assert!(
                    !status.attr("message").unwrap_or_default().is_empty(),
                    "{status:?}"
                );
            }
        }
    }
    assert_eq!(
        sums,
        ["tests", "failures", "errors"].map(|name| number(&root, name))
    );
    // XML 1.0 has no place for these, escaped or not.
    assert!(
        !text
            .chars()
            .any(|c| matches!(c, '\0'..='\u{8}' | '\u{b}'..='\u{1f}' | '\u{ffff}'))
    );
    for code in ["&#27;", "&#7;", "&#x1b;"] {
        assert!(!text.contains(code));
    }
}

#[test]
fn junit_of_nothing_is_junit_too() {
    fits(&xml(&junit(&Report::new(facts(), &[], Vec::new()))));
}

/// A test point as a TAP harness reads it.
#[derive(Debug, PartialEq)]
struct Point {
    ok: bool,
    number: usize,
    words: String,
    directive: Option<(String, String)>,
}

/// Reads TAP 14: version, plan, points with directives, YAML blocks.
fn read_tap(text: &str) -> (usize, Vec<Point>, bool) {
    let mut lines = text.lines().peekable();
    assert_eq!(lines.next(), Some("TAP version 14"));
    let plan = lines.next().expect("a plan");
    let plan = plan.strip_prefix("1..").expect("a plan");
    let plan = plan
        .split(' ')
        .next()
        .expect("a number")
        .parse()
        .expect("a number");
    let (mut points, mut bail) = (Vec::new(), false);
    while let Some(line) = lines.next() {
        if line.starts_with("Bail out!") {
            bail = true;
            continue;
        }
        let (ok, rest) = match line.strip_prefix("not ok ") {
            Some(rest) => (false, rest),
            None => (
                true,
                line.strip_prefix("ok ")
                    .unwrap_or_else(|| panic!("what is {line:?}?")),
            ),
        };
        let (number, rest) = rest.split_once(" - ").expect("a description");
        // A # that is not escaped and stands after a space begins a directive.
        let mut words = String::new();
        let mut directive = None;
        let mut rest_chars = rest.chars();
        while let Some(c) = rest_chars.next() {
            match c {
                '\\' => words.extend(rest_chars.next()),
                '#' => {
                    let text = rest_chars.as_str().trim_start();
                    let (word, reason) = text.split_once(' ').unwrap_or((text, ""));
                    directive = Some((word.to_owned(), reason.to_owned()));
                    break;
                }
                c => words.push(c),
            }
        }
        points.push(Point {
            ok,
            number: number.parse().expect("a number"),
            words: words.trim_end().to_owned(),
            directive,
        });
        if lines.peek() == Some(&"  ---") {
            let mut block = String::new();
            lines.next();
            for line in lines.by_ref().take_while(|line| *line != "  ...") {
                block.push_str(line.strip_prefix("  ").expect("indented"));
                block.push('\n');
            }
            let read: serde_json::Value = serde_saphyr::from_str(&block).expect("YAML");
            assert!(read["result"].is_string() && read["again"].is_string(), "{block}");
        }
    }
    (plan, points, bail)
}

#[test]
fn tap_is_read_back() {
    let results = results();
    let mut report = report(&results);
    let (plan, points, bail) = read_tap(&tap(&report));
    assert_eq!((plan, points.len(), bail), (15, 15, false));
    for (at, point) in points.iter().enumerate() {
        assert_eq!(point.number, at + 1);
        let directive = point.directive.as_ref().map(|(word, _)| word.as_str());
        let (ok, wanted) = match at {
            0 | 2 | 4 | 11 | 14 => (true, None),
            1 | 7..=10 | 12 | 13 => (false, None),
            3 => (false, Some("TODO")),
            _ => (true, Some("SKIP")),
        };
        assert_eq!((point.ok, directive), (ok, wanted), "{point:?}");
    }
    assert_eq!(points[10].words, "payload/nasty  gap=1: # | ]]> <x>");
    let reason = points[3].directive.as_ref().map(|(_, reason)| reason.as_str());
    assert!(reason.expect("a reason").contains("CALL-17"));
    report.interrupted = true;
    assert!(read_tap(&tap(&report)).2);
    assert_eq!(
        read_tap(&tap(&Report::new(facts(), &[], Vec::new()))),
        (0, Vec::new(), false)
    );
    assert_snapshot!("tap", tap(&report));
}

/// A workflow command as a runner reads it.
fn read_command(line: &str) -> (String, BTreeMap<String, String>, String) {
    let unescape = |text: &str| {
        let text = text.replace("%0D", "\r").replace("%0A", "\n");
        text.replace("%3A", ":").replace("%2C", ",").replace("%25", "%")
    };
    let (head, data) = line
        .strip_prefix("::")
        .expect("a command")
        .split_once("::")
        .expect("two colons");
    let (name, properties) = head.split_once(' ').expect("properties");
    let properties = properties.split(',').map(|property| {
        let (name, value) = property.split_once('=').expect("a property");
        (name.to_owned(), unescape(value))
    });
    (name.to_owned(), properties.collect(), unescape(data))
}

#[test]
fn annotations_are_read_back() {
    let results = results();
    let mut report = report(&results);
    let text = annotations(&report);
    let commands: Vec<_> = text.lines().map(read_command).collect();
    let names: Vec<&str> = commands.iter().map(|(name, ..)| name.as_str()).collect();
    let wanted = [
        "error", "warning", "notice", "warning", "warning", "error", "error", "error", "error", "error",
        "error",
    ];
    assert_eq!(names, wanted, "{text}");
    let (_, properties, data) = &commands[0];
    assert_eq!(properties["file"], "scenarios/cancel/crosses-accept.yaml");
    assert_eq!(properties["line"], "1");
    assert_eq!(properties["title"], "FAIL cancel/crosses-accept  gap=5ms");
    assert!(data.starts_with("RT-03: callee received"), "{data}");
    let (_, properties, data) = &commands[8];
    assert_eq!(properties["title"], "FAIL payload/nasty  gap=1: # | ]]> <x>");
    assert!(data.contains("100% | # TODO a:b,c"), "{data}");
    let (_, properties, data) = &commands[9];
    assert_eq!(
        (properties["file"].as_str(), properties["line"].as_str()),
        ("waivers.yaml", "7")
    );
    assert!(data.contains("excuses nothing any more"), "{data}");
    // The files of the built-in suite are in nobody's repository.
    report.facts.again.builtin = true;
    assert!(!annotations(&report).contains("file=scenarios"));
}

#[test]
fn the_step_summary_is_a_table_that_nothing_breaks() {
    let results = results();
    let text = step_summary(&report(&results));
    for row in text.lines().filter(|line| line.starts_with('|')) {
        let bars = row.replace("\\|", "").matches('|').count();
        assert!(bars == 3 || bars == 4, "{row}");
    }
    assert!(!text.chars().any(|c| c.is_control() && c != '\n'));
    assert_snapshot!("step-summary", text);
}
