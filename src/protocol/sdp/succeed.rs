//! What a party's next description has to keep of its last one (RFC 3264 §8, RFC 8839 §4.4).

use super::{Description, Lint, Section, Setup, shown};

/// Whether both are of one session: a party that began anew is not held to what it said before.
fn one_session(before: &Description, after: &Description) -> bool {
    let name = |description: &Description| description.origin.as_ref().map(|origin| origin.name[1].clone());
    name(before) == name(after)
}

/// What is asked of an offer by whether it is a call's first. It is whole.
#[must_use]
pub fn begins(offer: &Description, first: bool) -> Vec<Lint> {
    let mut lints = Vec::new();
    let heard = |section: &super::Section| section.media == "audio" && !section.is_off();
    if first && !offer.sections.iter().any(heard) {
        lints.push(Lint::must(
            "SD-04",
            "the offer has no audio section that is in use",
        ));
    }
    for (index, section) in offer.sections.iter().enumerate() {
        if section.is_off() {
            continue;
        }
        if let Some(Setup::Active | Setup::Passive) = offer.setup(index) {
            let what = format!("{} offers a DTLS role instead of actpass", offer.name(index));
            // Later offers of older clients keep the role that was agreed upon.
            lints.push(if first {
                Lint::must("SD-08", what)
            } else {
                Lint::should("SD-08", what)
            });
            break;
        }
    }
    lints
}

/// All that a party's `after` may not change of its `before`. `alike`: its last description of the same type;
/// `offer`: whether `after` is one; `peer`: the other side's last. All are whole.
#[must_use]
pub fn succeeds(
    before: &Description,
    alike: Option<&Description>,
    after: &Description,
    offer: bool,
    peer: Option<&Description>,
) -> Vec<Lint> {
    let mut lints = Vec::new();
    let names = (&before.origin, &after.origin);
    if let (Some(last), Some(next)) = names
        && last.name != next.name
    {
        lints.push(Lint::should(
            "SD-28",
            "the `o=` line is another one than that of this party's last description",
        ));
    }
    if !one_session(before, after) {
        return lints;
    }
    if let Some(alike) = alike {
        version(alike, after, &mut lints);
    }
    if offer && after.sections.len() < before.sections.len() {
        lints.push(Lint::must(
            "SD-29",
            format!(
                "the offer has {} `m=` sections, and there were {} before",
                after.sections.len(),
                before.sections.len()
            ),
        ));
    }
    for index in 0..after.sections.len().min(before.sections.len()) {
        section(before, after, index, peer, &mut lints);
    }
    lints.truncate(super::KEPT);
    lints
}

fn version(before: &Description, after: &Description, lints: &mut Vec<Lint>) {
    let (Some(last), Some(next)) = (&before.origin, &after.origin) else {
        return;
    };
    // Numbers of any length: the longer is the larger, once leading zeros are gone.
    let number = |text: &str| {
        let digits = text.trim_start_matches('0').to_owned();
        (digits.len(), digits)
    };
    let (old, new) = (number(&last.version), number(&next.version));
    let what = if new < old {
        "goes back"
    } else if new == old && before.body != after.body {
        "stays the same, and the description has changed"
    } else {
        return;
    };
    lints.push(Lint::should(
        "SD-28",
        format!(
            "the version in the `o=` line {what}: {} after {}",
            shown(&next.version),
            shown(&last.version)
        ),
    ));
}

