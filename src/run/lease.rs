//! Whose turn it is. A relay that routes by full JID keeps cases apart that share their accounts. A server that rings
//! every device of a user would ring the bots of other cases too: there, an account belongs to one case at a time.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Condvar, Mutex, PoisonError};

use tokio::sync::watch;

use super::canary::Canary;
use super::options::Place;
use crate::profile::{Addressing, Class, Profile};
use crate::target::Target;

/// How many accounts most cases need.
pub(super) const PAIR: usize = 2;

/// How many of so many cases can be played side by side: what the target's accounts are enough for.
pub fn side_by_side(place: &Place, jobs: usize) -> usize {
    match place {
        Place::Target(target) if rings_all(&target.profile) && !target.is_anonymous() => {
            jobs.min(target.accounts.len() / PAIR).max(1)
        }
        _ => jobs,
    }
}

/// Whether a call to a user may reach each of the user's sessions, those of other cases too.
pub(super) fn rings_all(profile: &Profile) -> bool {
    profile.class != Class::Relay || profile.addressing != Addressing::Full
}

/// What a case on a real target shares with those beside it, and what is its own.
#[derive(Debug, Default)]
pub(super) struct Turn {
    /// Knows when the target kept everybody waiting.
    pub canary: Canary,
    /// By user, the place of the account in the target file.
    pub accounts: BTreeMap<String, usize>,
}

impl Turn {
    /// With nobody beside it.
    pub fn alone(place: &Place, users: &[String]) -> Turn {
        let accounts = match place {
            Place::Target(target) if !target.is_anonymous() => choose(users, target, &everyone(target)),
            _ => BTreeMap::new(),
        };
        Turn {
            canary: Canary::default(),
            accounts,
        }
    }
}

/// The accounts of a target, shared or handed out one by one.
pub(super) struct Leases {
    target: Option<Arc<Target>>,
    /// The accounts that no case has, by their place in the target file; `None`: all are everybody's.
    free: Option<Mutex<BTreeSet<usize>>>,
    returned: Condvar,
}

impl Leases {
    pub fn of(place: &Place) -> Leases {
        let target = match place {
            Place::Target(target) if !target.is_anonymous() => Some(Arc::clone(target)),
            _ => None,
        };
        let apart = target.as_ref().filter(|target| rings_all(&target.profile));
        let free = apart.map(|target| Mutex::new(everyone(target)));
        Leases {
            target,
            free,
            returned: Condvar::new(),
        }
    }

    /// Waits until there is an account for each of these users. Nothing, if the run is stopped meanwhile, or if the
    /// target has too few of them for ever.
    pub fn claim(&self, users: &[String], stop: &watch::Sender<bool>) -> Option<Lease<'_>> {
        let Some(target) = &self.target else {
            return Some(self.lease(BTreeMap::new()));
        };
        let all = everyone(target);
        let Some(free) = &self.free else {
            return Some(self.lease(choose(users, target, &all)));
        };
        let mut free = free.lock().unwrap_or_else(PoisonError::into_inner);
        while !*stop.borrow() && users.len() <= all.len() {
            let chosen = choose(users, target, &free);
            if chosen.len() == users.len() {
                free.retain(|index| !chosen.values().any(|taken| taken == index));
                return Some(self.lease(chosen));
            }
            free = self.returned.wait(free).unwrap_or_else(PoisonError::into_inner);
        }
        None
    }

    fn lease(&self, accounts: BTreeMap<String, usize>) -> Lease<'_> {
        Lease { of: self, accounts }
    }
}

/// The accounts of one case, by user, until it is dropped.
pub(super) struct Lease<'a> {
    of: &'a Leases,
    pub accounts: BTreeMap<String, usize>,
}

impl Drop for Lease<'_> {
    fn drop(&mut self) {
        let Some(free) = &self.of.free else { return };
        let mut free = free.lock().unwrap_or_else(PoisonError::into_inner);
        free.extend(self.accounts.values());
        self.of.returned.notify_all();
    }
}

pub(super) fn everyone(target: &Target) -> BTreeSet<usize> {
    (0..target.accounts.len()).collect()
}

/// Of these accounts the one whose local part is the user's name; the others in the order of the file.
pub(super) fn choose(users: &[String], target: &Target, among: &BTreeSet<usize>) -> BTreeMap<String, usize> {
    let local = |index: &usize| {
        let account = target.accounts.get(*index);
        account.and_then(|account| account.jid.split('@').next())
    };
    let mut chosen = BTreeMap::new();
    for user in users {
        if let Some(index) = among.iter().find(|index| local(index) == Some(user.as_str())) {
            chosen.insert(user.clone(), *index);
        }
    }
    for user in users {
        if !chosen.contains_key(user)
            && let Some(index) = among
                .iter()
                .find(|index| !chosen.values().any(|taken| taken == *index))
        {
            chosen.insert(user.clone(), *index);
        }
    }
    chosen
}
