//! Tables of compositions and energies: CSV, JSON lines and Parquet, row by row.
//!
//! Module order: `provenance`, `row` ← `error` ← `csv`, `json_lines`, `parquet` ← `reader`; `provenance` ← `writer`.

mod csv;
mod error;
mod json_lines;
mod parquet;
mod provenance;
mod reader;
mod row;
mod writer;

pub use error::TableError;
pub use provenance::TableProvenance;
pub use reader::TableReader;
pub use row::{RowError, TableRow};
pub use writer::{Entry, TableFormat, TableWriteError, TableWriter};
