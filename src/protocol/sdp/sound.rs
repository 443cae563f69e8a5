//! What a description has to hold on its own, whatever the other side says.

use super::{Description, Extension, Notes, Side, attributes::HASHES, lines::token};

pub(super) fn check(description: &Description, side: Side, notes: &mut Notes) {
    names(description, notes);
    for (index, section) in description.sections.iter().enumerate() {
        if section.bundle_only {
            bundle_only(description, index, side, notes);
        }
        if section.is_off() {
            continue;
        }
        let name = || description.name(index);
        if description.ufrag(index).is_none() || description.pwd(index).is_none() {
            notes.must("SD-06", format!("{} has no ICE user name or no password", name()));
        }
        if !section.connection && !description.connection {
            notes.should(
                "SD-17",
                format!("{} has no `c=` line, and none stands above it", name()),
            );
        }
        fingerprints(description, index, notes);
        setup(description, index, side, notes);
        if side == Side::Offer && section.mid.is_none() {
            notes.should("SD-09", format!("{} has no mid", name()));
        }
        if section.is_rtp() {
            payload_types(description, index, notes);
            if side == Side::Offer {
                rtp_offer(description, index, notes);
            }
        } else if section.proto.contains("SCTP") {
            data(description, index, notes);
        } else if side == Side::Offer
            && matches!(section.media.as_str(), "audio" | "video")
            && !section.proto.is_empty()
        {
            protocol(description, index, notes);
        }
        if section.mux_only && !section.mux {
            notes.should("SD-33", format!("{} has rtcp-mux-only without rtcp-mux", name()));
        }
        components(description, index, notes);
        extensions(description, index, notes);
        if let Some(id) = section.simulcast.iter().find(|id| !section.rids.contains(id)) {
            let id = super::shown(id);
            notes.must(
                "SD-52",
                format!("{} sends the simulcast stream `{id}`, which no rid names", name()),
            );
        }
    }
    one_password(description, notes);
}

fn fingerprints(description: &Description, index: usize, notes: &mut Notes) {
    let name = || description.name(index);
    let prints = description.fingerprints(index);
    if prints.is_empty() {
        notes.must("SD-07", format!("{} has no fingerprint", name()));
    } else if prints
        .iter()
        .all(|(hash, _)| token(hash) && !HASHES.iter().any(|(known, _)| known == hash))
    {
        notes.should(
            "SD-07",
            format!(
                "{} has only fingerprints whose hash function nobody knows",
                name()
            ),
        );
    }
}

fn setup(description: &Description, index: usize, side: Side, notes: &mut Notes) {
    use super::Setup::ActPass;
    let name = || description.name(index);
    match (side, description.setup(index)) {
        (_, None) => notes.must("SD-08", format!("{} has no setup", name())),
        (Side::Answer, Some(ActPass)) => notes.must(
            "SD-08",
            format!(
                "{} answers `a=setup:actpass`, which leaves open who opens the connection",
                name()
            ),
        ),
        // An offer's role is judged by whether it is the first; what is none has been told by its line.
        _ => {}
    }
}

/// Mids are told apart, and groups name none that is not there.
fn names(description: &Description, notes: &mut Notes) {
    for (index, section) in description.sections.iter().enumerate() {
        if let Some(mid) = section.mid.as_deref().filter(|mid| token(mid))
            && description.by_mid(mid).is_some_and(|first| first < index)
        {
            let mid = super::shown(mid);
            notes.must(
                "SD-30",
                format!("{} has the mid `{mid}` of another", description.name(index)),
            );
        }
    }
    for group in &description.groups {
        for (at, mid) in group.mids.iter().enumerate() {
            let shown = super::shown(mid);
            if description.by_mid(mid).is_none() {
                notes.must(
                    "SD-30",
                    format!(
                        "the group in line {} of the SDP names `{shown}`, and no section does",
                        group.line
                    ),
                );
            } else if group.bundle && description.bundle_of(mid) != Some(group) {
                notes.must(
                    "SD-30",
                    format!(
                        "the group in line {} of the SDP bundles `{shown}`, which another has bundled",
                        group.line
                    ),
                );
            } else if group.mids.iter().take(at).any(|other| other == mid) {
                notes.must(
                    "SD-30",
                    format!(
                        "the group in line {} of the SDP names `{shown}` twice",
                        group.line
                    ),
                );
            }
        }
    }
}

fn bundle_only(description: &Description, index: usize, side: Side, notes: &mut Notes) {
    let name = description.name(index);
    if side == Side::Answer {
        notes.must("SD-53", format!("{name} of an answer is bundle-only"));
    } else if description.bundle(index).is_none() {
        notes.must("SD-53", format!("{name} is bundle-only and in no BUNDLE group"));
    } else if description
        .sections
        .get(index)
        .is_some_and(|section| section.port != 0)
    {
        notes.should("SD-53", format!("{name} is bundle-only and has a port"));
    }
}

