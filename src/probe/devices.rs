//! Several devices of one user, and a resource that is taken already.

use std::cell::RefCell;
use std::time::Duration;

use super::found::{Found, Topic};
use super::parties::{Parties, fresh_resource};
use crate::stanza::bare;

/// How long the older session is given to be ended.
const PATIENCE: Duration = Duration::from_secs(3);

pub async fn look(parties: &Parties, found: &RefCell<Found>) {
    let unknown = |why: &str| {
        let mut found = found.borrow_mut();
        found.unknown(Topic::TwoDevices, why);
        found.unknown(Topic::ResourceTaken, why);
    };
    let resource = fresh_resource();
    let one = parties.log_in_as(parties.caller(), &resource).await;
    let two = parties.log_in(parties.caller()).await;
    let (mut one, mut two) = match (one, two) {
        (Ok(one), Ok(two)) => (one, two),
        (Err(why), _) | (_, Err(why)) => return unknown(&why),
    };
    if bare(&one.jid) != bare(&two.jid) {
        return unknown("every login makes a new user here");
    }
    let both = one.ping(PATIENCE).await.is_some() && two.ping(PATIENCE).await.is_some();
    {
        let mut found = found.borrow_mut();
        match (both, one.end(), two.end()) {
            (true, ..) => found.set(
                Topic::TwoDevices,
                "side by side",
                "two sessions of one user with resources of their own were both answered",
            ),
            (_, Some(end), _) => found.set(
                Topic::TwoDevices,
                "the older ends",
                format!("a second session of one user: {end}"),
            ),
            (_, _, Some(end)) => found.set(
                Topic::TwoDevices,
                "the newer ends",
                format!("a second session of one user: {end}"),
            ),
            _ => found.unknown(Topic::TwoDevices, "pings were not answered"),
        }
    }
    two.leave().await;
    let Ok(taken) = parties.binds(parties.caller(), &resource).await.map_err(|none| {
        let why = format!("the same resource again: {}", none.why);
        let mut found = found.borrow_mut();
        match none.unbound {
            true => found.set(Topic::ResourceTaken, "the newer is refused", why),
            // It never came to the resource.
            false => found.unknown(Topic::ResourceTaken, why),
        }
    }) else {
        return;
    };
    let same = taken.jid == one.jid;
    let end = if same { one.ends(PATIENCE).await } else { one.end() };
    {
        let mut found = found.borrow_mut();
        match (same, end) {
            (false, None) => found.set(
                Topic::ResourceTaken,
                "another is given",
                format!("who asked for the same resource again was given {}", taken.jid),
            ),
            (_, Some(end)) => found.set(
                Topic::ResourceTaken,
                "the older ends",
                format!("the same resource again: the older session's end is {end}"),
            ),
            (true, None) => found.set(
                Topic::ResourceTaken,
                "both stay",
                format!(
                    "the same resource again: two sessions share one address {} s later",
                    PATIENCE.as_secs()
                ),
            ),
        }
    }
    taken.leave().await;
}
