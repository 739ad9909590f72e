//! One request after another, each answered by a file, a part of it, or a reason.

use crate::address::Address;
use crate::digest::Sha256Digest;
use crate::error::DownloadError;
use crate::request::Token;
use std::io::{self, ErrorKind, Read};
use std::path::PathBuf;
use std::time::Duration;
use ureq::http::{HeaderMap, Response};
use ureq::tls::{PemItem, RootCerts, TlsConfig, parse_pem};
use ureq::{Agent, Body, Timeout};

/// Redirections of one request, at most.
const MOST_REDIRECTS: usize = 10;

/// A connection is made in this time, or not at all.
const CONNECT: Duration = Duration::from_secs(20);

/// Longest wait that a server may ask for.
const LONGEST_PAUSE: Duration = Duration::from_secs(120);

/// Why there is no answer.
#[derive(Debug)]
pub(crate) enum Trouble {
    /// Asking again changes nothing.
    Final(DownloadError),
    /// It may pass.
    Passing { reason: String, pause: Option<Duration> },
}

impl From<DownloadError> for Trouble {
    fn from(error: DownloadError) -> Self {
        Self::Final(error)
    }
}

pub(crate) fn passing(reason: impl Into<String>) -> Trouble {
    Trouble::Passing { reason: reason.into(), pause: None }
}

/// What a host says of a file before it sends another host to deliver it (`X-Linked-Size`, `X-Linked-Etag` of Hugging Face).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Promised {
    pub(crate) n_bytes: Option<u64>,
    pub(crate) digest: Option<Sha256Digest>,
}

/// A file, or a part of it.
pub(crate) struct Answer {
    /// 200, 206 or 416.
    pub(crate) status: u16,
    /// Where the part begins.
    pub(crate) begins: u64,
    /// Length of the whole file.
    pub(crate) total: Option<u64>,
    /// What names this version of the file: a strong ETag, and a date.
    tag: Option<String>,
    date: Option<String>,
    /// Whether it says that it is a web page.
    pub(crate) is_page: bool,
    pub(crate) promised: Promised,
    pub(crate) body: Box<dyn Read + Send>,
}

impl Answer {
    /// What names this version of the file: a strong ETag, or a date.
    pub(crate) fn version(&self) -> Option<&str> {
        self.tag.as_deref().or(self.date.as_deref())
    }

    /// Whether it is of this version, as far as it says; ETags are in quotation marks, dates are not.
    pub(crate) fn is_of(&self, version: &str) -> bool {
        let said = if version.starts_with('"') { &self.tag } else { &self.date };
        said.as_deref().is_none_or(|said| said == version)
    }
}

/// Asks hosts.
#[derive(Debug, Clone)]
pub(crate) struct Client {
    agent: Agent,
    silence: Duration,
}

fn header<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name)?.to_str().ok().map(str::trim)
}

/// Authorities of certificates: those that `SSL_CERT_FILE` names, or Mozilla's.
fn authorities() -> Result<RootCerts, DownloadError> {
    let Some(path) = std::env::var_os("SSL_CERT_FILE").filter(|path| !path.is_empty()).map(PathBuf::from) else {
        return Ok(RootCerts::WebPki);
    };
    let unreadable = |source| DownloadError::File { path: path.clone(), action: "read as SSL_CERT_FILE", source };
    let text = std::fs::read(&path).map_err(unreadable)?;
    let mut certificates = Vec::new();
    for item in parse_pem(&text) {
        match item {
            Ok(PemItem::Certificate(certificate)) => certificates.push(certificate),
            Ok(_) => {}
            Err(error) => return Err(unreadable(io::Error::new(ErrorKind::InvalidData, error.to_string()))),
        }
    }
    match certificates.is_empty() {
        true => Err(unreadable(io::Error::new(ErrorKind::InvalidData, "it holds no certificate"))),
        false => Ok(RootCerts::from(certificates)),
    }
}

impl Client {
    /// Proxies come from the environment (`HTTPS_PROXY`, `ALL_PROXY`, `NO_PROXY`).
    pub(crate) fn new(silence: Duration) -> Result<Self, DownloadError> {
        let config = Agent::config_builder()
            .http_status_as_error(false)
            .max_redirects(0)
            .max_redirects_will_error(false)
            .user_agent(concat!("mlip-batch/", env!("CARGO_PKG_VERSION")))
            .accept_encoding("identity")
            .timeout_resolve(Some(CONNECT.min(silence)))
            .timeout_connect(Some(CONNECT.min(silence)))
            .timeout_per_read(Some(silence))
            .timeout_per_write(Some(silence))
            .tls_config(TlsConfig::builder().root_certs(authorities()?).build())
            .build();
        Ok(Self { agent: config.new_agent(), silence })
    }

    /// Ends all that is under way, and all that would come.
    pub(crate) fn interrupt(&self) {
        self.agent.clone().shutdown();
    }

