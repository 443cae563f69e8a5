//! What it costs whoever sends a signal that breaks something, and whether that moves a view.

use super::room::Room;
use crate::protocol::{Act, Ruling, View};
use crate::rules::{Level, rule};

/// What a signal costs: musts, shoulds, lengths of time that were perhaps right where they were measured, and remarks,
/// counted apart.
pub(super) type Cost = [u32; 4];
pub(super) const DOUBT: usize = 2;
const REMARK: usize = 3;

/// What a signal breaks, the slot of its cost, and why it is perhaps no breach.
#[derive(Debug, Clone)]
pub(super) struct Weighed {
    pub ruling: Ruling,
    pub slot: Option<usize>,
    pub doubt: Option<&'static str>,
}

impl Weighed {
    pub fn new(ruling: Ruling, view: &View, act: &Act, at: f64, room: &Room) -> Weighed {
        let doubt = match &ruling {
            Ruling::Breach(breach) => room.excuses(breach, view, act, at),
            _ => None,
        };
        let slot = match weight(&ruling) {
            Some(2) => Some(REMARK),
            Some(_) if doubt.is_some() => Some(DOUBT),
            slot => slot,
        };
        Weighed { ruling, slot, doubt }
    }
}

/// What it costs whoever sends it: a must (0), a should (1), a remark (2), or nothing.
pub fn weight(ruling: &Ruling) -> Option<usize> {
    match ruling {
        Ruling::Legal => None,
        Ruling::Ambiguous(_) => Some(2),
        Ruling::Breach(breach) => match rule(breach.rule).map(|rule| rule.level) {
            Some(Level::Must) => Some(0),
            Some(Level::Should) => Some(1),
            _ => Some(2),
        },
    }
}

/// Whether this rule is broken.
pub(super) fn breaks(rulings: &[Ruling], rule: &str) -> bool {
    rulings.iter().any(|ruling| is_breach_of(ruling, rule))
}

fn is_breach_of(ruling: &Ruling, rule: &str) -> bool {
    matches!(ruling, Ruling::Breach(breach) if breach.rule == rule)
}

/// Whether a must is broken.
pub(super) fn is_broken(rulings: &[Ruling]) -> bool {
    rulings.iter().any(is_must)
}

pub(super) fn is_must(ruling: &Ruling) -> bool {
    weight(ruling) == Some(0)
}

/// Whether a view may stay where it is, and whether it may move. What is out of order moves nothing (ST-17). A
/// hangup that gives a wrong reason, comes too early or is malformed is one that a reader may well act on.
pub fn effect(rulings: &[Ruling], doubtful: bool) -> (bool, bool) {
    effect_of(rulings.iter(), doubtful)
}

pub(super) fn effect_of<'a>(
    rulings: impl Iterator<Item = &'a Ruling> + Clone,
    doubtful: bool,
) -> (bool, bool) {
    let wrong = |strict: bool| {
        rulings.clone().any(|ruling| match ruling {
            Ruling::Breach(breach) => {
                let order = breach.rule.starts_with("ST-") && breach.rule != "ST-12";
                is_must(ruling) && order == strict
            }
            _ => false,
        })
    };
    // An accept that comes late connects nothing (TM-07), and few will turn it down.
    if wrong(true) {
        (true, false)
    } else {
        (
            doubtful || wrong(false) || rulings.clone().any(|r| is_breach_of(r, "TM-07")),
            true,
        )
    }
}
