//! The zip archive around pickle and storages.

use crate::Limits;
use crate::error::Problem;
use std::collections::HashMap;
use std::fs::File;
use std::io::{self, BufReader, Read};
use std::os::unix::fs::FileExt;
use zip::CompressionMethod;
use zip::read::{ArchiveOffset, Config, ZipArchive};

/// Where a storage lies in the file.
#[derive(Debug, Clone, Copy)]
struct Extent {
    start: u64,
    bytes: u64,
    stored: bool,
}

/// An opened checkpoint file.
#[derive(Debug)]
pub(crate) struct Archive {
    file: File,
    storages: HashMap<String, Extent>,
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
            extents.insert(name, Extent { start, bytes, stored });
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
        Ok((Self { file, storages }, bytes))
    }

    /// Where a storage begins in the file. It must be as long as the pickle says.
    pub(crate) fn locate(&self, storage: &str, expected: u64) -> Result<u64, Problem> {
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
        Ok(extent.start)
    }

    /// Bytes of the file.
    pub(crate) fn read(&self, start: u64, bytes: usize) -> Result<Vec<u8>, Problem> {
        let mut buffer = vec![0; bytes];
        self.file.read_exact_at(&mut buffer, start)?;
        Ok(buffer)
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
