//! A frame that the recorder left out, or wrote down in part: what was in it nobody knows, and nobody is accused of what
//! follows from that.

use serde_json::Value;

use crate::hars::{ALL, Folder, LOGIN, check, data, har, messages, text};

/// What is left of the text of a frame; `None`: not even the frame.
type Left = fn(&str) -> Option<String>;

fn part(text: &str, of: usize) -> Option<String> {
    let end = text.len() / of;
    let end = (0..=end).rev().find(|end| text.is_char_boundary(*end))?;
    Some(text[..end].to_owned())
}

const LEFT: [(&str, Left); 4] = [
    ("nothing", |_| None),
    ("no text", |_| Some(String::new())),
    ("half", |text| part(text, 2)),
    ("a beginning", |text| part(text, 10)),
];

/// Of an answer that was left out without a trace it is sound to say that it is missing.
fn may_be_missed(message: &Value, left: &str) -> bool {
    let says = |kind: &str| {
        text(message).contains(&format!("type='{kind}'"))
            || text(message).contains(&format!("type=\"{kind}\""))
    };
    matches!(left, "nothing" | "no text") && (says("result") || says("error"))
}

#[test]
fn nobody_is_accused_of_what_a_line_of_a_log_does_not_say() {
    let folder = Folder::new();
    for name in [
        "ejabberd-crossing.log",
        "converse-reject.alice.log",
        "gajim-reject.log",
    ] {
        let log = std::fs::read_to_string(data(name)).expect("a log");
        let lines: Vec<&str> = log.lines().collect();
        let of_calls = |line: &&str| line.contains("<iq") || line.contains("urn:xmpp:call:0");
        for at in (0..lines.len()).filter(|at| of_calls(&lines[*at])) {
            let cut = part(lines[at], 2).expect("a half");
            let text = [&lines[..at], &[&cut], &lines[at + 1..]].concat().join("\n");
            let file = folder.0.path().join("cut.log");
            std::fs::write(&file, text).expect("a file");
            let said = check(&[&file]);
            // Of a call whose beginning cannot be read there may be nothing to judge.
            assert!(
                matches!(said.status, 0 | 3),
                "{name}, half of line {}: {}",
                at + 1,
                said.out
            );
        }
    }
}

#[test]
fn nobody_is_accused_of_what_is_not_in_the_recording() {
    let folder = Folder::new();
    for name in ALL {
        let whole = har(name);
        let other = match name {
            "chrome-call.caller.har" => Some(data("chrome-call.callee.har")),
            "chrome-call.callee.har" => Some(data("chrome-call.caller.har")),
            _ => None,
        };
        let count = messages(&mut whole.clone()).len();
        for at in LOGIN..count {
            for (left, cut) in LEFT {
                let mut har = whole.clone();
                let all = messages(&mut har);
                let missed = may_be_missed(&all[at], left);
                match cut(text(&all[at])) {
                    Some(rest) => all[at]["data"] = rest.into(),
                    None => drop(all.remove(at)),
                }
                let file = folder.write("cut.har", &har);
                let alone = check(&[&file]);
                assert_eq!(alone.status, 0, "{name}, {left} of {at}: {}", alone.out);
                if let Some(other) = other.as_ref().filter(|_| !missed) {
                    let both = check(&[&file, other]);
                    assert_eq!(
                        both.status, 0,
                        "{name} and the other, {left} of {at}: {}",
                        both.out
                    );
                }
            }
        }
    }
}
