//! Finds the structures of a text and where each of them can be read again.

use crate::compression::unpacked;
use crate::split::{Found, Piece, split};
use crate::spool::{Appended, Spool};
use crate::{InputError, Packing, Part};
use std::io::{self, BufReader, Read};

/// Bytes of files read at a time.
const CHUNK: usize = 256 << 10;
/// An unpacked text up to this length is looked at in memory; the spool is used when it really holds several structures.
const IN_MEMORY: u64 = 4 << 20;

/// What is found goes here: an id, and where it lies.
pub(crate) type Visit<'a> = dyn FnMut(&str, Part) -> Result<(), InputError> + 'a;

/// What may go wrong while a text is divided.
pub(crate) enum Trouble {
    /// The text cannot be read.
    Io(io::Error),
    /// All else.
    Input(InputError),
}

impl From<io::Error> for Trouble {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

impl From<InputError> for Trouble {
    fn from(error: InputError) -> Self {
        Self::Input(error)
    }
}

/// Adds the structures of a text that lies at `place` and comes from `text`; `is_chosen` as in [`split`].
///
/// Those of a compressed text lie in the spool, if it holds several. One that is damaged is an entry as a whole: whoever
/// reads it says what is wrong.
pub(crate) fn divide<'a>(
    text: impl Read + 'a,
    id: &str,
    place: &Part,
    is_chosen: bool,
    spool: &mut Spool,
    visit: &mut Visit,
) -> Result<(), Trouble> {
    let (is_packed, text) = unpacked(text)?;
    if is_packed {
        divide_packed(text, id, place, is_chosen, spool, visit)
    } else {
        divide_plain(text, id, place, is_chosen, visit)
    }
}

/// As [`divide`], for a `text` that is what comes out of the bytes at `place`.
pub(crate) fn divide_packed(
    mut text: impl Read,
    id: &str,
    place: &Part,
    is_chosen: bool,
    spool: &mut Spool,
    visit: &mut Visit,
) -> Result<(), Trouble> {
    let mut start = Vec::new();
    let read = text.by_ref().take(IN_MEMORY).read_to_end(&mut start);
    let store = spool.path().to_owned();
    let lies_at = |byte_offset, length| Part {
        store: store.clone(),
        byte_offset,
        length,
        // Each piece of it has its own checksum.
        packing: Packing::Stored,
        ..place.clone()
    };
    if read.is_ok() && (start.len() as u64) < IN_MEMORY {
        let mut spooled = None;
        return split(place.format, is_chosen, start.as_slice(), |found| {
            let Found::Piece(piece, suffix) = found else { return Ok(visit(id, place.clone())?) };
            let whole = match &spooled {
                Some(whole) => whole,
                None => {
                    let byte_offset = spool.length();
                    let Appended { length, .. } = spool.append(start.as_slice())??;
                    &*spooled.insert(lies_at(byte_offset, length))
                }
            };
            Ok(visit(&format!("{id}{suffix}"), whole.piece(&piece, &suffix))?)
        });
    }
    let byte_offset = spool.length();
    let appended = match read {
        Ok(_) => spool.append(start.as_slice().chain(text))?,
        Err(error) => Err(error),
    };
    match appended {
        Ok(Appended { length, crc32 }) => {
            let whole = Part { packing: Packing::Checked { crc32 }, ..lies_at(byte_offset, length) };
            divide_plain(spool.read_back(byte_offset, length)?, id, &whole, is_chosen, visit)
        }
        Err(_) => Ok(visit(id, place.clone())?),
    }
}

fn divide_plain(text: impl Read, id: &str, place: &Part, is_chosen: bool, visit: &mut Visit) -> Result<(), Trouble> {
    split(place.format, is_chosen, BufReader::with_capacity(CHUNK, text), |found| {
        Ok(match found {
            Found::Whole => visit(id, place.clone()),
            Found::Piece(piece, suffix) => visit(&format!("{id}{suffix}"), place.piece(&piece, &suffix)),
        }?)
    })
}

