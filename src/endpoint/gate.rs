//! The token in the cookie of an upgrade: who may come in at all, and as whom (RFC 7519, RFC 8725).

use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode};
use serde::Deserialize;
use time::OffsetDateTime;

use super::fault::slip::{self, Slips};
use crate::xmpp::Secret;

/// Lets nobody in without a sound token in this cookie: signed by HS256 with this key, with an `exp` to come, a `nbf`
/// that is over if there is one, and the user's local part as `sub`.
#[derive(Debug, Clone)]
pub struct Gate {
    pub cookie: String,
    pub key: Secret,
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
    pub user: String,
    pub token: String,
}

impl Gate {
    /// What is shown in one of these headers, as far as a gate that slips believes it.
    pub(super) fn shown<'h>(
        &self,
        headers: impl Iterator<Item = &'h str>,
        now: OffsetDateTime,
        slips: &Slips,
    ) -> Option<Shown> {
        let headers: Vec<&str> = headers.collect();
        let cookies = headers.iter().flat_map(|header| header.split(';'));
        let mut named = cookies.filter_map(|cookie| cookie.trim().split_once('='));
        let (_, token) = named.find(|(name, _)| *name == self.cookie)?;
        let user = self
            .user(headers.iter().copied(), now)
            .or_else(|| slip::believed(token, now.unix_timestamp(), slips))?;
        Some(Shown {
            user,
            token: token.to_owned(),
        })
    }

    /// The user whose token stands in one of these `Cookie` headers.
    pub(super) fn user<'h>(
        &self,
        mut headers: impl Iterator<Item = &'h str>,
        now: OffsetDateTime,
    ) -> Option<String> {
        let token = headers.find_map(|header| {
            let mut cookies = header
                .split(';')
                .filter_map(|cookie| cookie.trim().split_once('='));
            cookies
                .find(|(name, _)| *name == self.cookie)
                .map(|(_, token)| token)
        })?;
        // One algorithm, ours: what the token says of itself is no choice (RFC 8725 §3.1).
        let mut rules = Validation::new(Algorithm::HS256);
        // The endpoint's clock may be a virtual one, so the times are looked at here.
        rules.validate_exp = false;
        rules.validate_aud = false;
        let key = DecodingKey::from_secret(self.key.expose().as_bytes());
        let claims = decode::<Claims>(token, &key, &rules).ok()?.claims;
        let now = now.unix_timestamp();
        let lives = claims.exp > now && claims.nbf.is_none_or(|from| from <= now);
        lives.then(|| claims.sub.to_lowercase())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::target::{Account, Algorithm, Flaw, Jwt, Token};

    #[test]
    fn only_a_sound_token_lets_its_user_in() {
        let gate = Gate {
            cookie: "auth_token".into(),
            key: Secret::new("key"),
        };
        let jwt = Jwt {
            key: Secret::new("key"),
            algorithm: Algorithm::parse("HS256").expect("HS256"),
            claims: serde_json::Map::from_iter([("sub".to_owned(), "{user}".into())]),
            ttl: std::time::Duration::from_secs(600),
        };
        let (alice, now) = (Account::new("Alice@x", None), OffsetDateTime::now_utc());
        let at = |token: &str, later: i64| {
            let headers = [format!("a=b; auth_token={token}")];
            gate.user(
                headers.iter().map(String::as_str),
                now + time::Duration::seconds(later),
            )
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
        assert_eq!(gate.user(["auth=x"].into_iter(), now), None);
        assert_eq!(gate.user(std::iter::empty(), now), None);
    }
}
