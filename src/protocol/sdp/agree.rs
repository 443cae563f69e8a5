//! What an answer has to take from the offer that it answers (RFC 3264 §6).

use super::{Description, Direction, Extension, Lint, Name, Section, Setup, shown};

/// All in which `answer` does not fit `offer`. Both are whole.
#[must_use]
pub fn answers(offer: &Description, answer: &Description) -> Vec<Lint> {
    let mut lints = Vec::new();
    let (asked, given) = (offer.sections.len(), answer.sections.len());
    if asked != given {
        lints.push(Lint::must(
            "SD-05",
            format!("the offer has {asked} `m=` sections and the answer {given}"),
        ));
        return lints;
    }
    for index in 0..asked {
        section(offer, answer, index, &mut lints);
    }
    groups(offer, answer, &mut lints);
    lints.truncate(super::KEPT);
    lints
}

fn section(offer: &Description, answer: &Description, index: usize, lints: &mut Vec<Lint>) {
    let (Some(asked), Some(given)) = (offer.sections.get(index), answer.sections.get(index)) else {
        return;
    };
    let name = answer.name(index);
    if !asked.media.eq_ignore_ascii_case(&given.media) {
        lints.push(Lint::must(
            "SD-05",
            format!("{name} answers an `m={}` of the offer", shown(&asked.media)),
        ));
        return;
    }
    if asked.is_off() && given.port != 0 {
        lints.push(Lint::must(
            "SD-26",
            format!("{name} has a port, and the offer had switched this section off"),
        ));
        return;
    }
    match (&asked.mid, &given.mid) {
        (Some(mid), Some(other)) if mid != other => lints.push(Lint::should(
            "SD-09",
            format!(
                "{name} has the mid `{}`, and the offer `{}`",
                shown(other),
                shown(mid)
            ),
        )),
        (Some(mid), None) if given.port != 0 => lints.push(Lint::should(
            "SD-09",
            format!("{name} has no mid, and the offer `{}`", shown(mid)),
        )),
        _ => {}
    }
    if given.port == 0 {
        return;
    }
    if asked.proto != given.proto {
        lints.push(Lint::must(
            "SD-27",
            format!(
                "{name} answers `{}` with `{}`",
                shown(&asked.proto),
                shown(&given.proto)
            ),
        ));
    }
    formats(offer, answer, index, lints);
    if asked.is_rtp() {
        if let (Some(theirs), Some(own)) = (offer.flow(index), answer.flow(index))
            && !fits(theirs, own)
        {
            lints.push(Lint::must(
                "SD-22",
                format!("{name} answers {} with {}", theirs.word(), own.word()),
            ));
        }
        if answer.mux(index) && !offer.mux(index) {
            lints.push(Lint::must(
                "SD-32",
                format!("{name} has rtcp-mux, and the offer has not"),
            ));
        }
        if offer.mux(index) && !answer.mux(index) && answer.tag(index).is_some() {
            lints.push(Lint::must(
                "SD-33",
                format!("{name} is bundled without rtcp-mux, which the offer has"),
            ));
        }
        extensions(asked, given, name, lints);
    }
    if answer.tls_id(index).is_some() && offer.tls_id(index).is_none() {
        lints.push(Lint::must(
            "SD-54",
            format!("{name} has a tls-id, and the offer has none"),
        ));
    }
    match (offer.setup(index), answer.setup(index)) {
        (Some(theirs @ (Setup::Active | Setup::Passive)), Some(own)) if theirs == own => {
            lints.push(Lint::must(
                "SD-08",
                format!("{name} takes the DTLS role that the offer has already taken"),
            ));
        }
        _ => {}
    }
}

/// Which directions answer which (RFC 3264 §6.1).
fn fits(offer: Direction, answer: Direction) -> bool {
    use Direction::{Inactive, RecvOnly, SendOnly, SendRecv};
    match offer {
        SendRecv => true,
        SendOnly => matches!(answer, RecvOnly | Inactive),
        RecvOnly => matches!(answer, SendOnly | Inactive),
        Inactive => answer == Inactive,
    }
}

