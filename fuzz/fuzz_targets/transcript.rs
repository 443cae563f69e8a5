//! Transcripts: read, judged, and written again as they were.
#![no_main]

use callspec::rules::Judge;
use callspec::transcript::{Event, Reader, Writer};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let Ok((header, reader)) = Reader::new(bytes) else {
        return;
    };
    let mut judge = Judge::new(&header);
    let mut events: Vec<Event> = Vec::new();
    for event in reader.map_while(Result::ok) {
        judge.event(&event);
        events.push(event);
    }
    judge.finish();
    let mut writer = Writer::new(Vec::new(), &header).expect("a writer");
    events.iter().for_each(|event| writer.event(event).expect("memory"));
    let again = writer.into_inner();
    let (_, reader) = Reader::new(again.as_slice()).expect("what was written");
    let again: Vec<Event> = reader.map_while(Result::ok).collect();
    assert_eq!(format!("{again:?}"), format!("{events:?}"));
});
