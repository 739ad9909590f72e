//! A Parquet file that grows by rows and appears whole or not at all.

use super::columns::{Cells, Column, ColumnRows, Kind, symbol};
use crate::{AtomicFile, StoreError};
use parquet::basic::{Compression, ConvertedType, LogicalType, Repetition, Type as Physical, ZstdLevel};
use parquet::column::writer::ColumnWriter;
use parquet::data_type::ByteArray;
use parquet::errors::ParquetError;
use parquet::file::metadata::KeyValue;
use parquet::file::properties::WriterProperties;
use parquet::file::writer::{SerializedColumnWriter, SerializedFileWriter};
use parquet::schema::types::{Type, TypePtr};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// A group of rows is written once it has this many, or about this many bytes: they are held in memory until then.
/// Groups end where jobs end, and jobs do not depend on who does them, so the file is the same every time.
const GROUP_ROWS: u64 = 1 << 16;
const GROUP_BYTES: u64 = 16 << 20;

/// `NAME.parquet`, compressed with Zstandard; units are in its metadata.
pub(super) struct ParquetFile {
    writer: SerializedFileWriter<AtomicFile>,
    path: PathBuf,
    columns: Vec<Column>,
    waiting: ColumnRows,
}

impl ParquetFile {
    /// Begins the file.
    pub(super) fn create(folder: &Path, name: &str, columns: Vec<Column>) -> Result<Self, StoreError> {
        let path = folder.join(format!("{name}.parquet"));
        let file = AtomicFile::create(&path)?;
        let fail = |source| StoreError::Parquet { path: path.clone(), source };
        let fields = columns.iter().map(field).collect::<Result<_, _>>().map_err(fail)?;
        let schema = Type::group_type_builder("schema").with_fields(fields).build().map_err(fail)?;
        let units: BTreeMap<&str, &str> =
            columns.iter().filter_map(|column| Some((column.name.as_str(), column.unit()?))).collect();
        let units = serde_json::to_string(&units).map_err(|source| StoreError::Json { path: path.clone(), source })?;
        let properties = WriterProperties::builder()
            .set_compression(Compression::ZSTD(ZstdLevel::default()))
            .set_created_by(format!("mlip-batch {}", env!("CARGO_PKG_VERSION")))
            .set_key_value_metadata(Some(vec![KeyValue::new("units".to_owned(), units)]))
            .build();
        let writer = SerializedFileWriter::new(file, Arc::new(schema), Arc::new(properties)).map_err(fail)?;
        let waiting = ColumnRows::new(&columns);
        Ok(Self { writer, path, columns, waiting })
    }

    /// Adds rows.
    pub(super) fn append(&mut self, rows: ColumnRows) -> Result<(), StoreError> {
        self.waiting.append(rows)?;
        if self.waiting.n_rows >= GROUP_ROWS || self.waiting.bytes >= GROUP_BYTES {
            self.write_group()?;
        }
        Ok(())
    }

    fn write_group(&mut self) -> Result<(), StoreError> {
        let rows = std::mem::replace(&mut self.waiting, ColumnRows::new(&self.columns));
        let mut write = || {
            let mut group = self.writer.next_row_group()?;
            for cells in &rows.columns {
                let missing = || ParquetError::General("the schema has fewer columns".into());
                let mut column = group.next_column()?.ok_or_else(missing)?;
                write_cells(&mut column, cells)?;
                column.close()?;
            }
            group.close().map(|_| ())
        };
        write().map_err(|source| StoreError::Parquet { path: self.path.clone(), source })
    }

    /// Writes what waits, and renames the file into its place.
    pub(super) fn commit(mut self) -> Result<PathBuf, StoreError> {
        if self.waiting.n_rows > 0 {
            self.write_group()?;
        }
        let file = self.writer.into_inner();
        file.map_err(|source| StoreError::Parquet { path: self.path.clone(), source })?.commit()?;
        Ok(self.path)
    }
}

