//! What happened, as data: a header and events, one JSON object a line.

mod event;
mod liberal;
mod quick;
mod reader;
pub mod recording;
mod stalls;
mod writer;

pub use crate::stanza::{Opcode, Wire};
pub use event::{Dir, Event, Header, Member, Party, ScenarioInfo, Witness};
pub use reader::{LINE_LIMIT, ReadError, Reader};
pub use stalls::{Stalls, TURNS, overlap};
pub use writer::{Writer, add_line};

/// The version of the transcript format, the header's `callspec` member.
pub const FORMAT: u32 = 1;
