//! Scenario files: read, and linted where they read well; every error has its place.
#![no_main]

use callspec::lint::lint;
use callspec::scenario::{builtin_fragment, parse};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    match parse("fuzz.yaml", text, &|name| builtin_fragment(name).map(Ok)) {
        Ok(scenario) => {
            for error in lint(&scenario) {
                assert!(error.to_string().contains("fuzz.yaml:"), "{error}");
            }
        }
        Err(errors) => assert!(!errors.is_empty()),
    }
});
