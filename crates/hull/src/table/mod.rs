//! Tables of compositions and energies: CSV, JSON lines and Parquet, row by row.
//!
//! Module order: `row` ← `error` ← `csv`, `json_lines`, `parquet` ← `reader`.

mod csv;
mod error;
mod json_lines;
mod parquet;
mod reader;
mod row;

pub use error::TableError;
pub use reader::TableReader;
pub use row::{RowError, TableRow};
