//! `callspec record`: between clients and their server, with a transcript of every call.

use std::path::{Path, PathBuf};

use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use tokio::net::TcpListener;

use super::calls::{Calls, Keep};
use super::interrupt::Interrupt;
use super::serve::{addresses, unbound};
use super::target::profile;
use super::{Exit, complain, runs, say};
use crate::profile::Profile;
use crate::record::{Book, Entry, Files, News, Proxy, Split, desk, serve};
use crate::report;
use crate::rules::{Finding, Level, Outcome};
use crate::run::Hidden;
use crate::target::{self, Target};
use crate::transcript::recording::Recorded;
use crate::transcript::{FORMAT, Header, Witness};
use crate::xmpp::{Keys, Trust};
use crate::yaml::in_one;

/// Files whose names are remembered for the places of findings: more than events whose places are.
const NAMES: usize = 8_193;
/// What is told of at the end.
const KEEP: Keep = Keep {
    passed: 100,
    events: false,
};

#[derive(Debug, clap::Args)]
pub struct Args {
    /// The server: a URL or a target file
    ///
    /// ws:// and wss:// are WebSocket, xmpp:// is TCP with STARTTLS, xmpps:// is TCP with direct TLS. Clients come in
    /// over the same transport: WebSocket for the first two, TCP for the others.
    #[arg(long, value_name = "URL|FILE")]
    target: String,
    /// Where clients connect to instead (port 0 takes a free one)
    #[arg(long, value_name = "HOST:PORT", default_value = "127.0.0.1:5290")]
    listen: String,
    /// The certificate that clients are shown, a PEM file: they come in with TLS (wss://, STARTTLS or direct TLS)
    ///
    /// Without it there is no TLS on the clients' side, which is for this machine only.
    #[arg(long, value_name = "FILE", requires = "key")]
    cert: Option<PathBuf>,
    /// The certificate's key, a PEM file
    #[arg(long, value_name = "FILE", requires = "cert")]
    key: Option<PathBuf>,
    /// Where the transcripts go (none: a new folder below .callspec)
    #[arg(long, value_name = "DIR")]
    transcripts: Option<PathBuf>,
    /// What a file holds
    #[arg(long, value_enum, default_value_t = Split::Call)]
    split: Split,
    /// Judge while it is recorded: tell each finding as it happens, and what became of each call at the end
    #[arg(long)]
    judge: bool,
    /// A broken SHOULD fails too
    #[arg(long, requires = "judge")]
    strict: bool,
    /// What the server is: relay, enforcing, prosody, ejabberd or a profile file; it stands in the transcripts
    #[arg(long, value_name = "NAME|FILE")]
    profile: Option<String>,
    /// Trust the private CA in this PEM file, on the server's side
    #[arg(long, value_name = "FILE")]
    ca: Option<PathBuf>,
    /// Let xmpp:// go without TLS, to a server on this machine only
    #[arg(long)]
    insecure_plaintext: bool,
    /// Believe every certificate of the server: whoever is in between reads the passwords
    #[arg(long)]
    insecure_tls: bool,
}

pub fn run(args: &Args) -> Exit {
    match prepare(args) {
        Ok(ready) => ready.record(args),
        Err((message, exit)) => {
            complain(&format!("error: {message}"));
            exit
        }
    }
}

/// Everything that can be wrong before the first client comes.
struct Ready {
    runtime: tokio::runtime::Runtime,
    listener: TcpListener,
    proxy: Proxy,
    address: String,
    folder: PathBuf,
    header: Header,
    started: OffsetDateTime,
    hidden: Hidden,
}

