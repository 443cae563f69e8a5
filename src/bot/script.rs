//! The script of one case, sans-IO: stanzas and time in; stanzas, connections and transcript events out.

mod line;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

use rand::{Rng, SeedableRng, rngs::ChaCha8Rng};
use time::{OffsetDateTime, format_description::well_known::Rfc3339};
use uuid::Uuid;

use super::compose;
use super::cursor::{At, Cursor};
use super::fault::{ClientFault, Faulty};
use super::fence::{Fence, Next};
use super::matching::{Arrival, Wanted, brief};
use super::names::Names;
use super::pace::Pace;
use crate::profile::Profile;
use crate::scenario::{
    Action, Answer, Answered, AnsweredBy, Case, Connection, Expect, Pattern, Send, Step, Verb, What,
};
use crate::stanza::{self, IqType, Stanza};
use crate::transcript::{Dir, Event, Wire};

pub use line::LineOrder;
use line::{Sight, is_line_pattern};

/// A user as the bots need it.
#[derive(Debug, Clone)]
pub struct Account {
    /// The bare JID.
    pub jid: String,
    /// The user's id, as it stands in `senderId`.
    pub id: String,
}

/// What a case needs to be played.
#[derive(Debug)]
pub struct Setup {
    pub case: Case,
    /// By the user's name in the scenario.
    pub accounts: BTreeMap<String, Account>,
    pub profile: Profile,
    pub seed: u64,
    /// Deadlines are multiplied by this; waits are not, since the protocol's own times do not scale.
    pub time_scale: f64,
    /// The wall time of `now` = 0.
    pub started: OffsetDateTime,
    /// How long nothing may arrive after the last step, unless the case says it.
    pub quiet: Duration,
}

#[derive(Debug)]
pub enum Input {
    Connected {
        who: String,
        jid: String,
    },
    /// The target's trouble, never a finding.
    NotConnected {
        who: String,
        why: String,
    },
    /// `arrived`: when it was read from the socket.
    Element {
        who: String,
        stanza: Stanza,
        arrived: Duration,
    },
    /// Text that is no XML.
    Broken {
        who: String,
        raw: String,
        why: String,
        arrived: Duration,
    },
    /// Something was sent or came on a raw line.
    Wire {
        who: String,
        sent: bool,
        wire: Wire,
        text: Option<String>,
    },
    /// The stream or the connection is over.
    Ended {
        who: String,
        how: String,
    },
    /// This process did not run for so long.
    Stalled(Duration),
    /// The target kept a session that has no part in this waiting for so long.
    Busy(Duration),
    /// The run is to stop now.
    Interrupted,
}

#[derive(Debug)]
pub enum Output {
    Connect {
        who: String,
        account: String,
        resource: String,
    },
    Send {
        who: String,
        raw: String,
    },
    Line {
        who: String,
        order: LineOrder,
    },
    Disconnect {
        who: String,
    },
    Cut {
        who: String,
    },
    Event(Box<Event>),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Link {
    Down,
    Rising,
    Up,
    /// We asked for the end; what is still under way is taken in.
    Closing,
}

#[derive(Debug)]
struct Bot {
    user: String,
    raw: bool,
    presence: bool,
    resource: String,
    jid: String,
    link: Link,
    policy: Answer,
    /// Arrived, not yet taken in.
    inbox: VecDeque<Input>,
    pool: Vec<Arrival>,
    /// What came on a raw line.
    sights: Vec<Sight>,
    /// What has come so far of a message there.
    message: stanza::Message,
    /// The ids of our requests without an answer.
    unanswered: BTreeSet<String>,
    /// The event of each of our requests, by its id.
    asked: BTreeMap<String, u64>,
    /// Answers that came, by id.
    answers: BTreeMap<String, Stanza>,
    /// The stream ended by the other side's will.
    ended: bool,
    candidates: u32,
}

#[derive(Debug)]
struct Call {
    id: String,
    caller: String,
    /// Where the caller sends: the JID of the initiate, later the device that accepted.
    callee_jid: Option<String>,
    callee: String,
    caller_jid: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    Connecting,
    Steps,
    /// Waits for answers that are still owed to us.
    Answers(Duration),
    /// Something was not answered: is it lost, or only late? Since then.
    Lost(Duration),
    Quiet(Duration),
    Closing(Duration),
    Over,
}

/// Plays one case.
#[derive(Debug)]
pub struct Script {
    setup: Setup,
    bots: BTreeMap<String, Bot>,
    calls: BTreeMap<String, Call>,
    names: Names,
    root: Cursor,
    phase: Phase,
    rng: ChaCha8Rng,
    now: Duration,
    n: u64,
    out: VecDeque<Output>,
    /// Answers that a bot gives later.
    later: Vec<(Duration, String, String)>,
    /// What is wrong with one of the parties, and what it sends later for it.
    faulty: Option<Faulty>,
    belated: Vec<(Duration, String, String)>,
    failed: bool,
    /// The newest, if there ever was one.
    fence: Option<Fence>,
    pace: Pace,
}

const DEFAULT_WITHIN: Duration = Duration::from_secs(5);
/// How long a server may take over a fence.
const FENCE_WITHIN: Duration = Duration::from_secs(30);
/// Longer than any login is let take by the transport: a second line of defence.
const LINK_WITHIN: Duration = Duration::from_secs(30);
/// What stock servers take in one stanza, in bytes, where the profile does not say it.
const USUAL_LIMIT: u64 = 262_144;
/// No scenario says more than this in one breath.
const MOST: usize = 16 << 20;
const CLOSE_WITHIN: Duration = Duration::from_secs(2);

impl Script {
    pub fn new(setup: Setup) -> Script {
        let mut rng = ChaCha8Rng::seed_from_u64(setup.seed);
        let mut names = Names::default();
        let mut bots = BTreeMap::new();
        for actor in &setup.case.cast {
            let bare = setup
                .accounts
                .get(&actor.user)
                .map(|account| account.jid.clone())
                .unwrap_or_default();
            let resource = format!("{}-{:08x}", actor.name, rng.next_u32());
            let bot = Bot {
                user: actor.user.clone(),
                raw: actor.raw,
                presence: actor.presence,
                jid: format!("{bare}/{resource}"),
                resource,
                link: Link::Down,
                policy: Answer::Result,
                inbox: VecDeque::new(),
                pool: Vec::new(),
                sights: Vec::new(),
                message: stanza::Message::default(),
                unanswered: BTreeSet::new(),
                asked: BTreeMap::new(),
                answers: BTreeMap::new(),
                ended: false,
                candidates: 0,
            };
            names.set(format!("{}.jid", actor.name), bot.jid.clone());
            names.set(format!("{}.resource", actor.name), bot.resource.clone());
            names.set(format!("{}.bare", actor.name), bare.clone());
            if let Some(account) = setup.accounts.get(&actor.user) {
                names.set(format!("{}.id", actor.name), account.id.clone());
                names.set("domain", bare.split_once('@').map_or(bare.as_str(), |(_, d)| d));
            }
            bots.insert(actor.name.clone(), bot);
        }
        let mut labels = BTreeSet::from(["main".to_owned()]);
        collect_labels(&setup.case.steps, &mut labels);
        let mut calls = BTreeMap::new();
        for label in labels {
            let id = fresh_uuid(&mut rng);
            names.set(format!("call.{label}"), id.clone());
            if label == "main" {
                names.set("call", id.clone());
            }
            let call = Call {
                id,
                caller: "caller".into(),
                callee_jid: None,
                callee: "callee".into(),
                caller_jid: None,
            };
            calls.insert(label, call);
        }
        let root = Cursor::new(for_profile(setup.case.steps.clone(), &setup.profile));
        let mut script = Script {
            setup,
            bots,
            calls,
            names,
            root,
            phase: Phase::Connecting,
            rng,
            now: Duration::ZERO,
            n: 0,
            out: VecDeque::new(),
            later: Vec::new(),
            faulty: None,
            belated: Vec::new(),
            failed: false,
            fence: None,
            pace: Pace::default(),
        };
        let first: Vec<String> = script
            .setup
            .case
            .cast
            .iter()
            .filter(|a| a.connected)
            .map(|a| a.name.clone())
            .collect();
        for who in first {
            script.connect(&who);
        }
        script
    }

