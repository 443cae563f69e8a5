//! Plays cases: one case, one runtime, one clock; a suite of them side by side. Tells an observer; prints nothing.

mod accounts;
mod canary;
mod case;
mod dial;
mod filter;
mod hidden;
mod matrix;
mod suite;
mod waivers;

pub use accounts::{check, give_back, provide};
pub use case::{Finished, Options, Place, Rig};
pub use filter::{Filter, FilterError};
pub use hidden::Hidden;
pub use matrix::{Suspect, Trial, matrix};
pub use suite::{Progress, length, shard, suite, untested};
pub use waivers::{Reviewed, Use, in_force, review, review_profile};
