//! What a run leaves: reports and transcripts.

use std::collections::BTreeSet;

use crate::bench::{BROKEN, Bench, FOREIGN, SOUND, closed_port, status};
use crate::support::run;

#[test]
fn a_report_on_stdout_is_alone_there() {
    let bench = Bench::with(&[("s/sound.yaml", SOUND), ("s/broken.yaml", BROKEN)]);
    let said = bench.run(&[
        "run",
        "s",
        "--report",
        "json=-",
        "--report",
        "junit=out/deep/junit.xml",
    ]);
    status(&said, 1);
    let report: serde_json::Value = serde_json::from_str(&said.out).expect("JSON and nothing else");
    assert_eq!(report["summary"]["failed"], 1);
    assert!(said.err.contains("FAIL  broken"), "{}", said.err);
    assert!(bench.read("out/deep/junit.xml").contains("<failure"));
    assert_eq!(report["scenarios"][0]["findings"][0]["step"], "s/broken.yaml:6");
    let said = bench.run(&["run", "s", "--report", "codequality=-"]);
    let issues: serde_json::Value = serde_json::from_str(&said.out).expect("JSON and nothing else");
    assert_eq!(
        issues[0]["location"],
        serde_json::json!({ "path": "s/broken.yaml", "lines": { "begin": 6 } })
    );
    let said = bench.run(&["run", "s", "--report", "github=-"]);
    assert!(
        said.out.starts_with("::error file=s/broken.yaml,line=6,"),
        "{}",
        said.out
    );
    let summary = bench.0.path().join("summary.md");
    std::fs::write(&summary, "before\n").expect("a file");
    let said = run(bench
        .command(&["run", "s", "--report", "github=-"])
        .env("GITHUB_STEP_SUMMARY", &summary));
    status(&said, 1);
    let text = bench.read("summary.md");
    assert!(text.starts_with("before\n## callspec: failed"), "{text}");
}

/// Where nothing could be tested the reports say so.
#[test]
fn reports_are_written_where_nothing_was_tested() {
    let bench = Bench::with(&[("sound.yaml", SOUND), ("foreign.yaml", FOREIGN)]);
    let (json, junit, tap) = ("json=r.json", "junit=r.xml", "tap=r.tap");
    let reports = ["--report", json, "--report", junit, "--report", tap];
    let files = ["run", "sound.yaml", "foreign.yaml"];
    let closed = closed_port();
    let target = [
        "--target",
        closed.as_str(),
        "--account",
        "a@localhost:secret-word",
        "--account",
        "b@localhost:x",
    ];
    let said = bench.run(&[&files[..], &reports, &target].concat());
    status(&said, 3);
    let report: serde_json::Value = serde_json::from_str(&bench.read("r.json")).expect("JSON");
    assert_eq!(
        (&report["summary"]["error"], &report["summary"]["skipped"]),
        (&2.into(), &1.into())
    );
    assert!(
        report["scenarios"][0]["reason"]
            .as_str()
            .expect("a reason")
            .contains("cannot reach")
    );
    assert_eq!(bench.read("r.xml").matches("<error ").count(), 2);
    assert!(bench.read("r.tap").contains("not ok 1 - sound"));
    for text in [
        &said.out,
        &said.err,
        &bench.read("r.json"),
        &bench.read("r.xml"),
        &bench.read("r.tap"),
    ] {
        assert!(!text.contains("secret-word"), "{text}");
    }
    let said = bench.run(&[&files[..], &reports, &["--filter", "tag:none"]].concat());
    status(&said, 3);
    assert!(
        said.err.contains("--filter takes none of the 3 cases"),
        "{}",
        said.err
    );
    let report: serde_json::Value = serde_json::from_str(&bench.read("r.json")).expect("JSON");
    assert_eq!(report["scenarios"], serde_json::json!([]));
    assert!(bench.read("r.tap").contains("1..0 # SKIP"));
}

#[test]
fn no_run_writes_over_the_transcripts_of_another() {
    let bench = Bench::with(&[("broken.yaml", BROKEN)]);
    for _ in 0..3 {
        let said = bench.run(&["run", "broken.yaml", "--transcripts", "t"]);
        status(&said, 1);
    }
    let names: Vec<String> = bench
        .transcripts()
        .iter()
        .filter_map(|path| Some(path.file_name()?.to_str()?.to_owned()))
        .collect();
    assert_eq!(names, ["broken.2.jsonl", "broken.3.jsonl", "broken.jsonl"]);
    let texts: BTreeSet<String> = bench
        .transcripts()
        .iter()
        .map(|path| std::fs::read_to_string(path).expect("a transcript"))
        .collect();
    assert_eq!(texts.len(), 1, "virtual time is the same each time");
}

/// A run may take long: where nothing can be written is told before it begins, and never as the target's fault.
#[cfg(target_os = "linux")]
#[test]
fn what_will_not_be_written_is_told_before_anything_is_played() {
    let bench = Bench::with(&[("sound.yaml", SOUND)]);
    for args in [
        ["--report", "json=/proc/r.json"],
        ["--transcripts", "/proc/self"],
        ["--transcripts", "sound.yaml"],
    ] {
        let said = bench.run(&[&["run", "sound.yaml"][..], &args].concat());
        assert_eq!(
            (said.status, said.out.as_str()),
            (2, ""),
            "{args:?}: {}",
            said.err
        );
        assert!(
            said.err
                .starts_with(&format!("error: {}: cannot write ", args[0])),
            "{}",
            said.err
        );
    }
}
