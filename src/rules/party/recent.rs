//! A map that forgets its oldest members.

use std::borrow::Borrow;
use std::collections::{HashMap, VecDeque};
use std::hash::Hash;

#[derive(Debug)]
pub(super) struct Recent<K, V> {
    map: HashMap<K, V>,
    order: VecDeque<K>,
    most: usize,
    forgot: bool,
}

impl<K: Hash + Eq + Clone, V> Recent<K, V> {
    /// A map that remembers this many.
    pub fn new(most: usize) -> Self {
        Recent {
            map: HashMap::new(),
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

    /// What is there under this key, or this.
    pub fn entry(&mut self, key: K, value: impl FnOnce() -> V) -> &mut V {
        if !self.map.contains_key(&key) {
            self.order.push_back(key.clone());
            if self.order.len() > self.most
                && let Some(old) = self.order.pop_front()
            {
                self.map.remove(&old);
                self.forgot = true;
            }
        }
        self.map.entry(key).or_insert_with(value)
    }

    pub fn get<Q: Hash + Eq + ?Sized>(&self, key: &Q) -> Option<&V>
    where
        K: Borrow<Q>,
    {
        self.map.get(key)
    }

    pub fn get_mut<Q: Hash + Eq + ?Sized>(&mut self, key: &Q) -> Option<&mut V>
    where
        K: Borrow<Q>,
    {
        self.map.get_mut(key)
    }

    /// Every value, the oldest first; nothing is left.
    pub fn drain(&mut self) -> impl Iterator<Item = V> {
        let order = std::mem::take(&mut self.order);
        let mut map = std::mem::take(&mut self.map);
        order.into_iter().filter_map(move |key| map.remove(&key))
    }

    /// Every member, the oldest first.
    pub fn iter(&self) -> impl Iterator<Item = (&K, &V)> {
        self.order.iter().filter_map(|key| self.map.get_key_value(key))
    }
}
