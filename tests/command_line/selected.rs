//! Which cases are run: by a filter, a shard, or because they failed.

use std::collections::BTreeSet;
use std::path::PathBuf;

use crate::bench::{BROKEN, Bench, SOUND, status, told};

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
