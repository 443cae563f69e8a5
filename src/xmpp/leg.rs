//! From an address to a connection that is ready for a stream or an upgrade: TCP, and TLS where the URL asks for it.

use tokio::net::TcpStream;

use super::socket::{Cut, Io, Socket};
use super::{ConnectError, Dial, starttls, tls};

/// Opens the connection that `dial` names; over TCP the certificate has to be valid for `domain`. `stage` is told how
/// far it has come.
///
/// # Errors
/// Why there is none, in one sentence.
pub async fn lead(
    dial: &Dial,
    domain: &str,
    cut: &Cut,
    stage: &mut (dyn FnMut(&'static str) + Send),
) -> Result<Box<dyn Io>, ConnectError> {
    let host = dial
        .url
        .host_str()
        .ok_or_else(|| ConnectError::Address("the URL names no host".into()))?;
    // A URL of xmpp:// keeps a name beyond ASCII in percent signs, which no name server knows.
    let host = &tls::ascii(host);
    let scheme = dial.url.scheme();
    let port = dial.url.port_or_known_default().unwrap_or(match scheme {
        "xmpps" => 5223,
        _ => 5222,
    });
    let address = format!("{host}:{port}");
    let unreachable = |error: std::io::Error| ConnectError::Unreachable {
        address: address.clone(),
        why: error.to_string(),
    };
    let stream = TcpStream::connect((host.trim_matches(['[', ']']), port))
        .await
        .map_err(unreachable)?;
    let local = stream.peer_addr().is_ok_and(|peer| peer.ip().is_loopback());
    let socket = Socket::new(stream, cut.clone()).map_err(unreachable)?;
    let trust = &dial.trust;
    Ok(match scheme {
        "wss" => {
            stage("TLS");
            Box::new(tls::wrap(socket, host, trust, &[b"http/1.1"]).await?)
        }
        "xmpps" => {
            stage("TLS");
            Box::new(tls::wrap(socket, domain, trust, &[b"xmpp-client"]).await?)
        }
        "xmpp" if dial.plaintext && local => Box::new(socket),
        "xmpp" if dial.plaintext => {
            return Err(ConnectError::Address(format!(
                "{address} is not on this machine: without TLS nothing is sent there"
            )));
        }
        "xmpp" => {
            stage("STARTTLS");
            let socket = starttls::negotiate(socket, domain).await?;
            stage("TLS");
            Box::new(tls::wrap(socket, domain, trust, &[]).await?)
        }
        _ => Box::new(socket),
    })
}
