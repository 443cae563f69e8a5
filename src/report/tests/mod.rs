//! Every kind of output, each outcome built by hand.

mod formats;
mod shown;

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde_json::json;

use super::ladder::tests::Tape;
use super::{Again, Facts, Report};
use crate::profile::Profile;
use crate::rules::{Blame, Finding, Glob, Known, Outcome, Tally, Verdict, Waiver, rule};
use crate::run::{Finished, Reviewed, Use};
use crate::scenario::{Case, parse};

/// What would do harm in one format or another: escape codes, markup, directives, properties, line ends.
const NASTY: &str =
    "\u{1b}[31mred\u{7} ]]> <b> & \"x\" 100% | # TODO a:b,c \\ \r\nnext \u{202e}back \u{ffff}";

fn case(name: &str, matrix: &str) -> Case {
    let text = format!(
        "name: {name}\nabout: Something is tried here.\nrules: [RT-03]\ntags: [race]\nmatrix: {{ gap: [{matrix}] }}\n\
         steps:\n  - caller: {{ sends: initiate, with: {{ callerName: \"{{gap}}\" }} }}\n"
    );
    let scenario = parse(&format!("scenarios/{name}.yaml"), &text, &|_| None).expect("a scenario");
    scenario.cases()[0].clone()
}

fn finding(id: &str, blame: Blame, message: &str) -> Finding {
    let rule = rule(id).expect("a rule");
    Finding {
        rule,
        level: rule.level,
        blame,
        party: "callee".into(),
        message: message.into(),
        wanted: "one iq set with id c7".into(),
        seen: "two, 13 ms apart".into(),
        events: vec![3, 7],
        excuse: None,
        call: None,
    }
}

fn finished(case: Case, outcome: Outcome, findings: Vec<Finding>) -> Finished {
    let transcript = format!(
        ".callspec/2026-11-23T14-05-02/{}.jsonl",
        case.name.replace('/', "-")
    );
    Finished {
        case: case.into(),
        outcome,
        seconds: 0.31,
        reason: None,
        transcript: Some(PathBuf::from(transcript)),
        verdict: Some(Verdict {
            outcome,
            rules: BTreeMap::from([("RT-04", Tally { held: 3, broken: 0 })]),
            findings,
            known: BTreeMap::new(),
            trouble: None,
            shown: None,
            decided: Default::default(),
            left_out: 0,
        }),
        events: Vec::new(),
        cast: BTreeMap::new(),
    }
}

fn without_verdict(case: Case, outcome: Outcome, reason: &str) -> Finished {
    Finished {
        reason: Some(reason.into()),
        transcript: None,
        verdict: None,
        seconds: 0.0,
        ..finished(case, outcome, Vec::new())
    }
}

/// A hangup that is delivered twice, crossing an accept.
fn delivered_twice() -> Finished {
    let mut tape = Tape::pair();
    let reason = json!({ "reason": "cancelled" });
    tape.sends(
        0.0,
        "caller",
        "callee",
        "c1",
        "initiate",
        json!({ "callerName": "Alice" }),
    );
    tape.takes(0.002, "callee", "iq set c1");
    tape.sends(0.104, "caller", "callee", "c7", "hangup", reason);
    tape.sends(0.105, "callee", "caller", "d1", "accept", json!({}));
    let first = tape.takes(0.106, "callee", "iq set c7");
    tape.takes(0.107, "caller", "iq set d1");
    let second = tape.takes(0.119, "callee", "iq set c7");
    let found = Finding {
        events: vec![first, second],
        ..finding(
            "RT-03",
            Blame::Server,
            "callee received caller's hangup (iq c7) twice.",
        )
    };
    let more = (0..5).map(|n| Finding {
        message: format!("callee received caller's candidate {n} twice."),
        ..found.clone()
    });
    let findings = std::iter::once(found.clone()).chain(more).collect();
    Finished {
        events: tape.events,
        cast: tape.cast,
        ..finished(case("cancel/crosses-accept", "5ms"), Outcome::Failed, findings)
    }
}

