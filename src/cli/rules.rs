//! `callspec rules`: the catalogue.

mod matrix;

use super::{Exit, complain, say};
use crate::rules::{Level, Rule, Subjects, catalogue, rule};

#[derive(Debug, clap::Args)]
pub struct Args {
    /// Rules to explain, such as ST-12
    ids: Vec<String>,
    /// Play the built-in suite against every fault of every rule (or of the rules given), and print what caught it
    #[arg(long)]
    matrix: bool,
}

pub fn run(args: &Args) -> Exit {
    if args.matrix {
        return matrix::run(&args.ids);
    }
    if args.ids.is_empty() {
        for rule in catalogue() {
            say(&format!(
                "{:<6} {:<6} {:<13} {}",
                rule.id,
                level(rule),
                subject(rule),
                rule.text
            ));
        }
        return Exit::Held;
    }
    for id in &args.ids {
        let Some(rule) = rule(&id.to_ascii_uppercase()) else {
            complain(&format!(
                "error: there is no rule `{id}`; `callspec rules` lists them"
            ));
            return Exit::Usage;
        };
        say(&format!(
            "{}  {}, {}\n  rule    {}\n  source  {}\n  breach  {}\n  mend    {}",
            rule.id,
            level(rule),
            subject(rule),
            rule.text,
            rule.source,
            rule.breach,
            rule.mend
        ));
    }
    Exit::Held
}

fn level(rule: &Rule) -> &'static str {
    match rule.level {
        Level::Must => "must",
        Level::Should => "should",
        Level::Info => "info",
    }
}

fn subject(rule: &Rule) -> &'static str {
    match rule.subject {
        Subjects::Server => "server",
        Subjects::Client => "client",
        Subjects::Both => "server+client",
    }
}
