//! Attribute lines: what they say of a section or the session, and the form of those that a call depends on.

use super::lines::{digits, place, token};
use super::{Description, Direction, Extension, Group, Link, Notes, Section, Setup, shown};
use crate::protocol::candidate;

/// Entries of one kind that are kept of one section.
const ENTRIES: usize = 512;

/// Hash functions that are registered (RFC 8122 §8, RFC 8692 §5), and how many bytes each gives, where that is looked at.
pub(super) const HASHES: [(&str, Option<usize>); 9] = [
    ("md2", Some(16)),
    ("md5", Some(16)),
    ("sha-1", Some(20)),
    ("sha-224", Some(28)),
    ("sha-256", Some(32)),
    ("sha-384", Some(48)),
    ("sha-512", Some(64)),
    ("shake128", None),
    ("shake256", None),
];

/// The codecs of payload types that have one without an `rtpmap` (RFC 3551 §6).
pub(super) fn fixed(number: u8) -> Option<&'static str> {
    Some(match number {
        0 => "pcmu/8000",
        3 => "gsm/8000",
        4 => "g723/8000",
        5 => "dvi4/8000",
        6 => "dvi4/16000",
        7 => "lpc/8000",
        8 => "pcma/8000",
        9 => "g722/8000",
        10 | 11 => "l16/44100",
        12 => "qcelp/8000",
        13 => "cn/8000",
        14 => "mpa/90000",
        15 => "g728/8000",
        16 => "dvi4/11025",
        17 => "dvi4/22050",
        18 => "g729/8000",
        25 => "celb/90000",
        26 => "jpeg/90000",
        28 => "nv/90000",
        31 => "h261/90000",
        32 => "mpv/90000",
        33 => "mp2t/90000",
        34 => "h263/90000",
        _ => return None,
    })
}

/// An attribute line, with where it stands.
struct Attribute<'a> {
    number: usize,
    line: &'a str,
    value: &'a str,
}

impl Attribute<'_> {
    fn wrong(&self, notes: &mut Notes, rule: &'static str, what: &str) {
        notes.must(rule, format!("{} {what}", place(self.number, self.line)));
    }

    fn odd(&self, notes: &mut Notes, rule: &'static str, what: &str) {
        notes.should(rule, format!("{} {what}", place(self.number, self.line)));
    }
}

pub(super) fn read(number: usize, line: &str, text: &str, description: &mut Description, notes: &mut Notes) {
    let colon = memchr::memchr(b':', text.as_bytes()).unwrap_or(text.len());
    let (name, rest) = text.split_at(colon);
    let value = rest.get(1..);
    let attribute = Attribute {
        number,
        line,
        value: value.unwrap_or_default(),
    };
    if !token(name) {
        attribute.wrong(notes, "SD-19", "has no name that an attribute can have");
        return;
    }
    if value == Some("") {
        attribute.odd(notes, "SD-19", "has a colon and no value");
    }
    if matches!(name, "crypto" | "key-mgmt") {
        attribute.wrong(notes, "SD-48", "holds a key");
        return;
    }
    let Description {
        sections,
        common,
        direction,
        groups,
        torn,
        ..
    } = description;
    let (link, flow, torn) = match sections.last_mut() {
        Some(section) => (&mut section.link, &mut section.direction, &mut section.torn),
        None => (common, direction, torn),
    };
    if let Some(found) = direction_of(name) {
        if flow.replace(found).is_some_and(|other| other != found) {
            *torn = true;
            attribute.wrong(notes, "SD-21", "is a second direction in one place");
        }
        return;
    }
    if of_link(name, &attribute, link, notes) {
        return;
    }
    match (name, sections.last_mut()) {
        ("ice-lite", Some(_)) => attribute.wrong(notes, "SD-34", "stands below an `m=` line"),
        ("group", Some(_)) => attribute.wrong(notes, "SD-30", "stands below an `m=` line"),
        ("ice-mismatch", None) => attribute.wrong(notes, "SD-34", "stands above the first `m=` line"),
        ("group", None) if groups.len() < ENTRIES => {
            let mut words = attribute.value.split(' ');
            let bundle = words.next() == Some("BUNDLE");
            if words.clone().any(str::is_empty) {
                attribute.wrong(notes, "SD-30", "names nothing where a mid should stand");
            }
            let mids = words.filter(|mid| !mid.is_empty()).take(ENTRIES);
            groups.push(Group {
                bundle,
                line: number,
                mids: mids.map(str::to_owned).collect(),
            });
        }
        (_, Some(section)) => of_section(name, &attribute, section, notes),
        _ => {}
    }
}

