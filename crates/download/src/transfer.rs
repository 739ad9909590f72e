//! All of a file into its part, over as many connections as that takes.

use crate::address::Address;
use crate::client::{Answer, Client, Trouble, passing};
use crate::digest::Sha256Digest;
use crate::error::DownloadError;
use crate::part::{About, Part};
use crate::request::{Event, Patience, Request};
use crate::waiting::wait;
use crate::zip::{self, HEAD_BYTES, LEAST_BYTES, TAIL_BYTES};
use std::io::Read;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

/// Bytes that are taken from a connection at a time.
const BLOCK: usize = 1 << 17;

/// So many bytes more are progress, after which cut connections are counted anew.
const PROGRESS: u64 = 1 << 20;

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
        let (mut failures, mut restarts) = (0, 0);
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
            // A file that changes again and again never comes, whatever comes of it between.
            restarts += u32::from(part.n_bytes() < before);
            let times = failures.max(restarts);
            if times > self.patience.retries {
                let (n_bytes, part) = (part.kept_bytes(), part.path.clone());
                return Err(DownloadError::Cut { reason, times, n_bytes, part });
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
        let goes_on = goes_on.map(|(begin, version)| (begin, answer.is_of(version) && part.has_length(answer.total)));
        let total = answer.total.or(expected.n_bytes);
        if answer.is_page && answer.status != 416 {
            return Err(self.no_checkpoint(zip::PAGE).into());
        }
        match (answer.status, goes_on) {
            (416, Some((begin, true))) if answer.total == Some(begin) => {
                part.go_on()?;
                return Ok(expected);
            }
            (206, Some((begin, true))) if answer.begins == begin => part.go_on()?,
            // A host that knows no `If-Range` gives a part of what is there now.
            (206 | 416, Some((_, false))) => {
                part.begin(None)?;
                return Err(passing("the file has changed on the host meanwhile"));
            }
            (200, _) => {
                let about = |version| About { url: self.url(), version, total };
                part.begin(answer.version().map(str::to_owned).map(about))?;
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
            let is_begin = part.n_bytes() < LEAST_BYTES;
            part.append(&block[..n])?;
            if is_begin && part.n_bytes() >= LEAST_BYTES {
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
        let head = part.read_at(0, HEAD_BYTES)?;
        zip::wrong_begin(&head).map_or(Ok(()), |found| Err(self.no_checkpoint(found)))
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
        let tail = part.read_at(part.n_bytes().saturating_sub(TAIL_BYTES), TAIL_BYTES as usize)?;
        zip::wrong_end(&tail).map_or(Ok(()), |found| Err(self.no_checkpoint(found)))
    }
}
