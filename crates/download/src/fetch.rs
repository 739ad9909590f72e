//! A file, whole or not at all.

use crate::address::Address;
use crate::client::Client;
use crate::digest::Sha256Digest;
use crate::error::DownloadError;
use crate::part::{Part, beside};
use crate::request::{Event, Patience, Request};
use crate::transfer::Transfer;
use crate::waiting::STEP;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

/// How a file came to be there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fetched {
    /// It came.
    New {
        /// Of the file; written beside it too, as `FILE.sha256`.
        digest: Sha256Digest,
        /// Its length.
        n_bytes: u64,
    },
    /// Another process fetched it meanwhile.
    ByAnother,
}

/// The digest that was written beside a file when it came.
pub fn digest_beside(path: &Path) -> Option<Sha256Digest> {
    let text = std::fs::read_to_string(beside(path, ".sha256")).ok()?;
    Sha256Digest::parse(text.split_whitespace().next()?)
}

/// Fetches a file that is not there yet; `stop` ends it, and what has come is kept.
///
/// # Errors
/// [`DownloadError`]. Nothing is then there under the name of the file.
///
/// # Panics
/// Where `say` does.
pub fn fetch(
    request: &Request,
    patience: Patience,
    stop: &AtomicBool,
    say: &mut (dyn FnMut(Event) + Send),
) -> Result<Fetched, DownloadError> {
    let address = Address::parse(&request.url)?;
    let client = Client::new(patience.silence)?;
    let transfer = Transfer { client: &client, address: &address, request, patience, stop };
    // A thread waits for the network, so that this one sees a signal at once.
    std::thread::scope(|scope| {
        let worker = scope.spawn(move || fetch_with(&transfer, say));
        while !worker.is_finished() {
            if stop.load(Ordering::Relaxed) {
                client.interrupt();
            }
            std::thread::sleep(STEP);
        }
        worker.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    })
}

fn fetch_with(transfer: &Transfer<'_>, say: &mut dyn FnMut(Event)) -> Result<Fetched, DownloadError> {
    let target = &transfer.request.target;
    let folder = target.parent().unwrap_or(Path::new("."));
    std::fs::create_dir_all(folder).map_err(|source| {
        let path = folder.to_owned();
        DownloadError::File { path, action: "made", source }
    })?;
    let Some(mut part) = Part::open(target, transfer.stop, say)? else {
        return match transfer.stop.load(Ordering::Relaxed) {
            true => Err(DownloadError::Interrupted { n_bytes: 0, part: beside(target, ".part") }),
            false => Ok(Fetched::ByAnother),
        };
    };
    match transfer.run(&mut part, say) {
        Ok(()) => {
            let (digest, n_bytes) = (part.digest(), part.n_bytes());
            part.finish(target)?;
            Ok(Fetched::New { digest, n_bytes })
        }
        Err(error) => {
            // What came is of no use, or fills the disk; or nobody can go on with it.
            let is_useless = match &error {
                DownloadError::WrongLength { .. }
                | DownloadError::WrongDigest { .. }
                | DownloadError::NoCheckpoint { .. }
                | DownloadError::FileLimit { .. } => true,
                // With a figure it was known before anything was written.
                DownloadError::NoRoom { free, .. } => free.is_none(),
                _ => false,
            };
            if is_useless || part.n_bytes() == 0 || part.goes_on(transfer.address.text()).is_none() {
                part.discard()?;
            }
            Err(error)
        }
    }
}
