//! What the server does below and around sessions: upgrades, frames, the opening and the end of streams, and who is
//! let in.

mod frame;
mod line;
mod watch;

pub(super) use frame::is_ill_formed;
pub(super) use watch::Streams;

#[cfg(test)]
mod hurt_tests;
#[cfg(test)]
mod tests;
