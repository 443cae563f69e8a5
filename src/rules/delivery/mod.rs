//! What the server did between the parties that were observed.

mod close;
mod flight;
mod pace;
mod watch;

pub(super) use watch::Delivery;

#[cfg(test)]
mod tests;
