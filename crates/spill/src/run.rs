//! Rows in order of their keys, on disk.

use crate::filter::Filter;
use crate::{Key, Log, SpillError, Value};
use std::marker::PhantomData;

/// Rows of which the first key is kept in memory, and which are read together.
const GROUP: usize = 128;
const KEY_BYTES: usize = size_of::<Key>();

/// Rows that were written together.
#[derive(Debug)]
pub(crate) struct Run<V> {
    begin: u64,
    rows: usize,
    filter: Filter,
    /// The first key of every group.
    first: Vec<Key>,
    value: PhantomData<V>,
}

impl<V: Value> Run<V> {
    const ROW_BYTES: usize = KEY_BYTES + V::BYTES;

    /// Writes rows; they must be in order of their keys, each once.
    pub(crate) fn write(rows: &[(Key, V)], log: &mut Log) -> Result<Self, SpillError> {
        let mut bytes = vec![0; rows.len() * Self::ROW_BYTES];
        let mut filter = Filter::new(rows.len());
        for ((key, value), row) in rows.iter().zip(bytes.chunks_exact_mut(Self::ROW_BYTES)) {
            filter.insert(key);
            let (of_key, of_value) = row.split_at_mut(KEY_BYTES);
            of_key.copy_from_slice(key);
            value.write(of_value);
        }
        let first = rows.iter().step_by(GROUP).map(|(key, _)| *key).collect();
        Ok(Self { begin: log.append(&bytes)?, rows: rows.len(), filter, first, value: PhantomData })
    }

    /// The value of a key.
    pub(crate) fn get(&self, key: &Key, log: &Log) -> Result<Option<V>, SpillError> {
        if !self.filter.may_hold(key) {
            return Ok(None);
        }
        let Some(group) = self.first.partition_point(|first| first <= key).checked_sub(1) else { return Ok(None) };
        let rows = GROUP.min(self.rows - group * GROUP);
        let mut bytes = vec![0; rows * Self::ROW_BYTES];
        log.read(self.begin + (group * GROUP * Self::ROW_BYTES) as u64, &mut bytes)?;
        let (mut low, mut high) = (0, rows);
        while low < high {
            let middle = low.midpoint(high);
            let (of_row, value) = bytes[middle * Self::ROW_BYTES..][..Self::ROW_BYTES].split_at(KEY_BYTES);
            match of_row.cmp(key) {
                std::cmp::Ordering::Equal => return Ok(Some(V::read(value))),
                std::cmp::Ordering::Less => low = middle + 1,
                std::cmp::Ordering::Greater => high = middle,
            }
        }
        Ok(None)
    }
}
