//! The journal of this rank, shared by its threads.

use crate::fatal;
use mlip_store::journal::{EncodedFrame, JournalSync};
use mlip_store::ledger::JournalAccount;
use mlip_store::{Frame, JournalHeader, JournalWriter, LedgerPart, StoreError};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Appends for all threads of a rank, and knows what it appended.
#[derive(Debug)]
pub(crate) struct SharedJournal {
    path: PathBuf,
    open: Mutex<Option<Open>>,
}

#[derive(Debug)]
struct Open {
    writer: JournalWriter,
    account: JournalAccount,
}

impl SharedJournal {
    /// Creates the journal of this rank in this attempt.
    pub(crate) fn create(run_dir: &Path, header: &JournalHeader) -> Result<Self, StoreError> {
        let writer = JournalWriter::create(run_dir, header)?;
        let path = writer.path().to_owned();
        fatal::arm(|| writer.fatal_log())?;
        Ok(Self { path, open: Mutex::new(Some(Open { writer, account: JournalAccount::new(header) })) })
    }

    fn lock(&self) -> MutexGuard<'_, Option<Open>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Appends a frame: it survives the death of this process from here on. Frames that come after
    /// [`SharedJournal::close`] (of an evaluation that was given up in a drain) are dropped.
    pub(crate) fn append(&self, frame: &Frame) -> Result<(), StoreError> {
        let encoded = EncodedFrame::new(frame, &self.path)?;
        if let Some(open) = self.lock().as_mut() {
            let place = open.writer.append_encoded(&encoded)?;
            open.account.note(frame, place);
        }
        Ok(())
    }

    /// A handle that syncs without blocking those who append; `None` once closed.
    pub(crate) fn sync_handle(&self) -> Result<Option<JournalSync>, StoreError> {
        self.lock().as_ref().map(|open| open.writer.sync_handle()).transpose()
    }

    /// What was appended since the last time.
    pub(crate) fn noted(&self) -> LedgerPart {
        self.lock().as_mut().map(|open| open.account.take()).unwrap_or_default()
    }

    /// Notes the good end, syncs, and reports the rest of what was appended; `None` if it was closed before.
    pub(crate) fn close(&self) -> Result<Option<LedgerPart>, StoreError> {
        let Some(Open { writer, account }) = self.lock().take() else { return Ok(None) };
        writer.close()?;
        Ok(Some(account.into_part()))
    }
}
