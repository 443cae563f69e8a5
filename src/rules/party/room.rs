//! How far off a length of time may be for whoever did not measure it where it passed.

use crate::protocol::{Act, Breach, RINGING, ROUNDING, Role, TOLERANCE, View};

use super::track::Sight;

/// How long a signal may be under way to a party whose taking-in is not seen, before it is doubtful that it was not
/// taken in, in seconds (IQ-08 asks for its answer by then).
pub(super) const PATIENCE: f64 = 5.0;

/// How far apart a clock of whole seconds may put what happened at once, in seconds.
const STEP: f64 = 1.0;

const UNDER_WAY: &str =
    "signals were under way for some seconds, so that the time was right where it was measured";
const WAITED: &str = "its accept had been made before it could be sent";

/// What is known of a party's own lengths of time.
#[derive(Debug, Clone, Copy)]
pub(in crate::rules) struct Room {
    pub(super) sight: Sight,
    pub(super) role: Role,
    /// When the answer to the initiate was seen.
    pub(super) rang_by: Option<f64>,
    /// The time since its accept, by what both signals say themselves, where that accept may have been sent long after it
    /// was made.
    pub(super) talked: Option<f64>,
    /// The time since its initiate, by what both signals say themselves, where it was not recorded when they were sent.
    pub(super) called: Option<f64>,
}

impl Room {
    /// Of whom every event stands where it happened.
    pub const EXACT: Room = Room {
        sight: Sight::Exact,
        role: Role::Caller,
        rang_by: None,
        talked: None,
        called: None,
    };

    /// Why this length of time was perhaps right where it was measured.
    pub fn excuses(&self, breach: &Breach, view: &View, act: &Act, at: f64) -> Option<&'static str> {
        let since = |since: Option<f64>| since.map_or(f64::NEG_INFINITY, |since| at - since);
        let rang = since(view.initiated_at());
        match breach.rule {
            "TM-01" => {
                let patient = |rang: f64| rang >= RINGING - TOLERANCE;
                // Its connection may have stood still for longer than anybody is patient.
                let held = self.called.is_some_and(patient);
                (held || patient(rang + self.beyond(Role::Caller))).then_some(UNDER_WAY)
            }
            "TM-04" => {
                let lasted = act.duration.unwrap_or_default() as f64 - ROUNDING;
                let near = lasted <= since(view.accepted_at()) + self.beyond(Role::Callee);
                let waited = || self.talked.is_some_and(|talked| lasted <= talked);
                near.then_some(UNDER_WAY).or_else(|| waited().then_some(WAITED))
            }
            "TM-07" => (self.rang_for(rang, at) <= RINGING + TOLERANCE).then_some(UNDER_WAY),
            _ => None,
        }
    }

    /// How much longer something may have lasted that begins with a signal of this side.
    fn beyond(&self, role: Role) -> f64 {
        match self.sight {
            // What began with a signal of its own began earlier than that was seen.
            Sight::Far if self.role == role => PATIENCE,
            // What came in is put behind its sending where a clock of whole seconds has it before that.
            Sight::Far => STEP,
            Sight::Wire | Sight::Exact => 0.0,
        }
    }

    /// The least that it can have rung: what came in may have been taken in later than that, and what was sent from afar
    /// was sent earlier.
    fn rang_for(&self, rang: f64, at: f64) -> f64 {
        match (self.sight, self.rang_by) {
            (Sight::Exact, _) => rang,
            (Sight::Wire, Some(by)) => (at - by).max(rang - PATIENCE),
            _ => rang - PATIENCE,
        }
    }
}
