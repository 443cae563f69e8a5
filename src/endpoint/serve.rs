//! The endpoint on a port: WebSocket on any path, and TCP, side by side.

use tokio::net::TcpListener;

use super::Endpoint;

impl Endpoint {
    /// Takes connections until the listener fails.
    ///
    /// # Errors
    /// The listener's own; what one connection breaks ends only that one.
    pub async fn serve(&self, listener: TcpListener) -> std::io::Result<()> {
        loop {
            match listener.accept().await {
                Ok((stream, _)) => {
                    // A socket that refuses is only slower.
                    let _ = stream.set_nodelay(true);
                    tokio::spawn(super::session::run(self.clone(), Box::new(stream)));
                }
                // Gone before it was taken (accept(2)): the next one may be there already.
                Err(error) if error.kind() == std::io::ErrorKind::ConnectionAborted => {}
                Err(error) => return Err(error),
            }
        }
    }
}
