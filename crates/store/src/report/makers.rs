//! Threads that make rows while their owner does something else.

use super::batch::{TableJob, TableRows, Tabulator};
use super::source::JournalRecords;
use crate::StoreError;
use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{Builder, JoinHandle};
use std::time::Duration;

/// Jobs that lie ready for each thread, so that none waits for its owner.
const READY: usize = 2;

type Made = (u64, Result<TableRows, StoreError>);

/// Makes rows of tables on threads of its own. Where no thread can be had its owner makes them, when it asks for them.
pub struct RowMakers {
    tabulator: Arc<Tabulator>,
    /// `None` once no more are wanted.
    jobs: Option<Sender<(u64, TableJob)>>,
    made: Receiver<Made>,
    threads: Vec<JoinHandle<()>>,
    /// Jobs without a thread.
    left: Vec<(u64, TableJob)>,
    n_under_way: usize,
}

impl RowMakers {
    /// Starts this many threads, or as many as there can be.
    pub fn start(tabulator: Arc<Tabulator>, threads: usize) -> Self {
        let (jobs, waiting) = channel();
        let (done, made) = channel();
        let waiting = Arc::new(Mutex::new(waiting));
        let start = |number: usize| {
            let (tabulator, waiting, done) = (Arc::clone(&tabulator), Arc::clone(&waiting), done.clone());
            let work = move || work(&tabulator, &waiting, &done);
            Builder::new().name(format!("rows-{number}")).spawn(work).ok()
        };
        let threads = (0..threads).map_while(start).collect();
        Self { tabulator, jobs: Some(jobs), made, threads, left: Vec::new(), n_under_way: 0 }
    }

    /// Whether another job would be begun soon.
    pub fn has_room(&self) -> bool {
        self.n_under_way < READY * self.threads.len().max(1)
    }

    /// Whether rows will come.
    pub fn is_busy(&self) -> bool {
        self.n_under_way > 0
    }

    /// Has the rows of a job made.
    pub fn make(&mut self, number: u64, job: TableJob) {
        self.n_under_way += 1;
        match self.jobs.as_ref().filter(|_| !self.threads.is_empty()) {
            // The receiver lives as long as a thread does, and no thread ends before the sender is dropped.
            Some(jobs) => drop(jobs.send((number, job))),
            None => self.left.push((number, job)),
        }
    }

    /// Rows that were made, by the number of their job; waits for them at most this long.
    pub fn made(&mut self, wait: Duration) -> Option<(u64, Result<TableRows, StoreError>)> {
        let made = match self.left.pop() {
            Some((number, job)) => {
                let mut journals = self.tabulator.journals();
                Some((number, self.tabulator.make(&mut journals, &job)))
            }
            None if wait.is_zero() => self.made.try_recv().ok(),
            None => self.made.recv_timeout(wait).ok(),
        };
        self.n_under_way -= usize::from(made.is_some());
        made
    }
}

impl Drop for RowMakers {
    fn drop(&mut self) {
        self.jobs = None;
        for thread in self.threads.drain(..) {
            // What panicked there was caught and told.
            let _ = thread.join();
        }
    }
}

fn work(tabulator: &Tabulator, waiting: &Mutex<Receiver<(u64, TableJob)>>, done: &Sender<Made>) {
    let mut journals: JournalRecords = tabulator.journals();
    loop {
        let next = waiting.lock().unwrap_or_else(PoisonError::into_inner).recv();
        let Ok((number, job)) = next else { return };
        let rows = catch_unwind(AssertUnwindSafe(|| tabulator.make(&mut journals, &job)));
        let rows = rows.unwrap_or_else(|panic| {
            let source = format!("a thread panicked: {}", message(panic.as_ref())).into();
            Err(StoreError::Source { what: "the rows", source })
        });
        if done.send((number, rows)).is_err() {
            return;
        }
    }
}

fn message(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<&str>().copied();
    text.or_else(|| panic.downcast_ref::<String>().map(String::as_str)).unwrap_or("no message")
}
