use crate::compression::packed;
use crate::split::Blocks;
use crate::{Enumeration, InputError, Locator, Manifest, Source, enumerate};
use std::io::Write;
use std::path::{Path, PathBuf};

const CIF: &str = "data_x\n_cell_length_a 1\n_atom_site_fract_x 0\n";

/// Name and text of each member; a text that begins with `->` is a link.
fn members() -> Vec<(&'static str, String)> {
    let frame = "1\nLattice=\"9 0 0 0 9 0 0 0 9\"\nH 0 0 0\n";
    vec![
        ("./a/x.cif", format!("{CIF}# first\n")),
        ("a/._x.cif", "a Mac was here".into()),
        ("a/notes.txt", "nothing".into()),
        ("b/x.cif", CIF.repeat(2)),
        ("t.xyz", frame.repeat(2)),
        ("POSCAR", "poscar".repeat(1000)),
        ("l.cif", "->b/x.cif".into()),
    ]
}

fn tar() -> Vec<u8> {
    let mut archive = ::tar::Builder::new(Vec::new());
    for (name, text) in members() {
        let mut header = ::tar::Header::new_gnu();
        header.set_mode(0o644);
        match text.strip_prefix("->") {
            Some(target) => {
                header.set_entry_type(::tar::EntryType::Link);
                header.set_size(0);
                archive.append_link(&mut header, name, target).unwrap();
            }
            None => {
                header.set_size(text.len() as u64);
                archive.append_data(&mut header, name, text.as_bytes()).unwrap();
            }
        }
    }
    archive.into_inner().unwrap()
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn read(folder: &Path, name: &str, bytes: &[u8], blocks: Blocks) -> Result<Manifest, InputError> {
    let path = folder.join(name);
    std::fs::write(&path, bytes).unwrap();
    let how = Enumeration { blocks, spool: folder.join("inputs.spool"), ..Enumeration::default() };
    enumerate(&[Source::from_path(path).unwrap()], &how)
}

/// Id, name within the archive and text of all entries.
fn entries(manifest: &Manifest) -> Vec<(String, String, Result<String, String>)> {
    let entry = |entry: crate::Entry| {
        let Locator::Part(part) = &entry.locator else { panic!("{entry:?}") };
        let text =
            entry.read(Path::new("")).map(|bytes| String::from_utf8(bytes).unwrap()).map_err(|failure| failure.message);
        (entry.id.clone(), part.name.clone(), text)
    };
    manifest.iter().map(Result::unwrap).map(entry).collect()
}

#[test]
fn every_kind_of_tar_holds_the_same_structures() {
    let plain = tar();
    for (name, bytes) in [
        ("a.tar", plain.clone()),
        ("a.tar.gz", gzip(&plain)),
        ("two.tgz", [gzip(&plain[..1000]), gzip(&plain[1000..])].concat()),
        ("a.tar.zst", zstd::encode_all(plain.as_slice(), 1).unwrap()),
        ("a.tar.bz2", packed(&plain)[2].1.clone()),
        ("a.txz", packed(&plain)[3].1.clone()),
        ("misnamed.tar", gzip(&plain)),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let manifest = read(folder.path(), name, &bytes, Blocks::Named).unwrap();
        let texts: Vec<String> = members().into_iter().map(|(_, text)| text).collect();
        let found = entries(&manifest);
        let ids: Vec<_> = found.iter().map(|(id, name, _)| (id.as_str(), name.as_str())).collect();
        let expected = [
            ("x", ":a/x.cif"),
            ("x#2", ":b/x.cif"),
            ("t@0", ":t.xyz@0"),
            ("t@1", ":t.xyz@1"),
            ("POSCAR", ":POSCAR"),
            ("l", ":l.cif"),
        ];
        assert_eq!(ids, expected, "{name}");
        assert_eq!(found[0].2.as_ref(), Ok(&texts[0]));
        assert_eq!(found[1].2.as_ref(), Ok(&texts[3]));
        assert_eq!(found[2].2.as_deref(), Ok(&texts[4][..texts[4].len() / 2]));
        assert_eq!(found[3].2.as_deref(), Ok(&texts[4][texts[4].len() / 2..]));
        assert_eq!(found[4].2.as_ref(), Ok(&texts[5]));
        assert!(found[5].2.as_ref().unwrap_err().contains("is a link"));
        assert_eq!(folder.path().join("inputs.spool").exists(), name != "a.tar", "{name}");
        let divided = entries(&read(folder.path(), name, &bytes, Blocks::All).unwrap());
        assert_eq!(divided[1].0, "x:x");
        assert_eq!(divided[2], ("x:x#2".to_owned(), ":b/x.cif:x".to_owned(), Ok(CIF.to_owned())));
    }
}

#[test]
fn members_of_a_zip_are_read_where_they_lie() {
    let folder = tempfile::tempdir().unwrap();
    let mut archive = ::zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    for (name, text) in members().iter().filter(|(_, text)| !text.starts_with("->")) {
        archive.start_file(*name, ::zip::write::SimpleFileOptions::default()).unwrap();
        archive.write_all(text.as_bytes()).unwrap();
    }
    let bytes = archive.finish().unwrap().into_inner();
    let manifest = read(folder.path(), "a.zip", &bytes, Blocks::Named).unwrap();
    let found = entries(&manifest);
    assert_eq!(found.len(), 5);
    assert_eq!(found[1].2.as_deref(), Ok(CIF.repeat(2).as_str()));
    assert_eq!(found[3].1, ":t.xyz@1");
    assert!(!folder.path().join("inputs.spool").exists());
}

/// Written by Info-ZIP 3.0: `zip deflated.zip x.cif t.xyz` of the texts below.
#[test]
fn deflated_members_are_unpacked_and_those_with_frames_spooled() {
    let folder = tempfile::tempdir().unwrap();
    let frames = "1\nLattice=\"9 0 0 0 9 0 0 0 9\"\nH 0 0 0\n".repeat(3);
    let cif = CIF.repeat(50);
    let bytes = deflated_zip(&[("x.cif", cif.as_bytes()), ("t.xyz", frames.as_bytes())]);
    let found = entries(&read(folder.path(), "a.zip", &bytes, Blocks::Named).unwrap());
    assert_eq!(found[0].2.as_ref(), Ok(&cif));
    assert_eq!(found[3].0, "t@2");
    assert_eq!(found[3].2.as_deref(), Ok(&frames[frames.len() / 3 * 2..]));
    assert!(folder.path().join("inputs.spool").exists());
}

/// A ZIP archive of deflated members, byte by byte as APPNOTE.TXT describes it.
fn deflated_zip(members: &[(&str, &[u8])]) -> Vec<u8> {
    let (mut bytes, mut directory) = (Vec::new(), Vec::new());
    for (name, text) in members {
        let mut encoder = flate2::write::DeflateEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(text).unwrap();
        let packed = encoder.finish().unwrap();
        let offset = bytes.len() as u32;
        let mut common = vec![20, 0, 0, 0, 8, 0, 0, 0, 0x21, 0];
        for number in [crc32fast::hash(text), packed.len() as u32, text.len() as u32] {
            common.extend(number.to_le_bytes());
        }
        common.extend((name.len() as u16).to_le_bytes());
        common.extend([0, 0]);
        bytes.extend(b"PK\x03\x04");
        bytes.extend(&common);
        bytes.extend(name.as_bytes());
        bytes.extend(&packed);
        directory.extend(b"PK\x01\x02\x14\x00");
        directory.extend(&common);
        directory.extend([0; 10]);
        directory.extend(offset.to_le_bytes());
        directory.extend(name.as_bytes());
    }
    let (place, size, n) = (bytes.len() as u32, directory.len() as u32, members.len() as u16);
    bytes.extend(directory);
    bytes.extend(b"PK\x05\x06\x00\x00\x00\x00");
    bytes.extend([n.to_le_bytes(), n.to_le_bytes()].concat());
    bytes.extend([size.to_le_bytes(), place.to_le_bytes()].concat());
    bytes.extend([0, 0]);
    bytes
}

#[test]
fn compressed_members_are_unpacked_in_every_kind_of_archive() {
    let frame = "1\nLattice=\"9 0 0 0 9 0 0 0 9\"\nH 0 0 0\n";
    let frames = gzip(frame.repeat(2).as_bytes());
    let members = [("x.cif.gz", gzip(CIF.as_bytes())), ("cut.xyz.gz", frames[..20].to_vec()), ("t.xyz.gz", frames)];
    let mut archive = ::tar::Builder::new(Vec::new());
    let mut stored = ::zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    for (name, bytes) in &members {
        let mut header = ::tar::Header::new_gnu();
        header.set_size(bytes.len() as u64);
        archive.append_data(&mut header, name, bytes.as_slice()).unwrap();
        stored.start_file(*name, ::zip::write::SimpleFileOptions::default()).unwrap();
        stored.write_all(bytes).unwrap();
    }
    let plain = archive.into_inner().unwrap();
    let deflated = deflated_zip(&members.each_ref().map(|(name, bytes)| (*name, bytes.as_slice())));
    let stored = stored.finish().unwrap().into_inner();
    for (name, bytes) in
        [("a.tar.gz", gzip(&plain)), ("a.tar", plain), ("stored.zip", stored), ("deflated.zip", deflated)]
    {
        let folder = tempfile::tempdir().unwrap();
        let found = entries(&read(folder.path(), name, &bytes, Blocks::Named).unwrap());
        let ids: Vec<_> = found.iter().map(|(id, shown, _)| (id.as_str(), shown.as_str())).collect();
        let expected = [("x", ":x.cif.gz"), ("cut", ":cut.xyz.gz"), ("t@0", ":t.xyz.gz@0"), ("t@1", ":t.xyz.gz@1")];
        assert_eq!(ids, expected, "{name}");
        assert_eq!(found[0].2.as_deref(), Ok(CIF), "{name}");
        assert!(found[1].2.as_ref().unwrap_err().contains("cut short"), "{name}");
        assert_eq!([&found[2].2, &found[3].2].map(|text| text.as_deref()), [Ok(frame); 2], "{name}");
    }
}

#[test]
fn broken_and_unknown_archives_are_named_with_a_remedy() {
    let folder = tempfile::tempdir().unwrap();
    let plain = tar();
    let [(_, gzip), _, (_, bzip2), (_, xz)] = packed(&plain);
    for (name, bytes, cause) in [
        ("cut.tar.gz", &gzip[..gzip.len() / 2], "cut short"),
        ("cut.tar", &plain[..2000], "cut short"),
        ("cut_between.tar", &plain[..2048], "cut short"),
        ("cut.tar.xz", &xz[..xz.len() - 1], "cut short"),
        ("cut.tbz2", &bzip2[..bzip2.len() / 2], "cut short"),
        ("text.tar", b"this is no archive, whatever its name may say. ".repeat(30).as_slice(), "damaged"),
        ("cut.zip", b"PK\x03\x04 rest".as_slice(), "damaged"),
    ] {
        let error = read(folder.path(), name, bytes, Blocks::Named).unwrap_err();
        let text = error.to_string();
        assert!(text.contains(cause) && text.contains(name), "{text}");
        let left: Vec<PathBuf> = std::fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().path()).collect();
        assert!(!left.iter().any(|path| path.to_string_lossy().contains("spool")), "{left:?}");
    }
    let empty = ::tar::Builder::new(Vec::new()).into_inner().unwrap();
    let error = read(folder.path(), "empty.tar", &empty, Blocks::Named).unwrap_err();
    assert!(matches!(error, InputError::NoStructures { .. }), "{error}");
}

