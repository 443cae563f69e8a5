//! Plays each case and reads what the judge and the script have to say about it.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use time::macros::datetime;

use super::world::{Order, World};
use crate::bot::{Account, Output, Script, Setup};
use crate::profile::{Class, Profile};
use crate::protocol::Kind;
use crate::rules::{Blame, Finding, Judge};
use crate::scenario::{Action, Case, Error, Expect, Pattern, Place, Scenario, Send, Step, What};
use crate::transcript::{Dir, Event, FORMAT, Header, Member, Party, ScenarioInfo};

/// So much is told at once of one scenario.
const TOLD: usize = 10;

/// An announced breach: the step and the rule.
type Announced = (Place, String);

#[derive(Default)]
struct Report {
    errors: Vec<Error>,
    /// What is announced, and where it is told if it never happens.
    announced: BTreeMap<Announced, Error>,
    broken: BTreeSet<Announced>,
    /// What is announced and can be read in two ways, so that it is no breach.
    doubtful: BTreeSet<Announced>,
    /// Breaches of the case at hand that nobody announced, by step and rule: in how many orders, the sentence, and
    /// what would be right.
    breaches: BTreeMap<(usize, &'static str), (usize, String, String)>,
}

impl Report {
    fn tell(&mut self, error: Error) {
        if !self.errors.contains(&error) {
            self.errors.push(error);
        }
    }
}

pub(super) fn check(scenario: &Scenario) -> Vec<Error> {
    let mut report = Report::default();
    for (number, case) in scenario.cases().iter().enumerate() {
        let before = report.errors.len();
        let all = [Class::Relay, Class::Enforcing].into_iter();
        let classes = all.filter(|class| case.classes.is_empty() || case.classes.contains(class));
        for (at, class) in classes.enumerate() {
            // What depends on the order shows itself before one of them; the same mistake is told once.
            let orders = if at == 0 { orders(case) } else { vec![Order::Sent] };
            if report.errors.len() == before {
                play(scenario, number, case, class, &orders, &mut report);
            }
        }
        if report.errors.len() >= TOLD {
            break;
        }
    }
    if report.errors.is_empty() {
        for (which, error) in std::mem::take(&mut report.announced) {
            if report.broken.contains(&which) {
                continue;
            }
            let mut error = error;
            error.message = match report.doubtful.contains(&which) {
                true => format!(
                    "{} is announced, and it can be read either way here: it is no breach",
                    which.1
                ),
                false => format!("{} is announced, and nothing breaks it here", which.1),
            };
            report.errors.push(error);
        }
    }
    report.errors
}

/// What bots break without saying so where everything arrives as it was sent.
pub(super) fn unannounced(scenario: &Scenario) -> Vec<(Place, &'static str)> {
    let mut found = Vec::new();
    for (number, case) in scenario.cases().iter().enumerate() {
        let all = [Class::Relay, Class::Enforcing].into_iter();
        for class in all.filter(|class| case.classes.is_empty() || case.classes.contains(class)) {
            let mut report = Report::default();
            let mut play = Play::new(scenario, number, case, class, Order::Sent);
            play.run(&mut report);
            let told = report.breaches.keys().filter_map(|(step, rule)| {
                let place = play.steps.get(*step)?.place.clone();
                Some((place, *rule))
            });
            found.extend(told);
        }
    }
    found
}

/// As they were sent; and, to see what a party may have done without having seen, each of them last.
fn orders(case: &Case) -> Vec<Order> {
    let names = || case.cast.iter().map(|actor| actor.name.clone());
    let mut orders = vec![Order::Sent];
    orders.extend(names().map(Order::LastTo));
    // Between two, the last from the one is the last to the other.
    if case.cast.len() > 2 {
        orders.extend(names().map(Order::LastFrom));
    }
    orders
}

fn play(
    scenario: &Scenario,
    number: usize,
    case: &Case,
    class: Class,
    orders: &[Order],
    report: &mut Report,
) {
    let mut shown = None;
    for order in orders {
        let mut play = Play::new(scenario, number, case, class, order.clone());
        let missed = play.run(report);
        // What is late in one order only is for a run to find out.
        if let (Some(event), Order::Sent) = (missed, order) {
            play.missed(&event, report);
        }
        shown.get_or_insert(play);
    }
    let Some(play) = shown else { return };
    for ((step, rule), (count, message, wanted)) in std::mem::take(&mut report.breaches) {
        let Some(told) = play.steps.get(step).copied() else {
            continue;
        };
        let (when, hint) = match count == orders.len() {
            true => ("", format!("; a breach on purpose says breaks: [{rule}]")),
            false => (
                " in one order of events",
                "; let it receive first what it depends on".to_owned(),
            ),
        };
        let message = format!("{rule}{when}: {message}");
        report.tell(play.error(step, told, message, Some(format!("right: {wanted}{hint}"))));
    }
}

struct Play<'a> {
    scenario: &'a Scenario,
    number: usize,
    case: &'a Case,
    class: Class,
    order: Order,
    /// Who speaks below a session: what comes of that, only a run can tell.
    raw: Vec<String>,
    /// The steps that do something, in the file's order.
    steps: Vec<&'a Step>,
    /// The step that each sent event was sent by.
    sent: BTreeMap<u64, usize>,
}

