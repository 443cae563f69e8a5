//! When nothing moved in this process, or in the whole target: what comes late then is nobody's fault.

use super::Event;

/// What a busy machine or target delays once it delays again at every turn of a signal's way: out of the sender, through
/// the target, into the receiver.
pub const TURNS: f64 = 3.0;

/// How many stalls are kept in mind.
const KEPT: usize = 4_096;

/// The stalls of a transcript: from and to, in seconds.
#[derive(Debug, Default)]
pub struct Stalls(Vec<(f64, f64)>);

impl Stalls {
    /// This event tells of one.
    pub fn note(&mut self, event: &Event) {
        if self.0.len() < KEPT {
            self.0.push((event.t - event.seconds.unwrap_or(0.0), event.t));
        }
    }

    /// For how long between two times nothing moved, in seconds.
    pub fn within(&self, from: f64, to: f64) -> f64 {
        overlap(&self.0, from, to)
    }
}

/// For how long between two times at least one of these intervals lasted; all in seconds.
pub fn overlap<'i>(intervals: impl IntoIterator<Item = &'i (f64, f64)>, from: f64, to: f64) -> f64 {
    let mut within: Vec<(f64, f64)> = intervals
        .into_iter()
        .map(|(begin, end)| (begin.max(from), end.min(to)))
        .filter(|(begin, end)| begin < end)
        .collect();
    within.sort_by(|a, b| a.0.total_cmp(&b.0));
    let (mut sum, mut until) = (0.0, from);
    for (begin, end) in within {
        sum += (end - begin.max(until)).max(0.0);
        until = until.max(end);
    }
    sum
}

#[cfg(test)]
mod tests {
    use super::overlap;

    #[test]
    fn what_overlaps_twice_counts_once() {
        let intervals = [(0.0, 1.0), (4.0, 6.0), (2.0, 5.0), (9.0, 12.0)];
        assert_eq!(overlap(&intervals, 0.5, 10.0), 0.5 + 4.0 + 1.0);
        assert_eq!(overlap(&intervals, 7.0, 8.0), 0.0);
        assert_eq!(overlap(&[], 0.0, 9.0), 0.0);
    }
}
