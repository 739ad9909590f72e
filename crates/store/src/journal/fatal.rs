//! The last frame of a process that dies of a signal.

use super::format::fatal_frame;
use crate::{StoreError, TaskKey};
use std::fs::File;
use std::io::{self, Write as _};
use std::path::Path;

/// A second handle of a journal, for the handler of a fatal signal.
#[derive(Debug)]
pub struct FatalLog {
    file: File,
}

impl FatalLog {
    /// Of the open file of a journal.
    pub(super) fn over(file: &mlip_disk::File, path: &Path) -> Result<Self, StoreError> {
        let file = file.try_clone_plain().map_err(StoreError::io("open a second time", path))?;
        Ok(Self { file })
    }

    /// Appends [`crate::Frame::Fatal`] with one `write(2)`. Takes no memory and no lock, so that the handler of a signal
    /// may call it whatever the thread was doing.
    ///
    /// # Errors
    /// When the disk is full or fails.
    pub fn write(&self, key: Option<TaskKey>, signal: u8) -> io::Result<()> {
        let (bytes, length) = fatal_frame(key, signal);
        (&self.file).write_all(&bytes[..length])
    }
}

#[cfg(test)]
mod tests {
    use crate::journal::{JournalReader, JournalWriter};
    use crate::samples::{header, key};
    use crate::{Frame, Tail};

    #[test]
    fn the_last_frame_reads_back_behind_all_others() {
        let run = tempfile::tempdir().unwrap();
        let mut writer = JournalWriter::create(run.path(), &header(1, 0)).unwrap();
        let log = writer.fatal_log().unwrap();
        let expected = [
            Frame::Started { key: key(1), alone: false },
            Frame::Fatal { key: Some(key(1)), signal: 11 },
            Frame::Fatal { key: None, signal: 6 },
            Frame::Started { key: key(2), alone: false },
        ];
        writer.append(&expected[0]).unwrap();
        log.write(Some(key(1)), 11).unwrap();
        log.write(None, 6).unwrap();
        // Other threads may go on for a moment.
        writer.append(&expected[3]).unwrap();
        let mut reader = JournalReader::open(writer.path()).unwrap();
        let mut found = Vec::new();
        while let Some((frame, _)) = reader.next_frame().unwrap() {
            found.push(frame);
        }
        assert_eq!(found, expected);
        assert_eq!(reader.tail(), Some(&Tail::Clean));
    }
}
