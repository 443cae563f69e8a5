//! The judge: events in, findings out. No I/O, no clock, no knowledge of who made the transcript.

mod catalogue;
mod clocks;
mod delivery;
mod enforcing;
mod finding;
mod glob;
mod judge;
mod moved;
mod party;
mod spoken;
mod stream;
mod waiver;

pub use catalogue::{Group, Level, Rule, Subjects, catalogue, groups, rule};
pub use finding::{Blame, Finding, Outcome, Tally, Verdict};
pub use glob::Glob;
pub use judge::{Family, Judge, Record, Seen, judge, outcome};
pub use party::{effect, weight};
pub use spoken::{Ear, Heard, Spoken};
pub use waiver::{Known, Waiver};
