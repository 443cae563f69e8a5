//! What may go wrong around the proxy: servers that are down, clients that are slow, full disks, and its own end.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use super::proxy::{PASSWORD, Record, endpoint, record, started, transcripts};
use super::support::{callspec, run};

fn closed_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    listener.local_addr().expect("an address").port()
}

fn connect(record: &Record) -> TcpStream {
    let stream = TcpStream::connect(record.host()).expect("a connection");
    stream
        .set_read_timeout(Some(Duration::from_secs(30)))
        .expect("a timeout");
    stream
}

fn asks(record: &Record, text: &str) -> String {
    let mut stream = connect(record);
    stream.write_all(text.as_bytes()).expect("written");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("an answer");
    answer
}

const UPGRADE: &str = "GET /ws HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\n\r\n";
const HEADER: &str = "<stream:stream to='localhost' xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' version='1.0'>";

#[test]
fn a_server_that_is_down_is_told_to_the_client_and_in_one_sentence() {
    let folder = tempfile::TempDir::new().expect("a folder");
    let port = closed_port();
    for (scheme, words, wanted) in [
        ("ws", UPGRADE, "HTTP/1.1 502 Bad Gateway"),
        ("wss", UPGRADE, "HTTP/1.1 502 Bad Gateway"),
        ("xmpp", HEADER, "<remote-connection-failed"),
        ("xmpps", HEADER, "<remote-connection-failed"),
    ] {
        let proxy = record(&format!("{scheme}://127.0.0.1:{port}"), folder.path(), &[]);
        let answer = asks(&proxy, words);
        assert!(
            answer.contains(wanted) && answer.contains("cannot reach"),
            "{answer}"
        );
        assert_eq!(asks(&proxy, words).len(), answer.len());
        let (status, said) = proxy.end();
        assert_eq!(status, Some(0), "{said}");
        // The same twice is told once.
        let told = said.matches(&format!("cannot reach 127.0.0.1:{port}")).count();
        assert_eq!(told, 1, "{said}");
    }
}

#[test]
fn what_is_no_client_is_sent_away() {
    let folder = tempfile::TempDir::new().expect("a folder");
    let proxy = record("ws://127.0.0.1:9", folder.path(), &[]);
    for garbage in ["SSH-2.0-x\r\n", "<stream:stream>", "GET /\r\n\r\n"] {
        assert!(asks(&proxy, garbage).starts_with("HTTP/1.1 400"), "{garbage}");
    }
    // A handshake without a certificate to answer it.
    assert_eq!(asks(&proxy, "\u{16}\u{3}\u{1}"), "");
    let (_, said) = proxy.end();
    assert!(said.contains("give --cert and --key"), "{said}");
}

#[test]
fn what_cannot_be_begun_is_told_at_once() {
    let folder = tempfile::TempDir::new().expect("a folder");
    let (path, missing) = (folder.path().display().to_string(), "/nowhere/at/all.pem");
    let taken = TcpListener::bind("127.0.0.1:0").expect("a port");
    let taken = taken.local_addr().expect("an address").to_string();
    let sound = "ws://127.0.0.1:9";
    for (args, status, part) in [
        (
            vec!["--target", "nowhere.yaml"],
            2,
            "neither a file that exists nor a URL",
        ),
        (vec!["--target", "http://x"], 2, "begins with ws://"),
        (
            vec!["--target", sound, "--listen", "0.0.0.0:0"],
            2,
            "give --cert and --key",
        ),
        (
            vec!["--target", sound, "--listen", "here"],
            2,
            "no address to listen on",
        ),
        (
            vec!["--target", sound, "--cert", missing, "--key", missing],
            2,
            "cannot read the certificate",
        ),
        (vec!["--target", sound, "--cert", missing], 2, "--key"),
        (
            vec!["--target", sound, "--transcripts", "/dev/null/x"],
            2,
            "for the transcripts",
        ),
        (
            vec!["--target", sound, "--listen", &taken],
            3,
            "taken by another program",
        ),
    ] {
        let mut command = callspec();
        command.arg("record").args(&args);
        if !args.contains(&"--transcripts") {
            command.args(["--transcripts", &path]);
        }
        let said = run(&mut command);
        assert_eq!(said.status, status, "{args:?}: {}{}", said.out, said.err);
        assert!(said.err.contains(part), "{args:?}: {}", said.err);
    }
}

const CALLS: &str = "name:call/* or name:ice/* or name:media/*";

