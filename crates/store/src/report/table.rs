//! One CSV that appears whole or not at all.

use crate::{AtomicFile, StoreError};
use std::fmt::{Display, Write as _};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// Suffix of compressed tables.
const COMPRESSED: &str = "csv.zst";

/// A CSV that is being written: comma, `\n`, quotes only where needed.
pub(super) struct Table {
    writer: csv::Writer<Sink>,
    path: PathBuf,
    text: String,
}

enum Sink {
    Plain(AtomicFile),
    Compressed(Box<zstd::Encoder<'static, AtomicFile>>),
}

impl Table {
    /// Begins `FOLDER/NAME.csv`, or `NAME.csv.zst`, with its heading.
    pub(super) fn create(
        folder: &Path,
        name: &str,
        compress: bool,
        columns: impl IntoIterator<Item = impl AsRef<str>>,
    ) -> Result<Self, StoreError> {
        let path = folder.join(name).with_extension(if compress { COMPRESSED } else { "csv" });
        let file = AtomicFile::create(&path)?;
        let sink = if compress {
            let mut encoder = zstd::Encoder::new(file, 0).map_err(StoreError::io("compress", &path))?;
            encoder.include_checksum(true).map_err(StoreError::io("compress", &path))?;
            Sink::Compressed(Box::new(encoder))
        } else {
            Sink::Plain(file)
        };
        let writer = csv::WriterBuilder::new().flexible(false).from_writer(sink);
        let mut table = Self { writer, path, text: String::new() };
        for column in columns {
            table.text(column.as_ref())?;
        }
        table.end_row()?;
        Ok(table)
    }

    pub(super) fn text(&mut self, text: &str) -> Result<(), StoreError> {
        self.writer.write_field(text).map_err(|source| StoreError::Csv { path: self.path.clone(), source })
    }

    pub(super) fn empty(&mut self, fields: usize) -> Result<(), StoreError> {
        (0..fields).try_for_each(|_| self.text(""))
    }

    pub(super) fn count(&mut self, number: impl Display) -> Result<(), StoreError> {
        self.formatted(format_args!("{number}"))
    }

    /// The shortest text that reads back to the same bits: `-0.0`, `1e-7`, `0.1`.
    pub(super) fn float(&mut self, number: f64) -> Result<(), StoreError> {
        self.formatted(format_args!("{number:?}"))
    }

    pub(super) fn optional(&mut self, number: Option<f64>) -> Result<(), StoreError> {
        match number {
            Some(number) => self.float(number),
            None => self.empty(1),
        }
    }

    fn formatted(&mut self, arguments: std::fmt::Arguments<'_>) -> Result<(), StoreError> {
        self.text.clear();
        // Formatting numbers into a string cannot fail.
        let _ = self.text.write_fmt(arguments);
        self.writer.write_field(&self.text).map_err(|source| StoreError::Csv { path: self.path.clone(), source })
    }

    pub(super) fn end_row(&mut self) -> Result<(), StoreError> {
        self.writer.write_record(None::<&[u8]>).map_err(|source| StoreError::Csv { path: self.path.clone(), source })
    }

    /// Renames the table into its place, and removes the other form of it that an earlier report left.
    pub(super) fn commit(self) -> Result<PathBuf, StoreError> {
        let Self { writer, path, .. } = self;
        let fail = StoreError::io("write", &path);
        let (file, other) = match writer.into_inner().map_err(|error| error.into_error()) {
            Ok(Sink::Plain(file)) => (Ok(file), path.with_extension(COMPRESSED)),
            Ok(Sink::Compressed(encoder)) => (encoder.finish(), path.with_extension("")),
            Err(error) => (Err(error), PathBuf::new()),
        };
        file.map_err(fail)?.commit()?;
        match std::fs::remove_file(&other) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(StoreError::io("remove", &other)(error)),
            _ => Ok(path),
        }
    }
}

impl Write for Sink {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Plain(file) => file.write(bytes),
            Self::Compressed(encoder) => encoder.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        // Flushing an encoder would end a block, and make the bytes depend on when it happens.
        Ok(())
    }
}
