//! What the recording does not hold and a scenario needs: what ends did that were not recorded, when each had taken
//! in what it got, how a call began. No more is filled in than has to be.

mod beginning;
mod others;
mod taken;

use std::collections::BTreeMap;

use super::story::{Local, Story, learn_callers};
use super::tape::Tape;
use crate::protocol::Kind;
use beginning::beginnings;
use others::others;
use taken::settle;

/// Between two signals whose times are not known, in seconds.
const PACE: f64 = 0.1;

/// Fills in what is missing.
pub fn complete(story: &mut Story, tape: &Tape) {
    times(story);
    if tape.run && story.ends.iter().all(|end| end.exact) {
        return;
    }
    others(story, tape);
    learn_callers(story);
    for end in 0..story.ends.len() {
        if !story.ends[end].exact {
            settle(story, end);
        }
    }
    beginnings(story);
    learn_callers(story);
}

/// Times for a recording that holds none: a pace at which nothing comes too early.
fn times(story: &mut Story) {
    if !story.messages.iter().any(|message| message.t.is_nan()) {
        return;
    }
    story
        .filled
        .push("the times, which the recording does not hold".to_owned());
    let (mut now, mut began, mut accepted) = (0.0, BTreeMap::new(), BTreeMap::new());
    let mut at = Vec::with_capacity(story.messages.len());
    for message in &story.messages {
        now += PACE;
        if let (Some(act), Some(call)) = (message.act(), message.call.clone()) {
            let here: f64 = now;
            let since = |table: &BTreeMap<String, f64>| table.get(&call).copied().unwrap_or(here);
            if act.kind == Kind::Hangup && act.reason == Some(crate::protocol::Reason::Timeout) {
                now = now.max(since(&began) + crate::protocol::RINGING);
            }
            if let Some(duration) = act.duration.filter(|_| act.kind == Kind::Hangup) {
                // What is longer than a day is no duration that could be waited for.
                now = now.max(since(&accepted) + (duration as f64).min(86_400.0));
            }
            match act.kind {
                Kind::Initiate => drop(began.entry(call).or_insert(now)),
                Kind::Accept => drop(accepted.entry(call).or_insert(now)),
                _ => {}
            }
        }
        at.push(now);
    }
    for (message, now) in story.messages.iter_mut().zip(&at) {
        message.t = *now;
        for receipt in &mut message.receipts {
            receipt.t = *now;
            if let Some(given) = &mut receipt.reply {
                given.t = *now;
            }
        }
    }
    let mut latest = 0.0;
    for own in story.locals.iter_mut().flatten() {
        if let Local::Send(message) | Local::Hear(message, _) = own.what {
            latest = at.get(message).copied().unwrap_or(latest);
        }
        own.t = latest;
    }
}
