//! `callspec replay` as people meet it: browsers' HARs, half recordings, both servers, and files that are anything.

mod support;

use std::path::{Path, PathBuf};

use serde_json::Value;
use support::{PASSWORD, Said, Server, callspec, run};
use tempfile::TempDir;

fn data(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/data")
        .join(name)
}

/// A folder that everything is written to.
struct Bench(TempDir);

impl Bench {
    fn new() -> Bench {
        Bench(TempDir::new().expect("a folder"))
    }

    fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.0.path().join(name);
        std::fs::write(&path, text).expect("a file");
        path
    }

    fn replay(&self, files: &[&Path], more: &[&str]) -> Said {
        run(callspec()
            .current_dir(self.0.path())
            .arg("replay")
            .args(files)
            .args(more))
    }

    fn callspec(&self, args: &[&str]) -> Said {
        run(callspec().current_dir(self.0.path()).args(args))
    }

    /// The scenario of these files: linted and played.
    fn scenario(&self, files: &[&Path]) -> String {
        let said = self.replay(files, &["--to-scenario", "made.yaml"]);
        assert_eq!(said.status, 0, "{}{}", said.out, said.err);
        for command in ["lint", "run"] {
            let said = self.callspec(&[command, "made.yaml"]);
            assert_eq!(said.status, 0, "{command}: {}{}", said.out, said.err);
        }
        std::fs::read_to_string(self.0.path().join("made.yaml")).expect("a scenario")
    }
}

fn har(name: &str) -> Value {
    let text = std::fs::read_to_string(data(name)).expect("a HAR");
    serde_json::from_str(&text).expect("JSON")
}

fn messages(har: &mut Value) -> &mut Vec<Value> {
    har["log"]["entries"][0]["_webSocketMessages"]
        .as_array_mut()
        .expect("messages")
}

fn text(message: &Value) -> &str {
    message["data"].as_str().expect("a text")
}

/// The whole HAR with one text replaced in every message that holds it.
fn with(name: &str, old: &str, new: &str) -> String {
    let mut har = har(name);
    let mut found = false;
    for message in messages(&mut har) {
        let data = text(message).replace(old, new);
        found |= data != text(message);
        message["data"] = data.into();
    }
    assert!(found, "{old}");
    har.to_string()
}

#[test]
fn a_browsers_call_becomes_a_scenario_without_its_people() {
    let (caller, callee) = (data("chrome-call.caller.har"), data("chrome-call.callee.har"));
    let cancel = data("chrome-cancel.caller.har");
    // Nobody's address, and no id of theirs.
    let address = regex::Regex::new(r"[\w.-]+@[\w.-]+").expect("a pattern");
    let id = regex::Regex::new(r"(senderId|recipientId|callId)").expect("a pattern");
    for files in [
        &[caller.as_path()][..],
        &[&callee],
        &[&caller, &callee],
        &[&cancel],
    ] {
        let yaml = Bench::new().scenario(files);
        assert!(!address.is_match(&yaml), "{yaml}");
        assert!(!id.is_match(&yaml), "{yaml}");
        assert!(!yaml.contains("breaks"), "{yaml}");
        assert_eq!(
            yaml.contains("Not recorded at its own end"),
            files.len() == 1,
            "{yaml}"
        );
    }
    let yaml = Bench::new().scenario(&[&caller]);
    assert!(yaml.contains("body: \"hello <b> & co\""), "{yaml}");
    assert!(yaml.contains("callerName: \"Alice ✆\""), "{yaml}");
}

#[test]
fn it_goes_as_it_did_then() {
    let (caller, callee) = (data("chrome-call.caller.har"), data("chrome-call.callee.har"));
    for more in [
        &[][..],
        &["--speed", "10"],
        &["--speed", "max"],
        &["--as", "callee=zoe"],
    ] {
        for files in [&[caller.as_path()][..], &[&callee], &[&caller, &callee]] {
            let said = Bench::new().replay(files, more);
            assert_eq!(said.status, 0, "{more:?} {}{}", said.out, said.err);
            assert!(
                said.out.contains("everything went as it did then"),
                "{}",
                said.out
            );
        }
    }
}

