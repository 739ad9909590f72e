//! The lines of entries: those that came last in memory, the rest on disk.

use crate::InputError;
use mlip_spill::Log;
use std::borrow::Cow;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

/// Lines that are read together; where each such block begins is kept in memory.
pub(super) const BLOCK: usize = 64;
/// Text in memory, bytes, before it is written.
const RECENT: usize = 1 << 20;

/// Lines `f`, `r` and `p` of a manifest, each with its line end. Among those of a manifest that was read there are the
/// others too: they lie in its own file.
#[derive(Debug)]
pub(super) struct Lines {
    disk: Log,
    /// What comes after `disk`.
    recent: Vec<u8>,
    /// Where entries 0, 64, 128, … begin.
    marks: Vec<u64>,
    count: usize,
    /// The manifest that was read.
    path: PathBuf,
    kept: Mutex<Kept>,
    /// Of a manifest that was read, the CRC-32 of each block.
    sums: Vec<u32>,
    /// Of the block that is being read.
    sum: crc32fast::Hasher,
}

/// Blocks that are kept in memory after one of their entries was asked for: each of them comes by itself.
const KEPT: usize = 4096;

/// Blocks by the rest of their numbers divided by [`KEPT`].
type Kept = Vec<Option<(usize, Arc<Block>)>>;

/// Of every so many lines of a block it is known where they begin.
const STEP: usize = 8;

/// The text of a block of which one line after the other is asked for.
#[derive(Debug)]
pub(super) struct Block {
    text: Box<[u8]>,
    /// Where the lines of its entries 0, 8, 16, … begin.
    begins: [usize; BLOCK / STEP],
}

impl Block {
    fn new(text: Cow<'_, [u8]>) -> Self {
        let mut begins = [text.len(); BLOCK / STEP];
        let lines = places(&text).step_by(STEP);
        begins.iter_mut().zip(lines).for_each(|(begin, line)| *begin = line.start);
        Self { text: text.into(), begins }
    }

    /// The line of an entry, without its end; empty if there is none.
    pub(super) fn line(&self, number: usize) -> &[u8] {
        let begin = self.begins.get(number / STEP).copied().unwrap_or(self.text.len());
        entries(&self.text[begin..]).nth(number % STEP).unwrap_or_default()
    }
}

/// Whether a line is that of an entry.
fn is_entry(line: &[u8]) -> bool {
    matches!(line.first(), Some(b'f' | b'r' | b'p'))
}

impl Lines {
    /// None yet; the file, once there are many, has no name and lies in this folder.
    pub(super) fn new(folder: &Path) -> Self {
        Self::over(Log::new(folder), Path::new(""))
    }

    /// Of the manifest in this file; [`Lines::found`] tells where they are.
    pub(super) fn of_file(path: &Path) -> Result<Self, InputError> {
        Ok(Self::over(Log::of_file(path)?, path))
    }

    fn over(disk: Log, path: &Path) -> Self {
        let (recent, marks, sums) = (Vec::new(), Vec::new(), Vec::new());
        Self {
            disk,
            recent,
            marks,
            count: 0,
            path: path.into(),
            kept: Mutex::default(),
            sums,
            sum: crc32fast::Hasher::new(),
        }
    }

    /// A line of the file was read, after [`Lines::found`] if it is that of an entry.
    pub(super) fn read(&mut self, line: &[u8]) {
        if self.marks.len() > self.sums.len() + 1 {
            self.read_all();
        }
        if !self.marks.is_empty() {
            self.sum.update(line);
        }
    }

    /// The last line of the block was read.
    pub(super) fn read_all(&mut self) {
        self.sums.push(std::mem::take(&mut self.sum).finalize());
    }

    /// The next entry of the file begins at this byte.
    pub(super) fn found(&mut self, byte: u64) {
        if self.count.is_multiple_of(BLOCK) {
            self.marks.push(byte);
        }
        self.count += 1;
    }

    /// Adds the line of an entry, without its end.
    pub(super) fn push(&mut self, line: &[u8]) -> Result<(), InputError> {
        if self.count.is_multiple_of(BLOCK) && self.recent.len() >= RECENT {
            self.disk.append(&self.recent)?;
            self.recent.clear();
        }
        self.found(self.disk.length() + self.recent.len() as u64);
        self.recent.extend_from_slice(line);
        self.recent.push(b'\n');
        Ok(())
    }

    /// Entries.
    pub(super) fn count(&self) -> usize {
        self.count
    }

    /// Blocks of them.
    pub(super) fn blocks(&self) -> usize {
        self.marks.len()
    }

    /// As [`Lines::block`], for who asks for entries of it again and again.
    pub(super) fn kept_block(&self, number: usize) -> Result<Arc<Block>, InputError> {
        let place = number % KEPT;
        let kept = || self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let is_it = |kept: &&Option<(usize, _)>| kept.as_ref().is_some_and(|(n, _)| *n == number);
        if let Some(Some((_, block))) = kept().get(place).filter(is_it) {
            return Ok(block.clone());
        }
        let block = Arc::new(Block::new(self.block(number)?));
        // What is still written may grow.
        if number + 1 < self.marks.len() {
            let mut kept = kept();
            kept.resize(KEPT, None);
            kept[place] = Some((number, block.clone()));
        }
        Ok(block)
    }

    /// The text of a block, empty if there is no such block. What was written lies wholly on disk or wholly in memory.
    pub(super) fn block(&self, number: usize) -> Result<Cow<'_, [u8]>, InputError> {
        let Some(begin) = self.marks.get(number).copied() else { return Ok(Cow::Borrowed(&[])) };
        let written = self.disk.length();
        let end = self.marks.get(number + 1).copied().unwrap_or(written + self.recent.len() as u64);
        if begin >= written {
            return Ok(Cow::Borrowed(&self.recent[(begin - written) as usize..(end - written) as usize]));
        }
        let mut text = vec![0; (end - begin) as usize];
        self.disk.read(begin, &mut text)?;
        if self.sums.get(number).is_some_and(|sum| *sum != crc32fast::hash(&text)) {
            return Err(InputError::EntryChanged { path: self.path.clone(), entry: (number * BLOCK + 1) as u64 });
        }
        Ok(Cow::Owned(text))
    }
}

/// The lines of entries in the text of a block, without their ends.
pub(super) fn entries(block: &[u8]) -> impl Iterator<Item = &[u8]> {
    places(block).map(|place| &block[place])
}

/// Where they are.
fn places(block: &[u8]) -> impl Iterator<Item = Range<usize>> {
    // What stands after the last line end is no line, and empty.
    let mut begin = 0;
    memchr::memchr_iter(b'\n', block)
        .map(move |end| std::mem::replace(&mut begin, end + 1)..end)
        .filter(|place| is_entry(&block[place.clone()]))
}
