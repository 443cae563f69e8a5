//! One connection: from the client to the server and back, every byte as it came and as soon as it came.

use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::desk::{Scribe, side};
use super::proxy::Proxy;
use super::tap::{Sound, Tap};
use super::{head, starttls};
use crate::stanza::{CLIENT, STREAM, STREAM_ERRORS, escape};
use crate::transcript::recording::Way;
use crate::xmpp::{ConnectError, Cut, Io, Socket, lead, serve};

/// How long a client may take to say what it wants, and the other side to go once one has gone.
const PATIENCE: Duration = Duration::from_secs(30);
/// How long it takes at most until all is read that a side said before it went.
const LAST_WORDS: Duration = Duration::from_secs(2);
/// How long what came in may wait for something to go back that acknowledges it.
const SOON: Duration = Duration::from_millis(1);
/// So much is read at once.
const CHUNK: usize = 16 << 10;
/// The first byte of a TLS record that shakes hands (RFC 8446 §5.1).
const HANDSHAKE: u8 = 22;

/// Why a connection came to nothing: what is told, if anything.
type Failed = Option<String>;

/// Serves a client from its first byte to its last.
pub async fn run(stream: TcpStream, proxy: Arc<Proxy>, mut scribe: Scribe) {
    if let Err(Some(why)) = pass(stream, &proxy, &mut scribe).await {
        scribe.trouble(why);
    }
    scribe.over("the connection is over".to_owned());
}

async fn pass(stream: TcpStream, proxy: &Proxy, scribe: &mut Scribe) -> Result<(), Failed> {
    let cut = Cut::patient();
    let socket = Socket::new(stream, cut.clone()).map_err(|_| None)?;
    let mut client: Box<dyn Io> = Box::new(socket);
    let mut read = Vec::new();
    more(&mut client, &mut read).await?;
    let shakes = read.first() == Some(&HANDSHAKE);
    let mut shielded = false;
    if shakes {
        let Some(keys) = &proxy.keys else {
            return Err(Some(
                "a client began TLS, but there is no certificate for it: give --cert and --key, or connect without TLS"
                    .to_owned(),
            ));
        };
        let io = with(std::mem::take(&mut read), client);
        let shaken = timeout(PATIENCE, serve(io, keys)).await.map_err(|_| None)?;
        client = shaken.map_err(|error| Some(format!("a client's TLS handshake failed: {error}")))?;
        shielded = true;
        more(&mut client, &mut read).await?;
    }
    if proxy.is_web() {
        web(client, read, cut, shielded, proxy, scribe).await
    } else {
        tcp(client, read, cut, shielded, proxy, scribe).await
    }
}

/// The connection, with these bytes yet to be read first.
fn with(read: Vec<u8>, io: Box<dyn Io>) -> Box<dyn Io> {
    let (half, out) = tokio::io::split(io);
    Box::new(tokio::io::join(
        AsyncReadExt::chain(io::Cursor::new(read), half),
        out,
    ))
}

async fn more(io: &mut Box<dyn Io>, read: &mut Vec<u8>) -> Result<(), Failed> {
    let mut chunk = vec![0; CHUNK];
    match timeout(PATIENCE, io.read(&mut chunk)).await {
        Ok(Ok(length @ 1..)) => {
            read.extend_from_slice(chunk.get(..length).unwrap_or_default());
            Ok(())
        }
        // It said nothing, or went: nothing was asked for.
        _ => Err(None),
    }
}

async fn reach(proxy: &Proxy, domain: &str, cut: &Cut) -> Result<Box<dyn Io>, ConnectError> {
    let seconds = proxy.dial.deadline;
    let mut stage = "the connection";
    match timeout(seconds, lead(&proxy.dial, domain, cut, &mut |name| stage = name)).await {
        Ok(reached) => reached,
        Err(_) => Err(ConnectError::Deadline {
            stage,
            seconds: seconds.as_secs_f64(),
        }),
    }
}

async fn web(
    mut client: Box<dyn Io>,
    mut read: Vec<u8>,
    cut: Cut,
    shielded: bool,
    proxy: &Proxy,
    scribe: &mut Scribe,
) -> Result<(), Failed> {
    let end = loop {
        if let Some(end) = head::end(&read) {
            break end;
        }
        if !head::is_request(&read) || read.len() > head::LONGEST {
            return refuse(client, "400 Bad Request", "This is no WebSocket upgrade.").await;
        }
        more(&mut client, &mut read).await?;
    };
    let rest = read.split_off(end);
    let Some(request) = head::request(&read, &proxy.dial.url) else {
        return refuse(client, "400 Bad Request", "This is no WebSocket upgrade.").await;
    };
    if proxy.keys.is_some() && !shielded {
        let why = "This port speaks TLS: connect with wss://.";
        return refuse(client, "400 Bad Request", why).await;
    }
    let away = Cut::patient();
    let mut server = match reach(proxy, &proxy.dial.domain, &away).await {
        Ok(server) => server,
        Err(error) => {
            scribe.trouble(format!("{error}; the client was refused with status 502"));
            return refuse(client, "502 Bad Gateway", &error.to_string()).await;
        }
    };
    scribe.opened(request.secrets, request.told);
    let gone = |error: io::Error| Some(format!("the server went away at the upgrade: {error}"));
    server.write_all(&request.bytes).await.map_err(gone)?;
    server.flush().await.map_err(gone)?;
    both(client, server, (cut, away), rest, Tap::web(), scribe).await;
    Ok(())
}

