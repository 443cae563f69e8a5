//! The command line as scripts and people meet it: exit statuses, stdout, stderr, and the files that it leaves.

mod bench;
mod others;
mod runs;
mod selected;
#[path = "../support/mod.rs"]
mod support;
mod waived;
mod written;
