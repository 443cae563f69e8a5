//! An ICE candidate as text (RFC 8839 §5.1): what it says, and all that is wrong with it.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::sdp::{Lint, shown};

/// The longest text that is read, in bytes.
const LONGEST: usize = 4_096;

/// What kind of address a candidate has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Place {
    Ip(IpAddr),
    /// A name of multicast DNS, which hides a local address.
    Local,
    /// Another name.
    Name,
}

impl Place {
    /// Whether this is an address of a local network (RFC 1918, RFC 4193), a link, or this machine.
    pub fn is_private(self) -> bool {
        match self {
            Place::Ip(IpAddr::V4(v4)) => v4.is_private() || v4.is_link_local() || v4.is_loopback(),
            Place::Ip(IpAddr::V6(v6)) => {
                v6.is_loopback() || v6.is_unique_local() || v6.is_unicast_link_local()
            }
            Place::Local | Place::Name => false,
        }
    }
}

/// A candidate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Candidate {
    pub component: u16,
    pub place: Place,
    /// `host`, `srflx`, `prflx`, `relay`, or what an extension adds.
    pub kind: String,
    /// The ICE user name that it says it belongs to.
    pub ufrag: Option<String>,
    /// The text without what may differ between two copies of one candidate.
    pub core: String,
}

impl Candidate {
    pub fn is_host(&self) -> bool {
        self.kind == "host"
    }
}

fn digits(text: &str) -> bool {
    !text.is_empty() && text.len() <= 10 && text.bytes().all(|byte| byte.is_ascii_digit())
}

fn ice_chars(text: &str) -> bool {
    text.bytes()
        .all(|byte| byte.is_ascii_alphanumeric() || byte == b'+' || byte == b'/')
}

/// An IP address, or a name; `None`: neither.
fn place(text: &str) -> Option<Place> {
    if let Ok(v4) = text.parse::<Ipv4Addr>() {
        return Some(Place::Ip(v4.into()));
    }
    if text.contains(':') {
        return text.parse::<Ipv6Addr>().ok().map(|v6| Place::Ip(v6.into()));
    }
    let of = |label: &str| {
        let chars = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
        (1..=63).contains(&label.len()) && label.chars().all(chars)
    };
    let named = text.contains(|c: char| c.is_ascii_alphabetic()) && text.split('.').all(of);
    let local = text.to_ascii_lowercase().ends_with(".local");
    named.then_some(if local { Place::Local } else { Place::Name })
}

/// Reads a candidate. What has no sense as one is absent; the lints say why.
#[must_use]
pub fn read(text: &str) -> (Option<Candidate>, Vec<Lint>) {
    let mut lints = Vec::new();
    let candidate = fields(text, &mut lints);
    (candidate, lints)
}

