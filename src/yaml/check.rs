//! Reads values out of a tree and remembers all that is wrong with them, each with its place.

use std::time::Duration;

use serde_json::Value;

use super::tree::{Kind as NodeKind, Node, Source};
use super::{Error, did_you_mean};

/// A map's members in the file's order.
pub type Members<'n> = &'n [(Node, Node)];

pub struct Checker<'a> {
    pub source: &'a Source,
    pub errors: &'a mut Vec<Error>,
}

impl Checker<'_> {
    pub fn error(&mut self, node: &Node, message: impl Into<String>) {
        self.errors.push(self.source.error(node, message));
    }

    pub fn unknown(&mut self, node: &Node, what: &str, known: &[&str]) {
        let word = node.text().unwrap_or_default();
        let mut error = self.source.error(node, format!("unknown {what} `{word}`"));
        error.hint = did_you_mean(word, known.iter().copied());
        self.errors.push(error);
    }

    pub fn map<'n>(&mut self, node: &'n Node, known: &[&str]) -> Members<'n> {
        let NodeKind::Map(members) = &node.kind else {
            self.error(node, "this has to be a map");
            return &[];
        };
        for (name, _) in members {
            if !known.is_empty() && !known.contains(&name.text().unwrap_or_default()) {
                self.unknown(name, "key", known);
            }
        }
        members
    }

    pub fn string(&mut self, node: &Node) -> String {
        match node.text() {
            Some(text) => text.to_owned(),
            None => {
                self.error(node, "this has to be a text");
                String::new()
            }
        }
    }

    pub fn strings(&mut self, node: &Node) -> Vec<String> {
        match &node.kind {
            NodeKind::List(items) => items.iter().map(|item| self.string(item)).collect(),
            _ => vec![self.string(node)],
        }
    }

    pub fn truth(&mut self, node: &Node) -> bool {
        match node.json() {
            Value::Bool(value) => value,
            _ => {
                self.error(node, "this has to be true or false");
                false
            }
        }
    }

    pub fn duration(&mut self, node: &Node) -> Duration {
        let text = node.text().unwrap_or_default();
        let split = text.find(|c: char| c.is_ascii_alphabetic()).unwrap_or(text.len());
        let (number, unit) = text.split_at(split);
        let factor = match unit {
            "ms" => 0.001,
            "s" => 1.0,
            "m" => 60.0,
            _ => 0.0,
        };
        match number.trim().parse::<f64>() {
            Ok(number) if factor > 0.0 && number >= 0.0 && number * factor <= 86_400.0 => {
                Duration::from_secs_f64(number * factor)
            }
            Ok(_) if unit.is_empty() => {
                self.error(node, "a time needs its unit: ms, s or m");
                Duration::ZERO
            }
            _ => {
                self.error(node, "this has to be a time, such as 500ms or 30s");
                Duration::ZERO
            }
        }
    }
}

/// The value of a map's member.
pub fn get<'n>(members: Members<'n>, name: &str) -> Option<&'n Node> {
    members
        .iter()
        .find(|(key, _)| key.text() == Some(name))
        .map(|(_, value)| value)
}
