use super::Manifest;
use super::list::MOST_FOLDERS;
use crate::escape::os_string;
use crate::locator::Columns;
use crate::names::file_id;
use crate::{InputError, Locator, Packing, Part};
use mlip_formats::Format;
use proptest::prelude::*;
use std::path::{Path, PathBuf};

fn file(path: impl Into<PathBuf>) -> Locator {
    Locator::File { path: path.into() }
}

fn cell(path: &str, row: u64, column: u32) -> Locator {
    // The third column of a table and those behind it come with a charge, the fourth with a spin too.
    let columns = Columns { text: column, charge: (column > 1).then_some(7), spin: (column > 2).then_some(12) };
    Locator::CsvCell { path: path.into(), row, byte_offset: row * 100, columns }
}

fn part(name: &str, byte_offset: u64, packing: Packing) -> Locator {
    let (store, path, name) = ("RUN/inputs.spool".into(), "a\tb.tgz".into(), name.to_owned());
    let format = if name.contains('@') { Format::Xyz } else { Format::Cif };
    Locator::Part(Box::new(Part { store, path, name, byte_offset, length: 3, packing, format, first_line: 7 }))
}

/// Through a file in this folder and back.
fn reread(manifest: &Manifest, folder: &tempfile::TempDir) -> Manifest {
    let path = folder.path().join("inputs.manifest");
    manifest.write(&path).unwrap();
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1, "a partial file was left");
    Manifest::read(&path).unwrap()
}

fn check(entries: &[(String, Locator)]) {
    let mut manifest = Manifest::default();
    for (id, locator) in entries {
        manifest.push(id, locator).unwrap();
    }
    let folder = tempfile::tempdir().unwrap();
    let reread = reread(&manifest, &folder);
    for manifest in [&manifest, &reread] {
        assert_eq!(manifest.len(), entries.len());
        for (index, (id, locator)) in entries.iter().enumerate() {
            let entry = manifest.get(index).unwrap().unwrap();
            assert_eq!((&entry.id, &entry.locator), (id, locator), "entry {index}");
        }
        assert_eq!(manifest.get(entries.len()).unwrap(), None);
        assert_eq!(manifest.iter().count(), entries.len());
    }
    let text = |manifest: &Manifest| manifest.text().map(Result::unwrap).collect::<Vec<_>>().concat();
    assert_eq!(text(&manifest), text(&reread));
}

#[test]
fn odd_paths_survive() {
    let odd = [
        "a b.cif",
        "näme.cif",
        "new\nline\t.cif",
        "..",
        "a/",
        "",
        "/",
        "./x.cif",
        "a//b.cif",
        "\\x41.cif",
        "d/../e.cif",
    ];
    let mut entries: Vec<_> = odd.iter().map(|path| (file_id(Path::new(path)), file(*path))).collect();
    entries.push(("other id".into(), file("a b.cif")));
    entries.push(("x".into(), file(os_string(b"q\xff\r/\xfe.cif".to_vec()))));
    entries.push(("r\t1".into(), cell("t\n.csv", 1, 2)));
    entries.push(("r2".into(), cell("t\n.csv", 2, 3)));
    for (k, packing) in [
        Packing::Stored,
        Packing::Checked { crc32: 4_000_000_000 },
        Packing::Deflate { crc32: u32::MAX },
        Packing::Zstd { crc32: 0 },
        Packing::Link,
        Packing::Encrypted,
        Packing::Method(99),
    ]
    .into_iter()
    .enumerate()
    {
        entries.push(("x".into(), part(":a\n/x.cif", k as u64, packing)));
        entries.push((format!("t@{k}"), part(&format!(":t.xyz@{k}"), u64::MAX, packing)));
    }
    check(&entries);
}

#[test]
fn the_folder_of_the_file_before_is_taken_where_it_is_the_same_and_nowhere_else() {
    let odd = [
        "x.cif",
        "..",
        ".",
        "a",
        "a/",
        "",
        "/",
        "/b",
        "//b",
        "./x.cif",
        "./y.cif",
        "a/x",
        "a/y.cif",
        "a/..",
        "a/.",
        "a//b.cif",
        "a/./b",
        "a/b/c",
        "a/b/d",
        "ab/c",
        "/b/c",
        "/b/d",
        "d/../e.cif",
        "d/../f.cif",
    ];
    for first in odd {
        for second in odd {
            let texts = [true, false].map(|known| {
                let mut manifest = Manifest::default();
                manifest.push("1", &file(first)).unwrap();
                manifest.last_folder = manifest.last_folder.filter(|_| known);
                manifest.push("2", &file(second)).unwrap();
                (manifest.lines.block(0).unwrap().into_owned(), manifest.folders)
            });
            assert_eq!(texts[0], texts[1], "{first:?}, then {second:?}");
        }
    }
}

#[test]
fn the_spool_moves_with_its_manifest() {
    let folder = tempfile::tempdir().unwrap();
    let mut manifest = Manifest::with_spool(Path::new("RUN/inputs.spool"));
    manifest.push("x", &part(":x.cif", 0, Packing::Stored)).unwrap();
    let path = folder.path().join("inputs.manifest");
    manifest.write(&path).unwrap();
    let Locator::Part(part) = Manifest::read(&path).unwrap().get(0).unwrap().unwrap().locator else { panic!() };
    assert_eq!(part.store, folder.path().join("inputs.spool"));
}

#[test]
fn manifests_of_versions_before_are_read() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("m");
    for version in [1, 2] {
        std::fs::write(&path, format!("mlip-batch inputs {version}\nd\ta\nf\t0\tx.cif\n")).unwrap();
        assert_eq!(Manifest::read(&path).unwrap().get(0).unwrap().unwrap().id, "x");
    }
}

