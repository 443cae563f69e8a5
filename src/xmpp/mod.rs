//! Streams to an XMPP server: WebSocket framing (RFC 7395), login, and the exact text of every stanza.

mod error;
mod login;
mod tls;
mod websocket;

pub use error::ConnectError;
pub use login::{Dial, Login, Mechanism, Secret, Session, connect, connect_over};
pub use websocket::{Incoming, Io, Reader, Writer};
