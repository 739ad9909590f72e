//! All of a file into its part, over as many connections as that takes.

use crate::address::Address;
use crate::client::{Answer, Client, Trouble, passing};
use crate::digest::Sha256Digest;
use crate::error::DownloadError;
use crate::part::{About, Part};
use crate::request::{Event, Patience, Request};
use crate::waiting::wait;
use std::io::Read;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

/// Bytes that are taken from a connection at a time.
const BLOCK: usize = 1 << 17;

/// So many bytes more are progress, after which cut connections are counted anew.
const PROGRESS: u64 = 1 << 20;

/// How zip archives begin, and how their last record does, which stands in the last 64 KiB: PyTorch's files are such.
const ZIP_BEGIN: &[u8] = b"PK\x03\x04";
const ZIP_END: &[u8] = b"PK\x05\x06";
const ZIP_TAIL: u64 = 22 + u16::MAX as u64;

/// A download under way.
pub(crate) struct Transfer<'a> {
    pub(crate) client: &'a Client,
    pub(crate) address: &'a Address,
    pub(crate) request: &'a Request,
    pub(crate) patience: Patience,
    pub(crate) stop: &'a AtomicBool,
}

/// What the whole file must be.
struct Expected {
    n_bytes: Option<u64>,
    digest: Option<Sha256Digest>,
}

