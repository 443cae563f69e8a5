//! The published schemas of scenario and target files: as strict as the readers, and no stricter.

use std::path::{Path, PathBuf};

use callspec::yaml::Source;
use jsonschema::Validator;
use serde_json::Value;

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn validator(text: &str) -> Validator {
    let schema: Value = serde_json::from_str(text).expect("JSON");
    assert!(jsonschema::meta::is_valid(&schema), "a schema of 2020-12");
    jsonschema::draft202012::new(&schema).expect("a schema")
}

fn scenario() -> Validator {
    validator(callspec::scenario::schema())
}

fn yaml(name: &str, text: &str) -> Value {
    let source = Source {
        file: name.to_owned(),
        text: text.to_owned(),
    };
    source.tree().unwrap_or_else(|error| panic!("{error}")).json()
}

fn files(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            files(&path, found);
        } else if path.extension().is_some_and(|ending| ending == "yaml") {
            found.push(path);
        }
    }
}

fn faults(validator: &Validator, value: &Value) -> Vec<String> {
    validator
        .iter_errors(value)
        .map(|error| {
            format!("{}: {error}", error.instance_path())
                .chars()
                .take(300)
                .collect()
        })
        .collect()
}

#[test]
fn every_built_in_scenario_and_fragment_fits() {
    let (schema, mut paths) = (scenario(), Vec::new());
    files(&root().join("scenarios"), &mut paths);
    assert!(paths.len() > 190);
    for path in paths {
        let text = std::fs::read_to_string(&path).expect("a text");
        let value = yaml(&path.display().to_string(), &text);
        assert!(
            schema.is_valid(&value),
            "{}: {:?}",
            path.display(),
            faults(&schema, &value)
        );
    }
}

/// The wrong files whose mistake is one of form say so in their first line.
#[test]
fn wrong_files_whose_mistake_is_one_of_form_do_not_fit() {
    let (schema, mut paths, mut refused) = (scenario(), Vec::new(), 0);
    files(&root().join("tests/lint"), &mut paths);
    for path in paths {
        let Ok(text) = std::fs::read_to_string(&path) else {
            continue;
        };
        let of_form = text.starts_with("# The schema refuses it too.");
        let source = Source {
            file: path.display().to_string(),
            text: text.trim_start_matches('\u{feff}').to_owned(),
        };
        let Ok(tree) = source.tree() else { continue };
        let fits = schema.is_valid(&tree.json());
        assert!(!of_form || !fits, "{} fits the schema", path.display());
        refused += usize::from(of_form);
    }
    assert!(refused >= 12, "{refused}");
}

/// Whoever knows one side's words knows the other's: each key that the reader takes stands in the schema.
#[test]
fn every_key_that_a_reader_takes_is_described() {
    for (text, keys) in [
        (callspec::scenario::schema(), callspec::scenario::keys().to_vec()),
        (callspec::target::schema(), callspec::target::keys()),
    ] {
        let schema: Value = serde_json::from_str(text).expect("JSON");
        let mut names = Vec::new();
        properties(&schema, &mut names);
        for (name, described) in &names {
            assert!(
                *described || name == "xml" || name == "hear",
                "`{name}` has no description"
            );
        }
        for key in keys {
            assert!(
                names.iter().any(|(name, _)| name == key),
                "`{key}` is not in the schema"
            );
        }
    }
}

/// Every property of a schema, and whether it is described where it stands or where it points.
fn properties(schema: &Value, names: &mut Vec<(String, bool)>) {
    match schema {
        Value::Object(members) => {
            if let Some(Value::Object(properties)) = members.get("properties") {
                for (name, value) in properties {
                    let described = ["description", "$ref", "const"]
                        .iter()
                        .any(|word| value.get(word).is_some());
                    names.push((name.clone(), described));
                }
            }
            members.values().for_each(|value| properties(value, names));
        }
        Value::Array(items) => items.iter().for_each(|value| properties(value, names)),
        _ => {}
    }
}

#[test]
fn target_files_fit_as_they_are_read() {
    let schema = validator(callspec::target::schema());
    for (text, fits) in [
        ("url: wss://chat.example.com/ws\nregister: in-band", true),
        (
            "url: wss://chat.example.com/ws\ndomain: example.com\nca: ca.pem\n\
             cookie: { name: t, jwt: { key: \"${PW}\", algorithm: HS512, claims: { sub: \"{jid}\" }, ttl: 5m } }\n\
             sasl: [PLAIN, scram-sha-1]\nregister: in-band\n\
             accounts:\n  - { jid: alice@example.com, password: \"${PW}!\", id: a1b2c3d4-e5f6-7890-abcd-ef1234567890 }\n\
             profile: { class: enforcing, addressing: bare, stanza-limit: 1000, relay-within: 2s }",
            true,
        ),
        ("url: wss://x/\nprofile: relay", true),
        ("domain: x", false),
        ("url: ftp://x/", false),
        ("url: ws://x/\nacounts: []", false),
        ("url: ws://x/\nregister: inband", false),
        ("url: ws://x/\naccounts:\n  - { password: x }", false),
        ("url: ws://x/\nprofile: { class: relais }", false),
        ("url: ws://x/\nprofile: { relay-within: 2 }", false),
    ] {
        let value = yaml("target.yaml", text);
        assert_eq!(
            schema.is_valid(&value),
            fits,
            "{text}\n{:?}",
            faults(&schema, &value)
        );
    }
}
