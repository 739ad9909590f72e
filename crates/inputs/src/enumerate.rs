//! From sources to a manifest.

use crate::archive::read_archive;
use crate::divide::{Trouble, divide};
use crate::escape::bytes_of;
use crate::names::{file_id, format_of_name};
use crate::split::Blocks;
use crate::spool::Spool;
use crate::{InputError, Locator, Manifest, Packing, Part, Source};
use mlip_formats::Format;
use mlip_spill::{Key, Table, Value};
use std::cmp::Reverse;
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

/// How sources become entries.
#[derive(Debug, Clone, Default)]
pub struct Enumeration {
    /// The folder from which relative sources start, and the paths of a list of which nothing else is known.
    pub folder: PathBuf,
    /// Which CIFs are looked into for several structures.
    pub blocks: Blocks,
    /// The file into which compressed archives, and compressed files with several structures, are unpacked: every rank
    /// must see it. Only made when it is needed; `inputs.spool` beside `inputs.manifest`.
    pub spool: PathBuf,
    /// Only this many structures, from the first on.
    pub limit: Option<usize>,
}

/// Every structure of these sources, in order.
///
/// # Errors
/// When a source cannot be listed or names nothing. Entries that cannot be read later are no errors.
pub fn enumerate(sources: &[Source], how: &Enumeration) -> Result<Manifest, InputError> {
    let mut spool = Spool::new(&how.spool);
    let mut collector = Collector {
        manifest: Manifest::with_spool(&how.spool),
        ids: Ids::new(how.spool.parent().unwrap_or(Path::new(""))),
        folder: how.folder.clone(),
        blocks: how.blocks,
        limit: how.limit,
    };
    for source in sources {
        match collector.source(source, &mut spool) {
            Err(InputError::Enough) => break,
            other => other?,
        }
    }
    spool.commit()?;
    Ok(collector.manifest)
}

/// How a file came to be among the input.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Origin {
    /// On the command line.
    Named,
    /// In a list.
    Listed,
    /// In a folder, by its name.
    Found,
}

struct Collector {
    manifest: Manifest,
    ids: Ids,
    folder: PathBuf,
    blocks: Blocks,
    limit: Option<usize>,
}

impl Collector {
    fn source(&mut self, source: &Source, spool: &mut Spool) -> Result<(), InputError> {
        match source {
            Source::File { path } => self.file(path, Origin::Named, spool).map(drop)?,
            Source::Directory { path } => {
                let folder = self.folder.clone();
                crate::directory::walk(path, &folder, |file| self.file(&file, Origin::Found, spool))?;
            }
            Source::List { path, root } => {
                crate::list::read_list(path, &self.folder.clone(), root.as_deref(), |file| {
                    self.file(&file, Origin::Listed, spool).map(drop)
                })?;
            }
            Source::StandardInput { root } => {
                let list = io::stdin().lock();
                crate::list::read_standard_input(list, root.as_deref(), |file| {
                    self.file(&file, Origin::Listed, spool).map(drop)
                })?;
            }
            Source::Archive { path } => {
                read_archive(path, &self.folder.clone(), self.blocks, spool, &mut |id, part| {
                    self.push(id, &Locator::Part(Box::new(part)))
                })?
            }
            Source::Csv { path, cif_column, id_column } => {
                crate::table::read_table(
                    path,
                    &self.folder.clone(),
                    cif_column.as_deref(),
                    id_column.as_deref(),
                    |id, locator| self.push(&id, &locator),
                )?;
            }
            Source::Manifest { path, folder, taken } => self.manifest(path, folder, taken.as_deref())?,
            Source::Frames { path, ids } => self.frames(path, ids, spool)?,
        }
        Ok(())
    }

