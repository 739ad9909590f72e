use super::*;
use crate::samples::{done, failed, header, key};
use crate::{Record, RunId, TaskKey};
use mlip_atoms::{FailureKind, PotentialId, Precision};
use std::path::Path;

fn potential(name: &str, digest: &str) -> PotentialId {
    let (name, digest) = (name.into(), digest.into());
    PotentialId { name, checkpoint: "x".into(), digest, precision: Precision::F32, settings: String::new() }
}

fn open(cache: &Path, digests: &[&str]) -> CacheFolder {
    let potentials: Vec<_> = digests.iter().map(|digest| potential("p/q", digest)).collect();
    CacheFolder::open(cache, "0.1.0", &potentials).unwrap()
}

fn put(cache: &Path, run: u8, records: &[Record]) {
    let header = crate::JournalHeader { run: RunId([run; 16]), ..header(1, 0) };
    let mut writer = CacheWriter::new(open(cache, &["a", "b"]), header);
    records.iter().for_each(|record| writer.put(record).unwrap());
    writer.close().unwrap();
}

fn index(folder: &CacheFolder) -> (CacheIndex, Vec<String>) {
    let mut index = CacheIndex::new(Path::new(""));
    let mut take = |key, place| index.insert(key, place);
    let remarks = (0..folder.segments().len()).filter_map(|number| folder.scan(number, &mut take).unwrap()).collect();
    (index, remarks)
}

fn take(cache: &Path, digests: &[&str], wanted: TaskKey) -> Option<Record> {
    let folder = open(cache, digests);
    let place = index(&folder).0.get(&wanted).unwrap()?;
    CacheReader::new(folder).take(wanted, 7, place)
}

#[test]
fn results_are_found_by_later_runs_and_failures_are_not() {
    let cache = tempfile::tempdir().unwrap();
    let other = Record { potential: 1, ..done(key(2), 2.0) };
    put(cache.path(), 1, &[done(key(1), 1.0), other, failed(key(3), FailureKind::Timeout, 1)]);
    put(cache.path(), 2, &[done(key(1), 1.0), done(key(4), 4.0)]);
    for number in [1, 2, 4] {
        let found = take(cache.path(), &["a", "b"], key(number)).unwrap();
        let expected = Record { potential: 7, attempts: 0, wall_s: 0.0, ..done(key(number), f64::from(number)) };
        assert_eq!(found, expected);
        assert!(found.is_from_cache());
    }
    assert_eq!(take(cache.path(), &["a", "b"], key(3)), None);
    assert_eq!(take(cache.path(), &["a"], key(2)), None, "another potential's");
    assert_eq!(open(cache.path(), &["a", "b"]).segments().len(), 3);
    assert_eq!(CacheFolder::open(cache.path(), "0.2.0", &[potential("p/q", "a")]).unwrap().segments(), []);
}

#[test]
fn damage_is_reported_and_costs_only_what_it_hit() {
    let cache = tempfile::tempdir().unwrap();
    put(cache.path(), 1, &[done(key(1), 1.0), done(key(2), 2.0), done(key(3), 3.0)]);
    let folder = open(cache.path(), &["a"]);
    let path = &folder.segments()[0].path;
    let (whole, _) = index(&folder);
    let second = whole.get(&key(2)).unwrap().unwrap().place;
    let mut bytes = std::fs::read(path).unwrap();
    bytes[second.offset as usize + 20] ^= 1;
    std::fs::write(path, &bytes).unwrap();
    let (rest, remarks) = index(&folder);
    let found = |index: &CacheIndex| (1..=3).filter(|number| index.get(&key(*number)).unwrap().is_some()).count();
    assert_eq!(found(&rest), 1);
    assert!(remarks[0].contains("damaged at byte"), "{remarks:?}");
    // What was good when it was indexed, and is not any more, must be computed.
    assert_eq!(CacheReader::new(folder.clone()).take(key(2), 0, whole.get(&key(2)).unwrap().unwrap()), None);
    std::fs::write(path, b"something else").unwrap();
    let (none, remarks) = index(&folder);
    assert!(found(&none) == 0 && remarks.len() == 1, "{remarks:?}");
    std::fs::remove_file(path).unwrap();
    assert_eq!(index(&folder).1, Vec::<String>::new(), "a file that is gone is nobody's concern");
}

#[test]
fn a_file_that_is_being_written_is_read_as_far_as_it_is() {
    let cache = tempfile::tempdir().unwrap();
    let mut writer = CacheWriter::new(open(cache.path(), &["a"]), header(1, 0));
    writer.put(&done(key(1), 1.0)).unwrap();
    assert!(take(cache.path(), &["a"], key(1)).is_some());
    let path = open(cache.path(), &["a"]).segments()[0].path.clone();
    let bytes = std::fs::read(&path).unwrap();
    std::fs::write(&path, &bytes[..bytes.len() - 1]).unwrap();
    let (found, remarks) = index(&open(cache.path(), &["a"]));
    assert!(found.get(&key(1)).unwrap().is_none() && remarks.is_empty());
}