/// Answers an HTTP request that goes no further.
async fn refuse(mut client: Box<dyn Io>, status: &str, why: &str) -> Result<(), Failed> {
    let text = format!(
        "HTTP/1.1 {status}\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{why}\n",
        why.len() + 1
    );
    bid_farewell(&mut client, &text).await;
    Err(None)
}

/// The last that a client hears.
async fn bid_farewell(client: &mut Box<dyn Io>, text: &str) {
    let last = async {
        client.write_all(text.as_bytes()).await?;
        client.shutdown().await?;
        // What it still says is read, or the answer might be lost with a reset.
        tokio::io::copy(&mut client.take(head::LONGEST as u64), &mut tokio::io::sink()).await
    };
    let _ = timeout(Duration::from_secs(2), last).await;
}

async fn tcp(
    mut client: Box<dyn Io>,
    mut read: Vec<u8>,
    cut: Cut,
    mut shielded: bool,
    proxy: &Proxy,
    scribe: &mut Scribe,
) -> Result<(), Failed> {
    if let Some(keys) = proxy.keys.as_ref().filter(|_| !shielded) {
        let asked = timeout(
            PATIENCE,
            starttls::answer(client, std::mem::take(&mut read), &proxy.dial.domain),
        );
        let plain = asked.await.map_err(|_| None)?.map_err(Some)?;
        let shaken = timeout(PATIENCE, serve(plain, keys)).await.map_err(|_| None)?;
        client = shaken.map_err(|error| Some(format!("a client's TLS handshake failed: {error}")))?;
        shielded = true;
    }
    // Whom the client wants is known from the header of its stream.
    let asked = loop {
        if let Some(to) = starttls::wanted(&read) {
            break to;
        }
        if read.len() > head::LONGEST {
            return Err(Some("a client said something that is no XMPP stream".to_owned()));
        }
        more(&mut client, &mut read).await?;
    };
    let domain = match (&proxy.domain, asked) {
        (Some(domain), _) => domain.clone(),
        (None, Some(asked)) => asked,
        (None, None) => proxy.dial.domain.clone(),
    };
    let away = Cut::patient();
    let server = match reach(proxy, &domain, &away).await {
        Ok(server) => server,
        Err(error) => {
            let text = format!(
                "<?xml version='1.0'?><stream:stream xmlns='{CLIENT}' xmlns:stream='{STREAM}' from='{}' id='{}' \
                 version='1.0'><stream:error><remote-connection-failed xmlns='{STREAM_ERRORS}'/><text \
                 xmlns='{STREAM_ERRORS}' xml:lang='en'>{}</text></stream:error></stream:stream>",
                escape(&domain),
                uuid::Uuid::new_v4(),
                escape(&error.to_string())
            );
            scribe.trouble(format!("{error}; the client was refused with a stream error"));
            bid_farewell(&mut client, &text).await;
            return Err(None);
        }
    };
    let how = if shielded { "TLS" } else { "no TLS" };
    scribe.opened(
        Vec::new(),
        format!("a stream to {domain}, with {how} on the client's side"),
    );
    both(client, server, (cut, away), read, Tap::tcp(), scribe).await;
    Ok(())
}

/// Who listens to what passes.
struct Ears<'s> {
    tap: Tap,
    scribe: &'s mut Scribe,
    /// How often something passed.
    heard: u64,
}

/// How one direction ended.
enum End {
    /// Its sender sends no more.
    Over,
    /// Its sender cannot be read from: it is gone, or was reset.
    Lost,
    /// Its receiver is gone.
    Unheard,
}

