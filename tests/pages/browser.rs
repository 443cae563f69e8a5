//! A headless Chromium with pages, and what each page's WebSockets sent and got, as a HAR.

use std::net::TcpStream;
use std::time::Duration;

use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::{Message, WebSocket, client};

use super::tools::Chromium;

/// How long nothing at all may come from the browser.
const PATIENCE: Duration = Duration::from_secs(120);

/// A browser; gone with its value.
pub struct Browser {
    _chromium: Chromium,
    socket: WebSocket<TcpStream>,
    next: u64,
    pages: Vec<Page>,
}

/// A page by its session, and the entries of its HAR.
struct Page {
    session: String,
    /// What it shows, and whether all of that is there.
    url: String,
    loaded: bool,
    entries: Vec<Entry>,
}

/// A WebSocket of a page.
struct Entry {
    request: String,
    value: Value,
    closed: bool,
    /// Seconds since 1970 at the zero of the browser's own clock.
    zero: f64,
}

impl Browser {
    /// `None` where there is no Chromium.
    pub fn start(pages: usize) -> Option<Browser> {
        let chromium = Chromium::start(&[
            "--disable-quic",
            "--disable-component-update",
            "--disable-sync",
            "--use-fake-device-for-media-stream",
            "--use-fake-ui-for-media-stream",
            "--autoplay-policy=no-user-gesture-required",
            // Both pages are on this machine, whatever else it is connected to.
            "--allow-loopback-in-peer-connection",
            "--disable-features=WebRtcHideLocalIpsWithMdns",
            // The page that is not in front goes on as the other does.
            "--disable-renderer-backgrounding",
            "--disable-background-timer-throttling",
            "--disable-backgrounding-occluded-windows",
        ])?;
        let stream = TcpStream::connect(&chromium.address).expect("a connection");
        stream.set_read_timeout(Some(PATIENCE)).expect("a timeout");
        let (socket, _) = client(chromium.url.as_str(), stream).expect("a socket");
        let mut browser = Browser {
            _chromium: chromium,
            socket,
            next: 0,
            pages: Vec::new(),
        };
        for _ in 0..pages {
            browser.open_page();
        }
        Some(browser)
    }

    fn open_page(&mut self) {
        let id = self.send(
            None,
            "Target.createTarget",
            json!({ "url": "about:blank", "newWindow": true }),
        );
        let target = self.wait(&[id]).remove(0);
        let attach = json!({ "targetId": target["targetId"], "flatten": true });
        let id = self.send(None, "Target.attachToTarget", attach);
        let attached = self.wait(&[id]).remove(0);
        self.pages.push(Page {
            session: attached["sessionId"].as_str().expect("a session").to_owned(),
            url: String::new(),
            loaded: false,
            entries: Vec::new(),
        });
        let page = self.pages.len() - 1;
        for domain in ["Page.enable", "Runtime.enable", "Network.enable"] {
            let id = self.send(Some(page), domain, json!({}));
            self.wait(&[id]);
        }
    }

    fn send(&mut self, page: Option<usize>, method: &str, params: Value) -> u64 {
        self.next += 1;
        let mut message = json!({ "id": self.next, "method": method, "params": params });
        if let Some(page) = page {
            message["sessionId"] = self.pages[page].session.clone().into();
        }
        self.socket
            .send(Message::text(message.to_string()))
            .expect("the browser listens");
        self.next
    }

    /// How far each page has come, for whoever has to find out why it goes no further.
    fn told(&mut self) -> Vec<String> {
        let asked = (0..self.pages.len()).map(|page| self.ask(page, "JSON.stringify(made.told)"));
        let asked: Vec<u64> = asked.collect();
        let said = std::iter::from_fn(|| self.socket.read().ok());
        let told = said.filter_map(|message| message.into_text().ok().map(|text| text.to_string()));
        told.filter(|text| asked.iter().any(|id| text.contains(&format!("\"id\":{id},"))))
            .take(asked.len())
            .collect()
    }

    /// The next message that is not an event.
    fn answer(&mut self) -> Option<Value> {
        let text = match self.socket.read() {
            Ok(Message::Text(text)) => text,
            Ok(_) => return None,
            Err(error) => panic!("the browser says nothing ({error}): {:?}", self.told()),
        };
        let message: Value = serde_json::from_str(&text).expect("JSON");
        if message.get("id").is_none() {
            self.listen(&message);
            return None;
        }
        Some(message)
    }

