//! A stock server behind the proxy, over every transport, the clients' side with and without TLS.

use super::proxy::{record, transcripts};
use super::support::{PASSWORD, Server, callspec, run};

#[test]
fn prosody_is_the_same_behind_the_proxy() {
    let server = Server::prosody();
    let path = |name: &str| server.folder.path().join(name).display().to_string();
    let (ca, cert, key) = (path("ca.pem"), path("localhost.crt"), path("localhost.key"));
    let urls = server.urls();
    let url = |name: &str| {
        urls.iter()
            .find(|(known, _)| *known == name)
            .expect("a way in")
            .1
            .clone()
    };
    let shielded = ["--ca", &ca, "--cert", &cert, "--key", &key];
    let open = ["--ca", &ca];
    for (way, args, scheme, suffix) in [
        ("ws", &open[..], "ws", "/xmpp-websocket"),
        ("wss", &open[..], "ws", "/xmpp-websocket"),
        ("wss", &shielded[..], "wss", "/xmpp-websocket"),
        ("starttls", &open[..], "xmpp", ""),
        ("starttls", &shielded[..], "xmpp", ""),
        ("starttls", &shielded[..], "xmpps", ""),
        ("direct-tls", &shielded[..], "xmpps", ""),
    ] {
        let folder = tempfile::TempDir::new().expect("a folder");
        let written = folder.path().join("written");
        let proxy = record(
            &url(way),
            &written,
            &[args, &["--judge", "--profile", "prosody"]].concat(),
        );
        let host = proxy.host().replace("127.0.0.1", "localhost");
        let mut command = callspec();
        command
            .args([
                "run",
                "--quiet",
                "--profile",
                "prosody",
                "--target",
                &format!("{scheme}://{host}{suffix}"),
            ])
            .args(["--filter", "name:call/full or name:chat/*", "--ca", &ca])
            .args(["--account", &format!("alice@localhost:{PASSWORD}")])
            .args(["--account", &format!("bob@localhost:{PASSWORD}")])
            .arg("--transcripts")
            .arg(folder.path().join("run"));
        if scheme == "xmpp" && args.len() == open.len() {
            command.arg("--insecure-plaintext");
        }
        let said = run(&mut command);
        assert_eq!(said.status, 0, "{way} {scheme}: {}{}", said.out, said.err);
        let (status, told) = proxy.end();
        assert_eq!(status, Some(0), "{way} {scheme}: {told}");
        assert!(told.contains("pass ") && !told.contains("FAIL"), "{told}");
        let files = transcripts(&written);
        assert!(!files.is_empty(), "{told}");
        for file in &files {
            let text = std::fs::read_to_string(file).expect("a text");
            assert!(!text.contains(PASSWORD), "{}", file.display());
        }
    }
}