impl<'a> Play<'a> {
    fn new(scenario: &'a Scenario, number: usize, case: &'a Case, class: Class, order: Order) -> Play<'a> {
        let mut steps = Vec::new();
        flatten(&case.steps, &mut steps);
        let raw = case.cast.iter().filter(|actor| actor.raw);
        Play {
            scenario,
            number,
            case,
            class,
            order,
            raw: raw.map(|actor| actor.name.clone()).collect(),
            steps,
            sent: BTreeMap::new(),
        }
    }

    /// Plays it to its end; the answer is the expectation that was missed, if one was.
    fn run(&mut self, report: &mut Report) -> Option<Event> {
        let users: BTreeMap<String, String> = self
            .case
            .cast
            .iter()
            .map(|actor| {
                (
                    actor.user.clone(),
                    format!("{}@localhost", actor.user.to_lowercase()),
                )
            })
            .collect();
        let mut case = self.case.clone();
        let mut number = 0;
        case.steps = numbered(std::mem::take(&mut case.steps), &mut number, &self.raw);
        let account = |jid: &String| Account {
            jid: jid.clone(),
            id: crate::target::derived_id(jid).to_string(),
        };
        let mut script = Script::new(Setup {
            case,
            accounts: users
                .iter()
                .map(|(user, jid)| (user.clone(), account(jid)))
                .collect(),
            profile: Profile::named(self.class.name()).unwrap_or_default(),
            seed: 0,
            time_scale: 1.0,
            started: datetime!(2026-01-01 00:00 UTC),
            quiet: Duration::from_millis(1),
        });
        let mut judge = Judge::new(&self.header(&script)).trusting();
        let mut world = World::new(self.class, self.order.clone(), self.rings(), users);
        let mut now = Duration::ZERO;
        let mut sending = None;
        let mut missed = None;
        loop {
            while let Some(output) = script.poll_output() {
                if let Output::Event(event) = output {
                    judge.event(&event);
                    match event.dir {
                        Dir::Sent => {
                            sending = event.step.as_deref().and_then(step_number);
                            if let Some(step) = sending {
                                self.sent.insert(event.n, step);
                                self.learn_call(&mut world, step, &event);
                            }
                        }
                        Dir::Missed | Dir::Trouble => missed = missed.or(Some(*event)),
                        _ => {}
                    }
                } else {
                    let step = sending.take().and_then(|step| self.steps.get(step).copied());
                    world.take(output, step);
                }
            }
            if script.is_over() {
                break;
            }
            if let Some(input) = world.next() {
                script.handle(now, input);
                continue;
            }
            // Nothing is under way: the server may have something to say, or time passes.
            let waited: Option<Expect> = script
                .waits_for()
                .into_iter()
                .find(|expect| world.end_a_call(expect));
            if waited.is_some() {
                continue;
            }
            match script.deadline() {
                Some(at) => {
                    now = now.max(at);
                    script.handle_time(now);
                }
                None => break,
            }
        }
        let verdict = judge.finish();
        for finding in &verdict.findings {
            self.finding(finding, report);
        }
        self.announce(report);
        missed
    }

    /// Whether the scenario counts on a server that rings every device of a bare JID.
    fn rings(&self) -> bool {
        let rung = self.steps.iter().filter_map(|step| match &step.action {
            Action::Send(Send {
                what: What::Signal {
                    call, to: Some(to), ..
                },
                ..
            }) if to.ends_with(".bare}") => Some(call),
            _ => None,
        });
        let rung: BTreeSet<&String> = rung.collect();
        let waits = |step: &&Step| match &step.action {
            Action::Expect(Expect {
                pattern: Pattern::Signal { kind, call },
                ..
            }) => *kind == Kind::Initiate && rung.contains(call),
            _ => false,
        };
        self.steps.iter().any(waits)
    }

    fn header(&self, script: &Script) -> Header {
        let cast = script.cast().into_iter().map(|(who, (jid, id))| {
            let party = Party::Bot;
            (who, Member { jid, id, party })
        });
        Header {
            callspec: FORMAT,
            version: String::new(),
            scenario: ScenarioInfo {
                name: self.case.name.clone(),
                ..ScenarioInfo::default()
            },
            target: "lint".into(),
            profile: Profile::named(self.class.name()).unwrap_or_default(),
            witness: Default::default(),
            cast: cast.collect(),
            seed: 0,
            time_scale: 1.0,
            clock_skew: 60.0,
            started: "2026-01-01T00:00:00Z".into(),
        }
    }

    fn learn_call(&self, world: &mut World, step: usize, event: &Event) {
        let id = event
            .signal
            .as_ref()
            .and_then(|signal| signal.get("callId")?.as_str());
        if let (Some(id), Some(Action::Send(send))) = (id, self.steps.get(step).map(|step| &step.action))
            && let What::Signal { call, .. } = &send.what
        {
            world.calls.insert(id.to_owned(), call.clone());
        }
    }

    // -- what was found ------------------------------------------------------------------------------------

    fn finding(&self, finding: &Finding, report: &mut Report) {
        let sent = finding.events.iter().rev().find_map(|n| self.sent.get(n));
        let Some((number, step)) = sent.and_then(|number| Some((*number, *self.steps.get(*number)?))) else {
            return;
        };
        let which = (self.place(number, step), finding.rule.id.to_owned());
        match finding.blame {
            Blame::Announced => {
                report.broken.insert(which);
            }
            Blame::Nobody => {
                report.doubtful.insert(which);
            }
            Blame::Ourselves => {
                let name = format!("{}: ", finding.party);
                let message = finding.message.trim_end_matches('.');
                let message = message.strip_prefix(&name).unwrap_or(message).to_owned();
                let first = || (0, message, finding.wanted.clone());
                let breach = report
                    .breaches
                    .entry((number, finding.rule.id))
                    .or_insert_with(first);
                breach.0 += 1;
            }
            Blame::Server | Blame::Client => {}
        }
    }

    fn announce(&self, report: &mut Report) {
        if self.order != Order::Sent {
            return;
        }
        for (number, step) in self.steps.iter().enumerate() {
            let Action::Send(send) = &step.action else {
                continue;
            };
            if self.raw.contains(&send.who) {
                continue;
            }
            for rule in &send.breaks {
                let which = (self.place(number, step), rule.clone());
                report.announced.entry(which).or_insert_with(|| {
                    self.error(
                        number,
                        step,
                        String::new(),
                        Some("take it out of `breaks`".into()),
                    )
                });
            }
        }
    }

    fn missed(&self, event: &Event, report: &mut Report) {
        let note = event.note.as_deref().unwrap_or_default();
        let from_note = || step_number(note.rsplit_once('(')?.1.trim_end_matches(')'));
        let number = event.step.as_deref().and_then(step_number).or_else(from_note);
        let Some((number, step)) = number.and_then(|number| Some((number, *self.steps.get(number)?))) else {
            return;
        };
        let seen = without_numbers(event.seen.as_deref().unwrap_or(note));
        let wanted = event.wanted.as_deref().unwrap_or_default();
        let never = format!("this can never be met: {wanted}");
        // What a raw line says may reach others in ways that are not played here.
        if !self.raw.is_empty() {
            return;
        }
        let nobody = match &step.action {
            Action::Expect(expect) => self.nobody(expect),
            _ => None,
        };
        let (message, hint) = match &step.action {
            // What an enforcing server lets through, what it refuses and what it says itself is its own affair.
            _ if self.class == Class::Enforcing && nobody.is_none() => return,
            Action::Silence { .. } => (format!("it is never silent here: {seen}"), None),
            Action::Expect(expect) => (never, nobody.or_else(|| as_meant(expect)).or(Some(seen))),
            Action::Send(_) => (never, Some(seen)),
            _ => (format!("this cannot be played: {seen}"), None),
        };
        report.tell(self.error(number, step, message, hint));
    }

    /// If nobody ever sends what is waited for.
    fn nobody(&self, expect: &Expect) -> Option<String> {
        let Pattern::Signal { kind, call } = &expect.pattern else {
            return None;
        };
        let labels: BTreeSet<&str> = self.steps.iter().filter_map(|step| label(step)).collect();
        if !labels.is_empty() && !labels.contains(call.as_str()) {
            let near = crate::yaml::did_you_mean(call, labels.into_iter()).unwrap_or_default();
            return Some(
                format!("nobody sends anything on the call `{call}` {near}")
                    .trim_end()
                    .to_owned(),
            );
        }
        let may_send = |step: &&Step| match &step.action {
            Action::Send(send) if send.who != expect.who => match &send.what {
                What::Signal { kind: sent, .. } => sent == kind,
                What::Stanza { .. } => true,
                What::Chat { .. } | What::Opening { .. } | What::Closing | What::Frame { .. } => false,
            },
            _ => false,
        };
        let anybody = self.steps.iter().any(may_send);
        let server = self.class == Class::Enforcing && *kind == Kind::Hangup;
        (!anybody && !server).then(|| format!("nobody else sends {}", kind.name()))
    }

    /// Where it is told: in the scenario's own file.
    fn place(&self, number: usize, step: &Step) -> Place {
        self.scenario
            .site(self.number, number)
            .unwrap_or(&step.place)
            .clone()
    }

    fn error(&self, number: usize, step: &Step, mut message: String, hint: Option<String>) -> Error {
        if self.scenario.site(self.number, number).is_some() {
            let Place { file, line, .. } = &step.place;
            message = format!("{message} (in the fragment {file}:{line})");
        }
        if !self.case.matrix.is_empty() && !message.is_empty() {
            message = format!("{message} [{}]", self.case.matrix.join(", "));
        }
        self.scenario.error(&self.place(number, step), message, hint)
    }
}

