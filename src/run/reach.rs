//! Whether the target still lets anybody in, as the cases find out one after the other.

use std::sync::{Mutex, MutexGuard, PoisonError};

/// Whoever refuses one login may only have been short of breath, and takes the next. So many times after each other
/// nobody got in, each time begun after the time before had failed: then nobody will.
const REFUSALS: u32 = 2;

#[derive(Debug, Default)]
struct State {
    refusals: u32,
    gone: Option<String>,
}

/// What all cases know of it.
#[derive(Debug, Default)]
pub(super) struct Reach(Mutex<State>);

impl Reach {
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Why the target can no longer be tested, or else how often nobody got in so far: a case says with this, after its
    /// end, what it began with.
    pub fn begin(&self) -> Result<u32, String> {
        let state = self.state();
        state.gone.clone().map_or(Ok(state.refusals), Err)
    }

    /// Somebody got in.
    pub fn came_in(&self) {
        self.state().refusals = 0;
    }

    /// Nobody got in, in the course of a case that began with this. Those that failed side by side saw one failure.
    pub fn refused(&self, began: u32, why: &str) {
        let mut state = self.state();
        if began != state.refusals {
            return;
        }
        state.refusals += 1;
        if state.refusals >= REFUSALS && state.gone.is_none() {
            state.gone = Some(format!("the target went away: {why}"));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_fails_side_by_side_is_one_failure() {
        let reach = Reach::default();
        for began in [reach.begin(), reach.begin(), reach.begin()] {
            reach.refused(began.expect("still there"), "down");
        }
        let began = reach.begin().expect("once is not enough");
        reach.refused(began, "down");
        assert_eq!(reach.begin(), Err("the target went away: down".to_owned()));
    }

    #[test]
    fn whoever_gets_in_ends_the_doubt() {
        let reach = Reach::default();
        for _ in 0..10 {
            let began = reach.begin().expect("still there");
            reach.refused(began, "busy");
            reach.came_in();
        }
    }
}
