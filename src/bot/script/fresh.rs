//! Names in texts become values; what is new each time comes from the seed and the clock.

use rand::{Rng, rngs::ChaCha8Rng};
use time::format_description::well_known::Rfc3339;

use super::Script;

/// What stock servers take in one stanza, in bytes, where the profile does not say it.
const USUAL_LIMIT: u64 = 262_144;
/// No scenario says more than this in one breath.
const MOST: usize = 16 << 20;

impl Script {
    pub(super) fn timestamp(&self) -> String {
        let at = self.setup.started + self.now;
        at.replace_nanosecond(at.millisecond() as u32 * 1_000_000)
            .unwrap_or(at)
            .format(&Rfc3339)
            .unwrap_or_default()
    }

    pub(super) fn text(&mut self, text: &str) -> String {
        let now = self.timestamp();
        let (rng, limit) = (&mut self.rng, self.setup.profile.stanza_limit);
        self.names.text(text, &mut |name| fresh(name, &now, limit, rng))
    }

    pub(super) fn value(&mut self, value: &serde_json::Value) -> serde_json::Value {
        let now = self.timestamp();
        let (rng, limit) = (&mut self.rng, self.setup.profile.stanza_limit);
        self.names.value(value, &mut |name| fresh(name, &now, limit, rng))
    }
}

pub(super) fn fresh(name: &str, now: &str, limit: Option<u64>, rng: &mut ChaCha8Rng) -> Option<String> {
    match name {
        "now" => Some(now.to_owned()),
        "uuid" => Some(fresh_uuid(rng)),
        // A little past it, so that the stanza around it makes no difference; well below twice as much.
        "past-limit" => {
            let limit = usize::try_from(limit.unwrap_or(USUAL_LIMIT))
                .unwrap_or(MOST)
                .clamp(10_000, MOST);
            Some("x".repeat(limit + limit / 8))
        }
        name => bulk(name),
    }
}

/// Much of the same: `{padding-9000}` is so many letters, `{lists-500}` JSON lists and `{elements-500}` XML elements in
/// each other.
fn bulk(name: &str) -> Option<String> {
    let (word, number) = name.split_once('-')?;
    let number = number.parse::<usize>().ok().filter(|number| *number <= MOST)?;
    let around = |open: &str, close: &str| open.repeat(number) + &close.repeat(number);
    match word {
        "padding" => Some("x".repeat(number)),
        "lists" => Some(around("[", "]")),
        "elements" => Some(around("<a>", "</a>")),
        _ => None,
    }
}

pub(super) fn fresh_uuid(rng: &mut ChaCha8Rng) -> String {
    let mut bytes = [0; 16];
    rng.fill_bytes(&mut bytes);
    uuid::Builder::from_random_bytes(bytes).into_uuid().to_string()
}
