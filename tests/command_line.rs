//! The command line as scripts and people meet it: exit statuses, stdout, stderr, and the files that it leaves.

mod support;

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Command, Stdio};

use insta::assert_snapshot;
use support::{Said, Serve, callspec, run};
use tempfile::TempDir;

/// A call that is declined.
const SOUND: &str = "name: sound\nabout: A call that is declined.\nrules: [RT-03]\ntags: [short]\n\
    matrix: { after: [0ms, 5ms] }\nsteps:\n  - caller: { sends: initiate }\n  - callee: { receives: initiate }\n  \
    - callee: { sends: reject, after: \"{after}\" }\n  - caller: { receives: reject }\n";
/// Asks for another error than a relay gives.
const BROKEN: &str = "name: broken\nabout: Asks for another error than a relay gives.\nrules: [ST-08]\n\
    leaves-open: nobody was reached\nsteps:\n  \
    - caller: { sends: initiate, to: \"nobody@localhost/x\", answered: { error: [forbidden] } }\n";
/// The same, as a matter of a rule that is no more than a SHOULD.
const SLACK: &str = "name: slack\nabout: Asks for another error than a relay gives.\n\
    leaves-open: nobody was reached\nsteps:\n  \
    - caller: { sends: initiate, to: \"nobody@localhost/x\", answered: { error: [forbidden], rule: RT-13 } }\n";
/// Makes no sense on a relay.
const FOREIGN: &str = "name: foreign\nabout: For another class of server.\nprofiles: [enforcing]\nsteps:\n  \
    - caller: { sends: initiate }\n  - callee: { receives: initiate }\n  - callee: { sends: reject }\n  \
    - caller: { receives: reject }\n";

/// A folder of its own, without a home, without what this machine's environment says.
struct Bench(TempDir);

impl Bench {
    fn new() -> Bench {
        Bench(TempDir::new().expect("a folder"))
    }

    fn with(files: &[(&str, &str)]) -> Bench {
        let bench = Bench::new();
        for (name, text) in files {
            bench.write(name, text);
        }
        bench
    }

    fn write(&self, name: &str, text: &str) {
        let path = self.0.path().join(name);
        std::fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
        std::fs::write(path, text).expect("a file");
    }

    fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.0.path().join(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
    }

    fn command(&self, args: &[&str]) -> Command {
        let mut command = callspec();
        command
            .current_dir(self.0.path())
            .env_clear()
            .env("HOME", self.0.path())
            .args(args);
        command
    }

    fn run(&self, args: &[&str]) -> Said {
        run(&mut self.command(args))
    }

    fn transcripts(&self) -> Vec<PathBuf> {
        let mut found = Vec::new();
        let mut folders = vec![self.0.path().to_owned()];
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(folder).expect("a folder") {
                let path = entry.expect("an entry").path();
                if path.is_dir() {
                    folders.push(path);
                } else if path.extension().is_some_and(|ending| ending == "jsonl") {
                    found.push(path);
                }
            }
        }
        found.sort();
        found
    }
}

/// Everything that a run said, without what differs from run to run.
fn told(said: &Said) -> String {
    let text = format!(
        "exit {}\n--- stdout\n{}--- stderr\n{}",
        said.status, said.out, said.err
    );
    let text = regex::Regex::new(r" +\d+\.\d\d s")
        .expect("a pattern")
        .replace_all(&text, " [time]")
        .into_owned();
    // The catalogue grows.
    let text = regex::Regex::new(r"\d+ (rules? held|not reached:)\s*")
        .expect("a pattern")
        .replace_all(&text, "[n] $1 ")
        .into_owned();
    regex::Regex::new(r"\d{4}-\d\d-\d\dT\d\d-\d\d-\d\d(\.\d+)?")
        .expect("a pattern")
        .replace_all(&text, "[moment]")
        .into_owned()
}

fn status(said: &Said, wanted: i32) {
    assert_eq!(said.status, wanted, "{}", told(said));
}

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

