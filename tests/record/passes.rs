//! What passes, byte for byte, both ways and over both transports.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::thread::JoinHandle;
use std::time::Duration;

use super::proxy::{Record, record, transcripts};

const KEY: &str = "dGhlIHNhbXBsZSBub25jZQ==";

/// Frames of every kind, the odd ones too: fragments with a ping in between, binary, noughts, compressed, reserved.
fn frames(masked: bool, seed: u8) -> Vec<u8> {
    let mut out = Vec::new();
    let mut frame = |head: u8, payload: &[u8]| {
        out.push(head);
        let bit = if masked { 0x80 } else { 0 };
        match payload.len() {
            short @ ..126 => out.push(bit | u8::try_from(short).expect("short")),
            long => {
                out.push(bit | 127);
                out.extend((long as u64).to_be_bytes());
            }
        }
        let mask = if masked { [seed, 7, 0, 255] } else { [0; 4] };
        if masked {
            out.extend(mask);
        }
        out.extend(
            payload
                .iter()
                .zip(mask.iter().cycle())
                .map(|(byte, mask)| byte ^ mask),
        );
    };
    frame(0x01, b"<message><bo");
    frame(0x89, b"ping");
    frame(0x80, b"dy/></message>");
    frame(0x82, &[0, 255, seed]);
    frame(0x81, b"");
    frame(0x81, "<a>\u{2028}é</a>".as_bytes());
    frame(0x81, &vec![b'x'; 3_000_000]);
    frame(0x8a, b"pong");
    frame(0xc1, b"not agreed on");
    frame(0xb3, b"reserved");
    frame(0x88, b"\x0f\xa1because");
    out
}

fn read_head(stream: &mut TcpStream) -> String {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        stream.read_exact(&mut byte).expect("a head");
        head.push(byte[0]);
    }
    String::from_utf8(head).expect("text")
}

fn client(record: &Record) -> TcpStream {
    let stream = TcpStream::connect(record.host()).expect("a connection");
    stream
        .set_read_timeout(Some(Duration::from_secs(30)))
        .expect("a timeout");
    stream
}

/// A server for one connection: says `answer` to the request, then `out`, and returns the request's head and all that
/// came after it.
fn server(answer: &'static str, out: Vec<u8>) -> (u16, JoinHandle<(String, Vec<u8>)>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = listener.local_addr().expect("an address").port();
    let serving = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().expect("a connection");
        let head = read_head(&mut stream);
        stream.write_all(answer.as_bytes()).expect("written");
        let mut back = stream.try_clone().expect("a clone");
        let writing = std::thread::spawn(move || {
            back.write_all(&out).expect("written");
            back.shutdown(std::net::Shutdown::Write).expect("an end");
        });
        let mut rest = Vec::new();
        stream.read_to_end(&mut rest).expect("all of it");
        writing.join().expect("written");
        (head, rest)
    });
    (port, serving)
}

const SWITCH: &str = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
                      Sec-WebSocket-Protocol: xmpp\r\nSet-Cookie: a=b\r\nX-Odd:  y\r\n\r\n";

#[test]
fn every_byte_of_a_websocket_passes_as_it_came() {
    let folder = tempfile::TempDir::new().expect("a folder");
    let (port, serving) = server(SWITCH, frames(false, 3));
    let target = format!("ws://localhost:{port}/own?token=swordfish-2");
    let proxy = record(&target, folder.path(), &[]);
    let mut stream = client(&proxy);
    let request = format!(
        "GET /any/path?token=swordfish-1&x=%20 HTTP/1.1\r\nHost: {}\r\nOrigin: https://app.example\r\n\
         Cookie: auth_token=Very.Secret; b=c\r\nUpgrade: websocket\r\nConnection: keep-alive, Upgrade\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {KEY}\r\nSec-WebSocket-Protocol: foo, xmpp\r\n\r\n",
        proxy.host()
    );
    stream.write_all(request.as_bytes()).expect("written");
    assert_eq!(read_head(&mut stream), SWITCH);
    let sent = frames(true, 9);
    let mut out = stream.try_clone().expect("a clone");
    let (sending, all) = (sent.clone(), sent.len());
    let writing = std::thread::spawn(move || {
        for chunk in sending.chunks(all / 50) {
            out.write_all(chunk).expect("written");
        }
        out.shutdown(std::net::Shutdown::Write).expect("an end");
    });
    let mut came = Vec::new();
    stream.read_to_end(&mut came).expect("all of it");
    writing.join().expect("written");
    let (head, rest) = serving.join().expect("a server");
    assert_eq!(head, request.replace(proxy.host(), &format!("localhost:{port}")));
    assert!(
        came == frames(false, 3) && rest == sent,
        "{} {}",
        came.len(),
        rest.len()
    );
    let (status, said) = proxy.end();
    assert_eq!(status, Some(0), "{said}");
    assert!(
        !said.contains("swordfish") && !said.contains("Very.Secret"),
        "{said}"
    );
}

