//! A headless Chromium and its DevTools protocol, as much of it as a page needs to be looked at.

use std::path::Path;
use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;

use super::tools::Chromium;

const PATIENCE: Duration = Duration::from_secs(60);

/// A browser with one page; gone with its value.
pub struct Browser {
    _chromium: Chromium,
    socket: WebSocketStream<TcpStream>,
    session: String,
    next: u64,
    /// Every exception, and every message to the console that is an error or a warning.
    pub complaints: Vec<String>,
}

impl Browser {
    /// `None` where there is no Chromium.
    pub async fn start() -> Option<Browser> {
        let chromium = Chromium::start(&["--hide-scrollbars"])?;
        let stream = TcpStream::connect(&chromium.address).await.expect("a connection");
        let (socket, _) = tokio_tungstenite::client_async(chromium.url.as_str(), stream)
            .await
            .expect("a socket");
        let mut browser = Browser {
            _chromium: chromium,
            socket,
            session: String::new(),
            next: 0,
            complaints: Vec::new(),
        };
        let target = browser
            .call("Target.createTarget", json!({ "url": "about:blank" }))
            .await;
        let attach = json!({ "targetId": target["targetId"], "flatten": true });
        let attached = browser.call("Target.attachToTarget", attach).await;
        browser.session = attached["sessionId"].as_str().expect("a session").to_owned();
        for domain in ["Page.enable", "Runtime.enable", "Log.enable"] {
            browser.call(domain, json!({})).await;
        }
        Some(browser)
    }

    /// Calls a method and waits for what it returns.
    pub async fn call(&mut self, method: &str, params: Value) -> Value {
        self.next += 1;
        let id = self.next;
        let mut message = json!({ "id": id, "method": method, "params": params });
        if !self.session.is_empty() {
            message["sessionId"] = self.session.clone().into();
        }
        self.socket
            .send(Message::text(message.to_string()))
            .await
            .expect("the browser listens");
        loop {
            let message = self.message().await;
            if message["id"] == id {
                assert!(message.get("error").is_none(), "{method}: {message}");
                return message["result"].clone();
            }
        }
    }

    async fn message(&mut self) -> Value {
        loop {
            let message = tokio::time::timeout(PATIENCE, self.socket.next())
                .await
                .expect("the browser answers in time");
            let Some(Ok(Message::Text(text))) = message else {
                assert!(
                    matches!(message, Some(Ok(_))),
                    "the browser has gone: {message:?}"
                );
                continue;
            };
            let message: Value = serde_json::from_str(&text).expect("JSON");
            self.listen(&message);
            return message;
        }
    }

    fn listen(&mut self, message: &Value) {
        let params = &message["params"];
        let complaint = match message["method"].as_str() {
            Some("Runtime.exceptionThrown") => Some(params["exceptionDetails"].to_string()),
            Some("Runtime.consoleAPICalled") if params["type"] == "error" || params["type"] == "warning" => {
                Some(params["args"].to_string())
            }
            Some("Log.entryAdded")
                if params["entry"]["level"] == "error" || params["entry"]["level"] == "warning" =>
            {
                Some(params["entry"].to_string())
            }
            _ => None,
        };
        self.complaints.extend(complaint);
    }

    /// Opens a file and waits until it is loaded.
    pub async fn open(&mut self, path: &Path, fragment: &str) {
        // From elsewhere: going to another fragment of the same page loads nothing.
        self.go("about:blank").await;
        self.go(&format!("file://{}{fragment}", path.display())).await;
    }

    async fn go(&mut self, url: &str) {
        self.call("Page.navigate", json!({ "url": url })).await;
        while self
            .evaluate("location.href !== 'about:blank' || document.URL === 'about:blank'")
            .await
            != true
        {}
        self.evaluate("new Promise((done) => document.readyState === 'complete' ? done() : addEventListener('load', () => done()))").await;
    }

    /// The value of an expression; a promise is waited for.
    pub async fn evaluate(&mut self, expression: &str) -> Value {
        let params = json!({ "expression": expression, "awaitPromise": true, "returnByValue": true });
        let result = self.call("Runtime.evaluate", params).await;
        assert!(result.get("exceptionDetails").is_none(), "{expression}: {result}");
        result["result"]["value"].clone()
    }

    /// Waits, frame by frame, until an expression is true.
    pub async fn until(&mut self, expression: &str) {
        let text = format!(
            "new Promise((done, fail) => {{ const end = performance.now() + 30000; const look = () => {{ if ({expression}) done(); \
             else if (performance.now() > end) fail(new Error('not within 30 s')); else setTimeout(look, 10); }}; look(); }})"
        );
        self.evaluate(&text).await;
    }

    pub async fn key(&mut self, key: &str) {
        let text = if key.chars().count() == 1 { key } else { "" };
        for kind in ["keyDown", "keyUp"] {
            let text = if kind == "keyDown" { text } else { "" };
            self.call(
                "Input.dispatchKeyEvent",
                json!({ "type": kind, "key": key, "text": text }),
            )
            .await;
        }
    }

    pub async fn prefers(&mut self, scheme: &str) {
        let feature = json!({ "name": "prefers-color-scheme", "value": scheme });
        self.call("Emulation.setEmulatedMedia", json!({ "features": [feature] }))
            .await;
    }

    pub async fn size(&mut self, width: u32, height: u32) {
        let metrics = json!({ "width": width, "height": height, "deviceScaleFactor": 1, "mobile": false });
        self.call("Emulation.setDeviceMetricsOverride", metrics).await;
    }

    /// A picture for whoever wants to look at it, if `CALLSPEC_PICTURES` names a folder.
    pub async fn picture(&mut self, name: &str) {
        use base64::Engine as _;
        let Some(folder) = std::env::var_os("CALLSPEC_PICTURES") else {
            return;
        };
        let taken = self
            .call("Page.captureScreenshot", json!({ "format": "png" }))
            .await;
        let bytes =
            base64::engine::general_purpose::STANDARD.decode(taken["data"].as_str().expect("a picture"));
        std::fs::write(Path::new(&folder).join(name), bytes.expect("base64")).expect("a file");
    }
}
