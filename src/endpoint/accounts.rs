//! What an endpoint is: its domain, its profile, who may log in, and which id belongs to whom.

use std::collections::BTreeMap;

use time::OffsetDateTime;
use uuid::Uuid;

use super::Gate;
use super::fault::{Chosen, FaultLog};
use crate::profile::Profile;
use crate::target::derived_id;

/// Who may log in.
#[derive(Clone, Default)]
pub enum Accounts {
    /// Any user, with any password: so nothing that SCRAM could prove, and PLAIN and ANONYMOUS are offered.
    #[default]
    Any,
    /// These users (local parts), with these passwords: PLAIN and SCRAM are offered.
    Only(Vec<(String, String)>),
}

// By hand, since accounts hold passwords.
impl std::fmt::Debug for Accounts {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Accounts::Any => f.write_str("Any"),
            Accounts::Only(accounts) => f
                .debug_list()
                .entries(accounts.iter().map(|(user, _)| user))
                .finish(),
        }
    }
}

impl Accounts {
    /// The password of this user; `None`: there is no such user, or any password will do.
    pub(super) fn password(&self, user: &str) -> Option<&str> {
        match self {
            Accounts::Any => None,
            Accounts::Only(accounts) => accounts
                .iter()
                .find(|(name, _)| name.to_lowercase() == user)
                .map(|(_, password)| password.as_str()),
        }
    }
}

/// An endpoint's settings.
#[derive(Debug, Clone)]
pub struct Config {
    pub profile: Profile,
    pub domain: String,
    pub accounts: Accounts,
    /// The ids of users by bare JID. Everyone else has the id that is derived from the bare JID
    /// ([`derived_id`]): an enforcing endpoint learns none from what clients say, since then the first forger
    /// would be believed.
    pub ids: BTreeMap<String, Uuid>,
    /// Bytes that may wait for a client that does not read; past it its session ends, and nobody else's.
    pub backlog: usize,
    /// Who is let in at all; `None`: everyone. Over TCP there is no cookie, so with a gate nobody is.
    pub gate: Option<Gate>,
    /// The wall time of the endpoint's beginning, for the timestamps of its own signals; `None`: the real one.
    pub epoch: Option<OffsetDateTime>,
    /// What it does wrong, in the order in which it is done.
    pub faults: Vec<Chosen>,
    /// Which of many a fault that strikes now and then strikes.
    pub seed: u64,
    /// Where it is told what the faults did.
    pub fault_log: Option<FaultLog>,
}

impl Default for Config {
    fn default() -> Config {
        Config {
            profile: Profile::default(),
            domain: "localhost".into(),
            accounts: Accounts::Any,
            ids: BTreeMap::new(),
            backlog: 8 << 20,
            gate: None,
            epoch: None,
            faults: Vec::new(),
            seed: 0,
            fault_log: None,
        }
    }
}

impl Config {
    /// Whether a token's `sub`, in lower case, names this user (a local part): by that, by the bare JID or by the id.
    pub(super) fn names(&self, sub: &str, user: &str) -> bool {
        let bare = format!("{user}@{}", self.domain);
        sub == user || sub == bare || sub == self.id_of(&bare)
    }

    /// The id of the user of this bare JID, in lower case.
    pub(super) fn id_of(&self, bare: &str) -> String {
        let given = self.ids.get(bare).copied();
        given.unwrap_or_else(|| derived_id(bare)).to_string()
    }
}
