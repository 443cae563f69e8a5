//! `show`, `diff` and `report merge` as they are typed.

use std::path::Path;
use std::process::Command;

use super::history::HISTORY;

/// Exit status, stdout and stderr.
fn callspec(args: &[&str]) -> (i32, String, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_callspec"))
        .args(args)
        .current_dir(HISTORY.folder.path())
        .output()
        .expect("the program runs");
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("UTF-8");
    (
        output.status.code().expect("a status"),
        text(output.stdout),
        text(output.stderr),
    )
}

fn write(name: &str, text: &str) -> String {
    std::fs::write(HISTORY.folder.path().join(name), text).expect("a file");
    name.to_owned()
}

#[test]
fn show_draws_a_recording() {
    let (status, out, _) = callspec(&["show", "delivered-twice.jsonl"]);
    assert_eq!(status, 0);
    insta::with_settings!({filters => vec![(r"[0-9a-f]{8}-[0-9a-f-]{27}", "[uuid]")]}, {
        insta::assert_snapshot!(out);
    });
}

#[test]
fn show_writes_a_drawing_and_a_page() {
    let (status, svg, _) = callspec(&["show", "delivered-twice.jsonl", "--svg", "-"]);
    assert_eq!(status, 0);
    let svg: minidom::Element = svg.trim().parse().expect("XML");
    assert_eq!(svg.name(), "svg");
    let (status, out, _) = callspec(&["show", "delivered-twice.jsonl", "--html", "one.html"]);
    assert_eq!((status, out.as_str()), (0, ""));
    let page = std::fs::read_to_string(HISTORY.folder.path().join("one.html")).expect("a page");
    assert!(page.contains("made/delivered-twice"));
}

#[test]
fn show_plays_a_scenario() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios/reject/callee-declines.yaml");
    let (status, out, _) = callspec(&["show", &file.to_string_lossy()]);
    assert_eq!(status, 0);
    assert!(out.contains("reject│") && out.contains("ended"), "{out}");
    let (status, out, _) = callspec(&["show", &file.to_string_lossy(), "--answers", "--width", "100"]);
    assert!(status == 0 && out.contains("result"), "{out}");
}

#[test]
fn show_says_what_it_cannot_show() {
    write("no.jsonl", "<log/>\n");
    let (status, _, said) = callspec(&["show", "no.jsonl"]);
    assert_eq!(status, 2);
    assert!(said.starts_with("error: no.jsonl:1:"), "{said}");
    assert_eq!(callspec(&["show", "nowhere.jsonl"]).0, 2);
}

const OLD: &str = r#"{"callspec":"0.1.0","target":{"url":"embedded"},"scenarios":[
  {"name":"a/one","result":"passed"},
  {"name":"a/two","result":"failed","findings":[{"rule":"RT-03","level":"must"}]},
  {"name":"a/three","result":"failed","findings":[{"rule":"RT-04","level":"must"}]},
  {"name":"a/gone","result":"passed"}]}"#;
const NEW: &str = r#"{"callspec":"0.1.0","target":{"url":"embedded"},"scenarios":[
  {"name":"a/one","matrix":[],"result":"failed","findings":[{"rule":"RT-01","level":"must"}]},
  {"name":"a/two","result":"passed"},
  {"name":"a/three","result":"failed","findings":[{"rule":"RT-04","level":"must"}]},
  {"name":"a/new","result":"passed"}]}"#;

#[test]
fn diff_fails_only_for_what_is_newly_broken() {
    let (old, new) = (write("old.json", OLD), write("new.json", NEW));
    let (status, out, _) = callspec(&["diff", &old, &new]);
    assert_eq!(status, 1);
    insta::assert_snapshot!(out);
    assert_eq!(
        callspec(&["diff", &new, &old]).0,
        1,
        "a/two is newly broken the other way round"
    );
    assert_eq!(
        callspec(&["diff", &old, &old]).0,
        0,
        "what is still broken is no news"
    );
    write("torn.json", &OLD[..200]);
    let (status, _, said) = callspec(&["diff", &old, "torn.json"]);
    assert_eq!(status, 2);
    assert!(said.starts_with("error: torn.json:4:"), "{said}");
}

#[test]
fn merge_joins_shards() {
    let history: &Path = HISTORY.folder.path();
    let summary = HISTORY.summary();
    let halves: Vec<String> = (0..2)
        .map(|half| {
            let mut part = summary.clone();
            let mut n = 0;
            part.scenarios.retain(|_| {
                n += 1;
                n % 2 == half
            });
            write(&format!("shard-{half}.json"), &part.json())
        })
        .collect();
    let (status, out, said) = callspec(&[
        "report",
        "merge",
        &halves[0],
        &halves[1],
        "--report",
        "json=all.json",
        "--report",
        "html=all.html",
        "--report",
        "junit=all.xml",
        "--report",
        "tap=all.tap",
        "--report",
        "github=all.txt",
    ]);
    assert_eq!(status, 0, "{out}{said}");
    let read = |name: &str| std::fs::read_to_string(history.join(name)).expect("a report");
    let all: serde_json::Value = serde_json::from_str(&read("all.json")).expect("JSON");
    assert_eq!(
        all["scenarios"].as_array().map(Vec::len),
        Some(summary.scenarios.len())
    );
    assert_eq!(all["summary"]["failed"], 1);
    assert!(read("all.html").contains("made/delivered-twice"));
    assert!(read("all.xml").contains("<failure") && read("all.xml").contains("the second copy"));
    assert!(read("all.tap").contains("not ok"));
    assert!(read("all.txt").contains("::error"));
    let (status, _, said) = callspec(&["report", "merge", &halves[0], &halves[0], "--report", "json=-"]);
    assert_eq!(status, 2);
    assert!(said.contains("stands both in"), "{said}");
}
