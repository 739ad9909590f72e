//! Values by digest.

use crate::run::Run;
use crate::{Log, SpillError};
use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::path::Path;

/// A digest: its bits are as good as random.
pub type Key = [u8; 16];

/// What a table finds: of fixed size on disk. Of several values of a key the least counts.
pub trait Value: Copy + Ord {
    /// Size on disk.
    const BYTES: usize;

    /// Writes the value into [`Value::BYTES`] bytes.
    fn write(&self, bytes: &mut [u8]);

    /// Reads what [`Value::write`] wrote.
    fn read(bytes: &[u8]) -> Self;
}

/// For sets.
impl Value for () {
    const BYTES: usize = 0;

    fn write(&self, _: &mut [u8]) {}

    fn read(_: &[u8]) -> Self {}
}

/// Rows in memory: what a hash map holds in 32,768 slots.
const RECENT: usize = 28_672;

/// Values by key, on disk but for those that came last.
#[derive(Debug)]
pub struct Table<V> {
    recent: HashMap<Key, V>,
    runs: Vec<Run<V>>,
    log: Log,
}

impl<V: Value> Table<V> {
    /// Its file, if there will be one, will lie in this folder; if the path is empty, where temporary files lie.
    pub fn new(folder: &Path) -> Self {
        Self { recent: HashMap::new(), runs: Vec::new(), log: Log::new(folder) }
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
            let mut rows: Vec<(Key, V)> = self.recent.drain().collect();
            rows.sort_unstable_by_key(|(key, _)| *key);
            self.runs.push(Run::write(&rows, &mut self.log)?);
        }
        Ok(())
    }

    /// The value of a key.
    ///
    /// # Errors
    /// When the disk cannot be read.
    pub fn get(&self, key: &Key) -> Result<Option<V>, SpillError> {
        let mut least = self.recent.get(key).copied();
        for run in &self.runs {
            if let Some(value) = run.get(key, &self.log)? {
                least = Some(least.map_or(value, |least| least.min(value)));
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
    fn a_set_tells_what_is_new() {
        let folder = tempfile::tempdir().unwrap();
        let mut set = Table::new(folder.path());
        for round in 0..2 {
            let new = (0..70_000).filter(|number| set.add(key(*number, true)).unwrap()).count();
            assert_eq!(new, if round == 0 { 70_000 } else { 0 });
        }
        assert!(set.recent.len() < RECENT && set.runs.len() == 2);
    }
}
