//! Commands that stand beside a run: `init`, `schema`, `completions`, `rules`, and the help of all.

use std::process::Command;

use insta::assert_snapshot;

use crate::bench::{Bench, SOUND, closed_port, status, told};
use crate::support::run;

#[test]
fn what_init_writes_is_accepted_and_runs() {
    let bench = Bench::new();
    let said = bench.run(&["init"]);
    assert_snapshot!("init", told(&said));
    status(&bench.run(&["lint", "scenarios/first-call.yaml"]), 0);
    status(&bench.run(&["run", "scenarios/first-call.yaml", "--strict"]), 0);
    // The target file beside them is no scenario, unless somebody says so.
    status(&bench.run(&["lint", "."]), 0);
    status(&bench.run(&["run", "."]), 0);
    status(&bench.run(&["lint", "target.yaml"]), 2);
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

/// Who reads only half of it is not told that all is well.
#[cfg(target_os = "linux")]
#[test]
fn what_cannot_be_said_on_stdout_is_no_success() {
    let bench = Bench::with(&[("sound.yaml", SOUND)]);
    for args in [
        &["run", "sound.yaml"][..],
        &["run", "sound.yaml", "--report", "json=-"],
        &["lint", "sound.yaml"],
        &["rules"],
        &["schema", "scenario"],
        &["completions", "bash"],
    ] {
        let full = std::fs::File::options()
            .write(true)
            .open("/dev/full")
            .expect("a device");
        let said = bench.command(args).stdout(full).output().expect("callspec runs");
        let err = String::from_utf8_lossy(&said.stderr);
        assert_eq!(said.status.code(), Some(2), "{args:?}: {err}");
        assert!(
            err.contains("error: cannot write to stdout: No space left"),
            "{args:?}: {err}"
        );
    }
}

/// A row of the matrix: the rule, and each of its faults with the scenario that catches it.
#[test]
fn a_rule_and_the_faults_that_break_it() {
    let bench = Bench::new();
    let said = bench.run(&["rules", "--matrix", "st-02"]);
    status(&said, 0);
    assert!(said.out.starts_with("ST-02  "), "{}", said.out);
    let caught = said
        .out
        .lines()
        .filter(|line| line.starts_with("  caught  "))
        .count();
    let last = said.out.lines().last().expect("the sum");
    assert!(caught > 0, "{}", said.out);
    assert_eq!(
        last,
        format!("{caught} faults, {caught} caught by a rule of their own, 0 not; 0 rules without a fault")
    );
    let said = bench.run(&["rules", "--matrix", "ST-99"]);
    status(&said, 2);
    assert!(said.err.contains("there is no rule `ST-99`"), "{}", said.err);
}
