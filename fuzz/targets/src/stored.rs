//! What a run reads back.

use crate::folder::with_file;
use mlip_driver::RunConfig;
use mlip_inputs::Manifest;
use mlip_store::cache::CacheFolder;
use mlip_store::journal::{JournalFile, JournalReader, read_frame};
use mlip_store::{CrashPolicy, Frame, Ledger, RetryFailed, RunId, StoreError, read_run_file};
use std::path::Path;

pub(crate) fn manifest(bytes: &[u8]) {
    with_file("inputs.manifest", bytes, |path| match Manifest::read(path) {
        Ok(manifest) => {
            for (position, entry) in manifest.iter().enumerate() {
                assert_eq!(manifest.get(position).ok().flatten(), entry.ok());
            }
        }
        Err(error) => assert!(!error.to_string().is_empty()),
    });
}

/// Whole frames, lean frames and the ledger agree on what stands in a journal.
fn look_at_journal(path: &Path) {
    let Ok(mut reader) = JournalReader::open(path) else { return };
    let plain = mlip_disk::File::open(path).expect("a file that was opened");
    let mut started = Vec::new();
    let run = reader.header().map_or(RunId([7; 16]), |header| header.run);
    while let Ok(Some((frame, place))) = reader.next_frame() {
        assert_eq!(read_frame(&plain, path, place).ok().map(|again| format!("{again:?}")), Some(format!("{frame:?}")));
        if let Frame::Started { key, .. } = frame {
            started.push(key);
        }
    }
    let mut ledger = Ledger::new(path.parent().unwrap_or(path));
    let file = JournalFile { attempt: 1, rank: 0, path: path.to_owned(), bytes: 0 };
    if ledger.scan(&file, run).is_ok() {
        for key in started {
            let _ = ledger.state(&key, RetryFailed::All, CrashPolicy::default());
        }
    }
}

pub(crate) fn journal(bytes: &[u8]) {
    with_file("journal/0001/rank-00000.journal", bytes, look_at_journal);
}

/// Payloads behind a valid header, with valid checksums: what decoders see. Each begins with its length, one byte.
pub(crate) fn frames(bytes: &[u8]) {
    let mut file = Vec::from(*b"MLIPJRNL\x01\x00\x07\x00");
    let header = [b"\0".as_slice(), &[7; 16], b"\x01\x00\x01\x01h\x00"].concat();
    let mut rest = bytes;
    let mut put = |payload: &[u8]| {
        let length = (payload.len() as u32).to_le_bytes();
        let sum = crc32c::crc32c_append(crc32c::crc32c(&length), payload);
        file.extend([length.as_slice(), &sum.to_le_bytes(), payload].concat());
    };
    put(&header);
    while let Some((length, after)) = rest.split_first() {
        let (payload, after) = after.split_at(usize::from(*length).min(after.len()));
        put(payload);
        rest = after;
    }
    with_file("journal/0001/rank-00000.journal", &file, look_at_journal);
}

pub(crate) fn cache(bytes: &[u8]) {
    let id = mlip_atoms::PotentialId {
        name: "p".into(),
        checkpoint: "c".into(),
        digest: "0".into(),
        precision: mlip_atoms::Precision::F64,
        settings: String::new(),
    };
    with_file("cache/empty", b"", |empty| {
        let base = empty.parent().unwrap_or(empty);
        if CacheFolder::open(base, "1", std::slice::from_ref(&id)).is_err() {
            return;
        }
        let folders = std::fs::read_dir(base.join("v1/1")).into_iter().flatten().flatten();
        for folder in folders {
            let path = folder.path().join("x-0001-00000-1.results");
            std::fs::write(&path, bytes).expect("a file");
            if let Ok(folder) = CacheFolder::open(base, "1", std::slice::from_ref(&id)) {
                for segment in 0..folder.segments().len() {
                    let _ = folder.scan(segment, |_, _| Ok::<(), StoreError>(()));
                }
            }
            std::fs::remove_file(&path).expect("the file");
        }
    });
}

pub(crate) fn run_file(bytes: &[u8]) {
    with_file("run.toml", bytes, |path| {
        if let Err(error) = read_run_file::<RunConfig>(path.parent().unwrap_or(path)) {
            assert!(!error.to_string().is_empty());
        }
    });
}
