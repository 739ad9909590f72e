//! Files.

use crate::faults::{Action, Operation, Verdict, ask, crash, faults, note_sync, note_write};
use std::fs::Metadata;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

/// An open file, as that of the standard library.
#[derive(Debug)]
pub struct File {
    inner: std::fs::File,
    path: PathBuf,
}

/// How a file is opened, as that of the standard library.
#[derive(Debug, Clone)]
pub struct OpenOptions {
    inner: std::fs::OpenOptions,
    writes: bool,
}

impl OpenOptions {
    /// For nothing yet.
    #[expect(clippy::new_without_default, reason = "as in the standard library")]
    pub fn new() -> Self {
        Self { inner: std::fs::OpenOptions::new(), writes: false }
    }

    /// For reading.
    pub fn read(&mut self, yes: bool) -> &mut Self {
        self.inner.read(yes);
        self
    }

    /// For writing.
    pub fn write(&mut self, yes: bool) -> &mut Self {
        self.inner.write(yes);
        self.writes |= yes;
        self
    }

    /// Made if it is missing.
    pub fn create(&mut self, yes: bool) -> &mut Self {
        self.inner.create(yes);
        self
    }

    /// Made, and not there before.
    pub fn create_new(&mut self, yes: bool) -> &mut Self {
        self.inner.create_new(yes);
        self
    }

    /// Emptied.
    pub fn truncate(&mut self, yes: bool) -> &mut Self {
        self.inner.truncate(yes);
        self
    }

    /// Opens it.
    ///
    /// # Errors
    /// What the system, or a test, says.
    pub fn open(&self, path: impl AsRef<Path>) -> io::Result<File> {
        let path = path.as_ref();
        ask(if self.writes { Action::Create } else { Action::Open }, path)?;
        Ok(File { inner: self.inner.open(path)?, path: path.to_owned() })
    }
}

impl File {
    /// Opens a file for reading.
    ///
    /// # Errors
    /// What the system, or a test, says; so for all below.
    pub fn open(path: impl AsRef<Path>) -> io::Result<Self> {
        OpenOptions::new().read(true).open(path)
    }

    /// Opens a file for writing, made or emptied.
    ///
    /// # Errors
    /// See [`File::open`].
    pub fn create(path: impl AsRef<Path>) -> io::Result<Self> {
        OpenOptions::new().write(true).create(true).truncate(true).open(path)
    }

    /// A second handle.
    ///
    /// # Errors
    /// See [`File::open`].
    pub fn try_clone(&self) -> io::Result<Self> {
        Ok(Self { inner: self.inner.try_clone()?, path: self.path.clone() })
    }

    /// A second handle of the standard library, past all faults: for the handler of a signal.
    ///
    /// # Errors
    /// See [`File::open`].
    pub fn try_clone_plain(&self) -> io::Result<std::fs::File> {
        self.inner.try_clone()
    }

    /// What is known of it.
    ///
    /// # Errors
    /// See [`File::open`].
    pub fn metadata(&self) -> io::Result<Metadata> {
        ask(Action::Look, &self.path)?;
        self.inner.metadata()
    }

    /// Cuts or stretches it.
    ///
    /// # Errors
    /// See [`File::open`].
    pub fn set_len(&self, length: u64) -> io::Result<()> {
        ask(Action::Truncate, &self.path)?;
        self.inner.set_len(length)
    }

    /// Makes its bytes durable.
    ///
    /// # Errors
    /// See [`File::open`].
    pub fn sync_data(&self) -> io::Result<()> {
        ask(Action::Sync, &self.path)?;
        self.inner.sync_data()?;
        note_sync(&self.path);
        Ok(())
    }

    /// Makes its bytes and what is known of it durable.
    ///
    /// # Errors
    /// See [`File::open`].
    pub fn sync_all(&self) -> io::Result<()> {
        ask(Action::Sync, &self.path)?;
        self.inner.sync_all()?;
        note_sync(&self.path);
        Ok(())
    }

    /// Fills a buffer from a place.
    ///
    /// # Errors
    /// See [`File::open`].
    pub fn read_exact_at(&self, buffer: &mut [u8], place: u64) -> io::Result<()> {
        ask(Action::Read, &self.path)?;
        self.inner.read_exact_at(buffer, place)
    }

    /// Reads some bytes from a place.
    ///
    /// # Errors
    /// See [`File::open`].
    pub fn read_at(&self, buffer: &mut [u8], place: u64) -> io::Result<usize> {
        ask(Action::Read, &self.path)?;
        self.inner.read_at(buffer, place)
    }

    /// Writes bytes at a place.
    ///
    /// # Errors
    /// See [`File::open`].
    pub fn write_all_at(&self, bytes: &[u8], place: u64) -> io::Result<()> {
        let mut written = 0;
        while written < bytes.len() {
            let at = place + written as u64;
            match self.write_some(&bytes[written..], |part| self.inner.write_at(part, at)) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(n) => written += n,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    fn write_some(&self, bytes: &[u8], write: impl Fn(&[u8]) -> io::Result<usize>) -> io::Result<usize> {
        let Some(faults) = faults() else { return write(bytes) };
        let verdict = faults.verdict(&Operation { action: Action::Write(bytes.len()), path: &self.path });
        note_write(&self.path, || self.inner.metadata().map_or(0, |metadata| metadata.len()));
        match verdict {
            Verdict::Go => write(bytes),
            Verdict::Fail(number) => Err(io::Error::from_raw_os_error(number)),
            Verdict::Short(n) => write(&bytes[..n.clamp(1.min(bytes.len()), bytes.len())]),
            Verdict::Crash { written, loses_unsynced } => {
                let _ = write(&bytes[..written.min(bytes.len())]);
                crash(loses_unsynced)
            }
        }
    }
}

impl Read for File {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        (&*self).read(buffer)
    }
}

impl Read for &File {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        ask(Action::Read, &self.path)?;
        (&self.inner).read(buffer)
    }
}

impl Write for File {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        (&*self).write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}

impl Write for &File {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.write_some(bytes, |part| (&self.inner).write(part))
    }

    fn flush(&mut self) -> io::Result<()> {
        (&self.inner).flush()
    }
}

impl Seek for File {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.inner.seek(to)
    }
}

impl Seek for &File {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        (&self.inner).seek(to)
    }
}
