//! Values by digest.

use crate::run::{Run, RunWriter};
use crate::{Key, Log, SpillError, Value};
use std::cmp::Reverse;
use std::collections::hash_map::Entry;
use std::collections::{BinaryHeap, HashMap};
use std::path::{Path, PathBuf};

/// Rows in memory: what a hash map holds in 32,768 slots. Tests see several levels with fewer.
const RECENT: usize = if cfg!(test) { 1_024 } else { 28_672 };
/// This many runs of a level become one of the next. So a lookup asks at most 15 of each level, of which there are three for a
/// hundred million rows. A merge keeps others waiting: one of half a million rows for a tenth of a second.
const MERGED: usize = 16;

/// Values by key, on disk but for those that came last.
#[derive(Debug)]
pub struct Table<V> {
    recent: HashMap<Key, V>,
    folder: PathBuf,
    /// Each of runs that are sixteen times as long as those of the one before.
    levels: Vec<Level<V>>,
}

/// Runs of about the same length.
#[derive(Debug)]
struct Level<V> {
    runs: Vec<Run<V>>,
    log: Log,
}

impl<V: Value> Level<V> {
    fn new(folder: &Path) -> Self {
        Self { runs: Vec::new(), log: Log::new(folder) }
    }

    /// Writes all rows as one run of another level, in order of their keys; of several values of a key the least.
    fn merge_into(&mut self, other: &mut Self) -> Result<(), SpillError> {
        let most = self.runs.iter().map(Run::rows).sum();
        let mut readers: Vec<_> = self.runs.iter().map(|run| run.reader(&self.log)).collect();
        let mut heads = BinaryHeap::new();
        for (number, reader) in readers.iter_mut().enumerate() {
            heads.extend(reader.next()?.map(|(key, value)| Reverse((key, value, number))));
        }
        let mut merged = RunWriter::new(&mut other.log, most);
        let mut last = None;
        while let Some(Reverse((key, value, number))) = heads.pop() {
            if last != Some(key) {
                merged.push(&key, &value)?;
                last = Some(key);
            }
            heads.extend(readers[number].next()?.map(|(key, value)| Reverse((key, value, number))));
        }
        other.runs.push(merged.finish()?);
        self.runs.clear();
        self.log.clear();
        Ok(())
    }
}

impl<V: Value> Table<V> {
    /// Its files, if there will be any, will lie in this folder; if the path is empty, where temporary files lie.
    pub fn new(folder: &Path) -> Self {
        Self { recent: HashMap::new(), folder: folder.to_path_buf(), levels: Vec::new() }
    }

    /// Adds a value of a key.
    ///
    /// # Errors
    /// When the disk is full, or the folder cannot be written.
    pub fn insert(&mut self, key: Key, value: V) -> Result<(), SpillError> {
        match self.recent.entry(key) {
            Entry::Occupied(mut known) => {
                let least = value.min(*known.get());
                known.insert(least);
            }
            Entry::Vacant(place) => {
                place.insert(value);
            }
        }
        if self.recent.len() >= RECENT {
            self.write_recent()?;
        }
        Ok(())
    }

    /// Makes a run of the rows in memory, and longer ones of those on disk.
    fn write_recent(&mut self) -> Result<(), SpillError> {
        let mut rows: Vec<(Key, V)> = self.recent.drain().collect();
        rows.sort_unstable_by_key(|(key, _)| *key);
        self.grow(1);
        let youngest = &mut self.levels[0];
        let mut run = RunWriter::new(&mut youngest.log, rows.len());
        rows.iter().try_for_each(|(key, value)| run.push(key, value))?;
        youngest.runs.push(run.finish()?);
        let mut next = 1;
        while self.levels[next - 1].runs.len() == MERGED {
            self.grow(next + 1);
            let (shorter, longer) = self.levels.split_at_mut(next);
            shorter[next - 1].merge_into(&mut longer[0])?;
            next += 1;
        }
        Ok(())
    }

    /// Has at least this many levels.
    fn grow(&mut self, levels: usize) {
        let new = || Level::new(&self.folder);
        self.levels.resize_with(self.levels.len().max(levels), new);
    }

