//! What `callspec fuzz` says: how far it is, what it found, what was covered.

use std::time::Duration;

use serde_json::json;

use crate::fuzz::{Campaign, Cell, Coverage, Exhaustive, Kept, Mode, Plan, Trait};
use crate::protocol::{Kind, Reason, Role, State};

/// The first line.
pub fn heading(plan: &Plan, every: Option<&Exhaustive>) -> String {
    let place = &plan.options.place;
    let shard = match plan.shard {
        (1, 1) => String::new(),
        (k, n) => format!(", part {k} of {n}"),
    };
    let what = match every {
        None => {
            let what = if plan.mode == Mode::Payloads {
                "payloads, "
            } else {
                ""
            };
            format!("{what}seed {}, up to {} cases{shard}", plan.seed, plan.cases)
        }
        Some(every) => {
            let (census, steps) = (every.census(), every.steps());
            format!(
                "every ordering of up to {steps} steps{shard}\n  {} orderings: {} legal, {} with one wrong step, {} with more\n  \
                 {} of them are the beginning of no other, and are played\n  \
                 on the model: {} states, {} steps between them, {} ends that only one side saw",
                census.orderings,
                census.legal,
                census.one_wrong,
                census.many_wrong,
                census.longest,
                census.states,
                census.transitions,
                census.torn,
            )
        }
    };
    format!(
        "callspec fuzz: {}, {}, {what}",
        place.name(),
        place.profile().class.name()
    )
}

/// How far it is, in one line.
pub fn progress(run: &Campaign, mode: Mode, since: Duration) -> String {
    let (cells, all) = run.coverage.share();
    let (pairs, all_pairs) = run.coverage.pairs();
    let pace = run.orderings as f64 / since.as_secs_f64().max(0.001);
    if mode == Mode::Payloads {
        let sorts = run.coverage.each_sort();
        let (played, all) = sorts.fold((0, 0), |(played, all), (_, count)| {
            (played + usize::from(count > 0), all + 1)
        });
        return format!(
            "  {} cases, {pace:.0} a second, {played} of {all} sorts of payloads, {} failed",
            run.played,
            run.failed()
        );
    }
    format!(
        "  {} orderings, {pace:.0} a second, {cells} of {all} cells, {pairs} of {all_pairs} pairs, {} failed",
        run.orderings,
        run.failed()
    )
}

/// A failure that was written down.
pub fn kept(kept: &Kept, again: &str) -> String {
    let canary = match kept.canary {
        true => ", in the sound call after it",
        false => "",
    };
    let transcript = kept.transcript.as_ref();
    format!(
        "\n{}: {}\n  case {}, cut down from {} moves to {}{canary}, failed {} of {} times when played again\n  \
         scenario    {}\n  transcript  {}\n  see it again: {again}",
        kept.rule,
        kept.message,
        kept.number,
        kept.moves.1,
        kept.moves.0,
        kept.stable.0,
        kept.stable.1,
        kept.file.display(),
        transcript
            .map(|path| path.display().to_string())
            .unwrap_or_default(),
    )
}

/// How often each cell was played: rows of role and signal, columns of states.
pub fn table(coverage: &Coverage) -> String {
    let (cells, all) = coverage.share();
    let mut out = format!(
        "{:<26}{}",
        format!("played ({cells} of {all} cells)"),
        State::ALL.map(|state| format!("{:>10}", word(state))).concat()
    );
    for role in Role::ALL {
        for (signal, reason) in rows() {
            let name = reason.map_or(signal.name().to_owned(), |reason| {
                format!("hangup {}", reason.wire())
            });
            let counts = State::ALL.map(|state| {
                let cell = Cell {
                    role,
                    state,
                    signal,
                    reason,
                };
                match coverage.count(&cell) {
                    0 => format!("{:>10}", "-"),
                    count => format!("{count:>10}"),
                }
            });
            out.push_str(&format!(
                "\n{:<26}{}",
                format!("{} {name}", word(role)),
                counts.concat()
            ));
        }
    }
    out.push('\n');
    out
}

fn rows() -> impl Iterator<Item = (Kind, Option<Reason>)> {
    let others = Kind::ALL.into_iter().filter(|kind| *kind != Kind::Hangup);
    let hangups = Reason::ALL.into_iter().map(|reason| (Kind::Hangup, Some(reason)));
    others.map(|kind| (kind, None)).chain(hangups)
}

fn word(value: impl std::fmt::Debug) -> String {
    format!("{value:?}").to_lowercase()
}

/// How many cases there were of each kind, and how many pairs of steps were played.
pub fn kinds(coverage: &Coverage) -> String {
    let (pairs, all) = coverage.pairs();
    let mut out = format!("{pairs} of {all} pairs of successive legal steps; cases by what is in them:");
    for what in Trait::ALL {
        out.push_str(&format!("\n  {:<36}{:>8}", what.words(), coverage.cases(what)));
    }
    out.push('\n');
    out
}

/// How many payloads of each sort were played.
pub fn sorts(coverage: &Coverage) -> String {
    let mut out = format!("{:<36}{:>10}", "sort of payload", "played");
    for (sort, count) in coverage.each_sort() {
        out.push_str(&format!("\n  {sort:<34}{count:>10}"));
    }
    out.push('\n');
    out
}

