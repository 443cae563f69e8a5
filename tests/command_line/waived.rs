//! What a waiver or a profile says of a breach.

use insta::assert_snapshot;

use crate::bench::{BROKEN, Bench, SOUND, status, told};

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
