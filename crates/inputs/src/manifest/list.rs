//! The list of entries.

use super::lines::{self, Lines};
use super::part;
use crate::escape::{bytes_of, os_string, push_escaped, unescape};
use crate::locator::Columns;
use crate::names::file_id;
use crate::{Entry, InputError, Locator};
use std::collections::HashMap;
use std::path::{Path, PathBuf};

/// Folders that are given a number: these are in memory, so not one for every entry. The names of files in others are
/// whole paths.
pub(super) const MOST_FOLDERS: usize = 4096;

/// All structures of a run, in input order.
#[derive(Debug)]
pub struct Manifest {
    pub(super) lines: Lines,
    pub(super) folders: Vec<PathBuf>,
    pub(super) tables: Vec<(PathBuf, Columns)>,
    /// Path and store; no store means the spool.
    pub(super) files: Vec<(PathBuf, PathBuf)>,
    /// Where compressed archives were unpacked to.
    pub(super) spool: PathBuf,
    /// Where lines `d`, `t` and `s` belong: (index of the entry that follows, which).
    pub(super) declared: Vec<(usize, Declared)>,
    pub(super) folder_numbers: HashMap<PathBuf, usize>,
    /// That of the file that was appended last: most are in the folder of the one before.
    pub(super) last_folder: Option<usize>,
    pub(super) table_numbers: HashMap<(PathBuf, Columns), usize>,
    pub(super) file_numbers: HashMap<(PathBuf, PathBuf), usize>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Declared {
    Folder,
    Table,
    File,
}

impl Default for Manifest {
    fn default() -> Self {
        Self::with_spool(Path::new(""))
    }
}

impl Manifest {
    /// Without entries; parts in this file are known to lie in the spool, which moves with the run folder.
    pub(crate) fn with_spool(spool: &Path) -> Self {
        Self::of_lines(Lines::new(spool.parent().unwrap_or(Path::new(""))), spool)
    }

    pub(super) fn of_lines(lines: Lines, spool: &Path) -> Self {
        Self {
            lines,
            folders: Vec::new(),
            tables: Vec::new(),
            files: Vec::new(),
            spool: spool.into(),
            declared: Vec::new(),
            folder_numbers: HashMap::new(),
            last_folder: None,
            table_numbers: HashMap::new(),
            file_numbers: HashMap::new(),
        }
    }

    /// Where compressed archives were unpacked to.
    pub(crate) fn spool(&self) -> &Path {
        &self.spool
    }

    /// Number of entries.
    pub fn len(&self) -> usize {
        self.lines.count()
    }

    /// Whether there are no entries.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Appends an entry.
    ///
    /// # Errors
    /// When what does not fit into memory cannot be kept on disk.
    pub fn push(&mut self, id: &str, locator: &Locator) -> Result<(), InputError> {
        let mut line = Vec::with_capacity(64);
        match locator {
            Locator::File { path } => {
                let (number, name) = match self.in_last_folder(path) {
                    Some(known) => known,
                    None => self.in_folder(path),
                };
                line.extend(format!("f\t{number}\t").bytes());
                push_escaped(&mut line, name);
                if file_id(path) != id {
                    line.push(b'\t');
                    push_escaped(&mut line, id.as_bytes());
                }
            }
            Locator::CsvCell { path, row, byte_offset, columns } => {
                let number = self.table_number(path, *columns);
                line.extend(format!("r\t{number}\t{row}\t{byte_offset}\t").bytes());
                push_escaped(&mut line, id.as_bytes());
            }
            Locator::Part(part) => {
                let store = if part.store == self.spool { Path::new("") } else { part.store.as_path() };
                let number = self.file_number(&part.path, store);
                part::push(&mut line, number, part);
                if part::id(&part.name) != Some(id) {
                    line.push(b'\t');
                    push_escaped(&mut line, id.as_bytes());
                }
            }
        }
        self.lines.push(&line)
    }

    /// Number of a file's folder, and its name there.
    fn in_folder<'a>(&mut self, path: &'a Path) -> (usize, &'a [u8]) {
        let whole = path.as_os_str();
        let (folder, name) = match (path.parent(), path.file_name()) {
            (Some(folder), Some(name)) if folder.join(name).as_os_str() == whole => (folder, name),
            // `..`, `a/`: keep the text as it is.
            _ => return (self.folder_number(Path::new("")), bytes_of(whole)),
        };
        if !self.folder_numbers.contains_key(folder) && self.folders.len() >= MOST_FOLDERS {
            return (self.folder_number(Path::new("")), bytes_of(whole));
        }
        let number = self.folder_number(folder);
        self.last_folder = Some(number);
        (number, bytes_of(name))
    }

