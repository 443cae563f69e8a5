//! Steps as the YAML that a person reads, and on which line each of them stands.

use std::collections::BTreeMap;
use std::fmt::Write;

use serde_json::Value;

/// Longer steps stand in several lines.
const COLUMNS: usize = 100;

/// A value of a step.
#[derive(Debug, Clone, PartialEq)]
pub enum Word {
    /// As it stands.
    Plain(String),
    Text(String),
    List(Vec<String>),
    Map(Vec<(String, Value)>),
}

/// A step of one actor: what it does, and more about it, by key.
#[derive(Debug, Clone, PartialEq)]
pub struct Deed {
    pub who: String,
    pub words: Vec<(&'static str, Word)>,
    /// Lines above it.
    pub comments: Vec<String>,
    /// The message that it sends.
    pub sends: Option<usize>,
}

/// A step.
#[derive(Debug, Clone, PartialEq)]
pub enum Step {
    Deed(Deed),
    Together(Vec<Vec<Step>>),
    /// Time passes, so long.
    Wait(String),
}

/// The text of a scenario, line by line.
#[derive(Debug, Default)]
pub struct Page {
    pub text: String,
    lines: usize,
    /// The message that the step on this line sends.
    pub sends: BTreeMap<usize, usize>,
}

impl Page {
    pub fn line(&mut self, line: &str) {
        self.text.push_str(line);
        self.text.push('\n');
        self.lines += 1 + line.matches('\n').count();
    }

    pub fn append(&mut self, other: Page) {
        let before = self.lines;
        self.text.push_str(&other.text);
        self.lines += other.lines;
        let sends = other.sends.into_iter();
        self.sends
            .extend(sends.map(|(line, message)| (line + before, message)));
    }

    pub fn comment(&mut self, indent: usize, text: &str) {
        let room = COLUMNS.saturating_sub(indent + 2);
        let mut line = String::new();
        for word in text.split_whitespace() {
            if !line.is_empty() && line.chars().count() + word.chars().count() >= room {
                self.line(&format!("{:indent$}# {line}", ""));
                line.clear();
            }
            if !line.is_empty() {
                line.push(' ');
            }
            line.push_str(word);
        }
        if !line.is_empty() {
            self.line(&format!("{:indent$}# {line}", ""));
        }
    }

    pub fn steps(&mut self, steps: &[Step], indent: usize) {
        for step in steps {
            match step {
                Step::Deed(deed) => self.deed(deed, indent, "- "),
                Step::Wait(length) => self.line(&format!("{:indent$}- wait: {length}", "")),
                Step::Together(branches) => {
                    self.line(&format!("{:indent$}- together:", ""));
                    for branch in branches {
                        match branch.as_slice() {
                            [Step::Deed(deed)] => self.deed(deed, indent + 4, "- "),
                            steps => {
                                for (at, step) in steps.iter().enumerate() {
                                    if let Step::Deed(deed) = step {
                                        let dash = if at == 0 { "- - " } else { "  - " };
                                        self.deed(deed, indent + 4, dash);
                                    }
                                }
                            }
                        }
                    }
                }
            }
        }
    }

