//! What each party sent: the form of its signals, and whether any order of events makes them legal.

mod answers;
mod beam;
mod cost;
mod form;
mod handed;
mod lately;
mod media;
mod recent;
mod roll;
mod room;
mod track;
mod watch;

pub(super) use answers::NEVER;
pub(super) use beam::{Beam, Inbound, Sending};
pub use cost::{effect, weight};
pub(super) use watch::Parties;

#[cfg(test)]
mod answer_tests;
#[cfg(test)]
mod described_tests;
#[cfg(test)]
mod device_tests;
#[cfg(test)]
mod gap_tests;
#[cfg(test)]
mod legal_tests;
#[cfg(test)]
mod media_tests;
#[cfg(test)]
mod real_tests;
#[cfg(test)]
mod refusal_tests;
#[cfg(test)]
mod served_tests;
#[cfg(test)]
mod stray_tests;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod told_tests;
#[cfg(test)]
mod track_tests;
