//! The rule catalogue as data, a file a group. Ids are stable once released; nothing is retired silently.

mod au;
mod ch;
mod en;
mod iq;
mod rb;
mod rt;
mod sc;
mod sd;
mod sg;
mod st;
mod tm;
mod tr;

use serde::{Deserialize, Serialize};

/// What a breach of a rule means for the result.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    /// A breach fails the scenario.
    Must,
    /// A breach warns; it fails under `--strict`.
    Should,
    /// Never more than a remark.
    Info,
}

impl Level {
    pub fn name(self) -> &'static str {
        match self {
            Level::Must => "must",
            Level::Should => "should",
            Level::Info => "info",
        }
    }
}

/// Who can break a rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Subjects {
    Server,
    Client,
    Both,
}

impl Subjects {
    pub fn name(self) -> &'static str {
        match self {
            Subjects::Server => "server",
            Subjects::Client => "client",
            Subjects::Both => "server and client",
        }
    }
}

/// One rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Rule {
    pub id: &'static str,
    pub level: Level,
    pub subject: Subjects,
    /// The rule in one sentence.
    pub text: &'static str,
    /// Where it stands: RFC and section, or `seed`.
    pub source: &'static str,
    /// What a breach looks like on the wire.
    pub breach: &'static str,
    /// How whoever breaks it mends it.
    pub mend: &'static str,
}

/// A group of rules: what their ids begin with, and what they are about.
#[derive(Debug, Clone, Copy)]
pub struct Group {
    pub prefix: &'static str,
    pub about: &'static str,
    pub rules: &'static [Rule],
}

/// Every group, from the bytes on the wire up to the course of a call, then what one server may do beyond others.
static GROUPS: [Group; 12] = [
    group("TR", "The WebSocket and the stream on it", tr::RULES),
    group("AU", "Who may come in, and as whom", au::RULES),
    group("IQ", "The request and its answer", iq::RULES),
    group(
        "RT",
        "What a server does with what passes between two clients",
        rt::RULES,
    ),
    group("SG", "The signal itself, envelope and payload", sg::RULES),
    group("SD", "Session descriptions and ICE candidates", sd::RULES),
    group("ST", "The order of signals", st::RULES),
    group("TM", "Time", tm::RULES),
    group("CH", "Chat on the stream of a call", ch::RULES),
    group(
        "EN",
        "What a server that judges signals itself has to do",
        en::RULES,
    ),
    group("RB", "What must not bring the other side down", rb::RULES),
    group("SC", "What a scenario asks for beyond the rules", sc::RULES),
];

static CATALOGUE: [Rule; count()] = flat();

const fn group(prefix: &'static str, about: &'static str, rules: &'static [Rule]) -> Group {
    Group { prefix, about, rules }
}

const fn count() -> usize {
    let (mut sum, mut at) = (0, 0);
    while at < GROUPS.len() {
        sum += GROUPS[at].rules.len();
        at += 1;
    }
    sum
}

/// One list of all groups' rules, so that the catalogue is a slice like any other.
const fn flat() -> [Rule; count()] {
    let mut all = [sc::RULES[0]; count()];
    let (mut next, mut at) = (0, 0);
    while at < GROUPS.len() {
        let rules = GROUPS[at].rules;
        let mut within = 0;
        while within < rules.len() {
            all[next] = rules[within];
            next += 1;
            within += 1;
        }
        at += 1;
    }
    all
}

/// Every rule, group after group.
pub fn catalogue() -> &'static [Rule] {
    &CATALOGUE
}

pub fn groups() -> &'static [Group] {
    &GROUPS
}

pub fn rule(id: &str) -> Option<&'static Rule> {
    let prefix = id.get(..2)?;
    let group = GROUPS.iter().find(|group| group.prefix == prefix)?;
    group.rules.iter().find(|rule| rule.id == id)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn ids_are_unique_and_stand_in_their_group() {
        let ids: BTreeSet<_> = catalogue().iter().map(|rule| rule.id).collect();
        assert_eq!(ids.len(), catalogue().len());
        for group in groups() {
            for (rule, number) in group.rules.iter().zip(1..) {
                assert_eq!(rule.id, format!("{}-{number:02}", group.prefix));
                assert_eq!(super::rule(rule.id), Some(rule));
            }
        }
        assert!(rule("SC-01").is_some() && rule("XX-01").is_none() && rule("é").is_none());
    }

    #[test]
    fn every_rule_has_words_of_its_own() {
        let mut said = BTreeSet::new();
        for rule in catalogue() {
            assert!(!rule.source.trim().is_empty(), "{}", rule.id);
            for words in [rule.text, rule.breach, rule.mend] {
                assert!(words.len() >= 4 && words.trim() == words, "{}", rule.id);
                assert!(said.insert(words), "{} repeats: {words}", rule.id);
            }
            for sentence in [rule.breach, rule.mend] {
                assert!(sentence.ends_with('.'), "{}: {sentence}", rule.id);
                assert!(
                    sentence.starts_with(|c: char| c.is_uppercase() || c.is_ascii_digit() || c == '`'),
                    "{}: {sentence}",
                    rule.id
                );
            }
        }
    }

    /// A source is the seed, callspec itself, a scenario, or documents each with its section.
    #[test]
    fn every_document_is_cited_with_its_section() {
        for rule in catalogue() {
            for part in rule.source.split(", ") {
                let own = ["seed", "callspec", "the scenario file"]
                    .iter()
                    .any(|own| part.starts_with(own));
                let document = ["RFC ", "W3C ", "XML 1.0 "]
                    .iter()
                    .any(|name| part.starts_with(name))
                    && part.contains('§');
                assert!(own || document || part.starts_with('§'), "{}: {part}", rule.id);
            }
        }
    }
}
