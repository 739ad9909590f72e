//! Bytes in the order in which they came.

use crate::SpillError;
use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

/// A temporary file that only grows, none before the first byte; or one that is there, to be read.
#[derive(Debug)]
pub struct Log {
    folder: PathBuf,
    file: Option<File>,
    length: u64,
}

impl Log {
    /// Its file will lie in this folder, or where temporary files lie if the path is empty.
    pub fn new(folder: &Path) -> Self {
        let folder = if folder.as_os_str().is_empty() { std::env::temp_dir() } else { folder.to_owned() };
        Self { folder, file: None, length: 0 }
    }

    /// The bytes of a file, as many as there are now. Nothing can be added.
    ///
    /// # Errors
    /// When it cannot be opened.
    pub fn of_file(path: &Path) -> Result<Self, SpillError> {
        let opened = File::open(path).and_then(|file| file.metadata().map(|metadata| (file, metadata.len())));
        let (file, length) = opened.map_err(SpillError::new("open", path))?;
        Ok(Self { folder: path.to_owned(), file: Some(file), length })
    }

    /// Bytes so far.
    pub fn length(&self) -> u64 {
        self.length
    }

    /// Adds bytes; where they begin.
    ///
    /// # Errors
    /// When the disk is full, or the folder cannot be written.
    pub fn append(&mut self, bytes: &[u8]) -> Result<u64, SpillError> {
        let file = match &self.file {
            Some(file) => file,
            None => {
                let file = tempfile::tempfile_in(&self.folder).map_err(SpillError::new("create", &self.folder))?;
                self.file.insert(file)
            }
        };
        let begin = self.length;
        file.write_all_at(bytes, begin).map_err(SpillError::new("write", &self.folder))?;
        self.length += bytes.len() as u64;
        Ok(begin)
    }

    /// Forgets all bytes; those that are added next take their place.
    pub(crate) fn clear(&mut self) {
        self.length = 0;
    }

    /// Fills the buffer with the bytes from a place that was written.
    ///
    /// # Errors
    /// When they cannot be read.
    pub fn read(&self, begin: u64, buffer: &mut [u8]) -> Result<(), SpillError> {
        let fail = SpillError::new("read", &self.folder);
        match &self.file {
            Some(file) => file.read_exact_at(buffer, begin).map_err(fail),
            None if buffer.is_empty() => Ok(()),
            None => Err(fail(std::io::ErrorKind::UnexpectedEof.into())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_come_back_and_the_folder_stays_empty() {
        let folder = tempfile::tempdir().unwrap();
        let mut log = Log::new(folder.path());
        assert_eq!((log.append(b"one ").unwrap(), log.append(b"two").unwrap(), log.length()), (0, 4, 7));
        let mut back = [0; 5];
        log.read(2, &mut back).unwrap();
        assert_eq!(&back, b"e two");
        assert!(log.read(3, &mut back).is_err(), "there are only four more");
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
    }

    #[test]
    fn a_folder_that_cannot_be_written_is_named() {
        let error = Log::new(Path::new("/nowhere/at/all")).append(b"x").unwrap_err();
        assert!(error.to_string().contains("/nowhere/at/all"), "{error}");
    }
}
