//! Which calls a recording holds, and those that belong together: what goes on at the same time between the same users
//! is one scenario.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use super::tape::{Deed, Mark, Said, Tape};
use crate::stanza::{IqType, Stanza, bare, fold};

/// Calls that belong together, and all that was recorded of them.
#[derive(Debug, Clone)]
pub struct Take {
    /// Their callIds, in the order in which they began.
    pub calls: Vec<String>,
    pub tape: Tape,
}

#[derive(Debug, Clone, Default)]
struct Span {
    first: usize,
    last: usize,
    users: BTreeSet<String>,
}

/// The calls of a tape in takes. `only`: the one call that is wanted, by its callId or the beginning of it.
///
/// # Errors
/// One sentence: that call is not in it, or more than one begins so.
pub fn takes(tape: Tape, only: Option<&str>) -> Result<Vec<Take>, String> {
    let spans = spans(&tape);
    let mut order: Vec<&String> = spans.keys().collect();
    order.sort_by_key(|call| spans.get(*call).map(|span| span.first));
    if let Some(only) = only {
        let only = only.to_lowercase();
        let found: Vec<&&String> = order.iter().filter(|call| call.starts_with(&only)).collect();
        return match found.as_slice() {
            [call] => {
                let calls = vec![(**call).clone()];
                let tape = part(&tape, &calls, &spans);
                Ok(vec![Take { calls, tape }])
            }
            [] => {
                let known: Vec<&str> = order.iter().take(20).map(|call| call.as_str()).collect();
                Err(format!("there is no call {only}; there are {}", known.join(", ")))
            }
            _ => Err(format!("{} calls begin with {only}", found.len())),
        };
    }
    if tape.run || order.len() == 1 {
        let calls = order.into_iter().cloned().collect();
        return Ok(vec![Take { calls, tape }]);
    }
    let mut groups: Vec<(Vec<String>, Span)> = Vec::new();
    for call in order {
        let Some(span) = spans.get(call) else { continue };
        let mut merged = (vec![call.clone()], span.clone());
        let (with, without): (Vec<_>, Vec<_>) = groups
            .into_iter()
            .partition(|(_, other)| other.last >= span.first && !other.users.is_disjoint(&span.users));
        groups = without;
        for (calls, other) in with {
            merged.0 = [calls, merged.0].concat();
            merged.1.first = merged.1.first.min(other.first);
            merged.1.last = merged.1.last.max(other.last);
            merged.1.users.extend(other.users);
        }
        groups.push(merged);
    }
    groups.sort_by_key(|(_, span)| span.first);
    let take = |(calls, _): (Vec<String>, Span)| Take {
        tape: part(&tape, &calls, &spans),
        calls,
    };
    Ok(groups.into_iter().map(take).collect())
}

fn said(mark: &Mark) -> Option<&Said> {
    match &mark.deed {
        Deed::Sent(said) | Deed::Got(said) => Some(said),
        _ => None,
    }
}

/// The two users of a stanza, as far as they are known.
fn users(tape: &Tape, mark: &Mark) -> BTreeSet<String> {
    let own = tape.ends.get(mark.end).map(|end| fold(end.bare()));
    let stanza = said(mark).and_then(|said| said.stanza.as_ref());
    let other = match mark.deed {
        Deed::Sent(_) => stanza.and_then(Stanza::to),
        _ => stanza.and_then(Stanza::from),
    };
    let other = other.map(|jid| fold(bare(jid)));
    own.into_iter().chain(other).map(Cow::into_owned).collect()
}

fn spans(tape: &Tape) -> BTreeMap<String, Span> {
    let mut spans: BTreeMap<String, Span> = BTreeMap::new();
    for (at, mark) in tape.marks.iter().enumerate() {
        let Some(call) = said(mark).and_then(Said::call) else {
            continue;
        };
        let span = spans.entry(call).or_insert_with(|| Span {
            first: at,
            ..Span::default()
        });
        span.last = at;
        span.users.extend(users(tape, mark));
    }
    spans
}

/// What belongs to these calls.
fn part(tape: &Tape, calls: &[String], spans: &BTreeMap<String, Span>) -> Tape {
    let own: Vec<&Span> = calls.iter().filter_map(|call| spans.get(call)).collect();
    let first = own.iter().map(|span| span.first).min().unwrap_or(0);
    let last = own.iter().map(|span| span.last).max().unwrap_or(0);
    let people: BTreeSet<&String> = own.iter().flat_map(|span| &span.users).collect();
    let mut asked: BTreeSet<(usize, String)> = BTreeSet::new();
    // Where each end stood before.
    let mut before: BTreeMap<usize, Mark> = BTreeMap::new();
    let mut marks = Vec::new();
    let mut seen = BTreeSet::new();
    for (at, mark) in tape.marks.iter().enumerate() {
        let Some(said) = said(mark) else {
            if at < first {
                before.insert(mark.end, mark.clone());
            } else if at <= last || matches!(mark.deed, Deed::Stops) {
                marks.push(mark.clone());
            }
            continue;
        };
        let id = (mark.end, said.id().unwrap_or_default().to_owned());
        let within =
            (first..=last).contains(&at) && users(tape, mark).iter().all(|user| people.contains(user));
        let wanted = match said.iq() {
            Some(IqType::Result | IqType::Error) => asked.contains(&id),
            _ => match said.call() {
                Some(call) => calls.contains(&call),
                None => within,
            },
        };
        if wanted {
            asked.insert(id);
            seen.insert(mark.end);
            marks.push(mark.clone());
        }
    }
    let away = |mark: &Mark| !matches!(mark.deed, Deed::Comes);
    let there: Vec<Mark> = before
        .into_iter()
        .filter(|(end, mark)| seen.contains(end) && !away(mark))
        .map(|(_, mark)| mark)
        .collect();
    marks.retain(|mark| seen.contains(&mark.end));
    let mut kept = tape.without_marks();
    kept.marks = there.into_iter().chain(marks).collect();
    kept.keep_ends(&seen);
    kept
}
