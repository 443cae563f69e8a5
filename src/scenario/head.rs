//! The head of a scenario file: what stands above its steps.

use std::collections::BTreeSet;
use std::time::Duration;

use super::file::{EdgeCase, Near};
use super::names::fits_a_name;
use super::read::STEPS;
use super::{Actor, Need};
use crate::profile::Class;
use crate::yaml::{Checker, Kind, Members, Node, get, quoted};

/// A matrix may not make more cases than this.
const CASE_LIMIT: usize = 10_000;
const EDGE_CASES: [&str; 6] = ["crossing", "timer", "busy", "glare", "devices", "vanish"];

/// Everything but the steps.
pub struct Head {
    pub name: String,
    pub about: String,
    pub rules: Vec<String>,
    pub tags: Vec<String>,
    pub classes: Vec<Class>,
    pub needs: Vec<Need>,
    pub cast: Vec<Actor>,
    /// The actors that the file itself lists, where it does.
    pub cast_nodes: Vec<(String, Node)>,
    pub files: Vec<(String, Node)>,
    /// The names that `files` and `matrix` give, whether or not their values are any good.
    pub given: Vec<String>,
    /// The chosen values of each case.
    pub matrix: Vec<Vec<(String, Node)>>,
    pub quiet: Option<Duration>,
    pub leaves_open: Option<String>,
    pub edge_case: Option<EdgeCase>,
}

impl Head {
    pub fn read(check: &mut Checker<'_>, tree: &Node, members: Members<'_>, near: Near<'_>) -> Head {
        let name = get(members, "name").and_then(Node::text).unwrap_or_default();
        let fits = |c: char| c.is_ascii_alphanumeric() || "-_/.".contains(c);
        if get(members, "name").is_none() {
            check.error(tree, "`name` is missing");
        } else if name.is_empty() || !name.chars().all(fits) {
            let at = get(members, "name").unwrap_or(tree);
            check.error(at, "`name` has to be made of letters, digits, -, _, . and /");
        }
        let rules = get(members, "rules").map(|rules| rule_ids(check, rules));
        let tags = get(members, "tags").map(|tags| check.strings(tags));
        let profiles = get(members, "profiles")
            .map(|profiles| check.words(profiles, "profile", &["relay", "enforcing"]))
            .unwrap_or_default();
        let class = |name: &String| match name.as_str() {
            "relay" => Class::Relay,
            _ => Class::Enforcing,
        };
        let needs = get(members, "needs")
            .map(|needs| check.words(needs, "need", &Need::ALL.map(|(name, _)| name)))
            .unwrap_or_default();
        let mut text = |name: &str| get(members, name).map(|node| check.string(node).trim().to_owned());
        let (about, leaves_open) = (text("about").unwrap_or_default(), text("leaves-open"));
        let (cast, cast_nodes) = cast(check, get(members, "cast"));
        Head {
            name: name.to_owned(),
            about,
            rules: rules.unwrap_or_default(),
            tags: tags.unwrap_or_default(),
            classes: profiles.iter().map(class).collect(),
            needs: needs.iter().filter_map(|name| Need::from_name(name)).collect(),
            cast,
            cast_nodes,
            given: ["files", "matrix"]
                .iter()
                .filter_map(|table| get(members, table))
                .flat_map(keys)
                .collect(),
            files: files(check, get(members, "files"), near),
            matrix: matrix(check, get(members, "matrix")),
            quiet: get(members, "quiet").map(|quiet| check.duration(quiet)),
            leaves_open,
            edge_case: get(members, "edge-case").map(|node| edge_case(check, node)),
        }
    }
}

fn keys(node: &Node) -> Vec<String> {
    let Kind::Map(members) = &node.kind else {
        return Vec::new();
    };
    let names = members.iter().filter_map(|(name, _)| name.text());
    names.map(str::to_owned).collect()
}

