//! The steps of a case as they are played: each with its number, and only those between bots.

use crate::scenario::{Action, Pattern, Place, Step, What};

pub(super) fn step_number(place: &str) -> Option<usize> {
    place.strip_prefix(':')?.parse().ok()
}

pub(super) fn flatten<'s>(steps: &'s [Step], out: &mut Vec<&'s Step>) {
    for step in steps {
        match &step.action {
            Action::Together(branches) => branches.iter().for_each(|steps| flatten(steps, out)),
            Action::AnyOrder(steps) | Action::When { steps, .. } => flatten(steps, out),
            _ => out.push(step),
        }
    }
}

/// The same steps with their numbers in place of their places, and without what only the target can decide.
pub(super) fn numbered(steps: Vec<Step>, number: &mut usize, raw: &[String]) -> Vec<Step> {
    let mut kept = Vec::with_capacity(steps.len());
    for step in steps {
        let action = match step.action {
            Action::Together(branches) => Action::Together(
                branches
                    .into_iter()
                    .map(|steps| numbered(steps, number, raw))
                    .collect(),
            ),
            Action::AnyOrder(steps) => Action::AnyOrder(numbered(steps, number, raw)),
            Action::When { class, steps } => Action::When {
                class,
                steps: numbered(steps, number, raw),
            },
            action => {
                let own = *number;
                *number += 1;
                let place = Place {
                    file: String::new(),
                    line: own,
                    column: 0,
                };
                if let Some(action) = of_bots(action, raw) {
                    kept.push(Step { place, action });
                }
                continue;
            }
        };
        kept.push(Step {
            place: step.place,
            action,
        });
    }
    kept
}

/// What bots do among themselves; the rest is between one of them and the server.
fn of_bots(action: Action, raw: &[String]) -> Option<Action> {
    let is_raw = |who: &String| raw.contains(who);
    match action {
        Action::Line(_) => None,
        Action::Send(send) if is_raw(&send.who) => None,
        Action::Connection(connection) if is_raw(&connection.who) => None,
        Action::Silence { who, .. } if who.iter().any(is_raw) => None,
        Action::Expect(expect) => {
            let of_bots = matches!(expect.pattern, Pattern::Signal { .. } | Pattern::Chat { .. });
            of_bots.then_some(Action::Expect(expect))
        }
        Action::Send(mut send) => {
            // How the server takes a text word for word, it may decide.
            if matches!(send.what, What::Stanza { .. }) {
                send.answered = None;
            }
            Some(Action::Send(send))
        }
        action => Some(action),
    }
}
