//! Reading files and parts of files.

use super::cell::read_cell;
use super::handle::{Place, from_io, open, shared, too_large, unreadable};
use super::place::{Entry, Locator, MAX_CIF_BYTES, Packing, Part};
use crate::compression::Compression;
use mlip_atoms::Failure;
use std::fmt::Display;
use std::io::{self, Read};
use std::os::unix::fs::FileExt;
use std::path::Path;

impl Locator {
    /// The text; relative paths start from `folder`.
    ///
    /// # Errors
    /// With class `unreadable` when the file is missing, not allowed to be read, a folder or too large, or has changed
    /// since it was enumerated.
    pub fn read(&self, folder: &Path) -> Result<Vec<u8>, Failure> {
        match self {
            Self::File { path } => read_file(Place { path, folder }),
            Self::CsvCell { columns, .. } => self.read_column(folder, columns.text),
            Self::Part(part) => read_part(part, folder),
        }
    }

    /// Another cell of the row.
    pub(crate) fn read_column(&self, folder: &Path, column: u32) -> Result<Vec<u8>, Failure> {
        match self {
            Self::CsvCell { path, row, byte_offset, .. } => {
                read_cell(Place { path, folder }, *row, *byte_offset, column)
            }
            _ => self.read(folder),
        }
    }

    /// Whether the text can be expected to be there, without reading it: what `--strict` asks of every entry. Relative
    /// paths start from `folder`.
    ///
    /// # Errors
    /// As [`read`](Self::read), as far as the file system tells.
    pub fn check(&self, folder: &Path) -> Result<(), Failure> {
        let path: &Path = match self {
            Self::File { path } | Self::CsvCell { path, .. } => path,
            Self::Part(part) => &part.store,
        };
        open(Place { path, folder }).map(drop)
    }
}

impl Entry {
    /// The text; relative paths start from `folder`.
    ///
    /// # Errors
    /// As [`Locator::read`].
    pub fn read(&self, folder: &Path) -> Result<Vec<u8>, Failure> {
        self.locator.read(folder)
    }
}

fn read_file(place: Place<'_>) -> Result<Vec<u8>, Failure> {
    let (file, length) = open(place)?;
    let path = place.path;
    if length > MAX_CIF_BYTES {
        return Err(too_large(path.display()));
    }
    let mut bytes = Vec::with_capacity(usize::try_from(length).unwrap_or(0) + 1);
    // The file may grow while it is read.
    file.take(MAX_CIF_BYTES + 1).read_to_end(&mut bytes).map_err(|error| from_io(path, &error))?;
    if bytes.len() as u64 > MAX_CIF_BYTES { Err(too_large(path.display())) } else { text_of(bytes, path.display()) }
}

/// The bytes as they are, or what comes out of them if they are compressed.
fn text_of(bytes: Vec<u8>, what: impl Display) -> Result<Vec<u8>, Failure> {
    let Some(compression) = Compression::of_head(&bytes) else { return Ok(bytes) };
    let mut text = Vec::new();
    let unpacked = compression.unpack(bytes.as_slice());
    match unpacked.and_then(|unpacked| unpacked.take(MAX_CIF_BYTES + 1).read_to_end(&mut text)) {
        Ok(_) if text.len() as u64 > MAX_CIF_BYTES => Err(too_large(what)),
        Ok(_) => Ok(text),
        Err(error) => {
            let cause = format!("is compressed, and damaged or cut short: {error}");
            Err(unreadable(what, &cause, "fetch the file again"))
        }
    }
}

fn read_part(part: &Part, folder: &Path) -> Result<Vec<u8>, Failure> {
    let refuse = |cause: &str, remedy: &str| Err(unreadable(part, cause, remedy));
    match part.packing {
        Packing::Link => {
            return refuse("is a link in the archive", "pack it again with tar --dereference --hard-dereference");
        }
        Packing::Encrypted => return refuse("is encrypted", "pack it again without a password"),
        Packing::Method(number) => {
            let cause = format!("is packed by method {number} of ZIP");
            return refuse(&cause, "pack it again with deflate, as zip does by itself");
        }
        Packing::Stored | Packing::Checked { .. } | Packing::Deflate { .. } | Packing::Zstd { .. } => {}
    }
    if part.length > MAX_CIF_BYTES {
        return Err(too_large(part));
    }
    let mut packed = vec![0; usize::try_from(part.length).unwrap_or(0)];
    let file = shared(Place { path: &part.store, folder })?;
    file.read_exact_at(&mut packed, part.byte_offset).map_err(|error| match error.kind() {
        io::ErrorKind::UnexpectedEof => unreadable(
            part,
            "lies in a file that ends before it",
            "the file has changed since the run began: start a new run",
        ),
        _ => from_io(&part.store, &error),
    })?;
    let text = match part.packing {
        Packing::Deflate { crc32 } => unpack(flate2::bufread::DeflateDecoder::new(packed.as_slice()), crc32, part),
        Packing::Zstd { crc32 } => {
            let decoder = zstd::stream::read::Decoder::with_buffer(packed.as_slice());
            unpack(decoder.map_err(|error| damaged(part, &error))?, crc32, part)
        }
        Packing::Checked { crc32 } if crc32fast::hash(&packed) != crc32 => {
            return refuse(
                "is not what it was when the run began: its checksum does not fit",
                "the file has changed, or the disk fails: start a new run",
            );
        }
        _ => Ok(packed),
    }?;
    text_of(text, part)
}

fn damaged(part: &Part, cause: &dyn Display) -> Failure {
    unreadable(part, &format!("is damaged: {cause}"), "fetch the archive again")
}

fn unpack(reader: impl Read, crc32: u32, part: &Part) -> Result<Vec<u8>, Failure> {
    let mut text = Vec::new();
    reader.take(MAX_CIF_BYTES + 1).read_to_end(&mut text).map_err(|error| damaged(part, &error))?;
    if text.len() as u64 > MAX_CIF_BYTES {
        return Err(too_large(part));
    }
    if crc32fast::hash(&text) == crc32 { Ok(text) } else { Err(damaged(part, &"its checksum does not fit")) }
}