    /// One of the parties breaks a rule in this way.
    pub fn with_fault(self, fault: &'static ClientFault) -> Script {
        Script {
            faulty: Some(Faulty::new(fault)),
            ..self
        }
    }

    /// The server may read what each bot says at no more than so many bytes a second; `None`: it reads at once.
    pub fn with_rate(self, rate: Option<u64>) -> Script {
        Script {
            pace: Pace::new(rate),
            ..self
        }
    }

    /// The next thing to do, in order; ask until `None` after each input.
    pub fn poll_output(&mut self) -> Option<Output> {
        self.out.pop_front()
    }

    /// When [`Script::handle_time`] wants to be called next.
    pub fn deadline(&self) -> Option<Duration> {
        let fence = self.fence.as_ref().filter(|fence| !fence.is_over(self.now));
        let fence = fence.map(Fence::until);
        let phase = match self.phase {
            // Where nobody connects there is nobody to wait for.
            Phase::Connecting if self.bots.values().all(|bot| bot.link != Link::Rising) => {
                Some(Duration::ZERO)
            }
            Phase::Connecting => Some(LINK_WITHIN),
            // What is over time already waits for the fence.
            Phase::Steps => {
                let steps = self.root.deadlines().into_iter();
                steps
                    .filter(|at| fence.is_none() || *at > self.now)
                    .chain(fence)
                    .min()
            }
            Phase::Lost(since) => fence.or(Some(since)),
            Phase::Answers(at) | Phase::Quiet(at) | Phase::Closing(at) => Some(at),
            Phase::Over => None,
        };
        phase
            .into_iter()
            .chain(self.later.iter().chain(&self.belated).map(|(at, ..)| *at))
            .min()
    }

    pub fn is_over(&self) -> bool {
        self.phase == Phase::Over
    }

    /// The expectations that are open now.
    pub fn waits_for(&self) -> Vec<Expect> {
        let mut open = Vec::new();
        self.root.open(&mut |expect| open.push(expect.clone()));
        open
    }

    /// The full JID and the user id of each member of the cast.
    pub fn cast(&self) -> BTreeMap<String, (String, Option<String>)> {
        let id = |bot: &Bot| {
            self.setup
                .accounts
                .get(&bot.user)
                .map(|account| account.id.clone())
        };
        self.bots
            .iter()
            .map(|(name, bot)| (name.clone(), (bot.jid.clone(), id(bot))))
            .collect()
    }

    pub fn handle_time(&mut self, now: Duration) {
        self.now = self.now.max(now);
        let due = |at: &Duration| *at <= self.now;
        let (ready, later): (Vec<_>, Vec<_>) = self.later.drain(..).partition(|(at, ..)| due(at));
        self.later = later;
        for (_, who, raw) in ready {
            self.write(&who, raw, None);
        }
        let due = |at: &Duration| *at <= self.now;
        let (ready, belated): (Vec<_>, Vec<_>) = self.belated.drain(..).partition(|(at, ..)| due(at));
        self.belated = belated;
        for (_, who, raw) in ready {
            self.put(&who, raw, None);
        }
        self.advance();
    }

    pub fn handle(&mut self, now: Duration, input: Input) {
        self.now = self.now.max(now);
        match input {
            Input::Connected { who, jid } => self.connected(&who, jid),
            Input::NotConnected { who, why } => self.trouble(&who, why),
            Input::Stalled(length) => self.slow(length, None),
            Input::Busy(length) => self.slow(
                length,
                Some("the target kept a session waiting that has no part in this"),
            ),
            Input::Interrupted => self.trouble("", "interrupted".into()),
            Input::Element { ref who, .. }
            | Input::Broken { ref who, .. }
            | Input::Wire { ref who, .. }
            | Input::Ended { ref who, .. } => {
                let who = who.clone();
                if let Some(bot) = self.bots.get_mut(&who)
                    && bot.link != Link::Down
                {
                    bot.inbox.push_back(input);
                }
            }
        }
        self.advance();
    }

    /// Delays around here are not put down to the server's treatment of what the bots say.
    fn slow(&mut self, length: Duration, note: Option<&str>) {
        let event = self.event(Dir::Stalled, "");
        self.record(Event {
            seconds: Some(length.as_secs_f64()),
            note: note.map(str::to_owned),
            ..event
        });
    }

    // -- what arrives --------------------------------------------------------------------------------------

    fn take_in(&mut self) -> bool {
        let open: Vec<String> = self
            .bots
            .keys()
            .filter(|who| !self.root.is_blind(who))
            .cloned()
            .collect();
        let mut any = false;
        for who in open {
            while let Some(input) = self.bots.get_mut(&who).and_then(|bot| bot.inbox.pop_front()) {
                any = true;
                match input {
                    Input::Element { stanza, arrived, .. } => self.element(&who, stanza, arrived),
                    Input::Broken {
                        raw, why, arrived, ..
                    } => {
                        let event = self.received(&who, arrived);
                        self.record(Event {
                            xml: Some(raw),
                            note: Some(format!("not XML: {why}")),
                            ..event
                        });
                    }
                    Input::Wire { sent, wire, text, .. } => self.wire(&who, sent, wire, text),
                    Input::Ended { how, .. } => self.stream_ended(&who, how),
                    _ => {}
                }
            }
        }
        any
    }

    fn received(&mut self, who: &str, arrived: Duration) -> Event {
        let event = self.event(Dir::Received, who);
        // Microseconds of queueing are no news; what waited for a crossing is.
        let waited = self.now.saturating_sub(arrived) > Duration::from_micros(500);
        Event {
            arrived: waited.then_some(arrived.as_secs_f64()),
            ..event
        }
    }