/// A port where nobody listens, as a URL.
fn closed_port() -> String {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    format!(
        "ws://127.0.0.1:{}/",
        listener.local_addr().expect("an address").port()
    )
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

#[test]
fn a_filter_selects_and_list_only_names() {
    let bench = Bench::with(&[("sound.yaml", SOUND), ("broken.yaml", BROKEN)]);
    let list = |args: &[&str]| {
        let said = bench.run(&[&["run", "sound.yaml", "broken.yaml", "--list"], args].concat());
        said.out
    };
    assert_eq!(list(&[]), "sound  after=0ms\nsound  after=5ms\nbroken\n");
    assert_eq!(
        list(&["--filter", "tag:short and not after=5ms"]),
        "sound  after=0ms\n"
    );
    assert_eq!(list(&["--filter", "rule:ST-08 or name:nothing"]), "broken\n");
    assert_eq!(bench.transcripts(), Vec::<PathBuf>::new());
}

/// Every case is in one shard and in no other, whatever the number of shards.
#[test]
fn shards_are_the_whole_suite_once() {
    let bench = Bench::new();
    let list = |args: &[&str]| -> Vec<String> {
        let said = bench.run(&[&["run", "--list", "-q"], args].concat());
        said.out.lines().map(str::to_owned).collect()
    };
    let whole = list(&[]);
    assert!(whole.len() > 300);
    for n in [2, 3, 7] {
        let shards: Vec<Vec<String>> = (1..=n).map(|k| list(&["--shard", &format!("{k}/{n}")])).collect();
        let mut joined = shards.concat();
        assert_eq!(joined.len(), whole.len());
        joined.sort();
        joined.dedup();
        assert_eq!(joined.len(), whole.len());
        let sizes: BTreeSet<usize> = shards.iter().map(Vec::len).collect();
        assert!(sizes.last().expect("a shard") - sizes.first().expect("a shard") <= 1);
    }
}

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
    let said = bench.run(&["run", "s", "--report", "github=-"]);
    assert!(
        said.out.starts_with("::error file=s/broken.yaml,line="),
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
fn what_is_waived_is_known_and_a_waiver_that_excuses_nothing_is_red() {
    let bench = Bench::with(&[("s/sound.yaml", SOUND), ("s/broken.yaml", BROKEN)]);
    let waived = |entries: &str, more: &[&str]| {
        bench.write("w.yaml", entries);
        bench.run(
            &[
                &[
                    "run",
                    "s",
                    "--jobs",
                    "1",
                    "--waivers",
                    "w.yaml",
                    "--report",
                    "json=r.json",
                ],
                more,
            ]
            .concat(),
        )
    };
    let known = "- { rule: SC-01, scenario: bro*, reason: CALL-17 }\n";
    let said = waived(known, &[]);
    assert_snapshot!("known", told(&said));
    let report: serde_json::Value = serde_json::from_str(&bench.read("r.json")).expect("JSON");
    assert_eq!(report["summary"]["known"], 1);
    assert_eq!(report["waivers"][0]["state"], "excused");
    status(&waived(known, &["--strict"]), 0);

    let stale = format!("{known}- {{ rule: RT-04, scenario: sound, reason: CALL-18 }}\n");
    let said = waived(&stale, &[]);
    status(&said, 1);
    assert!(
        said.out.contains("WAIVER  w.yaml:2: the waiver of RT-04"),
        "{}",
        said.out
    );
    // A pattern that names nothing is as red.
    let said = waived(
        &format!("{known}- {{ rule: RT-04, scenario: sond, reason: CALL-18 }}\n"),
        &[],
    );
    status(&said, 1);
    // A part of the suite shows nothing of it.
    status(&waived(&stale, &["--filter", "broken or after=5ms"]), 0);
    status(&waived(&stale, &["--shard", "1/3"]), 0);

    let expired = "- { rule: SC-01, scenario: broken, reason: CALL-17, expires: 2020-02-29 }\n";
    let said = waived(expired, &[]);
    status(&said, 1);
    assert!(said.out.contains("FAIL  broken"), "{}", said.out);
    assert!(
        said.out
            .contains("w.yaml:1: the waiver of SC-01 in broken expired on"),
        "{}",
        said.out
    );
    let later = expired.replace("2020-02-29", "2999-12-31");
    status(&waived(&later, &[]), 0);
    status(&waived("- { rule: SC-01, scenario: broken }\n", &[]), 2);
}

/// What a profile knows of its server is known in `run` and in `check`.
#[test]
fn what_a_profile_knows_is_known() {
    let profile =
        "class: relay\nknown-breaches: [{ rule: SC-01, evidence: it never sends a second hangup }]\n";
    let bench = Bench::with(&[
        ("broken.yaml", BROKEN),
        ("p.yaml", profile),
        ("sound.yaml", SOUND),
    ]);
    let said = bench.run(&["run", "broken.yaml", "--profile", "p.yaml"]);
    status(&said, 0);
    assert!(
        said.out.contains("known broken") && said.out.contains("1 known"),
        "{}",
        said.out
    );
    let transcript = bench.transcripts().remove(0).display().to_string();
    let said = bench.run(&["check", &transcript]);
    status(&said, 0);
    assert!(said.out.contains("known"), "{}", said.out);
    // It belongs to a server, not to a suite: a run that does not show it is no reason for red.
    status(&bench.run(&["run", "sound.yaml", "--profile", "p.yaml"]), 0);
}

#[test]
fn the_last_failures_run_again() {
    let bench = Bench::with(&[("s/sound.yaml", SOUND), ("s/broken.yaml", BROKEN)]);
    status(&bench.run(&["run", "s", "--report", "json=r.json"]), 1);
    for flag in ["--last-failed", "--last-failed=r.json"] {
        let said = bench.run(&["run", "s", "--list", flag]);
        assert_eq!(
            (said.status, said.out.as_str()),
            (0, "broken\n"),
            "{}",
            told(&said)
        );
    }
    bench.write(
        "s/broken.yaml",
        &BROKEN.replace("forbidden", "service-unavailable"),
    );
    let said = bench.run(&["run", "s", "--last-failed"]);
    status(&said, 0);
    assert!(said.out.contains("s, 1 of 3 cases"), "{}", said.out);
    let said = bench.run(&["run", "s", "--last-failed"]);
    status(&said, 3);
    assert!(
        said.err.contains("nothing failed in the last run"),
        "{}",
        said.err
    );
    // Runs within one second have folders of their own.
    assert!(bench.transcripts().len() == 3 + 1, "{:?}", bench.transcripts());
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
    let interrupted = Command::new("kill")
        .args(["-INT", &child.id().to_string()])
        .status();
    assert!(interrupted.expect("kill").success());
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
fn what_init_writes_is_accepted_and_runs() {
    let bench = Bench::new();
    let said = bench.run(&["init"]);
    assert_snapshot!("init", told(&said));
    status(&bench.run(&["lint", "scenarios/first-call.yaml"]), 0);
    status(&bench.run(&["run", "scenarios/first-call.yaml", "--strict"]), 0);
    let said = bench.run(&["run", "--target", "target.yaml"]);
    status(&said, 2);
    assert!(said.err.contains("ALICE_PW"), "{}", said.err);
    // With its variables the file is a target.
    let here = bench
        .read("target.yaml")
        .replace("wss://chat.example.com/xmpp-websocket", &closed_port());
    bench.write("target.yaml", &here);
    let said = run(bench
        .command(&["run", "--target", "target.yaml"])
        .env("ALICE_PW", "secret-word")
        .env("BOB_PW", "secret-word"));
    status(&said, 3);
    assert!(!said.err.contains("secret-word"), "{}", said.err);
    let again = bench.run(&["init"]);
    status(&again, 2);
    assert!(again.err.contains("is there already"), "{}", again.err);
    let mended = bench.read("target.yaml");
    assert_eq!(mended, here, "nothing was touched");
    status(&bench.run(&["init", "elsewhere/deep"]), 0);
    status(&bench.run(&["lint", "elsewhere/deep/scenarios"]), 0);
}

/// Each printed schema needs no other file.
#[test]
fn schemas_stand_on_their_own() {
    let bench = Bench::new();
    let names = bench.run(&["schema", "--list"]).out;
    assert!(names.lines().count() >= 20);
    for name in ["scenario", "target"] {
        assert!(names.lines().any(|known| known == name), "{name}");
    }
    for name in names.lines() {
        let said = bench.run(&["schema", name]);
        status(&said, 0);
        let schema: serde_json::Value = serde_json::from_str(&said.out).expect("JSON");
        jsonschema::validator_for(&schema).unwrap_or_else(|error| panic!("{name}: {error}"));
    }
    let said = bench.run(&["schema", "hangup"]);
    let schema: serde_json::Value = serde_json::from_str(&said.out).expect("JSON");
    let validator = jsonschema::validator_for(&schema).expect("a schema");
    let mut signal = serde_json::json!({
        "type": "call:hangup", "callId": "11111111-1111-4111-8111-111111111111",
        "senderId": "a1b2c3d4-e5f6-7890-abcd-ef1234567890", "recipientId": "b2c3d4e5-f6a7-8901-bcde-f12345678901",
        "timestamp": "2026-01-01T00:00:00Z", "payload": { "reason": "completed" },
    });
    assert!(validator.is_valid(&signal));
    signal["payload"]["reason"] = "bored".into();
    assert!(!validator.is_valid(&signal));
    assert_eq!(bench.run(&["schema"]).out, bench.run(&["schema", "signal"]).out);
    assert!(
        bench
            .run(&["schema", "--asyncapi"])
            .out
            .starts_with("asyncapi: 3")
    );
}

#[test]
fn completions_for_every_shell() {
    let bench = Bench::new();
    for shell in ["bash", "elvish", "fish", "powershell", "zsh"] {
        let said = bench.run(&["completions", shell]);
        status(&said, 0);
        assert!(said.out.contains("last-failed"), "{shell}");
    }
    let script = bench.run(&["completions", "bash"]).out;
    bench.write("completions.bash", &script);
    let read = Command::new("bash")
        .args(["-n"])
        .arg(bench.0.path().join("completions.bash"))
        .status();
    assert!(read.expect("bash").success());
}

/// Every command and every flag says what it is for, and fits a terminal.
#[test]
fn help_is_whole() {
    let root = callspec::cli::command();
    root.clone().debug_assert();
    for command in root.get_subcommands() {
        let name = command.get_name();
        assert!(command.get_about().is_some(), "{name} says nothing of itself");
        for argument in command.get_arguments().filter(|argument| !argument.is_hide_set()) {
            assert!(argument.get_help().is_some(), "{name} {}", argument.get_id());
        }
        let said = Bench::new().run(&[name, "-h"]);
        status(&said, 0);
        let long = said.out.lines().find(|line| line.chars().count() > 100);
        assert_eq!(long, None, "{name}");
    }
    let mut page = Vec::new();
    clap_mangen::Man::new(root)
        .render(&mut page)
        .expect("a manual page");
    assert!(String::from_utf8_lossy(&page).contains("Exit status"));
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

#[test]
fn what_was_not_reached() {
    let bench = Bench::with(&[("sound.yaml", SOUND)]);
    status(&bench.run(&["run", "sound.yaml"]), 0);
    let said = bench.run(&["rules", "--unreached"]);
    status(&said, 0);
    assert!(said.out.contains("\nRT-11  must: "), "{}", said.out);
    assert!(!said.out.contains("\nRT-03  must: "), "{}", said.out);
    assert!(
        said.out.contains("no scenario of this run names it"),
        "{}",
        said.out
    );
    let long = said.out.lines().find(|line| line.chars().count() > 80);
    assert_eq!(long, None);
}
