//! What a client logs in with, found in what it says.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;

use crate::run::Hidden;
use crate::xmpp::Secret;

/// A shorter secret would be found by chance in what is none.
const SHORTEST: usize = 8;

/// Hides this secret from now on, if it could be told apart from what is none.
pub(super) fn learn(hidden: &Hidden, secret: &Secret, kind: &'static str) {
    let word = secret
        .expose()
        .bytes()
        .all(|byte| byte.is_ascii_lowercase() || byte == b'-');
    // A plain word may stand in any signal.
    if secret.expose().len() >= SHORTEST && !word {
        hidden.learn(secret, kind);
    }
}

/// What a client logs in with that may be used again: the password of a SASL PLAIN exchange (RFC 4616 §2), and tokens
/// as they stand there and as they are meant (OAUTHBEARER, RFC 7628 §3.1; X-TOKEN and the like).
pub(super) fn login_secrets(text: &str) -> Vec<(Secret, &'static str)> {
    let mut secrets = Vec::new();
    let tag = text.trim_start().strip_prefix('<').unwrap_or_default();
    let name = tag
        .split(|c: char| c.is_whitespace() || matches!(c, '/' | '>'))
        .next();
    let name = name.map_or("", |name| name.rsplit(':').next().unwrap_or(name));
    if !matches!(name, "auth" | "authenticate" | "response") {
        return secrets;
    }
    let opening = tag.split('>').next().unwrap_or_default().to_uppercase();
    let token = opening.contains("TOKEN") || opening.contains("OAUTH");
    let held = text.split('>').filter_map(|part| part.split('<').next());
    for held in held.map(str::trim).filter(|held| !held.is_empty()) {
        if token {
            secrets.push((Secret::new(held), "token"));
        }
        let decoded = BASE64_STANDARD.decode(held).ok();
        let Some(said) = decoded.and_then(|bytes| String::from_utf8(bytes).ok()) else {
            continue;
        };
        let bearer = said.split('\u{1}').find_map(|part| part.strip_prefix("auth="));
        let bearer = bearer.and_then(|scheme| scheme.split_once(' '));
        let parts: Vec<&str> = said.split('\0').collect();
        match (bearer, parts.as_slice()) {
            (Some((_, bearer)), _) => secrets.push((Secret::new(bearer), "token")),
            (_, [_, _, password]) if !password.is_empty() => {
                secrets.push((Secret::new(*password), "password"))
            }
            _ if token => secrets.push((Secret::new(said), "token")),
            _ => {}
        }
    }
    secrets
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_logs_in_is_known_however_it_is_said() {
        for (text, wanted) in [
            (
                "<auth mechanism='PLAIN'>AGFsaWNlAGNvcnJlY3QgaG9yc2U=</auth>",
                &["correct horse"][..],
            ),
            (
                "<s:response xmlns:s='urn:ietf:params:xml:ns:xmpp-sasl'> AGFsaWNlAGNvcnJlY3QgaG9yc2U= </s:response>",
                &["correct horse"],
            ),
            (
                "<authenticate xmlns='urn:xmpp:sasl:2' mechanism='PLAIN'><initial-response>AGFsaWNlAGNvcnJlY3QgaG9yc2U=\
                 </initial-response></authenticate>",
                &["correct horse"],
            ),
            // `n,a=bob@h,\x01host=h\x01auth=Bearer t0k.en-1\x01\x01`
            (
                "<auth mechanism='OAUTHBEARER'>bixhPWJvYkBoLAFob3N0PWgBYXV0aD1CZWFyZXIgdDBrLmVuLTEBAQ==</auth>",
                &[
                    "bixhPWJvYkBoLAFob3N0PWgBYXV0aD1CZWFyZXIgdDBrLmVuLTEBAQ==",
                    "t0k.en-1",
                ],
            ),
            (
                "<auth mechanism='X-TOKEN'>dDBrLmVuLTE=</auth>",
                &["dDBrLmVuLTE=", "t0k.en-1"],
            ),
            (
                "<auth mechanism='X-TOKEN'>eyJh.eyJi.c2ln</auth>",
                &["eyJh.eyJi.c2ln"],
            ),
            // `n,,n=user,r=nonce`
            (
                "<auth mechanism='SCRAM-SHA-1'>biwsbj11c2VyLHI9bm9uY2U=</auth>",
                &[],
            ),
            ("<iq><auth/>AGFsaWNlAGNvcnJlY3QgaG9yc2U=</iq>", &[]),
        ] {
            let secrets = login_secrets(text);
            let secrets: Vec<&str> = secrets.iter().map(|(secret, _)| secret.expose()).collect();
            assert_eq!(secrets, wanted, "{text}");
        }
    }
}
