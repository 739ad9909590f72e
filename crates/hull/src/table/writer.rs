//! Writes a table of entries, as [`TableReader`](super::TableReader) reads it.

use super::provenance::{CSV_LINE, PARQUET_KEY, TableProvenance};
use flate2::Compression;
use flate2::write::GzEncoder;
use parquet::basic::{Compression as Packing, ZstdLevel};
use parquet::data_type::{ByteArray, ByteArrayType, DataType, DoubleType, Int64Type};
use parquet::errors::ParquetError;
use parquet::file::metadata::KeyValue;
use parquet::file::properties::WriterProperties;
use parquet::file::writer::{SerializedFileWriter, SerializedRowGroupWriter};
use parquet::schema::parser::parse_message_type;
use std::io::{self, Write};
use std::path::Path;
use std::sync::Arc;
use thiserror::Error;

/// Rows of a row group.
const GROUP: usize = 1 << 16;

const COLUMNS: [&str; 6] = ["material_id", "composition", "energy", "energy_per_atom", "n_atoms", "path"];

const SCHEMA: &str = "message entries {
    REQUIRED BYTE_ARRAY material_id (UTF8);
    REQUIRED BYTE_ARRAY composition (UTF8);
    REQUIRED DOUBLE energy;
    REQUIRED DOUBLE energy_per_atom;
    REQUIRED INT64 n_atoms;
    REQUIRED BYTE_ARRAY path (UTF8);
}";

