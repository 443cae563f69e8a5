//! Reports as those see them who read them: a browser, the parsers of CI systems, and people at a terminal.

mod browser;
mod commands;
mod faults;
mod history;
mod page;
mod readers;

#[path = "../support/tools.rs"]
mod tools;
