//! The page itself, with its index. Every text goes through minijinja's escaping or is JSON without a `<`.

use std::collections::BTreeMap;

use minijinja::{Environment, context};
use serde::Serialize;
use uuid::Uuid;

use crate::report::Count;
use crate::report::Summary;
use crate::report::ladder::plain;
use crate::report::summary::{Counts, Entry};
use crate::report::svg;
use crate::rules::{Outcome, Rule, rule};

const PAGE: &str = include_str!("page.html");
const STYLE: &str = include_str!("page.css");
const SCRIPT: [&str; 3] = [
    include_str!("list.js"),
    include_str!("stanza.js"),
    include_str!("detail.js"),
];

#[derive(Serialize)]
struct Index<'a> {
    about: &'a str,
    counts: &'a Counts,
    tallies: &'a BTreeMap<String, Count>,
    /// The catalogue's words on every rule that the report names.
    rules: BTreeMap<&'a str, &'static Rule>,
    scenarios: Vec<Item<'a>>,
}

#[derive(Serialize)]
struct Item<'a> {
    #[serde(flatten)]
    entry: &'a Entry,
    /// The element that holds what happened.
    #[serde(skip_serializing_if = "Option::is_none")]
    block: Option<String>,
    /// Why there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    without: Option<&'a str>,
}

/// The page up to its blocks.
pub(super) fn page(summary: &Summary, kept: &[bool], without: &[Option<String>]) -> Result<String, String> {
    let about = shown(&about(summary));
    let items = summary.scenarios.iter().enumerate().map(|(at, entry)| Item {
        entry,
        block: kept.get(at).is_some_and(|kept| *kept).then(|| format!("b{at}")),
        without: without.get(at).and_then(|why| why.as_deref()),
    });
    let named = summary.scenarios.iter().flat_map(|entry| {
        let found = entry.findings.iter().map(|found| &found.rule);
        entry.rules.iter().chain(found)
    });
    let named = named.chain(summary.rules.keys());
    let index = Index {
        about: &about,
        counts: &summary.counts,
        tallies: &summary.rules,
        rules: named.filter_map(|id| Some((id.as_str(), rule(id)?))).collect(),
        scenarios: items.collect(),
    };
    let index = serde_json::to_string(&index).map_err(|error| error.to_string())?;
    // Nobody who is in the report can foresee a digest of all that is in it.
    let nonce = Uuid::new_v5(&Uuid::NAMESPACE_OID, index.as_bytes())
        .simple()
        .to_string();
    let css = format!(
        ":root {{ {light} }}\n@media (prefers-color-scheme: dark) {{ :root:not([data-theme=\"light\"]) {{ {dark} }} }}\n\
         :root[data-theme=\"dark\"] {{ {dark} }}\n{STYLE}\n{}",
        svg::STYLE,
        light = svg::properties(false),
        dark = svg::properties(true),
    );
    let good = |entry: &&Entry| !matches!(entry.result, Outcome::Passed | Outcome::Skipped);
    let bad = summary.scenarios.iter().filter(good).map(|entry| {
        let found = entry.findings.iter().map(|found| {
            context! { rule => shown(&found.rule), message => shown(&found.message), source => shown(&found.source) }
        });
        context! {
            result => format!("{:?}", entry.result).to_lowercase(), title => shown(&entry.title()),
            reason => entry.reason.as_deref().map(shown), findings => found.collect::<Vec<_>>(),
        }
    });
    let context = context! {
        nonce,
        version => shown(&summary.callspec),
        title => format!("callspec: {about}"),
        about => about.as_str(),
        css,
        script => SCRIPT.concat(),
        index => inert(&index),
        bad => bad.collect::<Vec<_>>(),
    };
    let mut environment = Environment::new();
    environment
        .add_template("page.html", PAGE)
        .map_err(|error| error.to_string())?;
    let page = environment
        .get_template("page.html")
        .map_err(|error| error.to_string())?;
    page.render(context).map_err(|error| error.to_string())
}

/// Text without control characters, which HTML allows nowhere.
fn shown(text: &str) -> String {
    plain(text, 1_000)
}

/// One line on the whole run.
fn about(summary: &Summary) -> String {
    let class = summary.profile.get("class").and_then(|class| class.as_str());
    let class = class.map(|class| format!(" ({class})")).unwrap_or_default();
    let bad = Summary::ORDER
        .iter()
        .filter(|outcome| **outcome != Outcome::Passed);
    let bad: Vec<String> = bad
        .filter(|outcome| summary.counts.of(**outcome) > 0)
        .map(|outcome| {
            format!(
                "{} {}",
                summary.counts.of(*outcome),
                format!("{outcome:?}").to_lowercase()
            )
        })
        .collect();
    let bad = if bad.is_empty() {
        "all passed".to_owned()
    } else {
        bad.join(", ")
    };
    let all = summary.counts.all();
    let target = if summary.target.url.is_empty() {
        String::new()
    } else {
        format!(" on {}{class}", summary.target.url)
    };
    let all = if all == 1 {
        "1 scenario".to_owned()
    } else {
        format!("{all} scenarios")
    };
    let took = if summary.seconds > 0.0 {
        format!(", in {:.1} s", summary.seconds)
    } else {
        String::new()
    };
    format!("{all}{target}: {bad}{took}")
}

/// JSON that may stand in a script element: nothing in it ends the element or begins a comment.
fn inert(json: &str) -> String {
    let mut out = String::with_capacity(json.len());
    for c in json.chars() {
        match c {
            '<' | '>' | '&' | '\u{2028}' | '\u{2029}' => out.push_str(&format!("\\u{:04x}", u32::from(c))),
            c => out.push(c),
        }
    }
    out
}