/// What came of it.
pub fn summary(run: &Campaign, plan: &Plan, every: Option<&Exhaustive>, took: Duration) -> String {
    let seconds = took.as_secs_f64();
    let what = match plan.mode {
        Mode::Payloads => format!("{} cases with payloads played in", run.played),
        _ => format!("{} orderings played in {} cases and", run.orderings, run.played),
    };
    let mut out = format!("{what} {seconds:.1} s, {} failed", run.failed());
    if let Some(every) = every {
        let all = every.census().longest;
        let share = run.orderings as f64 / all as f64 * 100.0;
        let left = if plan.shard.1 > 1 { " in all parts" } else { "" };
        out.push_str(&format!("\n  {share:.3} % of the {all}{left}"));
        if run.orderings as f64 >= 1.0 && u128::from(run.orderings) < all {
            let whole = all as f64 / (run.orderings as f64 / seconds.max(0.001));
            out.push_str(&format!("; all of them would take about {}", about(whole)));
        }
    }
    for (count, what) in [
        (run.cut, "cut off: nothing is known of them"),
        (run.skipped, "skipped"),
        (run.untested, "in which the target could not be tested"),
        (run.unsound, "that no sound scenario was found for"),
    ] {
        if count > 0 {
            out.push_str(&format!("\n  {count} {what}"));
        }
    }
    if let Some(why) = &run.trouble {
        out.push_str(&format!("\n  {why}"));
    }
    for (rule, failure) in &run.failures {
        out.push_str(&format!(
            "\n  {rule}: {} of the cases, {} shapes",
            failure.cases,
            failure.kept.len()
        ));
        if !failure.replayed.is_empty() {
            out.push_str(&format!(", {} of the corpus", failure.replayed.len()));
        }
        for number in &failure.once {
            out.push_str(&format!(
                "\n    case {number} failed once and not when it was played again"
            ));
        }
        for kept in &failure.kept {
            out.push_str(&format!("\n    {} ({} cases)", kept.file.display(), kept.cases));
        }
    }
    out
}

fn about(seconds: f64) -> String {
    match seconds {
        s if s < 120.0 => format!("{s:.0} s"),
        s if s < 7_200.0 => format!("{:.0} min", s / 60.0),
        s if s < 172_800.0 => format!("{:.0} h", s / 3_600.0),
        s => format!("{:.0} days", s / 86_400.0),
    }
}

/// Everything, for programs. `again`: the command line that shows a file's failure again.
pub fn as_json(
    plan: &Plan,
    every: Option<&Exhaustive>,
    run: &Campaign,
    again: &dyn Fn(&std::path::Path) -> String,
) -> serde_json::Value {
    let failures = run.failures.iter().map(|(rule, failure)| {
        let kept = failure.kept.iter().map(|kept| {
            json!({
                "file": kept.file,
                "transcript": kept.transcript,
                "case": kept.number,
                "cases": kept.cases,
                "message": kept.message,
                "moves": kept.moves.0,
                "moves-before": kept.moves.1,
                "failed-again": kept.stable.0,
                "played-again": kept.stable.1,
                "canary": kept.canary,
                "again": again(&kept.file),
            })
        });
        json!({
            "rule": rule,
            "cases": failure.cases,
            "kept": kept.collect::<Vec<_>>(),
            "replayed": failure.replayed,
            "failed-once": failure.once,
        })
    });
    let coverage = Cell::all().map(|cell| {
        json!({
            "role": cell.role,
            "state": cell.state,
            "signal": cell.signal,
            "reason": cell.reason,
            "played": run.coverage.count(&cell),
        })
    });
    let pairs = run
        .coverage
        .each_pair()
        .map(|((first, second), count)| json!({ "first": first, "second": second, "played": count }));
    let kinds = Trait::ALL.map(|what| json!({ "kind": what, "cases": run.coverage.cases(what) }));
    let every = every.map(|every| {
        let census = every.census();
        // More than a JSON number holds exactly is text.
        json!({
            "steps": every.steps(),
            "orderings": census.orderings.to_string(),
            "legal": census.legal.to_string(),
            "one-wrong": census.one_wrong.to_string(),
            "many-wrong": census.many_wrong.to_string(),
            "to-play": census.longest.to_string(),
            "states": census.states,
            "transitions": census.transitions,
            "torn": census.torn,
        })
    });
    json!({
        "fuzz": 1,
        "target": plan.options.place.name(),
        "profile": plan.options.place.profile().class.name(),
        "seed": plan.seed,
        "shard": [plan.shard.0, plan.shard.1],
        "mode": match plan.mode {
            Mode::Walks => "walks",
            Mode::Every(_) => "exhaustive",
            Mode::Payloads => "payloads",
        },
        "exhaustive": every,
        "played": run.played,
        "orderings": run.orderings,
        "failed": run.failed(),
        "cut": run.cut,
        "skipped": run.skipped,
        "untested": run.untested,
        "unsound": run.unsound,
        "failures": failures.collect::<Vec<_>>(),
        "coverage": coverage.collect::<Vec<_>>(),
        "pairs": pairs.collect::<Vec<_>>(),
        "kinds": kinds,
        "payloads": run.coverage.each_sort().collect::<std::collections::BTreeMap<_, _>>(),
    })
}
