//! `callspec rules`: the catalogue.

mod matrix;

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::Serialize;

use super::{Exit, complain, say};
use crate::rules::{Rule, Subjects, groups, rule};
use crate::run::Suspect;
use crate::scenario::{self, Shown};
use crate::yaml::did_you_mean;

/// How wide a line may be.
const WIDTH: usize = 100;
/// How many scenarios of a rule are named to a reader; JSON has all.
const NAMED: usize = 12;

#[derive(Debug, clap::Args)]
pub struct Args {
    /// Rules or groups of rules to explain, such as ST-12 or SD
    ids: Vec<String>,
    /// json=PATH: the rules as JSON; - is stdout
    #[arg(long, value_name = "KIND=PATH", conflicts_with = "matrix")]
    report: Option<String>,
    /// Play the built-in suite against every fault of every rule (or of the rules given), and print what caught it
    #[arg(long)]
    matrix: bool,
    /// What the last run, or the run of this JSON report, has not put to the test
    #[arg(long, value_name = "REPORT", num_args = 0..=1, require_equals = true, conflicts_with_all = ["ids", "matrix", "report"])]
    unreached: Option<Option<PathBuf>>,
}

pub fn run(args: &Args) -> Exit {
    if let Some(report) = &args.unreached {
        return super::unreached::run(report.as_deref());
    }
    if args.matrix {
        return matrix::run(&args.ids);
    }
    let chosen = match chosen(&args.ids) {
        Ok(chosen) => chosen,
        Err(message) => {
            complain(&format!("error: {message}"));
            return Exit::Usage;
        }
    };
    if let Some(report) = &args.report {
        return match report_to(report, &json(&chosen, &shown())) {
            Ok(()) => Exit::Held,
            Err(message) => {
                complain(&format!("error: {message}"));
                Exit::Usage
            }
        };
    }
    if args.ids.is_empty() {
        table();
    } else {
        let shown = shown();
        let texts: Vec<String> = chosen.iter().map(|rule| explained(rule, &shown)).collect();
        say(&texts.join("\n\n"));
    }
    Exit::Held
}

/// What the built-in suite shows of each rule. Reading all of it takes as long as everything else that is printed.
fn shown() -> BTreeMap<String, Shown> {
    match scenario::builtin() {
        Ok(scenarios) => scenario::by_rule(&scenarios),
        Err(_) => BTreeMap::new(),
    }
}

/// The rules that the command line names; none named: all.
fn chosen(ids: &[String]) -> Result<Vec<&'static Rule>, String> {
    let all = || groups().iter().flat_map(|group| group.rules);
    if ids.is_empty() {
        return Ok(all().collect());
    }
    let mut chosen: Vec<&'static Rule> = Vec::new();
    for id in ids {
        let upper = id.to_ascii_uppercase();
        let group = groups().iter().find(|group| group.prefix == upper);
        match (group, rule(&upper)) {
            (Some(group), _) => chosen.extend(group.rules),
            (None, Some(rule)) => chosen.push(rule),
            (None, None) => {
                let near = did_you_mean(&upper, all().map(|rule| rule.id)).unwrap_or_default();
                let near = if near.is_empty() {
                    near
                } else {
                    format!(" ({near})")
                };
                return Err(format!(
                    "there is no rule `{id}`{near}; `callspec rules` lists them"
                ));
            }
        }
    }
    Ok(chosen)
}

fn table() {
    for (group, at) in groups().iter().zip(0..) {
        let gap = if at == 0 { "" } else { "\n" };
        say(&format!("{gap}{}  {}", group.prefix, group.about));
        for rule in group.rules {
            let head = format!("  {:<6} {:<6} {:<13} ", rule.id, rule.level.name(), subject(rule));
            say(&wrapped(&head, rule.text));
        }
    }
}

fn explained(rule: &Rule, shown: &BTreeMap<String, Shown>) -> String {
    let mut lines = vec![format!("{}  {}, {}", rule.id, rule.level.name(), subject(rule))];
    for (head, text) in [
        ("rule", rule.text),
        ("source", rule.source),
        ("breach", rule.breach),
        ("mend", rule.mend),
    ] {
        lines.push(wrapped(&format!("  {head:<9}  "), text));
    }
    if let Some(shown) = shown.get(rule.id) {
        for (head, names) in [("broken in", &shown.broken), ("kept in", &shown.kept)] {
            if !names.is_empty() {
                lines.push(wrapped(&format!("  {head:<9}  "), &listed(names)));
            }
        }
    }
    let faults = faults_of(rule);
    if !faults.is_empty() {
        lines.push(wrapped("  faults     ", &listed(&faults)));
    }
    lines.join("\n")
}

fn listed(names: &[impl AsRef<str>]) -> String {
    let few: Vec<&str> = names.iter().take(NAMED).map(AsRef::as_ref).collect();
    let mut text = few.join(", ");
    if names.len() > NAMED {
        text.push_str(&format!(" and {} more", names.len() - NAMED));
    }
    text
}

