//! The structures of a run.

use crate::Error;
use mlip_inputs::{Blocks, Enumeration, Manifest, Source, enumerate};
use std::path::{Path, PathBuf};

/// What the structures of a run are taken from.
#[derive(Debug, Clone, Default)]
pub struct RunInputs {
    /// In the order of the tables.
    pub sources: Vec<Source>,
    /// Which CIFs are looked into for several structures.
    pub blocks: Blocks,
    /// Only the first structures, up to this number.
    pub limit: Option<usize>,
}

impl RunInputs {
    /// All entries; relative sources start from `folder`, compressed archives are unpacked into `spool`.
    pub(crate) fn list(&self, folder: &Path, spool: PathBuf) -> Result<Manifest, Error> {
        if self.sources.is_empty() {
            return Err(Error::NoInputs);
        }
        let how = Enumeration { folder: folder.into(), blocks: self.blocks, spool, limit: self.limit };
        Ok(enumerate(&self.sources, &how)?)
    }
}

/// With `strict`, every entry must be there before work starts.
pub(crate) fn check_all(manifest: &Manifest, folder: &Path) -> Result<(), Error> {
    let (mut missing, mut first) = (0u64, None);
    for entry in manifest.iter() {
        if let Err(failure) = entry?.locator.check(folder) {
            missing += 1;
            first.get_or_insert(failure.message);
        }
    }
    let Some(first) = first else { return Ok(()) };
    Err(Error::Unreadable { missing, entries: manifest.len() as u64, first })
}

/// A list of structures, and the folder from which its relative paths start.
#[derive(Clone, Copy)]
pub(crate) struct List<'a> {
    pub(crate) manifest: &'a Manifest,
    pub(crate) folder: &'a Path,
}

impl List<'_> {
    /// Id and place of an entry, for comparison and for people.
    fn entry(&self, position: usize) -> Result<Option<(String, PathBuf)>, Error> {
        let entry = self.manifest.get(position)?;
        Ok(entry.map(|entry| (entry.id, self.folder.join(entry.locator.to_string()))))
    }

    /// How two lists differ: what was, and what would be.
    pub(crate) fn difference(&self, wanted: &Self) -> Result<Option<String>, Error> {
        let mut position = 0;
        loop {
            let (was, would) = (self.entry(position)?, wanted.entry(position)?);
            if was.is_none() && would.is_none() {
                return Ok(None);
            }
            if was != would {
                let say = |entry: Option<(String, PathBuf)>| {
                    entry.map_or_else(|| "nothing".to_owned(), |(id, path)| format!("{id} ({})", path.display()))
                };
                return Ok(Some(format!(
                    "it had {} entries and would have {}; entry {} was {} and would be {}",
                    self.manifest.len(),
                    wanted.manifest.len(),
                    position + 1,
                    say(was),
                    say(would)
                )));
            }
            position += 1;
        }
    }
}

/// What compressed archives are unpacked to while a list is looked at; removed when dropped.
pub(crate) struct Unpacked(pub(crate) PathBuf);

impl Unpacked {
    pub(crate) fn in_folder(folder: &Path) -> Self {
        Self(folder.join(format!("inputs.compared-{}", std::process::id())))
    }
}

impl Drop for Unpacked {
    fn drop(&mut self) {
        // Without compressed archives there is none.
        let _ = std::fs::remove_file(&self.0);
    }
}
