//! Stanzas under way: numbered in the order of their sending, found again by their id, and what is said of their way.

use std::collections::BTreeMap;

use foldhash::HashMap;

use crate::rules::Finding;

/// Something that was sent under an id, whoever saw it, and what is said of its way.
pub(super) trait Sent {
    fn id(&self) -> &str;
    /// The event of its sending.
    fn n(&self) -> u64;
    /// The sender's full JID.
    fn jid(&self) -> &str;
    fn to(&self) -> &str;
    /// What has to arrive unchanged.
    fn text(&self) -> &str;
    /// The call that it is about, if it is about one.
    fn call(&self) -> Option<&str> {
        None
    }

    /// What the server did to it; `more`: the events that show it, besides its sending.
    fn finding(&self, id: &str, message: String, wanted: &str, seen: String, more: &[u64]) -> Finding {
        let events = [&[self.n()], more].concat();
        Finding::of_server(id, message, wanted, seen, events).in_call(self.call().map(str::to_owned))
    }

    /// It reached another than it was sent to. `what`: its name for people, of each of these.
    fn astray(&self, id: &str, what: &str, (who, jid): (&str, &str), n: u64) -> Finding {
        let message = format!("{who} received {what}, which was addressed to {}.", self.to());
        let wanted = "delivery to the addressed resource only";
        self.finding(id, message, wanted, format!("delivery to {jid}"), &[n])
    }

    /// It came a second time.
    fn doubled(&self, id: &str, what: &str, who: &str, (first, n): (u64, u64)) -> Finding {
        let message = format!("{who} received {what} more than once.");
        let seen = format!("deliveries at events {first} and {n}");
        self.finding(id, message, "one delivery", seen, &[first, n])
    }

    /// It bears a `from` that is not its sender's.
    fn misnamed(&self, what: &str, who: &str, from: &str, n: u64) -> Finding {
        let message = format!("{what} reached {who} with a `from` that is not the sender's full JID.");
        let wanted = format!("from='{}'", self.jid());
        self.finding("RT-01", message, &wanted, format!("from='{from}'"), &[n])
    }

    /// Its text is another than was sent.
    fn changed(&self, id: &str, what: &str, who: &str, text: &str, n: u64) -> Finding {
        let message = format!("The text of {what} changed on its way to {who}.");
        let (sent, got) = (self.text().len(), text.len());
        let seen = format!("{sent} bytes were sent and {got} other bytes arrived");
        self.finding(id, message, "the text that was sent, unchanged", seen, &[n])
    }

    /// Its `to` is another than was sent.
    fn readdressed(&self, what: &str, who: &str, to: Option<&str>, n: u64) -> Finding {
        let (message, seen) = match to {
            Some(to) => (
                format!("{what} reached {who} with another `to` than it was sent to."),
                format!("to='{to}'"),
            ),
            None => (
                format!("{what} reached {who} without a `to`."),
                "no `to`".to_owned(),
            ),
        };
        let wanted = format!("to='{}'", self.to());
        self.finding("RT-05", message, &wanted, seen, &[n])
    }

    /// It arrived after the stanza of event `over`, which was sent later.
    fn overtaken(&self, id: &str, what: &str, who: &str, (over, n): (u64, u64)) -> Finding {
        let message = format!("{what} reached {who} after a stanza that was sent later.");
        let seen = format!(
            "event {over} was sent after event {} and arrived before it",
            self.n()
        );
        self.finding(id, message, "the order in which they were sent", seen, &[over, n])
    }
}

/// What was sent and is remembered.
#[derive(Debug)]
pub(super) struct Book<F> {
    /// Each in a place of its own: as the map grows and shrinks at its ends, its neighbours move.
    flights: BTreeMap<u64, Box<F>>,
    by_id: HashMap<String, Vec<u64>>,
    last: u64,
}

