//! Who is who in the scenario, and texts without the names of those who were recorded.

use std::collections::{BTreeMap, BTreeSet};

use super::story::Story;
use crate::stanza::{bare, escape, fold};

/// Users of scenarios, in the order in which they are taken.
const USERS: [&str; 8] = ["alice", "bob", "carol", "dave", "erin", "frank", "grace", "heidi"];

/// The cast.
#[derive(Debug, Clone, Default)]
pub struct Cast {
    /// The actor of each end.
    pub actors: Vec<String>,
    /// The user of each end.
    pub users: Vec<String>,
}

impl Cast {
    /// `accounts`: users' names that are wanted for certain bare JIDs.
    pub fn of(story: &Story, accounts: &BTreeMap<String, String>) -> Cast {
        let mut cast = Cast {
            actors: vec![String::new(); story.ends.len()],
            users: vec![String::new(); story.ends.len()],
        };
        let mut taken: BTreeSet<String> = BTreeSet::new();
        for (end, name) in story.ends.iter().zip(&mut cast.actors) {
            if let Some(known) = &end.name {
                taken.insert(known.clone());
                name.clone_from(known);
            }
        }
        let first = story.calls.first().and_then(|call| story.caller(call));
        let callee = first.and_then(|caller| {
            let call = story.calls.first()?;
            let mut of_call = story.messages.iter().filter(|m| m.call.as_ref() == Some(call));
            of_call.find_map(|m| {
                let hears = m.receipts.iter().map(|receipt| receipt.end);
                hears.chain([m.from]).find(|end| !story.same_user(*end, caller))
            })
        });
        let order: Vec<usize> = first
            .into_iter()
            .chain(callee)
            .chain(0..story.ends.len())
            .collect();
        for end in order.iter().copied() {
            if !cast.actors[end].is_empty() {
                continue;
            }
            let side = |other: Option<usize>| other.is_some_and(|other| story.same_user(other, end));
            let word = if side(first) {
                "caller"
            } else if side(callee) || first.is_none() {
                "callee"
            } else {
                "other"
            };
            let mut name = word.to_owned();
            let mut n = 2;
            while !taken.insert(name.clone()) {
                name = format!("{word}-{n}");
                n += 1;
            }
            cast.actors[end] = name;
        }
        let mut users: BTreeMap<String, String> = BTreeMap::new();
        let wanted: BTreeSet<&String> = accounts.values().collect();
        let mut names = USERS.iter().map(|name| (*name).to_owned());
        let mut n = USERS.len();
        for end in order {
            let jid = fold(story.ends[end].bare()).into_owned();
            let user = users.entry(jid.clone()).or_insert_with(|| {
                accounts.get(&jid).cloned().unwrap_or_else(|| {
                    let free = names.by_ref().find(|name| !wanted.contains(name));
                    free.unwrap_or_else(|| {
                        n += 1;
                        format!("user-{n}")
                    })
                })
            });
            cast.users[end].clone_from(user);
        }
        cast
    }
}

/// What stands for a callId in steps.
pub fn label(story: &Story, call: &str) -> String {
    match story.calls.iter().position(|known| known == call) {
        None | Some(0) => "main".to_owned(),
        Some(1) => "second".to_owned(),
        Some(2) => "third".to_owned(),
        Some(n) => format!("call-{}", n + 1),
    }
}

/// Puts names in place of what belongs to the recorded call.
#[derive(Debug, Clone, Default)]
pub struct Texts {
    /// What is looked for, the longest first, and what stands for it.
    needles: Vec<(String, String)>,
}

