//! Where texts are unpacked to that can only be read from their beginning.

use crate::InputError;
use mlip_disk::{File, OpenOptions};
use std::io::{self, BufWriter, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

/// Bytes handed on at a time.
const CHUNK: usize = 256 << 10;

/// A text that was added.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Appended {
    /// Bytes.
    pub(crate) length: u64,
    /// CRC-32 of them.
    pub(crate) crc32: u32,
}

/// One file, one text after the other, as they are; it does not exist before the first of them.
///
/// Written under another name; [`Spool::commit`] gives it its own, and what is dropped before that leaves nothing.
#[derive(Debug)]
pub(crate) struct Spool {
    path: PathBuf,
    partial: PathBuf,
    file: Option<BufWriter<File>>,
    length: u64,
    /// Whether the file was there before: it is gone on with, and never removed.
    is_continued: bool,
}

impl Spool {
    pub(crate) fn new(path: &Path) -> Self {
        let mut partial = path.as_os_str().to_owned();
        partial.push(".partial");
        Self { path: path.into(), partial: partial.into(), file: None, length: 0, is_continued: false }
    }

    /// Goes on behind what a file holds. What was added stays there if it is dropped without [`Spool::commit`]; nobody
    /// knows of it.
    ///
    /// # Errors
    /// When there is a file, and it cannot be looked at.
    pub(crate) fn after(path: &Path) -> Result<Self, InputError> {
        let length = match mlip_disk::metadata(path) {
            Ok(metadata) => metadata.len(),
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Self::new(path)),
            Err(error) => return Err(InputError::read(path, error)),
        };
        Ok(Self { path: path.into(), partial: path.into(), file: None, length, is_continued: true })
    }

    /// Where the file will be.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Where the next byte goes.
    pub(crate) fn length(&self) -> u64 {
        self.length
    }

    /// Adds a text. One that cannot be read to its end leaves the spool as it was; the error of
    /// reading it is the inner one.
    ///
    /// # Errors
    /// When the spool cannot be written.
    pub(crate) fn append(&mut self, mut text: impl Read) -> Result<io::Result<Appended>, InputError> {
        let fail = |error| InputError::write(&self.partial, error);
        let file = match &mut self.file {
            Some(file) => file,
            none => {
                let mut how = OpenOptions::new();
                how.read(true).write(true).create(true).truncate(!self.is_continued);
                let mut file = how.open(&self.partial).map_err(fail)?;
                file.seek(SeekFrom::Start(self.length)).map_err(fail)?;
                none.insert(BufWriter::with_capacity(1 << 20, file))
            }
        };
        let (mut chunk, mut length, mut sum) = (vec![0; CHUNK], 0u64, crc32fast::Hasher::new());
        loop {
            match text.read(&mut chunk) {
                Ok(0) => break,
                Ok(n) => {
                    file.write_all(&chunk[..n]).map_err(fail)?;
                    sum.update(&chunk[..n]);
                    length += n as u64;
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => {
                    // Seeking writes what is buffered.
                    file.seek(SeekFrom::Start(self.length)).map_err(fail)?;
                    file.get_ref().set_len(self.length).map_err(fail)?;
                    return Ok(Err(error));
                }
            }
        }
        self.length += length;
        Ok(Ok(Appended { length, crc32: sum.finalize() }))
    }

    /// A text that was added.
    ///
    /// # Errors
    /// When the spool cannot be written or opened.
    pub(crate) fn read_back(&mut self, byte_offset: u64, length: u64) -> Result<impl Read + use<>, InputError> {
        let fail = |error| InputError::write(&self.partial, error);
        let file = match &mut self.file {
            Some(file) => {
                file.flush().map_err(fail)?;
                Some(file.get_ref().try_clone().map_err(fail)?)
            }
            None => None,
        };
        Ok(Text { file, byte_offset, left: length })
    }

    /// Syncs the file and gives it its name, if there is one.
    pub(crate) fn commit(&mut self) -> Result<(), InputError> {
        let Some(mut file) = self.file.take() else { return Ok(()) };
        file.flush()
            .and_then(|()| file.get_ref().sync_all())
            .and_then(|()| mlip_disk::rename(&self.partial, &self.path))
            .map_err(|error| InputError::write(&self.path, error))
    }
}

impl Drop for Spool {
    fn drop(&mut self) {
        if self.file.take().is_some() && !self.is_continued {
            let _ = mlip_disk::remove_file(&self.partial);
        }
    }
}

/// A part of the spool. It reads by place: the spool goes on writing through the same handle.
struct Text {
    file: Option<File>,
    byte_offset: u64,
    left: u64,
}

impl Read for Text {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let wanted = buffer.len().min(usize::try_from(self.left).unwrap_or(usize::MAX));
        let Some(file) = &self.file else { return Ok(0) };
        let n = file.read_at(&mut buffer[..wanted], self.byte_offset)?;
        self.byte_offset += n as u64;
        self.left -= n as u64;
        Ok(n)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_that_breaks_off_leaves_no_trace_between_its_neighbours() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("spool");
        let mut spool = Spool::new(&path);
        let broken = io::repeat(b'x').take(3 << 20).chain(Broken);
        assert_eq!(spool.append(b"first ".as_slice()).unwrap().unwrap().length, 6);
        assert!(spool.append(broken).unwrap().is_err());
        assert_eq!(spool.append(b"second".as_slice()).unwrap().unwrap().length, 6);
        let mut back = String::new();
        spool.read_back(6, 6).unwrap().read_to_string(&mut back).unwrap();
        assert_eq!(back, "second");
        assert_eq!(spool.append(b"!".as_slice()).unwrap().unwrap().length, 1);
        spool.commit().unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), b"first second!");
    }

    struct Broken;

    impl Read for Broken {
        fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
            Err(io::ErrorKind::InvalidData.into())
        }
    }
}
