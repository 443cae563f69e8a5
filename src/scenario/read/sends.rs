//! What an actor sends, how it is answered, and how an actor answers.

use super::super::head::rule_ids;
use super::super::line;
use super::super::words::{CONDITIONS, members_of};
use super::{NAMES, Reading};
use crate::protocol::Kind;
use crate::scenario::{Action, Answer, Answered, AnsweredBy, Send, What};
use crate::yaml::{Kind as NodeKind, Node, get};

impl Reading<'_> {
    pub(super) fn answer(&mut self, node: &Node) -> Answer {
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

    pub(super) fn send(&mut self, who: String, node: &Node, what: &Node) -> Option<Action> {
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

    pub(super) fn answered(&mut self, node: &Node) -> Answered {
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
}
