//! The time that a server needs for what was said to it, if it reads each stream only so fast: nothing that it may still
//! have before it is late.

use std::collections::BTreeMap;
use std::time::Duration;

/// Shorter than this is no holding back.
const NOTHING: Duration = Duration::from_millis(100);
/// A server that reads in lots does so this far apart at the most.
const LOT: Duration = Duration::from_secs(1);

/// What each bot has said, and when such a server has read it.
#[derive(Debug, Default)]
pub struct Pace {
    /// Bytes a second; `None`: it reads at once.
    rate: Option<u64>,
    until: BTreeMap<String, Duration>,
}

impl Pace {
    pub fn new(rate: Option<u64>) -> Pace {
        Pace {
            rate: rate.map(|rate| rate.max(1)),
            until: BTreeMap::new(),
        }
    }

    pub fn said(&mut self, who: &str, now: Duration, bytes: usize) {
        if let Some(rate) = self.rate {
            let takes = Duration::from_secs_f64(bytes as f64 / rate as f64);
            let until = self.until.entry(who.to_owned()).or_default();
            *until = (*until).max(now) + takes;
        }
    }

    /// A new stream begins.
    pub fn forget(&mut self, who: &str) {
        self.until.remove(who);
    }

    /// How much longer than usual anything may take that begins now.
    pub fn allowance(&self, now: Duration) -> Duration {
        let last = self.until.values().max().copied().unwrap_or_default();
        let held = last.saturating_sub(now);
        if held < NOTHING {
            Duration::ZERO
        } else {
            held.mul_f64(1.2) + LOT
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_fullest_stream_counts_until_it_is_read() {
        let at = Duration::from_secs_f64;
        let mut pace = Pace::new(Some(1_000));
        pace.said("alice", at(1.0), 2_000);
        pace.said("alice", at(1.5), 500);
        pace.said("bob", at(1.5), 50);
        assert_eq!(pace.allowance(at(1.5)), at(2.0).mul_f64(1.2) + LOT);
        assert_eq!(pace.allowance(at(3.45)), Duration::ZERO);
        pace.forget("alice");
        assert_eq!(pace.allowance(at(1.5)), Duration::ZERO);
        let mut quick = Pace::default();
        quick.said("alice", at(1.0), 1 << 20);
        assert_eq!(quick.allowance(at(1.0)), Duration::ZERO);
    }
}
