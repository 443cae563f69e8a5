//! What `check` and `show` write besides: every report that `run` has, waivers, ladders.

use std::path::Path;
use std::process::Command;

use serde_json::Value;

use crate::hars::{ALL, Folder, data, har, holds, messages, text};

fn run(folder: &Folder, args: &[&str]) -> (i32, String, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_callspec"))
        .args(args)
        .current_dir(folder.0.path())
        .env_remove("GITHUB_STEP_SUMMARY")
        .output()
        .expect("callspec runs");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (
        output.status.code().unwrap_or(-1),
        text(&output.stdout),
        text(&output.stderr),
    )
}

/// A cancelled call whose hangup gives a reason that a caller can not give.
fn broken(folder: &Folder) {
    let mut har = har(ALL[2]);
    for message in messages(&mut har)
        .iter_mut()
        .filter(|message| holds(message, "hangup"))
    {
        message["data"] = text(message).replace("cancelled", "rejected").into();
    }
    folder.write("broken.har", &har);
}

fn read(folder: &Folder, name: &str) -> String {
    std::fs::read_to_string(folder.0.path().join(name)).expect(name)
}

#[test]
fn every_kind_of_report_is_written() {
    let folder = Folder::new();
    broken(&folder);
    let sound = data(ALL[0]);
    let kinds = ["junit", "json", "github", "tap", "html", "gitlab", "codequality"];
    let flags: Vec<String> = kinds
        .iter()
        .flat_map(|kind| ["--report".to_owned(), format!("{kind}={kind}.out")])
        .collect();
    let mut args = vec!["check", "broken.har", sound.to_str().expect("a path")];
    args.extend(flags.iter().map(String::as_str));
    let (status, out, err) = run(&folder, &args);
    assert_eq!((status, err.as_str()), (1, ""), "{out}");

    let json: Value = serde_json::from_str(&read(&folder, "json.out")).expect("JSON");
    assert_eq!(
        (&json["summary"]["failed"], &json["summary"]["passed"]),
        (&1.into(), &1.into()),
        "{json}"
    );
    assert_eq!(json["rules"]["ST-12"]["broken"], 1);
    assert_eq!(json["suite"], "2 recordings");
    let entry = json["scenarios"]
        .as_array()
        .and_then(|all| all.iter().find(|one| one["result"] == "failed"));
    let entry = entry.expect("a failed call");
    assert_eq!(
        (&entry["file"], &entry["again"]),
        (&"broken.har".into(), &"callspec check broken.har".into())
    );
    assert!(
        entry["about"]
            .as_str()
            .is_some_and(|about| about.contains("alice → bob")),
        "{entry}"
    );

    let junit = quick_junit::Report::deserialize_from_str(&read(&folder, "junit.out")).expect("JUnit");
    assert_eq!((junit.tests, junit.failures, junit.errors), (2, 1, 0));
    for (kind, holds) in [
        ("github", "::error"),
        ("tap", "not ok"),
        ("gitlab", "file=\"broken.har\""),
        ("codequality", "ST-12"),
        ("html", "ST-12"),
    ] {
        let text = read(&folder, &format!("{kind}.out"));
        assert!(text.contains(holds), "{kind}: {text}");
    }
    // The ladder of the call is in the page, and in what JUnit says of it.
    assert!(read(&folder, "html.out").contains("<script type=\"text/plain\" id=\"b"));
    assert!(read(&folder, "junit.out").contains("hangup rejected"));
}

#[test]
fn a_report_on_stdout_has_it_for_itself() {
    let folder = Folder::new();
    broken(&folder);
    let (status, out, err) = run(&folder, &["check", "broken.har", "--report", "json=-"]);
    let json: Value = serde_json::from_str(&out).expect("JSON and nothing else");
    assert_eq!((status, &json["summary"]["failed"]), (1, &1.into()));
    assert!(
        err.contains("broken.har: a HAR of Chrome") && err.contains("ST-12  must, client"),
        "{err}"
    );

    std::fs::write(folder.0.path().join("one.json"), &out).expect("a file");
    let (status, tap, err) = run(&folder, &["report", "merge", "one.json", "--report", "tap=-"]);
    assert_eq!((status, err.as_str()), (0, ""));
    assert!(tap.starts_with("TAP version 14"), "{tap}");

    let (status, _, err) = run(&folder, &["check", "broken.har", "--report", "juint=x"]);
    assert!(status == 2 && err.contains("did you mean `junit`"), "{err}");
}

