//! Other ways in on the same host: the ports on which XMPP servers usually listen.

use std::cell::RefCell;

use super::found::{Found, Topic};
use super::line::{Line, mechanisms};
use super::parties::Parties;
use super::way_in::starttls;
use crate::run::Place;
use crate::scenario::Credential;
use crate::xmpp::Dial;
use crate::xmpp::line::{Setup, Shield};

/// Scheme, port and path: those that are registered (5222, 5223), and the defaults of Prosody and ejabberd.
const USUAL: [(&str, u16, &str); 6] = [
    ("xmpp", 5222, ""),
    ("xmpps", 5223, ""),
    ("ws", 5280, "/xmpp-websocket"),
    ("ws", 5280, "/ws"),
    ("wss", 5281, "/xmpp-websocket"),
    ("wss", 5443, "/ws"),
];

pub async fn look(place: &Place, parties: &Parties, found: &RefCell<Found>) {
    if !matches!(place, Place::Target(_)) {
        let why = "the embedded endpoint is in memory";
        return found.borrow_mut().set(Topic::Others, "none", why);
    }
    let setup = match parties.line(Credential::None) {
        Ok(setup) => setup,
        Err(why) => return found.borrow_mut().unknown(Topic::Others, why),
    };
    let mut looks = tokio::task::JoinSet::new();
    for (at, usual) in USUAL.into_iter().enumerate() {
        // Nothing secret goes there: no cookie, and nobody logs in.
        let (mut dial, login) = (setup.dial.clone(), setup.login.clone());
        dial.cookie = None;
        if let Some(url) = address(&dial, usual) {
            dial.url = url;
            let shield = if usual.0 == "xmpp" {
                Shield::Plain
            } else {
                Shield::Usual
            };
            let setup = Setup {
                io: None,
                dial,
                login,
            };
            looks.spawn(async move { (at, one(setup, shield).await) });
        }
    }
    let mut open: Vec<(usize, String)> = Vec::new();
    while let Some(look) = looks.join_next().await {
        if let Ok((at, Some(name))) = look {
            open.push((at, name));
        }
    }
    open.sort();
    let host = setup.dial.url.host_str().unwrap_or_default();
    let mut found = found.borrow_mut();
    if open.is_empty() {
        found.set(
            Topic::Others,
            "none seen",
            format!("nothing answered for this domain on ports 5222, 5223, 5280, 5281 and 5443 of {host}"),
        );
    } else {
        let names: Vec<String> = open.into_iter().map(|(_, name)| name).collect();
        found.set(
            Topic::Others,
            format!("{} more", names.len()),
            format!("streams for this domain open at {}", names.join(", ")),
        );
    }
}

/// The URL, unless it is the target's own.
fn address(dial: &Dial, (scheme, port, path): (&str, u16, &str)) -> Option<url::Url> {
    let host = dial.url.host_str()?;
    let url: url::Url = format!("{scheme}://{host}:{port}{path}").parse().ok()?;
    let own = dial
        .url
        .port_or_known_default()
        .unwrap_or(match dial.url.scheme() {
            "xmpps" => 5223,
            _ => 5222,
        });
    (own != port).then_some(url)
}

/// What stands there, in a few words, if it speaks for the domain.
async fn one(setup: Setup, shield: Shield) -> Option<String> {
    let url = setup.dial.address();
    let web = matches!(setup.dial.url.scheme(), "ws" | "wss");
    let mut line = Line::open(setup, shield);
    line.reached().await?;
    if web {
        match line.upgraded().await? {
            101 => {}
            status @ (401 | 403) => return Some(format!("{url} (status {status}: it wants a token)")),
            _ => return None,
        }
    }
    let features = line.features().await?;
    let url = url.trim_end_matches('/');
    match (mechanisms(&features).is_empty(), starttls(&features)) {
        (_, true) => Some(format!("{url} (STARTTLS)")),
        (false, false) => Some(url.to_owned()),
        (true, false) => None,
    }
}
