//! Reads values out of a tree and remembers all that is wrong with them, each with its place.

use std::time::Duration;

use serde_json::Value;

use super::error::quoted;
use super::tree::{Kind as NodeKind, Node, Source};
use super::{Error, did_you_mean};

/// So many errors of one file are told; whoever has more begins with these.
const ERROR_LIMIT: usize = 20;

/// A map's members in the file's order.
pub type Members<'n> = &'n [(Node, Node)];

pub struct Checker<'a> {
    pub source: &'a Source,
    pub errors: &'a mut Vec<Error>,
}

impl Checker<'_> {
    /// Enough has been told: finding the line of one more error takes time in a large file.
    fn is_full(&self) -> bool {
        self.errors.len() >= ERROR_LIMIT
    }

    pub fn error(&mut self, node: &Node, message: impl Into<String>) {
        if self.is_full() {
            return;
        }
        self.push(self.source.error(node, message));
    }

    /// An error that says what to do.
    pub fn error_with(&mut self, node: &Node, message: impl Into<String>, hint: impl Into<String>) {
        if self.is_full() {
            return;
        }
        let mut error = self.source.error(node, message);
        error.hint = Some(hint.into());
        self.push(error);
    }

    /// The same error at the same place is told once, though a file be read for each case.
    pub fn push(&mut self, error: Error) {
        if !self.is_full() && !self.errors.contains(&error) {
            self.errors.push(error);
        }
    }

    pub fn unknown(&mut self, node: &Node, what: &str, known: &[&str]) {
        if self.is_full() {
            return;
        }
        let Some(word) = node.text() else {
            self.error(node, format!("this has to be a word: {}", choice(known)));
            return;
        };
        let mut error = self
            .source
            .error(node, format!("unknown {what} {}", quoted(word)));
        error.hint = did_you_mean(word, known.iter().copied());
        if error.hint.is_none() && known.len() <= 10 {
            error.hint = Some(format!("known: {}", choice(known)));
        }
        self.push(error);
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
        match &node.kind {
            NodeKind::Text { plain: true, .. } if node.json() == Value::Null => {
                self.error_with(node, "a value is missing here", "an empty text is written \"\"");
                String::new()
            }
            NodeKind::Text { text, .. } => text.clone(),
            _ => {
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

    /// The words of a list, or the one word, each of which has to be `known`.
    pub fn words(&mut self, node: &Node, what: &str, known: &[&str]) -> Vec<String> {
        let items = match &node.kind {
            NodeKind::List(items) => items.as_slice(),
            _ => std::slice::from_ref(node),
        };
        let mut words = Vec::new();
        for item in items {
            match item.text() {
                Some(word) if known.contains(&word) => words.push(word.to_owned()),
                _ => self.unknown(item, what, known),
            }
        }
        words
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
        let number = number.trim_end();
        let digits = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
        let (whole, rest) = number.split_once('.').unwrap_or((number, "0"));
        let sound = digits(whole) && digits(rest);
        let wrong = match number.parse::<f64>() {
            _ if !sound => "this has to be a time, such as 500ms or 30s".to_owned(),
            Ok(number) if factor > 0.0 => {
                if number * factor <= 86_400.0 {
                    return Duration::from_secs_f64(number * factor);
                }
                "a day is the longest time".to_owned()
            }
            Ok(_) if unit.is_empty() => "a time needs its unit: ms, s or m".to_owned(),
            _ => "this has to be a time, such as 500ms or 30s".to_owned(),
        };
        self.error(node, wrong);
        Duration::ZERO
    }
}

/// The words that may stand somewhere, for a hint.
fn choice(known: &[&str]) -> String {
    match known {
        [] => "none".to_owned(),
        [one] => (*one).to_owned(),
        [first @ .., last] => format!("{} or {last}", first.join(", ")),
    }
}

/// The value of a map's member.
pub fn get<'n>(members: Members<'n>, name: &str) -> Option<&'n Node> {
    members
        .iter()
        .find(|(key, _)| key.text() == Some(name))
        .map(|(_, value)| value)
}
