//! What can go wrong on disk.

use std::io;
use std::path::{Path, PathBuf};
use thiserror::Error;

/// Why something could not be stored or read back. Every message names the file.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum StoreError {
    /// The operating system refused.
    #[error("cannot {action} `{}`", path.display())]
    Io {
        /// What was tried: `write`, `create`, …
        action: &'static str,
        /// The file.
        path: PathBuf,
        /// Its reason.
        source: io::Error,
    },
    /// The file does not begin like a journal.
    #[error("`{}` is not a journal of mlip-batch (its first bytes are others); move it out of the run folder", path.display())]
    NotAJournal {
        /// The file.
        path: PathBuf,
    },
    /// The journal was written in a format that this program does not know.
    #[error(
        "`{}` is a journal of format {major}.{minor}, this program reads format {supported}; use the version of mlip-batch that began the run",
        path.display()
    )]
    JournalVersion {
        /// The file.
        path: PathBuf,
        /// Its major version.
        major: u16,
        /// Its minor version.
        minor: u16,
        /// The major version known here.
        supported: u16,
    },
    /// The journal belongs to another run.
    #[error("`{}` belongs to run {found}, not to run {expected}; move it out of the run folder", path.display())]
    ForeignJournal {
        /// The file.
        path: PathBuf,
        /// Run that wrote it.
        found: String,
        /// Run in whose folder it lies.
        expected: String,
    },
    /// A frame that was there is no longer, or never was.
    #[error("`{}`: no valid {what} at byte {offset}; the file was changed after it was scanned, start again", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// Where the frame should begin.
        offset: u64,
        /// What was looked for.
        what: &'static str,
    },
    /// The frame cannot be written in the journal's format.
    #[error("a frame of {bytes} bytes does not fit the journal `{}` (at most {limit})", path.display())]
    FrameTooLong {
        /// The journal.
        path: PathBuf,
        /// Length of the payload.
        bytes: u64,
        /// Largest payload.
        limit: u64,
    },
    /// A value could not be put into or taken out of its stored form.
    #[error("cannot {action} {what}")]
    Codec {
        /// `encode` or `decode`.
        action: &'static str,
        /// What value.
        what: &'static str,
        /// The codec's reason.
        source: postcard::Error,
    },
    /// An earlier write failed, so nothing more may be appended.
    #[error("`{}` is closed to writing since a write failed earlier", path.display())]
    Broken {
        /// The journal.
        path: PathBuf,
    },
    /// A row of a table was made with another number of fields than the rows before it.
    #[error(
        "`{}`: a row has {n_fields} fields where the rows before it have {expected}; this is a defect of the program, please report it",
        path.display()
    )]
    UnequalRows {
        /// The table.
        path: PathBuf,
        /// Of this row.
        n_fields: usize,
        /// Of the rows before it.
        expected: usize,
    },
    /// A CSV that was written cannot be read back.
    #[error("cannot read `{}` back", path.display())]
    CsvRead {
        /// The file.
        path: PathBuf,
        /// The reason.
        source: csv::Error,
    },
    /// Two potentials of a run share a label, so the tables could not tell them apart.
    #[error("two potentials have the label `{label}`; the tables need distinct labels")]
    DuplicatePotential {
        /// The label.
        label: String,
    },
    /// The settings of a run cannot be read.
    #[error("cannot read `{}` as the settings of a run", path.display())]
    RunFile {
        /// The file.
        path: PathBuf,
        /// Line, column and cause.
        source: Box<toml::de::Error>,
    },
    /// The settings of a run are not as they were written.
    #[error("`{}` was changed or damaged: its checksum does not fit. Begin a new run; or, if the change is meant, remove the first and the last line", path.display())]
    RunFileChanged {
        /// The file.
        path: PathBuf,
    },
    /// The settings of a run cannot be expressed.
    #[error("cannot express the settings of the run for `{}`", path.display())]
    RunFileEncoding {
        /// The file.
        path: PathBuf,
        /// The cause.
        source: toml::ser::Error,
    },
    /// The provenance of a run cannot be expressed, or is not as this program writes it.
    #[error("cannot write or read `{}` as JSON", path.display())]
    Json {
        /// The file.
        path: PathBuf,
        /// The cause.
        source: serde_json::Error,
    },
    /// A Parquet file could not be written.
    #[error("cannot write `{}`", path.display())]
    Parquet {
        /// The file.
        path: PathBuf,
        /// The reason.
        source: parquet::errors::ParquetError,
    },
    /// A database could not be written.
    #[error("cannot write `{}`", path.display())]
    Database {
        /// The file.
        path: PathBuf,
        /// The reason.
        source: rusqlite::Error,
    },
    /// Entries or records could not be collected from where they are.
    #[error("cannot collect {what} for the report")]
    Source {
        /// Entries, or records.
        what: &'static str,
        /// The cause.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// What stability is to be measured by is not what it should be.
    #[error("{what} cannot be used")]
    Stability {
        /// A hull, or reference energies.
        what: &'static str,
        /// The cause.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// A hull says that it is of another potential.
    #[error("{said}")]
    HullOfAnother {
        /// Both.
        said: String,
    },
    /// A temporary file cannot be used.
    #[error(transparent)]
    Spill(#[from] mlip_spill::SpillError),
    /// Another process works in this run.
    #[error(
        "`{}` is in use by process {pid} on {host} since {since}; wait for it to end, or use --force if you know it is gone (a holder on another host counts as gone after {stale_after_s} s without a sign of life)",
        path.display()
    )]
    Locked {
        /// The lock file.
        path: PathBuf,
        /// Host of the holder.
        host: String,
        /// Its process id there.
        pid: u32,
        /// When it took the lock, seconds since 1970.
        since: u64,
        /// When silence counts as death.
        stale_after_s: u64,
    },
    /// Another process has taken this run away from this one.
    #[error("`{}` was taken over by another process; this one must stop", path.display())]
    LockLost {
        /// The lock file.
        path: PathBuf,
    },
}

impl StoreError {
    /// For `map_err`: what was tried on which file.
    pub(crate) fn io(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::Io { action, path, source }
    }
}
