//! The enumerated input, in memory and as `RUN/inputs.manifest`.
//!
//! A text file; words of a line are separated by tabs, and escaped (`\x09`). The first line names the format, each
//! further line an entry or, before the first entry that needs it, a folder, table or file with several structures:
//!
//! ```text
//! mlip-batch inputs 2
//! d   FOLDER                          folder 0, 1, 2, … in order of appearance
//! t   COLUMN  TABLE                   table 0, 1, 2, …
//! s   PATH  STORE                     file with several structures 0, 1, 2, …, and the file that holds the bytes;
//!                                     nothing for the spool, which lies beside the manifest
//! f   FOLDER_NUMBER  NAME  [ID]       a file; ID where it is not NAME without .cif
//! r   TABLE_NUMBER  ROW  BYTE  ID     a row of a table
//! p   FILE_NUMBER  FORMAT_PACKING  BYTE  LENGTH  LINE  NAME  [ID]    a part of a file
//! ```
//!
//! `FORMAT_PACKING` is `c`, `x`, `v`, `j` or `n` (CIF, XYZ, POSCAR, JSON, JSON lines), then `s` (stored), `d` or `z` and a CRC-32 (deflate,
//! Zstandard), `l` (a link), `e` (encrypted) or `m` and a number (an unknown method of ZIP). Version 1 had no `s` and `p`.
//!
//! In memory it is the same text, without the lines `d`, `t` and `s`, in pieces of some megabytes, and the place of every
//! 32nd line: about 30 bytes an entry, so that ten million fit into 300 MB.

mod part;

use crate::enumerate::file_id;
use crate::escape::{bytes_of, os_string, push_escaped, unescape};
use crate::{Entry, InputError, Locator};
use std::collections::HashMap;
use std::fs::File;
use std::io::{BufRead, BufReader, BufWriter, Write};
use std::path::{Path, PathBuf};

const MAGIC: &[u8] = b"mlip-batch inputs 2";
/// Still read.
const MAGIC_1: &[u8] = b"mlip-batch inputs 1";
/// An entry is found by counting lines from the nearest mark.
const LINES_A_MARK: usize = 32;
/// The text grows by pieces of this size, bytes, so that it is never copied; those 32 lines lie in one piece.
const PIECE: usize = 1 << 20;

/// All structures of a run, in input order.
#[derive(Debug, Clone, Default)]
pub struct Manifest {
    /// Lines `f`, `r` and `p`, each with its line end.
    lines: Vec<Vec<u8>>,
    /// Where lines 0, 32, 64, … start: piece, and byte in it.
    marks: Vec<(u32, u32)>,
    n_entries: usize,
    folders: Vec<PathBuf>,
    tables: Vec<(PathBuf, u32)>,
    /// Path and store; no store means the spool.
    files: Vec<(PathBuf, PathBuf)>,
    /// Where compressed archives were unpacked to.
    spool: PathBuf,
    /// Where lines `d`, `t` and `s` belong: (index of the entry that follows, which).
    declared: Vec<(usize, Declared)>,
    folder_numbers: HashMap<PathBuf, usize>,
    table_numbers: HashMap<(PathBuf, u32), usize>,
    file_numbers: HashMap<(PathBuf, PathBuf), usize>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Declared {
    Folder,
    Table,
    File,
}

impl Manifest {
    /// Without entries; parts in this file are known to lie in the spool, which moves with the run folder.
    pub(crate) fn with_spool(spool: &Path) -> Self {
        Self { spool: spool.into(), ..Self::default() }
    }

    /// Number of entries.
    pub fn len(&self) -> usize {
        self.n_entries
    }

    /// Whether there are no entries.
    pub fn is_empty(&self) -> bool {
        self.n_entries == 0
    }