/// Passes on both directions until both are over; `early`: what the client has said already.
async fn both(
    client: Box<dyn Io>,
    server: Box<dyn Io>,
    (cut, away): (Cut, Cut),
    early: Vec<u8>,
    tap: Tap,
    scribe: &mut Scribe,
) {
    let (client_from, client_to) = tokio::io::split(client);
    let (server_from, server_to) = tokio::io::split(server);
    let heard = 0;
    let ears = Mutex::new(Ears { tap, scribe, heard });
    let from = AsyncReadExt::chain(io::Cursor::new(early), client_from);
    let out = one(Way::Out, (from, &cut), server_to, &ears);
    let into = one(Way::In, (server_from, &away), client_to, &ears);
    tokio::pin!(out, into);
    let (way, end) = tokio::select! {
        end = &mut out => (Way::Out, end),
        end = &mut into => (Way::In, end),
    };
    let back: Pin<&mut (dyn Future<Output = End> + Send)> = match way {
        Way::Out => into,
        Way::In => out,
    };
    let gone = match (end, way) {
        (End::Over, _) => {
            over(&ears, &format!("{} closed the connection", side(way)));
            rest(back, &ears).await;
            return;
        }
        (End::Unheard, _) => {
            // Whoever hears nothing more may have said why: it is still to be read.
            let _ = timeout(LAST_WORDS, back).await;
            other(way)
        }
        (End::Lost, _) => way,
    };
    over(&ears, &format!("{}'s connection was lost", side(gone)));
    // What is lost on one side is lost on the other, as it would be without anyone in between.
    match gone {
        Way::Out => away.cut(),
        Way::In => cut.cut(),
    }
}

fn other(way: Way) -> Way {
    match way {
        Way::Out => Way::In,
        Way::In => Way::Out,
    }
}

/// One direction is over: the other goes on for as long as something passes.
async fn rest(mut back: Pin<&mut (dyn Future<Output = End> + Send)>, ears: &Mutex<Ears<'_>>) {
    let heard = || ears.lock().unwrap_or_else(PoisonError::into_inner).heard;
    loop {
        let before = heard();
        if timeout(PATIENCE, &mut back).await.is_ok() || heard() == before {
            return;
        }
    }
}

fn over(ears: &Mutex<Ears<'_>>, how: &str) {
    let mut ears = ears.lock().unwrap_or_else(PoisonError::into_inner);
    ears.scribe.over(how.to_owned());
}

/// Passes on one direction. Nothing is read before what was read last has been taken, so that a slow receiver slows
/// its sender and nobody else.
async fn one(
    way: Way,
    (mut from, own): (impl AsyncRead + Unpin, &Cut),
    mut to: impl AsyncWrite + Unpin,
    ears: &Mutex<Ears<'_>>,
) -> End {
    let mut chunk = vec![0; CHUNK];
    loop {
        let length = match next(&mut from, own, &mut chunk).await {
            Ok(0) => break,
            Ok(length) => length,
            // TLS that ends without a word ends like TCP.
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => break,
            Err(_) => return End::Lost,
        };
        let bytes = chunk.get(..length).unwrap_or_default();
        // Heard before it goes on: what it causes is heard after it.
        listen(way, bytes, ears);
        if to.write_all(bytes).await.is_err() || to.flush().await.is_err() {
            return End::Unheard;
        }
    }
    // The receiver may have gone already.
    let _ = to.shutdown().await;
    End::Over
}

/// Reads what comes next. Where nothing has gone back to the sender soon after it said something, it is told that it
/// was heard: some say nothing more before that (RFC 1122 §4.2.3.4).
async fn next(from: &mut (impl AsyncRead + Unpin), own: &Cut, chunk: &mut [u8]) -> io::Result<usize> {
    if own.owes() {
        if let Ok(read) = timeout(SOON, from.read(chunk)).await {
            return read;
        }
        own.acknowledge();
    }
    from.read(chunk).await
}

fn listen(way: Way, bytes: &[u8], ears: &Mutex<Ears<'_>>) {
    let mut ears = ears.lock().unwrap_or_else(PoisonError::into_inner);
    let mut sounds: Vec<Sound> = Vec::new();
    ears.heard += 1;
    ears.tap.feed(way, bytes, &mut sounds);
    sounds.into_iter().for_each(|sound| ears.scribe.hear(sound));
}

#[cfg(test)]
mod tests {
    use super::super::desk::desk;
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn what_is_half_closed_lasts_for_as_long_as_something_passes() {
        let (desk, _tray) = desk();
        let mut scribe = desk.scribe();
        let (tap, heard) = (Tap::tcp(), 0);
        let ears = Mutex::new(Ears {
            tap,
            scribe: &mut scribe,
            heard,
        });
        let began = tokio::time::Instant::now();
        let back = async {
            for _ in 0..5 {
                tokio::time::sleep(Duration::from_secs(20)).await;
                listen(Way::In, b" ", &ears);
            }
            std::future::pending().await
        };
        tokio::pin!(back);
        rest(back, &ears).await;
        let lasted = began.elapsed().as_secs();
        assert!((130..=150).contains(&lasted), "{lasted} s");
    }
}
