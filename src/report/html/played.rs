//! What happened in one scenario, as far as a report keeps it.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::BufReader;
use std::path::Path;

use crate::run::Finished;
use crate::transcript::{Event, Member, Reader};

/// The events of one scenario that are kept: a person looks at these.
const MOST: usize = 3_000;
/// The bytes of one stanza that are kept.
const LONGEST: usize = 32 * 1024;

/// What happened.
#[derive(Debug, Clone, Default)]
pub struct Played {
    pub cast: BTreeMap<String, Member>,
    pub events: Vec<Event>,
    /// Events beyond those that are kept.
    pub left_out: usize,
    /// The recording was cut off in the middle of a line.
    pub torn: bool,
}

impl Played {
    pub fn new(cast: BTreeMap<String, Member>) -> Played {
        Played {
            cast,
            ..Played::default()
        }
    }

    pub fn push(&mut self, mut event: Event) {
        if self.events.len() >= MOST {
            self.left_out += 1;
            return;
        }
        // The signal stands in the stanza, and is read from there.
        event.signal = None;
        if let Some(xml) = event.xml.take_if(|xml| xml.len() > LONGEST) {
            let end = (0..=LONGEST)
                .rev()
                .find(|at| xml.is_char_boundary(*at))
                .unwrap_or_default();
            let rest = xml.len() - end;
            let kept = xml.get(..end).unwrap_or_default();
            event.xml = Some(format!("{kept} … {rest} more bytes are left out").into());
        }
        self.events.push(event);
    }

    /// From a case that has just been run: its events, or its transcript where they were not kept.
    ///
    /// # Errors
    /// A transcript that cannot be read.
    pub fn of(finished: &Finished) -> Result<Option<Played>, String> {
        if !finished.events.is_empty() {
            let mut played = Played::new(finished.cast.clone());
            finished
                .events
                .iter()
                .cloned()
                .for_each(|event| played.push(event));
            return Ok(Some(played));
        }
        finished.transcript.as_deref().map(Played::from_file).transpose()
    }

    /// # Errors
    /// What is no transcript; one that is unreadable further down is kept up to there.
    pub fn from_file(path: &Path) -> Result<Played, String> {
        let file = File::open(path).map_err(|error| format!("{}: {error}", path.display()))?;
        let (header, mut events) =
            Reader::new(BufReader::new(file)).map_err(|error| format!("{}:{error}", path.display()))?;
        let mut played = Played::new(header.cast);
        for event in events.by_ref() {
            let Ok(event) = event else {
                played.torn = true;
                break;
            };
            played.push(event);
        }
        played.torn |= events.torn();
        Ok(played)
    }
}
