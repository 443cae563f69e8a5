//! Tokens (RFC 7519): given, or minted from a key.

use std::time::Duration;

use jsonwebtoken::{DecodingKey, EncodingKey, Header, Validation};
use serde_json::{Map, Value};
use time::OffsetDateTime;

use super::Account;
use crate::xmpp::Secret;

/// How a token is signed (RFC 7518 §3.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Algorithm(jsonwebtoken::Algorithm);

impl Algorithm {
    /// The names that [`Algorithm::parse`] is meant for.
    pub const NAMES: [&'static str; 9] = [
        "HS256", "HS384", "HS512", "RS256", "RS384", "RS512", "ES256", "ES384", "EdDSA",
    ];

    pub fn parse(name: &str) -> Option<Algorithm> {
        name.parse().ok().map(Algorithm)
    }

    /// The key that checks what this algorithm has signed, and the one algorithm that it may be used with: what a
    /// token says of itself is no choice (RFC 8725 §3.1). `key`: the shared secret, or the public key as PEM.
    ///
    /// # Errors
    /// The key is none for this algorithm. The message does not quote it.
    pub fn verifier(self, key: &Secret) -> Result<(DecodingKey, Validation), String> {
        use jsonwebtoken::Algorithm::{ES256, ES384, EdDSA};
        let text = key.expose().as_bytes();
        let key = match self.0 {
            _ if self.is_shared() => Ok(DecodingKey::from_secret(text)),
            ES256 | ES384 => DecodingKey::from_ec_pem(text),
            EdDSA => DecodingKey::from_ed_pem(text),
            _ => DecodingKey::from_rsa_pem(text),
        };
        // The library's own words could quote the key.
        let key = key.map_err(|_| "the key is none for its algorithm (a public key as PEM is wanted)")?;
        Ok((key, Validation::new(self.0)))
    }

    /// Whether the key is a shared secret, not a PEM file.
    pub(super) fn is_shared(self) -> bool {
        use jsonwebtoken::Algorithm::{HS256, HS384, HS512};
        matches!(self.0, HS256 | HS384 | HS512)
    }
}

/// What a minted token says and who signs it.
#[derive(Debug, Clone)]
pub struct Jwt {
    /// The shared secret, or the private key as PEM.
    pub key: Secret,
    pub algorithm: Algorithm,
    /// Texts may hold `{user}`, `{jid}` and `{id}`. `iat` and `exp` come by themselves.
    pub claims: Map<String, Value>,
    pub ttl: Duration,
}

#[derive(Debug, Clone)]
pub enum Token {
    Given(Secret),
    Minted(Jwt),
}

impl Token {
    /// The token for this account, at this moment.
    pub fn for_account(&self, account: &Account) -> Result<Secret, String> {
        match self {
            Token::Given(token) => Ok(token.clone()),
            Token::Minted(jwt) => jwt.mint(account, OffsetDateTime::now_utc()),
        }
    }
}

impl Jwt {
    /// The token of this account at this moment.
    ///
    /// # Errors
    /// The key is none for its algorithm.
    pub fn mint(&self, account: &Account, now: OffsetDateTime) -> Result<Secret, String> {
        let mut claims = Map::new();
        claims.insert("iat".into(), now.unix_timestamp().into());
        let ttl = i64::try_from(self.ttl.as_secs()).unwrap_or(i64::MAX);
        claims.insert("exp".into(), now.unix_timestamp().saturating_add(ttl).into());
        for (name, value) in &self.claims {
            claims.insert(name.clone(), filled(value, account));
        }
        let key = self.key.expose().as_bytes();
        use jsonwebtoken::Algorithm::{ES256, ES384, EdDSA};
        let key = match self.algorithm.0 {
            _ if self.algorithm.is_shared() => Ok(EncodingKey::from_secret(key)),
            ES256 | ES384 => EncodingKey::from_ec_pem(key),
            EdDSA => EncodingKey::from_ed_pem(key),
            _ => EncodingKey::from_rsa_pem(key),
        };
        // The library's own words could quote the key.
        let key = key.map_err(|_| "the key of the token is none for its algorithm (a PEM text is wanted)")?;
        jsonwebtoken::encode(&Header::new(self.algorithm.0), &claims, &key)
            .map(Secret::new)
            .map_err(|_| "the token could not be signed with its key".into())
    }
}

fn filled(value: &Value, account: &Account) -> Value {
    match value {
        Value::String(text) => {
            let user = account.jid.split('@').next().unwrap_or_default();
            let text = text
                .replace("{user}", user)
                .replace("{jid}", &account.jid)
                .replace("{id}", &account.id.to_string());
            Value::String(text)
        }
        Value::Array(items) => items.iter().map(|item| filled(item, account)).collect(),
        other => other.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_minted_token_names_its_user_and_its_time() {
        let mut claims = Map::new();
        claims.insert("sub".into(), "{user}".into());
        claims.insert("aud".into(), serde_json::json!(["x", "{jid}"]));
        let jwt = Jwt {
            key: Secret::new("key"),
            algorithm: Algorithm::parse("HS256").expect("HS256"),
            claims,
            ttl: Duration::from_secs(600),
        };
        let account = Account::new("alice@x", None);
        let now = OffsetDateTime::now_utc();
        let token = jwt.mint(&account, now).expect("a token");
        let mut rules = jsonwebtoken::Validation::new(jsonwebtoken::Algorithm::HS256);
        rules.set_audience(&["alice@x"]);
        let key = jsonwebtoken::DecodingKey::from_secret(b"key");
        let read = jsonwebtoken::decode::<Value>(token.expose(), &key, &rules).expect("a sound token");
        assert_eq!(read.claims["sub"], "alice");
        assert_eq!(read.claims["exp"], now.unix_timestamp() + 600);
    }
}