/// What was broken then is announced, and shown by the same rule.
#[test]
fn a_breach_comes_back() {
    let bench = Bench::new();
    let long = with("chrome-call.callee.har", "\"duration\":2", "\"duration\":99");
    let file = bench.write("long.har", &long);
    let said = run(callspec().arg("check").arg(&file));
    assert!(said.out.contains("TM-04"), "{}", said.out);
    let yaml = bench.scenario(&[&file]);
    assert!(
        yaml.contains("breaks: [TM-04]") && yaml.contains("rules: [TM-04]"),
        "{yaml}"
    );
    assert!(yaml.contains("# breaks TM-04: "), "{yaml}");
}

#[test]
fn what_differs_stands_side_by_side() {
    let bench = Bench::new();
    let mut har = har("chrome-call.caller.har");
    let mute = messages(&mut har)
        .iter()
        .find(|message| text(message).contains("call:mute-change"))
        .map(|message| text(message).to_owned());
    let mute = mute.expect("a mute");
    let id = regex::Regex::new(r#" id=["']([^"']+)["']"#).expect("a pattern");
    let id = id.captures(&mute).expect("an id")[1].to_owned();
    let end = regex::Regex::new("/>$|></iq>$").expect("a pattern");
    for message in messages(&mut har) {
        let data = text(message).to_owned();
        if data.contains(&id) && data.contains("result") {
            let refused = data.replace("result", "error");
            let refused = end.replace(
                &refused,
                "><error type='cancel'><item-not-found xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></iq>",
            );
            message["data"] = refused.into_owned().into();
        }
    }
    let file = bench.write("refused.har", &har.to_string());
    // The callee is a bot: it refuses again, as it did then.
    let said = bench.replay(&[&file], &[]);
    assert_eq!(said.status, 0, "{}{}", said.out, said.err);
    // Somebody who was there then is not there now.
    let bounced = bounced();
    let file = bench.write("bounced.jsonl", &bounced);
    let said = bench.replay(&[&file], &[]);
    assert_eq!(said.status, 1, "{}{}", said.out, said.err);
    assert!(said.out.contains("did not come to callee"), "{}", said.out);
    assert!(said.out.contains("│ came to callee"), "{}", said.out);
    let shown = said.out.split("otherwise than then").nth(1).expect("columns");
    assert!(shown.lines().all(|line| line.chars().count() <= 80), "{shown}");
}

/// A run's transcript in which the server lost a signal.
fn bounced() -> String {
    let bench = Bench::new();
    let scenario = "name: a-call\nabout: A call that is withdrawn.\nsteps:\n  - caller: { sends: initiate }\n  \
        - callee: { receives: initiate }\n  - caller: { sends: hangup, with: { reason: cancelled } }\n  \
        - callee: { receives: hangup }\n";
    bench.write("a-call.yaml", scenario);
    let said = bench.callspec(&["run", "a-call.yaml", "--transcripts", "t"]);
    assert_eq!(said.status, 0, "{}", said.err);
    let text = std::fs::read_to_string(bench.0.path().join("t/a-call.jsonl")).expect("a transcript");
    let hangup = |line: &str| line.contains("call:hangup") && line.contains("\"dir\":\"received\"");
    let result = |line: &str| line.contains("type=\\\"result\\\"") || line.contains("\"met\"");
    let mut lost = false;
    let mut kept = Vec::new();
    for line in text.lines() {
        lost |= hangup(line);
        let gone = hangup(line) || (lost && result(line));
        if !gone {
            kept.push(line);
        }
    }
    assert!(lost);
    kept.join("\n") + "\n"
}

/// Recordings that begin late, end early, or hold signals alone.
#[test]
fn what_is_missing_is_filled_in_and_told() {
    let bench = Bench::new();
    let mut late = har("chrome-call.caller.har");
    let all = messages(&mut late);
    let from = all
        .iter()
        .position(|message| text(message).contains("call:mute-change"))
        .expect("a mute");
    // The stream's beginning goes too: nothing tells where the session began.
    all.drain(..from);
    let file = bench.write("late.har", &late.to_string());
    let yaml = bench.scenario(&[&file]);
    assert!(
        yaml.contains("# Filled in: initiate, accept, offer, answer, since the recording begins later."),
        "{yaml}"
    );
    let mut early = har("chrome-call.caller.har");
    let all = messages(&mut early);
    let to = all
        .iter()
        .position(|message| text(message).contains("call:offer"))
        .expect("an offer");
    all.truncate(to + 1);
    let file = bench.write("early.har", &early.to_string());
    let yaml = bench.scenario(&[&file]);
    assert!(
        yaml.contains("leaves-open: the recording ends while the call is alive"),
        "{yaml}"
    );
    // Signals alone, without times.
    let mut whole = har("chrome-call.caller.har");
    let signals: Vec<String> = messages(&mut whole)
        .iter()
        .filter(|message| text(message).contains("call:"))
        .filter_map(|message| {
            let stanza = callspec::stanza::Stanza::parse(text(message)).ok()?;
            stanza.call_text()
        })
        .collect();
    let file = bench.write("signals.jsonl", &(signals.join("\n") + "\n"));
    let yaml = bench.scenario(&[&file]);
    assert!(yaml.contains("# Filled in: the times"), "{yaml}");
}

#[test]
fn one_call_of_several_is_chosen_by_its_id() {
    let bench = Bench::new();
    let one = |id: u8, at: u64| {
        let call = format!("{id}50e8400-e29b-41d4-a716-446655440000");
        let (a, b) = (
            "a1b2c3d4-e5f6-4890-abcd-ef1234567890",
            "b2c3d4e5-f6a7-4901-bcde-f12345678901",
        );
        let line = |at: u64, kind: &str, from: &str, to: &str, payload: &str| {
            format!(
                "{{\"time\":{at},\"signal\":{{\"type\":\"call:{kind}\",\"callId\":\"{call}\",\"senderId\":\"{from}\",\"recipientId\":\"{to}\",\"timestamp\":\"2026-01-01T00:00:00Z\",\"payload\":{payload}}}}}\n"
            )
        };
        line(at, "initiate", a, b, "{\"callerName\":\"A\"}") + &line(at + 1, "reject", b, a, "{}")
    };
    let file = bench.write("calls.jsonl", &(one(1, 100) + &one(2, 200)));
    let said = bench.replay(&[&file], &["--to-scenario"]);
    assert_eq!(said.status, 2, "{}", said.out);
    assert!(
        said.err.contains("--call") && said.err.contains("150e8400"),
        "{}",
        said.err
    );
    // A recording is a recording, wherever it is named, and is never written over.
    let other = bench.write("other.jsonl", &one(3, 300));
    let said = bench.replay(&[], &["--to-scenario", "other.jsonl"]);
    assert!(
        said.status == 0 && said.out.contains("sends: initiate"),
        "{}",
        said.err
    );
    let said = bench.replay(&[], &["--to-scenario", "other.jsonl", "calls.jsonl"]);
    assert_eq!(said.status, 2, "{}", said.out);
    assert!(said.err.contains("other.jsonl"), "{}", said.err);
    assert_eq!(std::fs::read_to_string(&other).expect("it is there"), one(3, 300));
    let said = bench.replay(&[&file], &["--to-scenario", "many.yaml"]);
    assert_eq!(said.status, 0, "{}", said.err);
    assert!(bench.0.path().join("many-2.yaml").exists());
    let said = bench.replay(&[&file], &["--call", "250e", "--to-scenario"]);
    assert_eq!(said.status, 0, "{}", said.err);
    let said = bench.replay(&[&file], &["--call", "nothing"]);
    assert_eq!(said.status, 2, "{}", said.err);
    let said = bench.replay(&[&file], &[]);
    assert_eq!(said.status, 0, "{}{}", said.out, said.err);
    assert!(said.out.contains("2 cases: 2 passed"), "{}", said.out);
}

/// Whatever a file is: a sentence with its place, and no panic.
#[test]
fn files_that_are_anything() {
    let bench = Bench::new();
    let deep = format!(
        "{{\"signal\":{{\"type\":\"call:offer\",\"callId\":\"x\",\"payload\":{}1{}}}}}\n",
        "[".repeat(5_000),
        "]".repeat(5_000)
    );
    let header = "{\"callspec\":1,\"scenario\":{\"name\":\"../../x\"},\"cast\":{\"all\":{\"jid\":\"\"},\"a b\":{\"jid\":\"x\"}}}\n";
    let event = |who: &str, xml: &str| {
        format!(
            "{{\"n\":1,\"t\":1e300,\"who\":\"{who}\",\"dir\":\"sent\",\"xml\":{}}}\n",
            Value::from(xml)
        )
    };
    let call = "<iq type='set' id='' to='all'><call xmlns='urn:xmpp:call:0'>{\"type\":\"call:hangup\",\"callId\":\"{x}\",\"payload\":{\"a\\u0000{}\":\"{caller.jid}\"}}</call></iq>";
    for (name, text) in [
        ("empty", String::new()),
        ("words", "nothing of the kind\n".repeat(50)),
        ("deep", deep),
        ("json", "{}\n[]\n".to_owned()),
        ("no-event", format!("{header}{{\"n\":\n")),
        (
            "odd",
            format!("{header}{}{}", event("all", call), event("a b", call)),
        ),
        ("broken", format!("{header}{}", event("all", "<iq <<"))),
    ] {
        let file = bench.write(name, &text);
        for more in [&[][..], &["--to-scenario"]] {
            let said = bench.replay(&[&file], more);
            assert!(
                (0..=3).contains(&said.status),
                "{name}: {} {}",
                said.status,
                said.err
            );
            let told = said.err.starts_with("error: ") || said.out.contains("ERROR");
            assert!(said.status < 2 || told, "{name}: {}{}", said.out, said.err);
            assert!(!said.err.contains("panicked"), "{name}: {}", said.err);
        }
    }
    for args in [
        &["--as", "nobody=x"][..],
        &["--as", "x"],
        &["--speed", "0"],
        &["--speed", "-1"],
        &["--to-scenario", "--speed", "2"],
    ] {
        let said = bench.replay(&[&data("chrome-call.caller.har")], args);
        assert_eq!(said.status, 2, "{args:?} {}{}", said.out, said.err);
    }
}

/// On a real server a browser's call goes as it did then, with the server's accounts.
fn on(server: &Server) {
    let bench = Bench::new();
    // Not over plain WebSocket, where ejabberd now and then loses an <open/>.
    let (_, url) = &server.urls()[1];
    let target = server.target(url);
    let target = target.to_str().expect("a path");
    let (caller, callee) = (data("chrome-call.caller.har"), data("chrome-call.callee.har"));
    for files in [&[caller.as_path()][..], &[&caller, &callee]] {
        let more = [
            "--target",
            target,
            "--speed",
            "10",
            "--as",
            "caller=carol",
            "--transcripts",
            "t",
        ];
        let said = bench.replay(files, &more);
        assert_eq!(said.status, 0, "{}: {}{}", server.name, said.out, said.err);
        assert!(
            said.out.contains("everything went as it did then"),
            "{}",
            said.out
        );
    }
    let mut written = String::new();
    for entry in std::fs::read_dir(bench.0.path().join("t")).expect("transcripts") {
        written += &std::fs::read_to_string(entry.expect("an entry").path()).expect("a transcript");
    }
    assert!(written.contains("carol@") && !written.contains(PASSWORD));
}

#[test]
fn on_prosody() {
    on(&Server::prosody());
}

#[test]
fn on_ejabberd() {
    on(&Server::ejabberd());
}
