use super::*;
use crate::rules::Level;
use crate::rules::record::tests::finding;

#[test]
fn a_bot_that_was_misled_by_the_server_is_no_trouble_of_ours() {
    let mut server = finding(5, Blame::Server, None);
    let ours = |n| finding(n, Blame::Ourselves, None);
    let all = vec![ours(4), server.clone(), ours(5), ours(6)];
    let mut findings = all.clone();
    forgive(&mut findings);
    let of = |found: &[Finding]| found.iter().map(|f| (f.events[0], f.blame)).collect::<Vec<_>>();
    assert_eq!(of(&findings), of(&[ours(4), server.clone()]));
    // Unless the server cannot have been wrong.
    for (judge, left) in [(Judge::with(vec![]), 2), (Judge::with(vec![]).trusting(), 3)] {
        let found = all.clone().into_iter();
        let families: Vec<Box<dyn Family>> = vec![Box::new(Finds(found.collect()))];
        let families = families.into();
        let verdict = Judge { families, ..judge }.finish();
        assert_eq!(verdict.findings.len(), left);
    }
    // What the server lost of it shows only later.
    server.events.push(9);
    let mut findings = vec![ours(4), ours(5), server.clone(), ours(7)];
    forgive(&mut findings);
    assert_eq!(of(&findings), of(&[ours(4), server.clone()]));
    server.excuse = Some("another order".into());
    let mut findings = vec![server, ours(6)];
    forgive(&mut findings);
    assert_eq!(findings.len(), 2);
}

fn event(n: u64, dir: &str) -> Event {
    let event = serde_json::json!({"n": n, "t": n as f64, "time": "", "who": "", "dir": dir});
    serde_json::from_value(event).expect("an event")
}

/// Finds one thing at each event whose number is its own, and one at the end; another rule is kept at every event.
struct Finds(Vec<Finding>);

impl Family for Finds {
    fn event(&mut self, seen: Seen<'_>, record: &mut Record) {
        let now: Vec<_> = self
            .0
            .extract_if(.., |found| found.events == [seen.event.n])
            .collect();
        now.into_iter().for_each(|found| record.broken(found));
        record.held("IQ-01");
    }

    fn finish(&mut self, _at: f64, record: &mut Record) {
        self.0.drain(..).for_each(|found| record.broken(found));
    }
}

/// The verdict on a run that trouble ends at its third event.
fn cut_short(findings: Vec<Finding>) -> Verdict {
    let mut judge = Judge::with(vec![Box::new(Finds(findings))]);
    for (n, dir) in [
        (1, "note"),
        (2, "closed"),
        (3, "trouble"),
        (4, "note"),
        (5, "end"),
    ] {
        judge.event(&event(n, dir));
    }
    judge.finish()
}

#[test]
fn what_is_told_on_the_way_is_told_once() {
    let mut judge = Judge::with(vec![Box::new(Finds(vec![
        finding(1, Blame::Client, None),
        finding(9, Blame::Client, None),
    ]))]);
    judge.event(&event(1, "sent"));
    assert_eq!(
        judge
            .tallies()
            .into_iter()
            .map(|(id, tally)| (id, tally.held, tally.broken))
            .collect::<Vec<_>>(),
        [("IQ-01", 1, 0), ("ST-03", 0, 1)]
    );
    assert_eq!(judge.take_findings().len(), 1);
    assert!(judge.take_findings().is_empty());
    judge.event(&event(2, "note"));
    let left: Vec<u64> = judge.finish().findings.iter().map(|f| f.events[0]).collect();
    assert_eq!(left, [9]);
}

#[test]
fn a_scout_that_goes_ahead_changes_nothing() {
    let families = || -> Vec<Box<dyn Family>> {
        let finds = |blame, of: &[u64]| Finds(of.iter().map(|n| finding(*n, blame, None)).collect());
        vec![
            Box::new(finds(Blame::Server, &[2, 3, 9])),
            Box::new(finds(Blame::Client, &[1, 3, 8])),
        ]
    };
    let events: Vec<Event> = (1..5).map(|n| event(n, "sent")).collect();
    let mut alone = Judge::with(families());
    events.iter().for_each(|event| alone.event(event));
    let mut judge = Judge::with(families());
    let mut scout = judge.scout();
    let heard = Heard::default();
    let ahead: Vec<_> = events.iter().map(|event| scout.event(event, &heard)).collect();
    for (event, found) in events.iter().zip(ahead) {
        judge.scouted(event, &heard, found);
    }
    judge.rejoin(scout);
    let (verdict, same) = (judge.finish(), alone.finish());
    let found = verdict.findings.iter().map(|f| (f.events[0], f.blame));
    assert_eq!(
        found.collect::<Vec<_>>(),
        [
            (1, Blame::Client),
            (2, Blame::Server),
            (3, Blame::Server),
            (8, Blame::Client),
            (9, Blame::Server),
        ]
    );
    assert_eq!(verdict.rules["IQ-01"].held, 8);
    assert_eq!(format!("{verdict:?}"), format!("{same:?}"));
}