impl Texts {
    pub fn of(story: &Story, cast: &Cast) -> Texts {
        let mut found: BTreeMap<String, String> = BTreeMap::new();
        let mut domains = BTreeSet::new();
        for (end, actor) in story.ends.iter().zip(&cast.actors) {
            let mut add = |text: &str, name: String| {
                if text.len() > 2 {
                    found.entry(escape(text)).or_insert_with(|| name.clone());
                    found.entry(text.to_owned()).or_insert(name);
                }
            };
            add(&end.jid, format!("{{{actor}.jid}}"));
            add(end.bare(), format!("{{{actor}.bare}}"));
            if let Some(id) = &end.id {
                add(id, format!("{{{actor}.id}}"));
            }
            if let Some((_, domain)) = end.bare().split_once('@') {
                domains.insert(domain.to_owned());
            }
        }
        for call in &story.calls {
            let label = label(story, call);
            let name = if label == "main" {
                "{call}".to_owned()
            } else {
                format!("{{call.{label}}}")
            };
            if call.len() > 8 {
                found.insert(call.clone(), name);
            }
        }
        for domain in domains {
            found.insert(format!("@{domain}"), "@{domain}".to_owned());
            for quote in ['"', '\''] {
                found.insert(
                    format!("{quote}{domain}{quote}"),
                    format!("{quote}{{domain}}{quote}"),
                );
            }
        }
        let mut needles: Vec<(String, String)> = found.into_iter().collect();
        needles.sort_by_key(|(text, _)| std::cmp::Reverse(text.len()));
        Texts { needles }
    }

    /// The same with one thing more to look for.
    pub fn with(&self, text: &str, name: &str) -> Texts {
        let mut texts = self.clone();
        if !text.is_empty() {
            texts.needles.insert(0, (text.to_owned(), name.to_owned()));
        }
        texts
    }

    /// The text as a scenario has it: names in braces, braces doubled.
    pub fn fill(&self, text: &str) -> String {
        let mut out = String::with_capacity(text.len());
        let mut rest = text;
        // Most letters begin no name.
        let first = |text: &str| text.as_bytes().first().map_or(0, u8::to_ascii_lowercase);
        let begins: BTreeSet<u8> = self.needles.iter().map(|(needle, _)| first(needle)).collect();
        while let Some(c) = rest.chars().next() {
            let plain = |c: char| {
                !matches!(c, '{' | '}')
                    && u8::try_from(c).is_ok_and(|c| !begins.contains(&c.to_ascii_lowercase()))
            };
            let run = rest.find(|c| !plain(c)).unwrap_or(rest.len());
            if run > 0 {
                out.push_str(rest.get(..run).unwrap_or_default());
                rest = rest.get(run..).unwrap_or_default();
                continue;
            }
            let starts = |needle: &String| {
                rest.get(..needle.len())
                    .is_some_and(|start| start.eq_ignore_ascii_case(needle))
            };
            if let Some((needle, name)) = self.needles.iter().find(|(needle, _)| starts(needle)) {
                out.push_str(name);
                rest = rest.get(needle.len()..).unwrap_or_default();
                continue;
            }
            match c {
                '{' => out.push_str("{{"),
                '}' => out.push_str("}}"),
                c => out.push(c),
            }
            rest = rest.get(c.len_utf8()..).unwrap_or_default();
        }
        out
    }

    pub fn value(&self, value: &serde_json::Value) -> serde_json::Value {
        use serde_json::Value;
        match value {
            Value::String(text) => Value::String(self.fill(text)),
            Value::Array(items) => items.iter().map(|item| self.value(item)).collect(),
            Value::Object(members) => {
                let member = |(name, item): (&String, &Value)| (name.clone(), self.value(item));
                Value::Object(members.iter().map(member).collect())
            }
            other => other.clone(),
        }
    }
}

/// An address as a step writes it: an actor, or a text with names. Of somebody unknown only that it is nobody.
pub fn address(story: &Story, cast: &Cast, texts: &Texts, jid: &str) -> String {
    let exact = story.ends.iter().position(|end| fold(&end.jid) == fold(jid));
    if let Some(end) = exact {
        return cast.actors[end].clone();
    }
    let user = story
        .ends
        .iter()
        .position(|end| fold(end.bare()) == fold(bare(jid)));
    let resource = crate::stanza::resource(jid);
    match (user, resource) {
        (Some(end), None) => format!("{{{}.bare}}", cast.actors[end]),
        (Some(end), Some(_)) => format!("{{{}.bare}}/elsewhere", cast.actors[end]),
        (None, _) if !jid.contains('@') => texts.fill(&format!("'{jid}'")).trim_matches('\'').to_owned(),
        (None, None) => "nobody@{domain}".to_owned(),
        (None, Some(_)) => "nobody@{domain}/elsewhere".to_owned(),
    }
}