    fn element(&mut self, who: &str, stanza: Stanza, arrived: Duration) {
        let signal = stanza
            .call_text()
            .and_then(|text| serde_json::from_str::<serde_json::Value>(&text).ok());
        let signal = signal.filter(serde_json::Value::is_object);
        let is_call = stanza.calls().next().is_some();
        let kind = stanza.iq_type();
        let asks = matches!(kind, Some(IqType::Set | IqType::Get));
        let answer = match (asks, is_call, kind) {
            (true, true, Some(IqType::Set)) => {
                let arrival = Arrival {
                    n: 0,
                    stanza: stanza.clone(),
                    signal: signal.clone(),
                    taken: false,
                };
                let own = self.root.answer_for(who, &|pattern| self.fits(pattern, &arrival));
                let policy = self
                    .bots
                    .get(who)
                    .map_or(Answer::Result, |bot| bot.policy.clone());
                if let Some(own) = &own
                    && *own != policy
                {
                    self.announce_answers(who, own);
                }
                Some((
                    own.clone().unwrap_or_else(|| policy.clone()),
                    own.filter(|own| *own != policy).map(|_| policy),
                ))
            }
            (true, true, _) => Some((Answer::Error("bad-request".into()), None)),
            (true, false, _) => {
                let known = stanza
                    .element()
                    .children()
                    .any(|c| c.is("ping", "urn:xmpp:ping") || c.is("query", "jabber:iq:roster"));
                let answer = if known {
                    Answer::Result
                } else {
                    Answer::Error("service-unavailable".into())
                };
                Some((answer, None))
            }
            _ => None,
        };
        let event = self.received(who, arrived);
        let n = event.n;
        self.record(Event {
            xml: Some(stanza.raw().to_owned()),
            signal: signal.clone(),
            ..event
        });
        let now = self.setup.started + self.now;
        let besides = match &mut self.faulty {
            Some(faulty) if faulty.who() == who => faulty.got(&stanza, now),
            _ => Vec::new(),
        };
        if let Some((answer, back_to)) = answer {
            self.answer(who, &stanza, &answer);
            if let Some(policy) = back_to {
                self.announce_answers(who, &policy);
            }
        }
        for (after, raw) in besides {
            self.put_after(after, who, raw, None);
        }
        if matches!(kind, Some(IqType::Result | IqType::Error))
            && let Some(id) = stanza.id()
            && let Some(fence) = &mut self.fence
            && fence.answered(who, id)
        {
            self.advance_fence();
            return;
        }
        if matches!(kind, Some(IqType::Result | IqType::Error))
            && let Some(id) = stanza.id()
            && let Some(bot) = self.bots.get_mut(who)
            && bot.unanswered.remove(id)
        {
            bot.answers.insert(id.to_owned(), stanza.clone());
        }
        self.learn_peer(who, &stanza, signal.as_ref());
        if let Some(bot) = self.bots.get_mut(who)
            && !stanza.is_presence()
        {
            bot.pool.push(Arrival {
                n,
                stanza,
                signal,
                taken: false,
            });
        }
    }

    fn announce_answers(&mut self, who: &str, policy: &Answer) {
        let note = match policy {
            Answer::Result => "result".to_owned(),
            Answer::Error(condition) => format!("error {condition}"),
            Answer::Withhold => "withhold".to_owned(),
            Answer::After(length) => format!("after {} s", length.as_secs_f64()),
        };
        let event = self.event(Dir::Answers, who);
        self.record(Event {
            note: Some(note),
            ..event
        });
    }

    fn answer(&mut self, who: &str, iq: &Stanza, answer: &Answer) {
        match answer {
            Answer::Result => self.write(who, compose::result(iq), None),
            Answer::Error(condition) => self.write(who, compose::error(iq, condition), None),
            Answer::Withhold => {}
            Answer::After(length) => self
                .later
                .push((self.now + *length, who.into(), compose::result(iq))),
        }
    }

    /// Which device of the other side to talk to from now on.
    fn learn_peer(&mut self, who: &str, stanza: &Stanza, signal: Option<&serde_json::Value>) {
        let (Some(from), Some(signal)) = (stanza.from(), signal) else {
            return;
        };
        let id = signal.get("callId").and_then(|id| id.as_str());
        let kind = signal.get("type").and_then(|kind| kind.as_str());
        for call in self
            .calls
            .values_mut()
            .filter(|call| Some(call.id.as_str()) == id)
        {
            if call.caller == who && kind == Some("call:accept") {
                call.callee_jid = Some(from.to_owned());
            } else if kind == Some("call:initiate") && call.caller_jid.is_none() {
                call.caller_jid = Some(from.to_owned());
            }
        }
    }

    fn stream_ended(&mut self, who: &str, how: String) {
        let Some(bot) = self.bots.get_mut(who) else { return };
        let ours = bot.link == Link::Closing;
        bot.link = Link::Down;
        bot.unanswered.clear();
        bot.ended |= !ours;
        self.gone(who);
        let event = self.event(if ours { Dir::Disconnected } else { Dir::Closed }, who);
        self.record(Event {
            note: Some(how.clone()),
            ..event
        });
        if !ours && self.phase == Phase::Steps && !self.root.expects_end_of(who) {
            self.trouble(who, format!("the target ended the stream of {who}: {how}"));
        }
    }

    // -- connections ---------------------------------------------------------------------------------------

    fn connect(&mut self, who: &str) {
        if let Some(bot) = self.bots.get_mut(who) {
            self.pace.forget(who);
            bot.link = Link::Rising;
            bot.ended = false;
            let (account, resource) = (bot.user.clone(), bot.resource.clone());
            self.out.push_back(Output::Connect {
                who: who.into(),
                account,
                resource,
            });
        }
    }

