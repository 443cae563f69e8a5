//! From the tree to the steps of the model.

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;
use std::time::Duration;

use serde_json::{Map, Value};

use super::file::Near;
use super::head::{name_of_a_value, rule_ids};
use super::line;
use super::names::Runtime;
use super::words::{CONDITIONS, STREAM_CONDITIONS, fault_of_pointer, members_of};
use super::{
    Action, Actor, Answer, Answered, AnsweredBy, Connection, Expect, Pattern, Place, Send, Step, Verb, What,
};
use crate::profile::Class;
use crate::protocol::Kind;
use crate::yaml::{Checker, Kind as NodeKind, Members, Node, Source, Values, get, names_in, quoted};

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

    fn put(&mut self, node: &Node, values: Vec<(String, Node)>) -> (Node, BTreeSet<String>) {
        let mut values = Values::new(values, self.book.text_left);
        let put = values.put(node);
        self.book.text_left = values.left();
        self.too_much(node);
        (put, values.used().clone())
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

    fn repeat(&mut self, node: &Node) -> Vec<Step> {
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
                self.check.unknown(node, "fragment", &super::suite::fragments());
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

    fn answer(&mut self, node: &Node) -> Answer {
        match node.text() {
            Some("result") => return Answer::Result,
            Some("withhold") => return Answer::Withhold,
            _ => {}
        }
        if node.text().is_some() {
            self.check.unknown(node, "answer", &["result", "withhold"]);
            return Answer::Result;
        }
        let members = self.check.map(node, &["error", "after"]);
        if let Some(condition) = get(members, "error") {
            let mut given = self.check.words(condition, "error condition", CONDITIONS);
            return given.pop().map_or(Answer::Result, Answer::Error);
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
            Some(word) if let Some(keys) = Self::line_send_keys(word) => keys,
            _ => {
                let others: &[&str] = if self.is_raw(&who) { &line::SENDS } else { &NAMES };
                self.check
                    .unknown(what, "signal", &[others, &["chat", "stanza"]].concat());
                return None;
            }
        };
        let on_line = what.text().filter(|word| line::SENDS.contains(word));
        if on_line.is_some() && !self.is_raw(&who) {
            self.no_line(what, &who);
        } else if on_line.is_none() && self.is_raw(&who) && what.text() != Some("stanza") {
            self.check.error(
                what,
                format!("{who} is a raw line: it sends a `stanza`, verbatim, or frames"),
            );
        }
        let members = self
            .check
            .map(node, &[&["sends", "after", "answered", "breaks"], own].concat());
        let mut text = |name: &str| get(members, name).map(|value| self.check.string(value));
        let (to, call, id) = (text("to"), text("call"), text("id"));
        let (body, xml) = (text("body"), text("xml"));
        if let Some(to) = get(members, "to") {
            self.address(to);
        }
        let needs = match what.text() {
            Some("chat") => "body",
            Some("stanza") => "xml",
            _ => "sends",
        };
        if get(members, needs).is_none() {
            let what = what.text().unwrap_or_default();
            self.check
                .error(node, format!("`sends: {what}` needs its `{needs}`"));
        }
        let label = call.clone().unwrap_or_else(|| "main".into());
        if let Some(kind) = kind {
            self.book.runtime.label(&label);
            if let Some(names) = get(members, "without") {
                self.left_out(names, kind, get(members, "with"));
            }
        }
        let what = match kind {
            Some(kind) => What::Signal {
                kind,
                call: label,
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
            None if let Some(word) = on_line => self.line_send(word, members),
            None => What::Stanza {
                xml: xml.unwrap_or_default(),
            },
        };
        let after = get(members, "after")
            .map(|after| self.check.duration(after))
            .unwrap_or_default();
        let answered = get(members, "answered").map(|answered| self.answered(answered));
        let breaks = get(members, "breaks")
            .map(|rules| rule_ids(&mut self.check, rules))
            .unwrap_or_default();
        Some(Action::Send(Send {
            who,
            what,
            after,
            answered,
            breaks,
        }))
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
        if node.text().is_some() {
            self.check.unknown(node, "answer", &["result", "any", "error"]);
            return plain(AnsweredBy::Any);
        }
        let members = self
            .check
            .map(node, &["result", "error", "any", "nothing", "within", "rule"]);
        let kinds = ["result", "error", "any", "nothing"];
        if members
            .iter()
            .filter(|(name, _)| kinds.iter().any(|kind| name.text() == Some(kind)))
            .count()
            > 1
        {
            self.check
                .error(node, "one of `result`, `error`, `any` and `nothing`, not several");
        }
        let rule = self.rule(members);
        let mut within = get(members, "within").map(|within| self.check.duration(within));
        let by = if let Some(conditions) = get(members, "error") {
            AnsweredBy::Error(self.check.words(conditions, "error condition", CONDITIONS))
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
            Some(word) if let Some(keys) = Self::line_receive_keys(word) => {
                if !self.is_raw(&who) {
                    self.no_line(what, &who);
                }
                keys
            }
            _ => {
                let own: &[&str] = if self.is_raw(&who) {
                    &line::RECEIVES
                } else {
                    &NAMES
                };
                let others = ["chat", "stanza", "stream-error", "close"];
                self.check.unknown(what, "signal", &[own, &others].concat());
                return None;
            }
        };
        let common = ["receives", "within", "from", "next", "optional", "rule"];
        let members = self.check.map(node, &[&common, own].concat());
        let mut text = |name: &str| get(members, name).map(|value| self.check.string(value));
        let (call, body, name, stanza_type) = (text("call"), text("body"), text("name"), text("type"));
        let from = text("from");
        let rule = self.rule(members);
        if let Some(from) = get(members, "from") {
            self.address(from);
        }
        let known = match what.text() {
            Some("stream-error") => STREAM_CONDITIONS,
            _ => CONDITIONS,
        };
        let conditions = get(members, "condition")
            .filter(|_| what.text() != Some("refusal"))
            .map(|names| self.check.words(names, "error condition", known))
            .unwrap_or_default();
        if kind.is_some() {
            self.book.runtime.label(call.as_deref().unwrap_or("main"));
        }
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
            (None, word) if line::RECEIVES.contains(&word) => self.line_receive(word, members),
            (None, _) => Pattern::Close,
        };
        self.pointers(members);
        let matches: Vec<(String, String)> = self.values(members, "matches").into_iter().map(pair).collect();
        if let Some(NodeKind::Map(entries)) = get(members, "matches").map(|node| &node.kind) {
            for (_, node) in entries {
                self.expression(node);
            }
        }
        if let Some(NodeKind::Map(entries)) = get(members, "capture").map(|node| &node.kind) {
            for (name, _) in entries {
                self.book.runtime.capture(&mut self.check, name);
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

    /// `without` leaves out what would be there.
    fn left_out(&mut self, node: &Node, kind: Kind, with: Option<&Node>) {
        let items = match &node.kind {
            NodeKind::List(items) => items.as_slice(),
            _ => std::slice::from_ref(node),
        };
        let mut known = members_of(kind).to_vec();
        if let Some(NodeKind::Map(members)) = with.map(|with| &with.kind) {
            known.extend(members.iter().filter_map(|(name, _)| name.text()));
        }
        for item in items.iter().filter(|item| item.text().is_some()) {
            if !known.contains(&item.text().unwrap_or_default()) {
                self.check.unknown(item, "member to leave out", &known);
            }
        }
    }

    /// Every JSON pointer of an expectation (RFC 6901).
    fn pointers(&mut self, members: Members<'_>) {
        for (name, node) in members {
            let at: Vec<&Node> = match (name.text(), &node.kind) {
                (Some("where" | "matches"), NodeKind::Map(entries)) => {
                    entries.iter().map(|(at, _)| at).collect()
                }
                (Some("capture"), NodeKind::Map(entries)) => entries.iter().map(|(_, at)| at).collect(),
                (Some("absent"), NodeKind::List(items)) => items.iter().collect(),
                (Some("absent"), _) => vec![node],
                _ => continue,
            };
            for node in at {
                if let Some((message, hint)) = fault_of_pointer(node.text().unwrap_or_default()) {
                    self.check.error_with(node, message, hint);
                }
            }
        }
    }

    fn expression(&mut self, node: &Node) {
        // As it will be matched: names have become something, and doubled braces are braces.
        let mut text = self.check.string(node);
        for (at, name) in names_in(&text.clone()).into_iter().rev() {
            text.replace_range(at..at + name.len() + 2, "x");
        }
        let text = text.replace("{{", "{").replace("}}", "}");
        let compiled = regex::RegexBuilder::new(&text).size_limit(1 << 20).build();
        if let Err(error) = compiled {
            let told = error.to_string();
            let why = told
                .lines()
                .last()
                .unwrap_or_default()
                .trim_start_matches("error: ")
                .to_owned();
            self.check.error(node, format!("no regular expression: {why}"));
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

/// Where a `use` names its fragment.
fn name_node(node: &Node) -> &Node {
    match &node.kind {
        NodeKind::Map(members) => get(members, "fragment").unwrap_or(node),
        _ => node,
    }
}

fn pair((name, value): (String, Value)) -> (String, String) {
    (
        name,
        value.as_str().map_or_else(|| value.to_string(), str::to_owned),
    )
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
