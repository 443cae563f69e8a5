//! `callspec fuzz` as a user runs it: what it exits with, what it writes, what it keeps.

mod support;

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::Value;
use support::Serve;

struct Said {
    status: i32,
    out: String,
    err: String,
}

fn callspec(folder: &Path, words: &[&str]) -> Said {
    let output = Command::new(env!("CARGO_BIN_EXE_callspec"))
        .args(words)
        .current_dir(folder)
        .output()
        .expect("callspec runs");
    Said {
        status: output.status.code().expect("a status"),
        out: String::from_utf8(output.stdout).expect("UTF-8"),
        err: String::from_utf8(output.stderr).expect("UTF-8"),
    }
}

fn report(folder: &Path, words: &[&str]) -> (i32, Value) {
    let words = [&["fuzz", "--report", "json=report.json"], words].concat();
    let said = callspec(folder, &words);
    let text = std::fs::read_to_string(folder.join("report.json"));
    let text = text.unwrap_or_else(|error| panic!("{error}: {}{}", said.out, said.err));
    (said.status, serde_json::from_str(&text).expect("JSON"))
}

fn folder() -> tempfile::TempDir {
    tempfile::TempDir::new().expect("a folder")
}

fn yaml(folder: &Path) -> Vec<std::path::PathBuf> {
    let entries = std::fs::read_dir(folder).into_iter().flatten();
    let paths = entries.map(|entry| entry.expect("an entry").path());
    paths
        .filter(|path| path.extension().is_some_and(|extension| extension == "yaml"))
        .collect()
}

#[test]
fn exits_0_where_nothing_is_wrong_and_says_what_was_covered() {
    let folder = folder();
    let (status, report) = report(folder.path(), &["--cases", "24"]);
    assert_eq!(status, 0);
    assert_eq!(
        (&report["played"], &report["orderings"]),
        (&24.into(), &24.into())
    );
    assert_eq!(report["failures"], Value::Array(Vec::new()));
    let list = |name: &str| report[name].as_array().expect("a list").clone();
    assert_eq!(list("coverage").len(), 164);
    let pairs = list("pairs");
    assert!(pairs.iter().any(|pair| pair["played"].as_u64() > Some(0)));
    assert!(
        pairs
            .iter()
            .all(|pair| pair["first"]["role"].is_string() && pair["second"]["signal"].is_string())
    );
    assert!(
        list("kinds")
            .iter()
            .any(|kind| kind["kind"] == "one-wrong" && kind["cases"].as_u64() > Some(0))
    );
    assert!(yaml(folder.path()).is_empty());
}

#[test]
fn exits_1_where_something_is_and_plays_it_first_the_next_time() {
    let folder = folder();
    let words = ["--cases", "16", "--corpus", "found", "--fault", "drop-hangup"];
    let (status, first) = report(folder.path(), &words);
    assert_eq!(status, 1);
    let kept = &first["failures"][0]["kept"][0];
    assert_eq!(
        (&first["failures"][0]["rule"], &kept["failed-again"]),
        (&"RT-03".into(), &5.into())
    );
    let again = kept["again"].as_str().expect("a command");
    let file = folder.path().join(kept["file"].as_str().expect("a file"));
    assert!(
        folder
            .path()
            .join(kept["transcript"].as_str().expect("a transcript"))
            .exists()
    );
    let text = std::fs::read_to_string(&file).expect("a text");
    assert!(
        text.starts_with("# found by callspec fuzz --seed 0, case "),
        "{text}"
    );
    assert!(text.contains("failed 5 of 5 times"), "{text}");

    // The command that it tells shows it again; the corpus comes before everything else.
    let words: Vec<&str> = again.split(' ').skip(1).collect();
    let said = callspec(folder.path(), &words);
    assert_eq!(said.status, 1, "{again}: {}{}", said.out, said.err);
    assert!(said.out.contains("still shows it"), "{}", said.out);
    let (status, second) = report(
        folder.path(),
        &[
            "--cases",
            "8",
            "--until-failure",
            "--corpus",
            "found",
            "--fault",
            "drop-hangup",
        ],
    );
    assert_eq!(
        (status, &second["played"]),
        (
            1,
            &first["failures"][0]["kept"].as_array().map_or(0, Vec::len).into()
        )
    );

    // Mended, it passes.
    let file = file.to_str().expect("UTF-8");
    assert_eq!(callspec(folder.path(), &["lint", file]).status, 0);
    assert_eq!(callspec(folder.path(), &["run", file]).status, 0);
    assert_eq!(report(folder.path(), &["--cases", "0", "--corpus", "found"]).0, 0);
}

