//! The largest stanza that the server takes: grown, then narrowed down, between sessions of our own, up to 1 MiB.

use std::cell::RefCell;
use std::time::Duration;

use tokio::time::Instant;

use super::carry::{Mark, carry_within};
use super::found::{Found, Topic};
use super::parties::{Parties, fresh};
use super::peer::Peer;
use super::stanzas::request;

/// Nothing larger is sent.
const MOST: usize = 1 << 20;
/// What every server takes (RFC 6120 §13.12), the usual limits, and the most.
const LADDER: [usize; 5] = [10_000, 65_536, 131_072, 262_144, MOST];
/// Sizes that people choose: looked at before others.
const ROUND: [usize; 16] = [
    16_384, 20_000, 25_000, 32_768, 50_000, 65_536, 100_000, 131_072, 150_000, 200_000, 250_000, 262_144,
    300_000, 500_000, 524_288, 1_000_000,
];
/// How many stanzas, and how long.
const TRIES: usize = 30;
const ALL: Duration = Duration::from_secs(18);
/// A stanza of this many bytes takes this long on a line that is slow, but in use.
const SLOWEST: f64 = 200_000.0;

enum Came {
    Through,
    Refused(String),
    Unclear(String),
}

struct Search<'a> {
    parties: &'a Parties,
    callee: &'a mut Peer,
    sender: Option<Peer>,
    /// The largest that came through, and the smallest that did not, with how.
    through: usize,
    refused: Option<(usize, String)>,
    tries: usize,
    until: Instant,
    /// Bytes that a throttled stream can say in the time there is.
    budget: usize,
}

pub async fn look(parties: &Parties, callee: &mut Peer, found: &RefCell<Found>) {
    let rate = found.borrow().known.rate_limit;
    let budget = rate.map_or(usize::MAX, |rate| {
        usize::try_from(rate * 10).unwrap_or(usize::MAX)
    });
    let mut search = Search {
        parties,
        callee,
        sender: None,
        through: 0,
        refused: None,
        tries: 0,
        until: Instant::now() + ALL,
        budget,
    };
    let why = search.run(rate).await;
    if let Some(sender) = search.sender.take()
        && sender.end().is_none()
    {
        sender.leave().await;
    }
    let (through, refused) = (search.through, search.refused);
    let mut found = found.borrow_mut();
    match (through, refused) {
        (0, _) => found.unknown(Topic::StanzaLimit, why),
        (through, Some((refused, how))) if refused == through + 1 => {
            found.known.stanza_limit = Some(through as u64);
            found.set(
                Topic::StanzaLimit,
                format!("{through} bytes"),
                format!("{through} bytes came through; one more: {how}"),
            );
        }
        (through, Some((refused, how))) => found.set(
            Topic::StanzaLimit,
            format!("about {through} bytes"),
            format!("{through} bytes came through; {refused}: {how} ({why})"),
        ),
        (MOST, None) => found.set(
            Topic::StanzaLimit,
            "none up to 1 MiB",
            format!("{MOST} bytes came through; nothing larger is tried"),
        ),
        (through, None) => found.unknown(Topic::StanzaLimit, format!("{through} bytes came through; {why}")),
    }
}

impl Search<'_> {
    /// Why it went no further.
    async fn run(&mut self, rate: Option<u64>) -> String {
        for size in LADDER {
            if size > self.budget {
                let rate = rate.unwrap_or_default();
                return format!("more takes too long: the server reads {rate} B/s");
            }
            match self.has_room(size).await {
                Ok(true) => {}
                Ok(false) => break,
                Err(why) => return why,
            }
        }
        while let Some((refused, _)) = self.refused
            && refused > self.through + 1
        {
            let (through, width) = (self.through, refused - self.through);
            // One more than a round number settles it, if the limit is one.
            let above = is_round(through).then_some(through + 1);
            let middle = through + width / 2;
            let round = ROUND
                .into_iter()
                .filter(|size| (through + 1..refused).contains(size));
            let nearest = round.min_by_key(|size| size.abs_diff(middle));
            let size = above.or(nearest).unwrap_or(middle);
            if let Err(why) = self.has_room(size).await {
                return why;
            }
        }
        "it was narrowed down no further".to_owned()
    }

    /// Whether a stanza of this size comes through.
    async fn has_room(&mut self, size: usize) -> Result<bool, String> {
        self.tries += 1;
        if self.tries > TRIES {
            return Err("that was narrow enough".to_owned());
        }
        if Instant::now() >= self.until {
            return Err("the time for it was over".to_owned());
        }
        match self.send(size).await {
            Came::Through => {
                self.through = self.through.max(size);
                Ok(true)
            }
            Came::Refused(how) => {
                self.refused = Some((size, how));
                Ok(false)
            }
            Came::Unclear(why) => Err(format!("{size} bytes: {why}")),
        }
    }

    async fn send(&mut self, size: usize) -> Came {
        let mut sender = match self.sender.take() {
            Some(sender) if sender.end().is_none() => sender,
            _ => match self.parties.log_in(self.parties.caller()).await {
                Ok(sender) => sender,
                Err(why) => return Came::Unclear(why),
            },
        };
        let (id, token) = (fresh(), fresh());
        let to = self.callee.jid.clone();
        let bare = request(&to, Some(&id), &token, 0).len();
        let raw = request(&to, Some(&id), &token, size.saturating_sub(bare));
        let mark = Mark {
            id: Some(&id),
            token: &token,
        };
        let patience = Duration::from_secs_f64(3.0 + size as f64 / SLOWEST).max(self.pause());
        let carried = carry_within(patience, patience / 2, &mut sender, self.callee, raw, &mark).await;
        let words = carried.to_string();
        let came = if carried.arrived.is_some() {
            Came::Through
        } else if carried.mute {
            Came::Unclear(words)
        } else if let Some(end) = &carried.end {
            Came::Refused(end.to_string())
        } else if let (Some(condition), true) = (carried.refusal(), self.through > 0) {
            Came::Refused(format!("the server answered `{condition}`"))
        } else if carried.swallowed() && self.through > 0 {
            Came::Refused("it vanished".to_owned())
        } else {
            Came::Unclear(words)
        };
        if carried.end.is_none() && !carried.mute {
            self.sender = Some(sender);
        }
        came
    }

    /// What a throttled server may need for all that it can be told.
    fn pause(&self) -> Duration {
        match self.budget {
            usize::MAX => Duration::ZERO,
            _ => Duration::from_secs(12),
        }
    }
}

fn is_round(size: usize) -> bool {
    LADDER.contains(&size) || ROUND.contains(&size)
}
