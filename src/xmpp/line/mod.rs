//! A raw line: a connection below a session, on which nothing is sent that was not asked for, and everything that
//! is sent or comes is told, to the byte and without secrets.

mod course;
mod frames;
mod hello;
mod login;
mod open;

pub use course::{Order, Told, run};
pub use login::Ask;

use super::{Dial, Io, Login};

/// Where a line goes, and with whose secrets.
pub struct Setup {
    /// A connection that is there already, in memory; `None`: the address of `dial`.
    pub io: Option<Box<dyn Io>>,
    pub dial: Dial,
    pub login: Login,
}

/// How far the protection of a line goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shield {
    /// As the URL says.
    Usual,
    /// Without TLS.
    Plain,
    /// TLS 1.3 and no other version.
    Tls13,
    /// TLS 1.2 and no other version.
    Tls12,
    /// An offer of TLS 1.1 at the most, and nothing after it.
    OldTls,
}
