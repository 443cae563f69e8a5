//! Plays each case and reads what the judge and the script have to say about it.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use time::macros::datetime;

use super::open::Open;
use super::steps::{flatten, numbered, step_number};
use super::told::Report;
use super::world::{Order, World};
use crate::bot::{Account, Output, Script, Setup};
use crate::profile::{Class, Profile};
use crate::protocol::Kind;
use crate::rules::Judge;
use crate::scenario::{Action, AnsweredBy, Case, Error, Expect, Pattern, Place, Scenario, Send, Step, What};
use crate::transcript::{Dir, Event, FORMAT, Header, Member, Party, ScenarioInfo};

/// So much is told at once of one scenario.
const TOLD: usize = 10;

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
    report.tell_unbroken();
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

/// The first call that lives on where everything arrives as it was sent, and no `leaves-open` says why.
pub(super) fn left_open(scenario: &Scenario) -> Option<Error> {
    let unsaid = |(_, case): &(usize, &Case)| case.leaves_open.is_none();
    scenario
        .cases()
        .iter()
        .enumerate()
        .filter(unsaid)
        .find_map(|(number, case)| {
            let class = case.classes.first().copied().unwrap_or(Class::Relay);
            let mut play = Play::new(scenario, number, case, class, Order::Sent);
            // Where something does not come that is waited for, this world is not the one that is meant.
            let missed = play.run(&mut Report::default());
            play.left_open().filter(|_| missed.is_none())
        })
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
    report.tell_breaches(&play, orders.len());
}

pub(super) struct Play<'a> {
    pub scenario: &'a Scenario,
    pub number: usize,
    pub case: &'a Case,
    pub class: Class,
    pub order: Order,
    /// Who speaks below a session: what comes of that, only a run can tell.
    pub raw: Vec<String>,
    /// The steps that do something, in the file's order.
    pub steps: Vec<&'a Step>,
    /// The step that each sent event was sent by.
    pub sent: BTreeMap<u64, usize>,
    /// The calls that live.
    open: Open,
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
            open: Open::default(),
        }
    }

    fn left_open(&self) -> Option<Error> {
        // Told where it was begun: whoever was called has no step for that, or one that only waits.
        let began = self.open.left().find_map(|began| {
            let began = *self.sent.get(&began)?;
            let refused = match &self.steps.get(began)?.action {
                Action::Send(send) => send.answered.as_ref(),
                _ => None,
            };
            let refused = refused.is_some_and(|answered| matches!(answered.by, AnsweredBy::Error(_)));
            (!refused).then_some(began)
        })?;
        let step = self.steps.get(began)?;
        let message = "this call still lives when the steps are done".to_owned();
        let hint = "end it, or say why not with `leaves-open`".to_owned();
        Some(self.error(began, step, message, Some(hint)))
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
            case: case.into(),
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
                    self.open.event(&event);
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
            steady: false,
            apart: 0.0,
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
}
