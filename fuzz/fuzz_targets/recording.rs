//! What others recorded: browser archives, logs of servers and clients, signals alone, packed or not.
#![no_main]

use callspec::transcript::recording::{Opened, Source, open};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let path = std::env::temp_dir().join(format!("callspec-fuzz-{}", std::process::id()));
    std::fs::write(&path, bytes).expect("a file");
    match open(&Source::new(&path, None)) {
        Err(error) => assert!(!error.message.is_empty()),
        Ok(Opened::Transcript(_, reader)) => reader.for_each(drop),
        Ok(Opened::Recording(mut recording)) => {
            recording.by_ref().for_each(drop);
            let _ = (recording.format(), recording.unknown(), recording.instead());
        }
    }
});
