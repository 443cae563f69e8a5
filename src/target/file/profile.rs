//! What a target file, or a file of its own, says of a profile.

use std::path::Path;

use serde_json::Value;

use super::Reading;
use crate::profile::{Addressing, Class, KnownBreach, Profile};
use crate::yaml::{Checker, Error, Kind, Node, Source, get};

pub(super) const PROFILE: [&str; 11] = [
    "name",
    "class",
    "addressing",
    "stanza-limit",
    "relay-within",
    "rate-limit",
    "sessions-per-user",
    "known-breaches",
    "mdns",
    "keep-alive",
    "tls",
];

/// Reads a profile file: the same members as a target's `profile`.
pub fn load_profile(path: &Path) -> Result<Profile, Vec<Error>> {
    let source = Source::read(path).map_err(|error| vec![error])?;
    let tree = source.tree().map_err(|error| vec![error])?;
    let mut errors = Vec::new();
    let mut reading = Reading {
        check: Checker {
            source: &source,
            errors: &mut errors,
        },
        near: None,
        environment: &|_| None,
    };
    let profile = reading.profile(&tree);
    if errors.is_empty() {
        Ok(profile)
    } else {
        Err(errors)
    }
}

impl Reading<'_> {
    pub(super) fn profile(&mut self, node: &Node) -> Profile {
        let mut profile = Profile::default();
        if let Some(name) = node.text() {
            if let Some(named) = Profile::named(name) {
                return named;
            }
            let path = self.near(Path::new(name));
            if self.near.is_none() || !path.is_file() {
                self.check.unknown(node, "profile", &Profile::NAMES);
                return profile;
            }
            return load_profile(&path).unwrap_or_else(|errors| {
                self.check.errors.extend(errors);
                profile
            });
        }
        let members = self.check.map(node, &PROFILE);
        if let Some(name) = get(members, "name") {
            profile.name = self.check.string(name);
        }
        if let Some(class) = get(members, "class") {
            match class.text() {
                Some("relay") => profile.class = Class::Relay,
                Some("enforcing") => profile.class = Class::Enforcing,
                _ => self.check.unknown(class, "class", &["relay", "enforcing"]),
            }
            if get(members, "name").is_none() {
                profile.name = profile.class.name().to_owned();
            }
        }
        if let Some(addressing) = get(members, "addressing") {
            match addressing.text() {
                Some("full") => profile.addressing = Addressing::Full,
                Some("bare") => profile.addressing = Addressing::Bare,
                _ => self.check.unknown(addressing, "addressing", &["full", "bare"]),
            }
        }
        if let Some(limit) = get(members, "stanza-limit") {
            profile.stanza_limit = limit.json().as_u64();
            if profile.stanza_limit.is_none() {
                self.check
                    .error(limit, "`stanza-limit` has to be a number of bytes");
            }
        }
        if let Some(rate) = get(members, "rate-limit") {
            profile.full_rate = rate.text() == Some("none");
            profile.rate_limit = bytes_a_second(rate);
            if profile.rate_limit.is_none() && !profile.full_rate {
                let wanted =
                    "`rate-limit` is a number of bytes a second, such as 10000B/s or 10kB/s, or `none`";
                self.check.error(rate, wanted);
            }
        }
        if let Some(sessions) = get(members, "sessions-per-user") {
            profile.sessions_per_user = sessions.json().as_u64().filter(|most| *most > 0);
            if profile.sessions_per_user.is_none() {
                let wanted = "`sessions-per-user` is how many sessions of one user the server takes at once";
                self.check.error(sessions, wanted);
            }
        }
        if let Some(mdns) = get(members, "mdns") {
            match mdns.json().as_bool() {
                Some(hidden) => profile.mdns = hidden,
                None => self.check.error(mdns, "`mdns` is true or false"),
            }
        }
        if let Some(within) = get(members, "relay-within") {
            profile.relay_within = self.check.duration(within).as_secs_f64();
        }
        if let Some(idle) = get(members, "keep-alive") {
            profile.keep_alive = Some(self.check.duration(idle).as_secs_f64());
        }
        if let Some(tls) = get(members, "tls") {
            match tls.text() {
                Some("required") => profile.tls_demanded = Some(true),
                Some("optional") => profile.tls_demanded = Some(false),
                _ => self.check.unknown(tls, "word for TLS", &["required", "optional"]),
            }
        }
        if let Some(known) = get(members, "known-breaches") {
            profile.known_breaches = self.known_breaches(known);
        }
        profile
    }

    fn known_breaches(&mut self, node: &Node) -> Vec<KnownBreach> {
        let Kind::List(items) = &node.kind else {
            self.check.error(
                node,
                "`known-breaches` has to be a list: `- { rule: …, evidence: … }`",
            );
            return Vec::new();
        };
        let mut known = Vec::new();
        for item in items {
            let members = self.check.map(item, &["rule", "scenario", "evidence"]);
            let (Some(id), Some(evidence)) = (get(members, "rule"), get(members, "evidence")) else {
                self.check
                    .error(item, "a known breach needs its `rule` and its `evidence`");
                continue;
            };
            let breach = KnownBreach {
                rule: self.check.string(id),
                scenario: get(members, "scenario").map(|pattern| self.check.string(pattern)),
                evidence: self.check.string(evidence),
            };
            if crate::rules::rule(&breach.rule).is_none() {
                let ids: Vec<&str> = crate::rules::catalogue().iter().map(|rule| rule.id).collect();
                self.check.unknown(id, "rule", &ids);
            }
            known.push(breach);
        }
        known
    }
}

/// A number of bytes a second, more than none: `10000`, `10000B/s`, `10kB/s`.
fn bytes_a_second(node: &Node) -> Option<u64> {
    let rate = match node.json() {
        Value::String(text) => {
            let (number, unit) = text.split_at(text.find(|c: char| !c.is_ascii_digit())?);
            let unit = match unit.trim_start() {
                "B/s" => 1,
                "kB/s" => 1_000,
                "MB/s" => 1_000_000,
                _ => return None,
            };
            number.parse::<u64>().ok()?.checked_mul(unit)
        }
        other => other.as_u64(),
    };
    rate.filter(|rate| *rate > 0)
}
