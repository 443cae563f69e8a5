//! Streams to an XMPP server over WebSocket (RFC 7395), TCP with STARTTLS or direct TLS (RFC 6120, RFC 7590):
//! login, and the exact text of every stanza.

mod dial;
mod error;
mod framing;
mod leg;
pub mod line;
mod login;
mod sequence;
mod socket;
mod splitter;
mod starttls;
mod tls;
mod upgrade;

pub use dial::{Dial, Login, Mechanism, Secret};
pub use error::{ConnectError, Said};
pub use framing::{Incoming, Reader, Writer, part, split_tcp, split_web};
pub use leg::lead;
pub use login::{Session, connect, connect_over, register, unregister};
pub use socket::{Cut, Io, READ_AT_ONCE, Socket};
pub use splitter::{Flaw, Limits, Piece, Splitter, check_frame};
pub use tls::{Keys, Trust, ascii, serve};