/// Plays calls through the proxy.
fn traffic(folder: &std::path::Path, url: &str, filter: &str) -> Command {
    let mut command = callspec();
    command
        .args(["run", "--quiet", "--target", url, "--filter", filter])
        // Told what it is, a run does not look for itself: what a probe says would be recorded too.
        .args(["--profile", "relay"])
        .args(["--account", &format!("alice@localhost:{PASSWORD}")])
        .args(["--account", &format!("bob@localhost:{PASSWORD}")])
        .arg("--transcripts")
        .arg(folder.join("run"));
    command
}

/// Every line of every file is whole; how many lines there are.
fn whole(folder: &std::path::Path) -> usize {
    let mut lines = 0;
    for file in transcripts(folder) {
        let text = std::fs::read_to_string(&file).expect("a text");
        assert!(text.is_empty() || text.ends_with('\n'), "{}", file.display());
        for (n, line) in text.lines().enumerate() {
            let value: serde_json::Value = serde_json::from_str(line).expect("a whole line");
            assert_eq!(value.get("callspec").is_some(), n == 0);
            assert!(n == 0 || value["n"] == n, "{}: {line}", file.display());
            lines += 1;
        }
    }
    lines
}

#[test]
fn killed_at_any_moment_it_leaves_whole_files() {
    let folder = tempfile::TempDir::new().expect("a folder");
    let serve = endpoint(&[]);
    let target = format!("ws://{}", serve.address);
    std::thread::scope(|scope| {
        for wanted in [1, 5, 17, 33] {
            let (folder, target) = (folder.path().join(wanted.to_string()), &target);
            scope.spawn(move || {
                let mut proxy = record(target, &folder.join("written"), &[]);
                let mut run = traffic(&folder, &proxy.url, CALLS)
                    .stdout(std::process::Stdio::null())
                    .stderr(std::process::Stdio::null())
                    .spawn()
                    .expect("a run");
                for _ in 0..wanted {
                    proxy.program.hears("  call ");
                }
                proxy.program.signal("KILL");
                let _ = proxy.program.wait();
                let _ = run.kill();
                let _ = run.wait();
                assert!(whole(&proxy.folder) >= wanted);
                let files = transcripts(&proxy.folder);
                let said = super::support::run(callspec().arg("check").args(&files));
                // Of a call that had just begun nothing may be there but who was in it.
                assert!(matches!(said.status, 0 | 1 | 3), "{}{}", said.out, said.err);
            });
        }
    });
}

#[test]
fn a_second_recording_in_the_same_folder_leaves_the_first_as_it_was() {
    let folder = tempfile::TempDir::new().expect("a folder");
    let serve = endpoint(&[]);
    let written = folder.path().join("written");
    let record_one = || {
        let proxy = record(
            &format!("ws://{}", serve.address),
            &written,
            &["--split", "session"],
        );
        let said = run(&mut traffic(folder.path(), &proxy.url, "name:call/full"));
        assert_eq!(said.status, 0, "{}{}", said.out, said.err);
        let (status, told) = proxy.end();
        assert_eq!(status, Some(0), "{told}");
        let files = transcripts(&written).into_iter();
        files
            .map(|file| (std::fs::read(&file).expect("a file"), file))
            .collect::<Vec<_>>()
    };
    let first = record_one();
    let both = record_one();
    assert_eq!(both.len(), 2 * first.len(), "{both:?}");
    assert!(first.iter().all(|file| both.contains(file)));
    whole(&written);
}

#[test]
fn a_disk_that_takes_no_more_stops_no_call_and_is_told() {
    let folder = tempfile::TempDir::new().expect("a folder");
    let serve = endpoint(&[]);
    let written = folder.path().join("written");
    // A file may grow to a few blocks, and what is more is refused.
    let mut command = Command::new("sh");
    command
        .args(["-c", "trap '' XFSZ; ulimit -f 8; exec \"$@\"", "sh"])
        .arg(env!("CARGO_BIN_EXE_callspec"))
        .args([
            "record",
            "--listen",
            "127.0.0.1:0",
            "--target",
            &format!("ws://{}", serve.address),
        ])
        .arg("--transcripts")
        .arg(&written);
    let proxy = started(command, &written);
    let said = run(&mut traffic(folder.path(), &proxy.url, CALLS));
    assert_eq!(said.status, 0, "{}{}", said.out, said.err);
    let (status, told) = proxy.end();
    assert_eq!(status, Some(3), "{told}");
    assert!(
        told.contains("cannot write") && told.contains("the calls go on"),
        "{told}"
    );
    assert!(told.contains("could not be written"), "{told}");
    assert!(whole(&written) > 10);
}

