//! The line that moves while a suite runs, on a terminal only: what is running, how much is done, how long it may take.

use super::terminal::duration;

/// One running case.
#[derive(Debug, Clone, PartialEq)]
pub struct Running {
    pub title: String,
    /// Seconds since it began.
    pub since: f64,
    /// Seconds that it waits on purpose.
    pub length: f64,
}

/// How far a suite is.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Standing {
    /// The oldest first.
    pub running: Vec<Running>,
    pub total: usize,
    pub done: usize,
    pub failed: usize,
    /// Seconds since the suite began.
    pub since: f64,
    /// Seconds that what is done and what is not yet begun waits on purpose.
    pub done_length: f64,
    pub waiting_length: f64,
    pub jobs: usize,
}

/// What a case costs beside its waits, before anything is known.
const COST: f64 = 0.2;

impl Standing {
    /// The line.
    pub fn line(&self) -> String {
        let mut out = String::new();
        if let Some(oldest) = self.running.first() {
            out.push_str(&oldest.title);
            if oldest.length >= 1.0 {
                out.push_str(&format!(
                    "  {:.0} s of {:.0} s",
                    oldest.since,
                    oldest.length.max(oldest.since)
                ));
            } else if oldest.since >= 1.0 {
                out.push_str(&format!("  {:.0} s", oldest.since));
            }
            if self.running.len() > 1 {
                out.push_str(&format!(" (and {} more)", self.running.len() - 1));
            }
            out.push_str("  ");
        }
        out.push_str(&format!("[{} of {} done", self.done, self.total));
        if self.failed > 0 {
            out.push_str(&format!(", {} failed", self.failed));
        }
        if let Some(left) = self.left() {
            out.push_str(&format!(", about {} left", duration_about(left)));
        }
        out.push(']');
        out
    }

    /// Seconds that it may still take; `None` while that would be a guess.
    fn left(&self) -> Option<f64> {
        if self.since < 2.0 || self.done == 0 {
            return None;
        }
        let waiting = self.total.saturating_sub(self.done + self.running.len());
        let work = |cases: usize, length: f64| cases as f64 * COST + length;
        let done = work(self.done, self.done_length).max(COST);
        let begun: f64 = self
            .running
            .iter()
            .map(|case| COST + case.length.min(case.since))
            .sum();
        let pace = ((done + begun) / self.since).max(0.1);
        let rest = |case: &Running| COST + (case.length - case.since).max(0.0);
        let running: f64 = self.running.iter().map(rest).sum();
        let longest = self.running.iter().map(rest).fold(0.0, f64::max);
        Some((work(waiting, self.waiting_length) + running).max(0.0) / pace).map(|left| left.max(longest))
    }
}

fn duration_about(seconds: f64) -> String {
    match seconds {
        s if s < 120.0 => format!("{:.0} s", s.max(1.0)),
        s => duration((s / 10.0).round() * 10.0),
    }
}
