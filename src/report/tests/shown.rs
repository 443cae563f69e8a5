//! What a person sees.

use insta::assert_snapshot;

use super::super::wrap::{WIDTH, width};
use super::super::{Detail, Running, Standing, details, finding as whole_finding, footer, headline, line};
use super::*;

/// Without escape codes, as a CI log shows it. No line is wider than it has to be.
fn seen(text: &str) -> String {
    let text = anstream::adapter::strip_str(text).to_string();
    for line in text.lines() {
        let copied = ["  again ", "  transcript "]
            .iter()
            .any(|field| line.starts_with(field));
        assert!(copied || width(line) <= WIDTH, "{} columns: {line}", width(line));
        assert!(!line.chars().any(char::is_control), "{line:?}");
    }
    // The catalogue grows.
    let unreached = regex::Regex::new(r"\d+ not reached:\s*").expect("a pattern");
    unreached.replace_all(&text, "[n] not reached: ").into_owned()
}

#[test]
fn the_headline_fits() {
    assert_snapshot!(seen(&headline(&facts())), @r"
    callspec 0.1.0 · built-in suite, 11 scenarios
      wss://chat.example.com/xmpp-websocket (relay, full JID, SCRAM-SHA-256)
      8 jobs
    ");
    let embedded = Facts {
        target: "embedded".into(),
        mechanism: None,
        jobs: 1,
        ..facts()
    };
    assert_snapshot!(seen(&headline(&embedded)), @r"
    callspec 0.1.0 · built-in suite, 11 scenarios
      embedded endpoint (relay, full JID) · 1 job
    ");
}

#[test]
fn a_line_a_case() {
    let lines: Vec<String> = results().iter().map(|finished| seen(&line(finished))).collect();
    assert_snapshot!("lines", lines.join("\n"));
}

#[test]
fn every_outcome_is_told_by_more_than_its_colour() {
    let mut words: Vec<&str> = super::super::summary::Summary::ORDER
        .into_iter()
        .map(super::super::word)
        .collect();
    words.sort_unstable();
    words.dedup();
    assert_eq!(words.len(), 8);
}

#[test]
fn details_of_what_is_not_passed() {
    let results = results();
    let report = report(&results);
    assert_snapshot!("details", seen(&details(&report, Detail::Normal)));
}

#[test]
fn details_with_remarks_and_every_finding() {
    let results = results();
    let report = report(&results);
    assert_snapshot!("details-v", seen(&details(&report, Detail::More)));
}

#[test]
fn details_with_every_event() {
    let results = vec![delivered_twice()];
    let report = report(&results);
    assert_snapshot!("details-vv", seen(&details(&report, Detail::All)));
}

#[test]
fn nothing_is_said_of_what_is_simply_passed_or_skipped() {
    let results = vec![results().swap_remove(0), results().swap_remove(6)];
    assert_eq!(details(&report(&results), Detail::Normal), "");
}

/// The same breach in forty scenarios does not bury another one.
#[test]
fn a_flood_of_one_breach_is_shown_in_full_only_at_first() {
    let mut results: Vec<Finished> = (0..40)
        .map(|n| {
            let found = finding("RT-05", Blame::Server, "The text was changed on its way.");
            finished(
                case(&format!("payload/n{n}"), "0ms"),
                Outcome::Failed,
                vec![found],
            )
        })
        .collect();
    results.push(delivered_twice());
    let text = seen(&details(&report(&results), Detail::Normal));
    assert_eq!(text.matches("The text was changed").count(), 40);
    assert_eq!(text.matches("one iq set with id c7").count(), 3 + 3);
    let all = seen(&details(&report(&results), Detail::More));
    assert_eq!(all.matches("one iq set with id c7").count(), 40 + 6);
}

#[test]
fn the_last_lines() {
    let results = results();
    assert_snapshot!("last-lines", seen(&footer(&report(&results))));
    let mut stopped = Report::new(facts(), &results[..1], Vec::new());
    stopped.interrupted = true;
    stopped.seconds = 245.0;
    assert_snapshot!("last-lines-stopped", seen(&footer(&stopped)));
    assert_snapshot!(
        "last-lines-nothing",
        seen(&footer(&Report::new(facts(), &[], Vec::new())))
    );
}

#[test]
fn a_finding_on_its_own() {
    let found = finding("RT-03", Blame::Server, "callee received it twice.");
    assert_snapshot!("finding", seen(&whole_finding(&found)));
}

#[test]
fn the_line_that_moves() {
    let running = |title: &str, since, length| Running {
        title: title.into(),
        since,
        length,
    };
    let mut standing = Standing {
        running: vec![
            running("ring/nobody-answers", 12.2, 30.0),
            running("call/full", 0.2, 0.0),
        ],
        total: 87,
        done: 41,
        failed: 1,
        since: 13.0,
        done_length: 20.0,
        waiting_length: 9.0,
        jobs: 8,
    };
    assert_snapshot!("progress", standing.line());
    // Too early to say how long it takes.
    standing.since = 1.0;
    assert_snapshot!("progress-early", standing.line());
    standing = Standing {
        running: vec![running("call/full", 3.0, 0.0)],
        total: 2,
        ..Standing::default()
    };
    assert_snapshot!("progress-first", standing.line());
    assert_snapshot!("progress-nothing", Standing::default().line());
}
