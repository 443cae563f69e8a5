//! Lint and run agree: what a run on the embedded endpoint would lay at our own door, lint has refused, and nothing else.

use callspec::lint::lint;
use callspec::profile::Profile;
use callspec::protocol::{Act, Kind, Reason, Role, Ruling, View};
use callspec::rules::{Blame, rule};
use callspec::run::{Options, Place, suite};
use callspec::scenario::{Scenario, parse};
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;
use tokio::sync::watch;

/// One signal of a walk, as drawn.
#[derive(Debug, Clone)]
struct Draw {
    caller: bool,
    /// Chooses among what is legal; or, where the walk goes wrong, among everything.
    choice: usize,
    wait: u8,
    /// How it is written down: with its receipt, without it, or side by side with the next.
    form: u8,
}

fn draws() -> impl Strategy<Value = (Vec<Draw>, Option<usize>)> {
    let draw = (any::<bool>(), any::<usize>(), 0..8_u8, 0..12_u8);
    let draw = draw.prop_map(|(caller, choice, wait, form)| Draw {
        caller,
        choice,
        wait,
        form,
    });
    (
        prop::collection::vec(draw, 2..9),
        prop::option::weighted(0.4, 0..8_usize),
    )
}

/// Every signal with every reason.
fn acts() -> Vec<Act> {
    let act = |kind, reason| Act {
        kind,
        reason,
        duration: None,
        muted: (kind == Kind::MuteChange).then_some(true),
    };
    let mut acts = Vec::new();
    for kind in Kind::ALL {
        match kind {
            Kind::Hangup => acts.extend(Reason::ALL.map(|reason| act(kind, Some(reason)))),
            _ => acts.push(act(kind, None)),
        }
    }
    acts
}

fn name(role: Role) -> &'static str {
    match role {
        Role::Caller => "caller",
        Role::Callee => "callee",
    }
}

/// The walk as a scenario file. Both views are followed as if each signal had arrived at once.
fn written(draws: &[Draw], wrong: Option<usize>, number: usize) -> String {
    let mut text = format!("name: walk-{number}\nsteps:\n");
    let (mut views, mut at) = ([View::new(Role::Caller), View::new(Role::Callee)], 0.0);
    let mut beside: Vec<String> = Vec::new();
    for (n, draw) in draws.iter().enumerate() {
        let role = if draw.caller || n == 0 {
            Role::Caller
        } else {
            Role::Callee
        };
        if draw.wait >= 6 && beside.is_empty() {
            let wait = if draw.wait == 6 { 1.0 } else { 30.0 };
            text.push_str(&format!("  - wait: {wait}s\n"));
            at += wait;
        }
        let all = acts();
        let legal: Vec<Act> = all
            .iter()
            .filter(|act| {
                let rulings = views[role as usize].may_send(act, at);
                rulings.iter().all(|ruling| !matches!(ruling, Ruling::Breach(_)))
            })
            .copied()
            .collect();
        if legal.is_empty() && wrong != Some(n) {
            continue;
        }
        let from = if wrong == Some(n) { &all } else { &legal };
        let act = from[draw.choice % from.len()];
        let breach = views[role as usize]
            .may_send(&act, at)
            .iter()
            .any(|ruling| matches!(ruling, Ruling::Breach(_)));
        if !breach {
            views[role as usize].sent(&act, at);
            views[role.other() as usize].received(&act, at);
        }
        let with = match act.reason {
            Some(reason) => format!(", with: {{ reason: {} }}", reason.wire()),
            None => String::new(),
        };
        let send = format!("{}: {{ sends: {}{with} }}", name(role), act.kind.name());
        let receive = format!("{}: {{ receives: {} }}", name(role.other()), act.kind.name());
        match draw.form {
            // Side by side with what follows: the receipts come after.
            4 if beside.is_empty() && n + 1 < draws.len() => {
                text.push_str(&format!("  - together:\n      - {send}\n"));
                beside.push(receive);
            }
            _ if !beside.is_empty() => {
                text.push_str(&format!("      - {send}\n"));
                beside.push(receive);
                for receive in beside.drain(..) {
                    text.push_str(&format!("  - {receive}\n"));
                }
            }
            3 => text.push_str(&format!("  - {send}\n")),
            _ => text.push_str(&format!("  - {send}\n  - {receive}\n")),
        }
    }
    for receive in beside {
        text.push_str(&format!("  - {receive}\n"));
    }
    text
}

#[test]
fn lint_refuses_exactly_what_a_run_would_lay_at_our_own_door() {
    let mut runner = TestRunner::deterministic();
    let mut walks: Vec<(String, Scenario)> = Vec::new();
    for number in 0..200 {
        let (draws, wrong) = draws().new_tree(&mut runner).expect("a walk").current();
        let text = written(&draws, wrong, number);
        let scenario = parse("walk.yaml", &text, &|_| None).expect("it reads");
        walks.push((text, scenario));
    }
    let options = Options {
        place: Place::Embedded(Profile::default()),
        jobs: 2,
        strict: true,
        ..Options::default()
    };
    let cases: Vec<_> = walks
        .iter()
        .map(|(_, scenario)| scenario.cases()[0].clone())
        .collect();
    let (stop, _) = watch::channel(false);
    let finished = suite(cases, &options, &stop, &mut |_| {});
    let (mut refused, mut sound, mut in_one_order) = (0, 0, 0);
    for ((text, scenario), finished) in walks.iter().zip(&finished) {
        assert_eq!(scenario.name, finished.case.name);
        let verdict = finished.verdict.as_ref().expect("a verdict");
        let ours = verdict
            .findings
            .iter()
            .filter(|finding| finding.blame == Blame::Ourselves);
        let mut ours: Vec<&str> = ours.map(|finding| finding.rule.id).collect();
        ours.sort_unstable();
        let told: Vec<String> = lint(scenario).iter().map(|error| error.message.clone()).collect();
        let race = |message: &&String| message.contains("in one order of events");
        let rule_of = |message: &String| message.split([':', ' ']).next().unwrap_or_default().to_owned();
        let certain: Vec<String> = told
            .iter()
            .filter(|message| !race(message))
            .map(rule_of)
            .collect();
        let certain: Vec<String> = certain.into_iter().filter(|id| rule(id).is_some()).collect();
        let may_be: Vec<String> = told.iter().map(rule_of).collect();
        let shown = verdict
            .findings
            .iter()
            .map(|f| (f.blame, f.rule.id, &f.message, &f.events));
        let shown: Vec<_> = shown.collect();
        for id in &certain {
            assert!(
                ours.contains(&id.as_str()),
                "{id} only by lint\n{text}\n{told:#?}\n{shown:#?}"
            );
        }
        for id in &ours {
            let told_so = may_be.iter().any(|told| told == id);
            assert!(told_so, "{id} only by the run\n{text}\n{told:#?}\n{shown:#?}");
        }
        let race = told.iter().any(|message| race(&message));
        match (ours.is_empty(), race) {
            (false, _) => refused += 1,
            (true, true) => in_one_order += 1,
            (true, false) => sound += 1,
        }
    }
    assert!(
        refused >= 50 && sound >= 50,
        "{refused} refused, {sound} sound, {in_one_order} in one order"
    );
}
