//! What a ladder is made of. Drawn as text, as SVG and in the HTML report from this one model.

use crate::protocol::State;

/// A transcript as a picture: rows in time, between the lanes of the parties, with the server amid them.
#[derive(Debug, Clone, Default)]
pub struct Ladder {
    /// The parties, in the order in which they appear. The server is no lane: whatever is sent goes to it, and
    /// whatever is received comes from it.
    pub lanes: Vec<Lane>,
    pub rows: Vec<Row>,
    pub arrows: Vec<Arrow>,
    /// How many calls there are; with one only, its number is not worth a word.
    pub calls: usize,
    /// Events beyond the bound of what is drawn.
    pub left_out: usize,
    /// What was found: rows name these by position.
    pub marks: Vec<Mark>,
}

/// One party: a device, not a user.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Lane {
    /// Its name in the cast.
    pub who: String,
    /// Its user's name, where that says something that `who` does not.
    pub user: Option<String>,
}

/// Something found, as far as a ladder shows it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Mark {
    pub rule: String,
    pub text: String,
    pub events: Vec<u64>,
    /// A finding against somebody, not a remark.
    pub grave: bool,
}

/// One event.
#[derive(Debug, Clone)]
pub struct Row {
    pub event: u64,
    /// Seconds since the start.
    pub t: f64,
    pub lane: Option<usize>,
    pub what: What,
    pub tone: Tone,
    /// What it says, such as `hangup cancelled`.
    pub label: String,
    /// The same where there is little room.
    pub short: String,
    /// The number of its call, from 1.
    pub call: Option<usize>,
    /// A few words on what is odd about it.
    pub note: Option<String>,
    /// The views that it moved.
    pub moved: Vec<Moved>,
    /// The marks whose events it is among.
    pub marks: Vec<usize>,
    /// The marks that are told here: it is the last of their events.
    pub told: Vec<usize>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum What {
    /// The lane wrote it: the tail of this arrow.
    Sent(usize),
    /// The lane took it in: a head of this arrow.
    Received(usize),
    /// No stanza: a session begins or ends, a step was missed.
    Words,
}

/// How much a row matters to somebody who looks at a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tone {
    Signal,
    /// An IQ error.
    Refusal,
    /// An IQ result: left out unless it is asked for, or shows a finding.
    Answer,
    /// Chat and presence: dimmed.
    Chat,
    /// Any other stanza, and what is none.
    Other,
    /// Sessions that begin and end.
    Life,
    /// An expectation missed, or trouble.
    Trouble,
    /// For readers.
    Remark,
}

/// A stanza on its way.
#[derive(Debug, Clone, Default)]
pub struct Arrow {
    /// The row in which it was written; `None`: the server's own, or it was written elsewhere.
    pub sent: Option<usize>,
    /// The rows in which it was taken in.
    pub arrivals: Vec<usize>,
    /// Seconds from writing to the first arrival, which may be earlier than the row that took it in.
    pub latency: Option<f64>,
    pub fate: Fate,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Fate {
    Arrived,
    /// It went to the server, or to somebody whose wire was not recorded.
    #[default]
    Server,
    /// It was for a party of this transcript, and was not seen to arrive nor refused.
    Lost,
}

/// A view that moved.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Moved {
    pub lane: usize,
    pub call: usize,
    pub state: State,
}

impl Ladder {
    /// The rows to draw, by position: without IQ results unless asked for.
    pub fn visible(&self, answers: bool) -> Vec<usize> {
        let shown = |row: &Row| answers || row.tone != Tone::Answer || !row.marks.is_empty();
        (0..self.rows.len())
            .filter(|at| self.rows.get(*at).is_some_and(shown))
            .collect()
    }

    /// The arrow of a row that is a stanza.
    pub fn arrow(&self, row: &Row) -> Option<&Arrow> {
        match row.what {
            What::Sent(at) | What::Received(at) => self.arrows.get(at),
            What::Words => None,
        }
    }

    /// Whether these two rows are one stanza that nothing came between, so that one line can show both.
    pub fn joined(&self, first: &Row, second: &Row) -> bool {
        let (What::Sent(sent), What::Received(received)) = (first.what, second.what) else {
            return false;
        };
        sent == received
            && first.label == second.label
            && first.lane != second.lane
            && second.note.is_none()
            && (first.marks.is_empty() || first.marks == second.marks || second.marks.is_empty())
    }
}

/// A state as one word.
pub fn word(state: State) -> &'static str {
    match state {
        State::Idle => "idle",
        State::Ringing => "ringing",
        State::Accepted => "accepted",
        State::Offered => "offered",
        State::Answered => "answered",
        State::Ended => "ended",
    }
}
