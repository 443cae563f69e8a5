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

/// Takes connections until the listener fails.
///
/// # Errors
/// The listener's own; what one connection breaks ends only that one.
pub async fn serve(listener: TcpListener, proxy: Proxy, desk: Desk) -> std::io::Result<()> {
    let proxy = Arc::new(proxy);
    let places = Arc::new(Semaphore::new(MOST));
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
