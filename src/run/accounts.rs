//! Accounts for a run: those of the target file, and throw-away ones where the target makes them in band.

use std::sync::Arc;

use super::case::users_of;
use super::{Options, Place};
use crate::scenario::Case;
use crate::target::Account;

/// Makes the accounts that these cases need and the target lacks. The answer goes to [`give_back`] after the run.
/// An error is one sentence: the target could not be tested.
pub fn provide(options: &mut Options, cases: &[Case]) -> Result<Vec<Account>, String> {
    let Place::Target(target) = &options.place else {
        return Ok(Vec::new());
    };
    if !target.register {
        return Ok(Vec::new());
    }
    let wanted = cases.iter().map(|case| users_of(case).len()).max().unwrap_or(0);
    let mut target = (**target).clone();
    let made = blocking(async { target.register(wanted).await.map_err(|error| error.to_string()) })??;
    options.place = Place::Target(Arc::new(target));
    Ok(made)
}

/// Removes what [`provide`] made.
pub fn give_back(options: &Options, made: &[Account]) {
    if let (Place::Target(target), false) = (&options.place, made.is_empty()) {
        let _ = blocking(target.unregister(made));
    }
}

fn blocking<T>(work: impl Future<Output = T>) -> Result<T, String> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| format!("no runtime: {error}"))?;
    Ok(runtime.block_on(work))
}
