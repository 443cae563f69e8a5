//! `callspec serve`: the embedded endpoint on a port.

use std::collections::BTreeMap;
use std::fs::File;
use std::net::{SocketAddr, ToSocketAddrs};
use std::path::PathBuf;

use serde_json::json;
use tokio::net::TcpListener;
use uuid::Uuid;

use super::target::{from_environment, profile};
use super::{Exit, complain, say};
use crate::endpoint::{Accounts, Chosen, Config, Endpoint, FaultLog, Gate, faults};
use crate::target::Algorithm;
use crate::xmpp::Secret;

const DOMAIN: &str = "localhost";

#[derive(clap::Args)]
pub struct Args {
    /// Where to listen, for WebSocket and TCP alike
    #[arg(long, value_name = "HOST:PORT", default_value = "127.0.0.1:5280")]
    listen: String,
    /// An account that may log in (repeatable; none: any user with any password)
    #[arg(long, value_name = "JID:PASSWORD")]
    account: Vec<String>,
    /// What it is: relay, enforcing or a profile file
    #[arg(long, value_name = "NAME|FILE", default_value = "relay")]
    profile: String,
    /// The user id of an account, for an enforcing endpoint (repeatable; others: derived from the JID)
    #[arg(long, value_name = "JID=UUID")]
    user_id: Vec<String>,
    #[command(flatten)]
    gate: GateArgs,
    /// Something to do wrong, such as drop or drop:every=7,after=10,only=hangup,over=tcp,when=load (repeatable;
    /// --faults lists them)
    #[arg(long, value_name = "NAME[:K=V,…]")]
    fault: Vec<Chosen>,
    /// List the faults, and serve nothing
    #[arg(long)]
    faults: bool,
    /// With --faults: json=PATH, - is stdout
    #[arg(long, value_name = "KIND=PATH", requires = "faults")]
    report: Option<String>,
    /// Which of many a fault that strikes now and then strikes
    #[arg(long, value_name = "N", default_value_t = 0)]
    seed: u64,
    /// Write what the faults do to a file, a JSON object a line
    #[arg(long, value_name = "FILE")]
    fault_log: Option<PathBuf>,
}

/// Flags that ask for a token in a cookie of the WebSocket upgrade.
#[derive(clap::Args)]
#[command(next_help_heading = "Tokens")]
struct GateArgs {
    /// Let in only who shows a JWT that this key has signed, in a cookie of the WebSocket upgrade
    ///
    /// The token needs an `exp`, and a `sub` that is the user's name, bare JID or id; nobody else logs in with it. Over
    /// TCP, where there are no cookies, nobody is let in at all. ${NAME} is taken from the environment: a key that stands
    /// in a command line is seen by every user of the machine.
    #[arg(long, value_name = "KEY")]
    cookie_key: Option<String>,
    /// The same, the key in a file: a shared secret, or the public key as PEM
    #[arg(long, value_name = "FILE", conflicts_with = "cookie_key")]
    cookie_key_file: Option<PathBuf>,
    /// The one algorithm of the key
    #[arg(long, value_name = "NAME", default_value = "HS256", value_parser = Algorithm::NAMES)]
    cookie_algorithm: String,
    /// The name of the cookie
    #[arg(long, value_name = "NAME", default_value = "auth_token")]
    cookie_name: String,
}

impl GateArgs {
    fn gate(&self) -> Result<Option<Gate>, String> {
        let (key, flag) = match (&self.cookie_key, &self.cookie_key_file) {
            (Some(key), _) => (from_environment(key, "--cookie-key")?, "--cookie-key"),
            (None, Some(path)) => {
                let text = std::fs::read_to_string(path)
                    .map_err(|error| format!("cannot read the key {}: {error}", path.display()))?;
                // The line end of an editor is no part of a secret.
                (
                    text.trim_end_matches(['\r', '\n']).to_owned(),
                    "--cookie-key-file",
                )
            }
            (None, None) => return Ok(None),
        };
        if key.is_empty() {
            return Err(format!("{flag}: the key is empty"));
        }
        let algorithm = Algorithm::parse(&self.cookie_algorithm).ok_or("no such algorithm")?;
        let gate = Gate::new(&self.cookie_name, &Secret::new(key), algorithm);
        gate.map(Some)
            .map_err(|why| format!("{flag} with {}: {why}", self.cookie_algorithm))
    }
}

// By hand, since accounts hold passwords.
impl std::fmt::Debug for Args {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Args")
            .field("listen", &self.listen)
            .field("profile", &self.profile)
            .finish_non_exhaustive()
    }
}

pub fn run(args: &Args) -> Exit {
    if args.faults {
        return list(args.report.as_deref());
    }
    let (config, addresses) = match config(args).and_then(|config| Ok((config, addresses(&args.listen)?))) {
        Ok(ready) => ready,
        Err(message) => {
            complain(&format!("error: {message}"));
            return Exit::Usage;
        }
    };
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            complain(&format!("error: no runtime: {error}"));
            return Exit::Untested;
        }
    };
    runtime.block_on(async {
        match TcpListener::bind(addresses.as_slice()).await {
            Ok(listener) => serve(config, listener, &args.listen).await,
            Err(error) => {
                complain(&format!("error: {}", unbound(&args.listen, &error)));
                Exit::Untested
            }
        }
    })
}

