//! Real servers for tests: each started on free loopback ports from a folder of its own, and gone with its value.

#![allow(dead_code, reason = "each test file uses its part")]

use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Mutex, mpsc};
use std::time::Duration;

use tempfile::TempDir;

pub const USERS: [&str; 8] = [
    "alice", "bob", "carol", "dave", "erin", "frank", "mallory", "grace",
];
pub const PASSWORD: &str = "correct horse";

/// The key of the tokens that ejabberd takes as passwords on `jwt.localhost`; and the same in base64.
pub const JWK_KEY: &str = "a key of thirty-two bytes, right";
const JWK_KEY_BASE64: &str = "YSBrZXkgb2YgdGhpcnR5LXR3byBieXRlcywgcmlnaHQ";

/// A program that ends with its value, and with this process: a server in a `static` is never dropped. A shell
/// stands between: it ends the program as soon as its input, which only this process holds open, ends.
struct Process(Child);

const WATCH: &str = r#""$@" & program=$!; cat >/dev/null; kill -9 $program"#;

impl Drop for Process {
    fn drop(&mut self) {
        drop(self.0.stdin.take());
        let _ = self.0.wait();
    }
}

/// Free ports, all different. Held until all are known.
fn ports<const N: usize>() -> [u16; N] {
    let held: Vec<TcpListener> = (0..N)
        .map(|_| TcpListener::bind("127.0.0.1:0").expect("a free port"))
        .collect();
    let mut ports = [0; N];
    for (port, listener) in ports.iter_mut().zip(&held) {
        *port = listener.local_addr().expect("an address").port();
    }
    ports
}

/// A certificate for localhost in this folder: `ca.pem`, `localhost.crt`, `localhost.key`, and both in
/// `localhost.pem`.
fn certificate(folder: &Path) {
    use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
    let now = time::OffsetDateTime::now_utc();
    // ejabberd sets timers for the end of each certificate, and cannot set one for the year 4096.
    let short_lived = |mut params: CertificateParams| {
        params.not_before = now - time::Duration::days(1);
        params.not_after = now + time::Duration::days(20);
        params
    };
    let mut ca = short_lived(CertificateParams::new(Vec::<String>::new()).expect("parameters"));
    ca.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    ca.distinguished_name
        .push(rcgen::DnType::CommonName, "callspec test CA");
    let ca_key = KeyPair::generate().expect("a key");
    let ca_pem = ca.self_signed(&ca_key).expect("a CA").pem();
    let key = KeyPair::generate().expect("a key");
    let names = ["localhost", "anon.localhost", "jwt.localhost", "127.0.0.1"].map(String::from);
    let mut params = short_lived(CertificateParams::new(names).expect("parameters"));
    params
        .distinguished_name
        .push(rcgen::DnType::CommonName, "localhost");
    let issuer = Issuer::new(ca, ca_key);
    let pem = params.signed_by(&key, &issuer).expect("a certificate").pem();
    let write = |name: &str, text: String| std::fs::write(folder.join(name), text).expect("a file");
    write("ca.pem", ca_pem);
    write("localhost.crt", pem.clone());
    write("localhost.key", key.serialize_pem());
    write("localhost.pem", pem + &key.serialize_pem());
}

