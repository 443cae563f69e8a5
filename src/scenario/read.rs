//! From the tree to the steps of the model.

use std::time::Duration;

use serde_json::{Map, Value};

use super::{
    Action, Actor, Answer, Answered, AnsweredBy, Connection, Expect, Pattern, Send, Step, Verb, What,
};
use crate::profile::Class;
use crate::protocol::Kind;
use crate::yaml::{Checker, Kind as NodeKind, Members, Node, Source, get};

/// A scenario may not unroll to more steps than this.
const STEP_LIMIT: usize = 100_000;
const USE_LIMIT: usize = 16;

/// Finds the text of a file by the name that another file gives.
pub type Near<'a> = &'a dyn Fn(&str) -> Option<String>;

pub struct Reading<'a> {
    pub check: Checker<'a>,
    pub cast: &'a [Actor],
    pub near: Near<'a>,
    pub steps: usize,
    pub depth: usize,
}

impl Reading<'_> {
    fn actor(&mut self, node: &Node, name: &str) -> String {
        if !self.cast.iter().any(|actor| actor.name == name) {
            let known: Vec<&str> = self.cast.iter().map(|actor| actor.name.as_str()).collect();
            self.check
                .unknown(node, "actor or step", &[known.as_slice(), STEPS].concat());
        }
        name.to_owned()
    }

    pub fn steps(&mut self, node: &Node) -> Vec<Step> {
        let NodeKind::List(items) = &node.kind else {
            self.check.error(node, "this has to be a list of steps");
            return Vec::new();
        };
        items.iter().flat_map(|item| self.step(item)).collect()
    }

    fn step(&mut self, node: &Node) -> Vec<Step> {
        self.steps += 1;
        if self.steps > STEP_LIMIT {
            if self.steps == STEP_LIMIT + 1 {
                self.check.error(node, format!("more than {STEP_LIMIT} steps"));
            }
            return Vec::new();
        }
        let NodeKind::Map(members) = &node.kind else {
            self.check.error(node, "a step has to be a map with one key");
            return Vec::new();
        };
        let [(name, value)] = members.as_slice() else {
            self.check.error(node, "a step has to be a map with one key");
            return Vec::new();
        };
        let action = match name.text().unwrap_or_default() {
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
                    who: self.cast.iter().map(|actor| actor.name.clone()).collect(),
                    length,
                }
            }
            who => {
                let who = self.actor(name, who);
                match self.act(who, value) {
                    Some(action) => action,
                    None => return Vec::new(),
                }
            }
        };
        vec![Step {
            place: self.check.source.place(name),
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

    fn repeat(&mut self, node: &Node) -> Vec<Step> {
        let members = self.check.map(node, &["times", "as", "steps"]);
        let times = get(members, "times").and_then(|times| times.json().as_u64());
        let (Some(times), Some(steps)) = (times, get(members, "steps")) else {
            self.check
                .error(node, "`repeat` needs `times`, a whole number, and `steps`");
            return Vec::new();
        };
        let name = get(members, "as").and_then(Node::text).unwrap_or("i").to_owned();
        let mut all = Vec::new();
        for i in 1..=times.min(STEP_LIMIT as u64) {
            let kind = NodeKind::Text {
                text: i.to_string(),
                plain: true,
            };
            let value = Node {
                kind,
                ..steps.clone()
            };
            all.extend(self.steps(&steps.with(&[(name.clone(), value)])));
            if self.steps > STEP_LIMIT {
                break;
            }
        }
        all
    }

    fn fragment(&mut self, node: &Node) -> Vec<Step> {
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
        let Some(name) = name else {
            self.check.error(node, "`use` needs the name of a fragment");
            return Vec::new();
        };
        if self.depth >= USE_LIMIT {
            self.check.error(
                node,
                format!("fragments use each other without end (at `{name}`)"),
            );
            return Vec::new();
        }
        let file = format!("fragments/{name}.yaml");
        let Some(text) = (self.near)(&format!("{name}.yaml")).or_else(|| (self.near)(&file)) else {
            self.check.error(node, format!("there is no fragment `{name}`"));
            return Vec::new();
        };
        let source = Source { file, text };
        let tree = match source.tree() {
            Ok(tree) => tree,
            Err(error) => {
                self.check.errors.push(error);
                return Vec::new();
            }
        };
        let mut inner = Reading {
            check: Checker {
                source: &source,
                errors: self.check.errors,
            },
            cast: self.cast,
            near: self.near,
            steps: self.steps,
            depth: self.depth + 1,
        };
        let members = inner
            .check
            .map(&tree, &["fragment", "about", "parameters", "steps"]);
        let parameters = get(members, "parameters")
            .map(|p| inner.check.map(p, &[]))
            .unwrap_or_default();
        let values: Vec<(String, Node)> = parameters
            .iter()
            .filter_map(|(name, default)| {
                let given = get(with, name.text()?);
                Some((name.text()?.to_owned(), given.unwrap_or(default).clone()))
            })
            .collect();
        let steps = match get(members, "steps") {
            Some(steps) => inner.steps(&steps.with(&values)),
            None => Vec::new(),
        };
        self.steps = inner.steps;
        for (given, _) in with {
            if !values.iter().any(|(name, _)| Some(name.as_str()) == given.text()) {
                let known: Vec<&str> = values.iter().map(|(name, _)| name.as_str()).collect();
                self.check.unknown(given, "parameter", &known);
            }
        }
        steps
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
        let verb = members.iter().find_map(|(name, value)| {
            let verb = name.text()?;
            VERBS.contains(&verb).then_some((verb, value))
        });
        let Some((verb, what)) = verb else {
            match members.first() {
                Some((name, _)) => self.check.unknown(name, "verb", VERBS),
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
                        self.check
                            .unknown(what, "deed", &["connect", "disconnect", "cut", "reconnect"]);
                        return None;
                    }
                };
                Some(Action::Connection(Connection { who, verb, after }))
            }
        }
    }

    fn answer(&mut self, node: &Node) -> Answer {
        match node.text() {
            Some("result") => return Answer::Result,
            Some("withhold") => return Answer::Withhold,
            _ => {}
        }
        let members = self.check.map(node, &["error", "after"]);
        if let Some(condition) = get(members, "error") {
            return Answer::Error(self.check.string(condition));
        }
        match get(members, "after") {
            Some(after) => Answer::After(self.check.duration(after)),
            None => {
                self.check.error(
                    node,
                    "an answer is `result`, `withhold`, `{ error: … }` or `{ after: … }`",
                );
                Answer::Result
            }
        }
    }

    fn send(&mut self, who: String, node: &Node, what: &Node) -> Option<Action> {
        let kind = what.text().and_then(Kind::from_name);
        let own: &[&str] = match what.text() {
            _ if kind.is_some() => &["with", "without", "envelope", "to", "call", "id"],
            Some("chat") => &["to", "body"],
            Some("stanza") => &["xml"],
            _ => {
                self.check
                    .unknown(what, "signal", &[&NAMES[..], &["chat", "stanza"]].concat());
                return None;
            }
        };
        let members = self
            .check
            .map(node, &[&["sends", "after", "answered", "breaks"], own].concat());
        let mut text = |name: &str| get(members, name).map(|value| self.check.string(value));
        let (to, call, id) = (text("to"), text("call"), text("id"));
        let (body, xml) = (text("body"), text("xml"));
        let what = match kind {
            Some(kind) => What::Signal {
                kind,
                call: call.unwrap_or_else(|| "main".into()),
                to,
                with: self.values(members, "with"),
                without: get(members, "without")
                    .map(|names| self.check.strings(names))
                    .unwrap_or_default(),
                envelope: self.values(members, "envelope"),
                id,
            },
            None if what.text() == Some("chat") => What::Chat {
                to,
                body: body.unwrap_or_default(),
            },
            None => What::Stanza {
                xml: xml.unwrap_or_default(),
            },
        };
        let after = get(members, "after")
            .map(|after| self.check.duration(after))
            .unwrap_or_default();
        let answered = get(members, "answered").map(|answered| self.answered(answered));
        let breaks = get(members, "breaks")
            .map(|rules| self.check.strings(rules))
            .unwrap_or_default();
        Some(Action::Send(Send {
            who,
            what,
            after,
            answered,
            breaks,
        }))
    }

    fn values(&mut self, members: Members<'_>, name: &str) -> Map<String, Value> {
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

    fn answered(&mut self, node: &Node) -> Answered {
        let plain = |by| Answered {
            by,
            within: None,
            rule: None,
        };
        match node.text() {
            Some("result") => return plain(AnsweredBy::Result),
            Some("any") => return plain(AnsweredBy::Any),
            Some("error") => return plain(AnsweredBy::Error(Vec::new())),
            _ => {}
        }
        let members = self
            .check
            .map(node, &["result", "error", "any", "nothing", "within", "rule"]);
        let rule = get(members, "rule").map(|rule| self.check.string(rule));
        let mut within = get(members, "within").map(|within| self.check.duration(within));
        let by = if let Some(conditions) = get(members, "error") {
            AnsweredBy::Error(self.check.strings(conditions))
        } else if let Some(length) = get(members, "nothing") {
            within = Some(self.check.duration(length));
            AnsweredBy::Nothing
        } else if get(members, "any").is_some() {
            AnsweredBy::Any
        } else {
            AnsweredBy::Result
        };
        Answered { by, within, rule }
    }

    fn receive(&mut self, who: String, node: &Node, what: &Node) -> Option<Action> {
        let kind = what.text().and_then(Kind::from_name);
        let own: &[&str] = match what.text() {
            _ if kind.is_some() => &["where", "matches", "absent", "call", "capture", "answer"],
            Some("chat") => &["body"],
            Some("stanza") => &["name", "type", "condition"],
            Some("stream-error") => &["condition"],
            Some("close") => &[],
            _ => {
                let others = ["chat", "stanza", "stream-error", "close"];
                self.check
                    .unknown(what, "signal", &[&NAMES[..], &others].concat());
                return None;
            }
        };
        let common = ["receives", "within", "from", "next", "optional", "rule"];
        let members = self.check.map(node, &[&common, own].concat());
        let mut text = |name: &str| get(members, name).map(|value| self.check.string(value));
        let (call, body, name, stanza_type) = (text("call"), text("body"), text("name"), text("type"));
        let (from, rule) = (text("from"), text("rule"));
        let conditions = get(members, "condition")
            .map(|names| self.check.strings(names))
            .unwrap_or_default();
        let pattern = match (kind, what.text().unwrap_or_default()) {
            (Some(kind), _) => Pattern::Signal {
                kind,
                call: call.unwrap_or_else(|| "main".into()),
            },
            (None, "chat") => Pattern::Chat { body },
            (None, "stanza") => Pattern::Stanza {
                name: name.unwrap_or_else(|| "iq".into()),
                stanza_type,
                conditions,
            },
            (None, "stream-error") => Pattern::StreamError { conditions },
            (None, _) => Pattern::Close,
        };
        let matches: Vec<(String, String)> = self.values(members, "matches").into_iter().map(pair).collect();
        for (_, regex) in &matches {
            if let (Err(error), Some(at)) = (regex::Regex::new(regex), get(members, "matches")) {
                self.check.error(at, format!("no regular expression: {error}"));
            }
        }
        let captures = self.values(members, "capture").into_iter().map(pair).collect();
        let equals = self.values(members, "where").into_iter().collect();
        let absent = get(members, "absent")
            .map(|names| self.check.strings(names))
            .unwrap_or_default();
        Some(Action::Expect(Expect {
            who,
            pattern,
            within: get(members, "within").map(|within| self.check.duration(within)),
            equals,
            matches,
            absent,
            from,
            captures,
            next: get(members, "next").is_some_and(|next| self.check.truth(next)),
            optional: get(members, "optional").is_some_and(|optional| self.check.truth(optional)),
            rule,
            answer: get(members, "answer").map(|answer| self.answer(answer)),
        }))
    }
}

fn pair((name, value): (String, Value)) -> (String, String) {
    (
        name,
        value.as_str().map_or_else(|| value.to_string(), str::to_owned),
    )
}

const VERBS: &[&str] = &["sends", "receives", "hears", "answers", "does"];
const STEPS: &[&str] = &[
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
