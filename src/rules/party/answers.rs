//! How a client answers the IQs that it gets. Bots of ours answer as their scenario says, so they are not asked.

use std::collections::BTreeMap;
use std::collections::hash_map::Entry;
use std::sync::Arc;

use foldhash::HashMap;

use crate::rules::{Finding, Record};
use crate::stanza::{IqType, NOBODY, Stanza, print};
use crate::transcript::{Dir, Header, Witness};

/// What its answer has to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Due {
    /// A result or an error.
    Any,
    /// An error: it is a `get`.
    Error,
    /// One of these errors: the signal broke something that its receiver sees.
    Refusal(&'static str),
    /// Any error: who sent it is none of the parties.
    Stranger,
}

#[derive(Debug, Clone)]
struct Asked {
    client: Arc<str>,
    from: Box<str>,
    id: Box<str>,
    n: u64,
    at: f64,
    due: Due,
    call: Option<Arc<str>>,
    /// The same id was asked with more than once, so it may be answered more than once.
    again: bool,
    /// The connection of who asked has broken since.
    cut: bool,
}

/// A request that was answered: the events of both, and its call.
#[derive(Debug)]
struct Done {
    client: Arc<str>,
    asked: u64,
    answered: u64,
    call: Option<Arc<str>>,
}

/// Stands for who was asked, by whom and under which id.
fn key(client: &str, from: &str, id: &str) -> u64 {
    print((client, from, id))
}

/// Requests that are remembered at once.
const OPEN: usize = 16_384;
/// How long an answer may take, in seconds.
const WITHIN: f64 = 5.0;
/// After this many seconds without an answer none comes any more. What a recording shows may go on after its end, and
/// there are clients that take 20 s: that is slow, and not never.
pub(in crate::rules) const NEVER: f64 = 30.0;

/// How long a request and its answer may have been under way, in seconds, where they were seen on their way.
const UNDER_WAY: f64 = 5.0;

/// Why an error behind an answer may not be its client's.
const BACK: &str =
    "the client's session ended before it acknowledged the stanza, and the server gave it back";

/// Why one that was not recorded itself may have answered once only.
const TWICE: &str = "the server handed the request or the answer on twice";

/// Why an answer may have come late to who had asked.
const CUT: &str = "it was given in time, and waited until its receiver was connected again";

/// Why one that was not recorded itself may have answered late (XEP-0198: a session may be resumed minutes later).
const BROKE: &str =
    "its own connection had broken, and what it had answered went out when it was there again";

/// Moments of one client that are remembered.
const MOMENTS: usize = 64;

/// What one client's answers tell of it.
#[derive(Debug, Default)]
struct Client {
    /// The latest event that it had surely taken in, and when it had.
    taken: Vec<(u64, f64)>,
    /// The latest request that it has answered.
    answered: Option<u64>,
    /// When it last sent anything.
    spoke: f64,
}

impl Client {
    fn takes_in(&mut self, n: u64, at: f64) {
        if self.taken.last().is_some_and(|(latest, _)| n <= *latest) {
            return;
        }
        if self.taken.len() >= MOMENTS {
            // Of two the later one says less, and nothing wrong.
            let mut odd = false;
            self.taken.retain(|_| {
                odd = !odd;
                !odd
            });
        }
        self.taken.push((n, at));
    }

    /// When it had surely taken in this event.
    fn had(&self, n: u64) -> Option<f64> {
        self.taken
            .iter()
            .find(|(latest, _)| n <= *latest)
            .map(|(_, at)| *at)
    }
}

/// The requests that clients have got and not answered yet, by client, sender and id.
#[derive(Debug, Default)]
pub(super) struct Answers {
    /// They were seen on their way: what had passed there had perhaps not come in yet.
    between: bool,
    /// Someone else wrote it down, who may have left out what did not seem to matter, and stopped at any time.
    foreign: bool,
    /// It may go on after its end.
    open_ended: bool,
    /// Answers that went out and that came in were written down.
    holds: (bool, bool),
    clients: BTreeMap<String, Client>,
    open: HashMap<u64, Asked>,
    /// The latest event of which it is not recorded what passed: perhaps a request whose id another one had before.
    unread: u64,
    /// Those that were answered, and once only: the latest, and as many before them.
    done: [HashMap<u64, Done>; 2],
}

