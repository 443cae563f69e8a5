//! Tokens that a server has to refuse: what is wrong with each is one thing.

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use time::OffsetDateTime;

use super::{Account, Algorithm, Jwt};
use crate::xmpp::Secret;

/// What is wrong with a token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Flaw {
    /// `exp` is over (RFC 7519 §4.1.4).
    Expired,
    /// `nbf` is to come (RFC 7519 §4.1.5).
    NotYet,
    WrongKey,
    /// `alg: none` (RFC 8725 §3.1).
    Unsigned,
    /// Signed by another algorithm than the target's.
    OtherAlgorithm,
    /// The claims were changed after it was signed.
    Tampered,
    /// Nothing is wrong yet: it lives for two seconds.
    Short,
}

/// Far enough from now for any clock's skew.
const AN_HOUR: i64 = 3_600;

impl Jwt {
    /// The token of this account, with that flaw.
    ///
    /// # Errors
    /// The key is none for its algorithm.
    pub fn forge(&self, account: &Account, flaw: Flaw, now: OffsetDateTime) -> Result<Secret, String> {
        let seconds = now.unix_timestamp();
        let mut jwt = self.clone();
        let claims = match flaw {
            Flaw::Expired => vec![("iat", seconds - 2 * AN_HOUR), ("exp", seconds - AN_HOUR)],
            Flaw::NotYet => vec![("nbf", seconds + AN_HOUR), ("exp", seconds + 2 * AN_HOUR)],
            Flaw::Short => vec![("exp", seconds + 2)],
            _ => Vec::new(),
        };
        for (name, value) in claims {
            jwt.claims.insert(name.to_owned(), value.into());
        }
        match flaw {
            Flaw::WrongKey if jwt.algorithm.is_shared() => {
                jwt.key = Secret::new(format!("{}, but another", jwt.key.expose()));
            }
            Flaw::OtherAlgorithm => {
                let other = if jwt.algorithm == Algorithm::parse("HS512").unwrap_or(jwt.algorithm) {
                    "HS256"
                } else {
                    "HS512"
                };
                jwt.algorithm = Algorithm::parse(other).unwrap_or(jwt.algorithm);
            }
            _ => {}
        }
        let token = jwt.mint(account, now)?;
        let parts: Vec<&str> = token.expose().split('.').collect();
        let [header, claims, signature] = parts.as_slice() else {
            return Err("the token could not be made".into());
        };
        Ok(match flaw {
            Flaw::Unsigned => {
                let none = BASE64_URL_SAFE_NO_PAD.encode(r#"{"alg":"none","typ":"JWT"}"#);
                Secret::new(format!("{none}.{claims}."))
            }
            Flaw::Tampered => {
                let mut changed = BASE64_URL_SAFE_NO_PAD.decode(claims).unwrap_or_default();
                // One more blank changes no claim, only what the signature is for.
                changed.insert(1.min(changed.len()), b' ');
                let changed = BASE64_URL_SAFE_NO_PAD.encode(changed);
                Secret::new(format!("{header}.{changed}.{signature}"))
            }
            Flaw::WrongKey if !jwt.algorithm.is_shared() => {
                // Nobody else's key is at hand; what another key would give verifies as little as this.
                let turned: String = signature.chars().rev().collect();
                Secret::new(format!("{header}.{claims}.{turned}"))
            }
            _ => token,
        })
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn each_token_has_its_one_flaw() {
        let jwt = Jwt {
            key: Secret::new("key"),
            algorithm: Algorithm::parse("HS256").expect("HS256"),
            claims: serde_json::Map::from_iter([("sub".to_owned(), "{user}".into())]),
            ttl: Duration::from_secs(600),
        };
        let account = Account::new("alice@x", None);
        let now = OffsetDateTime::now_utc();
        let mut rules = jsonwebtoken::Validation::new(jsonwebtoken::Algorithm::HS256);
        rules.validate_nbf = true;
        let key = jsonwebtoken::DecodingKey::from_secret(b"key");
        let refused = |flaw| {
            let token = jwt.forge(&account, flaw, now).expect("a token");
            let read = jsonwebtoken::decode::<serde_json::Value>(token.expose(), &key, &rules);
            read.err().map(|error| error.to_string())
        };
        assert_eq!(refused(Flaw::Short), None);
        for (flaw, why) in [
            (Flaw::Expired, "ExpiredSignature"),
            (Flaw::NotYet, "ImmatureSignature"),
            (Flaw::WrongKey, "InvalidSignature"),
            (Flaw::Tampered, "InvalidSignature"),
            (Flaw::OtherAlgorithm, "InvalidAlgorithm"),
        ] {
            assert_eq!(refused(flaw).as_deref(), Some(why), "{flaw:?}");
        }
        assert!(refused(Flaw::Unsigned).is_some());
    }
}
