//! The heads of HTTP messages as far as a proxy has to read them: where they end, and what an upgrade agreed on.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use url::Url;

use super::web::Deflate;
use crate::xmpp::Secret;

/// A longer head is none of a WebSocket.
pub const LONGEST: usize = 64 << 10;

/// Where the head ends, its empty line with it.
pub fn end(bytes: &[u8]) -> Option<usize> {
    Some(memchr::memmem::find(bytes, b"\r\n\r\n")? + 4)
}

/// Whether this can be the beginning of a request.
pub fn is_request(bytes: &[u8]) -> bool {
    let word = bytes.split(|byte| *byte == b' ').next().unwrap_or_default();
    !word.is_empty() && word.len() < 20 && word.iter().all(u8::is_ascii_uppercase)
}

/// A client's request, ready for the server.
pub struct Request {
    pub bytes: Vec<u8>,
    /// Path and headers without secrets, for the transcript.
    pub told: String,
    /// What logs in: cookies, tokens.
    pub secrets: Vec<Secret>,
}

/// The request as the server is to get it: the same but for its `Host`, and the path where the client asks for none.
/// What else is odd about it is the server's to judge. `None`: it is no HTTP/1 request.
pub fn request(head: &[u8], url: &Url) -> Option<Request> {
    let mut lines = head.split_inclusive(|byte| *byte == b'\n');
    let first = String::from_utf8_lossy(lines.next()?);
    let mut words = first.trim_end().split(' ');
    let (method, path, version) = (words.next()?, words.next()?, words.next()?);
    if !version.starts_with("HTTP/1.") || words.next().is_some() {
        return None;
    }
    let own = match url.query() {
        Some(query) => format!("{}?{query}", url.path()),
        None => url.path().to_owned(),
    };
    let asked = if path == "/" { own.as_str() } else { path };
    let host = match (url.host_str(), url.port()) {
        (Some(host), Some(port)) => format!("{host}:{port}"),
        (host, _) => host.unwrap_or_default().to_owned(),
    };
    let mut request = Request {
        bytes: format!("{method} {asked} {version}\r\n").into_bytes(),
        told: format!("{method} {}", asked.split('?').next().unwrap_or_default()),
        secrets: Vec::new(),
    };
    request.learn_query(asked);
    for line in lines {
        let text = String::from_utf8_lossy(line);
        let (name, value) = text.split_once(':').unwrap_or_default();
        if name.eq_ignore_ascii_case("host") {
            request.bytes.extend(format!("{name}: {host}\r\n").bytes());
        } else {
            request.learn(name, value.trim());
            request.bytes.extend(line);
        }
    }
    Some(request)
}

/// Words in the names of headers and parameters whose values let someone in.
const TELLING: [&str; 7] = ["auth", "token", "jwt", "pass", "key", "secret", "cookie"];
/// A longer name of a sub-protocol carries a token.
const NAME: usize = 32;

fn is_telling(name: &str) -> bool {
    let name = name.to_lowercase();
    TELLING.iter().any(|word| name.contains(word)) && !name.starts_with("sec-websocket-")
}

impl Request {
    /// The secrets of the parameters, as they stand there and as they are meant.
    fn learn_query(&mut self, path: &str) {
        let query = path.split_once('?').map_or("", |(_, query)| query);
        let parameters = query.split('&').filter_map(|part| part.split_once('='));
        for (_, value) in parameters.filter(|(name, _)| is_telling(name)) {
            self.learn_coded(value);
        }
    }

    fn learn_coded(&mut self, value: &str) {
        let parameter = format!("={value}");
        let meant = url::form_urlencoded::parse(parameter.as_bytes()).map(|(_, meant)| meant);
        let other = meant.filter(|meant| meant != value);
        self.secrets.extend(other.map(Secret::new));
        self.secrets.push(Secret::new(value));
    }

    /// What a header has that is secret, and what of it is told.
    fn learn(&mut self, name: &str, value: &str) {
        match name.to_ascii_lowercase().as_str() {
            "cookie" => {
                let values = value.split(';').filter_map(|cookie| cookie.split_once('='));
                values.for_each(|(_, value)| self.learn_coded(value.trim().trim_matches('"')));
            }
            "authorization" | "proxy-authorization" => {
                for word in value.split(' ').skip(1) {
                    let decoded = BASE64_STANDARD.decode(word).ok();
                    let decoded = decoded.and_then(|bytes| String::from_utf8(bytes).ok());
                    let password = decoded.as_deref().and_then(|text| text.split_once(':'));
                    self.secrets
                        .extend(password.map(|(_, password)| Secret::new(password)));
                    self.secrets.push(Secret::new(word));
                }
            }
            "sec-websocket-protocol" => {
                let (names, tokens): (Vec<&str>, Vec<&str>) =
                    value.split(',').map(str::trim).partition(|it| it.len() <= NAME);
                self.secrets
                    .extend(tokens.iter().map(|token| Secret::new(*token)));
                self.tell(name, &names.join(", "));
            }
            "origin" | "sec-websocket-extensions" => self.tell(name, value),
            telling if is_telling(telling) => self.secrets.push(Secret::new(value)),
            _ => {}
        }
    }

