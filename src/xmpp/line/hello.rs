//! An offer of TLS 1.1 and nothing newer, by hand: the TLS library, rightly, cannot make one (RFC 4346 §7.4.1.2).

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

/// The version that is offered.
pub const VERSION: &str = "1.1";

/// Suites that a server of that time would take: with and without forward secrecy, for either kind of key.
const SUITES: [u16; 6] = [0xC013, 0xC014, 0xC009, 0xC00A, 0x002F, 0x0035];

/// The record that holds the ClientHello.
fn record(domain: &str, random: [u8; 32]) -> Vec<u8> {
    let two = |number: usize| u16::try_from(number).unwrap_or(u16::MAX).to_be_bytes();
    let with_length = |bytes: &[u8]| [&two(bytes.len())[..], bytes].concat();
    let name = [&[0][..], &with_length(domain.as_bytes())].concat();
    let server_name = [&[0, 0][..], &with_length(&with_length(&name))].concat();
    // secp256r1 and secp384r1, points uncompressed (RFC 8422 §5.1).
    let curves = [0, 10, 0, 6, 0, 4, 0, 23, 0, 24];
    let points = [0, 11, 0, 2, 1, 0];
    let suites: Vec<u8> = SUITES.iter().flat_map(|suite| suite.to_be_bytes()).collect();
    let body = [
        &[3, 2][..],
        &random,
        &[0],
        &with_length(&suites),
        &[1, 0],
        &with_length(&[&server_name[..], &curves, &points].concat()),
    ]
    .concat();
    let handshake = [&[1, 0][..], &with_length(&body)].concat();
    [&[22, 3, 1][..], &with_length(&handshake)].concat()
}

/// Offers it; `None`: the connection ended without an answer.
pub async fn offer(io: &mut (impl AsyncRead + AsyncWrite + Unpin), domain: &str) -> Option<bool> {
    let (a, b) = (uuid::Uuid::new_v4(), uuid::Uuid::new_v4());
    let mut random = [0; 32];
    random[..16].copy_from_slice(a.as_bytes());
    random[16..].copy_from_slice(b.as_bytes());
    io.write_all(&record(domain, random)).await.ok()?;
    io.flush().await.ok()?;
    // The record's header, the kind of the message, its length, its version.
    let mut head = [0; 5];
    io.read_exact(&mut head).await.ok()?;
    if head[0] != 22 {
        return Some(false);
    }
    let mut hello = [0; 6];
    io.read_exact(&mut hello).await.ok()?;
    Some(hello[0] == 2 && hello[4..] <= [3, 2][..])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_length_in_the_hello_is_right() {
        let bytes = record("chat.example.com", [7; 32]);
        let length = |at: usize| usize::from(u16::from_be_bytes([bytes[at], bytes[at + 1]]));
        assert_eq!(length(3), bytes.len() - 5);
        assert_eq!(length(7), bytes.len() - 9);
        assert_eq!(bytes[9..11], [3, 2]);
        let suites = 9 + 2 + 32 + 1;
        assert_eq!(length(suites), SUITES.len() * 2);
        let extensions = suites + 2 + SUITES.len() * 2 + 2;
        assert_eq!(length(extensions), bytes.len() - extensions - 2);
    }

    #[tokio::test]
    async fn the_answer_is_read() {
        for (answer, said) in [
            (&b"\x15\x03\x02\x00\x02\x02\x46"[..], Some(false)),
            (&b"\x16\x03\x02\x00\x40\x02\x00\x00\x3c\x03\x02"[..], Some(true)),
            (&b"\x16\x03"[..], None),
        ] {
            let (mut here, mut there) = tokio::io::duplex(4096);
            there.write_all(answer).await.expect("room");
            there.shutdown().await.expect("an end");
            assert_eq!(offer(&mut here, "localhost").await, said);
        }
    }
}
