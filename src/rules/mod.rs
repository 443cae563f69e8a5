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
mod record;
mod spoken;
mod stream;
mod waiver;

pub use catalogue::{Group, Level, Rule, Subjects, catalogue, groups, rule};
pub use finding::{Blame, Finding, Outcome, Tally, Verdict, outcome};
pub use glob::Glob;
pub use judge::{Family, Judge, Scout, Seen, judge};
pub use party::{effect, weight};
pub use record::Record;
pub use spoken::{Ear, Heard, Spoken};
pub use waiver::{Known, Waiver};