/// Ids of rules, each of which is in the catalogue.
pub fn rule_ids(check: &mut Checker<'_>, node: &Node) -> Vec<String> {
    let known: Vec<&str> = crate::rules::catalogue().iter().map(|rule| rule.id).collect();
    let items = match &node.kind {
        Kind::List(items) => items.as_slice(),
        _ => std::slice::from_ref(node),
    };
    let mut ids = Vec::new();
    for item in items {
        match item.text() {
            Some(id) if known.contains(&id) => ids.push(id.to_owned()),
            Some(id) => {
                let hint = crate::yaml::did_you_mean(id, known.iter().copied());
                let hint = hint.unwrap_or_else(|| "`callspec rules` lists them".into());
                check.error_with(item, format!("unknown rule {}", quoted(id)), hint);
            }
            None => check.error(item, "this has to be the id of a rule, such as ST-04"),
        }
    }
    ids
}

fn edge_case(check: &mut Checker<'_>, node: &Node) -> EdgeCase {
    let members = check.map(node, &["kind", "title", "caller", "callee", "server", "wild"]);
    let kind = get(members, "kind").unwrap_or(node);
    let kind = check.words(kind, "kind of edge case", &EDGE_CASES);
    let mut text = |name: &str| get(members, name).map(|node| check.string(node).trim().to_owned());
    let (title, wild) = (text("title"), text("wild"));
    let (caller, callee, server) = (text("caller"), text("callee"), text("server"));
    for (name, found) in [("title", &title), ("wild", &wild)] {
        if found.is_none() {
            check.error(node, format!("`{name}` is missing"));
        }
    }
    EdgeCase {
        kind: kind.into_iter().next().unwrap_or_default(),
        title: title.unwrap_or_default(),
        caller,
        callee,
        server,
        wild: wild.unwrap_or_default(),
    }
}

fn cast(check: &mut Checker<'_>, node: Option<&Node>) -> (Vec<Actor>, Vec<(String, Node)>) {
    let Some(node) = node else {
        return (vec![actor("caller", "alice"), actor("callee", "bob")], Vec::new());
    };
    let (mut cast, mut nodes) = (Vec::new(), Vec::new());
    let Kind::Map(members) = &node.kind else {
        check.error(node, "`cast` has to be a map from actor to user");
        return (cast, nodes);
    };
    for (key, value) in members {
        let name = key.text().unwrap_or_default();
        if !fits_a_name(name) || name.contains('.') {
            check.error(key, "an actor's name is made of letters, digits, - and _");
        } else if STEPS.contains(&name) {
            check.error(key, format!("`{name}` is a step already, it cannot be an actor"));
        }
        let mut one = actor(name, "");
        if let Kind::Map(_) = &value.kind {
            let details = check.map(value, &["user", "connected", "presence", "raw"]);
            if let Some(user) = get(details, "user") {
                one.user = check.string(user);
            }
            if let Some(connected) = get(details, "connected") {
                one.connected = check.truth(connected);
            }
            if let Some(presence) = get(details, "presence") {
                one.presence = check.truth(presence);
            }
            if let Some(raw) = get(details, "raw") {
                one.raw = check.truth(raw);
                one.connected &= !one.raw;
            }
        } else {
            one.user = check.string(value);
        }
        if one.user.is_empty() {
            check.error_with(
                value,
                "an actor needs its user",
                format!("{name}: {{ user: bob }}"),
            );
        }
        cast.push(one);
        nodes.push((name.to_owned(), key.clone()));
    }
    (cast, nodes)
}

fn actor(name: &str, user: &str) -> Actor {
    Actor {
        name: name.into(),
        user: user.into(),
        connected: true,
        presence: false,
        raw: false,
    }
}

