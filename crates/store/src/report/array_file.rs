//! A NumPy array that grows row by row and appears whole or not at all.

use super::embeddings::ArrayRows;
use crate::{AtomicFile, StoreError};
use std::io::Write;
use std::path::{Path, PathBuf};

/// Bytes before the numbers: a multiple of 64, with room for any shape.
const HEADER: usize = 128;

/// `NAME.npy` of numbers of 8 bytes, little-endian, row by row. Format: NumPy's NEP 1, version 1.0.
pub(super) struct ArrayFile {
    file: AtomicFile,
    path: PathBuf,
    width: u64,
    bytes: u64,
}

impl ArrayFile {
    /// Begins the file; its shape is written at the end, when it is known.
    pub(super) fn create(folder: &Path, name: &str) -> Result<Self, StoreError> {
        let path = folder.join(format!("{name}.npy"));
        let mut file = AtomicFile::create(&path)?;
        file.write_all(&[0; HEADER]).map_err(StoreError::io("write", &path))?;
        Ok(Self { file, path, width: 0, bytes: 0 })
    }

    /// Adds rows, all as wide as those before.
    pub(super) fn append(&mut self, rows: &ArrayRows) -> Result<(), StoreError> {
        if rows.bytes.is_empty() {
            return Ok(());
        }
        if self.bytes > 0 && self.width != rows.width {
            let message = format!("embeddings of {} and of {} numbers in one run", self.width, rows.width);
            return Err(StoreError::Source { what: "the embeddings", source: message.into() });
        }
        self.width = rows.width;
        self.bytes += rows.bytes.len() as u64;
        self.file.write_all(&rows.bytes).map_err(StoreError::io("write", &self.path))
    }

    /// Writes the shape and renames the array into its place.
    pub(super) fn commit(mut self) -> Result<PathBuf, StoreError> {
        let n_rows = self.bytes / (8 * self.width.max(1));
        self.file.write_start(&header(n_rows, self.width))?;
        self.file.commit()?;
        Ok(self.path)
    }
}

fn header(n_rows: u64, width: u64) -> Vec<u8> {
    let mut header = b"\x93NUMPY\x01\x00".to_vec();
    header.extend(((HEADER - 10) as u16).to_le_bytes());
    header.extend(format!("{{'descr': '<f8', 'fortran_order': False, 'shape': ({n_rows}, {width}), }}").bytes());
    header.resize(HEADER - 1, b' ');
    header.push(b'\n');
    header
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_header_is_that_of_numpy() {
        let text = header(18_446_744_073_709_551_615, 18_446_744_073_709_551_615);
        assert_eq!(text.len(), HEADER);
        assert_eq!(text[..10], *b"\x93NUMPY\x01\x00\x76\x00");
        assert!(text.ends_with(b" \n"));
    }

    #[test]
    fn rows_of_another_width_are_an_error() {
        let folder = tempfile::tempdir().unwrap();
        let mut file = ArrayFile::create(folder.path(), "graph_embeddings.mine").unwrap();
        file.append(&ArrayRows { width: 2, bytes: vec![0; 32] }).unwrap();
        file.append(&ArrayRows::default()).unwrap();
        assert!(file.append(&ArrayRows { width: 3, bytes: vec![0; 24] }).is_err());
        let path = file.commit().unwrap();
        let bytes = std::fs::read(path).unwrap();
        assert_eq!(bytes.len(), HEADER + 32);
        assert!(String::from_utf8_lossy(&bytes).contains("'shape': (2, 2)"));
    }
}
