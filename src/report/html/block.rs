//! One scenario's ladder and events, compressed, in letters that no parser of HTML takes for markup.

use std::io::{self, Write};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use flate2::Compression;
use flate2::write::GzEncoder;
use serde::Serialize;

use super::Played;
use crate::report::ladder::{Mark, Tone, ladder};
use crate::report::summary::{Entry, Found};
use crate::report::svg;
use crate::transcript::Event;

#[derive(Serialize)]
struct Block<'a> {
    svg: String,
    /// The same with IQ results, if there are any.
    #[serde(skip_serializing_if = "Option::is_none")]
    svg_answers: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    left_out: Option<String>,
    events: &'a [Event],
}

pub(super) fn block(entry: &Entry, played: &Played) -> io::Result<String> {
    let drawn = ladder(&played.cast, &played.events, marks(&entry.findings));
    let answers = drawn.rows.iter().any(|row| row.tone == Tone::Answer);
    let mut missing = Vec::new();
    if played.left_out > 0 {
        missing.push(format!(
            "{} more events are left out: the transcript has them.",
            played.left_out
        ));
    }
    if played.torn {
        missing.push("The recording breaks off here.".to_owned());
    }
    let block = Block {
        svg: svg::embedded(&drawn, false),
        svg_answers: answers.then(|| svg::embedded(&drawn, true)),
        left_out: (!missing.is_empty()).then(|| missing.join(" ")),
        events: &played.events,
    };
    let mut packed = GzEncoder::new(Vec::new(), Compression::default());
    packed.write_all(&serde_json::to_vec(&block)?)?;
    Ok(STANDARD.encode(packed.finish()?))
}

/// What a ladder shows of findings.
pub fn marks(findings: &[Found]) -> Vec<Mark> {
    let mark = |found: &Found| Mark {
        rule: found.rule.clone(),
        text: found.message.clone(),
        events: found.events.clone(),
        grave: found.is_breach(true),
    };
    findings.iter().map(mark).collect()
}
