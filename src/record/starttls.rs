//! STARTTLS as a server sees it (RFC 6120 §5.4): the proxy's own, since the server's ends at the proxy.

use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::stanza::{CLIENT, STREAM, Stanza, escape};
use crate::xmpp::{Io, Limits, Piece, Splitter};

const TLS: &str = "urn:ietf:params:xml:ns:xmpp-tls";

fn small() -> Splitter {
    Splitter::new(Limits {
        largest: 16 << 10,
        deepest: 8,
    })
}

/// The domain that a stream's header asks for; `None`: the header is not whole yet, or is none.
pub fn wanted(read: &[u8]) -> Option<Option<String>> {
    let mut splitter = small();
    splitter.feed(read);
    match splitter.next_piece() {
        Ok(Some(Piece::Header(raw))) => Some(to(&raw)),
        // It is the server's to say what is wrong.
        Err(_) => Some(None),
        _ => None,
    }
}

fn to(header: &str) -> Option<String> {
    let whole = format!("{}/>", header.trim_end_matches('>').trim_end_matches('/'));
    let to = Stanza::parse(whole).ok()?.attr("to")?.to_owned();
    (!to.is_empty()).then_some(to)
}

/// Offers TLS and nothing else, and waits until the client asks for it: the handshake follows.
///
/// # Errors
/// Why it does not, in one sentence.
pub async fn answer(mut client: Box<dyn Io>, read: Vec<u8>, domain: &str) -> Result<Box<dyn Io>, String> {
    let ended = |error: std::io::Error| format!("a client went away before STARTTLS: {error}");
    let mut splitter = small();
    splitter.feed(&read);
    let mut chunk = vec![0; 4_096];
    loop {
        let piece = splitter
            .next_piece()
            .map_err(|flaw| format!("a client said something that is no XMPP stream: {flaw}"))?;
        let text = match piece {
            Some(Piece::Header(raw)) => {
                let from = to(&raw).unwrap_or_else(|| domain.to_owned());
                format!(
                    "<?xml version='1.0'?><stream:stream xmlns='{CLIENT}' xmlns:stream='{STREAM}' from='{}' id='{}' \
                     version='1.0'><stream:features><starttls xmlns='{TLS}'><required/></starttls></stream:features>",
                    escape(&from),
                    uuid::Uuid::new_v4()
                )
            }
            Some(Piece::Element(raw))
                if Stanza::parse(raw.as_str()).is_ok_and(|it| it.is("starttls", TLS)) =>
            {
                if !splitter.is_empty() {
                    // Sent in plain text, it would count as if it had come with TLS.
                    return Err("a client said more in plain text after it had asked for TLS".to_owned());
                }
                let proceed = format!("<proceed xmlns='{TLS}'/>");
                client.write_all(proceed.as_bytes()).await.map_err(ended)?;
                client.flush().await.map_err(ended)?;
                return Ok(client);
            }
            Some(Piece::Element(_) | Piece::Skipped(_)) => {
                let text = "<stream:error><policy-violation xmlns='urn:ietf:params:xml:ns:xmpp-streams'/>\
                            </stream:error></stream:stream>";
                let _ = client.write_all(text.as_bytes()).await;
                return Err("a client goes on without TLS, which this port asks for".to_owned());
            }
            Some(Piece::Footer) => return Err("a client closed its stream before STARTTLS".to_owned()),
            None => {
                let length = client.read(&mut chunk).await.map_err(ended)?;
                if length == 0 {
                    return Err("a client went away before STARTTLS".to_owned());
                }
                splitter.feed(chunk.get(..length).unwrap_or_default());
                continue;
            }
        };
        client.write_all(text.as_bytes()).await.map_err(ended)?;
        client.flush().await.map_err(ended)?;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEADER: &str = "<?xml version='1.0'?><stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' to='a.example' version='1.0'>";

    #[test]
    fn the_domain_is_known_as_soon_as_the_header_is_whole() {
        assert_eq!(wanted(&HEADER.as_bytes()[..60]), None);
        assert_eq!(wanted(HEADER.as_bytes()), Some(Some("a.example".into())));
        assert_eq!(
            wanted(HEADER.replace(" to='a.example'", "").as_bytes()),
            Some(None)
        );
        assert_eq!(wanted(b"<html>"), Some(None));
    }

    async fn said(text: &str) -> (Result<(), String>, String) {
        let (here, mut there) = tokio::io::duplex(1 << 16);
        there.write_all(text.as_bytes()).await.expect("room");
        let answered = answer(Box::new(here), Vec::new(), "b.example").await.map(drop);
        let mut heard = String::new();
        there.shutdown().await.expect("an end");
        there.read_to_string(&mut heard).await.expect("text");
        (answered, heard)
    }

    #[tokio::test]
    async fn tls_is_offered_and_nothing_goes_on_without_it() {
        let starttls = format!("<starttls xmlns='{TLS}'/>");
        let (result, heard) = said(&format!("{HEADER}{starttls}")).await;
        assert_eq!(result, Ok(()));
        assert!(heard.contains("from='a.example'") && heard.contains("<required/>") && heard.ends_with("/>"));
        let (result, heard) = said(&format!("{HEADER}<auth>x</auth>")).await;
        assert!(result.is_err() && heard.contains("policy-violation") && !heard.contains("proceed"));
        let (result, heard) = said(&format!("{HEADER}{starttls}<iq/>")).await;
        assert!(result.is_err() && !heard.contains("proceed"), "{heard}");
    }
}
