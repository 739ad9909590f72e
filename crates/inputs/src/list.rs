//! List files.

use crate::InputError;
use crate::escape::os_string;
use std::fs::File;
use std::io::{self, BufRead, BufReader};
use std::path::{Path, PathBuf};

/// How many entries decide where the relative paths of a list start.
const SAMPLE: usize = 256;

/// The paths of a list, in its order; a relative list and relative paths without another root start from `folder`.
pub(crate) fn read_list(
    list: &Path,
    folder: &Path,
    root: Option<&Path>,
    mut visit: impl FnMut(PathBuf) -> Result<(), InputError>,
) -> Result<(), InputError> {
    let fail = |error| InputError::read(list, error);
    let open = || File::open(folder.join(list)).map(BufReader::new).map_err(fail);
    let root = match root {
        Some(root) => root.to_owned(),
        None => {
            let mut sample = Vec::new();
            each_path(open()?, |path| {
                if path.is_relative() {
                    sample.push(path);
                }
                Ok(sample.len() < SAMPLE)
            })
            .map_err(|trouble: Trouble| trouble.of(list, fail))?;
            find_root(list, folder, &sample)
        }
    };
    from_root(open()?, &root, list, &mut visit).map_err(|trouble| trouble.of(list, fail))
}

/// The paths of a list that comes from standard input; relative ones start from `root` or the current folder.
pub(crate) fn read_standard_input(
    list: impl BufRead,
    root: Option<&Path>,
    mut visit: impl FnMut(PathBuf) -> Result<(), InputError>,
) -> Result<(), InputError> {
    from_root(list, root.unwrap_or(Path::new("")), Path::new("-"), &mut visit)
        .map_err(|trouble| trouble.of(Path::new("-"), |source| InputError::StandardInput { source }))
}

fn from_root(
    list: impl BufRead,
    root: &Path,
    name: &Path,
    visit: &mut dyn FnMut(PathBuf) -> Result<(), InputError>,
) -> Result<(), Trouble> {
    let mut n_paths = 0u64;
    each_path(list, |path| {
        n_paths += 1;
        // `join` keeps an absolute path as it is.
        visit(root.join(path)).map(|()| true).map_err(Trouble::Input)
    })?;
    if n_paths == 0 {
        return Err(Trouble::Input(InputError::NoStructures { path: name.into(), expected: "one path a line" }));
    }
    Ok(())
}

/// What may go wrong along a list.
enum Trouble {
    Io(io::Error),
    /// In this line, from 1, and what the text looks like.
    Nul(u64, Option<&'static str>),
    Input(InputError),
}

impl Trouble {
    fn of(self, list: &Path, fail: impl FnOnce(io::Error) -> InputError) -> InputError {
        match self {
            Self::Io(error) => fail(error),
            Self::Nul(line, what) => InputError::NoList { path: list.into(), line, what },
            Self::Input(error) => error,
        }
    }
}

/// Line by line, until `visit` says that it has enough. Lines may end in LF, CR LF or CR.
fn each_path(mut reader: impl BufRead, mut visit: impl FnMut(PathBuf) -> Result<bool, Trouble>) -> Result<(), Trouble> {
    let (mut text, mut is_first, mut line, mut what) = (Vec::new(), true, 0u64, None);
    loop {
        text.clear();
        line += 1;
        if reader.read_until(b'\n', &mut text).map_err(Trouble::Io)? == 0 {
            return Ok(());
        }
        let mut rest = text.as_slice();
        if std::mem::take(&mut is_first) {
            what = looks_like(rest);
            rest = rest.strip_prefix(b"\xef\xbb\xbf").unwrap_or(rest);
        }
        if memchr::memchr(0, rest).is_some() {
            return Err(Trouble::Nul(line, what));
        }
        for line in rest.split(|byte| *byte == b'\r').map(<[u8]>::trim_ascii) {
            if !line.is_empty() && line[0] != b'#' && !visit(os_string(line.to_vec()).into())? {
                return Ok(());
            }
        }
    }
}

/// What a file is that is named as a list, where its beginning tells.
fn looks_like(begin: &[u8]) -> Option<&'static str> {
    const BEGINNINGS: [(&[u8], &str); 4] = [
        (b"PAR1", "a Parquet table: write it as CSV with a column of CIFs"),
        (b"SQLite format 3\0", "an SQLite database: write its structures as extended XYZ"),
        (b"\x89HDF", "an HDF5 file"),
        (b"\x93NUMPY", "a NumPy array"),
    ];
    BEGINNINGS.into_iter().find(|(bytes, _)| begin.starts_with(bytes)).map(|(_, what)| what)
}

