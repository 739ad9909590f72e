//! The part of a file that has come: locked by who writes it, and kept for who goes on.

use crate::digest::{RunningDigest, Sha256Digest};
use crate::error::DownloadError;
use crate::request::Event;
use crate::waiting::{STEP, wait};
use serde::{Deserialize, Serialize};
use std::ffi::OsString;
use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, ErrorKind, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;

/// Of what the part is a part.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct About {
    pub(crate) url: String,
    /// What the server calls this version of the file.
    pub(crate) version: String,
    pub(crate) total: Option<u64>,
}

/// The part of a file that has come.
#[derive(Debug)]
pub(crate) struct Part {
    pub(crate) path: PathBuf,
    about_path: PathBuf,
    about: Option<About>,
    file: File,
    n_bytes: u64,
    sum: RunningDigest,
}

/// `FILE` and an ending.
pub(crate) fn beside(path: &Path, ending: &str) -> PathBuf {
    let mut name = OsString::from(path);
    name.push(ending);
    name.into()
}

fn failed(path: &Path, action: &'static str) -> impl FnOnce(io::Error) -> DownloadError {
    let path = path.to_owned();
    move |source| DownloadError::File { path, action, source }
}

/// Removes a file, if it is there.
pub(crate) fn remove(path: &Path) -> Result<(), DownloadError> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(failed(path, "removed")(error)),
        _ => Ok(()),
    }
}

impl Part {
    /// The part of this file, empty at first. `None` where another process finished the file meanwhile, or a signal came.
    pub(crate) fn open(
        target: &Path,
        stop: &AtomicBool,
        say: &mut dyn FnMut(Event),
    ) -> Result<Option<Self>, DownloadError> {
        let path = beside(target, ".part");
        let mut waits = false;
        loop {
            let file = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(&path);
            let file = file.map_err(failed(&path, "written"))?;
            match file.try_lock() {
                Ok(()) => {}
                Err(TryLockError::WouldBlock) => {
                    if !waits {
                        say(Event::OtherProcess);
                        waits = true;
                    }
                    if !wait(STEP, stop) {
                        return Ok(None);
                    }
                    continue;
                }
                Err(TryLockError::Error(source)) => return Err(DownloadError::NoLocks { part: path, source }),
            }
            // The process that held it may have given the file its name, or removed it.
            let identity = |data: &std::fs::Metadata| (data.dev(), data.ino());
            let own = file.metadata().map_err(failed(&path, "read"))?;
            let is_ours = std::fs::metadata(&path).is_ok_and(|there| identity(&there) == identity(&own));
            if target.exists() {
                if is_ours {
                    remove(&path)?;
                }
                return Ok(None);
            }
            if !is_ours {
                continue;
            }
            let about_path = beside(target, ".part.json");
            let about: Option<About> =
                std::fs::read(&about_path).ok().and_then(|text| serde_json::from_slice(&text).ok());
            let mut part = Self { path, about_path, about, file, n_bytes: own.len(), sum: RunningDigest::default() };
            if part.about.as_ref().is_none_or(|about| about.total.is_some_and(|total| total < own.len())) {
                part.begin(None)?;
            }
            return Ok(Some(part));
        }
    }

    pub(crate) fn n_bytes(&self) -> u64 {
        self.n_bytes
    }

    /// Where to go on with this address, and with which version.
    pub(crate) fn goes_on(&self, url: &str) -> Option<(u64, &str)> {
        let about = self.about.as_ref().filter(|about| self.n_bytes > 0 && about.url == url)?;
        Some((self.n_bytes, &about.version))
    }

    /// Whether the whole file can be of this length, as far as that is known.
    pub(crate) fn has_length(&self, total: Option<u64>) -> bool {
        let known = self.about.as_ref().and_then(|about| about.total);
        known.is_none() || total.is_none() || known == total
    }

    /// What a later download would find.
    pub(crate) fn kept_bytes(&self) -> u64 {
        if self.about.is_some() { self.n_bytes } else { 0 }
    }

    /// From the first byte, of this.
    pub(crate) fn begin(&mut self, about: Option<About>) -> Result<(), DownloadError> {
        remove(&self.about_path)?;
        self.file.set_len(0).and_then(|()| self.file.rewind()).map_err(failed(&self.path, "written"))?;
        self.n_bytes = 0;
        self.sum = RunningDigest::default();
        if let Some(about) = &about {
            let text = serde_json::to_vec(about).map_err(io::Error::other);
            text.and_then(|text| std::fs::write(&self.about_path, text)).map_err(|error| self.full(error))?;
        }
        self.about = about;
        Ok(())
    }

    /// From what is there, whose digest is taken.
    pub(crate) fn go_on(&mut self) -> Result<(), DownloadError> {
        self.sum = RunningDigest::default();
        let read = self.file.rewind().and_then(|()| self.sum.read(&mut self.file));
        let read = read.and_then(|()| self.file.seek(SeekFrom::Start(self.n_bytes)));
        read.map(drop).map_err(failed(&self.path, "read"))
    }

    pub(crate) fn append(&mut self, bytes: &[u8]) -> Result<(), DownloadError> {
        self.file.write_all(bytes).map_err(|error| self.full(error))?;
        self.n_bytes += bytes.len() as u64;
        self.sum.add(bytes);
        Ok(())
    }

    /// What kept bytes from the disk.
    fn full(&self, error: io::Error) -> DownloadError {
        match error.kind() {
            ErrorKind::StorageFull | ErrorKind::QuotaExceeded => {
                let folder = self.path.parent().unwrap_or(Path::new(".")).to_owned();
                DownloadError::NoRoom { folder, needed: self.about.as_ref().and_then(|about| about.total), free: None }
            }
            ErrorKind::FileTooLarge => DownloadError::FileLimit { part: self.path.clone() },
            _ => failed(&self.path, "written")(error),
        }
    }

    /// Up to this number of bytes from a place on.
    pub(crate) fn read_at(&mut self, begin: u64, n: usize) -> Result<Vec<u8>, DownloadError> {
        let mut bytes = Vec::new();
        let file = &mut self.file;
        let read = file.seek(SeekFrom::Start(begin)).and_then(|_| file.take(n as u64).read_to_end(&mut bytes));
        let read = read.and_then(|_| self.file.seek(SeekFrom::Start(self.n_bytes)));
        read.map(|_| bytes).map_err(failed(&self.path, "read"))
    }

    /// The digest of what has come.
    pub(crate) fn digest(&self) -> Sha256Digest {
        self.sum.clone().finish()
    }

    /// Nothing is left of it.
    pub(crate) fn discard(self) -> Result<(), DownloadError> {
        remove(&self.about_path)?;
        remove(&self.path)
    }

    /// It is whole: its digest is written beside it, and it gets its name.
    pub(crate) fn finish(self, target: &Path) -> Result<(), DownloadError> {
        let name = target.file_name().unwrap_or_default().to_string_lossy();
        let beside_it = beside(target, ".sha256");
        let fresh = beside(&beside_it, ".part");
        self.file.sync_all().map_err(|error| self.full(error))?;
        std::fs::write(&fresh, format!("{}  {name}\n", self.digest())).map_err(|error| self.full(error))?;
        std::fs::rename(&fresh, &beside_it).map_err(failed(&beside_it, "written"))?;
        std::fs::rename(&self.path, target).map_err(failed(target, "written"))?;
        remove(&self.about_path)?;
        let folder = target.parent().unwrap_or(Path::new("."));
        // Some file systems do not sync folders; the file is there.
        let _ = File::open(folder).and_then(|folder| folder.sync_all());
        Ok(())
    }
}
