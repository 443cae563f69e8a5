//! What a run says, what it exits with, and how it is shown again.

use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Command, Stdio};

use insta::assert_snapshot;

use crate::bench::{BROKEN, Bench, FOREIGN, SLACK, SOUND, closed_port, status, told};
use crate::support::Serve;

#[test]
fn a_run_that_holds() {
    let bench = Bench::with(&[("sound.yaml", SOUND)]);
    let said = bench.run(&["run", "sound.yaml", "--jobs", "1"]);
    assert_snapshot!("holds", told(&said));
    assert_eq!(bench.transcripts().len(), 2);
    assert_eq!(bench.read(".callspec/.gitignore"), "*\n");
}

#[test]
fn a_run_that_fails_warns_and_skips() {
    let bench = Bench::with(&[
        ("s/sound.yaml", SOUND),
        ("s/broken.yaml", BROKEN),
        ("s/slack.yaml", SLACK),
        ("s/foreign.yaml", FOREIGN),
    ]);
    let said = bench.run(&["run", "s", "--jobs", "1"]);
    assert_snapshot!("fails", told(&said));
    let quiet = bench.run(&["run", "s", "--jobs", "1", "-q"]);
    status(&quiet, 1);
    assert!(
        !quiet.out.contains("pass ") && !quiet.out.contains("skip "),
        "{}",
        quiet.out
    );
    assert!(quiet.out.contains("FAIL  broken"), "{}", quiet.out);
}

/// The exit status of each outcome, and of each flag that changes it.
#[test]
fn exit_statuses() {
    let bench = Bench::with(&[
        ("sound.yaml", SOUND),
        ("broken.yaml", BROKEN),
        ("slack.yaml", SLACK),
        ("foreign.yaml", FOREIGN),
        (
            "wrong.yaml",
            "name: wrong\nsteps:\n  - caller: { sends: initate }\n",
        ),
    ]);
    let closed = closed_port();
    for (args, wanted) in [
        (&["run", "sound.yaml"][..], 0),
        (&["run", "sound.yaml", "foreign.yaml"], 0),
        (&["run", "slack.yaml"], 0),
        (&["run", "broken.yaml"], 1),
        (&["run", "slack.yaml", "--strict"], 1),
        (&["run", "sound.yaml", "foreign.yaml", "--fail-on-skip"], 1),
        (&["run", "broken.yaml", "sound.yaml", "--fail-fast"], 1),
        (&["run", "wrong.yaml"], 2),
        (&["run", "absent.yaml"], 2),
        (&["run", "--no-such-flag"], 2),
        (&["run", "foreign.yaml"], 3),
        (&["run", "sound.yaml", "--filter", "tag:none"], 3),
        (&["run", "sound.yaml", "--list"], 0),
        (&["run", "sound.yaml", "--list", "--filter", "tag:none"], 3),
        (
            &[
                "run",
                "sound.yaml",
                "--target",
                &closed,
                "--insecure-plaintext",
                "--account",
                "a@localhost:x",
            ],
            3,
        ),
    ] {
        let said = bench.run(args);
        assert_eq!(said.status, wanted, "{args:?}\n{}", told(&said));
    }
}

/// What is wrong is named, and what to do about it.
#[test]
fn usage_errors() {
    let bench = Bench::with(&[
        ("sound.yaml", SOUND),
        ("w.yaml", "- { rule: RT-3, scenario: x, reason: y }\n"),
        ("not.json", "[]"),
        (
            "cycle.yaml",
            "name: cycle\nsteps:\n  - caller: { sends: initate }\n",
        ),
    ]);
    let mut all = String::new();
    for args in [
        &["run", "cycle.yaml"][..],
        &["run", "absent.yaml"],
        &["run", "sound.yaml", "--filter", "tga:short"],
        &["run", "sound.yaml", "--filter", "short sound"],
        &["run", "sound.yaml", "--filter", "(short"],
        &["run", "sound.yaml", "--shard", "3/2"],
        &["run", "sound.yaml", "--report", "junitt=x.xml"],
        &["run", "sound.yaml", "--report", "pdf=x.pdf"],
        &["run", "sound.yaml", "--report", "junit"],
        &["run", "sound.yaml", "--report", "json=-", "--report", "tap=-"],
        &["run", "sound.yaml", "--report", "json=sound.yaml/x.json"],
        &["run", "sound.yaml", "--waivers", "w.yaml"],
        &["run", "sound.yaml", "--waivers", "absent.yaml"],
        &["run", "sound.yaml", "--last-failed"],
        &["run", "sound.yaml", "--last-failed=not.json"],
        &["run", "sound.yaml", "--timeout-scale", "0"],
        &["run", "sound.yaml", "--clock-skew", "5"],
        &["run", "sound.yaml", "--jobs", "0"],
        &["run", "sound.yaml", "--target", "nowhere"],
        &["run", "sound.yaml", "--target", "http://x/"],
        &["run", "sound.yaml", "--target", "ws://localhost/"],
        &[
            "run",
            "sound.yaml",
            "--target",
            "ws://localhost/",
            "--account",
            "a@localhost:${NO_SUCH_NAME}",
        ],
        &["run", "sound.yaml", "--account", "a@localhost:secret-word"],
        &["run", "sound.yaml", "--profile", "relais"],
        &["run", "sound.yaml", "-q", "-v"],
        &["schema", "call:ofer"],
        &["rules", "RT-3"],
        &["rules", "--unreached"],
    ] {
        let said = bench.run(args);
        assert_eq!(
            (said.status, said.out.as_str()),
            (2, ""),
            "{args:?}\n{}",
            told(&said)
        );
        assert!(!said.err.contains("secret-word"), "{}", said.err);
        all.push_str(&format!("$ callspec {}\n{}\n", args.join(" "), said.err));
    }
    assert_snapshot!("usage-errors", all);
    assert_eq!(bench.transcripts(), Vec::<PathBuf>::new());
}

