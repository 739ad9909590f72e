//! Lists made of others: a part of one, one with more entries behind it, several behind each other.

use crate::escape::bytes_of;
use crate::spool::Spool;
use crate::{Entry, InputError, Locator, Manifest, Packing};
use mlip_disk::File;
use std::fmt;
use std::io;
use std::ops::Range;
use std::path::Path;

/// What a list names: ids and places of all entries, in their order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ListDigest([u8; 16]);

impl ListDigest {
    /// Of a list whose relative paths start from `folder`.
    ///
    /// # Errors
    /// When an entry cannot be read back from disk.
    pub fn of(list: &Manifest, folder: &Path) -> Result<Self, InputError> {
        let mut hasher = blake3::Hasher::new();
        let mut put = |bytes: &[u8]| {
            hasher.update(&(bytes.len() as u64).to_le_bytes());
            hasher.update(bytes);
        };
        for entry in list.iter() {
            let Entry { id, locator } = entry?;
            put(id.as_bytes());
            match &locator {
                Locator::File { path } => put(bytes_of(folder.join(path).as_os_str())),
                Locator::CsvCell { path, row, .. } => {
                    put(bytes_of(folder.join(path).as_os_str()));
                    put(&row.to_le_bytes());
                }
                Locator::Part(part) => {
                    put(bytes_of(folder.join(&part.path).as_os_str()));
                    put(part.name.as_bytes());
                }
            }
        }
        let mut digest = [0; 16];
        hasher.finalize_xof().fill(&mut digest);
        Ok(Self(digest))
    }
}

impl fmt::Display for ListDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

/// Some consecutive entries of a list, under the ids that they have there. Of what was unpacked their own texts alone
/// are copied into `spool`.
///
/// # Errors
/// When an entry cannot be read back, or `spool` not be written.
pub fn portion(whole: &Manifest, entries: Range<usize>, spool: &Path) -> Result<Manifest, InputError> {
    let mut portion = Manifest::with_spool(spool);
    let mut unpacked = Spool::new(spool);
    copy(whole, entries, &mut portion, &mut unpacked)?;
    unpacked.commit()?;
    Ok(portion)
}

/// The list that was, and behind it the entries of `wanted` that come after as many. `known` keeps its spool, which
/// grows.
///
/// # Errors
/// As [`portion`].
pub fn extended(known: &Manifest, wanted: &Manifest) -> Result<Manifest, InputError> {
    let mut list = Manifest::with_spool(known.spool());
    for entry in known.iter() {
        let Entry { id, locator } = entry?;
        list.push(&id, &locator)?;
    }
    let mut unpacked = Spool::after(known.spool())?;
    copy(wanted, known.len()..wanted.len(), &mut list, &mut unpacked)?;
    unpacked.commit()?;
    Ok(list)
}

/// Lists behind each other. What was unpacked for them stays where it is.
///
/// # Errors
/// When an entry cannot be read back.
pub fn joined<'a>(lists: impl IntoIterator<Item = &'a Manifest>, spool: &Path) -> Result<Manifest, InputError> {
    let mut all = Manifest::with_spool(spool);
    for list in lists {
        for entry in list.iter() {
            let Entry { id, locator } = entry?;
            all.push(&id, &locator)?;
        }
    }
    Ok(all)
}

fn copy(from: &Manifest, entries: Range<usize>, to: &mut Manifest, spool: &mut Spool) -> Result<(), InputError> {
    let mut unpacked = None;
    for position in entries {
        let Some(Entry { id, mut locator }) = from.get(position)? else { break };
        if let Locator::Part(part) = &mut locator
            && part.store == from.spool()
        {
            let fail = |error| InputError::read(from.spool(), error);
            let file = match &unpacked {
                Some(file) => file,
                None => &*unpacked.insert(File::open(from.spool()).map_err(fail)?),
            };
            let byte_offset = spool.length();
            let text = Text { file, byte_offset: part.byte_offset, left: part.length };
            let copied = spool.append(text)?.map_err(fail)?;
            if copied.length != part.length {
                return Err(fail(io::ErrorKind::UnexpectedEof.into()));
            }
            if let Packing::Checked { crc32 } = part.packing
                && crc32 != copied.crc32
            {
                return Err(InputError::Damaged { path: from.spool().into(), what: part.to_string() });
            }
            part.byte_offset = byte_offset;
            part.store = spool.path().to_owned();
        }
        to.push(&id, &locator)?;
    }
    Ok(())
}

