//! Where members of compressed archives are unpacked to.

use crate::InputError;
use std::fs::File;
use std::io::{self, BufWriter, Read, Write};
use std::path::{Path, PathBuf};

/// One file, one member after the other, as they are; it does not exist before the first of them.
///
/// Written under another name; [`Spool::commit`] gives it its own, and what is dropped before that leaves nothing.
#[derive(Debug)]
pub(crate) struct Spool {
    path: PathBuf,
    partial: PathBuf,
    file: Option<BufWriter<File>>,
    length: u64,
}

impl Spool {
    pub(crate) fn new(path: &Path) -> Self {
        let mut partial = path.as_os_str().to_owned();
        partial.push(".partial");
        Self { path: path.into(), partial: partial.into(), file: None, length: 0 }
    }

    /// Where the file will be.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Where the next byte goes.
    pub(crate) fn length(&self) -> u64 {
        self.length
    }

    /// Hands a text on and keeps a copy.
    pub(crate) fn tee<R: Read>(&mut self, text: R) -> Result<Tee<'_, R>, InputError> {
        if self.file.is_none() {
            let file = File::create(&self.partial).map_err(|error| InputError::write(&self.partial, error))?;
            self.file = Some(BufWriter::with_capacity(1 << 20, file));
        }
        Ok(Tee { spool: self, text })
    }

    /// Syncs the file and gives it its name, if there is one.
    pub(crate) fn commit(&mut self) -> Result<(), InputError> {
        let Some(mut file) = self.file.take() else { return Ok(()) };
        file.flush()
            .and_then(|()| file.get_ref().sync_all())
            .and_then(|()| std::fs::rename(&self.partial, &self.path))
            .map_err(|error| InputError::write(&self.path, error))
    }
}

impl Drop for Spool {
    fn drop(&mut self) {
        if self.file.take().is_some() {
            let _ = std::fs::remove_file(&self.partial);
        }
    }
}

pub(crate) struct Tee<'a, R> {
    spool: &'a mut Spool,
    text: R,
}

impl<R: Read> Read for Tee<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let n = self.text.read(buffer)?;
        if let (Some(file), Some(bytes)) = (&mut self.spool.file, buffer.get(..n)) {
            let full = |error: io::Error| {
                io::Error::new(error.kind(), format!("cannot write `{}`: {error}", self.spool.partial.display()))
            };
            file.write_all(bytes).map_err(full)?;
            self.spool.length += n as u64;
        }
        Ok(n)
    }
}
