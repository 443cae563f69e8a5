//! What a probe has found: a table for people, and JSON.

use anstyle::{AnsiColor, Style};
use serde_json::json;

use super::tally::plain;
use super::wrap::{hang, pad, width};
use crate::probe::{Fact, Found, GROUPS};

/// Columns of a fact's name and of what was seen.
const NAME: usize = 17;
const VALUE: usize = 19;

/// The table, in 80 columns; without colour it says as much.
pub fn probed(found: &Found) -> String {
    let mut out = vec![
        format!("callspec {} · probe", env!("CARGO_PKG_VERSION")),
        hang("  ", &place(found)),
    ];
    for (group, rows) in GROUPS {
        let facts: Vec<_> = rows
            .iter()
            .filter_map(|(topic, _, label)| Some((*label, found.fact(*topic)?)))
            .collect();
        if !facts.is_empty() {
            let bold = Style::new().bold();
            out.push(format!("\n{bold}{group}{bold:#}"));
            out.extend(facts.into_iter().map(|(label, fact)| row(label, fact)));
        }
    }
    let unknown = found.facts.iter().filter(|fact| fact.value.is_none()).count();
    let seen = found.facts.len() - unknown;
    out.push(format!(
        "\n{seen} facts seen, {unknown} unknown, in {:.1} s",
        found.seconds
    ));
    out.push(hang("profile: ", &profile(found)));
    out.join("\n")
}

fn place(found: &Found) -> String {
    let target = match found.target.as_str() {
        "embedded" => "embedded endpoint",
        url => url,
    };
    format!(
        "{}, domain {}, as {} ({})",
        plain(target),
        plain(&found.domain),
        found.users.join(", "),
        found.mechanism
    )
}

fn row(label: &str, fact: &Fact) -> String {
    let evidence = plain(&fact.evidence);
    let name = pad(label, NAME);
    let (value, style) = match &fact.value {
        Some(value) => (plain(value), Style::new()),
        None => ("unknown".to_owned(), AnsiColor::Yellow.on_default()),
    };
    if width(&value) <= VALUE {
        // The colour is put in afterwards: it has no width.
        let first = format!("  {name} {} ", pad(&value, VALUE));
        let text = hang(&first, &evidence);
        return text.replacen(
            &value,
            &format!("{style}{value}{style:#}"),
            usize::from(fact.value.is_none()),
        );
    }
    let blank = " ".repeat(NAME + VALUE + 4);
    format!(
        "{}\n{}",
        hang(&format!("  {name} "), &value),
        hang(&blank, &evidence)
    )
}

/// A profile in a few words.
fn profile(found: &Found) -> String {
    let profile = found.profile();
    let mut words = vec![found.class(), found.addressing()];
    words.extend(
        profile
            .stanza_limit
            .map(|limit| format!("stanzas up to {limit} bytes")),
    );
    words.extend(profile.rate_limit.map(|rate| format!("{rate} B/s a stream")));
    words.extend(
        profile
            .sessions_per_user
            .map(|most| format!("{most} sessions a user")),
    );
    words.extend(profile.tls_demanded.map(|demanded| match demanded {
        true => "TLS required".to_owned(),
        false => "TLS optional".to_owned(),
    }));
    words.join(", ")
}

/// The same for programs.
pub fn probed_json(found: &Found) -> String {
    let rows = GROUPS.iter().flat_map(|(_, rows)| rows.iter());
    let facts: Vec<_> = rows
        .filter_map(|(topic, name, _)| {
            let fact = found.fact(*topic)?;
            Some(json!({ "fact": name, "value": fact.value, "evidence": fact.evidence }))
        })
        .collect();
    json!({
        "callspec": env!("CARGO_PKG_VERSION"),
        "target": { "url": found.target, "domain": found.domain, "accounts": found.users, "sasl": found.mechanism },
        "seconds": found.seconds,
        "profile": found.profile(),
        "facts": facts,
    })
    .to_string()
}
