//! The endpoint on a port.

use tokio::net::TcpListener;

use super::Endpoint;

impl Endpoint {
    /// Takes WebSocket connections, on any path, until the listener fails.
    pub async fn serve(&self, listener: TcpListener) -> std::io::Result<()> {
        loop {
            let (stream, _) = listener.accept().await?;
            stream.set_nodelay(true)?;
            tokio::spawn(super::session::run(self.clone(), stream));
        }
    }
}
