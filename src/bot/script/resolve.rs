//! The steps of a case as this target has to be played.

use std::collections::BTreeSet;
use std::time::Duration;

use crate::profile::Profile;
use crate::scenario::{Action, Expect, Pattern, Send, Step, What};

/// Keeps the steps that are meant for this class of target, and fills in what its profile says.
pub(super) fn for_profile(steps: Vec<Step>, profile: &Profile) -> Vec<Step> {
    let mut kept = Vec::with_capacity(steps.len());
    for step in steps {
        let place = step.place;
        match step.action {
            Action::When { class: wanted, steps } => {
                if wanted == profile.class {
                    kept.extend(for_profile(steps, profile));
                }
            }
            Action::Together(branches) => {
                let branches = branches
                    .into_iter()
                    .map(|steps| for_profile(steps, profile))
                    .collect();
                kept.push(Step {
                    place,
                    action: Action::Together(branches),
                });
            }
            Action::AnyOrder(steps) => {
                kept.push(Step {
                    place,
                    action: Action::AnyOrder(for_profile(steps, profile)),
                });
            }
            Action::KeepAlive => {
                let length = Duration::from_secs_f64(profile.keep_alive.unwrap_or(60.0).clamp(0.0, 86_400.0));
                kept.push(Step {
                    place,
                    action: Action::Wait(length),
                });
            }
            action => kept.push(Step { place, action }),
        }
    }
    kept
}

pub(super) fn collect_labels(steps: &[Step], labels: &mut BTreeSet<String>) {
    for step in steps {
        match &step.action {
            Action::Send(Send {
                what: What::Signal { call, .. },
                ..
            }) => {
                labels.insert(call.clone());
            }
            Action::Expect(Expect {
                pattern: Pattern::Signal { call, .. },
                ..
            }) => {
                labels.insert(call.clone());
            }
            Action::Together(branches) => branches.iter().for_each(|steps| collect_labels(steps, labels)),
            Action::AnyOrder(steps) | Action::When { steps, .. } => collect_labels(steps, labels),
            _ => {}
        }
    }
}