async fn serve(config: Config, listener: TcpListener, asked: &str) -> Exit {
    let class = config.profile.class.name();
    let gated = config.gate.is_some();
    let address = match listener.local_addr() {
        Ok(address) => address.to_string(),
        Err(_) => asked.to_owned(),
    };
    let ways = if gated {
        format!(
            "  ws://{address}/\n  whoever shows a sound token in the cookie of the upgrade is let in, and nobody else"
        )
    } else {
        format!("  ws://{address}/\n  xmpp://{address} (without TLS: --insecure-plaintext)")
    };
    say(&format!(
        "callspec {}: {class} endpoint, domain {DOMAIN}, until Ctrl-C\n{ways}",
        env!("CARGO_PKG_VERSION")
    ));
    let endpoint = Endpoint::new(config);
    let exit = tokio::select! {
        result = endpoint.serve(listener) => {
            if let Err(error) = result {
                complain(&format!("error: {address} takes no more connections: {error}"));
            }
            Exit::Untested
        }
        _ = tokio::signal::ctrl_c() => Exit::Held,
    };
    endpoint.shutdown().await;
    exit
}

fn config(args: &Args) -> Result<Config, String> {
    let mut accounts = Vec::new();
    for text in &args.account {
        let (jid, password) = text
            .split_once(':')
            .ok_or("an account is given as JID:PASSWORD")?;
        accounts.push((user(jid)?.to_owned(), password.to_owned()));
    }
    let mut ids = BTreeMap::new();
    for text in &args.user_id {
        let (jid, id) = text.split_once('=').ok_or("a user id is given as JID=UUID")?;
        let id = Uuid::parse_str(id).map_err(|_| format!("`{id}` is no UUID"))?;
        ids.insert(format!("{}@{DOMAIN}", user(jid)?.to_lowercase()), id);
    }
    let profile = profile(&args.profile)?;
    let fault_log = match &args.fault_log {
        Some(path) => {
            let file = File::create(path)
                .map_err(|error| format!("cannot write the fault log {}: {error}", path.display()))?;
            Some(FaultLog::new(file))
        }
        None => None,
    };
    Ok(Config {
        profile,
        domain: DOMAIN.into(),
        accounts: if accounts.is_empty() {
            Accounts::Any
        } else {
            Accounts::Only(accounts)
        },
        ids,
        gate: args.gate.gate()?,
        faults: args.fault.clone(),
        seed: args.seed,
        fault_log,
        ..Config::default()
    })
}

/// Every fault, a name first in each line, or as JSON.
fn list(report: Option<&str>) -> Exit {
    let Some(report) = report else {
        for fault in faults() {
            let rules = match fault.rules {
                [] => "no rule".to_owned(),
                rules => rules.join(" "),
            };
            say(&format!("{:<34} {rules:<12} {}", fault.name, fault.text));
        }
        return Exit::Held;
    };
    let Some(("json", path)) = report.split_once('=') else {
        complain(&format!(
            "error: --report with --faults is json=PATH, not `{report}`"
        ));
        return Exit::Usage;
    };
    let all: Vec<_> = faults()
        .map(|fault| json!({ "name": fault.name, "rules": fault.rules, "text": fault.text }))
        .collect();
    let text = json!({ "faults": all }).to_string();
    if path == "-" {
        say(&text);
    } else if let Err(error) = std::fs::write(path, text + "\n") {
        complain(&format!("error: cannot write {path}: {error}"));
        return Exit::Usage;
    }
    Exit::Held
}

/// The user's name in `user` or `user@localhost`.
fn user(jid: &str) -> Result<&str, String> {
    let (user, domain) = jid.split_once('@').unwrap_or((jid, DOMAIN));
    if domain != DOMAIN {
        return Err(format!(
            "`{jid}` is not of the domain {DOMAIN}, which this endpoint serves"
        ));
    }
    if user.is_empty() || user.contains('/') {
        return Err(format!("`{jid}` is no user of {DOMAIN}"));
    }
    Ok(user)
}

pub(super) fn addresses(listen: &str) -> Result<Vec<SocketAddr>, String> {
    let wrong = |why: String| format!("--listen `{listen}` is no address to listen on: {why}");
    let addresses: Vec<_> = listen
        .to_socket_addrs()
        .map_err(|error| wrong(error.to_string()))?
        .collect();
    match addresses.as_slice() {
        [] => Err(wrong("the name has none".into())),
        _ => Ok(addresses),
    }
}

pub(super) fn unbound(listen: &str, error: &std::io::Error) -> String {
    use std::io::ErrorKind;
    match error.kind() {
        ErrorKind::AddrInUse => format!(
            "{listen} is taken by another program: choose another port with --listen (port 0 takes a free one)"
        ),
        ErrorKind::AddrNotAvailable => format!("{listen} is no address of this machine"),
        ErrorKind::PermissionDenied => {
            format!("this user may not listen on {listen}: ports below 1024 are reserved")
        }
        _ => format!("cannot listen on {listen}: {error}"),
    }
}
