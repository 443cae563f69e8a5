//! The whole built-in suite through the proxy: the same results as without it, and the same verdict live and later.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use super::proxy::{PASSWORD, Record, USERS, endpoint, outcomes, record, rules, transcripts};
use super::support::{callspec, run};

fn target_file(folder: &Path, url: &str) -> std::path::PathBuf {
    let name = url.replace(['/', ':', '.'], "-");
    folder.join(format!("target{name}.yaml"))
}

fn target(folder: &Path, url: &str) -> std::path::PathBuf {
    let accounts: String = USERS
        .iter()
        .map(|user| format!("  - {{ jid: {user}@localhost, password: {PASSWORD} }}\n"))
        .collect();
    let file = target_file(folder, url);
    let text = format!("url: {url}\ndomain: localhost\nprofile: relay\naccounts:\n{accounts}");
    std::fs::write(&file, text).expect("a file");
    file
}

/// What became of each case of the suite.
fn played(folder: &Path, url: &str, more: &[&str]) -> BTreeMap<String, String> {
    let target = target(folder, url);
    let report = target.with_extension("json");
    let said = run(callspec()
        .args([
            "run",
            "--quiet",
            "--insecure-plaintext",
            "--jobs",
            "24",
            "--target",
        ])
        .arg(&target)
        .args(more)
        .arg("--transcripts")
        .arg(target.with_extension("transcripts"))
        .arg("--report")
        .arg(format!("json={}", report.display())));
    let text = std::fs::read_to_string(&report);
    let text = text.unwrap_or_else(|_| panic!("no report: {}{}", said.out, said.err));
    let report: serde_json::Value = serde_json::from_str(&text).expect("JSON");
    let cases = report["scenarios"].as_array().expect("cases").iter();
    cases
        .map(|case| {
            let name = format!("{} {} {}", case["name"], case["case"], case["reason"]);
            (name, case["result"].to_string())
        })
        .collect()
}

/// Nothing that logs in is in any of the files.
fn no_secrets(record: &Path) {
    // The password as it is and as SASL PLAIN has it.
    let plain = [
        "Y29ycmVjdC1Ib3JzZS0x",
        "NvcnJlY3QtSG9yc2UtM",
        "jb3JyZWN0LUhvcnNlLT",
    ];
    for file in transcripts(record) {
        let text = std::fs::read_to_string(&file).expect("a text");
        let secrets = plain.iter().copied().chain([PASSWORD]);
        for secret in secrets {
            assert!(!text.contains(secret), "{}: {secret}", file.display());
        }
    }
}

fn judged(files: &[std::path::PathBuf]) -> String {
    run(callspec().arg("check").args(files)).out
}

/// What follows from a breach for whoever it hits: a bot's other side answers what it ought to refuse, and what it was
/// told to leave unanswered or to say next counts against it where nobody knows that it was told.
const FOLLOWS: [(&str, &str); 3] = [
    ("", "IQ-06"),
    ("answers/withheld", "IQ-01"),
    ("breach/begins-without-initiate", "ST-03"),
];

/// The calls of a run, and the rules that its bots break in them on purpose.
fn announced(run: &Path) -> BTreeMap<String, BTreeSet<String>> {
    let mut calls: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for file in transcripts(run) {
        let text = std::fs::read_to_string(&file).expect("a text");
        let mut lines = text
            .lines()
            .map(|line| serde_json::from_str::<serde_json::Value>(line).expect("JSON"));
        let header = lines.next().expect("a header");
        let name = header["scenario"]["name"].as_str().expect("a name");
        let follows = FOLLOWS.iter().filter(|(scenario, _)| name.starts_with(scenario));
        let mut rules: BTreeSet<String> = follows.map(|(_, rule)| (*rule).to_owned()).collect();
        let mut ids = BTreeSet::new();
        for event in lines {
            if event["dir"] == "breaks" {
                let broken = event["rules"].as_array().into_iter().flatten();
                rules.extend(broken.filter_map(|rule| rule.as_str().map(str::to_owned)));
            }
            ids.extend(event["signal"]["callId"].as_str().map(str::to_lowercase));
        }
        for id in ids {
            calls.entry(id).or_default().extend(rules.iter().cloned());
        }
    }
    calls
}

/// What was found in a call without having been announced there: `CALL RULE`.
fn unannounced(files: &[std::path::PathBuf], run_in: &Path) -> Vec<String> {
    let calls = announced(run_in);
    let file = run_in.with_extension("checked.json");
    let report = format!("json={}", file.display());
    run(callspec().arg("check").args(files).args(["--report", &report]));
    let text = std::fs::read_to_string(&file).expect("a report");
    let report: serde_json::Value = serde_json::from_str(&text).expect("JSON");
    let mut found = Vec::new();
    for call in report["scenarios"].as_array().expect("calls") {
        let name = call["name"].as_str().expect("a name");
        let Some(rules) = calls.get(name.trim_start_matches("call ")) else {
            continue;
        };
        for finding in call["findings"].as_array().expect("findings") {
            let rule = finding["rule"].as_str().expect("a rule");
            // A run does not judge how its own bots answer, so that no scenario can announce this.
            let twice = rule == "IQ-01"
                && finding["message"]
                    .as_str()
                    .is_some_and(|text| text.contains("`twice`"));
            if finding["level"] != "info" && !rules.contains(rule) && !twice {
                found.push(format!("{name} {rule} {}", finding["message"]));
            }
        }
    }
    found
}

