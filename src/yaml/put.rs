//! `{name}` in the texts of a tree, replaced by values that are known before anything runs.

use std::collections::BTreeSet;

use super::tree::{Kind, Node};

/// Values by name, which of them were used, and how much text may still be made of them.
#[derive(Debug)]
pub struct Values {
    values: Vec<(String, Node)>,
    used: BTreeSet<String>,
    /// Bytes. A few names in the right places could make a small file fill any memory.
    left: usize,
}

impl Values {
    pub fn new(values: Vec<(String, Node)>, left: usize) -> Values {
        Values {
            values,
            used: BTreeSet::new(),
            left,
        }
    }

    /// How many bytes of text may still be made; 0: some was left out.
    pub fn left(&self) -> usize {
        self.left
    }

    pub fn used(&self) -> &BTreeSet<String> {
        &self.used
    }

    /// The same tree with `{name}` replaced in every text, keys aside. A text that is nothing but the name becomes the
    /// value itself; `{{` and `}}` stay for whoever resolves the names that are known only at run time.
    pub fn put(&mut self, node: &Node) -> Node {
        let kind = match &node.kind {
            Kind::Text { text, plain } => self.text(text, *plain),
            Kind::List(items) => Kind::List(items.iter().map(|item| self.put(item)).collect()),
            Kind::Map(members) => {
                let put = |(name, value): &(Node, Node)| (name.clone(), self.put(value));
                Kind::Map(members.iter().map(put).collect())
            }
        };
        Node { kind, ..*node }
    }

    fn text(&mut self, text: &str, plain: bool) -> Kind {
        let mut out = String::new();
        let mut from = 0;
        for (at, name) in names_in(text) {
            let Some((_, value)) = self.values.iter().find(|(known, _)| known == name) else {
                continue;
            };
            self.used.insert(name.to_owned());
            let whole = name.len() + 2 == text.len();
            let size = if whole {
                size(value)
            } else {
                value.text().map_or(0, str::len)
            };
            if !take(&mut self.left, size) {
                return Kind::Text {
                    text: String::new(),
                    plain,
                };
            }
            if whole {
                return value.kind.clone();
            }
            // A list or a map has no place inside of a text: the name stays, and is told as unknown.
            let Some(value) = value.text() else { continue };
            out.push_str(&text[from..at]);
            out.push_str(value);
            from = at + name.len() + 2;
        }
        take(&mut self.left, text.len());
        out.push_str(&text[from..]);
        Kind::Text { text: out, plain }
    }
}

fn take(left: &mut usize, size: usize) -> bool {
    let enough = *left > size;
    *left = left.saturating_sub(size);
    enough
}

fn size(node: &Node) -> usize {
    match &node.kind {
        Kind::Text { text, .. } => text.len(),
        Kind::List(items) => items.iter().map(size).sum(),
        Kind::Map(members) => members.iter().map(|(name, value)| size(name) + size(value)).sum(),
    }
}

/// Every `{name}` of a text with the byte at which its brace stands.
pub fn names_in(text: &str) -> Vec<(usize, &str)> {
    let mut found = Vec::new();
    let mut at = 0;
    while let Some(next) = text[at..].find(['{', '}']) {
        at += next;
        let rest = &text[at..];
        if rest.starts_with("{{") || rest.starts_with("}}") {
            at += 2;
            continue;
        }
        let name = rest
            .strip_prefix('{')
            .and_then(|inner| inner.split_once('}'))
            .map(|(name, _)| name)
            .filter(|name| is_name(name));
        if let Some(name) = name {
            found.push((at, name));
            at += name.len() + 1;
        }
        at += 1;
    }
    found
}

/// Whether a text may stand between braces.
fn is_name(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_alphabetic())
        && text
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_'))
}
