//! The script of one case, sans-IO: stanzas and time in; stanzas, connections and transcript events out.

mod arrivals;
mod expecting;
mod fresh;
mod io;
mod line;
mod links;
mod lost;
mod phases;
mod resolve;
mod sending;
mod steps;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

use rand::{Rng, SeedableRng, rngs::ChaCha8Rng};
use time::format_description::well_known::Rfc3339;

use super::cursor::Cursor;
use super::fault::{ClientFault, Faulty};
use super::fence::Fence;
use super::matching::Arrival;
use super::names::Names;
use super::pace::Pace;
use crate::scenario::{Answer, Expect};
use crate::stanza::{Message, Stanza};
use crate::transcript::{Dir, Event};
use crate::xmpp::Said;

use fresh::fresh_uuid;
pub use io::{Account, Input, NoSession, Output, Setup};
pub use line::LineOrder;
use line::Sight;
use resolve::{collect_labels, for_profile};

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
    /// Nothing was said on a raw line but what every client says.
    tame: bool,
    /// What came on a raw line.
    sights: Vec<Sight>,
    /// What has come so far of a message there.
    message: Message,
    /// The ids of our requests without an answer.
    unanswered: BTreeSet<String>,
    /// The event of each of our requests, by its id.
    asked: BTreeMap<String, u64>,
    /// Answers that came, by id.
    answers: BTreeMap<String, Stanza>,
    /// When something came last.
    heard: Option<Duration>,
    /// The stream ended by the other side's will.
    ended: bool,
    /// The stream error that came on it.
    error: Option<Said>,
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
    /// When nothing moved here, or in the whole target: from and to, in seconds.
    stalls: VecDeque<(f64, f64)>,
    pace: Pace,
}

const DEFAULT_WITHIN: Duration = Duration::from_secs(5);
/// Longer than any login is let take by the transport: a second line of defence.
const LINK_WITHIN: Duration = Duration::from_secs(90);
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
                message: Message::default(),
                unanswered: BTreeSet::new(),
                asked: BTreeMap::new(),
                answers: BTreeMap::new(),
                tame: true,
                heard: None,
                ended: false,
                error: None,
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
                names.set("CALL", id.to_uppercase());
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
            stalls: VecDeque::new(),
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
        let fence = fence.map(Fence::due);
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
        self.ask_once_more();
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
            Input::Interrupted => self.trouble("", "interrupted".to_owned()),
            Input::Pong { who } => {
                if let Some(bot) = self.bots.get_mut(&who) {
                    bot.heard = Some(self.now);
                }
            }
            Input::Element { ref who, .. }
            | Input::Broken { ref who, .. }
            | Input::Wire { ref who, .. }
            | Input::Ended { ref who, .. } => {
                let who = who.clone();
                if let Some(bot) = self.bots.get_mut(&who)
                    && bot.link != Link::Down
                {
                    bot.heard = Some(self.now);
                    bot.inbox.push_back(input);
                }
            }
        }
        self.advance();
    }

    /// Delays around here are not put down to the server's treatment of what the bots say.
    fn slow(&mut self, length: Duration, note: Option<&str>) {
        self.stood_still(length);
        let event = self.event(Dir::Stalled, "");
        self.record(Event {
            seconds: Some(length.as_secs_f64()),
            note: note.map(str::to_owned),
            ..event
        });
    }

    fn within(&self, within: Option<Duration>) -> Duration {
        self.scaled(within.unwrap_or(DEFAULT_WITHIN)) + self.pace.allowance(self.now)
    }

    fn scaled(&self, length: Duration) -> Duration {
        length.mul_f64(self.setup.time_scale)
    }

    fn event(&mut self, dir: Dir, who: &str) -> Event {
        self.n += 1;
        let time = (self.setup.started + self.now)
            .format(&Rfc3339)
            .unwrap_or_default();
        Event {
            n: self.n,
            time,
            who: who.into(),
            jid: self.bots.get(who).map(|bot| bot.jid.clone()),
            ..Event::at(self.now.as_secs_f64(), dir)
        }
    }

    fn record(&mut self, event: Event) {
        self.out.push_back(Output::Event(Box::new(event)));
    }
}
