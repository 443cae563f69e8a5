//! A connection, whatever carries it.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

/// Bytes that are read from a WebSocket at once, at most: its library clears as much room before each read, whatever
/// comes, and a stanza seldom has as many.
pub const READ_AT_ONCE: usize = 16_384;

pub trait Io: AsyncRead + AsyncWrite + Unpin + Send {}

impl<T: AsyncRead + AsyncWrite + Unpin + Send> Io for T {}

/// Cuts a connection without a word: what is dropped after this resets the connection (RST) where it can.
#[derive(Debug, Clone, Default)]
pub struct Cut(Arc<Told>);

/// What is told to a socket from outside, and what it tells.
#[derive(Debug, Default)]
struct Told {
    cut: AtomicBool,
    patient: AtomicBool,
    owes: AtomicBool,
    due: AtomicBool,
}

impl Cut {
    /// Of a connection that is passed on, where what comes in is acknowledged together with what goes out soon after:
    /// of every three packets one less. Whoever holds it says when that takes too long.
    pub fn patient() -> Cut {
        let cut = Cut::default();
        cut.0.patient.store(true, Ordering::Relaxed);
        cut
    }

    pub fn cut(&self) {
        self.0.cut.store(true, Ordering::Relaxed);
    }

    /// Something came in, and nothing has gone out since.
    pub fn owes(&self) -> bool {
        self.0.owes.load(Ordering::Relaxed)
    }

    /// Whoever reads next acknowledges first what has come in.
    pub fn acknowledge(&self) {
        self.0.due.store(true, Ordering::Relaxed);
    }
}

/// A TCP connection that causes no delay of its own: neither Nagle's algorithm nor delayed acknowledgements, which
/// would cost 40 ms a turn against a server that leaves Nagle's algorithm on (RFC 1122 §4.2.3.2, §4.2.3.4).
#[derive(Debug)]
pub struct Socket {
    stream: TcpStream,
    cut: Cut,
}

impl Socket {
    pub fn new(stream: TcpStream, cut: Cut) -> io::Result<Socket> {
        stream.set_nodelay(true)?;
        Ok(Socket { stream, cut })
    }

    #[cfg(any(target_os = "linux", target_os = "android"))]
    fn acknowledge(&self) {
        self.cut.0.owes.store(false, Ordering::Relaxed);
        // A kernel that refuses only makes us slower.
        let _ = self.stream.set_quickack(true);
    }

    #[cfg(not(any(target_os = "linux", target_os = "android")))]
    fn acknowledge(&self) {
        self.cut.0.owes.store(false, Ordering::Relaxed);
    }
}

impl Drop for Socket {
    fn drop(&mut self) {
        if self.cut.0.cut.load(Ordering::Relaxed) {
            let _ = self.stream.set_zero_linger();
        }
    }
}

impl AsyncRead for Socket {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if this.cut.0.due.swap(false, Ordering::Relaxed) && this.cut.owes() {
            this.acknowledge();
        }
        let read = Pin::new(&mut this.stream).poll_read(cx, buf);
        match read.is_ready() {
            true if this.cut.0.patient.load(Ordering::Relaxed) => {
                this.cut.0.owes.store(true, Ordering::Relaxed);
            }
            true => this.acknowledge(),
            false => {}
        }
        read
    }
}

impl AsyncWrite for Socket {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let written = Pin::new(&mut this.stream).poll_write(cx, buf);
        if written.is_ready() {
            this.cut.0.owes.store(false, Ordering::Relaxed);
        }
        written
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;

    use super::*;

    #[tokio::test]
    async fn what_came_in_is_owed_until_something_goes_back_or_it_is_due() {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let mut there = TcpStream::connect(address).await.expect("a connection");
        let (here, _) = listener.accept().await.expect("a connection");
        let cut = Cut::patient();
        let mut socket = Socket::new(here, cut.clone()).expect("a socket");
        let mut byte = [0];
        there.write_all(b"a").await.expect("written");
        socket.read_exact(&mut byte).await.expect("read");
        assert!(cut.owes());
        socket.write_all(b"b").await.expect("written");
        assert!(!cut.owes());
        there.write_all(b"c").await.expect("written");
        socket.read_exact(&mut byte).await.expect("read");
        cut.acknowledge();
        assert!(cut.owes());
        let next = tokio::time::timeout(Duration::ZERO, socket.read(&mut byte)).await;
        assert!(next.is_err() && !cut.owes());
    }
}
