//! What the command line names.

use crate::InputError;
use crate::archive::is_archive;
use crate::compression::unpacked_name;
use crate::escape::bytes_of;
use crate::names::format_of_name;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// One input of the command line.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Source {
    /// A text file with one path a line.
    ///
    /// Blank lines and lines that start with `#` are skipped, blanks and CR at the ends of a line are ignored. All
    /// relative paths of a list start from one folder: `root` where given; else the folder of the list, the current
    /// folder or the folder above the list's, whichever has most of the first 256 entries (the first of these on a
    /// tie). Every line is an entry, whatever it names: a missing file or a folder becomes a failure record.
    List {
        /// The list.
        path: PathBuf,
        /// Where its relative paths start.
        root: Option<PathBuf>,
    },
    /// A list that comes from standard input: `-`. Relative paths start from `root`, or the current folder.
    StandardInput {
        /// Where its relative paths start.
        root: Option<PathBuf>,
    },
    /// A folder: every file below it whose name tells a format (`*.cif`, `*.xyz`, `*.vasp`, `POSCAR`, …), in any case,
    /// in the bytewise order of the paths; of `*.json` and `*.jsonl` files those that hold structures.
    ///
    /// Hidden files and folders (`.name`) are skipped; links are followed, each folder is visited once.
    Directory {
        /// The folder.
        path: PathBuf,
    },
    /// A single CIF, XYZ or JSON file or POSCAR, plain or compressed; an entry for each structure in it.
    File {
        /// The file.
        path: PathBuf,
    },
    /// A TAR archive, plain or compressed, or a ZIP archive; its members as those of a folder, in their order.
    Archive {
        /// The archive.
        path: PathBuf,
    },
    /// A table, comma separated or (`.tsv`) tab separated, with a CIF text or pymatgen's JSON in one column.
    Csv {
        /// The table.
        path: PathBuf,
        /// The column of the texts; without it `cif`, `structure`, `LeMatStructs` or `cif_string`, in any case.
        cif_column: Option<String>,
        /// The column of the ids; without it `structure_id`, `material_id`, `id`, `name` or `mat_id`, in any case;
        /// without any of them the number of the row.
        id_column: Option<String>,
    },
    /// Entries of the list of a run, in their order and under their ids.
    Manifest {
        /// The list.
        path: PathBuf,
        /// Where its relative paths start.
        folder: PathBuf,
        /// Which of them are taken; all if nothing is said.
        taken: Option<Arc<[bool]>>,
    },
    /// Frames of an XYZ file, plain or compressed, under ids of their own.
    Frames {
        /// The file.
        path: PathBuf,
        /// One a frame; those without are not taken.
        ids: Arc<[Option<String>]>,
    },
}

impl Source {
    /// What a path on the command line means: a folder, a structure (`*.cif`, `*.xyz`, `*.json`, `*.vasp`, `POSCAR`, …,
    /// also compressed: `*.cif.gz`), a table (`*.csv`, `*.tsv`), an archive (`*.tar`, `*.tar.gz`, `*.tar.zst`, `*.zip`, …),
    /// `-` for a list from standard input; anything else is a list.
    ///
    /// # Errors
    /// When there is nothing at this path, or a compressed file that would be a list or a table.
    pub fn from_path(path: impl Into<PathBuf>) -> Result<Self, InputError> {
        Self::from_path_in(Path::new(""), path)
    }

    /// As [`Source::from_path`]; a relative path starts from `folder`.
    ///
    /// # Errors
    /// As there.
    pub fn from_path_in(folder: &Path, path: impl Into<PathBuf>) -> Result<Self, InputError> {
        let path = path.into();
        if path.as_os_str() == "-" {
            return Ok(Self::StandardInput { root: None });
        }
        let metadata = std::fs::metadata(folder.join(&path)).map_err(|error| InputError::read(&path, error))?;
        let name = path.file_name().map(bytes_of).unwrap_or_default();
        let extension = path.extension().map(|text| text.to_string_lossy().to_ascii_lowercase());
        Ok(match extension.as_deref() {
            _ if metadata.is_dir() => Self::Directory { path },
            Some("csv" | "tsv") => Self::Csv { path, cif_column: None, id_column: None },
            _ if is_archive(name) => Self::Archive { path },
            _ if format_of_name(name).is_some() => Self::File { path },
            _ if unpacked_name(name) != name => return Err(InputError::Compressed { path }),
            _ => Self::List { path, root: None },
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_says_what_it_is() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| {
            let path = folder.path().join(name);
            std::fs::write(&path, "").unwrap();
            Source::from_path(path).unwrap()
        };
        for name in ["a.CIF", "a.xyz", "POSCAR", "a.vasp", "a.json", "a.jsonl", "a.cif.gz", "POSCAR.xz"] {
            assert!(matches!(at(name), Source::File { .. }), "{name}");
        }
        for name in ["a.tar", "a.tar.gz", "a.TGZ", "a.tar.zst", "a.zip", "a.tar.xz", "a.tbz2"] {
            assert!(matches!(at(name), Source::Archive { .. }), "{name}");
        }
        for name in ["a.csv.gz", "all.list.zst"] {
            let path = folder.path().join(name);
            std::fs::write(&path, "").unwrap();
            let error = Source::from_path(path).unwrap_err().to_string();
            assert!(error.contains(name) && error.contains("unpack it"), "{error}");
        }
        assert!(matches!(Source::from_path("-"), Ok(Source::StandardInput { .. })));
        assert!(matches!(at("a.csv"), Source::Csv { .. }));
        assert!(matches!(at("a.list"), Source::List { .. }));
        assert!(matches!(at("a"), Source::List { .. }));
        assert!(matches!(Source::from_path(folder.path()), Ok(Source::Directory { .. })));
        assert!(matches!(Source::from_path(folder.path().join("no")), Err(InputError::Read { .. })));
    }
}
