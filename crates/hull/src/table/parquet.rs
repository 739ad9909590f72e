//! Parquet, as LeMat-Bulk-MLIP-Hull is stored: strings, lists of strings, numbers.
//!
//! Columns are read as they lie in the file, without Arrow's arrays: of a table with structures and forces only two or
//! three columns are ever decoded.

use super::error::TableError;
use super::provenance::{PARQUET_KEY, TableProvenance};
use super::row::{
    COMPOSITION_COLUMNS, ID_COLUMNS, RowError, TableRow, composition_of_sites, energy_of_number, name_of_row,
};
use crate::composition::{Composition, parse_composition};
use parquet::basic::{ConvertedType, Type};
use parquet::column::reader::{ColumnReader, ColumnReaderImpl};
use parquet::data_type::{ByteArray, ByteArrayType, DataType, DoubleType, FloatType, Int32Type, Int64Type};
use parquet::errors::ParquetError;
use parquet::file::reader::{FileReader, RowGroupReader};
use parquet::file::serialized_reader::SerializedFileReader;
use parquet::schema::types::ColumnDescPtr;
use std::fs::File;
use std::panic::AssertUnwindSafe;
use std::path::{Path, PathBuf};

/// Rows that are decoded at a time.
const BATCH: usize = 1024;

/// Rows of a Parquet file.
pub(super) struct ParquetTable {
    path: PathBuf,
    file: SerializedFileReader<File>,
    provenance: Option<TableProvenance>,
    id: Option<Column>,
    composition: Column,
    energy: Column,
    /// The row group that is read next.
    next_group: usize,
    group: Option<Group>,
    /// Rows that were decoded, the next one last.
    rows: Vec<TableRow>,
    n_rows: u64,
}

/// A column of values without structure, or a list of them.
struct Column {
    name: String,
    position: usize,
    /// The definition level of a value that is there.
    defined: i16,
    is_list: bool,
    physical: Type,
    converted: ConvertedType,
}

/// Columns of a row group.
struct Group {
    id: Option<ColumnReader>,
    composition: ColumnReader,
    energy: ColumnReader,
}

impl ParquetTable {
    pub(super) fn open(path: &Path, file: File, energy: &str) -> Result<Self, TableError> {
        without_panic(path, || Self::open_trusting(path, file, energy))
    }

    fn open_trusting(path: &Path, file: File, energy: &str) -> Result<Self, TableError> {
        let fail = |source| TableError::Parquet { path: path.into(), source };
        let file = SerializedFileReader::new(file).map_err(fail)?;
        let said = file.metadata().file_metadata().key_value_metadata();
        let said = said.and_then(|pairs| pairs.iter().find(|pair| pair.key == PARQUET_KEY)?.value.as_deref());
        let provenance = said.map(TableProvenance::parse).transpose();
        let provenance = provenance.map_err(|source| TableError::Provenance { path: path.into(), source })?;
        let leaves = file.metadata().file_metadata().schema_descr().columns().to_vec();
        let find = |names: &[&str]| names.iter().find_map(|name| Column::find(&leaves, name));
        let missing = |wanted: &[&str]| {
            let mut known: Vec<&str> =
                leaves.iter().filter_map(|leaf| leaf.path().parts().first()).map(String::as_str).collect();
            known.dedup();
            TableError::missing(path, wanted, known)
        };
        let composition = find(&COMPOSITION_COLUMNS).ok_or_else(|| missing(&COMPOSITION_COLUMNS))?;
        let energy = find(&[energy]).ok_or_else(|| missing(&[energy]))?;
        let id = Self::id(path, &leaves)?;
        if energy.is_list {
            return Err(energy.of_type(path, "a list", "a number"));
        }
        Ok(Self {
            path: path.into(),
            file,
            provenance,
            id,
            composition,
            energy,
            next_group: 0,
            group: None,
            rows: Vec::new(),
            n_rows: 0,
        })
    }

    /// The column of names; one that holds something else is a mistake, not a table without names.
    fn id(path: &Path, leaves: &[ColumnDescPtr]) -> Result<Option<Column>, TableError> {
        let is_there = |name: &&str| leaves.iter().any(|leaf| leaf.path().parts().first().is_some_and(|at| at == name));
        let Some(name) = ID_COLUMNS.into_iter().find(is_there) else { return Ok(None) };
        let wrong = |found: &str| TableError::ColumnType {
            path: path.into(),
            column: name.into(),
            found: found.into(),
            expected: "a text or a whole number",
        };
        let column = Column::find(leaves, name).ok_or_else(|| wrong("a structure"))?;
        if column.is_list {
            return Err(wrong("a list"));
        }
        let is_whole = matches!(
            column.converted,
            ConvertedType::NONE
                | ConvertedType::INT_8
                | ConvertedType::INT_16
                | ConvertedType::INT_32
                | ConvertedType::INT_64
        ) || column.is_unsigned();
        match column.physical {
            Type::BYTE_ARRAY => Ok(Some(column)),
            Type::INT32 | Type::INT64 if is_whole => Ok(Some(column)),
            _ => Err(wrong("of another type")),
        }
    }