#[test]
fn exits_2_where_it_is_asked_wrongly() {
    let folder = folder();
    for words in [
        &["fuzz", "--shard", "3/2"][..],
        &["fuzz", "--exhaustive", "0"],
        &["fuzz", "--exhaustive", "3", "--seed", "1"],
        &["fuzz", "--exhaustive", "3", "--payloads"],
        &["fuzz", "--time", "ten"],
        &["fuzz", "--report", "junit=x.xml"],
        &["fuzz", "--fault", "no-such-fault"],
    ] {
        let said = callspec(folder.path(), words);
        assert_eq!(said.status, 2, "{words:?}: {}{}", said.out, said.err);
    }
    std::fs::create_dir(folder.path().join("found")).expect("a folder");
    std::fs::write(folder.path().join("found/broken.yaml"), "name: x\nsteps: 3\n").expect("a file");
    let said = callspec(folder.path(), &["fuzz", "--cases", "1", "--corpus", "found"]);
    assert_eq!(said.status, 2, "{}", said.err);
    assert!(said.err.contains("broken.yaml"), "{}", said.err);
}

#[test]
fn exits_3_where_there_is_nobody_to_test() {
    let folder = folder();
    let words = [
        "fuzz",
        "--cases",
        "4",
        "--target",
        "ws://127.0.0.1:9/",
        "--account",
        "alice@localhost:a",
        "--account",
        "bob@localhost:b",
    ];
    let said = callspec(folder.path(), &words);
    assert_eq!(said.status, 3, "{}{}", said.out, said.err);
    assert!(said.err.contains("nothing was tested"), "{}", said.err);
    let said = callspec(folder.path(), &["fuzz", "--cases", "0"]);
    assert_eq!(said.status, 3, "{}{}", said.out, said.err);
}

#[test]
fn a_deadline_ends_it_and_what_it_cuts_off_is_told_apart() {
    let folder = folder();
    let (status, report) = report(folder.path(), &["--time", "2s", "--cases", "1000000000"]);
    assert_eq!(status, 0);
    assert!(report["played"].as_u64() > Some(0), "{}", report["played"]);
    assert!(report["cut"].is_u64());
}

#[test]
fn ctrl_c_keeps_what_was_found() {
    let folder = folder();
    let mut child = Command::new(env!("CARGO_BIN_EXE_callspec"))
        .args([
            "fuzz",
            "--cases",
            "1000000000",
            "--corpus",
            "found",
            "--fault",
            "drop-hangup",
        ])
        .args(["--report", "json=report.json"])
        .current_dir(folder.path())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("callspec runs");
    let mut lines = BufReader::new(child.stdout.take().expect("stdout")).lines();
    let seen = |line: std::io::Result<String>| line.is_ok_and(|line| line.contains("see it again"));
    assert!(lines.any(seen));
    support::signal("-INT", &child);
    let rest: Vec<String> = lines.map_while(Result::ok).collect();
    assert_eq!(child.wait().expect("an end").code(), Some(130), "{rest:?}");
    assert!(!yaml(&folder.path().join("found")).is_empty());
    let text = std::fs::read_to_string(folder.path().join("report.json")).expect("a report");
    let report: Value = serde_json::from_str(&text).expect("JSON");
    assert_eq!(report["failures"][0]["rule"], "RT-03");
}

