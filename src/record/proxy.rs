//! Takes connections, and hands each to a task of its own.

use std::io::ErrorKind;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::sync::Semaphore;

use super::desk::Desk;
use super::relay;
use crate::xmpp::{Dial, Keys};

/// Connections that are passed on at once; whoever comes beyond them waits to be taken.
const MOST: usize = 1_024;
/// Files that may be open beside them: transcripts, and whatever a connection needs until it stands.
#[cfg(unix)]
const BESIDE: u64 = 192;

/// Where everything goes, and how clients come in.
pub struct Proxy {
    pub dial: Dial,
    /// The server's domain, where it is known; else each client says whom it wants.
    pub domain: Option<String>,
    /// The certificate of the listening side; without one there is no TLS there.
    pub keys: Option<Keys>,
}

impl Proxy {
    pub fn is_web(&self) -> bool {
        matches!(self.dial.url.scheme(), "ws" | "wss")
    }
}

/// How many connections there is room for. As many files may be open as the system lets us have, and each connection is
/// two of them: who does not fit in is better off waiting than with half a connection, and so are the transcripts.
fn places() -> usize {
    #[cfg(unix)]
    {
        use rustix::process::{Resource, getrlimit, setrlimit};
        let mut limit = getrlimit(Resource::Nofile);
        limit.current = limit.maximum;
        // Where this fails, what was allowed before goes on to be.
        let _ = setrlimit(Resource::Nofile, limit);
        if let Some(files) = getrlimit(Resource::Nofile).current {
            let places = usize::try_from(files.saturating_sub(BESIDE) / 2);
            return places.unwrap_or(MOST).clamp(1, MOST);
        }
    }
    MOST
}

/// Takes connections until the listener fails.
///
/// # Errors
/// The listener's own; what one connection breaks ends only that one.
pub async fn serve(listener: TcpListener, proxy: Proxy, desk: Desk) -> std::io::Result<()> {
    let proxy = Arc::new(proxy);
    let places = Arc::new(Semaphore::new(places()));
    loop {
        let place = Arc::clone(&places).acquire_owned().await;
        let place = place.map_err(std::io::Error::other)?;
        match listener.accept().await {
            Ok((stream, _)) => {
                let (proxy, scribe) = (Arc::clone(&proxy), desk.scribe());
                tokio::spawn(async move {
                    relay::run(stream, proxy, scribe).await;
                    drop(place);
                });
            }
            // Gone before it was taken (accept(2)): the next one may be there already.
            Err(error) if error.kind() == ErrorKind::ConnectionAborted => {}
            // EMFILE, ENFILE: until another connection ends there is no room for this one.
            Err(error) if matches!(error.raw_os_error(), Some(23 | 24)) => {
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
            Err(error) => return Err(error),
        }
    }
}
