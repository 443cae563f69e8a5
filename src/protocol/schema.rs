//! The published JSON Schemas and the AsyncAPI document, and checking a signal against them.

use std::collections::BTreeSet;
use std::sync::{LazyLock, OnceLock};

use jsonschema::{Registry, Resource, Validator};
use serde_json::Value;

use super::payload::is_uri;
use super::{Kind, unix_seconds};

const BASE: &str = "https://callspec.example/schemas/";

macro_rules! files {
    ($($name:literal => $file:literal),* $(,)?) => {
        &[$(($name, concat!($file, ".json"), include_str!(concat!("../../schemas/", $file, ".json")))),*]
    };
}

/// Name, file name, text.
const FILES: &[(&str, &str, &str)] = files! {
    "signal" => "signal",
    "envelope" => "envelope",
    "call:initiate" => "call-initiate",
    "call:accept" => "call-accept",
    "call:reject" => "call-reject",
    "call:busy" => "call-busy",
    "call:offer" => "call-offer",
    "call:answer" => "call-answer",
    "call:ice-candidate" => "call-ice-candidate",
    "call:hangup" => "call-hangup",
    "call:mute-change" => "call-mute-change",
    "payload-empty" => "payload-empty",
    "payload-initiate" => "payload-initiate",
    "payload-offer" => "payload-offer",
    "payload-answer" => "payload-answer",
    "payload-ice-candidate" => "payload-ice-candidate",
    "payload-hangup" => "payload-hangup",
    "payload-mute-change" => "payload-mute-change",
};

/// Where a value does not fit its schema, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SchemaError {
    /// A JSON pointer (RFC 6901) into the value.
    pub pointer: String,
    pub message: String,
}

/// The JSON Schema (2020-12) of this name: `signal`, `envelope`, a wire type such as `call:offer`, or a payload.
pub fn schema(name: &str) -> Option<&'static str> {
    FILES.iter().find(|file| file.0 == name).map(|file| file.2)
}

/// The schema of this name with all that it refers to among its `$defs`: one document that needs no other.
pub fn bundled_schema(name: &str) -> Option<String> {
    let (_, own, text) = FILES.iter().find(|file| file.0 == name)?;
    let mut whole: Value = serde_json::from_str(text).ok()?;
    let mut wanted = references(&whole);
    let (mut known, mut defs) = (BTreeSet::from([(*own).to_owned()]), serde_json::Map::new());
    while let Some(file) = wanted.pop() {
        let Some((_, _, text)) = FILES.iter().find(|known| known.1 == file) else {
            continue;
        };
        if !known.insert(file.clone()) {
            continue;
        }
        // Each keeps its `$id`, so that references still lead to it (JSON Schema 2020-12 §9.3.1).
        let part: Value = serde_json::from_str(text).ok()?;
        wanted.extend(references(&part));
        defs.insert(file, part);
    }
    if let (Value::Object(members), false) = (&mut whole, defs.is_empty()) {
        let own = members
            .entry("$defs")
            .or_insert_with(|| Value::Object(Default::default()));
        if let Value::Object(own) = own {
            own.extend(defs);
        }
    }
    Some(format!("{whole:#}"))
}

/// The files that a schema refers to.
fn references(value: &Value) -> Vec<String> {
    let mut found = Vec::new();
    let mut left = vec![value];
    while let Some(value) = left.pop() {
        match value {
            Value::Object(members) => {
                if let Some(Value::String(to)) = members.get("$ref") {
                    let file = to.split('#').next().unwrap_or_default();
                    found.extend((!file.is_empty()).then(|| file.to_owned()));
                }
                left.extend(members.values());
            }
            Value::Array(items) => left.extend(items),
            _ => {}
        }
    }
    found
}

/// The names that [`schema`] knows, the whole signal first.
pub fn schema_names() -> impl Iterator<Item = &'static str> {
    FILES.iter().map(|file| file.0)
}

/// The AsyncAPI 3.0 document over the schemas, as YAML.
pub fn asyncapi() -> &'static str {
    include_str!("../../schemas/asyncapi.yaml")
}

static SIGNAL: LazyLock<Validator> =
    LazyLock::new(|| compile("signal").expect("the embedded schemas are sound: a test compiles them"));

