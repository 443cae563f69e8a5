//! The facts: each a thing that was looked for, what was seen of it, and what showed it.

use std::time::Duration;

use super::parties::Parties;
use super::peer::{Answered, Peer};
use crate::profile::{Addressing, Class, Profile};
use crate::run::{Hidden, Place};

/// What is looked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Topic {
    Transport,
    Tls,
    Plaintext,
    Sasl,
    Cookie,
    Registration,
    Others,
    FullJid,
    BareJid,
    Class,
    En01,
    En02,
    En03,
    En04,
    En05,
    En06,
    En07,
    NoId,
    ForgedFrom,
    StanzaLimit,
    RateLimit,
    OfflineFull,
    OfflineBare,
    TwoDevices,
    ResourceTaken,
    Sessions,
    Ping,
    ServerPings,
    StreamManagement,
}

type Row = (Topic, &'static str, &'static str);

/// The topics in their groups, each with its name in files and its name for people.
pub const GROUPS: [(&str, &[Row]); 5] = [
    (
        "Way in",
        &[
            (Topic::Transport, "transport", "transport"),
            (Topic::Tls, "tls-versions", "TLS versions"),
            (Topic::Plaintext, "without-tls", "without TLS"),
            (Topic::Sasl, "sasl", "SASL"),
            (Topic::Cookie, "cookie", "token cookie"),
            (Topic::Registration, "registration", "registration"),
            (Topic::Others, "other-transports", "other ways in"),
        ],
    ),
    (
        "Calls",
        &[
            (Topic::FullJid, "full-jid", "to a full JID"),
            (Topic::BareJid, "bare-jid", "to a bare JID"),
            (Topic::Class, "class", "kind of server"),
            (Topic::En01, "EN-01", "EN-01 schema"),
            (Topic::En02, "EN-02", "EN-02 sender"),
            (Topic::En03, "EN-03", "EN-03 order"),
            (Topic::En04, "EN-04", "EN-04 devices"),
            (Topic::En05, "EN-05", "EN-05 30 s"),
            (Topic::En06, "EN-06", "EN-06 strangers"),
            (Topic::En07, "EN-07", "EN-07 vanishing"),
        ],
    ),
    (
        "Stanzas",
        &[
            (Topic::NoId, "no-id", "iq without id"),
            (Topic::ForgedFrom, "forged-from", "forged from"),
            (Topic::StanzaLimit, "stanza-limit", "stanza limit"),
            (Topic::RateLimit, "rate-limit", "rate limit"),
        ],
    ),
    (
        "Who is there",
        &[
            (Topic::OfflineFull, "offline-full-jid", "offline full JID"),
            (Topic::OfflineBare, "offline-bare-jid", "offline bare JID"),
            (Topic::TwoDevices, "two-devices", "two devices"),
            (Topic::ResourceTaken, "resource-taken", "taken resource"),
            (Topic::Sessions, "sessions-per-user", "sessions a user"),
        ],
    ),
    (
        "Keeping alive",
        &[
            (Topic::Ping, "answers-pings", "answers pings"),
            (Topic::ServerPings, "server-pings", "pings clients"),
            (Topic::StreamManagement, "stream-management", "XEP-0198"),
        ],
    ),
];

/// One thing that was looked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fact {
    pub topic: Topic,
    /// What was seen, in a few words; `None`: it is unknown.
    pub value: Option<String>,
    /// What showed it, or why it is unknown.
    pub evidence: String,
}

/// The facts that a profile is made of; `None`: unknown.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Known {
    pub class: Option<Class>,
    pub addressing: Option<Addressing>,
    pub stanza_limit: Option<u64>,
    pub rate_limit: Option<u64>,
    /// What was said in one go was read in one go.
    pub full_rate: bool,
    pub sessions_per_user: Option<u64>,
    pub tls_demanded: Option<bool>,
}

/// What a look came to.
#[derive(Clone)]
pub struct Found {
    /// The URL, or `embedded`.
    pub target: String,
    pub domain: String,
    /// Who looked: the bare JIDs.
    pub users: Vec<String>,
    /// How they logged in.
    pub mechanism: &'static str,
    pub seconds: f64,
    /// In the order of [`GROUPS`].
    pub facts: Vec<Fact>,
    pub known: Known,
    hidden: Hidden,
}

/// Longer words come from a server that means no good.
const LONGEST: usize = 240;