fn direction_of(name: &str) -> Option<Direction> {
    Some(match name {
        "sendrecv" => Direction::SendRecv,
        "sendonly" => Direction::SendOnly,
        "recvonly" => Direction::RecvOnly,
        "inactive" => Direction::Inactive,
        _ => return None,
    })
}

/// What stands in a section or above all of them.
fn of_link(name: &str, attribute: &Attribute<'_>, link: &mut Link, notes: &mut Notes) -> bool {
    let value = attribute.value;
    let ice = |text: &str| {
        text.bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'+' || byte == b'/')
    };
    match name {
        "ice-ufrag" => {
            if !(4..=256).contains(&value.len()) || !ice(value) {
                let what = "is no ICE user name of 4 to 256 letters, digits, `+` or `/`";
                attribute.wrong(notes, "SD-06", what);
            } else if value.len() > 32 {
                attribute.odd(
                    notes,
                    "SD-46",
                    "has more than the 32 characters that are to be sent",
                );
            }
            link.ufrag.get_or_insert_with(|| value.to_owned());
        }
        "ice-pwd" => {
            // A password is a secret: it stands in no message.
            if !(22..=256).contains(&value.len()) || !ice(value) {
                notes.must(
                    "SD-06",
                    format!(
                        "line {} of the SDP, `a=ice-pwd`, has {} characters and is no ICE password of 22 to 256 letters, digits, `+` or `/`",
                        attribute.number,
                        value.chars().count()
                    ),
                );
            }
            link.pwd.get_or_insert_with(|| value.to_owned());
        }
        "fingerprint" => fingerprint(attribute, link, notes),
        "setup" => {
            let setup = match value {
                "active" => Some(Setup::Active),
                "passive" => Some(Setup::Passive),
                "actpass" => Some(Setup::ActPass),
                _ => None,
            };
            if setup.is_none() {
                attribute.wrong(notes, "SD-08", "is none of actpass, active, passive");
            }
            // What cannot be read is not missing too.
            link.setup = link.setup.or(setup).or(Some(Setup::Other));
        }
        "tls-id" => link.tls_id = Some(value.to_owned()),
        "ice-options" => link.trickle |= value.split(' ').any(|option| option == "trickle"),
        _ => return false,
    }
    true
}

fn fingerprint(attribute: &Attribute<'_>, link: &mut Link, notes: &mut Notes) {
    let (hash, digest) = attribute.value.split_once(' ').unwrap_or((attribute.value, ""));
    let hash = hash.to_ascii_lowercase();
    let known = HASHES.iter().find(|(name, _)| *name == hash);
    let bytes = known.and_then(|(_, bytes)| *bytes);
    if matches!(hash.as_str(), "md2" | "md5") {
        attribute.wrong(notes, "SD-47", "uses a hash function that is broken");
    }
    let hex = |pair: &str| pair.len() == 2 && pair.bytes().all(|byte| byte.is_ascii_hexdigit());
    let (mut pairs, mut others) = (0, 0);
    for pair in digest.split(':') {
        *(if hex(pair) { &mut pairs } else { &mut others }) += 1;
    }
    if others > 0 || !token(&hash) {
        attribute.wrong(notes, "SD-07", "is no hash name and pairs of hexadecimal digits");
    } else if bytes.is_some_and(|bytes| bytes != pairs) {
        let what = format!(
            "has {pairs} bytes, and {} gives {}",
            shown(&hash),
            bytes.unwrap_or(0)
        );
        attribute.wrong(notes, "SD-07", &what);
    }
    if link.fingerprints.len() < 16 {
        link.fingerprints.push((hash, digest.to_ascii_uppercase()));
    }
}

