//! Where to play, as the command line says it: the same words for every command that needs a target.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::complain;
use crate::profile::Profile;
use crate::run::Place;
use crate::target::{self, Account, Target};
use crate::xmpp::Trust;
use crate::yaml::in_one;

/// Flags that say what is tested. Flatten them into a command's own.
#[derive(Clone, Default, clap::Args)]
#[command(next_help_heading = "Target")]
pub struct TargetArgs {
    /// What to test: a URL or a target file (none: the embedded endpoint, in virtual time)
    ///
    /// ws:// and wss:// are WebSocket, xmpp:// is TCP with STARTTLS, xmpps:// is TCP with direct TLS. `callspec init`
    /// writes a target file.
    #[arg(long, value_name = "URL|FILE")]
    pub target: Option<String>,
    /// An account of the target; beats the target file's (repeatable)
    ///
    /// ${NAME} in the password is taken from the environment, so that it stands in no history of commands.
    #[arg(long, value_name = "JID:PASSWORD", requires = "target")]
    pub account: Vec<String>,
    /// What the target is: relay, enforcing, prosody, ejabberd (stock servers, with what they are known to break) or a profile file
    #[arg(long, value_name = "NAME|FILE")]
    pub profile: Option<String>,
    /// Trust the private CA in this PEM file
    #[arg(long, value_name = "FILE", requires = "target")]
    pub ca: Option<PathBuf>,
    /// Let xmpp:// go without TLS, to this machine only
    #[arg(long, requires = "target")]
    pub insecure_plaintext: bool,
    /// Believe every certificate: whoever is in between reads the passwords
    #[arg(long, requires = "target")]
    pub insecure_tls: bool,
}

// By hand, since accounts hold passwords.
impl std::fmt::Debug for TargetArgs {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TargetArgs")
            .field("target", &self.target)
            .field("profile", &self.profile)
            .finish_non_exhaustive()
    }
}

impl TargetArgs {
    /// Where to play. Every deadline is multiplied by `time_scale`.
    ///
    /// # Errors
    /// What is wrong with the command line or with a file that it names, for people.
    pub fn place(&self, time_scale: f64) -> Result<Place, String> {
        let profile = self.profile.as_deref().map(profile).transpose()?;
        let Some(given) = &self.target else {
            return Ok(Place::Embedded(profile.unwrap_or_default()));
        };
        let accounts = self
            .account
            .iter()
            .map(|text| Account::parse(&from_environment(text, "--account")?))
            .collect::<Result<Vec<_>, _>>()?;
        let mut target = if given.contains("://") {
            let domain = accounts.first().and_then(|account| account.jid.split_once('@'));
            Target::from_url(given, domain.map(|(_, domain)| domain))?
        } else if Path::new(given).exists() {
            target::load(Path::new(given)).map_err(|errors| in_one(&errors))?
        } else {
            return Err(format!(
                "--target `{given}` is neither a file that exists nor a URL (ws://, wss://, xmpp://, xmpps://)"
            ));
        };
        if !accounts.is_empty() {
            target.accounts = accounts;
            target.register = false;
        }
        if target.accounts.is_empty() && !target.register && !target.is_anonymous() {
            return Err("a target needs accounts: --account JID:PASSWORD, or a target file".into());
        }
        if let Some(profile) = profile {
            target.profile = profile;
            target.profile_said = true;
        }
        if let Some(ca) = &self.ca {
            target.dial.trust = Trust::Ca(ca.clone());
        }
        if self.insecure_tls {
            let red = anstyle::AnsiColor::Red.on_default().bold();
            complain(&format!(
                "{red}warning: --insecure-tls believes every certificate: whoever is in between reads the passwords{red:#}",
            ));
            target.dial.trust = Trust::Anyone;
        }
        target.dial.plaintext = self.insecure_plaintext;
        target.dial.deadline = target.dial.deadline.mul_f64(time_scale.clamp(0.1, 100.0));
        Ok(Place::Target(Arc::new(target)))
    }

    /// The same flags for a command line to copy, without secrets.
    pub fn again(&self) -> Vec<String> {
        let mut flags = Vec::new();
        let mut flag = |name: &str, value: &str| flags.extend([name.to_owned(), value.to_owned()]);
        if let Some(target) = &self.target {
            match target.split_once("://").and(target.split_once('?')) {
                Some((address, _)) => flag("--target", &format!("{address}?QUERY")),
                None => flag("--target", target),
            }
        }
        for account in &self.account {
            match account.split_once(':') {
                Some((_, password)) if password.contains("${") => flag("--account", account),
                Some((jid, _)) => flag("--account", &format!("{jid}:PASSWORD")),
                None => {}
            }
        }
        if let Some(profile) = &self.profile {
            flag("--profile", profile);
        }
        if let Some(ca) = &self.ca {
            flag("--ca", &ca.display().to_string());
        }
        if self.insecure_plaintext {
            flags.push("--insecure-plaintext".into());
        }
        if self.insecure_tls {
            flags.push("--insecure-tls".into());
        }
        flags
    }
}

/// The profile of this name or in this file.
pub fn profile(given: &str) -> Result<Profile, String> {
    match Profile::named(given) {
        Some(profile) => Ok(profile),
        None if Path::new(given).exists() => {
            target::load_profile(Path::new(given)).map_err(|errors| in_one(&errors))
        }
        None => Err(format!(
            "--profile is relay, enforcing, prosody, ejabberd or a file, not `{given}`"
        )),
    }
}

/// The value of a flag, with each `${NAME}` from the environment.
pub fn from_environment(text: &str, flag: &str) -> Result<String, String> {
    let mut out = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("${") {
        let Some((name, tail)) = after.split_once('}') else {
            break;
        };
        let value = std::env::var(name);
        out.push_str(before);
        out.push_str(&value.map_err(|_| format!("{flag}: the environment has no variable `{name}`"))?);
        rest = tail;
    }
    out.push_str(rest);
    Ok(out)
}
