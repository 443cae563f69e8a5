//! The rules that a signal puts to the test by being there.

use super::super::form::Form;
use crate::protocol::{Kind, Reason};

/// What every description puts to the test on its own.
const DESCRIPTION: &[&str] = &[
    "SD-01", "SD-02", "SD-03", "SD-06", "SD-07", "SD-08", "SD-15", "SD-16", "SD-17", "SD-18", "SD-19",
    "SD-20", "SD-21", "SD-34", "SD-45", "SD-47", "SD-48",
];

/// What every candidate does.
const CANDIDATE: &[&str] = &["SD-10", "SD-12", "SD-36", "SD-37", "SD-39", "SD-40"];

/// The rules that a signal of this kind puts to the test.
pub(super) fn tested(form: &Form) -> Vec<&'static str> {
    // No signal tests more.
    let mut rules = Vec::with_capacity(64);
    rules.extend_from_slice(&[
        "IQ-02", "IQ-03", "IQ-04", "SG-01", "SG-02", "SG-03", "SG-04", "SG-11", "SG-12", "SG-13", "SG-14",
        "SG-15", "ST-02", "ST-09", "ST-11", "TM-05", "TM-06",
    ]);
    let facts = &form.decoded().facts;
    rules.extend_from_slice(match facts.kind {
        None => &[],
        Some(Kind::Initiate) => &["SG-06", "SG-17", "ST-10"],
        Some(Kind::Accept) => &["SG-10", "ST-01", "ST-03", "TM-07", "ST-13"],
        Some(Kind::Reject | Kind::Busy) => &["SG-10", "ST-01", "ST-03"],
        Some(Kind::Offer) => &["SG-05", "ST-01", "ST-04"],
        Some(Kind::Answer) => &["SG-05", "ST-01", "ST-05"],
        Some(Kind::IceCandidate) => &["SG-05", "ST-01", "ST-06"],
        Some(Kind::MuteChange) => &["SG-05", "ST-01", "ST-07", "ST-14"],
        Some(Kind::Hangup) => &["SG-07", "ST-08", "ST-12"],
    });
    if facts.description.is_some() {
        rules.extend_from_slice(DESCRIPTION);
    }
    if facts.candidate.as_ref().is_some_and(|text| !text.is_empty()) {
        rules.extend_from_slice(CANDIDATE);
    }
    if facts.reason == Some(Reason::Timeout) {
        rules.push("TM-01");
    }
    if facts.duration.is_some() {
        rules.extend_from_slice(&["SG-08", "TM-03", "TM-04"]);
    }
    rules
}
