//! The built-in suite on real servers, over every transport.

mod support;

use std::sync::{Mutex, OnceLock, PoisonError};

use support::{Server, callspec, run};

fn prosody() -> &'static Server {
    static SERVER: OnceLock<Server> = OnceLock::new();
    SERVER.get_or_init(Server::prosody)
}

fn ejabberd() -> &'static Server {
    static SERVER: OnceLock<Server> = OnceLock::new();
    SERVER.get_or_init(Server::ejabberd)
}

/// One suite at a time: several would measure how busy this machine is.
static TURN: Mutex<()> = Mutex::new(());

/// Every scenario passes, or is skipped with its reason.
fn suite_holds(server: &Server, transport: &str) {
    let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    let urls = server.urls();
    let (_, url) = urls
        .iter()
        .find(|(name, _)| *name == transport)
        .expect("a transport");
    let json = server.folder.path().join(format!("{transport}.json"));
    let said = run(callspec()
        .args(["run", "--quiet", "--target"])
        .arg(server.target(url))
        .arg("--transcripts")
        .arg(server.folder.path().join(format!("transcripts-{transport}")))
        .arg("--report")
        .arg(format!("json={}", json.display())));
    assert_eq!(
        said.status, 0,
        "{} over {transport}:\n{}\n{}",
        server.name, said.out, said.err
    );
    let report: serde_json::Value =
        serde_json::from_str(&std::fs::read_to_string(&json).expect("a report")).expect("JSON");
    let count = |result: &str| report["summary"][result].as_u64().expect("a count");
    assert!(count("passed") >= 80, "{}", report["summary"]);
    for result in ["failed", "warned", "flaky", "inconclusive", "error"] {
        assert_eq!(count(result), 0, "{result}\n{}", said.out);
    }
}

macro_rules! suites {
    ($($name:ident: $server:ident over $transport:literal;)*) => {
        $(#[test]
        fn $name() {
            suite_holds($server(), $transport);
        })*
    };
}

suites! {
    prosody_over_ws: prosody over "ws";
    prosody_over_wss: prosody over "wss";
    prosody_over_starttls: prosody over "starttls";
    prosody_over_direct_tls: prosody over "direct-tls";
    ejabberd_over_ws: ejabberd over "ws";
    ejabberd_over_wss: ejabberd over "wss";
    ejabberd_over_starttls: ejabberd over "starttls";
    ejabberd_over_direct_tls: ejabberd over "direct-tls";
}
