//! From a plain connection to the point where TLS begins (RFC 6120 §5.4).

use futures_util::{SinkExt, StreamExt};
use minidom::Element;
use tokio::io::{AsyncRead, AsyncWrite, BufStream};
use tokio_xmpp::xmlstream::{ReadError, StreamHeader, Timeouts, XmlStream, initiate_stream};
use xmpp_parsers::{ns::TLS, starttls::Request};

use super::error::{ConnectError, Said, Words};
use crate::stanza::{STREAM, Stanza};

const STAGE: &str = "asking for STARTTLS";

/// Asks for TLS; afterwards the handshake has to follow.
pub async fn negotiate<S: AsyncRead + AsyncWrite + Unpin>(
    socket: S,
    domain: &str,
) -> Result<S, ConnectError> {
    let header = StreamHeader {
        from: None,
        to: Some(domain.into()),
        id: None,
    };
    let socket = BufStream::new(socket);
    let pending = initiate_stream(socket, "jabber:client", header, Timeouts::default()).await;
    // Whatever a server says of its features beyond what is asked, it may say: they are read as they are.
    let mut stream: XmlStream<_, Element> = pending.map_err(ended)?.skip_features();
    let mut asked = false;
    loop {
        let element = match stream.next().await {
            Some(Ok(element)) => element,
            Some(Err(ReadError::SoftTimeout)) => continue,
            Some(Err(ReadError::ParseError(error))) => return Err(garbage(error.to_string())),
            Some(Err(ReadError::HardError(error))) => return Err(ended(error)),
            Some(Err(ReadError::StreamFooterReceived)) | None => {
                return Err(gone("the server closed the stream"));
            }
        };
        if element.is("error", STREAM) {
            let said = Stanza::parse(String::from(&element)).map_err(|error| garbage(error.0))?;
            let said = Said::of(&said, "undefined-condition");
            return Err(ConnectError::StreamError { stage: STAGE, said });
        }
        if element.is("features", STREAM) && !asked {
            if !element.has_child("starttls", TLS) {
                return Err(ConnectError::NoTls);
            }
            stream.send(&Element::from(Request)).await.map_err(ended)?;
            asked = true;
        } else if element.is("proceed", TLS) && asked {
            // What somebody put behind it is not the server's under TLS, and is read by nobody.
            return Ok(stream.into_inner().into_inner());
        } else if element.is("failure", TLS) && asked {
            return Err(ConnectError::TlsRefused);
        } else {
            return Err(garbage("an element that has no place there".into()));
        }
    }
}

fn ended(error: std::io::Error) -> ConnectError {
    gone(&error.to_string())
}

fn gone(how: &str) -> ConnectError {
    ConnectError::Ended {
        stage: STAGE,
        how: how.to_owned(),
    }
}

fn garbage(seen: String) -> ConnectError {
    ConnectError::Garbage {
        stage: STAGE,
        seen: Words(seen),
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;
    use crate::stanza::CLIENT;

    /// What comes of a server that says this to the header, and that to the request.
    async fn asked(first: &str, second: &str) -> Result<(), ConnectError> {
        let (here, mut there) = tokio::io::duplex(1 << 20);
        let server = async {
            let mut heard = [0; 1_024];
            for says in [first, second] {
                let _ = there.read(&mut heard).await;
                let _ = there.write_all(says.as_bytes()).await;
            }
            let _ = there.shutdown().await;
            there
        };
        let (done, _there) = tokio::join!(negotiate(here, "localhost"), server);
        done.map(drop)
    }

    #[tokio::test]
    async fn a_server_may_say_more_of_itself_than_it_has_to() {
        let header = format!(
            "<?xml version='1.0'?><stream:stream xmlns='{CLIENT}' xmlns:stream='{STREAM}' xmlns:x='y' xml:lang='de' version='1.0'>"
        );
        let offer = format!(
            "{header}<stream:features odd='1'><starttls xmlns='{TLS}' odd='1'><required/></starttls><mechanisms xmlns='urn:ietf:params:xml:ns:xmpp-sasl'><hostname xmlns='urn:xmpp:domain-based-name:1'>a</hostname></mechanisms></stream:features>"
        );
        let proceed = format!("<proceed xmlns='{TLS}'/>");
        assert_eq!(asked(&offer, &proceed).await, Ok(()));
        let failure = format!("<failure xmlns='{TLS}'/></stream:stream>");
        assert_eq!(asked(&offer, &failure).await, Err(ConnectError::TlsRefused));
        let none = format!("{header}<stream:features/>");
        assert_eq!(asked(&none, "").await, Err(ConnectError::NoTls));
        let full = "<stream:error><internal-server-error xmlns='urn:ietf:params:xml:ns:xmpp-streams'/></stream:error></stream:stream>";
        for (first, second) in [(format!("{offer}{full}"), ""), (offer.clone(), full)] {
            let why = asked(&first, second).await.expect_err("no TLS").to_string();
            assert_eq!(
                why,
                "during asking for STARTTLS, the server ended the stream with the error `internal-server-error`"
            );
        }
        for (first, second, part) in [
            (offer.as_str(), "<message/>", "an element that has no place there"),
            (offer.as_str(), "</stream:stream>", "the server closed the stream"),
            (offer.as_str(), "", "the connection ended"),
        ] {
            let why = asked(first, second).await.expect_err("no TLS").to_string();
            assert!(why.contains(part), "{why}");
        }
    }
}
