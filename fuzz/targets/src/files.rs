//! What users name: structures in files of every kind, archives, tables, lists.

use crate::folder::with_file;
use mlip_hull::{Entries, ReferenceEnergies};
use mlip_inputs::{Blocks, Enumeration, LoadOptions, Source, enumerate, load};
use std::path::Path;

/// Entries that are read, of each file.
const READ: usize = 40;

/// Lists a source and reads what is in it.
fn look(source: Source, folder: &Path) {
    let how = Enumeration {
        blocks: Blocks::All,
        spool: folder.join("inputs.spool"),
        limit: Some(10_000),
        ..Enumeration::default()
    };
    match enumerate(&[source], &how) {
        Ok(manifest) => {
            for entry in manifest.iter().take(READ) {
                let entry = entry.expect("an entry that was listed");
                if let Err(failure) = load(&entry.locator, Path::new(""), &LoadOptions::default()) {
                    assert!(!failure.message.is_empty());
                }
            }
        }
        Err(error) => assert!(!error.to_string().is_empty()),
    }
    // There is one where something was unpacked.
    let _ = std::fs::remove_file(&how.spool);
}

fn file(name: &str, bytes: &[u8]) {
    with_file(name, bytes, |path| {
        if let Ok(source) = Source::from_path(path.to_owned()) {
            look(source, path.parent().unwrap_or(path));
        }
    });
}

pub(crate) fn zip(bytes: &[u8]) {
    file("x.zip", bytes);
}

pub(crate) fn tar(bytes: &[u8]) {
    file("x.tar", bytes);
}

/// The first byte chooses what is said to be compressed.
pub(crate) fn packed(bytes: &[u8]) {
    const NAMES: [&str; 6] = ["x.xyz.gz", "x.cif.bz2", "x.tar.zst", "x.json.xz", "x.tgz", "POSCAR.gz"];
    if let Some((first, rest)) = bytes.split_first() {
        file(NAMES[usize::from(*first) % NAMES.len()], rest);
    }
}

pub(crate) fn table(bytes: &[u8]) {
    file("x.csv", bytes);
}

/// A list names files: of this machine too, so its paths are only listed, not read.
pub(crate) fn list(bytes: &[u8]) {
    with_file("x.txt", bytes, |path| {
        let source = Source::List { path: path.to_owned(), root: Some(path.join("nowhere")) };
        let _ = enumerate(&[source], &Enumeration { limit: Some(10_000), ..Enumeration::default() });
    });
}

/// The first byte chooses the format.
pub(crate) fn entries(bytes: &[u8]) {
    const NAMES: [&str; 7] = ["x.cif", "x.xyz", "x.json", "x.jsonl", "x.vasp", "POSCAR", "x.extxyz"];
    if let Some((first, rest)) = bytes.split_first() {
        file(NAMES[usize::from(*first) % NAMES.len()], rest);
    }
}

fn hull_of(name: &str, bytes: &[u8]) {
    with_file(name, bytes, |path| {
        if let Err(error) = Entries::read(path, "energy") {
            assert!(!error.to_string().is_empty());
        }
        let _ = ReferenceEnergies::read(path);
    });
}

/// The first byte chooses how a table of entries of a hull is written.
pub(crate) fn hull_table(bytes: &[u8]) {
    const NAMES: [&str; 2] = ["h.csv", "h.jsonl"];
    if let Some((first, rest)) = bytes.split_first() {
        hull_of(NAMES[usize::from(*first) % NAMES.len()], rest);
    }
}

/// A damaged file makes the library panic, which `mlip-hull` catches; a fuzzer would not.
pub(crate) fn parquet(bytes: &[u8]) {
    hull_of("h.parquet", bytes);
}
