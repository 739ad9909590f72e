//! Why a table cannot be read.

use super::row::RowError;
use std::path::{Path, PathBuf};
use thiserror::Error;

/// Why a table cannot be read, or not further.
#[derive(Debug, Error)]
pub enum TableError {
    /// The file cannot be opened or read.
    #[error("cannot read the table `{}`", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system says.
        #[source]
        source: std::io::Error,
    },
    /// The name tells no format.
    #[error("`{}` is no table of a known kind: its name should end in .csv, .jsonl, .ndjson (or these with .gz), or .parquet", path.display())]
    UnknownFormat {
        /// The file.
        path: PathBuf,
    },
    /// The heading is no CSV.
    #[error("the table `{}` is no CSV", path.display())]
    Csv {
        /// The file.
        path: PathBuf,
        /// Where and why.
        #[source]
        source: csv::Error,
    },
    /// Not Parquet, or damaged.
    #[error("the Parquet file `{}` cannot be read", path.display())]
    Parquet {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: parquet::errors::ParquetError,
    },
    /// What the table says of its energies is not what this program writes.
    #[error("what the table `{}` says of its potential cannot be read", path.display())]
    Provenance {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: serde_json::Error,
    },
    /// A column is not there.
    #[error("the table `{}` has no column {wanted}; it has {known}", path.display())]
    MissingColumn {
        /// The file.
        path: PathBuf,
        /// The column, or those of which one is needed.
        wanted: String,
        /// Those that are there.
        known: String,
    },
    /// A column holds something else than it should.
    #[error("the column `{column}` of `{}` is {found}; expected {expected}", path.display())]
    ColumnType {
        /// The file.
        path: PathBuf,
        /// The column.
        column: String,
        /// What it is.
        found: String,
        /// What it should be.
        expected: &'static str,
    },
    /// A row that cannot be an entry.
    #[error("the table `{}`, {} {place} (`{id}`), is no entry", path.display(), unit(path))]
    Row {
        /// The file.
        path: PathBuf,
        /// The line of a text, the row of a Parquet file, from 1.
        place: u64,
        /// What the row is called.
        id: String,
        /// What is wrong.
        #[source]
        source: Box<RowError>,
    },
}

/// What places in a file are counted by.
fn unit(path: &Path) -> &'static str {
    let is_parquet = path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("parquet"));
    if is_parquet { "row" } else { "line" }
}

impl TableError {
    pub(super) fn csv(path: &Path, error: csv::Error) -> Self {
        let path = path.into();
        let kind = match error.kind() {
            csv::ErrorKind::Io(source) => source.kind(),
            _ => return Self::Csv { path, source: error },
        };
        Self::Io { path, source: std::io::Error::new(kind, error) }
    }

    pub(super) fn missing<'n>(path: &Path, wanted: &[&str], known: impl IntoIterator<Item = &'n str>) -> Self {
        let quoted = |names: &mut dyn Iterator<Item = &str>, between: &str| {
            names.map(|name| format!("`{name}`")).collect::<Vec<_>>().join(between)
        };
        Self::MissingColumn {
            path: path.into(),
            wanted: quoted(&mut wanted.iter().copied(), " or "),
            known: quoted(&mut known.into_iter(), ", "),
        }
    }
}
