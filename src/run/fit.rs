//! Whether a case fits its target, and which users it needs there.

use std::sync::Arc;

use super::lease::most_sessions;
use super::options::{Options, Place};
use crate::profile::Addressing;
use crate::scenario::{Action, Case, Need, Step, Verb};
use crate::target::{Target, Token};

/// Why this case makes no sense on this target.
pub(super) fn skip_reason(case: &Case, options: &Options) -> Option<String> {
    let (place, heavy) = (&options.place, options.heavy);
    let class = place.profile().class;
    if !case.classes.is_empty() && !case.classes.contains(&class) {
        let wanted: Vec<_> = case.classes.iter().map(|class| class.name()).collect();
        return Some(format!(
            "for targets of class {}; this one is {}",
            wanted.join(" or "),
            class.name()
        ));
    }
    if matches!(place, Place::Target(_)) && !heavy && case.tags.iter().any(|tag| tag == "heavy") {
        return Some("a heavy load, which runs only where it is asked for (--heavy)".to_owned());
    }
    if let Some(why) = case.needs.iter().find_map(|need| lacks(*need, place)) {
        return Some(why.to_owned());
    }
    if let Place::Target(target) = place {
        let users = users_of(case);
        if target.is_anonymous() {
            return anonymous_skip(case, users.len());
        }
        if let Some(most) = most_sessions(&target.profile)
            && let Some((_, needs)) = sessions_of(case).into_iter().find(|(_, needs)| *needs > most)
        {
            return Some(format!(
                "needs {needs} sessions of one user at once; this target takes {most} (its profile's `sessions-per-user`)"
            ));
        }
        if users.len() > target.accounts.len() {
            let (needs, has) = (users.len(), target.accounts.len());
            return Some(format!("needs {needs} accounts, the target file gives {has}"));
        }
    }
    None
}

/// Why the target has not what is needed, if so.
fn lacks(need: Need, place: &Place) -> Option<&'static str> {
    let profile = place.profile();
    let target = match place {
        Place::Embedded(_) | Place::Rigged(_) => None,
        Place::Target(target) => Some(target),
    };
    let over_tcp = matches!(place, Place::Rigged(rig) if rig.tcp);
    let own = if over_tcp { "xmpp" } else { "ws" };
    let scheme = target.map_or(own, |target| target.dial.url.scheme());
    let cookie = target.and_then(|target| target.cookie.as_ref());
    let minted = || matches!(cookie.map(|cookie| &cookie.token), Some(Some(Token::Minted(_))));
    // Over TCP there is no cookie, so a token that is no password is shown to nobody.
    let shown = || {
        let token_login =
            |target: &Arc<Target>| target.accounts.iter().any(|account| account.password.is_none());
        matches!(scheme, "ws" | "wss") || target.is_some_and(token_login)
    };
    let passwords = |target: &Arc<Target>| target.accounts.iter().all(|account| account.password.is_some());
    let (has, why) = match need {
        Need::Websocket => (
            matches!(scheme, "ws" | "wss"),
            "needs WebSocket; this target's URL is one of TCP",
        ),
        Need::Tcp => (
            target.is_none() || matches!(scheme, "xmpp" | "xmpps"),
            "needs a stream over TCP; this target's URL is one of WebSocket",
        ),
        Need::Tls => (
            target.is_some_and(|target| {
                matches!(scheme, "wss" | "xmpps") || (scheme == "xmpp" && !target.dial.plaintext)
            }),
            "needs TLS (wss://, xmpps:// or xmpp:// with STARTTLS)",
        ),
        Need::Cookie => (
            (target.is_none() && !over_tcp) || (cookie.is_some() && shown()),
            "needs a target that asks for a token in a cookie (`cookie` in the target file)",
        ),
        Need::Key => (
            (target.is_none() && !over_tcp) || (minted() && shown()),
            "needs a key to mint tokens (`cookie: { jwt: … }` in the target file)",
        ),
        Need::TokenLogin => (
            !over_tcp
                && target.is_none_or(|target| {
                    target.accounts.iter().any(|account| account.password.is_none()) && cookie.is_some()
                }),
            "needs a target where the token alone says who logs in; here accounts have passwords",
        ),
        Need::Password => (
            target.is_none_or(passwords) && target.is_none_or(|target| !target.is_anonymous()),
            "needs accounts with passwords",
        ),
        Need::TlsDemanded => (
            profile.tls_demanded == Some(true),
            "needs a profile that says `tls: required`",
        ),
        Need::KeepAlive => (
            profile.keep_alive.is_some() || target.is_none(),
            "needs a profile that says for how long an idle stream lives (`keep-alive`)",
        ),
        Need::StanzaLimit => (
            profile.stanza_limit.is_some() || target.is_none(),
            "needs a profile that says how large a stanza may be (`stanza-limit`)",
        ),
        Need::FullRate => (
            profile.rate_limit.is_none(),
            "needs a target that reads at full speed; this one's profile has a rate limit",
        ),
        Need::FullJid => (
            profile.addressing == Addressing::Full,
            "needs a target that answers for a bare JID itself; this one rings every device of a user",
        ),
    };
    (!has).then_some(why)
}

/// Where every login makes a new user, nobody has two devices, and nobody comes back.
fn anonymous_skip(case: &Case, users: usize) -> Option<String> {
    let returns = |step: &Step| matches!(&step.action, Action::Connection(c) if matches!(c.verb, Verb::Reconnect | Verb::Connect));
    if case.cast.len() > users {
        return Some("needs two devices of one user; this target's users are anonymous".into());
    }
    any_step(&case.steps, &returns)
        .then(|| "needs a user that comes back; this target's users are anonymous".into())
}

fn any_step(steps: &[Step], fits: &dyn Fn(&Step) -> bool) -> bool {
    steps.iter().any(|step| {
        fits(step)
            || match &step.action {
                Action::Together(branches) => branches.iter().any(|steps| any_step(steps, fits)),
                Action::AnyOrder(steps) | Action::When { steps, .. } => any_step(steps, fits),
                _ => false,
            }
    })
}

/// How many sessions of each user there are at once at the most.
pub(super) fn sessions_of(case: &Case) -> Vec<(String, usize)> {
    let with = |user: String| {
        let sessions = case.cast.iter().filter(|actor| actor.user == user).count();
        (user, sessions)
    };
    users_of(case).into_iter().map(with).collect()
}

pub(super) fn users_of(case: &Case) -> Vec<String> {
    let mut users: Vec<String> = Vec::new();
    for actor in &case.cast {
        if !users.contains(&actor.user) {
            users.push(actor.user.clone());
        }
    }
    users
}
