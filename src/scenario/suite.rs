//! The built-in suite, which travels inside the program.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use include_dir::{Dir, include_dir};

use super::{Error, Found, Scenario, parse};

static SCENARIOS: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/scenarios");

/// Its files by their paths: the folder itself compares a path with those of all its files.
static FILES: LazyLock<BTreeMap<String, &'static str>> = LazyLock::new(|| {
    let mut files = BTreeMap::new();
    collect(&SCENARIOS, &mut files);
    files
});

/// Every built-in scenario, in the order of its paths.
pub fn builtin() -> Result<Vec<Scenario>, Vec<Error>> {
    let (mut scenarios, mut errors) = (Vec::new(), Vec::new());
    let whole = |path: &str| path.ends_with(".yaml") && !path.starts_with("fragments/");
    for (path, text) in FILES.iter().filter(|(path, _)| whole(path)) {
        let folder = path.rsplit_once('/').map_or("", |(folder, _)| folder).to_owned();
        let near = |name: &str| near(&folder, name).map(Ok);
        match parse(&format!("scenarios/{path}"), text, &near) {
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

/// A built-in fragment's file, such as `fragments/ring.yaml`.
pub fn builtin_fragment(name: &str) -> Option<Found> {
    near("", name).filter(|_| name.starts_with("fragments/"))
}

/// The names of the built-in fragments.
pub fn fragments() -> Vec<&'static str> {
    let folder = SCENARIOS.get_dir("fragments");
    let files = folder.into_iter().flat_map(|folder| folder.files());
    files
        .filter_map(|file| file.path().file_stem()?.to_str())
        .collect()
}

/// The JSON Schema (2020-12) of scenario files, for editors.
pub fn schema() -> &'static str {
    include_str!("../../schemas/scenario.json")
}

/// The keys of a scenario's head.
pub fn keys() -> &'static [&'static str] {
    &super::file::KEYS
}

fn near(folder: &str, name: &str) -> Option<Found> {
    let found = |path: String| {
        let text = (*FILES.get(&path)?).to_owned();
        let file = format!("scenarios/{path}");
        Some(Found { file, text })
    };
    found(format!("{folder}/{name}").trim_start_matches('/').to_owned()).or_else(|| found(name.to_owned()))
}

fn collect(folder: &'static Dir<'_>, files: &mut BTreeMap<String, &'static str>) {
    for file in folder.files() {
        let path = file.path().display().to_string();
        if let Some(text) = file.contents_utf8() {
            files.insert(path, text);
        }
    }
    for inner in folder.dirs() {
        collect(inner, files);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_schema_describes_every_key() {
        for key in keys() {
            let described = schema().contains(&format!("\"{key}\": {{"));
            assert!(described, "schemas/scenario.json has no `{key}`");
        }
    }
}