impl Answers {
    pub fn new(header: &Header) -> Answers {
        Answers {
            between: header.witness == Witness::Between,
            foreign: header.is_foreign(),
            open_ended: !header.witness.is_bots(),
            ..Answers::default()
        }
    }

    /// What this client did shows that it had by then taken in this event, and with it everything that came before.
    pub fn taken_in(&mut self, client: &str, n: u64, at: f64) {
        if self.between {
            self.note(client, |known| known.takes_in(n, at));
        }
    }

    /// This client sends something: its connection has not broken.
    pub fn speaks(&mut self, client: &str, at: f64) {
        if self.between {
            self.note(client, |known| known.spoke = at);
        }
    }

    fn note(&mut self, client: &str, note: impl FnOnce(&mut Client)) {
        if let Some(known) = self.clients.get_mut(client) {
            return note(known);
        }
        if self.clients.len() >= OPEN {
            self.clients.clear();
        }
        note(self.clients.entry(client.to_owned()).or_default());
    }

    /// An answer of anyone to anything was recorded.
    pub fn heard(&mut self, dir: Dir) {
        let (out, came) = &mut self.holds;
        *if dir == Dir::Sent { out } else { came } = true;
    }

    /// Whether answers were recorded: whoever recorded them leaves them not out.
    pub fn are_recorded(&self) -> bool {
        self.holds != (false, false)
    }

    /// Something passed of which nothing more is recorded.
    pub fn unread(&mut self, n: u64) {
        self.unread = n;
    }

    /// What is remembered of a request that was answered; it is forgotten.
    fn was_done(&mut self, key: u64) -> Option<Done> {
        self.done.iter_mut().find_map(|done| done.remove(&key))
    }

    /// A request that has nothing to do with calls: its id may have been that of another one, in another stream.
    pub fn asked_else(&mut self, client: &str, from: &str, id: &str) {
        self.was_done(key(client, from, id));
    }

    pub fn asked(
        &mut self,
        client: &Arc<str>,
        from: &str,
        stanza: &Stanza,
        (n, at): (u64, f64),
        due: Due,
        call: Option<Arc<str>>,
    ) {
        let id = stanza.id().unwrap_or_default();
        if id.is_empty() {
            return;
        }
        let key = key(client, from, id);
        self.was_done(key);
        if self.open.len() >= OPEN {
            return;
        }
        match self.open.entry(key) {
            Entry::Occupied(mut open) => open.get_mut().again = true,
            Entry::Vacant(entry) => {
                let (again, cut) = (false, false);
                entry.insert(Asked {
                    client: Arc::clone(client),
                    from: from.into(),
                    id: id.into(),
                    n,
                    at,
                    due,
                    call,
                    again,
                    cut,
                });
            }
        }
    }