fn prepare(args: &Args) -> Result<Ready, (String, Exit)> {
    let usage = |message: String| (message, Exit::Usage);
    let (target, domain) = server(args).map_err(usage)?;
    let web = matches!(target.dial.url.scheme(), "ws" | "wss");
    let keys = match (&args.cert, &args.key) {
        (Some(certificate), Some(key)) => {
            let alpn: &[&[u8]] = if web { &[b"http/1.1"] } else { &[b"xmpp-client"] };
            Some(Keys::read(certificate, key, alpn).map_err(usage)?)
        }
        _ => None,
    };
    let addresses = addresses(&args.listen).map_err(usage)?;
    if keys.is_none() && !addresses.iter().all(|address| address.ip().is_loopback()) {
        return Err(usage(format!(
            "--listen {} can be reached from other machines, and without TLS passwords would go there in the clear: give --cert and --key",
            args.listen
        )));
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| (format!("no runtime: {error}"), Exit::Untested))?;
    let listener = runtime
        .block_on(TcpListener::bind(addresses.as_slice()))
        .map_err(|error| (unbound(&args.listen, &error), Exit::Untested))?;
    let started = OffsetDateTime::now_utc();
    let folder = match &args.transcripts {
        Some(folder) => {
            let made = std::fs::create_dir_all(folder);
            made.map_err(|error| {
                usage(format!(
                    "cannot make {} for the transcripts: {error}",
                    folder.display()
                ))
            })?;
            folder.clone()
        }
        None => runs::fresh_folder(started).map_err(usage)?,
    };
    let hidden = Hidden::default();
    for account in &target.accounts {
        let secrets = [(&account.password, "password"), (&account.token, "token")];
        for (secret, kind) in secrets {
            secret.iter().for_each(|secret| hidden.learn(secret, kind));
        }
    }
    let address = listener
        .local_addr()
        .map_or(args.listen.clone(), |address| address.to_string());
    Ok(Ready {
        header: Header {
            callspec: FORMAT,
            version: env!("CARGO_PKG_VERSION").into(),
            target: target.dial.address(),
            profile: target.profile.clone(),
            witness: Witness::Between,
            steady: true,
            time_scale: 1.0,
            clock_skew: 60.0,
            started: started.format(&Rfc3339).unwrap_or_default(),
            ..Header::default()
        },
        proxy: Proxy {
            dial: target.dial,
            domain,
            keys,
        },
        runtime,
        listener,
        address,
        folder,
        started,
        hidden,
    })
}

/// The server, and its domain where somebody said it.
fn server(args: &Args) -> Result<(Target, Option<String>), String> {
    let (mut target, domain) = if args.target.contains("://") {
        (Target::from_url(&args.target, None)?, None)
    } else if Path::new(&args.target).exists() {
        let target = target::load(Path::new(&args.target)).map_err(|errors| in_one(&errors))?;
        let domain = target.dial.domain.clone();
        (target, Some(domain))
    } else {
        return Err(format!(
            "--target `{}` is neither a file that exists nor a URL (ws://, wss://, xmpp://, xmpps://)",
            args.target
        ));
    };
    if let Some(given) = &args.profile {
        target.profile = profile(given)?;
    }
    if let Some(ca) = &args.ca {
        target.dial.trust = Trust::Ca(ca.clone());
    }
    if args.insecure_tls {
        let red = anstyle::AnsiColor::Red.on_default().bold();
        complain(&format!(
            "{red}warning: --insecure-tls believes every certificate: whoever is in between reads the passwords{red:#}",
        ));
        target.dial.trust = Trust::Anyone;
    }
    target.dial.plaintext = args.insecure_plaintext;
    Ok((target, domain))
}

impl Ready {
    fn record(self, args: &Args) -> Exit {
        let interrupt = Interrupt::listen();
        let mut ended = interrupt.ended.subscribe();
        self.introduce(args);
        let Ready {
            runtime,
            listener,
            proxy,
            address,
            folder,
            header,
            started,
            hidden,
        } = self;
        let (desk, mut tray) = desk();
        let mut clerk = Clerk {
            book: Book::new(started, hidden),
            files: Files::new(&folder, args.split, header.clone()),
            judge: args.judge.then(|| Calls::new(&header, &[], &[], KEEP)),
            last_trouble: String::new(),
        };
        // What is written and judged is so beside the calls: neither waits for the other.
        let passing = std::thread::spawn(move || {
            let failed = runtime.block_on(async {
                tokio::select! {
                    result = serve(listener, proxy, desk) => {
                        result.err().map(|error| format!("{address} takes no more connections: {error}"))
                    }
                    _ = ended.wait_for(|ended| *ended) => None,
                }
            });
            // Every connection ends with it, and with them what there is to write.
            drop(runtime);
            failed
        });
        let mut pile = Vec::new();
        while tray.take(&mut pile) {
            for heard in pile.drain(..) {
                if let News::Trouble(text) = &heard.news {
                    clerk.complain(text.clone());
                }
                clerk.book.take(heard);
                clerk.drain();
            }
            clerk.flush();
        }
        clerk.book.finish();
        clerk.drain();
        clerk.flush();
        let failed = passing
            .join()
            .unwrap_or_else(|_| Some("the proxy has broken down".to_owned()));
        if let Some(failed) = &failed {
            complain(&format!("error: {failed}"));
        }
        let exit = clerk.sum_up(args, &folder);
        if failed.is_some() && exit == Exit::Held {
            return Exit::Untested;
        }
        exit
    }

