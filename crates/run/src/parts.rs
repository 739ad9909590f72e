//! Parts of a list, each a run of its own: jobs of an array.

use crate::Error;
use mlip_driver::PartOf;
use mlip_inputs::{ListDigest, Manifest};
use mlip_store::AtomicFile;
use serde::{Deserialize, Serialize};
use std::ops::Range;
use std::path::{Path, PathBuf};

/// Written once beside the folders of the parts: what they are parts of.
const PARTS: &str = "parts.toml";
/// What the folders of parts are called, before their number.
const PART: &str = "part-";

/// One of several parts of a list: consecutive entries, as many as in the others but for one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Part {
    /// Number, from 1.
    pub number: u32,
    /// Parts of the list.
    pub of: u32,
}

/// What all parts in a folder have in common.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Parts {
    /// How many.
    pub(crate) of: u32,
    /// Entries of the whole list.
    pub(crate) entries: u64,
    /// Digest of what it names.
    pub(crate) list: String,
}

impl Part {
    /// The folder of its run among those of all parts.
    pub fn folder(self, parts: &Path) -> PathBuf {
        parts.join(format!("{PART}{:05}", self.number))
    }

    /// Its entries.
    fn range(self, entries: usize) -> Result<Range<usize>, Error> {
        let Self { number, of } = self;
        if of as usize > entries || number == 0 || number > of {
            return Err(Error::TooManyParts { entries, of });
        }
        // Of u128, since lists may be long.
        let bound = |parts: u32| (entries as u128 * u128::from(parts) / u128::from(of)) as usize;
        Ok(bound(number - 1)..bound(number))
    }

    /// What it is of a list, and its entries there.
    pub(crate) fn of_list(self, whole: &Manifest, folder: &Path) -> Result<(PartOf, Range<usize>), Error> {
        let range = self.range(whole.len())?;
        let list = ListDigest::of(whole, folder)?.to_string();
        let (first, entries) = (range.start as u64, whole.len() as u64);
        Ok((PartOf { number: self.number, of: self.of, first, entries, list }, range))
    }
}

impl Parts {
    /// Those that a part is one of.
    pub(crate) fn of(part: &PartOf) -> Self {
        Self { of: part.of, entries: part.entries, list: part.list.clone() }
    }

    /// What was written in the folder of the parts; `None` where nothing was.
    pub(crate) fn read(folder: &Path) -> Result<Option<Self>, Error> {
        let path = folder.join(PARTS);
        let text = match std::fs::read_to_string(&path) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            read => read.map_err(Error::io("read", &path))?,
        };
        let parsed: Result<Self, _> = toml::from_str(&text);
        parsed.map(Some).map_err(|error| Error::Io {
            what: "read",
            path,
            source: std::io::Error::new(std::io::ErrorKind::InvalidData, error),
        })
    }

    /// Writes down in the folder of the parts what they are parts of, or compares with what others have written.
    ///
    /// # Errors
    /// When the parts there are others.
    pub(crate) fn agree(&self, folder: &Path) -> Result<(), Error> {
        std::fs::create_dir_all(folder).map_err(Error::io("create", folder))?;
        let text = format!("of = {}\nentries = {}\nlist = \"{}\"\n", self.of, self.entries, self.list);
        if AtomicFile::write_once(&folder.join(PARTS), text.as_bytes())? {
            return Ok(());
        }
        let known = Self::read(folder)?;
        match known.and_then(|known| known.difference(self)) {
            None => Ok(()),
            Some(difference) => Err(Error::OtherParts { folder: folder.into(), difference }),
        }
    }

    /// In what parts differ from others that are wanted.
    pub(crate) fn difference(&self, wanted: &Self) -> Option<String> {
        if self.of != wanted.of {
            return Some(format!("the list was divided into {} parts and would be into {}", self.of, wanted.of));
        }
        if self.entries != wanted.entries {
            return Some(format!("the list had {} entries and has {}", self.entries, wanted.entries));
        }
        (self.list != wanted.list).then(|| "the list names other structures, or in another order".into())
    }
}

/// Folders of the parts in a folder that are runs, in the order of their numbers.
pub(crate) fn runs_in(folder: &Path) -> Result<Vec<PathBuf>, Error> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(Error::io("list", folder))? {
        let path = entry.map_err(Error::io("list", folder))?.path();
        let is_part = path.file_name().is_some_and(|name| name.to_string_lossy().starts_with(PART));
        if is_part && crate::folder::is_run(&path) {
            found.push(path);
        }
    }
    found.sort();
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_cover_a_list_once_and_none_is_empty() {
        for (entries, of) in [(10usize, 1u32), (10, 3), (10, 10), (7, 4), (100_000, 999)] {
            let ranges: Vec<_> = (1..=of).map(|number| Part { number, of }.range(entries).unwrap()).collect();
            assert_eq!((ranges[0].start, ranges[of as usize - 1].end), (0, entries));
            assert!(ranges.windows(2).all(|pair| pair[0].end == pair[1].start));
            let lengths: Vec<usize> = ranges.iter().map(|range| range.len()).collect();
            assert!(lengths.iter().all(|length| *length >= 1 && length.abs_diff(entries / of as usize) <= 1));
        }
        assert!(Part { number: 1, of: 11 }.range(10).is_err());
        assert!(Part { number: 0, of: 2 }.range(10).is_err() && Part { number: 3, of: 2 }.range(10).is_err());
    }

    #[test]
    fn of_many_that_begin_at_once_one_writes_and_the_others_compare() {
        let folder = tempfile::tempdir().unwrap();
        let parts = |of| Parts { of, entries: 9, list: "ab".into() };
        let agreed = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..8u32)
                .map(|n| {
                    let (path, parts) = (folder.path().to_owned(), parts(2 + n % 2));
                    scope.spawn(move || parts.agree(&path).is_ok())
                })
                .collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).filter(|agreed| *agreed).count()
        });
        assert_eq!(agreed, 4, "those who agree are those with the number that was written");
        let of = Parts::read(folder.path()).unwrap().unwrap().of;
        let said = parts(5 - of).agree(folder.path()).unwrap_err().to_string();
        assert!(said.contains(&format!("divided into {of} parts and would be into {}", 5 - of)), "{said}");
        let said = Parts { entries: 8, ..parts(of) }.agree(folder.path()).unwrap_err().to_string();
        assert!(said.contains("had 9 entries and has 8"), "{said}");
    }
}