/// Why a table cannot be written.
#[derive(Debug, Error)]
pub enum TableWriteError {
    /// The name tells no format.
    #[error("a table of entries cannot be called `{name}`: its name should end in .csv, .csv.gz or .parquet")]
    UnknownFormat {
        /// The file.
        name: String,
    },
    /// The file cannot be written.
    #[error("the table cannot be written")]
    Io(#[from] io::Error),
    /// A row cannot be written as CSV.
    #[error("the table cannot be written as CSV")]
    Csv(#[from] csv::Error),
    /// Where the energies are from cannot be written.
    #[error("where the energies are from cannot be written as JSON")]
    Json(#[from] serde_json::Error),
    /// A row group cannot be written.
    #[error("the table cannot be written as Parquet")]
    Parquet(#[from] ParquetError),
}

/// How a table is written, by the name of its file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TableFormat {
    /// `.csv`: where the energies are from is its first line, `# mlip-batch {…}`.
    Csv,
    /// `.csv.gz`: the same, compressed.
    CsvGz,
    /// `.parquet`: where the energies are from is the metadata `mlip-batch`.
    Parquet,
}

impl TableFormat {
    /// By the ending of a name.
    ///
    /// # Errors
    /// When it is none of these.
    pub fn of_name(path: &Path) -> Result<Self, TableWriteError> {
        let name = path.file_name().map(|name| name.to_string_lossy().to_ascii_lowercase()).unwrap_or_default();
        match &name {
            name if name.ends_with(".csv") => Ok(Self::Csv),
            name if name.ends_with(".csv.gz") => Ok(Self::CsvGz),
            name if name.ends_with(".parquet") => Ok(Self::Parquet),
            _ => Err(TableWriteError::UnknownFormat { name: path.display().to_string() }),
        }
    }
}

/// An entry with all that a table says of it.
#[derive(Debug, Clone, PartialEq)]
pub struct Entry {
    /// What it is called.
    pub material_id: String,
    /// Atoms of the cell: `O4Ti2`.
    pub composition: String,
    /// Total energy of the cell, eV.
    pub energy_ev: f64,
    /// Atoms in the cell.
    pub n_atoms: u32,
    /// The file of its structure.
    pub path: String,
}

/// Writes entries one by one; the same entries give the same bytes.
pub struct TableWriter<W: Write + Send> {
    form: Form<W>,
}

enum Form<W: Write + Send> {
    Csv(Box<csv::Writer<W>>),
    CsvGz(Box<csv::Writer<GzEncoder<W>>>),
    Parquet(Box<SerializedFileWriter<W>>, Vec<Entry>),
}

impl<W: Write + Send> TableWriter<W> {
    /// Begins a table.
    ///
    /// # Errors
    /// When `out` cannot be written.
    pub fn begin(mut out: W, format: TableFormat, provenance: &TableProvenance) -> Result<Self, TableWriteError> {
        let said = provenance.text()?;
        let form = match format {
            TableFormat::Csv => {
                writeln!(out, "{CSV_LINE}{said}")?;
                Form::Csv(Box::new(with_heading(out)?))
            }
            TableFormat::CsvGz => {
                let mut out = GzEncoder::new(out, Compression::default());
                writeln!(out, "{CSV_LINE}{said}")?;
                Form::CsvGz(Box::new(with_heading(out)?))
            }
            TableFormat::Parquet => {
                let properties = WriterProperties::builder()
                    .set_compression(Packing::ZSTD(ZstdLevel::default()))
                    .set_key_value_metadata(Some(vec![KeyValue::new(PARQUET_KEY.to_owned(), said)]))
                    .build();
                let schema = Arc::new(parse_message_type(SCHEMA)?);
                Form::Parquet(Box::new(SerializedFileWriter::new(out, schema, Arc::new(properties))?), Vec::new())
            }
        };
        Ok(Self { form })
    }

    /// Adds an entry.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn write(&mut self, entry: Entry) -> Result<(), TableWriteError> {
        match &mut self.form {
            Form::Csv(table) => write_row(table, &entry)?,
            Form::CsvGz(table) => write_row(table, &entry)?,
            Form::Parquet(file, rows) => {
                rows.push(entry);
                if rows.len() == GROUP {
                    write_group(file, &std::mem::take(rows))?;
                }
            }
        }
        Ok(())
    }

    /// Ends the table; gives back what it was written to.
    ///
    /// # Errors
    /// When the rest cannot be written.
    pub fn finish(self) -> Result<W, TableWriteError> {
        match self.form {
            Form::Csv(table) => Ok(table.into_inner().map_err(csv::IntoInnerError::into_error)?),
            Form::CsvGz(table) => Ok(table.into_inner().map_err(csv::IntoInnerError::into_error)?.finish()?),
            Form::Parquet(mut file, rows) => {
                if !rows.is_empty() {
                    write_group(&mut file, &rows)?;
                }
                Ok(file.into_inner()?)
            }
        }
    }
}

fn with_heading<W: Write>(out: W) -> Result<csv::Writer<W>, csv::Error> {
    let mut table = csv::Writer::from_writer(out);
    table.write_record(COLUMNS)?;
    Ok(table)
}

fn write_row<W: Write>(table: &mut csv::Writer<W>, entry: &Entry) -> Result<(), csv::Error> {
    // The shortest text that reads back to the same bits.
    table.write_record([
        &entry.material_id,
        &entry.composition,
        &format!("{:?}", entry.energy_ev),
        &format!("{:?}", entry.energy_ev / f64::from(entry.n_atoms)),
        &entry.n_atoms.to_string(),
        &entry.path,
    ])
}

fn write_group<W: Write + Send>(file: &mut SerializedFileWriter<W>, rows: &[Entry]) -> Result<(), ParquetError> {
    let texts = |text: fn(&Entry) -> &String| rows.iter().map(|row| ByteArray::from(text(row).as_str())).collect();
    let mut group = file.next_row_group()?;
    write_column::<ByteArrayType, _>(&mut group, texts(|row| &row.material_id))?;
    write_column::<ByteArrayType, _>(&mut group, texts(|row| &row.composition))?;
    write_column::<DoubleType, _>(&mut group, rows.iter().map(|row| row.energy_ev).collect())?;
    let per_atom = rows.iter().map(|row| row.energy_ev / f64::from(row.n_atoms)).collect();
    write_column::<DoubleType, _>(&mut group, per_atom)?;
    write_column::<Int64Type, _>(&mut group, rows.iter().map(|row| i64::from(row.n_atoms)).collect())?;
    write_column::<ByteArrayType, _>(&mut group, texts(|row| &row.path))?;
    group.close().map(drop)
}

fn write_column<T: DataType, W: Write + Send>(
    group: &mut SerializedRowGroupWriter<'_, W>,
    values: Vec<T::T>,
) -> Result<(), ParquetError> {
    let missing = || ParquetError::General("the schema has fewer columns than are written".into());
    let mut column = group.next_column()?.ok_or_else(missing)?;
    column.typed::<T>().write_batch(&values, None, None)?;
    column.close()
}