#[test]
fn every_entry_of_a_long_manifest_is_found() {
    let entries: Vec<_> = (0..200).map(|k| (format!("s{k}"), file(format!("folder{}/s{k}.cif", k / 50)))).collect();
    check(&entries);
}

#[test]
fn what_does_not_fit_into_memory_comes_back_from_disk() {
    let path = |k: usize| file(format!("/folder{}/mp-{k}.cif", k % 7));
    let entries: Vec<_> = (0..200_000).map(|k| (format!("mp-{k}"), path(k))).collect();
    check(&entries);
}

#[test]
fn a_folder_for_every_entry_takes_no_memory_for_each() {
    let path = |k: usize| file(format!("/mp-{k}/POSCAR"));
    let entries: Vec<_> = (0..6_000).map(|k| (format!("mp-{k}/POSCAR"), path(k))).collect();
    check(&entries);
    let mut manifest = Manifest::default();
    entries.iter().for_each(|(id, locator)| manifest.push(id, locator).unwrap());
    assert_eq!(manifest.folders.len(), MOST_FOLDERS + 1);
    // A manifest may have more: they were all given a number once.
    let folder = tempfile::tempdir().unwrap();
    let text: String = (0..6_000).map(|k| format!("d\tmp-{k}\nf\t{k}\tPOSCAR\n")).collect();
    std::fs::write(folder.path().join("m"), format!("mlip-batch inputs 2\n{text}")).unwrap();
    let read = Manifest::read(&folder.path().join("m")).unwrap();
    assert_eq!(read.get(5_999).unwrap().unwrap().locator, file("mp-5999/POSCAR"));
}

#[test]
fn a_manifest_that_changes_under_its_reader_is_an_error() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("inputs.manifest");
    let mut manifest = Manifest::default();
    (0..100).for_each(|k| manifest.push(&format!("x{k}"), &file(format!("a/x{k}.cif"))).unwrap());
    manifest.write(&path).unwrap();
    let manifest = Manifest::read(&path).unwrap();
    // Another name of the same length, in the second block of 64.
    let text = std::fs::read_to_string(&path).unwrap().replace("x70.cif", "y70.cif");
    std::fs::write(&path, text).unwrap();
    assert_eq!(manifest.get(63).unwrap().unwrap().id, "x63");
    for index in [64, 70, 99] {
        let error = manifest.get(index).unwrap_err().to_string();
        assert!(error.contains("entry 65") && error.contains("inputs.manifest"), "{error}");
    }
    assert_eq!(manifest.iter().filter(Result::is_err).count(), 1);
}

#[test]
fn a_flipped_bit_and_a_missing_end_are_noticed_wherever_they_are() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("inputs.manifest");
    let mut manifest = Manifest::default();
    manifest.push("a", &file("one/a.cif")).unwrap();
    manifest.push("r1", &cell("t.csv", 1, 2)).unwrap();
    manifest.push("t@0", &part(":t.xyz@0", 4, Packing::Checked { crc32: 17 })).unwrap();
    manifest.push("other", &file("two/b.cif")).unwrap();
    manifest.write(&path).unwrap();
    let whole = std::fs::read(&path).unwrap();
    let (mut n_flipped, mut n_cut) = (0, 0);
    for at in 0..whole.len() {
        for bit in 0..8 {
            let mut damaged = whole.clone();
            damaged[at] ^= 1 << bit;
            std::fs::write(&path, damaged).unwrap();
            let error = Manifest::read(&path).expect_err("a flipped bit");
            assert!(matches!(error, InputError::Manifest { .. }), "{error}");
            n_flipped += 1;
        }
        std::fs::write(&path, &whole[..at]).unwrap();
        let error = Manifest::read(&path).expect_err("a missing end").to_string();
        assert!(error.contains("Start a new run"), "{error}");
        n_cut += 1;
    }
    std::fs::write(&path, [&whole, b"d\tx\n".as_slice()].concat()).unwrap();
    assert!(Manifest::read(&path).is_err());
    eprintln!("{n_flipped} flipped bits, {n_cut} missing ends: each an error");
}

#[test]
fn damage_is_reported_with_its_line() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("m");
    for (text, line) in [
        ("", 1),
        ("mlip-batch inputs 3\n", 1),
        ("mlip-batch inputs 4\n", 1),
        ("mlip-batch inputs 1\nf\t0\tx.cif\n", 2),
        ("mlip-batch inputs 1\nd\ta\nf\t0\tx.cif\nf\t0\ty", 4),
        ("mlip-batch inputs 1\nd\ta\nd\ta\n", 3),
        ("mlip-batch inputs 1\nwhat\n", 2),
        ("mlip-batch inputs 2\ns\ta\ta\np\t0\tcs\t1\t2\t0\tx\n", 3),
        ("mlip-batch inputs 2\np\t0\tcs\t1\t2\t1\tx\n", 2),
    ] {
        std::fs::write(&path, text).unwrap();
        match Manifest::read(&path) {
            Err(InputError::Manifest { line: got, .. }) => assert_eq!(got, line, "{text:?}"),
            other => panic!("{text:?}: {other:?}"),
        }
    }
}

proptest! {
    // Each case syncs a file to the disk.
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn any_entries_survive(list in prop::collection::vec((".{0,12}", prop::collection::vec(1u8.., 0..12), any::<bool>()), 0..80)) {
        let entries: Vec<_> = list
            .into_iter()
            .enumerate()
            .map(|(k, (id, path, is_row))| {
                let locator = if is_row { cell("t.csv", k as u64, 1) } else { file(os_string(path)) };
                (id, locator)
            })
            .collect();
        check(&entries);
    }
}
