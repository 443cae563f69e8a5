//! What a recording holds of calls: who took part, and what each of them sent and got, in order. Bounded.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use crate::profile::Class;
use crate::protocol::{Decoded, NAMESPACE, decode};
use crate::stanza::{IqType, Stanza, bare, fold};
use crate::transcript::recording::{CUT, Recorded};
use crate::transcript::{Dir, Event, Header, Party, Witness};

/// Stanzas and changes of connections that are kept.
const MOST: usize = 50_000;
/// Bytes of stanzas that are kept.
const BYTES: usize = 32 << 20;
/// Connections that are remembered before anything of theirs is kept.
const WAITING: usize = 4_096;
/// Ids of kept requests whose answers are waited for.
const ASKED: usize = 100_000;

/// Which line of which file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct At {
    pub source: usize,
    pub line: u64,
}

/// One device, or a connection whose JID nothing tells.
#[derive(Debug, Clone, Default)]
pub struct End {
    pub jid: String,
    /// Its name in the cast of a run.
    pub name: Option<String>,
    /// The user's id, if it is known.
    pub id: Option<String>,
    /// Its own connection was recorded; of others only what they said to a recorded one is known.
    pub recorded: bool,
    /// What it had taken in when it sent something is known exactly.
    pub exact: bool,
    /// Its recording begins in the middle of its session.
    pub late: bool,
}

impl End {
    pub fn bare(&self) -> &str {
        bare(&self.jid)
    }
}

#[derive(Debug, Clone)]
pub enum Deed {
    Comes,
    /// It leaves: lawfully or without a word.
    Goes {
        cut: bool,
    },
    /// The other side ended its stream.
    Closed,
    /// Its recording is over.
    Stops,
    Sent(Box<Said>),
    Got(Box<Said>),
}

/// A stanza, and what its signal says if it holds one.
#[derive(Debug, Clone)]
pub struct Said {
    pub raw: String,
    pub stanza: Option<Stanza>,
    pub decoded: Option<Decoded>,
    /// Wall time, RFC 3339; empty if it is not known.
    pub time: String,
    /// Something was cut out of it before it was written down.
    pub cut: bool,
}

impl Said {
    fn new(event: &Event) -> Option<Said> {
        let raw = event.xml.clone()?;
        let stanza = Stanza::parse(raw.clone()).ok();
        let text = stanza.as_ref().and_then(Stanza::call_text);
        Some(Said {
            cut: !event.secrets.is_empty() || (raw.contains(NAMESPACE) && raw.contains(CUT)),
            decoded: text.as_deref().map(decode),
            stanza,
            raw: raw.to_string(),
            time: event.time.clone(),
        })
    }

    pub fn iq(&self) -> Option<IqType> {
        self.stanza.as_ref()?.iq_type()
    }

    pub fn id(&self) -> Option<&str> {
        self.stanza.as_ref()?.id()
    }

    /// The callId as it is compared.
    pub fn call(&self) -> Option<String> {
        let call = self.decoded.as_ref()?.facts.call.as_ref()?;
        Some(call.to_lowercase())
    }

    pub fn is_call(&self) -> bool {
        self.raw.contains(NAMESPACE)
    }
}

/// Something that an end did or that happened to it.
#[derive(Debug, Clone)]
pub struct Mark {
    /// Seconds; NaN: not known.
    pub t: f64,
    /// When it had come, if it waited before it was taken in.
    pub arrived: Option<f64>,
    pub at: At,
    pub end: usize,
    pub deed: Deed,
}

/// A recording's calls.
#[derive(Debug, Clone)]
pub struct Tape {
    pub ends: Vec<End>,
    pub marks: Vec<Mark>,
    pub class: Class,
    /// Made by bots of a run: everything that they did is in it.
    pub run: bool,
    /// Answers stand in it.
    pub answers: bool,
    /// Something passed below a session.
    pub below: bool,
    /// Only this call is kept.
    only: Option<String>,
    keys: HashMap<String, usize>,
    waiting: BTreeMap<usize, Mark>,
    shown: BTreeSet<usize>,
    asked: BTreeSet<(String, String)>,
    bytes: usize,
    steps: bool,
}

