//! Rows that come in any order, appended to the files in that of the input.

use super::batch::TableRows;
use super::writer::ReportWriter;
use crate::StoreError;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::{Builder, JoinHandle};

/// Appends rows on a thread of its own, or where there can be none on its owner's.
pub struct RowsInOrder {
    place: Place,
    n_written: Arc<AtomicU64>,
}

enum Place {
    Thread(Sender<(u64, TableRows)>, JoinHandle<Result<ReportWriter, StoreError>>),
    Here(Box<Appending>),
    /// It failed, and said why.
    Ended,
}

struct Appending {
    writer: ReportWriter,
    /// Rows whose turn has not come.
    early: BTreeMap<u64, TableRows>,
    n_written: Arc<AtomicU64>,
}

impl Appending {
    fn take(&mut self, number: u64, rows: TableRows) -> Result<(), StoreError> {
        self.early.insert(number, rows);
        let mut next = self.n_written.load(Ordering::Relaxed);
        while let Some(rows) = self.early.remove(&next) {
            self.writer.append(rows)?;
            next += 1;
            self.n_written.store(next, Ordering::Release);
        }
        Ok(())
    }

    fn take_all(mut self, rows: &Receiver<(u64, TableRows)>) -> Result<ReportWriter, StoreError> {
        for (number, rows) in rows {
            self.take(number, rows)?;
        }
        Ok(self.writer)
    }
}

impl RowsInOrder {
    /// Of the report that this writes; the first rows are number 0.
    ///
    /// # Errors
    /// When no report can be begun.
    pub fn start(begin: impl Fn() -> Result<ReportWriter, StoreError>) -> Result<Self, StoreError> {
        let n_written = Arc::new(AtomicU64::new(0));
        let appending = |writer| Appending { writer, early: BTreeMap::new(), n_written: Arc::clone(&n_written) };
        let (sender, rows) = channel();
        let here = appending(begin()?);
        let started = Builder::new().name("tables".into()).spawn(move || here.take_all(&rows));
        let place = match started {
            Ok(thread) => Place::Thread(sender, thread),
            // The files that were begun went with the thread.
            Err(_) => Place::Here(Box::new(appending(begin()?))),
        };
        Ok(Self { place, n_written })
    }

    /// Jobs whose rows are in the files.
    ///
    /// # Errors
    /// When rows could not be written: no more of them are, and who waits for that would wait for ever.
    pub fn n_written(&mut self) -> Result<u64, StoreError> {
        if matches!(&self.place, Place::Thread(_, thread) if thread.is_finished()) {
            self.end()?;
        }
        Ok(self.n_written.load(Ordering::Acquire))
    }

    /// Takes in the rows of the job with this number.
    ///
    /// # Errors
    /// When rows before could not be written.
    pub fn take(&mut self, number: u64, rows: TableRows) -> Result<(), StoreError> {
        match &mut self.place {
            Place::Here(appending) => appending.take(number, rows),
            Place::Thread(sender, _) => match sender.send((number, rows)) {
                Ok(()) => Ok(()),
                Err(_) => self.end().map(drop),
            },
            Place::Ended => Err(ended()),
        }
    }

    /// The report with all rows in it.
    ///
    /// # Errors
    /// When rows could not be written.
    pub fn finish(mut self) -> Result<ReportWriter, StoreError> {
        self.end()
    }

    fn end(&mut self) -> Result<ReportWriter, StoreError> {
        match std::mem::replace(&mut self.place, Place::Ended) {
            Place::Here(appending) => Ok(appending.writer),
            Place::Thread(sender, thread) => {
                drop(sender);
                thread.join().unwrap_or_else(|_| Err(ended()))
            }
            Place::Ended => Err(ended()),
        }
    }
}

impl Drop for RowsInOrder {
    fn drop(&mut self) {
        // So that nothing is left of files that were begun.
        drop(self.end());
    }
}

fn ended() -> StoreError {
    StoreError::Source { what: "the tables", source: "the thread that writes them has ended".into() }
}
