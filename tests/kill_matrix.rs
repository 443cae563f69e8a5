//! The kill matrix: every fault is caught by one of its own rules, every rule has a fault, and who is right is not
//! accused.

use std::collections::BTreeSet;
use std::io::Write as _;
use std::sync::Arc;

use callspec::bot::client_faults;
use callspec::endpoint::{Chosen, fault, faults};
use callspec::profile::{KnownBreach, Profile};
use callspec::rules::{Level, Outcome, catalogue, rule};
use callspec::run::{Finished, Options, Place, Rig, Suspect, Trial, matrix, suite, table};
use callspec::scenario::{Action, Case, Scenario, Step, builtin};
use tokio::sync::watch;

/// Groups of rules that no fault breaks yet.
const WITHOUT_A_FAULT: [&str; 0] = [];

fn cases() -> Vec<Case> {
    let suite = builtin().expect("the built-in suite reads");
    suite.iter().flat_map(Scenario::cases).cloned().collect()
}

fn jobs() -> usize {
    std::thread::available_parallelism().map_or(2, std::num::NonZero::get)
}

/// `FAULT=drop,delay cargo test --test kill_matrix` tries only the faults whose names hold one of these.
fn chosen() -> impl Iterator<Item = Suspect> {
    let only = std::env::var("FAULT").unwrap_or_default();
    Suspect::all()
        .filter(|suspect| !suspect.rules().is_empty())
        .filter(move |suspect| only.split(',').any(|part| suspect.name().contains(part)))
}

#[test]
fn every_fault_is_caught_by_one_of_its_own_rules() {
    let trials = matrix(&cases(), chosen(), jobs(), &|_| {});
    let tried = |id: &str| trials.iter().any(|trial| trial.suspect.rules().contains(&id));
    let (lines, _) = table(&trials, tried);
    // Past the harness, which shows only what a test that failed has printed.
    writeln!(std::io::stderr(), "{}", lines.join("\n")).expect("stderr takes it");
    let bad: Vec<String> = trials.iter().filter(|trial| !trial.is_good()).map(tell).collect();
    assert!(
        bad.is_empty(),
        "{} of {}:\n{}",
        bad.len(),
        trials.len(),
        bad.join("\n")
    );
    for (finding, case) in trials.iter().filter_map(|trial| trial.caught.as_ref()) {
        assert!(
            finding.message.ends_with('.') && finding.message.len() > 20,
            "{case}: {}",
            finding.message
        );
        assert!(
            !finding.seen.is_empty() && !finding.events.is_empty(),
            "{case}: {finding:?}"
        );
    }
}

fn tell(trial: &Trial) -> String {
    let strays: Vec<&str> = trial.strays.iter().copied().collect();
    format!(
        "{}: wanted {}, found {} in {} cases",
        trial.suspect.name(),
        trial.suspect.rules().join(" or "),
        if strays.is_empty() {
            "nothing".to_owned()
        } else {
            strays.join(", ")
        },
        trial.played
    )
}

#[test]
fn every_rule_has_a_fault() {
    let broken: BTreeSet<&str> = Suspect::all()
        .flat_map(|suspect| suspect.rules().iter().copied())
        .collect();
    let without: Vec<&str> = catalogue()
        .iter()
        .map(|rule| rule.id)
        // What a scenario of the user's own expects is broken by any fault.
        .filter(|id| *id != "SC-01" && !broken.contains(id))
        .filter(|id| !WITHOUT_A_FAULT.contains(&&id[..2]))
        .collect();
    assert_eq!(without, [""; 0]);
}

#[test]
fn there_are_many_faults_and_each_says_what_it_is() {
    assert!(faults().count() >= 150, "{}", faults().count());
    let mut seen = BTreeSet::new();
    let servers = faults().map(|fault| (fault.name, fault.rules, fault.text));
    let clients = client_faults().map(|fault| (fault.name, fault.rules, fault.text));
    for (name, rules, text) in servers.chain(clients) {
        let plain = name
            .chars()
            .all(|c| c.is_ascii_lowercase() || c == '-' || c.is_ascii_digit());
        assert!(plain && seen.insert(name), "{name}");
        assert!(text.ends_with('.') && text.len() > 12, "{name}: {text}");
        assert!(rules.iter().all(|id| rule(id).is_some()), "{name}: {rules:?}");
    }
    let cases = cases();
    for fault in client_faults() {
        let case = cases
            .iter()
            .find(|case| case.name == fault.scenario)
            .expect(fault.scenario);
        assert!(
            case.cast.iter().any(|actor| actor.name == fault.who),
            "{}",
            fault.name
        );
    }
}

fn played(cases: Vec<Case>, rig: Rig) -> Vec<Finished> {
    let options = Options {
        place: Place::Rigged(Arc::new(rig)),
        jobs: jobs(),
        ..Options::default()
    };
    let (stop, _) = watch::channel(false);
    suite(cases, &options, &stop, &mut |_| {})
}

fn play(cases: Vec<Case>, rig: Rig) {
    for finished in played(cases, rig) {
        let verdict = finished.verdict.iter().flat_map(|verdict| &verdict.findings);
        let accused: Vec<_> = verdict
            .filter(|finding| {
                finding.level != Level::Info && finding.blame != callspec::rules::Blame::Announced
            })
            .collect();
        assert!(
            accused.is_empty(),
            "{} {:?}: {accused:?}",
            finished.case.name,
            finished.case.matrix
        );
        assert!(
            finished.reason.is_none() || finished.verdict.is_none(),
            "{}: {:?}",
            finished.case.name,
            finished.reason
        );
    }
}

