//! Servers that hold back, as Debian's default configurations do: they are slow, and lose nothing.

mod support;

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::{OnceLock, PoisonError};

use callspec::profile::Profile;
use serde_json::Value;
use support::{Server, callspec, run};

fn target(server: &Server, transport: &str, profile: &str) -> std::path::PathBuf {
    let urls = server.urls();
    let (_, url) = urls
        .iter()
        .find(|(name, _)| *name == transport)
        .expect("a transport");
    server.target_as(url, profile)
}

/// The rate that a probe sees, and the profile that it writes.
fn probed(server: &Server, transport: &str, file: &Path) -> u64 {
    let said = run(callspec()
        .args(["probe", "--report", "json=-", "--target"])
        .arg(target(server, transport, "relay"))
        .arg("--out")
        .arg(file));
    assert_eq!(said.status, 0, "{}", said.err);
    let report: Value = serde_json::from_str(&said.out).expect("JSON");
    assert!(
        report["seconds"].as_f64().is_some_and(|seconds| seconds < 60.0),
        "{}",
        said.out
    );
    report["profile"]["rate-limit"]
        .as_u64()
        .unwrap_or_else(|| panic!("no rate in {}", said.out))
}

/// The report of a run, and what it said.
fn played(server: &Server, target: &Path, filter: &[&str]) -> (Value, String) {
    let json = server.folder.path().join(format!("{}.json", filter.len()));
    let said = run(callspec()
        .args(["run", "--quiet", "--target"])
        .arg(target)
        .args(filter)
        // The machine itself is not to be what holds back.
        .args(["--jobs", "16"])
        .arg("--transcripts")
        .arg(server.folder.path().join("transcripts"))
        .arg("--report")
        .arg(format!("json={}", json.display())));
    assert!(said.status == 0 || said.status == 1, "{}\n{}", said.out, said.err);
    let report = std::fs::read_to_string(&json).expect("a report");
    (serde_json::from_str(&report).expect("JSON"), said.out)
}

/// The rules in the findings of scenarios with this result.
fn rules(report: &Value, results: &[&str]) -> BTreeSet<String> {
    let scenarios = report["scenarios"].as_array().expect("scenarios").iter();
    scenarios
        .filter(|scenario| results.iter().any(|result| scenario["result"] == *result))
        .flat_map(|scenario| scenario["findings"].as_array().cloned().unwrap_or_default())
        .filter_map(|finding| finding["rule"].as_str().map(str::to_owned))
        .collect()
}

/// How many cases could not be played for a reason that is no breach that this server is known for.
fn unexplained(report: &Value, known: &BTreeSet<String>) -> usize {
    let scenarios = report["scenarios"].as_array().expect("scenarios").iter();
    let errors = scenarios.filter(|scenario| scenario["result"] == "error");
    let explained = |error: &&Value| {
        let mut findings = error["findings"].as_array().into_iter().flatten();
        findings.any(|finding| finding["rule"].as_str().is_some_and(|rule| known.contains(rule)))
    };
    errors.filter(|error| !explained(error)).count()
}

/// What this server breaks whether it holds back or not.
fn known(server: &Server) -> BTreeSet<String> {
    let profile = Profile::named(server.name).expect("a profile");
    profile
        .known_breaches
        .into_iter()
        .map(|known| known.rule)
        .collect()
}

/// Nothing but `profile: relay` is said: what is slow is at the most inconclusive, and says why.
fn untold(server: &Server) {
    let _turn = server.turn.lock().unwrap_or_else(PoisonError::into_inner);
    let (report, out) = played(server, &target(server, "ws", "relay"), &[]);
    let wrong: Vec<_> = rules(&report, &["failed", "warned", "error"])
        .difference(&known(server))
        .cloned()
        .collect();
    assert!(wrong.is_empty(), "{wrong:?}\n{out}");
    assert_eq!(unexplained(&report, &known(server)), 0, "{out}");
    let open = rules(&report, &["inconclusive"]);
    assert!(
        open.iter().all(|rule| rule == "RT-13" || rule == "CH-02"),
        "{open:?}\n{out}"
    );
    assert!(
        report["summary"]["passed"]
            .as_u64()
            .is_some_and(|passed| passed > 400),
        "{}",
        report["summary"]
    );
}

/// The probe sees the rate, and with its profile what is large or much is judged by it.
fn told(server: &Server, rate: u64) {
    let _turn = server.turn.lock().unwrap_or_else(PoisonError::into_inner);
    let file = server.folder.path().join("seen.yaml");
    let seen = probed(server, "direct-tls", &file);
    assert!(seen.abs_diff(rate) * 10 <= rate, "{seen} B/s");
    let target = target(server, "direct-tls", "./seen.yaml");
    let large = [
        "--filter",
        "tag:size or tag:load or tag:chat or name:payload/* or name:call/*",
    ];
    let (report, out) = played(server, &target, &large);
    let wrong: Vec<_> = rules(&report, &["failed", "warned"])
        .difference(&known(server))
        .cloned()
        .collect();
    assert!(wrong.is_empty(), "{wrong:?}\n{out}");
    for result in ["inconclusive", "error"] {
        assert_eq!(report["summary"][result], 0, "{result}\n{out}");
    }
    assert!(
        report["summary"]["passed"]
            .as_u64()
            .is_some_and(|passed| passed > 40),
        "{}",
        report["summary"]
    );
}

fn prosody() -> &'static Server {
    static SERVER: OnceLock<Server> = OnceLock::new();
    SERVER.get_or_init(Server::throttled_prosody)
}

fn ejabberd() -> &'static Server {
    static SERVER: OnceLock<Server> = OnceLock::new();
    SERVER.get_or_init(Server::throttled_ejabberd)
}

#[test]
fn as_debian_sets_up_ejabberd() {
    told(ejabberd(), 3_000);
}

#[test]
fn as_debian_sets_up_prosody() {
    told(prosody(), 10_000);
}

#[test]
fn nothing_is_said_of_ejabberd() {
    untold(ejabberd());
}

#[test]
fn nothing_is_said_of_prosody() {
    untold(prosody());
}
