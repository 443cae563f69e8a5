//! What the server did between the parties that were observed.

mod book;
mod close;
mod flight;
mod pace;
mod relayed;
mod watch;

pub(super) use relayed::Relayed;
pub(super) use watch::Delivery;

#[cfg(test)]
mod bounds_tests;
#[cfg(test)]
mod chat_bounds_tests;
#[cfg(test)]
mod chat_tests;
#[cfg(test)]
mod excuse_tests;
#[cfg(test)]
mod recorded_tests;
#[cfg(test)]
mod relayed_tests;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod whose_tests;
