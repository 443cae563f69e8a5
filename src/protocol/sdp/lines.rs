//! The lines of a description: how they end, which there are, in which order, and the form of all but attributes.

use std::hash::{BuildHasher, Hash, Hasher};
use std::net::{Ipv4Addr, Ipv6Addr};

use foldhash::quality::{FixedState, FoldHasher};

use super::{Description, LINES, Notes, Origin, SECTIONS, Section, attributes, shown};

/// How a place in the SDP is told.
pub(super) fn place(number: usize, line: &str) -> String {
    format!("line {number} of the SDP, `{}`,", shown(line))
}

/// How lines end (RFC 8866 §5): CR LF, and readers take a lone LF too; a line without an end they refuse.
pub(super) fn ends(text: &str, notes: &mut Notes) {
    let bytes = text.as_bytes();
    let count = |until: usize| 1 + bytes[..until].iter().filter(|byte| **byte == b'\n').count();
    let lone_cr =
        memchr::memchr_iter(b'\r', bytes).find(|at| bytes.get(at + 1).is_none_or(|next| *next != b'\n'));
    let lone_lf = memchr::memchr_iter(b'\n', bytes).find(|at| *at == 0 || bytes[at - 1] != b'\r');
    if let Some(at) = lone_cr {
        notes.must(
            "SD-02",
            format!("line {} of the SDP ends in CR without LF", count(at)),
        );
    }
    if let Some(at) = lone_lf {
        notes.should(
            "SD-02",
            format!("line {} of the SDP ends in LF without CR", count(at)),
        );
    }
    if !text.is_empty() && !text.ends_with(['\r', '\n']) {
        notes.must("SD-02", "the last line of the SDP has no line end");
    }
}

/// The lines with their numbers, whatever ends them. Behind the last line end stands no line.
fn numbered(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let (mut number, mut rest) = (0, text);
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let end = memchr::memchr2(b'\r', b'\n', rest.as_bytes()).unwrap_or(rest.len());
        let (line, ending) = rest.split_at(end);
        let length = if ending.starts_with("\r\n") { 2 } else { 1 };
        rest = ending.get(length..).unwrap_or_default();
        number += 1;
        Some((number, line))
    })
}

/// The place of a session-level line in the order of RFC 8866 §5, and whether it may stand there once only.
fn session_rank(letter: char) -> Option<(u8, bool)> {
    Some(match letter {
        'v' => (0, true),
        'o' => (1, true),
        's' => (2, true),
        'i' => (3, true),
        'u' => (4, true),
        'e' => (5, false),
        'p' => (6, false),
        'c' => (7, true),
        'b' => (8, false),
        't' | 'r' | 'z' => (9, false),
        'k' => (10, true),
        'a' => (11, false),
        _ => return None,
    })
}

/// The same below an `m=` line.
fn section_rank(letter: char) -> Option<(u8, bool)> {
    Some(match letter {
        'i' => (1, true),
        'c' => (2, false),
        'b' => (3, false),
        'k' => (4, true),
        'a' => (5, false),
        _ => return None,
    })
}

/// What has been read so far.
struct Reader<'a> {
    description: Description,
    notes: &'a mut Notes,
    /// The furthest place in the order, and which letters stood there.
    rank: u8,
    letters: u32,
    /// Letters that stood anywhere.
    all: u32,
    body: FoldHasher<'static>,
}

const fn bit(letter: char) -> u32 {
    1 << (letter as u32 % u32::BITS)
}

/// Reads all lines; the description is whole where each could be told for what it is and none is missing.
pub(super) fn read(text: &str, notes: &mut Notes) -> Description {
    let mut reader = Reader {
        description: Description {
            whole: true,
            ..Description::default()
        },
        notes,
        rank: 0,
        letters: 0,
        all: 0,
        body: FixedState::default().build_hasher(),
    };
    if text.is_empty() {
        reader.broken("the SDP is empty".to_owned());
        return reader.description;
    }
    if text.split(['\r', '\n']).next() != Some("v=0") {
        reader.broken("the SDP does not begin with the line v=0".to_owned());
    }
    let (mut blank, mut gap) = (None, false);
    for (number, line) in numbered(text) {
        if number > LINES {
            reader.broken(format!("the SDP has more than {LINES} lines"));
            break;
        }
        if line.is_empty() {
            blank.get_or_insert(number);
            continue;
        }
        if let Some(blank) = blank.take()
            && !std::mem::replace(&mut gap, true)
        {
            reader.broken(format!("line {blank} of the SDP is empty"));
        }
        reader.line(number, line);
    }
    if let Some(blank) = blank {
        reader.notes.must(
            "SD-01",
            format!("the SDP ends in an empty line, its line {blank}"),
        );
    }
    // What stands in the wrong place is not missing.
    let missing: Vec<String> = ['o', 's', 't', 'm']
        .into_iter()
        .filter(|letter| reader.all & bit(*letter) == 0)
        .map(|letter| format!("`{letter}=`"))
        .collect();
    if !missing.is_empty() {
        reader.broken(format!("the SDP has no line {}", missing.join(", ")));
    }
    reader.description.body = reader.body.finish();
    reader.description
}

