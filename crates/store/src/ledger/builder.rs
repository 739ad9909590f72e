//! Makes a ledger from journals and from other ledgers.

use super::{JournalAccount, JournalSummary, Ledger, LedgerEntry};
use crate::journal::{JournalFile, JournalReader, RunId};
use crate::{StoreError, Tail};

/// Collects journals and ledgers in any order; the result does not depend on it.
#[derive(Debug, Default)]
pub struct LedgerBuilder {
    ledger: Ledger,
}

impl LedgerBuilder {
    /// Nothing yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Scans a journal.
    ///
    /// # Errors
    /// When the file cannot be read, is no journal, has an unknown format or belongs to another run.
    /// Damage within the file is no error; the [`JournalSummary`] tells of it.
    pub fn scan(&mut self, file: &JournalFile, run: RunId) -> Result<(), StoreError> {
        let mut reader = JournalReader::open(&file.path)?;
        if let Some(header) = reader.header().filter(|header| header.run != run) {
            return Err(StoreError::ForeignJournal {
                path: file.path.clone(),
                found: header.run.to_string(),
                expected: run.to_string(),
            });
        }
        let mut account = JournalAccount::begin(file.attempt, file.rank, reader.header());
        while let Some((frame, place)) = reader.next_scanned()? {
            account.note_scanned(&frame, place);
        }
        self.absorb(account.end(reader.tail().cloned().unwrap_or(Tail::Clean)));
        Ok(())
    }

    /// Adds all that another ledger holds.
    pub fn absorb(&mut self, ledger: Ledger) {
        if self.ledger.entries.is_empty() {
            // By far the largest part: not to be copied where it need not be.
            self.ledger.entries = ledger.entries;
        } else {
            self.ledger.entries.extend(ledger.entries);
        }
        self.ledger.deaths.extend(ledger.deaths);
        self.ledger.surveys.extend(ledger.surveys);
        self.ledger.samples.extend(ledger.samples);
        self.ledger.journals.extend(ledger.journals);
    }

    /// The ledger.
    pub fn finish(self) -> Ledger {
        let Ledger { mut entries, mut deaths, mut surveys, mut samples, mut journals } = self.ledger;
        entries.sort_unstable_by(LedgerEntry::precedence);
        entries.dedup_by_key(|entry| entry.key());
        entries.shrink_to_fit();
        deaths.sort_unstable();
        deaths.dedup();
        surveys.sort_unstable_by_key(|frame| (frame.location, frame.first, frame.last));
        surveys.dedup();
        samples.sort_by_key(|sample| sample.location);
        samples.dedup_by_key(|sample| sample.location);
        // Of a journal scanned twice while it grew, the longer account counts.
        journals.sort_by(|a, b| {
            let rank = |journal: &JournalSummary| (journal.attempt, journal.rank);
            let age = |journal: &JournalSummary| (journal.closed, journal.n_records, journal.peak_bytes);
            rank(a)
                .cmp(&rank(b))
                .then_with(|| age(b).cmp(&age(a)))
                .then_with(|| b.last_time_s.total_cmp(&a.last_time_s))
        });
        journals.dedup_by_key(|journal| (journal.attempt, journal.rank));
        Ledger { entries, deaths, surveys, samples, journals }
    }
}
