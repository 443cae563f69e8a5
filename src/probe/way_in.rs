//! How a client gets in: transport, TLS, what is offered before and after the login.

use std::cell::RefCell;

use super::found::{Found, Topic};
use super::line::{Line, PATIENCE, mechanisms};
use super::parties::Parties;
use crate::scenario::Credential;
use crate::stanza::{STREAM, Stanza};
use crate::xmpp::line::{Setup, Shield};

const REGISTER: &str = "http://jabber.org/features/iq-register";
const STARTTLS: &str = "urn:ietf:params:xml:ns:xmpp-tls";
const MANAGEMENT: &str = "urn:xmpp:sm:3";
/// How a line says that the other side has ended it.
const CLOSED: &str = "the connection was closed";

pub async fn look(parties: &Parties, found: &RefCell<Found>) {
    tokio::join!(
        offers(parties, found),
        tls(parties, found),
        plaintext(parties, found),
        cookie(parties, found),
    );
}

/// A setup of a raw line, or nothing but the reason for these topics.
fn setup(parties: &Parties, topics: &[Topic], found: &RefCell<Found>) -> Option<Setup> {
    match parties.line(Credential::Sound) {
        Ok(setup) => Some(setup),
        Err(why) => {
            for topic in topics {
                found.borrow_mut().unknown(*topic, &why);
            }
            None
        }
    }
}

fn scheme(setup: &Setup) -> String {
    setup.dial.url.scheme().to_owned()
}

fn is_web(scheme: &str) -> bool {
    matches!(scheme, "ws" | "wss")
}

fn why(line: &Line) -> String {
    line.over.clone().unwrap_or_else(|| "the line ended".to_owned())
}

/// The login as a session makes it, step by step.
async fn offers(parties: &Parties, found: &RefCell<Found>) {
    let topics = [
        Topic::Transport,
        Topic::Sasl,
        Topic::Registration,
        Topic::StreamManagement,
    ];
    let (Some(first), Some(second)) = (setup(parties, &topics, found), setup(parties, &topics, found)) else {
        return;
    };
    let (scheme, plain) = (scheme(&first), first.dial.plaintext);
    let mut line = Line::open(first, Shield::Usual);
    let tls = line.reached().await;
    let status = match is_web(&scheme) {
        true => line.upgraded().await,
        false => None,
    };
    let features = line.features().await;
    let Some(features) = features else {
        let mut found = found.borrow_mut();
        for topic in topics {
            found.unknown(topic, format!("a line of its own: {}", why(&line)));
        }
        return;
    };
    {
        let mut found = found.borrow_mut();
        let tls = match (parties.is_virtual(), tls.flatten()) {
            (true, _) => "in memory".to_owned(),
            (false, Some(version)) => format!("TLS {version}"),
            (false, None) => "without TLS".to_owned(),
        };
        let name = match scheme.as_str() {
            "ws" | "wss" => "WebSocket",
            "xmpps" => "TCP, direct TLS",
            _ if plain => "TCP",
            _ => "TCP, STARTTLS",
        };
        let login = format!("a login with {}", found.mechanism);
        let evidence = match status {
            Some(status) => format!("{tls}; upgrade to `xmpp`: status {status}; {login}"),
            None => format!("{tls}; {login}"),
        };
        found.set(Topic::Transport, name, evidence);
        let offered = mechanisms(&features);
        match offered.as_slice() {
            [] => found.unknown(Topic::Sasl, "the features name no mechanism"),
            offered => found.set(
                Topic::Sasl,
                offered.join(", "),
                "what the stream's features offer",
            ),
        }
        offered_or_not(&mut found, Topic::Registration, &features, ("register", REGISTER));
    }
    match line.features_after_login(second).await {
        Some(features) => offered_or_not(
            &mut found.borrow_mut(),
            Topic::StreamManagement,
            &features,
            ("sm", MANAGEMENT),
        ),
        None => found.borrow_mut().unknown(
            Topic::StreamManagement,
            format!("no features after the login: {}", why(&line)),
        ),
    }
}

fn offered_or_not(found: &mut Found, topic: Topic, features: &Stanza, (name, namespace): (&str, &str)) {
    let (value, evidence) = match features.element().has_child(name, namespace) {
        true => ("offered", "it is among the stream's features"),
        false => ("not offered", "it is not among the stream's features"),
    };
    found.set(topic, value, evidence);
}