    /// Adds entries of a list that another run has.
    fn manifest(&mut self, path: &Path, folder: &Path, taken: Option<&[bool]>) -> Result<(), InputError> {
        let list = Manifest::read(&self.folder.join(path))?;
        if let Some(expected) = taken.map(<[bool]>::len).filter(|expected| *expected != list.len()) {
            return Err(InputError::OtherNumber { path: path.into(), found: list.len(), expected });
        }
        for (position, entry) in list.iter().enumerate() {
            let entry = entry?;
            if taken.is_none_or(|taken| taken.get(position) == Some(&true)) {
                self.push(&entry.id, &entry.locator.in_folder(folder))?;
            }
        }
        Ok(())
    }

    /// Adds frames of a file under these ids.
    fn frames(&mut self, path: &Path, ids: &[Option<String>], spool: &mut Spool) -> Result<(), InputError> {
        let place = self.folder.join(path);
        let file = File::open(&place).map_err(|error| InputError::read(path, error))?;
        let length = file.metadata().map_err(|error| InputError::read(path, error))?.len();
        let whole = whole_file(path, length, Format::Xyz);
        let mut found = 0;
        let result = divide(file, "", &whole, true, spool, &mut |_, part| {
            let id = ids.get(found).and_then(Option::as_deref);
            found += 1;
            id.map_or(Ok(()), |id| self.push(id, &Locator::Part(Box::new(part))))
        });
        match result {
            Ok(()) if found == ids.len() => Ok(()),
            Ok(()) => Err(InputError::OtherNumber { path: path.into(), found, expected: ids.len() }),
            Err(Trouble::Io(error)) => Err(InputError::read(path, error)),
            Err(Trouble::Input(error)) => Err(error),
        }
    }

    /// Adds the structures of a file; one that cannot be read is an entry, which will fail. False when there are none.
    fn file(&mut self, path: &Path, origin: Origin, spool: &mut Spool) -> Result<bool, InputError> {
        let name = path.file_name().map(bytes_of).unwrap_or_default();
        let id = file_id(path);
        let format = format_of_name(name).filter(|format| self.blocks.divide(*format, origin == Origin::Named));
        let Some((format, (file, length))) = format.zip(open_file(&self.folder.join(path))) else {
            self.push(&id, &Locator::File { path: path.into() })?;
            return Ok(true);
        };
        let whole = whole_file(path, length, format);
        let mut has_some = false;
        let result = divide(file, &id, &whole, origin != Origin::Found, spool, &mut |id, part| {
            has_some = true;
            let locator =
                if part == whole { Locator::File { path: path.into() } } else { Locator::Part(Box::new(part)) };
            self.push(id, &locator)
        });
        match result {
            Ok(()) => Ok(has_some),
            Err(Trouble::Io(error)) => Err(InputError::read(path, error)),
            Err(Trouble::Input(error)) => Err(error),
        }
    }

    fn push(&mut self, id: &str, locator: &Locator) -> Result<(), InputError> {
        if self.limit.is_some_and(|limit| self.manifest.len() >= limit) {
            return Err(InputError::Enough);
        }
        match self.ids.suffix(id)? {
            1 => self.manifest.push(id, locator),
            n => self.manifest.push(&format!("{id}#{n}"), locator),
        }
    }
}

/// All of a file as one part.
fn whole_file(path: &Path, length: u64, format: Format) -> Part {
    Part {
        store: path.into(),
        path: path.into(),
        byte_offset: 0,
        length,
        packing: Packing::Stored,
        format,
        first_line: 1,
        name: String::new(),
    }
}

/// A regular file that can be opened, and its length; a named pipe would wait for its writer.
fn open_file(path: &Path) -> Option<(File, u64)> {
    let metadata = std::fs::metadata(path).ok().filter(std::fs::Metadata::is_file)?;
    Some((File::open(path).ok()?, metadata.len()))
}

/// Ids given so far, by digest.
struct Ids {
    /// The suffix that the next repetition tries first: of several the largest counts.
    next: Table<Suffix>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Suffix(Reverse<u32>);

impl Value for Suffix {
    const BYTES: usize = 4;

