//! SASL from the server's side, sans-IO: what the client says in, what it is answered out (RFC 6120 §6).

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use minidom::Element;
use sasl::common::scram::{Sha1, Sha256};
use sasl::common::{ChannelBinding, Identity};
use sasl::secret::{Pbkdf2Sha1, Pbkdf2Sha256};
use sasl::server::mechanisms::Scram;
use sasl::server::{Mechanism, Provider, ProviderError, Response, Validator, ValidatorError};

use super::{Accounts, Config};
use crate::stanza::SASL;

/// Refusals after which the stream ends (RFC 6120 §6.4.5).
const ATTEMPTS: u8 = 5;
/// RFC 5802 §5.1 asks for 4096 at the least.
const ITERATIONS: u32 = 4_096;

/// What is said to the client.
#[derive(Debug, PartialEq, Eq)]
pub enum Said {
    /// Base64.
    Challenge(String),
    /// The user's local part, and the server's proof in Base64, if there is one.
    Success(String, Option<String>),
    Failure(&'static str),
    /// A failure after which no other attempt is taken.
    LastFailure(&'static str),
}

enum Stage {
    Idle,
    /// A mechanism whose first message comes in a response of its own.
    Waits(String),
    Scram {
        mechanism: Box<dyn Mechanism + Send>,
        authzid: Option<String>,
    },
}

/// One client's login.
pub struct Login {
    stage: Stage,
    failures: u8,
}

/// The mechanisms that are offered for these accounts, the strongest first.
pub fn mechanisms(accounts: &Accounts) -> &'static [&'static str] {
    match accounts {
        Accounts::Any => &["PLAIN", "ANONYMOUS"],
        Accounts::Only(_) => &["SCRAM-SHA-256", "SCRAM-SHA-1", "PLAIN"],
    }
}

impl Login {
    pub fn new() -> Login {
        Login {
            stage: Stage::Idle,
            failures: 0,
        }
    }

    /// Takes an element of the SASL namespace. `serial`: what makes an anonymous user's name unlike all others.
    pub fn take(&mut self, element: &Element, config: &Config, serial: u64) -> Said {
        let said = match (element.name(), std::mem::replace(&mut self.stage, Stage::Idle)) {
            ("auth", Stage::Idle) => self.begin(element, config, serial),
            ("response", Stage::Waits(mechanism)) => match decode(&element.text()) {
                Some(data) => self.respond(&mechanism, &data, config, serial),
                None => Said::Failure("incorrect-encoding"),
            },
            ("response", Stage::Scram { mechanism, authzid }) => match decode(&element.text()) {
                Some(data) => self.scram(mechanism, authzid, &data, config),
                None => Said::Failure("incorrect-encoding"),
            },
            ("abort", _) => Said::Failure("aborted"),
            _ => Said::Failure("malformed-request"),
        };
        let Said::Failure(condition) = said else {
            return said;
        };
        self.failures += 1;
        if self.failures < ATTEMPTS {
            Said::Failure(condition)
        } else {
            Said::LastFailure(condition)
        }
    }

    fn begin(&mut self, element: &Element, config: &Config, serial: u64) -> Said {
        let mechanism = element.attr("mechanism").unwrap_or_default();
        if !mechanisms(&config.accounts).contains(&mechanism) {
            return Said::Failure("invalid-mechanism");
        }
        let text = element.text();
        if text.trim().is_empty() && mechanism != "ANONYMOUS" {
            self.stage = Stage::Waits(mechanism.to_owned());
            return Said::Challenge(String::new());
        }
        match decode(&text) {
            Some(data) => self.respond(mechanism, &data, config, serial),
            None => Said::Failure("incorrect-encoding"),
        }
    }

    /// The client's first message.
    fn respond(&mut self, mechanism: &str, data: &[u8], config: &Config, serial: u64) -> Said {
        match mechanism {
            "ANONYMOUS" => Said::Success(format!("anonymous-{serial}"), None),
            "PLAIN" => plain(data, config),
            name => {
                let Some((authzid, binding)) = gs2(data) else {
                    return Said::Failure("malformed-request");
                };
                let accounts = Stored(config.accounts.clone());
                let mechanism: Box<dyn Mechanism + Send> = if name == "SCRAM-SHA-1" {
                    Box::new(Scram::<Sha1, _>::new(accounts, binding))
                } else {
                    Box::new(Scram::<Sha256, _>::new(accounts, binding))
                };
                self.scram(mechanism, authzid, data, config)
            }
        }
    }

