//! A host of this machine: answers as it is told, and remembers what it was asked.

use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// A request.
#[derive(Debug, Clone, Default)]
pub(super) struct Asked {
    /// `GET` or `CONNECT`.
    pub(super) method: String,
    pub(super) path: String,
    /// First byte of `Range`.
    pub(super) begin: Option<usize>,
    pub(super) version: Option<String>,
    pub(super) token: Option<String>,
    /// How many came before it.
    pub(super) number: usize,
}

/// A host of this machine.
pub(super) struct Host {
    /// `127.0.0.1:PORT`
    pub(super) authority: String,
    asked: Arc<Mutex<Vec<Asked>>>,
}

fn read(stream: &TcpStream) -> Option<Asked> {
    let mut lines = BufReader::new(stream.try_clone().ok()?).lines();
    let first = lines.next()?.ok()?;
    let mut words = first.split(' ').map(str::to_owned);
    let mut asked = Asked { method: words.next()?, path: words.next()?, ..Asked::default() };
    for line in lines {
        let line = line.ok()?;
        let Some((name, value)) = line.split_once(": ") else { break };
        match name.to_lowercase().as_str() {
            "range" => asked.begin = value.trim_start_matches("bytes=").trim_end_matches('-').parse().ok(),
            "if-range" => asked.version = Some(value.to_owned()),
            "authorization" => asked.token = Some(value.trim_start_matches("Bearer ").to_owned()),
            _ => {}
        }
    }
    Some(asked)
}

impl Host {
    /// Lives as long as the process.
    pub(super) fn new(answer: impl Fn(&Asked, &mut TcpStream) + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let authority = listener.local_addr().unwrap().to_string();
        let asked = Arc::new(Mutex::new(Vec::new()));
        let (known, answer) = (asked.clone(), Arc::new(answer));
        let serve = move || {
            for stream in listener.incoming() {
                let Ok(mut stream) = stream else { continue };
                let (known, answer) = (known.clone(), answer.clone());
                let one = move || {
                    let Some(mut asked) = read(&stream) else { return };
                    {
                        let mut known = known.lock().unwrap();
                        asked.number = known.len();
                        known.push(asked.clone());
                    }
                    answer(&asked, &mut stream);
                };
                std::thread::Builder::new().spawn(one).unwrap();
            }
        };
        std::thread::Builder::new().spawn(serve).unwrap();
        Self { authority, asked }
    }

    pub(super) fn url(&self) -> String {
        format!("http://{}", self.authority)
    }

    /// All that it was asked.
    pub(super) fn asked(&self) -> Vec<Asked> {
        self.asked.lock().unwrap().clone()
    }
}

/// What a client that went away does not hear is nobody's error.
pub(super) fn send(stream: &mut TcpStream, text: &str, body: &[u8]) {
    let _ = stream.write_all(text.as_bytes()).and_then(|()| stream.write_all(body));
}

/// An answer without a body.
pub(super) fn status(stream: &mut TcpStream, status: &str, headers: &str) {
    send(stream, &format!("HTTP/1.1 {status}\r\n{headers}Content-Length: 0\r\nConnection: close\r\n\r\n"), b"");
}

/// The file, of a host that knows ranges: of the version that `If-Range` names, the part that is asked for.
pub(super) fn ranged(asked: &Asked, stream: &mut TcpStream, file: &[u8], version: &str, most: usize) {
    let begin = asked.begin.filter(|_| asked.version.as_deref() == Some(version));
    let total = file.len();
    let (first, head) = match begin {
        Some(begin) => (begin, format!("206 Partial Content\r\nContent-Range: bytes {begin}-{}/{total}", total - 1)),
        None => (0, "200 OK".to_owned()),
    };
    let length = total - first;
    let head = format!(
        "HTTP/1.1 {head}\r\nETag: {version}\r\nAccept-Ranges: bytes\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n"
    );
    send(stream, &head, &file[first..total.min(first.saturating_add(most))]);
}

/// The file, of a host that knows no ranges and no versions.
pub(super) fn plain(stream: &mut TcpStream, file: &[u8], most: usize) {
    let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\nConnection: close\r\n\r\n", file.len());
    send(stream, &head, &file[..most.min(file.len())]);
}

/// Says nothing for so long.
pub(super) fn silence(milliseconds: u64) {
    std::thread::sleep(Duration::from_millis(milliseconds));
}