impl Part {
    /// One of several structures of this text.
    fn piece(&self, piece: &Piece, suffix: &str) -> Self {
        Self {
            name: format!("{}{suffix}", self.name),
            byte_offset: self.byte_offset + piece.byte_offset,
            length: piece.length,
            first_line: piece.first_line,
            packing: Packing::Checked { crc32: piece.crc32 },
            ..self.clone()
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::compression::packed;
    use crate::{Blocks, Enumeration, Manifest, Source, enumerate};
    use std::path::Path;

    const FRAME: &str = "1\nLattice=\"9 0 0 0 9 0 0 0 9\"\nH 0 0 0\n";
    const BLOCK: &str = "data_x\n_cell_length_a 1\n_atom_site_fract_x 0\n";

    /// Id, path below the folder, and text, or what is wrong with it.
    type Entry = (String, String, Result<String, String>);

    /// As another rank sees the entries: by the manifest that was written.
    fn entries(folder: &Path, source: Source, blocks: Blocks) -> Vec<Entry> {
        let how = Enumeration { blocks, spool: folder.join("inputs.spool"), ..Enumeration::default() };
        let path = folder.join("inputs.manifest");
        enumerate(&[source], &how).unwrap().write(&path).unwrap();
        let entry = |entry: crate::Entry| {
            let place = entry.locator.to_string().replace(&format!("{}/", folder.display()), "");
            let text = entry.read(Path::new("")).map(|bytes| String::from_utf8(bytes).unwrap());
            (entry.id, place, text.map_err(|failure| failure.message))
        };
        Manifest::read(&path).unwrap().iter().map(Result::unwrap).map(entry).collect()
    }

    fn entry(id: &str, place: &str, text: &str) -> Entry {
        (id.to_owned(), place.to_owned(), Ok(text.to_owned()))
    }

    #[test]
    fn compressed_files_are_read_as_those_that_were_compressed() {
        for (index, ending) in ["gz", "zst", "bz2", "xz"].into_iter().enumerate() {
            let folder = tempfile::tempdir().unwrap();
            let folder = folder.path();
            std::fs::create_dir(folder.join("mp-1")).unwrap();
            let at = |name: &str| format!("{name}.{ending}");
            let write = |name: &str, text: &str| {
                let (_, bytes) = &packed(text.as_bytes())[index];
                std::fs::write(folder.join(at(name)), bytes).unwrap();
            };
            for (name, text) in [("a.cif", BLOCK), ("mp-1/POSCAR", "poscar"), ("one.xyz", FRAME), ("notes.txt", "")] {
                write(name, text);
            }
            let walked = |blocks| entries(folder, Source::Directory { path: folder.into() }, blocks);
            let first = [entry("a", &at("a.cif"), BLOCK), entry("mp-1/POSCAR", &at("mp-1/POSCAR"), "poscar")];
            let whole = [first.clone().as_slice(), &[entry("one", &at("one.xyz"), FRAME)]].concat();
            assert_eq!(walked(Blocks::All), whole);
            assert!(!folder.join("inputs.spool").exists(), "{ending}: no file holds several structures");

            write("one.xyz", &FRAME.repeat(2));
            let frames = ["@0", "@1"].map(|n| entry(&format!("one{n}"), &format!("{}{n}", at("one.xyz")), FRAME));
            assert_eq!(walked(Blocks::Named), [first, frames].concat());
            write("a.cif", &format!("{BLOCK}data_y{}", &BLOCK[6..]));
            let named = Source::from_path(folder.join(at("a.cif"))).unwrap();
            let ids: Vec<_> = entries(folder, named, Blocks::Named).into_iter().map(|entry| entry.0).collect();
            assert_eq!(ids, ["a:x", "a:y"]);
        }
    }

    /// Frames of a compressed file, members of a compressed archive and their frames, and frames of a plain file.
    #[test]
    fn a_flipped_bit_costs_the_structures_that_it_is_in_and_no_other() {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path();
        let mut archive = tar::Builder::new(Vec::new());
        for (name, text) in [("a.cif", BLOCK.to_owned()), ("t.xyz", format!("{FRAME}\n{FRAME}"))] {
            let mut header = tar::Header::new_gnu();
            header.set_size(text.len() as u64);
            archive.append_data(&mut header, name, text.as_bytes()).unwrap();
        }
        let packed = |text: &[u8]| packed(text)[0].1.clone();
        std::fs::write(folder.join("m.tgz"), packed(&archive.into_inner().unwrap())).unwrap();
        std::fs::write(folder.join("z.xyz.gz"), packed(FRAME.repeat(3).as_bytes())).unwrap();
        std::fs::write(folder.join("p.xyz"), FRAME.repeat(3)).unwrap();
        let how = Enumeration { spool: folder.join("inputs.spool"), ..Enumeration::default() };
        let source = |name: &str| Source::from_path(folder.join(name)).unwrap();
        let manifest = folder.join("inputs.manifest");
        enumerate(&["m.tgz", "z.xyz.gz", "p.xyz"].map(source), &how).unwrap().write(&manifest).unwrap();
        let entries: Vec<crate::Entry> = Manifest::read(&manifest).unwrap().iter().map(Result::unwrap).collect();
        let texts = || entries.iter().map(|entry| entry.read(Path::new(""))).collect::<Vec<_>>();
        let expected = texts();
        assert_eq!(expected.len(), 9);
        assert!(expected.iter().all(Result::is_ok));
        let mut n_noticed = 0;
        for name in ["inputs.spool", "p.xyz"] {
            let path = folder.join(name);
            let whole = std::fs::read(&path).unwrap();
            for at in 0..whole.len() {
                for damaged in
                    [[&whole[..at], &[whole[at] ^ (1 << (at % 8))], &whole[at + 1..]].concat(), whole[..at].to_vec()]
                {
                    // In place: files that hold many structures are opened once.
                    std::fs::write(&path, &damaged).unwrap();
                    let found = texts();
                    for (found, expected) in found.iter().zip(&expected) {
                        match found {
                            Ok(_) => assert_eq!(found, expected),
                            Err(failure) => {
                                assert!(failure.message.contains("start a new run"), "{failure:?}");
                                n_noticed += 1;
                            }
                        }
                    }
                    // Of nothing but blanks between frames nobody takes notice.
                    assert!(found != expected || whole[at] == b'\n', "byte {at} of {name}");
                }
            }
            std::fs::write(&path, whole).unwrap();
        }
        assert!(n_noticed > 700, "{n_noticed}");
    }

    #[test]
    fn a_text_too_long_for_memory_is_divided_in_the_spool() {
        let folder = tempfile::tempdir().unwrap();
        let long = format!("1\n{}\nH 0 0 0\n", "x".repeat(5 << 20));
        for (ending, bytes) in packed(format!("{long}{FRAME}").as_bytes()) {
            let path = folder.path().join(format!("t.xyz.{ending}"));
            std::fs::write(&path, bytes).unwrap();
            let found = entries(folder.path(), Source::from_path(path).unwrap(), Blocks::Named);
            let place = |n| format!("t.xyz.{ending}@{n}");
            assert!(found == [entry("t@0", &place(0), &long), entry("t@1", &place(1), FRAME)], "{ending}");
        }
    }

    #[test]
    fn a_damaged_file_costs_only_its_own_record() {
        for (index, ending) in ["gz", "zst", "bz2", "xz"].into_iter().enumerate() {
            for text in [FRAME.repeat(50), FRAME.repeat(110_000)] {
                let folder = tempfile::tempdir().unwrap();
                let folder = folder.path();
                let (_, bytes) = &packed(text.as_bytes())[index];
                std::fs::write(folder.join(format!("b.xyz.{ending}")), &bytes[..bytes.len() - 9]).unwrap();
                std::fs::write(folder.join(format!("b.cif.{ending}")), &bytes[..bytes.len() / 2]).unwrap();
                for name in ["a", "c"] {
                    let (_, bytes) = &packed(FRAME.repeat(2).as_bytes())[index];
                    std::fs::write(folder.join(format!("{name}.xyz.{ending}")), bytes).unwrap();
                }
                let found = entries(folder, Source::Directory { path: folder.into() }, Blocks::All);
                let ids: Vec<_> = found.iter().map(|entry| entry.0.as_str()).collect();
                assert_eq!(ids, ["a@0", "a@1", "b", "b#2", "c@0", "c@1"]);
                for (_, place, text) in &found {
                    match text {
                        Ok(text) => assert_eq!(text, FRAME),
                        Err(cause) => {
                            assert!(cause.contains("cut short") && cause.contains("; fetch"), "{cause}");
                            assert!(place.starts_with("b.") && cause.contains(place.as_str()), "{cause}");
                        }
                    }
                }
                assert_eq!(found.iter().filter(|entry| entry.2.is_err()).count(), 2);
            }
        }
    }
}
