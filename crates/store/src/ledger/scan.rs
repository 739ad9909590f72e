//! Reads a journal for the ledger.

use super::{JournalAccount, LedgerPart};
use crate::journal::{JournalFile, JournalReader, RunId};
use crate::{StoreError, Tail};

/// Records in a part, at most.
const LONGEST_PART: usize = 4096;

/// Hands on what a journal amounts to, part by part.
///
/// # Errors
/// When the file cannot be read, is no journal, has an unknown format or belongs to another run, and what `take` gives.
/// Damage within the file is no error; the [`super::JournalSummary`] reports it.
pub fn scan_journal<E: From<StoreError>>(
    file: &JournalFile,
    run: RunId,
    mut take: impl FnMut(LedgerPart) -> Result<(), E>,
) -> Result<(), E> {
    let mut reader = JournalReader::open(&file.path)?;
    if let Some(header) = reader.header().filter(|header| header.run != run) {
        return Err(E::from(StoreError::ForeignJournal {
            path: file.path.clone(),
            found: header.run.to_string(),
            expected: run.to_string(),
        }));
    }
    let mut account = JournalAccount::begin(file.attempt, file.rank, reader.header());
    while let Some((frame, place)) = reader.next_scanned()? {
        account.note_scanned(&frame, place);
        if account.len() >= LONGEST_PART {
            take(account.take())?;
        }
    }
    take(account.end(reader.tail().cloned().unwrap_or(Tail::Clean)))
}
