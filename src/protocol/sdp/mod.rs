//! Session descriptions (RFC 8866) as far as a call depends on them: read once, with all that is wrong, by line.

mod agree;
mod attributes;
mod lines;
mod sound;
mod succeed;

pub use agree::answers;
pub use succeed::{begins, restarted, roles, succeeds};

use super::candidate::Candidate;

/// The longest description that is read, in bytes.
const LONGEST: usize = 1 << 18;
/// Lines that are read.
const LINES: usize = 8_192;
/// `m=` sections that are read.
const SECTIONS: usize = 256;
/// What is said of one description at the most.
const KEPT: usize = 24;

/// Something wrong with a description or a candidate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lint {
    /// The catalogue id.
    pub rule: &'static str,
    /// What is wrong and where: a part of a sentence.
    pub message: String,
    /// Counts as a should at the most: the rule is one, or readers are told to take this form.
    pub should: bool,
    /// Never more than a remark.
    pub info: bool,
}

impl Lint {
    pub fn must(rule: &'static str, message: impl Into<String>) -> Lint {
        Lint {
            rule,
            message: message.into(),
            should: false,
            info: false,
        }
    }

    pub fn should(rule: &'static str, message: impl Into<String>) -> Lint {
        Lint {
            should: true,
            ..Lint::must(rule, message)
        }
    }

    pub fn info(rule: &'static str, message: impl Into<String>) -> Lint {
        Lint {
            info: true,
            ..Lint::must(rule, message)
        }
    }
}

/// Lints up to a number: a hostile text does not make a hostile report.
#[derive(Debug, Default)]
pub(super) struct Notes(Vec<Lint>);

impl Notes {
    fn add(&mut self, lint: Lint) {
        if self.0.len() < KEPT {
            self.0.push(lint);
        }
    }

    fn must(&mut self, rule: &'static str, message: impl Into<String>) {
        self.add(Lint::must(rule, message));
    }

    fn should(&mut self, rule: &'static str, message: impl Into<String>) {
        self.add(Lint::should(rule, message));
    }
}

/// Which half of an exchange a description is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    Offer,
    Answer,
}

/// The way in which media flows, as its sender sees it (RFC 8866 §6.7).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    SendRecv,
    SendOnly,
    RecvOnly,
    Inactive,
}

impl Direction {
    fn word(self) -> &'static str {
        match self {
            Direction::SendRecv => "sendrecv",
            Direction::SendOnly => "sendonly",
            Direction::RecvOnly => "recvonly",
            Direction::Inactive => "inactive",
        }
    }
}

/// Which side opens the DTLS connection (RFC 4145 §4).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Setup {
    Active,
    Passive,
    ActPass,
    /// A word that says nothing about it.
    Other,
}

/// The fields of the `o=` line (RFC 8866 §5.2).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Origin {
    /// User name, session id and address: what stays the same for a whole session.
    pub name: [String; 5],
    /// Decimal digits.
    pub version: String,
}

/// What ICE and DTLS need, of a section or of the whole session.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Link {
    pub ufrag: Option<String>,
    pub pwd: Option<String>,
    /// Hash name in lower case, and digest.
    pub fingerprints: Vec<(String, String)>,
    pub setup: Option<Setup>,
    pub tls_id: Option<String>,
    pub trickle: bool,
}

/// One `m=` section.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Section {
    /// The number of its `m=` line.
    pub line: usize,
    pub media: String,
    pub port: u32,
    pub proto: String,
    pub formats: Vec<String>,
    /// It has a `c=` line.
    connection: bool,
    pub mid: Option<String>,
    pub link: Link,
    pub direction: Option<Direction>,
    /// It has several that differ, of which a reader may go by any.
    torn: bool,
    pub bundle_only: bool,
    pub mux: bool,
    mux_only: bool,
    sctp: bool,
    /// Payload type and codec, of `rtpmap` lines.
    codecs: Vec<(u8, String)>,
    /// Payload types that `rtpmap`, `fmtp` and `rtcp-fb` lines speak of, each with its line's number.
    spoken_of: Vec<(u8, usize)>,
    extensions: Vec<Extension>,
    rids: Vec<String>,
    simulcast: Vec<String>,
    pub candidates: Vec<Candidate>,
}

