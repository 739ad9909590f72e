//! The file that rows of a table go into, and reading it back.

use super::csv_rows::{Rows, calls_something};
use crate::{AtomicFile, StoreError};
use mlip_disk::File;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

/// What ends a TAR archive.
pub(super) const END: [u8; 1024] = [0; 1024];

/// What a file of a report holds, beside its name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Content {
    /// A CSV with these columns.
    Table(Vec<String>),
    /// Structures as extended XYZ.
    Structures,
    /// JSON, a structure a line.
    Lines,
    /// CIFs in a TAR archive.
    Archive,
}

impl Content {
    /// What its names end in.
    pub(super) fn ending(&self) -> &'static str {
        match self {
            Self::Table(_) => "csv",
            Self::Structures => "extxyz",
            Self::Lines => "jsonl",
            Self::Archive => "cif.tar",
        }
    }
}

/// A CSV, or a text of another kind made of rows, that appears whole or not at all.
pub(super) struct TableFile {
    sink: Sink,
    path: PathBuf,
    /// Its name in the other form, compressed or plain.
    other: PathBuf,
    /// What its last bytes are.
    end: &'static [u8],
}

enum Sink {
    Plain(AtomicFile),
    Compressed(Box<zstd::Encoder<'static, AtomicFile>>),
}

impl TableFile {
    /// Begins `FOLDER/NAME.csv`, or `NAME.csv.zst`, with its heading if it is a table.
    pub(super) fn create(folder: &Path, name: &str, compress: bool, content: &Content) -> Result<Self, StoreError> {
        let plain = folder.join(format!("{name}.{}", content.ending()));
        let compressed = folder.join(format!("{name}.{}.zst", content.ending()));
        let (path, other) = if compress { (compressed, plain) } else { (plain, compressed) };
        let file = AtomicFile::create(&path)?;
        let sink = if compress {
            let mut encoder = zstd::Encoder::new(file, 0).map_err(StoreError::io("compress", &path))?;
            encoder.include_checksum(true).map_err(StoreError::io("compress", &path))?;
            Sink::Compressed(Box::new(encoder))
        } else {
            Sink::Plain(file)
        };
        let end: &[u8] = if *content == Content::Archive { &END } else { &[] };
        let mut table = Self { sink, path, other, end };
        if let Content::Table(columns) = content {
            let mut heading = Rows::new(name);
            columns.iter().try_for_each(|column| heading.text(column))?;
            heading.end_row()?;
            table.append(&heading.finish())?;
        }
        Ok(table)
    }

    /// Adds rows.
    pub(super) fn append(&mut self, rows: &[u8]) -> Result<(), StoreError> {
        let written = match &mut self.sink {
            Sink::Plain(file) => file.write_all(rows),
            Sink::Compressed(encoder) => encoder.write_all(rows),
        };
        written.map_err(StoreError::io("write", &self.path))
    }

    /// Renames the table into its place, and removes the other form of it that an earlier report left.
    pub(super) fn commit(mut self) -> Result<PathBuf, StoreError> {
        self.append(self.end)?;
        let Self { sink, path, other, .. } = self;
        let file = match sink {
            Sink::Plain(file) => Ok(file),
            Sink::Compressed(encoder) => encoder.finish(),
        };
        file.map_err(StoreError::io("write", &path))?.commit()?;
        match mlip_disk::remove_file(&other) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(StoreError::io("remove", &other)(error)),
            _ => Ok(path),
        }
    }
}

/// A table that was written, read back row by row.
pub struct TableReader {
    reader: csv::Reader<Box<dyn Read>>,
    path: PathBuf,
}

impl TableReader {
    /// The table of this name (`energies`) in `RUN/report`; `None` where there is none.
    ///
    /// # Errors
    /// When it cannot be opened.
    pub fn find(run_dir: &Path, name: &str) -> Result<Option<Self>, StoreError> {
        let paths = ["csv", "csv.zst"].map(|ending| run_dir.join("report").join(format!("{name}.{ending}")));
        paths.iter().find(|path| path.is_file()).map(|path| Self::open(path)).transpose()
    }

    /// Opens a table, compressed or not by its name.
    ///
    /// # Errors
    /// When it cannot be opened.
    pub fn open(path: &Path) -> Result<Self, StoreError> {
        let file = File::open(path).map_err(StoreError::io("open", path))?;
        let content: Box<dyn Read> = if path.extension().is_some_and(|extension| extension == "zst") {
            Box::new(zstd::Decoder::new(file).map_err(StoreError::io("read", path))?)
        } else {
            Box::new(file)
        };
        Ok(Self { reader: csv::Reader::from_reader(content), path: path.to_owned() })
    }

    /// Where it lies.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The names of its columns.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn columns(&mut self) -> Result<Vec<String>, StoreError> {
        let Self { reader, path } = self;
        let heading = reader.headers().map_err(|source| StoreError::CsvRead { path: path.clone(), source })?;
        Ok(heading.iter().map(str::to_owned).collect())
    }

    /// The rows below the heading, with texts as they were before they were written.
    pub fn rows(self) -> impl Iterator<Item = Result<csv::StringRecord, StoreError>> {
        let Self { reader, path } = self;
        reader.into_records().map(move |row| match row {
            Ok(row) => Ok(bare(row)),
            Err(source) => Err(StoreError::CsvRead { path: path.clone(), source }),
        })
    }
}

/// A row without the apostrophes before what calls something.
fn bare(row: csv::StringRecord) -> csv::StringRecord {
    if !row.iter().any(|field| field.starts_with('\'')) {
        return row;
    }
    row.iter().map(|field| field.strip_prefix('\'').filter(|rest| calls_something(rest)).unwrap_or(field)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_behind_an_apostrophe_are_read_as_they_were() {
        let folder = tempfile::tempdir().unwrap();
        let texts = ["-rel(1)", "'-rel(1)", "''=f(x)", "'quoted'", "'", "plain", "", "=x", "@a!b"];
        let columns = Content::Table(vec!["id".into(), "n".into()]);
        let mut file = TableFile::create(folder.path(), "ids", false, &columns).unwrap();
        let mut rows = Rows::new("ids");
        for (number, text) in texts.iter().enumerate() {
            rows.text(text).unwrap();
            rows.count(number).unwrap();
            rows.end_row().unwrap();
        }
        file.append(&rows.finish()).unwrap();
        let path = file.commit().unwrap();
        let text = std::fs::read_to_string(&path).unwrap();
        assert!(text.contains("\n'-rel(1),0\n''-rel(1),1\n'''=f(x),2\n'quoted',3\n"), "{text}");
        let read: Vec<String> =
            TableReader::open(&path).unwrap().rows().map(|row| row.unwrap()[0].to_owned()).collect();
        assert_eq!(read, texts);
    }
}
