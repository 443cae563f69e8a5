//! The built-in suite, which travels inside the program.

use include_dir::{Dir, include_dir};

use super::{Error, Scenario, parse};

static SCENARIOS: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/scenarios");

/// Every built-in scenario, in the order of its paths.
pub fn builtin() -> Result<Vec<Scenario>, Vec<Error>> {
    let mut paths = Vec::new();
    collect(&SCENARIOS, &mut paths);
    paths.sort();
    let (mut scenarios, mut errors) = (Vec::new(), Vec::new());
    for path in paths {
        let text = text(&path).unwrap_or_default();
        let folder = path.rsplit_once('/').map_or("", |(folder, _)| folder).to_owned();
        let near = |name: &str| text_near(&folder, name);
        match parse(&format!("scenarios/{path}"), &text, &near) {
            Ok(scenario) => scenarios.push(scenario),
            Err(more) => errors.extend(more),
        }
    }
    if errors.is_empty() {
        Ok(scenarios)
    } else {
        Err(errors)
    }
}

/// A built-in fragment.
pub fn fragment(name: &str) -> Option<String> {
    text(name)
}

fn text_near(folder: &str, name: &str) -> Option<String> {
    text(&format!("{folder}/{name}")).or_else(|| text(name))
}

fn text(path: &str) -> Option<String> {
    SCENARIOS.get_file(path)?.contents_utf8().map(str::to_owned)
}

fn collect(folder: &Dir<'_>, paths: &mut Vec<String>) {
    for file in folder.files() {
        let path = file.path().display().to_string();
        if path.ends_with(".yaml") && !path.starts_with("fragments/") {
            paths.push(path);
        }
    }
    for inner in folder.dirs() {
        collect(inner, paths);
    }
}