fn rtp_offer(description: &Description, index: usize, notes: &mut Notes) {
    protocol(description, index, notes);
    if description.mux(index) {
        return;
    }
    let name = description.name(index);
    match description.tag(index) {
        Some(_) => notes.must("SD-33", format!("{name} is bundled without rtcp-mux")),
        None => notes.should("SD-33", format!("{name} is offered without rtcp-mux")),
    }
}

fn protocol(description: &Description, index: usize, notes: &mut Notes) {
    let Some(section) = description.sections.get(index) else {
        return;
    };
    if !matches!(section.proto.as_str(), "UDP/TLS/RTP/SAVPF" | "TCP/DTLS/RTP/SAVPF") {
        let proto = super::shown(&section.proto);
        notes.should(
            "SD-50",
            format!("{} is offered over `{proto}`", description.name(index)),
        );
    }
}

/// Payload types and what is said of them belong together.
fn payload_types(description: &Description, index: usize, notes: &mut Notes) {
    let Some(section) = description.sections.get(index) else {
        return;
    };
    let name = || description.name(index);
    if let Some(format) = section
        .formats
        .iter()
        .find(|format| section.codec(format).is_none())
    {
        let format = super::shown(format);
        notes.should(
            "SD-20",
            format!(
                "{} lists payload type {format}, and no rtpmap says what it is",
                name()
            ),
        );
    }
    let listed: Vec<u8> = section
        .formats
        .iter()
        .filter_map(|format| format.parse().ok())
        .collect();
    let stray = section
        .spoken_of
        .iter()
        .find(|(number, _)| !listed.contains(number));
    if let Some((number, line)) = stray {
        notes.should(
            "SD-20",
            format!(
                "line {line} of the SDP speaks of payload type {number}, which {} does not list",
                name()
            ),
        );
    }
}

fn data(description: &Description, index: usize, notes: &mut Notes) {
    let Some(section) = description.sections.get(index) else {
        return;
    };
    let name = description.name(index);
    // An older form names the port itself as the format.
    if section.proto == "DTLS/SCTP" {
        return;
    }
    if section.formats != ["webrtc-datachannel"] {
        notes.must(
            "SD-49",
            format!("{name} carries SCTP and its format is not webrtc-datachannel"),
        );
    } else if !section.sctp {
        notes.must("SD-49", format!("{name} carries SCTP and has no sctp-port"));
    }
}

/// RTP has component 1 and RTCP component 2; data has the first only.
fn components(description: &Description, index: usize, notes: &mut Notes) {
    let Some(section) = description.sections.get(index) else {
        return;
    };
    let most = if section.is_rtp() { 2 } else { 1 };
    if let Some(candidate) = section
        .candidates
        .iter()
        .find(|candidate| candidate.component > most)
    {
        notes.should(
            "SD-38",
            format!(
                "{} has a candidate for component {}",
                description.name(index),
                candidate.component
            ),
        );
    }
}

fn extensions(description: &Description, index: usize, notes: &mut Notes) {
    let Some(section) = description.sections.get(index) else {
        return;
    };
    for (at, Extension { id, line, .. }) in section.extensions.iter().enumerate() {
        let mut before = section.extensions.iter().take(at);
        match id {
            0 => notes.must(
                "SD-51",
                format!("line {line} of the SDP has the header extension id 0, which is padding"),
            ),
            1..=255 if before.any(|other| other.id == *id) => notes.must(
                "SD-51",
                format!(
                    "line {line} of the SDP gives the header extension id {id} a second time in one section"
                ),
            ),
            // Those from 4096 on stand for ids that the answer is to choose, several for one if it likes.
            1..=255 | 4096..=4351 => {}
            _ => notes.should(
                "SD-51",
                format!("line {line} of the SDP has the header extension id {id}, which RTP cannot carry"),
            ),
        }
    }
}

/// Where two sections have one user name, they have one password.
fn one_password(description: &Description, notes: &mut Notes) {
    let own = description.sections.iter().map(|section| &section.link);
    let links: Vec<_> = own.chain([&description.common]).collect();
    for (at, link) in links.iter().enumerate() {
        let (Some(ufrag), Some(pwd)) = (&link.ufrag, &link.pwd) else {
            continue;
        };
        let same = |other: &&&super::Link| {
            other.ufrag.as_ref() == Some(ufrag) && other.pwd.as_ref().is_some_and(|other| other != pwd)
        };
        if links.iter().take(at).any(|other| same(&other)) {
            notes.must(
                "SD-45",
                format!(
                    "the ICE user name `{}` stands with two passwords",
                    super::shown(ufrag)
                ),
            );
            return;
        }
    }
}