/// Starts a program and reads what it says until every one of `lines` was said; and what was said until then.
fn start(program: &Command, lines: &[String]) -> (Process, Vec<String>) {
    let mut command = Command::new("sh");
    command
        .args(["-c", WATCH, "sh"])
        .arg(program.get_program())
        .args(program.get_args());
    if let Some(folder) = program.get_current_dir() {
        command.current_dir(folder);
    }
    for (name, value) in program.get_envs() {
        value.map(|value| command.env(name, value));
    }
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the program is installed");
    let (tell, told) = mpsc::channel();
    let out = child.stdout.take().expect("stdout");
    let err = child.stderr.take().expect("stderr");
    let readers: [Box<dyn std::io::Read + Send>; 2] = [Box::new(out), Box::new(err)];
    for reader in readers {
        let tell = tell.clone();
        // Read on to the end, so that the program never waits for us.
        std::thread::spawn(move || {
            for line in BufReader::new(reader).lines().map_while(Result::ok) {
                let _ = tell.send(line);
            }
        });
    }
    drop(tell);
    let process = Process(child);
    let mut missing: Vec<&String> = lines.iter().collect();
    let mut said = Vec::new();
    while !missing.is_empty() {
        match told.recv_timeout(Duration::from_secs(180)) {
            Ok(line) => {
                missing.retain(|wanted| !line.contains(wanted.as_str()));
                said.push(line);
            }
            Err(_) => panic!("never said {missing:?}; said:\n{}", said.join("\n")),
        }
    }
    // What it says later is read and dropped.
    std::thread::spawn(move || for _ in told {});
    (process, said)
}

/// `callspec serve` on a free port.
pub struct Serve {
    _process: Process,
    /// Host and port.
    pub address: String,
}

impl Serve {
    pub fn new(args: &[&str]) -> Serve {
        Serve::with(args, &[])
    }

    /// The same with these variables in its environment.
    pub fn with(args: &[&str], variables: &[(&str, &str)]) -> Serve {
        let mut command = callspec();
        command
            .args(["serve", "--listen", "127.0.0.1:0"])
            .args(args)
            .envs(variables.iter().copied());
        let (process, said) = start(&command, &["ws://".to_owned()]);
        let address = said.iter().find_map(|line| {
            let url = line.trim().strip_prefix("ws://")?;
            Some(url.trim_end_matches('/').to_owned())
        });
        Serve {
            _process: process,
            address: address.expect("an address"),
        }
    }

    /// Where it takes WebSockets.
    pub fn url(&self) -> String {
        format!("ws://{}/", self.address)
    }
}

/// A running XMPP server.
pub struct Server {
    pub name: &'static str,
    process: Process,
    pub folder: TempDir,
    pub tcp: u16,
    pub direct: u16,
    pub ws: u16,
    pub wss: u16,
    path: &'static str,
    /// Whose suite plays: two on one server would measure how busy it is.
    pub turn: Mutex<()>,
}

impl Server {
    /// Stock Prosody, in the foreground.
    pub fn prosody() -> Server {
        Server::prosody_with(false, "", "")
    }

    /// The same; `demands`: nobody logs in without TLS.
    pub fn prosody_that(demands: bool) -> Server {
        Server::prosody_with(demands, "", "")
    }

    /// Prosody with the limits of Debian's default configuration.
    pub fn throttled_prosody() -> Server {
        let limits = r#"limits = { c2s = { rate = "10kb/s" }; s2sin = { rate = "30kb/s" } }"#;
        Server::prosody_with(false, "\"limits\",", limits)
    }

    fn prosody_with(demands: bool, modules: &str, more: &str) -> Server {
        let lax = !demands;
        let folder = TempDir::new().expect("a folder");
        certificate(folder.path());
        let [tcp, direct, ws, wss] = ports();
        let d = folder.path().display();
        let accounts = folder.path().join("data/localhost/accounts");
        std::fs::create_dir_all(&accounts).expect("a folder");
        for user in USERS {
            let text = format!("return {{ [\"password\"] = \"{PASSWORD}\"; }};\n");
            std::fs::write(accounts.join(format!("{user}.dat")), text).expect("an account");
        }
        let config = format!(
            r#"
run_as_root = true
pidfile = "{d}/prosody.pid"; data_path = "{d}/data"
log = {{ info = "*console" }}
interfaces = {{ "127.0.0.1" }}
c2s_ports = {{ {tcp} }}; c2s_direct_tls_ports = {{ {direct} }}; http_ports = {{ {ws} }}; https_ports = {{ {wss} }}
modules_enabled = {{ {modules} "posix","disco","roster","saslauth","tls","ping","smacks","carbons","presence","iq","message","websocket","register_ibr" }}
modules_disabled = {{ "s2s" }}
consider_websocket_secure = {lax}
allow_registration = true
c2s_require_encryption = {demands}
allow_unencrypted_plain_auth = {lax}
ssl = {{ certificate = "{d}/localhost.crt"; key = "{d}/localhost.key" }}
authentication = "internal_plain"
{more}
VirtualHost "localhost"
VirtualHost "anon.localhost"
  authentication = "anonymous"
"#
        );
        let file = folder.path().join("prosody.cfg.lua");
        std::fs::write(&file, config).expect("a file");
        let ready = ["c2s", "c2s_direct_tls", "http", "https"].map(|s| format!("Activated service '{s}'"));
        let (process, _) = start(
            Command::new("prosody").arg("--config").arg(&file).arg("-F"),
            &ready,
        );
        Server {
            name: "prosody",
            process,
            folder,
            tcp,
            direct,
            ws,
            wss,
            path: "xmpp-websocket",
            turn: Mutex::new(()),
        }
    }

