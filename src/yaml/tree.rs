//! YAML as a tree in which everything knows its place. Aliases are refused: fragments do their work.

use std::collections::HashSet;
use std::io::Read;
use std::path::Path;

use granit_parser::{Event, Parser, ScalarStyle, Span};
use serde_json::Value;

use super::error::quoted;
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
        Error {
            place: self.place_at(line, column),
            length,
            message,
            hint: None,
            source_line: self.line(line).to_owned(),
        }
    }

    /// A line without its end, counted from 1; empty where there is none.
    pub fn line(&self, line: usize) -> &str {
        self.text.lines().nth(line.saturating_sub(1)).unwrap_or_default()
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

    /// Reads a file that may be anything: never more of it than the limit.
    ///
    /// # Errors
    /// It cannot be read, is too large, or is not UTF-8.
    pub fn read(path: &Path) -> Result<Source, Error> {
        let file = path.display().to_string();
        let plain = |message: String| Error::of_file(&file, message);
        let mut bytes = Vec::new();
        let open = std::fs::File::open(path).map_err(|error| plain(error.to_string()))?;
        if open.metadata().is_ok_and(|found| found.is_dir()) {
            return Err(plain("this is a folder, not a file".into()));
        }
        open.take(SIZE_LIMIT as u64 + 1)
            .read_to_end(&mut bytes)
            .map_err(|error| plain(error.to_string()))?;
        if bytes.len() > SIZE_LIMIT {
            return Err(plain(too_large()));
        }
        Source::from_bytes(file, bytes)
    }

    fn from_bytes(file: String, bytes: Vec<u8>) -> Result<Source, Error> {
        match String::from_utf8(bytes) {
            // A byte order mark at the start says nothing that UTF-8 does not.
            Ok(text) => Ok(Source {
                file,
                text: text.strip_prefix('\u{feff}').map(str::to_owned).unwrap_or(text),
            }),
            Err(error) => {
                let (at, bytes) = (error.utf8_error().valid_up_to(), error.into_bytes());
                let before = String::from_utf8_lossy(&bytes[..at]);
                let line = 1 + before.matches('\n').count();
                let column = 1 + before.rsplit('\n').next().unwrap_or_default().chars().count();
                let mut error = Error::of_file(&file, "not UTF-8".into());
                (error.place.line, error.place.column) = (line, column);
                error.hint = match bytes.get(..2) {
                    Some([0xff, 0xfe] | [0xfe, 0xff]) => {
                        Some("it looks like UTF-16: save it as UTF-8".into())
                    }
                    _ => None,
                };
                Err(error)
            }
        }
    }

    /// Reads the one document of the file.
    pub fn tree(&self) -> Result<Node, Error> {
        if self.text.len() > SIZE_LIMIT {
            return Err(Error::of_file(&self.file, too_large()));
        }
        // The names of each open map: looking a name up among its siblings would take for ever in a large one.
        let mut names: Vec<HashSet<String>> = Vec::new();
        let mut stack: Vec<(Node, Option<Node>)> = Vec::new();
        let mut root: Option<Node> = None;
        for item in Parser::new_from_str(&self.text) {
            let (event, span) = item.map_err(|error| {
                let at = error.marker();
                let why = match error.info() {
                    // The parser has a limit of its own.
                    info if info.contains("recursion limit") => "nested too deeply".to_owned(),
                    info => format!("not YAML: {info}"),
                };
                let mut wrong = self.error_at(at.line(), at.col() + 1, 1, why);
                let indented = self.line(at.line()).chars().take_while(|c| c.is_whitespace());
                if indented.into_iter().any(|c| c == '\t') {
                    wrong.hint = Some("a tab stands in the indentation: YAML wants spaces".into());
                }
                wrong
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
                    names.push(HashSet::new());
                    continue;
                }
                Event::SequenceEnd | Event::MappingEnd => match (stack.pop(), names.pop()) {
                    (Some((node, _)), _) => node,
                    (None, _) => continue,
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
                        if let (Some(name), Some(known)) = (node.text(), names.last_mut())
                            && !known.insert(name.to_owned())
                        {
                            return Err(self.error(&node, format!("{} stands twice", quoted(name))));
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

    /// As [`Source::tree`], where `${NAME}` may stand without quotes anywhere, between braces too: there YAML by itself takes
    /// the name's own braces for the beginning and the end of a map.
    pub fn tree_with_variables(&self) -> Result<Node, Error> {
        if self.text.contains([OPEN, CLOSE]) {
            return self.tree();
        }
        let veiled = Source {
            file: self.file.clone(),
            text: veil(&self.text),
        };
        let mut tree = veiled.tree().map_err(|error| Error {
            message: unveil(&error.message),
            source_line: unveil(&error.source_line),
            ..error
        })?;
        tree.unveil();
        Ok(tree)
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
    fn unveil(&mut self) {
        match &mut self.kind {
            Kind::Text { text, .. } => *text = unveil(text),
            Kind::List(items) => items.iter_mut().for_each(Node::unveil),
            Kind::Map(members) => members.iter_mut().for_each(|(name, value)| {
                name.unveil();
                value.unveil();
            }),
        }
    }

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
                "" | "~" | "null" | "Null" | "NULL" => Value::Null,
                "true" | "True" | "TRUE" => Value::Bool(true),
                "false" | "False" | "FALSE" => Value::Bool(false),
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
}

/// What stands for the braces of `${NAME}` while YAML is read: as long as they are, so that every place stays what it is.
const OPEN: char = '\u{e000}';
const CLOSE: char = '\u{e001}';

fn veil(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("${") {
        out.push_str(before);
        out.push('$');
        let name = after.split_once('}').filter(|(name, _)| {
            !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
        });
        rest = match name {
            Some((name, tail)) => {
                out.push(OPEN);
                out.push_str(name);
                out.push(CLOSE);
                tail
            }
            None => {
                out.push('{');
                after
            }
        };
    }
    out + rest
}

fn unveil(text: &str) -> String {
    text.replace(OPEN, "{").replace(CLOSE, "}")
}

fn too_large() -> String {
    format!("the file is larger than {SIZE_LIMIT} bytes, which is the limit")
}