    fn write(&self, bytes: &mut [u8]) {
        bytes.copy_from_slice(&self.0.0.to_le_bytes());
    }

    fn read(bytes: &[u8]) -> Self {
        let mut number = [0; 4];
        number.copy_from_slice(bytes);
        Self(Reverse(u32::from_le_bytes(number)))
    }
}

impl Ids {
    /// None yet; what does not fit into memory lies in this folder.
    fn new(folder: &Path) -> Self {
        Self { next: Table::new(folder) }
    }

    /// 1 for a new id, else the first n for which `id#n` is new.
    fn suffix(&mut self, id: &str) -> Result<u32, InputError> {
        let key = digest(id);
        let Some(Suffix(Reverse(mut n))) = self.next.get(&key)? else {
            self.next.insert(key, Suffix(Reverse(2)))?;
            return Ok(1);
        };
        loop {
            // A file may really be called `x#2`.
            let name = digest(&format!("{id}#{n}"));
            let taken = self.next.get(&name)?.is_some();
            if !taken {
                self.next.insert(name, Suffix(Reverse(2)))?;
            }
            n += 1;
            self.next.insert(key, Suffix(Reverse(n)))?;
            if !taken {
                return Ok(n - 1);
            }
        }
    }
}

fn digest(id: &str) -> Key {
    let mut key = Key::default();
    blake3::Hasher::new().update(id.as_bytes()).finalize_xof().fill(&mut key);
    key
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
        let mut ids = Ids::new(Path::new(""));
        let got: Vec<u32> = ["a", "b", "a", "a#3", "a", "a", "a#3"].iter().map(|id| ids.suffix(id).unwrap()).collect();
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
        let manifest = enumerate(&sources, &Enumeration::default()).unwrap();
        let ids: Vec<_> = manifest.iter().map(|entry| entry.unwrap().id).collect();
        assert_eq!(ids, ["x", "x#2", "y", "x#3", "missing"]);
        let two = Enumeration { limit: Some(2), ..Enumeration::default() };
        assert_eq!(
            enumerate(&sources, &two).unwrap().iter().map(|entry| entry.unwrap().id).collect::<Vec<_>>(),
            ["x", "x#2"]
        );
        let row = manifest.get(2).unwrap().unwrap();
        assert_eq!(row.locator.to_string(), format!("{}:2", at("t.csv").display()));
        assert_eq!(row.read(Path::new("")).unwrap(), b"2");
    }

    #[test]
    fn a_cif_with_several_blocks_is_several_entries_where_it_is_named() {
        const BLOCK: &str = "_cell_length_a 1\n_atom_site_fract_x 0\n";
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.cif");
        std::fs::write(&path, format!("data_global\ndata_a\n{BLOCK}data_b\n{BLOCK}data_a\n{BLOCK}")).unwrap();
        let of = |source, blocks| {
            let manifest = enumerate(&[source], &Enumeration { blocks, ..Enumeration::default() }).unwrap();
            manifest.iter().map(Result::unwrap).map(|entry| (entry.id, entry.locator.to_string())).collect::<Vec<_>>()
        };
        let named = of(Source::File { path: path.clone() }, Blocks::Named);
        let shown = |suffix: &str| format!("{}{suffix}", path.display());
        let expected = [("x:a", ":a"), ("x:b", ":b"), ("x:a#2", ":a")].map(|(id, code)| (id.to_owned(), shown(code)));
        assert_eq!(named, expected);
        let folder = || Source::Directory { path: folder.path().into() };
        assert_eq!(of(folder(), Blocks::Named), [("x".to_owned(), shown(""))]);
        assert_eq!(of(folder(), Blocks::All), expected);
    }

