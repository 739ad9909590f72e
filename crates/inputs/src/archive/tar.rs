//! TAR archives.

use super::member::{damaged, divide_member, member_format, shown};
use crate::divide::Visit;
use crate::names::stem;
use crate::split::Blocks;
use crate::spool::{Appended, Spool};
use crate::{InputError, Packing, Part};
use mlip_formats::Format;
use std::fs::File;
use std::io::{self, Read};
use std::path::Path;
use tar::{Archive, Entry, EntryType};

/// Members begin at multiples of this; an archive ends with a block of zeros.
const BLOCK: u64 = 512;

/// A plain archive: members are read where they lie.
pub(super) fn read_plain(
    path: &Path,
    file: &File,
    blocks: Blocks,
    spool: &mut Spool,
    visit: &mut Visit,
) -> Result<(), InputError> {
    let length = file.metadata().map_err(|error| InputError::read(path, error))?.len();
    let mut archive = Archive::new(file);
    let mut end = 0;
    for entry in archive.entries_with_seek().map_err(|error| damaged(path, error))? {
        let entry = entry.map_err(|error| damaged(path, error))?;
        end = (entry.raw_file_position() + entry.size()).next_multiple_of(BLOCK);
        let Some(member) = Member::of(path, &entry) else { continue };
        if member.place.packing == Packing::Stored && blocks.divide(member.place.format, false) {
            divide_member(entry, &member.id, &member.place, spool, visit)?;
        } else {
            visit(&member.id, member.place)?;
        }
    }
    // Members are skipped without reading them, so nobody has noticed yet that the file ends too early.
    if end + BLOCK > length {
        return Err(damaged(path, io::ErrorKind::UnexpectedEof.into()));
    }
    Ok(())
}

/// A compressed archive: its structures are unpacked into the spool.
pub(super) fn read_packed(
    path: &Path,
    text: impl Read,
    blocks: Blocks,
    spool: &mut Spool,
    visit: &mut Visit,
) -> Result<(), InputError> {
    let mut archive = Archive::new(text);
    for entry in archive.entries().map_err(|error| damaged(path, error))? {
        let entry = entry.map_err(|error| damaged(path, error))?;
        let Some(mut member) = Member::of(path, &entry) else { continue };
        if member.place.packing != Packing::Stored {
            visit(&member.id, member.place)?;
            continue;
        }
        member.place.store = spool.path().into();
        member.place.byte_offset = spool.length();
        let Appended { length, crc32 } = spool.append(entry)?.map_err(|error| damaged(path, error))?;
        member.place.packing = Packing::Checked { crc32 };
        if blocks.divide(member.place.format, false) {
            let text = spool.read_back(member.place.byte_offset, length)?;
            divide_member(text, &member.id, &member.place, spool, visit)?;
        } else {
            visit(&member.id, member.place)?;
        }
    }
    // The checksum of the compression stands at its very end.
    io::copy(&mut archive.into_inner(), &mut io::sink()).map(drop).map_err(|error| damaged(path, error))
}

/// A member that a name says to be a structure.
struct Member {
    id: String,
    place: Part,
}

impl Member {
    fn of(path: &Path, entry: &Entry<'_, impl Read>) -> Option<Self> {
        let name = entry.path_bytes();
        let format: Format = member_format(&name)?;
        let packing = match entry.header().entry_type() {
            EntryType::Regular | EntryType::Continuous => Packing::Stored,
            EntryType::Link | EntryType::Symlink => Packing::Link,
            _ => return None,
        };
        let file_name = String::from_utf8_lossy(name.rsplit(|byte| *byte == b'/').next()?).into_owned();
        let place = Part {
            store: path.into(),
            path: path.into(),
            name: shown(&name),
            byte_offset: entry.raw_file_position(),
            length: entry.size(),
            packing,
            format,
            first_line: 1,
        };
        Some(Self { id: stem(&file_name).to_owned(), place })
    }
}
