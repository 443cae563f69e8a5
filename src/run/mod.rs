//! Plays cases: one case, one runtime, one clock; a suite of them side by side. Tells an observer; prints nothing.

mod accounts;
mod canary;
mod case;
mod dial;
mod file;
mod filter;
mod fit;
mod ground;
mod hidden;
mod lease;
mod matrix;
mod options;
mod reach;
mod suite;
mod waivers;

pub use accounts::{asked_for, blocking, check, clear_out, furnish, give_back, provide};
pub use dial::leave;
pub use filter::{Filter, FilterError};
pub use ground::Ground;
pub use hidden::Hidden;
pub use lease::{rings_all, side_by_side};
pub use matrix::{Suspect, Trial, matrix, table};
pub use options::{Finished, Options, Place, Rig};
pub use suite::{Progress, length, shard, suite, untested};
pub use waivers::{Reviewed, Use, in_force, review, review_profile};