/// The folder from which relative paths start; empty for `folder`.
fn find_root(list: &Path, folder: &Path, paths: &[PathBuf]) -> PathBuf {
    let beside = list.parent().map(Path::to_owned).unwrap_or_default();
    let above = beside.join("..");
    let candidates = [beside.clone(), PathBuf::new(), above];
    let mut found = [0usize; 3];
    for path in paths {
        for (candidate, count) in candidates.iter().zip(&mut found) {
            *count += usize::from(folder.join(candidate).join(path).exists());
        }
    }
    let most = found.into_iter().max().unwrap_or(0);
    let first = found.iter().position(|count| *count == most).unwrap_or(0);
    let root = &candidates[first];
    // `lists/../bulk/x.cif` reads better as `bulk/x.cif`.
    if first == 2 {
        beside.parent().filter(|_| beside.file_name().is_some()).map_or(root.clone(), Path::to_owned)
    } else {
        root.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(list: &Path, root: Option<&Path>) -> Vec<PathBuf> {
        let mut paths = Vec::new();
        let mut push = |path| {
            paths.push(path);
            Ok(())
        };
        read_list(list, Path::new(""), root, &mut push).unwrap();
        paths
    }

    #[test]
    fn untidy_lists_are_read() {
        let folder = tempfile::tempdir().unwrap();
        let list = folder.path().join("x.list");
        std::fs::write(&list, b"\xef\xbb\xbfa b.cif\r\n\n  c.cif \t\n# no\n  # no\n/d.cif\r\xff.cif").unwrap();
        let at = |bytes: &[u8]| folder.path().join(os_string(bytes.to_vec()));
        assert_eq!(read(&list, None), [at(b"a b.cif"), at(b"c.cif"), "/d.cif".into(), at(b"\xff.cif")]);
        assert_eq!(read(&list, Some(Path::new("/r")))[1], Path::new("/r/c.cif"));
        std::fs::write(&list, "# nothing\n").unwrap();
        assert!(matches!(read_list(&list, Path::new(""), None, |_| Ok(())), Err(InputError::NoStructures { .. })));
    }

    #[test]
    fn what_is_no_text_is_no_list() {
        let folder = tempfile::tempdir().unwrap();
        let list = folder.path().join("x.list");
        let refusal = |bytes: &[u8]| {
            std::fs::write(&list, bytes).unwrap();
            read_list(&list, Path::new(""), None, |_| Ok(())).unwrap_err().to_string()
        };
        assert!(
            refusal(b"a.cif\nb.\0cif\n")
                .ends_with("line 2 holds a NUL byte, which no path can; a list is a text with one path a line")
        );
        assert!(
            refusal(b"PAR1\x15\0\n")
                .ends_with("and this looks like a Parquet table: write it as CSV with a column of CIFs")
        );
        assert!(refusal(b"SQLite format 3\0a\n").contains("line 1 holds a NUL byte"));
    }

    #[test]
    fn a_list_from_standard_input_starts_from_the_current_folder() {
        let mut paths = Vec::new();
        let mut push = |path| {
            paths.push(path);
            Ok(())
        };
        read_standard_input(b"a.cif\n# no\n/b.cif".as_slice(), None, &mut push).unwrap();
        read_standard_input(b"a.cif\n".as_slice(), Some(Path::new("/r")), &mut push).unwrap();
        assert_eq!(paths, ["a.cif", "/b.cif", "/r/a.cif"].map(PathBuf::from));
        assert!(read_standard_input(b"\n".as_slice(), None, |_| Ok(())).is_err());
    }

    #[test]
    fn paths_may_start_from_the_folder_above_the_list() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("lists")).unwrap();
        std::fs::write(folder.path().join("a.cif"), "").unwrap();
        let list = folder.path().join("lists/x.list");
        std::fs::write(&list, "missing.cif\na.cif\n").unwrap();
        assert_eq!(read(&list, None), [folder.path().join("missing.cif"), folder.path().join("a.cif")]);
        std::fs::write(folder.path().join("lists/a.cif"), "").unwrap();
        assert_eq!(read(&list, None)[1], folder.path().join("lists/a.cif"));
    }
}
