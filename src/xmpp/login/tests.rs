//! A login against a server that is played line by line.

use std::time::Duration;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use sasl::common::Password;
use sasl::common::scram::{ScramProvider, Sha1};
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};

use super::*;
use crate::xmpp::{Secret, Trust};

const HEADER: &str = "<stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' version='1.0' id='a' from='localhost'>";
const OFFER: &str = "<stream:features><mechanisms xmlns='urn:ietf:params:xml:ns:xmpp-sasl'><mechanism>SCRAM-SHA-1</mechanism></mechanisms></stream:features>";
const BOUND: &str = "<stream:features><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/></stream:features>";

/// The other side of the connection.
struct Server(DuplexStream);

impl Server {
    async fn says(&mut self, text: &str) {
        self.0.write_all(text.as_bytes()).await.expect("room");
    }

    async fn says_sasl(&mut self, name: &str, data: &str) {
        let data = BASE64_STANDARD.encode(data);
        self.says(&format!("<{name} xmlns='{SASL}'>{data}</{name}>"))
            .await;
    }

    async fn hears(&mut self) -> String {
        let mut heard = [0; 4096];
        let length = self.0.read(&mut heard).await.expect("something");
        String::from_utf8_lossy(&heard[..length]).into_owned()
    }

    /// What stands in a SASL element.
    async fn hears_sasl(&mut self) -> String {
        let heard = self.hears().await;
        let text = heard.split(['<', '>']).nth(2).unwrap_or_default();
        String::from_utf8(BASE64_STANDARD.decode(text).expect("Base64")).expect("text")
    }

    async fn offers(&mut self, features: &str) {
        self.hears().await;
        self.says(&format!("{HEADER}{features}")).await;
    }
}

async fn logs_in(user: &str, server: impl AsyncFnOnce(Server)) -> Result<Session, ConnectError> {
    let (here, there) = tokio::io::duplex(65_536);
    let dial = Dial {
        url: "xmpp://localhost".parse().expect("a URL"),
        domain: "localhost".into(),
        trust: Trust::System,
        plaintext: true,
        cookie: None,
        sasl: vec![Mechanism::ScramSha1],
        deadline: Duration::from_secs(5),
    };
    let login = Login {
        jid: format!("{user}@localhost"),
        password: Some(Secret::new("pw")),
        resource: None,
    };
    let client = connect_over(Box::new(here), &dial, &login);
    tokio::join!(client, server(Server(there))).0
}

/// As far as the client's last word; the server's proof.
async fn scram(server: &mut Server, name: &str) -> String {
    server.offers(OFFER).await;
    let first = server.hears_sasl().await;
    let bare = first.strip_prefix("n,,").expect("no binding");
    let nonce = bare
        .strip_prefix(&format!("n={name},r="))
        .unwrap_or_else(|| panic!("{bare}"));
    let challenge = format!("r={nonce}more,s={},i=4096", BASE64_STANDARD.encode("salt"));
    server.says_sasl("challenge", &challenge).await;
    let last = server.hears_sasl().await;
    let (unproven, _) = last.split_once(",p=").expect("a proof");
    let salted = Sha1::derive(&Password::Plain("pw".into()), b"salt", 4096).expect("a key");
    let key = Sha1::hmac(b"Server Key", &salted).expect("a key");
    let said = format!("{bare},{challenge},{unproven}");
    let proof = Sha1::hmac(said.as_bytes(), &key).expect("a proof");
    format!("v={}", BASE64_STANDARD.encode(proof))
}

async fn binds(server: &mut Server) {
    server.offers(BOUND).await;
    server.hears().await;
    server
        .says("<iq type='result' id='bind'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'><jid>a@localhost/b</jid></bind></iq>")
        .await;
}

#[tokio::test(start_paused = true)]
async fn a_server_may_prove_itself_in_its_success_or_before_it() {
    let with_success = logs_in("alice", async |mut server| {
        let proof = scram(&mut server, "alice").await;
        server.says_sasl("success", &proof).await;
        binds(&mut server).await;
    });
    assert_eq!(
        with_success.await.map(|session| session.jid),
        Ok("a@localhost/b".into())
    );
    let before = logs_in("a,b=c", async |mut server| {
        let proof = scram(&mut server, "a=2Cb=3Dc").await;
        server.says_sasl("challenge", &proof).await;
        assert_eq!(server.hears_sasl().await, "");
        server.says(&format!("<success xmlns='{SASL}'/>")).await;
        binds(&mut server).await;
    });
    assert_eq!(
        before.await.map(|session| session.jid),
        Ok("a@localhost/b".into())
    );
}

#[tokio::test(start_paused = true)]
async fn a_server_without_a_proof_is_not_believed() {
    for (name, data) in [("success", ""), ("success", "v=AAAA"), ("challenge", "v=AAAA")] {
        let refused = logs_in("alice", async |mut server| {
            scram(&mut server, "alice").await;
            server.says_sasl(name, data).await;
        });
        let why = refused.await.map(|session| session.jid).expect_err(name);
        assert!(matches!(why, ConnectError::Refused { .. }), "{why}");
    }
}