    /// What these calls return, in their order.
    fn wait(&mut self, ids: &[u64]) -> Vec<Value> {
        let mut results = vec![None; ids.len()];
        while results.iter().any(Option::is_none) {
            let Some(mut message) = self.answer() else {
                continue;
            };
            if let Some(at) = ids.iter().position(|id| message["id"] == *id) {
                assert!(message.get("error").is_none(), "{message}");
                results[at] = Some(message["result"].take());
            }
        }
        results.into_iter().flatten().collect()
    }

    /// Opens a URL in a page, its HAR begun anew, and waits until all of it is there.
    pub fn go(&mut self, page: usize, url: &str) {
        let opened = &mut self.pages[page];
        opened.entries.clear();
        opened.url.clear();
        let id = self.send(Some(page), "Page.navigate", json!({ "url": url }));
        self.wait(&[id]);
        while self.pages[page].url != url || !self.pages[page].loaded {
            self.answer();
        }
    }

    /// Waits until a page's WebSockets are closed: nothing more comes for its HAR.
    pub fn leave(&mut self, page: usize) {
        while self.pages[page].entries.iter().any(|entry| !entry.closed) {
            self.answer();
        }
    }

    fn ask(&mut self, page: usize, expression: &str) -> u64 {
        let params = json!({ "expression": expression, "awaitPromise": true, "returnByValue": true });
        self.send(Some(page), "Runtime.evaluate", params)
    }

    /// The value of an expression; a promise is waited for.
    pub fn evaluate(&mut self, page: usize, expression: &str) -> Value {
        self.together(&[(page, expression)]).remove(0)
    }

    /// The values of several, side by side.
    pub fn together(&mut self, asked: &[(usize, &str)]) -> Vec<Value> {
        let ids: Vec<u64> = asked
            .iter()
            .map(|(page, expression)| self.ask(*page, expression))
            .collect();
        let results = self.wait(&ids).into_iter().zip(asked);
        results
            .map(|(mut result, (_, expression))| {
                assert!(result.get("exceptionDetails").is_none(), "{expression}: {result}");
                result["result"]["value"].take()
            })
            .collect()
    }

    /// Takes note of what a page shows, and of what its WebSockets do.
    fn listen(&mut self, message: &Value) {
        let session = message["sessionId"].as_str().unwrap_or_default();
        let Some(page) = self.pages.iter_mut().find(|page| page.session == session) else {
            return;
        };
        let params = &message["params"];
        let request = params["requestId"].as_str().unwrap_or_default();
        let at = params["timestamp"].as_f64().unwrap_or_default();
        let method = message["method"].as_str().unwrap_or_default();
        match method {
            "Page.frameNavigated" if params["frame"]["parentId"].is_null() => {
                page.url = params["frame"]["url"].as_str().unwrap_or_default().to_owned();
                page.loaded = false;
            }
            "Page.loadEventFired" => page.loaded = true,
            _ => {}
        }
        if method == "Network.webSocketCreated" {
            page.entries.push(Entry {
                request: request.to_owned(),
                value: json!({
                    "_resourceType": "websocket", "request": { "method": "GET", "url": params["url"] },
                    "response": { "status": 0 }, "_webSocketMessages": [],
                }),
                closed: false,
                zero: 0.0,
            });
        }
        let Some(entry) = page.entries.iter_mut().find(|entry| entry.request == request) else {
            return;
        };
        let kind = match method {
            "Network.webSocketWillSendHandshakeRequest" => {
                entry.zero = params["wallTime"].as_f64().unwrap_or_default() - at;
                return;
            }
            "Network.webSocketHandshakeResponseReceived" => {
                entry.value["response"]["status"] = params["response"]["status"].clone();
                return;
            }
            "Network.webSocketClosed" => {
                entry.closed = true;
                return;
            }
            "Network.webSocketFrameSent" => "send",
            "Network.webSocketFrameReceived" => "receive",
            _ => return,
        };
        let frame = &params["response"];
        let message = json!({
            "type": kind, "time": entry.zero + at, "opcode": frame["opcode"], "data": frame["payloadData"],
        });
        entry.value["_webSocketMessages"]
            .as_array_mut()
            .expect("a list")
            .push(message);
    }

    /// What a page's WebSockets have done, as its network panel saves it.
    pub fn har(&self, page: usize) -> Value {
        let entries: Vec<&Value> = self.pages[page]
            .entries
            .iter()
            .map(|entry| &entry.value)
            .collect();
        json!({ "log": {
            "version": "1.2", "creator": { "name": "WebInspector", "version": "537.36" }, "pages": [], "entries": entries,
        } })
    }
}
