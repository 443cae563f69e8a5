//! The proxy between clients and their server: it passes everything on, and tells what it saw as a transcript's events.
//!
//! [`proxy`] takes connections and [`relay`] passes one on, byte for byte; `tap` reads along and hands each whole
//! stanza over a `desk` that never waits, so that neither a slow disk nor a slow judge holds up a call. Behind the desk
//! a [`Book`] makes events of it, and [`Files`] writes them: one file a call, or one a session.

mod book;
mod desk;
mod files;
mod head;
mod proxy;
mod relay;
mod secrets;
mod split;
mod starttls;
mod tap;
mod web;

pub use book::{Book, Entry};
pub use desk::{Heard, News, desk};
pub use files::{Files, Placed};
pub use proxy::{Proxy, serve};
pub use split::Split;

/// The longest stanza that is recorded, in bytes. Longer ones are passed on all the same.
pub const LONGEST: usize = 1 << 20;
