//! What happened, as data: a header and events, one JSON object a line.

mod event;

pub use event::{Dir, Event, Header, Member, Party, ScenarioInfo};

/// The version of the transcript format, the header's `callspec` member.
pub const FORMAT: u32 = 1;
