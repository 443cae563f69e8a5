//! A recorded call in a sentence, for the head of its scenario.

use super::names::Cast;
use super::story::Story;
use crate::protocol::{Act, Kind, Role, State, View};

/// One sentence: who calls whom, and how it ends.
pub fn about(story: &Story, cast: &Cast) -> String {
    let Some(call) = story.calls.first() else {
        return "What was recorded, without a call.".to_owned();
    };
    let caller = story.caller(call).map_or("somebody", |end| &cast.users[end]);
    let end = story
        .messages
        .iter()
        .rev()
        .filter(|message| message.call.as_ref() == Some(call))
        .find_map(|message| {
            let act = message.act()?;
            let who = &cast.users[message.from];
            match (act.kind, act.reason) {
                (Kind::Hangup, Some(reason)) => {
                    Some(format!("ends with a hangup ({}) by {who}", reason.wire()))
                }
                (Kind::Reject, _) => Some(format!("{who} declines")),
                (Kind::Busy, _) => Some(format!("{who} answers busy")),
                _ => None,
            }
        });
    let end = end.unwrap_or_else(|| "does not end in the recording".to_owned());
    match story.calls.len() {
        1 => format!("A call of {caller}, as it was recorded; it {end}."),
        n => format!("{n} calls, as they were recorded; the first, of {caller}, {end}."),
    }
}

/// Why calls of this story may still be alive at its end, if they may.
pub fn left_open(story: &Story) -> Option<&'static str> {
    let ends = |call: &String| {
        let mut views = [View::new(Role::Caller), View::new(Role::Callee)];
        for message in story.messages.iter().filter(|m| m.call.as_ref() == Some(call)) {
            let Some(act) = message.act() else { continue };
            let own = match story.role(call, message.from) {
                Role::Caller => 0,
                Role::Callee => 1,
            };
            step(&mut views, own, &act, !message.receipts.is_empty());
        }
        views
            .iter()
            .all(|view| matches!(view.state(), State::Idle | State::Ended))
    };
    (!story.calls.iter().all(ends)).then_some("the recording ends while the call is alive")
}

fn step(views: &mut [View; 2], own: usize, act: &Act, came: bool) {
    if let Some(view) = views.get_mut(own) {
        view.sent(act, f64::NAN);
    }
    if let (true, Some(view)) = (came, views.get_mut(1 - own)) {
        view.received(act, f64::NAN);
    }
}