    fn deed(&mut self, deed: &Deed, indent: usize, dash: &str) {
        // In front of the first step of a branch a comment would stand inside of the list.
        for comment in &deed.comments {
            self.comment(indent, comment);
        }
        let words = deed.words.iter();
        let words: Vec<String> = words
            .map(|(key, word)| format!("{key}: {}", inline(word)))
            .collect();
        let line = format!("{:indent$}{dash}{}: {{ {} }}", "", deed.who, words.join(", "));
        let is_long = |word: &Word| match word {
            Word::Text(text) => is_tall(text),
            Word::Map(members) => members
                .iter()
                .any(|(_, value)| value.as_str().is_some_and(is_tall)),
            _ => false,
        };
        let tall = deed.words.iter().any(|(_, word)| is_long(word));
        if !tall && line.chars().count() <= COLUMNS {
            if let Some(message) = deed.sends {
                self.sends.insert(self.lines + 1, message);
            }
            self.line(&line);
            return;
        }
        self.line(&format!("{:indent$}{dash}{}:", "", deed.who));
        let indent = indent + dash.len() + 2;
        // What is short stands first: below a long text it would be missed.
        let mut words: Vec<&(&str, Word)> = deed.words.iter().collect();
        words.sort_by_key(|(_, word)| is_long(word));
        for (at, (key, word)) in words.into_iter().enumerate() {
            if at == 0
                && let Some(message) = deed.sends
            {
                self.sends.insert(self.lines + 1, message);
            }
            match word {
                Word::Text(text) => {
                    self.line(&format!("{:indent$}{key}: {}", "", quoted(text, indent + 2)));
                }
                Word::Map(members) if tall || members.len() > 1 => {
                    self.line(&format!("{:indent$}{key}:", ""));
                    for (name, value) in members {
                        let inner = indent + 2;
                        let value = match value {
                            Value::String(text) => quoted(text, inner + 2),
                            other => flow(other),
                        };
                        self.line(&format!("{:inner$}{}: {value}", "", name_of(name)));
                    }
                }
                word => self.line(&format!("{:indent$}{key}: {}", "", inline(word))),
            }
        }
    }
}

fn inline(word: &Word) -> String {
    match word {
        Word::Plain(text) => text.clone(),
        Word::Text(text) => string(text),
        Word::List(items) => format!("[{}]", items.join(", ")),
        Word::Map(members) => {
            let members: Vec<String> = members
                .iter()
                .map(|(name, value)| format!("{}: {}", name_of(name), flow(value)))
                .collect();
            if members.is_empty() {
                "{}".to_owned()
            } else {
                format!("{{ {} }}", members.join(", "))
            }
        }
    }
}

/// A JSON value in YAML's flow style.
fn flow(value: &Value) -> String {
    match value {
        Value::String(text) => string(text),
        Value::Array(items) => {
            let items: Vec<String> = items.iter().map(flow).collect();
            format!("[{}]", items.join(", "))
        }
        Value::Object(members) => {
            let members: Vec<(String, Value)> = members
                .iter()
                .map(|(name, value)| (name.clone(), value.clone()))
                .collect();
            inline(&Word::Map(members))
        }
        other => other.to_string(),
    }
}

fn name_of(name: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "/_-".contains(c);
    let fits = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '/') && name.chars().all(plain);
    if fits {
        name.to_owned()
    } else {
        escaped(name, None)
    }
}

/// A text as short as it can be written.
fn string(text: &str) -> String {
    let word = text.starts_with(|c: char| c.is_ascii_lowercase())
        && text.chars().all(|c| c.is_ascii_lowercase() || c == '-');
    let other = matches!(
        text,
        "null" | "true" | "false" | "yes" | "no" | "on" | "off" | "y" | "n"
    );
    if word && !other {
        text.to_owned()
    } else {
        escaped(text, None)
    }
}

fn is_tall(text: &str) -> bool {
    text.len() > 80 && text.matches('\n').count() > 1
}

/// A text of many lines with each of them on a line of its own, which YAML puts together again.
fn quoted(text: &str, indent: usize) -> String {
    if is_tall(text) {
        escaped(text, Some(indent))
    } else {
        string(text)
    }
}

fn escaped(text: &str, break_at: Option<usize>) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push('"');
    let mut rest = text.chars().peekable();
    while let Some(c) = rest.next() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => {
                out.push_str("\\n");
                if let (Some(indent), Some(next)) = (break_at, rest.peek()) {
                    // A blank at the beginning of a line would be no part of the text.
                    let space = if *next == ' ' { "\\" } else { "" };
                    // Writing to a string cannot fail.
                    let _ = write!(out, "\\\n{:indent$}{space}", "");
                }
            }
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            c if c.is_control()
                || matches!(c, '\u{2028}' | '\u{2029}' | '\u{feff}' | '\u{fffe}' | '\u{ffff}') =>
            {
                let _ = write!(out, "\\u{:04x}", u32::from(c));
            }
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::yaml::Source;

    fn read_back(text: &str) -> Value {
        let source = Source {
            file: String::new(),
            text: text.to_owned(),
        };
        source.tree().expect(text).json()
    }

    proptest::proptest! {
        #[test]
        fn whatever_a_text_is_it_reads_back(text in "\\PC{0,40}([\r\n\t \"\\\\{}#:'\u{0}\u{1f}\u{85}\u{2028}\u{feff}é電😀a-]{0,12}\r?\n){0,6}.{0,9}") {
            for indent in [None, Some(6)] {
                let yaml = format!("a: {}\n", escaped(&text, indent));
                proptest::prop_assert_eq!(&read_back(&yaml)["a"], &Value::String(text.clone()), "{}", yaml);
            }
            let yaml = format!("a: {}\n", string(&text));
            proptest::prop_assert_eq!(&read_back(&yaml)["a"], &Value::String(text.clone()));
        }
    }
}
