//! The token in the cookie of an upgrade: who may come in at all, and as whom (RFC 7519, RFC 8725).

use jsonwebtoken::{DecodingKey, Validation, decode};
use serde::Deserialize;
use time::OffsetDateTime;

use super::fault::Slip;
use super::fault::slip::{self, Slips};
use crate::target::Algorithm;
use crate::xmpp::Secret;

/// Lets nobody in without a sound token in this cookie: signed with this key by its one algorithm, with an `exp` to
/// come, an `nbf` that is over if there is one, and the user as `sub`.
#[derive(Clone)]
pub struct Gate {
    cookie: String,
    algorithm: Algorithm,
    verifier: DecodingKey,
    rules: Validation,
}

// By hand, since the key is a secret.
impl std::fmt::Debug for Gate {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Gate")
            .field("cookie", &self.cookie)
            .field("algorithm", &self.algorithm)
            .finish_non_exhaustive()
    }
}

#[derive(Deserialize)]
struct Claims {
    sub: String,
    exp: i64,
    nbf: Option<i64>,
}

/// A token that was shown, and whose it is.
#[derive(Debug)]
pub struct Shown {
    /// What it says of that, in lower case.
    pub sub: String,
    pub token: String,
}

impl Gate {
    /// `key`: the shared secret, or the public key as PEM.
    ///
    /// # Errors
    /// The key is none for its algorithm. The message does not quote it.
    pub fn new(cookie: impl Into<String>, key: &Secret, algorithm: Algorithm) -> Result<Gate, String> {
        let (verifier, mut rules) = algorithm.verifier(key)?;
        // The endpoint's clock may be a virtual one, so the times are looked at here.
        rules.validate_exp = false;
        rules.validate_aud = false;
        Ok(Gate {
            cookie: cookie.into(),
            algorithm,
            verifier,
            rules,
        })
    }

    /// What is shown in one of these headers, as far as a gate that slips believes it.
    pub(super) fn shown<'h>(
        &self,
        headers: impl Iterator<Item = &'h str>,
        now: OffsetDateTime,
        slips: &Slips,
    ) -> Option<Shown> {
        let token = self.token(headers)?;
        let sub = self
            .subject(token, now, slips)
            .or_else(|| slip::believed(token, now.unix_timestamp(), slips))?;
        Some(Shown {
            sub,
            token: token.to_owned(),
        })
    }

    fn token<'h>(&self, headers: impl Iterator<Item = &'h str>) -> Option<&'h str> {
        let cookies = headers.flat_map(|header| header.split(';'));
        let mut named = cookies.filter_map(|cookie| cookie.trim().split_once('='));
        named
            .find(|(name, _)| *name == self.cookie)
            .map(|(_, token)| token)
    }

    /// Whose token it is, if it is sound.
    fn subject(&self, token: &str, now: OffsetDateTime, slips: &Slips) -> Option<String> {
        let mut rules = self.rules.clone();
        if slips.contains(&Slip::AlgorithmUnchecked) {
            rules.algorithms = vec![jsonwebtoken::decode_header(token).ok()?.alg];
        }
        let claims = decode::<Claims>(token, &self.verifier, &rules).ok()?.claims;
        let now = now.unix_timestamp();
        let lives = claims.exp > now && claims.nbf.is_none_or(|from| from <= now);
        lives.then(|| claims.sub.to_lowercase())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::target::{Account, Flaw, Jwt, Token};

    fn algorithm(name: &str) -> Algorithm {
        Algorithm::parse(name).expect("an algorithm")
    }

    #[test]
    fn only_a_sound_token_lets_its_user_in() {
        let key = Secret::new("key");
        let gate = Gate::new("auth_token", &key, algorithm("HS256")).expect("a key");
        let jwt = Jwt {
            key,
            algorithm: algorithm("HS256"),
            claims: serde_json::Map::from_iter([("sub".to_owned(), "{user}".into())]),
            ttl: std::time::Duration::from_secs(600),
        };
        let (alice, now) = (Account::new("Alice@x", None), OffsetDateTime::now_utc());
        let at = |token: &str, later: i64| {
            let headers = [format!("a=b; auth_token={token}")];
            let shown = gate.shown(
                headers.iter().map(String::as_str),
                now + time::Duration::seconds(later),
                &Slips::new(),
            );
            shown.map(|shown| shown.sub)
        };
        let sound = Token::Minted(jwt.clone()).for_account(&alice).expect("a token");
        assert_eq!(at(sound.expose(), 0).as_deref(), Some("alice"));
        assert_eq!(at(sound.expose(), 601), None);
        let short = jwt.forge(&alice, Flaw::Short, now).expect("a token");
        assert_eq!(
            (at(short.expose(), 1).is_some(), at(short.expose(), 3)),
            (true, None)
        );
        for flaw in [
            Flaw::Expired,
            Flaw::NotYet,
            Flaw::WrongKey,
            Flaw::Unsigned,
            Flaw::OtherAlgorithm,
            Flaw::Tampered,
        ] {
            let token = jwt.forge(&alice, flaw, now).expect("a token");
            assert_eq!(at(token.expose(), 0), None, "{flaw:?}");
        }
        assert_eq!(at("garbage", 0), None);
        let none = |header: &str| {
            let headers = [header].into_iter().filter(|header| !header.is_empty());
            gate.shown(headers, now, &Slips::new()).is_none()
        };
        assert!(none("auth=x") && none(""));
    }

    #[test]
    fn a_key_that_is_none_for_its_algorithm_is_told_and_never_shown() {
        let secret = Secret::new("swordfish");
        for name in ["RS256", "ES256", "EdDSA"] {
            let error = Gate::new("auth_token", &secret, algorithm(name)).expect_err("no PEM");
            assert!(error.contains("PEM") && !error.contains("swordfish"), "{error}");
        }
        let gate = Gate::new("auth_token", &secret, algorithm("HS512")).expect("a key");
        let shown = format!("{gate:?}");
        assert!(shown.contains("HS512") && !shown.contains("swordfish"), "{shown}");
    }
}
