//! Names that are resolved while a scenario runs: whether each one that is used is known by then, and each one that is
//! defined is used.

use std::collections::{BTreeMap, BTreeSet};

use super::{Actor, Error};
use crate::yaml::{Checker, Kind, Members, Node, did_you_mean, get, names_in};

/// What is known of names in one case, in the order of its steps.
#[derive(Debug, Default)]
pub struct Runtime {
    known: BTreeSet<String>,
    actors: Vec<String>,
    /// Captured values: how many names had been used before, and the error if nobody uses it.
    captured: BTreeMap<String, (usize, Error)>,
    used: Vec<(String, Error)>,
    /// Actors that texts speak of.
    pub mentioned: BTreeSet<String>,
}

/// Whether a text may be a name between braces.
pub fn fits_a_name(text: &str) -> bool {
    matches!(names_in(&format!("{{{text}}}")).as_slice(), [(0, name)] if *name == text)
}

impl Runtime {
    /// `given`: what the head defines. It was put in already, or is wrong and was told.
    pub fn new(cast: &[Actor], given: &[String]) -> Runtime {
        let mut known: BTreeSet<String> = ["now", "uuid", "domain", "call", "CALL", "past-limit"]
            .map(str::to_owned)
            .into();
        known.extend(given.iter().cloned());
        for actor in cast {
            known.extend(["jid", "bare", "id", "resource"].map(|what| format!("{}.{what}", actor.name)));
        }
        Runtime {
            known,
            actors: cast.iter().map(|actor| actor.name.clone()).collect(),
            ..Runtime::default()
        }
    }

    pub fn label(&mut self, label: &str) {
        let name = format!("call.{label}");
        if !self.known.contains(&name) {
            self.known.insert(name);
        }
    }

    pub fn capture(&mut self, check: &mut Checker<'_>, name: &Node) {
        let text = name.text().unwrap_or_default();
        if !fits_a_name(text) {
            check.error(
                name,
                "a name begins with a letter, then letters, digits, -, _ and .",
            );
        } else if self.known.contains(text) {
            check.error(
                name,
                format!("`{{{text}}}` has a meaning already: take another name"),
            );
        } else {
            let mut unused = check
                .source
                .error(name, format!("`{text}` is captured and never used"));
            unused.hint = Some(format!("leave it out, or use it as \"{{{text}}}\""));
            self.captured
                .entry(text.to_owned())
                .or_insert((self.used.len(), unused));
        }
    }

    /// Notes every name that stands in the texts of this tree.
    pub fn visit(&mut self, check: &Checker<'_>, node: &Node) {
        match &node.kind {
            Kind::List(items) => items.iter().for_each(|item| self.visit(check, item)),
            Kind::Map(members) => members.iter().for_each(|(_, value)| self.visit(check, value)),
            Kind::Text { text, .. } => {
                if self.actors.contains(text) {
                    self.mentioned.insert(text.clone());
                }
                for (_, name) in names_in(text) {
                    if let Some((who, _)) = name.split_once('.') {
                        self.mentioned.insert(who.to_owned());
                    }
                    // Most names are good ones; an error is only made for those that may not be.
                    if self.known.contains(name) {
                        continue;
                    }
                    let mut error = check.source.error(node, String::new());
                    let before = check.source.line(node.line).chars().skip(node.column - 1);
                    let rest: String = before.collect();
                    let braced = format!("{{{name}}}");
                    if let Some(at) = rest.find(&braced) {
                        error.place.column += rest[..at].chars().count();
                        error.length = braced.len();
                    }
                    self.used.push((name.to_owned(), error));
                }
            }
        }
    }

    /// Tells what was wrong, now that every step has been seen.
    pub fn finish(&mut self, check: &mut Checker<'_>) {
        let used = std::mem::take(&mut self.used);
        for (at, (name, mut error)) in used.iter().cloned().enumerate() {
            match self.captured.get(&name) {
                Some((from, _)) if at >= *from => continue,
                Some((_, place)) => {
                    error.message = format!("`{{{name}}}` is used before it is captured");
                    error.hint = Some(format!("it is captured in line {}", place.place.line));
                }
                None if self.known.contains(&name) || is_bulk(&name) => continue,
                None => {
                    error.message = format!("nothing defines `{{{name}}}`");
                    let known = self.known.iter().chain(self.captured.keys()).map(String::as_str);
                    error.hint = did_you_mean(&name, known).or_else(|| self.about(&name));
                }
            }
            check.push(error);
        }
        for (name, (_, unused)) in std::mem::take(&mut self.captured) {
            if !used.iter().any(|(used, _)| *used == name) {
                check.push(unused);
            }
        }
    }

    fn about(&self, name: &str) -> Option<String> {
        let (who, _) = name.split_once('.')?;
        let actor = self.actors.iter().any(|actor| actor == who);
        actor.then(|| {
            format!("of {who} there are {{{who}.jid}}, {{{who}.bare}}, {{{who}.id}} and {{{who}.resource}}")
        })
    }
}

/// Much of the same, such as `{padding-9000}`.
fn is_bulk(name: &str) -> bool {
    let number = |rest: &str| rest.parse::<u32>().is_ok();
    ["padding-", "lists-", "elements-"]
        .iter()
        .any(|word| name.strip_prefix(word).is_some_and(number))
}

/// Matrix values and files of the head that no step uses.
pub fn unused(check: &mut Checker<'_>, members: Members<'_>, used: &BTreeSet<String>) {
    for (table, what) in [("matrix", "value of the matrix"), ("files", "file")] {
        let Some(Kind::Map(entries)) = get(members, table).map(|node| &node.kind) else {
            continue;
        };
        for (name, _) in entries {
            let text = name.text().unwrap_or_default();
            if !used.contains(text) {
                let message = format!("no step uses the {what} `{text}`");
                check.error_with(
                    name,
                    message,
                    format!("leave it out, or use it as \"{{{text}}}\""),
                );
            }
        }
    }
}