fn of_section(name: &str, attribute: &Attribute<'_>, section: &mut Section, notes: &mut Notes) {
    let value = attribute.value;
    match name {
        "mid" => {
            if !token(value) {
                attribute.wrong(notes, "SD-30", "is no name that a section can have");
            }
            if section.mid.is_some() {
                attribute.wrong(notes, "SD-30", "is a second mid of one section");
            }
            section.mid.get_or_insert_with(|| value.to_owned());
        }
        "bundle-only" => section.bundle_only = true,
        "rtcp-mux" => section.mux = true,
        "rtcp-mux-only" => section.mux_only = true,
        "sctp-port" => {
            if !digits(value) || value.parse::<u16>().is_err() {
                attribute.wrong(notes, "SD-49", "is no port from 0 to 65535");
            }
            section.sctp = true;
        }
        "sctpmap" => section.sctp = true,
        "rtpmap" if section.is_rtp() => {
            let (number, codec) = value.split_once(' ').unwrap_or((value, ""));
            let (codec, rates) = codec.split_once('/').unwrap_or((codec, ""));
            let (clock, channels) = rates
                .trim_end()
                .split_once('/')
                .unwrap_or((rates.trim_end(), "1"));
            match number.parse() {
                Ok(payload_type) if digits(number) && token(codec) && digits(clock) && digits(channels) => {
                    // Channels are left out: some write those of a codec that has always two, and some do not.
                    if section.codecs.len() < ENTRIES {
                        let codec = format!("{codec}/{clock}").to_ascii_lowercase();
                        section.codecs.push((payload_type, codec));
                        speak_of(section, payload_type, attribute.number);
                    }
                }
                _ => attribute.wrong(
                    notes,
                    "SD-19",
                    "is no payload type, codec, clock rate and channels",
                ),
            }
        }
        "fmtp" | "rtcp-fb" if section.is_rtp() => {
            let number = number_of(value);
            match number.parse() {
                Ok(number) => speak_of(section, number, attribute.number),
                Err(_) if number == "*" && name == "rtcp-fb" => {}
                Err(_) => attribute.odd(notes, "SD-20", "does not begin with a payload type"),
            }
        }
        "extmap" => extension(attribute, section, notes),
        "msid" if !value.split(' ').take(2).all(token) => {
            attribute.wrong(
                notes,
                "SD-19",
                "is no name of a stream, or of a stream and a track",
            );
        }
        "ssrc" if !digits(number_of(value)) || number_of(value).parse::<u32>().is_err() => {
            attribute.wrong(notes, "SD-19", "does not begin with a number of 32 bits");
        }
        "rid" if section.rids.len() < ENTRIES => {
            section.rids.extend(value.split(' ').next().map(str::to_owned));
        }
        // An older form, `rid=`, names them otherwise.
        "simulcast" if !value.contains("rid=") => {
            let words = value.split(' ').filter(|word| *word != "send" && *word != "recv");
            let ids = words.flat_map(|word| word.split([';', ',']));
            let ids = ids.map(|id| id.trim_start_matches('~').to_owned());
            section
                .simulcast
                .extend(ids.filter(|id| !id.is_empty()).take(ENTRIES));
        }
        "candidate" => {
            let text = attribute.line.get(2..).unwrap_or_default();
            let (candidate, lints) = candidate::read(text);
            for mut lint in lints {
                lint.message = format!("line {} of the SDP: {}", attribute.number, lint.message);
                notes.add(lint);
            }
            if section.candidates.len() < ENTRIES {
                section.candidates.extend(candidate);
            }
        }
        _ => {}
    }
}

/// What stands in front of the first blank: a number, if all is right.
fn number_of(value: &str) -> &str {
    value.split(' ').next().unwrap_or_default()
}

/// `ID URI`, or `ID/DIRECTION URI` (RFC 8285 §5).
fn extension(attribute: &Attribute<'_>, section: &mut Section, notes: &mut Notes) {
    let mut words = attribute.value.split(' ');
    let (id, uri) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    let (id, direction) = id
        .split_once('/')
        .map_or((id, None), |(id, flow)| (id, Some(flow)));
    let sound = digits(id) && !uri.is_empty() && direction.is_none_or(|flow| direction_of(flow).is_some());
    match id.parse() {
        Ok(id) if sound => {
            if section.extensions.len() < ENTRIES {
                section.extensions.push(Extension {
                    id,
                    uri: uri.to_owned(),
                    line: attribute.number,
                });
            }
        }
        _ => attribute.wrong(
            notes,
            "SD-19",
            "is no id, with or without a direction, and URI of an extension",
        ),
    }
}

fn speak_of(section: &mut Section, number: u8, line: usize) {
    if section.spoken_of.len() < ENTRIES {
        section.spoken_of.push((number, line));
    }
}
