//! How a client answers the IQs that it gets. Bots of ours answer as their scenario says, so they are not asked.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, HashMap};

use crate::rules::{Finding, Record};
use crate::stanza::{IqType, Stanza};

/// What its answer has to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Due {
    /// A result or an error.
    Any,
    /// An error: it is a `get`.
    Error,
    /// One of these errors: the signal broke something that its receiver sees.
    Refusal(&'static str),
}

#[derive(Debug, Clone)]
struct Asked {
    n: u64,
    at: f64,
    due: Due,
    call: Option<String>,
    /// The same id was asked with more than once, so it may be answered more than once.
    again: bool,
}

/// Requests that are remembered at once.
const OPEN: usize = 16_384;
/// How long an answer may take, in seconds.
const WITHIN: f64 = 5.0;

/// How long a request and its answer may have been under way, in seconds, where they were seen on their way.
const UNDER_WAY: f64 = 5.0;

/// The requests that clients have got and not answered yet, by client, sender and id.
#[derive(Debug, Default)]
pub(super) struct Answers {
    /// They were seen on their way: what had passed there had perhaps not come in yet.
    between: bool,
    /// The latest event that each client has surely taken in, where that is not plain.
    taken: BTreeMap<String, u64>,
    open: BTreeMap<(String, String, String), Asked>,
    /// Those that were answered, and once only: the events of request and answer.
    done: HashMap<(String, String, String), (u64, u64)>,
}

impl Answers {
    pub fn new(between: bool) -> Answers {
        Answers {
            between,
            ..Answers::default()
        }
    }

    /// What this client did shows that it had taken in this event, and with it everything that came before.
    pub fn taken_in(&mut self, client: &str, n: u64) {
        if self.between {
            if self.taken.len() >= OPEN {
                self.taken.clear();
            }
            let latest = self.taken.entry(client.to_owned()).or_default();
            *latest = n.max(*latest);
        }
    }

    pub fn asked(
        &mut self,
        client: &str,
        from: &str,
        stanza: &Stanza,
        (n, at): (u64, f64),
        due: Due,
        call: Option<String>,
    ) {
        let id = stanza.id().unwrap_or_default();
        if id.is_empty() || self.open.len() >= OPEN {
            return;
        }
        let key = (client.to_owned(), from.to_owned(), id.to_owned());
        self.done.remove(&key);
        match self.open.entry(key) {
            Entry::Occupied(mut open) => open.get_mut().again = true,
            Entry::Vacant(entry) => {
                let again = false;
                entry.insert(Asked {
                    n,
                    at,
                    due,
                    call,
                    again,
                });
            }
        }
    }

    pub fn answered(
        &mut self,
        client: &str,
        asker: &str,
        stanza: &Stanza,
        (n, at): (u64, f64),
        record: &mut Record,
    ) {
        let id = stanza.id().unwrap_or_default().to_owned();
        let key = (client.to_owned(), asker.to_owned(), id.clone());
        let Some(asked) = self.open.remove(&key) else {
            if let Some((request, first)) = self.done.remove(&key) {
                record.broken(Finding::of_client(
                    "IQ-01",
                    client,
                    format!("{client} answered the iq `{id}` more than once."),
                    "exactly one result or error",
                    format!("answers at events {first} and {n}"),
                    vec![request, first, n],
                ));
            }
            return;
        };
        self.taken_in(client, asked.n);
        if !asked.again && self.done.len() < OPEN {
            self.done.insert(key, (asked.n, n));
        }
        let took = at - asked.at;
        let slow = self.between && took <= WITHIN + UNDER_WAY;
        let mut tell = |rule, message, wanted: &str, seen: String| {
            let events = vec![asked.n, n];
            let slow = slow && rule == "IQ-08";
            record.broken(Finding {
                call: asked.call.clone(),
                excuse: slow.then(|| "the request and its answer were under way for some seconds".to_owned()),
                ..Finding::of_client(rule, client, message, wanted, seen, events)
            });
        };
        let error = stanza.iq_type() == Some(IqType::Error);
        let condition = stanza.error_condition().unwrap_or_default();
        let said = if error {
            format!("an error {condition}")
        } else {
            "a result".to_owned()
        };
        let late = took > WITHIN;
        if late {
            tell(
                "IQ-08",
                format!("{client} took {took:.1} s to answer the iq `{id}`."),
                "an answer within 5 s",
                format!("an answer after {took:.1} s"),
            );
        }
        let wrong = match asked.due {
            Due::Any => None,
            Due::Error if error => None,
            Due::Error => Some(("IQ-07", "an error".to_owned())),
            Due::Refusal(_) if error && condition == "service-unavailable" => None,
            Due::Refusal(wanted) if error && condition == wanted => None,
            Due::Refusal(wanted) => Some(("IQ-06", format!("an error {wanted}"))),
        };
        match wrong {
            Some((rule, wanted)) => tell(
                rule,
                format!("{client} answered the iq `{id}` with {said}."),
                &wanted,
                said.clone(),
            ),
            None => {
                record.held("IQ-01");
                if asked.due == Due::Error {
                    record.held("IQ-07");
                }
                if matches!(asked.due, Due::Refusal(_)) {
                    record.held("IQ-06");
                }
            }
        }
        if !late {
            record.held("IQ-08");
        }
    }

    /// The client is gone: it owes no answer.
    pub fn gone(&mut self, client: &str) {
        self.taken.remove(client);
        self.open.retain(|(who, ..), _| who != client);
        self.done.retain(|(who, ..), _| who != client);
    }

    /// The recording of this party, by name and address, stops here: what it and whoever answers it has owed for too
    /// long is told, the rest is not known any more.
    pub fn stops(&mut self, (who, jid): (&str, &str), end: f64, record: &mut Record) {
        let ours = |client: &str, from: &str| client == who || from == jid;
        let (over, on) = std::mem::take(&mut self.open)
            .into_iter()
            .partition(|((client, from, _), _)| ours(client, from));
        self.open = over;
        self.finish(end, |client| client == who, record);
        self.taken.remove(who);
        self.open = on;
    }

    /// What is still owed at the end of a whole transcript. `seen`: whether its own wire was recorded.
    pub fn finish(&mut self, end: f64, seen: impl Fn(&str) -> bool, record: &mut Record) {
        for ((client, _, id), asked) in std::mem::take(&mut self.open) {
            let waited = end - asked.at;
            // Of a recording without times this is not known.
            if waited.is_nan() || waited < WITHIN {
                continue;
            }
            let rule = if asked.due == Due::Error { "IQ-07" } else { "IQ-01" };
            let lost = "it, or its answer, was lost on the way".to_owned();
            let came = !self.between || self.taken.get(&client).is_some_and(|n| asked.n <= *n);
            record.broken(Finding {
                call: asked.call,
                excuse: (!seen(&client) || !came).then_some(lost),
                ..Finding::of_client(
                    rule,
                    &client,
                    format!("{client} never answered the iq `{id}`."),
                    "exactly one result or error",
                    format!("nothing in {waited:.1} s"),
                    vec![asked.n],
                )
            });
        }
    }
}
