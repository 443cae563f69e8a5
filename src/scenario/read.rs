//! From the tree to the steps of the model.

mod many;
mod receives;
mod sends;

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;
use std::time::Duration;

use serde_json::{Map, Value};

use super::file::Near;
use super::head::rule_ids;
use super::line;
use super::names::Runtime;
use super::{Action, Actor, Connection, Place, Step, Verb};
use crate::profile::Class;
use crate::yaml::{Checker, Kind as NodeKind, Members, Node, Source, get};

/// A case may not unroll to more steps than this, nor all cases of a file to more than that.
const STEP_LIMIT: usize = 20_000;
const FILE_LIMIT: usize = 100_000;

/// A fragment's file, read once however often it is used.
#[derive(Debug)]
pub struct Fragment {
    pub source: Source,
    tree: Node,
}

/// What is counted and kept over all cases of a file.
#[derive(Debug, Default)]
pub struct Book {
    /// Bytes of text that may still come of names.
    pub text_left: usize,
    /// For each step of this case that does something: where the scenario's own file brought it in.
    pub sites: Vec<Option<Place>>,
    pub fragments: BTreeMap<String, Rc<Fragment>>,
    /// Actors that texts speak of.
    pub mentioned: BTreeSet<String>,
    runtime: Runtime,
    /// The fragments that are being read, each used by the one before.
    open: Vec<String>,
    /// Fragments that use each other without end are told once.
    goes_round: bool,
    /// Steps of this case, and of all of them.
    steps: (usize, usize),
}

impl Book {
    pub fn new(text_left: usize) -> Book {
        Book {
            text_left,
            ..Book::default()
        }
    }

    pub fn begin_case(&mut self, runtime: Runtime) {
        self.runtime = runtime;
        self.steps.0 = 0;
    }

    fn is_full(&self) -> bool {
        self.steps.0 > STEP_LIMIT || self.steps.1 > FILE_LIMIT
    }
}

pub struct Reading<'a> {
    pub check: Checker<'a>,
    pub cast: &'a [Actor],
    pub near: Near<'a>,
    pub book: &'a mut Book,
    /// Where the scenario's own file uses the fragment that is being read.
    pub site: Option<Place>,
}