/// One suite at a time: several would measure how busy this machine is.
static TURN: Mutex<()> = Mutex::new(());

/// The suite through the proxy has the results that it has without it on a sound endpoint: everything passes but for
/// what needs TLS.
fn the_same_as_without(scheme: &str, which: &[&str]) {
    let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    let folder = tempfile::TempDir::new().expect("a folder");
    let serve = endpoint(&[]);
    let Record {
        program,
        url,
        folder: written,
    } = record(
        &format!("{scheme}://{}", serve.address),
        &folder.path().join("written"),
        &["--judge", "--insecure-plaintext"],
    );
    let results = played(folder.path(), &url, which);
    program.signal("INT");
    let (status, said) = program.wait();
    let wrong: Vec<_> = results
        .iter()
        .filter(|(_, result)| !matches!(result.as_str(), "\"passed\"" | "\"skipped\""))
        .collect();
    let passed = results.values().filter(|result| *result == "\"passed\"").count();
    assert!(wrong.is_empty() && passed > 280, "{passed} passed, but {wrong:?}");

    // The suite's clients break rules on purpose; its server is sound.
    assert_eq!(status, Some(1), "{said}");
    let accused: Vec<&str> = said
        .lines()
        .filter(|line| line.contains("blame") && line.contains("the server"))
        .collect();
    assert!(accused.is_empty(), "{accused:?}\n{said}");
    assert!(rules(&said).len() > 60, "{:?}", rules(&said));
    no_secrets(&written);

    // The same verdict on each call, and the same rules, from the files.
    let live = outcomes(&said);
    let files = transcripts(&written);
    let checked = judged(&files);
    let later = outcomes(&checked);
    let run_in = target_file(folder.path(), &url).with_extension("transcripts");
    let strange = unannounced(&files, &run_in);
    assert!(strange.is_empty(), "{strange:#?}");
    assert!(live.len() > 100, "{}", live.len());
    let about = |text: &str, id: &str| {
        let lines = text.lines().skip_while(|line| !line.contains(id)).take(16);
        lines.collect::<Vec<_>>().join("\n")
    };
    for (id, outcome) in &live {
        let both = || format!("{id}\n{}\n\n{}", about(&said, id), about(&checked, id));
        assert_eq!(later.get(id), Some(outcome), "{}", both());
    }
}

#[test]
fn the_suite_over_websocket() {
    the_same_as_without("ws", &[]);
}

#[test]
fn the_suite_over_tcp() {
    // What rings for half a minute is the same over both.
    the_same_as_without("xmpp", &["--filter", "not tag:timeout"]);
}

/// What the proxy was told of its server stands in what it writes.
#[test]
fn calls_of_a_server_that_judges_them_are_judged_as_such_later_too() {
    let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    let folder = tempfile::TempDir::new().expect("a folder");
    let enforcing = ["--profile", "enforcing"];
    let serve = endpoint(&enforcing);
    let proxy = record(
        &format!("ws://{}/ws", serve.address),
        &folder.path().join("written"),
        &["--judge", "--profile", "enforcing"],
    );
    let more = [
        "--profile",
        "enforcing",
        "--filter",
        "name:call/full or name:reject/by-hangup",
    ];
    let results = played(folder.path(), &proxy.url, &more);
    assert!(
        results.values().all(|result| result == "\"passed\""),
        "{results:?}"
    );
    let written = proxy.folder.clone();
    let (status, said) = proxy.end();
    assert_eq!(status, Some(0), "{said}");
    let later = judged(&transcripts(&written));
    assert_eq!(outcomes(&later), outcomes(&said), "{later}");
    let again = run(callspec()
        .arg("replay")
        .arg(&transcripts(&written)[0])
        .arg("--to-scenario"));
    assert!(
        again.out.contains("profiles: [enforcing]"),
        "{}{}",
        again.out,
        again.err
    );
}

/// Each fault of the endpoint shows in the calls of clients that know nothing of being tested.
#[test]
fn what_the_server_breaks_is_found_live_and_later() {
    let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    let folder = tempfile::TempDir::new().expect("a folder");
    let faults = [
        ("drop:every=3", "RT-03"),
        ("duplicate", "RT-03"),
        ("reorder", "RT-04"),
        ("from-bare", "RT-01"),
        ("timestamp-replaced", "RT-05"),
        ("leak-to-stranger", "RT-06"),
    ];
    std::thread::scope(|scope| {
        for (at, (fault, rule)) in faults.into_iter().enumerate() {
            let folder = folder.path().join(at.to_string());
            scope.spawn(move || {
                std::fs::create_dir_all(&folder).expect("a folder");
                let serve = endpoint(&["--fault", fault]);
                let proxy = record(
                    &format!("ws://{}/ws", serve.address),
                    &folder.join("written"),
                    &["--judge", "--split", "session"],
                );
                let scenarios = ["--filter", "name:call/full or name:call/* or name:ice/*"];
                played(&folder, &proxy.url, &scenarios);
                let written = proxy.folder.clone();
                let (status, said) = proxy.end();
                assert_eq!(status, Some(1), "{fault}: {said}");
                assert!(rules(&said).contains(rule), "{fault}: {:?}\n{said}", rules(&said));
                let later = judged(&transcripts(&written));
                assert_eq!(rules(&later), rules(&said), "{fault}");
                assert_eq!(outcomes(&later), outcomes(&said), "{fault}");
            });
        }
    });
}