fn formats(offer: &Description, answer: &Description, index: usize, lints: &mut Vec<Lint>) {
    let (Some(asked), Some(given)) = (offer.sections.get(index), answer.sections.get(index)) else {
        return;
    };
    let name = answer.name(index);
    // The codec where it is known, and otherwise the format as it stands.
    fn meant(section: &Section) -> Vec<(&str, &str)> {
        let formats = section.formats.iter().map(String::as_str);
        formats
            .map(|format| (format, section.codec(format).unwrap_or(format)))
            .collect()
    }
    let (offered, answered) = (meant(asked), meant(given));
    let common = answered
        .iter()
        .any(|(_, codec)| offered.iter().any(|(_, other)| other == codec));
    if !common && !answered.is_empty() && !offered.is_empty() {
        lints.push(Lint::must(
            "SD-23",
            format!("{name} has no format in common with the offer"),
        ));
        return;
    }
    if !asked.is_rtp() {
        return;
    }
    for (number, codec) in &answered {
        let mut same = offered.iter().filter(|(_, other)| other == codec).peekable();
        if same.peek().is_some() && !same.any(|(other, _)| other == number) {
            lints.push(Lint::should(
                "SD-24",
                format!(
                    "{name} gives {} the payload type {}, which is not the offer's for it",
                    shown(codec),
                    shown(number)
                ),
            ));
            return;
        }
    }
}

/// Header extensions have the ids of the offer (RFC 8285 §7), where those can be carried.
fn extensions(asked: &Section, given: &Section, name: Name<'_>, lints: &mut Vec<Lint>) {
    // They may have been offered for all sections at once.
    if asked.extensions.is_empty() {
        return;
    }
    for Extension { id, uri, line } in &given.extensions {
        let offered: Vec<u32> = asked
            .extensions
            .iter()
            .filter(|other| other.uri == *uri)
            .map(|other| other.id)
            .collect();
        let taken = asked.extensions.iter().any(|other| other.id == *id);
        let said = |what: &str| format!("line {line} of the answer, in {name}, {what}");
        if offered.contains(id) || *id > 255 || offered.iter().any(|id| *id > 255) {
            // As it was offered, or an id that was still to be chosen.
            continue;
        }
        if !offered.is_empty() {
            let message = said("gives a header extension another id than the offer");
            lints.push(Lint::must("SD-51", message));
        } else if taken {
            let message = said("gives the id of a header extension of the offer to another");
            lints.push(Lint::must("SD-51", message));
        } else {
            let message = said("holds a header extension that was not offered");
            lints.push(Lint::should("SD-51", message));
        }
    }
}

/// Bundles of the answer are parts of bundles of the offer, without what is rejected.
fn groups(offer: &Description, answer: &Description, lints: &mut Vec<Lint>) {
    for group in answer.groups.iter().filter(|group| group.bundle) {
        let line = group.line;
        let within = |of: &super::Group| of.bundle && group.mids.iter().all(|mid| of.mids.contains(mid));
        if !group.mids.is_empty() && !offer.groups.iter().any(within) {
            lints.push(Lint::must(
                "SD-31",
                format!(
                    "the BUNDLE group in line {line} of the answer joins what no group of the offer does"
                ),
            ));
            continue;
        }
        let off = |mid: &&String| {
            let index = answer.by_mid(mid);
            let section = index.and_then(|index| answer.sections.get(index));
            section.is_some_and(|section| section.port == 0)
        };
        if let Some(mid) = group.mids.iter().find(off) {
            lints.push(Lint::must(
                "SD-31",
                format!(
                    "the BUNDLE group in line {line} of the answer holds `{}`, which the answer rejects",
                    shown(mid)
                ),
            ));
        }
    }
}
