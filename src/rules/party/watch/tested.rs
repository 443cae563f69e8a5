//! The rules that a signal puts to the test by being there.

use super::super::form::Form;
use crate::protocol::{Kind, Reason};

/// What every signal puts to the test.
const SIGNAL: &[&str] = &[
    "IQ-02", "IQ-03", "IQ-04", "SG-01", "SG-02", "SG-03", "SG-04", "SG-11", "SG-12", "SG-13", "SG-14",
    "SG-15", "ST-02", "ST-09", "ST-11", "TM-05", "TM-06",
];

/// What every description puts to the test on its own.
const DESCRIPTION: &[&str] = &[
    "SD-01", "SD-02", "SD-03", "SD-06", "SD-07", "SD-08", "SD-15", "SD-16", "SD-17", "SD-18", "SD-19",
    "SD-20", "SD-21", "SD-34", "SD-45", "SD-47", "SD-48",
];

/// What every candidate does.
const CANDIDATE: &[&str] = &["SD-10", "SD-12", "SD-36", "SD-37", "SD-39", "SD-40"];

/// The rules that a signal of this kind puts to the test, in lists.
pub(super) fn tested(form: &Form) -> impl Iterator<Item = &'static [&'static str]> {
    let facts = &form.decoded().facts;
    let kind: &[&str] = match facts.kind {
        None => &[],
        Some(Kind::Initiate) => &["SG-06", "SG-17", "ST-10"],
        Some(Kind::Accept) => &["SG-10", "ST-01", "ST-03", "TM-07", "ST-13"],
        Some(Kind::Reject | Kind::Busy) => &["SG-10", "ST-01", "ST-03"],
        Some(Kind::Offer) => &["SG-05", "ST-01", "ST-04"],
        Some(Kind::Answer) => &["SG-05", "ST-01", "ST-05"],
        Some(Kind::IceCandidate) => &["SG-05", "ST-01", "ST-06"],
        Some(Kind::MuteChange) => &["SG-05", "ST-01", "ST-07", "ST-14"],
        Some(Kind::Hangup) => &["SG-07", "ST-08", "ST-12"],
    };
    let candidate = facts.candidate.as_ref().is_some_and(|text| !text.is_empty());
    [
        Some(SIGNAL),
        Some(kind),
        facts.description.is_some().then_some(DESCRIPTION),
        candidate.then_some(CANDIDATE),
        (facts.reason == Some(Reason::Timeout)).then_some(&["TM-01"]),
        facts.duration.is_some().then_some(&["SG-08", "TM-03", "TM-04"]),
    ]
    .into_iter()
    .flatten()
}
