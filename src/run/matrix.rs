//! The kill matrix: scenarios against each fault, of the embedded endpoint or of a client, until it is caught.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::watch;

use super::case::play;
use super::fit::skip_reason;
use super::lease::Turn;
use super::options::{Finished, Options, Place, Rig};
use crate::bot::{ClientFault, client_faults};
use crate::endpoint::{Carrier, Chosen, Fault, faults};
use crate::profile::Profile;
use crate::rules::{Blame, Finding, Level, catalogue};
use crate::scenario::Case;

/// Something to be caught.
#[derive(Debug, Clone, Copy)]
pub enum Suspect {
    Server(&'static Fault),
    Client(&'static ClientFault),
}

impl Suspect {
    /// Every fault there is.
    pub fn all() -> impl Iterator<Item = Suspect> {
        let servers = faults().map(Suspect::Server);
        servers.chain(client_faults().map(Suspect::Client))
    }

    pub fn name(self) -> &'static str {
        match self {
            Suspect::Server(fault) => fault.name,
            Suspect::Client(fault) => fault.name,
        }
    }

    pub fn rules(self) -> &'static [&'static str] {
        match self {
            Suspect::Server(fault) => fault.rules,
            Suspect::Client(fault) => fault.rules,
        }
    }

    fn blame(self) -> Blame {
        match self {
            Suspect::Server(_) => Blame::Server,
            Suspect::Client(_) => Blame::Client,
        }
    }

    /// Where a case is played with this fault.
    pub fn rig(self) -> Rig {
        match self {
            Suspect::Server(fault) => Rig {
                profile: Profile {
                    tls_demanded: fault.needs_tls().then_some(true),
                    ..Profile::named(fault.class().name()).unwrap_or_default()
                },
                faults: vec![Chosen::from(fault)],
                tcp: fault.when.over == Some(Carrier::Tcp),
                ..Rig::default()
            },
            Suspect::Client(fault) => Rig {
                client: Some(fault),
                ..Rig::default()
            },
        }
    }

    /// How likely a case is to show it: it names the rules, and has what the fault waits for. `None`: it cannot.
    fn nearness(self, case: &Case) -> Option<u32> {
        let fault = match self {
            Suspect::Server(fault) => fault,
            Suspect::Client(fault) => return (case.name == fault.scenario).then_some(0),
        };
        let tag = |tag: &str| case.tags.iter().any(|given| given == tag);
        let when = &fault.when;
        let fits = |wanted: bool, has: bool| u32::from(wanted && has);
        let names = case.rules.iter().any(|id| fault.rules.contains(&id.as_str()));
        let seldom = when.every.is_some_and(|n| n > 9) || when.after.is_some();
        Some(
            u32::from(names) * 2
                + fits(seldom, tag("long")) * 4
                + fits(when.load, tag("load")) * 2
                + fits(when.chat || when.flood, tag("chat")) * 2
                + fits(when.second_device, tag("devices")),
        )
    }
}

/// What became of one fault.
#[derive(Debug, Clone)]
pub struct Trial {
    pub suspect: Suspect,
    /// The first finding by one of the fault's own rules, and the case that gave it.
    pub caught: Option<(Finding, String)>,
    /// Rules of other findings, met before the right one.
    pub strays: BTreeSet<&'static str>,
    /// Cases played.
    pub played: usize,
}

impl Trial {
    /// Whether all is as it should be: caught by a right rule, or, where there is nothing to catch, not accused.
    pub fn is_good(&self) -> bool {
        if self.suspect.rules().is_empty() {
            self.strays.is_empty()
        } else {
            self.caught.is_some()
        }
    }
}

/// Plays the cases against each fault, the likeliest first, up to the first right catch; `jobs` faults at a time. The
/// answer is in the order of the faults.
pub fn matrix(
    cases: &[Case],
    suspects: impl Iterator<Item = Suspect>,
    jobs: usize,
    observe: &(dyn Fn(&Trial) + Sync),
) -> Vec<Trial> {
    let queue: Mutex<VecDeque<(usize, Suspect)>> = Mutex::new(suspects.enumerate().collect());
    let done: Mutex<BTreeMap<usize, Trial>> = Mutex::default();
    let next = || queue.lock().unwrap_or_else(PoisonError::into_inner).pop_front();
    std::thread::scope(|scope| {
        for _ in 0..jobs.max(1) {
            scope.spawn(|| {
                while let Some((index, suspect)) = next() {
                    let trial = try_one(cases, suspect);
                    observe(&trial);
                    let mut done = done.lock().unwrap_or_else(PoisonError::into_inner);
                    done.insert(index, trial);
                }
            });
        }
    });
    let done = done.into_inner().unwrap_or_else(PoisonError::into_inner);
    done.into_values().collect()
}