    fn scram(
        &mut self,
        mut mechanism: Box<dyn Mechanism + Send>,
        authzid: Option<String>,
        data: &[u8],
        config: &Config,
    ) -> Said {
        match mechanism.respond(data) {
            Ok(Response::Proceed(challenge)) => {
                self.stage = Stage::Scram { mechanism, authzid };
                Said::Challenge(BASE64_STANDARD.encode(challenge))
            }
            Ok(Response::Success(Identity::Username(name), proof)) => {
                let user = unescape(&name).to_lowercase();
                if authzid
                    .is_some_and(|authzid| authzid.to_lowercase() != format!("{user}@{}", config.domain))
                {
                    return Said::Failure("invalid-authzid");
                }
                Said::Success(user, Some(BASE64_STANDARD.encode(proof)))
            }
            Ok(Response::Success(Identity::None, _)) | Err(_) => Said::Failure("not-authorized"),
        }
    }
}

/// An empty message stands as a single equals sign (RFC 6120 §6.4.2).
fn decode(text: &str) -> Option<Vec<u8>> {
    match text.trim() {
        "=" => Some(Vec::new()),
        text => BASE64_STANDARD.decode(text).ok(),
    }
}

/// RFC 4616: authorization id, user, password, parted by NUL.
fn plain(data: &[u8], config: &Config) -> Said {
    let Ok(text) = std::str::from_utf8(data) else {
        return Said::Failure("malformed-request");
    };
    let parts: Vec<&str> = text.split('\0').collect();
    let [authzid, user, password] = parts.as_slice() else {
        return Said::Failure("malformed-request");
    };
    let user = user.to_lowercase();
    let known = match &config.accounts {
        Accounts::Any => true,
        accounts => accounts.password(&user) == Some(*password),
    };
    if !known || !is_local_part(&user) {
        return Said::Failure("not-authorized");
    }
    // RFC 6120 §6.3.8: nobody acts for someone else.
    if !authzid.is_empty() && authzid.to_lowercase() != format!("{user}@{}", config.domain) {
        return Said::Failure("invalid-authzid");
    }
    Said::Success(user, None)
}

/// What a local part may be (RFC 7622 §3.3), roughly.
fn is_local_part(user: &str) -> bool {
    let odd = |c: char| c.is_control() || c.is_whitespace() || "\"&'/:<>@".contains(c);
    !user.is_empty() && user.len() <= 1_023 && !user.contains(odd)
}

/// The authorization id in a SCRAM client's first message, and the channel binding that goes with its flag
/// (RFC 5802 §7). `None`: it asks for a binding, which there is none of without TLS, or it is broken.
fn gs2(data: &[u8]) -> Option<(Option<String>, ChannelBinding)> {
    let text = std::str::from_utf8(data).ok()?;
    let mut parts = text.splitn(3, ',');
    let (flag, authzid) = (parts.next()?, parts.next()?);
    parts.next()?;
    let binding = match flag {
        // The library takes the flag `n` only where a binding would be possible; the data of this one is empty, so
        // what it proves is the plain exchange.
        "n" => ChannelBinding::TlsUnique(Vec::new()),
        "y" => ChannelBinding::Unsupported,
        _ => return None,
    };
    match authzid {
        "" => Some((None, binding)),
        given => Some((Some(unescape(given.strip_prefix("a=")?)), binding)),
    }
}

/// RFC 5802 §5.1: `,` and `=` in names are written `=2C` and `=3D`.
fn unescape(name: &str) -> String {
    name.replace("=2C", ",").replace("=3D", "=")
}

/// The accounts, as the library asks for them.
struct Stored(Accounts);

impl Stored {
    fn password(&self, identity: &Identity) -> Result<&str, ProviderError> {
        let Identity::Username(name) = identity else {
            return Err(ProviderError::AuthenticationFailed);
        };
        let user = unescape(name).to_lowercase();
        let known = self.0.password(&user).filter(|_| is_local_part(&user));
        known.ok_or(ProviderError::AuthenticationFailed)
    }
}

macro_rules! stored {
    ($($secret:ty),*) => {
        $(impl Provider<$secret> for Stored {
            fn provide(&self, identity: &Identity) -> Result<$secret, ProviderError> {
                let salt = uuid::Uuid::new_v4();
                Ok(<$secret>::derive(self.password(identity)?, salt.as_bytes(), ITERATIONS)?)
            }
        }

        impl Validator<$secret> for Stored {
            fn validate(&self, identity: &Identity, _: &$secret) -> Result<(), ValidatorError> {
                // SCRAM never asks: the proof is checked against what `provide` gave.
                self.password(identity).map(drop).map_err(ValidatorError::ProviderError)
            }
        })*
    };
}

stored!(Pbkdf2Sha1, Pbkdf2Sha256);

impl Said {
    /// As it stands on the wire.
    pub fn xml(&self) -> String {
        match self {
            Said::Challenge(data) => format!(r#"<challenge xmlns="{SASL}">{data}</challenge>"#),
            Said::Success(_, None) => format!(r#"<success xmlns="{SASL}"/>"#),
            Said::Success(_, Some(data)) => format!(r#"<success xmlns="{SASL}">{data}</success>"#),
            Said::Failure(condition) | Said::LastFailure(condition) => {
                format!(r#"<failure xmlns="{SASL}"><{condition}/></failure>"#)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use sasl::client::Mechanism as _;
    use sasl::client::mechanisms;

    use super::*;

    fn config() -> Config {
        Config {
            accounts: Accounts::Only(vec![("alice".into(), "secret".into())]),
            ..Config::default()
        }
    }

    fn element(name: &str, mechanism: &str, data: &str) -> Element {
        format!("<{name} xmlns='{SASL}' mechanism='{mechanism}'>{data}</{name}>")
            .parse()
            .expect("an element")
    }

    fn auth(login: &mut Login, mechanism: &str, data: &[u8], config: &Config) -> Said {
        let data = BASE64_STANDARD.encode(data);
        login.take(&element("auth", mechanism, &data), config, 7)
    }

    #[test]
    fn plain_takes_the_right_password_only() {
        for (data, said) in [
            ("\0alice\0secret", Said::Success("alice".into(), None)),
            ("\0ALICE\0secret", Said::Success("alice".into(), None)),
            (
                "alice@localhost\0alice\0secret",
                Said::Success("alice".into(), None),
            ),
            ("bob@localhost\0alice\0secret", Said::Failure("invalid-authzid")),
            ("\0alice\0wrong", Said::Failure("not-authorized")),
            ("\0bob\0secret", Said::Failure("not-authorized")),
            ("\0alice", Said::Failure("malformed-request")),
        ] {
            let mut login = Login::new();
            assert_eq!(
                auth(&mut login, "PLAIN", data.as_bytes(), &config()),
                said,
                "{data:?}"
            );
        }
        let any = Config::default();
        let mut login = Login::new();
        assert_eq!(
            auth(&mut login, "PLAIN", b"\0zoe\0x", &any),
            Said::Success("zoe".into(), None)
        );
        let mut login = Login::new();
        assert_eq!(
            auth(&mut login, "PLAIN", b"\0a/b\0x", &any),
            Said::Failure("not-authorized")
        );
        let mut login = Login::new();
        assert_eq!(
            login.take(&element("auth", "ANONYMOUS", ""), &any, 7),
            Said::Success("anonymous-7".into(), None)
        );
    }

    fn scram<S: sasl::common::scram::ScramProvider>(
        password: &str,
        binding: ChannelBinding,
        waits: bool,
    ) -> Said {
        let mut client = mechanisms::Scram::<S>::new("alice", password, binding).expect("a nonce");
        let name = client.name().to_owned();
        let mut login = Login::new();
        let first = BASE64_STANDARD.encode(client.initial());
        let said = if waits {
            let empty = login.take(&element("auth", &name, ""), &config(), 7);
            assert_eq!(empty, Said::Challenge(String::new()));
            login.take(&element("response", "", &first), &config(), 7)
        } else {
            login.take(&element("auth", &name, &first), &config(), 7)
        };
        let Said::Challenge(challenge) = said else {
            return said;
        };
        let challenge = BASE64_STANDARD.decode(challenge).expect("Base64");
        let last = BASE64_STANDARD.encode(client.response(&challenge).expect("a response"));
        let said = login.take(&element("response", "", &last), &config(), 7);
        if let Said::Success(_, proof) = &said {
            let proof = BASE64_STANDARD
                .decode(proof.as_ref().expect("a proof"))
                .expect("Base64");
            client.success(&proof).expect("the server's proof is right");
        }
        said
    }

    #[test]
    fn scram_proves_both_sides() {
        for binding in [ChannelBinding::None, ChannelBinding::Unsupported] {
            for waits in [false, true] {
                let right = [
                    scram::<Sha256>("secret", binding.clone(), waits),
                    scram::<Sha1>("secret", binding.clone(), waits),
                ];
                for said in right {
                    assert!(
                        matches!(&said, Said::Success(user, Some(_)) if user == "alice"),
                        "{said:?}"
                    );
                }
            }
            assert_eq!(
                scram::<Sha256>("wrong", binding, false),
                Said::Failure("not-authorized")
            );
        }
        let mut login = Login::new();
        let bound = b"p=tls-unique,,n=alice,r=abc";
        assert_eq!(
            auth(&mut login, "SCRAM-SHA-256", bound, &config()),
            Said::Failure("malformed-request")
        );
    }

    #[test]
    fn what_has_no_place_is_refused_and_the_last_refusal_says_so() {
        let mut login = Login::new();
        let config = config();
        let mut take =
            |name: &str, mechanism: &str, data: &str| login.take(&element(name, mechanism, data), &config, 7);
        assert_eq!(take("auth", "ANONYMOUS", "="), Said::Failure("invalid-mechanism"));
        assert_eq!(take("auth", "PLAIN", "!!"), Said::Failure("incorrect-encoding"));
        assert_eq!(take("response", "", "="), Said::Failure("malformed-request"));
        assert_eq!(take("abort", "", ""), Said::Failure("aborted"));
        assert_eq!(
            take("auth", "SCRAM-SHA-1", "bg=="),
            Said::LastFailure("malformed-request")
        );
    }
}
