//! Stanzas under way: numbered in the order of their sending, and found again by their id.

use std::collections::BTreeMap;

/// Something that was sent under an id.
pub(super) trait Sent {
    fn id(&self) -> &str;
}

/// What was sent and is remembered.
#[derive(Debug)]
pub(super) struct Book<F> {
    flights: BTreeMap<u64, F>,
    by_id: BTreeMap<String, Vec<u64>>,
    last: u64,
}

impl<F: Sent> Book<F> {
    pub fn new() -> Book<F> {
        Book {
            flights: BTreeMap::new(),
            by_id: BTreeMap::new(),
            last: 0,
        }
    }

    /// A number in the order of sending, for what is not kept.
    pub fn number(&mut self) -> u64 {
        self.last += 1;
        self.last
    }

    /// Keeps a flight; where they are more than so many, the oldest is forgotten.
    pub fn put(&mut self, flight: F, most: usize) {
        let key = self.number();
        self.by_id.entry(flight.id().to_owned()).or_default().push(key);
        self.flights.insert(key, flight);
        if self.flights.len() > most
            && let Some(oldest) = self.flights.keys().next().copied()
        {
            self.forget(oldest);
        }
    }

    /// The latest with this id that fits.
    pub fn find(&self, id: &str, fits: impl Fn(&F) -> bool) -> Option<u64> {
        let mut keys = self.by_id.get(id)?.iter().rev().copied();
        keys.find(|key| self.flights.get(key).is_some_and(&fits))
    }

    pub fn forget(&mut self, key: u64) {
        if let Some(flight) = self.flights.remove(&key)
            && let Some(keys) = self.by_id.get_mut(flight.id())
        {
            keys.retain(|old| *old != key);
            if keys.is_empty() {
                self.by_id.remove(flight.id());
            }
        }
    }

    pub fn get(&self, key: u64) -> Option<&F> {
        self.flights.get(&key)
    }

    pub fn get_mut(&mut self, key: u64) -> Option<&mut F> {
        self.flights.get_mut(&key)
    }

    /// In the order of their sending.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = (u64, &F)> {
        self.flights.iter().map(|(key, flight)| (*key, flight))
    }

    pub fn values(&self) -> impl DoubleEndedIterator<Item = &F> {
        self.flights.values()
    }

    pub fn values_mut(&mut self) -> impl DoubleEndedIterator<Item = &mut F> {
        self.flights.values_mut()
    }
}

/// From one connection to another: the number and the event of what arrived last.
#[derive(Debug, Default)]
pub(super) struct Newest(BTreeMap<(u64, u64), (u64, u64)>);

impl Newest {
    /// Notes that a stanza arrived: its number, and its event. The answer is the event of one that was sent later and
    /// had arrived before, if there is one (RFC 6120 §10.1).
    pub fn overtaken(&mut self, way: (u64, u64), arrived: (u64, u64)) -> Option<u64> {
        let newest = self.0.entry(way).or_insert(arrived);
        let over = (newest.0 > arrived.0).then_some(newest.1);
        *newest = (*newest).max(arrived);
        over
    }

    /// Whether anything that was sent later has arrived.
    pub fn is_past(&self, way: (u64, u64), number: u64) -> bool {
        self.0.get(&way).is_some_and(|(newest, _)| *newest > number)
    }

    pub fn forget(&mut self, conn: u64) {
        self.0.retain(|(from, to), _| *from != conn && *to != conn);
    }
}
