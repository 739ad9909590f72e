//! What keeps the input from being enumerated at all. Single bad entries are failures, not errors.

use std::io;
use std::path::PathBuf;
use thiserror::Error;

/// Why a source cannot be enumerated, or a manifest not be read or written.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum InputError {
    /// A file or folder cannot be opened or read.
    #[error("cannot read `{}`", path.display())]
    Read {
        /// What was to be read.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// A file cannot be written.
    #[error("cannot write `{}`", path.display())]
    Write {
        /// What was to be written.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// A list without paths, a folder or archive without structures.
    #[error("`{}` names no structures: expected {expected}", path.display())]
    NoStructures {
        /// The list, folder, table or archive.
        path: PathBuf,
        /// What a source of its kind holds.
        expected: &'static str,
    },
    /// A list that is no text: random bytes, a database, a table of another program.
    #[error(
        "`{}` is no list: line {line} holds a NUL byte, which no path can; a list is a text with one path a line{}", path.display(),
        what.map(|what| format!(", and this looks like {what}")).unwrap_or_default()
    )]
    NoList {
        /// The file.
        path: PathBuf,
        /// From 1.
        line: u64,
        /// What it looks like.
        what: Option<&'static str>,
    },
    /// A table without the column of the CIF texts.
    #[error(
        "table `{}` has no column {wanted}; its columns are: {}. Name one with --cif-column", path.display(),
        columns.join(", ")
    )]
    NoColumn {
        /// The table.
        path: PathBuf,
        /// What was looked for.
        wanted: String,
        /// What is there.
        columns: Vec<String>,
    },
    /// A file of frames, or a list, holds another number than is known of it.
    #[error("`{}` holds {found} structures, and {expected} were expected: it is not what was written with the tables beside it", path.display())]
    OtherNumber {
        /// The file.
        path: PathBuf,
        /// Structures in it.
        found: usize,
        /// Structures that it should hold.
        expected: usize,
    },
    /// A table that cannot be parsed.
    #[error("table `{}` cannot be parsed", path.display())]
    Table {
        /// The table.
        path: PathBuf,
        /// What is wrong with it.
        #[source]
        source: csv::Error,
    },
    /// An archive that cannot be read.
    #[error("cannot read the archive `{}`: {cause}; {remedy}", path.display())]
    Archive {
        /// The archive.
        path: PathBuf,
        /// What is wrong with it.
        cause: String,
        /// What to do.
        remedy: &'static str,
    },
    /// A compressed list or table: these are read again and again, by place.
    #[error(
        "`{}` is compressed, and by its name neither a structure nor an archive; unpack it (gzip -d, zstd -d, bzip2 -d, \
         xz -d) and name what comes out", path.display()
    )]
    Compressed {
        /// The file.
        path: PathBuf,
    },
    /// A list that comes from standard input cannot be read.
    #[error("cannot read the list from standard input")]
    StandardInput {
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// As many structures as were asked for are found: what would come is not read. [`crate::enumerate`] does not give it.
    #[doc(hidden)]
    #[error("as many structures as were asked for are found")]
    Enough,
    /// A manifest reads differently than when it was opened.
    #[error("entry {entry} of the input list `{}` is not what it was; the file must stay as it is while a run goes on", path.display())]
    EntryChanged {
        /// The manifest.
        path: PathBuf,
        /// From 1.
        entry: u64,
    },
    /// What was unpacked is not what it was.
    #[error("`{}` is damaged: the checksum of {what} does not fit. The disk may fail; start a new run from the original input", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What lies there.
        what: String,
    },
    /// What does not fit into memory cannot be kept on disk.
    #[error(transparent)]
    Spill(#[from] mlip_spill::SpillError),
    /// A manifest that this version does not understand, or a damaged one.
    #[error("manifest `{}`, line {line}: {cause}. Start a new run from the original input", path.display())]
    Manifest {
        /// The manifest.
        path: PathBuf,
        /// From 1.
        line: u64,
        /// What is wrong.
        cause: &'static str,
    },
}

impl InputError {
    pub(crate) fn read(path: impl Into<PathBuf>, source: io::Error) -> Self {
        Self::Read { path: path.into(), source }
    }

    pub(crate) fn write(path: impl Into<PathBuf>, source: io::Error) -> Self {
        Self::Write { path: path.into(), source }
    }
}