    fn introduce(&self, args: &Args) {
        let Profile { class, .. } = self.header.profile;
        let url = &self.proxy.dial.url;
        let server = self.proxy.dial.address();
        let (web, shielded) = (self.proxy.is_web(), self.proxy.keys.is_some());
        let (scheme, more) = match (web, shielded) {
            (true, true) => ("wss", String::new()),
            (true, false) => ("ws", String::new()),
            (false, true) => ("xmpp", ", with STARTTLS or direct TLS".to_owned()),
            (false, false) => ("xmpp", ", without TLS".to_owned()),
        };
        let path = if web { url.path() } else { "" };
        say(&format!(
            "callspec {}: recording in front of {server} ({}), until Ctrl-C\n  clients connect to {scheme}://{}{path}{more}\n  \
             transcripts in {}, one a {}",
            env!("CARGO_PKG_VERSION"),
            class.name(),
            self.address,
            self.folder.display(),
            match args.split {
                Split::Call => "call",
                Split::Session => "session",
            },
        ));
    }
}

/// Who writes, judges and tells.
struct Clerk {
    book: Book,
    files: Files,
    judge: Option<Calls>,
    last_trouble: String,
}

impl Clerk {
    /// Says what went wrong; the same over and over is said once.
    fn complain(&mut self, text: String) {
        if text != self.last_trouble {
            complain(&format!("  {text}"));
            self.last_trouble = text;
        }
    }

    fn drain(&mut self) {
        while let Some(entry) = self.book.pop() {
            self.enter(entry);
        }
    }

    fn flush(&mut self) {
        for trouble in self.files.flush() {
            self.complain(trouble);
        }
    }

    fn enter(&mut self, mut entry: Entry) {
        let placed = self.files.add(&mut entry);
        for (name, path) in placed.begun {
            say(&format!("  {name}  {}", path.display()));
        }
        for trouble in placed.trouble {
            self.complain(trouble);
        }
        let (file, line) = placed.at.unwrap_or_default();
        let source = usize::try_from(file).unwrap_or_default() % NAMES;
        let Some(judge) = &mut self.judge else { return };
        if let Some(path) = self.files.path_of(file) {
            judge.name_file(source, &path);
        }
        let recorded = Recorded {
            conn: entry.key,
            event: entry.event,
            line,
        };
        let found = match entry.stanza {
            Some(stanza) => judge.take_read(source, recorded, stanza),
            None => judge.take(source, recorded),
        };
        self.tell(&found);
    }

    /// Tells what was found.
    fn tell(&mut self, found: &[Finding]) {
        let Some(judge) = &self.judge else { return };
        let told = found.iter().filter(|finding| finding.level != Level::Info);
        let told: Vec<String> = told
            .map(|finding| report::finding(finding) + &judge.places(finding))
            .collect();
        if !told.is_empty() {
            // The lines that it names are there when it is read.
            self.flush();
        }
        told.iter().for_each(|text| say(text));
    }

    /// What it all came to.
    fn sum_up(mut self, args: &Args, folder: &Path) -> Exit {
        let (sessions, count) = (self.book.sessions(), self.files.count);
        let plural = |n: u64, what: &str| format!("{n} {what}{}", if n == 1 { "" } else { "s" });
        let mut exit = Exit::Held;
        let found = self.judge.as_mut().map(Calls::end).unwrap_or_default();
        self.tell(&found);
        if let Some(judge) = self.judge {
            let finished = judge.finish();
            for told in &finished.told {
                say(&format!(
                    "{:<13} {}  {}",
                    report::word(told.verdict.outcome),
                    told.title(),
                    told.about
                ));
            }
            for (outcome, calls) in &finished.unlisted {
                say(&format!(
                    "{:<13} and {} more",
                    report::word(*outcome),
                    plural(*calls, "call")
                ));
            }
            let any = |outcome| {
                finished.unlisted.contains_key(&outcome)
                    || finished.told.iter().any(|told| told.verdict.outcome == outcome)
            };
            if any(Outcome::Failed) || (args.strict && any(Outcome::Warned)) {
                exit = Exit::Broken;
            } else if finished.calls == 0 {
                complain("no call passed: nothing was judged");
                exit = Exit::Untested;
            }
        }
        let mut text = format!(
            "{}, {} in {}",
            plural(sessions, "session"),
            plural(count, "transcript"),
            folder.display()
        );
        if self.book.gaps > 0 {
            text.push_str(&format!(
                "; {} passed unrecorded",
                plural(self.book.gaps, "stanza")
            ));
        }
        say(&text);
        if self.files.lost > 0 {
            complain(&format!(
                "error: {} of {} could not be written: the transcripts are whole, but not complete",
                plural(self.files.lost, "event"),
                plural(self.files.broken, "file")
            ));
            if exit == Exit::Held {
                exit = Exit::Untested;
            }
        }
        exit
    }
}
