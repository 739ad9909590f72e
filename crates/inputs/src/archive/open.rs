//! Which kind of archive a file is.

use super::member::damaged;
use super::{tar, zip};
use crate::compression::unpacked;
use crate::divide::Visit;
use crate::split::Blocks;
use crate::spool::Spool;
use crate::{InputError, Part};
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

/// Every structure of an archive, in its order; a relative path starts from `folder`.
pub(crate) fn read_archive(
    path: &Path,
    folder: &Path,
    blocks: Blocks,
    spool: &mut Spool,
    visit: &mut Visit,
) -> Result<(), InputError> {
    let file = File::open(folder.join(path)).map_err(|error| InputError::read(path, error))?;
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