/// A text behind its head, its further lines below its beginning.
fn wrapped(head: &str, text: &str) -> String {
    let indent = head.chars().count();
    let (mut out, mut column) = (head.to_owned(), indent);
    for word in text.split(' ') {
        let length = word.chars().count();
        if column > indent && column + 1 + length > WIDTH {
            out.push('\n');
            out.push_str(&" ".repeat(indent));
            column = indent;
        } else if column > indent {
            out.push(' ');
            column += 1;
        }
        out.push_str(word);
        column += length;
    }
    out
}

#[derive(Serialize)]
struct Listed<'a> {
    rules: Vec<Row<'a>>,
}

#[derive(Serialize)]
struct Row<'a> {
    #[serde(flatten)]
    rule: &'a Rule,
    /// Those that break it on purpose first.
    scenarios: Vec<&'a str>,
    faults: Vec<&'a str>,
}

/// The faults that break a rule: those of the embedded server, then those of clients.
fn faults_of(rule: &Rule) -> Vec<&'static str> {
    Suspect::all()
        .filter(|suspect| suspect.rules().contains(&rule.id))
        .map(Suspect::name)
        .collect()
}

fn json(chosen: &[&'static Rule], shown: &BTreeMap<String, Shown>) -> String {
    let rows = chosen.iter().map(|rule| Row {
        rule,
        scenarios: shown
            .get(rule.id)
            .map(|shown| shown.all().collect())
            .unwrap_or_default(),
        faults: faults_of(rule),
    });
    let listed = Listed {
        rules: rows.collect(),
    };
    serde_json::to_string_pretty(&listed).unwrap_or_default()
}

fn report_to(report: &str, text: &str) -> Result<(), String> {
    match report.split_once('=') {
        Some(("json", "-")) => {
            say(text);
            Ok(())
        }
        Some(("json", path)) if !path.is_empty() => {
            std::fs::write(path, format!("{text}\n")).map_err(|error| format!("{path}: {error}"))
        }
        _ => Err(format!("--report is json=PATH here, not `{report}`")),
    }
}

fn subject(rule: &Rule) -> &'static str {
    match rule.subject {
        Subjects::Server => "server",
        Subjects::Client => "client",
        Subjects::Both => "server+client",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rule_is_explained_for_a_reader() {
        let shown = scenario::by_rule(&scenario::builtin().expect("the built-in suite reads"));
        let rule = rule("SD-43").expect("a rule");
        insta::assert_snapshot!(explained(rule, &shown), @r"
        SD-43  must, client
          rule       an ICE restart changes user name and password together
          source     RFC 8839 §4.4.1.1.1
          breach     A later description has a new `ice-ufrag` with the old `ice-pwd`, or the other way
                     round.
          mend       Take both from the same description of the ICE agent; never mix an old description with
                     a new one.
          broken in  sdp/restart-by-half
          kept in    renegotiation/ice-restart
          faults     sdp-restart-by-half
        ");
    }

    #[test]
    fn lines_are_wrapped_below_their_beginning() {
        let text = wrapped("  head  ", &"word ".repeat(40));
        assert!(
            text.lines()
                .all(|line| line.chars().count() <= WIDTH && line.starts_with("  "))
        );
        assert!(text.lines().skip(1).all(|line| line.starts_with("        word")));
    }

    #[test]
    fn json_lists_every_rule_with_its_scenarios() {
        let shown = scenario::by_rule(&scenario::builtin().expect("the built-in suite reads"));
        let all = chosen(&[]).expect("all rules");
        let value: serde_json::Value = serde_json::from_str(&json(&all, &shown)).expect("JSON");
        let rows = value["rules"].as_array().expect("a list");
        assert_eq!(rows.len(), crate::rules::catalogue().len());
        for row in rows {
            for member in ["id", "level", "subject", "text", "source"] {
                assert!(row[member].is_string(), "{row}");
            }
            assert!(row["scenarios"].is_array() && row["faults"].is_array());
        }
        let row = rows.iter().find(|row| row["id"] == "SD-42").expect("a rule");
        assert_eq!(row["level"], "should");
        assert_eq!(row["subject"], "client");
        assert_eq!(row["scenarios"][0], "ice/sent-twice");
    }

    #[test]
    fn rules_and_groups_are_chosen_by_name() {
        let ids = |names: &[&str]| {
            let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
            chosen(&names).map(|rules| rules.iter().map(|rule| rule.id).collect::<Vec<_>>())
        };
        assert_eq!(ids(&["st-12"]), Ok(vec!["ST-12"]));
        assert_eq!(
            ids(&["ch", "SC-01"]),
            Ok(vec!["CH-01", "CH-02", "CH-03", "SC-01"])
        );
        assert!(ids(&["ST-99"]).is_err_and(|message| message.contains("no rule `ST-99`")));
    }
}
