//! A target file: YAML, with `${NAME}` from the environment.

mod profile;

use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::Value;

use super::{Account, Algorithm, Cookie, Jwt, Target, Token, check_jid};
use crate::xmpp::{Mechanism, Secret, Trust};
use crate::yaml::{Checker, Error, Kind, Members, Node, Source, did_you_mean, get};

use profile::PROFILE;
pub use profile::load_profile;

const KEYS: [&str; 9] = [
    "url", "domain", "ca", "cookie", "sasl", "accounts", "register", "profile", "$schema",
];
/// The keys of a target file and of its profile.
pub fn keys() -> Vec<&'static str> {
    [&KEYS[..], &PROFILE[..]].concat()
}

/// The JSON Schema (2020-12) of target files, for editors.
pub fn schema() -> &'static str {
    include_str!("../../schemas/target.json")
}

/// Reads a target file; paths in it are relative to its folder.
pub fn load(path: &Path) -> Result<Target, Vec<Error>> {
    let source = Source::read(path).map_err(|error| vec![error])?;
    let near = path.parent().unwrap_or(Path::new(""));
    parse(&source, near, &|name| std::env::var(name).ok())
}

type Environment<'a> = &'a dyn Fn(&str) -> Option<String>;

fn parse(source: &Source, near: &Path, environment: Environment<'_>) -> Result<Target, Vec<Error>> {
    let mut errors = Vec::new();
    let target = source
        .tree_with_variables()
        .map_err(|error| vec![error])
        .and_then(|tree| {
            let mut reading = Reading {
                check: Checker {
                    source,
                    errors: &mut errors,
                },
                near: Some(near),
                environment,
            };
            reading.target(&tree).ok_or_else(Vec::new)
        });
    match target {
        Ok(target) if errors.is_empty() => Ok(target),
        Ok(_) => Err(hide(errors)),
        Err(more) => {
            errors.extend(more);
            Err(hide(errors))
        }
    }
}

/// A line that may hold a secret is not shown, and no line beyond what is meant: a misspelt key may stand before one.
fn hide(mut errors: Vec<Error>) -> Vec<Error> {
    for error in &mut errors {
        let secret = ["pass", "token", "key", "jid", "secret"];
        if secret.iter().any(|word| error.source_line.contains(word)) {
            error.source_line.clear();
        }
        let meant = (error.place.column - 1).saturating_add(error.length);
        error.source_line = error.source_line.chars().take(meant).collect();
    }
    errors
}

struct Reading<'a> {
    check: Checker<'a>,
    /// The folder that paths are relative to; `None`: there are to be none.
    near: Option<&'a Path>,
    environment: Environment<'a>,
}