impl Reader<'_> {
    fn broken(&mut self, message: String) {
        self.description.whole = false;
        self.notes.must("SD-01", message);
    }

    fn line(&mut self, number: usize, line: &str) {
        let mut chars = line.chars();
        let letter = chars.next().unwrap_or_default();
        let Some(value) = line
            .get(letter.len_utf8()..)
            .and_then(|rest| rest.strip_prefix('='))
        else {
            self.broken(format!(
                "{} does not begin with a letter and `=`",
                place(number, line)
            ));
            return;
        };
        if session_rank(letter).is_none() && letter != 'm' {
            self.broken(format!("{} is of no type that SDP knows", place(number, line)));
            return;
        }
        if memchr::memchr(0, line.as_bytes()).is_some() {
            self.notes
                .must("SD-01", format!("{} holds a zero byte", place(number, line)));
        }
        if value.is_empty() && letter == 's' {
            self.notes.must(
                "SD-01",
                format!("{} is empty, where `s=-` says nothing", place(number, line)),
            );
        } else if value.is_empty() {
            self.notes
                .should("SD-01", format!("{} is empty", place(number, line)));
        } else if value.starts_with([' ', '\t']) && letter != 's' && letter != 'i' {
            self.notes.should(
                "SD-01",
                format!("{} has white space behind its `=`", place(number, line)),
            );
        }
        self.all |= bit(letter);
        if letter == 'm' {
            (self.rank, self.letters) = (0, 0);
            self.section(number, line, value);
            return;
        }
        self.order(number, line, letter);
        self.form(number, line, letter, value);
    }

    fn order(&mut self, number: usize, line: &str, letter: char) {
        let ranked = if self.description.sections.is_empty() {
            session_rank(letter)
        } else {
            section_rank(letter)
        };
        let wrong = match ranked {
            None => Some("stands below an `m=` line"),
            Some((rank, _)) if rank < self.rank => Some("stands behind lines that it goes before"),
            Some((_, true)) if self.letters & bit(letter) != 0 => Some("repeats a line that stands once"),
            Some(_) => None,
        };
        if let Some(what) = wrong {
            self.notes
                .must("SD-15", format!("{} {what}", place(number, line)));
        }
        let Some((rank, _)) = ranked else { return };
        self.rank = self.rank.max(rank);
        self.letters |= bit(letter);
    }

    fn form(&mut self, number: usize, line: &str, letter: char, value: &str) {
        let mut wrong = |rule, what: &str| {
            self.notes.must(rule, format!("{} {what}", place(number, line)));
        };
        if letter == 'c' && !is_connection(value) {
            wrong("SD-17", "does not hold IN, IP4 or IP6, and an address of it");
        }
        match letter {
            'o' => match origin(value) {
                Some(origin) => {
                    origin.name.hash(&mut self.body);
                    self.description.origin.get_or_insert(origin);
                }
                None => wrong(
                    "SD-16",
                    "does not hold user name, session id, version, IN, IP4 or IP6, and an address",
                ),
            },
            't' if !is_times(value) => wrong("SD-17", "does not hold two times in digits"),
            'b' if !is_bandwidth(value) => wrong("SD-17", "does not hold a kind, a colon and a number"),
            'k' => wrong("SD-48", "holds a key"),
            'a' => {
                if !value.starts_with("candidate:")
                    && !value.starts_with("rtcp:")
                    && value != "end-of-candidates"
                {
                    line.hash(&mut self.body);
                }
                attributes::read(number, line, value, &mut self.description, self.notes);
            }
            'c' => match self.description.sections.last_mut() {
                Some(section) => section.connection = true,
                None => self.description.connection = true,
            },
            _ => line.hash(&mut self.body),
        }
    }

    fn section(&mut self, number: usize, line: &str, value: &str) {
        if self.description.sections.len() == SECTIONS {
            self.broken(format!("the SDP has more than {SECTIONS} sections"));
            return;
        }
        let mut section = Section {
            line: number,
            ..Section::default()
        };
        let mut fields = value.split(' ');
        let mut next = || fields.next().filter(|field| !field.is_empty());
        let (media, port, proto) = (next(), next(), next());
        section.media = media.unwrap_or_default().to_owned();
        section.proto = proto.unwrap_or_default().to_owned();
        section.formats = fields.take(256).map(str::to_owned).collect();
        (&section.media, &section.proto, &section.formats).hash(&mut self.body);
        let known = port.and_then(port_of);
        // A port that cannot be read switches nothing off.
        section.port = known.unwrap_or(9);
        let wrong = if proto.is_none() || !token(&section.media) {
            Some("does not hold a kind of media, a port, a protocol and formats")
        } else if known.is_none() {
            Some("has no port from 0 to 65535")
        } else if section.formats.is_empty() || section.formats.iter().any(|format| !token(format)) {
            Some("names no format, or has a gap between two")
        } else if section.is_rtp() && section.formats.iter().any(|format| !is_payload_type(format)) {
            Some("names a format that is no payload type from 0 to 127")
        } else {
            None
        };
        if let Some(what) = wrong {
            self.notes
                .must("SD-18", format!("{} {what}", place(number, line)));
        }
        self.description.sections.push(section);
    }
}

