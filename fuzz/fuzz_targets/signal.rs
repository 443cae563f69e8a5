//! The text of a signal: whatever it is, it is read, and reading and schema agree on what is off.
#![no_main]

use callspec::protocol::{decode, validate};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let decoded = decode(text);
    if let Some(value) = &decoded.facts.value {
        assert!(validate(value).is_ok() || !decoded.is_sound(), "{text}");
    }
});
