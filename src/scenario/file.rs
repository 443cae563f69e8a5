//! A scenario file as a whole: its head, its cast, its matrix, and the cases that come of it.

use std::path::Path;

use super::read::{Near, Reading};
use super::{Actor, Case, Error, Place};
use crate::profile::Class;
use crate::yaml::{Checker, Kind, Node, SIZE_LIMIT, Source, get};

const KEYS: [&str; 12] = [
    "name",
    "about",
    "rules",
    "tags",
    "profiles",
    "cast",
    "matrix",
    "files",
    "quiet",
    "leaves-open",
    "steps",
    "$schema",
];
/// A matrix may not make more cases than this.
const CASE_LIMIT: usize = 10_000;

/// One scenario, resolved into its cases.
#[derive(Debug, Clone)]
pub struct Scenario {
    pub name: String,
    cases: Vec<Case>,
}

impl Scenario {
    /// One for each combination of matrix values, in the file's order.
    pub fn cases(&self) -> &[Case] {
        &self.cases
    }
}

/// Reads a scenario file from the disk.
pub fn load(path: &Path) -> Result<Scenario, Vec<Error>> {
    let file = path.display().to_string();
    let plain = |message: String| {
        let place = Place {
            file: file.clone(),
            line: 1,
            column: 1,
        };
        vec![Error {
            place,
            length: 1,
            message,
            hint: None,
            source_line: String::new(),
        }]
    };
    let metadata = std::fs::metadata(path).map_err(|error| plain(error.to_string()))?;
    if metadata.len() > SIZE_LIMIT as u64 {
        return Err(plain(format!(
            "the file has {} bytes; {SIZE_LIMIT} are the limit",
            metadata.len()
        )));
    }
    let text = std::fs::read_to_string(path).map_err(|error| plain(error.to_string()))?;
    let folder = path.parent().unwrap_or(Path::new("."));
    let near = |name: &str| {
        let beside = std::fs::metadata(folder.join(name))
            .ok()
            .filter(|found| found.len() <= SIZE_LIMIT as u64);
        match beside {
            Some(_) => std::fs::read_to_string(folder.join(name)).ok(),
            None => super::suite::fragment(name),
        }
    };
    parse(&file, &text, &near)
}

/// Reads a scenario from its text; `near` finds the files that it names.
pub fn parse(file: &str, text: &str, near: Near<'_>) -> Result<Scenario, Vec<Error>> {
    let source = Source {
        file: file.to_owned(),
        text: text.to_owned(),
    };
    let tree = source.tree().map_err(|error| vec![error])?;
    let mut errors = Vec::new();
    let cases = read(&source, &tree, near, &mut errors);
    match cases {
        Some(cases) if errors.is_empty() => {
            let name = cases.first().map(|case| case.name.clone()).unwrap_or_default();
            Ok(Scenario { name, cases })
        }
        _ => Err(errors),
    }
}

fn read(source: &Source, tree: &Node, near: Near<'_>, errors: &mut Vec<Error>) -> Option<Vec<Case>> {
    let Kind::Map(members) = &tree.kind else {
        errors.push(source.error(tree, "a scenario is a map: `name: …`, `steps: …`"));
        return None;
    };
    for (key, _) in members {
        let word = key.text().unwrap_or_default();
        if !KEYS.contains(&word) {
            let mut error = source.error(key, format!("unknown key `{word}`"));
            error.hint = crate::yaml::did_you_mean(word, KEYS.into_iter());
            errors.push(error);
        }
    }
    let name = get(members, "name").and_then(Node::text).unwrap_or_default();
    let fits = !name.is_empty()
        && name
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || "-_/.".contains(c));
    if !fits {
        let at = get(members, "name").unwrap_or(tree);
        errors.push(source.error(at, "`name` has to be made of letters, digits, - and /"));
    }
    let Some(steps) = get(members, "steps") else {
        errors.push(source.error(tree, "`steps` is missing"));
        return None;
    };
    let cast = cast(source, get(members, "cast"), steps, errors);
    let files = files(source, get(members, "files"), near, errors);
    let matrix = matrix(source, get(members, "matrix"), errors);
    let mut head = Checker { source, errors };
    let rules = get(members, "rules")
        .map(|rules| head.strings(rules))
        .unwrap_or_default();
    for id in rules.iter().filter(|id| crate::rules::rule(id).is_none()) {
        let at = get(members, "rules")
            .and_then(|node| named(node, id))
            .unwrap_or(tree);
        let mut error = source.error(at, format!("unknown rule `{id}`"));
        let known = crate::rules::catalogue().iter().map(|rule| rule.id);
        error.hint = crate::yaml::did_you_mean(id, known);
        head.errors.push(error);
    }
    let tags = get(members, "tags")
        .map(|tags| head.strings(tags))
        .unwrap_or_default();
    let quiet = get(members, "quiet").map(|quiet| head.duration(quiet));
    let mut classes = Vec::new();
    if let Some(profiles) = get(members, "profiles") {
        for class in head.strings(profiles) {
            match class.as_str() {
                "relay" => classes.push(Class::Relay),
                "enforcing" => classes.push(Class::Enforcing),
                _ => errors.push(source.error(profiles, format!("unknown profile `{class}`"))),
            }
        }
    }
    let mut cases = Vec::new();
    for chosen in matrix {
        let mut values = files.clone();
        values.extend(chosen.iter().cloned());
        let mut reading = Reading {
            check: Checker { source, errors },
            cast: &cast,
            near,
            steps: 0,
            depth: 0,
        };
        let steps = reading.steps(&steps.with(&values));
        let label = |(name, value): &(String, Node)| format!("{name}={}", value.text().unwrap_or_default());
        cases.push(Case {
            name: name.to_owned(),
            about: get(members, "about")
                .and_then(Node::text)
                .unwrap_or_default()
                .trim()
                .to_owned(),
            place: source.place(get(members, "name").unwrap_or(tree)),
            rules: rules.clone(),
            tags: tags.clone(),
            matrix: chosen.iter().map(label).collect(),
            classes: classes.clone(),
            cast: cast.clone(),
            steps,
            quiet,
            leaves_open: get(members, "leaves-open")
                .and_then(Node::text)
                .map(str::to_owned),
        });
        if !errors.is_empty() {
            return None;
        }
    }
    Some(cases)
}

