//! A real browser without a window, driven by its debugging protocol over pipes.

use serde_json::{Value, json};
use std::collections::VecDeque;
use std::fs::{File, OpenOptions};
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};

/// A page in a browser; ended with its handle.
pub(crate) struct Page {
    browser: Child,
    orders: File,
    answers: BufReader<File>,
    session: Value,
    n_orders: u64,
    /// What happened and was not waited for.
    pub(crate) events: VecDeque<Value>,
}

/// The program, or a line that says that the test was skipped.
pub(crate) fn chromium() -> Option<&'static str> {
    let found = ["chromium", "chromium-browser", "google-chrome"].into_iter().find(|name| {
        let version = Command::new(name).arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status();
        version.is_ok_and(|status| status.success())
    });
    if found.is_none() {
        eprintln!("skipped: no Chromium (Debian's package chromium)");
    }
    found
}

impl Page {
    /// Opens a file as on a phone; `folder` is for the browser's own files.
    pub(crate) fn open(program: &str, file: &Path, folder: &Path) -> Self {
        let (orders, answers) = (folder.join("orders"), folder.join("answers"));
        assert!(Command::new("mkfifo").args([&orders, &answers]).status().unwrap().success());
        // The protocol is spoken on descriptors 3 and 4; what hangs ends by itself.
        let start = "exec timeout 120 \"$0\" --headless=new --no-sandbox --disable-gpu --disable-dev-shm-usage \
                     --no-first-run --remote-debugging-pipe --user-data-dir=\"$1\" 3<\"$2\" 4>\"$3\"";
        let browser = Command::new("sh")
            .args(["-c", start, program])
            .args([&folder.join("profile"), &orders, &answers])
            .stderr(Stdio::null())
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        let orders = OpenOptions::new().write(true).open(orders).unwrap();
        let answers = BufReader::new(File::open(answers).unwrap());
        let mut page = Self { browser, orders, answers, session: Value::Null, n_orders: 0, events: VecDeque::new() };
        let target = page.order("Target.createTarget", json!({ "url": "about:blank" }))["targetId"].clone();
        page.session =
            page.order("Target.attachToTarget", json!({ "targetId": target, "flatten": true }))["sessionId"].clone();
        for domain in ["Page", "Runtime", "Network", "Log"] {
            page.order(&format!("{domain}.enable"), json!({}));
        }
        page.resize(390, 844);
        page.order("Page.navigate", json!({ "url": url(file) }));
        page.wait("Page.loadEventFired");
        page
    }

    /// Gives the page a size.
    pub(crate) fn resize(&mut self, width: u32, height: u32) {
        let size = json!({ "width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600 });
        self.order("Emulation.setDeviceMetricsOverride", size);
    }

    /// Shows it on a screen or on paper, light or dark.
    pub(crate) fn show(&mut self, media: &str, scheme: &str) {
        let features = json!([{ "name": "prefers-color-scheme", "value": scheme }]);
        self.order("Emulation.setEmulatedMedia", json!({ "media": media, "features": features }));
    }

    fn message(&mut self) -> Value {
        let mut text = Vec::new();
        self.answers.read_until(0, &mut text).unwrap();
        assert_eq!(text.pop(), Some(0), "the browser has gone");
        serde_json::from_slice(&text).unwrap()
    }

    /// Gives an order; its result.
    pub(crate) fn order(&mut self, method: &str, params: Value) -> Value {
        self.n_orders += 1;
        let mut order = json!({ "id": self.n_orders, "method": method, "params": params });
        if !self.session.is_null() {
            order["sessionId"] = self.session.clone();
        }
        self.orders.write_all(format!("{order}\0").as_bytes()).unwrap();
        loop {
            let message = self.message();
            if message["id"] == json!(self.n_orders) {
                assert!(message["error"].is_null(), "{method}: {message}");
                return message["result"].clone();
            }
            self.events.push_back(message);
        }
    }

    /// Waits for an event.
    pub(crate) fn wait(&mut self, method: &str) {
        let is_it = |event: &Value| event["method"] == method;
        while !self.events.iter().any(is_it) {
            let message = self.message();
            self.events.push_back(message);
        }
    }

    /// What an expression is in the page.
    pub(crate) fn value(&mut self, expression: &str) -> Value {
        let asked = json!({ "expression": expression, "returnByValue": true, "awaitPromise": true });
        let answer = self.order("Runtime.evaluate", asked);
        assert!(answer["exceptionDetails"].is_null(), "{expression}: {answer}");
        answer["result"]["value"].clone()
    }

    /// Presses the mouse on an element.
    pub(crate) fn click(&mut self, selector: &str) {
        let place = self.value(&format!(
            "(() => {{ const e = document.querySelector({}); e.scrollIntoView({{block: 'center', behavior: 'instant'}}); \
             const r = e.getBoundingClientRect(); return [r.x + r.width / 2, r.y + r.height / 2] }})()",
            json!(selector)
        ));
        for kind in ["mousePressed", "mouseReleased"] {
            let event = json!({ "type": kind, "x": place[0], "y": place[1], "button": "left", "clickCount": 1 });
            self.order("Input.dispatchMouseEvent", event);
        }
        // What follows from a click has happened when two frames have been drawn.
        self.value("new Promise(done => requestAnimationFrame(() => requestAnimationFrame(() => done(0))))");
    }
}

impl Drop for Page {
    fn drop(&mut self) {
        let _ = self.browser.kill();
        let _ = self.browser.wait();
    }
}

/// The address of a file.
pub(crate) fn url(file: &Path) -> String {
    format!("file://{}", file.display())
}