impl Tape {
    fn empty(class: Class) -> Tape {
        Tape {
            ends: Vec::new(),
            marks: Vec::new(),
            class,
            run: false,
            answers: true,
            below: false,
            only: None,
            keys: HashMap::new(),
            waiting: BTreeMap::new(),
            shown: BTreeSet::new(),
            asked: BTreeSet::new(),
            bytes: 0,
            steps: false,
        }
    }

    /// Of a run's transcript.
    pub fn of_run(header: &Header) -> Tape {
        let mut tape = Tape::empty(header.profile.class);
        tape.run = true;
        let first = |name: &str| match name {
            "caller" => 0,
            "callee" => 1,
            _ => 2,
        };
        let mut cast: Vec<_> = header.cast.iter().collect();
        cast.sort_by_key(|(name, _)| first(name));
        for (name, member) in cast {
            tape.keys.insert(name.clone(), tape.ends.len());
            tape.ends.push(End {
                jid: member.jid.clone(),
                name: is_actor(name).then(|| name.clone()),
                id: member.id.clone(),
                recorded: false,
                exact: member.party == Party::Bot,
                late: false,
            });
        }
        tape
    }

    /// Of what others recorded. `only`: the one call that is wanted.
    pub fn of_others(class: Class, witness: Witness, only: Option<&str>) -> Tape {
        Tape {
            answers: witness != Witness::Signals,
            only: only.map(str::to_lowercase),
            ..Tape::empty(class)
        }
    }

    /// Takes the next event of a run's transcript.
    ///
    /// # Errors
    /// It is more than is kept.
    pub fn event(&mut self, event: &Event, line: u64) -> Result<(), String> {
        match event.dir {
            Dir::Steps => self.steps = true,
            Dir::WireSent | Dir::WireReceived => self.below = true,
            _ => {}
        }
        let Some(end) = self.keys.get(&event.who).copied() else {
            return Ok(());
        };
        // At its end every bot leaves: that belongs to the run, not to the calls.
        if self.steps && !event.dir.passes() {
            return Ok(());
        }
        self.take(end, event, At { source: 0, line })
    }

    /// Takes the next event of a recording.
    ///
    /// # Errors
    /// It is more than is kept.
    pub fn recorded(&mut self, source: usize, recorded: &Recorded) -> Result<(), String> {
        let event = &recorded.event;
        let key = match &event.jid {
            Some(jid) => fold(jid).into_owned(),
            None => format!("{source}\u{0}{}", recorded.conn),
        };
        let end = match self.keys.get(&key) {
            Some(end) => *end,
            None => {
                if self.ends.len() >= MOST {
                    return Err(format!("more than {MOST} devices are in it"));
                }
                self.ends.push(End {
                    // Of whom nothing is known: a name that is nobody's (RFC 2606 §2).
                    jid: event
                        .jid
                        .clone()
                        .unwrap_or_else(|| format!("end-{}@unknown.invalid/1", self.ends.len() + 1)),
                    recorded: true,
                    late: event.dir == Dir::Begins,
                    ..End::default()
                });
                self.keys.insert(key, self.ends.len() - 1);
                self.ends.len() - 1
            }
        };
        self.take(
            end,
            event,
            At {
                source,
                line: recorded.line,
            },
        )
    }