fn label(step: &Step) -> Option<&str> {
    match &step.action {
        Action::Send(send) => match &send.what {
            What::Signal { call, .. } => Some(call),
            What::Stanza { .. } => Some("main"),
            What::Chat { .. } | What::Opening { .. } | What::Closing | What::Frame { .. } => None,
        },
        _ => None,
    }
}

/// What is written reads as something else than was meant.
fn as_meant(expect: &Expect) -> Option<String> {
    let word = |(_, value): &&(String, serde_json::Value)| {
        matches!(value.as_str(), Some("no" | "yes" | "on" | "off"))
    };
    let (_, value) = expect.equals.iter().find(word)?;
    Some(format!("{value} is a text: a truth value is true or false"))
}

fn step_number(place: &str) -> Option<usize> {
    place.strip_prefix(':')?.parse().ok()
}

/// Event numbers mean something in a transcript only.
fn without_numbers(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once(" (event ") {
        out.push_str(before);
        rest = after.split_once(')').map_or("", |(_, rest)| rest);
    }
    out + rest
}

fn flatten<'s>(steps: &'s [Step], out: &mut Vec<&'s Step>) {
    for step in steps {
        match &step.action {
            Action::Together(branches) => branches.iter().for_each(|steps| flatten(steps, out)),
            Action::AnyOrder(steps) | Action::When { steps, .. } => flatten(steps, out),
            _ => out.push(step),
        }
    }
}

