//! The text form, and its file.

use super::lines::{self, Lines};
use super::list::{Declared, Manifest};
use crate::InputError;
use crate::escape::{bytes_of, os_string, push_escaped, unescape};
use crate::locator::Columns;
use mlip_disk::File;
use std::io::{BufRead, BufReader, BufWriter, Write};
use std::path::{Path, PathBuf};

const MAGIC: &[u8] = b"mlip-batch inputs 3";
/// Still read: without a checksum.
const OLDER: [&[u8]; 2] = [b"mlip-batch inputs 1", b"mlip-batch inputs 2"];

impl Manifest {
    /// The text form, some entries at a time.
    pub(super) fn text(&self) -> impl Iterator<Item = Result<Vec<u8>, InputError>> {
        let mut declarations = self.declarations().peekable();
        let blocks = (0..self.lines.blocks()).map(move |number| {
            let block = self.lines.block(number)?;
            let mut text = Vec::with_capacity(block.len());
            for (index, line) in (number * lines::BLOCK..).zip(lines::entries(&block)) {
                while let Some((_, declared)) = declarations.next_if(|(before, _)| *before <= index) {
                    text.extend(declared);
                }
                text.extend_from_slice(line);
                text.push(b'\n');
            }
            Ok(text)
        });
        std::iter::once(Ok([MAGIC, b"\n"].concat())).chain(blocks)
    }

    /// Lines `d`, `t` and `s`, and before which entry they belong.
    fn declarations(&self) -> impl Iterator<Item = (usize, Vec<u8>)> {
        let (mut folders, mut tables, mut files) = (self.folders.iter(), self.tables.iter(), self.files.iter());
        self.declared.iter().map(move |(before, kind)| {
            let mut text = Vec::new();
            let mut words = |words: &[&[u8]]| {
                text.extend_from_slice(&words.join(&b'\t'));
                text.push(b'\n');
            };
            let escaped = |path: &Path| {
                let mut word = Vec::new();
                push_escaped(&mut word, bytes_of(path.as_os_str()));
                word
            };
            match kind {
                Declared::Folder => folders.next().into_iter().for_each(|folder| words(&[b"d", &escaped(folder)])),
                Declared::Table => tables.next().into_iter().for_each(|(path, columns)| {
                    words(&[b"t", written(*columns).as_bytes(), &escaped(path)]);
                }),
                Declared::File => files.next().into_iter().for_each(|(path, store)| {
                    words(&[b"s", &escaped(path), &escaped(store)]);
                }),
            }
            (*before, text)
        })
    }

    /// Writes the text form; the file appears complete or not at all.
    ///
    /// # Errors
    /// When the file system refuses.
    pub fn write(&self, path: &Path) -> Result<(), InputError> {
        let fail = |error| InputError::write(path, error);
        let mut partial = path.as_os_str().to_owned();
        partial.push(".partial");
        let mut file = File::create(&partial).map_err(fail)?;
        let mut out = BufWriter::with_capacity(1 << 20, &mut file);
        let mut sum = crc32fast::Hasher::new();
        for text in self.text() {
            let text = text?;
            sum.update(&text);
            out.write_all(&text).map_err(fail)?;
        }
        out.write_all(&last_line(self.len(), sum)).map_err(fail)?;
        out.flush().map_err(fail)?;
        drop(out);
        file.sync_all().map_err(fail)?;
        mlip_disk::rename(&partial, path).map_err(fail)
    }

    /// Reads the text form. The file is read again for each entry that is asked for: it must stay as it is.
    ///
    /// # Errors
    /// When the file cannot be read, is of another version or damaged.
    pub fn read(path: &Path) -> Result<Self, InputError> {
        let fail = |error| InputError::read(path, error);
        let mut reader = BufReader::new(File::open(path).map_err(fail)?);
        let mut manifest = Self::of_lines(Lines::of_file(path)?, &path.with_extension("spool"));
        let (mut line, mut n_lines, mut byte) = (Vec::new(), 0u64, 0u64);
        let (mut sum, mut is_whole, mut has_sum) = (crc32fast::Hasher::new(), false, false);
        loop {
            line.clear();
            if reader.read_until(b'\n', &mut line).map_err(fail)? == 0 {
                break;
            }
            n_lines += 1;
            let damaged = |cause| InputError::Manifest { path: path.into(), line: n_lines, cause };
            let Some(text) = line.strip_suffix(b"\n") else { return Err(damaged("the line is cut short")) };
            if is_whole {
                return Err(damaged("something stands behind the last line"));
            } else if n_lines == 1 {
                has_sum = text == MAGIC;
                if !has_sum && !OLDER.contains(&text) {
                    return Err(damaged("not a manifest, or one of another version"));
                }
            } else if has_sum && text.starts_with(b"c\t") {
                is_whole = line == last_line(manifest.len(), sum.clone());
                if !is_whole {
                    return Err(damaged("the checksum does not fit: the file has changed, or the disk fails"));
                }
            } else {
                manifest.accept(text, byte).ok_or_else(|| damaged("neither a folder nor a table nor an entry"))?;
            }
            sum.update(&line);
            manifest.lines.read(&line);
            byte += line.len() as u64;
        }
        if has_sum && !is_whole {
            return Err(InputError::Manifest {
                path: path.into(),
                line: n_lines,
                cause: "the file is cut short: its last line, with the checksum, is missing",
            });
        }
        manifest.lines.read_all();
        if n_lines == 0 {
            return Err(InputError::Manifest { path: path.into(), line: 1, cause: "the file is empty" });
        }
        Ok(manifest)
    }

    /// Takes in one line after the first, which begins at this byte; `None` when it is damaged.
    fn accept(&mut self, line: &[u8], byte: u64) -> Option<()> {
        if let Some(folder) = line.strip_prefix(b"d\t") {
            let number = self.folders.len();
            let known = self.folder_number(Path::new(&os_string(unescape(folder)?)));
            return (known == number).then_some(());
        }
        if let Some(table) = line.strip_prefix(b"t\t") {
            let number = self.tables.len();
            let tab = table.iter().position(|byte| *byte == b'\t')?;
            let columns = read_columns(std::str::from_utf8(&table[..tab]).ok()?)?;
            let known = self.table_number(Path::new(&os_string(unescape(&table[tab + 1..])?)), columns);
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
        self.lines.found(byte);
        Some(())
    }
}

/// The number of entries, and the CRC-32 of all lines before.
fn last_line(n_entries: usize, sum: crc32fast::Hasher) -> Vec<u8> {
    format!("c\t{n_entries}\t{}\n", sum.finalize()).into_bytes()
}

/// `4`, with columns of charge and spin `4,c5,s6`.
fn written(Columns { text, charge, spin }: Columns) -> String {
    let mut word = text.to_string();
    for (letter, column) in [('c', charge), ('s', spin)] {
        if let Some(column) = column {
            word.push_str(&format!(",{letter}{column}"));
        }
    }
    word
}

/// `None` for a word that [`written`] does not give.
fn read_columns(word: &str) -> Option<Columns> {
    let mut words = word.split(',');
    let mut columns = Columns { text: words.next()?.parse().ok()?, charge: None, spin: None };
    for word in words {
        let place = match word.get(..1)? {
            "c" => &mut columns.charge,
            "s" => &mut columns.spin,
            _ => return None,
        };
        *place = Some(word.get(1..)?.parse().ok()?);
    }
    Some(columns)
}
