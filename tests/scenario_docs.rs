//! Every example of docs/scenarios.md is what the page says it is: a scenario, a fragment or steps that lint accepts.

use std::path::Path;

use callspec::lint::lint;
use callspec::scenario::{Found, builtin_fragment, parse};

/// The examples of the page, each with the line that it begins in.
fn examples(page: &str) -> Vec<(usize, String)> {
    let (mut found, mut open) = (Vec::new(), None::<(usize, String)>);
    for (number, line) in page.lines().enumerate() {
        match &mut open {
            Some(_) if line == "```" => found.extend(open.take()),
            Some((_, text)) => {
                text.push_str(line);
                text.push('\n');
            }
            None if line == "```yaml" => open = Some((number + 2, String::new())),
            None => {}
        }
    }
    found
}

/// A fragment is tried by a scenario that uses it while a call rings.
fn scenario(example: &str) -> String {
    if let Some(rest) = example.strip_prefix("fragment: ") {
        let name = rest.lines().next().unwrap_or_default();
        return format!("name: user\nsteps:\n  - use: ring\n  - use: {name}\n");
    }
    match example.starts_with("- ") {
        true => format!("name: example\nsteps:\n{example}"),
        false => example.to_owned(),
    }
}

#[test]
fn every_example_is_sound() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let page = std::fs::read_to_string(root.join("docs/scenarios.md")).expect("the page");
    let examples = examples(&page);
    assert!(examples.len() >= 9, "{}", examples.len());
    for (line, example) in examples {
        let near = |name: &str| {
            let own = example
                .strip_prefix("fragment: ")
                .and_then(|rest| rest.lines().next())
                .is_some_and(|own| name == format!("{own}.yaml"));
            if own {
                let (file, text) = (name.to_owned(), example.clone());
                return Some(Ok(Found { file, text }));
            }
            builtin_fragment(name).map(Ok)
        };
        let told = match parse("example.yaml", &scenario(&example), &near) {
            Ok(scenario) => lint(&scenario),
            Err(errors) => errors,
        };
        let told: Vec<String> = told.iter().map(ToString::to_string).collect();
        assert!(told.is_empty(), "docs/scenarios.md:{line}\n{}", told.join("\n"));
    }
}

/// What the page calls a built-in fragment is one, and none is left out.
#[test]
fn the_page_names_the_built_in_fragments() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let page = std::fs::read_to_string(root.join("docs/scenarios.md")).expect("the page");
    for entry in std::fs::read_dir(root.join("scenarios/fragments")).expect("the folder") {
        let path = entry.expect("an entry").path();
        let name = path.file_stem().and_then(|name| name.to_str()).expect("a name");
        assert!(page.contains(&format!("`{name}`")), "{name}");
    }
}
