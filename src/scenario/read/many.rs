//! Steps that stand for several: `repeat` and `use`, with values put into them.

use std::collections::BTreeSet;
use std::rc::Rc;

use super::super::head::name_of_a_value;
use super::super::suite;
use super::{Fragment, Reading};
use crate::scenario::Step;
use crate::yaml::{Checker, Kind as NodeKind, Members, Node, Source, Values, get, quoted};

impl Reading<'_> {
    pub(super) fn put(&mut self, node: &Node, values: Vec<(String, Node)>) -> (Node, BTreeSet<String>) {
        let mut values = Values::new(values, self.book.text_left);
        let put = values.put(node);
        self.book.text_left = values.left();
        self.too_much(node);
        (put, values.used().clone())
    }

    pub(super) fn repeat(&mut self, node: &Node) -> Vec<Step> {
        let members = self.check.map(node, &["times", "as", "steps"]);
        let times = get(members, "times").and_then(|times| times.json().as_u64());
        let (Some(times @ 1..), Some(steps)) = (times, get(members, "steps")) else {
            let at = get(members, "times").unwrap_or(node);
            self.check
                .error(at, "`repeat` needs `times`, a whole number from 1, and `steps`");
            return Vec::new();
        };
        if let Some(name) = get(members, "as") {
            name_of_a_value(&mut self.check, name);
        }
        let name = get(members, "as").and_then(Node::text).unwrap_or("i").to_owned();
        let mut all = Vec::new();
        for i in 1..=times {
            let kind = NodeKind::Text {
                text: i.to_string(),
                plain: true,
            };
            let value = Node {
                kind,
                ..steps.clone()
            };
            let (steps, used) = self.put(steps, vec![(name.clone(), value)]);
            if let (Some(name), true) = (get(members, "as"), used.is_empty()) {
                let text = name.text().unwrap_or_default();
                self.check.error_with(
                    name,
                    format!("no step uses `{text}`"),
                    format!("as \"{{{text}}}\""),
                );
            }
            let before = self.book.steps.0;
            all.extend(self.steps(&steps));
            // What does nothing need not be done again; who has too much is told once.
            if self.book.is_full() || self.book.steps.0 == before || self.book.text_left == 0 {
                break;
            }
        }
        all
    }

    pub(super) fn fragment(&mut self, node: &Node) -> Vec<Step> {
        let (name, with): (Option<&str>, Members<'_>) = match &node.kind {
            NodeKind::Map(_) => {
                let members = self.check.map(node, &["fragment", "with"]);
                let with = get(members, "with")
                    .map(|with| self.check.map(with, &[]))
                    .unwrap_or_default();
                (get(members, "fragment").and_then(Node::text), with)
            }
            _ => (node.text(), &[]),
        };
        let (Some(name), node) = (name, name_node(node)) else {
            self.check.error(node, "`use` needs the name of a fragment");
            return Vec::new();
        };
        if let Some(at) = self.book.open.iter().position(|open| open == name) {
            if std::mem::replace(&mut self.book.goes_round, true) {
                return Vec::new();
            }
            let round = [&self.book.open[at..], &[name.to_owned()]]
                .concat()
                .join(" uses ");
            self.check
                .error(node, format!("fragments use each other without end: {round}"));
            return Vec::new();
        }
        let Some(fragment) = self.fragment_named(node, name) else {
            return Vec::new();
        };
        let site = self.site.clone().unwrap_or_else(|| self.check.source.place(node));
        self.book.open.push(name.to_owned());
        let mut inner = Reading {
            check: Checker {
                source: &fragment.source,
                errors: self.check.errors,
            },
            cast: self.cast,
            near: self.near,
            book: self.book,
            site: Some(site),
        };
        let members = inner.check.map(
            &fragment.tree,
            &["fragment", "about", "parameters", "steps", "$schema"],
        );
        if let Some(own) = get(members, "fragment").filter(|own| own.text() != Some(name)) {
            let message = format!("this file is used as {}", quoted(name));
            inner
                .check
                .error_with(own, message, "its name is that of its file");
        }
        let parameters = get(members, "parameters")
            .map(|p| inner.check.map(p, &[]))
            .unwrap_or_default();
        let values: Vec<(String, Node)> = parameters
            .iter()
            .filter_map(|(name, default)| {
                name_of_a_value(&mut inner.check, name);
                let given = get(with, name.text()?);
                Some((name.text()?.to_owned(), given.unwrap_or(default).clone()))
            })
            .collect();
        let known: Vec<String> = values.iter().map(|(name, _)| name.clone()).collect();
        let steps = match get(members, "steps") {
            Some(steps) => {
                let (steps, used) = inner.put(steps, values);
                for (name, _) in parameters {
                    let text = name.text().unwrap_or_default();
                    if !used.contains(text) {
                        inner.check.error(
                            name,
                            format!("no step of the fragment uses its parameter `{text}`"),
                        );
                    }
                }
                inner.steps(&steps)
            }
            None => {
                inner.check.error(&fragment.tree, "`steps` is missing");
                Vec::new()
            }
        };
        self.book.open.pop();
        for (given, _) in with {
            if !known.iter().any(|name| Some(name.as_str()) == given.text()) {
                let known: Vec<&str> = known.iter().map(String::as_str).collect();
                self.check.unknown(given, "parameter", &known);
            }
        }
        steps
    }

    /// Beside the scenario, in `fragments/` beside it, or built in.
    fn fragment_named(&mut self, node: &Node, name: &str) -> Option<Rc<Fragment>> {
        if let Some(known) = self.book.fragments.get(name) {
            return Some(known.clone());
        }
        let paths = [format!("{name}.yaml"), format!("fragments/{name}.yaml")];
        let found = match paths.iter().find_map(|path| (self.near)(path)) {
            Some(Ok(found)) => found,
            Some(Err(why)) => {
                self.check.error(
                    node,
                    format!("the fragment {} cannot be used: {why}", quoted(name)),
                );
                return None;
            }
            None => {
                self.check.unknown(node, "fragment", &suite::fragments());
                return None;
            }
        };
        let source = Source {
            file: found.file,
            text: found.text,
        };
        match source.tree() {
            Ok(tree) => {
                let fragment = Rc::new(Fragment { source, tree });
                self.book.fragments.insert(name.to_owned(), fragment.clone());
                Some(fragment)
            }
            Err(error) => {
                self.check.push(error);
                None
            }
        }
    }
}

/// Where a `use` names its fragment.
fn name_node(node: &Node) -> &Node {
    match &node.kind {
        NodeKind::Map(members) => get(members, "fragment").unwrap_or(node),
        _ => node,
    }
}
