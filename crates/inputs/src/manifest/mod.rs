//! The enumerated input, in memory and as `RUN/inputs.manifest`.
//!
//! A text file; words of a line are separated by tabs, and escaped (`\x09`). The first line names the format, each
//! further line an entry or, before the first entry that needs it, a folder or table:
//!
//! ```text
//! mlip-batch inputs 1
//! d   FOLDER                          folder 0, 1, 2, … in order of appearance
//! t   COLUMN  TABLE                   table 0, 1, 2, …
//! f   FOLDER_NUMBER  NAME  [ID]       a file; ID where it is not NAME without .cif
//! r   TABLE_NUMBER  ROW  BYTE  ID     a row of a table
//! ```
//!
//! In memory it is the same text, without the lines `d` and `t`, and the place of every 32nd line: about 30 bytes an
//! entry, so that ten million fit into 300 MB.

use crate::enumerate::file_id;
use crate::escape::{bytes_of, os_string, push_escaped, unescape};
use crate::{Entry, InputError, Locator};
use std::collections::HashMap;
use std::fs::File;
use std::io::{BufRead, BufReader, BufWriter, Write};
use std::path::{Path, PathBuf};

const MAGIC: &[u8] = b"mlip-batch inputs 1";
/// An entry is found by counting lines from the nearest mark.
const LINES_A_MARK: usize = 32;

/// All structures of a run, in input order.
#[derive(Debug, Clone, Default)]
pub struct Manifest {
    /// Lines `f` and `r`, each with its line end.
    lines: Vec<u8>,
    /// Where lines 0, 32, 64, … start.
    marks: Vec<u64>,
    n_entries: usize,
    folders: Vec<PathBuf>,
    tables: Vec<(PathBuf, u32)>,
    /// Where lines `d` and `t` belong: (index of the entry that follows, is it a table).
    declared: Vec<(usize, bool)>,
    folder_numbers: HashMap<PathBuf, usize>,
    table_numbers: HashMap<(PathBuf, u32), usize>,
}

impl Manifest {
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
        }
        self.push_line(&line);
    }

    fn push_line(&mut self, line: &[u8]) {
        if self.n_entries.is_multiple_of(LINES_A_MARK) {
            self.marks.push(self.lines.len() as u64);
        }
        self.lines.extend_from_slice(line);
        self.lines.push(b'\n');
        self.n_entries += 1;
    }

    fn folder_number(&mut self, folder: &Path) -> usize {
        if let Some(number) = self.folder_numbers.get(folder) {
            return *number;
        }
        let number = self.folders.len();
        self.folders.push(folder.into());
        self.folder_numbers.insert(folder.into(), number);
        self.declared.push((self.n_entries, false));
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
        self.declared.push((self.n_entries, true));
        number
    }

    /// The entry at a place of the input order, from 0.
    pub fn get(&self, index: usize) -> Option<Entry> {
        if index >= self.n_entries {
            return None;
        }
        let mark = usize::try_from(*self.marks.get(index / LINES_A_MARK)?).ok()?;
        let line = self.lines.get(mark..)?.split(|byte| *byte == b'\n').nth(index % LINES_A_MARK)?;
        self.decode(line)
    }

    /// All entries, in input order.
    pub fn iter(&self) -> impl Iterator<Item = Entry> {
        self.lines.split(|byte| *byte == b'\n').take(self.n_entries).filter_map(|line| self.decode(line))
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
        let (mut folders, mut tables) = (self.folders.iter(), self.tables.iter());
        let mut declared = self.declared.iter().peekable();
        for (index, line) in self.lines.split_inclusive(|byte| *byte == b'\n').enumerate() {
            while let Some((_, is_table)) = declared.next_if(|(before, _)| *before <= index) {
                let mut text = Vec::new();
                if *is_table && let Some((path, column)) = tables.next() {
                    text.extend(format!("t\t{column}\t").bytes());
                    push_escaped(&mut text, bytes_of(path.as_os_str()));
                } else if let Some(folder) = folders.next() {
                    text.extend(b"d\t");
                    push_escaped(&mut text, bytes_of(folder.as_os_str()));
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
        let (mut manifest, mut line, mut n_lines) = (Self::default(), Vec::new(), 0u64);
        loop {
            line.clear();
            if reader.read_until(b'\n', &mut line).map_err(fail)? == 0 {
                break;
            }
            n_lines += 1;
            let damaged = |cause| InputError::Manifest { path: path.into(), line: n_lines, cause };
            let Some(text) = line.strip_suffix(b"\n") else { return Err(damaged("the line is cut short")) };
            if n_lines == 1 {
                if text != MAGIC {
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
        self.decode(line)?;
        self.push_line(line);
        Some(())
    }
}

#[cfg(test)]
mod tests;
