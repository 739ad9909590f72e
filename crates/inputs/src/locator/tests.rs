use super::{Locator, MAX_CIF_BYTES, Packing, Part};
use crate::escape::os_string;
use mlip_atoms::FailureKind;
use mlip_formats::Format;
use std::fs::File;
use std::path::{Path, PathBuf};

fn file(path: impl Into<PathBuf>) -> Locator {
    Locator::File { path: path.into() }
}

fn part(store: &Path, byte_offset: u64, length: u64, packing: Packing) -> Locator {
    Locator::Part(Box::new(Part {
        store: store.into(),
        path: "set.zip".into(),
        name: ":a/x.cif".into(),
        byte_offset,
        length,
        packing,
        format: Format::Cif,
        first_line: 1,
    }))
}

#[test]
fn missing_files_and_folders_are_failures_that_say_what_to_do() {
    let folder = tempfile::tempdir().unwrap();
    for (locator, cause) in
        [(file(folder.path().join("no.cif")), "does not exist"), (file(folder.path()), "is a folder")]
    {
        for failure in [locator.read(Path::new("")).unwrap_err(), locator.check(Path::new("")).unwrap_err()] {
            assert_eq!(failure.kind, FailureKind::Unreadable);
            assert!(failure.message.contains(cause), "{}", failure.message);
            assert!(failure.message.contains("; "), "{}", failure.message);
        }
    }
}

#[test]
fn a_folder_that_nobody_may_look_into_says_so() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    let closed = folder.path().join("closed");
    std::fs::create_dir(&closed).unwrap();
    std::fs::set_permissions(&closed, std::fs::Permissions::from_mode(0o000)).unwrap();
    if std::fs::read_dir(&closed).is_ok() {
        eprintln!("skipped: this user may read everything");
        return;
    }
    let message = file(&closed).read(Path::new("")).unwrap_err().message;
    assert!(message.contains("may not look into") && message.contains("chmod"), "{message}");
}

#[test]
fn files_above_the_limit_are_refused_without_reading_them() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("huge.cif");
    File::create(&path).unwrap().set_len(MAX_CIF_BYTES + 1).unwrap();
    assert!(file(&path).read(Path::new("")).unwrap_err().message.contains("64 MiB"));
    let whole = part(&path, 0, MAX_CIF_BYTES + 1, Packing::Stored);
    assert!(whole.read(Path::new("")).unwrap_err().message.contains("64 MiB"));
}

#[test]
fn parts_are_unpacked_and_checked() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store");
    let text = b"data_x\n".repeat(100);
    let mut deflated = flate2::write::DeflateEncoder::new(Vec::new(), flate2::Compression::default());
    std::io::Write::write_all(&mut deflated, &text).unwrap();
    let deflated = deflated.finish().unwrap();
    let zstd = zstd::encode_all(text.as_slice(), 1).unwrap();
    let crc32 = crc32fast::hash(&text);
    std::fs::write(&path, [text.as_slice(), &deflated, &zstd].concat()).unwrap();
    let (a, b, c) = (text.len() as u64, deflated.len() as u64, zstd.len() as u64);
    assert_eq!(part(&path, 0, a, Packing::Stored).read(Path::new("")).unwrap(), text);
    assert_eq!(part(&path, a, b, Packing::Deflate { crc32 }).read(Path::new("")).unwrap(), text);
    assert_eq!(part(&path, a + b, c, Packing::Zstd { crc32 }).read(Path::new("")).unwrap(), text);
    for (locator, cause) in [
        (part(&path, a, b, Packing::Deflate { crc32: crc32 ^ 1 }), "is damaged"),
        (part(&path, a, b - 3, Packing::Deflate { crc32 }), "is damaged"),
        (part(&path, a + b, c + 1, Packing::Stored), "ends before"),
        (part(&path, 0, 0, Packing::Link), "is a link"),
        (part(&path, 0, 9, Packing::Encrypted), "encrypted"),
        (part(&path, 0, 9, Packing::Method(14)), "method 14"),
    ] {
        let failure = locator.read(Path::new("")).unwrap_err();
        assert_eq!(failure.kind, FailureKind::Unreadable);
        assert!(failure.message.contains(cause) && failure.message.contains("set.zip:a/x.cif"), "{}", failure.message);
    }
}

#[test]
fn a_text_that_swells_beyond_the_limit_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("bomb");
    let bomb = zstd::encode_all(std::io::Read::take(std::io::repeat(b' '), MAX_CIF_BYTES + 1), 1).unwrap();
    std::fs::write(&path, &bomb).unwrap();
    let failure = part(&path, 0, bomb.len() as u64, Packing::Zstd { crc32: 0 }).read(Path::new("")).unwrap_err();
    assert!(failure.message.contains("64 MiB"), "{}", failure.message);
}

#[test]
fn locators_survive_serde_also_with_odd_bytes() {
    let odd = PathBuf::from(os_string(b"a\xff\n b.cif".to_vec()));
    for locator in [file(&odd), part(&odd, 7, 9, Packing::Deflate { crc32: 3 })] {
        let text = serde_json::to_string(&locator).unwrap();
        assert_eq!(serde_json::from_str::<Locator>(&text).unwrap(), locator);
    }
}