/// The line after `again` is copied as it stands and shows the same breach.
#[test]
fn the_command_that_is_printed_shows_it_again() {
    let quoted = BROKEN.replace(
        "steps:",
        "matrix: { text: [\"it's \\\"so\\\"\", \"and (x)\"], n: [1, 2] }\nsteps:",
    );
    let quoted = quoted.replace(
        "sends: initiate",
        "sends: initiate, with: { callerName: \"{text}{n}\" }",
    );
    let bench = Bench::with(&[("a folder/broken.yaml", &quoted)]);
    let said = bench.run(&[
        "run",
        "a folder",
        "--seed",
        "7",
        "--strict",
        "--timeout-scale",
        "2",
        "--profile",
        "relay",
    ]);
    status(&said, 1);
    let commands: Vec<&str> = said
        .out
        .lines()
        .filter_map(|line| line.strip_prefix("  again       "))
        .collect();
    assert!(!commands.is_empty(), "{}", said.out);
    let before = bench.transcripts();
    for command in commands {
        let program = env!("CARGO_BIN_EXE_callspec").replace("callspec", "");
        let again = Command::new("sh")
            .args(["-c", command])
            .current_dir(bench.0.path())
            .env("PATH", format!("{program}:/usr/bin:/bin"))
            .output()
            .expect("a shell");
        let out = String::from_utf8_lossy(&again.stdout);
        assert_eq!(again.status.code(), Some(1), "{command}\n{out}");
        assert!(out.contains("1 case: 1 failed"), "{command}\n{out}");
    }
    let first = std::fs::read_to_string(&before[0]).expect("a transcript");
    let same = bench
        .transcripts()
        .iter()
        .filter(|path| std::fs::read_to_string(path).is_ok_and(|text| text == first))
        .count();
    assert_eq!(same, 2, "the same ids, the same bytes");
}

/// The built-in suite's files are on nobody's disk: its cases are shown again by name.
#[test]
fn the_built_in_suite_is_named_not_pathed() {
    let bench = Bench::with(&[(
        "w.yaml",
        "- { rule: RT-03, scenario: call/full, reason: never }\n",
    )]);
    let said = bench.run(&["run", "--filter", "name:call/full", "-v", "--waivers", "w.yaml"]);
    status(&said, 1);
    assert!(said.out.contains("w.yaml:1"), "{}", said.out);
    let said = bench.run(&["run", "--filter", "name:breach/accepts-twice", "-v"]);
    status(&said, 0);
    assert!(
        said.out
            .contains("again       callspec run --filter name:breach/accepts-twice"),
        "{}",
        said.out
    );
    assert!(said.out.contains("[announced by the scenario]"), "{}", said.out);
}

#[test]
fn an_interrupted_run_leaves_whole_reports_and_transcripts() {
    // SIGTERM is what a CI sends that cancels a job.
    for signal in ["-INT", "-TERM"] {
        is_stopped_by(signal);
    }
}

fn is_stopped_by(signal: &str) {
    let long = SOUND
        .replace("name: sound", "name: long")
        .replace("[0ms, 5ms]", "[100s]");
    let bench = Bench::with(&[("s/sound.yaml", SOUND), ("s/long.yaml", &long)]);
    let server = Serve::new(&[]);
    let url = server.url();
    let mut command = bench.command(&["run", "s", "--report", "json=r.json", "--report", "junit=r.xml"]);
    let accounts = [
        "--account",
        "alice@localhost:x",
        "--account",
        "bob@localhost:y",
        "--target",
        &url,
    ];
    let mut child = command
        .args(accounts)
        .stdout(Stdio::piped())
        .spawn()
        .expect("callspec runs");
    let out = child.stdout.take().expect("stdout");
    let mut lines = BufReader::new(out).lines().map_while(Result::ok);
    // The short ones are through; the long one waits.
    let passed = lines
        .by_ref()
        .filter(|line| line.contains("pass  sound"))
        .take(2)
        .count();
    assert_eq!(passed, 2);
    crate::support::signal(signal, &child);
    let rest: Vec<String> = lines.collect();
    let exit = child.wait().expect("an end").code();
    assert_eq!(exit, Some(130), "{rest:?}");
    assert!(
        rest.iter()
            .any(|line| line.starts_with("stopped after 2 cases: 2 passed")),
        "{rest:?}"
    );
    let report: serde_json::Value = serde_json::from_str(&bench.read("r.json")).expect("whole JSON");
    assert_eq!(
        (&report["interrupted"], &report["summary"]["passed"]),
        (&true.into(), &2.into())
    );
    assert!(bench.read("r.xml").trim_end().ends_with("</testsuites>"));
    assert_eq!(bench.transcripts().len(), 3);
    for path in bench.transcripts() {
        for line in std::fs::read_to_string(path).expect("a transcript").lines() {
            serde_json::from_str::<serde_json::Value>(line).expect("whole lines");
        }
    }
}

#[test]
fn colour_only_where_it_is_wanted() {
    let bench = Bench::with(&[("broken.yaml", BROKEN)]);
    let escape = |args: &[&str]| {
        bench
            .run(&[&["run", "broken.yaml"], args].concat())
            .out
            .contains('\u{1b}')
    };
    assert!(!escape(&[]) && !escape(&["--color", "never"]));
    assert!(escape(&["--color", "always"]));
    // Nothing moves where nobody looks.
    let said = bench.run(&["run", "broken.yaml"]);
    assert_eq!(said.err, "");
    assert!(!said.out.contains('\r'));
}