/// Compiled when the first signal of its kind is met: each holds the envelope too, and is half the work of the whole.
static KINDS: [OnceLock<Option<Validator>>; Kind::ALL.len()] = [const { OnceLock::new() }; Kind::ALL.len()];

fn compile(file: &str) -> Result<Validator, Box<dyn std::error::Error>> {
    let mut registry = Registry::new();
    for (_, file, text) in FILES {
        let value: Value = serde_json::from_str(text)?;
        registry = registry.add(format!("{BASE}{file}"), Resource::from_contents(value))?;
    }
    let registry = registry.prepare()?;
    let whole = serde_json::json!({ "$ref": format!("{BASE}{file}.json") });
    // The project's own readers stand for the two formats, so that schema and decoding cannot disagree.
    Ok(jsonschema::draft202012::options()
        .with_registry(&registry)
        .should_validate_formats(true)
        .with_format("date-time", |text: &str| unix_seconds(text).is_some())
        .with_format("uri", is_uri)
        .build(&whole)?)
}

fn fits(value: &Value) -> bool {
    let kind = value
        .get("type")
        .and_then(Value::as_str)
        .and_then(Kind::from_wire);
    let own = kind.and_then(|kind| {
        let file = || format!("call-{}", kind.name());
        KINDS[kind as usize]
            .get_or_init(|| compile(&file()).ok())
            .as_ref()
    });
    own.unwrap_or(&SIGNAL).is_valid(value)
}

/// Checks a value against the schema of a whole signal.
///
/// # Errors
/// Every place where the value does not fit.
pub fn validate(value: &Value) -> Result<(), Vec<SchemaError>> {
    if fits(value) {
        return Ok(());
    }
    Err(SIGNAL
        .iter_errors(value)
        .map(|error| SchemaError {
            pointer: error.instance_path().to_string(),
            message: error.to_string(),
        })
        .collect())
}

#[cfg(test)]
pub(super) fn fits_whole(value: &Value) -> bool {
    SIGNAL.is_valid(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// It needs no other document, and no other document is needed to read it.
    #[test]
    fn a_bundle_holds_what_it_refers_to_and_nothing_else() {
        let bundle = |name: &str| -> Value {
            serde_json::from_str(&bundled_schema(name).expect("a schema")).expect("JSON")
        };
        let files = |whole: &Value| -> Vec<String> {
            let defs = whole["$defs"].as_object().into_iter().flatten();
            let files = defs.filter(|(name, _)| name.ends_with(".json"));
            files
                .map(|(name, part)| {
                    assert_eq!(part["$id"], format!("{BASE}{name}"));
                    name.clone()
                })
                .collect()
        };
        let offer = bundle("call:offer");
        assert_eq!(offer["$id"], format!("{BASE}call-offer.json"));
        assert_eq!(files(&offer), ["envelope.json", "payload-offer.json"]);
        assert_eq!(files(&bundle("payload-empty")), [""; 0]);
        let signal = bundle("signal");
        let others = schema_names().filter(|name| *name != "signal").count();
        assert_eq!(files(&signal).len(), others);
        assert_eq!(bundled_schema("call:ring"), None);
        let validator = jsonschema::validator_for(&signal).expect("a schema");
        let mut hangup = serde_json::json!({
            "type": "call:hangup", "callId": "0f0e0d0c-0b0a-4908-8706-050403020100",
            "senderId": "a1b2c3d4-e5f6-4890-abcd-ef1234567890",
            "recipientId": "b2c3d4e5-f6a7-4901-bcde-f12345678901",
            "timestamp": "2026-01-01T00:00:00Z", "payload": {"reason": "completed"},
        });
        assert!(validator.is_valid(&hangup));
        hangup["payload"]["reason"] = "bored".into();
        assert!(!validator.is_valid(&hangup));
        let wrong = validate(&hangup).expect_err("a reason that is none");
        let places: Vec<&str> = wrong.iter().map(|error| error.pointer.as_str()).collect();
        assert_eq!(places, ["/payload/reason"]);
        assert!(asyncapi().starts_with("asyncapi: 3"));
    }
}
