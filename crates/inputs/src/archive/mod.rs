//! Archives: TAR, plain or compressed, and ZIP.
//!
//! Structures in a plain TAR and in a ZIP are read where they lie. A compressed TAR can only be read from its beginning,
//! so it is unpacked once, on rank 0, into the spool: one file beside the manifest, however many members there are.

mod spool;
mod tar;
mod zip;

pub(crate) use spool::Spool;

use crate::formats::Format;
use crate::split::{Blocks, Found, split};
use crate::{InputError, Part};
use std::fs::File;
use std::io::{self, BufReader, Read};
use std::path::Path;

/// Bytes of archives read at a time.
const CHUNK: usize = 256 << 10;

/// What is found in an archive goes here: an id, and where it lies.
pub(crate) type Visit<'a> = dyn FnMut(&str, Part) -> Result<(), InputError> + 'a;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Tar,
    TarGz,
    TarZst,
    Zip,
}

/// Whether the name of a file says that it is an archive, be it one that cannot be read.
pub(crate) fn is_archive(name: &[u8]) -> bool {
    const ENDINGS: [&[u8]; 10] =
        [b".tar", b".tar.gz", b".tgz", b".tar.zst", b".tzst", b".tar.bz2", b".tbz2", b".tar.xz", b".txz", b".zip"];
    let name = name.to_ascii_lowercase();
    ENDINGS.iter().any(|ending| name.ends_with(ending))
}

/// Every structure of an archive, in its order.
pub(crate) fn read_archive(
    path: &Path,
    blocks: Blocks,
    spool: &mut Spool,
    visit: &mut Visit,
) -> Result<(), InputError> {
    let file = File::open(path).map_err(|error| InputError::read(path, error))?;
    let mut n_found = 0u64;
    let mut counting = |id: &str, part: Part| {
        n_found += 1;
        visit(id, part)
    };
    match kind(path, &file)? {
        Kind::Tar => tar::read_plain(path, &file, blocks, &mut counting)?,
        Kind::TarGz => {
            let unpacked = flate2::bufread::MultiGzDecoder::new(BufReader::with_capacity(CHUNK, &file));
            tar::read_packed(path, unpacked, blocks, spool, &mut counting)?;
        }
        Kind::TarZst => {
            let unpacked = zstd::stream::read::Decoder::new(&file).map_err(|error| damaged(path, error))?;
            tar::read_packed(path, unpacked, blocks, spool, &mut counting)?;
        }
        Kind::Zip => zip::read_zip(path, &file, blocks, spool, &mut counting)?,
    }
    if n_found == 0 {
        let expected = "members called *.cif, *.xyz, *.vasp or POSCAR";
        return Err(InputError::NoStructures { path: path.into(), expected });
    }
    Ok(())
}

/// By its first bytes: archives are often called what they are not.
fn kind(path: &Path, mut file: &File) -> Result<Kind, InputError> {
    let mut head = [0; 6];
    let mut filled = 0;
    while let Some(rest) = head.get_mut(filled..).filter(|rest| !rest.is_empty()) {
        match file.read(rest).map_err(|error| InputError::read(path, error))? {
            0 => break,
            n => filled += n,
        }
    }
    io::Seek::rewind(&mut file).map_err(|error| InputError::read(path, error))?;
    let unknown = |what| InputError::Archive {
        path: path.into(),
        cause: format!("it is compressed with {what}, which this program does not read"),
        remedy: "compress it again with zstd or gzip",
    };
    match &head[..filled] {
        [0x1f, 0x8b, ..] => Ok(Kind::TarGz),
        [0x28, 0xb5, 0x2f, 0xfd, ..] => Ok(Kind::TarZst),
        [b'P', b'K', 3 | 5, 4 | 6, ..] => Ok(Kind::Zip),
        [b'B', b'Z', b'h', ..] => Err(unknown("bzip2")),
        [0xfd, b'7', b'z', b'X', b'Z', ..] => Err(unknown("xz")),
        _ => Ok(Kind::Tar),
    }
}

fn damaged(path: &Path, error: io::Error) -> InputError {
    InputError::Archive {
        path: path.into(),
        cause: format!("it is damaged or cut short: {error}"),
        remedy: "fetch or pack it again",
    }
}

/// Structures are members whose names tell a format; hidden ones (`._x.cif` of a Mac) are not.
fn member_format(name: &[u8]) -> Option<Format> {
    let mut components = name.split(|byte| *byte == b'/');
    if components.any(|part| part.first() == Some(&b'.') && part != b"." && part != b"..") {
        return None;
    }
    Format::of_name(name.rsplit(|byte| *byte == b'/').next()?)
}

/// How a member is shown: `:folder/x.cif`.
fn shown(name: &[u8]) -> String {
    let name = name.strip_prefix(b"./").unwrap_or(name);
    format!(":{}", String::from_utf8_lossy(name))
}

/// Adds the structures of a member whose text comes from `text` and lies unpacked at `place`; reads it to its end.
fn divide(mut text: impl Read, id: &str, place: &Part, visit: &mut Visit) -> Result<(), InputError> {
    let result = split(place.format, BufReader::with_capacity(CHUNK, &mut text), |found| {
        Ok(match found {
            Found::Whole => visit(id, place.clone()),
            Found::Piece(piece, suffix) => visit(
                &format!("{id}{suffix}"),
                Part {
                    name: format!("{}{suffix}", place.name),
                    byte_offset: place.byte_offset + piece.byte_offset,
                    length: piece.length,
                    first_line: piece.first_line,
                    ..place.clone()
                },
            ),
        }?)
    });
    result.map_err(|trouble: Trouble| trouble.of(&place.path))?;
    io::copy(&mut text, &mut io::sink()).map(drop).map_err(|error| damaged(&place.path, error))
}

/// What may go wrong while a member is divided.
enum Trouble {
    Io(io::Error),
    Input(InputError),
}

impl From<io::Error> for Trouble {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

impl From<InputError> for Trouble {
    fn from(error: InputError) -> Self {
        Self::Input(error)
    }
}

impl Trouble {
    fn of(self, path: &Path) -> InputError {
        match self {
            Self::Io(error) => damaged(path, error),
            Self::Input(error) => error,
        }
    }
}

#[cfg(test)]
mod tests;