    /// Stock ejabberd, its virtual machine in the foreground.
    pub fn ejabberd() -> Server {
        Server::ejabberd_with(false, "", "")
    }

    /// The same; `demands`: nobody logs in over TCP without TLS. Its WebSocket has no such word.
    pub fn ejabberd_that(demands: bool) -> Server {
        Server::ejabberd_with(demands, "", "")
    }

    /// ejabberd with the shaper of Debian's default configuration: what is named for TCP goes for WebSocket, too.
    pub fn throttled_ejabberd() -> Server {
        let shaper = "shaper: {normal: {rate: 3000, burst_size: 20000}, fast: 200000}\n\
                      shaper_rules: {c2s_shaper: {normal: all}}";
        Server::ejabberd_with(false, ", shaper: c2s_shaper", shaper)
    }

    fn ejabberd_with(demands: bool, port: &str, more: &str) -> Server {
        let starttls = if demands { "starttls_required" } else { "starttls" };
        let folder = TempDir::new().expect("a folder");
        certificate(folder.path());
        let [tcp, direct, ws, wss] = ports();
        let d = folder.path().display();
        let config = format!(
            r#"
hosts: [localhost, anon.localhost, jwt.localhost]
loglevel: info
certfiles: ["{d}/localhost.pem"]
auth_method: internal
auth_password_format: plain
registration_timeout: infinity
host_config:
  anon.localhost: {{ auth_method: anonymous, anonymous_protocol: sasl_anon }}
  jwt.localhost: {{ auth_method: jwt, jwt_key: "{d}/jwk.json", jwt_jid_field: sub }}
listen:
  - {{port: {tcp}, ip: "127.0.0.1", module: ejabberd_c2s, {starttls}: true, max_stanza_size: 262144, backlog: 128{port}}}
  - {{port: {direct}, ip: "127.0.0.1", module: ejabberd_c2s, tls: true, max_stanza_size: 262144, backlog: 128{port}}}
  - {{port: {ws}, ip: "127.0.0.1", module: ejabberd_http, request_handlers: {{/ws: ejabberd_http_ws, /api: mod_http_api}}, backlog: 128}}
  - {{port: {wss}, ip: "127.0.0.1", module: ejabberd_http, tls: true, request_handlers: {{/ws: ejabberd_http_ws}}, backlog: 128}}
access_rules: {{local: {{allow: all}}}}
{more}
api_permissions: {{http: {{from: [mod_http_api], who: {{ip: "127.0.0.1/8"}}, what: [register, status, stop]}}}}
modules: {{mod_admin_extra: {{}}, mod_carboncopy: {{}}, mod_disco: {{}}, mod_http_api: {{}}, mod_ping: {{}}, mod_roster: {{}}, mod_stream_mgmt: {{}}, mod_register: {{ip_access: all}}}}
"#
        );
        let jwk = format!(r#"{{"kty":"oct","alg":"HS256","k":"{JWK_KEY_BASE64}"}}"#);
        std::fs::write(folder.path().join("jwk.json"), jwk).expect("a file");
        let file = folder.path().join("ejabberd.yml");
        std::fs::write(&file, config).expect("a file");
        let ready = [tcp, direct, ws, wss].map(|port| format!("127.0.0.1:{port} for"));
        let mut command = Command::new("erl");
        command
            .env("ERL_LIBS", erlang_libraries())
            .env("EJABBERD_CONFIG_PATH", &file)
            .env("EJABBERD_LOG_PATH", folder.path().join("ejabberd.log"))
            .env("EJABBERD_PID_PATH", folder.path().join("ejabberd.pid"))
            .current_dir(folder.path())
            .args(["+K", "true", "+P", "250000", "-noinput", "-mnesia", "dir"])
            .arg(format!("\"{d}/spool\""))
            .args(["-s", "ejabberd"]);
        let (process, _) = start(&command, &ready);
        let server = Server {
            name: "ejabberd",
            process,
            folder,
            tcp,
            direct,
            ws,
            wss,
            path: "ws",
            turn: Mutex::new(()),
        };
        for user in USERS {
            server.make_account(user);
        }
        server
    }

    fn make_account(&self, user: &str) {
        use std::io::{Read, Write};
        let body = format!(r#"{{"user":"{user}","host":"localhost","password":"{PASSWORD}"}}"#);
        let mut stream = std::net::TcpStream::connect(("127.0.0.1", self.ws)).expect("the HTTP port");
        write!(
            stream,
            "POST /api/register HTTP/1.0\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        )
        .expect("a request");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("an answer");
        assert!(answer.contains(" 200 "), "{answer}");
    }

    pub fn ca(&self) -> PathBuf {
        self.folder.path().join("ca.pem")
    }

    /// The four ways in, by name.
    pub fn urls(&self) -> [(&'static str, String); 4] {
        let path = self.path;
        [
            ("ws", format!("ws://localhost:{}/{path}", self.ws)),
            ("wss", format!("wss://localhost:{}/{path}", self.wss)),
            ("starttls", format!("xmpp://localhost:{}", self.tcp)),
            ("direct-tls", format!("xmpps://localhost:{}", self.direct)),
        ]
    }

    /// A target file for one of them.
    pub fn target(&self, url: &str) -> PathBuf {
        self.target_as(url, self.name)
    }

    /// The same, with what is known of the server: a profile's name or its members.
    pub fn target_as(&self, url: &str, profile: &str) -> PathBuf {
        let accounts: String = USERS
            .iter()
            .map(|user| format!("  - {{ jid: {user}@localhost, password: {PASSWORD} }}\n"))
            .collect();
        self.write_target(&format!(
            "url: {url}\ndomain: localhost\nca: ca.pem\nprofile: {profile}\naccounts:\n{accounts}",
        ))
    }

    pub fn write_target(&self, text: &str) -> PathBuf {
        static COUNT: std::sync::atomic::AtomicUsize = std::sync::atomic::AtomicUsize::new(0);
        let n = COUNT.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        let file = self.folder.path().join(format!("target-{n}.yaml"));
        std::fs::write(&file, text).expect("a file");
        file
    }
}

/// Where Debian keeps Erlang's libraries: below the folder of this machine's architecture.
fn erlang_libraries() -> String {
    let found = std::fs::read_dir("/usr/lib")
        .expect("/usr/lib")
        .filter_map(Result::ok)
        .map(|entry| entry.path())
        .find(|path| {
            path.file_name()
                .is_some_and(|name| name.to_string_lossy().ends_with("-linux-gnu"))
                && std::fs::read_dir(path).is_ok_and(|mut files| {
                    files.any(|file| {
                        file.is_ok_and(|f| f.file_name().to_string_lossy().starts_with("ejabberd-"))
                    })
                })
        });
    found.expect("ejabberd's libraries").display().to_string()
}

/// HAProxy that lets nobody through to a WebSocket port without a sound `auth_token` cookie: HS256, its `exp` to come,
/// its `nbf`, if there is one, over. Each of these is a line of its own: `jwt_verify` looks at the signature alone.
pub struct Gate {
    process: Process,
    folder: TempDir,
    pub port: u16,
}

pub const GATE_KEY: &str = "gate secret";

impl Gate {
    pub fn before(server: &Server) -> Gate {
        let folder = TempDir::new().expect("a folder");
        let [port] = ports();
        let behind = server.ws;
        let config = format!(
            r#"
defaults
  mode http
  timeout connect 5s
  timeout client 30s
  timeout server 30s
  timeout tunnel 1h
frontend ws
  bind 127.0.0.1:{port}
  http-request set-var(txn.tok) req.cook(auth_token)
  http-request set-var(txn.alg) var(txn.tok),jwt_header_query('$.alg')
  http-request set-var(txn.exp) var(txn.tok),jwt_payload_query('$.exp','int')
  http-request set-var(txn.nbf) var(txn.tok),jwt_payload_query('$.nbf','int')
  http-request set-var(txn.now) date()
  http-request deny deny_status 401 unless {{ var(txn.tok) -m found }}
  http-request deny deny_status 401 unless {{ var(txn.alg) -m str HS256 }}
  http-request deny deny_status 401 unless {{ var(txn.tok),jwt_verify(txn.alg,"{GATE_KEY}") -m int 1 }}
  http-request deny deny_status 401 unless {{ var(txn.exp) -m found }}
  http-request deny deny_status 401 if {{ var(txn.exp),sub(txn.now) -m int le 0 }}
  http-request deny deny_status 401 if {{ var(txn.nbf) -m found }} {{ var(txn.nbf),sub(txn.now) -m int gt 0 }}
  default_backend xmpp
backend xmpp
  server p 127.0.0.1:{behind}
"#
        );
        let file = folder.path().join("haproxy.cfg");
        std::fs::write(&file, config).expect("a file");
        // It says that it is ready only to its worker's log, so it is asked for.
        let (process, _) = start(
            Command::new("/usr/sbin/haproxy")
                .arg("-db")
                .arg("-V")
                .arg("-f")
                .arg(&file),
            &[],
        );
        let gate = Gate {
            process,
            folder,
            port,
        };
        gate.wait();
        gate
    }

    /// The port answers as soon as the process listens; there is no line to wait for.
    fn wait(&self) {
        for _ in 0..10_000 {
            if std::net::TcpStream::connect(("127.0.0.1", self.port)).is_ok() {
                return;
            }
            std::thread::yield_now();
        }
        panic!("HAProxy does not listen");
    }
}

pub fn callspec() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_callspec"));
    command.env_remove("RUST_BACKTRACE").stdin(Stdio::null());
    command
}

/// Sends a program a signal, such as `-INT`.
pub fn signal(signal: &str, child: &Child) {
    let sent = Command::new("kill")
        .args([signal, &child.id().to_string()])
        .status();
    assert!(sent.expect("kill runs").success());
}

/// Whether a text shows a token, which begins with `{"` in base64. So may, by chance, a random key of a WebSocket
/// handshake or the answer to it (RFC 6455 §4.1, §4.2.2): these are padded, and no token is (RFC 7515 §2).
pub fn shows_token(text: &str) -> bool {
    let of_base64 = |c: char| c.is_ascii_alphanumeric() || "+/=-_.".contains(c);
    let of_handshake = |word: &str| matches!(word.len(), 24 | 28) && word.ends_with('=');
    text.split(|c| !of_base64(c))
        .any(|word| word.contains("eyJ") && !of_handshake(word))
}

/// What a run said and how it ended.
pub struct Said {
    pub status: i32,
    pub out: String,
    pub err: String,
}

pub fn run(command: &mut Command) -> Said {
    let output = command.output().expect("callspec runs");
    Said {
        status: output.status.code().unwrap_or(-1),
        out: String::from_utf8_lossy(&output.stdout).into_owned(),
        err: String::from_utf8_lossy(&output.stderr).into_owned(),
    }
}
