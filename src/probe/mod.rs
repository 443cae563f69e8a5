//! What a target does, looked at with its own accounts: in less than a minute, under a small load, harming nobody.
//!
//! A fact is what was seen, beside what showed it. What could not be seen is unknown, with the reason; nothing is put
//! down as missing because a look at it failed.

mod calls;
mod carry;
mod devices;
mod enforcing;
mod file;
mod found;
mod line;
mod nearby;
mod parties;
mod peer;
mod rate;
mod sessions;
mod size;
mod stanzas;
mod way_in;

use std::cell::RefCell;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::Instant;

pub use file::profile_file;
pub use found::{Fact, Found, GROUPS, Known, Topic};

use crate::profile::Class;
use crate::run::{Place, asked_for};
use parties::Parties;

/// Nothing begins after this, and what is under way is left.
const ALL: Duration = Duration::from_secs(54);
/// The same for a look that only decides which rules apply.
const BRIEF: Duration = Duration::from_secs(15);
/// How long a server may take over its first answer.
const FIRST: Duration = Duration::from_secs(5);

/// How much is looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Depth {
    /// What decides which rules apply: a handful of stanzas.
    Brief,
    Whole,
}

/// Why there are no facts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Trouble {
    /// The target cannot be tested, in one sentence.
    Untestable(String),
    Interrupted,
}

/// How many accounts a look makes use of.
pub const USERS: usize = 3;

/// Looks. `stop` turning true ends it without an answer.
///
/// # Errors
/// Nobody can log in, or nothing is answered.
pub fn probe(place: &Place, depth: Depth, stop: watch::Receiver<bool>) -> Result<Found, Trouble> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .start_paused(!matches!(place, Place::Target(_)))
        .build()
        .map_err(|error| Trouble::Untestable(format!("no runtime: {error}")))?;
    runtime.block_on(async {
        tokio::select! {
            biased;
            () = asked_for(stop) => Err(Trouble::Interrupted),
            found = look(place, depth) => found.map_err(Trouble::Untestable),
        }
    })
}

async fn look(place: &Place, depth: Depth) -> Result<Found, String> {
    let began = Instant::now();
    let parties = Parties::new(place)?;
    let mut caller = parties.log_in(parties.caller()).await?;
    let answered = caller.ping(FIRST).await;
    let Some(answered) = answered else {
        return Err(match caller.end() {
            Some(end) => format!("the login was sound, but then the stream ended: {end}"),
            None => format!(
                "the login was sound, but a ping was not answered within {} s",
                FIRST.as_secs()
            ),
        });
    };
    let found = RefCell::new(Found::new(place, &parties, &caller));
    let until = began + if depth == Depth::Whole { ALL } else { BRIEF };
    let work = async {
        if depth == Depth::Whole {
            way_in::look(&parties, &found).await;
            nearby::look(place, &parties, &found).await;
            stanzas::nobody_there(&parties, &mut caller, &found).await;
        }
        let mut callee = match parties.log_in(parties.callee()).await {
            Ok(callee) => callee,
            Err(why) => {
                found.borrow_mut().rest_unknown(&why);
                return;
            }
        };
        calls::look(&parties, (&mut caller, &mut callee), &found).await;
        if depth == Depth::Brief {
            callee.leave().await;
            return;
        }
        let class = found.borrow().known.class;
        let judges = class == Some(Class::Enforcing);
        if judges {
            callee.leave().await;
            enforcing::judged(&parties, &found).await;
            callee = match parties.log_in(parties.callee()).await {
                Ok(callee) => callee,
                Err(why) => {
                    found.borrow_mut().rest_unknown(&why);
                    return;
                }
            };
        } else {
            enforcing::not_asked(class, &found);
        }
        tokio::join!(
            async {
                if judges {
                    enforcing::unanswered(&parties, &found).await;
                }
            },
            async {
                stanzas::look(&parties, &mut callee, &found).await;
                devices::look(&parties, &found).await;
                rate::look(&parties, &found).await;
                size::look(&parties, &mut callee, &found).await;
            }
        );
        callee.leave().await;
        sessions::look(&parties, &caller, &found).await;
    };
    if tokio::time::timeout_at(until, work).await.is_err() {
        found
            .borrow_mut()
            .rest_unknown("the time that a probe may take was over");
    }
    let mut found = found.into_inner();
    if depth == Depth::Whole {
        found.kept_alive(&caller, &answered, began.elapsed());
    }
    if caller.end().is_none() {
        caller.leave().await;
    }
    found.finish(began.elapsed());
    Ok(found)
}