#[tokio::test(start_paused = true)]
async fn nobody_hashes_for_hours() {
    let asked = logs_in("alice", async |mut server| {
        server.offers(OFFER).await;
        let first = server.hears_sasl().await;
        let nonce = first.rsplit("r=").next().unwrap_or_default().to_owned();
        server
            .says_sasl("challenge", &format!("r={nonce}more,s=c2FsdA==,i=4294967295"))
            .await;
        server.hears().await;
    });
    let why = asked.await.map(|session| session.jid).expect_err("no login");
    assert!(why.to_string().contains("4294967295 rounds"), "{why}");
}

/// Which characters may stand in an address, and what else a server says of what it offers, others know better.
#[tokio::test(start_paused = true)]
async fn what_a_server_says_beyond_what_is_asked_disturbs_nothing() {
    let more = "<stream:features odd='1'><mechanisms xmlns='urn:ietf:params:xml:ns:xmpp-sasl' odd='1'><mechanism>SCRAM-SHA-1-PLUS</mechanism><mechanism>SCRAM-SHA-1</mechanism><hostname xmlns='urn:xmpp:domain-based-name:1'>a</hostname></mechanisms><authentication xmlns='urn:xmpp:sasl:2'><mechanism>SCRAM-SHA-1</mechanism><inline><bind xmlns='urn:xmpp:bind:0'/></inline></authentication><sasl-channel-binding xmlns='urn:xmpp:sasl-cb:0'><channel-binding type='tls-exporter'/></sasl-channel-binding></stream:features>";
    let features = Stanza::parse(more).expect("features");
    assert_eq!(mechanisms(&features), ["SCRAM-SHA-1-PLUS", "SCRAM-SHA-1"]);
    for (given, full) in [
        ("m\u{fc}nchen@localhost/\u{1f468}\u{200d}\u{1f469}", true),
        ("\u{1fae8}@localhost/b", true),
        ("a@localhost/b/c", true),
        ("a@localhost", false),
        ("a@localhost/", false),
        ("", false),
    ] {
        let session = logs_in("alice", async |mut server| {
            let proof = scram(&mut server, "alice").await;
            let proof = BASE64_STANDARD.encode(proof);
            let (first, rest) = proof.split_at(7);
            server
                .says(&format!(
                    "<success xmlns='{SASL}' odd='1'>\n{first}\n{rest}\n</success>"
                ))
                .await;
            server.offers(more).await;
            server.hears().await;
            server
                .says(&format!(
                    "<message from='localhost'><body>of the day</body></message><iq type='get' id='q' from='localhost'><query xmlns='jabber:iq:version'/></iq><iq type='result' id='bind'><more xmlns='odd'/><bind xmlns='{BIND}'><jid>{given}</jid><more xmlns='odd'/></bind></iq>"
                ))
                .await;
        });
        let bound = session.await.map(|session| session.jid);
        assert_eq!(bound.is_ok(), full, "{bound:?}");
        assert!(!full || bound == Ok(given.to_owned()));
    }
}

#[tokio::test(start_paused = true)]
async fn where_a_server_sends_its_clients_is_told() {
    let elsewhere = logs_in("alice", async |mut server| {
        server
            .offers("<stream:error><see-other-host xmlns='urn:ietf:params:xml:ns:xmpp-streams'>[2001:db8::9]:5222</see-other-host></stream:error></stream:stream>")
            .await;
    });
    let why = elsewhere.await.map(|session| session.jid).expect_err("no login");
    assert!(
        why.to_string()
            .contains("`see-other-host` (\"[2001:db8::9]:5222\")"),
        "{why}"
    );
    assert!(why.hint().contains("where its clients end up"), "{}", why.hint());
}

#[tokio::test(start_paused = true)]
async fn where_a_close_sends_its_clients_is_told() {
    let close = format!("<close xmlns='{FRAMING}' see-other-uri='wss://b.example/ws'/>");
    let elsewhere = logs_in("alice", async |mut server| server.offers(&close).await);
    let why = elsewhere.await.map(|session| session.jid).expect_err("no login");
    assert!(
        why.to_string()
            .contains("sends its clients to \"wss://b.example/ws\""),
        "{why}"
    );
}

#[tokio::test(start_paused = true)]
async fn who_offers_another_login_alone_is_told_so() {
    for (features, part) in [
        (
            "<stream:features><authentication xmlns='urn:xmpp:sasl:2'><mechanism>PLAIN</mechanism></authentication></stream:features>",
            "offers SASL2 (XEP-0388) alone",
        ),
        ("<stream:features/>", "offers none at all"),
    ] {
        let login = logs_in("alice", async |mut server| server.offers(features).await);
        let why = login.await.map(|session| session.jid).expect_err("no login");
        assert!(why.to_string().contains(part), "{why}");
    }
}
