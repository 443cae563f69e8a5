//! How long a server may take that reads each stream only so fast, and loses nothing.

use std::collections::BTreeMap;

use crate::profile::Profile;

/// A server that reads in lots does so this many seconds apart at the most.
const LOT: f64 = 1.0;

/// What each connection has said, and when such a server would have read it.
#[derive(Debug)]
pub(super) struct Pace {
    /// Bytes a second; `None`: it reads at once.
    rate: Option<f64>,
    /// Whether the profile names the rate.
    told: bool,
    /// Until when it reads what was said, by connection.
    until: BTreeMap<u64, f64>,
}

impl Pace {
    pub(super) fn new(profile: &Profile) -> Pace {
        Pace {
            rate: profile.surely_reads().map(|rate| rate as f64),
            told: profile.rate_limit.is_some(),
            until: BTreeMap::new(),
        }
    }

    /// A connection says something; how many seconds later it is read, all that was said before included.
    pub(super) fn said(&mut self, conn: u64, at: f64, bytes: usize) -> f64 {
        let Some(rate) = self.rate else { return 0.0 };
        let until = self.until.entry(conn).or_insert(at);
        *until = until.max(at) + bytes as f64 / rate;
        *until - at
    }

    pub(super) fn gone(&mut self, conn: u64) {
        self.until.remove(&conn);
    }

    /// What is allowed for it beyond the usual, in seconds: only where the profile says that the server holds back.
    pub(super) fn allowed(&self, held: f64) -> f64 {
        match self.told {
            true if held >= 0.1 => held * 1.2 + LOT,
            _ => 0.0,
        }
    }

    /// Why such a delay may be no fault, where the profile says nothing.
    pub(super) fn excuse(&self, held: f64) -> Option<String> {
        let rate = self.rate.filter(|_| !self.told)?;
        Some(format!(
            "a server that reads {rate:.0} bytes a second from each stream, as stock ones may, takes {held:.1} s to read \
             what was said by then; `callspec probe` finds out, `rate-limit` in the profile tells"
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_said_before_is_read_before() {
        let mut pace = Pace::new(&Profile {
            rate_limit: Some(1_000),
            ..Profile::default()
        });
        assert_eq!(pace.said(1, 10.0, 500), 0.5);
        assert_eq!(pace.said(1, 10.25, 500), 0.75);
        assert_eq!(pace.said(2, 10.25, 500), 0.5);
        assert_eq!(pace.said(1, 20.0, 250), 0.25);
        pace.gone(1);
        assert_eq!(pace.said(1, 20.0, 250), 0.25);
        assert_eq!((pace.allowed(0.05), pace.allowed(10.0)), (0.0, 12.0 + LOT));
        assert_eq!(pace.excuse(2.0), None);
        let mut quick = Pace::new(&Profile {
            full_rate: true,
            ..Profile::default()
        });
        assert_eq!((quick.said(1, 0.0, 1 << 20), quick.excuse(9.0)), (0.0, None));
        let untold = Pace::new(&Profile::default());
        assert_eq!(untold.allowed(9.0), 0.0);
        assert!(untold.excuse(9.0).is_some_and(|excuse| excuse.contains("9.0 s")));
    }
}
