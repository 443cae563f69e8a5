//! One case, from its plan to its verdict.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use time::format_description::well_known::Rfc3339;
use tokio::sync::watch;
use uuid::Uuid;

use super::file::{open, transcript_name};
use super::fit::users_of;
use super::ground::Ground;
use super::lease::Turn;
use super::options::{Finished, Options, Place};
use crate::bot::{Script, Setup, drive};
use crate::rules::{Judge, Outcome};
use crate::scenario::{Case, Need};
use crate::transcript::{Event, FORMAT, Header, Member, Party, ScenarioInfo, Witness};

pub(super) fn play(
    case: &Arc<Case>,
    options: &Options,
    attempt: u32,
    turn: &Turn,
    stop: watch::Receiver<bool>,
) -> Finished {
    let began = Instant::now();
    let embedded = !matches!(options.place, Place::Target(_));
    let mut builder = tokio::runtime::Builder::new_current_thread();
    // In memory there is nothing to poll for.
    let runtime = match embedded {
        true => builder.enable_time().start_paused(true).build(),
        false => builder.enable_all().build(),
    };
    let runtime = match runtime {
        Ok(runtime) => runtime,
        Err(error) => {
            return Finished::without_run(Arc::clone(case), Outcome::Error, format!("no runtime: {error}"));
        }
    };
    let mut finished = runtime.block_on(play_in_runtime(Arc::clone(case), options, attempt, turn, stop));
    finished.seconds = began.elapsed().as_secs_f64();
    finished
}

async fn play_in_runtime(
    case: Arc<Case>,
    options: &Options,
    attempt: u32,
    turn: &Turn,
    stop: watch::Receiver<bool>,
) -> Finished {
    let seed = match options.place {
        // A server that keeps calls knows those of earlier runs, and no callId is used again.
        Place::Target(_) => Uuid::new_v4().as_u64_pair().0,
        _ => case_seed(options.seed, &case),
    };
    let users = users_of(&case);
    let tcp = case.needs.contains(&Need::Tcp);
    let ground = match Ground::of(&options.place, &users, tcp, turn) {
        Ok(ground) => ground,
        Err(why) => return Finished::without_run(case, Outcome::Error, why),
    };
    let Ground {
        dialer,
        accounts,
        hidden,
        started,
    } = ground;
    let quiet = if dialer.is_virtual() {
        Duration::from_secs(35)
    } else {
        Duration::from_millis(300)
    };
    let rig = match &options.place {
        Place::Rigged(rig) => Some(rig),
        _ => None,
    };
    let under_test =
        |who: &str| rig.is_some_and(|rig| rig.clients || rig.client.is_some_and(|fault| fault.who == who));
    let mut profile = options.place.profile().clone();
    // What is in memory is read at once, unless it is said to be otherwise.
    profile.full_rate |= dialer.is_virtual() && profile.rate_limit.is_none();
    let rate = profile.surely_reads();
    let script = Script::new(Setup {
        case: Arc::clone(&case),
        accounts,
        profile: profile.clone(),
        seed,
        time_scale: options.time_scale,
        started,
        quiet: if dialer.is_virtual() {
            quiet
        } else {
            quiet.mul_f64(options.time_scale)
        },
    })
    .with_rate(rate);
    let script = match rig.and_then(|rig| rig.client) {
        Some(fault) => script.with_fault(fault),
        None => script,
    };
    let cast = script.cast().into_iter();
    let cast: BTreeMap<String, Member> = cast
        .map(|(who, (jid, id))| {
            let party = if under_test(&who) {
                Party::Client
            } else {
                Party::Bot
            };
            (who, Member { jid, id, party })
        })
        .collect();
    let header = Header {
        callspec: FORMAT,
        version: env!("CARGO_PKG_VERSION").into(),
        scenario: ScenarioInfo {
            name: case.name.clone(),
            file: Some(case.place.file.clone()),
            rules: case.rules.clone(),
            tags: case.tags.clone(),
            case: case.matrix.clone(),
            // They are for readers of the file.
            steps: match options.transcripts {
                Some(_) => serde_json::to_value(&case.steps).unwrap_or_default(),
                None => serde_json::Value::Null,
            },
        },
        target: options.place.name(),
        profile,
        witness: Witness::Bots,
        steady: false,
        apart: 0.0,
        cast: cast.clone(),
        seed: options.seed,
        time_scale: options.time_scale,
        clock_skew: options.clock_skew,
        started: started.format(&Rfc3339).unwrap_or_default(),
    };

    let (mut writer, mut path) = (None, None);
    if let Some(folder) = &options.transcripts {
        let name = transcript_name(&case, attempt);
        match open(folder, &name, &header) {
            Ok((open, chosen)) => (writer, path) = (Some(open), Some(chosen)),
            Err(error) => {
                let at = folder.join(name);
                let reason = format!("cannot write the transcript {}.jsonl: {error}", at.display());
                return Finished::without_run(case, Outcome::Error, reason);
            }
        }
    }
    let mut judge = Judge::new(&header);
    let mut events = Vec::new();
    let mut write_error = None;
    let mut record = |mut event: Event| {
        // Before the judge too: it has to see what the transcript will show.
        hidden.hide_in(&mut event);
        judge.event(&event);
        if let Some(writer) = &mut writer
            && let Err(error) = writer.event(&event)
        {
            write_error.get_or_insert(error);
        }
        events.push(event);
    };
    drive(script, dialer, &mut record, stop).await;
    let mut verdict = judge.finish();
    verdict.waive(&case.name, &case.matrix, &options.waivers);
    let (outcome, reason) = match write_error {
        Some(error) => {
            let reason = format!("the transcript could not be written: {error}");
            (Outcome::Error, Some(reason))
        }
        None => (verdict.outcome, verdict.trouble.clone()),
    };
    if verdict.findings.is_empty() && outcome == Outcome::Passed {
        events = Vec::new();
    }
    Finished {
        case,
        outcome,
        seconds: 0.0,
        reason,
        transcript: path,
        verdict: Some(verdict),
        events,
        cast,
    }
}

/// Each case has its own seed, so that one more scenario changes no other.
fn case_seed(seed: u64, case: &Case) -> u64 {
    let name = format!("{seed}/{}/{}", case.name, case.matrix.join("/"));
    Uuid::new_v5(&Uuid::NAMESPACE_OID, name.as_bytes())
        .as_u64_pair()
        .0
}
