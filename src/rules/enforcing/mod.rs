//! What a server of the enforcing class did with the signals that it had to judge (EN-01 to EN-07).
//!
//! Only of transcripts in which every party is a bot of ours: then every signal that the server saw is known, and so
//! is what each party had answered by then. A refusal is asked for only where no view that the server may think its
//! sender had allows the signal.

mod call;
mod close;
mod demand;
mod watch;

pub(super) use watch::Enforcing;

#[cfg(test)]
mod bounds_tests;
#[cfg(test)]
mod known_tests;
#[cfg(test)]
mod tests;