    /// Notes an answer of this client. True: it has answered the same before, which may be the server's doing.
    pub fn answered(
        &mut self,
        client: &str,
        asker: &str,
        stanza: &Stanza,
        (n, at): (u64, f64),
        far: bool,
        record: &mut Record,
    ) -> bool {
        let id = stanza.id().unwrap_or_default();
        let key = key(client, asker, id);
        let Some(asked) = self.open.remove(&key) else {
            let done = self.was_done(key);
            let mut doubled = false;
            // No event is both: what was unread was no answer.
            if let Some(Done {
                asked,
                answered,
                call,
                ..
            }) = done.filter(|done| done.answered > self.unread)
            {
                // XEP-0198 §4: what a session has not acknowledged when it ends a server may give back as not delivered.
                let back = far && stanza.error_condition().is_some_and(|why| NOBODY.contains(&why));
                doubled = far && self.open_ended && !back;
                let excuse = if back {
                    Some(BACK)
                } else {
                    doubled.then_some(TWICE)
                };
                record.broken(Finding {
                    excuse: excuse.map(str::to_owned),
                    call: call.as_deref().map(str::to_owned),
                    ..Finding::of_client(
                        "IQ-01",
                        client,
                        format!("{client} answered the iq `{id}` more than once."),
                        "exactly one result or error",
                        format!("answers at events {answered} and {n}"),
                        vec![asked, answered, n],
                    )
                });
            }
            return doubled;
        };
        self.taken_in(client, asked.n, at);
        self.note(client, |known| known.answered = known.answered.max(Some(asked.n)));
        if !asked.again {
            let (client, call) = (Arc::clone(&asked.client), asked.call.clone());
            let asked = asked.n;
            let [latest, before] = &mut self.done;
            if latest.len() >= OPEN / 2 {
                *before = std::mem::take(latest);
            }
            latest.insert(
                key,
                Done {
                    client,
                    asked,
                    answered: n,
                    call,
                },
            );
        }
        let took = at - asked.at;
        let under_way = self.between || (far && self.open_ended);
        let slow = under_way && took <= WITHIN + UNDER_WAY;
        let slow = slow.then_some("the request and its answer were under way for some seconds");
        let back = far && stanza.error_condition().is_some_and(|why| NOBODY.contains(&why));
        let slow = slow.or(back.then_some(BACK));
        let slow = slow.or((far && asked.cut).then_some(CUT));
        let slow = slow.or((far && self.open_ended).then_some(BROKE));
        let mut tell = |rule, message, wanted: &str, seen: String| {
            let events = vec![asked.n, n];
            record.broken(Finding {
                call: asked.call.as_deref().map(str::to_owned),
                excuse: slow.filter(|_| rule == "IQ-08").map(str::to_owned),
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
            Due::Stranger if error => None,
            Due::Stranger => Some(("IQ-06", "an error item-not-found".to_owned())),
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
                if matches!(asked.due, Due::Refusal(_) | Due::Stranger) {
                    record.held("IQ-06");
                }
            }
        }
        if !late {
            record.held("IQ-08");
        }
        false
    }

    /// The connection of this address breaks: what it was to be answered may wait for it.
    pub fn cut_off(&mut self, asker: &str) {
        let theirs = self.open.values_mut().filter(|asked| *asked.from == *asker);
        theirs.for_each(|asked| asked.cut = true);
    }

    /// The client is gone: it owes no answer.
    pub fn gone(&mut self, client: &str) {
        self.clients.remove(client);
        self.open.retain(|_, asked| *asked.client != *client);
        for done in &mut self.done {
            done.retain(|_, done| *done.client != *client);
        }
    }

    /// The recording of this party, by name and address, stops here: what it and whoever answers it has owed for too
    /// long is told, the rest is not known any more.
    pub fn stops(&mut self, (who, jid): (&str, &str), end: f64, record: &mut Record) {
        let (over, on) = std::mem::take(&mut self.open)
            .into_iter()
            .partition(|(_, asked)| *asked.client == *who || *asked.from == *jid);
        self.open = over;
        self.finish(end, |client| client == who, record);
        self.clients.remove(who);
        self.open = on;
    }

    /// What is still owed at the end of a whole transcript. `seen`: whether its own wire was recorded.
    pub fn finish(&mut self, end: f64, seen: impl Fn(&str) -> bool, record: &mut Record) {
        let mut owed: Vec<Asked> = std::mem::take(&mut self.open).into_values().collect();
        owed.sort_unstable_by_key(|asked| asked.n);
        for asked in owed {
            let Asked { client, id, .. } = &asked;
            let waited = end - asked.at;
            let Some(excuse) = self.excuse(client, &asked, end, seen(client)) else {
                continue;
            };
            let rule = if asked.due == Due::Error { "IQ-07" } else { "IQ-01" };
            record.broken(Finding {
                call: asked.call.as_deref().map(str::to_owned),
                excuse: excuse.map(str::to_owned),
                ..Finding::of_client(
                    rule,
                    client,
                    format!("{client} never answered the iq `{id}`."),
                    "exactly one result or error",
                    format!("nothing in {waited:.1} s"),
                    vec![asked.n],
                )
            });
        }
    }

    /// `None`: nothing can be said of this request at the end. Otherwise what may excuse that it was not answered.
    fn excuse(&self, client: &str, asked: &Asked, end: f64, seen: bool) -> Option<Option<&'static str>> {
        let waited = end - asked.at;
        let (out, came) = self.holds;
        let holds = came || (out && seen);
        // Of a recording without times this is not known; nor of one that leaves answers out.
        if waited.is_nan() || (self.foreign && !holds) {
            return None;
        }
        let known = self.clients.get(client);
        let answered = known.and_then(|known| known.answered);
        if waited < WITHIN {
            // Whoever answers what came later has perhaps passed this over.
            let passed = seen && self.open_ended && Some(asked.n) < answered;
            return passed.then_some(Some("its answer was not due yet when the recording stopped"));
        }
        if !seen {
            return Some(Some("it, or its answer, was lost on the way"));
        }
        if self.foreign && answered.is_none() {
            return Some(Some(
                "the recording holds no answer of this client at all, and perhaps leaves them out",
            ));
        }
        // Where it was not seen to come in, it came when its receiver showed that it had.
        let came = match (self.between, known) {
            (false, _) => Some(asked.at),
            (true, known) => known.and_then(|known| known.had(asked.n)),
        };
        let Some(came) = came else {
            return Some(Some("it, or its answer, was lost on the way"));
        };
        let late = "it was answered after the recording had stopped, late";
        let soon = waited < NEVER || (self.between && end - came < WITHIN + UNDER_WAY);
        // In a server's log a connection that has broken goes on until the server finds out.
        let silent = self.between && self.foreign && known.is_some_and(|known| known.spoke - came < WITHIN);
        let silent = silent.then_some("its connection had broken, and the server had not noticed yet");
        Some(soon.then_some(late).or(silent).filter(|_| self.open_ended))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_what_a_client_has_shown_the_latest_stays() {
        let mut client = Client::default();
        (0..=MOMENTS as u64).for_each(|n| client.takes_in(n, n as f64));
        assert_eq!(client.taken.len(), MOMENTS / 2 + 1);
        // Nothing is taken for shown before it was.
        assert_eq!(
            [0, 1, 63, 64, 65].map(|n| client.had(n)),
            [Some(1.0), Some(1.0), Some(63.0), Some(64.0), None]
        );
    }

    /// Whoever answered what came later has passed it over: that much its own wire shows, and no other end.
    #[test]
    fn what_is_not_due_yet_is_missed_only_where_it_was_seen() {
        let stanza = |id: &str| {
            let xml = format!("<iq type='result' id='{id}' from='bob@x/2' to='alice@x/1'/>");
            crate::stanza::Stanza::parse(xml).expect("a stanza")
        };
        for (seen, open_ended, told) in [(true, true, 1), (false, true, 0), (true, false, 0)] {
            let mut answers = Answers {
                open_ended,
                ..Answers::default()
            };
            let mut record = Record::default();
            for n in [1, 2] {
                let asked = stanza(&n.to_string());
                answers.asked(&"bob".into(), "alice@x/1", &asked, (n, 0.0), Due::Any, None);
            }
            answers.answered("bob", "alice@x/1", &stanza("2"), (3, 0.1), false, &mut record);
            answers.finish(1.0, |_| seen, &mut record);
            assert_eq!(record.findings.len(), told, "{seen} {open_ended}");
            assert!(record.findings.iter().all(|found| found.excuse.is_some()));
        }
    }

    #[test]
    fn so_many_clients_are_remembered_and_no_more() {
        let mut answers = Answers::default();
        for n in 0..OPEN {
            answers.note(&n.to_string(), |client| client.answered = Some(7));
        }
        assert_eq!(
            (answers.clients["0"].answered, answers.clients.len()),
            (Some(7), OPEN)
        );
        answers.note("another", |_| ());
        assert_eq!(answers.clients.len(), 1);
        // So it is with what was answered and with what was not.
        let stanza =
            crate::stanza::Stanza::parse("<iq type='result' id='1' from='bob@x/2'/>").expect("a stanza");
        let (mut answers, mut record) = (Answers::default(), Record::default());
        for n in 0..OPEN as u64 + 9 {
            let client = n.to_string().into();
            answers.asked(&client, "alice@x/1", &stanza, (n, 0.0), Due::Any, None);
            answers.answered(&client, "alice@x/1", &stanza, (n, 0.0), false, &mut record);
        }
        // Of those the latest: a second answer to one of them is seen however long a recording goes on.
        let remembered: usize = answers.done.iter().map(HashMap::len).sum();
        assert!((OPEN / 2..=OPEN).contains(&remembered));
        let last = (OPEN + 8).to_string();
        assert_eq!(record.findings.len(), 0);
        answers.answered(
            &last,
            "alice@x/1",
            &stanza,
            (OPEN as u64 + 9, 0.0),
            false,
            &mut record,
        );
        assert_eq!(record.findings[0].rule.id, "IQ-01");
        for n in 0..OPEN as u64 + 9 {
            answers.asked(
                &n.to_string().into(),
                "alice@x/1",
                &stanza,
                (n, 0.0),
                Due::Any,
                None,
            );
        }
        assert_eq!(answers.open.len(), OPEN);
    }
}
