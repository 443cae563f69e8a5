//! From a plain connection to the point where TLS begins (RFC 6120 §5.4).

use futures_util::{SinkExt, StreamExt};
use tokio::io::BufStream;
use tokio_xmpp::xmlstream::{ReadError, StreamHeader, Timeouts, initiate_stream};
use xmpp_parsers::starttls;
use xmpp_parsers::stream_features::StreamFeatures;

use super::error::{ConnectError, Words};
use super::socket::Socket;

/// Asks for TLS; afterwards the handshake has to follow.
pub async fn negotiate(socket: Socket, domain: &str) -> Result<Socket, ConnectError> {
    const STAGE: &str = "asking for STARTTLS";
    let ended = |error: std::io::Error| ConnectError::Ended {
        stage: STAGE,
        how: error.to_string(),
    };
    let header = StreamHeader {
        from: None,
        to: Some(domain.into()),
        id: None,
    };
    let pending = initiate_stream(
        BufStream::new(socket),
        "jabber:client",
        header,
        Timeouts::default(),
    )
    .await
    .map_err(ended)?;
    let (features, mut stream) = pending
        .recv_features::<starttls::Nonza>()
        .await
        .map_err(|error| ConnectError::Garbage {
            stage: STAGE,
            seen: Words(error.to_string()),
        })?;
    let features: StreamFeatures = features;
    if features.starttls.is_none() {
        return Err(ConnectError::NoTls);
    }
    stream
        .send(&starttls::Nonza::Request(starttls::Request))
        .await
        .map_err(ended)?;
    loop {
        match stream.next().await {
            Some(Ok(starttls::Nonza::Proceed(_))) => return Ok(stream.into_inner().into_inner()),
            Some(Ok(starttls::Nonza::Failure(_))) => return Err(ConnectError::TlsRefused),
            Some(Err(ReadError::SoftTimeout)) => {}
            Some(Ok(starttls::Nonza::Request(_))) | Some(Err(ReadError::ParseError(_))) => {
                return Err(ConnectError::Garbage {
                    stage: STAGE,
                    seen: Words("an element that has no place there".into()),
                });
            }
            Some(Err(ReadError::HardError(error))) => return Err(ended(error)),
            Some(Err(ReadError::StreamFooterReceived)) | None => {
                return Err(ConnectError::Ended {
                    stage: STAGE,
                    how: "the server closed the stream".into(),
                });
            }
        }
    }
}
