//! `{name}` in texts and JSON values, resolved while a scenario runs.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

/// Values by name.
#[derive(Debug, Default)]
pub struct Names(BTreeMap<String, Value>);

impl Names {
    pub fn set(&mut self, name: impl Into<String>, value: impl Into<Value>) {
        self.0.insert(name.into(), value.into());
    }

    /// Replaces every `{name}` that is known; `fresh` answers for those that differ each time (`now`, `uuid`).
    /// What is unknown stays as it stands: lint has refused such a file already.
    pub fn text(&self, text: &str, fresh: &mut dyn FnMut(&str) -> Option<String>) -> String {
        let mut out = String::with_capacity(text.len());
        let mut rest = text;
        while let Some(at) = rest.find(['{', '}']) {
            out.push_str(&rest[..at]);
            rest = &rest[at..];
            if rest.starts_with("{{") || rest.starts_with("}}") {
                out.push_str(&rest[..1]);
                rest = &rest[2..];
                continue;
            }
            let value = name_at(rest).and_then(|name| {
                let value = fresh(name).or_else(|| self.0.get(name).map(plain))?;
                Some((value, name.len() + 2))
            });
            let (value, length) = value.unwrap_or_else(|| (rest[..1].to_owned(), 1));
            out.push_str(&value);
            rest = &rest[length..];
        }
        out.push_str(rest);
        out
    }

    /// The same inside a JSON value. A text that is nothing but one name takes that value with its type.
    pub fn value(&self, value: &Value, fresh: &mut dyn FnMut(&str) -> Option<String>) -> Value {
        match value {
            Value::String(text) => {
                let whole = name_at(text).filter(|name| name.len() + 2 == text.len());
                match whole.and_then(|name| self.0.get(name)) {
                    Some(value) => value.clone(),
                    None => Value::String(self.text(text, fresh)),
                }
            }
            Value::Array(items) => items.iter().map(|item| self.value(item, fresh)).collect(),
            Value::Object(members) => {
                let members: Map<_, _> = members
                    .iter()
                    .map(|(name, item)| (name.clone(), self.value(item, fresh)))
                    .collect();
                Value::Object(members)
            }
            other => other.clone(),
        }
    }
}

fn name_at(text: &str) -> Option<&str> {
    let inner = text.strip_prefix('{')?;
    let name = &inner[..inner.find('}')?];
    let fits = name.starts_with(|c: char| c.is_ascii_alphabetic())
        && name
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_'));
    fits.then_some(name)
}

fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn names_are_replaced_and_braces_kept() {
        let mut names = Names::default();
        names.set("gap", "5ms");
        names.set("n", 3);
        let text = |t: &str| names.text(t, &mut |_| None);
        assert_eq!(
            text(r#"{"type":1} {gap}{{gap}} {n} {unknown} }"#),
            r#"{"type":1} 5ms{gap} 3 {unknown} }"#
        );
        assert_eq!(
            names.value(&json!({"a": ["{n}", "x{n}"]}), &mut |_| None),
            json!({"a": [3, "x3"]})
        );
    }
}
