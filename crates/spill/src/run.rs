//! Rows in order of their keys, on disk.

use crate::filter::Filter;
use crate::{Key, Log, SpillError, Value};
use std::marker::PhantomData;

/// Rows of which the first key is kept in memory, and which are read together.
const GROUP: usize = 128;
/// Bytes that are written together.
const WRITTEN_TOGETHER: usize = 1 << 18;
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

/// Writes a run row by row.
pub(crate) struct RunWriter<'a, V> {
    run: Run<V>,
    log: &'a mut Log,
    text: Vec<u8>,
}

/// Reads a run from its first row on.
pub(crate) struct RunReader<'a, V> {
    run: &'a Run<V>,
    log: &'a Log,
    group: Vec<u8>,
    next: usize,
}

impl<'a, V: Value> RunWriter<'a, V> {
    /// Of this many rows at most.
    pub(crate) fn new(log: &'a mut Log, rows: usize) -> Self {
        let (begin, filter) = (log.length(), Filter::new(rows));
        Self { run: Run { begin, rows: 0, filter, first: Vec::new(), value: PhantomData }, log, text: Vec::new() }
    }

    /// Adds a row; keys come in order, each once.
    pub(crate) fn push(&mut self, key: &Key, value: &V) -> Result<(), SpillError> {
        let run = &mut self.run;
        if run.rows.is_multiple_of(GROUP) {
            run.first.push(*key);
        }
        run.rows += 1;
        run.filter.insert(key);
        let end = self.text.len();
        self.text.extend_from_slice(key);
        self.text.resize(end + Run::<V>::ROW_BYTES, 0);
        value.write(&mut self.text[end + KEY_BYTES..]);
        if self.text.len() >= WRITTEN_TOGETHER {
            self.log.append(&self.text)?;
            self.text.clear();
        }
        Ok(())
    }

    pub(crate) fn finish(self) -> Result<Run<V>, SpillError> {
        self.log.append(&self.text)?;
        Ok(self.run)
    }
}

impl<V: Value> RunReader<'_, V> {
    /// The next row.
    pub(crate) fn next(&mut self) -> Result<Option<(Key, V)>, SpillError> {
        if self.next == self.run.rows {
            return Ok(None);
        }
        if self.next.is_multiple_of(GROUP) {
            self.group = self.run.group(self.next / GROUP, self.log)?;
        }
        let row = &self.group[self.next % GROUP * Run::<V>::ROW_BYTES..][..Run::<V>::ROW_BYTES];
        self.next += 1;
        let mut key = Key::default();
        key.copy_from_slice(&row[..KEY_BYTES]);
        Ok(Some((key, V::read(&row[KEY_BYTES..]))))
    }
}

impl<V: Value> Run<V> {
    const ROW_BYTES: usize = KEY_BYTES + V::BYTES;

    pub(crate) fn rows(&self) -> usize {
        self.rows
    }

    pub(crate) fn reader<'a>(&'a self, log: &'a Log) -> RunReader<'a, V> {
        RunReader { run: self, log, group: Vec::new(), next: 0 }
    }

    /// The bytes of the rows that are read together.
    fn group(&self, number: usize, log: &Log) -> Result<Vec<u8>, SpillError> {
        let rows = GROUP.min(self.rows - number * GROUP);
        let mut bytes = vec![0; rows * Self::ROW_BYTES];
        log.read(self.begin + (number * GROUP * Self::ROW_BYTES) as u64, &mut bytes)?;
        Ok(bytes)
    }

    /// The value of a key.
    pub(crate) fn get(&self, key: &Key, log: &Log) -> Result<Option<V>, SpillError> {
        if !self.filter.may_hold(key) {
            return Ok(None);
        }
        let Some(group) = self.first.partition_point(|first| first <= key).checked_sub(1) else { return Ok(None) };
        let bytes = self.group(group, log)?;
        let (mut low, mut high) = (0, bytes.len() / Self::ROW_BYTES);
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