fn section(
    before: &Description,
    after: &Description,
    index: usize,
    peer: Option<&Description>,
    lints: &mut Vec<Lint>,
) {
    let (Some(old), Some(new)) = (before.sections.get(index), after.sections.get(index)) else {
        return;
    };
    // A place that either side had switched off may be used for something else.
    let gone = |description: &Description| description.sections.get(index).is_some_and(Section::is_off);
    if old.is_off() || peer.is_some_and(gone) {
        return;
    }
    let name = after.name(index);
    if !old.media.eq_ignore_ascii_case(&new.media) {
        lints.push(Lint::must(
            "SD-29",
            format!("{name} stands where `m={}` stood", shown(&old.media)),
        ));
        return;
    }
    if new.is_off() {
        return;
    }
    if let (Some(last), Some(next)) = (&old.mid, &new.mid)
        && last != next
    {
        lints.push(Lint::should(
            "SD-29",
            format!("{name} has the mid `{}`, and had `{}`", shown(next), shown(last)),
        ));
        return;
    }
    let moved = new.codecs.iter().find(|(number, codec)| {
        let mut known = old.codecs.iter().filter(|(other, _)| other == number);
        known.next().is_some_and(|(_, other)| other != codec)
    });
    if let Some((number, codec)) = moved {
        lints.push(Lint::must(
            "SD-25",
            format!(
                "{name} gives payload type {number} to {}, and it stood for another codec",
                shown(codec)
            ),
        ));
    }
    let (ufrag, pwd) = (
        before.ufrag(index) != after.ufrag(index),
        before.pwd(index) != after.pwd(index),
    );
    let known = before.ufrag(index).is_some() && after.ufrag(index).is_some();
    if known && ufrag != pwd {
        let (kept, changed) = if ufrag {
            ("password", "user name")
        } else {
            ("user name", "password")
        };
        lints.push(Lint::must(
            "SD-43",
            format!("{name} changes the ICE {changed} and keeps the {kept}"),
        ));
    }
}

/// Whether ICE begins anew from `before` to `after` in a section that both have.
fn renewed(before: &Description, after: &Description, index: usize) -> Option<bool> {
    Some(before.ufrag(index)? != after.ufrag(index)?)
}

/// Whether the answer restarts ICE where the offer does, and only there (RFC 8839 §4.4.2.1, RFC 9429 §5.3.2).
///
/// `offers` and `answers`: what each side said last, and what it says now.
#[must_use]
pub fn restarted(offers: (&Description, &Description), answers: (&Description, &Description)) -> Vec<Lint> {
    let mut lints = Vec::new();
    if !one_session(answers.0, answers.1) || !one_session(offers.0, offers.1) {
        return lints;
    }
    for (index, section) in answers.1.sections.iter().enumerate() {
        if section.port == 0 {
            continue;
        }
        let asked = renewed(offers.0, offers.1, index);
        let given = renewed(answers.0, answers.1, index);
        let name = answers.1.name(index);
        match (asked, given) {
            (Some(true), Some(false)) => lints.push(Lint::should(
                "SD-44",
                format!("{name} keeps its ICE user name, and the offer restarts ICE"),
            )),
            (Some(false), Some(true)) => lints.push(Lint::should(
                "SD-44",
                format!("{name} has a new ICE user name, and the offer did not restart ICE"),
            )),
            _ => {}
        }
    }
    lints
}

/// Whether an answer keeps the DTLS role that its sender took earlier, where the connection goes on
/// (RFC 8842 §5.3). `client`: whether its sender opened the connection; each side's last and present description.
#[must_use]
pub fn roles(
    client: bool,
    offers: (&Description, &Description),
    answers: (&Description, &Description),
) -> Vec<Lint> {
    let mut lints = Vec::new();
    let sessions = one_session(answers.0, answers.1) && one_session(offers.0, offers.1);
    for (index, section) in answers.1.sections.iter().enumerate() {
        let goes_on = |(before, after): (&Description, &Description)| {
            renewed(before, after, index) == Some(false)
                && before.fingerprints(index) == after.fingerprints(index)
                && before.tls_id(index) == after.tls_id(index)
        };
        if section.port == 0 || !sessions || !goes_on(offers) || !goes_on(answers) {
            continue;
        }
        let wanted = if client { Setup::Active } else { Setup::Passive };
        if let Some(found @ (Setup::Active | Setup::Passive)) = answers.1.setup(index)
            && found != wanted
        {
            let name = answers.1.name(index);
            // Chromium counts this one as a connection of its own.
            lints.push(if answers.0.tag(index) == answers.1.tag(index) {
                let message = format!("{name} changes the DTLS role of a connection that goes on");
                Lint::must("SD-55", message)
            } else {
                let message =
                    format!("{name} changes its DTLS role as its bundle gets another tagged section");
                Lint::should("SD-55", message)
            });
        }
    }
    lints
}
