//! Opening files, and keeping those open that hold many structures.

use super::place::MAX_CIF_BYTES;
use mlip_atoms::{Failure, FailureKind};
use std::cell::RefCell;
use std::fmt::Display;
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::rc::Rc;

/// Tables and archives that a thread keeps open.
const KEPT: usize = 8;

/// A path as it was given, for people, and the folder from which it starts if it is relative.
#[derive(Clone, Copy)]
pub(super) struct Place<'a> {
    pub(super) path: &'a Path,
    pub(super) folder: &'a Path,
}

impl Place<'_> {
    /// Where it is found from the current folder; an absolute path is kept as it is.
    fn resolved(&self) -> PathBuf {
        self.folder.join(self.path)
    }
}

thread_local! {
    /// Most recently used last.
    static OPEN: RefCell<Vec<(PathBuf, Rc<File>)>> = const { RefCell::new(Vec::new()) };
}

pub(super) fn unreadable(what: impl Display, cause: &str, remedy: &str) -> Failure {
    Failure { kind: FailureKind::Unreadable, line: None, message: format!("`{what}` {cause}; {remedy}") }
}

pub(super) fn too_large(what: impl Display) -> Failure {
    unreadable(
        what,
        &format!("holds more than {} MiB for one structure", MAX_CIF_BYTES >> 20),
        "remove reflection data and images from the CIF",
    )
}

pub(super) fn from_io(path: &Path, error: &io::Error) -> Failure {
    match error.kind() {
        io::ErrorKind::NotFound => unreadable(
            path.display(),
            "does not exist",
            "correct the path (those of a list are relative to the folder of the list) or remove it from the input",
        ),
        io::ErrorKind::PermissionDenied => {
            unreadable(path.display(), "may not be read by this user", "allow it: chmod a+r, and a+x for its folders")
        }
        _ => unreadable(
            path.display(),
            &format!("cannot be read: {error}"),
            "check the disk and repeat with --retry-failed",
        ),
    }
}

pub(super) fn open(place: Place<'_>) -> Result<(File, u64), Failure> {
    let (path, resolved) = (place.path, place.resolved());
    // A named pipe would wait for its writer, so look before opening.
    let metadata = std::fs::metadata(&resolved).map_err(|error| from_io(path, &error))?;
    if metadata.is_dir() {
        return Err(match std::fs::read_dir(&resolved) {
            // So it came into a list of files: nobody could look into it.
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied => unreadable(
                path.display(),
                "is a folder that this user may not look into",
                "allow it: chmod a+rx, and a+x for the folders above it",
            ),
            _ => unreadable(path.display(), "is a folder", "name the folder itself as input, or the files in it"),
        });
    }
    if !metadata.is_file() {
        return Err(unreadable(path.display(), "is not a regular file", "name a file"));
    }
    let file = File::open(&resolved).map_err(|error| from_io(path, &error))?;
    Ok((file, metadata.len()))
}

/// A file that holds many structures: a thread opens it once. One that is replaced meanwhile (renamed over) is read as
/// it was.
pub(super) fn shared(place: Place<'_>) -> Result<Rc<File>, Failure> {
    let resolved = place.resolved();
    OPEN.with_borrow_mut(|open_files| {
        if let Some(place) = open_files.iter().position(|(known, _)| *known == resolved) {
            let found = open_files.remove(place);
            let file = found.1.clone();
            open_files.push(found);
            return Ok(file);
        }
        let file = Rc::new(open(place)?.0);
        if open_files.len() >= KEPT {
            open_files.remove(0);
        }
        open_files.push((resolved, file.clone()));
        Ok(file)
    })
}
