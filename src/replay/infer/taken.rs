//! When an end had taken in what it got.

use std::collections::BTreeMap;

use super::super::story::{Local, Own, Story};
use crate::protocol::{Act, Ruling, View};

/// How many messages an end may have had before it that it had not looked at.
const UNSURE: usize = 64;

/// Puts what an end got where it may have taken it in: after it came, no later than it was answered, and such that
/// what the end sent was lawful if any order makes it so.
pub fn settle(story: &mut Story, end: usize) {
    let locals = std::mem::take(&mut story.locals[end]);
    let recorded = story.ends[end].recorded;
    // Each answer that was given is a moment by which all before it had been taken in.
    let mut items: Vec<(usize, u8, Option<Own>, usize)> = Vec::new();
    for (at, own) in locals.into_iter().enumerate() {
        let ack = match own.what {
            Local::Hear(message, receipt) => {
                let message = &story.messages[message];
                let given = if recorded {
                    message
                        .receipts
                        .get(receipt)
                        .and_then(|receipt| receipt.reply.as_ref())
                } else {
                    message.reply.as_ref()
                };
                given.map(|given| given.pos)
            }
            _ => None,
        };
        let pos = own.pos;
        if let Some(ack) = ack {
            items.push((ack, 0, None, at));
        }
        items.push((pos, 1, Some(own), at));
    }
    items.sort_by_key(|(pos, rank, _, at)| (*pos, *rank, *at));
    let mut waiting: Vec<(usize, Own)> = Vec::new();
    let mut views: BTreeMap<String, View> = BTreeMap::new();
    let mut out: Vec<Own> = Vec::new();
    for (pos, _, own, at) in items {
        let Some(own) = own else {
            // It answered this one.
            if let Some(k) = waiting.iter().position(|(waits, _)| *waits == at) {
                let t = waiting[k].1.t;
                take_in(story, end, &mut waiting, k + 1, &mut views, &mut out, (pos, t));
            }
            continue;
        };
        match own.what {
            Local::Hear(..) => waiting.push((at, own)),
            Local::Send(message) => {
                let lawful = |taken: usize| {
                    let mut views = views.clone();
                    for (_, own) in waiting.iter().take(taken) {
                        receive(story, end, own, &mut views);
                    }
                    may_send(story, end, message, own.t, &mut views)
                };
                let most = waiting.len();
                let least = most.saturating_sub(UNSURE);
                let taken = (least..=most).rev().find(|taken| lawful(*taken)).unwrap_or(most);
                // Chat and what is no signal say nothing of what its sender has seen.
                let taken = if story.messages[message].act().is_some() {
                    taken
                } else {
                    0
                };
                take_in(
                    story,
                    end,
                    &mut waiting,
                    taken,
                    &mut views,
                    &mut out,
                    (own.pos, own.t),
                );
                if may_send(story, end, message, own.t, &mut views) {
                    send(story, end, message, own.t, &mut views);
                }
                out.push(own);
            }
            _ => {
                let most = waiting.len();
                take_in(
                    story,
                    end,
                    &mut waiting,
                    most,
                    &mut views,
                    &mut out,
                    (own.pos, own.t),
                );
                out.push(own);
            }
        }
    }
    out.extend(waiting.into_iter().map(|(_, own)| own));
    story.locals[end] = out;
}

fn take_in(
    story: &Story,
    end: usize,
    waiting: &mut Vec<(usize, Own)>,
    count: usize,
    views: &mut BTreeMap<String, View>,
    out: &mut Vec<Own>,
    (pos, t): (usize, f64),
) {
    for (_, own) in waiting.drain(..count) {
        receive(story, end, &own, views);
        out.push(Own {
            pos,
            t: t.max(own.t),
            ..own
        });
    }
}

fn view<'v>(story: &Story, end: usize, call: &str, views: &'v mut BTreeMap<String, View>) -> &'v mut View {
    views
        .entry(call.to_owned())
        .or_insert_with(|| View::new(story.role(call, end)))
}

fn receive(story: &Story, end: usize, own: &Own, views: &mut BTreeMap<String, View>) {
    if let Local::Hear(message, _) = own.what {
        let message = &story.messages[message];
        if let (Some(act), Some(call)) = (message.act(), message.call.as_deref()) {
            view(story, end, call, views).received(&act, own.t);
        }
    }
}

fn may_send(story: &Story, end: usize, message: usize, at: f64, views: &mut BTreeMap<String, View>) -> bool {
    let message = &story.messages[message];
    match (message.act(), message.call.as_deref()) {
        (Some(act), Some(call)) => !breaks(view(story, end, call, views), &act, at),
        _ => true,
    }
}

/// Whether it breaks a rule of order, reason or time.
pub fn breaks(view: &View, act: &Act, at: f64) -> bool {
    let rulings = view.may_send(act, at);
    rulings.iter().any(|ruling| matches!(ruling, Ruling::Breach(_)))
}

fn send(story: &Story, end: usize, message: usize, at: f64, views: &mut BTreeMap<String, View>) {
    let message = &story.messages[message];
    if let (Some(act), Some(call)) = (message.act(), message.call.as_deref()) {
        view(story, end, call, views).sent(&act, at);
    }
}