/// A column as the schema has it; every value may be missing.
fn field(column: &Column) -> Result<TypePtr, ParquetError> {
    let primitive = |name: &str, physical, repetition| {
        let builder = Type::primitive_type_builder(name, physical).with_repetition(repetition);
        let builder = match physical {
            Physical::BYTE_ARRAY => {
                builder.with_logical_type(Some(LogicalType::String)).with_converted_type(ConvertedType::UTF8)
            }
            _ => builder,
        };
        builder.build().map(Arc::new)
    };
    let list = |physical| {
        let element = primitive("element", physical, Repetition::REQUIRED)?;
        let repeated = Type::group_type_builder("list")
            .with_repetition(Repetition::REPEATED)
            .with_fields(vec![element])
            .build()?;
        Type::group_type_builder(&column.name)
            .with_repetition(Repetition::OPTIONAL)
            .with_logical_type(Some(LogicalType::List))
            .with_converted_type(ConvertedType::LIST)
            .with_fields(vec![Arc::new(repeated)])
            .build()
            .map(Arc::new)
    };
    match column.kind {
        Kind::Text => primitive(&column.name, Physical::BYTE_ARRAY, Repetition::OPTIONAL),
        Kind::Count => primitive(&column.name, Physical::INT64, Repetition::OPTIONAL),
        Kind::Flag => primitive(&column.name, Physical::BOOLEAN, Repetition::OPTIONAL),
        Kind::Number => primitive(&column.name, Physical::DOUBLE, Repetition::OPTIONAL),
        Kind::Elements => list(Physical::BYTE_ARRAY),
        Kind::Numbers => list(Physical::DOUBLE),
    }
}

fn write_cells(column: &mut SerializedColumnWriter<'_>, cells: &Cells) -> Result<(), ParquetError> {
    match (column.untyped(), cells) {
        (ColumnWriter::ByteArrayColumnWriter(writer), Cells::Text(cells)) => {
            let values: Vec<ByteArray> = cells.iter().flatten().map(|text| ByteArray::from(text.as_str())).collect();
            writer.write_batch(&values, Some(&levels(cells)), None)?;
        }
        (ColumnWriter::Int64ColumnWriter(writer), Cells::Count(cells)) => {
            let values: Vec<i64> = cells.iter().flatten().copied().collect();
            writer.write_batch(&values, Some(&levels(cells)), None)?;
        }
        (ColumnWriter::BoolColumnWriter(writer), Cells::Flag(cells)) => {
            let values: Vec<bool> = cells.iter().flatten().copied().collect();
            writer.write_batch(&values, Some(&levels(cells)), None)?;
        }
        (ColumnWriter::DoubleColumnWriter(writer), Cells::Number(cells)) => {
            let values: Vec<f64> = cells.iter().flatten().copied().collect();
            writer.write_batch(&values, Some(&levels(cells)), None)?;
        }
        (ColumnWriter::ByteArrayColumnWriter(writer), Cells::Elements(cells)) => {
            let values: Vec<ByteArray> =
                cells.iter().flatten().flatten().map(|number| ByteArray::from(symbol(*number))).collect();
            let (definition, repetition) = list_levels(cells);
            writer.write_batch(&values, Some(&definition), Some(&repetition))?;
        }
        (ColumnWriter::DoubleColumnWriter(writer), Cells::Numbers(cells)) => {
            let values: Vec<f64> = cells.iter().flatten().flatten().copied().collect();
            let (definition, repetition) = list_levels(cells);
            writer.write_batch(&values, Some(&definition), Some(&repetition))?;
        }
        _ => return Err(ParquetError::General("a column holds something else than its schema says".into())),
    }
    Ok(())
}

fn levels<T>(cells: &[Option<T>]) -> Vec<i16> {
    cells.iter().map(|cell| i16::from(cell.is_some())).collect()
}

/// Definition levels (0 no list, 1 an empty one, 2 an element) and repetition levels (0 where a row begins).
fn list_levels<T>(cells: &[Option<Vec<T>>]) -> (Vec<i16>, Vec<i16>) {
    let (mut definition, mut repetition) = (Vec::new(), Vec::new());
    for cell in cells {
        let n = cell.as_ref().map_or(0, Vec::len);
        if n == 0 {
            definition.push(i16::from(cell.is_some()));
            repetition.push(0);
        }
        definition.extend(std::iter::repeat_n(2, n));
        repetition.extend((0..n).map(|site| i16::from(site > 0)));
    }
    (definition, repetition)
}
