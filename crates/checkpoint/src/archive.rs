//! The zip archive around pickle and storages.

use crate::error::Problem;
use crate::limits::Limits;
use std::collections::{HashMap, HashSet};
use std::fs::File;
use std::io::{self, BufReader, Read};
use std::os::unix::fs::FileExt;
use std::sync::{Mutex, PoisonError};
use zip::CompressionMethod;
use zip::read::{ArchiveOffset, Config, ZipArchive};

/// Bytes of a storage that are read at once where only their checksum is wanted.
const PIECE: usize = 1 << 20;

/// Where a storage lies in the file.
#[derive(Debug, Clone, Copy)]
struct Extent {
    start: u64,
    bytes: u64,
    stored: bool,
    /// CRC-32 of the bytes, as the archive's directory gives it.
    crc: u32,
}

/// An opened checkpoint file.
#[derive(Debug)]
pub(crate) struct Archive {
    file: File,
    storages: HashMap<String, Extent>,
    /// Storages whose bytes had their checksum when they were read.
    checked: Mutex<HashSet<String>>,
}

fn open_zip(file: &File) -> Result<ZipArchive<BufReader<&File>>, Problem> {
    // Offset 0 rather than detected: detection fails on archives of torch whose end record holds the
    // 64-bit directory and whose first member has a name of 30 bytes.
    let config = Config { archive_offset: ArchiveOffset::Known(0) };
    Ok(ZipArchive::with_config(config, BufReader::new(file))?)
}

impl Archive {
    /// Lists the archive; gives it with the bytes of its pickle.
    pub(crate) fn open(file: File, limits: Limits) -> Result<(Self, Vec<u8>), Problem> {
        let length = file.metadata()?.len();
        let mut zip = open_zip(&file)?;
        let mut extents = HashMap::new();
        let mut pickle: Option<String> = None;
        for position in 0..zip.len() {
            let member = zip.by_index_raw(position)?;
            let name = member.name()?.into_owned();
            if name == "data.pkl" || name.ends_with("/data.pkl") {
                if let Some(first) = pickle {
                    return Err(Problem::TwoPickles { first, second: name });
                }
                pickle = Some(name.clone());
            }
            if name.ends_with("/constants.pkl") || name.contains("/code/") {
                return Err(Problem::TorchScript);
            }
            let start = member.data_start().unwrap_or(length);
            let bytes = member.size();
            let stored = member.compression() == CompressionMethod::Stored && !member.encrypted();
            if stored && start.checked_add(bytes).is_none_or(|end| end > length) {
                return Err(Problem::Io(io::ErrorKind::UnexpectedEof.into()));
            }
            extents.insert(name, Extent { start, bytes, stored, crc: member.crc32() });
        }
        let pickle = pickle.ok_or(Problem::NoPickle)?;
        let root = pickle.strip_suffix("data.pkl").unwrap_or_default().to_owned();
        let order = format!("{root}byteorder");
        if extents.contains_key(&order) {
            let order = read_member(&mut zip, &order, 64)?;
            let order = String::from_utf8_lossy(&order);
            if order.trim() != "little" {
                return Err(Problem::ByteOrder(order.trim().to_owned()));
            }
        }
        let bytes = read_member(&mut zip, &pickle, limits.pickle_bytes)?;
        drop(zip);
        let prefix = format!("{root}data/");
        let storages = extents
            .into_iter()
            .filter_map(|(name, extent)| Some((name.strip_prefix(&prefix)?.to_owned(), extent)))
            .collect();
        Ok((Self { file, storages, checked: Mutex::default() }, bytes))
    }

    /// The opened file.
    pub(crate) fn file(&self) -> &File {
        &self.file
    }

    /// Where a storage begins in the file. It must be as long as the pickle says.
    pub(crate) fn locate(&self, storage: &str, expected: u64) -> Result<u64, Problem> {
        Ok(self.extent(storage, expected)?.start)
    }

    fn extent(&self, storage: &str, expected: u64) -> Result<&Extent, Problem> {
        let extent = self.storages.get(storage).ok_or_else(|| Problem::Missing {
            name: storage.to_owned(),
            place: "the storages of the archive".to_owned(),
        })?;
        if !extent.stored {
            return Err(Problem::Compressed { storage: storage.to_owned() });
        }
        if extent.bytes != expected {
            return Err(Problem::StorageLength { storage: storage.to_owned(), found: extent.bytes, expected });
        }
        Ok(extent)
    }

    /// The checksum that the archive gives for a storage: CRC-32 as in zip files.
    pub(crate) fn checksum(&self, storage: &str, expected: u64) -> Result<u32, Problem> {
        Ok(self.extent(storage, expected)?.crc)
    }

    /// Bytes of a storage of `length` bytes, from `start` on. The whole storage is compared with its checksum, once.
    pub(crate) fn read(&self, storage: &str, length: u64, start: u64, bytes: usize) -> Result<Vec<u8>, Problem> {
        let extent = self.extent(storage, length)?;
        let mut buffer = vec![0; bytes];
        self.file.read_exact_at(&mut buffer, extent.start + start)?;
        if bytes as u64 == length {
            self.compare(storage, extent, crc32fast::hash(&buffer))?;
        } else {
            self.check(storage, length)?;
        }
        Ok(buffer)
    }

    /// Compares a storage with its checksum, unless that was done before.
    pub(crate) fn check(&self, storage: &str, length: u64) -> Result<(), Problem> {
        if self.checked().contains(storage) {
            return Ok(());
        }
        let extent = self.extent(storage, length)?;
        let mut hasher = crc32fast::Hasher::new();
        let mut piece = vec![0; PIECE.min(usize::try_from(extent.bytes).unwrap_or(PIECE))];
        let (mut at, end) = (extent.start, extent.start + extent.bytes);
        while at < end {
            let n = piece.len().min(usize::try_from(end - at).unwrap_or(PIECE));
            self.file.read_exact_at(&mut piece[..n], at)?;
            hasher.update(&piece[..n]);
            at += n as u64;
        }
        self.compare(storage, extent, hasher.finalize())
    }

    fn compare(&self, storage: &str, extent: &Extent, found: u32) -> Result<(), Problem> {
        if found != extent.crc {
            return Err(Problem::Checksum { storage: storage.to_owned(), found, expected: extent.crc });
        }
        self.checked().insert(storage.to_owned());
        Ok(())
    }

    fn checked(&self) -> std::sync::MutexGuard<'_, HashSet<String>> {
        self.checked.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Compares all members with their checksums.
    pub(crate) fn verify(&self) -> Result<(), Problem> {
        let mut zip = open_zip(&self.file)?;
        for position in 0..zip.len() {
            io::copy(&mut zip.by_index(position)?, &mut io::sink())?;
        }
        Ok(())
    }
}

/// A whole member; its checksum is compared.
fn read_member(zip: &mut ZipArchive<BufReader<&File>>, name: &str, limit: u64) -> Result<Vec<u8>, Problem> {
    let member = zip.by_name(name)?;
    let mut bytes = Vec::new();
    member.take(limit + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > limit {
        return Err(Problem::TooLarge { what: format!("member `{name}`"), found: bytes.len() as u64, limit });
    }
    Ok(bytes)
}