    pub(super) fn provenance(&self) -> Option<&TableProvenance> {
        self.provenance.as_ref()
    }

    pub(super) fn next_row(&mut self) -> Option<Result<TableRow, TableError>> {
        while self.rows.is_empty() {
            let path = self.path.clone();
            match without_panic(&path, || self.read_batch()) {
                Ok(true) => {}
                Ok(false) => return None,
                Err(error) => return Some(Err(error)),
            }
        }
        self.rows.pop().map(Ok)
    }

    /// Decodes some rows; `false` at the end of the file.
    fn read_batch(&mut self) -> Result<bool, TableError> {
        let path = self.path.clone();
        let fail = |source| TableError::Parquet { path: path.clone(), source };
        if self.group.is_none() {
            if self.next_group >= self.file.num_row_groups() {
                return Ok(false);
            }
            let group = self.file.get_row_group(self.next_group).map_err(fail)?;
            self.group = Some(self.open_group(&*group).map_err(fail)?);
            self.next_group += 1;
        }
        let Some(group) = &mut self.group else { return Ok(false) };
        let energies = numbers(&mut group.energy, &self.energy).map_err(fail)?;
        let energies = energies.ok_or_else(|| self.energy.of_type(&path, "of another type", "a number"))?;
        let compositions = texts(&mut group.composition, &self.composition).map_err(fail)?;
        let compositions = compositions
            .ok_or_else(|| self.composition.of_type(&path, "of another type", "a text, or a list of texts"))?;
        let ids = match (&mut group.id, &self.id) {
            (Some(reader), Some(column)) => {
                let ids = names(reader, column).map_err(fail)?;
                Some(ids.ok_or_else(|| column.of_type(&path, "of another type", "a text or a whole number"))?)
            }
            _ => None,
        };
        let lengths = [Some(compositions.len()), ids.as_ref().map(Vec::len)];
        if lengths.into_iter().flatten().any(|length| length != energies.len()) {
            return Err(fail(ParquetError::General("columns of a row group differ in length".into())));
        }
        if energies.is_empty() {
            self.group = None;
            return Ok(true);
        }
        let first = self.n_rows;
        self.n_rows += energies.len() as u64;
        let mut rows: Vec<TableRow> = Vec::with_capacity(energies.len());
        for (position, (energy, composition)) in energies.into_iter().zip(&compositions).enumerate() {
            let place = first + position as u64 + 1;
            let name = ids.as_ref().and_then(|ids| ids.get(position)?.as_deref());
            let id = name_of_row(name, place);
            rows.push(TableRow { place, id, content: content(energy, composition, &self.composition) });
        }
        rows.reverse();
        self.rows = rows;
        Ok(true)
    }

    fn open_group(&self, group: &dyn RowGroupReader) -> Result<Group, ParquetError> {
        let reader = |column: &Column| group.get_column_reader(column.position);
        Ok(Group {
            id: self.id.as_ref().map(reader).transpose()?,
            composition: reader(&self.composition)?,
            energy: reader(&self.energy)?,
        })
    }
}

/// The parquet crate asserts some of what a file says of itself: a damaged file would end the process.
fn without_panic<T>(path: &Path, read: impl FnOnce() -> Result<T, TableError>) -> Result<T, TableError> {
    // What was under way is not used again: the rows end with the error.
    std::panic::catch_unwind(AssertUnwindSafe(read)).unwrap_or_else(|_| {
        let source = ParquetError::General("what it says of itself is contradictory: it is damaged".into());
        Err(TableError::Parquet { path: path.into(), source })
    })
}

impl Column {
    /// The column of a name, if it is of values or lists of values; structures of several columns are not.
    fn find(leaves: &[ColumnDescPtr], name: &str) -> Option<Self> {
        let of_name = |leaf: &&ColumnDescPtr| leaf.path().parts().first().is_some_and(|part| part == name);
        let position = leaves.iter().position(|leaf| of_name(&leaf))?;
        let leaf = leaves.get(position).filter(|leaf| leaf.max_rep_level() <= 1)?;
        let only = leaves.iter().filter(of_name).count() == 1;
        only.then(|| Self {
            name: name.into(),
            position,
            defined: leaf.max_def_level(),
            is_list: leaf.max_rep_level() == 1,
            physical: leaf.physical_type(),
            converted: leaf.converted_type(),
        })
    }

