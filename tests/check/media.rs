//! What two browsers described to each other in every way that an application can ask of them, fifty-nine calls of each:
//! bundles, codecs, directions, restarts, holds, sections that come, go and are used again, offers that cross.

use std::collections::BTreeSet;
use std::io::Read;

use serde_json::Value;

use crate::hars::{Folder, check, data};

fn recorded(browser: &str) -> String {
    let file = std::fs::File::open(data(&format!("{browser}-media.jsonl.zst"))).expect("a recording");
    let mut text = String::new();
    let mut reader = ruzstd::decoding::StreamingDecoder::new(file).expect("zstd");
    reader.read_to_string(&mut text).expect("text");
    text
}

/// The rules that are spoken of, with their levels.
fn told(out: &str) -> BTreeSet<String> {
    let words = out.lines().filter_map(|line| {
        let (rule, rest) = line.strip_prefix("  ")?.split_once("  ")?;
        let level = rest.split_once(", ")?.0;
        ["must", "should", "info"]
            .contains(&level)
            .then(|| format!("{rule} {level}"))
    });
    words.collect()
}

#[test]
fn browsers_break_no_must_whatever_they_are_asked_for() {
    let folder = Folder::new();
    for (browser, wanted) in [
        // It takes the other role where the first section of a bundle goes.
        (
            "chrome",
            &["SD-39 info", "SD-55 should", "ST-02 info", "ST-04 info"][..],
        ),
        // It gathers for RTCP where it answers a restart.
        ("firefox", &["SD-38 should", "ST-02 info", "ST-04 info"]),
    ] {
        let whole = recorded(browser);
        for end in ["", "alice", "bob"] {
            let kept = whole.lines().filter(|line| {
                let event: Value = serde_json::from_str(line).expect("an event");
                end.is_empty() || event.get("who").is_none_or(|who| who == end)
            });
            let path = folder.0.path().join(format!("{browser}{end}.jsonl"));
            let text: String = kept.flat_map(|line| [line, "\n"]).collect();
            std::fs::write(&path, text).expect("a file");
            let said = check(&[&path]);
            assert_eq!(said.status, 0, "{browser} {end}: {}", said.out);
            assert!(said.out.contains("59 calls"), "{browser} {end}");
            let found = told(&said.out);
            assert!(found.iter().eq(wanted), "{browser} {end}: {found:?}");
        }
    }
}