impl Section {
    /// Whether it is refused or switched off; a bundle-only section has port 0 too (RFC 9143 §6).
    pub fn is_off(&self) -> bool {
        self.port == 0 && !self.bundle_only
    }

    pub fn is_rtp(&self) -> bool {
        self.proto.contains("RTP/")
    }

    fn codec(&self, format: &str) -> Option<&str> {
        let number: u8 = format.parse().ok()?;
        let mapped = self.codecs.iter().find(|(known, _)| *known == number);
        mapped
            .map(|(_, codec)| codec.as_str())
            .or_else(|| attributes::fixed(number))
    }
}

/// A header extension (RFC 8285 §5).
#[derive(Debug, Clone, PartialEq, Eq)]
struct Extension {
    id: u32,
    uri: String,
    line: usize,
}

/// A group of sections (RFC 5888 §5).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Group {
    bundle: bool,
    line: usize,
    mids: Vec<String>,
}

/// A session description.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Description {
    /// Its lines could be told apart: what it lacks, it lacks.
    pub whole: bool,
    pub origin: Option<Origin>,
    pub common: Link,
    /// A `c=` line stands above the first section.
    connection: bool,
    pub direction: Option<Direction>,
    torn: bool,
    groups: Vec<Group>,
    pub sections: Vec<Section>,
    /// A digest of what changes only where the description does: candidates, ports and addresses are left out.
    body: u64,
}

impl Description {
    /// The first section of this mid.
    pub fn by_mid(&self, mid: &str) -> Option<usize> {
        self.sections
            .iter()
            .position(|section| section.mid.as_deref() == Some(mid))
    }

    fn bundle(&self, index: usize) -> Option<&Group> {
        self.bundle_of(self.sections.get(index)?.mid.as_ref()?)
    }

    fn bundle_of(&self, mid: &String) -> Option<&Group> {
        self.groups
            .iter()
            .find(|group| group.bundle && group.mids.contains(mid))
    }

    /// The section whose transport carries this one: the first of its bundle (RFC 9143 §7.1).
    pub fn tag(&self, index: usize) -> Option<&str> {
        self.bundle(index)?.mids.first().map(|mid| &**mid)
    }

    /// What holds for a section: its own, that of the sections it is bundled with, or that of the session.
    fn shared<'a, T>(&'a self, index: usize, get: impl Fn(&'a Section) -> Option<T>) -> Option<T> {
        let own = self.sections.get(index).and_then(&get);
        own.or_else(|| {
            let group = self.bundle(index)?;
            let mut within = self
                .sections
                .iter()
                .filter(|section| section.mid.as_ref().is_some_and(|mid| group.mids.contains(mid)));
            within.find_map(get)
        })
    }

    /// The ICE user name in force for a section.
    pub fn ufrag(&self, index: usize) -> Option<&str> {
        self.shared(index, |section| section.link.ufrag.as_deref())
            .or(self.common.ufrag.as_deref())
    }

    fn pwd(&self, index: usize) -> Option<&str> {
        self.shared(index, |section| section.link.pwd.as_deref())
            .or(self.common.pwd.as_deref())
    }

    fn setup(&self, index: usize) -> Option<Setup> {
        self.shared(index, |section| section.link.setup)
            .or(self.common.setup)
    }

    fn fingerprints(&self, index: usize) -> &[(String, String)] {
        self.shared(index, |section| {
            let prints = section.link.fingerprints.as_slice();
            (!prints.is_empty()).then_some(prints)
        })
        .unwrap_or(&self.common.fingerprints)
    }

    fn tls_id(&self, index: usize) -> Option<&str> {
        self.shared(index, |section| section.link.tls_id.as_deref())
            .or(self.common.tls_id.as_deref())
    }

    /// Whether RTP and RTCP share one port here.
    pub fn mux(&self, index: usize) -> bool {
        self.shared(index, |section| section.mux.then_some(())).is_some()
    }

