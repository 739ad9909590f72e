//! The folder of a cache.

use super::CachePlace;
use crate::journal::ScannedFrame;
use crate::{JournalReader, StoreError, Tail, TaskKey};
use mlip_atoms::PotentialId;
use mlip_disk as fs;
use serde::{Deserialize, Serialize};
use std::io;
use std::path::{Path, PathBuf};

/// A file with results.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Segment {
    /// The file.
    pub path: PathBuf,
    /// Its length when listed: what a scan costs.
    pub bytes: u64,
}

/// The part of a cache that one run can use.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CacheFolder {
    /// One a potential, in their order.
    folders: Vec<PathBuf>,
    /// All files in them, in the order of their paths.
    segments: Vec<Segment>,
}

impl CacheFolder {
    /// Lists what this version of the program has computed with these potentials; makes the folders that are missing.
    ///
    /// # Errors
    /// When a folder cannot be made or listed.
    pub fn open(cache: &Path, version: &str, potentials: &[PotentialId]) -> Result<Self, StoreError> {
        let base = cache.join("v1").join(version);
        let folders: Vec<PathBuf> = potentials.iter().map(|potential| base.join(folder_name(potential))).collect();
        let mut segments = Vec::new();
        for folder in &folders {
            fs::create_dir_all(folder).map_err(StoreError::io("create the cache folder", folder))?;
            for entry in fs::read_dir(folder).map_err(StoreError::io("list the folder", folder))? {
                let path = entry.map_err(StoreError::io("list the folder", folder))?.path();
                if path.extension().is_some_and(|extension| extension == "results") {
                    // One that is gone meanwhile holds nothing.
                    let bytes = fs::metadata(&path).map_or(0, |metadata| metadata.len());
                    segments.push(Segment { path, bytes });
                }
            }
        }
        segments.sort_by(|a, b| a.path.cmp(&b.path));
        Ok(Self { folders, segments })
    }

    /// All files.
    pub fn segments(&self) -> &[Segment] {
        &self.segments
    }

    pub(super) fn folder(&self, potential: u16) -> Option<&Path> {
        self.folders.get(usize::from(potential)).map(PathBuf::as_path)
    }

    /// Hands on the results of one file. A sentence when part of it cannot be used: the rest is.
    ///
    /// # Errors
    /// What `take` gives.
    pub fn scan<E>(
        &self,
        segment: usize,
        mut take: impl FnMut(TaskKey, CachePlace) -> Result<(), E>,
    ) -> Result<Option<String>, E> {
        let (Some(Segment { path, .. }), Ok(number)) = (self.segments.get(segment), u32::try_from(segment)) else {
            return Ok(None);
        };
        let mut refused = Ok(());
        let mut read = || -> Result<Option<Tail>, StoreError> {
            let mut reader = JournalReader::open(path)?;
            while let Some((frame, place)) = reader.next_scanned()? {
                if let ScannedFrame::Finished(head) = frame
                    && head.failure.is_none()
                {
                    refused = take(head.key, CachePlace { segment: number, place });
                }
                if refused.is_err() {
                    break;
                }
            }
            Ok(reader.tail().cloned())
        };
        let tail = read();
        refused?;
        Ok(match tail {
            Ok(Some(Tail::Corrupt { at, bytes })) => Some(format!(
                "the cache file `{}` is damaged at byte {at}: {bytes} bytes are skipped, what stood there is computed \
                 again; delete the file to be rid of this message",
                path.display()
            )),
            // A torn tail is what a killed writer leaves, or one that is at work.
            Ok(_) => None,
            Err(StoreError::Io { source, .. }) if source.kind() == io::ErrorKind::NotFound => None,
            Err(error) => {
                let cause = std::error::Error::source(&error).map(|cause| format!(": {cause}")).unwrap_or_default();
                Some(format!("a cache file is left out: {error}{cause}"))
            }
        })
    }
}

/// Name, and digest of all that tells potentials apart. Task keys tell them apart as well; folders only save reading
/// what cannot be of use.
fn folder_name(potential: &PotentialId) -> String {
    let mut hasher = blake3::Hasher::new();
    for text in [&potential.name, &potential.digest, &potential.precision.to_string(), &potential.settings] {
        hasher.update(&(text.len() as u64).to_le_bytes());
        hasher.update(text.as_bytes());
    }
    let plain = |c: char| if c.is_ascii_alphanumeric() || c == '-' { c } else { '_' };
    let name: String = potential.name.chars().take(40).map(plain).collect();
    format!("{name}-{}", hasher.finalize().to_hex().get(..16).unwrap_or_default())
}
