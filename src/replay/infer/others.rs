//! Ends that were not recorded: what they got, and when they were away.

use std::collections::BTreeMap;

use super::super::story::{Given, Local, Own, Receipt, Reply, Story, add_end};
use super::super::tape::{Deed, Tape};
use crate::stanza::{NOBODY, resource};

/// How long somebody may take to answer before it counts as silence, in seconds.
const PATIENCE: f64 = 5.0;

/// Gives what was sent to ends that were not recorded to them, as the answers tell.
pub fn others(story: &mut Story, tape: &Tape) {
    let last = tape
        .marks
        .iter()
        .map(|mark| mark.t)
        .filter(|t| !t.is_nan())
        .fold(0.0, f64::max);
    let mut away: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
    for index in 0..story.messages.len() {
        let message = &story.messages[index];
        if !message.seen || !message.receipts.is_empty() || message.said.is_none() {
            continue;
        }
        let Some(to) = message.to().map(str::to_owned) else {
            continue;
        };
        let known = story.end_at(&to);
        if known.is_some_and(|end| story.ends[end].recorded && runs(tape, end, message.pos)) {
            continue;
        }
        let bounced = match &message.reply {
            Some(Given {
                reply: Reply::Error(condition),
                ..
            }) => is_bounce(condition),
            Some(_) => false,
            // Chat to somebody else is not answered, and no call's affair.
            None if !message.asks => known.is_none(),
            None => known.is_none() && resource(&to).is_none(),
        };
        if bounced {
            if let Some(end) = known.filter(|end| !story.ends[*end].recorded) {
                away.entry(end).or_default().push(message.pos);
            }
            continue;
        }
        let end = match known {
            Some(end) => end,
            None if resource(&to).is_some() => add_end(story, &to),
            None => add_end(story, &format!("{to}/device")),
        };
        hears(story, index, end, last, tape.answers);
    }
    for locals in &mut story.locals {
        locals.sort_by_key(|own| own.pos);
    }
    for (end, bounces) in away {
        leaves(story, end, &bounces);
    }
}

/// Whether this recorded end's connection was being recorded there.
fn runs(tape: &Tape, end: usize, pos: usize) -> bool {
    let mut running = false;
    for (at, mark) in tape.marks.iter().enumerate().filter(|(_, mark)| mark.end == end) {
        match mark.deed {
            Deed::Stops if at < pos => running = false,
            Deed::Stops => {}
            // Whoever has left is known to be away.
            _ if at <= pos => running = true,
            _ => {}
        }
    }
    running
}

fn is_bounce(condition: &str) -> bool {
    NOBODY.contains(&condition) || condition == "remote-server-not-found"
}

/// An end that was not recorded got this message: as its answer tells, or as nothing speaks against.
fn hears(story: &mut Story, index: usize, end: usize, last: f64, answers: bool) {
    let Some(message) = story.messages.get_mut(index) else {
        return;
    };
    let silent = message.asks && message.reply.is_none() && answers && last - message.t > PATIENCE;
    let (pos, t) = (message.pos, message.t);
    let given = match &message.reply {
        Some(given) => Some(given.clone()),
        None if silent => None,
        None => Some(Given {
            reply: Reply::Result,
            t,
            pos: usize::MAX,
        }),
    };
    message.receipts.push(Receipt {
        end,
        t,
        at: None,
        changed: false,
        reply: given,
    });
    let what = Local::Hear(index, message.receipts.len() - 1);
    if let Some(locals) = story.locals.get_mut(end) {
        locals.push(Own { pos, t, what });
    }
}

/// Where something to it bounced, an end that was not recorded was away.
fn leaves(story: &mut Story, end: usize, bounces: &[usize]) {
    let Some(locals) = story.locals.get_mut(end) else {
        return;
    };
    let mut out: Vec<Own> = Vec::new();
    let mut away = false;
    let mut bounces = bounces.iter().copied().peekable();
    let (mut left, mut begins_away) = (false, false);
    for own in locals.drain(..) {
        while let Some(pos) = bounces.next_if(|pos| *pos < own.pos) {
            if !away {
                away = true;
                if out.is_empty() {
                    begins_away = true;
                } else {
                    let what = Local::Goes { cut: false };
                    out.push(Own { pos, t: own.t, what });
                }
            }
        }
        if away {
            away = false;
            left = true;
            let (pos, t) = (own.pos, own.t);
            out.push(Own {
                pos,
                t,
                what: Local::Comes,
            });
        }
        out.push(own);
    }
    if let Some(pos) = bounces.next().filter(|_| !out.is_empty()) {
        left = true;
        let t = out.last().map_or(0.0, |own| own.t);
        out.push(Own {
            pos,
            t,
            what: Local::Goes { cut: false },
        });
    }
    *locals = out;
    if begins_away {
        story.there[end] = false;
    }
    if left {
        story
            .filled
            .push("when somebody was away: what bounced tells it".to_owned());
    }
}
