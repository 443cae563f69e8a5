//! How a call began of which only the rest was recorded.

use super::super::story::{Given, Local, Message, Own, Receipt, Reply, Story, Thing};
use super::super::tape::At;
use super::taken::breaks;
use crate::protocol::{Act, Kind, Role, View};

/// What a call that is connected began with.
const BEGINNING: [(Kind, Role); 4] = [
    (Kind::Initiate, Role::Caller),
    (Kind::Accept, Role::Callee),
    (Kind::Offer, Role::Caller),
    (Kind::Answer, Role::Callee),
];

/// Puts a beginning in front of calls that had begun before the recording: the shortest that makes the rest lawful.
pub fn beginnings(story: &mut Story) {
    for call in story.calls.clone() {
        let of_call = |message: &&Message| message.call.as_deref() == Some(call.as_str());
        let messages: Vec<&Message> = story.messages.iter().filter(of_call).collect();
        let begun = messages
            .iter()
            .any(|m| matches!(m.thing, Thing::Signal(Kind::Initiate)));
        let whole = messages.iter().any(|m| {
            let seen = |end: usize| story.ends[end].recorded && !story.ends[end].late;
            seen(m.from) || m.receipts.iter().any(|receipt| seen(receipt.end))
        });
        let (Some(first), false, false) = (messages.first(), begun, whole) else {
            continue;
        };
        let Some(caller) = story.caller(&call) else {
            continue;
        };
        let others = messages.iter().flat_map(|m| {
            let hears = m.receipts.iter().map(|receipt| receipt.end);
            hears.chain([m.from])
        });
        let Some(callee) = others.filter(|end| !story.same_user(*end, caller)).min() else {
            continue;
        };
        let wrong = |length: usize| {
            let mut views = [View::new(Role::Caller), View::new(Role::Callee)];
            let acts = BEGINNING.iter().take(length).map(|(kind, role)| {
                let act = Act {
                    kind: *kind,
                    reason: None,
                    duration: None,
                    muted: None,
                };
                (act, *role)
            });
            let recorded = messages
                .iter()
                .filter_map(|m| Some((m.act()?, story.role(&call, m.from))));
            let mut wrong = 0;
            for (act, role) in acts.chain(recorded) {
                let [own, other] = match role {
                    Role::Caller => [0, 1],
                    Role::Callee => [1, 0],
                };
                if breaks(&views[own], &act, f64::NAN) {
                    wrong += 1;
                } else {
                    views[own].sent(&act, f64::NAN);
                }
                views[other].received(&act, f64::NAN);
            }
            wrong
        };
        let length = (0..=BEGINNING.len())
            .min_by_key(|length| wrong(*length))
            .unwrap_or(0);
        if length == 0 {
            continue;
        }
        // Early enough for what the hangup says of the call's length.
        let told = messages.iter().filter_map(|m| {
            let duration = m.act()?.duration?;
            Some(m.t - (duration as f64).min(86_400.0))
        });
        let (pos, at, t) = (first.pos, first.at, told.fold(first.t, f64::min));
        begin(story, &call, length, [caller, callee], (pos, at, t));
        let names: Vec<&str> = BEGINNING
            .iter()
            .take(length)
            .map(|(kind, _)| kind.name())
            .collect();
        story
            .filled
            .push(format!("{}, since the recording begins later", names.join(", ")));
        if length > 2 {
            story.plain.insert(call.clone());
            story.filled.push(
                "sample candidates, since the descriptions that they belong to were not recorded".to_owned(),
            );
        }
    }
}

fn begin(
    story: &mut Story,
    call: &str,
    length: usize,
    [caller, callee]: [usize; 2],
    (pos, at, t): (usize, At, f64),
) {
    let of_call = |own: &Own, story: &Story| match own.what {
        Local::Send(message) | Local::Hear(message, _) => {
            story.messages[message].call.as_deref() == Some(call)
        }
        _ => false,
    };
    let mut places = [caller, callee].map(|end| {
        let mut locals = story.locals[end].iter();
        locals.position(|own| of_call(own, story)).unwrap_or(0)
    });
    for (kind, role) in BEGINNING.iter().take(length) {
        let (from, to) = match role {
            Role::Caller => (caller, callee),
            Role::Callee => (callee, caller),
        };
        let index = story.messages.len();
        let given = Given {
            reply: Reply::Result,
            t,
            pos,
        };
        story.messages.push(Message {
            from,
            thing: Thing::Signal(*kind),
            said: None,
            call: Some(call.to_owned()),
            t,
            pos,
            at,
            seen: false,
            receipts: vec![Receipt {
                end: to,
                t,
                at: None,
                changed: false,
                reply: Some(given.clone()),
            }],
            reply: Some(given),
            asks: true,
            copies: 0,
        });
        for (end, place) in [caller, callee].into_iter().zip(&mut places) {
            let what = if end == from {
                Local::Send(index)
            } else {
                Local::Hear(index, 0)
            };
            story.locals[end].insert(*place, Own { pos, t, what });
            *place += 1;
        }
    }
}