/// The trials rule by rule, as `callspec rules --matrix` prints them, and whether nothing is missed.
pub fn table(trials: &[Trial], wanted: impl Fn(&str) -> bool) -> (Vec<String>, bool) {
    let mut rows: BTreeMap<&str, Vec<&Trial>> = BTreeMap::new();
    for trial in trials {
        // A fault that breaks two rules stands in the row of the one that caught it.
        let caught = trial.caught.as_ref().map(|(finding, _)| finding.rule.id);
        if let Some(id) = caught.or(trial.suspect.rules().first().copied()) {
            rows.entry(id).or_default().push(trial);
        }
    }
    let mut lines = Vec::new();
    let mut empty = Vec::new();
    // What a scenario of the user's own expects is broken by any fault.
    for rule in catalogue()
        .iter()
        .filter(|rule| rule.id != "SC-01" && wanted(rule.id))
    {
        let Some(row) = rows.get(rule.id) else {
            let named = trials
                .iter()
                .any(|trial| trial.is_good() && trial.suspect.rules().contains(&rule.id));
            if !named {
                empty.push(rule.id);
            }
            continue;
        };
        lines.push(format!("{}  {}", rule.id, rule.text));
        lines.extend(row.iter().map(|trial| format!("  {}", line(trial))));
    }
    let missed = trials.iter().filter(|trial| !trial.is_good()).count();
    lines.push(format!(
        "{} faults, {} caught by a rule of their own, {missed} not; {} rules without a fault{}",
        trials.len(),
        trials.len() - missed,
        empty.len(),
        if empty.is_empty() {
            String::new()
        } else {
            format!(": {}", empty.join(" "))
        }
    ));
    (lines, missed == 0 && empty.is_empty())
}

fn line(trial: &Trial) -> String {
    let name = trial.suspect.name();
    match &trial.caught {
        Some((_, case)) => format!("caught  {name:<34} {case}"),
        None if trial.strays.is_empty() => format!("MISSED  {name:<34} nothing was found"),
        None => {
            let strays: Vec<&str> = trial.strays.iter().copied().collect();
            format!("MISSED  {name:<34} only {}", strays.join(" "))
        }
    }
}

fn try_one(cases: &[Case], suspect: Suspect) -> Trial {
    let options = Options {
        place: Place::Rigged(Arc::new(suspect.rig())),
        ..Options::default()
    };
    let near = cases
        .iter()
        .filter_map(|case| Some((suspect.nearness(case)?, case)));
    let mut order: Vec<(u32, &Case)> = near.collect();
    order.sort_by_key(|(near, _)| std::cmp::Reverse(*near));
    let mut trial = Trial {
        suspect,
        caught: None,
        strays: BTreeSet::new(),
        played: 0,
    };
    for (_, case) in order {
        if skip_reason(case, &options).is_some() {
            continue;
        }
        trial.played += 1;
        let (stop, _) = watch::channel(false);
        let finished = play(
            &Arc::new(case.clone()),
            &options,
            0,
            &Turn::default(),
            stop.subscribe(),
        );
        for finding in accusations(&finished, suspect) {
            if suspect.rules().contains(&finding.rule.id) {
                trial.caught = Some((finding.clone(), label(case)));
                return trial;
            }
            trial.strays.insert(finding.rule.id);
        }
    }
    trial
}

/// What is certain, and that side's. A rule that never is more than a remark is caught by its remark.
fn accusations(finished: &Finished, suspect: Suspect) -> impl Iterator<Item = &Finding> {
    let findings = finished.verdict.iter().flat_map(|verdict| &verdict.findings);
    findings.filter(move |finding| {
        let remark = finding.rule.level == Level::Info && suspect.rules().contains(&finding.rule.id);
        let blamed = finding.blame == suspect.blame() && finding.level != Level::Info;
        finding.excuse.is_none() && (blamed || remark)
    })
}

fn label(case: &Case) -> String {
    format!("{} {}", case.name, case.matrix.join(" "))
        .trim_end()
        .to_owned()
}