    #[test]
    fn frames_of_xyz_files_are_entries_and_poscars_are_called_by_their_folder() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        std::fs::create_dir(at("mp-1")).unwrap();
        let frame = |x: f64| format!("1\nLattice=\"9 0 0 0 9 0 0 0 9\"\nH {x} 0 0\n");
        std::fs::write(at("two.xyz"), frame(0.0) + &frame(0.9)).unwrap();
        std::fs::write(at("one.xyz"), frame(0.0)).unwrap();
        std::fs::write(at("mp-1/POSCAR"), "h\n1\n9 0 0\n0 9 0\n0 0 9\nH\n1\nD\n0 0 0\n").unwrap();
        let source = Source::Directory { path: folder.path().into() };
        let manifest = enumerate(&[source], &Enumeration::default()).unwrap();
        let ids: Vec<_> = manifest.iter().map(|entry| entry.unwrap().id).collect();
        assert_eq!(ids, ["mp-1/POSCAR", "one", "two@0", "two@1"]);
        for entry in manifest.iter().map(Result::unwrap) {
            let (structure, _) = crate::load(&entry.locator, Path::new(""), &crate::LoadOptions::default()).unwrap();
            let x = if entry.id == "two@1" { 0.1 } else { 0.0 };
            assert!((structure.fractional()[0][0] - x).abs() < 1e-15, "{}", entry.id);
        }
    }

    #[test]
    fn entries_of_another_list_and_frames_keep_their_ids() {
        let folder = tempfile::tempdir().unwrap();
        let (one, other) = (folder.path().join("one"), folder.path().join("other"));
        for folder in [&one, &other] {
            std::fs::create_dir(folder).unwrap();
        }
        let frame = |x: f64| format!("1\nLattice=\"9 0 0 0 9 0 0 0 9\"\nH {x} 0 0\n");
        std::fs::write(one.join("x.cif"), "").unwrap();
        std::fs::write(one.join("two.xyz"), frame(0.0) + &frame(0.9)).unwrap();
        let how = |folder: &Path| Enumeration {
            folder: folder.into(),
            spool: folder.join("inputs.spool"),
            ..Enumeration::default()
        };
        let named = ["x.cif", "two.xyz"].map(|name| Source::File { path: name.into() });
        enumerate(&named, &how(&one)).unwrap().write(&one.join("inputs.manifest")).unwrap();
        let of = |taken: Option<&[bool]>| Source::Manifest {
            path: one.join("inputs.manifest"),
            folder: one.clone(),
            taken: taken.map(Into::into),
        };
        let ids = |source| {
            let manifest = enumerate(&[source], &how(&other))?;
            let entries = manifest.iter().map(Result::unwrap);
            Ok(entries.map(|entry| (entry.id, entry.locator.to_string())).collect::<Vec<_>>())
        };
        let at = |name: &str| one.join(name).display().to_string();
        let all = [("x", "x.cif"), ("two@0", "two.xyz@0"), ("two@1", "two.xyz@1")];
        let all = all.map(|(id, name)| (id.to_owned(), at(name)));
        assert_eq!(ids(of(None)).unwrap(), all);
        assert_eq!(ids(of(Some(&[true, false, true]))).unwrap(), [all[0].clone(), all[2].clone()]);
        let error: InputError = ids(of(Some(&[true]))).unwrap_err();
        assert!(error.to_string().contains("holds 3 structures, and 1 were expected"), "{error}");
        let frames = |names: &[Option<&str>]| Source::Frames {
            path: one.join("two.xyz"),
            ids: names.iter().map(|name| name.map(str::to_owned)).collect(),
        };
        assert_eq!(ids(frames(&[None, Some("b")])).unwrap(), [("b".to_owned(), at("two.xyz@1"))]);
        assert!(ids(frames(&[None])).is_err() && ids(frames(&[None, None, None])).is_err());
        // One frame alone is the file as a whole.
        std::fs::write(one.join("two.xyz"), frame(0.9)).unwrap();
        assert_eq!(ids(frames(&[Some("a")])).unwrap()[0].0, "a");
    }
}
