//! A target file: YAML, with `${NAME}` from the environment.

use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::Value;

use super::{Account, Algorithm, Cookie, Jwt, Target, Token, check_jid};
use crate::profile::{Addressing, Class, KnownBreach, Profile};
use crate::xmpp::{Mechanism, Secret, Trust};
use crate::yaml::{Checker, Error, Kind, Members, Node, Source, did_you_mean, get};

const KEYS: [&str; 9] = [
    "url", "domain", "ca", "cookie", "sasl", "accounts", "register", "profile", "$schema",
];
const PROFILE: [&str; 10] = [
    "name",
    "class",
    "addressing",
    "stanza-limit",
    "relay-within",
    "rate-limit",
    "known-breaches",
    "mdns",
    "keep-alive",
    "tls",
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
    let target = source.tree().map_err(|error| vec![error]).and_then(|tree| {
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

    fn profile(&mut self, node: &Node) -> Profile {
        let mut profile = Profile::default();
        if let Some(name) = node.text() {
            if let Some(named) = Profile::named(name) {
                return named;
            }
            let path = self.near(Path::new(name));
            if self.near.is_none() || !path.is_file() {
                self.check.unknown(node, "profile", &Profile::NAMES);
                return profile;
            }
            return load_profile(&path).unwrap_or_else(|errors| {
                self.check.errors.extend(errors);
                profile
            });
        }
        let members = self.check.map(node, &PROFILE);
        if let Some(name) = get(members, "name") {
            profile.name = self.check.string(name);
        }
        if let Some(class) = get(members, "class") {
            match class.text() {
                Some("relay") => profile.class = Class::Relay,
                Some("enforcing") => profile.class = Class::Enforcing,
                _ => self.check.unknown(class, "class", &["relay", "enforcing"]),
            }
            if get(members, "name").is_none() {
                profile.name = profile.class.name().to_owned();
            }
        }
        if let Some(addressing) = get(members, "addressing") {
            match addressing.text() {
                Some("full") => profile.addressing = Addressing::Full,
                Some("bare") => profile.addressing = Addressing::Bare,
                _ => self.check.unknown(addressing, "addressing", &["full", "bare"]),
            }
        }
        if let Some(limit) = get(members, "stanza-limit") {
            profile.stanza_limit = limit.json().as_u64();
            if profile.stanza_limit.is_none() {
                self.check
                    .error(limit, "`stanza-limit` has to be a number of bytes");
            }
        }
        if let Some(rate) = get(members, "rate-limit") {
            profile.full_rate = rate.text() == Some("none");
            profile.rate_limit = bytes_a_second(rate);
            if profile.rate_limit.is_none() && !profile.full_rate {
                let wanted =
                    "`rate-limit` is a number of bytes a second, such as 10000B/s or 10kB/s, or `none`";
                self.check.error(rate, wanted);
            }
        }
        if let Some(mdns) = get(members, "mdns") {
            match mdns.json().as_bool() {
                Some(hidden) => profile.mdns = hidden,
                None => self.check.error(mdns, "`mdns` is true or false"),
            }
        }
        if let Some(within) = get(members, "relay-within") {
            profile.relay_within = self.check.duration(within).as_secs_f64();
        }
        if let Some(idle) = get(members, "keep-alive") {
            profile.keep_alive = Some(self.check.duration(idle).as_secs_f64());
        }
        if let Some(tls) = get(members, "tls") {
            match tls.text() {
                Some("required") => profile.tls_demanded = Some(true),
                Some("optional") => profile.tls_demanded = Some(false),
                _ => self.check.unknown(tls, "word for TLS", &["required", "optional"]),
            }
        }
        if let Some(known) = get(members, "known-breaches") {
            profile.known_breaches = self.known_breaches(known);
        }
        profile
    }

    fn known_breaches(&mut self, node: &Node) -> Vec<KnownBreach> {
        let Kind::List(items) = &node.kind else {
            self.check.error(
                node,
                "`known-breaches` has to be a list: `- { rule: …, evidence: … }`",
            );
            return Vec::new();
        };
        let mut known = Vec::new();
        for item in items {
            let members = self.check.map(item, &["rule", "scenario", "evidence"]);
            let (Some(id), Some(evidence)) = (get(members, "rule"), get(members, "evidence")) else {
                self.check
                    .error(item, "a known breach needs its `rule` and its `evidence`");
                continue;
            };
            let breach = KnownBreach {
                rule: self.check.string(id),
                scenario: get(members, "scenario").map(|pattern| self.check.string(pattern)),
                evidence: self.check.string(evidence),
            };
            if crate::rules::rule(&breach.rule).is_none() {
                let ids: Vec<&str> = crate::rules::catalogue().iter().map(|rule| rule.id).collect();
                self.check.unknown(id, "rule", &ids);
            }
            known.push(breach);
        }
        known
    }
}

/// A number of bytes a second, more than none: `10000`, `10000B/s`, `10kB/s`.
fn bytes_a_second(node: &Node) -> Option<u64> {
    let rate = match node.json() {
        Value::String(text) => {
            let (number, unit) = text.split_at(text.find(|c: char| !c.is_ascii_digit())?);
            let unit = match unit.trim_start() {
                "B/s" => 1,
                "kB/s" => 1_000,
                "MB/s" => 1_000_000,
                _ => return None,
            };
            number.parse::<u64>().ok()?.checked_mul(unit)
        }
        other => other.as_u64(),
    };
    rate.filter(|rate| *rate > 0)
}

/// Reads a profile file: the same members as a target's `profile`.
pub fn load_profile(path: &Path) -> Result<Profile, Vec<Error>> {
    let source = Source::read(path).map_err(|error| vec![error])?;
    let tree = source.tree().map_err(|error| vec![error])?;
    let mut errors = Vec::new();
    let mut reading = Reading {
        check: Checker {
            source: &source,
            errors: &mut errors,
        },
        near: None,
        environment: &|_| None,
    };
    let profile = reading.profile(&tree);
    if errors.is_empty() {
        Ok(profile)
    } else {
        Err(errors)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Target, Vec<Error>> {
        let source = Source {
            file: "target.yaml".into(),
            text: text.into(),
        };
        parse(&source, Path::new("folder"), &|name| {
            (name == "PW").then(|| "swordfish".into())
        })
    }

    #[test]
    fn everything_that_a_target_file_may_say_is_read() {
        let target = read(
            "url: wss://chat.example.com/ws\ndomain: example.com\nca: ca.pem\n\
             cookie: { name: t, jwt: { key: \"${PW}\", algorithm: HS512, claims: { sub: \"{jid}\" }, ttl: 5m } }\n\
             sasl: [PLAIN, scram-sha-1]\nregister: in-band\n\
             accounts:\n  - { jid: alice@example.com, password: \"${PW}!\", id: a1b2c3d4-e5f6-7890-abcd-ef1234567890 }\n\
             profile: { class: enforcing, addressing: bare, stanza-limit: 1000, relay-within: 2s, mdns: true,\n  \
             known-breaches: [{ rule: RT-07, evidence: it swallows them }] }\n",
        )
        .expect("a target");
        assert_eq!(target.dial.domain, "example.com");
        assert_eq!(target.dial.trust, Trust::Ca("folder/ca.pem".into()));
        assert_eq!(target.dial.sasl, [Mechanism::Plain, Mechanism::ScramSha1]);
        assert_eq!(target.accounts[0].password, Some(Secret::new("swordfish!")));
        assert_eq!(
            target.accounts[0].id.to_string(),
            "a1b2c3d4-e5f6-7890-abcd-ef1234567890"
        );
        assert!(target.register);
        assert!(target.profile.mdns);
        assert_eq!(
            (target.profile.class, target.profile.addressing),
            (Class::Enforcing, Addressing::Bare)
        );
        assert_eq!(
            (target.profile.stanza_limit, target.profile.relay_within),
            (Some(1000), 2.0)
        );
        assert_eq!(target.profile.known_breaches[0].rule, "RT-07");
        assert!(!format!("{target:?}").contains("swordfish"));
    }

    #[test]
    fn a_profile_may_stand_in_a_file_of_its_own_and_a_rate_has_its_unit() {
        let folder = tempfile::TempDir::new().expect("a folder");
        let profile = folder.path().join("chat.yaml");
        std::fs::write(&profile, "class: enforcing\nrate-limit: 10kB/s\n").expect("a file");
        let text = "url: ws://x/\nregister: in-band\nprofile: ./chat.yaml";
        let source = Source {
            file: "target.yaml".into(),
            text: text.into(),
        };
        let target = parse(&source, folder.path(), &|_| None).expect("a target");
        assert!(target.profile_said);
        assert_eq!(
            (target.profile.class, target.profile.rate_limit),
            (Class::Enforcing, Some(10_000))
        );
        std::fs::write(&profile, "rate-limit: 10 kb").expect("a file");
        let errors = parse(&source, folder.path(), &|_| None).expect_err("no rate");
        let told = errors.first().map(ToString::to_string).unwrap_or_default();
        assert!(
            told.contains("chat.yaml:1:13") && told.contains("10kB/s"),
            "{told}"
        );
        // A profile is no way to further files.
        std::fs::write(&profile, "./chat.yaml").expect("a file");
        assert!(parse(&source, folder.path(), &|_| None).is_err());
        assert!(
            !read("url: ws://x/\nregister: in-band")
                .expect("a target")
                .profile_said
        );
        for (rate, read) in [
            ("7", Some(7)),
            ("3000B/s", Some(3_000)),
            ("0", None),
            ("fast", None),
        ] {
            let text = format!("url: ws://x/\nregister: in-band\nprofile: {{ rate-limit: {rate} }}");
            let target = super::tests::read(&text).ok();
            assert_eq!(
                target.and_then(|target| target.profile.rate_limit),
                read,
                "{rate}"
            );
        }
    }

    #[test]
    fn the_schema_describes_every_key() {
        for key in keys() {
            assert!(
                schema().contains(&format!("\"{key}\": {{")),
                "schemas/target.json has no `{key}`"
            );
        }
    }

    #[test]
    fn what_is_wrong_is_told_with_its_place_and_without_secrets() {
        for (text, place, part) in [
            ("domain: x", "1:1", "`url` is missing"),
            ("url: ws://x/\npwd: hunter2", "2:1", "unknown key `pwd`"),
            ("url: ftp://x/", "1:6", "begins with"),
            ("url: ws://x/\nacounts: []", "2:1", "did you mean `accounts`?"),
            ("url: ws://x/", "1:1", "nobody can log in"),
            (
                "url: ws://x/\nregister: inband",
                "2:11",
                "did you mean `in-band`?",
            ),
            (
                "url: ws://x/\naccounts:\n  - { jid: alice, password: hunter2 }",
                "3:12",
                "no bare JID",
            ),
            (
                "url: ws://x/\naccounts:\n  - { jid: a@x, password: \"${NOPE}\" }",
                "3:27",
                "no variable `NOPE`",
            ),
            (
                "url: ws://x/\nsasl: [SCRAM-SHA-255]\nregister: in-band",
                "2:7",
                "did you mean `SCRAM-SHA-256`?",
            ),
            (
                "url: ws://x/\nregister: in-band\nprofile: { known-breaches: [{ rule: RT-7, evidence: x }] }",
                "3:37",
                "did you mean `RT-07`?",
            ),
            (
                "url: ws://x/\nregister: in-band\nprofile: relais",
                "3:10",
                "did you mean `relay`?",
            ),
        ] {
            let errors = read(text).expect_err(text);
            let told: String = errors.iter().map(|error| format!("{error}\n")).collect();
            assert!(told.contains(&format!("target.yaml:{place}:")), "{told}");
            assert!(told.contains(part), "{told}");
            assert!(!told.contains("hunter2"), "{told}");
        }
    }
}