impl<F: Sent> Book<F> {
    pub fn new() -> Book<F> {
        Book {
            flights: BTreeMap::new(),
            by_id: HashMap::default(),
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
        self.flights.insert(key, Box::new(flight));
        if self.flights.len() > most
            && let Some(oldest) = self.flights.keys().next().copied()
        {
            self.forget(oldest);
        }
    }

    /// The latest with this id that fits.
    pub fn find(&self, id: &str, fits: impl Fn(&F) -> bool) -> Option<u64> {
        let mut keys = self.by_id.get(id)?.iter().rev().copied();
        keys.find(|key| self.get(*key).is_some_and(&fits))
    }

    /// The oldest with this id that fits.
    pub fn find_oldest(&self, id: &str, fits: impl Fn(&F) -> bool) -> Option<u64> {
        let mut keys = self.by_id.get(id)?.iter().copied();
        keys.find(|key| self.get(*key).is_some_and(&fits))
    }

    /// Of the latest so many the last that fits, whatever its id.
    pub fn find_any(&self, most: usize, fits: impl Fn(&F) -> bool) -> Option<u64> {
        let mut latest = self.iter().rev().take(most);
        latest.find_map(|(key, flight)| fits(flight).then_some(key))
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
        self.flights.get(&key).map(|flight| &**flight)
    }

    pub fn get_mut(&mut self, key: u64) -> Option<&mut F> {
        self.flights.get_mut(&key).map(|flight| &mut **flight)
    }

    /// In the order of their sending.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = (u64, &F)> {
        self.flights.iter().map(|(key, flight)| (*key, &**flight))
    }

    pub fn values(&self) -> impl DoubleEndedIterator<Item = &F> {
        self.flights.values().map(|flight| &**flight)
    }

    pub fn values_mut(&mut self) -> impl DoubleEndedIterator<Item = &mut F> {
        self.flights.values_mut().map(|flight| &mut **flight)
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

    /// Whether anything has arrived from one of them at the other.
    pub fn knows(&self, a: u64, b: u64) -> bool {
        self.0.contains_key(&(a, b)) || self.0.contains_key(&(b, a))
    }

    /// Whether anything that was sent later has arrived.
    pub fn is_past(&self, way: (u64, u64), number: u64) -> bool {
        self.0.get(&way).is_some_and(|(newest, _)| *newest > number)
    }

    pub fn forget(&mut self, conn: u64) {
        self.0.retain(|(from, to), _| *from != conn && *to != conn);
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    struct Letter(&'static str);

    impl Sent for Letter {
        fn id(&self) -> &str {
            self.0
        }

        fn n(&self) -> u64 {
            1
        }

        fn jid(&self) -> &str {
            "alice@x/1"
        }

        fn to(&self) -> &str {
            "bob@x/2"
        }

        fn text(&self) -> &str {
            ""
        }
    }

    #[test]
    fn a_book_keeps_so_many_and_forgets_the_oldest() {
        let mut book = Book::new();
        for id in ["a", "b", "a", "c"] {
            book.put(Letter(id), 3);
        }
        let kept: Vec<_> = book.iter().map(|(key, letter)| (key, letter.0)).collect();
        assert_eq!(kept, [(2, "b"), (3, "a"), (4, "c")]);
        // The ids of what is gone go too, and no others.
        assert_eq!(book.find("a", |_| true), Some(3));
        book.forget(2);
        let ids: BTreeSet<&str> = book.by_id.keys().map(|id| &**id).collect();
        assert_eq!(ids, BTreeSet::from(["a", "c"]));
    }

    #[test]
    fn what_arrived_last_is_known_of_each_way() {
        let mut newest = Newest::default();
        assert_eq!(newest.overtaken((1, 2), (5, 50)), None);
        assert_eq!(newest.overtaken((1, 2), (4, 60)), Some(50));
        assert!(newest.is_past((1, 2), 4) && !newest.is_past((1, 2), 5));
        assert!(!newest.is_past((2, 1), 4));
        assert!(newest.knows(1, 2) && newest.knows(2, 1) && !newest.knows(2, 3));
        newest.overtaken((3, 1), (1, 1));
        newest.overtaken((3, 2), (1, 1));
        newest.forget(1);
        assert_eq!(newest.0.keys().collect::<Vec<_>>(), [&(3, 2)]);
    }
}
