//! Reports read by parsers that are not ours, as CI systems read them.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use super::history::{HISTORY, output};
use super::tools::without;

/// Reports of a run with everything in it: written by the program from the JSON report.
fn reports() -> PathBuf {
    let folder = HISTORY.folder.path().join("reports");
    std::fs::create_dir_all(&folder).expect("a folder");
    let mut summary = HISTORY.summary();
    let first = summary.scenarios.first().expect("a scenario").clone();
    for (name, result) in [
        ("made/skipped", "skipped"),
        ("made/error", "error"),
        ("made/inconclusive", "inconclusive"),
        ("made/\"quoted\" <&> # é\u{1b}", "failed"),
    ] {
        let mut entry = first.clone();
        entry.name = name.to_owned();
        entry.result = serde_json::from_value(result.into()).expect("a result");
        entry.reason = Some("because of \"that\" & <this>\u{1b}[31m".to_owned());
        if result != "failed" {
            entry.findings.clear();
        }
        summary.scenarios.push(entry);
    }
    let json = folder.join("all.json");
    std::fs::write(&json, summary.json()).expect("a file");
    let report = |kind: &str, name: &str| format!("{kind}={}", folder.join(name).display());
    let (well, said) = output(
        Command::new(env!("CARGO_BIN_EXE_callspec"))
            .args(["report", "merge"])
            .arg(&json)
            .args([
                "--report",
                &report("junit", "junit.xml"),
                "--report",
                &report("tap", "all.tap"),
                "--report",
                &report("gitlab", "gitlab.xml"),
                "--report",
                &report("codequality", "codequality.json"),
            ]),
    );
    assert!(well, "{said}");
    folder
}

/// A Python with these packages, in the build folder; `None` where pip gets them from nowhere.
fn python() -> Option<PathBuf> {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("readers");
    let python = folder.join("bin/python");
    let has = |python: &Path| {
        output(Command::new(python).args(["-c", "import junitparser, tap, yaml, more_itertools"])).0
    };
    if !has(&python) {
        let folder = folder.to_string_lossy().into_owned();
        output(Command::new("python3").args(["-m", "venv", &folder]));
        let packages = [
            "-m",
            "pip",
            "install",
            "-q",
            "junitparser==5.0.3",
            "tap.py[yaml]==3.2.1",
        ];
        output(Command::new(&python).args(packages));
    }
    has(&python).then_some(python)
}

#[test]
fn junit_is_read_by_junitparser() {
    let Some(python) = python() else {
        return without("junitparser (from PyPI)");
    };
    let script = r#"
import json, sys
from junitparser import JUnitXml
kinds = {}
files = 0
properties = 0
xml = JUnitXml.fromfile(sys.argv[1])
suites = list(xml)
for suite in suites:
    for case in suite:
        kind = case.result[0].__class__.__name__ if case.result else "Passed"
        kinds[kind] = kinds.get(kind, 0) + 1
        files += "file" in case._elem.attrib
        properties += len(case._elem.findall("properties/property"))
totals = [sum(s.tests for s in suites), sum(s.failures for s in suites), sum(s.errors for s in suites), sum(s.skipped for s in suites)]
print(json.dumps({"kinds": kinds, "totals": totals, "files": files, "properties": properties}))
"#;
    let folder = reports();
    let all = HISTORY.judged.len() as u64 + 4;
    for (name, files) in [("junit.xml", 0), ("gitlab.xml", all)] {
        let (well, said) = output(Command::new(&python).args(["-c", script]).arg(folder.join(name)));
        assert!(well, "{said}");
        let read: Value = serde_json::from_str(&said).expect("JSON");
        assert_eq!(read["totals"], serde_json::json!([all, 2, 1, 2]), "{said}");
        let kinds = ["Failure", "Error", "Skipped"].map(|kind| read["kinds"][kind].as_u64());
        assert_eq!(kinds, [Some(2), Some(1), Some(2)], "{said}");
        assert_eq!(read["files"], files, "GitLab links each case to its file: {said}");
        assert_eq!(read["properties"].as_u64() > Some(0), files > 0, "{said}");
    }
}

#[test]
fn tap_is_read_by_tap_py() {
    let Some(python) = python() else {
        return without("tap.py (from PyPI)");
    };
    let script = r#"
import json, sys
from tap.parser import Parser
lines = list(Parser().parse_file(sys.argv[1]))
tests = [line for line in lines if line.category == "test"]
plan = [line for line in lines if line.category == "plan"]
unknown = [str(line) for line in lines if line.category == "unknown" and str(line).strip()]
print(json.dumps({"tests": len(tests), "bad": sum(not t.ok and not t.todo for t in tests), "skipped": sum(bool(t.skip) for t in tests),
    "plan": plan[0].expected_tests, "numbers": [t.number for t in tests] == list(range(1, len(tests) + 1)), "unknown": len(unknown),
    "told": [t.yaml_block for t in tests if t.yaml_block]}))
"#;
    let (well, said) = output(
        Command::new(python)
            .args(["-c", script])
            .arg(reports().join("all.tap")),
    );
    assert!(well, "{said}");
    let read: Value = serde_json::from_str(said.lines().last().unwrap_or_default()).expect("JSON");
    let all = HISTORY.judged.len() as u64 + 4;
    assert_eq!(
        (read["tests"].as_u64(), read["plan"].as_u64(), &read["numbers"]),
        (Some(all), Some(all), &true.into()),
        "{said}"
    );
    assert_eq!(
        (read["bad"].as_u64(), read["skipped"].as_u64()),
        (Some(3), Some(2)),
        "{said}"
    );
    assert_eq!(read["unknown"], 0, "{said}");
    let told = read["told"].as_array().expect("blocks").iter();
    assert!(
        told.clone().any(|block| block["findings"][0]["rule"] == "RT-03"),
        "{said}"
    );
}

/// What GitLab asks of a code quality report: each entry with a description, a check, a fingerprint, a severity of
/// five, a path that is relative, and a line.
#[test]
fn code_quality_is_as_gitlab_asks() {
    let schema = serde_json::json!({
        "type": "array",
        "minItems": 2,
        "items": {
            "type": "object",
            "required": ["description", "check_name", "fingerprint", "severity", "location"],
            "properties": {
                "description": { "type": "string", "minLength": 1 },
                "check_name": { "type": "string", "minLength": 1 },
                "fingerprint": { "type": "string", "pattern": "^[0-9a-f]{32,}$" },
                "severity": { "enum": ["info", "minor", "major", "critical", "blocker"] },
                "location": {
                    "type": "object",
                    "required": ["path", "lines"],
                    "properties": {
                        "path": { "type": "string", "pattern": "^[^./]" },
                        "lines": { "type": "object", "required": ["begin"], "properties": { "begin": { "type": "integer", "minimum": 1 } } }
                    }
                }
            }
        }
    });
    let text = std::fs::read_to_string(reports().join("codequality.json")).expect("a report");
    let report: Value = serde_json::from_str(&text).expect("JSON");
    let validator = jsonschema::validator_for(&schema).expect("a schema");
    let errors: Vec<String> = validator
        .iter_errors(&report)
        .map(|error| error.to_string())
        .collect();
    assert_eq!(errors, Vec::<String>::new());
    let mut prints: Vec<&str> = report
        .as_array()
        .expect("a list")
        .iter()
        .filter_map(|entry| entry["fingerprint"].as_str())
        .collect();
    let all = prints.len();
    prints.sort_unstable();
    prints.dedup();
    assert_eq!(prints.len(), all, "each finding has a fingerprint of its own");
}
