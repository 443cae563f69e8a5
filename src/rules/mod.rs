//! The judge: events in, findings out. No I/O, no clock, no knowledge of who made the transcript.

mod catalogue;
mod delivery;
mod enforcing;
mod finding;
mod judge;
mod party;

pub use catalogue::{Level, Rule, Subjects, catalogue, rule};
pub use finding::{Blame, Finding, Outcome, Tally, Verdict};
pub use judge::{Family, Judge, Record, Seen, judge};