    /// The same, if the folder is that of the file before, whose text is known to need no look at its parts.
    fn in_last_folder<'a>(&self, path: &'a Path) -> Option<(usize, &'a [u8])> {
        let number = self.last_folder?;
        // But for `/`, no such text ends like that.
        let folder = Some(bytes_of(self.folders.get(number)?.as_os_str())).filter(|folder| !folder.ends_with(b"/"))?;
        let rest = bytes_of(path.as_os_str()).strip_prefix(folder)?;
        let name = if folder.is_empty() { rest } else { rest.strip_prefix(b"/")? };
        let is_name = !matches!(name, b"" | b"." | b"..") && !name.contains(&b'/');
        is_name.then_some((number, name))
    }

    pub(super) fn folder_number(&mut self, folder: &Path) -> usize {
        if let Some(number) = self.folder_numbers.get(folder) {
            return *number;
        }
        let number = self.folders.len();
        self.folders.push(folder.into());
        self.folder_numbers.insert(folder.into(), number);
        self.declared.push((self.lines.count(), Declared::Folder));
        number
    }

    pub(super) fn table_number(&mut self, path: &Path, columns: Columns) -> usize {
        let key = (path.to_owned(), columns);
        if let Some(number) = self.table_numbers.get(&key) {
            return *number;
        }
        let number = self.tables.len();
        self.tables.push(key.clone());
        self.table_numbers.insert(key, number);
        self.declared.push((self.lines.count(), Declared::Table));
        number
    }

    pub(super) fn file_number(&mut self, path: &Path, store: &Path) -> usize {
        let key = (path.to_owned(), store.to_owned());
        if let Some(number) = self.file_numbers.get(&key) {
            return *number;
        }
        let number = self.files.len();
        self.files.push(key.clone());
        self.file_numbers.insert(key, number);
        self.declared.push((self.lines.count(), Declared::File));
        number
    }

    /// The entry at a place of the input order, from 0.
    ///
    /// # Errors
    /// When it cannot be read back from disk.
    pub fn get(&self, index: usize) -> Result<Option<Entry>, InputError> {
        if index >= self.len() {
            return Ok(None);
        }
        let block = self.lines.kept_block(index / lines::BLOCK)?;
        self.entry(block.line(index % lines::BLOCK), index).map(Some)
    }

    /// All entries, in input order.
    pub fn iter(&self) -> impl Iterator<Item = Result<Entry, InputError>> {
        (0..self.lines.blocks()).flat_map(|number| match self.lines.block(number) {
            Ok(block) => {
                let entry = |(at, line)| self.entry(line, number * lines::BLOCK + at);
                lines::entries(&block).enumerate().map(entry).collect()
            }
            Err(error) => vec![Err(error)],
        })
    }

    fn entry(&self, line: &[u8], index: usize) -> Result<Entry, InputError> {
        self.decode(line).ok_or_else(|| InputError::EntryChanged {
            path: self.spool.with_extension("manifest"),
            entry: index as u64 + 1,
        })
    }

    /// `None` for a line that [`push`](Self::push) does not write.
    pub(super) fn decode(&self, line: &[u8]) -> Option<Entry> {
        let words: Vec<&[u8]> = line.split(|byte| *byte == b'\t').collect();
        let number = |word: &[u8]| std::str::from_utf8(word).ok()?.parse::<u64>().ok();
        let text = |word: &[u8]| String::from_utf8(unescape(word)?).ok();
        let place = |word: &[u8]| usize::try_from(number(word)?).ok();
        match words.as_slice() {
            [b"f", folder, name, id @ ..] if id.len() < 2 => {
                let name = os_string(unescape(name)?);
                let path = self.folders.get(place(folder)?)?.join(name);
                let id = match id.first() {
                    Some(id) => text(id)?,
                    None => file_id(&path),
                };
                Some(Entry { id, locator: Locator::File { path } })
            }
            [b"r", table, row, byte_offset, id] => {
                let (path, columns) = self.tables.get(place(table)?)?.clone();
                let locator = Locator::CsvCell { path, row: number(row)?, byte_offset: number(byte_offset)?, columns };
                Some(Entry { id: text(id)?, locator })
            }
            [b"p", file, rest @ ..] => {
                let (path, mut store) = self.files.get(place(file)?)?.clone();
                if store.as_os_str().is_empty() {
                    store.clone_from(&self.spool);
                }
                let (part, id) = part::decode(rest, path, store)?;
                let id = match id {
                    Some(id) => text(id)?,
                    None => part::id(&part.name)?.to_owned(),
                };
                Some(Entry { id, locator: Locator::Part(Box::new(part)) })
            }
            _ => None,
        }
    }
}