impl Transfer<'_> {
    fn url(&self) -> String {
        self.address.text().to_owned()
    }

    fn is_stopped(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }

    /// All of it.
    pub(crate) fn run(&self, part: &mut Part, say: &mut dyn FnMut(Event)) -> Result<(), DownloadError> {
        let mut failures = 0;
        let begun_with = part.n_bytes();
        if let Some((n_bytes, _)) = part.goes_on(self.address.text()) {
            say(Event::GoesOn { n_bytes });
        }
        loop {
            let before = part.n_bytes();
            let trouble = match self.attempt(part, say) {
                Ok(expected) => return self.check(part, &expected),
                Err(trouble) => trouble,
            };
            if self.is_stopped() {
                return Err(self.interrupted(part));
            }
            let (reason, pause) = match trouble {
                // A network that was there a moment ago may come back.
                Trouble::Final(error @ DownloadError::Unreachable { .. }) if part.n_bytes() > begun_with => {
                    (error.to_string(), None)
                }
                Trouble::Final(error) => return Err(error),
                Trouble::Passing { reason, pause } => (reason, pause),
            };
            failures = if part.n_bytes() >= before + PROGRESS { 1 } else { failures + 1 };
            if failures > self.patience.retries {
                let (n_bytes, part) = (part.kept_bytes(), part.path.clone());
                return Err(DownloadError::Cut { reason, times: failures, n_bytes, part });
            }
            let pause = pause.unwrap_or(self.patience.pause * (1 << (failures - 1).min(6)));
            say(Event::Again { reason, pause });
            if !wait(pause, self.stop) {
                return Err(self.interrupted(part));
            }
        }
    }

    fn interrupted(&self, part: &Part) -> DownloadError {
        DownloadError::Interrupted { n_bytes: part.kept_bytes(), part: part.path.clone() }
    }

    /// As much as one connection gives.
    fn attempt(&self, part: &mut Part, say: &mut dyn FnMut(Event)) -> Result<Expected, Trouble> {
        let request = self.request;
        let goes_on = part.goes_on(self.address.text());
        let answer = self.client.get(self.address, goes_on, request.token.as_ref(), request.is_gated)?;
        let expected = Expected {
            n_bytes: request.n_bytes.or(answer.promised.n_bytes),
            digest: request.digest.or(answer.promised.digest),
        };
        let total = answer.total.or(expected.n_bytes);
        if answer.is_page && answer.status != 416 {
            return Err(self.no_checkpoint("a web page, perhaps of a proxy that asks for a login").into());
        }
        match (answer.status, goes_on.map(|(begin, _)| begin)) {
            (416, Some(begin)) if answer.total == Some(begin) => {
                part.go_on()?;
                return Ok(expected);
            }
            (206, Some(begin)) if answer.begins == begin => part.go_on()?,
            (200, _) => {
                let about = |version| About { url: self.url(), version, total };
                part.begin(answer.version.clone().map(about))?;
            }
            _ => {
                part.begin(None)?;
                return Err(passing("the host answered with another part of the file than was asked for"));
            }
        }
        if let (Some(expected), Some(found)) = (expected.n_bytes, answer.total)
            && expected != found
        {
            return Err(DownloadError::WrongLength { url: self.url(), expected, found }.into());
        }
        self.check_room(part, total)?;
        self.receive(answer, total, part, say)?;
        Ok(expected)
    }

    /// Whether the disk has room for the rest.
    fn check_room(&self, part: &Part, total: Option<u64>) -> Result<(), DownloadError> {
        let folder = part.path.parent().unwrap_or(Path::new("."));
        let needed = total.map(|total| total.saturating_sub(part.n_bytes()));
        // Where the system says nothing of it, writing will.
        let free = rustix::fs::statvfs(folder).ok().map(|disk| disk.f_bavail.saturating_mul(disk.f_frsize));
        match (needed, free) {
            (Some(needed), Some(free)) if needed > free => {
                Err(DownloadError::NoRoom { folder: folder.to_owned(), needed: Some(needed), free: Some(free) })
            }
            _ => Ok(()),
        }
    }

    fn receive(
        &self,
        mut answer: Answer,
        total: Option<u64>,
        part: &mut Part,
        say: &mut dyn FnMut(Event),
    ) -> Result<(), Trouble> {
        let mut block = vec![0; BLOCK];
        loop {
            let n = answer.body.read(&mut block).map_err(|error| self.client.cut(&error))?;
            if n == 0 {
                break;
            }
            let is_begin = part.n_bytes() < ZIP_BEGIN.len() as u64;
            part.append(&block[..n])?;
            if is_begin && part.n_bytes() >= ZIP_BEGIN.len() as u64 {
                self.check_begin(part)?;
            }
            if let Some(expected) = total.filter(|total| part.n_bytes() > *total) {
                return Err(DownloadError::WrongLength { url: self.url(), expected, found: part.n_bytes() }.into());
            }
            say(Event::Bytes { n_bytes: part.n_bytes(), total });
            if self.is_stopped() {
                return Err(self.interrupted(part).into());
            }
        }
        match total {
            Some(total) if part.n_bytes() < total => Err(passing("the connection was closed before the end")),
            _ => Ok(()),
        }
    }

    fn no_checkpoint(&self, found: &str) -> DownloadError {
        DownloadError::NoCheckpoint { url: self.url(), found: found.to_owned() }
    }

    fn check_begin(&self, part: &mut Part) -> Result<(), DownloadError> {
        let begin = part.read_at(0, 64)?;
        if begin.starts_with(ZIP_BEGIN) {
            return Ok(());
        }
        let text = String::from_utf8_lossy(&begin).trim_start().to_lowercase();
        Err(self.no_checkpoint(if text.starts_with("<!doctype html") || text.starts_with("<html") {
            "a web page, perhaps of a proxy that asks for a login"
        } else if text.starts_with("version https://git-lfs") {
            "a pointer of Git LFS in its place"
        } else {
            "something that is no zip archive, as PyTorch's files are"
        }))
    }

    /// Whether what has come is all, and what it should be.
    fn check(&self, part: &mut Part, expected: &Expected) -> Result<(), DownloadError> {
        let url = self.url();
        if let Some(expected) = expected.n_bytes.filter(|expected| *expected != part.n_bytes()) {
            return Err(DownloadError::WrongLength { url, expected, found: part.n_bytes() });
        }
        let found = part.digest();
        if let Some(expected) = expected.digest.filter(|expected| *expected != found) {
            return Err(DownloadError::WrongDigest { url, expected, found });
        }
        self.check_begin(part)?;
        let tail = part.read_at(part.n_bytes().saturating_sub(ZIP_TAIL), ZIP_TAIL as usize)?;
        match tail.windows(ZIP_END.len()).any(|window| window == ZIP_END) {
            true => Ok(()),
            false => Err(self.no_checkpoint("a file whose end is missing")),
        }
    }
}
