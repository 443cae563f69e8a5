//! One case, from its plan to its verdict.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufWriter, ErrorKind};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use time::format_description::well_known::Rfc3339;
use tokio::sync::watch;
use uuid::Uuid;

use super::canary::Canary;
use super::ground::Ground;
use crate::bot::{ClientFault, Script, Setup, drive};
use crate::endpoint;
use crate::profile::Profile;
use crate::rules::{Judge, Outcome, Verdict, Waiver};
use crate::scenario::{Action, Case, Need, Step, Verb};
use crate::target::{Target, Token};
use crate::transcript::{Event, FORMAT, Header, Member, Party, ScenarioInfo, Witness, Writer};

/// Where to play.
#[derive(Debug, Clone)]
pub enum Place {
    /// The embedded endpoint of this profile, in virtual time.
    Embedded(Profile),
    /// The same, rigged: with faults, or over another transport.
    Rigged(Arc<Rig>),
    Target(Arc<Target>),
}

/// What is unusual about an embedded endpoint.
#[derive(Debug, Clone, Default)]
pub struct Rig {
    pub profile: Profile,
    pub faults: Vec<endpoint::Chosen>,
    /// Which of many a fault that strikes now and then strikes.
    pub fault_seed: u64,
    /// TCP framing (RFC 6120) in place of WebSocket.
    pub tcp: bool,
    /// A party that breaks a rule; it counts as a client under test.
    pub client: Option<&'static ClientFault>,
    /// Every party counts as a client under test.
    pub clients: bool,
}

impl Place {
    pub fn profile(&self) -> &Profile {
        match self {
            Place::Embedded(profile) => profile,
            Place::Rigged(rig) => &rig.profile,
            Place::Target(target) => &target.profile,
        }
    }

    pub fn name(&self) -> String {
        match self {
            Place::Embedded(_) | Place::Rigged(_) => "embedded".into(),
            Place::Target(target) => target.dial.url.to_string(),
        }
    }
}

/// How to play; [`Options::default`] is the embedded relay, one case after the other, without transcripts.
#[derive(Debug, Clone)]
pub struct Options {
    pub place: Place,
    pub jobs: usize,
    /// How often a case that fails is tried again.
    pub retries: u32,
    pub fail_fast: bool,
    /// Whether a broken SHOULD fails.
    pub strict: bool,
    pub seed: u64,
    pub time_scale: f64,
    /// How far a `timestamp` may lie from the observer's clock, in seconds.
    pub clock_skew: f64,
    /// Whether scenarios tagged `heavy` are played on a target too; the embedded endpoint always plays them.
    pub heavy: bool,
    /// Breaches that are no news.
    pub waivers: Arc<[Waiver]>,
    /// Where transcripts go; `None`: nowhere.
    pub transcripts: Option<PathBuf>,
}

impl Default for Options {
    fn default() -> Options {
        Options {
            place: Place::Embedded(Profile::default()),
            jobs: 1,
            retries: 0,
            fail_fast: false,
            strict: false,
            seed: 0,
            time_scale: 1.0,
            clock_skew: 60.0,
            heavy: false,
            waivers: Arc::default(),
            transcripts: None,
        }
    }
}

/// What became of a case.
#[derive(Debug, Clone)]
pub struct Finished {
    pub case: Case,
    pub outcome: Outcome,
    /// Wall time.
    pub seconds: f64,
    /// Why it was skipped, or why the target could not be tested.
    pub reason: Option<String>,
    pub transcript: Option<PathBuf>,
    pub verdict: Option<Verdict>,
    /// Kept where there is something to show.
    pub events: Vec<Event>,
    pub cast: BTreeMap<String, Member>,
}

impl Finished {
    pub(super) fn without_run(case: Case, outcome: Outcome, reason: String) -> Finished {
        Finished {
            case,
            outcome,
            seconds: 0.0,
            reason: Some(reason),
            transcript: None,
            verdict: None,
            events: Vec::new(),
            cast: BTreeMap::new(),
        }
    }
}

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

pub(super) fn users_of(case: &Case) -> Vec<String> {
    let mut users: Vec<String> = Vec::new();
    for actor in &case.cast {
        if !users.contains(&actor.user) {
            users.push(actor.user.clone());
        }
    }
    users
}

pub(super) fn play(
    case: Case,
    options: &Options,
    attempt: u32,
    canary: &Canary,
    stop: watch::Receiver<bool>,
) -> Finished {
    let began = Instant::now();
    let embedded = !matches!(options.place, Place::Target(_));
    let mut builder = tokio::runtime::Builder::new_current_thread();
    // In memory there is nothing to poll for.
    let runtime = match embedded {
        true => builder.enable_time().start_paused(true).build(),
        false => builder.enable_all().build(),
    };
    let runtime = match runtime {
        Ok(runtime) => runtime,
        Err(error) => return Finished::without_run(case, Outcome::Error, format!("no runtime: {error}")),
    };
    let mut finished = runtime.block_on(play_in_runtime(case, options, attempt, canary, stop));
    finished.seconds = began.elapsed().as_secs_f64();
    finished
}