impl Reading<'_> {
    fn target(&mut self, tree: &Node) -> Option<Target> {
        let members = self.check.map(tree, &KEYS);
        let Some(url) = get(members, "url") else {
            self.check.error(tree, "`url` is missing");
            return None;
        };
        let domain = get(members, "domain").map(|node| self.text(node));
        let address = self.text(url);
        let mut target = match Target::from_url(&address, domain.as_deref()) {
            Ok(target) => target,
            Err(message) => {
                self.check.error(url, message);
                return None;
            }
        };
        if let Some(ca) = get(members, "ca") {
            let path = self.text(ca);
            target.dial.trust = Trust::Ca(self.near(Path::new(&path)));
        }
        if let Some(sasl) = get(members, "sasl") {
            target.dial.sasl = self.mechanisms(sasl);
        }
        target.cookie = get(members, "cookie").map(|cookie| self.cookie(cookie));
        if let Some(accounts) = get(members, "accounts") {
            target.accounts = self.accounts(accounts);
        }
        if let Some(register) = get(members, "register") {
            match register.text() {
                Some("in-band") => target.register = true,
                Some("none") => {}
                _ => self
                    .check
                    .unknown(register, "way to register", &["in-band", "none"]),
            }
        }
        if let Some(profile) = get(members, "profile") {
            target.profile = self.profile(profile);
            target.profile_said = true;
        }
        if target.accounts.is_empty() && !target.register && !target.is_anonymous() {
            self.check.error(
                tree,
                "no `accounts`, no `register: in-band` and no `sasl: [ANONYMOUS]`: nobody can log in",
            );
        }
        Some(target)
    }

    fn near(&self, path: &Path) -> PathBuf {
        self.near.map_or_else(|| path.to_owned(), |near| near.join(path))
    }

    /// A text, with `${NAME}` put in.
    fn text(&mut self, node: &Node) -> String {
        let text = self.check.string(node);
        let mut out = String::with_capacity(text.len());
        let mut rest = text.as_str();
        while let Some((before, after)) = rest.split_once("${") {
            out.push_str(before);
            let Some((name, tail)) = after.split_once('}') else {
                self.check.error(node, "`${` without its `}`");
                return out;
            };
            match (self.environment)(name) {
                Some(value) => out.push_str(&value),
                None => self
                    .check
                    .error(node, format!("the environment has no variable `{name}`")),
            }
            rest = tail;
        }
        out + rest
    }

    fn mechanisms(&mut self, node: &Node) -> Vec<Mechanism> {
        let all = ["SCRAM-SHA-256", "SCRAM-SHA-1", "PLAIN", "ANONYMOUS"];
        let names = self.check.strings(node);
        let mut chosen = Vec::new();
        for name in names {
            match Mechanism::from_name(&name) {
                Some(mechanism) => chosen.push(mechanism),
                None => {
                    let mut error = self
                        .check
                        .source
                        .error(node, format!("unknown SASL mechanism `{name}`"));
                    error.hint = did_you_mean(&name, all.into_iter());
                    self.check.errors.push(error);
                }
            }
        }
        chosen
    }

    fn cookie(&mut self, node: &Node) -> Cookie {
        let members = self.check.map(node, &["name", "token", "jwt"]);
        let name = get(members, "name").map(|name| self.text(name));
        let token = get(members, "token").map(|token| Token::Given(Secret::new(self.text(token))));
        let jwt = get(members, "jwt")
            .and_then(|jwt| self.jwt(jwt))
            .map(Token::Minted);
        if token.is_some() && jwt.is_some() {
            self.check
                .error(node, "a cookie has a `token` or a `jwt`, not both");
        }
        Cookie {
            name: name.unwrap_or_else(|| "auth_token".into()),
            token: token.or(jwt),
        }
    }

    fn jwt(&mut self, node: &Node) -> Option<Jwt> {
        let members = self.check.map(node, &["key", "algorithm", "claims", "ttl"]);
        let Some(key) = get(members, "key") else {
            self.check.error(node, "`key` is missing");
            return None;
        };
        let key = Secret::new(self.text(key));
        let algorithm = match get(members, "algorithm") {
            None => Algorithm::parse("HS256"),
            Some(node) => {
                let name = self.text(node);
                let algorithm = Algorithm::parse(&name);
                if algorithm.is_none() {
                    self.check.unknown(node, "algorithm", &Algorithm::NAMES);
                }
                algorithm
            }
        };
        let claims = match get(members, "claims").map(|claims| (claims, claims.json())) {
            None => serde_json::Map::from_iter([("sub".to_owned(), Value::from("{user}"))]),
            Some((_, Value::Object(claims))) => claims,
            Some((claims, _)) => {
                self.check.error(claims, "`claims` has to be a map");
                serde_json::Map::new()
            }
        };
        let ttl = get(members, "ttl").map_or(Duration::from_secs(600), |ttl| self.check.duration(ttl));
        Some(Jwt {
            key,
            algorithm: algorithm?,
            claims,
            ttl,
        })
    }

    fn accounts(&mut self, node: &Node) -> Vec<Account> {
        let Kind::List(items) = &node.kind else {
            self.check.error(node, "`accounts` has to be a list");
            return Vec::new();
        };
        let mut accounts: Vec<Account> = Vec::new();
        for item in items {
            let members = self.check.map(item, &["jid", "password", "id", "token"]);
            let Some(jid_node) = get(members, "jid") else {
                self.check.error(item, "an account needs its `jid`");
                continue;
            };
            let jid = self.text(jid_node);
            if let Err(message) = check_jid(&jid) {
                self.check.error(jid_node, message);
                continue;
            }
            if accounts.iter().any(|known| known.jid == jid) {
                self.check.error(jid_node, "this account stands there twice");
            }
            let mut account = Account::new(&jid, self.secret(members, "password"));
            account.token = self.secret(members, "token");
            if let Some(id) = get(members, "id") {
                match self.text(id).parse() {
                    Ok(id) => account.id = id,
                    Err(_) => self.check.error(id, "an `id` is a UUID"),
                }
            }
            accounts.push(account);
        }
        accounts
    }

    fn secret(&mut self, members: Members<'_>, name: &str) -> Option<Secret> {
        get(members, name).map(|node| Secret::new(self.text(node)))
    }
}

#[cfg(test)]
mod tests;