#[test]
fn every_ordering_is_counted_and_the_shards_are_all_of_them() {
    let folder = folder();
    let (status, whole) = report(folder.path(), &["--exhaustive", "2"]);
    assert_eq!(status, 0);
    let to_play: u64 = whole["exhaustive"]["to-play"]
        .as_str()
        .expect("a number")
        .parse()
        .expect("a number");
    assert_eq!(
        (whole["orderings"].as_u64(), &whole["exhaustive"]["torn"]),
        (Some(to_play), &0.into())
    );
    let part = |k: usize| {
        let (status, report) = report(
            folder.path(),
            &["--exhaustive", "2", "--shard", &format!("{k}/3")],
        );
        assert_eq!(status, 0);
        report["orderings"].as_u64().expect("a number")
    };
    assert_eq!((1..=3).map(part).sum::<u64>(), to_play);
}

#[test]
fn a_target_that_nobody_has_described_is_looked_at_first() {
    let endpoint = Serve::new(&["--profile", "enforcing"]);
    let folder = folder();
    let url = endpoint.url();
    let target = [
        "--target",
        url.as_str(),
        "--account",
        "alice@localhost:a",
        "--account",
        "bob@localhost:b",
    ];
    for (more, class, probed) in [
        (&[][..], "enforcing", true),
        (&["--profile", "relay"], "relay", false),
    ] {
        let words = [
            &["fuzz", "--cases", "2", "--report", "json=report.json"],
            &target[..],
            more,
        ]
        .concat();
        let said = callspec(folder.path(), &words);
        let report = std::fs::read_to_string(folder.path().join("report.json")).expect("a report");
        let report: Value = serde_json::from_str(&report).expect("JSON");
        assert_eq!(report["profile"], class, "{}{}", said.out, said.err);
        assert_eq!(said.out.contains("probed in"), probed, "{}", said.out);
    }
    // It remembers the calls of the first time, and no callId comes twice.
    let said = callspec(folder.path(), &[&["fuzz", "--cases", "2"], &target[..]].concat());
    assert_eq!(said.status, 0, "{}{}", said.out, said.err);
}

#[test]
fn payloads_are_told_by_their_sorts_and_found_again_by_the_command_that_is_told() {
    let folder = folder();
    let words = ["--payloads", "--cases", "28"];
    let (status, whole) = report(folder.path(), &words);
    assert_eq!((status, &whole["mode"]), (0, &"payloads".into()));
    let sorts = whole["payloads"].as_object().expect("sorts");
    assert!(
        sorts.len() == 28 && sorts.values().all(|count| count.as_u64() > Some(0)),
        "{sorts:?}"
    );
    let words = [
        "--payloads",
        "--fault",
        "emoji-lost",
        "--until-failure",
        "--corpus",
        "found",
    ];
    let (status, found) = report(folder.path(), &words);
    assert_eq!((status, &found["failures"][0]["rule"]), (1, &"RT-14".into()));
    let again = found["failures"][0]["kept"][0]["again"]
        .as_str()
        .expect("a command");
    let words: Vec<&str> = again.split(' ').skip(1).collect();
    let said = callspec(folder.path(), &words);
    assert_eq!(said.status, 1, "{again}: {}{}", said.out, said.err);
    assert!(said.out.contains("still shows it"), "{}", said.out);
    let file = yaml(&folder.path().join("found")).pop().expect("a file");
    let text = std::fs::read_to_string(&file).expect("a text");
    assert!(
        text.starts_with("# found by callspec fuzz --payloads --seed 0, case "),
        "{text}"
    );
    assert_eq!(
        callspec(folder.path(), &["lint", file.to_str().expect("UTF-8")]).status,
        0
    );
}