impl Found {
    pub(super) fn new(place: &Place, parties: &Parties, caller: &Peer) -> Found {
        Found {
            target: place.name(),
            domain: caller.domain().to_owned(),
            users: parties.jids(),
            mechanism: caller.mechanism,
            seconds: 0.0,
            facts: Vec::new(),
            known: Known::default(),
            hidden: parties.hidden().clone(),
        }
    }

    pub(super) fn set(&mut self, topic: Topic, value: impl Into<String>, evidence: impl AsRef<str>) {
        let value = self.clean(&value.into());
        self.put(topic, Some(value), evidence.as_ref());
    }

    pub(super) fn unknown(&mut self, topic: Topic, why: impl AsRef<str>) {
        self.put(topic, None, why.as_ref());
    }

    fn put(&mut self, topic: Topic, value: Option<String>, evidence: &str) {
        let evidence = self.clean(evidence);
        self.facts.retain(|fact| fact.topic != topic);
        self.facts.push(Fact {
            topic,
            value,
            evidence,
        });
    }

    /// What a server says is shown without secrets, and not at any length.
    fn clean(&self, text: &str) -> String {
        self.hidden.hide(text).chars().take(LONGEST).collect()
    }

    /// What has not been looked at by now will not be.
    pub(super) fn rest_unknown(&mut self, why: &str) {
        for (topic, ..) in rows() {
            if self.fact(topic).is_none() {
                self.unknown(topic, why);
            }
        }
    }

    /// What a session that had nothing else to do has seen of the server's pings.
    pub(super) fn kept_alive(&mut self, caller: &Peer, answered: &Answered, seconds: Duration) {
        let took = format!("in {:.1} ms", answered.took.as_secs_f64() * 1_000.0);
        match &answered.condition {
            None => self.set(
                Topic::Ping,
                "yes",
                format!("a ping (XEP-0199) drew a result {took}"),
            ),
            Some(condition) => self.set(
                Topic::Ping,
                "with an error",
                format!("a ping (XEP-0199) drew `{condition}` {took}"),
            ),
        }
        let seconds = seconds.as_secs_f64();
        match caller.pings() {
            0 => self.set(
                Topic::ServerPings,
                "none seen",
                format!("no ping (XEP-0199) came in {seconds:.0} s; a longer look may see some"),
            ),
            n => self.set(
                Topic::ServerPings,
                "yes",
                format!("{n} pings (XEP-0199) in {seconds:.0} s"),
            ),
        }
    }

    pub(super) fn finish(&mut self, took: Duration) {
        self.seconds = took.as_secs_f64();
        self.facts.sort_by_key(|fact| fact.topic);
    }

    pub fn fact(&self, topic: Topic) -> Option<&Fact> {
        self.facts.iter().find(|fact| fact.topic == topic)
    }

    /// The kind of server, for people; where it is unknown, what a run takes it for.
    pub fn class(&self) -> String {
        match self.known.class {
            Some(class) => class.name().to_owned(),
            None => format!("kind unknown, taken for {}", self.profile().class.name()),
        }
    }

    /// How a callee is addressed, for people; where it is unknown, what a run takes for it.
    pub fn addressing(&self) -> String {
        let goal = self.profile().addressing.goal();
        match self.known.addressing {
            Some(_) => goal.to_owned(),
            None => format!("addressing unknown, taken for {goal}"),
        }
    }

    /// The profile: what is unknown is left as cautious as it is without a probe.
    pub fn profile(&self) -> Profile {
        let class = self.known.class.unwrap_or_default();
        let usual = match class {
            Class::Relay => Addressing::Full,
            Class::Enforcing => Addressing::Bare,
        };
        Profile {
            name: class.name().to_owned(),
            class,
            addressing: self.known.addressing.unwrap_or(usual),
            stanza_limit: self.known.stanza_limit,
            rate_limit: self.known.rate_limit,
            full_rate: self.known.full_rate,
            sessions_per_user: self.known.sessions_per_user,
            tls_demanded: self.known.tls_demanded,
            ..Profile::default()
        }
    }
}

/// Every topic with its names.
pub(super) fn rows() -> impl Iterator<Item = Row> {
    GROUPS.iter().flat_map(|(_, rows)| rows.iter().copied())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_groups_hold_every_topic_once_and_in_order() {
        let topics: Vec<Topic> = rows().map(|(topic, ..)| topic).collect();
        let mut sorted = topics.clone();
        sorted.sort_unstable();
        sorted.dedup();
        assert_eq!(topics, sorted);
        assert_eq!(topics.last(), Some(&Topic::StreamManagement));
    }
}
