//! The target file, accounts and secrets.
