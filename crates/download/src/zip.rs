//! Whether a file is a zip archive from begin to end, as those of PyTorch are.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::Path;

/// How zip archives begin, and how their last record does, which stands in the last 64 KiB.
const BEGIN: &[u8] = b"PK\x03\x04";
const END: &[u8] = b"PK\x05\x06";

/// So many bytes show how a file begins.
pub(crate) const HEAD_BYTES: usize = 64;

/// From so many bytes on a begin can be told.
pub(crate) const LEAST_BYTES: u64 = BEGIN.len() as u64;

/// The last record is among so many bytes.
pub(crate) const TAIL_BYTES: u64 = 22 + u16::MAX as u64;

/// What it says of itself that it is a web page.
pub(crate) const PAGE: &str = "a web page, perhaps of a proxy that asks for a login";

/// What begins so instead of a zip archive; `None` where one does.
pub(crate) fn wrong_begin(head: &[u8]) -> Option<&'static str> {
    if head.starts_with(BEGIN) {
        return None;
    }
    let text = String::from_utf8_lossy(head).trim_start().to_lowercase();
    Some(if text.starts_with("<!doctype html") || text.starts_with("<html") {
        PAGE
    } else if text.starts_with("version https://git-lfs") {
        "a pointer of Git LFS in its place"
    } else {
        "something that is no zip archive, as PyTorch's files are"
    })
}

/// What ends so instead of a zip archive; `None` where one does.
pub(crate) fn wrong_end(tail: &[u8]) -> Option<&'static str> {
    let ends = tail.windows(END.len()).any(|window| window == END);
    (!ends).then_some("a file whose end is missing")
}

/// What a file is instead of a zip archive from begin to end, as PyTorch's files are; `None` where it is one. What lies
/// between is not looked at.
///
/// # Errors
/// When it cannot be read.
pub fn no_checkpoint(path: &Path) -> io::Result<Option<&'static str>> {
    let mut file = File::open(path)?;
    let n_bytes = file.metadata()?.len();
    let mut read = |begin: u64, n: u64| {
        let mut bytes = Vec::new();
        file.seek(SeekFrom::Start(begin))?;
        (&file).take(n).read_to_end(&mut bytes).map(|_| bytes)
    };
    let head = read(0, HEAD_BYTES as u64)?;
    let tail = read(n_bytes.saturating_sub(TAIL_BYTES), TAIL_BYTES)?;
    Ok(wrong_begin(&head).or_else(|| wrong_end(&tail)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_archive_from_begin_to_end_is_told() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        let said = |bytes: &[u8]| {
            std::fs::write(&path, bytes).unwrap();
            no_checkpoint(&path).unwrap()
        };
        let mut whole = b"PK\x03\x04".to_vec();
        whole.resize(200_000, 1);
        let cut = whole.clone();
        whole.extend_from_slice(b"PK\x05\x06");
        whole.resize(whole.len() + 18, 0);
        assert_eq!(said(&whole), None);
        assert_eq!(said(&cut), Some("a file whose end is missing"));
        assert_eq!(said(b"PK"), said(b""));
        assert!(said(b"").unwrap().starts_with("something that is no zip archive"));
        assert_eq!(said(b"\n<!DOCTYPE html>"), Some(PAGE));
        assert!(no_checkpoint(&folder.path().join("none")).is_err());
    }
}