/// Which versions a server takes: each is offered alone.
async fn tls(parties: &Parties, found: &RefCell<Found>) {
    let Some(usual) = setup(parties, &[Topic::Tls], found) else {
        return;
    };
    let scheme = scheme(&usual);
    if parties.is_virtual() {
        let why = "the embedded endpoint is in memory";
        return found.borrow_mut().set(Topic::Tls, "none", why);
    }
    if scheme == "ws" || (scheme == "xmpp" && usual.dial.plaintext) {
        let why = "the target is reached without TLS";
        return found.borrow_mut().set(Topic::Tls, "none", why);
    }
    let with = |shield| {
        let line = parties
            .line(Credential::Sound)
            .map(|setup| Line::open(setup, shield));
        async move {
            match line {
                Ok(mut line) => (
                    line.reached().await.is_some(),
                    line.over.clone().unwrap_or_default(),
                ),
                Err(why) => (false, why),
            }
        }
    };
    let old = async {
        match parties.line(Credential::Sound) {
            Ok(setup) => {
                let mut line = Line::open(setup, Shield::OldTls);
                let taken = line.old_tls().await;
                // Many end the connection without an alert.
                taken.or((line.over.as_deref() == Some(CLOSED)).then_some(false))
            }
            Err(_) => None,
        }
    };
    let (newest, older, old) = tokio::join!(with(Shield::Tls13), with(Shield::Tls12), old);
    let mut taken = Vec::new();
    taken.extend(newest.0.then_some("1.3"));
    taken.extend(older.0.then_some("1.2"));
    taken.extend((old == Some(true)).then_some("1.1 or older"));
    let mut found = found.borrow_mut();
    if taken.is_empty() {
        let why = format!("no version alone led to a connection: {}", newest.1);
        return found.unknown(Topic::Tls, why);
    }
    let old = match old {
        Some(true) => "an offer of TLS 1.1 was taken, which RFC 8996 forbids",
        Some(false) => "an offer of TLS 1.1 was refused",
        None => "an offer of TLS 1.1 was not answered",
    };
    found.set(
        Topic::Tls,
        taken.join(", "),
        format!("1.3 and 1.2 were offered alone; {old}"),
    );
}

/// What a client is offered that comes without TLS.
async fn plaintext(parties: &Parties, found: &RefCell<Found>) {
    let Some(setup) = setup(parties, &[Topic::Plaintext], found) else {
        return;
    };
    if parties.is_virtual() {
        let why = "the embedded endpoint is in memory";
        return found.borrow_mut().set(Topic::Plaintext, "not asked", why);
    }
    let scheme = scheme(&setup);
    let mut line = Line::open(setup, Shield::Plain);
    if line.reached().await.is_none() {
        return found.borrow_mut().unknown(Topic::Plaintext, why(&line));
    }
    let status = match is_web(&scheme) {
        true => line.upgraded().await,
        false => None,
    };
    let refused = |found: &mut Found, evidence: String| {
        found.known.tls_demanded = Some(true);
        found.set(Topic::Plaintext, "refused", evidence);
    };
    let taken = |found: &mut Found, evidence: &str| {
        found.known.tls_demanded = Some(false);
        found.set(Topic::Plaintext, "let in", evidence);
    };
    let timed_out = format!("nothing came within {} s", PATIENCE.as_secs());
    match (is_web(&scheme), status) {
        (true, Some(101)) => {
            let mechanisms = line.features().await.map(|features| mechanisms(&features));
            let mut found = found.borrow_mut();
            return match mechanisms.as_deref() {
                Some([_, ..]) => taken(&mut found, "a stream without TLS was offered a login"),
                Some([]) => refused(&mut found, "a stream without TLS was offered no login".to_owned()),
                None => found.unknown(Topic::Plaintext, why(&line)),
            };
        }
        (true, Some(status)) => {
            let evidence = format!("an upgrade without TLS drew status {status}");
            return refused(&mut found.borrow_mut(), evidence);
        }
        (true, None) => {}
        (false, _) => {
            if let Some(features) = line.features().await {
                let mut found = found.borrow_mut();
                let offer = features.element().get_child("starttls", STARTTLS);
                let demanded = offer.is_some_and(|offer| offer.has_child("required", STARTTLS));
                return match (mechanisms(&features).is_empty(), demanded) {
                    (false, false) => taken(&mut found, "a stream without TLS was offered a login"),
                    (false, true) => refused(&mut found, "STARTTLS is offered as `required`".to_owned()),
                    (true, _) => refused(&mut found, "a stream without TLS was offered no login".to_owned()),
                };
            }
        }
    }
    let over = why(&line);
    let mut found = found.borrow_mut();
    if over == timed_out {
        found.unknown(Topic::Plaintext, over);
    } else {
        refused(&mut found, format!("plain text to the port: {over}"));
    }
}

/// Whether the upgrade asks for a token.
async fn cookie(parties: &Parties, found: &RefCell<Found>) {
    let setup = match parties.line(Credential::None) {
        Ok(setup) => setup,
        Err(why) => return found.borrow_mut().unknown(Topic::Cookie, why),
    };
    if !is_web(&scheme(&setup)) {
        let why = "there is no upgrade request over TCP";
        return found.borrow_mut().set(Topic::Cookie, "none", why);
    }
    let mut line = Line::open(setup, Shield::Usual);
    let status = line.upgraded().await;
    let mut found = found.borrow_mut();
    match status {
        Some(101) => found.set(
            Topic::Cookie,
            "not needed",
            "an upgrade without a cookie drew status 101",
        ),
        Some(status @ (401 | 403)) => found.set(
            Topic::Cookie,
            "needed",
            format!("an upgrade without a cookie drew status {status}"),
        ),
        Some(status) => found.set(
            Topic::Cookie,
            format!("status {status}"),
            format!("an upgrade without a cookie drew status {status}"),
        ),
        None => found.unknown(
            Topic::Cookie,
            format!("an upgrade without a cookie: {}", why(&line)),
        ),
    }
}

/// What a stream's features say of STARTTLS: `None`, it is not among them.
pub fn starttls(features: &Stanza) -> bool {
    features.is("features", STREAM) && features.element().has_child("starttls", STARTTLS)
}
