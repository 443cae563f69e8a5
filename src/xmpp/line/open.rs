//! Reaches the other side: TCP, TLS where it is asked for, and the upgrade.

use tokio::net::TcpStream;

use super::frames::Frames;
use super::{Setup, Shield, hello};
use crate::stanza::Wire;
use crate::xmpp::socket::{Cut, Socket};
use crate::xmpp::splitter::Splitter;
use crate::xmpp::{Io, starttls, tls, upgrade};

/// A connection that carries frames or a stream.
pub struct Opened {
    pub from: From,
    pub to: tokio::io::WriteHalf<Box<dyn Io>>,
    pub cut: Cut,
    pub domain: String,
}

/// The half that is read.
pub enum From {
    Web(Frames),
    Tcp {
        half: tokio::io::ReadHalf<Box<dyn Io>>,
        splitter: Box<Splitter>,
    },
}

/// What came of it.
pub enum Reached {
    Open(Box<Opened>),
    /// It was answered otherwise, and that is told already: nothing more comes of this line.
    Over {
        reset: bool,
    },
    /// The target's trouble, in one sentence.
    Unreachable(String),
}

/// Opens a line; `tell`: whether it was sent, and what.
pub async fn open(
    setup: Setup,
    shield: Shield,
    key: [u8; 16],
    protocols: &[String],
    headers: &[(String, String)],
    tell: &mut impl FnMut(bool, Wire),
) -> Reached {
    let Setup { io, dial, .. } = setup;
    let scheme = dial.url.scheme().to_owned();
    let web = matches!(scheme.as_str(), "ws" | "wss");
    let domain = dial.domain.clone();
    let cut = Cut::default();
    let mut io: Box<dyn Io> = match io {
        Some(io) => {
            tell(false, Wire::Reached { tls: None });
            io
        }
        None => match reach(&dial, shield, &cut, tell).await {
            Ok(Some(io)) => io,
            Ok(None) => return Reached::Over { reset: false },
            Err(why) => return Reached::Unreachable(why),
        },
    };
    if !web {
        let (half, to) = tokio::io::split(io);
        let from = From::Tcp {
            half,
            splitter: Box::default(),
        };
        return Reached::Open(Box::new(Opened {
            from,
            to,
            cut,
            domain,
        }));
    }
    let (text, wire) = upgrade::request(&dial, key, protocols, headers);
    tell(true, wire);
    let Ok(answer) = upgrade::ask(&mut io, &text).await else {
        return Reached::Over { reset: false };
    };
    let upgrade::Answer {
        status,
        headers,
        rest,
    } = answer;
    let upgraded = Wire::Upgraded { status, headers };
    let extended = upgraded.header("Sec-WebSocket-Extensions").is_some();
    tell(false, upgraded);
    if status != 101 {
        return Reached::Over { reset: false };
    }
    let (half, to) = tokio::io::split(io);
    let from = From::Web(Frames::new(half, rest, extended));
    Reached::Open(Box::new(Opened {
        from,
        to,
        cut,
        domain,
    }))
}

/// `Ok(None)`: there was only a hello to say, and that is told.
async fn reach(
    dial: &crate::xmpp::Dial,
    shield: Shield,
    cut: &Cut,
    tell: &mut impl FnMut(bool, Wire),
) -> Result<Option<Box<dyn Io>>, String> {
    let host = dial.url.host_str().unwrap_or_default();
    let scheme = dial.url.scheme();
    let port = dial.url.port_or_known_default().unwrap_or(match scheme {
        "xmpps" => 5223,
        _ => 5222,
    });
    let unreachable = |error: std::io::Error| format!("cannot reach {host}:{port}: {error}");
    let stream = TcpStream::connect((host.trim_matches(['[', ']']), port))
        .await
        .map_err(unreachable)?;
    let local = stream.peer_addr().is_ok_and(|peer| peer.ip().is_loopback());
    let mut socket = Socket::new(stream, cut.clone()).map_err(unreachable)?;
    let name = if scheme == "wss" {
        host
    } else {
        dial.domain.as_str()
    };
    if shield == Shield::OldTls {
        if scheme == "xmpp" {
            socket = starttls::negotiate(socket, &dial.domain)
                .await
                .map_err(|error| error.to_string())?;
        }
        let version = || hello::VERSION.to_owned();
        tell(
            true,
            Wire::Hello {
                version: version(),
                accepted: None,
            },
        );
        if let Some(accepted) = hello::offer(&mut socket, name.trim_matches(['[', ']'])).await {
            tell(
                false,
                Wire::Hello {
                    version: version(),
                    accepted: Some(accepted),
                },
            );
        }
        return Ok(None);
    }
    let plain = shield == Shield::Plain || scheme == "ws" || (scheme == "xmpp" && dial.plaintext && local);
    if plain {
        tell(false, Wire::Reached { tls: None });
        return Ok(Some(Box::new(socket)));
    }
    if scheme == "xmpp" {
        socket = starttls::negotiate(socket, &dial.domain)
            .await
            .map_err(|error| error.to_string())?;
    }
    let alpn: &[&[u8]] = match scheme {
        "wss" => &[b"http/1.1"],
        "xmpps" => &[b"xmpp-client"],
        _ => &[],
    };
    let versions = match shield {
        Shield::Tls13 => tls::ONLY_13,
        Shield::Tls12 => tls::ONLY_12,
        _ => tls::ALL,
    };
    let io = tls::wrap_in(socket, name, &dial.trust, alpn, versions)
        .await
        .map_err(|error| error.to_string())?;
    let version = match io.get_ref().1.protocol_version() {
        Some(rustls::ProtocolVersion::TLSv1_3) => "1.3",
        Some(rustls::ProtocolVersion::TLSv1_2) => "1.2",
        _ => "older",
    };
    tell(
        false,
        Wire::Reached {
            tls: Some(version.into()),
        },
    );
    Ok(Some(Box::new(io)))
}
