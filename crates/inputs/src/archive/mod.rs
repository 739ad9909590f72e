//! Archives: TAR, plain or compressed, and ZIP.
//!
//! Structures in a plain TAR and in a ZIP are read where they lie. A compressed TAR can only be read from its beginning,
//! so it is unpacked once, on rank 0, into the spool: one file beside the manifest, however many members there are.

mod tar;
mod zip;

use crate::compression::unpacked;
use crate::divide::{Trouble, Visit, divide};
use crate::names::format_of_name;
use crate::split::Blocks;
use crate::spool::Spool;
use crate::{InputError, Part};
use mlip_formats::Format;
use std::fs::File;
use std::io::{self, Read, Seek};
use std::path::Path;

/// Whether the name of a file says that it is an archive.
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
    // By the first bytes: archives are often called what they are not.
    let (is_packed, text) = unpacked(&file).map_err(|error| damaged(path, error))?;
    if is_packed {
        tar::read_packed(path, text, blocks, spool, &mut counting)?;
    } else if is_zip(&file).map_err(|error| InputError::read(path, error))? {
        zip::read_zip(path, &file, blocks, spool, &mut counting)?;
    } else {
        tar::read_plain(path, &file, blocks, spool, &mut counting)?;
    }
    if n_found == 0 {
        let expected = "members called *.cif, *.xyz, *.vasp, POSCAR or *.json";
        return Err(InputError::NoStructures { path: path.into(), expected });
    }
    Ok(())
}

/// Leaves the file at its beginning.
fn is_zip(mut file: &File) -> io::Result<bool> {
    let mut head = Vec::new();
    file.rewind()?;
    file.take(4).read_to_end(&mut head)?;
    file.rewind()?;
    Ok(matches!(head.as_slice(), [b'P', b'K', 3 | 5, 4 | 6]))
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
    format_of_name(name.rsplit(|byte| *byte == b'/').next()?)
}

/// How a member is shown: `:folder/x.cif`.
fn shown(name: &[u8]) -> String {
    let name = name.strip_prefix(b"./").unwrap_or(name);
    format!(":{}", String::from_utf8_lossy(name))
}

/// Adds the structures of a member.
fn divide_member(
    text: impl Read,
    id: &str,
    place: &Part,
    spool: &mut Spool,
    visit: &mut Visit,
) -> Result<(), InputError> {
    divide(text, id, place, false, spool, visit).map_err(|trouble| trouble.of(&place.path))
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