/// A step that names its rule tests it; what trouble looks like, a profile may know.
#[test]
fn steps_are_told_in_their_words_and_the_first_trouble_counts() {
    let said = |n, dir, change: &dyn Fn(&mut Event)| {
        let mut event = Event {
            who: "callee".into(),
            ..event(n, dir)
        };
        change(&mut event);
        event
    };
    let rules = |event: &mut Event| event.rules = vec!["RT-09".into()];
    let note = |text: &'static str| {
        move |event: &mut Event| {
            (event.note, event.rules) = (Some(text.into()), vec!["ST-11".into()]);
        }
    };
    let judged = |events: &[Event]| {
        let mut judge = Judge::new(&Header::default());
        events.iter().for_each(|event| judge.event(event));
        judge.finish()
    };
    for (missed, words) in [
        (
            said(1, "missed", &|_| {}),
            "What the scenario expects of callee did not happen.",
        ),
        (
            said(1, "missed", &|event| event.step = Some("step 7".into())),
            "What step 7 expects of callee did not happen.",
        ),
        (
            said(1, "missed", &|event| {
                (event.wanted, event.seen) = (Some("w".repeat(161)), Some("nothing".into()));
            }),
            &format!("Not so: {}…; nothing.", "w".repeat(160)),
        ),
    ] {
        assert_eq!(judged(&[missed]).findings[0].message, words);
    }
    let verdict = judged(&[
        said(1, "met", &rules),
        said(2, "trouble", &note("gone")),
        said(3, "trouble", &note("gone again")),
    ]);
    assert_eq!(verdict.rules["RT-09"].held, 1);
    assert_eq!(
        (verdict.trouble.as_deref(), verdict.shown),
        (Some("gone"), Some("ST-11"))
    );
    let told: Vec<_> = verdict
        .findings
        .iter()
        .map(|f| (&*f.message, f.excuse.is_some()))
        .collect();
    assert_eq!(told, [("gone", true)]);
}

/// Whoever attacks may have cost others a signal; one that the server changed it did not.
#[test]
fn what_arrived_changed_does_not_show_that_others_are_not_served() {
    let found = |server: &'static str, named: &str| -> Vec<&'static str> {
        let breach = Finding::of_server(server, String::new(), "", String::new(), vec![1]);
        let mut judge = Judge::with(vec![Box::new(Finds(vec![breach]))]);
        judge.event(&event(1, "note"));
        judge.event(&Event {
            rules: vec![named.to_owned()],
            ..event(2, "missed")
        });
        judge
            .finish()
            .findings
            .iter()
            .map(|found| found.rule.id)
            .collect()
    };
    assert_eq!(found("RT-05", "RB-02"), ["RT-05"]);
    assert_eq!(found("RT-03", "RB-02"), ["RT-03", "RB-02"]);
    assert_eq!(found("RT-05", "RT-11"), ["RT-05", "RT-11"]);
}

/// What could not be read may be what was waited for, by whom it came to, and not before it came.
#[test]
fn what_nobody_could_read_is_not_missed_too() {
    let found = |came: &[(u64, &str, &str)]| -> Vec<&'static str> {
        let breach = Finding::of_server("TR-03", String::new(), "", String::new(), vec![1]);
        let mut judge = Judge::with(vec![Box::new(Finds(vec![breach]))]);
        judge.event(&event(1, "note"));
        let events = came.iter().map(|(n, who, xml)| Event {
            who: (*who).to_owned(),
            xml: Some((*xml).into()),
            ..event(*n, "received")
        });
        let missed = Event {
            rules: vec!["RT-08".to_owned()],
            who: "bob".to_owned(),
            events: vec![3],
            ..event(5, "missed")
        };
        let mut events: Vec<_> = events.chain([missed]).collect();
        events.sort_by_key(|event| event.n);
        events.iter().for_each(|event| judge.event(event));
        let findings = judge.finish().findings;
        let mut rules: Vec<_> = findings.iter().map(|found| found.rule.id).collect();
        rules.retain(|id| *id != "TR-03");
        rules
    };
    assert_eq!(found(&[(2, "bob", "<iq ")]), [""; 0]);
    for (n, who, xml) in [
        (6, "bob", "<iq "),
        (2, "carol", "<iq "),
        (2, "bob", "<iq type='set' id='a'/>"),
        (2, "bob", " "),
    ] {
        assert_eq!(found(&[(n, who, xml)]), ["RT-08"], "{n} {who} {xml}");
    }
}