/// A case for each outcome, and for each way to it.
fn results() -> Vec<Finished> {
    let known = |mut case: Finished| {
        if let Some(verdict) = &mut case.verdict {
            let reason = "CALL-17, mended in 24.2".into();
            let place = "waivers.yaml:3".into();
            verdict.known.insert(0, Known { reason, place });
        }
        case
    };
    let swallowed = finding("RT-07", Blame::Server, "The server swallowed iq c9 to nobody.");
    let slow = finding("RT-13", Blame::Server, "A signal took 1.6 s.");
    let unsure = Finding {
        excuse: Some("the hangup had been seen before the accept was sent".into()),
        ..finding("ST-03", Blame::Client, "bob@h/b sent accept after the end.")
    };
    let announced = finding(
        "ST-04",
        Blame::Announced,
        "caller sent an offer before the accept.",
    );
    let odd = finding(
        "SG-09",
        Blame::Client,
        "The payload has a member `mood` that the protocol does not know.",
    );
    let ours = finding("ST-05", Blame::Ourselves, "callee answered twice.");
    vec![
        finished(case("call/full", "0ms"), Outcome::Passed, vec![announced, odd]),
        delivered_twice(),
        finished(
            case("chat/during-a-call", "0ms"),
            Outcome::Warned,
            vec![slow.clone()],
        ),
        known(finished(
            case("routing/offline", "0ms"),
            Outcome::Known,
            vec![swallowed.clone()],
        )),
        Finished {
            reason: Some("failed at first, passed on retry 1".into()),
            ..finished(case("mute/both", "0ms"), Outcome::Flaky, vec![swallowed.clone()])
        },
        finished(
            case("glare/both-call", "0ms"),
            Outcome::Inconclusive,
            vec![unsure],
        ),
        without_verdict(
            case("ring/all-devices", "0ms"),
            Outcome::Skipped,
            "for targets of class enforcing; this one is relay",
        ),
        without_verdict(
            case("load/one", "0ms"),
            Outcome::Error,
            "the target went away: the stream was cut",
        ),
        without_verdict(
            case("load/two", "0ms"),
            Outcome::Error,
            "the target went away: the stream was cut",
        ),
        finished(case("answers/twice", "0ms"), Outcome::Error, vec![ours]),
        finished(
            case("payload/nasty", "\"1: # | ]]> <x>\""),
            Outcome::Failed,
            vec![Finding {
                message: NASTY.into(),
                wanted: NASTY.into(),
                ..swallowed
            }],
        ),
    ]
}

fn facts() -> Facts {
    Facts {
        suite: "built-in suite, 11 scenarios".into(),
        target: "wss://chat.example.com/xmpp-websocket".into(),
        mechanism: Some("SCRAM-SHA-256"),
        profile: Profile::default(),
        jobs: 8,
        seed: 0,
        strict: false,
        flaky_fails: false,
        skip_fails: false,
        started: "2026-11-23T14:05:02Z".into(),
        again: Again {
            builtin: false,
            flags: vec!["--target".into(), "target.yaml".into()],
            ..Again::default()
        },
    }
}

fn waivers() -> Vec<Reviewed> {
    let reviewed = |rule: &str, line: u32, used| Reviewed {
        waiver: Waiver {
            rule: rule.into(),
            scenario: Glob::new("routing/*"),
            reason: "CALL-17, mended in 24.2".into(),
            place: format!("waivers.yaml:{line}"),
        },
        expires: time::Date::from_calendar_date(2026, time::Month::June, 30).ok(),
        used,
    };
    vec![
        reviewed("RT-07", 3, Use::Excused(1)),
        reviewed("RT-09", 7, Use::Stale),
        reviewed("RT-10", 11, Use::Expired),
        reviewed("RT-11", 15, Use::Unknown),
    ]
}

fn report(results: &[Finished]) -> Report<'_> {
    let mut report = Report::new(facts(), results, waivers());
    report.seconds = 31.92;
    report
}
