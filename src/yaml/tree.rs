//! YAML as a tree in which everything knows its place. Aliases are refused: fragments do their work.

use granit_parser::{Event, Parser, ScalarStyle, Span};
use serde_json::Value;

use super::{Error, Place};

/// Larger files are refused.
pub const SIZE_LIMIT: usize = 1 << 20;
const DEPTH_LIMIT: usize = 64;

#[derive(Debug, Clone, PartialEq)]
pub struct Node {
    pub line: usize,
    pub column: usize,
    pub length: usize,
    pub kind: Kind,
}

#[derive(Debug, Clone, PartialEq)]
pub enum Kind {
    /// A scalar; `plain` if it stands without quotes, and so may be a number or a truth value.
    Text {
        text: String,
        plain: bool,
    },
    List(Vec<Node>),
    Map(Vec<(Node, Node)>),
}

/// A file's name and text: what errors need.
#[derive(Debug, Clone)]
pub struct Source {
    pub file: String,
    pub text: String,
}

impl Source {
    pub fn error(&self, node: &Node, message: impl Into<String>) -> Error {
        self.error_at(node.line, node.column, node.length, message.into())
    }

    fn error_at(&self, line: usize, column: usize, length: usize, message: String) -> Error {
        let source_line = self.text.lines().nth(line.saturating_sub(1)).unwrap_or_default();
        let source_line = source_line.chars().take(200).collect();
        Error {
            place: self.place_at(line, column),
            length,
            message,
            hint: None,
            source_line,
        }
    }

    pub fn place(&self, node: &Node) -> Place {
        self.place_at(node.line, node.column)
    }

    fn place_at(&self, line: usize, column: usize) -> Place {
        Place {
            file: self.file.clone(),
            line,
            column,
        }
    }

    /// Reads the one document of the file.
    pub fn tree(&self) -> Result<Node, Error> {
        if self.text.len() > SIZE_LIMIT {
            let message = format!(
                "the file has {} bytes; {SIZE_LIMIT} are the limit",
                self.text.len()
            );
            return Err(self.error_at(1, 1, 1, message));
        }
        let mut stack: Vec<(Node, Option<Node>)> = Vec::new();
        let mut root: Option<Node> = None;
        for item in Parser::new_from_str(&self.text) {
            let (event, span) = item.map_err(|error| {
                let at = error.marker();
                self.error_at(at.line(), at.col() + 1, 1, format!("not YAML: {}", error.info()))
            })?;
            let node = match event {
                Event::Scalar(text, style, ..) => {
                    let plain = style == ScalarStyle::Plain;
                    self.node(
                        span,
                        Kind::Text {
                            text: text.into_owned(),
                            plain,
                        },
                    )
                }
                Event::SequenceStart(..) | Event::MappingStart(..) => {
                    let list = matches!(event, Event::SequenceStart(..));
                    let kind = if list {
                        Kind::List(Vec::new())
                    } else {
                        Kind::Map(Vec::new())
                    };
                    let node = self.node(span, kind);
                    if stack.len() >= DEPTH_LIMIT {
                        return Err(self.error(&node, "nested too deeply"));
                    }
                    stack.push((node, None));
                    continue;
                }
                Event::SequenceEnd | Event::MappingEnd => match stack.pop() {
                    Some((node, _)) => node,
                    None => continue,
                },
                Event::Alias(..) => {
                    let node = self.node(span, Kind::List(Vec::new()));
                    return Err(self.error(&node, "aliases are not used here: write a fragment and `use` it"));
                }
                Event::DocumentStart(..) if root.is_some() => {
                    let node = self.node(span, Kind::List(Vec::new()));
                    return Err(self.error(&node, "one document a file"));
                }
                _ => continue,
            };
            match stack.last_mut() {
                None => root = Some(node),
                Some((
                    Node {
                        kind: Kind::List(items),
                        ..
                    },
                    _,
                )) => items.push(node),
                Some((
                    Node {
                        kind: Kind::Map(members),
                        ..
                    },
                    key,
                )) => match key.take() {
                    None => {
                        let twice = members
                            .iter()
                            .any(|(known, _)| known.text().is_some() && known.text() == node.text());
                        if twice {
                            let message = format!("`{}` stands twice", node.text().unwrap_or_default());
                            return Err(self.error(&node, message));
                        }
                        *key = Some(node);
                    }
                    Some(name) => members.push((name, node)),
                },
                Some(_) => {}
            }
        }
        root.ok_or_else(|| self.error_at(1, 1, 1, "the file is empty".into()))
    }

    fn node(&self, span: Span, kind: Kind) -> Node {
        let length = match span.end.line() == span.start.line() {
            true => span.end.col().saturating_sub(span.start.col()),
            false => 1,
        };
        Node {
            line: span.start.line(),
            column: span.start.col() + 1,
            length: length.max(1),
            kind,
        }
    }
}

impl Node {
    pub fn text(&self) -> Option<&str> {
        match &self.kind {
            Kind::Text { text, .. } => Some(text),
            _ => None,
        }
    }

    /// As JSON, in which plain scalars are numbers, truth values or null where YAML 1.2 says so.
    pub fn json(&self) -> Value {
        match &self.kind {
            Kind::Text { text, plain: true } => match text.as_str() {
                "" | "~" | "null" => Value::Null,
                "true" => Value::Bool(true),
                "false" => Value::Bool(false),
                number if number.starts_with(|c: char| c.is_ascii_digit() || c == '-') => {
                    serde_json::from_str(number).unwrap_or_else(|_| Value::String(text.clone()))
                }
                _ => Value::String(text.clone()),
            },
            Kind::Text { text, plain: false } => Value::String(text.clone()),
            Kind::List(items) => items.iter().map(Node::json).collect(),
            Kind::Map(members) => {
                let member = |(name, value): &(Node, Node)| Some((name.text()?.to_owned(), value.json()));
                Value::Object(members.iter().filter_map(member).collect())
            }
        }
    }

    /// The same tree with `{name}` replaced in every text, keys aside. A text that is nothing but the name becomes the value itself.
    pub fn with(&self, values: &[(String, Node)]) -> Node {
        let kind = match &self.kind {
            Kind::Text { text, plain } => {
                let whole = values.iter().find(|(name, _)| *text == format!("{{{name}}}"));
                if let Some((_, value)) = whole {
                    return Node {
                        kind: value.kind.clone(),
                        ..self.clone()
                    };
                }
                let mut text = text.clone();
                for (name, value) in values {
                    let pattern = format!("{{{name}}}");
                    if let (true, Some(value)) = (text.contains(&pattern), value.text()) {
                        text = text.replace(&pattern, value);
                    }
                }
                Kind::Text { text, plain: *plain }
            }
            Kind::List(items) => Kind::List(items.iter().map(|item| item.with(values)).collect()),
            Kind::Map(members) => Kind::Map(
                members
                    .iter()
                    .map(|(name, value)| (name.clone(), value.with(values)))
                    .collect(),
            ),
        };
        Node { kind, ..self.clone() }
    }
}
