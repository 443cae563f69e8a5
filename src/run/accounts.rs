//! Before and after a run: whether the target lets its accounts in, and throw-away accounts where it makes them in
//! band.

use std::collections::BTreeSet;
use std::sync::Arc;

use tokio::sync::watch;

use super::dial::{leave, log_in};
use super::fit::{skip_reason, users_of};
use super::hidden::Hidden;
use super::lease::{PAIR, at_once, choose, everyone, rings_all};
use super::{Options, Place};
use crate::rules::Waiver;
use crate::scenario::Case;
use crate::target::{Account, Target};
use crate::xmpp::Mechanism;

/// Makes the accounts that these cases need and the target lacks. The answer goes to [`give_back`] after the run.
/// An error is one sentence: the target could not be tested.
pub fn provide(options: &mut Options, cases: &[Case]) -> Result<Vec<Account>, String> {
    let most = cases.iter().map(|case| users_of(case).len()).max().unwrap_or(0);
    let beside = match at_once(options.place.profile()) {
        Some(cases) => options.jobs.div_ceil(cases) * PAIR,
        None => 0,
    };
    furnish(&mut options.place, most.max(beside))
}

/// Makes accounts until the place has so many, where its target file allows it. The answer goes to [`clear_out`]
/// afterwards. An error is one sentence: the target could not be tested.
pub fn furnish(place: &mut Place, wanted: usize) -> Result<Vec<Account>, String> {
    let Place::Target(target) = place else {
        return Ok(Vec::new());
    };
    if !target.register {
        return Ok(Vec::new());
    }
    let mut target = (**target).clone();
    let given = target.accounts.len();
    let why = |error| format!("{error}; {wanted} accounts are needed, the target file gives {given}");
    let made = blocking(async { target.register(wanted).await.map_err(why) })??;
    *place = Place::Target(Arc::new(target));
    Ok(made)
}

/// Logs in once with each account that these cases use, and tells the mechanism that the server took; `None` where `stop`
/// turned true before the last was in. An error is one sentence: the target cannot be tested.
pub fn check(
    options: &Options,
    cases: &[Case],
    stop: watch::Receiver<bool>,
) -> Result<Option<Mechanism>, String> {
    let Place::Target(target) = &options.place else {
        return Ok(None);
    };
    let needed = cases
        .iter()
        .filter(|case| skip_reason(case, options).is_none())
        .flat_map(|case| choose(&users_of(case), target, &everyone(target)).into_values());
    let needed: BTreeSet<usize> = if rings_all(&target.profile) {
        everyone(target)
    } else {
        needed.collect()
    };
    lets_in(target, &needed, stop)
}

/// Logs in once with each of these accounts, by their places in the target file, until `stop` turns true.
pub(super) fn lets_in(
    target: &Target,
    accounts: &BTreeSet<usize>,
    stop: watch::Receiver<bool>,
) -> Result<Option<Mechanism>, String> {
    let mut accounts: Vec<_> = accounts
        .iter()
        .filter_map(|index| target.accounts.get(*index))
        .collect();
    let nobody = Account::new(&format!("anonymous@{}", target.dial.domain), None);
    if target.is_anonymous() {
        accounts = vec![&nobody];
    }
    let known = Waiver::of_profile(&target.profile);
    let known_everywhere = |rule| {
        known
            .iter()
            .any(|known| known.rule == rule && known.names("", &[]))
    };
    let logins = async {
        let (hidden, mut mechanism) = (Hidden::default(), None);
        for account in accounts {
            match log_in(target, account, "callspec-check", &hidden).await {
                Ok(session) => {
                    mechanism = Some(session.mechanism);
                    leave(session).await;
                }
                // Nothing was refused, and each case is told of it anew.
                Err(none) if none.rule.is_some_and(known_everywhere) => {}
                Err(none) => return Err(none.told()),
            }
        }
        Ok(mechanism)
    };
    blocking(async {
        tokio::select! {
            biased;
            () = asked_for(stop) => Ok(None),
            mechanism = logins => mechanism,
        }
    })?
}

/// Until `stop` turns true: for ever, where nobody is left who could turn it.
pub async fn asked_for(mut stop: watch::Receiver<bool>) {
    if stop.wait_for(|stop| *stop).await.is_err() {
        std::future::pending::<()>().await;
    }
}

/// Removes what [`provide`] made.
pub fn give_back(options: &Options, made: &[Account]) {
    clear_out(&options.place, made);
}

/// Removes what [`furnish`] made.
pub fn clear_out(place: &Place, made: &[Account]) {
    if let (Place::Target(target), false) = (place, made.is_empty()) {
        let _ = blocking(target.unregister(made));
    }
}

/// Does this on a runtime of its own, in real time.
pub fn blocking<T>(work: impl Future<Output = T>) -> Result<T, String> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| format!("no runtime: {error}"))?;
    Ok(runtime.block_on(work))
}
