//! Who was recorded, and when each came, went and was last heard. The log of a server that has run for months names a new
//! address for every session: only the latest are remembered.

use std::sync::Arc;

use super::recent::Recent;

/// Names, addresses and users, of each kind.
const REMEMBERED: usize = 65_536;

/// What is known of one of them.
#[derive(Debug, Default, Clone, Copy)]
pub(super) struct Known {
    /// When anything was last recorded of it.
    pub heard: f64,
    /// The event at which its recording last began or ended.
    pub turned: Option<u64>,
    /// The event at which a session of its own last began.
    pub came: Option<u64>,
    /// It closed its stream before the steps were done, and has not come back: the event.
    pub left: Option<u64>,
    /// Its recording began in the middle of a session.
    pub late: bool,
}

#[derive(Debug)]
pub(super) struct Roll {
    people: Recent<Arc<str>, Known>,
    /// The addresses of those whose wire was recorded, and by which name each went last, if it was seen to come.
    addresses: Recent<Arc<str>, Option<Arc<str>>>,
    /// Whose sessions those were.
    users: Recent<Box<str>, ()>,
}

impl Roll {
    pub fn new() -> Roll {
        Roll {
            people: Recent::new(REMEMBERED),
            addresses: Recent::new(REMEMBERED),
            users: Recent::new(REMEMBERED),
        }
    }

    pub fn of(&self, who: &str) -> Known {
        self.people.get(who).copied().unwrap_or_default()
    }

    pub fn note(&mut self, who: &str) -> &mut Known {
        self.people.entry(who.into(), Known::default)
    }

    /// Something was recorded of it.
    pub fn hears(&mut self, who: &str, at: f64) {
        match self.people.get_mut(who) {
            Some(known) => known.heard = at,
            None => self.note(who).heard = at,
        }
    }

    pub fn is_recorded(&self, jid: &str) -> bool {
        self.addresses.get(jid).is_some()
    }

    /// The name under which the one with this address was recorded.
    pub fn name(&self, jid: &str) -> Option<&Arc<str>> {
        self.addresses.get(jid)?.as_ref()
    }

    /// The wire of this address is recorded.
    pub fn records(&mut self, jid: &Arc<str>) {
        if !self.is_recorded(jid) {
            self.addresses.insert(Arc::clone(jid), None);
        }
    }

    /// Somebody comes under this address, or is recorded from here on. Whether it is the first session of this user.
    pub fn comes(&mut self, who: &str, jid: &Arc<str>, user: &str) -> bool {
        *self.addresses.entry(Arc::clone(jid), || None) = Some(who.into());
        let first = self.users.get(user).is_none();
        if first {
            self.users.insert(user.into(), ());
        }
        first
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_a_long_log_the_latest_are_remembered() {
        let mut roll = Roll::new();
        for n in 0..=REMEMBERED as u64 {
            let (who, jid) = (format!("bob-{n}"), format!("bob{n}@x/1").into());
            roll.note(&who).came = Some(n);
            assert!(roll.comes(&who, &jid, &format!("bob{n}@x")));
        }
        assert!(!roll.comes("bob", &"bob9@x/2".into(), "bob9@x"));
        assert_eq!((roll.of("bob-0").came, roll.of("bob-9").came), (None, Some(9)));
        assert!(!roll.is_recorded("bob0@x/1") && roll.is_recorded("bob9@x/1"));
        assert_eq!(roll.name("bob9@x/1").map(|name| &**name), Some("bob-9"));
    }
}
