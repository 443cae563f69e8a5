//! Whose turn it is. A relay that routes by full JID keeps cases apart that share their accounts; where it takes only so
//! many sessions of a user, there are never more of them. A server that rings every device of a user would ring the bots
//! of other cases too: there, an account belongs to one case at a time.

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
        Place::Target(target) if !target.is_anonymous() => match at_once(&target.profile) {
            Some(cases) => jobs.min(target.accounts.len() / PAIR * cases).max(1),
            None => jobs,
        },
        _ => jobs,
    }
}

/// How many cases of one session a user may have one account at the same time; `None`: as many as there are.
pub(super) fn at_once(profile: &Profile) -> Option<usize> {
    if rings_all(profile) {
        return Some(1);
    }
    most_sessions(profile).map(|most| most.saturating_sub(SPARE).max(1))
}

/// How many sessions of a user the server takes.
pub(super) fn most_sessions(profile: &Profile) -> Option<usize> {
    let most = profile.sessions_per_user?;
    Some(usize::try_from(most).unwrap_or(usize::MAX))
}

/// What is left free of a user's sessions, where that is possible: a server may take a moment to notice that one is over.
const SPARE: usize = 1;

/// Whether a call to a user may reach each of the user's sessions, those of other cases too.
pub fn rings_all(profile: &Profile) -> bool {
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

/// The accounts of a target: each has room for so many sessions of cases.
pub(super) struct Leases {
    target: Option<Arc<Target>>,
    /// What is left of each account's room, by its place in the target file; `None`: all are everybody's.
    free: Option<Mutex<Vec<usize>>>,
    /// An account belongs to one case at a time, with all its room.
    whole: bool,
    returned: Condvar,
}

impl Leases {
    /// `watched`: the first account has a session that belongs to no case. `most`: how many sessions of one user a case
    /// has at the most.
    pub fn of(place: &Place, watched: bool, most: usize) -> Leases {
        let target = match place {
            Place::Target(target) if !target.is_anonymous() => Some(Arc::clone(target)),
            _ => None,
        };
        let whole = target.as_ref().is_some_and(|target| rings_all(&target.profile));
        let limit = target.as_ref().and_then(|target| most_sessions(&target.profile));
        let room = |index: usize| {
            let taken = usize::from(watched && index == 0);
            let limit = limit?.saturating_sub(taken);
            Some(limit.saturating_sub(SPARE).max(most.min(limit)).max(1))
        };
        let room = |index: usize| if whole { Some(1) } else { room(index) };
        let accounts = target.as_ref().map_or(0, |target| target.accounts.len());
        let free: Option<Vec<usize>> = (0..accounts).map(room).collect();
        Leases {
            free: free.filter(|_| target.is_some()).map(Mutex::new),
            target,
            whole,
            returned: Condvar::new(),
        }
    }

    /// Waits until there is an account for each of these users, with room for so many sessions of it. Nothing, if the
    /// run is stopped meanwhile, or if the target has too few of them for ever.
    pub fn claim(&self, users: &[(String, usize)], stop: &watch::Sender<bool>) -> Option<Lease<'_>> {
        let names: Vec<String> = users.iter().map(|(user, _)| user.clone()).collect();
        let Some(target) = &self.target else {
            return Some(self.lease(BTreeMap::new(), Vec::new()));
        };
        let all = everyone(target);
        let Some(free) = &self.free else {
            return Some(self.lease(choose(&names, target, &all), Vec::new()));
        };
        let wanted = |sessions: usize| if self.whole { 1 } else { sessions };
        let most = users.iter().map(|(_, sessions)| wanted(*sessions)).max();
        let most = most.unwrap_or_default();
        let mut free = free.lock().unwrap_or_else(PoisonError::into_inner);
        while !*stop.borrow() && users.len() <= all.len() {
            let roomy = |index: &usize| free.get(*index).is_some_and(|room| *room >= most);
            let roomy: BTreeSet<usize> = all.iter().copied().filter(roomy).collect();
            let chosen = choose(&names, target, &roomy);
            if chosen.len() == users.len() {
                let taken = users.iter().filter_map(|(user, sessions)| {
                    let index = *chosen.get(user)?;
                    Some((index, wanted(*sessions)))
                });
                let taken: Vec<(usize, usize)> = taken.collect();
                for (index, sessions) in &taken {
                    if let Some(room) = free.get_mut(*index) {
                        *room -= sessions;
                    }
                }
                return Some(self.lease(chosen, taken));
            }
            free = self.returned.wait(free).unwrap_or_else(PoisonError::into_inner);
        }
        None
    }

    fn lease(&self, accounts: BTreeMap<String, usize>, taken: Vec<(usize, usize)>) -> Lease<'_> {
        Lease {
            of: self,
            accounts,
            taken,
        }
    }
}

/// The accounts of one case, by user, until it is dropped.
pub(super) struct Lease<'a> {
    of: &'a Leases,
    pub accounts: BTreeMap<String, usize>,
    /// How many sessions it has of each account.
    taken: Vec<(usize, usize)>,
}

impl Drop for Lease<'_> {
    fn drop(&mut self) {
        let Some(free) = &self.of.free else { return };
        let mut free = free.lock().unwrap_or_else(PoisonError::into_inner);
        for (index, sessions) in &self.taken {
            if let Some(room) = free.get_mut(*index) {
                *room += sessions;
            }
        }
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
