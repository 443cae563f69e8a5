//! `callspec record` between clients and servers of every kind: what passes, what is written, what is found.

mod passes;
mod proxy;
mod real;
mod robust;
mod secrets;
mod suite;

#[path = "../support/mod.rs"]
mod support;