    /// `None`: it says several things.
    fn flow(&self, index: usize) -> Option<Direction> {
        let section = self.sections.get(index);
        let own = section.and_then(|section| section.direction);
        let torn = own.map_or(self.torn, |_| section.is_some_and(|section| section.torn));
        (!torn).then(|| own.or(self.direction).unwrap_or(Direction::SendRecv))
    }

    /// Whether its sender opens the DTLS connection; `None`: it does not say.
    pub fn opens_connection(&self) -> Option<bool> {
        let index = self.sections.iter().position(|section| section.port != 0)?;
        match self.setup(index)? {
            Setup::Active => Some(true),
            Setup::Passive => Some(false),
            Setup::ActPass | Setup::Other => None,
        }
    }

    /// Whether any part of it says that candidates may follow (RFC 8840 §4.1.1).
    pub fn trickles(&self) -> bool {
        self.common.trickle || self.sections.iter().any(|section| section.link.trickle)
    }

    /// The rules that are put to the test only by what this description has.
    pub fn touched(&self) -> Vec<&'static str> {
        let any = |has: fn(&Section) -> bool| self.sections.iter().any(has);
        let mut rules = Vec::new();
        for (rule, has) in [
            ("SD-30", self.sections.iter().any(|section| section.mid.is_some())),
            ("SD-33", any(Section::is_rtp)),
            ("SD-46", any(|section| section.link.ufrag.is_some())),
            ("SD-49", any(|section| section.sctp)),
            ("SD-50", any(Section::is_rtp)),
            ("SD-51", any(|section| !section.extensions.is_empty())),
            ("SD-52", any(|section| !section.simulcast.is_empty())),
            ("SD-53", any(|section| section.bundle_only)),
        ] {
            if has {
                rules.push(rule);
            }
        }
        rules
    }

    /// Whether an ICE user name stands anywhere in it.
    pub fn has_ufrag(&self, ufrag: &str) -> bool {
        let own = self.sections.iter().map(|section| &section.link);
        own.chain([&self.common])
            .any(|link| link.ufrag.as_deref() == Some(ufrag))
    }

    /// What a message calls a section.
    fn name(&self, index: usize) -> Name<'_> {
        Name {
            index,
            section: self.sections.get(index),
        }
    }
}

/// The name of a section, written only where something is said of it.
#[derive(Clone, Copy)]
struct Name<'a> {
    index: usize,
    section: Option<&'a Section>,
}

impl std::fmt::Display for Name<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "section {}", self.index + 1)?;
        match self.section {
            Some(section) => write!(f, " (m={}, line {})", shown(&section.media), section.line),
            None => Ok(()),
        }
    }
}

/// A text of somebody else's in a message: short, and without control characters.
pub(super) fn shown(text: &str) -> String {
    const LONG: usize = 60;
    let mut short: String = text.chars().take(LONG).flat_map(char::escape_debug).collect();
    if text.chars().nth(LONG).is_some() {
        short.push('…');
    }
    short
}

/// Reads a description of this side. Never fails: what cannot be read is absent, and a lint says why.
///
/// Where the line ends are escaped twice, that is all that is said.
#[must_use]
pub fn read(text: &str, side: Side) -> (Description, Vec<Lint>) {
    let mut notes = Notes::default();
    if text.contains("\\r\\n") {
        notes.must(
            "SD-02",
            "the line ends are escaped twice: the SDP holds the four characters \\r\\n instead of CR LF",
        );
        return (Description::default(), notes.0);
    }
    if text.len() > LONGEST {
        notes.must(
            "SD-01",
            format!("the SDP is longer than {LONGEST} bytes and was not read"),
        );
        return (Description::default(), notes.0);
    }
    lines::ends(text, &mut notes);
    let description = lines::read(text, &mut notes);
    if description.whole {
        sound::check(&description, side, &mut notes);
    }
    (description, notes.0)
}

#[cfg(test)]
mod pair_tests;
#[cfg(test)]
mod tests;