    fn connected(&mut self, who: &str, jid: String) {
        let Some(bot) = self.bots.get_mut(who) else { return };
        bot.link = Link::Up;
        bot.jid = jid.clone();
        let (presence, user) = (bot.presence, bot.user.clone());
        self.names.set(format!("{who}.jid"), jid.clone());
        let own = stanza::bare(&jid);
        if let Some(account) = self.setup.accounts.get_mut(&user)
            && account.jid != own
        {
            // A server may give another name than was asked for (RFC 6120 §7.6.1): an anonymous user has none before.
            account.jid = own.to_owned();
            self.names.set(format!("{who}.bare"), own);
        }
        let event = self.event(Dir::Connected, who);
        self.record(Event {
            jid: Some(jid),
            ..event
        });
        if presence {
            self.write(who, format!(r#"<presence xmlns="{}"/>"#, stanza::CLIENT), None);
        }
    }

    fn cut(&mut self, who: &str) {
        if let Some(bot) = self.bots.get_mut(who)
            && bot.link != Link::Down
        {
            bot.link = Link::Down;
            bot.inbox.clear();
            bot.unanswered.clear();
            self.gone(who);
            self.out.push_back(Output::Cut { who: who.into() });
            let event = self.event(Dir::Cut, who);
            self.record(event);
        }
    }

    fn disconnect(&mut self, who: &str) {
        if let Some(bot) = self.bots.get_mut(who)
            && bot.link == Link::Up
        {
            bot.link = Link::Closing;
            if !bot.raw {
                let event = self.event(Dir::Leaving, who);
                self.record(event);
            }
            self.out.push_back(Output::Disconnect { who: who.into() });
        }
    }

    // -- the steps -----------------------------------------------------------------------------------------

    fn advance(&mut self) {
        loop {
            let mut moved = self.take_in();
            match self.phase {
                Phase::Connecting => {
                    if self.bots.values().all(|bot| bot.link != Link::Rising) {
                        self.phase = Phase::Steps;
                        moved = true;
                    } else if self.now >= LINK_WITHIN {
                        self.trouble("", "the connections were not made in time".into());
                    }
                }
                Phase::Steps => {
                    let mut root = std::mem::replace(&mut self.root, Cursor::new(Vec::new()));
                    moved |= self.play(&mut root);
                    let done = root.done();
                    self.root = root;
                    if self.phase == Phase::Steps && (done || self.failed) {
                        self.steps_done();
                        moved = true;
                    }
                }
                Phase::Answers(until) => {
                    let owed = self.bots.values().any(|bot| !bot.unanswered.is_empty());
                    if !owed && self.later.is_empty() {
                        self.be_quiet();
                        moved = true;
                    } else if self.now >= until {
                        self.phase = Phase::Lost(self.now);
                        moved = true;
                    }
                }
                Phase::Lost(since) => {
                    let asking = self.fence.as_ref();
                    let asking =
                        asking.is_some_and(|fence| fence.begun() >= since && !fence.is_over(self.now));
                    let owed = self.bots.values().any(|bot| !bot.unanswered.is_empty());
                    // Whoever has asked the server hears its answer before it goes.
                    if (!owed && !asking) || self.is_lost(since) {
                        if self.failed {
                            self.begin_closing();
                        } else {
                            self.be_quiet();
                        }
                        moved = true;
                    }
                }
                Phase::Quiet(until) => {
                    if self.now >= until {
                        self.begin_closing();
                        moved = true;
                    }
                }
                Phase::Closing(until) => {
                    if self.bots.values().all(|bot| bot.link == Link::Down) || self.now >= until {
                        self.end();
                    }
                }
                Phase::Over => return,
            }
            if !moved {
                return;
            }
        }
    }

    fn steps_done(&mut self) {
        let event = self.event(Dir::Steps, "");
        self.record(event);
        if self.failed {
            self.phase = Phase::Lost(self.now);
        } else {
            self.phase = Phase::Answers(self.now + self.scaled(DEFAULT_WITHIN));
        }
    }

    fn be_quiet(&mut self) {
        let quiet = self.setup.case.quiet.unwrap_or(self.setup.quiet);
        self.phase = Phase::Quiet(self.now + quiet);
    }

    /// Whether what was sent before this moment and has not come by now will never come. Finding out takes time: ask
    /// again.
    fn is_lost(&mut self, since: Duration) -> bool {
        let now = self.now;
        match &self.fence {
            Some(fence) if fence.begun() >= since => fence.is_over(now),
            Some(fence) if !fence.is_over(now) => false,
            _ => {
                let until = now + self.scaled(FENCE_WITHIN) + self.pace.allowance(now);
                self.fence = Some(Fence::new(now, until));
                self.ask_the_server();
                self.fence.as_ref().is_none_or(|fence| fence.is_over(now))
            }
        }
    }

    /// Has every bot ask the server, for the fence; where none can, there is nothing to wait for.
    fn ask_the_server(&mut self) {
        let up = self.bots.iter().filter(|(_, bot)| bot.link == Link::Up);
        let up: Vec<(String, String)> = up.map(|(who, bot)| (who.clone(), bot.jid.clone())).collect();
        for (who, jid) in up {
            let id = format!("fence-{}", self.n + 1);
            let domain = stanza::bare(&jid).rsplit('@').next().unwrap_or_default();
            let raw = compose::ping(domain, &id);
            if let Some(fence) = &mut self.fence {
                fence.asked(&who, id);
            }
            self.write(&who, raw, None);
        }
        self.advance_fence();
    }

    /// Whoever is gone is not waited for, and what it still owed an answer the server has answered by then.
    fn gone(&mut self, who: &str) {
        self.later.retain(|(_, owing, _)| owing != who);
        if let Some(fence) = &mut self.fence {
            fence.gone(who);
            self.advance_fence();
        }
    }

    fn advance_fence(&mut self) {
        if self.fence.as_mut().map(Fence::advance) == Some(Next::AskAgain) {
            self.ask_the_server();
        }
    }

    fn begin_closing(&mut self) {
        self.phase = Phase::Closing(self.now + CLOSE_WITHIN);
        let all: Vec<String> = self.bots.keys().cloned().collect();
        for who in all {
            self.disconnect(&who);
        }
    }

    fn end(&mut self) {
        let strays: Vec<(String, u64, String)> = self
            .bots
            .iter()
            .flat_map(|(who, bot)| {
                let strays = bot
                    .pool
                    .iter()
                    .filter(|arrival| !arrival.taken && arrival.counts());
                strays.map(|arrival| (who.clone(), arrival.n, arrival.brief()))
            })
            .collect();
        for (who, n, brief) in strays {
            let event = self.event(Dir::Note, &who);
            let note = Some(format!(
                "{brief} matched no step: the scenario does not wait for it"
            ));
            self.record(Event {
                note,
                events: vec![n],
                ..event
            });
        }
        for who in self.bots.keys().cloned().collect::<Vec<_>>() {
            if self.bots.get(&who).is_some_and(|bot| bot.link != Link::Down) {
                self.out.push_back(Output::Cut { who: who.clone() });
            }
        }
        let event = self.event(Dir::End, "");
        self.record(event);
        self.phase = Phase::Over;
    }

    /// The target's trouble or ours: the run ends without a verdict.
    fn trouble(&mut self, who: &str, why: String) {
        if matches!(self.phase, Phase::Closing(_) | Phase::Over) {
            return;
        }
        let event = self.event(Dir::Trouble, who);
        self.record(Event {
            note: Some(why),
            ..event
        });
        if let Some(bot) = self.bots.get_mut(who) {
            bot.link = Link::Down;
        }
        for bot in self.bots.values_mut().filter(|bot| bot.link == Link::Rising) {
            bot.link = Link::Down;
        }
        self.begin_closing();
    }

    fn play(&mut self, cursor: &mut Cursor) -> bool {
        let mut moved = false;
        while !self.failed && self.phase == Phase::Steps && cursor.next < cursor.steps.len() {
            let step = cursor.steps[cursor.next].clone();
            if !self.play_step(cursor, &step) {
                return moved;
            }
            moved = true;
        }
        moved
    }

    /// `true` if the cursor moved.
    fn play_step(&mut self, cursor: &mut Cursor, step: &Step) -> bool {
        match &mut cursor.state {
            At::Fresh => return self.begin(cursor, step),
            At::Until(at) => {
                if self.now < *at {
                    return false;
                }
                match &step.action {
                    Action::Send(send) => self.send(cursor, step, send),
                    Action::Connection(connection) => self.link(cursor, connection),
                    Action::Line(line) => self.line_deed(cursor, line),
                    _ => cursor.finish_step(),
                }
            }
            At::Expecting { wanted, deadline } => {
                let Action::Expect(expect) = &step.action else {
                    return false;
                };
                let deadline = *deadline;
                let (met, late) = (self.try_expect(expect, wanted), self.now >= deadline);
                match met {
                    Some(n) => {
                        self.met(step, wanted.words(&expect.who), n, expect.rule.as_deref());
                        cursor.finish_step();
                    }
                    None if expect.optional && (late || self.hopeless(expect, wanted)) => {
                        cursor.finish_step();
                    }
                    // A time that the scenario gives is meant; its default gives way to a slow server.
                    None if late && expect.within.is_none() && !self.is_lost(deadline) => return false,
                    None if late || self.hopeless(expect, wanted) => {
                        let seen = self.instead(expect, wanted);
                        let words = format!(
                            "{} within {} s",
                            wanted.words(&expect.who),
                            self.within(expect.within).as_secs_f64()
                        );
                        self.missed(
                            step,
                            &expect.who,
                            words,
                            seen,
                            (expect.rule.as_deref(), Vec::new()),
                        );
                    }
                    None => return false,
                }
            }
            At::Answer {
                id,
                by,
                rule,
                deadline,
            } => {
                let Action::Send(send) = &step.action else {
                    return false;
                };
                let (id, by, rule) = (id.clone(), by.clone(), rule.clone());
                let deadline = *deadline;
                let late = self.now >= deadline;
                let answer = self
                    .bots
                    .get(&send.who)
                    .and_then(|bot| bot.answers.get(&id))
                    .cloned();
                let ended = self.bots.get(&send.who).is_none_or(|bot| bot.link == Link::Down);
                let wanted = format!("{} is answered {}", send.who, answered_words(&by));
                match answer {
                    None if by == AnsweredBy::Nothing && late => cursor.finish_step(),
                    None if late
                        && !ended
                        && send
                            .answered
                            .as_ref()
                            .is_some_and(|answered| answered.within.is_none())
                        && !self.is_lost(deadline) =>
                    {
                        return false;
                    }
                    None if late || ended => {
                        let seen = "no answer came".to_owned();
                        let asked = self.asked(&send.who, &id);
                        self.missed(step, &send.who, wanted, seen, (rule.as_deref(), asked));
                    }
                    None => return false,
                    Some(answer) => {
                        let is_error = answer.iq_type() == Some(IqType::Error);
                        let condition = answer.error_condition().unwrap_or_default();
                        let fits = match &by {
                            AnsweredBy::Any => true,
                            AnsweredBy::Result => !is_error,
                            AnsweredBy::Error(wanted) => {
                                is_error && (wanted.is_empty() || wanted.iter().any(|w| w == condition))
                            }
                            AnsweredBy::Nothing => false,
                        };
                        if fits {
                            let n = self.pool_number(&send.who, &id);
                            self.met(step, wanted, n, rule.as_deref());
                            cursor.finish_step();
                        } else {
                            let seen = brief(&answer, None);
                            let asked = self.asked(&send.who, &id);
                            self.missed(step, &send.who, wanted, seen, (rule.as_deref(), asked));
                        }
                    }
                }
            }
            At::Silence { until, since } => {
                let Action::Silence { who, .. } = &step.action else {
                    return false;
                };
                let (until, since) = (*until, *since);
                let heard = who.iter().find_map(|who| {
                    let bot = self.bots.get(who)?;
                    if bot.raw {
                        let sight = bot.sights.iter().find(|s| s.n > since && !s.taken)?;
                        return Some((who.clone(), sight.n, line::words(sight)));
                    }
                    let pool = &bot.pool;
                    let arrival = pool
                        .iter()
                        .find(|a| a.n > since && !a.taken && a.counts() && !self.is_anothers(a))?;
                    Some((who.clone(), arrival.n, arrival.brief()))
                });
                if let Some((who, n, brief)) = heard {
                    let seen = format!("{who} heard {brief} (event {n})");
                    self.missed(
                        step,
                        &who.clone(),
                        format!("{who} hears nothing"),
                        seen,
                        (None, vec![n]),
                    );
                } else if self.now >= until {
                    cursor.finish_step();
                } else {
                    return false;
                }
            }
            At::Children(children) => {
                let mut moved = false;
                for child in children.iter_mut() {
                    moved |= self.play(child);
                }
                if !children.iter().all(Cursor::done) {
                    return moved;
                }
                cursor.finish_step();
            }
            At::Linking { deadline } => {
                let Action::Connection(connection) = &step.action else {
                    return false;
                };
                let rising = matches!(connection.verb, Verb::Connect | Verb::Reconnect);
                let link = self.bots.get(&connection.who).map(|bot| bot.link);
                if link == Some(if rising { Link::Up } else { Link::Down }) {
                    cursor.finish_step();
                } else if self.now >= *deadline {
                    if rising {
                        self.trouble(&connection.who, "the connection was not made in time".into());
                    } else {
                        self.cut(&connection.who);
                    }
                } else {
                    return false;
                }
            }
        }
        true
    }

    /// A chat message from a session of one of these users that is not in this cast, such as another scenario's that
    /// plays beside this one: what comes too late for the device it was for goes to whichever device is there
    /// (RFC 6121 §8.5.3.2.1).
    fn is_anothers(&self, arrival: &Arrival) -> bool {
        let from = arrival.stanza.from().map(stanza::fold).unwrap_or_default();
        let mut cast = self.bots.values().map(|bot| stanza::fold(&bot.jid));
        arrival.stanza.is_message()
            && arrival.stanza.calls().next().is_none()
            && stanza::resource(&from).is_some()
            && cast.clone().any(|jid| stanza::bare(&jid) == stanza::bare(&from))
            && cast.all(|jid| jid != from)
    }

    fn begin(&mut self, cursor: &mut Cursor, step: &Step) -> bool {
        match &step.action {
            Action::Send(send) => cursor.state = At::Until(self.now + send.after),
            Action::Connection(connection) => cursor.state = At::Until(self.now + connection.after),
            Action::Line(line) => cursor.state = At::Until(self.now + line.after),
            Action::Wait(length) => cursor.state = At::Until(self.now + *length),
            Action::Silence { length, .. } => {
                cursor.state = At::Silence {
                    until: self.now + *length,
                    since: self.n,
                };
            }
            Action::Expect(expect) => {
                let wanted = Box::new(self.wanted(expect));
                cursor.state = At::Expecting {
                    wanted,
                    deadline: self.now + self.within(expect.within),
                };
            }
            Action::Together(branches) => {
                cursor.state = At::Children(branches.iter().cloned().map(Cursor::new).collect());
            }
            Action::AnyOrder(steps) => {
                let one = |step: &Step| Cursor::new(vec![step.clone()]);
                cursor.state = At::Children(steps.iter().map(one).collect());
            }
            Action::Answers { who, policy } => {
                if let Some(bot) = self.bots.get_mut(who) {
                    bot.policy = policy.clone();
                }
                self.announce_answers(who, policy);
                cursor.finish_step();
            }
            // Resolved when the script was made.
            Action::When { .. } | Action::KeepAlive => cursor.finish_step(),
        }
        true
    }

    fn link(&mut self, cursor: &mut Cursor, connection: &Connection) {
        let who = connection.who.as_str();
        match connection.verb {
            Verb::Connect => self.connect(who),
            Verb::Disconnect => self.disconnect(who),
            Verb::Cut => self.cut(who),
            Verb::Reconnect => {
                self.cut(who);
                self.connect(who);
            }
        }
        cursor.state = At::Linking {
            deadline: self.now + LINK_WITHIN,
        };
    }

    // -- sending -------------------------------------------------------------------------------------------

    fn send(&mut self, cursor: &mut Cursor, step: &Step, send: &Send) {
        if self.bots.get(&send.who).is_none_or(|bot| bot.link != Link::Up) {
            if self.answers_for_its_end(cursor, &send.who) {
                let event = self.event(Dir::Note, &send.who);
                let note = Some("nothing can be sent: the target has ended the line".to_owned());
                self.record(Event { note, ..event });
                cursor.finish_step();
                return;
            }
            self.trouble(
                &send.who,
                format!("{} is not connected and cannot send ({})", send.who, step.place),
            );
            return;
        }
        if !send.breaks.is_empty() {
            let event = self.event(Dir::Breaks, &send.who);
            self.record(Event {
                rules: send.breaks.clone(),
                ..event
            });
        }
        if self.bots.get(&send.who).is_some_and(|bot| bot.raw) {
            self.line_send(&send.who, &send.what);
            cursor.finish_step();
            return;
        }
        let raw = match &send.what {
            What::Signal { .. } => self.signal(send),
            What::Chat { to, body } => {
                let to = self.address(&send.who, "main", to.as_deref());
                let (id, body) = (fresh_uuid(&mut self.rng), self.text(body));
                compose::chat(&to, &id, &body)
            }
            What::Stanza { xml } => self.text(xml),
            // Only a raw line can send them, and this is none: lint has said so.
            What::Opening { .. } | What::Closing | What::Frame { .. } => String::new(),
        };
        let stanza = Stanza::parse(raw.as_str()).ok();
        let asks = |s: &Stanza| matches!(s.iq_type(), Some(IqType::Set | IqType::Get));
        let id = stanza
            .as_ref()
            .filter(|s| asks(s))
            .and_then(|s| s.id())
            .map(str::to_owned);
        if let (Some(id), Some(bot)) = (&id, self.bots.get_mut(&send.who)) {
            bot.unanswered.insert(id.clone());
            bot.answers.remove(id);
        }
        self.write(&send.who, raw, Some(step));
        if let (Some(id), Some(bot)) = (&id, self.bots.get_mut(&send.who)) {
            bot.asked.insert(id.clone(), self.n);
        }
        match (&send.answered, id) {
            (Some(Answered { by, within, rule }), Some(id)) => {
                let deadline = self.now + self.within(*within);
                cursor.state = At::Answer {
                    id,
                    by: by.clone(),
                    rule: rule.clone(),
                    deadline,
                };
            }
            _ => cursor.finish_step(),
        }
    }

    fn signal(&mut self, send: &Send) -> String {
        let What::Signal {
            kind,
            call,
            to,
            with,
            without,
            envelope,
            id,
        } = &send.what
        else {
            return String::new();
        };
        let to_jid = self.address(&send.who, call, to.as_deref());
        if *kind == crate::protocol::Kind::Initiate {
            let own = self.bots.get(&send.who).map(|bot| bot.jid.clone());
            let callee = self.actor_at(&to_jid);
            if let Some(call) = self.calls.get_mut(call) {
                call.caller = send.who.clone();
                call.caller_jid = own;
                call.callee_jid = Some(to_jid.clone());
                call.callee = callee.unwrap_or_else(|| call.callee.clone());
            }
        }
        let candidate = self.bots.get_mut(&send.who).map_or(0, |bot| {
            bot.candidates += u32::from(*kind == crate::protocol::Kind::IceCandidate);
            bot.candidates
        });
        let user = self
            .bots
            .get(&send.who)
            .map(|bot| bot.user.clone())
            .unwrap_or_default();
        let sender = self
            .setup
            .accounts
            .get(&user)
            .map(|a| a.id.clone())
            .unwrap_or_default();
        let recipient = self.id_of(&to_jid);
        let timestamp = self.timestamp();
        let call_id = self
            .calls
            .get(call)
            .map(|call| call.id.clone())
            .unwrap_or_default();
        let ids = compose::Ids {
            call: &call_id,
            sender: &sender,
            recipient: &recipient,
            timestamp: &timestamp,
            name: &user,
            role: if self.calls.get(call).is_none_or(|call| call.caller == send.who) {
                crate::protocol::Role::Caller
            } else {
                crate::protocol::Role::Callee
            },
        };
        let mut members = compose::signal(*kind, &ids, candidate);
        for (name, value) in envelope {
            let value = self.value(value);
            members.insert(name.clone(), value);
        }
        let with: Vec<_> = with
            .iter()
            .map(|(name, value)| (name.clone(), self.value(value)))
            .collect();
        if let Some(serde_json::Value::Object(payload)) = members.get_mut("payload") {
            payload.extend(with);
            for name in without {
                payload.remove(name);
            }
        }
        let id = match id {
            Some(id) => self.text(id),
            None => fresh_uuid(&mut self.rng),
        };
        compose::call_iq(&to_jid, &id, &serde_json::Value::Object(members).to_string())
    }

    fn actor_at(&self, jid: &str) -> Option<String> {
        let exact = self.bots.iter().find(|(_, bot)| bot.jid == jid);
        let same_user = || {
            self.bots
                .iter()
                .find(|(_, bot)| stanza::bare(&bot.jid) == stanza::bare(jid))
        };
        exact.or_else(same_user).map(|(who, _)| who.clone())
    }

    fn id_of(&self, jid: &str) -> String {
        let bare = stanza::bare(jid);
        let known = self.setup.accounts.values().find(|account| account.jid == bare);
        let derived = || Uuid::new_v5(&Uuid::NAMESPACE_URL, format!("xmpp:{bare}").as_bytes()).to_string();
        known.map_or_else(derived, |account| account.id.clone())
    }

    /// An actor's name or a JID text; without either the other party of the call.
    fn address(&mut self, who: &str, label: &str, to: Option<&str>) -> String {
        if let Some(to) = to {
            return match self.bots.get(to) {
                Some(bot) => bot.jid.clone(),
                None => self.text(to),
            };
        }
        let jid_of = |who: &str| self.bots.get(who).map(|bot| bot.jid.clone());
        let call = self.calls.get(label);
        let known = match call {
            Some(call) if call.caller == who => call.callee_jid.clone().or_else(|| jid_of(&call.callee)),
            Some(call) => call.caller_jid.clone().or_else(|| jid_of(&call.caller)),
            None => None,
        };
        let other = if who == "caller" { "callee" } else { "caller" };
        known.or_else(|| jid_of(other)).unwrap_or_default()
    }

    fn write(&mut self, who: &str, raw: String, step: Option<&Step>) {
        let now = self.setup.started + self.now;
        let Some(faulty) = self.faulty.as_mut().filter(|faulty| faulty.who() == who) else {
            self.put(who, raw, step);
            return;
        };
        for (after, raw) in faulty.sends(&raw, now) {
            self.put_after(after, who, raw, step);
        }
    }

    fn put_after(&mut self, after: Duration, who: &str, raw: String, step: Option<&Step>) {
        if after.is_zero() {
            self.put(who, raw, step);
        } else {
            self.belated.push((self.now + after, who.to_owned(), raw));
        }
    }

    fn put(&mut self, who: &str, raw: String, step: Option<&Step>) {
        if self.bots.get(who).is_none_or(|bot| bot.link != Link::Up) {
            return;
        }
        let signal = Stanza::parse(raw.as_str())
            .ok()
            .and_then(|stanza| stanza.call_text())
            .and_then(|text| serde_json::from_str(&text).ok());
        self.pace.said(who, self.now, raw.len());
        let event = self.event(Dir::Sent, who);
        let step = step.map(|step| step.place.to_string());
        self.record(Event {
            xml: Some(raw.clone()),
            signal,
            step,
            ..event
        });
        self.out.push_back(Output::Send { who: who.into(), raw });
    }

    // -- expectations --------------------------------------------------------------------------------------

    fn wanted(&mut self, expect: &Expect) -> Wanted {
        let call = match &expect.pattern {
            Pattern::Signal { call, .. } => self.calls.get(call).map(|call| call.id.clone()),
            _ => None,
        };
        let pattern = match &expect.pattern {
            Pattern::Chat { body: Some(body) } => Pattern::Chat {
                body: Some(self.text(body)),
            },
            other => other.clone(),
        };
        let from = expect.from.as_ref().map(|from| match self.bots.get(from) {
            Some(bot) => bot.jid.clone(),
            None => self.text(from),
        });
        let equals = expect
            .equals
            .iter()
            .map(|(at, v)| (at.clone(), self.value(v)))
            .collect();
        // Lint has compiled each expression once; one that a runtime name breaks matches nothing.
        let never = || regex::Regex::new("$.^");
        let compile = |text: String| regex::Regex::new(&text).or_else(|_| never());
        let texts: Vec<_> = expect
            .matches
            .iter()
            .map(|(at, text)| (at.clone(), self.text(text)))
            .collect();
        let matches = texts
            .into_iter()
            .filter_map(|(at, text)| compile(text).ok().map(|regex| (at, regex)))
            .collect();
        Wanted {
            pattern,
            call,
            from,
            equals,
            matches,
            absent: expect.absent.clone(),
        }
    }

    fn fits(&self, pattern: &Pattern, arrival: &Arrival) -> bool {
        let call = match pattern {
            Pattern::Signal { call, .. } => self.calls.get(call).map(|call| call.id.clone()),
            _ => None,
        };
        let wanted = Wanted {
            pattern: pattern.clone(),
            call,
            from: None,
            equals: Vec::new(),
            matches: Vec::new(),
            absent: Vec::new(),
        };
        wanted.compare(arrival).is_some()
    }

    fn try_expect(&mut self, expect: &Expect, wanted: &Wanted) -> Option<u64> {
        if is_line_pattern(&wanted.pattern) {
            return self.try_sight(&expect.who, &wanted.pattern);
        }
        let bot = self.bots.get_mut(&expect.who)?;
        if wanted.pattern == Pattern::Close {
            return bot.ended.then_some(self.n);
        }
        let mut open = bot.pool.iter_mut().filter(|arrival| !arrival.taken);
        let found = if expect.next {
            let first = open.find(|arrival| arrival.counts())?;
            (wanted.compare(first) == Some(Vec::new())).then_some(first)
        } else {
            open.find(|arrival| wanted.compare(arrival) == Some(Vec::new()))
        }?;
        found.taken = true;
        let (n, signal) = (found.n, found.signal.clone());
        for (name, pointer) in &expect.captures {
            if let Some(value) = signal.as_ref().and_then(|signal| signal.pointer(pointer)) {
                self.names.set(name.clone(), value.clone());
            }
        }
        Some(n)
    }

    /// Whether waiting on is pointless: the stream is over, or `next` was met by something else.
    fn hopeless(&self, expect: &Expect, wanted: &Wanted) -> bool {
        let Some(bot) = self.bots.get(&expect.who) else {
            return true;
        };
        if wanted.pattern == Pattern::Close {
            return false;
        }
        if is_line_pattern(&wanted.pattern) {
            return Script::sight_is_hopeless(bot, &wanted.pattern);
        }
        let other_came = || bot.pool.iter().any(|arrival| !arrival.taken && arrival.counts());
        (bot.link == Link::Down && bot.inbox.is_empty()) || (expect.next && other_came())
    }

    fn instead(&self, expect: &Expect, wanted: &Wanted) -> String {
        let Some(bot) = self.bots.get(&expect.who) else {
            return "nothing".into();
        };
        if bot.raw {
            return Script::sights(bot);
        }
        let near: Vec<String> = bot
            .pool
            .iter()
            .filter(|arrival| !arrival.taken)
            .filter_map(|arrival| {
                let differences = wanted.compare(arrival)?;
                Some(format!(
                    "{} (event {}): {}",
                    arrival.brief(),
                    arrival.n,
                    differences.join("; ")
                ))
            })
            .collect();
        if !near.is_empty() {
            return near.join(" · ");
        }
        let others: Vec<String> = bot
            .pool
            .iter()
            .filter(|arrival| !arrival.taken && arrival.counts())
            .map(|arrival| format!("{} (event {})", arrival.brief(), arrival.n))
            .collect();
        if others.is_empty() {
            "nothing came".into()
        } else {
            format!("only {}", others.join(", "))
        }
    }

    fn pool_number(&mut self, who: &str, id: &str) -> u64 {
        let Some(bot) = self.bots.get_mut(who) else {
            return 0;
        };
        let mut answers = bot.pool.iter_mut();
        answers
            .find(|a| a.stanza.id() == Some(id) && !a.taken)
            .map_or(0, |arrival| {
                arrival.taken = true;
                arrival.n
            })
    }

    fn met(&mut self, step: &Step, wanted: String, n: u64, rule: Option<&str>) {
        let event = self.event(Dir::Met, "");
        let step = Some(step.place.to_string());
        self.record(Event {
            step,
            wanted: Some(wanted),
            rules: rule.map(str::to_owned).into_iter().collect(),
            events: vec![n],
            ..event
        });
    }

    /// The event of a request of ours.
    fn asked(&self, who: &str, id: &str) -> Vec<u64> {
        let asked = self.bots.get(who).and_then(|bot| bot.asked.get(id));
        asked.copied().into_iter().collect()
    }

    /// `about`: the rule that the step names, and the events that it is about.
    fn missed(
        &mut self,
        step: &Step,
        who: &str,
        wanted: String,
        seen: String,
        (rule, events): (Option<&str>, Vec<u64>),
    ) {
        let event = self.event(Dir::Missed, who);
        let rules = rule.map(str::to_owned).into_iter().collect();
        let step = Some(step.place.to_string());
        self.record(Event {
            step,
            wanted: Some(wanted),
            seen: Some(seen),
            rules,
            events,
            ..event
        });
        self.failed = true;
    }

    // -- small things --------------------------------------------------------------------------------------

    fn within(&self, within: Option<Duration>) -> Duration {
        self.scaled(within.unwrap_or(DEFAULT_WITHIN)) + self.pace.allowance(self.now)
    }

    fn scaled(&self, length: Duration) -> Duration {
        length.mul_f64(self.setup.time_scale)
    }

    fn timestamp(&self) -> String {
        let at = self.setup.started + self.now;
        at.replace_nanosecond(at.millisecond() as u32 * 1_000_000)
            .unwrap_or(at)
            .format(&Rfc3339)
            .unwrap_or_default()
    }

    fn text(&mut self, text: &str) -> String {
        let now = self.timestamp();
        let (rng, limit) = (&mut self.rng, self.setup.profile.stanza_limit);
        self.names.text(text, &mut |name| fresh(name, &now, limit, rng))
    }

    fn value(&mut self, value: &serde_json::Value) -> serde_json::Value {
        let now = self.timestamp();
        let (rng, limit) = (&mut self.rng, self.setup.profile.stanza_limit);
        self.names.value(value, &mut |name| fresh(name, &now, limit, rng))
    }

    fn event(&mut self, dir: Dir, who: &str) -> Event {
        self.n += 1;
        let time = (self.setup.started + self.now)
            .format(&Rfc3339)
            .unwrap_or_default();
        Event {
            n: self.n,
            t: self.now.as_secs_f64(),
            time,
            who: who.into(),
            jid: self.bots.get(who).map(|bot| bot.jid.clone()),
            dir,
            xml: None,
            signal: None,
            note: None,
            arrived: None,
            step: None,
            rules: Vec::new(),
            events: Vec::new(),
            wanted: None,
            seen: None,
            seconds: None,
            wire: None,
            secrets: Vec::new(),
        }
    }

    fn record(&mut self, event: Event) {
        self.out.push_back(Output::Event(Box::new(event)));
    }
}

fn fresh(name: &str, now: &str, limit: Option<u64>, rng: &mut ChaCha8Rng) -> Option<String> {
    match name {
        "now" => Some(now.to_owned()),
        "uuid" => Some(fresh_uuid(rng)),
        // A little past it, so that the stanza around it makes no difference; well below twice as much.
        "past-limit" => {
            let limit = usize::try_from(limit.unwrap_or(USUAL_LIMIT))
                .unwrap_or(MOST)
                .clamp(10_000, MOST);
            Some("x".repeat(limit + limit / 8))
        }
        name => bulk(name),
    }
}

/// Much of the same: `{padding-9000}` is so many letters, `{lists-500}` JSON lists and `{elements-500}` XML elements in
/// each other.
fn bulk(name: &str) -> Option<String> {
    let (word, number) = name.split_once('-')?;
    let number = number.parse::<usize>().ok().filter(|number| *number <= MOST)?;
    let around = |open: &str, close: &str| open.repeat(number) + &close.repeat(number);
    match word {
        "padding" => Some("x".repeat(number)),
        "lists" => Some(around("[", "]")),
        "elements" => Some(around("<a>", "</a>")),
        _ => None,
    }
}

fn fresh_uuid(rng: &mut ChaCha8Rng) -> String {
    let mut bytes = [0; 16];
    rng.fill_bytes(&mut bytes);
    uuid::Builder::from_random_bytes(bytes).into_uuid().to_string()
}

fn answered_words(by: &AnsweredBy) -> String {
    match by {
        AnsweredBy::Result => "with a result".into(),
        AnsweredBy::Error(conditions) if conditions.is_empty() => "with an error".into(),
        AnsweredBy::Error(conditions) => format!("with an error {}", conditions.join(" or ")),
        AnsweredBy::Any => "with a result or an error".into(),
        AnsweredBy::Nothing => "not at all".into(),
    }
}

/// Keeps the steps that are meant for this class of target, and fills in what its profile says.
fn for_profile(steps: Vec<Step>, profile: &Profile) -> Vec<Step> {
    let mut kept = Vec::with_capacity(steps.len());
    for step in steps {
        let place = step.place;
        match step.action {
            Action::When { class: wanted, steps } => {
                if wanted == profile.class {
                    kept.extend(for_profile(steps, profile));
                }
            }
            Action::Together(branches) => {
                let branches = branches
                    .into_iter()
                    .map(|steps| for_profile(steps, profile))
                    .collect();
                kept.push(Step {
                    place,
                    action: Action::Together(branches),
                });
            }
            Action::AnyOrder(steps) => {
                kept.push(Step {
                    place,
                    action: Action::AnyOrder(for_profile(steps, profile)),
                });
            }
            Action::KeepAlive => {
                let length = Duration::from_secs_f64(profile.keep_alive.unwrap_or(60.0).clamp(0.0, 86_400.0));
                kept.push(Step {
                    place,
                    action: Action::Wait(length),
                });
            }
            action => kept.push(Step { place, action }),
        }
    }
    kept
}

fn collect_labels(steps: &[Step], labels: &mut BTreeSet<String>) {
    for step in steps {
        match &step.action {
            Action::Send(Send {
                what: What::Signal { call, .. },
                ..
            }) => {
                labels.insert(call.clone());
            }
            Action::Expect(Expect {
                pattern: Pattern::Signal { call, .. },
                ..
            }) => {
                labels.insert(call.clone());
            }
            Action::Together(branches) => branches.iter().for_each(|steps| collect_labels(steps, labels)),
            Action::AnyOrder(steps) | Action::When { steps, .. } => collect_labels(steps, labels),
            _ => {}
        }
    }
}