    /// Whether its numbers are stored as those with a sign that have the same bits.
    fn is_unsigned(&self) -> bool {
        use ConvertedType::{UINT_8, UINT_16, UINT_32, UINT_64};
        matches!(self.converted, UINT_8 | UINT_16 | UINT_32 | UINT_64)
    }

    fn of_type(&self, path: &Path, found: &str, expected: &'static str) -> TableError {
        TableError::ColumnType { path: path.into(), column: self.name.clone(), found: found.into(), expected }
    }
}

fn content(
    energy: Option<f64>,
    composition: &[Option<ByteArray>],
    column: &Column,
) -> Result<Option<(Composition, f64)>, RowError> {
    let Some(energy) = energy.map(energy_of_number).transpose()? else { return Ok(None) };
    let nothing = || RowError::NoComposition { column: column.name.clone() };
    let texts = composition.iter().map(|value| value.as_ref()?.as_utf8().ok());
    let texts = texts.collect::<Option<Vec<&str>>>().ok_or_else(nothing)?;
    let composition = match (column.is_list, texts.first()) {
        (true, _) => composition_of_sites(texts, &column.name)?,
        (false, Some(formula)) => parse_composition(formula)?,
        (false, None) => return Err(nothing()),
    };
    Ok(Some((composition, energy)))
}

/// Numbers of the next rows, empty at the end of the row group; `None` if the column holds something else.
fn numbers(reader: &mut ColumnReader, column: &Column) -> Result<Option<Vec<Option<f64>>>, ParquetError> {
    Ok(match reader {
        ColumnReader::DoubleColumnReader(reader) => Some(single(rows::<DoubleType, _>(reader, column, |x| x)?)),
        ColumnReader::FloatColumnReader(reader) => Some(single(rows::<FloatType, _>(reader, column, f64::from)?)),
        _ => None,
    })
}

/// What the next rows are called, as for numbers.
fn names(reader: &mut ColumnReader, column: &Column) -> Result<Option<Vec<Option<String>>>, ParquetError> {
    let of_32 = |n: i32| if column.is_unsigned() { n.cast_unsigned().to_string() } else { n.to_string() };
    let of_64 = |n: i64| if column.is_unsigned() { n.cast_unsigned().to_string() } else { n.to_string() };
    let of_text = |text: ByteArray| String::from_utf8_lossy(text.data()).into_owned();
    Ok(match reader {
        ColumnReader::ByteArrayColumnReader(reader) => Some(single(rows::<ByteArrayType, _>(reader, column, of_text)?)),
        ColumnReader::Int32ColumnReader(reader) => Some(single(rows::<Int32Type, _>(reader, column, of_32)?)),
        ColumnReader::Int64ColumnReader(reader) => Some(single(rows::<Int64Type, _>(reader, column, of_64)?)),
        _ => None,
    })
}

/// Rows of a column that is no list.
fn single<V>(rows: Vec<Vec<Option<V>>>) -> Vec<Option<V>> {
    rows.into_iter().map(|row| row.into_iter().next().flatten()).collect()
}

/// Texts of the next rows, as for numbers.
fn texts(reader: &mut ColumnReader, column: &Column) -> Result<Option<Vec<Vec<Option<ByteArray>>>>, ParquetError> {
    match reader {
        ColumnReader::ByteArrayColumnReader(reader) => rows::<ByteArrayType, _>(reader, column, |x| x).map(Some),
        _ => Ok(None),
    }
}

/// The values of the next rows: one in a row, or those of its list, `None` where there is no value (as for an empty list,
/// which is the same to us). Levels are those of Dremel: a repetition level of zero begins a row, the highest definition
/// level says that a value is there.
fn rows<T: DataType, V>(
    reader: &mut ColumnReaderImpl<T>,
    column: &Column,
    convert: impl Fn(T::T) -> V,
) -> Result<Vec<Vec<Option<V>>>, ParquetError> {
    let (mut definitions, mut repetitions, mut values) = (Vec::new(), Vec::new(), Vec::new());
    let (mut n_records, mut n_levels) = (0, 0);
    // A call may end with its page.
    while n_records < BATCH {
        let (records, _, levels) =
            reader.read_records(BATCH - n_records, Some(&mut definitions), Some(&mut repetitions), &mut values)?;
        (n_records, n_levels) = (n_records + records, n_levels + levels);
        if records == 0 && levels == 0 {
            break;
        }
    }
    let mut values = values.into_iter().map(convert);
    let mut rows: Vec<Vec<Option<V>>> = Vec::with_capacity(n_records);
    for level in 0..n_levels {
        let is_there = column.defined == 0 || definitions.get(level) == Some(&column.defined);
        let value = if is_there { values.next() } else { None };
        match rows.last_mut().filter(|_| column.is_list && repetitions.get(level) != Some(&0)) {
            Some(row) => row.push(value),
            None => rows.push(vec![value]),
        }
    }
    Ok(rows)
}
