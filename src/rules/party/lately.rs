//! What was last heard of by its number: a map that forgets the older half of it at once.

use foldhash::HashMap;

/// From so many on a table gets all the room that it may need, instead of being moved into twice as much again and again.
const MANY: usize = 1_024;

/// Two generations, so that nothing has to be put in order: what is asked to be written again counts as new.
#[derive(Debug)]
pub(super) struct Lately<V> {
    young: HashMap<u64, V>,
    old: HashMap<u64, V>,
    most: usize,
    forgot: bool,
}

impl<V> Lately<V> {
    /// A map that remembers at least the latest so many, and at most twice as many.
    pub fn new(most: usize) -> Self {
        Lately {
            young: HashMap::default(),
            old: HashMap::default(),
            most,
            forgot: false,
        }
    }

    pub fn is_empty(&self) -> bool {
        self.young.is_empty() && self.old.is_empty()
    }

    /// Whether something had to be forgotten.
    pub fn forgot(&self) -> bool {
        self.forgot
    }

    /// What was there under this number stays.
    pub fn insert(&mut self, number: u64, value: V) {
        self.entry(number, || value);
    }

    /// What is there under this number, or this.
    pub fn entry(&mut self, number: u64, value: impl FnOnce() -> V) -> &mut V {
        let known = self.old.remove(&number);
        if self.young.len() >= self.most && !self.young.contains_key(&number) {
            self.forgot |= !self.old.is_empty();
            // Its room is used again.
            self.old.clear();
            std::mem::swap(&mut self.young, &mut self.old);
        }
        if self.young.len() == MANY {
            self.young.reserve(self.most.saturating_sub(MANY));
        }
        self.young
            .entry(number)
            .or_insert_with(|| known.unwrap_or_else(value))
    }

    pub fn get(&self, number: &u64) -> Option<&V> {
        self.young.get(number).or_else(|| self.old.get(number))
    }

    pub fn get_mut(&mut self, number: &u64) -> Option<&mut V> {
        self.young.get_mut(number).or_else(|| self.old.get_mut(number))
    }

    #[cfg(test)]
    pub fn values(&self) -> impl Iterator<Item = &V> {
        self.young.values().chain(self.old.values())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_latest_are_remembered_and_not_many_more() {
        let mut lately = Lately::new(3);
        (1..=6).for_each(|n| lately.insert(n, n * 10));
        assert!(!lately.forgot() && lately.get(&1) == Some(&10));
        // What is written again is new, and as it was.
        lately.insert(2, 0);
        assert!(lately.forgot() && lately.get(&1).is_none() && lately.get(&3).is_none());
        assert_eq!(lately.get_mut(&2), Some(&mut 20));
        for n in 7..100 {
            *lately.entry(n, || 0) += n;
            assert!((n - 2..=n).all(|n| lately.get(&n).is_some()));
            assert!(lately.young.len() + lately.old.len() <= 6);
        }
        assert!(lately.get(&2).is_none() && !lately.is_empty());
    }
}