#[test]
fn what_is_waived_is_known() {
    let folder = Folder::new();
    broken(&folder);
    let waivers = |scenario: &str, more: &str| {
        let text = format!("- {{ rule: ST-12, scenario: \"{scenario}\", reason: ticket 7{more} }}\n");
        std::fs::write(folder.0.path().join("waivers.yaml"), text).expect("a file");
        run(
            &folder,
            &[
                "check",
                "broken.har",
                "--waivers",
                "waivers.yaml",
                "--report",
                "json=report.json",
            ],
        )
    };
    let (status, out, _) = waivers("*.har", "");
    assert!(
        status == 0 && out.contains("known") && out.contains("ticket 7 (waivers.yaml:1)"),
        "{out}"
    );
    let json: Value = serde_json::from_str(&read(&folder, "report.json")).expect("JSON");
    assert_eq!(json["summary"]["known"], 1);
    assert_eq!(
        (
            &json["rules"]["ST-12"]["known"],
            &json["rules"]["ST-12"]["broken"]
        ),
        (&1.into(), &0.into())
    );
    let (status, out, err) = waivers("other.har", "");
    assert!(
        status == 1 && out.contains("FAIL") && err.is_empty(),
        "{out}{err}"
    );
    let (status, _, err) = waivers("*", ", expires: 2020-01-01");
    assert!(
        status == 1 && err.contains("the waiver of ST-12 has expired"),
        "{err}"
    );
}

#[test]
fn findings_are_told_with_a_line_between_them_and_not_without_end() {
    let folder = Folder::new();
    let mut har = har(ALL[0]);
    // The caller gives every one of its signals the timestamp of another day.
    for message in messages(&mut har)
        .iter_mut()
        .filter(|message| message["type"] == "send")
    {
        message["data"] = text(message).replace("2026-11-23T13", "2026-11-23T10").into();
    }
    folder.write("late.har", &har);
    let (status, out, _) = run(&folder, &["check", "late.har"]);
    assert_eq!(status, 0, "{out}");
    assert_eq!(out.matches("TM-05  should, client").count(), 3, "{out}");
    assert!(out.contains("TM-05  4 more of these\n\n1 call\n"), "{out}");
    let blocks: Vec<&str> = out.split("\n\n").collect();
    assert_eq!(blocks.len(), 4, "{out}");
    let (status, _, _) = run(&folder, &["check", "late.har", "--strict"]);
    assert_eq!(status, 1);
}

#[test]
fn show_draws_the_calls_of_a_recording() {
    let folder = Folder::new();
    let callee = data(ALL[1]);
    let callee = callee.to_str().expect("a path");
    let (status, out, err) = run(&folder, &["show", callee]);
    assert_eq!((status, err.as_str()), (0, ""), "{out}");
    assert!(
        out.contains("a HAR of Chrome") && out.contains("bob answered"),
        "{out}"
    );
    assert_eq!(out.matches("ice-candidate").count(), 6, "{out}");

    let log = "08:00:01.5 SENT: <iq type='set' id='a' to='bob@x/2' from='alice@x/1'><call xmlns='urn:xmpp:call:0'>{\"type\":\"call:initiate\",\"callId\":\"550e8400-e29b-41d4-a716-446655440000\",\"senderId\":\"a1b2c3d4-e5f6-4890-abcd-ef1234567890\",\"recipientId\":\"b2c3d4e5-f6a7-4901-bcde-f12345678901\",\"timestamp\":\"2026-11-23T13:44:10Z\",\"payload\":{\"callerName\":\"Alice\"}}</call></iq>\n";
    std::fs::write(folder.0.path().join("strophe.log"), log).expect("a file");
    let (status, out, err) = run(&folder, &["show", "strophe.log"]);
    assert_eq!((status, err.as_str()), (0, ""), "{out}");
    assert!(
        out.contains("a Strophe log") && out.contains("alice ringing"),
        "{out}"
    );
    let (status, _, _) = run(
        &folder,
        &["show", "strophe.log", "--svg", "call.svg", "--html", "call.html"],
    );
    assert!(status == 0 && read(&folder, "call.svg").starts_with("<svg"));
    assert!(Path::new(&folder.0.path().join("call.html")).is_file());
    let (status, _, err) = run(&folder, &["show", "strophe.log", "--call", "11"]);
    assert!(
        status == 2 && err.contains("none of its 1 calls begins with 11"),
        "{err}"
    );
    std::fs::write(folder.0.path().join("prose"), "no calls today\n").expect("a file");
    let (status, _, err) = run(&folder, &["show", "prose"]);
    assert!(status == 2 && err.contains("Prosody"), "{err}");
}