#[test]
fn of_what_did_not_happen_so_much_is_remembered() {
    let mut judge = Judge::with(vec![]);
    (1..=300).for_each(|n| judge.event(&event(n, "missed")));
    assert_eq!(judge.missed.len(), 200);
    // The first says enough.
    assert_eq!(judge.finish().findings.len(), 1);
}

/// Refuses the signal of event 3 at event 5, and finds this in the end.
struct Refuses(Option<Finding>);

impl Family for Refuses {
    fn event(&mut self, _seen: Seen<'_>, _record: &mut Record) {}

    fn finish(&mut self, _at: f64, record: &mut Record) {
        record.refused.push((3, 5));
        record.broken(self.0.take().expect("a finding"));
    }
}

#[test]
fn what_rests_on_a_signal_that_could_be_refused_may_not_happen() {
    let remark = Finding {
        rule: rule("SG-09").expect("a rule"),
        ..finding(3, Blame::Nobody, None)
    };
    for (found, missed, excused) in [
        (finding(3, Blame::Nobody, None), 7, true),
        // Before it was refused, for another reason than its place in the call, or where it was plainly wrong.
        (finding(3, Blame::Nobody, None), 3, false),
        (finding(4, Blame::Nobody, None), 7, false),
        (remark, 7, false),
        (finding(3, Blame::Client, None), 7, false),
    ] {
        let what = format!("{found:?}");
        let mut judge = Judge::with(vec![Box::new(Refuses(Some(found)))]);
        judge.event(&event(missed, "missed"));
        judge.event(&event(missed + 1, "missed"));
        let findings = judge.finish().findings;
        let told = findings.iter().find(|found| found.rule.id == "SC-01");
        assert_eq!(told.map(|told| told.excuse.is_some()), Some(excused), "{what}");
        // One that may be excused does not speak for the next.
        assert_eq!(findings.len(), if excused { 3 } else { 2 }, "{what}");
    }
}

/// What follows from an address that is another one now says nothing, and leaves the run undecided.
#[test]
fn whoever_comes_back_under_another_address_may_go_wrong() {
    let mut judge = Judge::with(vec![Box::new(Finds(vec![finding(9, Blame::Ourselves, None)]))]);
    for (n, jid) in [(1, "bob@x/a"), (2, "bob@x/b")] {
        judge.event(&Event {
            jid: Some(jid.into()),
            ..event(n, "connected")
        });
    }
    let verdict = judge.finish();
    assert_eq!((verdict.outcome, verdict.findings.len()), (Outcome::Skipped, 0));
}

#[test]
fn what_was_certain_before_the_trouble_stands() {
    let verdict = cut_short(vec![finding(2, Blame::Server, None)]);
    assert_eq!(verdict.outcome, Outcome::Failed);
    assert!(verdict.trouble.is_some());
}

#[test]
fn trouble_without_a_certain_breach_of_the_server_before_it_is_an_error() {
    let mut should = finding(2, Blame::Server, None);
    should.level = Level::Should;
    let at_the_end = Finding {
        events: vec![1, 2],
        ..finding(2, Blame::Server, None)
    };
    let others = [
        should,
        at_the_end,
        finding(2, Blame::Server, Some("another order")),
        finding(2, Blame::Client, None),
        finding(2, Blame::Announced, None),
        finding(4, Blame::Server, None),
    ];
    assert_eq!(cut_short(Vec::new()).outcome, Outcome::Error);
    for other in others {
        let what = format!("{other:?}");
        assert_eq!(cut_short(vec![other]).outcome, Outcome::Error, "{what}");
    }
}

#[test]
fn a_known_breach_before_the_trouble_does_not_outweigh_it() {
    let known = crate::profile::KnownBreach {
        scenario: None,
        rule: "ST-03".into(),
        evidence: "its makers know".into(),
    };
    let profile = crate::profile::Profile {
        known_breaches: vec![known],
        ..Default::default()
    };
    let mut verdict = cut_short(vec![finding(2, Blame::Server, None)]);
    verdict.waive("", &[], &Waiver::of_profile(&profile));
    assert_eq!((verdict.outcome, verdict.known.len()), (Outcome::Error, 1));
}