/// Some bytes of a file.
struct Text<'a> {
    file: &'a File,
    byte_offset: u64,
    left: u64,
}

impl io::Read for Text<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let wanted = buffer.len().min(usize::try_from(self.left).unwrap_or(usize::MAX));
        let n = self.file.read_at(&mut buffer[..wanted], self.byte_offset)?;
        self.byte_offset += n as u64;
        self.left -= n as u64;
        Ok(n)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compression::packed;
    use crate::{Enumeration, Source, enumerate};
    use std::path::PathBuf;

    const FRAMES: usize = 7;

    fn frame(number: usize) -> String {
        format!("1\nLattice=\"9 0 0 0 9 0 0 0 9\"\nH {number} 0 0\n")
    }

    /// The frames of a compressed file, unpacked into a file of this name.
    fn list(folder: &Path, frames: usize, spool: &str) -> Manifest {
        let text: String = (0..frames).map(frame).collect();
        let (_, bytes) = packed(text.as_bytes()).into_iter().next().unwrap();
        std::fs::write(folder.join("t.xyz.gz"), bytes).unwrap();
        let how = Enumeration { folder: folder.into(), spool: folder.join(spool), ..Enumeration::default() };
        enumerate(&[Source::File { path: "t.xyz.gz".into() }], &how).unwrap()
    }

    /// Ids and texts, by the file that was written.
    fn read(list: &Manifest, path: PathBuf) -> Vec<(String, String)> {
        list.write(&path).unwrap();
        let entries = Manifest::read(&path).unwrap();
        let entry = |entry: Entry| (entry.id.clone(), String::from_utf8(entry.read(Path::new("")).unwrap()).unwrap());
        entries.iter().map(Result::unwrap).map(entry).collect()
    }

    #[test]
    fn parts_hold_their_own_texts_alone_and_together_all_of_them() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        let whole = list(folder.path(), FRAMES, "whole.spool");
        let mut parts = Vec::new();
        for (number, range) in [0..2, 2..2, 2..6, 6..FRAMES].into_iter().enumerate() {
            let n = range.len();
            let part = portion(&whole, range, &at(&format!("{number}.spool"))).unwrap();
            assert_eq!(part.len(), n);
            assert_eq!(at(&format!("{number}.spool")).exists(), n > 0);
            read(&part, at(&format!("{number}.manifest")));
            parts.push(Manifest::read(&at(&format!("{number}.manifest"))).unwrap());
        }
        std::fs::remove_file(at("whole.spool")).unwrap();
        let all = read(&joined(&parts, &at("all.spool")).unwrap(), at("all.manifest"));
        let expected: Vec<_> = (0..FRAMES).map(|number| (format!("t@{number}"), frame(number))).collect();
        assert_eq!(all, expected);
        let digests = [&whole, &joined(&parts, &at("x")).unwrap()].map(|list| ListDigest::of(list, folder.path()));
        assert_eq!(digests[0].as_ref().unwrap(), digests[1].as_ref().unwrap());
        assert_ne!(digests[0].as_ref().unwrap(), &ListDigest::of(&parts[2], folder.path()).unwrap());
    }

    #[test]
    fn a_list_grows_behind_what_it_had() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        let known = list(folder.path(), 3, "inputs.spool");
        read(&known, at("inputs.manifest"));
        let known = Manifest::read(&at("inputs.manifest")).unwrap();
        let wanted = list(folder.path(), FRAMES, "wanted.spool");
        let grown = extended(&known, &wanted).unwrap();
        std::fs::remove_file(at("wanted.spool")).unwrap();
        let expected: Vec<_> = (0..FRAMES).map(|number| (format!("t@{number}"), frame(number))).collect();
        assert_eq!(read(&grown, at("inputs.manifest")), expected);
    }
}
