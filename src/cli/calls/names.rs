//! What the parties of a recording are called: by the local part, and by their device where that is not enough.

use std::collections::HashMap;

use crate::stanza::{bare, resource};
use crate::transcript::Dir;

/// Names that are remembered once those that have them are gone.
const REMEMBERED: usize = 8_192;

#[derive(Debug, Default)]
pub(super) struct Names {
    /// By JID, or by source and connection where no JID is known.
    names: HashMap<String, String>,
    /// The bare JID of whoever has this name first; none has a connection without one.
    owners: HashMap<String, Option<String>>,
    /// The name's JID while its recording runs.
    running: HashMap<String, String>,
    given: u64,
}

impl Names {
    /// The name of whoever this happened to.
    pub fn of(&mut self, jid: Option<&str>, source: usize, conn: &str, dir: Dir) -> String {
        let unknown;
        let key = match jid {
            Some(jid) => jid,
            None => {
                unknown = format!("{source}\u{0}{conn}");
                &unknown
            }
        };
        let begins = matches!(dir, Dir::Connected | Dir::Begins);
        if let Some(name) = self.names.get(key) {
            if begins {
                self.running.insert(name.clone(), key.to_owned());
            } else if matches!(dir, Dir::Stops | Dir::Closed | Dir::Disconnected | Dir::Cut) {
                self.running.remove(name);
            }
            return name.clone();
        }
        let name = self.new_name(jid, conn);
        if self.names.len() >= REMEMBERED {
            let running = &self.running;
            self.names.retain(|_, name| running.contains_key(name));
            self.owners.retain(|name, _| running.contains_key(name));
        }
        self.names.insert(key.to_owned(), name.clone());
        let owner = jid.map(|jid| bare(jid).to_owned());
        self.owners.entry(name.clone()).or_insert(owner);
        if begins {
            self.running.insert(name.clone(), key.to_owned());
        }
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
        let choices = [
            plain.clone(),
            format!("{plain}/{device}"),
            format!("{plain} of {domain}/{device}"),
        ];
        let free = |name: &&String| {
            let owner = self.owners.get(*name);
            let foreign = owner.is_some_and(|owner| owner.is_none() || owner.as_deref() != jid.map(bare));
            !foreign && !self.running.contains_key(*name)
        };
        let name = choices.iter().find(free).cloned();
        name.unwrap_or_else(|| format!("{plain} {}", self.given))
    }

    /// What this JID is called, if it was recorded.
    pub fn known(&self, jid: &str) -> Option<&str> {
        self.names.get(jid).map(String::as_str)
    }

    /// Whether whoever has this JID is being recorded.
    pub fn is_running(&self, jid: &str) -> bool {
        self.names
            .get(jid)
            .and_then(|name| self.running.get(name))
            .is_some_and(|running| running == jid)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_as_long_as_it_has_to_be() {
        let mut names = Names::default();
        let mut name = |jid, dir| names.of(Some(jid), 0, "1", dir);
        assert_eq!(name("alice@a/1", Dir::Connected), "alice");
        // A second device at the same time; and one after it.
        assert_eq!(name("alice@a/2", Dir::Connected), "alice/2");
        assert_eq!(name("alice@a/1", Dir::Stops), "alice");
        assert_eq!(name("alice@a/3", Dir::Connected), "alice");
        // Someone else of that name.
        assert_eq!(name("alice@b/1", Dir::Connected), "alice/1");
        assert_eq!(name("alice@c/1", Dir::Connected), "alice of c/1");
        assert_eq!(names.of(None, 0, "", Dir::Begins), "connection 1");
        assert_eq!(names.known("alice@a/2"), Some("alice/2"));
        assert!(names.is_running("alice@a/2") && !names.is_running("alice@a/1"));
    }
}
