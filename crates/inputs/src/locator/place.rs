//! Entries, and where their texts are.

use crate::escape::{bytes_of, os_string};
use crate::names::format_of_name;
use mlip_formats::Format;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::path::{Path, PathBuf};

/// Larger texts are refused: no structure needs as much, and a rank should not run out of memory over one file.
pub const MAX_CIF_BYTES: u64 = 64 << 20;

/// One structure of the input.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// Unique in the run: the file name without `.cif` and `.gz`, or what the table says; repeated ones end in `#2`,
    /// `#3`, ….
    pub id: String,
    /// Where the text is.
    pub locator: Locator,
}

/// Where the text of a structure is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Locator {
    /// A file; its name tells the format, its first bytes the compression.
    File {
        /// Absolute, or relative to the folder in which the run was begun.
        #[serde(with = "path_bytes")]
        path: PathBuf,
    },
    /// A cell of a CSV or TSV table: a CIF, or pymatgen's JSON.
    CsvCell {
        /// The table.
        #[serde(with = "path_bytes")]
        path: PathBuf,
        /// From 1; the header does not count.
        row: u64,
        /// Where the row starts in the table.
        byte_offset: u64,
        /// Which cells of the row are read.
        columns: Columns,
    },
    /// A part of a file: a member of an archive, a block of a CIF, a frame of an XYZ file, an object of a JSON file.
    Part(Box<Part>),
}

/// Columns of a table, from 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Columns {
    /// Of the CIF or JSON.
    pub text: u32,
    /// Of the charge, where there is one.
    pub charge: Option<u32>,
    /// Of the spin multiplicity, where there is one.
    pub spin: Option<u32>,
}

/// A contiguous part of a file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Part {
    /// The file that holds the bytes: the archive itself, or where a compressed one was unpacked to.
    #[serde(with = "path_bytes")]
    pub store: PathBuf,
    /// The file that the user named; reports show it.
    #[serde(with = "path_bytes")]
    pub path: PathBuf,
    /// What is shown behind it: `:folder/x.cif` of an archive, `:block` of a CIF, `@3` of an XYZ or JSON file.
    pub name: String,
    /// First byte.
    pub byte_offset: u64,
    /// Number of bytes, packed.
    pub length: u64,
    /// How they are packed.
    pub packing: Packing,
    /// How the text is written.
    pub format: Format,
    /// Line of the file (or archive member) in which it begins, from 1.
    pub first_line: u32,
}

/// How the bytes of a [`Part`] are packed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Packing {
    /// As they are.
    Stored,
    /// As they are, and their CRC-32: what lies in the spool, and a piece of a file with several structures.
    Checked {
        /// Of the bytes.
        crc32: u32,
    },
    /// A raw deflate stream in a ZIP archive, and the CRC-32 of the text.
    Deflate {
        /// Of the text.
        crc32: u32,
    },
    /// A Zstandard frame in a ZIP archive, and the CRC-32 of the text.
    Zstd {
        /// Of the text.
        crc32: u32,
    },
    /// Not text at all: a link in an archive.
    Link,
    /// An encrypted member of a ZIP archive.
    Encrypted,
    /// A member of a ZIP archive that is packed by a method this program does not know.
    Method(u16),
}

impl fmt::Display for Locator {
    /// The path, for tables `table.csv:ROW`: column `path` of the reports.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File { path } => write!(f, "{}", path.display()),
            Self::CsvCell { path, row, .. } => write!(f, "{}:{row}", path.display()),
            Self::Part(part) => write!(f, "{part}"),
        }
    }
}

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.path.display(), self.name)
    }
}

impl Locator {
    /// How the text is written.
    pub fn format(&self) -> Format {
        match self {
            Self::File { path } => path.file_name().and_then(|name| format_of_name(bytes_of(name))).unwrap_or_default(),
            Self::CsvCell { .. } => Format::Cif,
            Self::Part(part) => part.format,
        }
    }

    /// The same place for somebody in another folder: relative paths start from this one.
    #[must_use]
    pub fn in_folder(mut self, folder: &Path) -> Self {
        match &mut self {
            Self::File { path } | Self::CsvCell { path, .. } => *path = folder.join(&*path),
            Self::Part(part) => {
                part.path = folder.join(&part.path);
                part.store = folder.join(&part.store);
            }
        }
        self
    }

    /// Line of the file in which the text begins, from 1.
    pub(crate) fn first_line(&self) -> u32 {
        match self {
            Self::Part(part) => part.first_line,
            _ => 1,
        }
    }
}

/// Paths as bytes: serde's own form refuses those that are not UTF-8.
mod path_bytes {
    use super::{Path, PathBuf, bytes_of, os_string};
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    pub(super) fn serialize<S: Serializer>(path: &Path, serializer: S) -> Result<S::Ok, S::Error> {
        bytes_of(path.as_os_str()).serialize(serializer)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<PathBuf, D::Error> {
        Vec::<u8>::deserialize(deserializer).map(|bytes| os_string(bytes).into())
    }
}
