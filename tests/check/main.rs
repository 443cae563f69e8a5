//! `callspec check` on what others recorded: browsers' HARs, whole, mutated, in pieces and among everything else that
//! such recordings hold.

mod breaches;
mod browsers;
mod by_hand;
mod chat;
mod ends;
mod gaps;
mod hars;
#[path = "../fuzz_oracle/history.rs"]
#[allow(dead_code)]
mod history;
mod logs;
mod media;
mod noise;
#[path = "../fuzz_oracle/oracle.rs"]
#[allow(dead_code)]
mod oracle;
mod programs;
mod real_life;
mod reports;
mod variants;