    /// The file, from byte `from.0` on if it is still the version `from.1`. A token goes to the host of `address` only.
    pub(crate) fn get(
        &self,
        address: &Address,
        from: Option<(u64, &str)>,
        token: Option<&Token>,
        is_gated: bool,
    ) -> Result<Answer, Trouble> {
        let mut promised = Promised::default();
        let mut next = address.clone();
        for _ in 0..=MOST_REDIRECTS {
            let mut request = self.agent.get(next.text());
            if let Some(Token(token)) = token.filter(|_| next.is_of(address)) {
                request = request.header("Authorization", format!("Bearer {token}"));
            }
            if let Some((begin, version)) = from {
                request = request.header("Range", format!("bytes={begin}-")).header("If-Range", version);
            }
            let response = request.call().map_err(|error| self.trouble(&next, error))?;
            if next.is_of(address) {
                promised = promised.or(response.headers());
            }
            match response.status().as_u16() {
                301 | 302 | 303 | 307 | 308 => {
                    let location = header(response.headers(), "Location").ok_or_else(|| {
                        let problem = "to nowhere: the answer names no place".to_owned();
                        DownloadError::Redirect { url: next.text().to_owned(), problem }
                    })?;
                    next = next.redirected(location)?;
                }
                200 | 206 | 416 => return Ok(answer(response, promised)),
                status => return Err(refusal(status, &next, response.headers(), is_gated, token.is_some())),
            }
        }
        let problem = format!("more than {MOST_REDIRECTS} times");
        Err(DownloadError::Redirect { url: address.text().to_owned(), problem }.into())
    }

    /// What an error before the answer means.
    fn trouble(&self, address: &Address, error: ureq::Error) -> Trouble {
        let host = || address.host().to_owned();
        let unreachable = |reason: String| Trouble::Final(DownloadError::Unreachable { host: host(), reason });
        match error {
            ureq::Error::HostNotFound => unreachable("its name is not known here".into()),
            ureq::Error::Timeout(Timeout::Resolve | Timeout::Connect) => {
                unreachable(format!("no answer in {} s", CONNECT.min(self.silence).as_secs()))
            }
            ureq::Error::Timeout(_) => passing(self.silent()),
            ureq::Error::ConnectionFailed => unreachable("no connection".into()),
            ureq::Error::ConnectProxyFailed(reason) => unreachable(format!("the proxy refuses ({reason})")),
            ureq::Error::InvalidProxyUrl => unreachable("the address of the proxy is none".into()),
            ureq::Error::Rustls(error) => {
                Trouble::Final(DownloadError::Certificate { host: host(), reason: error.to_string() })
            }
            ureq::Error::Tls(reason) => {
                Trouble::Final(DownloadError::Certificate { host: host(), reason: reason.to_owned() })
            }
            ureq::Error::Io(error) => match error.kind() {
                ErrorKind::ConnectionReset | ErrorKind::ConnectionAborted | ErrorKind::BrokenPipe => {
                    passing(error.to_string())
                }
                ErrorKind::UnexpectedEof => passing("the connection was closed before the answer"),
                // A certificate that is refused ends the handshake, which is input and output.
                ErrorKind::InvalidData => {
                    Trouble::Final(DownloadError::Certificate { host: host(), reason: error.to_string() })
                }
                _ => unreachable(error.to_string()),
            },
            other => passing(other.to_string()),
        }
    }

    fn silent(&self) -> String {
        format!("nothing came for {} s", self.silence.as_secs_f64())
    }

    /// What an error within the body means.
    pub(crate) fn cut(&self, error: &io::Error) -> Trouble {
        let inner = error.get_ref().and_then(|inner| inner.downcast_ref::<ureq::Error>());
        match error.kind() {
            _ if matches!(inner, Some(ureq::Error::Timeout(_))) => passing(self.silent()),
            ErrorKind::TimedOut | ErrorKind::WouldBlock => passing(self.silent()),
            ErrorKind::UnexpectedEof => passing("the connection was closed before the end"),
            _ => passing(error.to_string()),
        }
    }
}

impl Promised {
    /// What is said first counts.
    fn or(self, headers: &HeaderMap) -> Self {
        let n_bytes = || header(headers, "X-Linked-Size")?.parse().ok();
        let digest = || Sha256Digest::parse(header(headers, "X-Linked-Etag")?.trim_matches('"'));
        Self { n_bytes: self.n_bytes.or_else(n_bytes), digest: self.digest.or_else(digest) }
    }
}

fn answer(response: Response<Body>, promised: Promised) -> Answer {
    let headers = response.headers();
    let length = header(headers, "Content-Length").and_then(|text| text.parse::<u64>().ok());
    // `bytes 5-9/10`; `bytes */10` where nothing is left.
    let range = header(headers, "Content-Range").and_then(|text| text.strip_prefix("bytes ")?.split_once('/'));
    let status = response.status().as_u16();
    let begins = range.and_then(|(part, _)| part.split('-').next()?.parse().ok()).unwrap_or(0);
    let total = match (status, range) {
        (200, _) => length,
        (_, Some((_, total))) => total.parse().ok(),
        (_, None) => None,
    };
    let strong = header(headers, "ETag").filter(|tag| !tag.starts_with("W/"));
    let (tag, date) = (strong.map(str::to_owned), header(headers, "Last-Modified").map(str::to_owned));
    let is_page = header(headers, "Content-Type").is_some_and(|kind| kind.starts_with("text/html"));
    let body = response.into_body().into_with_config().limit(u64::MAX).reader();
    Answer { status, begins, total, tag, date, is_page, promised, body: Box::new(body) }
}

fn refusal(status: u16, address: &Address, headers: &HeaderMap, is_gated: bool, with_token: bool) -> Trouble {
    let url = address.text().to_owned();
    Trouble::Final(match status {
        401 | 403 if is_gated => DownloadError::Gated { url, status, with_token },
        401 | 403 => DownloadError::Refused { url, status },
        404 | 410 => DownloadError::NotThere { url, status },
        408 | 425 | 429 | 500 | 502..=504 => {
            let pause = header(headers, "Retry-After").and_then(|text| text.parse().ok()).map(Duration::from_secs);
            let pause = pause.map(|pause| pause.min(LONGEST_PAUSE));
            return Trouble::Passing { reason: format!("the host answered {status}"), pause };
        }
        _ => DownloadError::Status { url, status },
    })
}