#[test]
fn a_refused_upgrade_is_passed_on_with_all_that_is_said() {
    let folder = tempfile::TempDir::new().expect("a folder");
    let answer = "HTTP/1.1 401 Unauthorized\r\nContent-Length: 7\r\nWWW-Authenticate: x\r\n\r\nno way\n";
    let (port, serving) = server(answer, Vec::new());
    let mut proxy = record(&format!("ws://127.0.0.1:{port}"), folder.path(), &[]);
    let mut stream = client(&proxy);
    stream
        .write_all(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        .expect("written");
    let mut came = String::new();
    stream.read_to_string(&mut came).expect("all of it");
    assert_eq!(came, answer);
    drop(stream);
    serving.join().expect("a server");
    proxy.program.hears("status 401");
    assert!(transcripts(folder.path()).is_empty());
}

#[test]
fn every_byte_of_a_stream_passes_as_it_came() {
    let folder = tempfile::TempDir::new().expect("a folder");
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = listener.local_addr().expect("an address").port();
    let target = format!("xmpp://127.0.0.1:{port}");
    let proxy = record(&target, folder.path(), &["--insecure-plaintext"]);
    let header = "<?xml version='1.0'?>\n<stream:stream  to=\"localhost\"\txmlns='jabber:client' \
                  xmlns:stream='http://etherx.jabber.org/streams'  version='1.0' >";
    // Text between stanzas, a stanza too long to be recorded, and then what is no XML at all.
    let mut said = format!("{header}\n \n<a  b = '&gt;'/><c>{}</c>", "y".repeat(2_000_000)).into_bytes();
    said.extend([0, 159, 146, 150]);
    said.extend(vec![b'<'; 10_000]);
    let serving = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().expect("a connection");
        let mut back = stream.try_clone().expect("a clone");
        let writing = std::thread::spawn(move || {
            let mut chunk = [0; 1_000];
            let mut all = Vec::new();
            // An echo.
            loop {
                match stream.read(&mut chunk).expect("read") {
                    0 => return all,
                    n => {
                        all.extend_from_slice(&chunk[..n]);
                        back.write_all(&chunk[..n]).expect("written");
                    }
                }
            }
        });
        writing.join().expect("an echo")
    });
    let mut stream = client(&proxy);
    let mut out = stream.try_clone().expect("a clone");
    let sending = said.clone();
    let writing = std::thread::spawn(move || {
        out.write_all(&sending).expect("written");
        out.shutdown(std::net::Shutdown::Write).expect("an end");
    });
    let mut came = Vec::new();
    stream.read_to_end(&mut came).expect("all of it");
    writing.join().expect("written");
    assert!(came == said, "{} of {}", came.len(), said.len());
    assert!(serving.join().expect("a server") == said);
    let (status, told) = proxy.end();
    assert_eq!(status, Some(0), "{told}");
    assert!(told.contains("no longer recorded"), "{told}");
}

/// A server that says its last words as soon as it is spoken to, and goes with what was said to it unread: that resets
/// the connection.
fn curt(times: usize, last: &'static [u8]) -> (u16, JoinHandle<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = listener.local_addr().expect("an address").port();
    let serving = std::thread::spawn(move || {
        for _ in 0..times {
            let (mut stream, _) = listener.accept().expect("a connection");
            read_head(&mut stream);
            stream.write_all(SWITCH.as_bytes()).expect("written");
            stream.peek(&mut [0]).expect("something to leave unread");
            stream.write_all(last).expect("written");
        }
    });
    (port, serving)
}

#[test]
fn the_last_words_of_a_server_that_resets_the_connection_arrive() {
    const TIMES: usize = 20;
    const LAST: &[u8] = b"\x81\x0f<stream:error/>\x88\x02\x03\xf0";
    let folder = tempfile::TempDir::new().expect("a folder");
    let (port, serving) = curt(TIMES, LAST);
    let proxy = record(&format!("ws://127.0.0.1:{port}"), folder.path(), &[]);
    let words = frames(true, 1);
    for time in 0..TIMES {
        let mut stream = client(&proxy);
        stream
            .write_all(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
            .expect("written");
        read_head(&mut stream);
        // It goes on until it hears that nobody takes it.
        while stream.write_all(&words).is_ok() {}
        let (mut came, mut chunk) = (Vec::new(), [0; 1_024]);
        while let Ok(length @ 1..) = stream.read(&mut chunk) {
            came.extend_from_slice(&chunk[..length]);
        }
        assert_eq!(came, LAST, "{time}");
    }
    serving.join().expect("a server");
    let (status, said) = proxy.end();
    assert_eq!(status, Some(0), "{said}");
}