    fn take(&mut self, end: usize, event: &Event, at: At) -> Result<(), String> {
        if let Some(end) = self.ends.get_mut(end) {
            end.recorded = true;
        }
        let deed = match event.dir {
            Dir::Connected => {
                if let (Some(jid), Some(end)) = (&event.jid, self.ends.get_mut(end)) {
                    end.jid.clone_from(jid);
                }
                Deed::Comes
            }
            Dir::Begins => Deed::Comes,
            Dir::Stops => Deed::Stops,
            Dir::Leaving => Deed::Goes { cut: false },
            Dir::Cut => Deed::Goes { cut: true },
            Dir::Closed => Deed::Closed,
            Dir::Sent | Dir::Received => {
                let Some(said) = Said::new(event).filter(|said| self.concerns(end, said)) else {
                    return Ok(());
                };
                self.bytes += said.raw.len();
                let said = Box::new(said);
                if event.dir == Dir::Sent {
                    Deed::Sent(said)
                } else {
                    Deed::Got(said)
                }
            }
            _ => return Ok(()),
        };
        let mark = Mark {
            t: event.t,
            arrived: event.arrived,
            at,
            end,
            deed,
        };
        let stanza = matches!(mark.deed, Deed::Sent(_) | Deed::Got(_));
        if !stanza && !self.run && !self.shown.contains(&end) {
            // Whoever never says anything about a call is of no concern.
            if self.waiting.len() >= WAITING {
                self.waiting.pop_first();
            }
            self.waiting.insert(end, mark);
            return Ok(());
        }
        if stanza && self.shown.insert(end) {
            self.marks.extend(self.waiting.remove(&end));
        }
        self.marks.push(mark);
        if self.marks.len() > MOST || self.bytes > BYTES {
            let most = BYTES >> 20;
            return Err(format!(
                "more than {MOST} stanzas or {most} MiB of them belong to calls: --call ID takes one call"
            ));
        }
        Ok(())
    }

    /// Whether a stanza belongs to the calls that are wanted.
    fn concerns(&mut self, end: usize, said: &Said) -> bool {
        if self.run {
            return true;
        }
        let answer = matches!(said.iq(), Some(IqType::Result | IqType::Error));
        let own = self
            .ends
            .get(end)
            .map(|end| fold(&end.jid).into_owned())
            .unwrap_or_default();
        let id = said.id().unwrap_or_default().to_owned();
        if answer {
            return self.asked.contains(&(own, id));
        }
        if said.is_call() {
            let wanted = match &self.only {
                None => true,
                Some(only) => said.raw.to_lowercase().contains(only),
            };
            if wanted && said.iq().is_some() && self.asked.len() < ASKED {
                self.asked.insert((own, id));
            }
            return wanted;
        }
        let chat = said.stanza.as_ref().is_some_and(|stanza| stanza.body().is_some());
        chat && (self.only.is_none() || !self.shown.is_empty())
    }

    /// The same without anything that happened.
    pub fn without_marks(&self) -> Tape {
        Tape {
            ends: self.ends.clone(),
            run: self.run,
            answers: self.answers,
            below: self.below,
            ..Tape::empty(self.class)
        }
    }

    /// Forgets all other ends.
    pub fn keep_ends(&mut self, seen: &BTreeSet<usize>) {
        let places: BTreeMap<usize, usize> = seen.iter().enumerate().map(|(to, from)| (*from, to)).collect();
        self.ends = seen
            .iter()
            .filter_map(|end| self.ends.get(*end).cloned())
            .collect();
        for mark in &mut self.marks {
            mark.end = places.get(&mark.end).copied().unwrap_or_default();
        }
    }

    /// The end of this full JID.
    pub fn end_of(&self, jid: &str) -> Option<usize> {
        let wanted = fold(jid);
        self.ends.iter().position(|end| fold(&end.jid) == wanted)
    }
}

/// Whether a scenario may call somebody so.
fn is_actor(name: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || c == '-';
    let word = matches!(
        name,
        "wait"
            | "together"
            | "in-any-order"
            | "repeat"
            | "use"
            | "relay"
            | "enforcing"
            | "all"
            | "now"
            | "uuid"
            | "call"
            | "domain"
    );
    name.starts_with(|c: char| c.is_ascii_lowercase()) && name.len() < 40 && name.chars().all(plain) && !word
}