/// What a server may do although not every server does: all such liberties at once.
#[test]
fn liberties_are_no_findings() {
    for class in ["relay", "enforcing"] {
        let liberties = faults().filter(|fault| fault.rules.is_empty());
        let rig = Rig {
            profile: Profile::named(class).expect("a profile"),
            faults: liberties.map(Chosen::from).collect(),
            ..Rig::default()
        };
        play(cases(), rig);
    }
}

#[test]
fn a_right_server_is_not_accused_over_tcp_either() {
    for class in ["relay", "enforcing"] {
        let rig = Rig {
            profile: Profile::named(class).expect("a profile"),
            tcp: true,
            ..Rig::default()
        };
        play(cases(), rig);
    }
}

fn faulty(names: &[&str]) -> Rig {
    let chosen = names.iter().map(|name| Chosen::from(fault(name).expect(name)));
    Rig {
        profile: Profile::named("relay").expect("a profile"),
        faults: chosen.collect(),
        ..Rig::default()
    }
}

/// Whose opening is met with silence cannot be tested. If pings are answered, the server itself may have lost it: what
/// a profile knows of its server is no news then.
#[test]
fn an_opening_that_is_lost_is_an_error_unless_the_profile_knows_of_it() {
    let play = |name: &str, faults: &[&str], breach: Option<(&str, &str)>| {
        let known = breach.map(|(rule, scenario)| KnownBreach {
            rule: rule.into(),
            scenario: Some(scenario.into()),
            evidence: "seen".into(),
        });
        let mut rig = faulty(faults);
        rig.profile.known_breaches.extend(known);
        let mut cases = cases();
        cases.retain(|case| case.name == name);
        cases.truncate(1);
        let [finished] = played(cases, rig).try_into().expect("one case");
        let verdict = finished.verdict.expect("a verdict");
        let why = verdict.trouble.unwrap_or_default();
        let rules: Vec<_> = verdict.findings.iter().map(|found| found.rule.id).collect();
        (finished.outcome, rules.join(" "), why.contains("WebSocket ping"))
    };
    let call = |faults: &[&str], breach| play("call/full", faults, breach);
    let error = |rules: &str, pinged| (Outcome::Error, rules.to_owned(), pinged);
    assert_eq!(call(&["open-ignored"], None), error("TR-02", true));
    for other in [("TR-03", "*"), ("TR-02", "busy/*")] {
        assert_eq!(call(&["open-ignored"], Some(other)), error("TR-02", true));
    }
    assert_eq!(
        call(&["open-ignored"], Some(("TR-02", "call/*"))),
        (Outcome::Known, "TR-02".into(), false)
    );
    // Where nothing at all is answered, nothing is known.
    assert_eq!(
        call(&["open-ignored", "ping-unanswered"], Some(("TR-02", "*"))),
        error("", false)
    );
    // On a raw line nobody pings.
    for name in [
        "transport/idle-stream-lives",
        "transport/stream-is-closed-in-return",
    ] {
        let line = |breach| play(name, &["open-ignored"], breach);
        assert_eq!(line(None), error("TR-02", false), "{name}");
        let known = line(Some(("TR-02", "*")));
        assert_eq!(known, (Outcome::Known, "TR-02".into(), false), "{name}");
    }
}

/// A stream on which nothing comes any more, not even a pong, has lost nothing that can be put down to the server: the
/// way there may be to blame.
#[test]
fn a_dead_stream_is_an_error_and_a_deaf_one_a_finding() {
    let lost = |finished: &Finished| {
        let findings = finished.verdict.iter().flat_map(|verdict| &verdict.findings);
        findings
            .into_iter()
            .any(|found| ["RT-03", "RT-08"].contains(&found.rule.id))
    };
    let mut cases = cases();
    cases.retain(|case| case.name.starts_with("devices/"));
    let mut deaf = played(cases, faulty(&["stuck-after-error"]));
    deaf.retain(|finished| finished.outcome == Outcome::Failed && lost(finished));
    assert!(!deaf.is_empty());
    let cases = deaf.iter().map(|finished| (*finished.case).clone()).collect();
    for dead in played(cases, faulty(&["stuck-after-error", "ping-unanswered"])) {
        let verdict = dead.verdict.as_ref().expect("a verdict");
        let why = verdict.trouble.as_deref().unwrap_or_default();
        assert_eq!(dead.outcome, Outcome::Error, "{}", dead.case.name);
        assert!(why.starts_with("nothing comes on the stream of"), "{why}");
        assert!(!lost(&dead), "{}", dead.case.name);
    }
}

fn breaks(steps: &[Step]) -> bool {
    steps.iter().any(|step| match &step.action {
        Action::Send(send) => !send.breaks.is_empty(),
        Action::Together(branches) => branches.iter().any(|steps| breaks(steps)),
        Action::AnyOrder(steps) | Action::When { steps, .. } => breaks(steps),
        _ => false,
    })
}

/// Whoever breaks no rule is not blamed when it is a client under test, whose view is not known exactly.
#[test]
fn right_clients_are_not_accused() {
    let right = |case: &Case| {
        !breaks(&case.steps)
            // These show clients that are wrong without a signal that is.
            && !["vanish/callee-leaves-without-a-word", "answers/withheld", "answers/twice"].contains(&case.name.as_str())
    };
    let rig = Rig {
        clients: true,
        ..Rig::default()
    };
    play(cases().into_iter().filter(right).collect(), rig);
}
