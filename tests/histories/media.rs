//! What a device has described of its media in a call, as JSEP has it: offers again with more sections or other ICE
//! credentials, takes its own offer back where two have crossed, and gathers for what it described last.

use callspec::protocol::sdp::Side;
use callspec::protocol::{Role, sample};
use serde_json::{Value, json};

use crate::dice::Dice;

/// What makes one description differ from another of the same device.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Local {
    /// Counts ICE restarts.
    generation: u64,
    data: bool,
}

#[derive(Debug, Clone, Default)]
pub struct Media {
    version: u64,
    generations: u64,
    settled: Local,
    /// Its own offer that was not answered yet.
    offered: Option<Local>,
    /// The offer of the other side that it has not answered yet: whether that restarts ICE, and whether it has data.
    asked: Option<(bool, bool)>,
    /// The ICE user name of the other side in what was settled, and in its open offer.
    theirs: String,
    next_theirs: String,
    ports: u64,
}

fn fragment(role: Role, generation: u64) -> String {
    let who = if role == Role::Caller { 'a' } else { 'b' };
    format!("{who}{generation:04}")
}

/// The ICE user name of a description.
fn ufrag(sdp: &str) -> &str {
    let line = sdp.lines().find_map(|line| line.strip_prefix("a=ice-ufrag:"));
    line.expect("an ICE user name")
}

impl Media {
    fn description(&mut self, role: Role, side: Side, local: Local) -> Value {
        self.version += 1;
        let version = self.version.to_string();
        let plain = sample::description(role, side);
        let password = format!("{}{:0>22}", fragment(role, local.generation), "x");
        let lines = plain.lines().map(|line| match line.split_once(':') {
            Some(("a=ice-ufrag", _)) => format!("a=ice-ufrag:{}", fragment(role, local.generation)),
            Some(("a=ice-pwd", _)) => format!("a=ice-pwd:{password}"),
            Some(("a=group", _)) if local.data => "a=group:BUNDLE 0 1".to_owned(),
            _ if line.starts_with("o=") => {
                let mut fields: Vec<&str> = line.split(' ').collect();
                fields[2] = &version;
                fields.join(" ")
            }
            _ => line.to_owned(),
        });
        let mut lines: Vec<String> = lines.collect();
        if local.data {
            let shared = ["a=ice-", "a=fingerprint", "a=setup"];
            let transport = |line: &&String| shared.iter().any(|name| line.starts_with(name));
            let transport: Vec<String> = lines.iter().filter(transport).cloned().collect();
            lines.push("m=application 9 UDP/DTLS/SCTP webrtc-datachannel".to_owned());
            lines.push("c=IN IP4 0.0.0.0".to_owned());
            lines.extend(transport);
            lines.extend(["a=mid:1", "a=sctp-port:5000"].map(str::to_owned));
        }
        let word = if side == Side::Offer { "offer" } else { "answer" };
        json!({ "sdp": lines.join("\r\n") + "\r\n", "type": word })
    }

    /// Whether it may offer now.
    pub fn is_stable(&self) -> bool {
        self.offered.is_none() && self.asked.is_none()
    }

    pub fn is_offering(&self) -> bool {
        self.offered.is_some()
    }

    pub fn owes_an_answer(&self) -> bool {
        self.asked.is_some()
    }

    pub fn offers(&mut self, role: Role, dice: &mut Dice) -> Value {
        let mut next = self.settled;
        if self.version > 0 && dice.chance(50) {
            self.generations += 1;
            next.generation = self.generations;
        }
        next.data |= dice.chance(30);
        self.offered = Some(next);
        self.description(role, Side::Offer, next)
    }

    /// An offer has come. `polite`: an own one that has crossed it is taken back; otherwise the other one is left alone.
    pub fn is_asked(&mut self, sdp: &str, polite: bool) {
        if self.offered.is_some() && !polite {
            return;
        }
        self.offered = None;
        let theirs = ufrag(sdp);
        let restarts = !self.theirs.is_empty() && self.theirs != theirs;
        self.next_theirs = theirs.to_owned();
        self.asked = Some((restarts, sdp.contains("m=application")));
    }

    pub fn answers(&mut self, role: Role) -> Value {
        let (restarts, data) = self.asked.take().expect("an offer");
        if restarts {
            self.generations += 1;
            self.settled.generation = self.generations;
        }
        self.settled.data = data;
        self.theirs = std::mem::take(&mut self.next_theirs);
        self.description(role, Side::Answer, self.settled)
    }

    pub fn is_answered(&mut self, sdp: &str) {
        self.theirs = ufrag(sdp).to_owned();
        self.settled = self.offered.take().expect("an offer");
    }

    /// A candidate for what it described last.
    pub fn candidate(&mut self, role: Role, dice: &mut Dice) -> Value {
        self.ports += 1;
        let local = self.offered.unwrap_or(self.settled);
        let section = u64::from(local.data && dice.chance(50));
        let port = 50_000 + self.ports;
        let mut candidate =
            json!({ "candidate": format!("candidate:1 1 udp 2122260223 192.0.2.1 {port} typ host") });
        let named = dice.below(4);
        if named != 0 {
            candidate["sdpMid"] = section.to_string().into();
        }
        if named != 1 {
            candidate["sdpMLineIndex"] = section.into();
        }
        if dice.chance(60) {
            candidate["usernameFragment"] = fragment(role, local.generation).into();
        }
        candidate
    }
}
