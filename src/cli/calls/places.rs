//! Where the events of a recording stand in its files.

use std::borrow::Cow;
use std::collections::VecDeque;
use std::sync::Arc;

use crate::rules::Finding;
use crate::transcript::{Dir, Event};

/// Events whose place is remembered.
const REMEMBERED: usize = 8_192;
/// Events of one finding whose places are told.
const TOLD: usize = 8;

#[derive(Debug)]
struct Place {
    n: u64,
    source: usize,
    line: u64,
    t: f64,
    who: Arc<str>,
    dir: Dir,
    what: Cow<'static, str>,
}

#[derive(Debug, Default)]
pub(super) struct Places {
    places: VecDeque<Place>,
    files: Vec<String>,
}

impl Places {
    /// `files`: the names of the sources.
    pub fn new(files: &[String]) -> Places {
        Places {
            places: VecDeque::new(),
            files: files.to_vec(),
        }
    }

    /// What a source is called that came later than the others.
    pub fn name(&mut self, source: usize, name: &str) {
        if self.files.len() <= source {
            self.files.resize(source + 1, String::new());
        }
        if let Some(file) = self.files.get_mut(source) {
            name.clone_into(file);
        }
    }

    /// Remembers where this event stands, and what it was in a word.
    pub fn note(
        &mut self,
        event: &Event,
        who: Arc<str>,
        (source, line): (usize, u64),
        what: Cow<'static, str>,
    ) {
        if self.places.len() == REMEMBERED {
            self.places.pop_front();
        }
        self.places.push_back(Place {
            n: event.n,
            source,
            line,
            t: event.t,
            who,
            dir: event.dir,
            what,
        });
    }

    /// The events that show a finding, a line each.
    pub fn of(&self, finding: &Finding) -> String {
        let mut out = String::new();
        for n in finding.events.iter().take(TOLD) {
            let Ok(index) = self.places.binary_search_by_key(n, |place| place.n) else {
                continue;
            };
            let Some(place) = self.places.get(index) else {
                continue;
            };
            let file = self.files.get(place.source).map_or("", String::as_str);
            let arrow = match place.dir {
                Dir::Sent => "──▶",
                Dir::Received => "◀──",
                _ => "·",
            };
            let time = if place.t.is_nan() {
                "       ?".to_owned()
            } else {
                format!("{:>8.3}", place.t)
            };
            out.push_str(&format!(
                "   {:>5} {time}  {:<10} {arrow:<3} {:<22} {file}:{}\n",
                place.n, place.who, place.what, place.line
            ));
        }
        out
    }
}
