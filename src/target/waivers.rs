//! A waiver file: YAML, a list of breaches that a team knows of, each with its reason.

use std::path::Path;

use time::Date;
use time::format_description::FormatItem;
use time::macros::format_description;

use crate::rules::{Glob, Waiver, catalogue, rule};
use crate::yaml::{Checker, Error, Kind, Node, SIZE_LIMIT, Source, did_you_mean, get};

const KEYS: [&str; 4] = ["rule", "scenario", "reason", "expires"];
const DAY: &[FormatItem<'_>] = format_description!("[year]-[month]-[day]");

/// An entry of the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    pub waiver: Waiver,
    /// The last day on which it excuses anything, in UTC.
    pub expires: Option<Date>,
}

/// Reads a waiver file.
///
/// # Errors
/// All that is wrong with it, each with its place.
pub fn load_waivers(path: &Path) -> Result<Vec<Entry>, Vec<Error>> {
    let file = path.display().to_string();
    let plain = |message: String| vec![Error::of_file(&file, message)];
    let size = std::fs::metadata(path).map_err(|error| plain(error.to_string()))?;
    if size.len() > SIZE_LIMIT as u64 {
        let bytes = size.len();
        return Err(plain(format!(
            "the file has {bytes} bytes; {SIZE_LIMIT} are the limit"
        )));
    }
    let text = std::fs::read_to_string(path).map_err(|error| plain(error.to_string()))?;
    parse(&Source { file, text })
}

fn parse(source: &Source) -> Result<Vec<Entry>, Vec<Error>> {
    let tree = source.tree().map_err(|error| vec![error])?;
    let mut errors = Vec::new();
    let mut check = Checker {
        source,
        errors: &mut errors,
    };
    let entries = match &tree.kind {
        Kind::List(items) => items.iter().filter_map(|item| entry(&mut check, item)).collect(),
        _ => {
            check.error(
                &tree,
                "a waiver file is a list: `- { rule: …, scenario: …, reason: … }`",
            );
            Vec::new()
        }
    };
    if errors.is_empty() {
        Ok(entries)
    } else {
        Err(errors)
    }
}

fn entry(check: &mut Checker<'_>, node: &Node) -> Option<Entry> {
    let members = check.map(node, &KEYS);
    let mut texts = [const { String::new() }; 3];
    for (name, text) in ["rule", "scenario", "reason"].into_iter().zip(&mut texts) {
        match get(members, name) {
            Some(value) => *text = check.string(value),
            None => check.error(node, format!("`{name}` is missing")),
        }
    }
    let [id, scenario, reason] = texts;
    if let Some(value) = get(members, "rule")
        && rule(&id).is_none()
    {
        let known = catalogue().iter().map(|rule| rule.id);
        let mut error = check.source.error(value, format!("unknown rule `{id}`"));
        error.hint = did_you_mean(&id, known);
        check.errors.push(error);
    }
    if let Some(value) = get(members, "reason")
        && reason.trim().is_empty()
    {
        check.error(
            value,
            "a waiver without a reason is none: say why, and where it is tracked",
        );
    }
    let expires = match get(members, "expires") {
        None => None,
        Some(value) => {
            let day = Date::parse(value.text().unwrap_or_default(), DAY);
            if day.is_err() {
                check.error(value, "this has to be a day, such as 2026-12-31");
            }
            day.ok()
        }
    };
    let place = check.source.place(node).to_string();
    Some(Entry {
        waiver: Waiver {
            rule: id,
            scenario: Glob::new(&scenario),
            reason,
            place,
        },
        expires,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Vec<Entry>, Vec<Error>> {
        parse(&Source {
            file: "waivers.yaml".into(),
            text: text.into(),
        })
    }

    #[test]
    fn entries_know_their_place_and_their_last_day() {
        let entries = read(
            "# ours\n- rule: RT-03\n  scenario: cancel/*\n  reason: CALL-17\n  expires: 2026-12-31\n\
             - { rule: RT-13, scenario: \"*\", reason: slow disks }\n",
        )
        .expect("two entries");
        assert_eq!(entries.len(), 2);
        assert_eq!(entries[0].waiver.place, "waivers.yaml:2");
        assert!(entries[0].waiver.names("cancel/at-once", &[]));
        assert_eq!(
            entries[0].expires,
            Date::from_calendar_date(2026, time::Month::December, 31).ok()
        );
        assert_eq!(entries[1].waiver.place, "waivers.yaml:6");
        assert_eq!(entries[1].expires, None);
    }

    #[test]
    fn what_is_wrong_is_told_with_its_place() {
        for (text, place, part) in [
            ("rule: RT-03", "1:1", "a waiver file is a list"),
            ("- rule: RT-03\n  reason: x", "1:3", "`scenario` is missing"),
            (
                "- { rule: RT-3, scenario: x, reason: y }",
                "1:11",
                "did you mean `RT-03`?",
            ),
            (
                "- { rule: RT-03, scenario: x, reason: ' ' }",
                "1:39",
                "without a reason",
            ),
            (
                "- { rule: RT-03, scenario: x, reason: y, until: z }",
                "1:42",
                "unknown key `until`",
            ),
            (
                "- { rule: RT-03, scenario: x, reason: y, expires: soon }",
                "1:51",
                "has to be a day",
            ),
            ("- { rule: RT-03, scenario: x, reason: y", "", "not YAML"),
            ("", "1:1", "the file is empty"),
        ] {
            let errors = read(text).expect_err(text);
            let told: String = errors.iter().map(|error| format!("{error}\n")).collect();
            assert!(told.contains(&format!("waivers.yaml:{place}")), "{told}");
            assert!(told.contains(part), "{told}");
        }
    }
}