fn fields(text: &str, lints: &mut Vec<Lint>) -> Option<Candidate> {
    let mut wrong = |what: &str| lints.push(Lint::must("SD-10", what));
    if text.len() > LONGEST {
        wrong("the candidate is longer than any can be");
        return None;
    }
    let Some(rest) = text.strip_prefix("candidate:") else {
        wrong(if text.starts_with("a=candidate:") {
            "the candidate begins with `a=`, which belongs to SDP lines only"
        } else {
            "the candidate does not begin with `candidate:`"
        });
        return None;
    };
    let words: Vec<&str> = rest.split_whitespace().collect();
    if words.join(" ") != rest {
        lints.push(Lint::should(
            "SD-10",
            "the candidate's fields are not parted by single blanks, or something surrounds them",
        ));
    }
    let mut wrong = |what: String| lints.push(Lint::must("SD-10", what));
    let [
        foundation,
        component,
        transport,
        priority,
        address,
        port,
        typ,
        kind,
        more @ ..,
    ] = words.as_slice()
    else {
        wrong(format!(
            "the candidate has {} fields, and eight are needed: foundation, component, transport, priority, address, port, `typ` and its type",
            words.len()
        ));
        return None;
    };
    let before = lints.len();
    let mut wrong = |sound: bool, field: &str, value: &str, wanted: &str| {
        if !sound {
            let value = shown(value);
            lints.push(Lint::must(
                "SD-10",
                format!("the candidate's {field} `{value}` is not {wanted}"),
            ));
        }
    };
    let number = |text: &str| digits(text).then(|| text.parse::<u64>().ok()).flatten();
    wrong(
        (1..=32).contains(&foundation.len()) && ice_chars(foundation),
        "foundation",
        foundation,
        "1 to 32 letters, digits, `+` or `/`",
    );
    let component_number = number(component).filter(|n| (1..=256).contains(n));
    wrong(
        component_number.is_some(),
        "component",
        component,
        "from 1 to 256",
    );
    let word = |text: &str| text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
    wrong(word(transport), "transport", transport, "a word such as udp");
    let priority_number = number(priority).filter(|n| (1..=0x7fff_ffff).contains(n));
    wrong(
        priority_number.is_some(),
        "priority",
        priority,
        "from 1 to 2147483647",
    );
    let found = place(address);
    wrong(found.is_some(), "address", address, "an IP address or a name");
    let port_number = number(port).filter(|n| *n <= 65_535);
    wrong(port_number.is_some(), "port", port, "from 0 to 65535");
    wrong(*typ == "typ", "seventh field", typ, "`typ`");
    wrong(word(kind), "type", kind, "a word such as host");
    wrong(
        more.len() % 2 == 0,
        "last field",
        more.last().unwrap_or(&""),
        "the value of a named field",
    );
    let broken = lints.len() > before;
    let pair = |name: &str| {
        let mut pairs = more.chunks_exact(2);
        pairs.find(|pair| pair[0] == name).map(|pair| pair[1])
    };
    related(kind, pair("raddr"), pair("rport"), lints);
    tcp(transport, pair("tcptype"), lints);
    if broken {
        return None;
    }
    let (component, priority) = (component_number?, priority_number?);
    if found == Some(Place::Name) {
        lints.push(Lint::should(
            "SD-40",
            format!("the candidate's address is the name `{}`", shown(address)),
        ));
    }
    if priority & 0xff != 256 - component {
        lints.push(Lint::info(
            "SD-39",
            format!(
                "the priority {priority} is not of the recommended form: its last eight bits are {}, and 256 less the component is {}",
                priority & 0xff,
                256 - component
            ),
        ));
    }
    let transport = transport.to_ascii_lowercase();
    let core = format!(
        "{foundation} {component} {transport} {address} {port} {kind} {} {} {}",
        pair("raddr").unwrap_or_default(),
        pair("rport").unwrap_or_default(),
        pair("tcptype").unwrap_or_default()
    );
    Some(Candidate {
        component: component as u16,
        place: found?,
        kind: (*kind).to_owned(),
        ufrag: pair("ufrag").map(str::to_owned),
        core,
    })
}

/// The related address: one for what is seen from outside, none for a host.
fn related(kind: &str, address: Option<&str>, port: Option<&str>, lints: &mut Vec<Lint>) {
    let both = address.is_some() && port.is_some();
    let none = address.is_none() && port.is_none();
    match kind {
        "srflx" | "prflx" | "relay" if !both => lints.push(Lint::must(
            "SD-36",
            format!("a candidate of type {kind} lacks its `raddr` or `rport`"),
        )),
        "host" if !none => lints.push(Lint::must(
            "SD-36",
            "a candidate of type host has a `raddr` or `rport`",
        )),
        _ => {}
    }
    if let Some(address) = address.filter(|address| place(address).is_none()) {
        let address = shown(address);
        lints.push(Lint::must("SD-36", format!("`raddr` `{address}` is no address")));
    }
    let ports = |port: &&str| !digits(port) || port.parse::<u32>().is_ok_and(|port| port > 65_535);
    if let Some(port) = port.filter(ports) {
        lints.push(Lint::must(
            "SD-36",
            format!("`rport` `{}` is no port from 0 to 65535", shown(port)),
        ));
    }
}

