//! What other programs may write in a header, where this one writes more: names instead of what they name, and nothing
//! at all.

use std::collections::BTreeMap;

use serde::de::{Deserializer, Error};
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::Value;

use super::{Member, ScenarioInfo};
use crate::profile::Profile;

/// A text by what it names, everything else as it is; `null` is the default.
fn by_name<T: DeserializeOwned + Default>(
    value: Value,
    name: impl FnOnce(String) -> Result<T, String>,
) -> Result<T, String> {
    match value {
        Value::Null => Ok(T::default()),
        Value::String(text) => name(text),
        value => serde_json::from_value(value).map_err(|error| error.to_string()),
    }
}

/// The scenario, or its name.
pub(super) fn scenario<'de, D: Deserializer<'de>>(input: D) -> Result<ScenarioInfo, D::Error> {
    let named = |name| {
        Ok(ScenarioInfo {
            name,
            ..ScenarioInfo::default()
        })
    };
    by_name(Value::deserialize(input)?, named)
        .map_err(|error| D::Error::custom(format!("`scenario`: {error}")))
}

/// The target's URL, or a map that holds it as `url`.
pub(super) fn target<'de, D: Deserializer<'de>>(input: D) -> Result<String, D::Error> {
    let url = match Value::deserialize(input)? {
        Value::Object(mut target) => target.remove("url").unwrap_or_default(),
        value => value,
    };
    by_name(url, Ok).map_err(|error| D::Error::custom(format!("`target`: {error}")))
}

/// The profile, or the name of one that is built in.
pub(super) fn profile<'de, D: Deserializer<'de>>(input: D) -> Result<Profile, D::Error> {
    let named = |name: String| Profile::named(&name).ok_or_else(|| format!("no profile is named `{name}`"));
    by_name(Value::deserialize(input)?, named)
        .map_err(|error| D::Error::custom(format!("`profile`: {error}")))
}

/// Everybody by name, each with what is known of them or with a JID alone. A list of names says nothing that the events
/// do not.
pub(super) fn cast<'de, D: Deserializer<'de>>(input: D) -> Result<BTreeMap<String, Member>, D::Error> {
    let members = match Value::deserialize(input)? {
        Value::Object(members) => members,
        Value::Null | Value::Array(_) => return Ok(BTreeMap::new()),
        _ => return Err(D::Error::custom("`cast`: expected a map")),
    };
    let jid = |jid| {
        Ok(Member {
            jid,
            ..Member::default()
        })
    };
    let members = members.into_iter().map(|(who, member)| {
        by_name(member, jid)
            .map_err(|error| D::Error::custom(format!("`cast`: `{who}`: {error}")))
            .map(|member| (who, member))
    });
    members.collect()
}