    /// The value of a key.
    ///
    /// # Errors
    /// When the disk cannot be read.
    pub fn get(&self, key: &Key) -> Result<Option<V>, SpillError> {
        let mut least = self.recent.get(key).copied();
        for level in &self.levels {
            for run in &level.runs {
                if let Some(value) = run.get(key, &level.log)? {
                    least = Some(least.map_or(value, |least| least.min(value)));
                }
            }
        }
        Ok(least)
    }
}

impl Table<()> {
    /// Adds a key to a set; whether it was not there.
    ///
    /// # Errors
    /// When the disk is full, or cannot be read.
    pub fn add(&mut self, key: Key) -> Result<bool, SpillError> {
        if self.get(&key)?.is_some() {
            return Ok(false);
        }
        self.insert(key, ())?;
        Ok(true)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    impl Value for u64 {
        const BYTES: usize = 8;

        fn write(&self, bytes: &mut [u8]) {
            bytes.copy_from_slice(&self.to_le_bytes());
        }

        fn read(bytes: &[u8]) -> Self {
            let mut number = [0; 8];
            number.copy_from_slice(bytes);
            Self::from_le_bytes(number)
        }
    }

    /// Keys of few different first bytes and of many.
    fn key(number: u64, mixed: bool) -> Key {
        let factor = if mixed { 0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835 } else { 1 };
        u128::from(number).wrapping_mul(factor).to_be_bytes()
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(6))]

        #[test]
        fn a_table_holds_what_a_map_holds(
            mixed in any::<bool>(),
            blocks in proptest::collection::vec((0u64..60_000, 1u64..50_000, any::<u16>()), 1..6),
        ) {
            let folder = tempfile::tempdir().unwrap();
            let (mut table, mut map) = (Table::new(folder.path()), BTreeMap::new());
            for (begin, length, value) in blocks {
                for number in begin..begin + length {
                    let value = u64::from(value) ^ number;
                    table.insert(key(number, mixed), value).unwrap();
                    map.entry(number).and_modify(|known: &mut u64| *known = value.min(*known)).or_insert(value);
                }
            }
            for number in 0..120_000 {
                prop_assert_eq!(table.get(&key(number, mixed)).unwrap(), map.get(&number).copied());
            }
        }
    }

    #[test]
    fn many_runs_are_merged_and_the_least_value_of_a_key_is_kept() {
        let folder = tempfile::tempdir().unwrap();
        let mut table = Table::new(folder.path());
        let keys = 12 * RECENT as u64;
        for round in [7, 3, 5] {
            for number in 0..keys {
                table.insert(key(number, true), number ^ round).unwrap();
            }
        }
        assert_eq!(table.levels.iter().map(|level| level.runs.len()).collect::<Vec<_>>(), [4, 2]);
        assert!(table.levels[1].runs[1].rows() < MERGED * RECENT, "equal keys are kept once");
        for number in 0..keys {
            let least = [7, 3, 5].map(|round| number ^ round).into_iter().min();
            assert_eq!(table.get(&key(number, true)).unwrap(), least);
            assert_eq!(table.get(&key(number + keys, true)).unwrap(), None);
        }
    }

    #[test]
    fn runs_of_every_level_become_one_of_the_next() {
        let folder = tempfile::tempdir().unwrap();
        let mut table = Table::new(folder.path());
        let keys = ((MERGED + 1) * MERGED * RECENT) as u64;
        for number in 0..keys {
            table.insert(key(number, true), number).unwrap();
        }
        assert_eq!(table.levels.iter().map(|level| level.runs.len()).collect::<Vec<_>>(), [0, 1, 1]);
        for number in (0..keys).step_by(97) {
            assert_eq!(table.get(&key(number, true)).unwrap(), Some(number));
            assert_eq!(table.get(&key(number + keys, true)).unwrap(), None);
        }
    }

    #[test]
    fn a_set_tells_what_is_new() {
        let folder = tempfile::tempdir().unwrap();
        let mut set = Table::new(folder.path());
        for round in 0..2 {
            let new = (0..70_000).filter(|number| set.add(key(*number, true)).unwrap()).count();
            assert_eq!(new, if round == 0 { 70_000 } else { 0 });
        }
        assert_eq!(set.levels.iter().map(|level| level.runs.len()).collect::<Vec<_>>(), [4, 4]);
    }
}