async fn play_in_runtime(
    case: Case,
    options: &Options,
    attempt: u32,
    canary: &Canary,
    stop: watch::Receiver<bool>,
) -> Finished {
    let seed = case_seed(options.seed, &case);
    let users = users_of(&case);
    let tcp = case.needs.contains(&Need::Tcp);
    let ground = match Ground::of(&options.place, &users, tcp, canary) {
        Ok(ground) => ground,
        Err(why) => return Finished::without_run(case, Outcome::Error, why),
    };
    let Ground {
        dialer,
        accounts,
        hidden,
        started,
    } = ground;
    let quiet = if dialer.is_virtual() {
        Duration::from_secs(35)
    } else {
        Duration::from_millis(300)
    };
    let rig = match &options.place {
        Place::Rigged(rig) => Some(rig),
        _ => None,
    };
    let under_test =
        |who: &str| rig.is_some_and(|rig| rig.clients || rig.client.is_some_and(|fault| fault.who == who));
    let mut profile = options.place.profile().clone();
    // What is in memory is read at once, unless it is said to be otherwise.
    profile.full_rate |= dialer.is_virtual() && profile.rate_limit.is_none();
    let rate = profile.surely_reads();
    let script = Script::new(Setup {
        case: case.clone(),
        accounts,
        profile: profile.clone(),
        seed,
        time_scale: options.time_scale,
        started,
        quiet: if dialer.is_virtual() {
            quiet
        } else {
            quiet.mul_f64(options.time_scale)
        },
    })
    .with_rate(rate);
    let script = match rig.and_then(|rig| rig.client) {
        Some(fault) => script.with_fault(fault),
        None => script,
    };
    let cast = script.cast().into_iter();
    let cast: BTreeMap<String, Member> = cast
        .map(|(who, (jid, id))| {
            let party = if under_test(&who) {
                Party::Client
            } else {
                Party::Bot
            };
            (who, Member { jid, id, party })
        })
        .collect();
    let header = Header {
        callspec: FORMAT,
        version: env!("CARGO_PKG_VERSION").into(),
        scenario: ScenarioInfo {
            name: case.name.clone(),
            file: Some(case.place.file.clone()),
            rules: case.rules.clone(),
            tags: case.tags.clone(),
            case: case.matrix.clone(),
            steps: serde_json::to_value(&case.steps).unwrap_or_default(),
        },
        target: options.place.name(),
        profile,
        witness: Witness::Bots,
        cast: cast.clone(),
        seed: options.seed,
        time_scale: options.time_scale,
        clock_skew: options.clock_skew,
        started: started.format(&Rfc3339).unwrap_or_default(),
    };

    let (mut writer, mut path) = (None, None);
    if let Some(folder) = &options.transcripts {
        let name = transcript_name(&case, attempt);
        match open(folder, &name, &header) {
            Ok((open, chosen)) => (writer, path) = (Some(open), Some(chosen)),
            Err(error) => {
                let at = folder.join(name);
                let reason = format!("cannot write the transcript {}.jsonl: {error}", at.display());
                return Finished::without_run(case, Outcome::Error, reason);
            }
        }
    }
    let mut judge = Judge::new(&header);
    let mut events = Vec::new();
    let mut write_error = None;
    let mut record = |event: &Event| {
        let mut event = event.clone();
        // Before the judge too: it has to see what the transcript will show.
        hidden.hide_in(&mut event);
        judge.event(&event);
        if let Some(writer) = &mut writer
            && let Err(error) = writer.event(&event)
        {
            write_error.get_or_insert(error);
        }
        events.push(event);
    };
    drive(script, dialer, &mut record, stop).await;
    let mut verdict = judge.finish();
    verdict.waive(&case.name, &case.matrix, &options.waivers);
    let (outcome, reason) = match write_error {
        Some(error) => {
            let reason = format!("the transcript could not be written: {error}");
            (Outcome::Error, Some(reason))
        }
        None => (verdict.outcome, verdict.trouble.clone()),
    };
    if verdict.findings.is_empty() && outcome == Outcome::Passed {
        events = Vec::new();
    }
    Finished {
        case,
        outcome,
        seconds: 0.0,
        reason,
        transcript: path,
        verdict: Some(verdict),
        events,
        cast,
    }
}

/// Each case has its own seed, so that one more scenario changes no other.
fn case_seed(seed: u64, case: &Case) -> u64 {
    let name = format!("{seed}/{}/{}", case.name, case.matrix.join("/"));
    Uuid::new_v5(&Uuid::NAMESPACE_OID, name.as_bytes())
        .as_u64_pair()
        .0
}

fn transcript_name(case: &Case, attempt: u32) -> String {
    let mut name = case.name.clone();
    for value in &case.matrix {
        name.push('.');
        name.push_str(&value.replace('=', "-"));
    }
    let plain: String = name
        .chars()
        .take(120)
        .map(|c| {
            if c.is_ascii_alphanumeric() || "-._".contains(c) {
                c
            } else if c == '/' {
                '-'
            } else {
                '_'
            }
        })
        .collect();
    let mut file = plain;
    if file != name.replace('/', "-") {
        // Two names may look alike once they are made safe for a file system.
        let whole = Uuid::new_v5(&Uuid::NAMESPACE_OID, name.as_bytes())
            .simple()
            .to_string();
        file.push('.');
        file.push_str(whole.get(..8).unwrap_or_default());
    }
    if attempt > 0 {
        file.push_str(&format!(".retry-{attempt}"));
    }
    file
}

/// A file of this name that was not there before: no run writes over another's.
fn open(folder: &Path, name: &str, header: &Header) -> std::io::Result<(Writer<BufWriter<File>>, PathBuf)> {
    // Every time: scenarios side by side would race for who finds it missing.
    std::fs::create_dir_all(folder)?;
    let mut path = folder.join(format!("{name}.jsonl"));
    for n in 2.. {
        match File::create_new(&path) {
            Ok(file) => return Ok((Writer::new(BufWriter::new(file), header)?, path)),
            Err(error) if error.kind() == ErrorKind::AlreadyExists && n < 10_000 => {
                path.set_file_name(format!("{name}.{n}.jsonl"));
            }
            Err(error) => return Err(error),
        }
    }
    Err(ErrorKind::AlreadyExists.into())
}