fn tcp(transport: &str, kind: Option<&str>, lints: &mut Vec<Lint>) {
    let mut wrong = |what: &str| lints.push(Lint::must("SD-37", what));
    let tcp = transport.eq_ignore_ascii_case("tcp");
    match kind {
        None if tcp => wrong("a TCP candidate has no `tcptype`"),
        Some("active" | "passive" | "so") if tcp => {}
        Some(_) if tcp => wrong("the `tcptype` is none of active, passive, so"),
        Some(_) if transport.eq_ignore_ascii_case("udp") => wrong("a UDP candidate has a `tcptype`"),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Rules in the order of the lints; what is less than a must has its weight behind it.
    fn rules(text: &str) -> Vec<String> {
        let told = |lint: Lint| match (lint.should, lint.info) {
            (true, _) => format!("{} should", lint.rule),
            (_, true) => format!("{} info", lint.rule),
            _ => lint.rule.to_owned(),
        };
        read(text).1.into_iter().map(told).collect()
    }

    /// As Chrome, Firefox and Safari, servers and old stacks write them.
    const SOUND: &[&str] = &[
        "candidate:842163049 1 udp 1677729535 203.0.113.9 46154 typ srflx raddr 0.0.0.0 rport 0 generation 0 ufrag c4Sp network-cost 999",
        "candidate:3065702747 1 udp 2122194687 192.0.2.2 50366 typ host generation 0 ufrag wMa6 network-id 1",
        "candidate:2982708715 1 udp 2122265343 fd00::2 39883 typ host generation 0 ufrag wMa6 network-id 2",
        "candidate:1467250027 1 udp 2122260223 8f2f4b1e-7c2f-4a43-9b3b-6a1b0c9d2e11.local 51000 typ host generation 0",
        "candidate:435653019 1 tcp 1518280447 192.0.2.7 9 typ host tcptype active generation 0 ufrag c4Sp",
        "candidate:1 1 udp 41885439 198.51.100.4 62000 typ relay raddr 203.0.113.9 rport 51002 generation 0",
        "candidate:0 1 UDP 2122252543 192.0.2.5 51234 typ host",
        "candidate:0 2 UDP 2122252542 192.0.2.5 51235 typ host",
        "candidate:2 1 TCP 2105524479 192.0.2.5 9 typ host tcptype active",
        "candidate:1 1 UDP 1685987327 203.0.113.5 51234 typ srflx raddr 192.0.2.5 rport 51234",
        "candidate:udpcandidate 1 udp 1076302079 198.51.100.20 40404 typ host",
        "candidate:H+a/7 1 UDP 2113937151 2001:db8::9 5000 typ prflx raddr 2001:db8::1 rport 9",
        "candidate:1 1 ssltcp 2113937151 198.51.100.20 443 typ host generation 0",
        "candidate:1 1 udp 2113937151 198.51.100.20 443 typ future-type",
    ];

    #[test]
    fn what_is_sent_in_the_field_is_sound() {
        for text in SOUND {
            assert_eq!(rules(text), [""; 0], "{text}");
            assert!(read(text).0.is_some(), "{text}");
        }
    }

    #[test]
    fn each_fault_has_its_rule() {
        const WITH: &str = "candidate:1 1 udp 2122260223 192.0.2.7 50000 typ host";
        let longest = format!("host x {}", "y".repeat(LONGEST - WITH.len() - 3));
        for (from, to, rule) in [
            ("host", longest.as_str(), ""),
            ("candidate:", "a=candidate:", "SD-10"),
            ("candidate:", "", "SD-10"),
            ("candidate:1 ", "candidate: ", "SD-10 should, SD-10"),
            (
                "candidate:1 ",
                "candidate:123456789012345678901234567890123 ",
                "SD-10",
            ),
            ("candidate:1 ", "candidate:a_b ", "SD-10"),
            (":1 1 ", ":1 0 ", "SD-10"),
            (":1 1 ", ":1 +1 ", "SD-10"),
            (":1 1 ", ":1 257 ", "SD-10"),
            ("2122260223", "0", "SD-10"),
            ("2122260223", "2147483648", "SD-10"),
            ("2122260223", "99999999999999999999", "SD-10"),
            ("2122260223", "02122260223", "SD-10"),
            ("192.0.2.7", "192.0.2.700", "SD-10"),
            ("192.0.2.7", "fe80::1%eth0", "SD-10"),
            ("192.0.2.7", "stun.example.com", "SD-40 should"),
            ("192.0.2.7", "stun..com", "SD-10"),
            ("192.0.2.7", "st*n.com", "SD-10"),
            ("192.0.2.7", ".local", "SD-10"),
            ("50000", "65536", "SD-10"),
            ("typ host", "typ srflx raddr 192.0.2.1 rport x", "SD-36"),
            (" typ host", " type host", "SD-10"),
            (" typ host", "", "SD-10"),
            ("typ host", "typ host generation", "SD-10"),
            ("typ host", "typ  host", "SD-10 should"),
            ("typ host", "typ host ", "SD-10 should"),
            ("typ host", "typ srflx", "SD-36"),
            ("typ host", "typ relay raddr 192.0.2.1", "SD-36"),
            ("typ host", "typ srflx raddr 1.2.3 rport 7", "SD-36"),
            ("typ host", "typ srflx raddr 1.2.3.4 rport 65535", ""),
            ("typ host", "typ srflx raddr 1.2.3.4 rport 65536", "SD-36"),
            ("typ host", "typ host raddr 192.0.2.1", "SD-36"),
            ("typ host", "typ host raddr 192.0.2.1 rport 7", "SD-36"),
            ("udp", "tcp", "SD-37"),
            ("udp", "u_p", "SD-10"),
            // What another transport writes is its own affair.
            (
                "udp 2122260223 192.0.2.7 50000 typ host",
                "sctp-tls 2122260223 192.0.2.7 50000 typ host tcptype x",
                "",
            ),
            ("typ host", "typ host tcptype active", "SD-37"),
            ("2122260223", "2122260222", "SD-39 info"),
        ] {
            let text = WITH.replacen(from, to, 1);
            assert_eq!(rules(&text).join(", "), rule, "{text}");
            assert_eq!(read(&text).0.is_none(), rule.ends_with("SD-10"), "{text}");
        }
        assert_eq!(
            rules("candidate:1 1 tcp 2122260223 192.0.2.7 9 typ host tcptype open"),
            ["SD-37"]
        );
        assert_eq!(rules(&format!("candidate:{}", "1 ".repeat(9_000))), ["SD-10"]);
    }

    #[test]
    fn two_copies_have_one_core() {
        let core = |text: &str| read(text).0.map(|candidate| candidate.core);
        let one = core("candidate:1 1 udp 2122260223 192.0.2.7 50000 typ host generation 0 ufrag a");
        assert!(one.is_some());
        assert_eq!(one, core("candidate:1 1 UDP 1122260223 192.0.2.7 50000 typ host"));
        assert_ne!(one, core("candidate:1 1 udp 2122260223 192.0.2.7 50001 typ host"));
    }

    #[test]
    fn what_kind_a_candidate_is_of_its_type_says() {
        let hosts = SOUND
            .iter()
            .filter(|text| read(text).0.is_some_and(|read| read.is_host()));
        let written = SOUND.iter().filter(|text| text.contains(" typ host"));
        assert_eq!(hosts.collect::<Vec<_>>(), written.collect::<Vec<_>>());
    }

    #[test]
    fn private_addresses_are_known() {
        let private = |address: &str| place(address).map(Place::is_private);
        for address in [
            "10.0.0.1",
            "192.168.7.7",
            "172.16.0.1",
            "169.254.1.1",
            "127.0.0.1",
            "fd00::2",
            "fe80::1",
        ] {
            assert_eq!(private(address), Some(true), "{address}");
        }
        for address in ["8.8.8.8", "2001:db8::1", "x.local", "host.example"] {
            assert_eq!(private(address), Some(false), "{address}");
        }
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(text in "(candidate:)?[a-z0-9:. /+-]{0,80}|\\PC{0,40}") {
            let (candidate, lints) = read(&text);
            prop_assert!(candidate.is_some() || !lints.is_empty());
        }
    }
}
