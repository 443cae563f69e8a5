//! A map that forgets its oldest members.

use std::borrow::Borrow;
use std::cell::Cell;
use std::collections::VecDeque;
use std::hash::Hash;

use foldhash::HashMap;

#[derive(Debug)]
struct Held<V> {
    value: V,
    /// Looked at since it was last to be forgotten.
    wanted: Cell<bool>,
}

#[derive(Debug)]
pub(super) struct Recent<K, V> {
    map: HashMap<K, Held<V>>,
    order: VecDeque<K>,
    most: usize,
    forgot: bool,
}

impl<K: Hash + Eq + Clone, V> Recent<K, V> {
    /// A map that remembers this many.
    pub fn new(most: usize) -> Self {
        Recent {
            map: HashMap::default(),
            order: VecDeque::new(),
            most,
            forgot: false,
        }
    }

    /// Whether something had to be forgotten.
    pub fn forgot(&self) -> bool {
        self.forgot
    }

    /// What was there under this key stays.
    pub fn insert(&mut self, key: K, value: V) {
        self.entry(key, || value);
    }

    /// The same; the answer is the key that was forgotten for it.
    pub fn insert_over(&mut self, key: K, value: V) -> Option<K> {
        let forgotten = self.make_room(&key);
        self.place(key, || value);
        forgotten
    }

    /// The answer is the key that was forgotten.
    fn make_room(&mut self, key: &K) -> Option<K> {
        if self.map.contains_key(key) {
            return None;
        }
        self.order.push_back(key.clone());
        (self.order.len() > self.most).then(|| self.forget_one())?
    }

    /// What is there under this key, or this.
    pub fn entry(&mut self, key: K, value: impl FnOnce() -> V) -> &mut V {
        self.make_room(&key);
        self.place(key, value)
    }

    fn place(&mut self, key: K, value: impl FnOnce() -> V) -> &mut V {
        let held = self.map.entry(key).or_insert_with(|| Held {
            value: value(),
            wanted: Cell::new(false),
        });
        held.wanted.set(true);
        &mut held.value
    }

    /// The oldest goes. What somebody has looked at since its last turn gets another one.
    fn forget_one(&mut self) -> Option<K> {
        for _ in 0..=self.most {
            let oldest = self.order.pop_front()?;
            match self.map.get(&oldest) {
                Some(held) if held.wanted.replace(false) => self.order.push_back(oldest),
                Some(_) => {
                    self.map.remove(&oldest);
                    self.forgot = true;
                    return Some(oldest);
                }
                // The new one, which has its place and is not there yet.
                None => self.order.push_back(oldest),
            }
        }
        let oldest = self.order.pop_front()?;
        self.map.remove(&oldest);
        self.forgot = true;
        Some(oldest)
    }

    pub fn get<Q: Hash + Eq + ?Sized>(&self, key: &Q) -> Option<&V>
    where
        K: Borrow<Q>,
    {
        let held = self.map.get(key)?;
        held.wanted.set(true);
        Some(&held.value)
    }

    pub fn get_mut<Q: Hash + Eq + ?Sized>(&mut self, key: &Q) -> Option<&mut V>
    where
        K: Borrow<Q>,
    {
        let held = self.map.get_mut(key)?;
        held.wanted.set(true);
        Some(&mut held.value)
    }

    /// Every value, the oldest first; nothing is left.
    pub fn drain(&mut self) -> impl Iterator<Item = V> {
        let order = std::mem::take(&mut self.order);
        let mut map = std::mem::take(&mut self.map);
        order
            .into_iter()
            .filter_map(move |key| map.remove(&key).map(|held| held.value))
    }

    /// Every member, the oldest first.
    pub fn iter(&self) -> impl Iterator<Item = (&K, &V)> {
        let held = |key| self.map.get_key_value(key);
        self.order
            .iter()
            .filter_map(move |key| held(key).map(|(key, held)| (key, &held.value)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_that_nobody_looks_at_is_forgotten_first() {
        let mut recent = Recent::new(3);
        (1..=3).for_each(|n| recent.insert(n, n * 10));
        assert!(!recent.forgot());
        // All are new: the first goes, the others have had their turn.
        recent.insert(4, 40);
        assert_eq!((recent.get(&1), recent.forgot()), (None, true));
        assert_eq!(recent.get(&2), Some(&20));
        recent.insert(5, 50);
        assert_eq!((recent.get(&2), recent.get(&3)), (Some(&20), None));
        assert_eq!(recent.iter().count(), 3);
        assert_eq!(recent.drain().count(), 3);
    }
}