    /// Appends an entry.
    pub fn push(&mut self, id: &str, locator: &Locator) {
        let mut line = Vec::with_capacity(64);
        match locator {
            Locator::File { path } => {
                let (folder, name) = match (path.parent(), path.file_name()) {
                    (Some(folder), Some(name)) if folder.join(name).as_os_str() == path.as_os_str() => (folder, name),
                    // `..`, `a/`: keep the text as it is.
                    _ => (Path::new(""), path.as_os_str()),
                };
                let number = self.folder_number(folder);
                line.extend(format!("f\t{number}\t").bytes());
                push_escaped(&mut line, bytes_of(name));
                if file_id(path) != id {
                    line.push(b'\t');
                    push_escaped(&mut line, id.as_bytes());
                }
            }
            Locator::CsvCell { path, row, byte_offset, column } => {
                let number = self.table_number(path, *column);
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
        self.push_line(&line);
    }

    fn push_line(&mut self, line: &[u8]) {
        if self.n_entries.is_multiple_of(LINES_A_MARK) {
            if self.lines.last().is_none_or(|piece| piece.len() > PIECE - PIECE / 16) {
                // The first is small: most lists are.
                self.lines.push(Vec::with_capacity(if self.lines.is_empty() { 0 } else { PIECE }));
            }
            let byte = self.lines.last().map_or(0, Vec::len);
            self.marks.push((self.lines.len() as u32 - 1, byte as u32));
        }
        if let Some(piece) = self.lines.last_mut() {
            piece.extend_from_slice(line);
            piece.push(b'\n');
        }
        self.n_entries += 1;
    }

    fn folder_number(&mut self, folder: &Path) -> usize {
        if let Some(number) = self.folder_numbers.get(folder) {
            return *number;
        }
        let number = self.folders.len();
        self.folders.push(folder.into());
        self.folder_numbers.insert(folder.into(), number);
        self.declared.push((self.n_entries, Declared::Folder));
        number
    }

    fn table_number(&mut self, path: &Path, column: u32) -> usize {
        let key = (path.to_owned(), column);
        if let Some(number) = self.table_numbers.get(&key) {
            return *number;
        }
        let number = self.tables.len();
        self.tables.push(key.clone());
        self.table_numbers.insert(key, number);
        self.declared.push((self.n_entries, Declared::Table));
        number
    }

    fn file_number(&mut self, path: &Path, store: &Path) -> usize {
        let key = (path.to_owned(), store.to_owned());
        if let Some(number) = self.file_numbers.get(&key) {
            return *number;
        }
        let number = self.files.len();
        self.files.push(key.clone());
        self.file_numbers.insert(key, number);
        self.declared.push((self.n_entries, Declared::File));
        number
    }

    /// The entry at a place of the input order, from 0.
    pub fn get(&self, index: usize) -> Option<Entry> {
        if index >= self.n_entries {
            return None;
        }
        let (piece, byte) = *self.marks.get(index / LINES_A_MARK)?;
        let line = self
            .lines
            .get(piece as usize)?
            .get(byte as usize..)?
            .split(|byte| *byte == b'\n')
            .nth(index % LINES_A_MARK)?;
        self.decode(line)
    }

    /// All entries, in input order.
    pub fn iter(&self) -> impl Iterator<Item = Entry> {
        let lines = self.lines.iter().flat_map(|piece| piece.split_inclusive(|byte| *byte == b'\n'));
        lines.filter_map(|line| self.decode(line.strip_suffix(b"\n")?))
    }

    /// `None` for a line that [`push`](Self::push) does not write.
    fn decode(&self, line: &[u8]) -> Option<Entry> {
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
                let (path, column) = self.tables.get(place(table)?)?.clone();
                let locator = Locator::CsvCell { path, row: number(row)?, byte_offset: number(byte_offset)?, column };
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

    /// Digest of the text form: the same input in the same order has the same digest.
    pub fn digest(&self) -> [u8; 32] {
        let mut hasher = blake3::Hasher::new();
        // Hashing does not fail.
        let _ = self.write_to(&mut hasher);
        *hasher.finalize().as_bytes()
    }

    fn write_to(&self, out: &mut impl Write) -> std::io::Result<()> {
        out.write_all(MAGIC)?;
        out.write_all(b"\n")?;
        let (mut folders, mut tables, mut files) = (self.folders.iter(), self.tables.iter(), self.files.iter());
        let mut declared = self.declared.iter().peekable();
        let lines = self.lines.iter().flat_map(|piece| piece.split_inclusive(|byte| *byte == b'\n'));
        for (index, line) in lines.enumerate() {
            while let Some((_, kind)) = declared.next_if(|(before, _)| *before <= index) {
                let mut text = Vec::new();
                match kind {
                    Declared::Folder => folders.next().into_iter().for_each(|folder| {
                        text.extend(b"d\t");
                        push_escaped(&mut text, bytes_of(folder.as_os_str()));
                    }),
                    Declared::Table => tables.next().into_iter().for_each(|(path, column)| {
                        text.extend(format!("t\t{column}\t").bytes());
                        push_escaped(&mut text, bytes_of(path.as_os_str()));
                    }),
                    Declared::File => files.next().into_iter().for_each(|(path, store)| {
                        text.extend(b"s\t");
                        push_escaped(&mut text, bytes_of(path.as_os_str()));
                        text.push(b'\t');
                        push_escaped(&mut text, bytes_of(store.as_os_str()));
                    }),
                }
                text.push(b'\n');
                out.write_all(&text)?;
            }
            out.write_all(line)?;
        }
        Ok(())
    }

    /// Writes the text form; the file appears complete or not at all.
    ///
    /// # Errors
    /// When the file system refuses.
    pub fn write(&self, path: &Path) -> Result<(), InputError> {
        let fail = |error| InputError::write(path, error);
        let mut partial = path.as_os_str().to_owned();
        partial.push(".partial");
        let mut out = BufWriter::new(File::create(&partial).map_err(fail)?);
        self.write_to(&mut out).map_err(fail)?;
        let file = out.into_inner().map_err(|error| fail(error.into_error()))?;
        file.sync_all().map_err(fail)?;
        std::fs::rename(&partial, path).map_err(fail)
    }

    /// Reads the text form.
    ///
    /// # Errors
    /// When the file cannot be read, is of another version or damaged.
    pub fn read(path: &Path) -> Result<Self, InputError> {
        let fail = |error| InputError::read(path, error);
        let mut reader = BufReader::new(File::open(path).map_err(fail)?);
        let mut manifest = Self::with_spool(&path.with_extension("spool"));
        let (mut line, mut n_lines) = (Vec::new(), 0u64);
        loop {
            line.clear();
            if reader.read_until(b'\n', &mut line).map_err(fail)? == 0 {
                break;
            }
            n_lines += 1;
            let damaged = |cause| InputError::Manifest { path: path.into(), line: n_lines, cause };
            let Some(text) = line.strip_suffix(b"\n") else { return Err(damaged("the line is cut short")) };
            if n_lines == 1 {
                if text != MAGIC && text != MAGIC_1 {
                    return Err(damaged("not a manifest, or one of another version"));
                }
                continue;
            }
            manifest.accept(text).ok_or_else(|| damaged("neither a folder nor a table nor an entry"))?;
        }
        if n_lines == 0 {
            return Err(InputError::Manifest { path: path.into(), line: 1, cause: "the file is empty" });
        }
        Ok(manifest)
    }

    /// Takes in one line after the first; `None` when it is damaged.
    fn accept(&mut self, line: &[u8]) -> Option<()> {
        if let Some(folder) = line.strip_prefix(b"d\t") {
            let number = self.folders.len();
            let known = self.folder_number(Path::new(&os_string(unescape(folder)?)));
            return (known == number).then_some(());
        }
        if let Some(table) = line.strip_prefix(b"t\t") {
            let number = self.tables.len();
            let tab = table.iter().position(|byte| *byte == b'\t')?;
            let column = std::str::from_utf8(&table[..tab]).ok()?.parse().ok()?;
            let known = self.table_number(Path::new(&os_string(unescape(&table[tab + 1..])?)), column);
            return (known == number).then_some(());
        }
        if let Some(file) = line.strip_prefix(b"s\t") {
            let number = self.files.len();
            let tab = file.iter().position(|byte| *byte == b'\t')?;
            let path = |word: &[u8]| Some(PathBuf::from(os_string(unescape(word)?)));
            let known = self.file_number(&path(&file[..tab])?, &path(&file[tab + 1..])?);
            return (known == number).then_some(());
        }
        self.decode(line)?;
        self.push_line(line);
        Some(())
    }
}

#[cfg(test)]
mod tests;