#[test]
fn behind_as_many_structures_as_are_wanted_nothing_is_read() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("cut.tar");
    std::fs::write(&path, &tar()[..6000]).unwrap();
    let ids = |limit| {
        let how = Enumeration { limit, spool: folder.path().join("inputs.spool"), ..Enumeration::default() };
        let manifest = enumerate(&[Source::from_path(path.clone()).unwrap()], &how)?;
        manifest.iter().map(|entry| entry.map(|entry| entry.id)).collect::<Result<Vec<_>, _>>()
    };
    assert_eq!(ids(Some(1)).unwrap(), ["x"]);
    let error = ids(None).unwrap_err().to_string();
    assert!(error.contains("cut short"), "{error}");
}

#[test]
fn all_members_of_one_name_in_a_zip_are_read() {
    // As Python's zipfile writes them; the writer of the tests refuses to.
    let mut archive = ::zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    let stored = ::zip::write::SimpleFileOptions::default().compression_method(::zip::CompressionMethod::Stored);
    let how = [stored, ::zip::write::SimpleFileOptions::default(), stored];
    for ((number, name), how) in ["a.cif", "b.cif", "c/a.cif"].into_iter().enumerate().zip(how) {
        archive.start_file(name, how).unwrap();
        archive.write_all(format!("# {number}\n{CIF}").as_bytes()).unwrap();
    }
    let bytes = archive.finish().unwrap().into_inner();
    let folder = tempfile::tempdir().unwrap();
    assert_eq!(read(folder.path(), "a.zip", &bytes, Blocks::Named).unwrap().len(), 3);
    let text = bytes.windows(5).map(|five| if five == b"b.cif" { b'a' } else { five[0] });
    let twice: Vec<u8> = text.chain(bytes[bytes.len() - 4..].iter().copied()).collect();
    let list = read(folder.path(), "b.zip", &twice, Blocks::Named).unwrap();
    let entries: Vec<crate::Entry> = list.iter().map(Result::unwrap).collect();
    let text = |entry: &crate::Entry| String::from_utf8(entry.read(Path::new("")).unwrap()).unwrap();
    let found: Vec<_> = entries.iter().map(|entry| (entry.id.as_str(), text(entry))).collect();
    assert_eq!(found, [("a", 0), ("a#2", 1), ("a#3", 2)].map(|(id, number)| (id, format!("# {number}\n{CIF}"))));
    // A text that was changed in place.
    let at = memchr::memmem::find(&twice, b"# 2").unwrap() + 2;
    let mut changed = twice;
    changed[at] = b'7';
    let list = read(folder.path(), "b.zip", &changed, Blocks::Named).unwrap();
    let entries: Vec<crate::Entry> = list.iter().map(Result::unwrap).collect();
    let messages: Vec<_> = entries.iter().map(|entry| entry.read(Path::new("")).err().map(|it| it.message)).collect();
    assert!(messages[..2].iter().all(Option::is_none));
    assert!(messages[2].as_ref().is_some_and(|message| message.contains("its checksum does not fit")), "{messages:?}");
}