fn cast(source: &Source, node: Option<&Node>, steps: &Node, errors: &mut Vec<Error>) -> Vec<Actor> {
    let actor = |name: &str, user: &str| Actor {
        name: name.into(),
        user: user.into(),
        connected: true,
        presence: false,
    };
    let mut cast = Vec::new();
    match node.map(|node| (&node.kind, node)) {
        None => cast.extend([actor("caller", "alice"), actor("callee", "bob")]),
        Some((Kind::Map(members), _)) => {
            for (name, value) in members {
                let mut one = actor(name.text().unwrap_or_default(), value.text().unwrap_or_default());
                if let Kind::Map(details) = &value.kind {
                    for (key, detail) in details {
                        match (key.text().unwrap_or_default(), detail.json()) {
                            ("user", serde_json::Value::String(user)) => one.user = user,
                            ("connected", serde_json::Value::Bool(connected)) => one.connected = connected,
                            ("presence", serde_json::Value::Bool(presence)) => one.presence = presence,
                            (word, _) => {
                                errors.push(source.error(key, format!("unknown or misfit `{word}`")))
                            }
                        }
                    }
                }
                if one.user.is_empty() {
                    errors.push(source.error(value, "an actor needs its user"));
                }
                cast.push(one);
            }
        }
        Some((_, node)) => errors.push(source.error(node, "`cast` has to be a map from actor to user")),
    }
    // A second device and a third party need no entry of their own.
    let mut spoken = Vec::new();
    names(steps, &mut spoken);
    for name in spoken {
        if cast.iter().any(|actor| actor.name == name) {
            continue;
        }
        let first = name
            .rsplit_once('-')
            .filter(|(_, n)| n.parse::<u8>().is_ok())
            .map(|(first, _)| first.to_owned());
        let user = first.and_then(|first| cast.iter().find(|a| a.name == first).map(|a| a.user.clone()));
        match user {
            Some(user) => cast.push(actor(&name, &user)),
            None if name == "mallory" => cast.push(actor("mallory", "mallory")),
            None => {}
        }
    }
    cast
}

/// The text of a list, or the text itself, that reads so.
fn named<'n>(node: &'n Node, text: &str) -> Option<&'n Node> {
    match &node.kind {
        Kind::List(items) => items.iter().find(|item| item.text() == Some(text)),
        _ => (node.text() == Some(text)).then_some(node),
    }
}

fn names(node: &Node, out: &mut Vec<String>) {
    match &node.kind {
        Kind::List(items) => items.iter().for_each(|item| names(item, out)),
        Kind::Map(members) => {
            for (key, value) in members {
                if let Some(name) = key.text()
                    && !out.iter().any(|known| known == name)
                {
                    out.push(name.to_owned());
                }
                names(value, out);
            }
        }
        Kind::Text { .. } => {}
    }
}

fn files(
    source: &Source,
    node: Option<&Node>,
    near: Near<'_>,
    errors: &mut Vec<Error>,
) -> Vec<(String, Node)> {
    let Some(Node {
        kind: Kind::Map(members),
        ..
    }) = node
    else {
        return Vec::new();
    };
    let mut files = Vec::new();
    for (name, path) in members {
        let (name, file) = (name.text().unwrap_or_default(), path.text().unwrap_or_default());
        match near(file) {
            Some(text) => {
                // Braces in the file are no names.
                let text = text.replace('{', "{{").replace('}', "}}");
                files.push((
                    name.to_owned(),
                    Node {
                        kind: Kind::Text { text, plain: false },
                        ..path.clone()
                    },
                ));
            }
            None => errors.push(source.error(path, format!("there is no file `{file}`"))),
        }
    }
    files
}

fn matrix(source: &Source, node: Option<&Node>, errors: &mut Vec<Error>) -> Vec<Vec<(String, Node)>> {
    let mut rows = vec![Vec::new()];
    let Some(node) = node else { return rows };
    let Kind::Map(members) = &node.kind else {
        errors.push(source.error(node, "`matrix` has to be a map from name to a list of values"));
        return rows;
    };
    for (name, values) in members {
        let Kind::List(values) = &values.kind else {
            errors.push(source.error(values, "a list of values, please"));
            continue;
        };
        let name = name.text().unwrap_or_default();
        let with = |row: &Vec<(String, Node)>| {
            let row = row.clone();
            values
                .iter()
                .map(move |value| [row.clone(), vec![(name.to_owned(), value.clone())]].concat())
                .collect::<Vec<_>>()
        };
        rows = rows.iter().flat_map(with).collect();
        if rows.len() > CASE_LIMIT {
            errors.push(source.error(node, format!("more than {CASE_LIMIT} cases")));
            rows.truncate(1);
            return rows;
        }
    }
    rows
}