    fn tell(&mut self, name: &str, value: &str) {
        self.told.push_str(&format!(", {name}: {value}"));
    }
}

/// What the answer to an upgrade agreed on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    pub status: u16,
    /// How the client's and the server's messages are compressed.
    pub deflate: Option<(Deflate, Deflate)>,
    /// An extension that changes frames in a way that is not known here.
    pub strange: Option<String>,
}

/// Reads the server's answer; `None`: it is no HTTP/1 answer.
pub fn answer(head: &[u8]) -> Option<Answer> {
    let text = String::from_utf8_lossy(head);
    let mut lines = text.split("\r\n");
    let status = lines.next()?.strip_prefix("HTTP/1.")?.split(' ').nth(1)?;
    let mut answer = Answer {
        status: status.parse().ok()?,
        deflate: None,
        strange: None,
    };
    for line in lines {
        let Some((name, value)) = line.split_once(':') else {
            continue;
        };
        if !name.eq_ignore_ascii_case("sec-websocket-extensions") {
            continue;
        }
        for extension in value.split(',') {
            let mut words = extension.split(';').map(str::trim);
            let name = words.next().unwrap_or_default();
            if name != "permessage-deflate" {
                answer.strange = Some(name.chars().take(40).collect());
                continue;
            }
            let words: Vec<&str> = words.collect();
            let alone = |word: &str| Deflate {
                alone: words.contains(&word),
            };
            answer.deflate = Some((
                alone("client_no_context_takeover"),
                alone("server_no_context_takeover"),
            ));
        }
    }
    Some(answer)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_goes_on_as_it_came_but_for_its_host() {
        let url: Url = "wss://chat.example.com/xmpp-websocket".parse().expect("a URL");
        let head = "GET /ws?token=swordfish&a=b HTTP/1.1\r\nhost: localhost:5290\r\nOrigin: https://app\r\n\
                    Cookie: a=\"first one\"; auth_token=second\r\nX-Odd:  y \r\n\r\n";
        let request = request(head.as_bytes(), &url).expect("a request");
        let wanted = head.replace("localhost:5290", "chat.example.com");
        assert_eq!(String::from_utf8(request.bytes).expect("text"), wanted);
        assert_eq!(request.told, "GET /ws, Origin: https://app");
        let secrets: Vec<&str> = request.secrets.iter().map(Secret::expose).collect();
        assert_eq!(secrets, ["swordfish", "first one", "second"]);
    }

    #[test]
    fn what_is_odd_passes_and_what_lets_someone_in_is_known_in_every_form() {
        let url: Url = "ws://localhost/ws".parse().expect("a URL");
        let head = b"GET /ws?access_token=a%2Bb HTTP/1.1\r\nX-Name: \xe9\r\nX-Long: a\r\n b\r\nno colon\n\
                     Authorization: Basic Ym9iOmNhcnJvdHM=\r\nX-Api-Key: key\r\nCookie: c=d%3D\r\n\
                     Sec-WebSocket-Key: known\r\nSec-WebSocket-Protocol: xmpp, bearer.0123456789012345678901234567\r\n\r\n";
        let request = request(head, &url).expect("a request");
        assert_eq!(request.bytes, head);
        assert_eq!(request.told, "GET /ws, Sec-WebSocket-Protocol: xmpp");
        let secrets: Vec<&str> = request.secrets.iter().map(Secret::expose).collect();
        let token = "bearer.0123456789012345678901234567";
        let wanted = [
            "a+b",
            "a%2Bb",
            "carrots",
            "Ym9iOmNhcnJvdHM=",
            "key",
            "d=",
            "d%3D",
            token,
        ];
        assert_eq!(secrets, wanted);
    }

    #[test]
    fn who_asks_for_no_path_gets_the_targets() {
        let url: Url = "ws://localhost:5280/ws?x=y".parse().expect("a URL");
        let request = request(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n", &url).expect("a request");
        assert_eq!(
            request.bytes,
            b"GET /ws?x=y HTTP/1.1\r\nHost: localhost:5280\r\n\r\n"
        );
        for garbage in [
            "GET /\r\n\r\n",
            "GET / HTTP/2\r\n\r\n",
            "GET / / HTTP/1.1\r\n\r\n",
        ] {
            assert!(super::request(garbage.as_bytes(), &url).is_none(), "{garbage}");
        }
    }

    #[test]
    fn an_answer_tells_how_messages_are_packed() {
        let head = b"HTTP/1.1 101 Switching Protocols\r\nsec-websocket-extensions: permessage-deflate; \
                     server_no_context_takeover; client_max_window_bits=15\r\n\r\n";
        let deflate = (Deflate { alone: false }, Deflate { alone: true });
        let answer = super::answer(head).expect("an answer");
        assert_eq!(
            (answer.status, answer.deflate, answer.strange),
            (101, Some(deflate), None)
        );
        assert_eq!(
            super::answer(b"HTTP/1.1 401 No\r\n\r\n").map(|answer| answer.status),
            Some(401)
        );
        assert_eq!(super::answer(b"SSH-2.0\r\n\r\n"), None);
    }
}