impl Reading<'_> {
    fn actor(&mut self, node: &Node, name: &str) -> Option<String> {
        if !self.cast.iter().any(|actor| actor.name == name) {
            let known: Vec<&str> = self.cast.iter().map(|actor| actor.name.as_str()).collect();
            self.check
                .unknown(node, "actor or step", &[known.as_slice(), STEPS].concat());
            return None;
        }
        self.book.mentioned.insert(name.to_owned());
        Some(name.to_owned())
    }

    /// Says so if the texts have grown beyond all bounds.
    pub fn too_much(&mut self, node: &Node) {
        if self.book.text_left == 0 {
            self.check.error(
                node,
                "the names of this file make too much text of it: more than 64 MiB",
            );
        }
    }

    /// What only shows once every step of a case was read.
    pub fn end_of_case(&mut self) {
        self.book.runtime.finish(&mut self.check);
        let mentioned = std::mem::take(&mut self.book.runtime.mentioned);
        self.book.mentioned.extend(mentioned);
    }

    fn is_raw(&self, who: &str) -> bool {
        self.cast.iter().any(|actor| actor.name == who && actor.raw)
    }

    fn no_line(&mut self, node: &Node, who: &str) {
        self.check.error_with(
            node,
            format!("{who} is no raw line"),
            format!("`{who}: {{ user: …, raw: true }}` in `cast` makes it one"),
        );
    }

    pub fn steps(&mut self, node: &Node) -> Vec<Step> {
        let NodeKind::List(items) = &node.kind else {
            self.check.error(node, "this has to be a list of steps");
            return Vec::new();
        };
        items.iter().flat_map(|item| self.step(item)).collect()
    }

    fn step(&mut self, node: &Node) -> Vec<Step> {
        if self.book.is_full() {
            return Vec::new();
        }
        self.book.steps.0 += 1;
        self.book.steps.1 += 1;
        if self.book.is_full() {
            let (limit, what) = match self.book.steps.0 > STEP_LIMIT {
                true => (STEP_LIMIT, "case"),
                false => (FILE_LIMIT, "file"),
            };
            self.check
                .error(node, format!("more than {limit} steps in one {what}"));
            return Vec::new();
        }
        let NodeKind::Map(members) = &node.kind else {
            self.check.error(node, "a step has to be a map with one key");
            return Vec::new();
        };
        let [(name, value)] = members.as_slice() else {
            self.check.error_with(
                node,
                "a step has to be a map with one key",
                "begin each step with its own `- `",
            );
            return Vec::new();
        };
        let mut at = name;
        let composite = matches!(
            name.text(),
            Some("together" | "in-any-order" | "relay" | "enforcing" | "repeat" | "use")
        );
        if !composite {
            self.book.runtime.visit(&self.check, value);
            self.book.sites.push(self.site.clone());
        }
        let action = match name.text().unwrap_or_default() {
            "wait" if value.text() == Some("keep-alive") => Action::KeepAlive,
            "wait" => Action::Wait(self.check.duration(value)),
            "together" => Action::Together(self.branches(value)),
            "in-any-order" => {
                let steps = self.steps(value);
                if steps.iter().any(|step| !matches!(step.action, Action::Expect(_))) {
                    self.check
                        .error(value, "only expectations stand in `in-any-order`");
                }
                Action::AnyOrder(steps)
            }
            "relay" => Action::When {
                class: Class::Relay,
                steps: self.steps(value),
            },
            "enforcing" => Action::When {
                class: Class::Enforcing,
                steps: self.steps(value),
            },
            "repeat" => return self.repeat(value),
            "use" => return self.fragment(value),
            "all" => {
                let members = self.check.map(value, &["hear", "for"]);
                let length = self.silence(value, members, "hear");
                Action::Silence {
                    who: self
                        .cast
                        .iter()
                        .filter(|actor| !actor.raw)
                        .map(|actor| actor.name.clone())
                        .collect(),
                    length,
                }
            }
            who => {
                let Some(who) = self.actor(name, who) else {
                    return Vec::new();
                };
                at = verb_of(value).map_or(name, |(_, what)| what);
                match self.act(who, value) {
                    Some(action) => action,
                    None => return Vec::new(),
                }
            }
        };
        vec![Step {
            place: self.check.source.place(at),
            action,
        }]
    }

    fn branches(&mut self, node: &Node) -> Vec<Vec<Step>> {
        let NodeKind::List(items) = &node.kind else {
            self.check.error(node, "this has to be a list of steps");
            return Vec::new();
        };
        let branch = |item: &Node| match item.kind {
            NodeKind::List(_) => self.steps(item),
            _ => self.step(item),
        };
        items.iter().map(branch).collect()
    }

    fn silence(&mut self, node: &Node, members: Members<'_>, verb: &str) -> Duration {
        if get(members, verb).and_then(Node::text) != Some("nothing") {
            self.check
                .error(node, format!("`{verb}: nothing` is all that can be heard"));
        }
        match get(members, "for") {
            Some(length) => self.check.duration(length),
            None => {
                self.check.error(node, "how long? `for: 500ms`");
                Duration::ZERO
            }
        }
    }

    fn act(&mut self, who: String, node: &Node) -> Option<Action> {
        let NodeKind::Map(members) = &node.kind else {
            self.check
                .error(node, "say what it does: sends, receives, hears, answers or does");
            return None;
        };
        let Some((verb, what)) = verb_of(node) else {
            match members.first() {
                Some((name, _)) => self.check.unknown(name, "deed", VERBS),
                None => self
                    .check
                    .error(node, "say what it does: sends, receives, hears, answers or does"),
            }
            return None;
        };
        match verb {
            "sends" => self.send(who, node, what),
            "receives" => self.receive(who, node, what),
            "hears" => {
                let members = self.check.map(node, &["hears", "for"]);
                let length = self.silence(node, members, "hears");
                Some(Action::Silence {
                    who: vec![who],
                    length,
                })
            }
            "answers" => {
                self.check.map(node, &["answers"]);
                Some(Action::Answers {
                    who,
                    policy: self.answer(what),
                })
            }
            _ if what.text().is_some_and(|word| line::DOES.contains(&word)) => {
                if !self.is_raw(&who) {
                    self.no_line(what, &who);
                }
                self.line_deed(who, what.text().unwrap_or_default(), node)
            }
            _ => {
                let members = self.check.map(node, &["does", "after"]);
                let after = get(members, "after")
                    .map(|after| self.check.duration(after))
                    .unwrap_or_default();
                let verb = match what.text().unwrap_or_default() {
                    "connect" => Verb::Connect,
                    "disconnect" => Verb::Disconnect,
                    "cut" => Verb::Cut,
                    "reconnect" => Verb::Reconnect,
                    _ => {
                        let known = ["connect", "disconnect", "cut", "reconnect"];
                        let known: &[&str] = if self.is_raw(&who) {
                            &[&known[1..3], &line::DOES].concat()
                        } else {
                            &known
                        };
                        self.check.unknown(what, "change of connection", known);
                        return None;
                    }
                };
                Some(Action::Connection(Connection { who, verb, after }))
            }
        }
    }

    pub(super) fn values(&mut self, members: Members<'_>, name: &str) -> Map<String, Value> {
        match get(members, name) {
            None => Map::new(),
            Some(node) => match node.json() {
                Value::Object(values) => values,
                _ => {
                    self.check.error(node, "this has to be a map");
                    Map::new()
                }
            },
        }
    }
}

impl Reading<'_> {
    fn rule(&mut self, members: Members<'_>) -> Option<String> {
        let node = get(members, "rule")?;
        if !matches!(node.kind, NodeKind::Text { .. }) {
            self.check.error(node, "this has to be the id of one rule");
            return None;
        }
        rule_ids(&mut self.check, node).pop()
    }

    /// An actor's name, a name in braces, or a JID.
    fn address(&mut self, node: &Node) {
        let text = node.text().unwrap_or_default();
        let is_actor = self.cast.iter().any(|actor| actor.name == text);
        if !is_actor && !text.contains(['@', '{', '.']) {
            let known: Vec<&str> = self.cast.iter().map(|actor| actor.name.as_str()).collect();
            self.check.unknown(node, "actor", &known);
        }
    }
}

/// What an actor's step does: the verb and the node that says what.
fn verb_of(node: &Node) -> Option<(&str, &Node)> {
    let NodeKind::Map(members) = &node.kind else {
        return None;
    };
    members.iter().find_map(|(name, value)| {
        let verb = name.text()?;
        VERBS.contains(&verb).then_some((verb, value))
    })
}

const VERBS: &[&str] = &["sends", "receives", "hears", "answers", "does"];
pub(super) const STEPS: &[&str] = &[
    "wait",
    "together",
    "in-any-order",
    "repeat",
    "use",
    "relay",
    "enforcing",
    "all",
];
const NAMES: [&str; 9] = [
    "initiate",
    "accept",
    "reject",
    "busy",
    "offer",
    "answer",
    "ice-candidate",
    "hangup",
    "mute-change",
];
