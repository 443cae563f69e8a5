//! What an actor waits for, and what has to be true of it.

use serde_json::Value;

use super::super::line;
use super::super::words::{CONDITIONS, STREAM_CONDITIONS, fault_of_pointer};
use super::{NAMES, Reading};
use crate::protocol::Kind;
use crate::scenario::{Action, Expect, Pattern};
use crate::yaml::{Kind as NodeKind, Members, Node, get, names_in};

impl Reading<'_> {
    pub(super) fn receive(&mut self, who: String, node: &Node, what: &Node) -> Option<Action> {
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

    /// Every JSON pointer of an expectation (RFC 6901).
    pub(super) fn pointers(&mut self, members: Members<'_>) {
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

fn pair((name, value): (String, Value)) -> (String, String) {
    (
        name,
        value.as_str().map_or_else(|| value.to_string(), str::to_owned),
    )
}