#[test]
fn as_many_clients_are_taken_as_the_system_has_files_for() {
    let folder = tempfile::TempDir::new().expect("a folder");
    let (port, _) = flood();
    let mut command = Command::new("sh");
    command
        .args(["-c", "ulimit -Sn 64 && ulimit -Hn 300; exec \"$@\"", "sh"])
        .arg(env!("CARGO_BIN_EXE_callspec"))
        .args(["record", "--listen", "127.0.0.1:0", "--target"])
        .arg(format!("ws://127.0.0.1:{port}"))
        .arg("--transcripts")
        .arg(folder.path());
    let proxy = started(command, folder.path());
    let come = |_| {
        let mut stream = connect(&proxy);
        stream.write_all(UPGRADE.as_bytes()).expect("written");
        stream
    };
    let mut clients: Vec<TcpStream> = (0..100).map(come).collect();
    // Whoever does not fit in waits until somebody has gone, and is refused by nobody.
    for mut stream in clients.drain(..) {
        let mut first = [0; 12];
        stream.read_exact(&mut first).expect("an answer");
        assert_eq!(first, *b"HTTP/1.1 101");
    }
    let (status, said) = proxy.end();
    assert!(status == Some(0) && !said.contains("cannot"), "{said}");
}

/// A server that says something without end to whoever comes, and counts how much of it was taken.
fn flood() -> (u16, Arc<AtomicU64>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = listener.local_addr().expect("an address").port();
    let taken = Arc::new(AtomicU64::new(0));
    let count = taken.clone();
    std::thread::spawn(move || {
        for mut stream in listener.incoming().map_while(Result::ok) {
            let taken = count.clone();
            std::thread::spawn(move || {
                let mut first = [0; 4_096];
                let _ = stream.read(&mut first);
                let _ = stream.write_all(b"HTTP/1.1 101 Switching Protocols\r\n\r\n");
                let frame = [&[0x81, 126, 0x27, 0x10][..], &[b'x'; 10_000]].concat();
                while stream.write_all(&frame).is_ok() {
                    taken.fetch_add(frame.len() as u64, Ordering::Relaxed);
                }
            });
        }
    });
    (port, taken)
}

/// The most memory that a process has had, in kilobytes.
fn peak(id: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{id}/status")).expect("Linux");
    let line = status
        .lines()
        .find(|line| line.starts_with("VmHWM"))
        .expect("a peak");
    line.split_whitespace()
        .nth(1)
        .and_then(|kb| kb.parse().ok())
        .expect("a number")
}

#[test]
fn who_does_not_read_slows_the_server_and_nobody_else_and_costs_no_memory() {
    let folder = tempfile::TempDir::new().expect("a folder");
    let (port, taken) = flood();
    let proxy = record(&format!("ws://127.0.0.1:{port}"), folder.path(), &[]);
    let slow: Vec<TcpStream> = (0..4)
        .map(|_| {
            let mut slow = connect(&proxy);
            slow.write_all(UPGRADE.as_bytes()).expect("written");
            slow
        })
        .collect();
    // Another client gets as much as it wants meanwhile.
    let mut fast = connect(&proxy);
    fast.write_all(UPGRADE.as_bytes()).expect("written");
    let mut got = 0;
    let mut chunk = vec![0; 1 << 16];
    while got < 64 << 20 {
        got += fast.read(&mut chunk).expect("more");
    }
    let all = taken.load(Ordering::Relaxed);
    assert!(all < 160 << 20, "{all} bytes were taken from the server");
    let peak = peak(proxy.program.id());
    assert!(peak < 128_000, "{peak} kB");
    drop((slow, fast));
    let (status, said) = proxy.end();
    assert_eq!(status, Some(0), "{said}");
}

#[test]
fn sigterm_ends_it_like_ctrl_c_with_a_summary() {
    let folder = tempfile::TempDir::new().expect("a folder");
    let serve = endpoint(&[]);
    let proxy = record(
        &format!("ws://{}", serve.address),
        &folder.path().join("written"),
        &["--judge"],
    );
    let said = run(&mut traffic(folder.path(), &proxy.url, "name:call/full"));
    assert_eq!(said.status, 0, "{}{}", said.out, said.err);
    proxy.program.signal("TERM");
    let (status, said) = proxy.program.wait();
    assert_eq!(status, Some(0), "{said}");
    assert!(
        said.contains("pass ") && said.contains(" sessions, 1 transcript in"),
        "{said}"
    );

    let proxy = record(
        &format!("ws://{}", serve.address),
        &folder.path().join("nothing"),
        &["--judge"],
    );
    let (status, said) = proxy.end();
    assert!(status == Some(3) && said.contains("no call passed"), "{said}");
}
