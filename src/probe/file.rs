//! A profile file: what a look has found, as YAML with the evidence beside it.

use std::fmt::Write as _;

use super::found::{Found, Topic};
use crate::profile::{Addressing, Class};

/// Columns of a member before its comment.
const MEMBER: usize = 28;
/// Columns of a line.
const WIDTH: usize = 100;

/// For `--profile FILE`, and for `profile: ./FILE` in a target file. `at`: when it was found out.
pub fn profile_file(found: &Found, at: &str) -> String {
    let mut out = String::new();
    let version = env!("CARGO_PKG_VERSION");
    comment(
        &mut out,
        "",
        &format!(
            "What callspec {version} found of {} (domain {}), {at}. For `--profile FILE`, or for `profile: ./FILE` in \
             a target file. What a probe could not find out stands in a comment: fill it in if you know it.",
            found.target, found.domain
        ),
    );
    out.push('\n');
    let known = &found.known;
    let addressing = known.addressing.map(|addressing| match addressing {
        Addressing::Full => "full",
        Addressing::Bare => "bare",
    });
    let tls = known
        .tls_demanded
        .map(|demanded| if demanded { "required" } else { "optional" });
    let members = [
        (
            "class",
            known.class.map(|class| class.name().to_owned()),
            Topic::Class,
            "relay",
        ),
        (
            "addressing",
            addressing.map(str::to_owned),
            Topic::BareJid,
            "full",
        ),
        (
            "stanza-limit",
            known.stanza_limit.map(|limit| limit.to_string()),
            Topic::StanzaLimit,
            "262144",
        ),
        (
            "rate-limit",
            match known.rate_limit {
                None if known.full_rate => Some("none".to_owned()),
                rate => rate.map(|rate| format!("{rate}B/s")),
            },
            Topic::RateLimit,
            "10000B/s",
        ),
        (
            "sessions-per-user",
            known.sessions_per_user.map(|most| most.to_string()),
            Topic::Sessions,
            "9",
        ),
        ("tls", tls.map(str::to_owned), Topic::Plaintext, "required"),
    ];
    for (name, value, topic, example) in members {
        let fact = found.fact(topic);
        let evidence = fact
            .map(|fact| fact.evidence.as_str())
            .unwrap_or("it was not looked at");
        let seen = fact.and_then(|fact| fact.value.as_deref());
        match value {
            Some(value) => comment(&mut out, &format!("{name}: {value}"), evidence),
            None => {
                let state = seen.unwrap_or("unknown");
                comment(
                    &mut out,
                    &format!("# {name}: {example}"),
                    &format!("{state}: {evidence}"),
                );
            }
        }
    }
    comment(
        &mut out,
        "# keep-alive: 60s",
        "unknown: how long an idle stream lives takes longer than a probe may",
    );
    if known.class == Some(Class::Enforcing) {
        out.push_str("\n# Rules that were seen broken. To have them reported as known, write for each:\n");
        out.push_str("#   known-breaches: [{ rule: EN-01, evidence: … }]\n");
        for fact in &found.facts {
            let is_rule = (Topic::En01..=Topic::En07).contains(&fact.topic);
            if is_rule && fact.value.as_deref() == Some("broken") {
                let name = format!("#   {}", rule(fact.topic));
                comment(&mut out, &name, &fact.evidence);
            }
        }
    }
    out
}

fn rule(topic: Topic) -> &'static str {
    super::found::rows()
        .find(|(known, ..)| *known == topic)
        .map(|(_, name, _)| name)
        .unwrap_or_default()
}

/// A member with its comment, in as many lines as it takes.
fn comment(out: &mut String, member: &str, text: &str) {
    let indent = if member.is_empty() { 0 } else { MEMBER };
    let mut line = format!("{member:indent$}#");
    let start = indent + 1;
    for word in text
        .split(|c: char| c.is_whitespace() || c.is_control())
        .filter(|word| !word.is_empty())
    {
        if line.chars().count() > start && line.chars().count() + 1 + word.chars().count() > WIDTH {
            let _ = writeln!(out, "{line}");
            line = format!("{:indent$}#", "");
        }
        line.push(' ');
        line.push_str(word);
    }
    let _ = writeln!(out, "{line}");
}