/// The same steps with their numbers in place of their places, and without what only the target can decide.
fn numbered(steps: Vec<Step>, number: &mut usize, raw: &[String]) -> Vec<Step> {
    let mut kept = Vec::with_capacity(steps.len());
    for step in steps {
        let action = match step.action {
            Action::Together(branches) => Action::Together(
                branches
                    .into_iter()
                    .map(|steps| numbered(steps, number, raw))
                    .collect(),
            ),
            Action::AnyOrder(steps) => Action::AnyOrder(numbered(steps, number, raw)),
            Action::When { class, steps } => Action::When {
                class,
                steps: numbered(steps, number, raw),
            },
            action => {
                let own = *number;
                *number += 1;
                let place = Place {
                    file: String::new(),
                    line: own,
                    column: 0,
                };
                if let Some(action) = of_bots(action, raw) {
                    kept.push(Step { place, action });
                }
                continue;
            }
        };
        kept.push(Step {
            place: step.place,
            action,
        });
    }
    kept
}

/// What bots do among themselves; the rest is between one of them and the server.
fn of_bots(action: Action, raw: &[String]) -> Option<Action> {
    let is_raw = |who: &String| raw.contains(who);
    match action {
        Action::Line(_) => None,
        Action::Send(send) if is_raw(&send.who) => None,
        Action::Connection(connection) if is_raw(&connection.who) => None,
        Action::Silence { who, .. } if who.iter().any(is_raw) => None,
        Action::Expect(expect) => {
            let of_bots = matches!(expect.pattern, Pattern::Signal { .. } | Pattern::Chat { .. });
            of_bots.then_some(Action::Expect(expect))
        }
        Action::Send(mut send) => {
            // How the server takes a text word for word, it may decide.
            if matches!(send.what, What::Stanza { .. }) {
                send.answered = None;
            }
            Some(Action::Send(send))
        }
        action => Some(action),
    }
}
