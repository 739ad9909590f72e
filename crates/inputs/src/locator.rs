//! One structure of the input and where its text is.

use crate::escape::{bytes_of, os_string};
use mlip_tasks::{Failure, FailureKind};
use serde::{Deserialize, Serialize};
use std::fmt;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

/// Larger texts are refused: no structure needs as much, and a rank should not run out of memory over one file.
pub const MAX_CIF_BYTES: u64 = 64 << 20;

/// One structure of the input.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// Unique in the run: the file name without `.cif`, or what the table says; repeated ones end in `#2`, `#3`, ….
    pub id: String,
    /// Where the text is.
    pub locator: Locator,
}

/// Where the text of a CIF is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Locator {
    /// A file.
    File {
        /// Absolute, or relative to the folder in which the run was started.
        #[serde(with = "path_bytes")]
        path: PathBuf,
    },
    /// A cell of a CSV or TSV table.
    CsvCell {
        /// The table.
        #[serde(with = "path_bytes")]
        path: PathBuf,
        /// From 1; the header does not count.
        row: u64,
        /// Where the row starts in the table.
        byte_offset: u64,
        /// From 0.
        column: u32,
    },
}

impl fmt::Display for Locator {
    /// The path, for tables `table.csv:ROW`: column `path` of the reports.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File { path } => write!(f, "{}", path.display()),
            Self::CsvCell { path, row, .. } => write!(f, "{}:{row}", path.display()),
        }
    }
}

impl Locator {
    /// The text.
    ///
    /// # Errors
    /// With class `unreadable` when the file is missing, not allowed to be read, a folder or too large, or the table
    /// has changed since it was enumerated.
    pub fn read(&self) -> Result<Vec<u8>, Failure> {
        match self {
            Self::File { path } => read_file(path),
            Self::CsvCell { path, row, byte_offset, column } => read_cell(path, *row, *byte_offset, *column),
        }
    }

    /// Whether the text can be expected to be there, without reading it: what `--strict` asks of every entry.
    ///
    /// # Errors
    /// As [`read`](Self::read), as far as the file system tells.
    pub fn check(&self) -> Result<(), Failure> {
        let (Self::File { path } | Self::CsvCell { path, .. }) = self;
        open(path).map(drop)
    }
}

impl Entry {
    /// The text.
    ///
    /// # Errors
    /// As [`Locator::read`].
    pub fn read(&self) -> Result<Vec<u8>, Failure> {
        self.locator.read()
    }
}

fn unreadable(path: &Path, cause: &str, remedy: &str) -> Failure {
    let message = format!("`{}` {cause}; {remedy}", path.display());
    Failure { kind: FailureKind::Unreadable, line: None, message }
}

fn from_io(path: &Path, error: &io::Error) -> Failure {
    match error.kind() {
        io::ErrorKind::NotFound => unreadable(
            path,
            "does not exist",
            "correct the path (those of a list are relative to the folder of the list) or remove it from the input",
        ),
        io::ErrorKind::PermissionDenied => {
            unreadable(path, "may not be read by this user", "allow it: chmod a+r, and a+x for its folders")
        }
        _ => unreadable(path, &format!("cannot be read: {error}"), "check the disk and repeat with --retry-failed"),
    }
}

fn open(path: &Path) -> Result<(File, u64), Failure> {
    // A named pipe would wait for its writer, so look before opening.
    let metadata = std::fs::metadata(path).map_err(|error| from_io(path, &error))?;
    if metadata.is_dir() {
        return Err(unreadable(path, "is a folder", "name the folder itself as input, or the files in it"));
    }
    if !metadata.is_file() {
        return Err(unreadable(path, "is not a regular file", "name a file"));
    }
    let file = File::open(path).map_err(|error| from_io(path, &error))?;
    Ok((file, metadata.len()))
}

fn too_large(path: &Path) -> Failure {
    unreadable(
        path,
        &format!("holds more than {} MiB for one structure", MAX_CIF_BYTES >> 20),
        "remove reflection data and images from the CIF",
    )
}

fn read_file(path: &Path) -> Result<Vec<u8>, Failure> {
    let (file, length) = open(path)?;
    if length > MAX_CIF_BYTES {
        return Err(too_large(path));
    }
    let mut bytes = Vec::with_capacity(usize::try_from(length).unwrap_or(0) + 1);
    // The file may grow while it is read.
    file.take(MAX_CIF_BYTES + 1).read_to_end(&mut bytes).map_err(|error| from_io(path, &error))?;
    if bytes.len() as u64 > MAX_CIF_BYTES { Err(too_large(path)) } else { Ok(bytes) }
}

fn read_cell(path: &Path, row: u64, byte_offset: u64, column: u32) -> Result<Vec<u8>, Failure> {
    let (mut file, length) = open(path)?;
    let changed = || {
        unreadable(
            path,
            &format!("has no row {row} where it was"),
            "the table has changed since the run began: start a new run",
        )
    };
    if byte_offset >= length {
        return Err(changed());
    }
    file.seek(SeekFrom::Start(byte_offset)).map_err(|error| from_io(path, &error))?;
    let mut reader = crate::table::reader(path, false).from_reader(file.take(MAX_CIF_BYTES + 1));
    let mut record = csv::ByteRecord::new();
    match reader.read_byte_record(&mut record) {
        Ok(true) => {}
        Ok(false) | Err(_) => return Err(changed()),
    }
    let cell = record.get(column as usize).ok_or_else(|| {
        unreadable(path, &format!("has only {} cells in row {row}", record.len()), "correct the row, or its quotes")
    })?;
    if record.as_slice().len() as u64 >= MAX_CIF_BYTES { Err(too_large(path)) } else { Ok(cell.to_vec()) }
}

/// Paths as bytes: serde's own form refuses those that are not UTF-8.
mod path_bytes {
    use super::{PathBuf, bytes_of, os_string};
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    pub(super) fn serialize<S: Serializer>(path: &std::path::Path, serializer: S) -> Result<S::Ok, S::Error> {
        bytes_of(path.as_os_str()).serialize(serializer)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<PathBuf, D::Error> {
        Vec::<u8>::deserialize(deserializer).map(|bytes| os_string(bytes).into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(path: impl Into<PathBuf>) -> Locator {
        Locator::File { path: path.into() }
    }

    #[test]
    fn missing_files_and_folders_are_failures_that_say_what_to_do() {
        let folder = tempfile::tempdir().unwrap();
        for (locator, cause) in
            [(file(folder.path().join("no.cif")), "does not exist"), (file(folder.path()), "is a folder")]
        {
            for failure in [locator.read().unwrap_err(), locator.check().unwrap_err()] {
                assert_eq!(failure.kind, FailureKind::Unreadable);
                assert!(failure.message.contains(cause), "{}", failure.message);
                assert!(failure.message.contains("; "), "{}", failure.message);
            }
        }
    }

    #[test]
    fn files_above_the_limit_are_refused_without_reading_them() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("huge.cif");
        File::create(&path).unwrap().set_len(MAX_CIF_BYTES + 1).unwrap();
        assert!(file(path).read().unwrap_err().message.contains("64 MiB"));
    }

    #[test]
    fn locators_survive_serde_also_with_odd_bytes() {
        let locator = file(os_string(b"a\xff\n b.cif".to_vec()));
        let text = serde_json::to_string(&locator).unwrap();
        assert_eq!(serde_json::from_str::<Locator>(&text).unwrap(), locator);
    }
}
