//! The page of rules is what the catalogue and the scenarios say.
//!
//! `UPDATE_PAGES=1 cargo test --test rules` writes it anew.

use std::fmt::Write;
use std::path::Path;

use callspec::rules::{Blame, catalogue, groups, judge};
use callspec::scenario::{Shown, builtin, by_rule};
use callspec::transcript::Reader;

/// Scenarios that are named beside a rule; `callspec rules ID` and its JSON name more.
const NAMED: usize = 4;

fn listed(names: &[String]) -> String {
    let named: Vec<String> = names.iter().take(NAMED).map(|name| format!("`{name}`")).collect();
    let more = names.len().saturating_sub(NAMED);
    match more {
        0 => named.join(", "),
        _ => format!("{} and more", named.join(", ")),
    }
}

fn page() -> String {
    let shown = by_rule(&builtin().expect("the built-in suite reads"));
    let mut page = format!(
        "# The rules\n\n\
         {} rules in {} groups. A **must** that is broken fails a scenario, a **should** warns (and fails under `--strict`), \
         an **info** is a remark. Each rule says whom it binds, where it stands, what a breach looks like on the wire and how \
         it is mended. Ids stay what they are; new rules are added at the end of their group.\n\n\
         `callspec rules ID` shows one rule, `callspec rules --report json=-` all of them for a machine. \
         \"Seed\" is the protocol's own description; [protocol.md](protocol.md) is how it is read where it is silent.\n\n",
        catalogue().len(),
        groups().len()
    );
    for group in groups() {
        let _ = writeln!(
            page,
            "- [{} · {}](#{}-{}): {} rules",
            group.prefix,
            group.about,
            group.prefix.to_lowercase(),
            group.about.to_lowercase().replace(',', "").replace(' ', "-"),
            group.rules.len()
        );
    }
    for group in groups() {
        let _ = writeln!(page, "\n## {} {}", group.prefix, group.about);
        for rule in group.rules {
            let _ = write!(
                page,
                "\n### {}\n\n**{}, {}:** {}\n({})\n\n- On the wire: {}\n- Mended: {}\n",
                rule.id,
                rule.level.name(),
                rule.subject.name(),
                rule.text,
                rule.source,
                rule.breach,
                rule.mend
            );
            let none = Shown::default();
            let shown = shown.get(rule.id).unwrap_or(&none);
            for (head, names) in [("Broken in", &shown.broken), ("Kept in", &shown.kept)] {
                if !names.is_empty() {
                    let _ = writeln!(page, "- {head}: {}", listed(names));
                }
            }
        }
    }
    page
}

#[test]
fn the_page_of_rules_is_up_to_date() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/rules.md");
    let page = page();
    if std::env::var_os("UPDATE_PAGES").is_some() {
        std::fs::write(&path, &page).expect("the page is written");
    }
    let written = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        written == page,
        "docs/rules.md is stale: UPDATE_PAGES=1 cargo test --test rules writes it anew"
    );
}

/// What a rule asks is seen by somebody: a scenario names it, or it is of a group that only streams can show.
#[test]
fn every_rule_of_signals_is_shown_by_a_scenario() {
    let shown = by_rule(&builtin().expect("the built-in suite reads"));
    for rule in catalogue() {
        let of_streams = ["TR", "AU", "RB", "SC"].contains(&&rule.id[..2]);
        assert!(
            of_streams || shown.contains_key(rule.id),
            "no scenario shows {}",
            rule.id
        );
    }
}

/// Two Chromium in one page renegotiated in every way that their interface has; alice's end was recorded. The seed is
/// silent about renegotiation, so all that may be said of it is a remark.
#[test]
fn what_a_browser_describes_is_sound() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/recordings");
    for (name, descriptions) in [
        ("chromium-renegotiates", 16),
        ("chromium-bundles-all", 6),
        ("chromium-refuses-video", 4),
    ] {
        let file = std::fs::File::open(folder.join(format!("{name}.jsonl"))).expect(name);
        let (header, events) = Reader::new(std::io::BufReader::new(file)).expect("a header");
        let verdict = judge(&header, events.map(|event| event.expect("an event")));
        for found in &verdict.findings {
            assert_eq!(found.blame, Blame::Nobody, "{name}: {found:?}");
            assert!(!found.rule.id.starts_with("SD"), "{name}: {found:?}");
        }
        let held = |id: &str| verdict.rules.get(id).map_or(0, |tally| tally.held);
        assert_eq!(held("SD-01"), descriptions, "{name}");
        for id in ["SD-05", "SD-11", "SD-13", "SD-22", "SD-28", "SD-43", "SD-55"] {
            assert!(held(id) > 0, "{name}: {id} was not put to the test");
        }
    }
}
