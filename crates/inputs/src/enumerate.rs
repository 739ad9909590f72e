//! From sources to a manifest.

use crate::{InputError, Locator, Manifest, Source};
use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};
use std::path::Path;

/// Every structure of these sources, in order.
///
/// # Errors
/// When a source cannot be listed or names nothing. Entries that cannot be read later are no errors.
pub fn enumerate(sources: &[Source]) -> Result<Manifest, InputError> {
    let mut collector = Collector { manifest: Manifest::default(), ids: Ids::default() };
    for source in sources {
        match source {
            Source::Cif { path } => collector.file(path),
            Source::Directory { path } => crate::directory::walk(path, |file| collector.file(&file))?,
            Source::List { path, root } => {
                crate::list::read_list(path, root.as_deref(), |file| collector.file(&file))?;
            }
            Source::Csv { path, cif_column, id_column } => {
                crate::table::read_table(path, cif_column.as_deref(), id_column.as_deref(), |id, locator| {
                    collector.push(&id, &locator);
                })?;
            }
        }
    }
    Ok(collector.manifest)
}

struct Collector {
    manifest: Manifest,
    ids: Ids,
}

impl Collector {
    fn file(&mut self, path: &Path) {
        self.push(&file_id(path), &Locator::File { path: path.into() });
    }

    fn push(&mut self, id: &str, locator: &Locator) {
        match self.ids.suffix(id) {
            1 => self.manifest.push(id, locator),
            n => self.manifest.push(&format!("{id}#{n}"), locator),
        }
    }
}

/// The file name without folder and `.cif`.
pub(crate) fn file_id(path: &Path) -> String {
    let name = path.file_name().unwrap_or(path.as_os_str()).to_string_lossy();
    let stem = name.len().checked_sub(4).filter(|end| name.is_char_boundary(*end)).map(|end| name.split_at(end));
    match stem {
        Some((stem, extension)) if !stem.is_empty() && extension.eq_ignore_ascii_case(".cif") => stem.to_owned(),
        _ => name.into_owned(),
    }
}

/// Ids given so far, by hash: with ten million of them two differ in id and not in hash with a chance of 3e-6, and
/// then one is called `#2` without need.
#[derive(Default)]
struct Ids {
    hasher: RandomState,
    /// The suffix that the next repetition tries first.
    next: HashMap<u64, u32>,
}

impl Ids {
    /// 1 for a new id, else the first n for which `id#n` is new.
    fn suffix(&mut self, id: &str) -> u32 {
        let key = self.hasher.hash_one(id);
        let Some(mut n) = self.next.get(&key).copied() else {
            self.next.insert(key, 2);
            return 1;
        };
        loop {
            // A file may really be called `x#2`.
            let name = self.hasher.hash_one(format!("{id}#{n}").as_str());
            let taken = self.next.contains_key(&name);
            if !taken {
                self.next.insert(name, 2);
            }
            n += 1;
            self.next.insert(key, n);
            if !taken {
                return n - 1;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_file_names_without_their_ending() {
        for (path, id) in
            [("a/b/c.cif", "c"), ("c.CIF", "c"), ("c.x.cif", "c.x"), ("c.txt", "c.txt"), (".cif", ".cif"), ("é", "é")]
        {
            assert_eq!(file_id(Path::new(path)), id);
        }
    }

    #[test]
    fn repeated_ids_are_numbered_in_input_order() {
        let mut ids = Ids::default();
        let got: Vec<u32> = ["a", "b", "a", "a#3", "a", "a", "a#3"].iter().map(|id| ids.suffix(id)).collect();
        assert_eq!(got, [1, 1, 2, 1, 4, 5, 2]);
    }

    #[test]
    fn sources_follow_each_other() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        std::fs::write(at("x.cif"), "").unwrap();
        std::fs::write(at("t.csv"), "id,cif\nx,1\ny,2\n").unwrap();
        std::fs::write(at("l.list"), "x.cif\nmissing.cif\n").unwrap();
        let sources = ["x.cif", "t.csv", "l.list"].map(|name| Source::from_path(at(name)).unwrap());
        let manifest = enumerate(&sources).unwrap();
        let ids: Vec<_> = manifest.iter().map(|entry| entry.id).collect();
        assert_eq!(ids, ["x", "x#2", "y", "x#3", "missing"]);
        let row = manifest.get(2).unwrap();
        assert_eq!(row.locator.to_string(), format!("{}:2", at("t.csv").display()));
        assert_eq!(row.read().unwrap(), b"2");
    }
}