/// A second device and a third party need no entry of their own.
pub fn add_spoken(cast: &mut Vec<Actor>, steps: &Node) {
    for name in words(steps) {
        if cast.iter().any(|actor| actor.name == name) {
            continue;
        }
        let first = name
            .rsplit_once('-')
            .filter(|(_, n)| n.parse::<u8>().is_ok())
            .map(|(first, _)| first);
        let user = first.and_then(|first| cast.iter().find(|a| a.name == first).map(|a| a.user.clone()));
        match user {
            Some(user) => cast.push(actor(&name, &user)),
            None if name == "mallory" => cast.push(actor("mallory", "mallory")),
            None => {}
        }
    }
}

/// Every key of the steps, at whatever depth, in the file's order.
pub fn words(steps: &Node) -> Vec<String> {
    fn collect(node: &Node, seen: &mut BTreeSet<String>, out: &mut Vec<String>) {
        match &node.kind {
            Kind::List(items) => items.iter().for_each(|item| collect(item, seen, out)),
            Kind::Map(members) => {
                for (key, value) in members {
                    if let Some(name) = key.text()
                        && seen.insert(name.to_owned())
                    {
                        out.push(name.to_owned());
                    }
                    collect(value, seen, out);
                }
            }
            Kind::Text { .. } => {}
        }
    }
    let (mut seen, mut out) = (BTreeSet::new(), Vec::new());
    collect(steps, &mut seen, &mut out);
    out
}

fn files(check: &mut Checker<'_>, node: Option<&Node>, near: Near<'_>) -> Vec<(String, Node)> {
    let Some(node) = node else { return Vec::new() };
    let Kind::Map(members) = &node.kind else {
        check.error(node, "`files` has to be a map from name to path");
        return Vec::new();
    };
    let mut files = Vec::new();
    for (name, path) in members {
        name_of_a_value(check, name);
        let file = check.string(path);
        match near(&file) {
            Some(Ok(found)) => {
                // Braces in the file are no names.
                let text = found.text.replace('{', "{{").replace('}', "}}");
                let kind = Kind::Text { text, plain: false };
                files.push((name.text().unwrap_or_default().to_owned(), Node { kind, ..*path }));
            }
            Some(Err(why)) => check.error(path, format!("the file {} cannot be used: {why}", quoted(&file))),
            None => check.error(path, format!("there is no file {}", quoted(&file))),
        }
    }
    files
}

fn matrix(check: &mut Checker<'_>, node: Option<&Node>) -> Vec<Vec<(String, Node)>> {
    let mut rows = vec![Vec::new()];
    let Some(node) = node else { return rows };
    let Kind::Map(members) = &node.kind else {
        check.error(node, "`matrix` has to be a map from name to a list of values");
        return rows;
    };
    for (name, values) in members {
        name_of_a_value(check, name);
        let list = match &values.kind {
            Kind::List(list) if !list.is_empty() => list,
            _ => {
                check.error_with(
                    values,
                    "this has to be a list of values",
                    "for example [0ms, 5ms]",
                );
                continue;
            }
        };
        if rows.len().saturating_mul(list.len()) > CASE_LIMIT {
            check.error(node, format!("more than {CASE_LIMIT} cases"));
            return vec![Vec::new()];
        }
        let name = name.text().unwrap_or_default();
        let with = |row: &Vec<(String, Node)>| {
            let row = row.clone();
            list.iter()
                .map(move |value| [row.clone(), vec![(name.to_owned(), value.clone())]].concat())
                .collect::<Vec<_>>()
        };
        rows = rows.iter().flat_map(with).collect();
    }
    rows
}

/// The name of a matrix value, a file or a fragment's parameter.
pub fn name_of_a_value(check: &mut Checker<'_>, node: &Node) {
    match node.text() {
        Some("now" | "uuid" | "domain" | "call" | "CALL") => {
            let name = node.text().unwrap_or_default();
            check.error(
                node,
                format!("`{{{name}}}` has a meaning already: take another name"),
            );
        }
        Some(name) if fits_a_name(name) => {}
        _ => check.error(
            node,
            "a name begins with a letter, then letters, digits, -, _ and .",
        ),
    }
}