fn is_payload_type(format: &str) -> bool {
    digits(format) && format.parse::<u8>().is_ok_and(|number| number < 128)
}

/// A port, and how many of them if that is said.
fn port_of(field: &str) -> Option<u32> {
    let (port, count) = field.split_once('/').unwrap_or((field, "1"));
    let port = digits(port).then(|| port.parse().ok()).flatten();
    port.filter(|port| *port <= 65_535 && digits(count))
}

pub(super) fn digits(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// The characters of a `token` (RFC 8866 §9).
const TOKEN: [bool; 256] = {
    let mut token = [false; 256];
    let mut byte = 0x21;
    while byte < 0x7f {
        token[byte] = !matches!(
            byte as u8,
            b'"' | b'('
                | b')'
                | b','
                | b'/'
                | b':'
                | b';'
                | b'<'
                | b'='
                | b'>'
                | b'?'
                | b'@'
                | b'['
                | b'\\'
                | b']'
        );
        byte += 1;
    }
    token
};

/// A `token` of RFC 8866 §9.
pub(super) fn token(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| TOKEN[usize::from(byte)])
}

fn origin(value: &str) -> Option<Origin> {
    let fields: Vec<&str> = value.split(' ').take(7).collect();
    let [user, id, version, net, kind, address] = fields.as_slice() else {
        return None;
    };
    let sound = !user.is_empty() && digits(id) && digits(version) && is_address(net, kind, address);
    sound.then(|| Origin {
        name: [user, id, net, kind, address].map(|field| (*field).to_owned()),
        version: (*version).to_owned(),
    })
}

fn is_times(value: &str) -> bool {
    value
        .split_once(' ')
        .is_some_and(|(start, stop)| digits(start) && digits(stop))
}

fn is_connection(value: &str) -> bool {
    let fields: Vec<&str> = value.split(' ').take(4).collect();
    let [net, kind, address] = fields.as_slice() else {
        return false;
    };
    let (address, count) = address.split_once('/').unwrap_or((address, "1"));
    is_address(net, kind, address) && count.split('/').all(digits)
}

/// An address of its kind, or a name.
fn is_address(net: &str, kind: &str, address: &str) -> bool {
    let name = |text: &str| {
        let of = |c: char| c.is_ascii_alphanumeric() || "-._".contains(c);
        text.contains(|c: char| c.is_ascii_alphabetic()) && text.chars().all(of)
    };
    net == "IN"
        && match kind {
            "IP4" => address.parse::<Ipv4Addr>().is_ok() || name(address),
            "IP6" => address.parse::<Ipv6Addr>().is_ok() || name(address),
            _ => false,
        }
}

fn is_bandwidth(value: &str) -> bool {
    value
        .split_once(':')
        .is_some_and(|(kind, number)| token(kind) && digits(number))
}
