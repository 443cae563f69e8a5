//! What the parties of a recording are called: by the local part, and by their device where that is not enough.

use std::sync::Arc;

use foldhash::{HashMap, HashSet};

use crate::stanza::{bare, resource};
use crate::transcript::Dir;

/// Names that are remembered once those that have them are gone.
const REMEMBERED: usize = 8_192;

#[derive(Debug, Default)]
pub(super) struct Names {
    /// By JID, or by source and connection where no JID is known.
    names: HashMap<String, Arc<str>>,
    /// Every name that is remembered.
    taken: HashSet<Arc<str>>,
    /// The keys of those whose recording runs.
    running: HashSet<String>,
    /// Names were forgotten: who had a short one is no longer known.
    forgot: bool,
    given: u64,
}

impl Names {
    /// The name of whoever this happened to. To the judge a name is a party: it never passes from one session to
    /// another, not even to the same user's next one.
    pub fn of(&mut self, jid: Option<&str>, source: usize, conn: &str, dir: Dir) -> Arc<str> {
        let unknown;
        let key = match jid {
            Some(jid) => jid,
            None => {
                unknown = format!("{source}\u{0}{conn}");
                &unknown
            }
        };
        if matches!(dir, Dir::Connected | Dir::Begins) {
            self.running.insert(key.to_owned());
        } else if matches!(dir, Dir::Stops | Dir::Closed | Dir::Disconnected | Dir::Cut) {
            self.running.remove(key);
        }
        if let Some(name) = self.names.get(key) {
            return Arc::clone(name);
        }
        if self.names.len() >= REMEMBERED {
            let running = &self.running;
            self.names.retain(|key, _| running.contains(key));
            self.taken = self.names.values().cloned().collect();
            self.forgot = true;
        }
        let name: Arc<str> = self.new_name(jid, conn).into();
        self.names.insert(key.to_owned(), Arc::clone(&name));
        self.taken.insert(Arc::clone(&name));
        name
    }

    fn new_name(&mut self, jid: Option<&str>, conn: &str) -> String {
        self.given += 1;
        let plain = match jid {
            Some(jid) => bare(jid).split('@').next().unwrap_or_default().to_owned(),
            None => format!("connection {}", if conn.is_empty() { "1" } else { conn }),
        };
        let device = jid.and_then(resource).unwrap_or_default();
        let domain = jid
            .and_then(|jid| bare(jid).split_once('@'))
            .map_or("", |(_, domain)| domain);
        let whole = format!("{plain} of {domain}/{device}");
        let mut choices = match (jid, self.forgot) {
            (Some(_), false) => vec![plain.clone(), format!("{plain}/{device}"), whole],
            // Nobody else ever had it.
            (Some(_), true) => vec![whole],
            (None, false) => vec![plain.clone()],
            (None, true) => Vec::new(),
        };
        choices.retain(|name| !self.taken.contains(name.as_str()));
        let name = choices.into_iter().next();
        name.unwrap_or_else(|| format!("{plain} {}", self.given))
    }

    /// What this JID is called, if it was recorded.
    pub fn known(&self, jid: &str) -> Option<&str> {
        self.names.get(jid).map(|name| &**name)
    }

    /// Whether whoever has this JID is being recorded.
    pub fn is_running(&self, jid: &str) -> bool {
        self.running.contains(jid)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_as_long_as_it_has_to_be() {
        let mut names = Names::default();
        let mut name = |jid, dir| names.of(Some(jid), 0, "1", dir);
        assert_eq!(&*name("alice@a/1", Dir::Connected), "alice");
        assert_eq!(&*name("alice@a/2", Dir::Connected), "alice/2");
        assert_eq!(&*name("alice@a/1", Dir::Stops), "alice");
        // Someone else of that name.
        assert_eq!(&*name("alice@b/1", Dir::Connected), "alice/1");
        assert_eq!(&*name("alice@c/1", Dir::Connected), "alice of c/1");
        assert_eq!(&*names.of(None, 0, "", Dir::Begins), "connection 1");
        assert_eq!(&*names.of(None, 1, "", Dir::Begins), "connection 1 6");
        assert_eq!(names.known("alice@a/2"), Some("alice/2"));
        assert!(names.is_running("alice@a/2") && !names.is_running("alice@a/1"));
    }

    #[test]
    fn a_name_never_passes_to_another_session() {
        let mut names = Names::default();
        let mut name = |jid: &str, dir| names.of(Some(jid), 0, "1", dir);
        assert_eq!(&*name("alice@a/1", Dir::Connected), "alice");
        assert_eq!(&*name("alice@a/1", Dir::Stops), "alice");
        assert_eq!(&*name("alice@a/2", Dir::Connected), "alice/2");
        assert_eq!(&*name("alice@a/1", Dir::Connected), "alice");
        assert_eq!(&*name("alice@a/1", Dir::Stops), "alice");
        // Nor once thousands have come and gone.
        let mut seen = HashSet::default();
        for n in 0..3 * REMEMBERED {
            let jid = format!("bob@a/{n}");
            let bob = name(&jid, Dir::Connected);
            assert_eq!(name(&jid, Dir::Stops), bob);
            assert!(seen.insert(bob), "{jid}");
        }
        assert_eq!(&*name("alice@a/2", Dir::Sent), "alice/2");
        assert_eq!(&*name("alice@a/3", Dir::Connected), "alice of a/3");
        assert!(names.names.len() <= REMEMBERED && names.taken.len() <= REMEMBERED);
    }
}
