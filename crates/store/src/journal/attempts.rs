//! The journals of a run folder.

use crate::StoreError;
use mlip_disk as fs;
use std::io;
use std::path::{Path, PathBuf};

/// One journal of a run.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct JournalFile {
    /// Launch of the run, from 1.
    pub attempt: u32,
    /// Rank in that launch.
    pub rank: u32,
    /// The file.
    pub path: PathBuf,
    /// Its length when listed: what a scan costs.
    pub bytes: u64,
}

impl JournalFile {
    /// The journal of a rank of an attempt, by the rule for names.
    pub fn of(run_dir: &Path, attempt: u32, rank: u32, bytes: u64) -> Self {
        Self { attempt, rank, path: journal_path(run_dir, attempt, rank), bytes }
    }
}

/// All journals of a run, in order of attempt and rank.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Attempts {
    /// In order of attempt, then rank.
    pub files: Vec<JournalFile>,
    /// Files and folders under `journal/` whose names are no journal's: left alone, worth a warning.
    pub unknown: Vec<PathBuf>,
    latest: u32,
}

impl Attempts {
    /// Lists `RUN/journal`; a run without journals has none.
    ///
    /// # Errors
    /// When a folder cannot be read.
    pub fn list(run_dir: &Path) -> Result<Self, StoreError> {
        let mut attempts = Self::default();
        for folder in entries(&run_dir.join("journal"))? {
            let attempt = name(&folder).and_then(|name| number(name, 4));
            let (Some(attempt), true) = (attempt, folder.is_dir()) else {
                attempts.unknown.push(folder);
                continue;
            };
            attempts.latest = attempts.latest.max(attempt);
            for path in entries(&folder)? {
                let rank = name(&path)
                    .and_then(|name| name.strip_prefix("rank-")?.strip_suffix(".journal"))
                    .and_then(|digits| number(digits, 5));
                match (rank, fs::metadata(&path)) {
                    (Some(rank), Ok(metadata)) if metadata.is_file() => {
                        attempts.files.push(JournalFile { attempt, rank, path, bytes: metadata.len() });
                    }
                    _ => attempts.unknown.push(path),
                }
            }
        }
        attempts.files.sort();
        attempts.unknown.sort();
        Ok(attempts)
    }

    /// Number of the latest attempt, 0 when there was none.
    pub fn latest(&self) -> u32 {
        self.latest
    }

    /// Number for the next attempt: never one that has a folder, even an empty one.
    pub fn next(&self) -> u32 {
        self.latest.saturating_add(1)
    }
}

/// `RUN/journal/NNNN/rank-RRRRR.journal`.
pub(crate) fn journal_path(run_dir: &Path, attempt: u32, rank: u32) -> PathBuf {
    run_dir.join("journal").join(format!("{attempt:04}")).join(format!("rank-{rank:05}.journal"))
}

fn name(path: &Path) -> Option<&str> {
    path.file_name()?.to_str()
}

/// Only the text that [`journal_path`] writes, so that no two names mean one number.
fn number(digits: &str, width: usize) -> Option<u32> {
    let number = digits.parse::<u32>().ok()?;
    (format!("{number:0width$}") == digits).then_some(number)
}

fn entries(folder: &Path) -> Result<Vec<PathBuf>, StoreError> {
    let listing = match fs::read_dir(folder) {
        Ok(listing) => listing,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(StoreError::io("list the folder", folder)(error)),
    };
    listing.map(|entry| entry.map(|entry| entry.path()).map_err(StoreError::io("list the folder", folder))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn journals_are_listed_in_order_and_strangers_reported() {
        let run = tempfile::tempdir().unwrap();
        for (attempt, rank) in [(2, 0), (1, 10), (1, 2), (12345, 123_456)] {
            let path = journal_path(run.path(), attempt, rank);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, b"12").unwrap();
        }
        for stranger in ["notes.txt", "0001/rank-2.journal", "0001/rank-00002.journal.bak"] {
            fs::write(run.path().join("journal").join(stranger), b"").unwrap();
        }
        let attempts = Attempts::list(run.path()).unwrap();
        let found: Vec<_> = attempts.files.iter().map(|file| (file.attempt, file.rank)).collect();
        assert_eq!(found, [(1, 2), (1, 10), (2, 0), (12345, 123_456)]);
        assert_eq!(attempts.unknown.len(), 3);
        assert_eq!(attempts.next(), 12346);
    }

    #[test]
    fn a_run_without_journals_begins_with_attempt_one() {
        let run = tempfile::tempdir().unwrap();
        assert_eq!(Attempts::list(run.path()).unwrap().next(), 1);
    }

    #[test]
    fn an_attempt_that_died_before_its_first_journal_keeps_its_number() {
        let run = tempfile::tempdir().unwrap();
        fs::create_dir_all(run.path().join("journal/0007")).unwrap();
        assert_eq!(Attempts::list(run.path()).unwrap().next(), 8);
    }
}
