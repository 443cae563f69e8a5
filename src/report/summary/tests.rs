//! Counting once, reading back, joining and comparing.

use serde_json::{Value, json};

use super::*;

fn report(scenarios: &[(&str, &str, &[&str])]) -> Value {
    let scenarios: Vec<Value> = scenarios
        .iter()
        .map(|(name, result, rules)| {
            let findings = rules.iter().map(|rule| json!({ "rule": rule, "level": "must", "message": "It broke." }));
            json!({ "name": name, "result": result, "findings": findings.collect::<Vec<_>>(), "from-the-future": 1 })
        })
        .collect();
    json!({
        "callspec": "0.1.0", "target": { "url": "embedded" }, "seconds": 1.5,
        "rules": { "RT-03": { "held": 2, "broken": 1 } }, "scenarios": scenarios, "summary": { "passed": 99 },
    })
}

fn summary(scenarios: &[(&str, &str, &[&str])]) -> Summary {
    read(report(scenarios).to_string().as_bytes()).expect("a report")
}

#[test]
fn what_is_written_is_read_back_and_counted_anew() {
    let read_once = summary(&[
        ("a", "passed", &[]),
        ("b", "failed", &["RT-03"]),
        ("c", "skipped", &[]),
    ]);
    assert_eq!(
        (
            read_once.counts.passed,
            read_once.counts.failed,
            read_once.counts.skipped
        ),
        (1, 1, 1)
    );
    assert_eq!(read_once.counts.all(), 3);
    let again = read(read_once.json().as_bytes()).expect("a report");
    assert_eq!(again, read_once);
}

#[test]
fn entries_of_the_same_name_are_told_apart() {
    let one: (&str, &str, &[&str]) = ("a", "passed", &[]);
    let mut calls = summary(&[one; 5]);
    for (entry, file) in calls.scenarios.iter_mut().zip(["x", "y", "y", "z"]) {
        entry.file = file.to_owned();
    }
    calls.scenarios[4].name = "b".into();
    calls.scenarios[3].matrix = vec!["gap=1s".into()];
    calls.seal();
    let names: Vec<&str> = calls.scenarios.iter().map(|entry| entry.name.as_str()).collect();
    assert_eq!(names, ["a in x", "a in y (1)", "a in y (2)", "a", "b"]);
    assert_eq!(calls.counts.passed, 5);
}

#[test]
fn what_is_no_report_says_where() {
    let error = read(&b"{\n  \"callspec\": 1 }"[..]).expect_err("no report");
    assert_eq!(
        (
            error.line,
            error.message.starts_with("this is not a callspec JSON report")
        ),
        (2, true)
    );
    assert!(read(&b""[..]).is_err());
    assert!(read(&b"[1, 2]"[..]).is_err());
    assert!(read("[".repeat(1_000_000).as_bytes()).is_err());
}

#[test]
fn shards_become_one() {
    let one = summary(&[("c", "failed", &["RT-03"]), ("a", "passed", &[])]);
    let two = summary(&[("b", "error", &[])]);
    let sum = merge(vec![("1.json".into(), one.clone()), ("2.json".into(), two)]).expect("one report");
    let names: Vec<&str> = sum.scenarios.iter().map(|entry| entry.name.as_str()).collect();
    assert_eq!(names, ["a", "b", "c"]);
    assert_eq!(
        (sum.counts.passed, sum.counts.failed, sum.counts.error),
        (1, 1, 1)
    );
    assert_eq!(
        sum.rules.get("RT-03").map(|tally| (tally.held, tally.broken)),
        Some((4, 2))
    );
    let twice = merge(vec![("1.json".into(), one.clone()), ("2.json".into(), one)]);
    assert_eq!(twice.expect_err("twice"), "c stands both in 1.json and in 2.json");
    assert!(merge(Vec::new()).is_err());
}

#[test]
fn what_changed_is_told_rule_by_rule() {
    let old = summary(&[
        ("breaks", "passed", &[]),
        ("breaks-more", "failed", &["RT-03"]),
        ("gone", "failed", &["RT-01"]),
        ("lost", "passed", &[]),
        ("mended", "failed", &["RT-03", "RT-05"]),
        ("sound", "passed", &[]),
        ("still", "failed", &["RT-04"]),
        ("was-flaky", "failed", &["RT-03"]),
    ]);
    let new = summary(&[
        ("breaks", "failed", &["RT-03"]),
        ("breaks-more", "failed", &["RT-03", "RT-04"]),
        ("lost", "error", &[]),
        ("mended", "failed", &["RT-05"]),
        ("new", "passed", &[]),
        ("new-and-broken", "failed", &["RT-09"]),
        ("sound", "passed", &[]),
        ("still", "failed", &["RT-04"]),
        ("was-flaky", "flaky", &["RT-03"]),
    ]);
    let comparison = compare(&old, &new, false);
    let told: Vec<String> = comparison
        .changes
        .iter()
        .map(|(change, name, rules)| {
            format!("{change:?} {name} {}", rules.join(" "))
                .trim_end()
                .to_owned()
        })
        .collect();
    assert_eq!(
        told,
        [
            "NewlyBroken breaks RT-03",
            "NewlyBroken breaks-more RT-04",
            "NewlyBroken new-and-broken RT-09",
            "Untested lost",
            "StillBroken breaks-more RT-03",
            "StillBroken mended RT-05",
            "StillBroken still RT-04",
            "Mended mended RT-03",
            "Mended was-flaky RT-03",
            "Gone gone RT-01",
            "New new",
        ]
    );
    assert_eq!(comparison.sound, 1);
}

#[test]
fn remarks_excused_and_known_breaches_break_nothing() {
    let old = summary(&[("a", "passed", &[])]);
    for change in [
        json!({ "level": "info" }),
        json!({ "level": "should" }),
        json!({ "excuse": "it crossed" }),
        json!({ "known": { "reason": "ticket 7" } }),
        json!({ "blame": "announced" }),
    ] {
        let mut new = report(&[("a", "passed", &["RT-03"])]);
        for (name, value) in change.as_object().expect("members") {
            new["scenarios"][0]["findings"][0][name] = value.clone();
        }
        let new = read(new.to_string().as_bytes()).expect("a report");
        assert_eq!(compare(&old, &new, false).changes, [], "{change}");
        let strict = compare(&old, &new, true).changes.len();
        assert_eq!(
            strict,
            usize::from(change.get("level") == Some(&json!("should"))),
            "{change}"
        );
    }
}
