//! A scenario file as a whole, and the cases that come of it.

use std::collections::BTreeSet;
use std::path::Path;

use super::head::{self, Head};
use super::names::{Runtime, unused};
use super::read::{Book, Reading};
use super::{Case, Error, Place};
use crate::yaml::{Checker, Kind, Node, Source, Values, get};

pub(super) const KEYS: [&str; 14] = [
    "name",
    "about",
    "rules",
    "tags",
    "profiles",
    "needs",
    "cast",
    "matrix",
    "files",
    "quiet",
    "leaves-open",
    "edge-case",
    "steps",
    "$schema",
];
/// So much text may come of a file once every name is put in, over all of its cases.
const TEXT_LIMIT: usize = 64 << 20;

/// A file that another one names: what it is called, and its text.
#[derive(Debug, Clone)]
pub struct Found {
    pub file: String,
    pub text: String,
}

/// Finds a file by the name that another one gives: `None` if there is none, an error if it cannot be used.
pub type Near<'a> = &'a dyn Fn(&str) -> Option<Result<Found, String>>;

/// One scenario, resolved into its cases.
#[derive(Debug, Clone)]
pub struct Scenario {
    pub name: String,
    /// What an implementer has to know about it, where it is an edge case of the protocol.
    pub edge_case: Option<EdgeCase>,
    cases: Vec<Case>,
    /// For each case and each of its steps that does something: where the scenario's own file stands that brought it
    /// in, if it came from a fragment.
    sites: Vec<Vec<Option<Place>>>,
    sources: Vec<Source>,
}

/// A page of the edge-case atlas.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EdgeCase {
    /// `crossing`, `timer`, `busy`, `glare`, `devices` or `vanish`.
    pub kind: String,
    /// The question, as an implementer asks it.
    pub title: String,
    pub caller: Option<String>,
    pub callee: Option<String>,
    pub server: Option<String>,
    /// What goes wrong in the wild.
    pub wild: String,
}

impl Scenario {
    /// One for each combination of matrix values, in the file's order.
    pub fn cases(&self) -> &[Case] {
        &self.cases
    }

    /// The files that it was read from: its own first, then its fragments.
    pub fn files(&self) -> impl Iterator<Item = &str> {
        self.sources.iter().map(|source| source.file.as_str())
    }

    /// Where the step of this number (counted over the steps that do something, in the file's order) was brought in.
    pub(crate) fn site(&self, case: usize, step: usize) -> Option<&Place> {
        self.sites.get(case)?.get(step)?.as_ref()
    }

    /// An error at a place of one of its files.
    pub(crate) fn error(&self, place: &Place, message: String, hint: Option<String>) -> Error {
        let source = self.sources.iter().find(|source| source.file == place.file);
        let source_line = source
            .map(|source| source.line(place.line).to_owned())
            .unwrap_or_default();
        let word = source_line
            .chars()
            .skip(place.column.saturating_sub(1))
            .take_while(|c| c.is_alphanumeric() || "-_/.".contains(*c));
        Error {
            place: place.clone(),
            length: word.count().max(1),
            message,
            hint,
            source_line,
        }
    }
}

/// Reads a scenario file from the disk.
///
/// # Errors
/// All that is wrong with the file itself; whether it makes sense as a call, [`crate::lint`] says.
pub fn load(path: &Path) -> Result<Scenario, Vec<Error>> {
    let source = Source::read(path).map_err(|error| vec![error])?;
    let folder = path.parent().unwrap_or(Path::new("")).to_owned();
    let near = |name: &str| {
        let beside = folder.join(name);
        if std::fs::symlink_metadata(&beside).is_err() {
            return super::suite::builtin_fragment(name).map(Ok);
        }
        let found = Source::read(&beside).map_err(|error| error.message);
        Some(found.map(|Source { file, text }| Found { file, text }))
    };
    parse(&source.file, &source.text, &near)
}

/// Reads a scenario from its text; `near` finds the files that it names.
///
/// # Errors
/// As [`load`].
pub fn parse(file: &str, text: &str, near: Near<'_>) -> Result<Scenario, Vec<Error>> {
    let source = Source {
        file: file.to_owned(),
        text: text.to_owned(),
    };
    let tree = source.tree().map_err(|error| vec![error])?;
    let mut errors = Vec::new();
    let scenario = read(&source, &tree, near, &mut errors);
    match scenario {
        Some(scenario) if errors.is_empty() => Ok(scenario),
        _ => Err(errors),
    }
}

fn read(source: &Source, tree: &Node, near: Near<'_>, errors: &mut Vec<Error>) -> Option<Scenario> {
    let mut check = Checker { source, errors };
    let Kind::Map(members) = &tree.kind else {
        check.error(tree, "a scenario is a map: `name: …`, `steps: …`");
        return None;
    };
    if let (Some(name), None) = (get(members, "fragment"), get(members, "name")) {
        let hint = "lint the scenarios that use it";
        check.error_with(name, "this is a fragment, no scenario", hint);
        return None;
    }
    check.map(tree, &KEYS);
    let head = Head::read(&mut check, tree, members, near);
    let Some(steps) = get(members, "steps") else {
        check.error(tree, "`steps` is missing");
        return None;
    };
    let mut cast = head.cast.clone();
    head::add_spoken(&mut cast, steps);
    let mut book = Book::new(TEXT_LIMIT);
    let mut used = BTreeSet::new();
    let (mut cases, mut sites) = (Vec::new(), Vec::new());
    for chosen in &head.matrix {
        let mut given = head.files.clone();
        given.extend(chosen.iter().cloned());
        let mut values = Values::new(given, book.text_left);
        let resolved = values.put(steps);
        book.text_left = values.left();
        used.extend(values.used().iter().cloned());
        book.begin_case(Runtime::new(&cast, &head.given));
        let mut reading = Reading {
            check: Checker { source, errors },
            cast: &cast,
            near,
            book: &mut book,
            site: None,
        };
        reading.too_much(steps);
        let steps = reading.steps(&resolved);
        reading.end_of_case();
        let label = |(name, value): &(String, Node)| format!("{name}={}", value.text().unwrap_or_default());
        cases.push(Case {
            name: head.name.clone(),
            about: head.about.clone(),
            place: source.place(get(members, "name").unwrap_or(tree)),
            rules: head.rules.clone(),
            tags: head.tags.clone(),
            matrix: chosen.iter().map(label).collect(),
            classes: head.classes.clone(),
            needs: head.needs.clone(),
            cast: cast.clone(),
            steps,
            quiet: head.quiet,
            leaves_open: head.leaves_open.clone(),
        });
        sites.push(std::mem::take(&mut book.sites));
        if !errors.is_empty() {
            return None;
        }
    }
    let mut check = Checker { source, errors };
    unused(&mut check, members, &used);
    let spoken = head::words(steps);
    for (name, node) in &head.cast_nodes {
        if !spoken.contains(&"all".to_owned()) && !book.mentioned.contains(name) {
            check.error_with(
                node,
                format!("`{name}` does nothing in this scenario"),
                "leave it out",
            );
        }
    }
    let mut sources = vec![source.clone()];
    sources.extend(book.fragments.values().map(|fragment| fragment.source.clone()));
    Some(Scenario {
        name: head.name,
        edge_case: head.edge_case,
        cases,
        sites,
        sources,
    })
}
