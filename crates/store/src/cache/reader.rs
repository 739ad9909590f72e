//! Takes results out of a cache.

use super::{CacheFolder, CachePlace};
use crate::journal::read_record;
use crate::{Record, TaskKey};
use mlip_calculations::Outcome;
use mlip_disk::File;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

/// Files kept open at a time.
const MAX_OPEN: usize = 64;

/// Shared by the threads of a rank.
#[derive(Debug)]
pub struct CacheReader {
    folder: CacheFolder,
    open: Mutex<HashMap<u32, Arc<File>>>,
}

impl CacheReader {
    /// Of the files of this folder.
    pub fn new(folder: CacheFolder) -> Self {
        Self { folder, open: Mutex::default() }
    }

    /// The result of a task as a record of the potential at this position of the present run; `None` when the file is
    /// gone or was changed: then it must be computed.
    pub fn take(&self, key: TaskKey, potential: u16, at: CachePlace) -> Option<Record> {
        let segment = self.folder.segments().get(usize::try_from(at.segment).ok()?)?;
        let file = {
            let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
            match open.get(&at.segment) {
                Some(file) => file.clone(),
                None => {
                    let file = Arc::new(File::open(&segment.path).ok()?);
                    if open.len() >= MAX_OPEN {
                        open.clear();
                    }
                    open.insert(at.segment, file.clone());
                    file
                }
            }
        };
        let record = read_record(&file, &segment.path, at.place).ok()?;
        let is_result = matches!(record.outcome, Outcome::Done(_));
        (record.key == key && is_result).then_some(Record { potential, attempts: 0, wall_s: 0.0, ..record })
    }
}
