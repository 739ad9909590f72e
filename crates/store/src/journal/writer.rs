//! Appends frames to one journal.

use super::attempts::journal_path;
use super::fatal::FatalLog;
use super::{EncodedFrame, FrameRef, JournalHeader};
use crate::{Frame, StoreError};
use mlip_disk::{self as fs, File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};

/// The one writer of one journal.
///
/// Several threads may share it behind a mutex. Every frame is one `write(2)`: it survives the
/// death of the process at once, and the failure of the machine once [`JournalWriter::sync`] or
/// [`JournalSync::sync`] came back.
#[derive(Debug)]
pub struct JournalWriter {
    file: File,
    path: PathBuf,
    length: u64,
    broken: bool,
}

/// Syncs a journal without holding the mutex around its writer.
#[derive(Debug)]
pub struct JournalSync {
    file: File,
    path: PathBuf,
}

impl JournalWriter {
    /// Creates `RUN/journal/NNNN/rank-RRRRR.journal` and writes its header.
    ///
    /// # Errors
    /// When the file exists (an older journal is never touched) or cannot be written.
    pub fn create(run_dir: &Path, header: &JournalHeader) -> Result<Self, StoreError> {
        Self::create_at(&journal_path(run_dir, header.attempt, header.rank), header)
    }

    /// Creates a file of the same form elsewhere.
    ///
    /// # Errors
    /// As [`JournalWriter::create`].
    pub(crate) fn create_at(path: &Path, header: &JournalHeader) -> Result<Self, StoreError> {
        let folder = path.parent().unwrap_or(Path::new("."));
        fs::create_dir_all(folder).map_err(StoreError::io("create the folder", folder))?;
        let encoded = EncodedFrame::header(header, path)?;
        let file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .open(path)
            .map_err(StoreError::io("create the journal", path))?;
        let mut writer = Self::over(file, path);
        writer.append_encoded(&encoded)?;
        writer.sync()?;
        // The names must outlive a power failure as well: file in folder, folder in journal/, that in RUN.
        for folder in writer.path.ancestors().skip(1).take(3) {
            sync_folder(folder)?;
        }
        Ok(writer)
    }

    pub(super) fn over(file: File, path: &Path) -> Self {
        Self { file, path: path.to_owned(), length: 0, broken: false }
    }

    /// The file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Appends a frame; says where it lies.
    ///
    /// # Errors
    /// When the disk is full or fails: the caller should drain and stop. The journal is cut back
    /// to its last whole frame if possible, and takes no more frames.
    pub fn append(&mut self, frame: &Frame) -> Result<FrameRef, StoreError> {
        self.append_encoded(&EncodedFrame::new(frame, &self.path)?)
    }

    /// Appends a frame that was encoded before, so that a shared writer is locked for the write alone.
    ///
    /// # Errors
    /// As [`JournalWriter::append`].
    pub fn append_encoded(&mut self, frame: &EncodedFrame) -> Result<FrameRef, StoreError> {
        if self.broken {
            return Err(StoreError::Broken { path: self.path.clone() });
        }
        let bytes = frame.bytes();
        if let Err(source) = self.file.write_all(bytes) {
            self.broken = true;
            // Best effort: a reader would skip the torn frame anyway.
            let _ = self.file.set_len(self.length);
            return Err(StoreError::Io { action: "append to the journal", path: self.path.clone(), source });
        }
        let place = FrameRef { offset: self.length, len: u32::try_from(bytes.len()).unwrap_or(u32::MAX) };
        self.length += bytes.len() as u64;
        Ok(place)
    }

    /// Bytes written so far.
    pub fn length(&self) -> u64 {
        self.length
    }

    /// Returns once all frames appended so far survive a power failure.
    ///
    /// # Errors
    /// When the disk fails; what was appended since the last sync may be lost.
    pub fn sync(&mut self) -> Result<(), StoreError> {
        self.file.sync_data().map_err(StoreError::io("sync the journal", &self.path))
    }

    /// A second handle for a background thread.
    ///
    /// # Errors
    /// When the process has no file descriptor left.
    pub fn sync_handle(&self) -> Result<JournalSync, StoreError> {
        let file = self.file.try_clone().map_err(StoreError::io("open a second time", &self.path))?;
        Ok(JournalSync { file, path: self.path.clone() })
    }

    /// A second handle for the handler of a fatal signal.
    ///
    /// # Errors
    /// When the process has no file descriptor left.
    pub fn fatal_log(&self) -> Result<FatalLog, StoreError> {
        FatalLog::over(&self.file, &self.path)
    }

    /// Notes that the rank left in good order, and syncs.
    ///
    /// # Errors
    /// When the disk is full or fails.
    pub fn close(mut self) -> Result<(), StoreError> {
        self.append(&Frame::Closed)?;
        self.sync()
    }
}

impl JournalSync {
    /// Returns once all frames appended before the call survive a power failure.
    ///
    /// # Errors
    /// When the disk fails.
    pub fn sync(&self) -> Result<(), StoreError> {
        self.file.sync_data().map_err(StoreError::io("sync the journal", &self.path))
    }
}

/// Makes names in a folder durable. File systems that cannot sync a folder do it by themselves.
pub(crate) fn sync_folder(folder: &Path) -> Result<(), StoreError> {
    match File::open(folder).and_then(|file| file.sync_all()) {
        Err(error) if !matches!(error.kind(), std::io::ErrorKind::InvalidInput | std::io::ErrorKind::Unsupported) => {
            Err(StoreError::io("sync the folder", folder)(error))
        }
        _ => Ok(()),
    }
}
